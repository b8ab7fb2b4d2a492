"""What people do with what is kept: rate it, remove it, take over what the API still lists, copy it out."""

from __future__ import annotations

import csv
import glob
import json
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from ..aio import gather, run
from ..api import Account
from ..checks import check_path
from ..exceptions import InvalidInputError, SkytellsError
from ..models import Prediction
from ..plaintext import FORMULA
from . import _index as index
from ._database import archive_error
from ._files import SIDECAR, THUMBNAILS, is_name
from ._serialize import Rating
from ._writer import ArchiveWriter, read_record

_AT_ONCE: Final = 4


def adopt(
    writer: ArchiveWriter, account: Account, kept: Iterable[Prediction], listed: Iterable[Prediction]
) -> Iterator[Prediction]:
    """Record and fetch what has ended of a listing; return what is new, or has more files than before."""
    known = {prediction.id: prediction.files for prediction in kept}

    async def take(prediction: Prediction) -> Prediction | None:
        taken = await writer.ended(account, prediction)
        is_news = prediction.id not in known or set(taken.files) - set(known[prediction.id])
        return taken if is_news else None

    ended = (take(prediction) for prediction in listed if prediction.done)
    return filter(None, run(gather(ended, limit=_AT_ONCE, progress=False)))


def rate(writer: ArchiveWriter, rowids: list[int], rating: Rating) -> None:
    """Write a rating into the rows and into the JSON beside the outputs."""
    store = writer.store
    rated = {"rating": rating.stars, "tags": list(rating.tags), "note": rating.note}
    temporary: list[Path] = []

    def write(db: sqlite3.Connection) -> None:
        for rowid in rowids:
            index.put_rating(db, rowid, rating)
            for name in _names(db, rowid):
                path = store.path(name)
                if path is not None and name.endswith(SIDECAR) and (record := read_record(path)):
                    text = json.dumps({**record, **rated}, indent=1)
                    temporary.append(store.write_temporary(text.encode()))
                    writer.place_record(db, rowid, temporary[-1], name)

    try:
        writer.database.writing(write)
    except OSError as error:
        raise archive_error(error, store.root) from error
    finally:
        for path in temporary:
            path.unlink(missing_ok=True)
    writer.send()


def remove(writer: ArchiveWriter, rowids: list[int]) -> bool:
    """Delete the files and the rows of a prediction; files are moved aside first, and back on failure."""
    store = writer.store
    aside: list[tuple[Path, Path]] = []

    def take_out(db: sqlite3.Connection) -> bool:
        known = "SELECT 1 FROM predictions WHERE rowid = ?"
        there = [rowid for rowid in rowids if db.execute(known, (rowid,)).fetchone()]
        for rowid in there:
            for name in _names(db, rowid):
                source, target = store.root / name, store.temporary()
                if os.path.lexists(source):
                    os.replace(source, target)
                    aside.append((source, target))
            index.delete(db, rowid)
        return bool(there)

    def names(db: sqlite3.Connection) -> list[str]:
        return [name for rowid in rowids for name in _names(db, rowid)]

    if writer.shared is not None:
        writer.shared.remove(writer.database.reading(names, list[str]()))
    try:
        removed = writer.database.writing(take_out)
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
        folder = store.root / THUMBNAILS / source.parent.name  # <name>.<digest>: what the display keeps
        for thumbnail in folder.glob(glob.escape(source.name) + ".*"):
            with suppress(OSError):
                thumbnail.unlink()
        with suppress(OSError):
            folder.rmdir()
    return removed


def _names(db: sqlite3.Connection, rowid: int) -> list[str]:
    """List the names that a prediction's files may have: outputs, and the JSON beside them."""
    row = db.execute("SELECT stem FROM predictions WHERE rowid = ?", (rowid,)).fetchone()
    paths = [stored.path for stored in index.outputs_of(db, rowid).values() if stored.path]
    names = [*paths, *(path + SIDECAR for path in paths)]
    if row and row[0]:
        names.append(row[0] + SIDECAR)
    return [name for name in names if is_name(name)]


_COLUMNS: Final = ("file", "prompt", "model", "rating", "tags", "note", "cost", "created_at", "id")


def export(folder: str | os.PathLike[str], chosen: Iterable[tuple[Prediction, Rating]]) -> list[Path]:
    """Copy the outputs of predictions, write ``outputs.csv`` beside them, and return the copies' paths."""
    target = check_path("folder", folder)
    copies: list[Path] = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        with open(target / "outputs.csv", "w", encoding="utf-8-sig", newline="") as file:
            table = csv.writer(file)
            table.writerow(_COLUMNS)
            for prediction, rating in chosen:
                facts = (
                    *(prediction.prompt, prediction.model, rating.stars, ", ".join(rating.tags)),
                    *(rating.note, prediction.cost, prediction.created_at, prediction.id),
                )
                for path in filter(Path.is_file, prediction.files):
                    copies.append(Path(shutil.copyfile(path, target / path.name)))
                    texts = ("" if each is None else each for each in facts)
                    cells = [t.isoformat() if isinstance(t, datetime) else str(t) for t in texts]
                    # No spreadsheet is to take one for a formula.
                    table.writerow([path.name, *(f"'{t}" if FORMULA.search(t) else t for t in cells)])
    except OSError as error:
        raise InvalidInputError(
            f"{target} could not be written: {error.strerror or error}. Choose another folder."
        ) from error
    return copies
