"""Land: hills, snowfields, peaks, dunes and rocks, one behind the other, each fading into the haze."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._canvas import enlarge, ramp
from ._color import RGB, dim, mix
from ._noise import Plane, clouds, outline, summits
from ._painting import Painting

# Snow under a low sun is warm where the light falls, but its hollows keep the blue of the sky.
_COOL: dict[str, RGB] = {"golden": (164, 160, 200), "sunset": (134, 96, 156), "morning": (178, 188, 222)}


def paint_ridge(
    p: Painting, *, base: float, height: float, color: RGB, far: float = 0.0, waves: float = 2.0,
    rough: float = 0.42, misty: float = 0.34, rise: float = 0.0,
) -> None:  # fmt: skip
    """Paint one rolling ridge about the row `base`, `height` pixels up and down.

    `far` is its distance (0 to 1), `misty` how much of the haze gathers at its foot, and `rise` how many
    pixels higher it lies at the right edge of the picture.
    """
    c, light = p.canvas, p.light
    slope = rise * np.clip(np.linspace(0, 1, c.w) * 1.55 - 0.55, 0, 1) ** 0.75
    p.ground = _f32(base - slope - height * outline(p.rng, c.w, waves * max(0.7, c.w / c.u), rough=rough))
    top, foot = light.on(dim(color, 1.1), far), mix(light.on(color, far), light.haze, misty * (0.3 + far))
    c.below(p.ground, ramp([(0, top), (1, foot)], max(2, int(c.u * 0.26 + height))))


def paint_snowfield(
    p: Painting, *, base: float, height: float, far: float = 0.0, waves: float = 1.6, rise: float = 0.0
) -> None:
    """Paint a slope of snow with blue hollows, bright where the light grazes it."""
    c, light = p.canvas, p.light
    slope = rise * np.clip(np.linspace(0, 1, c.w) * 2.2 - 1.2, 0, 1) ** 0.8
    p.ground = _f32(
        base - slope - height * outline(p.rng, c.w, waves * max(0.7, c.w / c.u), octaves=2, rough=0.3)
    )
    bright = mix(light.on((246, 249, 253), far), light.sun, 0.12)
    shadow = mix(light.on((196, 212, 236), far), light.shade, 0.2 * (1 - far))
    if light.name in _COOL:
        bright, shadow = mix(bright, (255, 246, 232), 0.3), mix(shadow, _COOL[light.name], 0.55 * (1 - far))
    stops = [(0.0, bright), (0.25, mix(bright, shadow, 0.45)), (1.0, shadow)]
    c.below(p.ground, ramp(stops, max(2, int(c.u * 0.34))))
    top = max(0, int(p.ground.min()))
    if c.h - top > 12:
        field = clouds(p.rng, c.w // 4 + 2, (c.h - top) // 4 + 2, 3.5 * c.w / c.u, octaves=3, stretch=4)
        drift = enlarge(_f32(np.clip((field - 0.47) * 4, 0, 1)), c.w, c.h - top, 4)
        under = np.clip(np.arange(top, c.h)[:, None] - p.ground[None, :], 0, 1)
        c.blend(_f32(drift * under * 0.5), 0, top, bright)


def paint_peaks(
    p: Painting, *, base: float, height: float, color: RGB, far: float = 0.0, snow: float = 0.5,
    waves: float = 2.0,
) -> None:  # fmt: skip
    """Paint a range of mountains with a lit and a dark side to every summit.

    `snow` is how far down from the summits snow lies, 0 for none and 1 for all the way.
    """
    c, light = p.canvas, p.light
    waves *= max(0.7, c.w / c.u)
    rise, summit = summits(p.rng, c.w, waves)
    p.ground = (
        base + height * 0.3 - height * (rise * 1.15 + 0.055 * outline(p.rng, c.w, 9 * waves, rough=0.55))
    )
    lit = mix(light.on(dim(color, 1.12), far), light.sun, 0.12)
    foot = mix(light.on(color, far), light.haze, 0.6 * (0.35 + far))
    c.below(p.ground, ramp([(0, lit), (1, foot)], max(2, int(height * 1.5))))
    top, low = max(0, int(p.ground.min())), min(c.h, int(p.ground.min() + height * 1.7))
    if low - top < 4:
        return
    rows, cols = _grid(p, top, low)
    inside = np.clip(rows - p.ground[None, :] + 0.5, 0, 1)
    # the dark side begins at the summit, and its edge wanders down the flank
    down, wander = rows - (base - height), height * 0.09
    path = outline(p.rng, low - top, 5, rough=0.6)[:, None] * wander * np.clip(down / (wander * 4 + 1), 0, 1)
    edge = path * 1.6 - 0.2 * np.clip(down, 0, None)
    facing = np.clip((cols - summit[None, :] - edge) / 2 + 0.5, 0, 1)
    fade = np.clip(1.1 - (rows - p.ground.min()) / (height * 1.5), 0, 1)
    shadow = mix(dim(lit, 0.66), mix(light.shade, light.haze, far), 0.5)
    c.blend(_f32(inside * facing * fade * (0.9 - 0.5 * far)), 0, top, shadow)
    if snow > 0:
        fringe = outline(p.rng, c.w, 22 * c.w / c.u, octaves=3, rough=0.6) * height * 0.17
        line = base - height * (0.98 - 0.92 * snow) + fringe
        cap = inside * np.clip((line[None, :] - rows) / max(1.0, c.u * 0.002) + 0.5, 0, 1)
        white = mix(light.on((250, 251, 254), far * 0.8), light.sun, 0.16)
        blue = mix(light.on((176, 194, 226), far), mix(light.shade, light.haze, far * 0.6), 0.3)
        span = _f32(blue) - _f32(white)
        c.blend(_f32(cap), 0, top, _f32(white) + facing[:, :, None] * span)


def paint_dune(p: Painting, *, base: float, height: float, color: RGB, far: float = 0.0) -> None:
    """Paint one dune: a sharp crest, one flank in the light and one in shadow."""
    c, light = p.canvas, p.light
    rise, summit = summits(p.rng, c.w, 1.1 * max(0.8, c.w / c.u), bend=1.35)
    window = max(3, c.w // 40) | 1
    edges = np.pad(rise, window // 2, mode="edge")
    rise = 0.45 * rise + 0.55 * np.convolve(edges, np.ones(window) / window, mode="valid")
    p.ground = _f32(base + height * 0.5 - height * 1.5 * rise)
    sand = light.on(color, far)
    bright, foot = mix(sand, light.sun, 0.2), mix(dim(sand, 0.86), light.haze, 0.3 * far)
    c.below(p.ground, ramp([(0, bright), (0.2, sand), (1, foot)], max(2, int(c.u * 0.4))))
    top, low = max(0, int(p.ground.min())), min(c.h, int(p.ground.max() + height * 2.2))
    if low - top < 4:
        return
    rows, cols = _grid(p, top, low)
    under = rows - p.ground[None, :]
    down = np.clip(rows - p.ground.min(), 0, None)
    sway = (
        np.sin(down / (height * 0.85) + p.chance.uniform(0, 6)) * height * 0.6 * np.clip(down / height, 0, 1)
    )
    beyond = (cols - summit[None, :]) + 1.5 * down + sway
    facing = np.clip(beyond / 2 + 0.5, 0, 1) * np.clip(1 - beyond / (c.u * 0.34), 0, 1)
    valleys = np.flatnonzero(np.diff(summit))  # no shadow reaches from one dune into the next
    if len(valleys):
        away = np.abs(np.arange(c.w)[:, None] - valleys[None, :]).min(axis=1)
        facing = facing * np.clip(away / (c.u * 0.09), 0, 1)[None, :]
    fade = np.clip(1 - under / (height * 2.6), 0, 1)
    shadow = mix(dim(sand, 0.6), mix(light.shade, light.haze, far), 0.45)
    c.blend(_f32(np.clip(under + 0.5, 0, 1) * facing * fade), 0, top, shadow)


def paint_rocks(p: Painting, *, x: float, foot: float, size: float) -> None:
    """Pile up rocks about the column `x`."""
    c, light = p.canvas, p.light
    hump = np.exp(-(np.abs((np.arange(c.w) - x) / (size * 1.05)) ** 2.6)) * size
    top, low = mix(light.on((104, 96, 98)), light.sun, 0.1), light.on((44, 46, 60))
    p.ground = _f32(foot - hump * (1 + 0.3 * outline(p.rng, c.w, 14 * c.w / c.u)) + c.h * 0.05)
    c.below(p.ground, ramp([(0, top), (1, low)], max(2, int(size))))


def paint_path(p: Painting, *, color: RGB) -> None:
    """Lay a path that comes winding over the ground painted last."""
    c, chance = p.canvas, p.chance
    top = float(p.ground.mean())
    start, end, bend = chance.uniform(0.42, 0.58), chance.uniform(0.34, 0.66), chance.uniform(-0.16, 0.16)
    rows, cols = _grid(p, max(0, int(top)), c.h)
    t = np.clip((rows - top) / max(1.0, c.h - top), 0, 1)
    middle = c.w * (start + (end - start) * t + bend * np.sin(t * 4.2) * (1 - 0.4 * t))
    half = c.u * (0.02 + 0.17 * t**1.5)
    mask = np.clip((half - np.abs(cols - middle)) / (c.u * 0.006) + 0.5, 0, 1) * 0.85
    c.blend(_f32(mask), 0, max(0, int(top)), p.light.on(color, 0.05))


def _grid(p: Painting, top: int, low: int) -> tuple[Plane, Plane]:
    rows = np.arange(top, low, dtype=np.float32)[:, None]
    return rows, np.arange(p.canvas.w, dtype=np.float32)[None, :]


def _f32(values: Any) -> Plane:
    return np.asarray(values, np.float32)
