"""The PostgreSQL of a shared journal, which may be restarted while a batch runs; its tables and statements.

A connection that breaks during a commit leaves open whether it was done. So every transaction is known by
its number, and PostgreSQL is asked what became of it before it is done again.

Statements that take arrays write many items at once. ``MATERIALIZED`` in a claim is meant: under a plan that
loops, a ``LIMIT`` in a subquery took every row there was. An item has one place, and one index of it: each
step changes columns that indexes are about, and so writes every index anew. That an item is there once is
seen to when it is listed, under the lock of its batch.
"""

from __future__ import annotations

import re
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
        if not isinstance(value, str):
            raise expected("journal", form, type(value).__name__)
        url = re.sub(r"^postgres(ql)?(\+\w+)?(?=:)", "postgresql", value.strip())  # also as SQLAlchemy has it
        try:
            is_url = urlsplit(url).scheme == "postgresql" and (urlsplit(url).port or True)
        except ValueError:  # a port that is no number
            is_url = False
        if not is_url:
            raise expected("journal", form, re.sub(r"(?is)^.*@|(?<=password=)\S+", "…", value))
        return cls(url)

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
                            # None of one that has written nothing, and may well be done again.
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
            # Whatever the database's default is: what waits for a lock must see then what others wrote.
            db.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            if _value(db, "SELECT pg_backend_pid()") != db.info.backend_pid:
                # A pooler such as PgBouncer, which may give each transaction another of its sessions: what
                # one has prepared, another lacks, or has something else of that name.
                db.prepare_threshold = None
            if self._holds:
                db.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
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


# Tables and statements, and how those of another version are met

VERSION: Final = 1

# An item is written anew some four times (claimed, sent, running, ended): there is
# room for it on its page, and what it was before is cleared away early.
_TABLES: Final = """
    CREATE TABLE jobs_batches (
        n BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, origin TEXT NOT NULL, account TEXT NOT NULL,
        name TEXT NOT NULL, model TEXT NOT NULL, sandbox BOOLEAN NOT NULL, total BIGINT NOT NULL DEFAULT 0,
        started TIMESTAMPTZ NOT NULL DEFAULT now(), stops BIGINT NOT NULL DEFAULT 0, stopped_by TEXT,
        budget NUMERIC, paid NUMERIC NOT NULL DEFAULT 0, reserved NUMERIC NOT NULL DEFAULT 0,
        UNIQUE (origin, account, name));
    CREATE TABLE jobs_items (
        batch BIGINT NOT NULL REFERENCES jobs_batches (n) ON DELETE CASCADE, position BIGINT NOT NULL,
        digest BYTEA NOT NULL, number INT NOT NULL, state TEXT NOT NULL DEFAULT 'waiting', id TEXT,
        since BIGINT, reserved NUMERIC, cost NUMERIC, error TEXT, worker TEXT, until TIMESTAMPTZ,
        input TEXT NOT NULL, PRIMARY KEY (batch, position))
        WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
    CREATE INDEX jobs_items_by_id ON jobs_items (id) WHERE id IS NOT NULL;
    CREATE INDEX jobs_items_waiting ON jobs_items (batch, position) WHERE state = 'waiting';
    CREATE INDEX jobs_items_leased ON jobs_items (batch, state, until)
        WHERE state IN ('claimed', 'sent', 'running', 'uncertain');
    CREATE TABLE jobs_journal (version INT NOT NULL);
"""

_LEASE: Final = "now() + %(lease)s * interval '1 s'"
_OF_IT: Final = "i.batch = %(batch)s AND i.position = v.position"
_COLUMNS: Final = "i.position, i.digest, i.number, i.input, c.state, i.id, i.since, i.cost, i.error"
_MINE: Final = "batch = %(batch)s AND worker = %(worker)s"


def _given(**types: str) -> str:
    """Return the items that a statement is about, as a table ``v`` of them and more columns."""
    columns = "".join(f", %({name})s::{kind}[]" for name, kind in types.items())
    names = "".join(f", {name}" for name in types)
    return f"unnest(%(position)s::bigint[]{columns}) AS v (position{names})"


def _with_sums(change: str, sums: str) -> str:
    """Return a statement that changes items, and adds what came of it to the batch's sums."""
    return f"""WITH u AS ({change})
        UPDATE jobs_batches SET {sums} WHERE n = %(batch)s AND EXISTS (SELECT FROM u)"""


