"""What a cell can afford: thumbnails fitted to its budget, clips and songs embedded where they are small.

The page is measured without its pictures first, so that what is left of the budget is known exactly. Then
clips and songs are embedded, the smallest first, and pictures over their share are encoded again, smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from .clips import listening_copy
from .drawn import Drawn, Picture, data_uri
from .planning import base64_length, ceiling, planned_side, raw_length, share
from .preparing import Clip, Prepared, Small, each, prepare
from .sources import Entry
from .thumbnails import Thumbnail, encode, encode_within, reduce

__all__ = ["Drawing", "draw"]

_LONGEST_TEXT: Final = 20_000
_WEB_SAFE: Final = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif"})
_WORDS_AROUND: Final = 500


@dataclass(frozen=True, slots=True)
class Drawing:
    """What was drawn for each entry, and whether the budget took something from it."""

    drawn: tuple[Drawn, ...]
    squeezed: bool


def draw(
    entries: Sequence[Entry],
    *,
    size: int,
    budget: int | None,
    page_length: Callable[[Sequence[Drawn]], int],
) -> Drawing:
    """Draw entries.

    Parameters
    ----------
    entries : sequence of Entry
        What to draw, in order.
    size : int
        Longest side of a thumbnail, in pixels.
    budget : int or None
        Bytes of notebook for everything; None embeds originals whole.
    page_length : callable
        How many bytes of notebook a page of these takes; asked once, with empty pictures.
    """
    side = planned_side(len(entries), size, budget)
    longest = (
        _LONGEST_TEXT if budget is None else max(400, min(_LONGEST_TEXT, budget // (2 * len(entries) or 1)))
    )
    prepared = prepare(entries, side=side, size=size, longest=longest)
    if budget is None:
        return Drawing(tuple(each(_whole, prepared)), squeezed=False)
    around = page_length([_empty(item) for item in prepared])
    return _fitted(prepared, side, max(0, budget - around - _WORDS_AROUND))


def _empty(item: Prepared) -> Drawn:
    if isinstance(item, Small):
        return item.picture(None, item.facts + ", an animation: its first frame")
    if isinstance(item, Clip):
        return item.player("", None if item.poster is None else item.poster.picture(None))
    return item


def _whole(item: Prepared) -> Drawn:
    """Draw an entry from the original's own bytes, where a browser can show them."""
    if isinstance(item, Clip):
        poster = None if item.poster is None else item.poster.picture(item.poster.first)
        return item.player(data_uri(item.blob.read(), item.kind.mime), poster)
    if not isinstance(item, Small):
        return item
    whole = replace(item, size=max(item.reduced.width, item.reduced.height))
    if item.kind.mime in _WEB_SAFE:
        data, mime = item.blob.read(), item.kind.mime
    else:
        with item.blob.open() as file:
            thumbnail = encode(reduce(file, whole.size).image, quality=95)
        data, mime = thumbnail.data, thumbnail.mime
    return replace(whole.picture(None, item.facts), source=data_uri(data, mime))


def _fitted(prepared: Sequence[Prepared], side: int, budget: int) -> Drawing:
    pictures = [
        small
        for item in prepared
        if (small := item.poster if isinstance(item, Clip) else item if isinstance(item, Small) else None)
    ]
    moving = [i for i, item in enumerate(prepared) if _moves(item)]
    # Pictures are promised half where clips want a part too; what either leaves over goes to the other.
    wanted = sum(min(base64_length(len(small.first.data)), ceiling(side)) for small in pictures)
    for_moving = max(budget - wanted, budget // 2)
    embedded = _embedded(prepared, moving, for_moving)
    cap = share(
        [min(base64_length(len(small.first.data)), ceiling(side)) for small in pictures],
        budget - sum(len(source) for source in embedded.values()),
    )
    limit = raw_length(min(cap, ceiling(side)))
    encoded = each(lambda small: _encoded(small, limit), pictures)
    squeezed = cap < ceiling(side) and any(base64_length(len(small.first.data)) > cap for small in pictures)
    thumbnails = iter(encoded)
    drawn: list[Drawn] = []
    for index, item in enumerate(prepared):
        if isinstance(item, Small):
            drawn.append(_still(item, next(thumbnails), embedded.get(index)))
        elif isinstance(item, Clip):
            poster = None if item.poster is None else item.poster.picture(next(thumbnails))
            drawn.append(item.player(embedded.get(index), poster))
        else:
            drawn.append(item)
    return Drawing(tuple(drawn), squeezed or any(index not in embedded for index in moving))


def _encoded(small: Small, limit: int) -> Thumbnail:
    if len(small.first.data) <= limit:
        return small.first
    return encode_within(small.reduced.image, limit)


def _still(item: Small, thumbnail: Thumbnail, animation: str | None) -> Picture:
    if animation is not None:
        return replace(item.picture(None, item.facts), source=animation)
    moves = ", an animation: its first frame" if _moves(item) else ""
    return item.picture(thumbnail, item.facts + moves)


def _moves(item: Prepared) -> bool:
    if isinstance(item, Small):
        return item.reduced.frames > 1 and item.kind.mime in _WEB_SAFE
    return isinstance(item, Clip)


def _embedded(prepared: Sequence[Prepared], moving: Sequence[int], budget: int) -> dict[int, str]:
    """Embed clips, songs and animations, the smallest first, as long as the budget lasts."""
    found: dict[int, str] = {}
    left = budget
    items = {index: item for index in moving if isinstance(item := prepared[index], Small | Clip)}
    for done, index in enumerate(sorted(items, key=lambda i: (items[i].blob.size(), i))):
        item = items[index]
        source = _source(item, left, left // (len(items) - done))
        if source is not None and len(source) <= left:
            found[index] = source
            left -= len(source)
    return found


def _source(item: Small | Clip, left: int, even: int) -> str | None:
    if base64_length(item.blob.size()) + 40 <= left and (
        isinstance(item, Small) or item.kind.family == "video" or base64_length(item.blob.size()) <= even
    ):
        return data_uri(item.blob.read(), item.kind.mime)
    if isinstance(item, Clip) and item.kind.family == "audio":
        with item.blob.open() as file:
            copy = listening_copy(file, item.facts.seconds, raw_length(even // 2 - 40))
        return None if copy is None else data_uri(copy, "audio/mpeg")
    return None
