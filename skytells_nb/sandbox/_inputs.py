"""What an input asks for, read from whatever it may hold: its prompt, numbers, sizes, lengths, and chance.

Drawing and writing never fail because of what was asked: odd or missing values fall back to a default.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Mapping
from typing import Any

SMALLEST, LARGEST = 64, 2048
_MEGAPIXEL = 1024 * 1024
_NAMED_SHAPES = {"square": 1.0, "landscape": 16 / 9, "portrait": 9 / 16, "wide": 21 / 9}
_SHORT_SIDES = {"1k": 1024.0, "2k": 2048.0, "4k": 2048.0, "hd": 720.0, "fhd": 1080.0}
LENGTHS = ("duration_seconds", "seconds", "duration", "length")


def prompt_of(input: Mapping[str, Any]) -> str:
    """Return the prompt as text; whatever stands in for one when there is none, and ``""`` at worst."""
    for name in ("prompt", "text", "lyrics", "description"):
        value = input.get(name)
        if isinstance(value, str) and value.strip():
            return value
        if value is not None and not isinstance(value, str):
            return _plain(value)
    return ""


def key_of(input: Mapping[str, Any], index: int, salt: str = "") -> int:
    """Return the 64-bit number that decides everything chance would: from prompt, seed and index alone."""
    text = "\x1f".join((salt, prompt_of(input), _plain(input.get("seed")), str(index)))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8], "big")


def dice(key: int) -> random.Random:
    """Return a source of chance that always falls the same way for the same key."""
    return random.Random(key)  # noqa: S311 - it throws for art, not for secrets


def number(input: Mapping[str, Any], *names: str) -> float | None:
    """Return the first finite number under one of these names, or None."""
    for name in names:
        value = input.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        try:
            found = float(value)
        except ValueError:
            continue
        except OverflowError:
            found = math.copysign(1e300, 1 if isinstance(value, int) and value > 0 else -1)
        if math.isfinite(found):
            return found
    return None


def picture_size(input: Mapping[str, Any]) -> tuple[int, int]:
    """Return the picture's (width, height) in pixels.

    `width` and `height` are taken as they are, between 64 and 2048. Otherwise `aspect_ratio` decides the
    shape and `resolution` the short side; without the latter the picture has about a megapixel. The default
    is 1024 by 1024.
    """
    width, height = number(input, "width"), number(input, "height")
    shape, word = _shape(input.get("aspect_ratio")), _text(input.get("resolution"))
    lines = re.fullmatch(r"(\d{2,5})p", word)
    short = float(lines[1]) if lines else _SHORT_SIDES.get(word)
    if width is not None or height is not None:
        width = _clamp(_clamp(height or 0) * (shape or 1) if width is None else width)
        return width, _clamp(width / (shape or 1) if height is None else height)
    exact = _pixels(input, "size", "resolution", "aspect_ratio")
    if exact:
        return _clamp(exact[0]), _clamp(exact[1])
    if short is not None:
        shape = shape or 16 / 9
        short = min(short, LARGEST / max(shape, 1 / shape))
        wide, tall = short * max(1.0, shape), short * max(1.0, 1 / shape)
        return _clamp(2 * round(wide / 2)), _clamp(2 * round(tall / 2))
    tall = math.sqrt(_MEGAPIXEL / (shape or 1))
    return _clamp(8 * round(tall * (shape or 1) / 8)), _clamp(8 * round(tall / 8))


def clip_size(input: Mapping[str, Any], longest: int = 640) -> tuple[int, int]:
    """Return a clip's (width, height): the asked shape, small, in multiples of four as encoders like it."""
    shape = _shape(input.get("aspect_ratio"))
    if shape is None:
        width, height = number(input, "width"), number(input, "height")
        both = (width, height) if width is not None and height is not None else (16.0 * 64, 9.0 * 64)
        wide, tall = _pixels(input, "size", "resolution") or both
        shape = _clamp(wide) / _clamp(tall)
    shape = min(4.0, max(0.25, shape))
    tall = min(longest * 0.75 / math.sqrt(shape), longest, longest / shape)
    return max(64, 4 * round(tall * shape / 4)), max(64, 4 * round(tall / 4))


def seconds_of(input: Mapping[str, Any], *, default: float, longest: float) -> float:
    found = number(input, *LENGTHS)
    return default if found is None else min(longest, max(0.5, found))


def _plain(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:x}"  # decimal text of a huge int is refused by the interpreter
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - any object may come, and its repr may do anything
        return type(value).__name__


def _clamp(value: float) -> int:
    return round(min(LARGEST, max(SMALLEST, value)))


def _pixels(input: Mapping[str, Any], *names: str) -> tuple[float, float] | None:
    found = (re.fullmatch(r"\s*(\d{2,5})\s*[x×*]\s*(\d{2,5})\s*", _text(input.get(name))) for name in names)
    return next(((float(each[1]), float(each[2])) for each in found if each), None)


def _shape(value: object) -> float | None:
    word = _text(value)
    if word in _NAMED_SHAPES:
        return _NAMED_SHAPES[word]
    found = re.fullmatch(r"(\d{1,5}(?:\.\d{1,3})?)\s*[:/x]\s*(\d{1,5}(?:\.\d{1,3})?)", word)
    if not found or not float(found[1]) or not float(found[2]):
        return None
    return min(32.0, max(1 / 32, float(found[1]) / float(found[2])))


def _text(value: object) -> str:
    return value.strip().lower() if isinstance(value, str) else ""
