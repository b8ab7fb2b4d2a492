"""A contact sheet: pictures and their captions as one bitmap, for a slide or a message."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from .drawn import Notice, Passage
from .escaping import clip, one_line
from .preparing import Clip, Prepared, Small, prepare, resolve
from .sources import Entry
from .wording import facts_told

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

__all__ = ["contact_sheet"]

_PAPER: Final = "white"
_INK: Final = (32, 32, 32)
_MUTED: Final = (112, 112, 112)
_PANEL: Final = (243, 243, 243)
_MOST_PIXELS: Final = 16_000_000
_LEAST_SIDE: Final = 96


def contact_sheet(
    entries: Sequence[Entry],
    *,
    columns: int | None = None,
    size: int = 512,
) -> Image.Image:
    """Draw entries on one sheet, white and opaque, with their captions in Pillow's own font.

    Parameters
    ----------
    entries : sequence of Entry
        What to draw, in order.
    columns : int, optional
        How many columns; None makes the sheet about square.
    size : int
        Side of a cell in pixels; less where the sheet would have over 16 million pixels.
    """
    from PIL import Image, ImageDraw

    count = max(1, len(entries))
    found = resolve(entries)
    across = columns or math.ceil(math.sqrt(count))
    side = max(_LEAST_SIDE, min(size, int((_MOST_PIXELS / (across * math.ceil(count / across))) ** 0.5)))
    prepared = prepare(found, side=side, size=side, longest=1_200)
    captions = [_caption(entry) for entry in entries]
    letter = max(11, min(20, side // 24))
    gap = max(8, side // 24)
    under = _under(captions, letter)
    pictures = [_picture(item) for item in prepared]
    rows = [range(start, min(start + across, len(entries))) for start in range(0, len(entries), across)]
    heights = [max([side * 3 // 8, *(p.height if (p := pictures[i]) else 0 for i in row)]) for row in rows]
    width = across * side + (across + 1) * gap
    sheet = Image.new("RGB", (width, sum(h + under + gap for h in heights) + gap if rows else gap), _PAPER)
    pen = ImageDraw.Draw(sheet)
    top = gap
    for row, height in zip(rows, heights, strict=True):
        for place, index in enumerate(row):
            left = gap + place * (side + gap)
            _cell(sheet, pen, (left, top, side, height), pictures[index], prepared[index], letter)
            _words(pen, (left, top + height + letter // 2), side, captions[index], letter)
        top += height + under + gap
    return sheet


def _picture(item: Prepared) -> Image.Image | None:
    small = item.poster if isinstance(item, Clip) else item if isinstance(item, Small) else None
    return None if small is None else small.reduced.image


def _cell(
    sheet: Image.Image,
    pen: ImageDraw.ImageDraw,
    box: tuple[int, int, int, int],
    picture: Image.Image | None,
    item: Prepared,
    letter: int,
) -> None:
    left, top, side, height = box
    if picture is not None:
        at = (left + (side - picture.width) // 2, top + (height - picture.height) // 2)
        sheet.paste(picture, at, picture.getchannel("A") if picture.mode == "RGBA" else None)
        return
    pen.rectangle((left, top, left + side - 1, top + height - 1), fill=_PANEL)
    room = max(1, (height - letter) // (letter + 4))
    if isinstance(item, Passage):
        lines = _wrapped(item.text, side - 2 * letter, letter, room)
        y = top + letter // 2
    else:
        title, detail = _said(item)
        lines = [
            *_wrapped(title, side - 2 * letter, letter, 2),
            *_wrapped(detail, side - 2 * letter, letter, room - 2),
        ]
        y = top + max(0, (height - len(lines) * (letter + 4)) // 2)
    for line in lines[:room]:
        pen.text((left + letter, y), line, fill=_INK, font=_font(letter))
        y += letter + 4


def _said(item: Prepared) -> tuple[str, str]:
    if isinstance(item, Notice):
        return item.title, item.detail
    if isinstance(item, Clip):
        return "A clip" if item.kind.family == "video" else "A song", item.player(None, None).facts
    return "", ""


def _caption(entry: Entry) -> tuple[str, str]:
    prediction = entry.prediction
    facts = [] if prediction is None or not entry.words else facts_told(prediction)
    return one_line(entry.words or ""), " · ".join(facts)


def _under(captions: Sequence[tuple[str, str]], letter: int) -> int:
    lines = max((2 * bool(words) + bool(facts) for words, facts in captions), default=0)
    return lines * (letter + 4) + (letter // 2 if lines else 0)


def _words(
    pen: ImageDraw.ImageDraw, at: tuple[int, int], side: int, caption: tuple[str, str], letter: int
) -> None:
    left, y = at
    words, facts = caption
    for line in _wrapped(words, side, letter, 2):
        pen.text((left, y), line, fill=_INK, font=_font(letter))
        y += letter + 4
    for line in _wrapped(facts, side, letter - 1, 1):
        pen.text((left, y), line, fill=_MUTED, font=_font(letter - 1))


def _wrapped(words: str, width: int, letter: int, most: int) -> list[str]:
    """Break words into at most so many lines, and end the last with an ellipsis where more was to come."""
    font, lines = _font(letter), []
    for paragraph in clip(_drawable(words), 2_000).split("\n"):
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if font.getlength(longer) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            line = _cut(word, width, font)
        lines.append(line)
    if len(lines) > max(most, 0):
        lines = lines[: max(most, 0)]
        if lines:
            lines[-1] = (
                _cut(lines[-1] + " …" * 9, width, font)
                if font.getlength(lines[-1] + "…") > width
                else lines[-1] + "…"
            )
    return lines


def _cut(word: str, width: int, font: Any) -> str:
    if font.getlength(word) <= width:
        return word
    fitting = bisect_left(range(len(word)), True, key=lambda n: font.getlength(word[:n] + "…") > width)
    return word[: max(0, fitting - 1)] + "…"


def _drawable(words: str) -> str:
    """Put an ellipsis where Pillow's own font has no letters, which would be drawn as empty boxes."""
    kept = "".join(letter if letter in " \n" or _has(letter) else "\0" for letter in words)
    return re.sub(r"\0[\0 ]*\0|\0", "…", kept)


@cache
def _has(letter: str) -> bool:
    font = _font(16)
    return bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))


@cache
def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)
