"""The archive's observer: a prediction has ended, so it is written down, and then its outputs are fetched.

The record comes first, since outputs vanish five minutes after the end, and an interrupt may come at any
instant: what is recorded and not fetched is *owed*, and fetched by whoever next sees the prediction.
"""

from __future__ import annotations

import asyncio
import glob
import json
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from ..api import Account, connections
from ..exceptions import SkytellsError, warn_user
from ..filetypes import HEAD, sniff
from ..models import Prediction, lacks_output
from ..schema import UNSET
from . import _index as index
from . import _reindex as reindex
from ._database import Database, archive_error, is_locked, reason_and_remedy
from ._download import KEPT, DownloadResult, download_output, embed_record, form_of
from ._files import SIDECAR, FileStore, file_name
from ._index import Stored
from ._serialize import Rating, input_digest, merge, record_of, sidecar_of
from ._shared import SharedFiles

T = TypeVar("T")
_Known: TypeAlias = "tuple[tuple[Prediction, dict[int, Stored]] | None, Rating | None, bytes | None]"

_AT_ONCE: Final = 4
_PATIENCE_AGAIN: Final = 0.25
_LOCKED_FOR: Final = 30.0
"""Once the index was locked for 5 s, no create waits so long for the next 30 s: its files do not need it."""


@dataclass(slots=True)
class _Todo:
    """What there is to do of a prediction with all that is known: outputs to fetch, records to renew."""

    account: Account
    prediction: Prediction
    files: tuple[Path, ...]
    wanted: list[int]
    outdated: dict[int, Stored]
    changed: bool
    rating: Rating | None
    digest: bytes | None
    is_new: bool
    results: list[DownloadResult] = field(default_factory=list)
    beside: dict[int | None, Path] = field(default_factory=dict)  # records that are about to be kept


