"""The archive's flow: a prediction has ended, so its outputs are fetched and it is written down."""

from __future__ import annotations

import asyncio
import glob
import json
import os
import sqlite3
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ..api import Account
from ..exceptions import SkytellsError, warn_user
from ..filetypes import sniff
from ..models import Prediction
from . import _index as index
from ._database import Database, archive_error, reason
from ._download import Landed, land, stamp
from ._files import SIDECAR, FileStore, day_and_stem, file_name
from ._index import Stored
from ._outputs import is_young
from ._serialize import Rating, input_digest, merge, record_of, sidecar_of

__all__ = ["ArchiveWriter"]


@dataclass(slots=True)
class _Plan:
    prediction: Prediction
    files: tuple[Path, ...]
    wanted: list[int]
    told_anew: list[int]
    changed: bool


@dataclass(slots=True)
class ArchiveWriter:
    """Writes predictions into one folder and its index; every method but ``ended`` blocks."""

    store: FileStore
    database: Database
    _cleared: bool = False

    async def ended(self, account: Account, prediction: Prediction) -> Prediction:
        """Record a prediction and fetch what is missing of it; gives it back with its files."""
        plan = await asyncio.to_thread(self._guarded, partial(self._plan, account, prediction))
        if not plan.changed and not plan.wanted:
            return replace(prediction, files=plan.files)
        landed: list[Landed] = []
        taken = threading.Lock()  # whoever gets it, the flow or the last step, clears up
        try:
            for position in plan.wanted:
                found = await land(self.store, account.origin, plan.prediction, position)
                landed.append(found)
            keep = partial(self._keep, account, plan, landed, taken)
            files: tuple[Path, ...] = await asyncio.to_thread(self._guarded, keep)
        except OSError as error:
            raise archive_error(error, self.store.root) from error
        finally:
            if taken.acquire(blocking=False):
                _clear(landed)
        _say(plan.prediction, landed)
        return replace(prediction, files=files)

    def _guarded(self, function: Any) -> Any:
        try:
            return function()
        except OSError as error:
            raise archive_error(error, self.store.root) from error

    def _plan(self, account: Account, prediction: Prediction) -> _Plan:
        found = self.database.reading(lambda db: _same(db, account, prediction), None)
        whole = prediction if found is None else merge(found[1], prediction)
        stored = {} if found is None else found[2]
        if prediction.output and whole.output and len(prediction.output) == len(whole.output):
            current = replace(whole, output=prediction.output)  # a signed URL may have been renewed
        else:
            current = whole
        wanted = [n for n in range(len(current.output or ())) if not self._settled(stored.get(n))]
        expected = None if found is None else replace(found[1], files=whole.files, origin=whole.origin)
        anew = found is not None and record_of(found[1]) != record_of(whole)
        kept = [n for n, entry in stored.items() if anew and self._there(entry) is not None]
        return _Plan(current, self._files(stored), wanted, kept, changed=whole != expected)

    def _settled(self, stored: Stored | None) -> bool:
        if stored is None:
            return False
        return stored.expired or self._there(stored) is not None

    def _there(self, stored: Stored) -> Path | None:
        return self.store.path(stored.path) if self.store.exists(stored.path) else None

    def _files(self, stored: dict[int, Stored]) -> tuple[Path, ...]:
        found = [self._there(stored[position]) for position in sorted(stored)]
        return tuple(path for path in found if path is not None)

    def _keep(
        self, account: Account, plan: _Plan, landed: list[Landed], taken: threading.Lock
    ) -> tuple[Path, ...]:
        if not taken.acquire(blocking=False):
            return ()  # the flow was interrupted before this began
        if not self._cleared:
            self._cleared = True
            self.store.clear_leftovers()
        own = replace(plan.prediction, origin=account.origin)
        beside: dict[int | None, Path] = {}
        try:
            for found in landed:
                if found.temporary is not None:
                    self._provided(account, own, found, beside)
            for position in plan.told_anew:
                beside[position] = self._sidecar(account, own, position)
            if not beside and not plan.files:
                beside[None] = self._sidecar(account, own, None)
            return self.database.writing(partial(self._committed, account, own, landed, beside))
        finally:
            _clear(landed)
            for path in beside.values():
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    def _provided(
        self, account: Account, own: Prediction, found: Landed, beside: dict[int | None, Path]
    ) -> None:
        """Give a file its record; without one it is not kept, which makes room for the others."""
        stamp(self.store, found, record_of(own, found.position))
        try:
            beside[found.position] = self._sidecar(account, own, found.position)
        except OSError as error:
            _clear([found])
            found.temporary, found.problem = None, reason(error)

    def _sidecar(self, account: Account, prediction: Prediction, position: int | None) -> Path:
        rating = self.database.reading(lambda db: _rating(db, account, prediction), None)
        digest = input_digest(prediction.model, prediction.input)
        record = sidecar_of(account, prediction, position, rating, digest)
        return self.store.write_temporary(json.dumps(record, indent=1, default=str).encode())

    def _committed(
        self,
        account: Account,
        prediction: Prediction,
        landed: list[Landed],
        beside: dict[int | None, Path],
        db: sqlite3.Connection,
    ) -> tuple[Path, ...]:
        """Rename what is whole and write the rows, all within one transaction."""
        found = _same(db, account, prediction, forget=True)
        stored = {} if found is None else found[2]
        whole = prediction if found is None else merge(found[1], prediction)
        rowid = index.save_prediction(db, account, whole, datetime.now(UTC))
        stem = self._stem(db, rowid, account, prediction, landed)
        for item in landed:
            have = stored.get(item.position)
            if have is not None and self._there(have) is not None:
                continue  # somebody else was faster; what this call fetched is dropped
            path = None
            if item.temporary is not None:
                path = file_name(stem, item.position, item.media_type)
                self.store.put(beside[item.position], path + SIDECAR)
                self.store.put(item.temporary, path)
            entry = Stored(item.position, path, item.media_type, item.size, item.problem, item.expired)
            if path is None and (left := self._left_behind(stem, item.position, account, prediction)):
                entry, item.problem = left, None
            stored[item.position] = entry
            index.put_output(db, rowid, entry)
        for position in beside.keys() - {item.position for item in landed}:
            have = stored.get(position) if position is not None else None
            if have is not None and have.path:
                self.store.put(beside[position], have.path + SIDECAR)
        files = self._files(stored)
        if not files and None in beside:
            self.store.put(beside[None], stem + SIDECAR)
        self.store.sync(stem.partition("/")[0])
        return files

    def _stem(
        self,
        db: sqlite3.Connection,
        rowid: int,
        account: Account,
        prediction: Prediction,
        landed: list[Landed],
    ) -> str:
        known = db.execute("SELECT stem FROM predictions WHERE rowid = ?", (rowid,)).fetchone()[0]
        if known and self.store.path(known):
            return str(known)
        now = datetime.now().astimezone()
        stem = "/".join(day_and_stem(prediction, now, account=account.fingerprint))
        names = [file_name(stem, item.position, item.media_type) for item in landed]
        taken = db.execute(
            "SELECT 1 FROM predictions WHERE stem = ? AND rowid != ?", (stem, rowid)
        ).fetchone()
        if taken or any(self._others(name, account, prediction) for name in (stem, *names)):
            stem = "/".join(day_and_stem(prediction, now, account=account.fingerprint, distinct=True))
        db.execute("UPDATE predictions SET stem = ? WHERE rowid = ?", (stem, rowid))
        new_day = not (self.store.root / stem).parent.exists()
        (self.store.root / stem).parent.mkdir(parents=True, exist_ok=True)
        if new_day:
            self.store.sync()
        return stem

    def rate(self, rowids: list[int], rating: Rating) -> None:
        """Write a rating into the rows and into the JSON beside the outputs."""
        rated = {"rating": rating.stars, "tags": list(rating.tags), "note": rating.note}
        temporary: list[Path] = []

        def write(db: sqlite3.Connection) -> None:
            for rowid in rowids:
                index.put_rating(db, rowid, rating)
                for name in self._names(db, rowid):
                    if name.endswith(SIDECAR) and (record := _read_record(self.store.root / name)):
                        text = json.dumps({**record, **rated}, indent=1)
                        temporary.append(self.store.write_temporary(text.encode()))
                        self.store.put(temporary[-1], name)

        try:
            self._guarded(partial(self.database.writing, write))
        finally:
            for path in temporary:
                path.unlink(missing_ok=True)

    def remove(self, rowids: list[int]) -> bool:
        """Delete the files and the rows of a prediction; files are moved aside first, and back on failure."""
        aside: list[tuple[Path, Path]] = []

        def take_out(db: sqlite3.Connection) -> bool:
            removed = False
            for rowid in rowids:
                removed |= (
                    db.execute("SELECT 1 FROM predictions WHERE rowid = ?", (rowid,)).fetchone() is not None
                )
                for name in self._names(db, rowid):
                    source, target = self.store.root / name, self.store.temporary()
                    os.replace(source, target)
                    aside.append((source, target))
                index.delete(db, rowid)
            return removed

        try:
            removed = self.database.writing(take_out)
        except (SkytellsError, OSError) as error:
            for source, target in reversed(aside):
                with suppress(OSError):
                    os.replace(target, source)
            raise SkytellsError(
                f"The prediction could not be removed, and nothing of it was deleted: {error}. Close the "
                "program that has one of its files open, and try again."
            ) from error
        for source, target in aside:
            with suppress(OSError):
                target.unlink()
            with suppress(OSError):
                source.parent.rmdir()
        return removed

    def _names(self, db: sqlite3.Connection, rowid: int) -> list[str]:
        """List the names of a prediction's files that are there: outputs, and the JSON beside them."""
        stem = db.execute("SELECT stem FROM predictions WHERE rowid = ?", (rowid,)).fetchone()
        paths = [stored.path for stored in index.outputs_of(db, rowid).values() if stored.path]
        names = [
            *paths,
            *(path + SIDECAR for path in paths),
            *([stem[0] + SIDECAR] if stem and stem[0] else []),
        ]
        found = [(name, self.store.path(name)) for name in names]
        return [name for name, path in found if path is not None and os.path.lexists(path)]

    def _others(self, name: str, account: Account, prediction: Prediction) -> bool:
        """Whether a name on disk belongs to something else than this prediction."""
        beside = self.store.root / (name + SIDECAR)
        if not (self.store.root / name).exists() and not beside.exists():
            return False
        return not _is_record_of(_read_record(beside), account, prediction)

    def _left_behind(
        self, stem: str, position: int, account: Account, prediction: Prediction
    ) -> Stored | None:
        """Find an output that cannot be had any more among files whose rows were never written.

        A process that was killed, or ran out of disk, between rename and row has left them.
        """
        begun = self.store.root / stem
        for beside in sorted(begun.parent.glob(glob.escape(begun.name) + "*" + SIDECAR)):
            said, file = _read_record(beside), beside.with_name(beside.name.removesuffix(SIDECAR))
            same = _is_record_of(said, account, prediction) and said.get("output_index") == position
            if same and said.get("created_at") == record_of(prediction)["created_at"] and file.is_file():
                with open(file, "rb") as opened:
                    media_type = sniff(opened.read(4096))
                relative = file.relative_to(self.store.root).as_posix()
                return Stored(position, relative, media_type, file.stat().st_size)
        return None


