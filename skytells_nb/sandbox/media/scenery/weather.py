"""What falls and drifts: snow, rain, fog, and the beams the sun sends through trees."""

from __future__ import annotations

import math

import numpy as np

from ..brush import Brush
from ..canvas import Pen, enlarge
from ..noise import clouds
from ..palette import RGB, mix


def paint_fog(b: Brush, y: float, thick: float, *, strength: float = 0.6, color: RGB | None = None) -> None:
    """Draw a drifting bank of fog about the row `y`, `thick` pixels deep."""
    c = b.canvas
    y0, y1 = max(0, int(y - thick)), min(c.h, int(y + thick))
    if y1 <= y0 + 4:
        return
    step = 8
    wide, tall = c.w // step + 2, (y1 - y0) // step + 2
    field = clouds(b.rng, wide, tall, 3 * c.w / c.u, octaves=3, stretch=3)
    rows = (np.arange(tall, dtype=np.float32) * step + y0 - y) / thick
    bank = np.clip(0.35 + 1.1 * field, 0, 1) * np.clip(1 - rows**2, 0, 1)[:, None] * np.float32(strength)
    c.blend(enlarge(bank.astype(np.float32), c.w, y1 - y0, step), 0, y0, color or b.light.haze)


def paint_snowfall(b: Brush, *, strength: float = 1.0) -> None:
    """Let it snow: small flakes far away, a few large soft ones close by."""
    c, chance = b.canvas, b.chance
    color: RGB = mix((255, 255, 255), b.light.sun, 0.2) if b.light.name != "night" else (214, 224, 246)
    area = c.w * c.h / (c.u * c.u)
    air = np.zeros((c.h, c.w), np.float32)
    for count, radius, soft, opacity in (
        (420, 0.0016, 0.0, 0.7),
        (120, 0.0032, 0.5, 0.75),
        (26, 0.008, 2.4, 0.55),
    ):
        pen = Pen(c.w, c.h, scale=1 if soft else 2)
        for _ in range(int(count * area * strength)):
            r = max(0.5, c.u * radius * chance.uniform(0.6, 1.4))
            pen.ellipse(chance.random() * c.w, chance.random() * c.h, r, r)
        mask, x, y = pen.mask(soft * c.u / 1024)
        if mask is not None:
            part = air[y : y + mask.shape[0], x : x + mask.shape[1]]
            np.maximum(part, mask * np.float32(opacity), out=part)
    c.blend(air, 0, 0, color)


def paint_rain(b: Brush) -> None:
    """Draw slanting rain."""
    c, chance = b.canvas, b.chance
    drops = [
        (chance.uniform(-0.1, 1.1) * c.w, chance.uniform(-0.1, 1) * c.h, chance.uniform(0.6, 1.4))
        for _ in range(int(520 * c.w / c.u))
    ]

    def fall(pen: Pen) -> None:
        for x, y, k in drops:
            pen.line([(x, y), (x - c.u * 0.009 * k, y + c.u * 0.05 * k)], c.u * 0.0011)

    c.stencil(fall, mix(b.light.low, (255, 255, 255), 0.5), opacity=0.34)


def paint_beams(b: Brush, *, strength: float = 0.3) -> None:
    """Send beams of light down from where the sun stands."""
    c, chance = b.canvas, b.chance
    step = 8
    x0, y0 = b.sun_x / step, (b.sun_y - c.u * 0.4) / step
    wide, tall = c.w // step + 2, c.h // step + 2
    angle = np.arctan2(
        np.arange(wide, dtype=np.float32)[None, :] - x0, np.arange(tall, dtype=np.float32)[:, None] - y0
    )
    phase, pace = chance.uniform(0, 6), chance.uniform(26, 34)
    rays = np.clip(np.sin(angle * pace + phase) * 0.6 + np.sin(angle * pace * 2.3 + 1) * 0.4, 0, 1)
    down = np.clip(1.1 - np.arange(tall, dtype=np.float32)[:, None] / tall, 0, 1)
    side = np.exp(-((angle / (math.pi / 3.2)) ** 2))
    mask = (rays * down * side * strength).astype(np.float32)
    c.blend(enlarge(mask, c.w, c.h, step), 0, 0, b.light.sun)
