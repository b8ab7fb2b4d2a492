"""Reading the index, up to date and without rows that are damaged beyond mending, and changing what is kept.

What people do with it: rate it, remove it, take over what the API still lists, copy it out.
"""

from __future__ import annotations

import csv
import glob
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from ..aio import gather, run
from ..api import Account, check_limit
from ..checks import check_path
from ..exceptions import InvalidInputError, SkytellsError, warn_user
from ..models import Prediction, PredictionList
from ..plaintext import FORMULA
from . import _index as index
from . import _reindex as reindex
from ._database import archive_error
from ._files import SIDECAR, THUMBNAILS, is_name
from ._serialize import Rating, canonical, digest, input_digest
from ._writer import ArchiveWriter, defaults_of, read_record

T = TypeVar("T")


class ArchiveReader:
    """Reads what a writer writes, and what is not in the index yet; every method blocks."""

    def __init__(self, writer: ArchiveWriter) -> None:
        self._writer = writer
        self._beyond_mending: set[int] = set()

    def read(self, query: Callable[[sqlite3.Connection], T], missing: T) -> T:
        """Call a function with one view of the index, as it is now; ``missing`` where there is none."""
        self._writer.catch_up()
        return self._writer.database.reading(query, missing)

    def count(self, query: str) -> int:
        return int(self.read(lambda db: db.execute(query).fetchone()[0], 0))

    def rows(self, id: str, origin: str | None = None) -> list[int]:
        return self.read(lambda db: rows_of(db, id, origin), list[int]())

    def of_rows(self, rowids: list[int], limit: int | None = None) -> PredictionList:
        return self.predictions("p.rowid IN (SELECT value FROM json_each(?))", (json.dumps(rowids),), limit)

    def predictions(self, where: str, values: Sequence[Any], limit: int | None = None) -> PredictionList:
        """Return the predictions that a condition selects, newest first."""
        most = None if (wanted := check_limit(limit)) is None else min(wanted, sys.maxsize)
        files = self._writer.store
        return PredictionList(
            self.read_mended(
                lambda db, damaged: index.predictions(db, files, where, values, most, damaged),
                list[Prediction](),
            )
        )

    def models(self) -> list[str]:
        """Return of which models something is kept."""
        query = "SELECT DISTINCT model FROM predictions WHERE model IS NOT NULL"
        return self.read(lambda db: [name for (name,) in db.execute(query)], list[str]())

    def find(self, text: str, limit: int | None) -> PredictionList:
        """Return the predictions whose words match a text; where none does, those that hold it anywhere."""
        self.read(index.require_words, None)
        query = index.match_query(text)
        if query is not None:
            words, signs = query
            also = " AND instr(text, ?) > 0" * len(signs)
            where = f"p.rowid IN (SELECT rowid FROM words WHERE words MATCH ?{also})"  # noqa: S608 - marks only
            found = self.predictions(where, (index.replace_surrogates(words), *signs), limit)
            if found:
                return found
        return self.of_rows(self.read(lambda db: index.containing(db, text), list[int]()), limit)

    def equal_inputs(
        self,
        account: Account,
        model: str,
        input: Mapping[str, Any],
        without: Container[str],
        oldest_first: bool,
    ) -> Iterator[Prediction]:
        try:
            as_sent: dict[str, Any] = canonical(input)
            asked = self.canonical(account, as_sent)  # its files are digests by now, not read again
        except (ValueError, RecursionError):
            return
        defaults: dict[str, Any] = canonical(defaults_of(account, model))
        alike = [input_digest(model, asked, defaults)]  # and where the schema was unread when it was made:
        alike += [input_digest(model, {n: v for n, v in asked.items() if v != defaults.get(n)})]
        alike += [input_digest(model, asked)]
        # As an earlier version noted it, URLs are text, and null is a value.
        alike += [digest(model, given) for given in (as_sent, {**defaults, **as_sent})]
        wanted = [each for each in dict.fromkeys(alike) if each is not None]
        rows = self.read(lambda db: index.equal_inputs(db, account, wanted), list[tuple[int, str]]())
        for rowid, identifier in reversed(rows) if oldest_first else rows:
            if identifier in without:
                continue
            for prediction in self.of_rows([rowid], 1):
                if _nulls(prediction.input, defaults) != _nulls(asked, defaults):
                    continue
                has_all = len(prediction.files) >= len(prediction.output or ())
                if has_all and all(map(self._writer.store.has, prediction.files)):
                    yield prediction

    def canonical(self, account: Account, input: Mapping[str, Any]) -> dict[str, Any]:
        """Return an input as it is compared: an output that is here counts by its file, also by its URL."""

        def read(url: str) -> bytes | None:
            writer = self._writer
            with suppress(SkytellsError, OSError):  # while the index is locked, or where the file is gone
                name = writer.database.reading(
                    lambda db: index.file_of_url(db, account, url), None, writer.patience
                )
                path = writer.store.path(name)
                return None if path is None else path.read_bytes()
            return None

        found: dict[str, Any] = canonical(input, read)
        return found

    def outputs(self, id: str, origin: str | None) -> list[index.Stored]:
        def read(db: sqlite3.Connection) -> list[index.Stored]:
            rows = rows_of(db, id, origin)
            found = index.outputs_of(db, rows[0]) if rows else {}
            return [found[position] for position in sorted(found)]

        return self.read(read, [])

    def read_mended(self, query: Callable[[sqlite3.Connection, list[int]], T], missing: T) -> T:
        """Read, and once more where damaged rows could be written anew; those that cannot be are left out.

        The query adds the numbers of damaged rows to the list that it is given.
        """
        damaged: list[int] = []
        found = self.read(lambda db: query(db, damaged), missing)
        new = [rowid for rowid in damaged if rowid not in self._beyond_mending]
        if not new:
            return found
        self._beyond_mending.update(new)
        store = self._writer.store
        with suppress(SkytellsError):  # a read-only archive stays as it is
            if self._writer.database.writing(lambda db: reindex.mend(db, store, new)):
                damaged.clear()
                found = self.read(lambda db: query(db, damaged), missing)
        self._beyond_mending.difference_update(set(new) - set(damaged))
        if lost := len(self._beyond_mending.intersection(damaged)):
            warn_user(
                f"{lost:,} rows of the archive's index in {store.root} are damaged, and no JSON file beside "
                "their outputs says what was in them; they are left out."
            )
        return found


def _nulls(input: Mapping[str, Any] | None, defaults: Mapping[str, Any]) -> set[str]:
    """Return the names of what is null on purpose: its default is another."""
    given = (input or {}).items()
    return {name for name, value in given if value is None and defaults.get(name) is not None}


def rows_of(db: sqlite3.Connection, id: str, origin: str | None) -> list[int]:
    """Return the rows of a prediction, the newest first; of any origin where none is named."""
    query = "SELECT rowid FROM predictions WHERE id = ? AND (? IS NULL OR origin = ?) ORDER BY moment DESC"
    return [row[0] for row in db.execute(query, (index.replace_surrogates(id), origin, origin))]


def conditions(chosen: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
    used = {condition: value for condition, value in chosen.items() if value is not None}
    return " AND ".join(used) or "1", tuple(used.values())


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
