"""Making an index anew from the JSON files beside the outputs, after it was lost or damaged."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ..exceptions import SkytellsError
from ..filetypes import sniff
from ..models import Prediction
from ..observers import Account
from ..wire.conversation import note
from . import rows
from .documents import restore
from .naming import SIDECAR

__all__ = ["create", "has_records"]

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_LARGEST: Final = 64 * 2**20


def has_records(root: Path) -> bool:
    """Whether any JSON file lies in a day's folder."""
    return next(_records(root), None) is not None


def create(root: Path, db: sqlite3.Connection) -> int:
    """Make the tables, and fill them with what the JSON files say; gives the number of predictions."""
    for statement in rows.SCHEMA:
        db.execute(statement)
    found = 0
    for path in _records(root):
        found += _take_in(db, root, path)
    if found:
        kept = db.execute("SELECT count(*) FROM predictions").fetchone()[0]
        note(
            f"The archive in {root} had no usable index. One was made from the JSON files beside the "
            f"outputs: {kept:,} predictions, nothing downloaded again."
        )
    return found


def _records(root: Path) -> Iterator[Path]:
    try:
        days = sorted(
            entry.name for entry in os.scandir(root) if _DAY.fullmatch(entry.name) and entry.is_dir()
        )
    except OSError:
        return
    for day in days:
        for entry in sorted(os.scandir(root / day), key=lambda entry: entry.name):
            if entry.name.endswith(SIDECAR) and entry.is_file(follow_symlinks=False):
                yield Path(entry.path)


def _take_in(db: sqlite3.Connection, root: Path, path: Path) -> int:
    said = _read(path)
    if said is None:
        return 0
    account, prediction, position = said
    known = rows.look_up(db, account, prediction.id)
    made = prediction.created_at
    if known is not None and known[1].created_at and made and known[1].created_at > made:
        return 0
    moment = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    n = rows.save_prediction(db, account, prediction, moment)
    output = path.with_name(path.name.removesuffix(SIDECAR))
    if position is None or not output.is_file():
        return 1
    with open(output, "rb") as file:
        media_type = sniff(file.read(4096))
    relative = output.relative_to(root).as_posix()
    rows.put_output(db, n, rows.Stored(position, relative, media_type, output.stat().st_size))
    stem = re.sub(r"(-\d+)?$" if position else r"$", "", relative[: len(relative) - len(_suffix(output))])
    db.execute("UPDATE predictions SET stem = coalesce(stem, ?) WHERE n = ?", (stem, n))
    return 1


def _suffix(path: Path) -> str:
    return ".svg.txt" if path.name.endswith(".svg.txt") else path.suffix


def _read(path: Path) -> tuple[Account, Prediction, int | None] | None:
    try:
        if path.stat().st_size > _LARGEST:
            return None
        said: Any = json.loads(path.read_text("utf-8"))
        if not isinstance(said, Mapping) or "skytells_nb" not in said:
            return None
        stored = said["prediction"]
        prediction = restore(
            str(said["id"]), str(said["origin"]), json.dumps(stored["raw"]), json.dumps(stored["filled"])
        )
        position = said.get("output_index")
        account = Account(str(said["origin"]), str(said["account"]), bool(said.get("sandbox")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SkytellsError):
        return None
    valid = isinstance(position, int) and not isinstance(position, bool) and 0 <= position < 10_000
    return account, prediction, position if valid else None