@dataclass(slots=True)
class ArchiveWriter:
    """Writes predictions into one folder and its index; every method but the coroutines blocks.

    ``shared`` is the folder, too, where it stands in front of a place that several machines share.
    """

    store: FileStore
    database: Database
    shared: SharedFiles | None = None
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    patience: float = 5.0
    asked: dict[tuple[Account, str], tuple[str, Any]] = field(default_factory=dict)
    _cleared: bool = False
    _is_looked_through: bool = False
    _has_unsent: bool = True  # an earlier process may have left some
    _locked_until: float = 0.0
    _resumed: set[Account] = field(default_factory=set)
    _resuming: set[asyncio.Task[None]] = field(default_factory=set)
    _under_way: set[tuple[Account, str]] = field(default_factory=set)

    async def ended(self, account: Account, prediction: Prediction) -> Prediction:
        """Record a prediction, fetch what is missing of it, and return it with its files."""
        self._under_way.add((account, prediction.id))
        try:
            return await self._ended(account, prediction)
        finally:
            self._under_way.discard((account, prediction.id))
            self.asked.pop((account, prediction.id), None)

    async def _ended(self, account: Account, prediction: Prediction) -> Prediction:
        todo = await asyncio.to_thread(self._guarded, self._look, account, prediction)
        if not todo.changed and not todo.wanted:
            return replace(prediction, files=todo.files)
        results = todo.results
        claim = threading.Lock()  # whoever gets it, this coroutine or the last step, clears up
        try:
            # Recorded first and fetched then: a kernel that dies
            # in between leaves a row that says what is owed.
            if todo.changed and any(form_of(todo.prediction, n) == "url" for n in todo.wanted):
                await asyncio.to_thread(self._guarded, self._keep, todo, threading.Lock())
            free = asyncio.Semaphore(_AT_ONCE)

            async def fetch(position: int) -> None:
                async with free:
                    results.append(
                        await download_output(
                            self.store,
                            account.origin,
                            todo.prediction,
                            position,
                            is_new=todo.is_new,
                            sleep=self.sleep,
                        )
                    )

            async with asyncio.TaskGroup() as group:
                for position in todo.wanted:
                    group.create_task(fetch(position))
            # They came as they were ready; files and rows are in the order of the outputs.
            results.sort(key=lambda result: result.position)
            files = await asyncio.to_thread(self._guarded, self._keep, todo, claim)
        finally:
            if claim.acquire(blocking=False):
                _clear(results)
        await asyncio.to_thread(self.send, prediction.id)
        _warn_of_missing(todo.prediction, results)
        return replace(prediction, files=files)

    async def listed(self, account: Account, predictions: Sequence[Prediction]) -> dict[str, Prediction]:
        """Fetch those outputs of a listing that are recorded and were never fetched, or made by this process.

        Whoever creates without waiting, and lists until all have ended, has them kept, too.
        """
        owed = {each.id for each in await asyncio.to_thread(self._owed, account)}
        own = {id for of, id in self.asked.keys() - self._under_way if of == account}
        owed |= {each.id for each in predictions if each.id in own and not lacks_output(each)}
        wanted = [each for each in predictions if each.done and each.id in owed]
        return {each.id: await self.ended(account, each) for each in wanted}

    def resume(self, account: Account) -> None:
        """Fetch in the background, once for each account, what an earlier process recorded and left."""
        if account in self._resumed:
            return
        self._resumed.add(account)
        task = asyncio.ensure_future(self._fetch_owed(account))
        self._resuming.add(task)
        task.add_done_callback(self._resuming.discard)

    async def _fetch_owed(self, account: Account) -> None:
        with suppress(SkytellsError):  # a note of its own says why; nobody waits for this
            for prediction in await asyncio.to_thread(self._owed, account):
                if (account, prediction.id) not in self._under_way:
                    await self.ended(account, prediction)

    def _owed(self, account: Account) -> list[Prediction]:
        since = datetime.now(UTC) - KEPT

        def read(db: sqlite3.Connection) -> list[Prediction]:
            found = (index.look_up(db, account, identifier) for identifier in index.owed(db, account, since))
            return [each[1] for each in found if each is not None and each[1] is not None]

        return self.database.reading(read, list[Prediction](), self._patience())

    def _guarded(self, function: Callable[..., T], *arguments: Any) -> T:
        try:
            return function(*arguments)
        except OSError as error:
            raise archive_error(error, self.store.root) from error

    # What there is to do

    def _look(self, account: Account, prediction: Prediction) -> _Todo:
        self.index_the_rest()
        found, rating, digest = self._known(account, prediction)
        if asked := self.asked.get((account, prediction.id)):
            digest = input_digest(*asked, defaults_of(account, asked[0])) or digest
        whole = prediction if found is None else merge(found[0], prediction)
        stored = {} if found is None else found[1]
        if prediction.output and whole.output and len(prediction.output) == len(whole.output):
            current = replace(whole, output=prediction.output)  # a signed URL may have been renewed
        else:
            current = whole
        settled = {n for n, each in stored.items() if each.expired or self.store.exists(each.path)}
        wanted = [n for n in range(len(current.output or ())) if n not in settled]
        expected = None if found is None else replace(found[0], files=whole.files, origin=whole.origin)
        renewed = found is not None and record_of(found[0]) != record_of(whole)
        outdated = {n: entry for n, entry in stored.items() if renewed and self.store.exists(entry.path)}
        return _Todo(
            account,
            replace(current, origin=account.origin),
            self._files(stored),
            wanted,
            outdated,
            whole != expected,
            rating,
            digest,
            found is None,
        )

    def _known(self, account: Account, prediction: Prediction) -> _Known:
        """Look a prediction up; while the index is locked, among the files that bear its name."""

        def read(db: sqlite3.Connection) -> _Known:
            found = _look_up(db, account, prediction)
            if found is None:
                return None, None, None
            query = "SELECT input_digest FROM predictions WHERE rowid = ?"
            return found[1:], index.rating_of(db, found[0]), db.execute(query, found[:1]).fetchone()[0]

        nothing: _Known = (None, None, None)
        try:
            return self.database.reading(read, nothing, self._patience())
        except SkytellsError as error:
            if not is_locked(error):
                raise
            self._locked_until = time.monotonic() + _LOCKED_FOR
            stem = self.store.stem(prediction, account.fingerprint)
            positions = range(len(prediction.output or ()))
            left = [self._left_behind(stem, n, account, prediction) for n in positions]
            stored = {each.position: each for each in left if each is not None}
            return ((prediction, stored) if stored else None), None, None

    def _patience(self) -> float:
        return _PATIENCE_AGAIN if time.monotonic() < self._locked_until else self.patience

    def _files(self, stored: dict[int, Stored]) -> tuple[Path, ...]:
        found = [
            stored[position].path for position in sorted(stored) if self.store.exists(stored[position].path)
        ]
        return tuple(path for path in map(self.store.path, found) if path is not None)

    # Writing it down

    def _keep(self, todo: _Todo, claim: threading.Lock) -> tuple[Path, ...]:
        if not claim.acquire(blocking=False):
            return ()  # the coroutine was cancelled before this began
        if not self._cleared:
            self._cleared = True
            self.store.clear_leftovers()
        beside = todo.beside = {}
        try:
            for result in todo.results:
                if result.temporary is not None:
                    self._add_record(todo, result)
            for position, entry in todo.outdated.items():
                beside[position] = self._sidecar(todo, position, entry)
            if not beside and not todo.files:
                beside[None] = self._sidecar(todo, None)
            try:
                return self.database.writing(lambda db: self._committed(todo, db), self._patience())
            except SkytellsError as error:
                if not is_locked(error):
                    raise
                self._locked_until = time.monotonic() + _LOCKED_FOR
                # The API deletes outputs after five minutes (section 12): a locked index must not cost one.
                return todo.files + self._place_without_index(todo)
        finally:
            _clear(todo.results)
            for path in beside.values():
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    def _add_record(self, todo: _Todo, result: DownloadResult) -> None:
        """Write a file's record; without one the file is not kept, which makes room for the others."""
        embed_record(self.store, result, record_of(todo.prediction, result.position))
        try:
            todo.beside[result.position] = self._sidecar(todo, result.position, result)
        except OSError as error:
            _clear([result])
            result.temporary, result.problem = None, reason_and_remedy(error)[0]

    def _sidecar(
        self, todo: _Todo, position: int | None, file: DownloadResult | Stored | None = None
    ) -> Path:
        digest = todo.digest or input_digest(todo.prediction.model, todo.prediction.input)
        about = {} if file is None else {"media_type": file.media_type}
        record = sidecar_of(todo.account, todo.prediction, position, todo.rating, digest) | about
        return self.store.write_temporary(json.dumps(record, indent=1, default=str).encode())

    def _committed(self, todo: _Todo, db: sqlite3.Connection) -> tuple[Path, ...]:
        """Rename what is whole and write the rows, all within one transaction."""
        account, prediction, beside = todo.account, todo.prediction, todo.beside
        # Looked up again: another process may have recorded the same prediction since it was looked up.
        found = _look_up(db, account, prediction, forget=True)
        stored = {} if found is None else found[2]
        whole = prediction if found is None else merge(found[1], prediction)
        rowid = index.save_prediction(db, account, whole, datetime.now(UTC), todo.digest)
        stem = self._stem(todo, db, rowid)
        for result in todo.results:
            have = stored.get(result.position)
            if have is not None and self.store.exists(have.path):
                continue  # somebody else was faster; what this call fetched is dropped
            path = None
            if result.temporary is not None:
                path = file_name(stem, result.position, result.media_type)
                # The record first: a file without one could not
                # be told whose it is when the index is made anew.
                self.place_record(db, rowid, beside[result.position], path + SIDECAR)
                self.store.place_file(result.temporary, path)
            entry = Stored(
                result.position, path, result.media_type, result.size, result.problem, result.expired
            )
            if path is None and (left := self._left_behind(stem, result.position, account, prediction)):
                entry, result.problem = left, None
            stored[result.position] = entry
            index.put_output(db, rowid, entry)
        for position in set(todo.wanted) - stored.keys():
            index.put_output(db, rowid, Stored(position))  # owed
        for renewed in todo.outdated:
            have = stored.get(renewed)
            if have is not None and have.path and renewed in beside:
                self.place_record(db, rowid, beside[renewed], have.path + SIDECAR)
        files = self._files(stored)
        if files:
            self.store.delete(stem + SIDECAR)  # that it was recorded first
            if self.shared is not None:
                self.shared.note_gone(db, stem + SIDECAR)
        elif None in beside:
            self.place_record(db, rowid, beside[None], stem + SIDECAR)
        # A renamed file survives a power cut only when its folder is on the disk as well.
        self.store.sync(stem.partition("/")[0])
        return files

    def place_record(self, db: sqlite3.Connection, rowid: int, temporary: Path, name: str) -> None:
        """Give a prediction's JSON its lasting name, within the transaction that writes its row."""
        self.store.place_file(temporary, name)
        if self.shared is not None:
            self.shared.note(db, rowid, name)

    def _stem(self, todo: _Todo, db: sqlite3.Connection, rowid: int) -> str:
        """Return what the names of a prediction's files begin with; another where that is taken."""
        known = db.execute("SELECT stem FROM predictions WHERE rowid = ?", (rowid,)).fetchone()[0]
        if known and self.store.path(known) and not self._is_taken(known, todo):
            return str(known)
        stem = self.store.stem(todo.prediction, todo.account.fingerprint)
        same = "SELECT 1 FROM predictions WHERE stem = ? AND rowid != ?"
        if db.execute(same, (stem, rowid)).fetchone() or self._is_taken(stem, todo):
            stem = self.store.stem(todo.prediction, todo.account.fingerprint, distinct=True)
        db.execute("UPDATE predictions SET stem = ? WHERE rowid = ?", (stem, rowid))
        if not (self.store.root / stem).parent.exists():
            (self.store.root / stem).parent.mkdir(parents=True, exist_ok=True)
            self.store.sync()
        return stem

    def _is_taken(self, stem: str, todo: _Todo) -> bool:
        """Whether a name on disk belongs to something else than this prediction."""
        for name in (stem, *(file_name(stem, each.position, each.media_type) for each in todo.results)):
            beside = self.store.root / (name + SIDECAR)
            is_there = (self.store.root / name).exists() or beside.exists()
            if is_there and not _is_record_of(read_record(beside), todo.account, todo.prediction):
                return True
        return False

    def _left_behind(
        self, stem: str, position: int, account: Account, prediction: Prediction
    ) -> Stored | None:
        """Find an output that cannot be had any more among files whose rows were never written.

        A process that was killed, or ran out of disk, between rename and row has left them.
        """
        begun = self.store.root / stem
        for beside in sorted(begun.parent.glob(glob.escape(begun.name) + "*" + SIDECAR)):
            record, file = read_record(beside), beside.with_name(beside.name.removesuffix(SIDECAR))
            same = _is_record_of(record, account, prediction) and record.get("output_index") == position
            if same and record.get("created_at") == record_of(prediction)["created_at"] and file.is_file():
                with open(file, "rb") as opened:
                    media_type = sniff(opened.read(HEAD))
                relative = file.relative_to(self.store.root).as_posix()
                return Stored(position, relative, media_type, file.stat().st_size)
        return None

    # While another program keeps the index locked

    def _place_without_index(self, todo: _Todo) -> tuple[Path, ...]:
        """Give files and records their names, and leave a mark for `index_the_rest`."""
        beside = todo.beside
        stem = self.store.stem(todo.prediction, todo.account.fingerprint)
        if self._is_taken(stem, todo):
            stem = self.store.stem(todo.prediction, todo.account.fingerprint, distinct=True)
        placed: list[Path] = []
        records: list[str] = []
        for result in todo.results:
            if result.temporary is not None:
                name = file_name(stem, result.position, result.media_type)
                self.store.place_file(beside[result.position], name + SIDECAR)
                self.store.place_file(result.temporary, name)
                placed.append(self.store.root / name)
                records.append(name + SIDECAR)
        if placed:
            self.store.delete(stem + SIDECAR)  # that it was recorded first
        elif None in beside:
            self.store.place_file(beside[None], stem + SIDECAR)
            records.append(stem + SIDECAR)
        self.store.mark_unindexed(records)
        if todo.results:  # the first of the two writes has none yet, and would say so twice
            warn_user(
                f"Another program keeps the index of the archive in {self.store.root} locked. Prediction "
                f"{todo.prediction.id} is kept all the same, and is listed once the lock is gone."
            )
        return tuple(placed)

    def index_the_rest(self) -> None:
        """Write the rows of what was kept while the index was locked, and of what it has lost since."""
        marks = self.store.unindexed()
        names = [name for each in marks.values() for name in each]

        def take_in(db: sqlite3.Connection) -> None:
            for name in names:
                rowid = reindex.take_in_file(db, self.store, name)
                if self.shared is not None and rowid is not None:
                    self.shared.note(db, rowid, name)

        try:
            if self.shared is None and not self._is_looked_through:
                names += self.database.reading(
                    lambda db: reindex.newer(db, self.store), list[str](), _PATIENCE_AGAIN
                )
                self._is_looked_through = True
            if names and not self.database.readonly:
                self.database.writing(take_in, _PATIENCE_AGAIN)
                for mark in marks:
                    mark.unlink(missing_ok=True)
        except SkytellsError as error:
            if not is_locked(error):
                raise

    # Where several machines share it

    def catch_up(self) -> None:
        """Bring the index up to date with what was kept without it, and with what other machines kept."""
        self.index_the_rest()
        if self.shared is not None:
            self.shared.pull(self.database)
            self.send()

    def send(self, id: str | None = None) -> None:
        """Send to the shared place what it has not, of one prediction or of all; a refusal is a warning."""
        if self.shared is None:
            return
        try:
            if id is None or self._has_unsent:
                others = [each for _, each in self._under_way.copy() if each != id]
                self.shared.send(self.database, but=others)
            else:
                self.shared.send(self.database, id)
            self._has_unsent = False
        except (SkytellsError, OSError) as error:
            self._has_unsent = True
            what = "What is made" if id is None else f"Prediction {id}"
            warn_user(
                f"{what} is kept in {self.store.root}, and is sent with the next one: "
                f"{error.message if isinstance(error, SkytellsError) else error}"
            )


