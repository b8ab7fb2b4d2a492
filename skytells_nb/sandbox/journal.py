"""The state file: an SQLite journal that outlives the process, so that no accepted prediction is forgotten.

Everything is kept in memory too; the file is read once, at the start, and written once per change. A create
is in the write-ahead log before it is answered, so killing the process loses nothing that was promised.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from skytells_nb.sandbox.accounts import Learner
from skytells_nb.sandbox.errors import StateError
from skytells_nb.sandbox.job import Job

#: Written into the file's header: whose it is ("sky!") and of which version.
APPLICATION_ID = 0x736B7921
VERSION = 2

_TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE predictions (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, record TEXT);
CREATE TABLE ledger (id TEXT PRIMARY KEY, amount TEXT NOT NULL) WITHOUT ROWID;
"""
#: What made version 2 of version 1: accounts.
_ACCOUNTS = """
ALTER TABLE ledger ADD COLUMN account TEXT NOT NULL DEFAULT '';
CREATE TABLE learners (number INTEGER PRIMARY KEY, name TEXT, key TEXT, budget TEXT, rate INTEGER);
"""
_ALL_RECORDS = "SELECT record FROM predictions WHERE record IS NOT NULL ORDER BY number"


class Kept(NamedTuple):
    """What a state file holds: small things by name, predictions oldest first, the bill, the newest number.

    Deleted predictions are gone, stay billed, and their numbers are never used again. `spent` is the bill by
    account.
    """

    facts: dict[str, str]
    jobs: list[Job]
    ledger: dict[str, Decimal]
    number: int
    spent: dict[str, Decimal]
    learners: list[Learner]


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
            _make_private(self.path)
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
                    self._spent(),
                    [
                        Learner(name, key, None if budget is None else Decimal(budget), rate)
                        for name, key, budget, rate in self._db.execute(
                            "SELECT name, key, budget, rate FROM learners ORDER BY number"
                        )
                    ],
                )
        except BaseException:
            self._db.close()
            raise

    def remember(self, name: str, value: str) -> None:
        """Keep one of the small things."""
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def enrol(self, learners: Iterable[Learner]) -> None:
        """Keep a class in the place of the one before."""
        rows = [
            (number, each.name, each.key, None if each.budget is None else str(each.budget), each.rate_limit)
            for number, each in enumerate(learners)
        ]
        with contextlib.suppress(OSError):
            os.chmod(self.path, 0o600)  # a file from before there was a class may be readable by others
        with self._at_once():
            self._db.execute("DELETE FROM learners")
            self._db.executemany("INSERT INTO learners VALUES (?, ?, ?, ?, ?)", rows)

    def add(self, job: Job, amount: Decimal | None) -> None:
        """Keep a new prediction, and what it costs, both or neither."""
        record = json.dumps(job.to_record())
        with self._at_once():
            self._db.execute("INSERT INTO predictions VALUES (?, ?, ?)", (job.number, job.id, record))
            if amount is not None:
                self._db.execute("INSERT INTO ledger VALUES (?, ?, ?)", (job.id, str(amount), job.account))

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
        if version < VERSION:
            for statement in _ACCOUNTS.strip().splitlines():
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")

    def _spent(self) -> dict[str, Decimal]:
        spent: dict[str, Decimal] = {}
        for account, amount in self._db.execute("SELECT account, amount FROM ledger"):
            spent[account] = spent.get(account, Decimal(0)) + Decimal(amount)
        return spent

    @contextlib.contextmanager
    def _at_once(self) -> Iterator[None]:
        """Keep several changes, or none of them."""
        self._db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextlib.contextmanager
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


def _make_private(path: str) -> None:
    """Make the file, if it is new, so that nobody else can read the keys in it; SQLite says what fails."""
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
