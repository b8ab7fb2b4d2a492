"""The places of landscapes: each paints its backdrop and tells where a subject may stand in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from .brush import Brush
from .figures import things
from .palette import RGB, dim, mix
from .scenery.flora import paint_flowers, paint_grass
from .scenery.heavens import paint_heavens, paint_planet
from .scenery.land import paint_dune, paint_peaks, paint_ridge, paint_snowfield
from .scenery.sky import paint_sky
from .scenery.town import paint_skyline, paint_street
from .scenery.trees import paint_bushes, paint_foliage, paint_leafy, paint_pines, paint_trunks
from .scenery.water import paint_mirror, paint_sea, paint_spray, paint_waves
from .scenery.weather import paint_beams, paint_fog


class Stage(NamedTuple):
    """Where a subject may stand: the middle of its feet, and how tall a fox would be there, in pixels."""

    x: float
    foot: float
    tall: float


_GREENS: tuple[RGB, ...] = ((92, 144, 78), (118, 152, 76), (84, 138, 96))


def _snowy(b: Brush) -> Stage:
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


def _forest(b: Brush) -> Stage:
    c, light = b.canvas, b.light
    snowy = b.scene.snowy
    if not snowy and light.name in ("day", "overcast", "morning", "golden"):
        b.light = light = replace(
            light, zenith=mix(light.zenith, (92, 142, 84), 0.72), middle=mix(light.middle, (164, 200, 124), 0.66),
            low=mix(light.low, (222, 234, 164), 0.6), haze=mix(light.haze, (184, 210, 146), 0.66),
        )  # fmt: skip
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


def _sea(b: Brush) -> Stage:
    c, light, scene = b.canvas, b.light, b.scene
    b.horizon = c.h * b.chance.uniform(0.46, 0.54)
    b.sun_y = b.horizon * light.high
    paint_sky(b)
    c.split()
    shore = scene.says(r"beach\w*|shores?|coast\w*|sand|tropical") or scene.subject in (
        "fox",
        "cat",
        "dog",
        "bird",
    )
    if b.chance.random() < 0.55 and not scene.says("waves?"):
        paint_ridge(b, b.horizon - c.u * 0.005, c.u * 0.05, (96, 120, 120), far=0.7, waves=1.6)
    paint_sea(b, b.horizon, c.h)
    b.water = b.horizon
    stormy = scene.says(r"waves?|crash\w*|surf\w*|storm\w*|rough")
    if stormy:
        paint_waves(b, b.horizon + c.h * 0.04, count=5, height=0.075, bottom=c.h * 1.04)
        if scene.says(r"crash\w*|rocks?|cliffs?|storm\w*"):
            side = b.chance.choice((-1, 1))
            x = c.w * (0.5 + side * 0.3)
            _rocks(b, x, c.h * 0.98, c.u * 0.26)
            paint_spray(b, x - side * c.u * 0.14, c.h * 0.93, c.u * 0.3)
    else:
        paint_waves(b, b.horizon + c.h * 0.2, count=3, height=0.03, bottom=c.h * (0.9 if shore else 1.05))
    if shore:
        c.split()
        field = paint_ridge(
            b, c.h * 0.87, c.u * 0.022, (238, 212, 168), far=0.02, waves=0.9, rough=0.2, misty=0
        )
        if b.chance.random() < 0.6:
            paint_grass(b, c.h * 0.98, (176, 170, 96), tall=0.1, many=40)
        x = c.w * 0.5
        return Stage(x, float(field[int(x)]) + c.h * 0.07, c.u * 0.34)
    c.split()
    if scene.subject == "lighthouse":
        x = c.w * (0.5 + (0.22 if b.sun_x < c.w / 2 else -0.22))
        _rocks(b, x, c.h * 0.94, c.u * 0.24)
        return Stage(x, c.h * 0.75, c.u * 0.4)
    x = c.w * (0.5 + (0.2 if b.sun_x < c.w / 2 else -0.2) * b.chance.uniform(0.6, 1.2))
    return Stage(x, c.h * 0.72, c.u * 0.4)


def _rocks(b: Brush, x: float, foot: float, size: float) -> None:
    import numpy as np

    from .canvas import ramp
    from .noise import outline

    c, light = b.canvas, b.light
    xs = np.arange(c.w)
    hump = np.exp(-(np.abs((xs - x) / (size * 1.05)) ** 2.6)) * size
    profile = foot - hump * (1 + 0.3 * outline(b.rng, c.w, 14 * c.w / c.u)) + c.h * 0.05
    c.below(
        profile.astype(np.float32),
        ramp(
            [(0, mix(light.on((104, 96, 98)), light.sun, 0.1)), (1, light.on((44, 46, 60)))],
            max(2, int(size)),
        ),
    )


def _city(b: Brush) -> Stage:
    c, light = b.canvas, b.light
    street = b.scene.says(r"streets?|neon|tokyo|traffic|alley|cyberpunk|taxi|car|robots?")
    b.horizon = c.h * 0.74
    b.sun_y = min(b.sun_y, c.h * 0.5) if light.name not in ("sunset", "golden") else c.h * 0.5
    paint_sky(b)
    c.split()
    glow = {
        "night": 0.5,
        "dusk": 0.42,
        "sunset": 0.2,
        "golden": 0.08,
        "overcast": 0.22,
        "morning": 0.06,
        "day": 0.0,
    }[light.name]
    stone: RGB = b.chance.choice(((116, 122, 146), (132, 120, 132), (104, 124, 142)))
    if light.name in ("night", "dusk"):
        c.shine(c.w / 2, b.horizon, c.u * 0.55, (226, 150, 110), 0.32)
    for n, far in enumerate((0.74, 0.48, 0.16)):
        paint_skyline(
            b,
            b.horizon,
            c.u * (0.5 - 0.06 * n),
            dim(stone, 1 - 0.16 * n),
            far=far,
            busy=13 - 2.6 * n,
            lights=glow * (0.55 + 0.25 * n),
        )
        paint_fog(b, b.horizon, c.h * 0.12, strength=0.34)
    if street:
        paint_street(b, b.horizon)
        paint_mirror(b, b.horizon, c.h, (52, 52, 72), clear=0.62)
        b.water = b.horizon
        c.split()
        return Stage(c.w * 0.5, c.h * 0.95, c.u * 0.34)
    paint_mirror(b, b.horizon, c.h, (48, 82, 108), clear=0.72)
    b.water = b.horizon
    return Stage(c.w * 0.5, c.h * 0.94, c.u * 0.26)


def _desert(b: Brush) -> Stage:
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
    import numpy as np

    from .figures.animals import camel

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


def _garden(b: Brush) -> Stage:
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


def _hills(b: Brush) -> Stage:
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


def _mountain(b: Brush) -> Stage:
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


def _lake(b: Brush) -> Stage:
    c = b.canvas
    b.horizon = c.h * b.chance.uniform(0.54, 0.6)
    b.sun_y = b.horizon * min(0.72, b.light.high)
    paint_sky(b)
    c.split()
    paint_peaks(b, b.horizon - c.u * 0.03, c.u * 0.28, (120, 132, 154), far=0.55, snow=0.6)
    field = paint_ridge(b, b.horizon - c.u * 0.01, c.u * 0.03, (84, 122, 96), far=0.45)
    paint_pines(b, field, 30, c.u * 0.1, (56, 96, 78), far=0.4, snowy=b.scene.snowy)
    paint_fog(b, b.horizon, c.h * 0.05, strength=0.5)
    b.water = b.horizon + c.h * 0.015
    paint_mirror(b, b.water, c.h, (40, 88, 112), clear=0.8)
    c.split()
    side = b.chance.choice((-1, 1))
    import numpy as np

    from .canvas import ramp
    from .noise import outline

    xs = np.linspace(0, 1, c.w) if side > 0 else np.linspace(1, 0, c.w)
    bank = c.h * (1.04 - 0.2 * np.clip((xs - 0.35) / 0.65, 0, 1) ** 0.7) + c.u * 0.01 * outline(b.rng, c.w, 9)
    color: RGB = (236, 242, 250) if b.scene.snowy else (72, 102, 70)
    c.below(
        bank.astype(np.float32),
        ramp(
            [(0, b.light.on(dim(color, 1.1), 0.04)), (1, b.light.on(dim(color, 0.7)))], max(2, int(c.u * 0.2))
        ),
    )
    near = (0, c.w * 0.5) if side > 0 else (c.w * 0.5, c.w)
    paint_pines(
        b,
        bank.astype(np.float32),
        9,
        c.u * 0.4,
        (44, 78, 62),
        far=0.06,
        snowy=b.scene.snowy,
        gap=(near[0] - c.w * 0.2, near[1] + (c.w * 0.08 if side > 0 else c.w))
        if side > 0
        else (near[0] - c.w * 0.08, c.w * 1.2),
    )
    if b.scene.subject in ("boat",):
        return Stage(c.w * (0.5 - side * 0.12), c.h * 0.78, c.u * 0.26)
    x = c.w * (0.5 + side * 0.12)
    return Stage(x, float(bank[int(x)]) + c.h * 0.02, c.u * 0.3)


def _space(b: Brush) -> Stage:
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


PLACES: dict[str, Callable[[Brush], Stage]] = {
    "snow": _snowy, "forest": _forest, "sea": _sea, "city": _city, "desert": _desert, "garden": _garden,
    "hills": _hills, "mountain": _mountain, "lake": _lake, "space": _space,
}  # fmt: skip


def paint_place(b: Brush) -> Stage:
    """Paint a landscape's backdrop and return where its subject may stand."""
    if b.scene.snowy and b.scene.place in ("hills", "garden", "desert"):
        return _snowy(b)
    return PLACES[b.scene.place](b)
