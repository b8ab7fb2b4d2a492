"""Land: hills, peaks and dunes, one behind the other, each fading into the haze of the next."""

from __future__ import annotations

import numpy as np

from ..brush import Brush
from ..canvas import enlarge, ramp
from ..noise import Plane, clouds, outline, summits
from ..palette import RGB, dim, mix

# Snow under a low sun is warm where the light falls, but its hollows keep the blue of the sky.
_COOL: dict[str, RGB] = {"golden": (164, 160, 200), "sunset": (134, 96, 156), "morning": (178, 188, 222)}


def paint_ridge(
    b: Brush, base: float, height: float, color: RGB, *, far: float, waves: float = 2.0, rough: float = 0.42,
    misty: float = 0.34,
) -> Plane:  # fmt: skip
    """Paint one rolling ridge and return its outline, a row per column.

    `base` is its middle row, `height` how far it rises above and sinks below; `color` is what it is made of,
    `far` its distance (0 to 1), `misty` how much of the haze gathers at its foot.
    """
    c, light = b.canvas, b.light
    profile = base - height * outline(b.rng, c.w, waves * max(0.7, c.w / c.u), rough=rough)
    top, foot = light.on(dim(color, 1.1), far), mix(light.on(color, far), light.haze, misty * (0.3 + far))
    c.below(profile, ramp([(0, top), (1, foot)], max(2, int(c.u * 0.26 + height))))
    return profile


