"""One SQLite file that threads and processes share without a lock error.

One connection per process and object, guarded by a lock; between processes WAL and a busy timeout do
the rest. Every write begins IMMEDIATE, so no transaction ever has to be upgraded, which is where
"database is locked" comes from. A forked child opens a connection of its own.

A damaged file is never mended in place: it is set aside under another name and made anew; in memory, where
nothing can be written.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import struct
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from ..exceptions import SkytellsError, warn_user

T = TypeVar("T")

_PATIENCE: Final = 30.0
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_inherited: Final[list[sqlite3.Connection]] = []


class DamagedIndexError(sqlite3.DatabaseError):
    """The file is sound to SQLite, and yet not the index it should be: a table or a column is gone."""


@dataclass(eq=False, repr=False)
class Database:
    """A small SQLite database with a schema version, opened when it is first needed.

    Its folder is made with the first write. ``version`` is kept in ``user_version``: a file with a higher one
    is refused untouched. Within a transaction ``create`` fills a new file, and ``upgrade`` brings one of a
    lower version up; where that fails, the file is set aside and made anew. ``check`` is called with each
    connection that is opened, and raises `DamagedIndexError` where something is missing. ``expected`` says
    whether a missing file is a loss, to be made good by ``create`` even for a read. ``vfs`` is SQLite's own
    word for how it reaches the file system.

    Other packages may keep tables of their own here (``CREATE TABLE IF NOT EXISTS``), with a prefix to their
    names. After damage the file is made anew by ``create``, so those tables start empty.
    """

    path: Path
    version: int = 1
    create: Callable[[sqlite3.Connection], object] = lambda _db: None
    upgrade: Callable[[sqlite3.Connection, int], object] = lambda _db, _version: None
    check: Callable[[sqlite3.Connection], object] = lambda _db: None
    expected: Callable[[], bool] = lambda: False
    vfs: str | None = None
    readonly: bool = False
    _is_useless: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _pid: int = field(default_factory=os.getpid)
    _connection: sqlite3.Connection | None = None
    _finalizer: weakref.finalize[..., Database] | None = None
    _identity: tuple[int, int] | None = None

    def writing(self, function: Callable[[sqlite3.Connection], T], patience: float = _PATIENCE) -> T:
        """Call a function within one write transaction, once more after the file was damaged.

        It is committed at the end, and rolled back on any error. ``patience`` is how many seconds to wait
        for another program that holds the lock.
        """
        return self._run(True, function, patience)

    def reading(
        self, function: Callable[[sqlite3.Connection], T], missing: T, patience: float = _PATIENCE
    ) -> T:
        """Call a function with one consistent view; ``missing`` is the answer where there is no file."""
        return self._run(False, function, patience) if self.exists() else missing

    def exists(self) -> bool:
        """Whether there is a file, or was one that can be made good."""
        return self.path.exists() or self.expected()

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        with self._held():
            if self._finalizer is not None:
                self._finalizer()
            self._finalizer = self._connection = self._identity = None

    def _run(self, for_writing: bool, function: Callable[[sqlite3.Connection], T], patience: float) -> T:
        seen = self._identity_on_disk()
        try:
            try:
                return self._transaction(for_writing, function, patience)
            except sqlite3.DatabaseError as error:
                if "decode to UTF-8" in str(error) and self._connection is not None:
                    self._connection.text_factory = _text  # only now: it takes a second for 100,000 rows
                elif self._is_damage(error):
                    self._set_aside(seen)
                else:
                    raise
            return self._transaction(for_writing, function, patience)
        except (sqlite3.Error, OSError) as error:
            raise archive_error(error, self.path.parent) from error

    def _transaction(
        self, for_writing: bool, function: Callable[[sqlite3.Connection], T], patience: float
    ) -> T:
        with self._held(patience):
            connection = self._open(for_writing, patience)
            if for_writing and self.readonly:
                raise PermissionError(errno.EROFS, "the index is read-only")
            connection.execute(f"PRAGMA busy_timeout={int(patience * 1000):d}")
            # IMMEDIATE takes the lock at once. A read that becomes a write fails with
            # SQLITE_BUSY where another program wrote in between, and no timeout helps that.
            connection.execute("BEGIN IMMEDIATE" if for_writing else "BEGIN")
            with _ending(connection):
                return function(connection)

    @contextmanager
    def _held(self, patience: float = -1) -> Iterator[None]:
        if self._pid != os.getpid():  # a fork: its parent's lock and connection are not ours to touch
            self._lock, self._pid = threading.RLock(), os.getpid()
            # Nor may a child close what its parent opened, not even by forgetting it
            # (https://www.sqlite.org/howtocorrupt.html, section 2.6).
            if self._connection is not None:
                _inherited.append(self._connection)
            if self._finalizer is not None:
                self._finalizer.detach()
            self._connection = self._finalizer = None
        lock = self._lock
        if not lock.acquire(timeout=patience):
            busy = sqlite3.OperationalError("another thread waits for the index")
            busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise busy
        try:
            yield
        finally:
            lock.release()

    def _is_damage(self, error: sqlite3.Error) -> bool:
        if isinstance(error, DamagedIndexError) or _primary(error) in (
            sqlite3.SQLITE_CORRUPT,
            sqlite3.SQLITE_NOTADB,
        ):
            return True
        if str(error) == "constraint failed":  # of the full text's own tables; all others are named
            return True
        with self._held():
            if _primary(error) != sqlite3.SQLITE_ERROR or self._connection is None:
                return False
            try:  # "no such table": the file may have lost it while it was open
                self.check(self._connection)
            except DamagedIndexError:
                return True
            return False

    def _identity_on_disk(self) -> tuple[int, int] | None:
        with suppress(OSError):
            found = os.stat(self.path)
            return (found.st_dev, found.st_ino)
        return None

    def _set_aside(self, seen: tuple[int, int] | None) -> None:
        with self._held():
            damaged = self._identity or seen
            self.close()
            if damaged != self._identity_on_disk():
                return  # another process has set it aside already
            name = f"{self.path.stem}-damaged-{time.strftime('%Y%m%d-%H%M%S')}"
            target = self.path.with_name(name + self.path.suffix)
            while target.exists():  # twice within a second; this name sorts behind it
                target = target.with_name(f"{target.stem}_again{target.suffix}")
            try:
                os.replace(self.path, target)
            except OSError as error:
                if error.errno not in _FORBIDDEN:
                    raise
                self._is_useless = True
                return
            for suffix in ("-wal", "-shm"):
                with suppress(FileNotFoundError):
                    os.replace(f"{self.path}{suffix}", f"{target}{suffix}")
        warn_user(
            f"The archive's index {self.path} was damaged. No output is lost: it was set aside as "
            f"{target.name}, and an index is made anew from the JSON files beside the outputs."
        )

    def _open(self, for_writing: bool, patience: float) -> sqlite3.Connection:
        if self._connection is not None:
            on_disk = self._identity_on_disk()
            if self._identity == on_disk or (on_disk is None and not for_writing):
                return self._connection
            self.close()  # the file was deleted or replaced under us
        self._refuse_newer()
        self._refuse_cut()
        if for_writing or not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = self._in_memory() if self._is_useless else self._prepared(patience)
            self.readonly = self._is_useless
        except sqlite3.OperationalError as error:
            shut = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)
            if _primary(error) not in shut or (for_writing and not self.path.exists()):
                raise
            connection = self._for_reading(error)
            self.readonly = True
        self._connection = connection
        self._identity = self._identity_on_disk()
        self._finalizer = weakref.finalize(self, _close, connection, os.getpid())
        return connection

    def _refuse_newer(self) -> None:
        """Look into the header before SQLite does, which would begin a journal beside the file."""
        with suppress(FileNotFoundError), open(self.path, "rb") as file:
            head = file.read(64)
            if head.startswith(b"SQLite format 3\x00") and len(head) == 64:
                self._refuse(struct.unpack(">i", head[60:64])[0])

    def _refuse_cut(self) -> None:
        """Know a file that was cut to nothing while it was in use: SQLite waits for who had it open."""
        with suppress(FileNotFoundError):
            if self.path.stat().st_size == 0 and os.path.exists(f"{self.path}-shm"):
                raise DamagedIndexError("the index was cut to nothing")

    def _refuse(self, version: int) -> None:
        if version > self.version:
            raise SkytellsError(
                f"The archive index {self.path} was written by a newer version of skytells-nb (format "
                f"{version}; this version reads format {self.version}), and was left as it is. Upgrade with "
                "`pip install -U skytells-nb`, or choose another folder with Archive(path)."
            )

    def _connect(self, mode: str) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?{mode}" + (f"&vfs={self.vfs}" if self.vfs else "")
        # Any thread may use it, one at a time: whoever holds the lock.
        return sqlite3.connect(
            uri, uri=True, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )

    def _prepared(self, patience: float) -> sqlite3.Connection:
        connection = self._connect("mode=rwc")
        deadline = time.monotonic() + patience
        try:
            connection.execute(f"PRAGMA busy_timeout={int(patience * 1000):d}")
            version = _patiently(lambda: connection.execute("PRAGMA user_version").fetchone()[0], deadline)
            self._refuse(version)
            # A frame that reads ten thousand rows does not hold up the prediction that is being recorded.
            _patiently(lambda: connection.execute("PRAGMA journal_mode=WAL").fetchone(), deadline)
            # NORMAL, usual beside WAL, may lose the last commits in a power
            # cut; batches keep in this file what was sent and paid for.
            connection.execute("PRAGMA synchronous=FULL")
            if version != self.version:
                connection.execute("BEGIN IMMEDIATE")
                with _ending(connection):
                    version = connection.execute("PRAGMA user_version").fetchone()[0]
                    self._bring_up(connection, version)
            # SQLite forgets it with each connection, and what belongs to a deleted row would stay.
            connection.execute("PRAGMA foreign_keys=ON")
            self.check(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _bring_up(self, connection: sqlite3.Connection, version: int) -> None:
        """Fill a new file, or change an older one to this version; another process may have done so."""
        if version == self.version:
            return
        self._refuse(version)
        try:
            if version == 0:  # or one that has lost its number, whose tables are there already
                self.create(connection)
            else:
                self.upgrade(connection, version)
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError, ValueError, TypeError) as error:
            raise DamagedIndexError(f"the index cannot be upgraded: {error}") from error
        except sqlite3.OperationalError as error:
            if _primary(error) == sqlite3.SQLITE_ERROR:
                raise DamagedIndexError(f"the index cannot be upgraded: {error}") from error
            raise
        connection.execute(f"PRAGMA user_version={self.version:d}")

    def _for_reading(self, first: sqlite3.Error) -> sqlite3.Connection:
        """Open a file that cannot be written; an older one is upgraded, a missing one made, in memory."""
        if not self.path.exists():
            return self._in_memory()
        # On a read-only file system SQLite cannot make the -shm file
        # that it needs even to read a WAL; immutable does without.
        for mode in ("mode=ro", "mode=ro&immutable=1"):
            with suppress(sqlite3.OperationalError):
                connection = self._connect(mode)
                try:
                    version = connection.execute("PRAGMA user_version").fetchone()[0]
                    if 0 < version < self.version:
                        copy = self._in_memory(connection, version)
                        connection.close()
                        connection = copy
                    self.check(connection)
                except BaseException:
                    connection.close()
                    raise
                return connection
        raise first

    def _in_memory(self, old: sqlite3.Connection | None = None, version: int = 0) -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        if old is not None:
            old.backup(connection)
        self._bring_up(connection, version)
        return connection


@contextmanager
def _ending(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _patiently(function: Callable[[], T], deadline: float) -> T:
    """Try again while the file is locked: SQLite does not wait by itself when it changes the journal."""
    while True:
        try:
            return function()
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _text(data: bytes) -> str | bytes:
    """Read a text that may be damaged: what is none stays bytes, which the row's reader knows for damage."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _close(connection: sqlite3.Connection, pid: int) -> None:
    if pid == os.getpid():
        connection.close()


