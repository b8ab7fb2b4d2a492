"""The archive's folder: how its files are called, and how they are put there.

A crash at any instant loses only what was being written.
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
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .._storage import Folder, write_to
from ..filetypes import extension

if TYPE_CHECKING:
    from ..models import Prediction

SIDECAR: Final = ".json"
"""What the JSON beside an output adds to the output's own name."""

INDEX: Final = "index.sqlite"
"""The file that an archive's folder is known by."""

THUMBNAILS: Final = ".thumbnails"
"""The folder for small pictures of outputs: ``.thumbnails/<path of the output>.*``."""

_PARTIAL: Final = ".partial"
_UNINDEXED: Final = ".unindexed"
_LEFTOVER_AGE: Final = 3600.0
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_SLUG_WIDTH: Final = 40
_FOLDED: Final = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "þ": "th", "ð": "d"})


class FileStore(Folder):
    """The files of an archive by their name, ``day/name``, in a folder that is made with the first file.

    Names tell the time of ``zone``: the local one, unless several machines have to find the same name.
    """

    def __init__(self, root: Path, zone: tzinfo | None = None) -> None:
        super().__init__(root)
        self._zone = zone

    def place_file(self, source: Path, name: str) -> None:
        """Move a whole file to its lasting name, replacing what an interrupted try left there.

        Doing so again is no error: a transaction may have to be repeated.
        """
        target = self._at(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.replace(source, target)
        except FileNotFoundError:
            if not target.is_file():
                raise

    @contextlib.contextmanager
    def _errors(self, _done: str) -> Iterator[None]:
        yield  # what this disk refuses is worded where something was to be kept

    def exists(self, name: str | None) -> bool:
        return name is not None and is_name(name) and super().exists(name)

    def names(self, ending: str = "", *, start: str = "", since: str = "") -> Iterator[str]:
        """List the names with this ending, day by day: those that begin with ``start``, no day before one."""
        first, _, rest = start.partition("/")
        try:
            days = sorted(
                entry.name for entry in os.scandir(self.root) if _DAY.fullmatch(entry.name) and entry.is_dir()
            )
        except OSError:
            return
        for day in [day for day in days if day >= since and (not start or day == first)]:
            for entry in sorted(os.scandir(self.root / day), key=lambda entry: entry.name):
                named = entry.name.endswith(ending) and entry.name.startswith(rest)
                if named and entry.is_file(follow_symlinks=False):
                    yield f"{day}/{entry.name}"

    def has(self, path: Path) -> bool:
        """Whether there is a file of an archive's, by its path, with anything in it."""
        is_empty = path.is_file() and not path.stat().st_size  # as a full disk leaves it
        return not is_empty and self.exists(f"{path.parent.name}/{path.name}")

    def path(self, name: str | None) -> Path | None:
        """Return where a recorded name is on disk, or None if it would lead out of the folder."""
        return self._at(name) if name is not None and is_name(name) else None

    def stem(self, prediction: Prediction, account: str, *, distinct: bool = False) -> str:
        """Return what the names of a prediction's files begin with: its day, the time, its prompt's words.

        Where several machines write, it is distinct from the first.
        """
        is_shared = self._zone is not None
        whose = f"{account}\n{prediction.created_at}" if is_shared else account
        day, stem = day_and_stem(
            prediction,
            datetime.now().astimezone(self._zone),
            account=whose,
            distinct=distinct or is_shared,
            zone=self._zone,
        )
        return f"{day}/{stem}"

    def _at(self, name: str) -> Path:
        if not is_name(name):
            raise FileNotFoundError(f"{name!r} is no name of a file in an archive")
        return self.root / name

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

    def clear_leftovers(self) -> None:
        """Remove temporary files over an hour old, whose writers are gone."""
        limit = time.time() - _LEFTOVER_AGE
        with contextlib.suppress(OSError):  # as where there is no such folder
            for entry in list(os.scandir(self.root / _PARTIAL)):
                with contextlib.suppress(OSError):
                    if entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < limit:
                        os.unlink(entry.path)


def is_name(name: str) -> bool:
    """Whether this is the name of a file in an archive, ``day/name``, and leads nowhere else."""
    parts = name.split("/")
    return len(parts) == 2 and not any(
        part in ("", ".", "..") or "\\" in part or ":" in part for part in parts
    )


def slug(text: str | None) -> str:
    """Fold a text into lower-case words joined by hyphens, 40 characters at most.

    Latin letters lose their accents; letters of other scripts stay, so that a Chinese, Hebrew or Arabic
    prompt can be read in a file's name, too.
    """
    composed = unicodedata.normalize("NFC", (text or "")[:400].casefold().translate(_FOLDED))
    found = "-".join(_words("".join(map(_plain_letter, composed))))
    if len(found) <= _SLUG_WIDTH:
        return found
    return found[: _SLUG_WIDTH + 1].rpartition("-")[0] or found[:_SLUG_WIDTH]


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
    prediction: Prediction,
    now: datetime,
    *,
    account: str = "",
    distinct: bool = False,
    zone: tzinfo | None = None,
) -> tuple[str, str]:
    """Name the folder and the stem of a prediction's files, by its time of creation.

    ``now`` is taken where the prediction says no usable time itself. ``account`` only tells two predictions
    apart; it is ``distinct`` where another one bears the plain name already. The time is ``zone``'s, the
    local one unless given.
    """
    moment = now
    for found in (prediction.created_at, prediction.started_at, prediction.completed_at):
        if found is not None and 1971 < found.year < 9000:
            moment = found.astimezone(zone)
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
