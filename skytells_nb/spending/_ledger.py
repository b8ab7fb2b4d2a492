"""A budget's books: what is spent, what is reserved, and whether one more fits.

They are tables of SQLite in a file of their own, since several processes may spend: children, and others that
use a budget of the same name. Reserving is one transaction, so nothing comes in between, whichever thread or
process it comes from. Amounts are kept as text and every sum is exact, whatever decimal precision the calling
thread has set for itself.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import weakref
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from hashlib import sha256
from multiprocessing import parent_process
from pathlib import Path
from threading import RLock
from typing import Any, Final
from uuid import uuid4

from ..api import ledger_folder
from ..exceptions import SkytellsError
from ..pricing import EXACT, added

_NOTHING: Final = Decimal(0)
_PATIENCE: Final = 30.0
_UNSYNCED: Final = "PRAGMA synchronous=OFF"
"""A ledger need not outlive the machine: a transaction takes 0.4 ms, in the place of 3.5."""
_TABLES: Final = """
    CREATE TABLE IF NOT EXISTS entries (
        key TEXT PRIMARY KEY, origin TEXT, id TEXT, day TEXT, sandbox INTEGER, reserved TEXT, priced INTEGER,
        paid TEXT, settled INTEGER);
    CREATE INDEX IF NOT EXISTS entries_by_id ON entries (origin, id);
    CREATE TABLE IF NOT EXISTS sums (
        sandbox INTEGER, day TEXT, spent TEXT, reserved TEXT, estimated TEXT, unpriced INTEGER,
        PRIMARY KEY (sandbox, day));
    CREATE TABLE IF NOT EXISTS earlier (
        origin TEXT, sandbox INTEGER, day TEXT, spent TEXT, PRIMARY KEY (origin, sandbox));
    CREATE TABLE IF NOT EXISTS users (pid INTEGER PRIMARY KEY);
    PRAGMA user_version = 1;
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One create under a budget, as it was reserved.

    ``reserved`` is the most that it was estimated to cost; ``priced`` says whether anybody could.
    """

    origin: str
    day: date
    sandbox: bool
    reserved: Decimal
    priced: bool = True
    key: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True, slots=True)
class Balance:
    """What a ledger adds up to: what is spent, and what is set aside for what has no known cost yet.

    `estimated` is the part of that which will never be known better; `unpriced` counts creates that were let
    through without a price, and have none yet.
    """

    spent: Decimal = _NOTHING
    reserved: Decimal = _NOTHING
    estimated: Decimal = _NOTHING
    unpriced: int = 0

    def left(self, limit: Decimal) -> Decimal:
        return added((limit, self.spent.copy_negate(), self.reserved.copy_negate()))


class Ledger:
    """Entries by create; money and sandbox credits are never added to each other.

    One with a name is shared by every process of this user on this machine that uses the same name, and
    begins anew when none of them lives any more.
    """

    def __init__(self, limit: Decimal, name: str | None = None, file: Path | None = None) -> None:
        self.limit = limit
        self._lock = RLock()
        if file is not None:  # another process's, which made it
            self.file = file
            return
        stem = uuid4().hex if name is None else sha256(name.encode()).hexdigest()[:24]
        self.file = ledger_folder() / f"{stem}.sqlite"
        with closing(sqlite3.connect(self.file, timeout=_PATIENCE, isolation_level=None)) as made:
            made.executescript(f"{_UNSYNCED}; BEGIN IMMEDIATE; {_TABLES} COMMIT;")
        if name is None:
            weakref.finalize(self, discard, self.file, os.getpid())
        else:
            self._join()

    def reserve(self, entry: Entry, *, daily: bool) -> bool:
        """Take an entry in, if it still fits; return whether it did. Nothing comes in between."""
        with self._books() as books:
            if entry.reserved > _balance(books, entry.sandbox, entry.day if daily else None).left(self.limit):
                return False
            row = {
                **dict.fromkeys(("id", "paid")),
                "key": entry.key,
                "origin": entry.origin,
                "day": entry.day.isoformat(),
                "sandbox": int(entry.sandbox),
                "reserved": str(entry.reserved),
                "priced": int(entry.priced),
                "settled": 0,
            }
            _save(books, row)
            _count(books, row, 1)
            return True

    def tie(self, entry: Entry, identifier: str) -> None:
        """Note which prediction an entry became; one that was in doubt has its cost still to come.

        An API may answer an equal create with the prediction of an earlier one, which is one bill.
        """
        with self._books() as books:
            known = _find(books, "origin = ? AND id = ? AND key <> ?", (entry.origin, identifier, entry.key))
        if known is None:
            self._change("key = ?", (entry.key,), settled=0, id=identifier)
        else:
            self.give_back(entry)

    def give_back(self, entry: Entry) -> None:
        with self._books() as books:
            row = _find(books, "key = ? AND NOT settled", (entry.key,))
            if row is not None:
                _count(books, row, -1)
                books.execute("DELETE FROM entries WHERE key = ?", (entry.key,))

    def doubt(self, entry: Entry) -> None:
        """Keep an entry of which nobody knows whether it was made."""
        self._change("key = ?", (entry.key,), settled=1)

    def settle(self, origin: str, identifier: str, paid: Decimal | None) -> bool:
        """Replace a reservation by the real cost; an unknown one keeps it. Return if it was too small."""
        known = {} if paid is None else {"paid": str(paid)}
        row = self._change("origin = ? AND id = ?", (origin, identifier), settled=1, **known)
        if paid is None or row is None:
            return False
        return bool(row["priced"]) and paid > Decimal(row["reserved"])

    def earlier(self, origin: str, sandbox: bool, day: date, spent: Decimal) -> None:
        """Note what was spent on a day without this budget."""
        with self._books() as books:
            row = (origin, int(sandbox), day.isoformat(), str(spent))
            books.execute("INSERT OR REPLACE INTO earlier VALUES (?, ?, ?, ?)", row)

    def ids(self, origin: str) -> frozenset[str]:
        """Return the ids of an origin's predictions that are in these books."""
        with self._books() as books:
            found = books.execute("SELECT id FROM entries WHERE origin = ? AND id IS NOT NULL", (origin,))
            return frozenset(identifier for (identifier,) in found)

    def balance(self, sandbox: bool, day: date | None) -> Balance:
        with self._books() as books:
            return _balance(books, sandbox, day)

    @property
    def only_sandbox(self) -> bool:
        """Whether everything in these books is a sandbox's."""
        with self._books() as books:
            (rows, played) = books.execute("SELECT COUNT(*), TOTAL(sandbox) FROM sums").fetchone()
            return bool(rows) and rows == played

    def after_fork(self) -> None:
        """Make a lock of its own, in a child: another thread may have held the parent's."""
        self._lock = RLock()

    def _change(self, where: str, values: tuple[str, ...], **changes: Any) -> dict[str, Any] | None:
        with self._books() as books:
            row = _find(books, where, values)
            if row is not None:
                _count(books, row, -1)
                _save(books, {**row, **changes})
                _count(books, {**row, **changes}, 1)
            return row

    @contextmanager
    def _books(self) -> Iterator[sqlite3.Connection]:
        """One transaction. A file is opened for each: a connection must not cross a fork."""
        # Not rwc: a file that somebody deleted is an error, and no empty budget to spend again.
        uri = f"{self.file.as_uri()}?mode=rw"
        try:
            with (
                self._lock,
                closing(sqlite3.connect(uri, uri=True, timeout=_PATIENCE, isolation_level=None)) as books,
                books,
            ):
                books.execute(_UNSYNCED)
                # A plain BEGIN takes the lock with the first write. Another process
                # could reserve between this one's sum and its entry, and both would fit.
                books.execute("BEGIN IMMEDIATE")
                yield books
        except (sqlite3.Error, ArithmeticError) as error:  # or sums that are no numbers
            raise SkytellsError(
                f"The budget's ledger {self.file} cannot be used: {error}. Make a new budget.", charged=False
            ) from error

    def _join(self) -> None:
        """Note that this process uses the ledger; clear it first where nobody else does."""
        with self._books() as books:
            known = [pid for (pid,) in books.execute("SELECT pid FROM users")]
            if not any(map(_is_alive, known)):
                for table in ("entries", "sums", "earlier", "users"):
                    books.execute(f"DELETE FROM {table}")  # noqa: S608 - one of four words
            # A pool's workers come and go; what they share lasts as long as the process that started them.
            parent = parent_process()
            for pid in (os.getpid(), parent.pid if parent is not None else None):
                if pid is not None:
                    books.execute("INSERT OR IGNORE INTO users VALUES (?)", (pid,))


