"""The archive's folder: how its files are called, and how they are put there.

`FileStore` is all that the archive asks of a place for files, so another kind of place, such as an
object store, can be put behind the same verbs. A crash at any instant loses only what was being written.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import time
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from ..filetypes import extension

if TYPE_CHECKING:
    from ..models import Prediction

__all__ = [
    "INDEX",
    "SIDECAR",
    "THUMBNAILS",
    "VOTES",
    "FileStore",
    "day_and_stem",
    "file_name",
    "slug",
    "write_to",
]

SIDECAR: Final = ".json"
"""What the JSON beside an output adds to the output's own name."""

INDEX: Final = "index.sqlite"
"""The file that an archive's folder is known by."""

THUMBNAILS: Final = ".thumbnails"
"""The folder for small pictures of outputs: ``.thumbnails/<path of the output>.*``."""

VOTES: Final = "votes"
"""The folder for what was preferred: ``votes/<day and time>-<writer>.jsonl``."""

_PARTIAL: Final = ".partial"
_UNINDEXED: Final = ".unindexed"
_LEFTOVER_AGE: Final = 3600.0
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_SLUG_WIDTH: Final = 40
_FOLDED: Final = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "þ": "th", "ð": "d"})


class FileStore:
    """Files by their name, ``day/name``, in a folder: put, open, exists, delete, list.

    Parameters
    ----------
    root : Path
        The folder; it is made with the first `put`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, source: Path, name: str) -> None:
        """Move a whole file to its lasting name, replacing what an interrupted try left there.

        Doing so again is no error: a transaction may have to be repeated.
        """
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.replace(source, target)
        except FileNotFoundError:
            if not target.is_file():
                raise

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading; OSError where there is none."""
        return open(self._required(name), "rb")

    def exists(self, name: str | None) -> bool:
        """Whether there is such a file."""
        path = self.path(name)
        return path is not None and path.is_file()

    def delete(self, name: str) -> None:
        """Delete a file, and its folder when nothing else is in it; a missing one is no error."""
        path = self._required(name)
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            path.parent.rmdir()

    def list(self, ending: str = "", *, start: str = "") -> Iterator[str]:
        """List the names with this ending, day by day; with ``start`` those that begin so, in any folder."""
        first, _, rest = start.partition("/")
        try:
            folders = sorted(entry.name for entry in os.scandir(self.root) if entry.is_dir())
        except OSError:
            return
        for day in [name for name in folders if (name == first if start else _DAY.fullmatch(name))]:
            for entry in sorted(os.scandir(self.root / day), key=lambda entry: entry.name):
                named = entry.name.endswith(ending) and entry.name.startswith(rest)
                if named and entry.is_file(follow_symlinks=False):
                    yield f"{day}/{entry.name}"

    def path(self, name: str | None) -> Path | None:
        """Return where a recorded name is on disk, or None if it would lead out of the folder."""
        parts = (name or "").split("/")
        if len(parts) != 2 or any(part in ("", ".", "..") or "\\" in part or ":" in part for part in parts):
            return None
        return self.root / parts[0] / parts[1]

    def _required(self, name: str) -> Path:
        path = self.path(name)
        if path is None:
            raise FileNotFoundError(f"{name!r} is no name of a file in an archive")
        return path

    def temporary(self) -> Path:
        """Return a path that nobody else writes to; nothing is made there but its folder."""
        folder = self.root / _PARTIAL
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{os.getpid()}-{secrets.token_hex(8)}"

    def write_temporary(self, data: bytes) -> Path:
        """Write bytes to a temporary file, down to the disk, and return its path."""
        path = self.temporary()
        write_to(path, data)
        return path

    def sync(self, folder: str = "") -> None:
        """Make the names in a folder last; where folders cannot be synced this does nothing."""
        if os.name == "nt":
            return
        with contextlib.suppress(OSError):
            descriptor = os.open(self.root / folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def mark_unindexed(self, names: Sequence[str]) -> None:
        """Note that the index has still to hear of these records."""
        folder = self.root / _UNINDEXED
        folder.mkdir(parents=True, exist_ok=True)
        write_to(folder / secrets.token_hex(8), "\n".join(names).encode())

    def unindexed(self) -> dict[Path, Sequence[str]]:
        """Return the notes of `mark_unindexed`, each with the names in it."""
        try:
            marks = [Path(entry.path) for entry in os.scandir(self.root / _UNINDEXED)]
            return {mark: mark.read_text("utf-8").splitlines() for mark in marks}
        except OSError:
            return {}

    def clear_leftovers(self, now: float | None = None) -> int:
        """Remove temporary files over an hour old, whose writers are gone, and return how many."""
        limit = (time.time() if now is None else now) - _LEFTOVER_AGE
        removed = 0
        try:
            found = list(os.scandir(self.root / _PARTIAL))
        except OSError:
            return 0
        for entry in found:
            with contextlib.suppress(OSError):
                if entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < limit:
                    os.unlink(entry.path)
                    removed += 1
        return removed


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


def slug(text: str | None, width: int = _SLUG_WIDTH) -> str:
    """Fold a text into lower-case words joined by hyphens, at most ``width`` characters.

    Latin letters lose their accents; letters of other scripts stay, so that a Chinese, Hebrew or Arabic
    prompt can be read in a file's name, too.
    """
    composed = unicodedata.normalize("NFC", (text or "")[:400].casefold().translate(_FOLDED))
    found = "-".join(_words("".join(map(_plain_letter, composed))))
    if len(found) > width:
        cut = found[: width + 1].rpartition("-")[0]
        found = cut or found[:width]
    return found


def _plain_letter(letter: str) -> str:
    """Drop accents, and the vowel points of Hebrew and Arabic, which most texts lack."""
    plain = unicodedata.normalize("NFKD", letter)
    if plain[0].isascii():
        return "".join(sign for sign in plain if sign.isascii())
    return "" if unicodedata.combining(letter) and letter < "\u0700" else letter


def _words(text: str) -> list[str]:
    """Split at whatever is no letter, no digit, and no vowel sign of a script that needs them."""
    signs = (
        letter
        if letter.isalnum() or ("\u0900" <= letter <= "\u1cff" and unicodedata.category(letter)[0] == "M")
        else " "
        for letter in text
    )
    return "".join(signs).split()


def day_and_stem(
    prediction: Prediction, now: datetime, *, account: str = "", distinct: bool = False
) -> tuple[str, str]:
    """Name the folder and the stem of a prediction's files, by its local time of creation.

    Parameters
    ----------
    prediction : Prediction
        What is to be stored.
    now : datetime
        Taken where the prediction says no usable time itself.
    account : str
        Whose it is; only used to tell two predictions apart.
    distinct : bool
        Another prediction bears the plain name already.
    """
    moment = now
    for found in (prediction.created_at, prediction.started_at, prediction.completed_at):
        if found is not None and 1971 < found.year < 9000:
            moment = found.astimezone()
            break
    identity = f"{prediction.origin}\n{account}\n{prediction.id}".encode("utf-8", "surrogatepass")
    mark = re.sub(r"[^a-z0-9]", "", re.sub(r"^(pred|sandbox)[_-]", "", prediction.id.lower()))[:8]
    if len(mark) < 4 or distinct:
        mark += hashlib.sha256(identity).hexdigest()[:8]
    words = slug(prediction.prompt) or slug(prediction.model) or "prediction"
    return moment.strftime("%Y-%m-%d"), f"{moment:%H%M}-{words}-{mark}"


def file_name(stem: str, position: int, media_type: str | None) -> str:
    """Name one output: the first bears the plain stem, further ones ``-2``, ``-3`` and so on."""
    return f"{stem}{f'-{position + 1}' if position else ''}{extension(media_type)}"
