"""From items to what a cell can afford of them: fetched, decoded, fitted to its budget.

An item goes through three stages, and gains fields in each. `fetch` finds outputs that are not at hand;
`decode` makes thumbnails, on all cores, each item by itself; `draw` measures the page without its pictures,
so that what is left of the budget is known exactly, then embeds clips and songs, the smallest first, and
encodes pictures that are over their share again, smaller.

A budget is counted in the bytes that the saved notebook grows by: base64 takes four bytes for three, and JSON
a second one for every quotation mark.
"""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, MutableSet, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from typing import Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from ..archive import form_of, local_file
from ..exceptions import NetworkError, OutputExpiredError, SkytellsError
from ..filetypes import FILE_TYPES, file_type, sniff_file
from ..models import is_gone
from ..pictures import Picture, PictureError, encode
from ..plaintext import clean, clip, one_line
from ._items import EXPIRED, Content, DisplayItem, FileContent, Message, RemoteOutput, Text, from_data_uri
from ._text import format_path
from ._thumbnails import CACHE, Thumbnail, listening_copy, make_thumbnail, probe

T = TypeVar("T")
R = TypeVar("R")

_FETCHERS: Final = 8
_CORES: Final = os.cpu_count() or 1
_LONGEST_TEXT: Final = 20_000
_LARGEST_SVG: Final = 2_000_000
_WORDS_AROUND: Final = 500
_WEB_SAFE: Final = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif"})
_SVG: Final = "image/svg+xml"

_BYTES_PER_PIXEL: Final = 0.15
"""Base64 bytes that a grainy photograph takes per pixel as WebP at quality 80, measured at 512 pixels."""

_CEILING: Final = 55_000
"""Base64 bytes that one 512-pixel thumbnail may take, so that one prediction stays under 60 kB."""

_LEAST: Final = 5_000
"""Bytes below which a figure and its words cannot be had."""


class FittedItems(NamedTuple):
    """The items as they stand in the page, and whether the budget took something from them."""

    items: list[DisplayItem]
    squeezed: bool


# Fetching: outputs that are not at hand


def fetch(items: Sequence[DisplayItem]) -> list[DisplayItem]:
    """Return the items with files or messages in the place of addresses.

    A host that does not answer is not asked again for the same cell: a listing of last week's predictions
    does not wait for each of them.
    """
    silent: set[str] = set()
    remote = [item.content for item in items if isinstance(item.content, RemoteOutput)]
    found = iter(each(lambda output: _fetch(output, silent), remote, _FETCHERS))
    return [
        replace(item, content=next(found)) if isinstance(item.content, RemoteOutput) else item
        for item in items
    ]


def _fetch(output: RemoteOutput, silent_hosts: MutableSet[str]) -> Content:
    try:
        return _find(output, silent_hosts)
    except OutputExpiredError:
        return Message("No longer there", EXPIRED)
    except SkytellsError as error:
        return Message("Not downloaded", clip(one_line(error.message), 300), output.address)
    except Exception as error:  # noqa: BLE001 - whatever this trips over, the rest of the cell is shown
        words = f"{type(error).__name__}: {one_line(str(error))}"
        return Message("Not downloaded", clip(words, 300), output.address)


def _find(output: RemoteOutput, silent_hosts: MutableSet[str]) -> Content:
    prediction, index = output.prediction, output.index
    path = local_file(prediction, index) if prediction.id != output.address else None
    if path is not None:
        return FileContent(path=path)
    if index >= len(prediction.output or ()):
        kept = prediction.files[index] if index < len(prediction.files) else None
        where = (
            "" if kept is None else f"It was kept at {one_line(format_path(kept))}, and is no longer there."
        )
        return Message("File not found", where)
    if not output.address:
        return Message("No output", "Empty output.")
    if form_of(prediction, index) == "data":
        return from_data_uri(output.address)
    if is_gone(prediction):
        return Message("No longer there", EXPIRED)
    host = urlsplit(output.address).hostname or "its host"
    if host in silent_hosts:
        return Message("Not downloaded", f"{host} does not answer.", output.address)
    from ..api import download_bytes

    try:
        return FileContent(data=download_bytes(output.address, prediction.origin))
    except NetworkError:
        silent_hosts.add(host)
        raise