def _read_record(beside: Path) -> dict[str, Any]:
    try:
        record = json.loads(beside.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _is_record_of(said: dict[str, Any], account: Account, prediction: Prediction) -> bool:
    mark = (prediction.id, account.origin, account.fingerprint)
    return (said.get("id"), said.get("origin"), said.get("account")) == mark


def _clear(landed: list[Landed]) -> None:
    for found in landed:
        if found.temporary is not None:
            with suppress(OSError):
                found.temporary.unlink(missing_ok=True)


def _same(
    db: sqlite3.Connection, account: Account, prediction: Prediction, *, forget: bool = False
) -> tuple[int, Prediction, dict[int, Stored]] | None:
    """Look a prediction up; of a sandbox, one made at another time under the same id is another.

    That happens with a sandbox that is started again with the same seed on the same port. The API's own
    ids are never used twice: whatever times it tells later, what is kept of one stays.
    """
    found = index.look_up(db, account, prediction.id)
    if found is None:
        return None
    if found[1] is None:  # a damaged row: what is there now is written over it
        return found[0], Prediction(id=prediction.id, status=prediction.status), found[2]
    before, after = found[1].created_at, prediction.created_at
    apart = before is not None and after is not None and abs((before - after).total_seconds()) > 1
    if account.sandbox and apart:
        if forget:
            index.delete(db, found[0])
        return None
    return found[0], found[1], found[2]


def _rating(db: sqlite3.Connection, account: Account, prediction: Prediction) -> Rating | None:
    row = db.execute(
        "SELECT rowid FROM predictions WHERE origin = ? AND account = ? AND id = ?",
        (account.origin, account.fingerprint, index.replace_surrogates(prediction.id)),
    ).fetchone()
    return None if row is None else index.rating_of(db, row[0])


def _say(prediction: Prediction, landed: list[Landed]) -> None:
    lost = [item for item in landed if item.temporary is None and item.problem is not None]
    quiet = all(item.expired for item in lost) and not is_young(prediction, margin=0.0)
    if not lost or quiet:
        return
    of = f"{len(lost)} of {len(prediction.output or ())} outputs"
    hope = (
        "Its record is kept; the output itself cannot be had any more."
        if all(item.expired for item in lost)
        else "Its record is kept. Ask for the prediction again within 5 minutes of its end to try once more."
    )
    warn_user(f"{of} of prediction {prediction.id} could not be archived: {lost[0].problem}. {hope}")