def defaults_of(account: Account, model: str) -> dict[str, Any]:
    """Return the defaults of a model's inputs; none where no client has read its schema."""
    for connection in connections():
        rules = connection.input_schemas.get(model)
        if rules is not None and connection.origin == account.origin:
            return {name: rule.default for name, rule in rules.items() if rule.default is not UNSET}
    return {}


def read_record(beside: Path) -> dict[str, Any]:
    """Read the JSON beside an output; empty where there is none, or nothing usable in it."""
    try:
        record = json.loads(beside.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _is_record_of(record: dict[str, Any], account: Account, prediction: Prediction) -> bool:
    mark = (prediction.id, account.origin, account.fingerprint)
    return (record.get("id"), record.get("origin"), record.get("account")) == mark


def _clear(results: list[DownloadResult]) -> None:
    for result in results:
        if result.temporary is not None:
            with suppress(OSError):
                result.temporary.unlink(missing_ok=True)


def _look_up(
    db: sqlite3.Connection, account: Account, prediction: Prediction, *, forget: bool = False
) -> tuple[int, Prediction, dict[int, Stored]] | None:
    """Look a prediction up; of a sandbox, one made at another time under the same id is another.

    That happens with a sandbox that is started again with the same seed on the same port. The API's own
    ids are never used twice: whatever times it tells later, what is kept of one stays.
    """
    found = index.look_up(db, account, prediction.id)
    if found is None:
        return None
    rowid, known, stored = found
    if known is None:  # a damaged row: what is there now is written over it
        return rowid, Prediction(id=prediction.id, status=prediction.status), stored
    before, after = known.created_at, prediction.created_at
    is_another = before is not None and after is not None and abs((before - after).total_seconds()) > 1
    if account.sandbox and is_another:
        if forget:
            index.delete(db, rowid)
        return None
    return rowid, known, stored


def _warn_of_missing(prediction: Prediction, results: list[DownloadResult]) -> None:
    lost = [
        each for each in results if each.temporary is None and each.problem is not None and not each.expired
    ]
    if lost:
        warn_user(
            f"{len(lost)} of {len(prediction.output or ())} outputs of prediction {prediction.id} could not "
            f"be archived: {lost[0].problem}. Its record is kept. Ask for the prediction again within 5 "
            "minutes of its end to try once more."
        )
