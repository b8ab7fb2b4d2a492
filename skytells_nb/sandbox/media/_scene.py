"""The scene that an input asks to see; and the painter's data: tables, colours as written in them, lights."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from .._inputs import dice, key_of, prompt_of

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
