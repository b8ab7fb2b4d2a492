"""What a batch writes as it goes, in the archive's index: nothing is sent that is not written first.

An item is written before its create is sent, its prediction's id as soon as that is known, and its end. So a
process may be killed at any moment: the next one finds what was finished, what is under way, and what was
perhaps sent. Writes of many tasks that come together are one transaction.

The archive sets a damaged index aside and makes one anew from the files beside its outputs. Those know
nothing of batches, so a batch that is run after that reads what was set aside, which spares a payment.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Iterable
from contextlib import closing, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..api import Account
from ..archive import Archive, replace_surrogates, to_micros
from ..exceptions import InvalidInputError, SkytellsError
from ..models import Prediction
from ._inputs import Key

__all__ = ["SCHEMA", "Journal", "Row"]

SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS jobs_batches (
        n INTEGER PRIMARY KEY, origin TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL,
        model TEXT NOT NULL, sandbox INTEGER NOT NULL, total INTEGER NOT NULL, started INTEGER NOT NULL,
        UNIQUE (origin, account, name))""",
    """CREATE TABLE IF NOT EXISTS jobs_items (
        batch INTEGER NOT NULL, digest BLOB NOT NULL, number INTEGER NOT NULL, state TEXT NOT NULL,
        id TEXT, since INTEGER, cost TEXT, error TEXT, PRIMARY KEY (batch, digest, number)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS jobs_items_by_id ON jobs_items (id)",
    """CREATE TABLE IF NOT EXISTS jobs_holders (
        origin TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL, holder TEXT NOT NULL,
        PRIMARY KEY (origin, account, name)) WITHOUT ROWID""",
)

_AT_ONCE: Final = 300

_SENT: Final = (
    "INSERT INTO jobs_items (batch, digest, number, state, since) VALUES (?, ?, ?, 'sent', ?) "
    "ON CONFLICT DO UPDATE SET state = 'sent', since = excluded.since, id = NULL, cost = NULL, error = NULL"
)
_WITHDRAWN: Final = "DELETE FROM jobs_items WHERE batch = ? AND digest = ? AND number = ? AND id IS NULL"
_OWNED: Final = (
    "UPDATE jobs_items SET state = 'sent', id = NULL WHERE id = ? AND NOT (batch = ? AND digest = ? AND "
    "number = ?) AND batch IN (SELECT n FROM jobs_batches WHERE origin = ? AND account = ?)"
)
_RUNNING: Final = (
    "UPDATE jobs_items SET state = 'running', id = ? WHERE batch = ? AND digest = ? AND number = ?"
)
_ENDED: Final = (
    "UPDATE jobs_items SET state = ?, id = coalesce(?, id), cost = ?, error = ? "
    "WHERE batch = ? AND digest = ? AND number = ?"
)
_NOTHING: Final = (
    "INSERT INTO jobs_items (batch, digest, number, state, error) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET state = excluded.state, error = excluded.error"
)


_REUSED: Final = (
    "INSERT INTO jobs_items (batch, digest, number, state, id, cost) VALUES (?, ?, ?, 'succeeded', ?, '0') "
    "ON CONFLICT DO UPDATE SET state = 'succeeded', id = excluded.id, cost = '0', error = NULL"
)


class Row(NamedTuple):
    """What is written of one item.

    ``state`` is ``sent`` (perhaps), ``running``, ``succeeded``, ``failed``, ``canceled`` or ``uncertain``.
    ``since`` is the API's time in microseconds, before which it cannot have been accepted.
    """

    state: str
    id: str | None
    since: int | None
    cost: str | None
    error: str | None


_unwritten: Final[dict[tuple[Any, ...], list[tuple[str, tuple[Any, ...]]]]] = {}
"""What runs of this process could not write, by batch; its next run writes that first."""


class Journal:
    """The journal of one batch. Its methods block, but for those that only queue a write.

    Parameters
    ----------
    archive : Archive
        In whose index it is kept.
    account : Account
        Whose batch it is: a rehearsal on the sandbox is another batch than the real thing.
    name, model : str
        The batch's name and its model.
    total : int
        How many inputs it has.
    now : datetime
        When it was begun, if it is new.
    """

    def __init__(
        self, archive: Archive, account: Account, *, name: str, model: str, total: int, now: datetime
    ) -> None:
        self._database = archive.database
        self._account = account
        self._named = (account.origin, account.fingerprint, replace_surrogates(name))
        self._place = (self._database.path, *self._named)
        self._batch = (*self._named, replace_surrogates(model), account.sandbox, total, to_micros(now))
        self._n = 0
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._pending: deque[tuple[str, tuple[Any, ...]]] = deque()
        self._queued = self._written = 0

    def holder(self) -> str:
        """Return who runs the batch, as that run has written it; empty where nothing is known."""

        def read(db: sqlite3.Connection) -> str:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'jobs_holders'").fetchone():
                return ""  # a journal of 0.1.0
            query = "SELECT holder FROM jobs_holders WHERE origin = ? AND account = ? AND name = ?"
            row = db.execute(query, self._named).fetchone()
            return str(row[0]) if row else ""

        return self._database.reading(read, "")

    def open(self, holder: str = "") -> None:
        """Find the batch, or begin it, and write who runs it now.

        Raises
        ------
        InvalidInputError
            There is one of this name with another model.
        SkytellsError
            The archive cannot be written.
        """
        model = self._database.writing(partial(self._begin, holder))
        left = _unwritten.pop(self._place, [])
        with self._lock:
            self._pending.extend(left)
            self._queued += len(left)
        self.flush()
        if model != self._batch[3]:
            raise InvalidInputError(
                f"There is a batch {self._named[2]!r} of {model!r} already. Choose another name for the one "
                f"of {self._batch[3]!r}.",
                charged=False,
                effect="Nothing was sent.",
            )

    def rows(self, keys: Iterable[Key]) -> dict[Key, Row]:
        """Read what is written of some items; those that nobody wrote of are left out."""
        return self._database.reading(partial(self._read, list(keys)), {})

    def ids(self, *, own: bool = False) -> frozenset[str]:
        """Return every id that an item of this account has, in whichever batch, or in this one alone."""
        query = (
            "SELECT i.id FROM jobs_items i JOIN jobs_batches b ON b.n = i.batch "
            "WHERE b.origin = ? AND b.account = ? AND (NOT ? OR b.n = ?) AND i.id IS NOT NULL"
        )
        values = (*self._named[:2], own, self._n)
        nothing: list[tuple[str]] = []
        found = self._database.reading(lambda db: db.execute(query, values).fetchall(), nothing)
        return frozenset(row[0] for row in found)

    def sent(self, key: Key, since: datetime) -> int:
        """Queue that an item is about to be sent; `flush` writes it."""
        return self._put(_SENT, self._n, *key, to_micros(since))

    def withdrawn(self, key: Key) -> int:
        """Queue that an item was certainly not accepted."""
        return self._put(_WITHDRAWN, self._n, *key)

    def running(self, key: Key, identifier: str) -> int:
        """Queue an item's id. Another item that took it from the listing by mistake gives it back."""
        self._put(_OWNED, replace_surrogates(identifier), self._n, *key, *self._named[:2])
        return self._put(_RUNNING, replace_surrogates(identifier), self._n, *key)

    def ended(self, key: Key, prediction: Prediction) -> int:
        """Queue how an item ended."""
        cost = None if prediction.cost is None else str(prediction.cost)
        identifier, error = map(replace_surrogates, (prediction.id, prediction.error))
        values = (prediction.status, identifier, cost, error)
        return self._put(_ENDED, *values, self._n, *key)

    def reused(self, key: Key, identifier: str) -> int:
        """Queue that an item was taken from the archive; this batch has paid nothing for it."""
        return self._put(_REUSED, self._n, *key, replace_surrogates(identifier))

    def settled(self, key: Key, state: str, error: str) -> int:
        """Queue that an item failed without a prediction, or that its outcome is unknown."""
        return self._put(_NOTHING, self._n, *key, state, replace_surrogates(error))

    def flush(self, number: int | None = None) -> None:
        """Write what is queued, up to a number at least; whoever comes meanwhile finds it done.

        Raises
        ------
        SkytellsError
            The archive cannot be written. What is queued stays so, for the next try.
        """
        with self._lock:
            wanted = self._queued if number is None else number
        with self._writing:
            if self._written >= wanted:
                return
            with self._lock:
                queued = list(self._pending)
            self._database.writing(partial(self._write, queued))
            with self._lock:
                for _ in queued:
                    self._pending.popleft()
            self._written += len(queued)

    def close(self) -> None:
        """Write what is still queued; what cannot be written is kept for the next run in this process."""
        try:
            self.flush()
        except SkytellsError:
            with self._lock:
                _unwritten[self._place] = list(self._pending)
            raise

    def _put(self, statement: str, *values: Any) -> int:
        with self._lock:
            self._pending.append((statement, values))
            self._queued += 1
            return self._queued

    def _write(self, queued: list[tuple[str, tuple[Any, ...]]], db: sqlite3.Connection) -> None:
        self._require(db)
        for statement, values in queued:
            db.execute(statement, values)

    def _begin(self, holder: str, db: sqlite3.Connection) -> str:
        self._require(db)
        query = "SELECT n, model FROM jobs_batches WHERE origin = ? AND account = ? AND name = ?"
        self._n, model = db.execute(query, self._named).fetchone()
        if not db.execute("SELECT 1 FROM jobs_items WHERE batch = ?", (self._n,)).fetchone():
            found = [(self._n, *row) for row in recover_items(self._database.path, *self._named)]
            db.executemany("INSERT OR IGNORE INTO jobs_items VALUES (?, ?, ?, ?, ?, ?, ?, ?)", found)
        db.execute("INSERT OR REPLACE INTO jobs_holders VALUES (?, ?, ?, ?)", (*self._named, holder))
        if model == self._batch[3]:
            db.execute("UPDATE jobs_batches SET total = ? WHERE n = ?", (self._batch[5], self._n))
        return str(model)

    def _require(self, db: sqlite3.Connection) -> None:
        """Create what is missing: the first time, and where the index was made anew meanwhile."""
        for statement in SCHEMA:
            db.execute(statement)
        db.execute(
            "INSERT OR IGNORE INTO jobs_batches (origin, account, name, model, sandbox, total, started, n) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*self._batch, self._n or None),
        )

    def _read(self, keys: list[Key], db: sqlite3.Connection) -> dict[Key, Row]:
        found: dict[Key, Row] = {}
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            marks = ", ".join(["(?, ?)"] * len(some))
            query = (
                "SELECT digest, number, state, id, since, cost, error FROM jobs_items "  # noqa: S608 - only marks
                f"WHERE batch = ? AND (digest, number) IN (VALUES {marks})"
            )
            values = [part for key in some for part in key]
            for digest, number, *rest in db.execute(query, (self._n, *values)):
                found[bytes(digest), number] = Row(*rest)
        return found


def recover_items(index: Path, origin: str, account: str, name: str | None) -> list[tuple[Any, ...]]:
    """Read one batch's items from the newest damaged index that still has some.

    Each is digest, number, state, id, since, cost and error.
    """
    for path in sorted(index.parent.glob(f"{index.stem}-damaged-*{index.suffix}"), reverse=True):
        found: list[tuple[Any, ...]] = []
        with suppress(sqlite3.Error), closing(sqlite3.connect(path, timeout=1.0)) as db:
            query = (
                "SELECT i.digest, i.number, i.state, i.id, i.since, i.cost, i.error FROM jobs_items i "
                "JOIN jobs_batches b ON b.n = i.batch WHERE b.origin = ? AND b.account = ? AND b.name = ?"
            )
            for row in db.execute(query, (origin, account, name)):
                found.append(row)  # one by one: what was read before the damage counts
        if found:
            return found
    return []
