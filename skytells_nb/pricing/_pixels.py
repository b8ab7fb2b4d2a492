"""How many megapixels one picture has, from width and height, a resolution, or a shape."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from ..formatting import format_number
from ._quantity import EXACT, InputValue, Interval, ResolvedInput, numeric, shown

_PIXELS: Final = re.compile(r"(\d{1,5})\s*[x×*]\s*(\d{1,5})")
_LINES: Final = re.compile(r"(\d{3,4})\s*[pi]")
_KILO: Final = re.compile(r"(\d{1,2})\s*k")
_RATIO: Final = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*[:/x]\s*(\d{1,3}(?:\.\d+)?)")
_NAMED: Final = ("size", "image_size", "resolution")
_NO_SIZE: Final = "neither its input nor its schema says how many pixels it will have"


def megapixels(input: ResolvedInput) -> Interval:
    """Count the megapixels (of a million pixels) of one picture that an input asks for."""
    width, height = input.find("width"), input.find("height")
    shape = input.find("aspect_ratio")
    if width is not None and height is not None:
        if width.given or height.given:
            return _shaped(_measured(width, height), shape, fixed=width.given and height.given)
        for name in _NAMED:  # one that is given by name counts for more than default sides
            found = input.find(name)
            size = None if found is None or not found.given else _named(found, shape)
            if size is not None:
                is_known = not input.schema_known or input.declares(name)
                return size if is_known else _either(size, width, height, name)
        return _shaped(_measured(width, height), shape, fixed=False)
    for name in _NAMED:
        found = input.find(name)
        named = None if found is None else _named(found, shape)
        if named is not None:
            return named
    direct = input.find("megapixels")
    number = None if direct is None else numeric(direct.value)
    if direct is not None and number is not None and number > 0:
        return Interval.exactly(number, f"{format_number(number)} megapixels{direct.default_note}")
    side = width or height
    if side is not None and shape is not None:
        return _one_side(side, shape, tall=side is height)
    bounds = input.bounds("width"), input.bounds("height")
    if bounds[0] is not None and bounds[1] is not None and side is None:
        low, high = (_area(bounds[0][at], bounds[1][at]) for at in (0, 1))
        return Interval(
            low,
            high,
            None,
            f"{format_number(low)} to {format_number(high)} megapixels",
            note="no width and height are given",
        )
    if shape is not None and shape.given:
        return Interval.unknown(f"aspect_ratio {shown(shape.value)} is a shape without a size")
    return Interval.unknown(_NO_SIZE)


def _shaped(size: Interval, shape: InputValue | None, *, fixed: bool) -> Interval:
    if fixed or shape is None or not shape.given:
        return size
    note = "whether aspect_ratio changes the default width and height is not documented"
    return Interval(size.low, size.high, size.likely, size.text, note=size.note or note)


def _either(size: Interval, width: InputValue, height: InputValue, name: str) -> Interval:
    """Bound a size by the default sides and by a name that the schema does not have."""
    sides = _measured(width, height)
    if sides.low is None or sides.high is None or size.low is None or size.high is None:
        return size if sides.high is None else sides
    low, high = min(sides.low, size.low), max(sides.high, size.high)
    return Interval(
        low,
        high,
        None,
        f"{format_number(low)} to {format_number(high)} megapixels",
        note=f"{name} is not in its schema",
    )


def _measured(width: InputValue, height: InputValue) -> Interval:
    sides = numeric(width.value), numeric(height.value)
    for found, side in zip((width, height), sides, strict=True):
        if side is None or side <= 0:
            return Interval.unknown(f"{found.name} is {shown(found.value)!r}, which is no number of pixels")
    area = _area(sides[0] or Decimal(0), sides[1] or Decimal(0))
    return Interval.exactly(
        area, f"{format_number(area)} megapixels{'' if width.given or height.given else ' (the default)'}"
    )


def _area(width: Decimal, height: Decimal) -> Decimal:
    return EXACT.divide(EXACT.multiply(width, height), Decimal(1_000_000))


def _named(found: InputValue, shape: InputValue | None) -> Interval | None:
    """Read a size such as ``1920x1080``, ``720p`` or ``4K``.

    Lines and thousands fix no exact number of pixels: vendors differ in what they round, and in
    whether 4K is 3840 × 2160 or 4096 × 4096. So those give bounds.
    """
    word = str(found.value).strip().lower()
    exact = _PIXELS.fullmatch(word)
    if exact is not None:
        return _measured(
            InputValue(found.name, int(exact[1]), found.given),
            InputValue(found.name, int(exact[2]), found.given),
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
    text = _about(low) if likely is not None else f"{_about(low)[6:]} to {_about(high)[6:]}"
    return Interval(
        low,
        high,
        likely,
        f"{text} for {found.name} {found.value}{found.default_note}",
        note="a resolution does not fix the number of pixels",
    )


def _about(area: Decimal) -> str:
    return f"about {format_number(area.quantize(Decimal('0.01')))} megapixels"


def _ratio(shape: InputValue | None) -> Decimal | None:
    match = None if shape is None else _RATIO.fullmatch(str(shape.value).strip().lower())
    if match is None or not Decimal(match[1]) or not Decimal(match[2]):
        return None
    return Decimal(match[1]) / Decimal(match[2])


def _one_side(side: InputValue, shape: InputValue, *, tall: bool) -> Interval:
    length, ratio = numeric(side.value), _ratio(shape)
    if length is None or length <= 0 or ratio is None:
        return Interval.unknown(_NO_SIZE)
    area = _area(length, length * ratio if tall else length / ratio)
    note = f"only the {side.name} and a shape are given"
    return Interval(
        area,
        area,
        area,
        f"{_about(area)} for {side.name} {format_number(length)} at {shown(shape.value)}",
        note=note,
    )
