"""Places by the water: the sea and its beaches, lakes, and the city on its river."""

from __future__ import annotations

import numpy as np

from .brush import Brush
from .canvas import ramp
from .noise import outline
from .palette import RGB, dim, mix
from .scenery.flora import paint_grass
from .scenery.land import paint_peaks, paint_ridge
from .scenery.sky import paint_sky
from .scenery.town import paint_skyline, paint_street
from .scenery.trees import paint_pines
from .scenery.water import paint_mirror, paint_sea, paint_spray, paint_waves
from .scenery.weather import paint_fog
from .stage import Stage


def paint_sea_view(b: Brush) -> Stage:
    """Paint the open sea, a beach or breaking waves."""
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


def paint_lake(b: Brush) -> Stage:
    """Paint a lake between mountains."""
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


def paint_city(b: Brush) -> Stage:
    """Paint a city by the water, or one of its streets."""
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
