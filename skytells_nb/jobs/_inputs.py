"""The inputs of a batch: read once to the end and checked, before anything is sent.

A list, a DataFrame or anything else that can be read twice is read again when it is sent. A generator cannot
be, so what it yields is kept in a temporary file; however many there are, only the digests of the inputs stay
in memory, sixteen bytes each.
"""

from __future__ import annotations

import json
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import blake2b
from itertools import islice
from typing import Any, Final

from ..api import as_text_input, check_text_input, create_request, is_ready
from ..archive import prepare
from ..exceptions import InvalidInputError, SkytellsError
from ..models import AnsweringRoute, Model, Prediction
from ..schema import Checker, as_record, as_text, is_frame, labels_of, rows_of, to_plain

MOST: Final = 10_000_000
"""Inputs that one batch takes: a generator without an end would fill the disk."""

_LISTED: Final = 20  # wrong inputs that an error lists; the rest are counted
_IN_MEMORY: Final = 2**20

ItemKey = tuple[bytes, int]
"""Which item of a batch: the digest of its input, and its number among equal ones."""


class Inputs:
    """The inputs of one batch, in order: dicts, prompts, or a DataFrame whose columns are inputs.

    Files and predictions among them become what the API at ``origin`` can read. With the
    ``route`` of a text model a prompt, and a ``system``, become what that takes. What is ``kept`` until its
    turn, in a database or in a file here, has no URL in it that lives for minutes alone.
    """

    def __init__(
        self,
        model: str,
        given: object,
        schema: Mapping[str, Any] | None,
        origin: str,
        *,
        route: AnsweringRoute | None = None,
        kept: bool = False,
    ) -> None:
        if isinstance(given, str | bytes | Mapping | Model) or not (
            is_frame(given) or isinstance(given, Iterable)
        ):
            raise InvalidInputError(
                f"inputs must be many, and this is one {type(given).__name__}: pass a list of dicts, a list "
                "of prompts, or a DataFrame whose columns are inputs."
            )
        self.labels = labels_of(given)
        """The index of a DataFrame or Series, or None."""
        self._model, self._origin, self._schema = model, origin, schema
        self._checker, self._route = Checker(schema), route
        self._given: Iterable[object] = rows_of(given)
        self._once = iter(self._given) is self._given
        self._kept = kept or self._once
        self._source = iter(self._given)
        self._spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) if self._once else None  # noqa: SIM115 - open as long as the batch reads
        self._digests = bytearray()
        self._numbers = array("L")
        self._seen: dict[bytes, int] = {}
        self._whole = blake2b(model.encode(), digest_size=16)
        self._wrong: list[str] = []
        self._refused = 0

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def fingerprint(self) -> str:
        """A digest of the model and all inputs in order, once they have been read."""
        return self._whole.hexdigest()[:12]

    def key(self, position: int) -> ItemKey:
        return bytes(self._digests[16 * position : 16 * position + 16]), self._numbers[position]

    def read(self, amount: int) -> bool:
        """Read and check some more; False when that was all.

        After the last one it raises, when any of them cannot be used, an error that lists which, and why.
        """
        try:
            for given in islice(self._source, amount):
                amount -= 1
                self._add(given)
            if not amount:
                return True
            self._finish()
        except BaseException:
            self.close()
            raise
        return False

    def reread(self) -> Iterator[dict[str, Any]]:
        """Yield all inputs once more, as they will be sent; refuses one that was changed since."""
        if self._spool is not None:
            self._spool.seek(0)
            yield from map(json.loads, self._spool)
            return
        for position, given in enumerate(self._given):
            input, digest = self._normalize(given)
            if digest != self.key(position)[0]:
                raise InvalidInputError(
                    f"Input {position} was changed while its batch ran. Run the batch again.",
                    effect="It was not sent.",
                )
            yield input

    def close(self) -> None:
        if self._spool is not None:
            self._spool.close()

    def _add(self, given: object) -> None:
        position = len(self._numbers) + self._refused
        if position >= MOST:
            raise InvalidInputError(
                f"There are more than {MOST:,} inputs. Does the generator end? Else split it into batches."
            )
        try:
            input, digest = self._normalize(given)
            problem = as_text(self._checker.problems(input))
        except SkytellsError as error:
            problem = error.message
        if problem:
            self._refused += 1
            if len(self._wrong) < _LISTED:
                self._wrong.append(f"  input {self._label(position)}: {problem}")
            return
        number = self._seen.get(digest, 0)
        self._seen[digest] = number + 1
        self._digests += digest
        self._numbers.append(number)
        self._whole.update(digest)
        if self._spool is not None:
            self._spool.write(json.dumps(input).encode() + b"\n")

    def _normalize(self, given: object) -> tuple[dict[str, Any], bytes]:
        if isinstance(given, str):
            if self._checker.inputs and "prompt" not in self._checker.inputs:
                raise InvalidInputError(f"the model takes no prompt, but {', '.join(self._checker.inputs)}")
            given = {"prompt": given}
        given = to_plain(as_record(given))
        if not isinstance(given, Mapping):
            hint = ": pass its .input" if isinstance(given, Prediction) else ""
            raise InvalidInputError(f"it is {type(given).__name__}, and neither a dict nor a prompt{hint}")
        if self._route is not None:
            given = as_text_input(self._route, given)
        lasting = None
        if not is_ready(given):
            if _holds_prediction(given):
                with suppress(InvalidInputError):  # too large for anything but a URL
                    lasting = prepare(given, self._schema, origin=self._origin, lasting=True)
            given = prepare(given, self._schema, origin=self._origin)
        order = create_request(self._model, given)
        if self._route is not None:
            check_text_input(self._route, self._model, order.input)
        if lasting is None:
            return order.input, _digest(order.key)
        kept = create_request(self._model, lasting)  # by which an item is known, whenever it is asked for
        return (kept if self._kept else order).input, _digest(kept.key)

    def _label(self, position: int) -> str:
        if self.labels is None:
            return str(position)
        try:
            label = self.labels[position]
            return ", ".join(map(str, label)) if isinstance(label, tuple) else str(label)
        except Exception:  # noqa: BLE001 - an index of a kind that is not known here
            return str(position)

    def _finish(self) -> None:
        self._seen = {}
        if not self._refused:
            return
        total = self._refused + len(self._numbers)
        more = self._refused - len(self._wrong)
        tail = [f"  … and {more:,} more"] if more else []
        raise InvalidInputError(
            "\n".join(
                [
                    f"{self._refused:,} of {total:,} inputs cannot be used, and nothing was sent. Correct "
                    "them and run the batch again:",
                    *self._wrong,
                    *tail,
                ]
            )
        )


def _holds_prediction(value: object) -> bool:
    if isinstance(value, Mapping | list | tuple):
        return any(map(_holds_prediction, value.values() if isinstance(value, Mapping) else value))
    return isinstance(value, Prediction)


def _digest(key: Iterable[str]) -> bytes:
    return blake2b("\n".join(key).encode("utf-8", "surrogatepass"), digest_size=16).digest()
