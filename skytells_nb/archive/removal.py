"""Deleting from an archive: all of a prediction, or nothing of it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from ..exceptions import SkytellsError
from . import rows
from .database import Database
from .files import inside, temporary
from .naming import SIDECAR

__all__ = ["remove"]


def remove(root: Path, database: Database, identifier: str, origin: str | None) -> bool:
    """Delete the files and the rows of a prediction; files are moved aside first, and back on failure."""
    aside: list[tuple[Path, Path]] = []

    def take_out(db: sqlite3.Connection) -> bool:
        found = db.execute(
            "SELECT n, stem FROM predictions WHERE id = ? AND (? IS NULL OR origin = ?)",
            (identifier, origin, origin),
        ).fetchall()
        for n, stem in found:
            names = [stored.path for stored in rows.outputs_of(db, n).values() if stored.path]
            for name in [*names, *(name + SIDECAR for name in names), *([stem + SIDECAR] if stem else [])]:
                path = inside(root, name)
                if path is not None and os.path.lexists(path):
                    target = temporary(root)
                    os.replace(path, target)
                    aside.append((path, target))
            rows.delete(db, n)
        return bool(found)

    try:
        removed = database.writing(take_out)
    except (SkytellsError, OSError) as error:
        for path, target in reversed(aside):
            with suppress(OSError):
                os.replace(target, path)
        raise SkytellsError(
            f"Prediction {identifier} could not be removed from the archive: {error}. Nothing was deleted. "
            "Close the program that has one of its files open, and try again."
        ) from error
    for path, target in aside:
        with suppress(OSError):
            target.unlink()
        with suppress(OSError):
            path.parent.rmdir()
    return removed
