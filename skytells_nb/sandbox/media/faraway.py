"""Places far away: the desert and its caravans, and space."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .brush import Brush
from .figures.animals import camel
from .palette import dim
from .scenery.heavens import paint_heavens, paint_planet
from .scenery.land import paint_dune, paint_peaks, paint_ridge
from .scenery.sky import paint_sky
from .stage import Stage


def paint_desert(b: Brush) -> Stage:
    """Paint dunes with a caravan."""
    c = b.canvas
    b.horizon = c.h * b.chance.uniform(0.55, 0.62)
    b.sun_y = b.horizon * b.light.high
    paint_sky(b)
    c.split()
    if b.chance.random() < 0.5:
        paint_peaks(b, b.horizon + c.u * 0.03, c.u * 0.12, (176, 112, 84), far=0.66, snow=0)
    stage = Stage(c.w * 0.5, c.h * 0.8, c.u * 0.2)
    camels = b.scene.subject in ("camel", "") and b.chance.random() < 0.75
    for n, far in enumerate((0.58, 0.36, 0.18, 0.03)):
        field = paint_dune(b, b.horizon + c.h * (0.035 + 0.105 * n), c.u * (0.035 + 0.022 * n), far=far)
        if n == 1 and camels:
            _caravan(b, field)
        if n == 2:
            c.split()
            x = c.w * b.chance.uniform(0.36, 0.64)
            stage = Stage(x, float(field[int(x)]) + c.h * 0.09, c.u * 0.3)
    return stage


def _caravan(b: Brush, field: object) -> None:
    c = b.canvas
    rows = np.asarray(field)
    tall = c.u * 0.058
    start = c.w * b.chance.uniform(0.24, 0.5)
    for n in range(b.chance.randint(3, 5)):
        x = start + n * tall * b.chance.uniform(1.25, 1.5)
        if x < c.w - 2:
            camel(tall, (92, 58, 44)).stamp(
                b, x, float(rows[int(x)]) + tall * 0.06, lit=1, rim=0.2, far=0.12, shadow=0
            )


def paint_space(b: Brush) -> Stage:
    """Paint space, with a planet."""
    c = b.canvas
    paint_heavens(b)
    c.split()
    x = c.w * (0.5 + (0.22 if b.sun_x < c.w / 2 else -0.22) * b.chance.uniform(0.5, 1.3))
    paint_planet(
        b,
        x,
        c.h * b.chance.uniform(0.3, 0.42),
        c.u * b.chance.uniform(0.15, 0.24),
        ring=b.chance.random() < 0.65,
    )
    paint_planet(
        b, c.w - x * 0.9, c.h * b.chance.uniform(0.12, 0.3), c.u * b.chance.uniform(0.025, 0.05), ring=False
    )
    c.split()
    ground = b.chance.choice(((168, 92, 78), (128, 120, 150), (176, 132, 92), (96, 112, 140)))
    b.light = replace(b.light, key=(0.66, 0.66, 0.78), haze=(58, 44, 92))
    if b.scene.subject in ("", "astronaut", "robot", "car", "fox", "cat", "dog"):
        paint_peaks(b, c.h * 0.82, c.u * 0.13, ground, far=0.45, snow=0, waves=3)
        field = paint_ridge(b, c.h * 0.89, c.u * 0.03, dim(ground, 0.92), far=0.12, misty=0.1)
        at = c.w * b.chance.uniform(0.4, 0.6)
        return Stage(at, float(field[int(at)]) + c.h * 0.04, c.u * 0.3)
    return Stage(c.w * 0.5, c.h * 0.84, c.u * 0.46)
