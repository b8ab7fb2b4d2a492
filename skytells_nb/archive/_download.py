"""From an output to a whole, checked file that waits under a temporary name."""

from __future__ import annotations

import asyncio
from asyncio import sleep
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..api import Download, download
from ..filetypes import sniff, sniff_file
from ..models import Prediction
from ._database import reason
from ._files import FileStore, write_to
from ._metadata import BrokenImageError, embed, measure
from ._outputs import form_of, is_gone
from ._serialize import decode_data_uri

__all__ = ["Landed", "land", "stamp"]

TRIES: Final = 3
_PAUSES: Final = (0.5, 2.0)
_EMBEDDED_AT_MOST: Final = 64 * 2**20
_VISIBLE: Final = frozenset({"image", "video", "audio", "music"})


@dataclass(slots=True)
class Landed:
    """What came of one output: a temporary file, or a problem in words, or (a file kept shut) both.

    ``again`` says that another try may help.
    """

    position: int
    temporary: Path | None = None
    media_type: str | None = None
    size: int = 0
    problem: str | None = None
    expired: bool = False
    again: bool = False


async def land(store: FileStore, origin: str | None, prediction: Prediction, position: int) -> Landed:
    """Bring one output to disk, trying a few times where that can help.

    A disk that refuses it is a problem of this output: others, smaller ones perhaps, may still find room.
    """
    form, output = form_of(prediction, position), (prediction.output or [])[position]
    if form == "url" and is_gone(prediction):
        return Landed(position, problem="the API has deleted it", expired=True)
    landed = Landed(position, problem="no answer", again=True)
    for attempt in range(TRIES):
        path: Path | None = None
        try:
            path = await asyncio.to_thread(store.temporary)
            if form != "url":
                landed = await asyncio.to_thread(_written, position, path, output, form)
            else:
                fetched = await download(output, path, origin=origin)
                if fetched.problem is None:
                    landed = await asyncio.to_thread(
                        _examined, position, path, fetched, prediction.model_type
                    )
                else:
                    landed = Landed(
                        position, problem=fetched.problem, expired=fetched.expired, again=not fetched.final
                    )
        except OSError as error:
            landed = Landed(position, problem=reason(error))
        finally:
            if landed.temporary is None and path is not None:
                path.unlink(missing_ok=True)
        if form != "url" or not landed.again or attempt == TRIES - 1:
            break
        await sleep(_PAUSES[attempt])
    return landed


def _written(position: int, path: Path, output: str, form: str) -> Landed:
    if form == "text":
        data, media_type = output.encode("utf-8", "replace"), "text/plain"
        write_to(path, data)
        return Landed(position, path, media_type, len(data))
    try:
        data = decode_data_uri(output)
    except ValueError as error:
        return Landed(position, problem=str(error))
    write_to(path, data)
    return _examined(position, path, Download(len(data), sniff(data[:4096])), None)


def _examined(position: int, path: Path, fetched: Download, model_type: str | None) -> Landed:
    """Look at what was fetched: wrongly typed and cut files are refused, huge pictures kept shut."""
    media_type, size = fetched.media_type, fetched.size
    if media_type == "text/html":
        return Landed(position, problem="its server sent a web page and no output", again=False)
    textual = (media_type or "").startswith(("text/", "application/json", "application/xml"))
    if textual and model_type in _VISIBLE:
        return Landed(position, problem=f"its server sent {media_type} and no {model_type}", again=False)
    if media_type == "video/mp4":
        media_type = sniff_file(path)  # a song, perhaps: only the whole file says so
    problem = None
    if (media_type or "").startswith("image/") and size <= _EMBEDDED_AT_MOST:
        try:
            area = measure(path.read_bytes())
        except BrokenImageError as error:
            return Landed(position, problem=str(error), again=True)
        if area is not None and area[0] * area[1] > _most_pixels():
            problem = f"refused to open: {area[0]:,} × {area[1]:,} pixels are more than Pillow's limit"
    return Landed(position, path, media_type, size, problem)


def _most_pixels() -> float:
    from PIL import Image

    return float("inf") if Image.MAX_IMAGE_PIXELS is None else 2 * Image.MAX_IMAGE_PIXELS


def stamp(store: FileStore, landed: Landed, record: dict[str, Any]) -> None:
    """Write the record into an image that takes one; the file under the temporary name changes.

    Where there is no room for a second copy the picture stays as it came: its record lies beside it.
    """
    path = landed.temporary
    embeds = landed.media_type in ("image/png", "image/jpeg", "image/webp")
    if path is None or not embeds or landed.size > _EMBEDDED_AT_MOST:
        return
    data = path.read_bytes()
    try:
        stamped = embed(data, record)
    except BrokenImageError:
        return
    if stamped is not data:
        with suppress(OSError):
            landed.temporary, landed.size = store.write_temporary(stamped), len(stamped)
            path.unlink(missing_ok=True)
