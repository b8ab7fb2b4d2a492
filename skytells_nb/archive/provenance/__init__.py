"""Where a file came from, written into the file itself without touching its pixels.

PNG takes a text chunk, JPEG and WebP take XMP; the compressed image data is copied byte for byte.
Every other kind of file has its record in the JSON file beside it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from ...exceptions import InvalidInputError
from ...filetypes import sniff
from ..naming import SIDECAR
from . import jpeg, png, webp
from .record import INDEXED, Broken, record_of

__all__ = ["Broken", "embed", "measure", "read_provenance", "record_of"]

_KINDS: Final = {"image/png": png, "image/jpeg": jpeg, "image/webp": webp}
_ROOM: Final = 48_000
_READ_AT_MOST: Final = 64 * 2**20


def embed(data: bytes, record: dict[str, Any]) -> bytes:
    """Splice a record into an image; data of other kinds comes back as it is.

    Raises
    ------
    Broken
        When the image stops before its end.
    """
    kind = _KINDS.get(sniff(data[:4096]) or "")
    if kind is None:
        return data
    with _readable():
        spliced: bytes = kind.embed(data, _fitting(record), str(record.get("prompt") or ""))
    return spliced


def measure(data: bytes) -> tuple[int, int] | None:
    """Read an image's width and height from its header alone; None where they are not known.

    Raises
    ------
    Broken
        When the image stops before its end.
    """
    kind = _KINDS.get(sniff(data[:4096]) or "")
    if kind is None:
        return None
    with _readable():
        size: tuple[int, int] = kind.measure(data)
    return size


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (struct.error, IndexError) as error:
        raise Broken("the image stops within its header") from error


def read_provenance(path: str | Path) -> dict[str, Any] | None:
    """Tell how a file was made: prompt, input, model, seed, cost, times, id and origin.

    Parameters
    ----------
    path : str or Path
        A file from an archive, also when it was renamed, copied or sent to somebody.

    Returns
    -------
    dict or None
        From the image itself, else from the JSON file beside it; None where neither says anything.

    Raises
    ------
    InvalidInputError
        When there is no such file.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> sky.read_provenance("fox.png")["prompt"]  # doctest: +SKIP
    'a red fox in snow'
    """
    place = Path(path)
    try:
        with open(place, "rb") as file:
            data = file.read(_READ_AT_MOST)
    except OSError as error:
        raise InvalidInputError(
            f"{place} cannot be read: {error.strerror or error}. Nothing was changed. Pass the path "
            "of a file.",
            charged=False,
        ) from error
    kind = _KINDS.get(sniff(data[:4096]) or "")
    text = None
    if kind is not None:
        with suppress(Broken), _readable():
            text = kind.extract(data)
    found = _decoded(text)
    if found is None:
        beside = place.with_name(place.name + SIDECAR)
        try:
            if beside.stat().st_size <= _READ_AT_MOST:
                found = _decoded(beside.read_text("utf-8"))
        except (OSError, UnicodeDecodeError):
            found = None
    return None if found is None else {key: value for key, value in found.items() if key not in INDEXED}


def _decoded(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "skytells_nb" in found else None


def _fitting(record: dict[str, Any]) -> str:
    """Encode a record in pure ASCII that fits one JPEG segment, letting go of the largest parts first."""
    text = json.dumps(record, default=str)
    if len(text) > _ROOM:
        text = json.dumps({**record, "input": None}, default=str)
    if len(text) > _ROOM:
        text = json.dumps({**record, "input": None, "prompt": str(record.get("prompt"))[:4000]}, default=str)
    return text