_RESERVED: Final = (
    "reserved = jobs_batches.reserved {sign} coalesce((SELECT sum(reserved) FROM u {where}), 0)"
)
_PAID: Final = "paid = paid + coalesce((SELECT sum(cost) FROM u), 0)"

STATEMENTS: Final[dict[str, str]] = {
    # opening
    "begin": """INSERT INTO jobs_batches (origin, account, name, model, sandbox)
        VALUES (%(origin)s, %(account)s, %(name)s, %(model)s, %(sandbox)s) ON CONFLICT DO NOTHING""",
    "find": """SELECT n, model, total, now(), stops, budget FROM jobs_batches
        WHERE origin = %(origin)s AND account = %(account)s AND name = %(name)s FOR UPDATE""",
    "others": """SELECT origin, account FROM jobs_batches WHERE name = %(name)s
        AND NOT (origin = %(origin)s AND account = %(account)s) ORDER BY n DESC""",
    "names": """SELECT name FROM jobs_batches WHERE origin = %(origin)s AND account = %(account)s
        ORDER BY n DESC""",
    "given": """CREATE TEMP TABLE jobs_given (place BIGINT, digest BYTEA, number INT, input TEXT)
        ON COMMIT DROP""",
    "list": """WITH added AS (
            INSERT INTO jobs_items (batch, digest, number, position, input)
            SELECT %(batch)s, digest, number, %(total)s + row_number() OVER (ORDER BY place) - 1, input
            FROM jobs_given g WHERE NOT EXISTS (SELECT FROM jobs_items i
                WHERE i.batch = %(batch)s AND i.digest = g.digest AND i.number = g.number)
            RETURNING 1)
        UPDATE jobs_batches SET total = total + (SELECT count(*) FROM added) WHERE n = %(batch)s
        RETURNING total""",
    "analyze": "ANALYZE jobs_items",  # else a planner that has counted nothing reads all of them for a few
    "places": """SELECT i.position FROM jobs_given g JOIN jobs_items i
        ON i.batch = %(batch)s AND i.digest = g.digest AND i.number = g.number ORDER BY g.place""",
    "place": """SELECT position FROM jobs_items
        WHERE batch = %(batch)s AND digest = %(digest)s AND number = %(number)s""",
    "renew_waiting": """UPDATE jobs_items SET state = 'waiting', id = NULL, error = NULL, worker = NULL,
        until = NULL WHERE batch = %(batch)s
        AND (state = 'canceled' OR (state = 'failed' AND %(retry_failed)s))""",
    "set_budget": "UPDATE jobs_batches SET budget = %(budget)s WHERE n = %(batch)s",
    # what is to be done
    "take_over": f"""WITH c AS MATERIALIZED (
            SELECT batch, position, state, until FROM jobs_items WHERE batch = %(batch)s
            AND ((state IN ('claimed', 'sent', 'running') AND until < now())
                OR (state = 'uncertain' AND until < %(begun)s))
            ORDER BY position LIMIT %(most)s FOR UPDATE SKIP LOCKED)
        UPDATE jobs_items i SET worker = %(worker)s, until = {_LEASE},
            state = CASE c.state WHEN 'uncertain' THEN 'sent' ELSE c.state END
        FROM c WHERE (i.batch, i.position) = (c.batch, c.position)
        RETURNING {_COLUMNS}, c.until""",
    "claim": f"""WITH c AS MATERIALIZED (
            SELECT batch, position, state FROM jobs_items WHERE batch = %(batch)s AND state = 'waiting'
            ORDER BY position LIMIT %(most)s FOR UPDATE SKIP LOCKED)
        UPDATE jobs_items i SET state = 'claimed', worker = %(worker)s, until = {_LEASE}
        FROM c WHERE (i.batch, i.position) = (c.batch, c.position)
        RETURNING {_COLUMNS}""",
    "open": """SELECT EXISTS (SELECT FROM jobs_items WHERE batch = %(batch)s AND state = 'waiting')
        OR EXISTS (SELECT FROM jobs_items
            WHERE batch = %(batch)s AND state IN ('claimed', 'sent', 'running'))
        FROM jobs_batches WHERE n = %(batch)s""",
    "report": """SELECT position, digest, number, input, state, id, since, cost, error FROM (
            SELECT *, sum(octet_length(input)) OVER (ORDER BY position) - octet_length(input) AS before
            FROM jobs_items WHERE batch = %(batch)s AND position > %(after)s
            ORDER BY position LIMIT %(most)s) i
        WHERE before <= %(heavy)s ORDER BY position""",
    "ids": """SELECT i.id FROM jobs_items i JOIN jobs_batches b ON b.n = i.batch
        WHERE b.origin = %(origin)s AND b.account = %(account)s AND i.id IS NOT NULL
        AND (i.since >= %(since)s OR i.since IS NULL) AND (NOT %(own)s OR b.n = %(batch)s)""",
    # what becomes of an item
    "share": "SELECT budget IS NOT NULL FROM jobs_batches WHERE n = %(batch)s FOR KEY SHARE",
    "lock": "SELECT budget, paid, reserved FROM jobs_batches WHERE n = %(batch)s FOR UPDATE",
    "sent": f"""WITH u AS (
            UPDATE jobs_items i SET state = 'sent', since = v.since, reserved = v.reserved, id = NULL,
                cost = NULL, error = NULL, until = {_LEASE}
            FROM {_given(since="bigint", reserved="numeric")}
            WHERE {_OF_IT} AND worker = %(worker)s AND state = 'claimed' AND until > now()
            RETURNING i.position, i.reserved),
        s AS (UPDATE jobs_batches SET {_RESERVED.format(sign="+", where="")}
            WHERE n = %(batch)s AND budget IS NOT NULL AND EXISTS (SELECT FROM u))
        SELECT position FROM u""",
    "withdrawn": _with_sums(
        f"""UPDATE jobs_items i SET state = 'claimed', since = NULL
            FROM {_given()}
            WHERE {_OF_IT} AND i.worker = %(worker)s AND i.state = 'sent' AND i.id IS NULL
            RETURNING i.reserved""",
        _RESERVED.format(sign="-", where=""),
    ),
    # What was canceled is given back to the budget; what is in doubt may have been billed, and is not.
    "again": _with_sums(
        f"""UPDATE jobs_items i SET state = 'claimed', id = NULL, since = NULL
            FROM {_given()} JOIN jobs_items o ON o.batch = %(batch)s AND o.position = v.position
            WHERE {_OF_IT} AND i.worker = %(worker)s AND i.state IN ('sent', 'running')
            RETURNING i.reserved, o.id""",
        _RESERVED.format(sign="-", where="WHERE id IS NOT NULL"),
    ),
    "reused": f"""UPDATE jobs_items i SET state = 'succeeded', id = v.id, cost = 0, error = NULL,
            worker = NULL, until = NULL
        FROM {_given(id="text")} WHERE {_OF_IT} AND i.worker = %(worker)s AND i.state = 'claimed'
        AND NOT EXISTS (SELECT FROM jobs_items o WHERE o.id = v.id AND o.batch = %(batch)s)
        RETURNING i.position""",
    "found": f"""UPDATE jobs_items i SET state = 'running', id = v.id, until = {_LEASE}
        FROM {_given(id="text")}
        WHERE {_OF_IT} AND i.worker = %(worker)s AND i.state = 'sent' AND i.id IS NULL
        AND NOT EXISTS (SELECT FROM jobs_items o JOIN jobs_batches b ON b.n = o.batch
            WHERE o.id = v.id AND b.origin = %(origin)s AND b.account = %(account)s)
        RETURNING i.position""",
    # An id of a create's own answer is written whatever has become of the lease.
    "running": f"""UPDATE jobs_items i SET state = 'sent', id = NULL, cost = NULL, worker = NULL,
            until = now()
        FROM {_given(id="text")} WHERE i.id = v.id AND NOT ({_OF_IT})
        AND i.batch IN (SELECT n FROM jobs_batches WHERE origin = %(origin)s AND account = %(account)s)""",
    "own": f"""UPDATE jobs_items i SET state = 'running', id = v.id, error = NULL, worker = %(worker)s,
            until = {_LEASE}
        FROM {_given(id="text")}
        WHERE {_OF_IT} AND i.state IN ('waiting', 'claimed', 'sent', 'running', 'uncertain')""",
    "ended": _with_sums(
        f"""UPDATE jobs_items i SET state = v.state, cost = v.cost, error = v.error, worker = NULL,
                until = NULL
            FROM {_given(state="text", id="text", cost="numeric", error="text")}
            WHERE {_OF_IT} AND i.state = 'running' AND i.id = v.id
            RETURNING i.reserved, i.cost""",
        f"{_PAID}, {_RESERVED.format(sign='-', where='WHERE cost IS NOT NULL')}",
    ),
    "settled": f"""UPDATE jobs_items i SET state = v.state, error = v.error, worker = NULL, until = now()
        FROM {_given(state="text", error="text")}
        WHERE {_OF_IT} AND i.worker = %(worker)s AND i.state IN ('claimed', 'sent', 'running')""",
    # what becomes of the whole
    "renew": f"""UPDATE jobs_items SET until = {_LEASE}
        WHERE {_MINE} AND state IN ('claimed', 'sent', 'running') AND until > now()""",
    "count": """SELECT count(*) FILTER (WHERE state IN ('succeeded', 'failed', 'canceled', 'uncertain')),
            count(*) FILTER (WHERE state IN ('failed', 'uncertain')),
            count(*) FILTER (WHERE state = 'canceled') FROM jobs_items WHERE batch = %(batch)s""",
    "stops": "SELECT stops, stopped_by FROM jobs_batches WHERE n = %(batch)s",
    "stop": "UPDATE jobs_batches SET stops = stops + 1, stopped_by = %(by)s WHERE n = %(batch)s",
    "hand_back": f"""UPDATE jobs_items SET state = 'waiting', worker = NULL, until = NULL
        WHERE {_MINE} AND state = 'claimed'""",
    "release": f"""UPDATE jobs_items SET worker = NULL, until = now(),
            state = CASE state WHEN 'claimed' THEN 'waiting' ELSE state END
        WHERE {_MINE} AND state IN ('claimed', 'sent', 'running')""",
    "overview": """SELECT b.n, b.name, b.model, b.origin, b.total, b.started, b.sandbox, i.state,
            i.until > now() AND i.state = 'sent' AS leased, i.cost, count(i.state)
        FROM jobs_batches b LEFT JOIN jobs_items i ON i.batch = b.n
        GROUP BY b.n, i.state, leased, i.cost ORDER BY b.started DESC, b.n DESC""",
}


