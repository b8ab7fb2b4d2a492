"""What the sandbox knows: its keys, predictions and bill, in memory and perhaps in an SQLite file.

The file outlives the process. It is read once, at the start, and written once per change; a create is in the
write-ahead log before it is answered, so killing the process loses nothing that was promised.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import secrets
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from weakref import WeakSet

from ._accounts import OWNER, Learner
from ._errors import StateError, StateInUseError
from ._jobs import Job
from ._messages import dump

#: Written into the file's header: whose it is ("sky!") and of which version.
APPLICATION_ID: Final = 0x736B7921
VERSION: Final = 2

_TABLES: Final = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE predictions (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, record TEXT);
CREATE TABLE ledger (id TEXT PRIMARY KEY, amount TEXT NOT NULL) WITHOUT ROWID;
"""
#: What made version 2 of version 1: accounts.
_ACCOUNTS: Final = """
ALTER TABLE ledger ADD COLUMN account TEXT NOT NULL DEFAULT '';
CREATE TABLE learners (number INTEGER PRIMARY KEY, name TEXT, key TEXT, budget TEXT, rate INTEGER);
"""
#: What the names of facts begin with that are votes.
_VOTE: Final = "vote "
_ANSWER: Final = "answer "
#: Answers of text models that are kept for the vote of a class.
ANSWERS: Final = 500

#: The files that this process has open.
_open: Final[WeakSet[StateFile]] = WeakSet()


class StateFile:
    """One open state file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        with self.explained():
            # nobody else can read the keys in a new one; what fails is for SQLite to say
            with contextlib.suppress(OSError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=0.5)
        try:
            with self.explained():
                self._prepare()
        except BaseException:
            self._db.close()
            raise
        self._abandoned = False
        _open.add(self)

    def read(self, query: str) -> list[Any]:
        return self._db.execute(query).fetchall()

    def write(self, *changes: tuple[str, Sequence[Any]]) -> None:
        """Make changes, all of them or none."""
        with self._db:  # commits, or takes all of them back, also where the commit itself fails
            self._db.execute("BEGIN")
            for statement, values in changes:
                self._db.execute(statement, values)

    def close(self) -> None:
        """Close the file; its write-ahead log is folded in."""
        if not self._abandoned:
            self._db.close()

    def abandon(self) -> None:
        """Leave the file to the process that opened it, in one that was forked from it.

        SQLite must not even be closed there: it would delete the log, and what its owner writes from then on
        would be lost with its process (measured). Python closes what it frees, so this is never freed.
        """
        self._abandoned = True
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._db))

    def _prepare(self) -> None:
        """Lock the file, see whose it is before anything is changed, and make its tables if it is new."""
        db = self._db
        # Held until the file is closed, so that two sandboxes never serve one state; the operating system
        # takes the lock from a process that dies.
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
        # Each change outlives the process; only a power cut may take the last ones (sqlite.org/wal.html).
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

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Explain what an error of SQLite means for the file, and what to do."""
        try:
            yield
        except (sqlite3.Error, ValueError, TypeError, KeyError) as error:
            if "locked" in str(error):
                raise StateInUseError(
                    f"{self.path} is in use by another sandbox; stop that one, or choose another path."
                ) from error
            raise StateError(
                f"{self.path} cannot be used as a state file ({error}); nothing was changed. "
                "Move it away, or choose another path."
            ) from error


def _after_fork() -> None:
    for each in list(_open):
        each.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


_CHARGE: Final = "INSERT INTO ledger VALUES (?, ?, ?)"


