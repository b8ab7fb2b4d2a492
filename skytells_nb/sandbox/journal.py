"""The state file: an SQLite journal that outlives the process, so that no accepted prediction is forgotten.

Everything is kept in memory too; the file is read once, at the start, and written once per change. A create
is in the write-ahead log before it is answered, so killing the process loses nothing that was promised.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import NamedTuple

from skytells_nb.sandbox.errors import StateError
from skytells_nb.sandbox.job import Job

#: Written into the file's header: whose it is ("sky!") and of which version.
APPLICATION_ID = 0x736B7921
VERSION = 1

_TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE predictions (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, record TEXT);
CREATE TABLE ledger (id TEXT PRIMARY KEY, amount TEXT NOT NULL) WITHOUT ROWID;
"""
_ALL_RECORDS = "SELECT record FROM predictions WHERE record IS NOT NULL ORDER BY number"


class Kept(NamedTuple):
    """What a state file holds: small things by name, predictions oldest first, the bill, the newest number.

    Deleted predictions are gone, stay billed, and their numbers are never used again.
    """

    facts: dict[str, str]
    jobs: list[Job]
    ledger: dict[str, Decimal]
    number: int


class Journal:
    """One open state file.

    Parameters
    ----------
    path : str or path
        The file; made when it does not exist.

    Raises
    ------
    StateError
        If the file is damaged, of a newer version, of another program, or in use by another sandbox.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        with self._explained():
            self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=0.5)
        try:
            with self._explained():
                self._prepare()
        except BaseException:
            self._db.close()
            raise

    def load(self) -> Kept:
        """Read the whole file.

        Raises
        ------
        StateError
            If it is damaged; the file is closed then.
        """
        try:
            with self._explained():
                return Kept(
                    dict(self._db.execute("SELECT name, value FROM facts")),
                    [Job.from_record(json.loads(record)) for (record,) in self._db.execute(_ALL_RECORDS)],
                    {id: Decimal(amount) for id, amount in self._db.execute("SELECT id, amount FROM ledger")},
                    self._db.execute("SELECT COALESCE(MAX(number), 0) FROM predictions").fetchone()[0],
                )
        except BaseException:
            self._db.close()
            raise

    def remember(self, name: str, value: str) -> None:
        """Keep one of the small things."""
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def add(self, job: Job, amount: Decimal | None) -> None:
        """Keep a new prediction, and what it costs, both or neither."""
        self._db.execute("BEGIN")
        try:
            record = json.dumps(job.to_record())
            self._db.execute("INSERT INTO predictions VALUES (?, ?, ?)", (job.number, job.id, record))
            if amount is not None:
                self._db.execute("INSERT INTO ledger VALUES (?, ?)", (job.id, str(amount)))
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def save(self, job: Job) -> None:
        """Keep what changed about a prediction."""
        record = json.dumps(job.to_record())
        self._db.execute("UPDATE predictions SET record = ? WHERE number = ?", (record, job.number))

    def remove(self, job: Job) -> None:
        """Forget a prediction; its number and id are never used again."""
        self._db.execute("UPDATE predictions SET record = NULL WHERE number = ?", (job.number,))

    def uncharge(self, id: str) -> None:
        """Take a prediction off the bill."""
        self._db.execute("DELETE FROM ledger WHERE id = ?", (id,))

    def close(self) -> None:
        """Close the file; its write-ahead log is folded in."""
        self._db.close()

    def _prepare(self) -> None:
        """Lock the file, see whose it is before anything is changed, and make its tables if it is new."""
        db = self._db
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        (owner,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (tables,) = db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        if tables and owner != APPLICATION_ID:
            raise StateError(
                f"{self.path} is a database of another program; nothing was changed. Choose another path."
            )
        if version > VERSION:
            raise StateError(
                f"{self.path} was written by a newer sandbox (version {version}, this one reads {VERSION}); "
                "nothing was changed. Update skytells-nb, or choose another path."
            )
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("BEGIN IMMEDIATE")
        if not tables:
            for statement in _TABLES.strip().splitlines():
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say what an error of SQLite means for the file, and what to do."""
        try:
            yield
        except (sqlite3.Error, ValueError, TypeError, KeyError) as error:
            if "locked" in str(error):
                raise StateError(
                    f"{self.path} is in use by another sandbox; stop that one, or choose another path."
                ) from error
            raise StateError(
                f"{self.path} cannot be used as a state file ({error}); nothing was changed. "
                "Move it away, or choose another path."
            ) from error
