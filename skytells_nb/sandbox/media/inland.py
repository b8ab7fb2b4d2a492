"""Places on dry land: snowfields, woods, meadows, hills and mountains."""

from __future__ import annotations

from dataclasses import replace

from .brush import Brush
from .figures import things
from .palette import RGB, dim, mix
from .scenery.flora import paint_flowers, paint_grass
from .scenery.land import paint_peaks, paint_ridge, paint_snowfield
from .scenery.sky import paint_sky
from .scenery.trees import paint_bushes, paint_foliage, paint_leafy, paint_pines, paint_trunks
from .scenery.weather import paint_beams, paint_fog
from .stage import Stage

_GREENS: tuple[RGB, ...] = ((92, 144, 78), (118, 152, 76), (84, 138, 96))


def paint_snow(b: Brush) -> Stage:
    """Paint a snowfield before a wood."""
    c = b.canvas
    paint_sky(b)
    b.canvas.split()
    if b.chance.random() < 0.6:
        paint_peaks(b, b.horizon + c.u * 0.02, c.u * 0.24, (124, 138, 160), far=0.62, snow=0.75)
    wooded = b.scene.says("forest|woods?|trees?|pines?|wolf|fox|deer") or b.chance.random() < 0.7
    for n, far in enumerate((0.62, 0.4, 0.2)):
        base = b.horizon + c.h * (0.03 + 0.075 * n)
        field = paint_snowfield(b, base, c.u * 0.035, far=far, waves=1.6 + n * 0.4)
        if wooded:
            gap = (c.w * 0.3, c.w * 0.7) if n == 2 else None
            paint_pines(
                b, field, 26 - 8 * n, c.u * (0.12 + 0.12 * n), (54, 82, 78), far=far, snowy=n > 0, gap=gap
            )
        paint_fog(b, base + c.h * 0.02, c.h * 0.07, strength=0.4)
    c.split()
    field = paint_snowfield(b, c.h * 0.83, c.u * 0.035, far=0.02)
    x = c.w * b.chance.uniform(0.38, 0.62)
    return Stage(x, float(field[int(x)]) + c.h * 0.07, c.u * 0.42)


def paint_forest(b: Brush) -> Stage:
    """Paint the inside of a wood."""
    c, light = b.canvas, b.light
    snowy = b.scene.snowy
    if not snowy and light.name in ("day", "overcast", "morning", "golden"):
        b.light = light = replace(
            light,
            zenith=mix(light.zenith, (92, 142, 84), 0.72),
            middle=mix(light.middle, (164, 200, 124), 0.66),
            low=mix(light.low, (222, 234, 164), 0.6),
            haze=mix(light.haze, (184, 210, 146), 0.66),
        )
    b.horizon = c.h * 0.66
    b.sun_y = c.h * b.chance.uniform(0.16, 0.3)
    paint_sky(b, bottom=c.h * 0.8)
    c.split()
    green: RGB = (58, 88, 80) if snowy else b.chance.choice(((62, 108, 62), (70, 114, 56), (52, 100, 70)))
    pines = snowy or b.scene.says("pines?|wolf|fir|spruce") or b.chance.random() < 0.45
    for n, far in enumerate((0.82, 0.62, 0.4)):
        base = b.horizon + c.h * 0.045 * n
        field = (
            paint_snowfield(b, base, c.u * 0.02, far=far)
            if snowy
            else paint_ridge(b, base, c.u * 0.02, green, far=far)
        )
        if pines:
            paint_pines(b, field, 17 - 4 * n, c.u * (0.4 + 0.13 * n), green, far=far, snowy=snowy)
        else:
            paint_trunks(b, base + c.u * 0.02, 15 - 4 * n, c.u * (0.014 + 0.012 * n), (86, 76, 58), far=far)
            paint_foliage(b, c.h * (0.34 - 0.07 * n), green, far=far * 0.9, size=c.u * (0.07 + 0.02 * n))
            paint_bushes(b, field, mix(green, (110, 160, 70), 0.3), far=far, size=c.u * (0.03 + 0.02 * n))
        paint_fog(b, base - c.h * 0.02, c.h * 0.1, strength=0.5)
    if light.name != "overcast":
        paint_beams(b, strength=0.34 if light.name != "night" else 0.14)
    c.split()
    foot = c.h * 0.84
    field = (
        paint_snowfield(b, foot, c.u * 0.03, far=0.05)
        if snowy
        else paint_ridge(b, foot, c.u * 0.03, dim(green, 0.9), far=0.06, misty=0)
    )
    paint_trunks(b, foot + c.h * 0.1, 7, c.u * 0.045, (92, 74, 60), far=0.05, gap=c.w * 0.24)
    if not snowy:
        paint_foliage(b, c.h * 0.13, dim(green, 0.84), far=0.05, size=c.u * 0.11)
        paint_bushes(b, field, mix(green, (120, 170, 70), 0.2), far=0.05, size=c.u * 0.09)
        paint_grass(b, c.h * 0.85, mix(green, (120, 170, 70), 0.3), tall=0.07, many=300)
    x = c.w * b.chance.uniform(0.42, 0.58)
    return Stage(x, float(field[int(x)]) + c.h * 0.07, c.u * 0.4)


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
            dim(color, 1.03 - 0.07 * n),
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
