"""Making an index anew from the JSON files beside the outputs, after it was lost or damaged."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ..api import Account
from ..exceptions import warn_user
from ..filetypes import sniff
from ..models import Prediction
from . import _index as index
from ._files import SIDECAR, FileStore
from ._serialize import UNREADABLE, Rating, restore

__all__ = ["create", "has_records", "mend", "take_in"]

_LARGEST: Final = 64 * 2**20


def has_records(files: FileStore) -> bool:
    """Whether any JSON file lies in a day's folder."""
    return next(files.list(SIDECAR), None) is not None


def create(files: FileStore, db: sqlite3.Connection) -> int:
    """Make the tables, fill them with what the JSON files say, and return how many files said something."""
    for statement in index.SCHEMA:
        db.execute(statement)
    found = sum(take_in(db, files, name) for name in files.list(SIDECAR))
    if found:
        kept = db.execute("SELECT count(*) FROM predictions").fetchone()[0]
        warn_user(
            f"The archive in {files.root} had no usable index. One was made from the JSON files beside the "
            f"outputs: {kept:,} predictions, nothing downloaded again."
        )
    return found


def mend(db: sqlite3.Connection, files: FileStore, damaged: list[int]) -> int:
    """Write rows that cannot be read anew from their JSON files, and return how many could be."""
    mended = 0
    for rowid in damaged:
        row = db.execute("SELECT stem FROM predictions WHERE rowid = ?", (rowid,)).fetchone()
        stem = str(row[0]) if row and row[0] else ""
        if files.path(stem) is None:
            continue
        index.put_rating(db, rowid, Rating())
        read = [take_in(db, files, name) for name in files.list(SIDECAR, start=stem)]
        mended += any(read)
    if mended:
        warn_user(
            f"{mended:,} damaged rows of the archive's index in {files.root} were written anew from the JSON "
            "files beside the outputs."
        )
    return mended


def take_in(db: sqlite3.Connection, files: FileStore, name: str) -> bool:
    """Write the rows that one JSON file speaks of; False where it says nothing usable."""
    record = _read(files, name)
    if record is None:
        return False
    account, prediction, position, rating, digest = record
    known = index.look_up(db, account, prediction.id)
    earlier = known[1].created_at if known and known[1] else None
    if earlier and prediction.created_at and earlier > prediction.created_at:
        return False
    path = files.root / name
    moment = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    rowid = index.save_prediction(db, account, prediction, moment, digest)
    if rating != Rating():
        index.put_rating(db, rowid, rating)
    output = name.removesuffix(SIDECAR)
    if position is None or not files.exists(output):
        stem = output if position is None else None
    else:
        with files.open(output) as file:
            media_type = sniff(file.read(4096))
            size = file.seek(0, 2)
        index.put_output(db, rowid, index.Stored(position, output, media_type, size))
        bare = output.removesuffix(".svg.txt") if output.endswith(".svg.txt") else output.rpartition(".")[0]
        stem = re.sub(r"(-\d+)?$" if position else r"$", "", bare)
    db.execute("UPDATE predictions SET stem = coalesce(stem, ?) WHERE rowid = ?", (stem, rowid))
    return True


def _read(files: FileStore, name: str) -> tuple[Account, Prediction, int | None, Rating, bytes | None] | None:
    try:
        path = files.root / name
        if path.stat().st_size > _LARGEST:
            return None
        record: Any = json.loads(path.read_text("utf-8"))
        if not isinstance(record, Mapping) or "skytells_nb" not in record:
            return None
        stored = record["prediction"]
        prediction = restore(
            str(record["id"]), str(record["origin"]), json.dumps(stored["raw"]), json.dumps(stored["filled"])
        )
        account = Account(str(record["origin"]), str(record["account"]), bool(record.get("sandbox")))
        digest = bytes.fromhex(record["input_digest"]) if record.get("input_digest") else None
        stars, tags, words = record.get("rating"), record.get("tags") or [], record.get("note") or ""
        rating = Rating(None if stars is None else int(stars), tuple(map(str, tags)), str(words))
    except (OSError, *UNREADABLE):
        return None
    position = record.get("output_index")
    valid = isinstance(position, int) and not isinstance(position, bool) and 0 <= position < 10_000
    return account, prediction, position if valid else None, rating, digest
