"""The sky: gradient, sun or moon with its glow, clouds and stars."""

from __future__ import annotations

import numpy as np

from ..brush import Brush
from ..canvas import enlarge
from ..noise import clouds, outline
from ..palette import dim, mix


def paint_sky(b: Brush, *, bottom: float | None = None) -> None:
    """Paint the whole sky down to `bottom` (the horizon unless told otherwise)."""
    c, light = b.canvas, b.light
    low = int(min(c.h, (b.horizon if bottom is None else bottom) + 2))
    c.vertical([(0, light.zenith), (0.58, light.middle), (1, light.low)], 0, low)
    if low < c.h:
        c.px[low:] = np.asarray(light.low, np.float32)
    if light.name in ("night", "dusk"):
        _stars(b, low)
    if light.name == "night" and b.scene.says("aurora|northern lights"):
        _aurora(b, low)
    if light.name == "overcast":
        _cloud_deck(b, low)
    elif light.name != "night" or b.chance.random() < 0.3:
        _clouds(b, low)
    _sun(b)


def _sun(b: Brush) -> None:
    c, light = b.canvas, b.light
    reach = c.u * 0.5
    c.shine(b.sun_x, b.sun_y, reach, mix(light.sun, light.low, 0.45), 0.55 * light.glow)
    if light.name in ("dusk", "overcast"):
        return
    c.shine(b.sun_x, b.sun_y, c.u * 0.16, light.sun, 0.5 * light.glow)
    size = c.u * {"day": 0.045, "night": 0.06, "morning": 0.055}.get(light.name, 0.085)
    c.disc(b.sun_x, b.sun_y, size, light.sun)
    if light.name == "night":
        for dx, dy, r in ((-0.3, -0.2, 0.26), (0.28, 0.22, 0.2), (0.12, -0.42, 0.13), (-0.24, 0.42, 0.15)):
            c.disc(b.sun_x + dx * size, b.sun_y + dy * size, r * size, (214, 222, 240), 0.8)


def _stars(b: Brush, low: int) -> None:
    c = b.canvas
    count = int(c.w * low / (c.u * c.u) * (420 if b.light.name == "night" else 70))
    xs, ys = b.rng.random(count) * c.w, b.rng.random(count) ** 1.4 * low * 0.9
    power = b.rng.random(count) ** 5
    for x, y, p in zip(xs, ys, power, strict=True):
        c.disc(float(x), float(y), c.u * (0.0006 + 0.0021 * p), (236, 240, 255), 0.35 + 0.65 * float(p))


def _aurora(b: Brush, low: int) -> None:
    """Curtains of light, green at the hem and violet above."""
    c = b.canvas
    step = 4
    wide, tall = c.w // step + 2, low // step + 2
    rows = np.arange(tall, dtype=np.float32)[:, None] / tall
    xs = np.linspace(0, 1, wide)
    for band in range(3):
        hem = 0.62 - 0.13 * band + 0.09 * np.sin(xs * b.chance.uniform(5, 9) + b.chance.uniform(0, 6))
        rise = (hem[None, :] - rows) / 0.34
        curtain = np.exp(np.where(rise > 0, -3 * rise, 26 * rise))
        rays = np.clip(0.62 + 0.55 * outline(b.rng, wide, 34 * c.w / c.u, octaves=3), 0, 1)
        rays = rays * np.clip(0.6 + 0.7 * outline(b.rng, wide, 2.5, octaves=2), 0, 1)
        glow = curtain * rays[None, :] * 0.85
        violet = np.clip(rise * 0.8, 0, 1)
        c.blend(enlarge(glow * violet, c.w, low, step), 0, 0, (150, 90, 230))
        c.blend(enlarge(glow * (1 - violet), c.w, low, step), 0, 0, (60, 240, 160))


def _clouds(b: Brush, low: int) -> None:
    """Long flat-bottomed streaks near the horizon, lit from below when the sun is low."""
    c, light = b.canvas, b.light
    wide, tall = max(8, c.w // 4), max(8, low // 4)
    field = clouds(b.rng, wide, tall, 2.4 * c.w / c.u, octaves=5, stretch=4.2)
    height = np.linspace(0, 1, tall, dtype=np.float32)[:, None]
    where = np.clip(1.5 - np.abs(height - 0.55) * 2.6, 0, 1)
    mask = np.clip((field - 0.5) * 7, 0, 1) * where
    under = np.clip((np.roll(field, -max(1, tall // 30), axis=0) - field) * 6 + 0.5, 0, 1)
    bright = mix(light.sun, (255, 255, 255), 0.3) if light.name != "night" else light.low
    dark = mix(light.middle, light.haze, 0.5)
    if light.name in ("sunset", "golden", "morning"):
        bright, dark = mix(light.sun, light.low, 0.35), mix(light.zenith, light.middle, 0.55)
    c.blend(enlarge(mask * (1 - under) * 0.62, c.w, low, 4), 0, 0, dark)
    c.blend(enlarge(mask * under * 0.62, c.w, low, 4), 0, 0, bright)


def _cloud_deck(b: Brush, low: int) -> None:
    c, light = b.canvas, b.light
    wide, tall = max(8, c.w // 4), max(8, low // 4)
    field = clouds(b.rng, wide, tall, 3.2 * c.w / c.u, octaves=5, stretch=3.0)
    mask = enlarge(np.clip((field - 0.38) * 2.6, 0, 1), c.w, low, 4)
    c.blend(mask * np.float32(0.75), 0, 0, dim(light.zenith, 0.82))
    lighter = enlarge(np.clip((0.5 - field) * 5, 0, 1), c.w, low, 4)
    c.blend(lighter * np.float32(0.4), 0, 0, dim(light.low, 1.08))
