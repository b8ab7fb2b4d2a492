"""Colours, as data files write them, and the lights that colour what they fall on."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._data import load

RGB = tuple[float, float, float]


def mix(a: RGB, b: RGB, t: float) -> RGB:
    """Return the colour `t` of the way from `a` to `b`."""
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t)


def dim(color: RGB, by: float) -> RGB:
    """Return a colour multiplied by `by`, no channel above 255."""
    return (min(255.0, color[0] * by), min(255.0, color[1] * by), min(255.0, color[2] * by))


def parse_color(text: str, names: Mapping[str, RGB]) -> RGB:
    """Return the colour that ``"#605c68"``, ``"fur*0.8"`` or ``"fur>#fff6ec@0.62"`` stands for.

    Parts apply from left to right: ``*`` multiplies, ``>colour@t`` goes `t` of the way to another colour.
    """
    base, *parts = re.split(r"(?=[*>])", text)
    color = _plain(base, names)
    for part in parts:
        if part[0] == "*":
            color = dim(color, float(part[1:]))
        else:
            other, _, t = part[1:].partition("@")
            color = mix(color, _plain(other, names), float(t))
    return color


def _plain(text: str, names: Mapping[str, RGB]) -> RGB:
    if text.startswith("#"):
        return (int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16))
    return names[text]


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

    def on(self, color: RGB, far: float = 0.0) -> RGB:
        """Return a colour as this light shows it, `far` (0 near, 1 at the horizon) faded into the haze."""
        red, green, blue = (min(255.0, part * key) for part, key in zip(color, self.key, strict=True))
        return mix((red, green, blue), self.haze, far**1.4)


def light_for(name: str, chance: random.Random) -> Light:
    """Return one of a light's variants."""
    found = load("lights")[name]
    one: dict[str, Any] = {**chance.choice(found["variants"]), "shade": found["shade"]}
    for part, value in one.items():
        one[part] = _plain(value, {}) if isinstance(value, str) else value
    return Light(name, **one)
