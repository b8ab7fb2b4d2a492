"""A contact sheet: pictures and their captions as one bitmap, for a slide, a message or an export."""

from __future__ import annotations

import hashlib
import io
import math
import re
from base64 import b64encode
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from ..formatting import format_clock
from ..plaintext import clip, one_line
from ._items import DisplayItem, Message, Text
from ._pipeline import decode, each, fetch
from ._text import prediction_facts
from ._thumbnails import CACHE, Thumbnail

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

_PAPER: Final = "white"
_INK: Final = (32, 32, 32)
_MUTED: Final = (112, 112, 112)
_PANEL: Final = (243, 243, 243)
_MOST_PIXELS: Final = 16_000_000
_LEAST_SIDE: Final = 96
_TRIES: Final = 4
_LARGEST_PNG: Final = 800
_LEAST_PNG: Final = 8_000
# Pillow's own font has Latin letters only; these, where there are any, have more.
_FONTS: Final = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansHebrew-Regular.ttf",
    "NotoNaskhArabic-Regular.ttf",
    "wqy-zenhei.ttc",
    "Arial Unicode.ttf",
    "arial.ttf",
    "msyh.ttc",
    "msgothic.ttc",
    "PingFang.ttc",
)


def contact_sheet(
    items: Sequence[DisplayItem], *, columns: int | None = None, size: int = 512
) -> Image.Image:
    """Draw items on one sheet, white and opaque, with their captions; about square without ``columns``.

    ``size`` is the side of a cell in pixels, less where the sheet would have over 16 million.
    """
    count = max(1, len(items))
    across = columns or math.ceil(math.sqrt(count))
    side = max(_LEAST_SIDE, min(size, int((_MOST_PIXELS / (across * math.ceil(count / across))) ** 0.5)))
    return _sheet(decode(fetch(items), side=side, size=side, longest=1_200), across, side)


