"""What a batch returns, and `batches`: how far each is and what it has cost, from an archive's journals."""

from __future__ import annotations

import html
import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, SupportsIndex, overload

from ..archive import Archive
from ..formatting import format_cost, money_unit
from ..models import Prediction, PredictionList
from ..pricing import EXACT

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["BatchList", "BatchResult", "BatchState", "batches"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STATES: Final = ("succeeded", "failed", "canceled", "uncertain", "running")


class BatchResult(PredictionList):
    """The predictions of a batch, one for each input and in the same order. A real list.

    A failure is a result too: its ``status`` is ``failed`` and its ``error`` says why. What was never created
    has an id such as ``not-created-17``: with the status ``not_sent`` it is created when the batch is run
    again, with ``failed`` it was refused. ``uncertain-17`` stands for a create whose outcome is unknown. The
    API's whole answers (``raw``) are left to the archive.

    Attributes
    ----------
    name : str
        The batch's name; run it again under this name to go on.
    labels : pandas.Index or None
        The index of the DataFrame or Series that the inputs were, which `to_pandas` gives back.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> from skytells_nb.jobs import BatchResult
    >>> BatchResult([sky.Prediction(id="not-created-0", status="not_sent")], name="foxes")
    PredictionList of 1: 1 not sent
    """

    def __init__(self, predictions: Iterable[Prediction] = (), *, name: str = "", labels: Any = None) -> None:
        super().__init__(predictions)
        self.name = name
        self.labels = labels

    @overload
    def __getitem__(self, index: SupportsIndex) -> Prediction: ...
    @overload
    def __getitem__(self, index: slice) -> PredictionList: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Prediction | PredictionList:
        if isinstance(index, slice):
            some = None if self.labels is None else self.labels[index]
            return BatchResult(list.__getitem__(self, index), name=self.name, labels=some)
        return super().__getitem__(index)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (list(self), self.name, self.labels)

    def to_pandas(self) -> DataFrame:
        """Return a DataFrame, one row each; on the index of the inputs, where they were a DataFrame."""
        frame = super().to_pandas()
        if self.labels is not None and len(self.labels) == len(frame):
            frame = frame.set_axis(self.labels, axis=0)
        return frame


def _rebuild(predictions: Sequence[Prediction], name: str, labels: Any) -> BatchResult:
    return BatchResult(predictions, name=name, labels=labels)


@dataclass(frozen=True, slots=True)
class BatchState:
    """How far one batch is.

    Attributes
    ----------
    name, model, origin : str
        What it is called, its model, and the base URL of its API.
    total : int
        How many inputs its last run had.
    waiting : int
        How many of them are still to be created.
    running : int
        How many were created and not seen to end; a stopped batch follows them when it is run again.
    succeeded, failed, canceled : int
        How many have ended so.
    uncertain : int
        How many were perhaps sent, with an unknown outcome.
    started : datetime
        When it was begun.
    cost : Decimal or None
        What has ended had cost; None where the API never said.
    sandbox : bool
        Whether that is a sandbox's credits, which are no money.
    """

    name: str
    model: str
    origin: str
    total: int
    waiting: int
    running: int
    succeeded: int
    failed: int
    canceled: int
    uncertain: int
    started: datetime
    cost: Decimal | None
    sandbox: bool

    @property
    def done(self) -> bool:
        """Whether nothing is left to create, to follow or to find out."""
        return not (self.waiting or self.running or self.uncertain)


class BatchList(list[BatchState]):
    """Batches, the newest first. A real list; ``pandas.DataFrame(batches)`` makes a table of it.

    Examples
    --------
    >>> BatchList()
    BatchList of 0
    """

    def __init__(self, batches: Iterable[BatchState] = ()) -> None:
        super().__init__(batches)

    def __repr__(self) -> str:
        lines = [f"BatchList of {len(self)}"]
        cells = [_HEAD, *(_cells(batch) for batch in self)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells if self else ():
            padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            lines.append("  ".join(padded).rstrip())
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head = "".join(f"<th style='text-align:left'>{word}</th>" for word in _HEAD)
        lines = (
            "".join(f"<td style='text-align:left'>{html.escape(c)}</td>" for c in _cells(b)) for b in self
        )
        rows = "".join(f"<tr>{line}</tr>" for line in lines)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        return table if self else "<p>No batches here.</p>"


_HEAD: Final = ("name", "model", "done", "not yet", "started", "cost", "origin")


def _cells(batch: BatchState) -> tuple[str, ...]:
    ended = [f"{getattr(batch, word):,} {word}" for word in _STATES[:4] if getattr(batch, word)]
    left = [f"{getattr(batch, word):,} {word}" for word in ("running", "waiting") if getattr(batch, word)]
    return (
        batch.name,
        batch.model,
        ", ".join(ended) or "nothing",
        ", ".join(left) or "–",
        f"{batch.started.astimezone():%Y-%m-%d %H:%M}",
        format_cost(batch.cost, money_unit(batch.sandbox)),
        batch.origin,
    )


def batches(archive: Archive | str | os.PathLike[str] | None = None) -> BatchList:
    """List the batches whose journals an archive has, the newest first.

    Parameters
    ----------
    archive : Archive or path, optional
        The default archive unless given. Where there is none, none is made.

    Returns
    -------
    BatchList
        Of every API and key that was used with the archive.

    Examples
    --------
    >>> import tempfile
    >>> import skytells_nb as sky
    >>> from skytells_nb.jobs import batch, batches
    >>> with tempfile.TemporaryDirectory() as folder, sky.Sandbox(seconds=0.05) as sandbox:
    ...     with sky.Archive(folder) as archive, sandbox.client(archive=archive) as client:
    ...         _ = batch("truefusion", ["a red fox"], name="foxes", client=client)
    ...         [(b.name, b.succeeded, b.done) for b in batches(archive)]
    [('foxes', 1, True)]
    """
    found = Archive.resolve(True if archive is None else archive)
    nothing: list[BatchState] = []
    return BatchList(nothing if found is None else found.database.reading(_read, nothing))


def _read(db: sqlite3.Connection) -> list[BatchState]:
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'jobs_batches'").fetchone():
        return []
    counts: dict[int, dict[str, int]] = {}
    costs: dict[int, Decimal] = {}
    query = "SELECT batch, state, cost, count(*) FROM jobs_items GROUP BY batch, state, cost"
    for batch, state, cost, amount in db.execute(query):
        word = "uncertain" if state == "sent" else state
        by_word = counts.setdefault(batch, {})
        by_word[word] = by_word.get(word, 0) + amount
        if cost is not None:
            paid = EXACT.multiply(Decimal(cost), Decimal(amount))
            costs[batch] = EXACT.add(costs.get(batch, Decimal(0)), paid)
    found = []
    query = (
        "SELECT n, name, model, origin, total, started, sandbox FROM jobs_batches "
        "ORDER BY started DESC, n DESC"
    )
    for n, name, model, origin, total, started, sandbox in db.execute(query):
        by_state: dict[str, Any] = {state: counts.get(n, {}).get(state, 0) for state in _STATES}
        found.append(
            BatchState(
                name=name,
                model=model,
                origin=origin,
                total=total,
                waiting=max(0, total - sum(by_state.values())),
                started=_EPOCH + timedelta(microseconds=started),
                cost=costs.get(n),
                sandbox=bool(sandbox),
                **by_state,
            )
        )
    return found
