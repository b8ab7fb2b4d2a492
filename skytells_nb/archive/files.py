"""Putting files where they belong, so that a crash at any instant loses only what was being written."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path
from typing import Final

__all__ = [
    "PARTIAL",
    "clear_leftovers",
    "inside",
    "place",
    "sync_folder",
    "temporary",
    "write_new",
    "write_to",
]

PARTIAL: Final = ".partial"
"""The folder in an archive where files are written before they are whole."""

_LEFTOVER_AGE: Final = 3600.0


def temporary(root: Path) -> Path:
    """Give a path in the archive that nobody else writes to; nothing is made there but its folder."""
    folder = root / PARTIAL
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{os.getpid()}-{secrets.token_hex(8)}"


def write_to(path: Path, data: bytes) -> None:
    """Write bytes to a file of this name, made anew, and down to the disk; on failure there is none."""
    try:
        with open(path, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def write_new(root: Path, data: bytes) -> Path:
    """Write bytes to a temporary file, down to the disk, and give its path."""
    path = temporary(root)
    write_to(path, data)
    return path


def place(source: Path, target: Path) -> None:
    """Rename a whole file to its lasting name, replacing what an interrupted try left there.

    Doing so again is no error: a transaction may have to be repeated.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(source, target)
    except FileNotFoundError:
        if not target.is_file():
            raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last; where folders cannot be synced this does nothing."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def clear_leftovers(root: Path, now: float | None = None) -> int:
    """Remove temporary files over an hour old, whose writers are gone; say how many."""
    limit = (time.time() if now is None else now) - _LEFTOVER_AGE
    removed = 0
    try:
        found = list(os.scandir(root / PARTIAL))
    except OSError:
        return 0
    for entry in found:
        with contextlib.suppress(OSError):
            if entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < limit:
                os.unlink(entry.path)
                removed += 1
    return removed


def inside(root: Path, relative: str) -> Path | None:
    """Join a recorded name to the archive's folder, or None if it would lead anywhere else."""
    parts = relative.split("/")
    if len(parts) != 2 or any(part in ("", ".", "..") or "\\" in part or ":" in part for part in parts):
        return None
    return root / parts[0] / parts[1]
