"""Sets what people have made on its stage: lighthouses, boats, cars, houses, castles, rockets and robots."""

from __future__ import annotations

from collections.abc import Callable

from .brush import Brush
from .canvas import Pen
from .figures import things
from .figures.figure import Figure
from .palette import RGB, mix
from .stage import Stage

# How tall each stands against the picture's short side; None is as tall as the stage has room for.
_HEIGHTS: dict[str, float | None] = {
    "boat": 0.3, "car": 0.24, "cottage": 0.24, "castle": 0.4, "rocket": 0.5, "lighthouse": 0.6,
    "astronaut": None, "robot": None,
}  # fmt: skip
_PAINTED: dict[str, Callable[..., Figure]] = {
    "boat": things.boat, "car": things.car, "castle": things.castle, "rocket": things.rocket,
    "lighthouse": things.lighthouse, "astronaut": things.astronaut, "robot": things.robot,
}  # fmt: skip


def paint_thing(b: Brush, stage: Stage, *, mirror: bool, lit: float) -> None:
    """Paint the scene's subject, in the colour the prompt names if it names one."""
    c, subject, tint, light = b.canvas, b.scene.subject, b.scene.tint, b.light.name
    dark = light in ("night", "dusk")
    part = _HEIGHTS[subject]
    tall = stage.tall if part is None else c.u * part
    x, foot, shadow = stage.x, stage.foot, 0.3
    if subject == "cottage":
        paint: RGB = tint or (236, 222, 198)
        figure = things.cottage(tall, paint, snowy=b.scene.snowy, lit=light not in ("day", "morning"))
    else:
        figure = _PAINTED[subject](tall, tint) if tint else _PAINTED[subject](tall)
    if subject == "lighthouse":
        foot, mirror, shadow = foot + c.u * 0.02, False, 0
        if light in ("night", "dusk", "sunset", "overcast"):
            _beam(b, x, foot - tall * 0.815, c.u)
    elif subject == "rocket":
        lit, shadow = 0.3, 0
        c.shine(x, foot - tall * 0.12, tall * 0.22, (255, 190, 100), 0.6)
    figure.stamp(b, x, foot, mirror=mirror, lit=lit, shadow=shadow)
    if subject == "lighthouse" and light != "day":
        c.shine(x, foot - tall * 0.815, tall * 0.1, (255, 232, 170), 0.75)
    if subject == "cottage" and dark:
        c.shine(x, foot - tall * 0.3, tall * 0.4, (255, 200, 110), 0.3)


def paint_balloons(b: Brush) -> None:
    """Send up five hot-air balloons, one of them close by."""
    c, chance, tint = b.canvas, b.chance, b.scene.tint
    colors: list[RGB] = [(214, 76, 62), (62, 122, 170), (240, 160, 60), (120, 92, 160), (70, 150, 120)]
    chance.shuffle(colors)
    colors = [tint, *colors] if tint else colors
    spots = (
        (0.62, 0.62, 0.42),
        (0.27, 0.42, 0.2),
        (0.84, 0.26, 0.12),
        (0.45, 0.2, 0.085),
        (0.12, 0.22, 0.07),
    )
    flip = chance.random() < 0.5
    for n, (x, foot, tall) in reversed(list(enumerate(spots))):
        figure = things.balloon(
            c.u * tall, colors[n % len(colors)], mix(colors[n % len(colors)], (255, 240, 206), 0.72)
        )
        at = (1 - x if flip else x) + chance.uniform(-0.04, 0.04)
        figure.stamp(b, c.w * at, c.h * (foot + chance.uniform(-0.03, 0.03)), far=0.5 - tall * 1.1, shadow=0)


def _beam(b: Brush, x: float, y: float, size: float) -> None:
    def ray(pen: Pen) -> None:
        pen.polygon(
            [
                (x, y - size * 0.004),
                (x + size * 1.2, y - size * 0.13),
                (x + size * 1.2, y + size * 0.04),
                (x, y + size * 0.004),
            ]
        )
        pen.polygon(
            [
                (x, y - size * 0.004),
                (x - size * 1.2, y + size * 0.02),
                (x - size * 1.2, y + size * 0.12),
                (x, y + size * 0.004),
            ]
        )

    b.canvas.stencil(ray, (255, 236, 180), opacity=0.26, soft=size * 0.006)
