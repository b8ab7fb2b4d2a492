"""Places on open land: meadows, hills and mountains."""

from __future__ import annotations

from .brush import Brush
from .figures import things
from .palette import RGB, dim, mix
from .scenery.flora import paint_flowers, paint_grass
from .scenery.land import paint_peaks, paint_ridge, paint_snowfield
from .scenery.sky import paint_sky
from .scenery.trees import paint_leafy, paint_pines
from .scenery.weather import paint_fog
from .stage import Stage

_GREENS: tuple[RGB, ...] = ((92, 144, 78), (118, 152, 76), (84, 138, 96))


def paint_garden(b: Brush) -> Stage:
    """Paint a meadow in flower."""
    c = b.canvas
    b.horizon = c.h * b.chance.uniform(0.46, 0.54)
    b.sun_y = b.horizon * b.light.high
    paint_sky(b)
    c.split()
    green = b.chance.choice(_GREENS)
    for n, far in enumerate((0.7, 0.46, 0.24)):
        field = paint_ridge(
            b, b.horizon + c.h * (0.02 + 0.055 * n), c.u * 0.045, dim(green, 1 - 0.07 * n), far=far, waves=1.6
        )
        for _ in range(b.chance.randint(1, 4)):
            x = b.chance.uniform(0, c.w - 1)
            paint_leafy(
                b,
                x,
                float(field[int(x)]) + 2,
                c.u * (0.07 + 0.055 * n) * b.chance.uniform(0.7, 1.2),
                (72, 122, 66),
                far=far,
            )
    paint_ridge(b, b.horizon + c.h * 0.2, c.u * 0.03, dim(green, 0.92), far=0.08, misty=0)
    c.split()
    creature = b.scene.subject not in ("", "lighthouse", "boat", "whale")
    paint_flowers(
        b, b.horizon + c.h * 0.2, size=0.085 if not creature else 0.06, many=1.0 if not creature else 0.8
    )
    return Stage(c.w * b.chance.uniform(0.42, 0.58), c.h * 0.94, c.u * 0.46)


def paint_hills(b: Brush) -> Stage:
    """Paint rolling hills with a village."""
    c = b.canvas
    paint_sky(b)
    c.split()
    green = b.chance.choice(_GREENS)
    if b.chance.random() < 0.5:
        paint_peaks(b, b.horizon, c.u * 0.16, (118, 132, 150), far=0.72, snow=0.45)
    for n, far in enumerate((0.72, 0.52, 0.34, 0.18, 0.06)):
        color = mix(green, ((196, 182, 92), (128, 160, 76), (98, 140, 84))[n % 3], 0.45)
        field = paint_ridge(
            b,
            b.horizon + c.h * (0.01 + 0.085 * n),
            c.u * 0.05,
            dim(color, 1.04 - 0.095 * n),
            far=far,
            waves=1.4 + 0.15 * n,
            rough=0.28,
        )
        if n == 2 and b.chance.random() < 0.6 and not b.scene.subject:
            x = c.w * b.chance.uniform(0.38, 0.58)
            house = things.cottage(c.u * 0.06, lit=b.light.name not in ("day", "morning"))
            house.stamp(b, x, float(field[int(x)]) + c.u * 0.012, far=far * 0.7, shadow=0)
        if n in (1, 2):
            paint_pines(
                b, field, 10, c.u * (0.05 + 0.035 * n), (60, 100, 66), far=far, gap=(c.w * 0.35, c.w * 0.6)
            )
        if n == 3:
            c.split()
            for _ in range(b.chance.randint(2, 4)):
                x = b.chance.choice((b.chance.uniform(0, 0.3), b.chance.uniform(0.7, 1))) * (c.w - 1)
                paint_leafy(
                    b, x, float(field[int(x)]) + 3, c.u * b.chance.uniform(0.15, 0.23), (86, 138, 70), far=far
                )
    paint_grass(b, c.h * 0.95, green, tall=0.05, many=220)
    x = c.w * b.chance.uniform(0.4, 0.6)
    return Stage(x, c.h * 0.92, c.u * 0.36)


def paint_mountain(b: Brush) -> Stage:
    """Paint a mountain range."""
    c = b.canvas
    b.horizon = c.h * b.chance.uniform(0.56, 0.64)
    paint_sky(b)
    c.split()
    rock: RGB = b.chance.choice(((122, 130, 152), (132, 122, 138), (108, 128, 146)))
    paint_peaks(b, b.horizon - c.u * 0.06, c.u * 0.3, rock, far=0.58, snow=0.7, waves=1.8)
    paint_fog(b, b.horizon, c.h * 0.1, strength=0.5)
    paint_peaks(
        b,
        b.horizon + c.u * 0.06,
        c.u * 0.26,
        dim(rock, 0.86),
        far=0.3,
        snow=0.42 if not b.scene.snowy else 0.9,
        waves=2.4,
    )
    paint_fog(b, b.horizon + c.h * 0.13, c.h * 0.1, strength=0.6)
    c.split()
    x = c.w * b.chance.uniform(0.36, 0.64)
    if b.scene.snowy:
        field = paint_snowfield(b, c.h * 0.86, c.u * 0.05, far=0.06)
    else:
        for n, far in enumerate((0.34, 0.12)):
            field = paint_ridge(b, c.h * (0.8 + 0.11 * n), c.u * 0.05, (74, 110, 82), far=far, waves=1.5)
            paint_pines(
                b,
                field,
                22 - 8 * n,
                c.u * (0.1 + 0.07 * n),
                (48, 84, 66),
                far=far,
                gap=(x - c.u * 0.16, x + c.u * 0.16),
            )
    return Stage(x, float(field[int(x)]) + c.h * 0.03, c.u * 0.3)
