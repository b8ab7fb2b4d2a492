"""What an output is, and how it becomes a whole, checked file that waits under a temporary name."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from mimetypes import guess_type
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from .._storage import write_to
from ..api import Download, download
from ..filetypes import HEAD, sniff, sniff_file
from ..models import Prediction, is_gone
from ._database import reason_and_remedy
from ._files import FileStore
from ._metadata import BrokenImageError, embed, measure
from ._serialize import decode_data_uri, is_data_uri

OutputForm: TypeAlias = Literal["url", "data", "text"]

KEPT: Final = timedelta(minutes=5)
"""How long the API keeps outputs (skytells-api.md section 12)."""

_PAUSES: Final = (0.5, 1.0, 2.0, 3.0)
_ENOUGH: Final = 8.0
"""Seconds after which a create has waited long enough: whoever sees the prediction next tries again."""

_log = logging.getLogger("skytells_nb")

_URL: Final = re.compile(r"https?://\S+", re.IGNORECASE)
_TEXTUAL: Final = frozenset({"text", "code"})
_VISIBLE: Final = frozenset({"image", "video", "audio", "music"})
_EMBEDDED_AT_MOST: Final = 64 * 2**20


@dataclass(slots=True)
class DownloadResult:
    """What came of one output: a temporary file, or a problem in words, or (a file kept shut) both.

    ``again`` says that another try may help, ``expired`` that the output is gone for good.
    """

    position: int
    temporary: Path | None = None
    media_type: str | None = None
    size: int = 0
    problem: str | None = None
    expired: bool = False
    again: bool = False


def form_of(prediction: Prediction, position: int) -> OutputForm:
    """Return what one output of a prediction is: a file at a URL, a file within a data URI, or a text.

    A text model may well answer with nothing but a URL; that is its text, unless the API lists the
    URL among the files it stores (skytells-api.md section 6, ``metadata.storage.files``).
    """
    output = (prediction.output or [])[position]
    is_textual = prediction.model_type in _TEXTUAL
    if _URL.fullmatch(output):
        metadata = prediction.raw.get("metadata")
        storage = metadata.get("storage") if isinstance(metadata, Mapping) else None
        files = storage.get("files") if isinstance(storage, Mapping) else None
        listed = files if isinstance(files, list) else ()
        is_stored = any(isinstance(file, Mapping) and file.get("url") == output for file in listed)
        return "text" if is_textual and not is_stored else "url"
    return "data" if not is_textual and is_data_uri(output) else "text"


def is_young(prediction: Prediction, margin: float = 60.0) -> bool:
    """Whether its outputs should still be at their URLs for at least ``margin`` seconds."""
    ended = prediction.completed_at
    if is_gone(prediction) or ended is None:
        return False
    return datetime.now(UTC) - ended < KEPT - timedelta(seconds=margin)


async def download_output(
    files: FileStore,
    origin: str | None,
    prediction: Prediction,
    position: int,
    *,
    is_new: bool = True,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> DownloadResult:
    """Bring one output to disk, trying again for some seconds where that can help.

    Right after the end a CDN may not know the file yet, so a 404 is final only once the output could have
    been deleted; ``is_new`` says that nobody has seen this end before, where the API does not say when it
    was. A disk that refuses it is a problem of this output: others may still find room.
    """
    form, output = form_of(prediction, position), (prediction.output or [])[position]
    if form == "url" and is_gone(prediction):
        return DownloadResult(position, problem="the API has deleted it", expired=True)
    began = clock()
    for pause in (*_PAUSES, None):
        path: Path | None = None
        result = DownloadResult(position, problem="no answer", again=True)
        try:
            path = await asyncio.to_thread(files.temporary)
            if form != "url":
                result = await asyncio.to_thread(_written, position, path, output, form)
            else:
                got = await download(output, path, origin=origin)
                if got.problem is None:
                    named = (guess_type(output.partition("?")[0])[0] or "").partition("/")[0]
                    expected = prediction.model_type or named  # by a URL that ends in .png
                    result = await asyncio.to_thread(_examined, position, path, got, expected)
                else:
                    ended = prediction.completed_at
                    late = got.withheld and (is_new if ended is None else is_young(prediction, margin=0.0))
                    problem = "its server does not have it yet" if late else got.problem
                    again = late or not got.final
                    result = DownloadResult(
                        position, problem=problem, expired=got.expired and not late, again=again
                    )
        except OSError as error:
            result = DownloadResult(position, problem=reason_and_remedy(error)[0])
        finally:
            if result.temporary is None and path is not None:
                path.unlink(missing_ok=True)
        if form != "url" or not result.again or pause is None or clock() - began > _ENOUGH:
            break
        _log.debug("output %d of %s: %s; again in %.1f s", position, prediction.id, result.problem, pause)
        await sleep(pause)
    return result


def _written(position: int, path: Path, output: str, form: OutputForm) -> DownloadResult:
    if form == "text":
        data, media_type = output.encode("utf-8", "replace"), "text/plain"
        write_to(path, data)
        return DownloadResult(position, path, media_type, len(data))
    try:
        data = decode_data_uri(output)
    except ValueError as error:
        return DownloadResult(position, problem=str(error))
    write_to(path, data)
    return _examined(position, path, Download(len(data), sniff(data[:HEAD])), None)


def _examined(position: int, path: Path, got: Download, model_type: str | None) -> DownloadResult:
    """Look at what was fetched: wrongly typed and cut files are refused, huge pictures kept shut."""
    media_type, size = got.media_type, got.size
    if media_type == "text/html":  # as some say with 200 that a file has not reached them yet
        return DownloadResult(position, problem="its server sent a web page and no output", again=True)
    is_textual = (media_type or "").startswith(("text/", "application/json", "application/xml"))
    if is_textual and model_type in _VISIBLE:
        words = f"its server sent {media_type} and no {model_type}"
        return DownloadResult(position, problem=words, again=True)
    if media_type == "video/mp4":
        media_type = sniff_file(path)  # a song, perhaps: only the whole file says so
    problem = None
    if (media_type or "").startswith("image/") and size <= _EMBEDDED_AT_MOST:
        try:
            area = measure(path.read_bytes())
        except BrokenImageError as error:
            return DownloadResult(position, problem=str(error), again=True)
        from PIL import Image

        most = Image.MAX_IMAGE_PIXELS
        if area is not None and most is not None and area[0] * area[1] > 2 * most:
            problem = f"refused to open: {area[0]:,} × {area[1]:,} pixels are more than Pillow's limit"
    return DownloadResult(position, path, media_type, size, problem)


def embed_record(files: FileStore, result: DownloadResult, record: dict[str, Any]) -> None:
    """Write the record into an image that takes one; the file under the temporary name changes.

    Where there is no room for a second copy the picture stays as it came: its record lies beside it.
    """
    path = result.temporary
    takes_one = result.media_type in ("image/png", "image/jpeg", "image/webp")
    if path is None or not takes_one or result.size > _EMBEDDED_AT_MOST:
        return
    data = path.read_bytes()
    try:
        spliced = embed(data, record)
    except BrokenImageError:
        return
    if spliced is not data:
        with suppress(OSError):
            result.temporary, result.size = files.write_temporary(spliced), len(spliced)
            path.unlink(missing_ok=True)