class State:
    """Predictions in the order they were accepted, and the ledger.

    `file` keeps changes; a `seed` makes ids and the key the same each time, but a file's own seed wins.
    """

    def __init__(self, file: StateFile | None = None, seed: int | None = None) -> None:
        self.file = file
        self.jobs: dict[str, Job] = {}  # by id, oldest first
        self.ledger: dict[str, Decimal] = {}  # what is billed by prediction, also of those that were deleted
        self.spent: dict[str, Decimal] = defaultdict(Decimal)  # and by account
        self.learners: list[Learner] = []
        self.votes: dict[str, dict[str, str | float]] = {}  # on the class's page, by who and on what
        # what text models have answered the teacher of a class, to be voted on; the newest of them
        self.answers: dict[str, Job] = {}
        self.number = 0
        self._last = 0
        self._shelves: dict[str, dict[str, Job]] = defaultdict(dict)
        self._running: dict[str, dict[str, Job]] = defaultdict(dict)  # by account; some may have ended
        self._hidden: set[str] = set()
        #: Bytes of the inputs that each account keeps here.
        self.stored: dict[str, int] = defaultdict(int)
        self._facts: dict[str, str] = {}
        self.seed = secrets.token_hex(16) if seed is None else str(seed)
        if file is not None:
            try:
                with file.explained():
                    self._load(file)
            except BaseException:
                file.close()
                raise

    @property
    def api_key(self) -> str:
        """The owner's key: the one that was generated for it, else one that the seed decides."""
        return self._facts.get("key") or "sk-sandbox-" + self.digest("key").hex()

    @property
    def has_own_key(self) -> bool:
        """Whether the owner's key is a generated one, which no seed gives away."""
        return "key" in self._facts

    @property
    def gallery(self) -> str:
        """The word in the path of the class's page that nobody can guess."""
        return self._facts.get("wall", "")  # the name that version 2 of the file has for it

    @property
    def port(self) -> int:
        """The port last listened on, so that links to files hold after a restart; 0 for none."""
        return int(self._facts.get("port", "0"))

    def remember(self, name: str, value: str) -> None:
        """Keep a fact: the owner's ``key``, the ``wall`` of a class, the ``port``, the ``seed``."""
        self._facts[name] = value
        self._keep(name, value)

    def vote(self, key: str, vote: dict[str, str | float]) -> None:
        """Save a vote, in the place of an earlier one with the same key."""
        self.votes[key] = vote
        self._keep(f"{_VOTE}{key}", json.dumps(vote))

    def keep_answer(self, answer: Job) -> None:
        """Save a text model's answer, in the place of the oldest where there are many."""
        while len(self.answers) >= ANSWERS:
            oldest = next(iter(self.answers))
            del self.answers[oldest]
            self._write(("DELETE FROM facts WHERE name = ?", (f"{_ANSWER}{oldest}",)))
        self.answers[answer.id] = answer
        self._keep(f"{_ANSWER}{answer.id}", json.dumps(answer.to_record()))

    def enrol(self, learners: list[Learner]) -> None:
        """Save a class in the place of the one before."""
        self.learners = list(learners)
        if self.file is not None:
            with contextlib.suppress(OSError):
                os.chmod(self.file.path, 0o600)  # one from before there was a class may be readable by others
        rows = (
            (number, each.name, each.key, None if each.budget is None else str(each.budget), each.rate_limit)
            for number, each in enumerate(learners)
        )
        insert = "INSERT INTO learners VALUES (?, ?, ?, ?, ?)"
        self._write(("DELETE FROM learners", ()), *((insert, row) for row in rows))

    def digest(self, *parts: object) -> bytes:
        """Sixteen bytes that depend on the seed and on nothing else but `parts`."""
        text = ":".join(map(str, (self.seed, *parts)))
        return hashlib.blake2b(text.encode(), digest_size=16).digest()

    def new_id(self, form: str) -> str:
        """Return the id of the next prediction."""
        uuid = UUID(bytes=self.digest("prediction", self.number + 1), version=4)
        return str(uuid) if form == "uuid" else f"sandbox-{uuid.hex}"

    def moment(self, now: int) -> int:
        """Return a moment that no earlier prediction was accepted at, so that newest first is one order."""
        return max(now, self._last + 1)

    def add(self, job: Job, amount: Decimal | None) -> None:
        """Accept a prediction, and put it on the bill, both or neither; None is not billed."""
        record = "INSERT INTO predictions VALUES (?, ?, ?)", (job.number, job.id, self._record(job))
        self._write(record, *([] if amount is None else [(_CHARGE, (job.id, str(amount), job.account))]))
        self.number, self._last = job.number, job.created
        self._take_in(job)
        if amount is not None:
            self.ledger[job.id] = amount
            self.spent[job.account] += amount

    def save(self, job: Job) -> None:
        job.rendered = None
        self._write(("UPDATE predictions SET record = ? WHERE number = ?", (self._record(job), job.number)))

    def charge(self, id: str, account: str, amount: Decimal) -> None:
        self._write((_CHARGE, (id, str(amount), account)))
        self.ledger[id] = amount
        self.spent[account] += amount

    def end_early(self, job: Job) -> None:
        """Take a job off the bill."""
        self.spent[job.account] -= self.ledger.pop(job.id, Decimal(0))
        self._write(("DELETE FROM ledger WHERE id = ?", (job.id,)))

    def remove(self, job: Job) -> None:
        """Forget a prediction; what it cost stays on the bill, and its number is never used again."""
        self._write(("UPDATE predictions SET record = NULL WHERE number = ?", (job.number,)))
        del self.jobs[job.id]
        del self._shelves[job.account][job.id]
        self._running[job.account].pop(job.id, None)
        self.stored[job.account] -= len(dump(job.input))
        self._hidden.discard(job.id)

    def running(self, now: int, account: str = OWNER) -> list[Job]:
        """Return the jobs of an account that have not ended."""
        still = {id: job for id, job in self._running[account].items() if job.ends > now}
        self._running[account] = still
        return list(still.values())

    def newest_first(self, now: int, account: str = OWNER) -> tuple[Iterator[Job], int]:
        """Return the predictions of an account that can be listed, and how many they are."""
        self._hidden = {id for id in self._hidden if self.jobs[id].hidden_until > now}
        shelf = self._shelves[account]
        hidden = self._hidden & shelf.keys()
        everything = reversed(shelf.values())
        if not hidden:
            return everything, len(shelf)
        return (job for job in everything if job.id not in hidden), len(shelf) - len(hidden)

    def close(self) -> None:
        if self.file is not None:
            self.file.close()

    def _record(self, job: Job) -> str:
        return "" if self.file is None else json.dumps(job.to_record())

    def _keep(self, name: str, value: str) -> None:
        self._write(("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value)))

    def _write(self, *changes: tuple[str, Sequence[Any]]) -> None:
        if self.file is not None:
            self.file.write(*changes)

    def _load(self, file: StateFile) -> None:
        facts = dict(file.read("SELECT name, value FROM facts"))
        self._facts = {name: value for name, value in facts.items() if not name.startswith((_VOTE, _ANSWER))}
        self.seed = self._facts.get("seed", self.seed)
        self.votes = {
            name.removeprefix(_VOTE): json.loads(value)
            for name, value in facts.items()
            if name.startswith(_VOTE)
        }
        answers = [Job.from_record(json.loads(facts[name])) for name in facts if name.startswith(_ANSWER)]
        self.answers = {each.id: each for each in sorted(answers, key=lambda each: each.created)}
        for id, amount, account in file.read("SELECT id, amount, account FROM ledger"):
            self.ledger[id] = Decimal(amount)
            self.spent[account] += self.ledger[id]
        self.learners = [
            Learner(name, key, None if budget is None else Decimal(budget), rate)
            for name, key, budget, rate in file.read(
                "SELECT name, key, budget, rate FROM learners ORDER BY number"
            )
        ]
        # deleted predictions are gone, stay billed, and their numbers are never used again
        for number, record in file.read("SELECT number, record FROM predictions ORDER BY number"):
            self.number = number
            if record is not None:
                job = Job.from_record(json.loads(record))
                self._take_in(job)
                self._last = job.created
        self.remember("seed", self.seed)  # key and ids follow from it, and are to be the same next time

    def _take_in(self, job: Job) -> None:
        self.jobs[job.id] = self._shelves[job.account][job.id] = job
        self.stored[job.account] += len(dump(job.input))
        self._running[job.account][job.id] = job
        if job.hidden_until:
            self._hidden.add(job.id)
