"""What was asked, read from an input that may hold anything: text, numbers, sizes, and the scene to paint.

And the painter's data: the TOML files in ``data``, colours as they are written there, and lights.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

RGB = tuple[float, float, float]


@lru_cache(maxsize=32)
def load(name: str) -> dict[str, Any]:
    """Return one data file; `name` has no extension, and may name a folder (``"drawings/animals"``)."""
    return tomllib.loads(files(__package__).joinpath(f"data/{name}.toml").read_text("utf-8"))


def mix(a: RGB, b: RGB, t: float) -> RGB:
    """Return the colour `t` of the way from `a` to `b`."""
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t)


def dim(color: RGB, by: float) -> RGB:
    """Return a colour multiplied by `by`, no channel above 255."""
    return (min(255.0, color[0] * by), min(255.0, color[1] * by), min(255.0, color[2] * by))


def parse_color(text: str, names: Mapping[str, RGB] = {}) -> RGB:
    """Return the colour that ``"#605c68"``, ``"fur*0.8"`` or ``"fur>#fff6ec@0.62"`` stands for.

    Parts apply from left to right: ``*`` multiplies, ``>colour@t`` goes `t` of the way to another colour.
    """
    base, *parts = re.split(r"(?=[*>])", text)
    if base.startswith("#"):
        color: RGB = (int(base[1:3], 16), int(base[3:5], 16), int(base[5:7], 16))
    else:
        color = names[base]
    for part in parts:
        other, _, t = part[1:].partition("@")
        color = mix(color, parse_color(other, names), float(t)) if t else dim(color, float(other))
    return color


@dataclass(slots=True)
class Light:
    """One light of ``data/lights.toml``, which says what its parts are."""

    name: str
    zenith: RGB
    middle: RGB
    low: RGB
    key: RGB
    haze: RGB
    sun: RGB
    shade: RGB
    glow: float
    high: float
    windows: float
    sea: float
    disc: float
    hollows: RGB | None = None

    def on(self, color: RGB, far: float = 0.0) -> RGB:
        """Return a colour as this light shows it, `far` (0 near, 1 at the horizon) faded into the haze."""
        red, green, blue = (min(255.0, part * key) for part, key in zip(color, self.key, strict=True))
        return mix((red, green, blue), self.haze, far**1.4)


def light_for(name: str, chance: random.Random) -> Light:
    common = load("lights")[name]
    parts = {**common, **chance.choice(common["variants"])}
    del parts["variants"]
    read: dict[str, Any] = {k: parse_color(v) if isinstance(v, str) else v for k, v in parts.items()}
    return Light(name, **read)


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


@dataclass(frozen=True, slots=True)
class Scene:
    """What a prompt asks to see.

    `place`, `light`, `weather`, `subject` and `style` are names from ``data/words.toml`` (`""` for none);
    `tint` is a colour the prompt names; `words` is the prompt in lower case; `known` says whether any word of
    it is one the sandbox paints, `asks_for_light` whether it names a light; `key` is the number that decides
    whatever the prompt leaves open.
    """

    place: str
    light: str
    weather: str
    subject: str
    style: str
    tint: RGB | None
    words: str
    known: bool
    asks_for_light: bool
    key: int

    @property
    def snowy(self) -> bool:
        return self.weather == "snow"

    def says(self, pattern: str) -> bool:
        """Return whether the prompt holds one of these words (a pattern, matched at word borders)."""
        return _has(self.words, pattern)


def read_scene(input: Mapping[str, Any], *, index: int = 0, salt: str = "") -> Scene:
    """Return the scene that an input's `prompt` and `seed` ask for.

    A prompt without a known word gets a landscape that its hash picks; another `salt` picks another.
    """
    words, known = prompt_of(input)[:4000].lower(), load("words")
    key = key_of(input, index, salt)
    chance = dice(key)
    place, light, weather, subject, style, mood = found = [
        next((name for name, pattern in known[kind].items() if _has(words, pattern)), "")
        for kind in ("places", "lights", "weathers", "subjects", "styles", "moods")
    ]
    tint = next((name for name in re.findall(r"[a-z]+", words) if name in known["tints"]), None)
    if style == "mono":
        tint = None  # "black and white" dyes nobody
    asks_for_light = bool(light)
    if not place and weather == "snow":
        place = "hills"
    place = place or known["habitats"].get(subject) or chance.choice(known["unknown"]["places"])
    if place == "forest" and not (found[0] or subject or light in ("", "day")):
        place = "lake"  # who asks for a light alone wants to see the sky
    moods = [" ".join(filter(None, parts)) for parts in ((weather, mood, place), (weather, mood))]
    usual = next(
        (known["light_of"][it] for it in moods if it in known["light_of"]), known["usual_light"][place]
    )
    light = light or ("day" if style else chance.choice(usual))
    return Scene(
        place=place,
        light="night" if place == "space" else light,
        weather=weather,
        subject=subject,
        style=style,
        tint=parse_color(known["tints"][tint]) if tint else None,
        words=words,
        known=any(found) or tint is not None,
        asks_for_light=asks_for_light,
        key=key,
    )


def _has(words: str, pattern: str) -> bool:
    return re.search(rf"(?<![a-z])(?:{pattern})(?![a-z])", words) is not None
