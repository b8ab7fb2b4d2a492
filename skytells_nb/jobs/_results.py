"""What a batch returns, and `batches`: how far each is and what it has cost, from its journal."""

from __future__ import annotations

import html
import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final, SupportsIndex, overload

from ..archive import Archive, elide_data_uris, from_micros
from ..formatting import format_cost, money_unit
from ..models import Prediction, PredictionList
from ..plaintext import align
from ..pricing import EXACT
from ._postgres import Address, read_overview

if TYPE_CHECKING:
    from pandas import DataFrame

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
        return partial(BatchResult, name=self.name, labels=self.labels), (list(self),)

    def to_pandas(self) -> DataFrame:
        """Return a DataFrame, one row each; on the index of the inputs, where they were a DataFrame."""
        frame = super().to_pandas()
        if self.labels is not None and len(self.labels) == len(frame):
            frame = frame.set_axis(self.labels, axis=0)
        return frame


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

    def __repr__(self) -> str:
        rows = align([_HEAD, *map(_cells, self)], widest=200) if self else []
        return "\n".join([f"BatchList of {len(self)}", *rows])

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


def batches(
    archive: Archive | str | os.PathLike[str] | None = None, *, journal: str | None = None
) -> BatchList:
    """List the batches whose journals an archive or a database has, the newest first.

    Parameters
    ----------
    archive : Archive or path, optional
        The default archive unless given. Where there is none, none is made.
    journal : str, optional
        The URL of the PostgreSQL database to look into, in the place of an archive.

    Returns
    -------
    BatchList
        Of every API and key that was used with the archive or the database.

    Raises
    ------
    SkytellsError
        The database cannot be reached, or its journal is of another version.

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
    if journal is not None:
        address = Address.of(journal)
        del journal  # else a traceback could show its password
        return BatchList(_overview(read_overview(address)))
    found = Archive.resolve(True if archive is None else archive)
    return BatchList(() if found is None else found.database.reading(_read, list[BatchState]()))


def _read(db: sqlite3.Connection) -> list[BatchState]:
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'jobs_batches'").fetchone():
        return []
    # A batch that was stopped does not hear of what ended while it was being canceled; the archive does.
    query = (
        "SELECT b.n, b.name, b.model, b.origin, b.total, b.started, b.sandbox, "
        "coalesce(p.status, i.state) state, 0, coalesce(p.cost, i.cost) cost, count(i.state) "
        "FROM jobs_batches b LEFT JOIN jobs_items i ON i.batch = b.n LEFT JOIN predictions p "
        "ON i.state = 'running' AND p.status IN ('succeeded', 'failed', 'canceled') "
        "AND p.id = i.id AND p.origin = b.origin AND p.account = b.account "
        "GROUP BY b.n, 8, 10 ORDER BY b.started DESC, b.n DESC"
    )
    return _overview(db.execute(query))


def _overview(rows: Iterable[tuple[Any, ...]]) -> list[BatchState]:
    """Add up what a journal says: a row for each batch, state, and cost of one of so many."""
    found: dict[int, BatchState] = {}
    for n, name, model, origin, total, started, sandbox, state, is_leased, cost, amount in rows:
        known = found.get(n)
        if known is None:
            if isinstance(started, int):
                started = from_micros(started)
            known = BatchState(
                name, model, origin, total, total, 0, 0, 0, 0, 0, started, None, sandbox=bool(sandbox)
            )
        word = state if state != "sent" else "running" if is_leased else "uncertain"
        if word in _STATES:
            more = {word: getattr(known, word) + amount, "waiting": max(0, known.waiting - amount)}
            known = replace(known, **more)
        if cost is not None:
            paid = EXACT.multiply(Decimal(cost), Decimal(amount))
            known = replace(known, cost=EXACT.add(known.cost or Decimal(0), paid))
        found[n] = known
    return list(found.values())


_KEPT: Final = ("source", "error_id", "data_removed", "usage")


def slim(prediction: Prediction) -> Prediction:
    """Return a prediction without what only the archive need keep: the API's whole answer, and files sent.

    Ten thousand such predictions take some 25 MB.
    """
    kept: dict[str, Any] = {name: prediction.raw[name] for name in _KEPT if name in prediction.raw}
    return replace(prediction, raw=kept, urls=None, input=elide_data_uris(prediction.input))