def each(work: Callable[[T], R], items: Iterable[T], workers: int = _CORES) -> list[R]:
    """Do the same work for each item, on all cores; results are in order."""
    todo = list(items)
    if len(todo) < 2:
        return [work(item) for item in todo]
    pool = ThreadPoolExecutor(min(workers, len(todo)), thread_name_prefix="skytells-display")
    try:
        context = copy_context()  # the threads see the options of whoever looks
        return list(pool.map(lambda item: context.copy().run(work, item), todo))
    finally:
        pool.shutdown(cancel_futures=True)


# Decoding: files become thumbnails, or words


def decode(items: Sequence[DisplayItem], *, side: int, size: int, longest: int) -> list[DisplayItem]:
    """Return fetched items with thumbnails of ``side`` pixels, shown at ``size`` CSS pixels, and texts cut.

    What cannot be drawn becomes a message.
    """
    return each(lambda item: _decode(item, side, size, longest), items)


def _decode(item: DisplayItem, side: int, size: int, longest: int) -> DisplayItem:
    content = item.content
    if isinstance(content, Text):
        return replace(item, content=_excerpt(content.text, longest))
    if isinstance(content, RemoteOutput):
        return replace(item, content=Message("Not downloaded", "", content.address))
    if isinstance(content, Message):
        return item
    try:
        return _read(item, content, side, size, longest)
    except PictureError as error:
        words = Message(error.title, error.detail[:1].upper() + error.detail[1:])
    except FileNotFoundError:
        words = Message("File not found", "It was there, and is no longer.")
    except OSError as error:
        words = Message("File not readable", clip(clean(error.strerror or type(error).__name__), 200))
    return replace(item, content=words)


def _read(item: DisplayItem, content: FileContent, side: int, size: int, longest: int) -> DisplayItem:
    with content.open() as file:
        media_type = sniff_file(file)
        found = file_type(file.read(4096)) if media_type is None else FILE_TYPES[media_type]
    item = replace(item, type=found)
    if media_type == _SVG and content.size() <= _LARGEST_SVG:
        width, height = _svg_size(content.read())
        return replace(item, width=width, height=height, shown=_scaled(width, height, size))
    if found.kind == "image" and media_type != _SVG:

        def make() -> Thumbnail:
            with content.open() as file:
                return make_thumbnail(file, side)

        try:
            return _drawn_at(item, CACHE.find(content.path, side, make=make), size)
        except PictureError:
            if found.pillow:
                raise
            return item  # a format that no decoder here reads: its file is named and linked
    if found.kind in ("video", "audio"):
        return _with_media(item, content, side, size)
    if found.kind == "text":
        with content.open() as file:
            text = file.read(4 * longest + 4).decode("utf-8", "replace")
        return replace(item, content=_excerpt(text, longest, content.size()))
    if not content.size():
        raise PictureError("Not shown", f"the file holds {found.name}.")
    return item


def _drawn_at(item: DisplayItem, thumbnail: Thumbnail, size: int) -> DisplayItem:
    return replace(
        item,
        thumbnail=thumbnail,
        width=thumbnail.width,
        height=thumbnail.height,
        animated=thumbnail.animated and item.kind == "image",
        shown=_scaled(thumbnail.width, thumbnail.height, size),
    )


def _with_media(item: DisplayItem, content: FileContent, side: int, size: int) -> DisplayItem:
    with content.open() as file:
        info = probe(file)
    if info.is_song and item.kind == "video":
        item = replace(item, type=FILE_TYPES["audio/mp4"])
    item = replace(item, seconds=info.seconds)
    if info.poster is None:
        return replace(item, width=info.width or 0, height=info.height or 0)
    image = info.poster
    width, height = image.size
    image.thumbnail((side, side), reducing_gap=2.0)
    return _drawn_at(item, make_thumbnail(Picture(image, width, height, animated=False)), size)


def _scaled(width: int, height: int, size: int) -> tuple[int, int]:
    ratio = min(1.0, size / max(width, height, 1))
    return max(1, round(width * ratio)), max(1, round(height * ratio))