def labelled_sheet(
    items: Sequence[DisplayItem | None],
    rows: Sequence[Sequence[str]],
    columns: Sequence[Sequence[str]],
    *,
    size: int = 320,
) -> Image.Image:
    """Draw items as a table, row by row, with the labels of its rows and columns; None stays empty.

    A label has a word for each axis, the outermost first, which stands once over all that it is of.
    """
    from PIL import Image, ImageDraw

    most = max(_LEAST_SIDE, min(size, int((_MOST_PIXELS / max(1, len(items))) ** 0.5)))
    there = decode(fetch([item for item in items if item]), side=most, size=most, longest=1_200)
    pictures = iter(zip(there, each(lambda item: _picture(item, most), there), strict=True))
    drawn = [None if item is None else next(pictures) for item in items]
    sizes = [found[1].size if found and found[1] else (most, most * 3 // 8) for found in drawn if found]
    side = max((width for width, _ in sizes), default=most)
    letter, gap = max(11, min(28, side // 12)), max(8, side // 24)
    line, wide = letter + 4, len(columns)
    across, down = spans(columns), spans(rows)
    beside = max(120, side)
    left, top = gap + len(down) * (beside + gap), gap + len(across) * (2 * line + gap)
    tops = [top]
    for row in range(len(rows)):
        in_row = [found for found in drawn[row * wide : (row + 1) * wide] if found]
        tall = max((found[1].height if found[1] else side * 3 // 8 for found in in_row), default=line)
        tops.append(tops[-1] + tall + line + 2 * gap)
    sheet = Image.new("RGB", (left + wide * (side + gap), tops[-1]), _PAPER)
    pen = ImageDraw.Draw(sheet)

    for level, heads in enumerate(across):
        y = gap + level * (2 * line + gap)
        for start, length, words in heads:
            x, over = left + start * (side + gap), length * (side + gap) - gap
            _write(pen, x, y, _wrapped(one_line(words), over, letter, 2), letter)
            if length > 1:
                pen.line((x, y + 2 * line, x + over, y + 2 * line), fill=_MUTED)
    for level, heads in enumerate(down):
        for start, length, words in heads:
            room = tops[start + length] - tops[start] - gap
            lines = _wrapped(one_line(words), beside, letter, max(1, room // line))
            _write(pen, gap + level * (beside + gap), tops[start], lines, letter)
    for at, found in enumerate(drawn):
        if found is None:
            continue
        item, picture = found
        x, y = left + at % wide * (side + gap), tops[at // wide]
        if picture is None:
            _draw_words(pen, (x, y, side, side * 3 // 8), item, letter)
        else:
            sheet.paste(picture, (x, y))
        facts = [] if item.prediction is None else prediction_facts(replace(item.prediction, model=None))
        under = y + (picture.height if picture else side * 3 // 8) + gap // 2
        small = letter * 3 // 4 - 1
        _write(pen, x, under, _wrapped(" · ".join(facts), side, small, 1), small, _MUTED)
    return sheet


def spans(labels: Sequence[Sequence[str]]) -> list[list[tuple[int, int, str]]]:
    """Return the labels of each axis, the outermost first: where each begins, over how many, and its word."""
    found: list[list[tuple[int, int, str]]] = []
    for level in range(len(labels[0]) if labels else 0):
        runs: list[tuple[int, int, str]] = []
        for _, group in groupby(labels, key=lambda label: label[: level + 1]):
            start = sum(runs[-1][:2]) if runs else 0
            alike = list(group)
            runs.append((start, len(alike), alike[0][level]))
        found.append(runs)
    return found


def png_budget(cell_budget: int) -> int:
    """Return how many bytes of a cell a PNG beside the HTML may take; none where a tenth is too little."""
    share = min(60_000, cell_budget // 10)
    return share if share >= _LEAST_PNG else 0


def bundle_of(html: str, text: str, items: Sequence[DisplayItem], reserve: int) -> dict[str, str]:
    """Return what a cell shows: HTML, text, and of drawn items a PNG of at most `reserve` characters."""
    png = png_within(items, reserve) if reserve else None
    return {"text/html": html, "text/plain": text} | ({} if png is None else {"image/png": png})


def png_within(items: Sequence[DisplayItem], limit: int) -> str | None:
    """Return drawn items as a PNG of at most so many base64 characters; None where there is no picture.

    It is for what shows no HTML: exports to LaTeX and PDF. One picture stands alone, several on a sheet.
    """
    pictured = [item for item in items if item.thumbnail is not None]
    if not pictured:
        return None
    digest = hashlib.sha256(repr([items[0].caption, len(items), limit]).encode())
    for item in items:
        digest.update(
            item.thumbnail.data if item.thumbnail else repr(item.content).encode("utf-8", "replace")
        )

    def make() -> Thumbnail | None:
        across = math.ceil(math.sqrt(len(items)))
        side = max(_LEAST_SIDE, min(256, 560 // across))  # so few bytes are some 300 pixels wide
        image = _opened(pictured[0]) if len(items) == 1 else _sheet(items, across, side)
        made = _png(image, limit // 4 * 3)
        return None if made is None else Thumbnail(made, "image/png", *image.size)

    kept = CACHE.find(pictured[0].path, "sheet", digest.hexdigest(), make=make)
    return None if kept is None else b64encode(kept.data).decode("ascii")


def _png(image: Image.Image, limit: int) -> bytes | None:
    """Encode a picture in a palette, as large as it may be in so many bytes; a small one tells how large."""
    from PIL.Image import Dither, Quantize

    side, largest = 192, min(max(image.size), _LARGEST_PNG)
    best: bytes | None = None
    colors: Image.Image | None = None
    for _ in range(_TRIES):
        smaller = image.copy()
        smaller.thumbnail((side, side))
        file = io.BytesIO()
        # The colours of the small one serve the larger, too: to choose them anew takes seven times as long.
        drawn = (
            smaller.quantize(palette=colors, dither=Dither.NONE)
            if colors
            else smaller.quantize(128, Quantize.FASTOCTREE)
        )
        drawn.save(file, "PNG")
        colors = colors or drawn
        data = file.getvalue()
        if len(data) <= limit and (best is None or len(data) > len(best)):
            best = data
        wanted = min(largest, int(side * (limit / len(data)) ** 0.5 * 0.95))
        if best is not None and wanted <= side * 1.1:
            break
        side = max(48, wanted)
    return best


def _sheet(items: Sequence[DisplayItem], across: int, side: int) -> Image.Image:
    from PIL import Image, ImageDraw

    captions = [_caption(item) for item in items]
    letter = max(11, min(20, side // 24))
    gap = max(8, side // 24)
    lines = max((2 * bool(words) + bool(facts) for words, facts in captions), default=0)
    under = lines * (letter + 4) + (letter // 2 if lines else 0)
    pictures = each(lambda item: _picture(item, side), items)
    rows = [range(start, min(start + across, len(items))) for start in range(0, len(items), across)]
    heights = [max([side * 3 // 8, *(p.height if (p := pictures[i]) else 0 for i in row)]) for row in rows]
    width = across * side + (across + 1) * gap
    sheet = Image.new("RGB", (width, sum(h + under + gap for h in heights) + gap if rows else gap), _PAPER)
    pen = ImageDraw.Draw(sheet)
    top = gap
    for row, height in zip(rows, heights, strict=True):
        for place, index in enumerate(row):
            left = gap + place * (side + gap)
            picture = pictures[index]
            if picture is not None:
                at = (left + (side - picture.width) // 2, top + (height - picture.height) // 2)
                sheet.paste(picture, at)
            else:
                _draw_words(pen, (left, top, side, height), items[index], letter)
            words, facts = captions[index]
            y = _write(pen, left, top + height + letter // 2, _wrapped(words, side, letter, 2), letter)
            _write(pen, left, y, _wrapped(facts, side, letter - 1, 1), letter - 1, _MUTED)
        top += height + under + gap
    return sheet


def _picture(item: DisplayItem, side: int) -> Image.Image | None:
    if item.thumbnail is None:
        return None
    image = _opened(item)
    image.thumbnail((side, side), reducing_gap=1.0)  # whole pixels first, which takes a third of the time
    return image


def _opened(item: DisplayItem) -> Image.Image:
    from PIL import Image

    data = b"" if item.thumbnail is None else item.thumbnail.data
    return Image.open(io.BytesIO(data)).convert("RGB")


def _draw_words(
    pen: ImageDraw.ImageDraw, box: tuple[int, int, int, int], item: DisplayItem, letter: int
) -> None:
    """Draw a panel with the words of an item that has no picture."""
    left, top, side, height = box
    pen.rectangle((left, top, left + side - 1, top + height - 1), fill=_PANEL)
    room = max(1, (height - letter) // (letter + 4))
    if isinstance(item.content, Text):
        lines = _wrapped(item.content.text, side - 2 * letter, letter, room)
        y = top + letter // 2
    else:
        title, detail = _message(item)
        lines = [
            *_wrapped(title, side - 2 * letter, letter, 2),
            *_wrapped(detail, side - 2 * letter, letter, room - 2),
        ]
        y = top + max(0, (height - len(lines) * (letter + 4)) // 2)
    _write(pen, left + letter, y, lines[:room], letter)


def _message(item: DisplayItem) -> tuple[str, str]:
    if isinstance(item.content, Message):
        return item.content.title, item.content.detail
    if item.type is None:
        return "", ""
    length = "" if item.seconds is None else format_clock(item.seconds)
    return item.type.name[:1].upper() + item.type.name[1:], length or item.name


def _caption(item: DisplayItem) -> tuple[str, str]:
    made = item.prediction if item.caption else None
    facts = [] if made is None else prediction_facts(made, first=item.index == 1)
    return one_line(item.caption or ""), " · ".join(facts)


def _write(
    pen: ImageDraw.ImageDraw, x: int, y: int, lines: Sequence[str], letter: int, ink: tuple[int, ...] = _INK
) -> int:
    """Write lines under each other, and return where the next one would stand."""
    for line in lines:
        pen.text((x, y), line, fill=ink, font=_font_for(line, letter))
        y += letter + 4
    return y


# Words


def _wrapped(words: str, width: int, letter: int, most: int) -> list[str]:
    """Break words into at most so many lines, and end the last with an ellipsis where more was to come."""
    words = clip(words, 2_000)
    font, lines = _font_for(words, letter), []
    # an ellipsis stands where no font at hand has a letter, which would be drawn as an empty box
    kept = "".join(each if each in " \n" or _has(font, each) else "\0" for each in words)
    for paragraph in re.sub(r"\0[\0 ]*\0|\0", "…", kept).split("\n"):
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
            full = font.getlength(lines[-1] + "…") > width
            lines[-1] = _cut(lines[-1] + " …" * 9, width, font) if full else lines[-1] + "…"
    return lines


def _cut(word: str, width: int, font: Any) -> str:
    if font.getlength(word) <= width:
        return word
    fitting = bisect_left(range(len(word)), True, key=lambda n: font.getlength(word[:n] + "…") > width)
    return word[: max(0, fitting - 1)] + "…"


def _font_for(words: str, size: int) -> Any:
    """Return the font that has the most letters of a text; Pillow's own where it has all of them."""
    letters = {letter for letter in words if letter > "\u02ff" and not letter.isspace()}
    own = _font("", size)
    if all(_has(own, letter) for letter in letters):
        return own
    fonts = [own, *(font for name in _FONTS if (font := _font(name, size)) is not None)]
    return max(fonts, key=lambda font: sum(_has(font, letter) for letter in letters))


@cache
def _font(name: str, size: int) -> Any:
    from PIL import ImageFont

    if not name:
        return ImageFont.load_default(size)
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None


@cache
def _has(font: Any, letter: str) -> bool:
    return bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))
