"""The painter's data, read from the TOML files in ``data``; colours as they are written there, and lights."""

from __future__ import annotations

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
    """Return one of a light's variants."""
    common = load("lights")[name]
    parts = {**common, **chance.choice(common["variants"])}
    del parts["variants"]
    read: dict[str, Any] = {k: parse_color(v) if isinstance(v, str) else v for k, v in parts.items()}
    return Light(name, **read)