def _svg_size(data: bytes) -> tuple[int, int]:
    """Read the size of a drawing from its first tag; a square where that says nothing."""
    tag = re.search(r"<svg\b[^>]{0,4000}", data[:20_000].decode("utf-8", "replace"), re.IGNORECASE)
    head = tag[0] if tag else ""
    sizes = [
        re.search(rf"""\b{name}\s*=\s*["']\s*([\d.]+)(?:px)?\s*["']""", head) for name in ("width", "height")
    ]
    box = re.search(r"""\bviewBox\s*=\s*["'][-\d.]+[\s,]+[-\d.]+[\s,]+([\d.]+)[\s,]+([\d.]+)""", head)
    found = [match[1] for match in sizes if match] if all(sizes) else list(box.groups()) if box else []
    try:
        width, height = (min(max(float(number), 1.0), 100_000.0) for number in found)
    except ValueError:
        return 512, 512
    return round(width), round(height)


def _excerpt(text: str, longest: int, size: int | None = None) -> Text:
    shown = clean(text)
    length = max(len(shown), size or 0) if len(shown) > longest else len(shown)
    return Text(shown[:longest], length)


# Fitting: what a cell can afford


def draw(
    items: Sequence[DisplayItem],
    *,
    size: int,
    budget: int | None,
    page: Callable[[Sequence[DisplayItem]], str],
) -> FittedItems:
    """Decode fetched items and embed as much of them as a cell can afford; without a budget, all of it.

    ``page`` returns the HTML in which they will stand; it is asked once, with empty pictures, for its length.
    """
    count = len(items) or 1
    longest = _LONGEST_TEXT if budget is None else max(400, min(_LONGEST_TEXT, budget // (2 * count)))
    side = planned_side(len(items), size, budget)
    decoded = decode(items, side=side, size=size, longest=longest)
    if budget is None:
        return FittedItems(each(_whole, decoded), squeezed=False)
    empty = [
        replace(item, source="", poster=None if item.thumbnail is None else "")
        if item.kind not in ("", "file")
        else item
        for item in decoded
    ]
    return _fitted(decoded, side, max(0, budget - notebook_bytes(page(empty)) - _WORDS_AROUND))


def _whole(item: DisplayItem) -> DisplayItem:
    """Embed the original's own bytes, where a browser can show them."""
    if not isinstance(item.content, FileContent) or item.type is None or item.kind in ("", "file"):
        return item
    mime, thumbnail = item.type.media_type, item.thumbnail
    if item.kind != "image":
        poster = None if thumbnail is None else data_uri(thumbnail.data, thumbnail.mime)
        source = data_uri(item.content.read(), mime) if item.playable else _copy(item, item.content, 10**8)
        return replace(item, source=source, poster=poster, whole=item.playable)
    data = item.content.read()
    if mime not in (*_WEB_SAFE, _SVG):
        try:
            data, mime = encode(data, "WEBP"), "image/webp"
        except PictureError:  # no WebP, or too large for it
            data, mime = encode(data, "PNG"), "image/png"
    return replace(item, source=data_uri(data, mime), shown=(item.width, item.height), whole=True)


def _fitted(items: Sequence[DisplayItem], side: int, budget: int) -> FittedItems:
    most = ceiling(side)
    lengths = [base64_length(len(item.thumbnail.data)) for item in items if item.thumbnail is not None]
    # Pictures are promised half where clips want a part too; what either leaves over goes to the other.
    for_moving = max(budget - sum(min(length, most) for length in lengths), budget // 2)
    embedded = _embedded(items, for_moving)
    left = budget - sum(len(source) for source in embedded.values())
    cap = share([min(length, most) for length in lengths], left)
    limit = raw_length(min(cap, most))
    thumbnails = each(lambda item: _within(item, side, limit), items)
    fitted = [
        replace(item, source=source or thumbnail, whole=source is not None)
        if item.kind == "image"
        else replace(item, source=source, poster=thumbnail)
        for item, source, thumbnail in zip(
            items, map(embedded.get, range(len(items))), thumbnails, strict=True
        )
    ]
    squeezed = (cap < most and any(length > cap for length in lengths)) or any(
        at not in embedded
        for at, item in enumerate(items)
        if _moves(item) and (item.kind == "image" or item.can_play)
    )
    return FittedItems(fitted, squeezed)


def _within(item: DisplayItem, side: int, limit: int) -> str | None:
    """Return an item's thumbnail as a data URI, encoded again where it is over its share."""
    thumbnail = item.thumbnail
    if thumbnail is None:
        return None
    data = thumbnail.data
    if len(data) > limit:
        path = item.path if item.kind == "image" else None
        thumbnail = CACHE.find(path, side, limit, make=lambda: make_thumbnail(data, side, limit))
    return data_uri(thumbnail.data, thumbnail.mime)


def _moves(item: DisplayItem) -> bool:
    """Check for what is embedded as it is: clips, songs, animations and drawings."""
    if item.type is None or item.kind in ("", "file"):
        return False
    if item.kind == "image":
        return item.type.media_type == _SVG or (item.animated and item.type.media_type in _WEB_SAFE)
    return True


def _embedded(items: Sequence[DisplayItem], budget: int) -> dict[int, str]:
    """Embed what moves, the smallest first, as long as the budget lasts."""
    sizes = {
        at: item.content.size()
        for at, item in enumerate(items)
        if _moves(item) and isinstance(item.content, FileContent)
    }
    found: dict[int, str] = {}
    left = budget
    for done, at in enumerate(sorted(sizes, key=lambda at: (sizes[at], at))):
        source = _source(items[at], sizes[at], left, left // (len(sizes) - done))
        if source is not None and len(source) <= left:
            found[at] = source
            left -= len(source)
    return found


def _source(item: DisplayItem, size: int, left: int, even: int) -> str | None:
    content, kind = item.content, item.type
    if not isinstance(content, FileContent) or kind is None:
        return None
    length = base64_length(size) + 40
    fits = length <= left and (item.kind != "audio" or length - 40 <= even)
    if fits and (item.kind == "image" or item.playable):
        return data_uri(content.read(), kind.media_type)
    return _copy(item, content, even)


def _copy(item: DisplayItem, content: FileContent, limit: int) -> str | None:
    """Return a copy of a song to listen to, in at most so many characters; None for anything else."""
    if item.kind != "audio":
        return None

    def make() -> Thumbnail | None:
        usual, most = raw_length(limit // 2 - 40), raw_length(limit - 40)
        with content.open() as file:
            made = listening_copy(file, item.seconds, usual, at_most=most)
        return None if made is None else Thumbnail(made, "audio/mpeg", 0, 0)

    copy = CACHE.find(content.path, "song", limit, make=make)
    return None if copy is None else data_uri(copy.data, copy.mime)


# The budget: arithmetic only


def planned_side(count: int, size: int, budget: int | None) -> int:
    """Return the longest side of so many thumbnails, in pixels, before anything is encoded."""
    if budget is None or count < 1:
        return size
    side = int((budget / count / _BYTES_PER_PIXEL) ** 0.5) // 16 * 16
    return min(size, max(96, side))


def ceiling(side: int) -> int:
    """Return the base64 bytes that one thumbnail of this side may take, whatever the budget."""
    return max(4_000, int(_CEILING * (side / 512) ** 2))


def most_items(budget: int | None) -> int | None:
    """Return how many figures fit a budget at all; None where there is none."""
    return None if budget is None else max(1, budget // _LEAST)


def share(sizes: Sequence[int], budget: int) -> int:
    """Return the cap under which all sizes together meet the budget: small pictures keep what they need.

    ``share([10, 100, 100], 110)`` is 50.
    """
    left = max(0, budget)
    for done, size in enumerate(ordered := sorted(sizes)):
        even = left // (len(ordered) - done)
        if size > even:
            return even
        left -= size
    return max(sizes, default=0)


def base64_length(count: int) -> int:
    return (count + 2) // 3 * 4


def raw_length(count: int) -> int:
    return max(0, count // 4 * 3)


def data_uri(data: bytes, mime: str) -> str:
    return f"data:{mime};base64,{b64encode(data).decode('ascii')}"


def notebook_bytes(html: str) -> int:
    """Count the bytes that a string takes in a saved notebook."""
    return len(json.dumps(html, ensure_ascii=False).encode("utf-8", "replace"))
