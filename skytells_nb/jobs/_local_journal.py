"""The journal of a batch in the archive's index: one run at a time, on one machine.

The archive sets a damaged index aside and makes one anew from the files beside its outputs. Those know
nothing of batches, so a batch that is run after that reads what was set aside, which spares a payment; and
what it does not find there, the run takes from the archive, by equal inputs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Final

import filelock

from ..api import Account
from ..archive import Archive, DamagedIndexError, replace_surrogates, to_micros
from ..exceptions import SkytellsError
from ._inputs import Inputs, ItemKey
from ._journal import CHUNK, HEAVY, Item, Journal, Operation, Row, Write

_winding_up: Final[set[Path]] = set()
"""Locks of this process whose batch was stopped, and which are released in a moment."""


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

_STATES: Final = ("sent", "running", "succeeded", "failed", "canceled", "uncertain")

_LONGEST: Final = timedelta(minutes=10)
"""How much older than the last thing written a prediction may be that was under way then."""

_ITEM: Final = "batch = :batch AND digest = :digest AND number = :number"
_RUNNING: Final = (
    f"UPDATE jobs_items SET state = 'sent', id = NULL WHERE id = :id AND NOT ({_ITEM}) "
    "AND batch IN (SELECT n FROM jobs_batches WHERE origin = :origin AND account = :account)",
    f"UPDATE jobs_items SET state = 'running', id = :id WHERE {_ITEM}",
)
_STATEMENTS: Final[dict[Operation, tuple[str, ...]]] = {
    "sent": (
        "INSERT INTO jobs_items (batch, digest, number, state, since) "
        "VALUES (:batch, :digest, :number, 'sent', :since) ON CONFLICT DO UPDATE "
        "SET state = 'sent', since = excluded.since, id = NULL, cost = NULL, error = NULL",
    ),
    "withdrawn": (f"DELETE FROM jobs_items WHERE {_ITEM} AND id IS NULL",),
    "reused": (
        "INSERT INTO jobs_items (batch, digest, number, state, id, cost) "
        "VALUES (:batch, :digest, :number, 'succeeded', :id, '0') ON CONFLICT DO UPDATE "
        "SET state = 'succeeded', id = excluded.id, cost = '0', error = NULL",
    ),
    "again": (),  # `sent` writes over whatever there is
    "found": _RUNNING,
    "running": _RUNNING,
    "ended": (
        "UPDATE jobs_items SET state = :state, id = coalesce(:id, id), cost = :cost, error = :error "
        f"WHERE {_ITEM}",
    ),
    "settled": (
        "INSERT INTO jobs_items (batch, digest, number, state, error) "
        "VALUES (:batch, :digest, :number, :state, :error) ON CONFLICT DO UPDATE "
        "SET state = excluded.state, error = excluded.error",
    ),
}


class LocalJournal(Journal):
    """The journal of one batch, in an archive's index.

    ``total`` is how many inputs it has, ``now`` when it was begun, if it is new; options are those of
    `Journal`.
    """

    elsewhere: ClassVar[str] = "It was finished and paid for earlier, and has left the archive since."

    def __init__(
        self, archive: Archive, account: Account, *, total: int, now: datetime, **options: Any
    ) -> None:
        super().__init__(account, **options)
        self._database = archive.database
        mark = sha256("\n".join((account.origin, account.fingerprint, self.name)).encode("utf-8", "replace"))
        self._place_of_lock = archive.path / ".batches" / f"{mark.hexdigest()[:20]}.lock"
        # Across processes, too: the operating system holds it, and lets go when a process is killed.
        # Whichever thread ends the batch releases it, not the one that took it.
        self._lock_file = filelock.FileLock(self._place_of_lock, timeout=0, thread_local=False)
        # A file that says outside the index that something of the batch was sent, and when at last; with
        # the index lost it is renamed, until all is written anew.
        self._begun = self._place_of_lock.with_suffix(".begun")
        self._lost = self._place_of_lock.with_suffix(".lost")
        self._named = (account.origin, account.fingerprint, replace_surrogates(self.name))
        self._batch = (*self._named, replace_surrogates(self.model), account.sandbox, total, to_micros(now))
        self._n = 0
        self._unread: Iterator[tuple[ItemKey, dict[str, Any]]] = iter(())
        self._position = 0

    def acquire(self) -> bool:
        """Lock the batch; False while a run that was stopped in this process winds up."""
        folder = self._place_of_lock.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock_file.acquire()
        except filelock.Timeout:
            if self._place_of_lock in _winding_up:
                return False
            raise self.busy(self._holder()) from None
        except OSError as error:
            raise SkytellsError(
                f"Cannot write the batch's journal in {folder.parent}: {error.strerror or error}. "
                "Use a client with archive= of a folder that can be written.",
                detail=str(error),
                charged=False,
                effect="Nothing was sent.",
            ) from error
        return True

    def _holder(self) -> str:
        """Return who runs the batch, as that run has written it; empty where nothing is known."""

        def read(db: sqlite3.Connection) -> str:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'jobs_holders'").fetchone():
                return ""  # a journal of 0.1.0
            query = "SELECT holder FROM jobs_holders WHERE origin = ? AND account = ? AND name = ?"
            row = db.execute(query, self._named).fetchone()
            return str(row[0]) if row else ""

        return self._database.reading(read, "")

    def take(self, *, more: bool) -> list[Item] | None:  # noqa: ARG002 - whoever runs it reports all
        """Read some more inputs and what is written of them; None when that was all."""
        items: list[Item] = []
        size = 0
        for key, input in self._unread:
            items.append(Item(self._position, key, input))
            self._position += 1
            size += len(repr(input))  # pictures may lie deep in it, as in the messages of a chat
            if len(items) == CHUNK or size > HEAVY:
                break
        if not items:
            return None
        query = (
            "SELECT digest, number, state, id, since, cost, error FROM jobs_items "
            f"WHERE batch = ? AND (digest, number) IN (VALUES {', '.join(['(?, ?)'] * len(items))})"
        )
        values = [self._n, *(part for item in items for part in item.key)]
        found = self._database.reading(lambda db: db.execute(query, values).fetchall(), list[Any]())
        rows = {(bytes(digest), number): _row(*rest) for digest, number, *rest in found}
        for item in items:
            row = rows.get(item.key)
            is_new = row is None or row.state == "canceled" or (row.state == "failed" and self._retry_failed)
            item.row = None if is_new else row
            item.resend = self._retry_uncertain
        return items

    def ids(self, since: int, *, own: bool = False) -> frozenset[str]:  # noqa: ARG002 - they are few enough
        query = (
            "SELECT i.id FROM jobs_items i JOIN jobs_batches b ON b.n = i.batch "
            "WHERE b.origin = ? AND b.account = ? AND (NOT ? OR b.n = ?) AND i.id IS NOT NULL"
        )
        values = (*self._named[:2], own, self._n)
        found = self._database.reading(lambda db: db.execute(query, values).fetchall(), list[tuple[str]]())
        return frozenset(row[0] for row in found)

    def wind_up(self) -> None:
        _winding_up.add(self._place_of_lock)

    def release(self) -> None:
        _winding_up.discard(self._place_of_lock)
        self._lock_file.release()

    @property
    def _place(self) -> tuple[Any, ...]:
        return (self._database.path, *self._named)

    def _begin(self, inputs: Inputs | None, holder: str) -> str:
        if inputs is not None:
            self.total = len(inputs)
            self.positions = range(self.total)
            self._unread = zip(map(inputs.key, self.positions), inputs.reread(), strict=False)
        return self._database.writing(partial(self._find, holder))

    def _write(self, queued: Sequence[Write]) -> None:
        self._database.writing(partial(self._execute, queued))

    def _execute(self, queued: Sequence[Write], db: sqlite3.Connection) -> None:
        self._require(db)
        origin, account, _ = self._named
        for write in queued:
            digest, number = write.key
            cost = write.values.get("cost")
            values = {
                **write.values,
                "cost": None if cost is None else str(cost),
                "batch": self._n,
                "digest": digest,
                "number": number,
                "origin": origin,
                "account": account,
            }
            values.pop("reserved", None)  # a local batch's budget is the process's own
            for statement in _STATEMENTS[write.operation]:
                db.execute(statement, values)
        with suppress(OSError):  # as where the folder of locks is gone: the index has it all the same
            if self._has_items(db):
                self._begun.touch()
            else:  # nothing was accepted
                self._begun.unlink(missing_ok=True)

    def _find(self, holder: str, db: sqlite3.Connection) -> str:
        is_new = self._require(db)
        query = "SELECT n, model FROM jobs_batches WHERE origin = ? AND account = ? AND name = ?"
        self._n, model = db.execute(query, self._named).fetchone()
        is_empty = not self._has_items(db)
        if is_new or is_empty:
            with suppress(OSError):
                self._begun.replace(self._lost)
        if is_empty:
            found = [(self._n, *row) for row in recover_items(self._database.path, *self._named)]
            db.executemany("INSERT OR IGNORE INTO jobs_items VALUES (?, ?, ?, ?, ?, ?, ?, ?)", found)
        with suppress(OSError):  # as where nothing was ever lost: then nothing is counted
            last = datetime.fromtimestamp(self._lost.stat().st_mtime, UTC)
            count = "SELECT COUNT(*) FROM jobs_items WHERE batch = ?"
            if db.execute(count, (self._n,)).fetchone()[0] < self._batch[5]:
                self.lost_since = last - _LONGEST
        db.execute("INSERT OR REPLACE INTO jobs_holders VALUES (?, ?, ?, ?)", (*self._named, holder))
        if model == self._batch[3]:
            db.execute("UPDATE jobs_batches SET total = ? WHERE n = ?", (self._batch[5], self._n))
        return str(model)

    def _has_items(self, db: sqlite3.Connection) -> bool:
        return db.execute("SELECT 1 FROM jobs_items WHERE batch = ?", (self._n,)).fetchone() is not None

    def _require(self, db: sqlite3.Connection) -> bool:
        """Create what is missing, the first time or in an index made anew; return whether the batch was."""
        for statement in SCHEMA:
            db.execute(statement)
        try:
            db.execute("SELECT state, id, since, cost, error FROM jobs_items LIMIT 0")
        except sqlite3.OperationalError as error:
            raise DamagedIndexError(f"the journal has lost a column: {error}") from error
        made = db.execute(
            "INSERT OR IGNORE INTO jobs_batches (origin, account, name, model, sandbox, total, started, n) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*self._batch, self._n or None),
        )
        return made.rowcount > 0


def _row(state: Any, identifier: Any, since: Any, cost: Any, error: Any) -> Row:
    """Return what is written of an item; of a damaged row what can be read."""
    identifier = identifier if isinstance(identifier, str) and identifier else None
    if state not in _STATES:
        state = "running" if identifier else "sent"
    try:
        cost = None if cost is None else str(Decimal(cost))
    except (ArithmeticError, TypeError, ValueError):
        cost = None
    return Row(state, identifier, since if isinstance(since, int) else None, cost, replace_surrogates(error))


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
