"""The lights a scene can stand in, and how each colours what it falls on."""

from __future__ import annotations

import random
from dataclasses import dataclass

RGB = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Light:
    """One light: three sky colours from the zenith down, and what it does to things.

    `key` multiplies the colour of whatever it falls on; `haze` is what distance fades into; `sun` is the
    colour of the light itself, `glow` how far it spills, `high` where sun or moon stands (0 at the top, 1 at
    the horizon).
    """

    name: str
    zenith: RGB
    middle: RGB
    low: RGB
    key: RGB
    haze: RGB
    sun: RGB
    glow: float
    high: float

    @property
    def shade(self) -> RGB:
        """The colour of what lies in this light's shadow."""
        return _SHADES[self.name]

    def on(self, color: RGB, far: float = 0.0) -> RGB:
        """Return a colour as this light shows it, `far` (0 near, 1 at the horizon) faded into the haze."""
        lit = (
            min(255.0, color[0] * self.key[0]),
            min(255.0, color[1] * self.key[1]),
            min(255.0, color[2] * self.key[2]),
        )
        return mix(lit, self.haze, far**1.4)


# Two or three variants of each, so that not every morning is the same one.
_TABLE = """
light     zenith middle low     key             haze   sun     glow high
day       3a84c8 88c2e6 e2f0f0  1.00 1.00 1.00  c4deea fffae2  0.50 0.30
day       2c8cb4 82ccd4 ecf2dc  1.00 1.00 0.97  cce4de fffad8  0.50 0.40
morning   76a8d2 eccecc ffe6ba  1.02 0.95 0.90  f6dece fff6d6  0.80 0.72
morning   88b2cc fad0bc ffeccc  1.02 0.96 0.90  f8dcc8 fff4dc  0.80 0.66
golden    928482 f8b458 ffda78  1.08 0.84 0.54  fcc670 fff0b4  1.00 0.70
golden    c48254 fab04e ffe084  1.06 0.82 0.54  fac068 fff2be  1.00 0.62
sunset    462e6c e2525c ffac50  0.86 0.50 0.50  ee7458 ffdc8c  1.00 0.84
sunset    683062 f0644c ffbe5c  0.88 0.50 0.46  f68254 ffe496  1.00 0.80
sunset    343a74 d86074 ffb270  0.82 0.50 0.54  ec7c6e ffe0a0  1.00 0.88
dusk      1e265a 685496 f49c8a  0.50 0.46 0.66  9e769c ffceaa  0.70 0.97
dusk      16345c 566e98 f6b28c  0.46 0.50 0.66  8e889e ffd6aa  0.70 0.97
night     070b22 101e44 2a4470  0.25 0.33 0.56  283c68 f0f4ff  0.55 0.30
night     0a0826 1e1a4a 3e3e76  0.28 0.30 0.56  36386c f6f4ff  0.55 0.26
overcast  848f9a aab3ba d0d4d4  0.74 0.78 0.81  bcc3c8 eceeee  0.30 0.30
overcast  76868c a0aeb0 ccd2cc  0.72 0.78 0.78  b6c0c0 eaeeea  0.30 0.30
"""
_SHADES: dict[str, RGB] = {
    "day": (66, 98, 148), "morning": (134, 126, 168), "golden": (122, 76, 84), "sunset": (92, 42, 92),
    "dusk": (42, 40, 88), "night": (8, 12, 38), "overcast": (84, 96, 112),
}  # fmt: skip


def _read_table() -> dict[str, tuple[Light, ...]]:
    lights: dict[str, tuple[Light, ...]] = {}
    for line in _TABLE.strip().splitlines()[1:]:
        name, zenith, middle, low, red, green, blue, haze, sun, glow, high = line.split()
        key = (float(red), float(green), float(blue))
        light = Light(
            name, rgb(zenith), rgb(middle), rgb(low), key, rgb(haze), rgb(sun), float(glow), float(high)
        )
        lights[name] = (*lights.get(name, ()), light)
    return lights


def rgb(digits: str) -> RGB:
    """Return the colour that six hexadecimal digits name."""
    return (int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16))


_LIGHTS = _read_table()


def light_for(name: str, chance: random.Random) -> Light:
    """Return one of a light's variants."""
    return chance.choice(_LIGHTS[name])


def mix(a: RGB, b: RGB, t: float) -> RGB:
    """Return the colour `t` of the way from `a` to `b`."""
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t)


def dim(color: RGB, by: float) -> RGB:
    """Return a colour multiplied by `by`, no channel above 255."""
    return (min(255.0, color[0] * by), min(255.0, color[1] * by), min(255.0, color[2] * by))