_COLUMNS: Final = ("key", "origin", "id", "day", "sandbox", "reserved", "priced", "paid", "settled")


def _find(books: sqlite3.Connection, where: str, values: tuple[str, ...]) -> dict[str, Any] | None:
    query = f"SELECT {', '.join(_COLUMNS)} FROM entries WHERE {where}"  # noqa: S608 - words of this module
    found = books.execute(query, values).fetchone()
    return None if found is None else dict(zip(_COLUMNS, found, strict=True))


def _save(books: sqlite3.Connection, row: dict[str, Any]) -> None:
    values = [row[name] for name in _COLUMNS]
    books.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


def _count(books: sqlite3.Connection, row: dict[str, Any], sign: int) -> None:
    """Add an entry to the sums of its day, or take it out of them."""
    key = (row["sandbox"], row["day"])
    query = "SELECT spent, reserved, estimated, unpriced FROM sums WHERE sandbox = ? AND day = ?"
    found = books.execute(query, key).fetchone()
    known = Balance() if found is None else _read(found)
    # Not `+`, which rounds to the decimal precision of the thread that happens to call.
    add = EXACT.add if sign > 0 else EXACT.subtract
    if row["paid"] is not None:
        now = replace(known, spent=add(known.spent, Decimal(row["paid"])))
    else:
        reserved = Decimal(row["reserved"])
        now = Balance(
            known.spent,
            add(known.reserved, reserved),
            add(known.estimated, reserved) if row["settled"] else known.estimated,
            known.unpriced + (0 if row["priced"] else sign),
        )
    sums = (*key, str(now.spent), str(now.reserved), str(now.estimated), now.unpriced)
    books.execute("INSERT OR REPLACE INTO sums VALUES (?, ?, ?, ?, ?, ?)", sums)


def _read(row: Sequence[Any]) -> Balance:
    return Balance(Decimal(row[0]), Decimal(row[1]), Decimal(row[2]), row[3])


def _balance(books: sqlite3.Connection, sandbox: bool, day: date | None) -> Balance:
    only = None if day is None else day.isoformat()
    query = (
        "SELECT spent, reserved, estimated, unpriced FROM sums WHERE sandbox = ? AND (? IS NULL OR day = ?)"
    )
    sums = books.execute(query, (int(sandbox), only, only)).fetchall()
    earlier = books.execute("SELECT spent FROM earlier WHERE sandbox = ? AND day = ?", (int(sandbox), only))
    return Balance(
        added(map(Decimal, [*(row[0] for row in sums), *(spent for (spent,) in earlier)])),
        added(Decimal(row[1]) for row in sums),
        added(Decimal(row[2]) for row in sums),
        sum(row[3] for row in sums),
    )


def discard(file: Path, made_by: int) -> None:
    if made_by == os.getpid():
        file.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":
        import ctypes

        # PROCESS_QUERY_LIMITED_INFORMATION. `os.kill` would end the process here, whatever the signal.
        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
