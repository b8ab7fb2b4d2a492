"""Places among trees: the snowfield at a wood's edge, and the inside of a wood."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .brush import Brush
from .canvas import Pen, ramp
from .noise import Plane, outline
from .palette import RGB, dim, mix
from .scenery.flora import paint_grass
from .scenery.land import paint_peaks, paint_ridge, paint_snowfield
from .scenery.sky import paint_sky
from .scenery.trees import paint_bushes, paint_foliage, paint_pines, paint_trunks
from .scenery.weather import paint_beams, paint_fog
from .stage import Stage

_PINE: RGB = (54, 82, 78)


def paint_snow(b: Brush) -> Stage:
    """Paint a snowfield before a wood, a mountain range, or both."""
    c, chance = b.canvas, b.chance
    b.horizon = c.h * chance.uniform(0.47, 0.62)
    b.sun_y = b.horizon * b.light.high
    paint_sky(b)
    c.split()
    range_height = chance.choice((0.0, 0.14, 0.26, 0.34))
    if range_height:
        tall = c.u * range_height
        paint_peaks(b, b.horizon - tall * 0.1, tall, (124, 138, 160), far=0.6, snow=0.78, waves=1.6)
    wooded = (
        b.scene.says(r"forest|woods?|trees?|pines?|wol\w+|fox\w*|deer")
        or not range_height
        or chance.random() < 0.7
    )
    size = chance.uniform(0.75, 1.25)
    for n, far in enumerate((0.62, 0.4, 0.2)):
        base = b.horizon + c.h * (0.03 + 0.075 * n)
        field = paint_snowfield(b, base, c.u * 0.035, far=far, waves=1.6 + n * 0.4)
        if wooded:
            gap = (c.w * 0.3, c.w * 0.7) if n == 2 else None
            tall = c.u * (0.12 + 0.12 * n) * size
            paint_pines(b, field, (26 - 8 * n) / size, tall, _PINE, far=far, snowy=n > 0, gap=gap)
        paint_fog(b, base + c.h * 0.02, c.h * 0.07, strength=0.4)
    c.split()
    field = paint_snowfield(b, c.h * 0.83, c.u * 0.035, far=0.02)
    x = c.w * chance.uniform(0.38, 0.62)
    if chance.random() < 0.5:
        _near_pines(b, -1 if x > c.w / 2 else 1)
    return Stage(x, float(field[int(x)]) + c.h * 0.07, c.u * 0.42)


def _near_pines(b: Brush, side: int) -> None:
    """Frame the view with a bank and two or three tall pines close by, on one side."""
    c = b.canvas
    xs = np.linspace(0, 1, c.w) if side > 0 else np.linspace(1, 0, c.w)
    bank = c.h * (1.06 - 0.13 * np.clip((xs - 0.55) / 0.45, 0, 1) ** 0.8) + c.u * 0.01 * outline(
        b.rng, c.w, 6
    )
    bright, shadow = b.light.on((240, 245, 251)), mix(b.light.on((180, 198, 228)), b.light.shade, 0.2)
    clear = (-c.w * 0.2, c.w * 0.8) if side > 0 else (c.w * 0.2, c.w * 1.2)
    paint_pines(b, bank + c.h * 0.03, 13, c.u * 0.62, _PINE, far=0.04, snowy=True, gap=clear)
    c.below(bank, ramp([(0, bright), (1, shadow)], max(2, int(c.u * 0.16))))


def paint_forest(b: Brush) -> Stage:
    """Paint the inside of a wood, in leaf or under snow."""
    c, chance, snowy = b.canvas, b.chance, b.scene.snowy
    if not snowy and b.light.name in ("day", "overcast", "morning", "golden"):
        _green_light(b)
    b.horizon = c.h * chance.uniform(0.6, 0.68)
    b.sun_y = c.h * chance.uniform(0.14, 0.32)
    paint_sky(b, bottom=c.h * 0.8)
    c.split()
    green: RGB = (58, 88, 80) if snowy else chance.choice(((56, 110, 58), (70, 116, 50), (46, 102, 70)))
    pines = snowy or b.scene.says("pines?|wolf|fir|spruce") or chance.random() < 0.45
    dense = chance.uniform(0.7, 1.3)
    for n, far in enumerate((0.82, 0.6, 0.34)):
        base = b.horizon + c.h * 0.045 * n
        ground = _ground(b, base, 0.02, green, far)
        if pines:
            paint_pines(b, ground, (17 - 4 * n) * dense, c.u * (0.4 + 0.13 * n), green, far=far, snowy=snowy)
        else:
            bark: RGB = (86, 76, 58)
            paint_trunks(b, base + c.u * 0.02, (15 - 4 * n) * dense, c.u * (0.014 + 0.012 * n), bark, far=far)
            paint_foliage(b, c.h * (0.34 - 0.07 * n), green, far=far * 0.9, size=c.u * (0.07 + 0.02 * n))
            fern = mix(green, (110, 160, 70), 0.3)
            paint_bushes(b, ground, fern, far=far, size=c.u * (0.03 + 0.02 * n))
        paint_fog(b, base - c.h * 0.02, c.h * 0.1, strength=0.45)
    if b.light.name != "overcast":
        paint_beams(b, strength=0.34 if b.light.name != "night" else 0.14)
    c.split()
    foot = c.h * 0.84
    field = _ground(b, foot, 0.03, dim(green, 0.9), 0.05)
    if chance.random() < 0.55 or b.scene.says("paths?|trails?|road"):
        _path(b, float(field.mean()), (214, 222, 238) if snowy else (176, 146, 104))
    paint_trunks(
        b, foot + c.h * 0.1, chance.uniform(5, 9), c.u * 0.045, (92, 74, 60), far=0.05, gap=c.w * 0.24
    )
    if not snowy:
        fern = mix(green, (120, 170, 70), 0.25)
        paint_foliage(b, c.h * 0.13, dim(green, 0.84), far=0.05, size=c.u * 0.11)
        paint_bushes(b, field, fern, far=0.05, size=c.u * 0.09)
        paint_grass(b, c.h * 0.85, fern, tall=0.07, many=220)
    x = c.w * chance.uniform(0.42, 0.58)
    return Stage(x, float(field[int(x)]) + c.h * 0.07, c.u * 0.4)


def _green_light(b: Brush) -> None:
    """Let the daylight come through leaves."""
    light = b.light
    b.light = replace(
        light,
        zenith=mix(light.zenith, (74, 124, 66), 0.76),
        middle=mix(light.middle, (136, 184, 96), 0.7),
        low=mix(light.low, (208, 226, 138), 0.66),
        haze=mix(light.haze, (154, 194, 110), 0.74),
    )


def _ground(b: Brush, base: float, height: float, green: RGB, far: float) -> Plane:
    if b.scene.snowy:
        return paint_snowfield(b, base, b.canvas.u * height, far=far)
    return paint_ridge(b, base, b.canvas.u * height, green, far=far, misty=0.34 if far > 0.1 else 0)


def _path(b: Brush, top: float, color: RGB) -> None:
    """Lay a path that comes winding out of the wood."""
    c, chance = b.canvas, b.chance
    start, end, bend = chance.uniform(0.42, 0.58), chance.uniform(0.34, 0.66), chance.uniform(-0.16, 0.16)
    left: list[tuple[float, float]] = []
    right: list[tuple[float, float]] = []
    for n in range(24):
        t = n / 23
        y = top + (c.h * 1.02 - top) * t
        x = c.w * (start + (end - start) * t + bend * np.sin(t * 4.2) * (1 - 0.4 * t))
        half = c.u * (0.02 + 0.17 * t**1.5)
        left.append((float(x) - half, y))
        right.append((float(x) + half, y))

    def lay(pen: Pen) -> None:
        pen.polygon([*left, *reversed(right)])

    c.stencil(lay, b.light.on(color, 0.05), box=(0, top - 2, c.w, c.h), opacity=0.85, soft=c.u * 0.004)
