"""Making an index anew from the JSON files beside the outputs, after it was lost or damaged."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

from ..api import Account
from ..exceptions import warn_user
from ..filetypes import HEAD, sniff
from ..models import Prediction
from . import _index as index
from ._database import Database
from ._files import INDEX, SIDECAR, FileStore, is_name
from ._serialize import UNREADABLE, Rating, merge, restore

LARGEST: Final = 64 * 2**20


def database(files: FileStore, fill: Callable[[sqlite3.Connection], object] | None = None) -> Database:
    """Return the index of a folder; ``fill`` makes a new one, in the place of `create`."""
    return Database(
        files.root / INDEX,
        version=index.VERSION,
        create=fill or partial(create, files),
        upgrade=index.upgrade,
        check=index.check,
        expected=lambda: next(files.names(SIDECAR), None) is not None,
    )


def create(files: FileStore, db: sqlite3.Connection) -> None:
    """Make the tables, and fill them with what the JSON files say."""
    for statement in index.SCHEMA:
        db.execute(statement)
    if sum(take_in_file(db, files, name) is not None for name in files.names(SIDECAR)):
        kept = db.execute("SELECT count(*) FROM predictions").fetchone()[0]
        warn_user(
            f"The archive in {files.root} had no usable index. One was made from the JSON files beside the "
            f"outputs: {kept:,} predictions, nothing downloaded again."
        )


def newer(db: sqlite3.Connection, files: FileStore) -> list[str]:
    """Return the JSON files that an index does not know, though it should: its last commits were lost.

    A folder that was copied without the index's ``-wal`` is like that. What is lost is always the end, so
    only files from the day before the newest row's on are looked at.
    """
    newest = db.execute("SELECT max(moment) FROM predictions").fetchone()[0]
    if not isinstance(newest, int):
        return list(files.names(SIDECAR))
    since = f"{datetime.fromtimestamp(newest / 1e6, UTC) - timedelta(days=1):%Y-%m-%d}"
    query = (
        "SELECT path FROM outputs WHERE path >= ?1 UNION ALL SELECT stem FROM predictions WHERE stem >= ?1"
    )
    known = {name for (name,) in db.execute(query, (since,))}
    return [name for name in files.names(SIDECAR, since=since) if name.removesuffix(SIDECAR) not in known]


def mend(db: sqlite3.Connection, files: FileStore, damaged: list[int]) -> int:
    """Write rows that cannot be read anew from their JSON files, and return how many could be."""
    mended, has_read_all = 0, False
    for rowid in damaged:
        row = db.execute("SELECT stem FROM predictions WHERE rowid = ?", (rowid,)).fetchone()
        stem = str(row[0]) if row and row[0] else ""
        if not is_name(stem):  # nothing says which JSON file is its own, so all are read, once
            if has_read_all:
                continue
            stem, has_read_all = "", True
        index.put_rating(db, rowid, None)
        read = [take_in_file(db, files, name) for name in files.names(SIDECAR, start=stem)]
        mended += any(each is not None for each in read)
    if mended:
        warn_user(
            f"{mended:,} damaged rows of the archive's index in {files.root} were written anew from the JSON "
            "files beside the outputs."
        )
    return mended


def take_in_file(db: sqlite3.Connection, files: FileStore, name: str) -> int | None:
    """Write the rows that one JSON file in the folder speaks of, as `take_in` does."""
    output = files.root / name.removesuffix(SIDECAR)
    try:
        with files.open(name) as file:
            record = parse_record(file.read(LARGEST + 1))
        size = output.stat().st_size if output.is_file() else None
        return None if record is None else take_in(db, name, record, size, output)
    except OSError:
        return None


def take_in(
    db: sqlite3.Connection, name: str, record: Record, size: int | None, output: Path | None = None
) -> int | None:
    """Write the rows that a JSON file speaks of, and return the prediction's; None where a later is known.

    ``size`` is that of the output that it lies beside; None where there is none. Where the ``output`` itself
    is here its kind is read from it, else taken from the JSON.
    """
    account, prediction, position, rating, digest, media_type = record
    known = index.look_up(db, account, prediction.id)
    earlier = known[1] if known else None
    if earlier and earlier.created_at and prediction.created_at:
        if earlier.created_at > prediction.created_at:
            return None
        if earlier.created_at == prediction.created_at:  # the index has the files of its input, too
            prediction = merge(earlier, prediction)
    rowid = index.save_prediction(db, account, prediction, _moment(name), digest)
    index.put_rating(db, rowid, rating)
    beside = name.removesuffix(SIDECAR)
    if position is None or size is None:
        stem = beside if position is None else None
    else:
        if output is not None:
            with open(output, "rb") as file:
                media_type = sniff(file.read(HEAD))
        index.put_output(db, rowid, index.Stored(position, beside, media_type, size))
        bare = beside.removesuffix(".svg.txt") if beside.endswith(".svg.txt") else beside.rpartition(".")[0]
        stem = re.sub(r"(-\d+)?$" if position else r"$", "", bare)
    db.execute("UPDATE predictions SET stem = coalesce(stem, ?) WHERE rowid = ?", (stem, rowid))
    return rowid


def _moment(name: str) -> datetime:
    """Return the time that a file's name tells, for a prediction that tells none itself."""
    try:
        return datetime.strptime(name[:15], "%Y-%m-%d/%H%M").astimezone()
    except ValueError:
        return datetime.now(UTC)


Record: TypeAlias = "tuple[Account, Prediction, int | None, Rating | None, bytes | None, str | None]"


def parse_record(data: bytes) -> Record | None:
    """Read a JSON file; None where it is damaged, or something else."""
    try:
        if len(data) > LARGEST:
            return None
        record: Any = json.loads(data.decode("utf-8"))
        if not isinstance(record, Mapping) or "skytells_nb" not in record:
            return None
        stored = record["prediction"]
        prediction = restore(
            str(record["id"]), str(record["origin"]), json.dumps(stored["raw"]), json.dumps(stored["filled"])
        )
        account = Account(str(record["origin"]), str(record["account"]), bool(record.get("sandbox")))
        digest = bytes.fromhex(record["input_digest"]) if record.get("input_digest") else None
        stars, tags, words = record.get("rating"), record.get("tags") or [], record.get("note") or ""
        rating = None
        if "tags" in record:
            rating = Rating(None if stars is None else int(stars), tuple(map(str, tags)), str(words))
    except UNREADABLE:
        return None
    position, kind = record.get("output_index"), record.get("media_type")
    valid = isinstance(position, int) and not isinstance(position, bool) and 0 <= position < 10_000
    media_type = kind if isinstance(kind, str) else None
    return account, prediction, position if valid else None, rating, digest, media_type
