"""How many megapixels one picture has, from width and height, a resolution, or a shape."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from ..formatting import format_number as plain
from .amounts import EXACT
from .spans import Span
from .told import Found, Told, numeric, shown

__all__ = ["megapixels"]

_PIXELS: Final = re.compile(r"(\d{1,5})\s*[x×*]\s*(\d{1,5})")
_LINES: Final = re.compile(r"(\d{3,4})\s*[pi]")
_KILO: Final = re.compile(r"(\d{1,2})\s*k")
_RATIO: Final = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*[:/x]\s*(\d{1,3}(?:\.\d+)?)")
_NAMED: Final = ("size", "image_size", "resolution")
_NO_SIZE: Final = "neither its input nor its schema says how many pixels it will have"


def megapixels(told: Told) -> Span:
    """Count the megapixels (of a million pixels) of one picture that an input asks for."""
    width, height = told.find("width"), told.find("height")
    shape = told.find("aspect_ratio")
    if width is not None and height is not None:
        if width.given or height.given:
            return _shaped(_measured(width, height), shape, fixed=width.given and height.given)
        sized = _given_size(told, shape)
        if sized is None:
            return _shaped(_measured(width, height), shape, fixed=False)
        name, span = sized
        return span if not told.schema_known or told.declares(name) else _either(span, width, height, name)
    for name in _NAMED:
        found = told.find(name)
        named = None if found is None else _named(found, shape)
        if named is not None:
            return named
    direct = told.find("megapixels")
    number = None if direct is None else numeric(direct.value)
    if direct is not None and number is not None and number > 0:
        return Span.sure_of(number, f"{plain(number)} MP{direct.aside}")
    side = width or height
    if side is not None and shape is not None:
        return _one_side(side, shape, tall=side is height)
    bounds = told.bounds("width"), told.bounds("height")
    if bounds[0] is not None and bounds[1] is not None and side is None:
        low, high = (_area(bounds[0][at], bounds[1][at]) for at in (0, 1))
        return Span(
            low, high, None, f"{plain(low)} to {plain(high)} MP", note="no width and height are given"
        )
    if shape is not None and shape.given:
        return Span.unknown(f"aspect_ratio {shown(shape.value)} is a shape without a size")
    return Span.unknown(_NO_SIZE)


def _given_size(told: Told, shape: Found | None) -> tuple[str, Span] | None:
    """Read a size that is given by name, which counts for more than default sides."""
    for name in _NAMED:
        found = told.find(name)
        span = None if found is None or not found.given else _named(found, shape)
        if span is not None:
            return name, span
    return None


def _shaped(span: Span, shape: Found | None, *, fixed: bool) -> Span:
    if fixed or shape is None or not shape.given:
        return span
    note = "whether aspect_ratio changes the default width and height is not documented"
    return Span(span.low, span.high, span.likely, span.words, note=span.note or note)


def _either(span: Span, width: Found, height: Found, name: str) -> Span:
    """Bound a size by the default sides and by a name that the schema does not have."""
    sides = _measured(width, height)
    if sides.low is None or sides.high is None or span.low is None or span.high is None:
        return span if sides.high is None else sides
    low, high = min(sides.low, span.low), max(sides.high, span.high)
    return Span(low, high, None, f"{plain(low)} to {plain(high)} MP", note=f"{name} is not in its schema")


def _measured(width: Found, height: Found) -> Span:
    sides = numeric(width.value), numeric(height.value)
    for found, side in zip((width, height), sides, strict=True):
        if side is None or side <= 0:
            return Span.unknown(f"{found.name} is {shown(found.value)!r}, which is no number of pixels")
    area = _area(sides[0] or Decimal(0), sides[1] or Decimal(0))
    return Span.sure_of(area, f"{plain(area)} MP{'' if width.given or height.given else ' (the default)'}")


def _area(width: Decimal, height: Decimal) -> Decimal:
    return EXACT.divide(EXACT.multiply(width, height), Decimal(1_000_000))


def _named(found: Found, shape: Found | None) -> Span | None:
    """Read a size such as ``1920x1080``, ``720p`` or ``4K``.

    Lines and thousands fix no exact number of pixels: vendors differ in what they round, and in
    whether 4K is 3840 × 2160 or 4096 × 4096. So those give bounds.
    """
    word = str(found.value).strip().lower()
    exact = _PIXELS.fullmatch(word)
    if exact is not None:
        return _measured(
            Found(found.name, int(exact[1]), found.given), Found(found.name, int(exact[2]), found.given)
        )
    lines, kilo = _LINES.fullmatch(word), _KILO.fullmatch(word)
    if lines is not None:
        short = Decimal(lines[1])
        frame = _area(short, short * 16 / 9)
        shaped = _ratio(shape)
        areas = [frame] if shaped is None else [frame, _area(short, short * max(shaped, 1 / shaped))]
    elif kilo is not None:
        side = Decimal(kilo[1]) * 1024
        areas = [_area(side, side), _area(side * 15 / 16, side * 135 / 256)]
    else:
        return None
    low, high = min(areas), max(areas)
    likely = low if low == high else None
    words = _about(low) if likely is not None else f"{_about(low)[6:]} to {_about(high)[6:]}"
    return Span(
        low,
        high,
        likely,
        f"{words} for {found.name} {found.value}{found.aside}",
        note="a resolution does not fix the number of pixels",
    )


def _about(area: Decimal) -> str:
    return f"about {plain(area.quantize(Decimal('0.01')))} MP"


def _ratio(shape: Found | None) -> Decimal | None:
    match = None if shape is None else _RATIO.fullmatch(str(shape.value).strip().lower())
    if match is None or not Decimal(match[1]) or not Decimal(match[2]):
        return None
    return Decimal(match[1]) / Decimal(match[2])


def _one_side(side: Found, shape: Found, *, tall: bool) -> Span:
    length, ratio = numeric(side.value), _ratio(shape)
    if length is None or length <= 0 or ratio is None:
        return Span.unknown(_NO_SIZE)
    area = _area(length, length * ratio if tall else length / ratio)
    note = f"only the {side.name} and a shape are given"
    return Span(
        area, area, area, f"{_about(area)} for {side.name} {plain(length)} at {shown(shape.value)}", note=note
    )
