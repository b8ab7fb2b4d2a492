"""The lights a scene can stand in, and how each colours what it falls on."""

from __future__ import annotations

import random
from dataclasses import dataclass

RGB = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Light:
    """One light: three sky colours from the zenith down, and what it does to things.

    `key` multiplies the colour of whatever it falls on; `haze` is what distance fades into; `sun` is the colour of
    the light itself, `glow` how far it spills, `high` where sun or moon stands (0 at the top, 1 at the horizon).
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


_LIGHTS: dict[str, tuple[Light, ...]] = {
    "day": (
        Light("day", (58, 132, 200), (136, 194, 230), (226, 240, 240), (1, 1, 1), (196, 222, 234), (255, 250, 226), 0.5, 0.3),
        Light("day", (44, 140, 180), (130, 204, 212), (236, 242, 220), (1, 1, 0.97), (204, 228, 222), (255, 250, 216), 0.5, 0.4),
    ),
    "morning": (
        Light("morning", (118, 168, 210), (236, 206, 204), (255, 230, 186), (1.02, 0.95, 0.9), (246, 222, 206), (255, 246, 214), 0.8, 0.72),
        Light("morning", (136, 178, 204), (250, 208, 188), (255, 236, 204), (1.02, 0.96, 0.9), (248, 220, 200), (255, 244, 220), 0.8, 0.66),
    ),
    "golden": (
        Light("golden", (146, 132, 130), (248, 180, 88), (255, 218, 120), (1.08, 0.84, 0.54), (252, 198, 112), (255, 240, 180), 1.0, 0.7),
        Light("golden", (196, 130, 84), (250, 176, 78), (255, 224, 132), (1.06, 0.82, 0.54), (250, 192, 104), (255, 242, 190), 1.0, 0.62),
    ),
    "sunset": (
        Light("sunset", (70, 46, 108), (226, 82, 92), (255, 172, 80), (0.86, 0.5, 0.5), (238, 116, 88), (255, 220, 140), 1.0, 0.84),
        Light("sunset", (104, 48, 98), (240, 100, 76), (255, 190, 92), (0.88, 0.5, 0.46), (246, 130, 84), (255, 228, 150), 1.0, 0.8),
        Light("sunset", (52, 58, 116), (216, 96, 116), (255, 178, 112), (0.82, 0.5, 0.54), (236, 124, 110), (255, 224, 160), 1.0, 0.88),
    ),
    "dusk": (
        Light("dusk", (30, 38, 90), (104, 84, 150), (244, 156, 138), (0.5, 0.46, 0.66), (158, 118, 156), (255, 206, 170), 0.7, 0.97),
        Light("dusk", (22, 52, 92), (86, 110, 152), (246, 178, 140), (0.46, 0.5, 0.66), (142, 136, 158), (255, 214, 170), 0.7, 0.97),
    ),
    "night": (
        Light("night", (7, 11, 34), (16, 30, 68), (42, 68, 112), (0.25, 0.33, 0.56), (40, 60, 104), (240, 244, 255), 0.55, 0.3),
        Light("night", (10, 8, 38), (30, 26, 74), (62, 62, 118), (0.28, 0.3, 0.56), (54, 56, 108), (246, 244, 255), 0.55, 0.26),
    ),
    "overcast": (
        Light("overcast", (132, 143, 154), (170, 179, 186), (208, 212, 212), (0.74, 0.78, 0.81), (188, 195, 200), (236, 238, 238), 0.3, 0.3),
        Light("overcast", (118, 134, 140), (160, 174, 176), (204, 210, 204), (0.72, 0.78, 0.78), (182, 192, 192), (234, 238, 234), 0.3, 0.3),
    ),
}  # fmt: skip


_SHADES: dict[str, RGB] = {
    "day": (66, 98, 148), "morning": (134, 126, 168), "golden": (122, 76, 84), "sunset": (92, 42, 92),
    "dusk": (42, 40, 88), "night": (8, 12, 38), "overcast": (84, 96, 112),
}  # fmt: skip


def light_for(name: str, chance: random.Random) -> Light:
    """Return one of a light's variants."""
    return chance.choice(_LIGHTS[name])


def mix(a: RGB, b: RGB, t: float) -> RGB:
    """Return the colour `t` of the way from `a` to `b`."""
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t)


def dim(color: RGB, by: float) -> RGB:
    """Return a colour multiplied by `by`, no channel above 255."""
    return (min(255.0, color[0] * by), min(255.0, color[1] * by), min(255.0, color[2] * by))
