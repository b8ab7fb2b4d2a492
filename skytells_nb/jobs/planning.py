"""What is left to do: the inputs read again beside the journal, some hundreds at a time.

What was finished earlier comes from the archive. What was created and did not end is followed. What was
perhaps sent is looked for in the API's listing, read once for all of them. The rest is to be created.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from ..api import Account
from ..archive import Archive
from ..exceptions import UncertainCreateError
from ..models import Prediction, parse_status
from .entries import light
from .inputs import Inputs, Key
from .journal import Journal, Row

__all__ = ["Chunk", "Plan", "Work"]

CHUNK: Final = 250
HEAVY: Final = 16_000_000
"""Characters of inputs, such as pictures, that are held at a time."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Work:
    """One item that is still to be done.

    Attributes
    ----------
    position : int
        Its place among the inputs.
    key, input
        Which item it is, and what is asked.
    id : str or None
        Of the prediction that an earlier run made.
    doubt : UncertainCreateError or None
        What an earlier run perhaps sent.
    fresh : bool
        Whether nobody has looked for that yet.
    """

    position: int
    key: Key
    input: dict[str, Any]
    id: str | None = None
    doubt: UncertainCreateError | None = None
    fresh: bool = False


@dataclass(slots=True)
class Chunk:
    """Some items: what is finished by position, what can be done now, and what has to be looked for."""

    finished: dict[int, Prediction]
    ready: list[Work]
    lost: list[Work]


class Plan:
    """Goes through a batch's items in order; its methods block.

    Parameters
    ----------
    inputs : Inputs
        All read already.
    journal : Journal
        Open already.
    archive : Archive
        Which has what was finished.
    account : Account
        Whose batch it is.
    model : str
        What is asked for.
    retry_failed : bool
        Whether what failed is to be created anew.
    """

    def __init__(
        self,
        inputs: Inputs,
        journal: Journal,
        archive: Archive,
        account: Account,
        model: str,
        *,
        retry_failed: bool,
    ) -> None:
        self._inputs = inputs
        self._journal = journal
        self._archive = archive
        self._account = account
        self._model = model
        self._retry_failed = retry_failed
        self._left: Iterator[dict[str, Any]] = inputs.again()
        self._position = 0

    def next(self) -> Chunk | None:
        """Read some more; None when that was all."""
        works: list[Work] = []
        size = 0
        for input in self._left:
            works.append(Work(self._position, self._inputs.key(self._position), input))
            self._position += 1
            size += sum(len(value) for value in input.values() if isinstance(value, str))
            if len(works) == CHUNK or size > HEAVY:
                break
        if not works:
            return None
        written = self._journal.rows([work.key for work in works])
        kept = self._kept([row.id for row in written.values() if row.id is not None])
        known: frozenset[str] | None = None
        chunk = Chunk({}, [], [])
        for work in works:
            row = written.get(work.key)
            if row is None or row.state == "canceled" or (row.state == "failed" and self._retry_failed):
                chunk.ready.append(work)
            elif row.state in ("succeeded", "failed"):
                chunk.finished[work.position] = self._finished(work, row, kept)
            elif row.id is not None and row.state == "running":
                self._take_up(chunk, work, row.id, kept)
            else:
                known = self._journal.ids() if known is None else known
                work.doubt, work.fresh = self._doubt(work, row, known), row.state == "sent"
                chunk.lost.append(work)
        return chunk

    def _take_up(self, chunk: Chunk, work: Work, identifier: str, kept: dict[str, Prediction]) -> None:
        """Take up what an earlier run created: it may have ended, and been archived, before that run did."""
        prediction = kept.get(identifier)
        if prediction is not None and prediction.done and prediction.status != "canceled":
            self._journal.ended(work.key, prediction)
            chunk.finished[work.position] = light(prediction)
            return
        if prediction is None or prediction.status != "canceled":
            work.id = identifier
        chunk.ready.append(work)

    def _finished(self, work: Work, row: Row, kept: dict[str, Prediction]) -> Prediction:
        if row.id in kept:
            return light(kept[row.id])
        bare = Prediction(
            id=row.id or f"not-created-{work.position}",
            status=parse_status(row.state) or "failed",
            model=self._model,
            input=work.input,
            error=row.error,
            cost=None if row.cost is None else Decimal(row.cost),
            origin=self._account.origin,
        )
        if row.id is None or row.error is not None:
            return bare
        return replace(bare, error="It was finished and paid for earlier, and has left the archive since.")

    def _kept(self, ids: list[str]) -> dict[str, Prediction]:
        return self._archive.by_ids(ids, self._account) if ids else {}

    def _doubt(self, work: Work, row: Row, known: frozenset[str]) -> UncertainCreateError:
        since = None if row.since is None else _EPOCH + timedelta(microseconds=row.since)
        return UncertainCreateError(
            "Uncertain: an earlier run perhaps sent this, and nobody knows what became of it. It may have "
            "been billed, so it was not sent again. Run the batch again in a minute to look again; with "
            "retry_uncertain=True it is sent again.",
            charged=None,
            model=self._model,
            input=work.input,
            since=since,
            known=known,
        )
