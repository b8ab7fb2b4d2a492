"""Outer space: nebulae, a dense field of stars, and a planet with its ring and moon."""

from __future__ import annotations

import numpy as np

from ..brush import Brush
from ..canvas import Pen, enlarge
from ..noise import clouds
from ..palette import RGB, dim, mix

_HUES: tuple[tuple[RGB, RGB], ...] = (
    ((196, 66, 140), (60, 90, 220)), ((70, 180, 190), (110, 60, 190)), ((236, 120, 70), (120, 50, 150)),
    ((80, 130, 240), (190, 80, 190)),
)  # fmt: skip
_PLANETS: tuple[tuple[RGB, RGB], ...] = (
    ((226, 176, 120), (172, 106, 80)), ((110, 168, 200), (62, 96, 160)), ((204, 96, 70), (132, 56, 58)),
    ((150, 190, 160), (80, 128, 130)), ((200, 160, 206), (120, 90, 160)),
)  # fmt: skip


def paint_heavens(b: Brush) -> None:
    """Fill the canvas with space."""
    c = b.canvas
    c.vertical([(0, (8, 8, 26)), (0.6, (16, 14, 44)), (1, (24, 18, 56))])
    first, second = b.chance.choice(_HUES)
    step = 4
    wide, tall = c.w // step + 2, c.h // step + 2
    lean = (
        np.linspace(0, 1, wide, dtype=np.float32)[None, :]
        - np.linspace(0, 1, tall, dtype=np.float32)[:, None]
    )
    band = np.exp(-((lean - b.chance.uniform(-0.35, 0.35)) ** 2) * 9) * 0.75 + 0.2
    for color in (first, second):
        field = clouds(b.rng, wide, tall, 2.4 * c.w / c.u, octaves=6)
        mask = np.clip((field - 0.4) * 2.6, 0, 1) ** 1.4 * band
        c.blend(enlarge(mask.astype(np.float32), c.w, c.h, step), 0, 0, color)
    lanes = np.clip((clouds(b.rng, wide, tall, 4 * c.w / c.u, octaves=5) - 0.52) * 5, 0, 1) * band * 0.6
    c.blend(enlarge(lanes.astype(np.float32), c.w, c.h, step), 0, 0, (12, 8, 30))
    count = int(900 * c.w * c.h / (c.u * c.u))
    power = b.rng.random(count) ** 7
    for x, y, p in zip(b.rng.random(count) * c.w, b.rng.random(count) * c.h, power, strict=True):
        c.disc(float(x), float(y), c.u * (0.0005 + 0.0024 * p), (238, 240, 255), 0.3 + 0.7 * float(p))
    for _ in range(5):
        x, y, r = b.chance.random() * c.w, b.chance.random() * c.h, c.u * b.chance.uniform(0.012, 0.026)
        c.shine(x, y, r * 0.5, (255, 255, 255), 0.9)
        c.shine(x, y, r * 1.6, first, 0.35)


def paint_planet(b: Brush, x: float, y: float, radius: float, *, ring: bool) -> None:
    """Hang a planet, lit from the sun's side."""
    c = b.canvas
    light_side, dark_side = b.chance.choice(_PLANETS)
    side = -1.0 if b.sun_x < x else 1.0
    c.shine(x, y, radius * 1.15, light_side, 0.4)
    tilt = b.chance.uniform(-0.4, 0.4)
    if ring:
        _ring(b, x, y, radius, tilt, mix(light_side, (255, 250, 240), 0.3), behind=True)
    x0, y0, span = int(x - radius) - 1, int(y - radius) - 1, int(2 * radius) + 3
    u = (np.arange(x0, x0 + span, dtype=np.float32)[None, :] - x) / radius
    v = (np.arange(y0, y0 + span, dtype=np.float32)[:, None] - y) / radius
    far = np.sqrt(u * u + v * v)
    depth = np.sqrt(np.clip(1 - u * u - v * v, 0, 1))
    sun = np.clip(side * 0.72 * u - 0.45 * v + 0.55 * depth + 0.05, 0, 1)
    texture = clouds(b.rng, span, span, 3, octaves=5, stretch=2.5)
    latitude = v * np.cos(tilt) + u * np.sin(tilt)
    bands = 0.5 + 0.32 * np.sin(latitude * b.chance.uniform(9, 16) + 4 * texture) + 0.5 * (texture - 0.5)
    surface = np.asarray(dark_side, np.float32) + np.clip(bands, 0, 1)[:, :, None] * (
        np.asarray(light_side, np.float32) - np.asarray(dark_side, np.float32)
    )
    edge = np.clip((far - 0.86) * 5, 0, 1) * sun
    color = (
        surface * (0.05 + 1.15 * sun)[:, :, None]
        + np.asarray(light_side, np.float32) * (edge * 0.5)[:, :, None]
    )
    c.blend(np.clip((1 - far) * radius + 0.5, 0, 1), x0, y0, np.clip(color, 0, 255))
    if ring:
        _ring(b, x, y, radius, tilt, mix(light_side, (255, 250, 240), 0.3), behind=False)


def _ring(b: Brush, x: float, y: float, radius: float, tilt: float, color: RGB, *, behind: bool) -> None:
    c = b.canvas
    turn = np.linspace(np.pi, 2 * np.pi, 60) if behind else np.linspace(0, np.pi, 60)
    for inner, outer, opacity in ((1.28, 1.5, 0.5), (1.54, 1.92, 0.75), (1.97, 2.1, 0.4)):
        path = []
        for reach, angles in ((outer, turn), (inner, turn[::-1])):
            px, py = np.cos(angles) * reach * radius, np.sin(angles) * reach * radius * 0.26
            path += list(
                zip(
                    x + px * np.cos(-tilt) - py * np.sin(-tilt),
                    y + px * np.sin(-tilt) + py * np.cos(-tilt),
                    strict=True,
                )
            )

        def band(pen: Pen, path: list[tuple[float, float]] = path) -> None:
            pen.polygon(path)

        size = radius * 2.2
        c.stencil(
            band,
            color if not behind else dim(color, 0.72),
            box=(x - size, y - size, x + size, y + size),
            opacity=opacity,
        )
