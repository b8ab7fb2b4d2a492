"""An archive that several machines share: a place for files, and a folder on this machine in front of it.

The folder is an archive of its own, with an index, so everything works as it does there. What is kept is
written here first and sent then, an output before the JSON that speaks of it: who sees a JSON there finds its
output, too. What others have sent comes into the index from their JSON. Their outputs are fetched when they
are looked at, and those that were not looked at for longest go when the folder has grown over its cap.

The table ``shared_records`` has the version of each JSON at the place, or one of the words below.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

from .._storage import Listed, Storage, endpoint_of, require_write_once
from ..exceptions import SkytellsError, warn_user
from ..formatting import format_count
from . import _index as index
from . import _reindex as reindex
from ._database import Database
from ._files import SIDECAR, FileStore, is_name, slug

NEW, CHANGED, GONE = "new", "changed", "gone"
"""Still to be sent for the first time, to be sent again, to be deleted."""

SEEN: Final = "seen"
"""There already; what is in it has still to be read."""

KEPT: Final = "kept"
"""No longer there, though nobody removed it, as when a bucket was emptied: what is here of it stays."""

FORMAT: Final = 1
"""The version of what is kept at the place; an archive of a later one is left alone."""

_ABOUT: Final = ".skytells_nb/archive.json"
_PROBE: Final = ".skytells_nb/probe"
_AT_ONCE: Final = 16
_TAKEN_AT_ONCE: Final = 500
_IN_USE: Final = 60 * 10**9
"""Nanoseconds for which whoever asked for a path may still be about to open it."""

_RESTED: Final = 20
"""Everything is listed again after so many times as long as that took; the last two days each time."""

_SCHEMA: Final = (
    """CREATE TABLE shared_records (
        name TEXT PRIMARY KEY, version TEXT NOT NULL,
        prediction INTEGER REFERENCES predictions ON DELETE CASCADE) WITHOUT ROWID""",
    "CREATE INDEX shared_by_prediction ON shared_records (prediction)",
    "CREATE INDEX shared_unsent ON shared_records (version) WHERE version IN ('new', 'changed', 'gone')",
)

if sys.platform == "win32":
    from pathlib import WindowsPath as _PlainPath
else:
    from pathlib import PosixPath as _PlainPath


class CachedPath(_PlainPath):
    """The path of a file that is fetched when it is looked at; paths made from it are plain ones."""

    _fetch: Callable[[], None] | None = None

    @classmethod
    def of(cls, path: Path, fetch: Callable[[], None]) -> CachedPath:
        made = cls(path)
        made._fetch = fetch
        return made

    def __fspath__(self) -> str:
        """Whoever opens it, or asks whether it is there, comes by here: ``open``, Pillow, ``shutil``."""
        if self._fetch is not None:
            with suppress(FileNotFoundError):  # whoever asked finds that out
                self._fetch()
        return str(self)

    def __reduce__(self) -> tuple[type[Path], tuple[str]]:
        return Path, (str(self),)


def folder_for(url: str, endpoint: str | None = None) -> Path:
    """Return the folder on this machine that belongs to a shared archive, whatever the current folder is."""
    if sys.platform == "win32":
        home = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    place = url.rstrip("/")
    mark = sha256(f"{endpoint or endpoint_of(place)}\n{place}".encode("utf-8", "replace")).hexdigest()[:12]
    return Path(home) / "skytells_nb" / "archives" / f"{slug(place.partition('://')[2])}-{mark}"


class SharedFiles(FileStore):
    """The files of a shared archive, as far as they are in a folder on this machine.

    At ``most`` so many bytes of outputs are here that are there, too.
    """

    def __init__(self, root: Path, remote: Storage, most: int) -> None:
        super().__init__(root, UTC)
        self.remote = remote
        self._most = most
        self._room = 0
        self._lock = threading.Lock()
        self._room_lock = threading.Lock()
        self._is_writable = False
        self._listed_at = self._took = 0.0
        self._has_listed = False

    # Files

    def path(self, name: str | None) -> Path | None:
        """Return where a file is, or will be when somebody looks."""
        if name is None or not is_name(name):
            return None
        return CachedPath.of(self._at(name), partial(self.fetch, name))

    def exists(self, name: str | None) -> bool:
        return super().exists(name) or (name is not None and is_name(name) and self.remote.exists(name))

    def fetch(self, name: str) -> None:
        """Bring a file here, with the JSON beside it; FileNotFoundError where it is not there either."""
        path = self._at(name)
        with suppress(OSError):
            found = path.stat()
            os.utime(path, ns=(time.time_ns(), found.st_mtime_ns))
            return
        size = 0
        for each in (name,) if name.endswith(SIDECAR) else (name + SIDECAR, name):
            with self.remote.open(each) as file:
                data = file.read()
            self.place_file(self.write_temporary(data), each)
            size += len(data)
        self.make_room(size)

    def make_room(self, size: int) -> None:
        """Delete those outputs here that were not looked at for longest, and that the place certainly has."""
        with self._room_lock:  # not the other one: this may be called within a transaction, which pulls need
            self._room -= size
            if self._room >= 0:
                return
            here: list[tuple[int, int, str]] = []
            for name in self.names():
                with suppress(OSError):
                    if not name.endswith(SIDECAR):
                        found = self._at(name).stat()
                        here.append((found.st_atime_ns, found.st_size, name))
            amount = sum(size for _, size, _ in here)
            there: dict[str, set[str]] = {}
            for used, size, name in sorted(here):
                # A tenth more than is needed, so that not every file that comes has the folder walked again.
                if amount <= self._most * 0.9 or used > time.time_ns() - _IN_USE:
                    break
                day = name.partition("/")[0]
                if day not in there:
                    there[day] = {entry.name for entry in self.remote.list(day)}
                if {name, name + SIDECAR} <= there[day]:
                    with suppress(OSError):
                        self._at(name).unlink()
                        amount -= size
            self._room = max(self._most - amount, self._most // 100)

    # The index

    def create(self, db: sqlite3.Connection) -> None:
        """Make the tables, and fill them with what is here; the place tells the rest."""
        for statement in (*index.SCHEMA, *_SCHEMA):
            db.execute(statement)
        for name in self.names(SIDECAR):
            rowid = reindex.take_in_file(db, self, name)
            db.execute("INSERT INTO shared_records VALUES (?, ?, ?)", (name, SEEN, rowid))

    @staticmethod
    def note(db: sqlite3.Connection, rowid: int, name: str) -> None:
        """Note, within the transaction that wrote a JSON here, that it is to be sent."""
        db.execute(
            "INSERT INTO shared_records VALUES (?, 'new', ?) ON CONFLICT (name) DO UPDATE SET "
            "version = iif(version IN ('new', 'kept'), 'new', 'changed'), prediction = excluded.prediction",
            (name, rowid),
        )

    @staticmethod
    def note_gone(db: sqlite3.Connection, name: str) -> None:
        """Note, within the transaction that deleted a JSON here, that it is to be deleted there."""
        db.execute("DELETE FROM shared_records WHERE name = ? AND version = ?", (name, NEW))
        db.execute("UPDATE shared_records SET version = ? WHERE name = ?", (GONE, name))

    def check(self) -> None:
        """Make sure, once, that the place can be read, listed and written: before anything is paid for."""
        with self._lock:
            if self._is_writable:
                return
            self._check_format()
            next(self.remote.list(_ABOUT.partition("/")[0]), None)
            about = json.dumps({"skytells_nb_archive": FORMAT}).encode()
            if require_write_once(self.remote, _ABOUT, about):
                self.remote.put(_PROBE, b"", replace=True)
            self._is_writable = True

    def _check_format(self) -> None:
        with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            with self.remote.open(_ABOUT) as file:
                version = int(json.load(file)["skytells_nb_archive"])
            if version > FORMAT:
                raise SkytellsError(
                    f"The archive at {self.remote.place} was written by a newer version of skytells-nb, and "
                    "was left as it is. Upgrade with `pip install -U skytells-nb`.",
                    charged=False,
                )

    # What others have sent

    def pull(self, database: Database) -> None:
        with self._lock:
            if not self._has_listed:
                self._check_format()
            begun = time.monotonic()
            whole = not self._has_listed or begun - self._listed_at > _RESTED * self._took
            today = datetime.now(UTC)
            days = [""] if whole else [f"{today - timedelta(days=each):%Y-%m-%d}" for each in (1, 0)]
            listed = [entry for day in days for entry in self.remote.list(day)]
            self._take_in(database, listed, None if whole else days)
            if whole:
                self._has_listed, self._took, self._listed_at = True, time.monotonic() - begun, begun

    def _take_in(self, database: Database, listed: list[Listed], days: Sequence[str] | None) -> None:
        sizes = {entry.name: entry.size for entry in listed}
        there = {
            name: _version(version, name.removesuffix(SIDECAR) in sizes)
            for name, version, _ in listed
            if name.endswith(SIDECAR) and is_name(name)
        }

        span = (days[0], days[-1] + "0") if days else ("", "a")  # "0" comes after "/"
        query = "SELECT name, version FROM shared_records WHERE name >= ? AND name < ?"
        rows: list[tuple[str, str]] = database.reading(lambda db: db.execute(query, span).fetchall(), [])
        known = dict(rows)
        unread = [
            name
            for name, version in there.items()
            if known.get(name) != version and known.get(name) not in (NEW, CHANGED, GONE)
        ]
        damaged: list[str] = []
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for begin in range(0, len(unread), _TAKEN_AT_ONCE):
                some = unread[begin : begin + _TAKEN_AT_ONCE]
                texts = dict(zip(some, pool.map(self._read, some), strict=True))
                damaged += database.writing(
                    partial(self._take_in_some, texts=texts, there=there, sizes=sizes)
                )
            lost = [name for name in known if name not in there and known[name] not in (NEW, KEPT)]
            removed = pool.map(self.remote.exists, map(_tombstone, lost))
            gone = {name for name, is_gone in zip(lost, removed, strict=True) if is_gone}
        if damaged:  # once, since each version is read once
            warn_user(
                f"{format_count(len(damaged), 'JSON file')} at {self.remote.place} cannot be read, such as "
                f"{damaged[0]}, and what it speaks of is not in this archive's index."
            )
        if lost and (missing := database.writing(lambda db: self._forget(db, lost, gone))):
            warn_user(
                f"{format_count(len(missing), 'JSON file')} of this archive can no longer be found at "
                f"{self.remote.place}, such as {missing[0]}, and nobody removed them with Archive.remove. "
                f"What is of them in {self.root} was kept."
            )

    def _read(self, name: str) -> bytes | None:
        try:
            with self.remote.open(name) as file:
                return file.read(reindex.LARGEST + 1)
        except FileNotFoundError:
            return None  # somebody has removed it since

    def _take_in_some(
        self,
        db: sqlite3.Connection,
        texts: dict[str, bytes | None],
        there: dict[str, str],
        sizes: dict[str, int],
    ) -> list[str]:
        damaged = []
        for name, data in texts.items():
            if data is None:
                continue
            output, record = name.removesuffix(SIDECAR), reindex.parse_record(data)
            if record is None:  # what was known of it before stays
                damaged.append(name)
                keep = "INSERT INTO shared_records VALUES (?, ?, NULL) ON CONFLICT DO UPDATE SET version = ?2"
                db.execute(keep, (name, there[name]))
                continue
            db.execute("DELETE FROM outputs WHERE path = ?", (output,))
            rowid = reindex.take_in(db, name, record, sizes.get(output))
            db.execute("INSERT OR REPLACE INTO shared_records VALUES (?, ?, ?)", (name, there[name], rowid))
            if super().exists(name):  # a copy from when the output was fetched
                self.place_file(self.write_temporary(data), name)
        return damaged

    def _forget(self, db: sqlite3.Connection, lost: list[str], gone: set[str]) -> list[str]:
        """Drop what is no longer at the place, its files only where it was removed; return what was not."""
        missing = []
        for name in lost:
            output = name.removesuffix(SIDECAR)
            version, rowid = db.execute(
                "SELECT version, prediction FROM shared_records WHERE name = ?", (name,)
            ).fetchone() or (GONE, None)
            if name not in gone and version != GONE:
                is_here = super().exists(name)
                if version != SEEN or not is_here:
                    missing.append(name)
                if is_here or super().exists(output):
                    state = NEW if version == SEEN and is_here else KEPT
                    db.execute("UPDATE shared_records SET version = ? WHERE name = ?", (state, name))
                    continue
            db.execute("DELETE FROM shared_records WHERE name = ?", (name,))
            db.execute("DELETE FROM outputs WHERE path = ?", (output,))
            others = "SELECT 1 FROM shared_records WHERE prediction = ?"
            if rowid is not None and db.execute(others, (rowid,)).fetchone() is None:
                index.delete(db, rowid)
            if name in gone:
                for each in (output, name):
                    self.delete(each)
        return missing

    # What is to be sent

    def send(self, database: Database, id: str | None = None, but: Sequence[str] = ()) -> None:
        """Send what the place has not yet, of one prediction or of all but these, which others will send.

        What the place refuses stays here, for the next time, and the error is raised.
        """
        query = (
            "SELECT name, version, "
            "EXISTS (SELECT 1 FROM outputs WHERE path = substr(name, 1, length(name) - 5)) "
            "FROM shared_records WHERE version IN ('new', 'changed', 'gone') "
            "AND (?1 IS NULL OR prediction IN (SELECT rowid FROM predictions WHERE id = ?1)) "
            "AND (prediction IS NULL OR prediction NOT IN (SELECT rowid FROM predictions "
            "WHERE id IN (SELECT value FROM json_each(?2)))) ORDER BY name"
        )
        values = (index.replace_surrogates(id), json.dumps([*map(index.replace_surrogates, but)]))
        pending: list[tuple[str, str, bool]] = database.reading(
            lambda db: db.execute(query, values).fetchall(), []
        )
        for name, state, has_output in pending:
            version = self._send(name, state, has_output)
            if not database.writing(partial(_sent, name=name, state=state, version=version)):
                self.remote.delete(name)  # what took its place was kept while it was sent

    def _send(self, name: str, state: str, has_output: bool) -> str:
        if state == GONE:
            self.remote.delete(name)
            return GONE
        output = self._at(name.removesuffix(SIDECAR))
        if has_output and state == NEW and output.is_file():
            self.remote.put(name.removesuffix(SIDECAR), output)
            self.make_room(output.stat().st_size)
        try:
            data = self._at(name).read_bytes()
        except FileNotFoundError:
            return SEEN
        if state == NEW:
            self.remote.delete(_tombstone(name))  # removed once, and taken over again
        version = self.remote.put(name, data, replace=state == CHANGED)
        return SEEN if version is None else _version(version, has_output)

    def remove(self, names: Sequence[str]) -> None:
        """Delete files at the place, the JSON last: a removal that was cut short can be done again.

        What tells other machines that it was removed, and not lost, is there before anything goes.
        """
        for name in names:
            if name.endswith(SIDECAR):
                self.remote.put(_tombstone(name), name.encode())
        for name in sorted(names, key=lambda name: name.endswith(SIDECAR)):
            self.remote.delete(name)


def _tombstone(name: str) -> str:
    """Return the name of what says that a JSON was removed."""
    return f".skytells_nb/removed-{sha256(name.encode()).hexdigest()[:32]}"


def _version(version: str, has_output: bool) -> str:
    """Return a JSON's version; another one once its output is there, too."""
    return version if has_output else f"{version} alone"


def _sent(db: sqlite3.Connection, *, name: str, state: str, version: str) -> bool:
    """Note what was sent, unless it was changed once more meanwhile; False where it is to be no longer."""
    if version == GONE:
        db.execute("DELETE FROM shared_records WHERE name = ? AND version = ?", (name, GONE))
        return True
    changed = "UPDATE shared_records SET version = ? WHERE name = ? AND version = ?"
    db.execute(changed, (version, name, state))
    return db.execute("SELECT 1 FROM shared_records WHERE name = ?", (name,)).fetchone() is not None