def paint_snowfield(b: Brush, base: float, height: float, *, far: float, waves: float = 1.6) -> Plane:
    """Paint a slope of snow with blue hollows, bright where the light grazes it; return its outline."""
    c, light = b.canvas, b.light
    profile = base - height * outline(b.rng, c.w, waves * max(0.7, c.w / c.u), octaves=2, rough=0.3)
    bright = mix(light.on((246, 249, 253), far), light.sun, 0.12)
    shadow = mix(light.on((196, 212, 236), far), light.shade, 0.2 * (1 - far))
    if light.name in _COOL:
        bright, shadow = mix(bright, (255, 246, 232), 0.3), mix(shadow, _COOL[light.name], 0.55 * (1 - far))
    c.below(
        profile, ramp([(0, bright), (0.25, mix(bright, shadow, 0.45)), (1, shadow)], max(2, int(c.u * 0.34)))
    )
    top, low = max(0, int(profile.min())), c.h
    if low - top > 12:
        step = 4
        field = clouds(b.rng, c.w // step + 2, (low - top) // step + 2, 3.5 * c.w / c.u, octaves=3, stretch=4)
        drift = enlarge(np.clip((field - 0.47) * 4, 0, 1).astype(np.float32), c.w, low - top, step)
        under = np.clip(np.arange(top, low)[:, None] - profile[None, :], 0, 1)
        c.blend((drift * under * 0.5).astype(np.float32), 0, top, bright)
    return profile


def paint_peaks(
    b: Brush, base: float, height: float, color: RGB, *, far: float, snow: float = 0.5, waves: float = 2.0
) -> Plane:
    """Paint a range of mountains with a lit and a dark side to every summit; return its outline.

    `snow` is how far down from the summits snow lies, 0 for none and 1 for all the way.
    """
    c, light = b.canvas, b.light
    waves *= max(0.7, c.w / c.u)
    rise, summit = summits(b.rng, c.w, waves)
    crags = outline(b.rng, c.w, 9 * waves, octaves=4, rough=0.55)
    profile = base + height * 0.3 - height * (rise * 1.15 + 0.055 * crags)
    lit = mix(light.on(dim(color, 1.12), far), light.sun, 0.12)
    foot = mix(light.on(color, far), light.haze, 0.6 * (0.35 + far))
    c.below(profile, ramp([(0, lit), (1, foot)], max(2, int(height * 1.5))))
    top, low = max(0, int(profile.min())), min(c.h, int(profile.min() + height * 1.7))
    if low - top < 4:
        return profile
    rows = np.arange(top, low, dtype=np.float32)[:, None]
    cols = np.arange(c.w, dtype=np.float32)[None, :]
    under = rows - profile[None, :]
    inside = np.clip(under + 0.5, 0, 1)
    facing = _flank(b, rows - (base - height), cols - summit[None, :], height * 0.09)
    fade = np.clip(1.1 - (rows - profile.min()) / (height * 1.5), 0, 1)
    shadow = mix(dim(lit, 0.66), mix(light.shade, light.haze, far), 0.5)
    c.blend((inside * facing * fade * (0.9 - 0.5 * far)).astype(np.float32), 0, top, shadow)
    if snow > 0:
        fringe = outline(b.rng, c.w, 22 * c.w / c.u, octaves=3, rough=0.6) * height * 0.17
        line = base - height * (0.86 - 0.92 * snow) + fringe - height * 0.12
        cap = inside * np.clip((line[None, :] - rows) / max(1.0, c.u * 0.002) + 0.5, 0, 1)
        white = mix(light.on((250, 251, 254), far * 0.8), light.sun, 0.16)
        blue = mix(light.on((176, 194, 226), far), mix(light.shade, light.haze, far * 0.6), 0.3)
        span = np.asarray(blue, np.float32) - np.asarray(white, np.float32)
        c.blend(cap.astype(np.float32), 0, top, np.asarray(white, np.float32) + facing[:, :, None] * span)
    return profile


def paint_dune(b: Brush, base: float, height: float, *, far: float) -> Plane:
    """Paint one dune: a sharp crest, one flank in the light and one in shadow; return its outline."""
    c, light = b.canvas, b.light
    rise, summit = summits(b.rng, c.w, 1.1 * max(0.8, c.w / c.u), bend=1.35)
    window = max(3, c.w // 40) | 1
    edges = np.pad(rise, window // 2, mode="edge")
    rise = 0.45 * rise + 0.55 * np.convolve(edges, np.ones(window) / window, mode="valid")
    profile = (base + height * 0.5 - height * 1.5 * rise).astype(np.float32)
    sand = light.on((238, 182, 116), far)
    bright, foot = mix(sand, light.sun, 0.2), mix(dim(sand, 0.86), light.haze, 0.3 * far)
    c.below(profile, ramp([(0, bright), (0.2, sand), (1, foot)], max(2, int(c.u * 0.4))))
    top, low = max(0, int(profile.min())), min(c.h, int(profile.max() + height * 2.2))
    if low - top < 4:
        return profile
    rows = np.arange(top, low, dtype=np.float32)[:, None]
    cols = np.arange(c.w, dtype=np.float32)[None, :]
    under = rows - profile[None, :]
    side = 1.0 if b.sun_x > c.w / 2 else -1.0
    down = np.clip(rows - profile.min(), 0, None)
    sway = (
        np.sin(down / (height * 0.85) + b.chance.uniform(0, 6)) * height * 0.6 * np.clip(down / height, 0, 1)
    )
    beyond = (summit[None, :] - cols) * side + 1.5 * down + sway
    facing = np.clip(beyond / 2 + 0.5, 0, 1) * np.clip(1 - beyond / (c.u * 0.34), 0, 1)
    valleys = np.flatnonzero(np.diff(summit))  # no shadow reaches from one dune into the next
    if len(valleys):
        away = np.abs(np.arange(c.w)[:, None] - valleys[None, :]).min(axis=1)
        facing = facing * np.clip(away / (c.u * 0.09), 0, 1)[None, :]
    fade = np.clip(1 - under / (height * 2.6), 0, 1)
    shadow = mix(dim(sand, 0.6), mix(light.shade, light.haze, far), 0.45)
    c.blend((np.clip(under + 0.5, 0, 1) * facing * fade).astype(np.float32), 0, top, shadow)
    return profile


def _flank(b: Brush, down: Plane, across: Plane, wander: float) -> Plane:
    """Return 1 on the side of each summit that looks away from the light, 0 on the other.

    `down` is how far below the summits a row lies, `across` how far right of its summit a pixel; the edge
    between the sides runs down from the summit, leaning to the light and wandering by `wander` pixels.
    """
    side = 1.0 if b.sun_x > b.canvas.w / 2 else -1.0
    count = down.shape[0]
    path = outline(b.rng, count, 5, octaves=4, rough=0.6)[:, None] * wander
    path = path * np.clip(down / (wander * 4 + 1), 0, 1)
    edge = side * 0.2 * np.clip(down, 0, None) + path * 1.6
    return np.asarray(np.clip((edge - across) * side / 2 + 0.5, 0, 1), np.float32)