def require_tables(db: Database) -> None:
    """Create the tables where there are none; refuse those of another version."""
    if _version(db) is None:
        db.execute("SELECT pg_advisory_xact_lock(hashtextextended('skytells_nb jobs', 0))")
        if _version(db) is None:  # nobody has made them meanwhile
            db.execute(_TABLES)
            db.execute("INSERT INTO jobs_journal VALUES (%s)", (VERSION,))
    version = _version(db)
    if version is not None and version > VERSION:
        raise SkytellsError(
            f"This journal was written by a newer version of skytells-nb (format {version}; this version "
            f"reads format {VERSION}), and was left as it is. Upgrade with `pip install -U skytells-nb`.",
            charged=False,
            effect="Nothing was sent.",
        )
    if version != VERSION:
        raise SkytellsError(
            f"This journal is of format {version}, which this version of skytells-nb cannot read (it reads "
            f"format {VERSION}), and was left as it is. Use another database or schema.",
            charged=False,
            effect="Nothing was sent.",
        )


def read_overview(address: Address) -> list[tuple[Any, ...]]:
    """Read how far every batch of a journal is; nothing is made where there is none."""
    database = Postgres(address)

    def read(db: Database) -> list[tuple[Any, ...]]:
        if _version(db) is None:
            return []
        require_tables(db)
        return db.execute(STATEMENTS["overview"]).fetchall()

    try:
        return database.run(read, patient=False)
    finally:
        database.close()


def _version(db: Database) -> int | None:
    # a look into the catalogue itself: to_regclass remembers that there was none
    query = "SELECT FROM pg_class WHERE relname = 'jobs_journal' AND pg_table_is_visible(oid)"
    if not db.execute(query).fetchall():
        return None
    row = db.execute("SELECT version FROM jobs_journal").fetchone()
    return 0 if row is None else int(row[0])