def _primary(error: BaseException) -> int:
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else 0


def _is_busy(error: BaseException) -> bool:
    return _primary(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_locked(error: BaseException) -> bool:
    """Whether an error means no more than that another program holds the index just now."""
    return _is_busy(error) or (error.__cause__ is not None and _is_busy(error.__cause__))


def archive_error(error: OSError | sqlite3.Error, folder: Path) -> SkytellsError:
    """Turn an error of the disk or of SQLite into one that says what to do."""
    what, remedy = reason_and_remedy(error)
    return SkytellsError(
        f"Cannot write to the archive in {folder}: {what}. Outputs stay at the API for about 5 minutes: "
        f"{remedy}.",
        detail=str(error),
    )


def reason_and_remedy(error: OSError | sqlite3.Error) -> tuple[str, str]:
    """Describe in a few words why a disk or an index cannot be written, and what to do."""
    code = _primary(error)
    number = error.errno if isinstance(error, OSError) else None
    if code == sqlite3.SQLITE_FULL or number in _FULL:
        return "the disk is full", "make room, then call archive.adopt(client)"
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM) or number in _FORBIDDEN:
        return "it is read-only", "choose another folder with Archive(path), then call adopt(client) on it"
    if _is_busy(error):
        return "another program keeps its index locked", "close that program, then call adopt(client)"
    if code == sqlite3.SQLITE_CANTOPEN:
        return "its index cannot be opened", "check that the folder may be written to, or choose another"
    words = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return words, "check the folder, or choose another with Archive(path), then call adopt(client)"
