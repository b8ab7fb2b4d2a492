"""What a disk or an index can do to an archive, said in words that help."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Final

from ..exceptions import SkytellsError

__all__ = ["is_damage", "newer_index", "reason", "trouble"]

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_SAFE: Final = "The predictions are paid for and their outputs stay at the API for about 5 minutes"


def _primary(error: sqlite3.Error) -> int:
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else 0


def is_damage(error: BaseException) -> bool:
    """Whether this says that an index is broken, rather than busy, missing or forbidden."""
    return isinstance(error, sqlite3.DatabaseError) and _primary(error) in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )


def reason(error: OSError | sqlite3.Error) -> str:
    """Tell in a few words what a disk or an index has against being written.

    Examples
    --------
    >>> import errno
    >>> reason(OSError(errno.ENOSPC, "No space left on device"))
    'the disk is full'
    """
    return _told(error)[0]


def trouble(error: OSError | sqlite3.Error, folder: Path) -> SkytellsError:
    """Turn an error of the disk or of SQLite into one that says what to do.

    Examples
    --------
    >>> import errno, pathlib
    >>> print(trouble(OSError(errno.ENOSPC, "No space left on device"), pathlib.Path("out")).message[:52])
    The archive in out could not be written: the disk is
    """
    what, then = _told(error)
    message = f"The archive in {folder} could not be written: {what}. {_SAFE}. {then}."
    return SkytellsError(message, detail=str(error))


def _told(error: OSError | sqlite3.Error) -> tuple[str, str]:
    """Give what is so, and what to do about it."""
    code = _primary(error) if isinstance(error, sqlite3.Error) else 0
    number = error.errno if isinstance(error, OSError) else None
    if code == sqlite3.SQLITE_FULL or number in _FULL:
        return "the disk is full", "Make room, then call archive.adopt(client)"
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM) or number in _FORBIDDEN:
        return (
            "it is read-only",
            "Choose another folder with Archive(path) or SKYTELLS_ARCHIVE, then call adopt(client) on it",
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "another program keeps its index locked", "Close that program, then call adopt(client)"
    if code == sqlite3.SQLITE_CANTOPEN:
        return "its index cannot be opened", "Check that the folder may be written to, or choose another"
    words = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return words, "Check the folder, or choose another with Archive(path), then call adopt(client)"


def newer_index(path: Path, found: int, known: int) -> SkytellsError:
    """Refuse an index of a later version of this toolkit; nothing in it has been touched."""
    return SkytellsError(
        f"The archive index {path} was written by a newer version of skytells-nb (format {found}; this "
        f"version reads format {known}). Nothing was touched and nothing is lost. Upgrade with "
        "`pip install -U skytells-nb`, or choose another folder with Archive(path)."
    )
