"""One SQLite file that threads and processes share without a lock error.

One connection per process and object, guarded by a lock; between processes WAL and a patient busy
timeout do the rest. Every write begins IMMEDIATE, so no transaction ever has to be upgraded, which
is where "database is locked" comes from. A forked child opens a connection of its own.
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
from pathlib import Path
from typing import Final, TypeVar

from ..exceptions import SkytellsError
from ..wire.conversation import note
from .troubles import is_damage, newer_index, trouble

__all__ = ["Database"]

T = TypeVar("T")

_PATIENCE: Final = 30.0
_inherited: Final[list[sqlite3.Connection]] = []


class Database:
    """A small SQLite database with a schema version, opened when it is first needed.

    Parameters
    ----------
    path : Path
        The file. Its folder is made with the first write.
    version : int
        The schema version kept in ``user_version``. A file with a higher one is refused untouched.
    create : callable
        Called with a connection, within a transaction, to fill a new file.
    expected : callable
        Says whether a missing file is a loss, to be made good by ``create`` even for a read.
    vfs : str, optional
        SQLite's own word for how it reaches the file system.

    Notes
    -----
    Other rooms may keep tables of their own here (``CREATE TABLE IF NOT EXISTS``), with a prefix to
    their names. After damage the file is made anew by ``create``, so those tables start empty.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     notes = Database(pathlib.Path(folder) / "n.sqlite")
    ...     with notes.write() as db:
    ...         _ = db.execute("CREATE TABLE n (t)")
    ...         _ = db.execute("INSERT INTO n VALUES ('hello')")
    ...     with notes.read() as db:
    ...         print(db.execute("SELECT t FROM n").fetchall())
    ...     notes.close()
    [('hello',)]
    """

    def __init__(
        self,
        path: Path,
        *,
        version: int = 1,
        create: Callable[[sqlite3.Connection], object] = lambda _db: None,
        expected: Callable[[], bool] = lambda: False,
        vfs: str | None = None,
    ) -> None:
        self.path = path
        self.version = version
        self.readonly = False
        self._create = create
        self._expected = expected
        self._vfs = vfs
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._connection: sqlite3.Connection | None = None
        self._finalizer: weakref.finalize[..., Database] | None = None
        self._identity: tuple[int, int] | None = None

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Open one write transaction: committed at the end, rolled back on any error.

        Raises
        ------
        SkytellsError
            When the file cannot be written, is of a newer version, or was damaged and set aside.
        """
        with self._repaired_for_next_time(), self._transaction(True) as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Open one consistent view for reading; a file is made where there is none (see `exists`).

        Raises
        ------
        SkytellsError
            When the file cannot be read, is of a newer version, or was damaged and set aside.
        """
        with self._repaired_for_next_time(), self._transaction(False) as connection:
            yield connection

    def writing(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Call a function within one write transaction; once more after damage was repaired."""
        return self._repairing(True, function)

    def reading(self, function: Callable[[sqlite3.Connection], T], missing: T) -> T:
        """Call a function with a view for reading; ``missing`` is the answer where there is no file."""
        return self._repairing(False, function) if self.exists() else missing

    def exists(self) -> bool:
        """Whether there is a file, or was one that can be made good."""
        return self.path.exists() or self._expected()

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        with self._held():
            if self._finalizer is not None:
                self._finalizer()
            self._finalizer = self._connection = self._identity = None

    @contextmanager
    def _held(self) -> Iterator[None]:
        if self._pid != os.getpid():  # a fork: its parent's lock and connection are not ours to touch
            self._lock, self._pid = threading.RLock(), os.getpid()
            if self._connection is not None:
                _inherited.append(self._connection)
            if self._finalizer is not None:
                self._finalizer.detach()
            self._connection = self._finalizer = None
        with self._lock:
            yield

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if is_damage(error):
                raise
            raise trouble(error, self.path.parent) from error

    @contextmanager
    def _transaction(self, for_writing: bool) -> Iterator[sqlite3.Connection]:
        with self._told(), self._held():
            connection = self._open(for_writing)
            if for_writing and self.readonly:
                raise PermissionError(errno.EROFS, "the index is read-only")
            connection.execute("BEGIN IMMEDIATE" if for_writing else "BEGIN")
            with _ending(connection):
                yield connection

    def _repairing(self, for_writing: bool, function: Callable[[sqlite3.Connection], T]) -> T:
        seen = self._identity_on_disk()
        try:
            with self._transaction(for_writing) as connection:
                return function(connection)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._set_aside(seen)
        with self._transaction(for_writing) as connection:
            return function(connection)

    @contextmanager
    def _repaired_for_next_time(self) -> Iterator[None]:
        seen = self._identity_on_disk()
        try:
            yield
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._set_aside(seen)
            raise SkytellsError(
                f"The index {self.path} was damaged. No output is lost: it was set aside and is made anew "
                "from the JSON files. Do again what you were doing."
            ) from error

    def _identity_on_disk(self) -> tuple[int, int] | None:
        with suppress(OSError):
            found = os.stat(self.path)
            return (found.st_dev, found.st_ino)
        return None

    def _set_aside(self, seen: tuple[int, int] | None) -> None:
        with self._told(), self._held():
            damaged, readonly = self._identity or seen, self.readonly
            self.close()
            if damaged != self._identity_on_disk():
                return  # another process has set it aside already
            if readonly:
                raise PermissionError(errno.EROFS, "the index is damaged and cannot be set aside")
            target = self._renamed()
        note(
            f"The archive's index {self.path} was damaged. No output is lost: it was set aside as "
            f"{target.name}, and an index is made anew from the JSON files beside the outputs."
        )

    def _renamed(self) -> Path:
        name = f"{self.path.stem}-damaged-{time.strftime('%Y%m%d-%H%M%S')}"
        target = self.path.with_name(name + self.path.suffix)
        while target.exists():  # twice within a second; this name sorts behind it
            target = target.with_name(f"{target.stem}_again{target.suffix}")
        os.replace(self.path, target)
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.replace(f"{self.path}{suffix}", f"{target}{suffix}")
        return target

    def _open(self, for_writing: bool) -> sqlite3.Connection:
        if self._connection is not None:
            on_disk = self._identity_on_disk()
            if self._identity == on_disk or (on_disk is None and not for_writing):
                return self._connection
            self.close()  # the file was deleted or replaced under us
        self._refuse_newer()
        if for_writing or not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = self._prepared()
            self.readonly = False
        except sqlite3.OperationalError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            shut = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)
            if code not in shut or not self.path.exists():
                raise
            connection = self._for_reading(error)
            self.readonly = True
        self._connection = connection
        self._identity = self._identity_on_disk()
        self._finalizer = weakref.finalize(self, _close, connection, os.getpid())
        return connection

    def _refuse_newer(self) -> None:
        with suppress(FileNotFoundError), open(self.path, "rb") as file:
            head = file.read(64)
            if head.startswith(b"SQLite format 3\x00") and len(head) == 64:
                found = struct.unpack(">i", head[60:64])[0]
                if found > self.version:
                    raise newer_index(self.path, found, self.version)

    def _connect(self, mode: str) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?{mode}" + (f"&vfs={self._vfs}" if self._vfs else "")
        return sqlite3.connect(
            uri, uri=True, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )

    def _prepared(self) -> sqlite3.Connection:
        connection = self._connect("mode=rwc")
        try:
            version = _patiently(lambda: connection.execute("PRAGMA user_version").fetchone()[0])
            if version > self.version:
                raise newer_index(self.path, version, self.version)
            _patiently(lambda: connection.execute("PRAGMA journal_mode=WAL").fetchone())
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            if version == 0:
                connection.execute("BEGIN IMMEDIATE")
                with _ending(connection):
                    if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                        self._create(connection)
                        connection.execute(f"PRAGMA user_version={self.version:d}")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection

    def _for_reading(self, first: sqlite3.Error) -> sqlite3.Connection:
        for mode in ("mode=ro", "mode=ro&immutable=1"):
            with suppress(sqlite3.OperationalError):
                connection = self._connect(mode)
                try:
                    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                except BaseException:
                    connection.close()
                    raise
                return connection
        raise first


@contextmanager
def _ending(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _patiently(function: Callable[[], T]) -> T:
    """Try again while the file is locked: SQLite does not wait by itself when it changes the journal."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return function()
        except sqlite3.OperationalError as error:
            busy = getattr(error, "sqlite_errorcode", 0) & 0xFF in (
                sqlite3.SQLITE_BUSY,
                sqlite3.SQLITE_LOCKED,
            )
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _close(connection: sqlite3.Connection, pid: int) -> None:
    if pid == os.getpid():
        connection.close()
