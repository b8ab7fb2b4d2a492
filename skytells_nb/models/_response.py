"""What the responses and the embeddings route answer with (skytells-api-text.md sections 3 and 4)."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from .. import _lazy
from ..plaintext import clean
from ._chat import Filter, TextAnswer, ToolCall, Usage, described, note_on, parse_filters
from ._finished import Drawn
from ._parse import parse_count, parse_mapping, parse_text
from ._status import Status

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray
    from pandas import DataFrame


@dataclass(frozen=True, slots=True, repr=False)
class Response(TextAnswer, Drawn):
    """One turn of the responses route. A plain value, which can be pickled.

    Attributes
    ----------
    id : str
        Its name: the next turn's ``previous_response_id``, where it was stored.
    status : str or None
        ``completed``, ``in_progress``, ``failed``, ``cancelled``, ``incomplete``, or one that is newer.
    output : tuple of dict
        Its items as they came: messages, tool calls, whatever else.
    model, requested_model, usage, filters, cost, created_at, seconds, input, origin, raw, reused
        As those of a `ChatCompletion`.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox(seconds=0) as sandbox, sandbox.client() as client:
    ...     first = client.responses.create("skytells-3", "My colour is indigo.", store=True)
    ...     then = client.responses.create("skytells-3", "Which?", previous_response_id=first.id)
    >>> then.status, "indigo" in then.text
    ('completed', True)
    """

    status: str | None = None
    output: tuple[dict[str, Any], ...] = ()
    filters: tuple[Filter, ...] = ()

    __hash__ = TextAnswer.__hash__  # else dataclasses would make one of the dicts

    @classmethod
    def _own_fields(cls, raw: Mapping[str, Any], asked: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG003 - as of other routes
        items, said = raw.get("output"), raw.get("content_filters")
        filters: list[Filter] = []
        for each in said if isinstance(said, list) else []:
            if isinstance(each, Mapping):
                side: Literal["prompt", "completion"] = (
                    "prompt" if each.get("source_type") == "prompt" else "completion"
                )
                found = parse_filters(each.get("content_filter_results"), side)
                if each.get("blocked") is True and not any(one.filtered for one in found):
                    found = (*found, Filter("blocked", side, filtered=True))
                filters += found
        output = tuple(each for each in items if isinstance(each, dict)) if isinstance(items, list) else ()
        return {"status": parse_text(raw.get("status")), "output": output, "filters": tuple(filters)}

    @property
    def text(self) -> str:
        """What the model wrote, of all its messages; other items may stand before them."""
        return "".join(
            parse_text(part.get("text")) or "" for part in self._parts() if part.get("type") != "refusal"
        )

    @property
    def refusal(self) -> str | None:
        """Why the model would not answer, where it says so."""
        return "".join(parse_text(part.get("refusal")) or "" for part in self._parts()) or None

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """What it wants called."""
        calls = [item for item in self.output if item.get("type") == "function_call"]
        return tuple(
            ToolCall(
                parse_text(item.get("call_id")) or parse_text(item.get("id")),
                parse_text(item.get("name")),
                parse_text(item.get("arguments")) or "",
                index,
            )
            for index, item in enumerate(calls)
        )

    @property
    def finish_reason(self) -> str | None:
        """Why it stopped, in the words of the chat route; None where it was cut off."""
        details = parse_mapping(self.raw.get("incomplete_details")) or {}
        why = parse_text(details.get("reason"))
        if why == "max_output_tokens":
            return "length"
        if why is not None:
            return why
        if self.status != "completed":
            return None
        if self.text or self.refusal:
            return "stop"
        if self.tool_calls:
            return "tool_calls"
        # No source tells of a limit on this route. All of it being reasoning, with no word said, does.
        written, thought = (self.usage.output_tokens, self.usage.reasoning_tokens) if self.usage else (0, 0)
        return "length" if thought and thought >= (written or 0) else "stop"

    def _parts(self) -> list[Mapping[str, Any]]:
        contents = [item.get("content") for item in self.output if item.get("type", "message") == "message"]
        found: list[Mapping[str, Any]] = []
        for content in contents:
            if isinstance(content, str):
                found.append({"text": content})
            elif isinstance(content, list):
                found += [part for part in content if isinstance(part, Mapping)]
        return found

    def _kept(self) -> list[str]:
        return [self.text] if self.text else []

    @property
    def note(self) -> str | None:
        """What whoever reads it should know: cut off, filtered, refused; None where all is well."""
        return note_on(self, "max_output_tokens")

    def _status(self) -> Status:
        going: dict[str | None, Status] = {"queued": "queued", "in_progress": "processing"}
        canceled = self.status in ("cancelled", "canceled")
        return "canceled" if canceled else going.get(self.status, "succeeded")

    def __str__(self) -> str:
        return clean(self.text)

    def __repr__(self) -> str:
        return described(self, f"status={self.status!r}")


@dataclass(frozen=True, slots=True, repr=False)
class Embeddings(TextAnswer):
    """Vectors of texts, in the order of the texts. A plain value, which can be pickled.

    Attributes
    ----------
    vectors : tuple of tuple of float
        One for each text, empty where none came; they came as numbers or as base64, and by their ``index``.
    texts : tuple of str
        What was embedded; empty where it was token ids.
    id : str
        The API gives it none, so this is made up here, for the archive.
    created_at : datetime or None
        When the answer came, aware, in UTC.
    raw : dict
        The answer, but for its ``data``, which are the vectors.
    model, requested_model, usage, cost, seconds, input, origin, reused
        As those of a `ChatCompletion`.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox(seconds=0) as sandbox, sandbox.client() as client:
    ...     made = client.embeddings.create("skytells-embed-3-small", ["a fox", "a hen"], dimensions=8)
    >>> len(made), made.to_numpy().shape, list(made.to_pandas().index)
    (2, (2, 8), ['a fox', 'a hen'])
    """

    vectors: tuple[tuple[float, ...], ...] = ()
    texts: tuple[str, ...] = ()

    __hash__ = TextAnswer.__hash__

    @classmethod
    def _own_fields(cls, raw: Mapping[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
        listed = raw.get("data")
        found = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
        numbered = [(parse_count(each.get("index")), place, each) for place, each in enumerate(found)]
        numbered.sort(key=lambda each: each[1] if each[0] is None else each[0])
        vectors = [_vector(each.get("embedding")) for _, _, each in numbered]
        usage, given = Usage.from_api(raw.get("usage")), asked.get("input")
        if usage is not None and usage.output_tokens is None:  # it writes none
            read = usage.total_tokens if usage.input_tokens is None else usage.input_tokens
            usage = replace(usage, input_tokens=read, output_tokens=0, total_tokens=read)
        texts: Sequence[object] = given if isinstance(given, list) else [] if given is None else [given]
        if texts and all(isinstance(each, int) for each in texts):  # the tokens of one text
            texts = [given]
        places = {index for index, _, _ in numbered if index is not None}
        if len(places) == len(vectors) < len(texts) and places <= set(range(len(texts))):
            by_place = dict(zip(sorted(places), vectors, strict=True))
            vectors = [by_place.get(place, ()) for place in range(len(texts))]
        return {
            "vectors": tuple(vectors),
            "texts": tuple(each for each in texts if isinstance(each, str)),
            "usage": usage,
            "raw": {name: value for name, value in raw.items() if name != "data"},
        }

    def to_numpy(self) -> NDArray[float64]:
        """Return the vectors as an array of shape (texts, dimensions); what did not come is NaN."""
        import numpy as np

        size = max(map(len, self.vectors), default=0)
        missing = float("nan")
        rows = [(*each, *[missing] * (size - len(each))) if len(each) < size else each for each in self]
        return np.array(rows, dtype=float)

    def to_pandas(self) -> DataFrame:
        """Return the vectors as a DataFrame: a row for each text, under its text, a column a dimension."""
        frame: DataFrame = _lazy.embeddings_frame(self)
        return frame

    def __len__(self) -> int:
        return len(self.vectors)

    def __iter__(self) -> Iterator[tuple[float, ...]]:
        return iter(self.vectors)

    def __getitem__(self, index: int) -> tuple[float, ...]:
        return self.vectors[index]

    def __repr__(self) -> str:
        size = max(map(len, self.vectors), default=0)
        return f"Embeddings of {len(self.vectors)}, {size} dimensions each, model={self.model!r}"


def _vector(value: object) -> tuple[float, ...]:
    """Read a vector: numbers, or base64 of float32, little endian; empty where it is neither."""
    if isinstance(value, str):
        value = "".join(value.split()).rstrip("=")  # some wrap its lines, or leave its padding out
        try:
            packed = base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
            return struct.unpack(f"<{len(packed) // 4}f", packed)
        except (binascii.Error, ValueError, struct.error):
            return ()
    if isinstance(value, list) and all(type(each) in (float, int) for each in value):
        return tuple(map(float, value))
    return ()
