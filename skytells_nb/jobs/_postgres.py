"""A PostgreSQL that may be restarted while a batch runs: transactions that are done once, and wait for it.

A connection that breaks during a commit leaves open whether it was done. So every transaction is known by
its number, and PostgreSQL is asked what became of it before it is done again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar
from urllib.parse import urlsplit

from ..checks import expected, require_package
from ..exceptions import InvalidInputError, SkytellsError, warn_user

if TYPE_CHECKING:
    import psycopg

Database: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"

T = TypeVar("T")

PATIENCE: Final = 600.0
"""Seconds that a database may be away while a batch runs."""

_WORTH_SAYING: Final = 6
"""Tries after which the user hears of it: some six seconds."""

_LONGEST: Final = 5.0
_SETTINGS: Final = {
    "application_name": "skytells_nb",
    "connect_timeout": 10,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""So that a machine that has vanished is noticed; what the URL says goes first."""

_TRY_AGAIN: Final = ("08", "40", "57P", "53300")
"""Beginnings of SQLSTATEs that pass: connections, deadlocks, a server that shuts down or is full."""


class Address:
    """Where a journal is: a URL that shows its password to nobody, and may be sent to a worker."""

    def __init__(self, url: str) -> None:
        self._url = url

    @classmethod
    def of(cls, value: object) -> Address:
        """Check a user's ``journal=``."""
        if isinstance(value, Address):
            return value
        form = "a URL such as 'postgresql://user@host/database'"
        try:
            if not isinstance(value, str) or urlsplit(value.strip()).scheme not in ("postgresql", "postgres"):
                raise expected("journal", form, value if isinstance(value, str) and "@" not in value else ...)
            urlsplit(value.strip()).port  # noqa: B018 - which refuses what is no number
        except ValueError:
            raise expected("journal", form, ...) from None
        return cls(value.strip())

    def reveal(self) -> str:
        return self._url

    def __str__(self) -> str:
        parts = urlsplit(self._url)
        return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"


class Postgres:
    """One connection, made anew when it breaks. Its methods block; one thread at a time has it.

    With ``holds`` all is done within one transaction, which ends with the connection and keeps its locks.
    """

    def __init__(self, address: Address, *, holds: bool = False) -> None:
        self.address = address
        self._holds = holds
        self._lock = threading.Lock()
        self._connection: Database | None = None
        self._hurried = threading.Event()
        self._until = float("inf")
        self._is_closed = False

    def run(self, function: Callable[[Database], T], *, patient: bool = True) -> T:
        """Call a function within one transaction, which is done once, however often it is tried.

        While the database is away it waits, ten minutes at most, unless it is to be there at once. What is
        raised says that nothing was done.
        """
        psycopg = _psycopg()
        begun, tries, number = time.monotonic(), 0, None
        with self._lock:
            while True:
                try:
                    db = self._connected()
                    if number is None or not _is_committed(db, number):
                        number = None
                        with db.transaction():
                            result = function(db)
                            number = _value(db, "SELECT txid_current_if_assigned()")
                    return result
                except psycopg.Error as error:
                    tries += 1
                    if not (patient and _passes(error) and self._wait(begun, tries, error)):
                        raise self._error(error, patient) from None

    def hurry(self, seconds: float) -> None:
        """Wait no longer than that for a database that is away."""
        self._until = time.monotonic() + seconds
        self._hurried.set()

    def close(self) -> None:
        """Close the connection for good: whoever comes late opens no other."""
        with self._lock:
            self._is_closed = True
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _connected(self) -> Database:
        if self._is_closed:
            raise SkytellsError(f"The journal at {self.address} was closed.", charged=False)
        if self._connection is None or self._connection.closed:
            psycopg = _psycopg()
            url = self.address.reveal()
            try:
                chosen = psycopg.conninfo.conninfo_to_dict(url)
            except psycopg.ProgrammingError as error:
                words = str(error).replace(urlsplit(url).password or "\0", "…").strip()
                raise InvalidInputError(f"journal= is no URL that PostgreSQL takes: {words}.") from None
            settings = {name: value for name, value in _SETTINGS.items() if name not in chosen}
            db: Database = psycopg.connect(url, autocommit=True, **settings)
            if _value(db, "SELECT pg_backend_pid()") != db.info.backend_pid:
                # A pooler such as PgBouncer, which may give each transaction another of its sessions: what
                # one has prepared, another lacks, or has something else of that name.
                db.prepare_threshold = None
            if self._holds:
                db.execute("BEGIN")
            self._connection = db
        return self._connection

    def _wait(self, begun: float, tries: int, error: Exception) -> bool:
        now = time.monotonic()
        if now >= min(begun + PATIENCE, self._until):
            return False
        if tries == _WORTH_SAYING and not self._hurried.is_set():
            warn_user(f"The journal at {self.address} is away ({_words(error)}). The batch waits for it.")
        if self._hurried.is_set():
            time.sleep(0.1)
        else:
            self._hurried.wait(min(_LONGEST, 0.1 * 2.0 ** min(tries, 10)))
        return True

    def _error(self, error: psycopg.Error, patient: bool) -> SkytellsError:
        state = error.sqlstate or "08"
        reached = not state.startswith(("08", "28", "3D", "57P"))
        remedy = next(
            (words for start, words in _REMEDIES.items() if state.startswith(start)), "Check the database."
        )
        if patient and not reached:
            remedy = "When it is there, run the batch again: nothing is paid for twice."
        return SkytellsError(
            f"The journal at {self.address} cannot be {'used' if reached else 'reached'}: {_words(error)}. "
            f"{remedy}",
            detail=str(error).strip(),
            charged=None if patient else False,
        )


_REMEDIES: Final = {
    "08": "Start the database, or correct journal=.",
    "57P": "Start the database, or correct journal=.",
    "28": "Correct the user or the password in journal=.",
    "3D": "Create the database, or correct journal=.",
    "25006": "Name the server that may be written to.",
    "42501": "Let this user create tables in the schema, or read and write those that are there.",
    "42": "Its tables are no journal's: use another database or schema.",
    "53": "Make room for it.",
}


def _passes(error: psycopg.Error) -> bool:
    """Whether it is worth trying again: a connection that broke, a server that starts, a deadlock."""
    if error.sqlstate is None:  # raised by the client, not by the server: the connection is gone
        return isinstance(error, _psycopg().OperationalError | _psycopg().InterfaceError)
    return error.sqlstate.startswith(_TRY_AGAIN)


def _is_committed(db: Database, number: int) -> bool:
    """Whether a transaction was done whose connection broke before that was known."""
    while (status := _value(db, "SELECT txid_status(%s)", number)) == "in progress":
        time.sleep(0.05)
    return bool(status == "committed")


def _value(db: Database, query: str, *values: Any) -> Any:
    row = db.execute(query, values or None).fetchone()
    return None if row is None else row[0]


def _words(error: Exception) -> str:
    """Say in a few words why a database cannot be used; libpq says it at length."""
    lines = [line.strip(" \t-") for line in str(error).splitlines() if line.strip()]
    last = next((line for line in lines if "failed: " in line), lines[0] if lines else type(error).__name__)
    return last.rpartition("failed: ")[2].removeprefix("FATAL:").strip(" .")


def _psycopg() -> Any:
    return require_package("psycopg", "A shared journal", extra="cluster")
