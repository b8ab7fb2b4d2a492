"""Read what was asked from an input that may hold anything: text, numbers, sizes, the key of all chance."""

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
_SHORT_SIDES = {"1k": 1024, "2k": 2048, "4k": 2048, "hd": 720, "fhd": 1080}


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
    told = "\x1f".join((salt, prompt_of(input), _plain(input.get("seed")), str(index)))
    return int.from_bytes(hashlib.sha256(told.encode("utf-8", "replace")).digest()[:8], "big")


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
    exact = (
        _pixels(input.get("size")) or _pixels(input.get("resolution")) or _pixels(input.get("aspect_ratio"))
    )
    shape = _shape(input.get("aspect_ratio"))
    if width is not None and height is not None:
        return _clamp(width), _clamp(height)
    if width is not None:
        return _clamp(width), _clamp(_clamp(width) / (shape or 1))
    if height is not None:
        return _clamp(_clamp(height) * (shape or 1)), _clamp(height)
    if exact is not None:
        return _clamp(exact[0]), _clamp(exact[1])
    short = _short_side(input.get("resolution"))
    if short is not None:
        return _with_short_side(short, shape or 16 / 9)
    if shape is None:
        return 1024, 1024
    tall = math.sqrt(_MEGAPIXEL / shape)
    return _clamp(8 * round(tall * shape / 8)), _clamp(8 * round(tall / 8))


def clip_size(input: Mapping[str, Any], longest: int = 640) -> tuple[int, int]:
    """Return a clip's (width, height): the asked shape, small, in multiples of four as encoders like it."""
    width, height = number(input, "width"), number(input, "height")
    shape = _shape(input.get("aspect_ratio"))
    if shape is None:
        pixels = _pixels(input.get("size")) or _pixels(input.get("resolution"))
        if pixels is None and width is not None and height is not None:
            pixels = width, height
        shape = _clamp(pixels[0]) / _clamp(pixels[1]) if pixels else 16 / 9
    shape = min(4.0, max(0.25, shape))
    area = longest * longest * 9 / 16
    tall = min(math.sqrt(area / shape), longest, longest / shape)
    return max(64, 4 * round(tall * shape / 4)), max(64, 4 * round(tall / 4))


def seconds_of(input: Mapping[str, Any], *, default: float, longest: float) -> float:
    """Return how many seconds were asked for, between half a second and `longest`."""
    found = number(input, "duration_seconds", "seconds", "duration", "length")
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


def _pixels(value: object) -> tuple[float, float] | None:
    found = re.fullmatch(r"\s*(\d{2,5})\s*[x×*]\s*(\d{2,5})\s*", value) if isinstance(value, str) else None
    return (float(found[1]), float(found[2])) if found else None


def _shape(value: object) -> float | None:
    if not isinstance(value, str):
        return None
    word = value.strip().lower()
    if word in _NAMED_SHAPES:
        return _NAMED_SHAPES[word]
    found = re.fullmatch(r"(\d{1,5}(?:\.\d{1,3})?)\s*[:/x]\s*(\d{1,5}(?:\.\d{1,3})?)", word)
    if not found or not float(found[1]) or not float(found[2]):
        return None
    return min(32.0, max(1 / 32, float(found[1]) / float(found[2])))


def _short_side(value: object) -> float | None:
    if not isinstance(value, str):
        return None
    word = value.strip().lower()
    found = re.fullmatch(r"(\d{2,5})p", word)
    return float(found[1]) if found else _SHORT_SIDES.get(word)


def _with_short_side(short: float, shape: float) -> tuple[int, int]:
    short = min(short, LARGEST / max(shape, 1 / shape))
    wide, tall = (short * shape, short) if shape >= 1 else (short, short / shape)
    return _clamp(2 * round(wide / 2)), _clamp(2 * round(tall / 2))
