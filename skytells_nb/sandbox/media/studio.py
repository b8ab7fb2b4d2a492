"""Pictures that are no landscape: portraits, things on a table, and plays of pure shape."""

from __future__ import annotations

import math

import numpy as np

from .brush import Brush
from .canvas import Pen, ramp
from .cast import paint_subject
from .figures import table
from .figures.figure import Figure
from .figures.people import bust
from .noise import outline
from .palette import RGB, dim, mix
from .stage import Stage

_WALLS: tuple[tuple[RGB, RGB], ...] = (
    ((206, 222, 222), (120, 160, 168)),
    ((244, 214, 186), (214, 146, 116)),
    ((222, 212, 232), (150, 132, 180)),
    ((238, 224, 190), (206, 164, 96)),
    ((196, 214, 190), (110, 146, 118)),
    ((60, 72, 96), (30, 36, 58)),
)
_SETS: tuple[tuple[RGB, ...], ...] = (
    ((242, 232, 214), (226, 88, 62), (36, 62, 98), (244, 184, 80), (92, 152, 150)),
    ((250, 240, 230), (238, 130, 110), (120, 90, 160), (60, 130, 160), (250, 204, 110)),
    ((28, 34, 58), (238, 92, 92), (250, 196, 90), (80, 170, 180), (240, 232, 220)),
    ((236, 240, 232), (58, 96, 82), (208, 120, 72), (232, 196, 130), (110, 160, 130)),
    ((244, 226, 224), (196, 70, 106), (64, 60, 116), (244, 162, 110), (130, 186, 200)),
)


def paint_portrait(b: Brush) -> None:
    """Paint head and shoulders, of a person or of the animal the prompt names, before a plain wall."""
    c, scene, chance = b.canvas, b.scene, b.chance
    light_wall, dark_wall = chance.choice(_WALLS)
    light_wall, dark_wall = b.light.on(light_wall), b.light.on(dark_wall)
    c.vertical([(0, mix(light_wall, dark_wall, 0.35)), (1, dark_wall)])
    c.shine(b.sun_x, c.h * 0.3, c.u * 0.6, mix(light_wall, b.light.sun, 0.4), 0.7)
    x, y = c.w / 2 + c.u * chance.uniform(-0.05, 0.05), c.h * 0.44
    c.disc(x, y, c.u * 0.38, mix(light_wall, b.light.sun, 0.25), 0.85)
    for n in range(3):
        angle = chance.uniform(0, 6.28)
        c.disc(
            x + math.cos(angle) * c.u * 0.42,
            y + math.sin(angle) * c.u * 0.36,
            c.u * (0.03 + 0.02 * n),
            mix(dark_wall, b.light.sun, 0.3),
            0.5,
        )
    c.split()
    if scene.subject:
        paint_subject(b, Stage(c.w / 2, c.h * 1.16, c.h * 0.98))
        return
    woman = scene.says(r"woman|girl|queen|lady|her|she")
    man = scene.says(r"man|boy|king|gentleman|he|his")
    extras = " ".join(word for word in ("glasses", "hat", "crown", "scarf") if scene.says(word))
    if scene.says("king|queen"):
        extras += " crown"
    figure = bust(
        c.h * 0.9,
        chance,
        long_hair=woman or (not man and chance.random() < 0.5),
        beard=not woman and (scene.says(r"beard\w*") or (man and chance.random() < 0.45)),
        tint=scene.tint,
        extras=extras,
    )
    figure.stamp(b, c.w / 2, c.h * 1.003, mirror=b.sun_x > c.w / 2, lit=0.5, rim=0.35, shadow=0)


def paint_table(b: Brush) -> None:
    """Paint what there is to eat or drink on a table by a wall."""
    c, scene, chance = b.canvas, b.scene, b.chance
    wall, deep = chance.choice(_WALLS[:5])
    wall, deep = b.light.on(wall), b.light.on(deep)
    edge = c.h * 0.66
    c.vertical([(0, mix(wall, deep, 0.5)), (0.66, wall), (1, wall)])
    lean = c.u * 0.2

    def window(pen: Pen) -> None:
        for col in range(2):
            for row in range(2):
                x0, y0 = c.w * 0.12 + col * c.u * 0.21, c.h * 0.06 + row * c.u * 0.23
                pen.polygon(
                    [
                        (x0 + lean * 0.4, y0),
                        (x0 + c.u * 0.18 + lean * 0.4, y0 + c.u * 0.02),
                        (x0 + c.u * 0.18, y0 + c.u * 0.22),
                        (x0, y0 + c.u * 0.2),
                    ]
                )

    c.stencil(window, mix(wall, b.light.sun, 0.75), opacity=0.75, soft=c.u * 0.006)
    c.split()
    wood: RGB = chance.choice(((176, 124, 82), (208, 172, 130), (122, 88, 70), (232, 226, 218)))
    wood = b.light.on(wood)
    c.below(
        np.full(c.w, edge, np.float32),
        ramp([(0, mix(wood, b.light.sun, 0.25)), (0.1, wood), (1, dim(wood, 0.74))], int(c.h - edge) + 2),
    )
    grain = [
        (
            chance.uniform(-0.2, 0.9) * c.w,
            edge + (chance.random() ** 1.4) * (c.h - edge),
            chance.uniform(0.2, 0.6) * c.w,
        )
        for _ in range(26)
    ]

    def lines(pen: Pen) -> None:
        for x, y, wide in grain:
            pen.line([(x, y), (x + wide, y + c.u * 0.004)], c.u * 0.0012)

    c.stencil(lines, dim(wood, 0.66), opacity=0.4)
    main, tall = _dish(b)
    side = chance.choice((-1, 1))
    table.vase(c.u * 0.46).stamp(
        b, c.w / 2 - side * c.u * 0.33, edge + c.h * 0.06, lit=0.7, rim=0.3, shadow=0.3
    )
    x = c.w / 2 + side * c.u * 0.03
    main.stamp(b, x, c.h * 0.88, lit=0.7, rim=0.35, shadow=0.4)
    if scene.says("cakes?|dessert|bread") or not scene.says("coffee|tea|cup|mug"):
        table.cup(c.u * 0.2).stamp(b, c.w / 2 + side * c.u * 0.36, c.h * 0.8, lit=0.7, rim=0.3, shadow=0.3)
    if scene.says("coffee|tea|cup|mug|soup|ramen|noodles?|hot|breakfast"):
        _steam(b, x, c.h * 0.88 - tall)


def _dish(b: Brush) -> tuple[Figure, float]:
    c, scene = b.canvas, b.scene
    if scene.says("coffee|tea|cup|mug|breakfast") and not scene.says("cake"):
        return table.cup(c.u * 0.36, scene.tint or (236, 232, 224)), c.u * 0.34
    if scene.says("cakes?|dessert|ice cream|birthday|bread"):
        return table.cake(c.u * 0.42, scene.tint or (246, 196, 204)), c.u * 0.4
    if scene.says("ramen|soup|sushi|noodles?|burger|pizza|dinner|food|bowl") and not scene.says(r"fruits?"):
        return table.bowl(c.u * 0.42, scene.tint or (54, 92, 124)), c.u * 0.3
    return table.fruit(c.u * 0.42, b.chance, scene.tint), c.u * 0.4


def _steam(b: Brush, x: float, y: float) -> None:
    c, chance = b.canvas, b.chance

    def wisps(pen: Pen) -> None:
        for n in (-1, 0, 1):
            phase = chance.uniform(0, 6)
            path = [
                (
                    x + n * c.u * 0.05 + math.sin(phase + k * 0.4) * c.u * 0.014 * (1 + k * 0.06),
                    y - k * c.u * 0.012,
                )
                for k in range(18)
            ]
            pen.line(path, c.u * 0.012)

    c.stencil(wisps, (255, 255, 255), opacity=0.5, soft=c.u * 0.009)


def paint_abstract(b: Brush) -> None:
    """Paint a composition of flat shapes in five colours."""
    c, chance = b.canvas, b.chance
    ground, *colors = chance.choice(_SETS)
    if b.scene.tint:
        colors[0] = b.scene.tint
    chance.shuffle(colors)
    c.vertical([(0, ground), (1, mix(ground, colors[0], 0.14))])
    c.shine(b.sun_x, c.h * 0.3, c.u * 0.6, (255, 255, 255), 0.22)
    (_waves if chance.random() < 0.45 else _tiles)(b, ground, colors)


def _waves(b: Brush, ground: RGB, colors: list[RGB]) -> None:
    c, chance = b.canvas, b.chance
    c.disc(b.sun_x, c.h * 0.32, c.u * 0.17, colors[0])
    c.disc(c.w - b.sun_x, c.h * 0.22, c.u * 0.05, colors[1])
    c.split()
    for n in range(9):
        color = colors[(n + 1) % len(colors)]
        base = c.h * (0.4 + 0.07 * n)
        profile = base - c.u * 0.1 * outline(b.rng, c.w, chance.uniform(1.0, 1.7) * c.w / c.u, octaves=1)
        c.below(profile - c.u * 0.006, ramp([(0, mix(ground, (255, 255, 255), 0.4))], 2))
        c.below(profile, ramp([(0, dim(color, 1.1)), (1, dim(color, 0.7))], int(c.u * 0.3)))
        if n == 4:
            c.split()


def _tiles(b: Brush, ground: RGB, colors: list[RGB]) -> None:
    c, chance = b.canvas, b.chance
    count = chance.choice((3, 4))
    side = c.u / count
    across, down = math.ceil(c.w / side), math.ceil(c.h / side)
    left, top = (c.w - across * side) / 2, (c.h - down * side) / 2
    for row in range(down):
        for col in range(across):
            x, y = left + col * side, top + row * side
            fore, back = chance.sample([*colors, ground], 2)
            box = (max(0.0, x), max(0.0, y), x + side, y + side)
            kind = chance.randrange(6)

            def plate(pen: Pen, x: float = x, y: float = y) -> None:
                pen.polygon([(x, y), (x + side, y), (x + side, y + side), (x, y + side)])

            def figure(pen: Pen, x: float = x, y: float = y, kind: int = kind) -> None:
                corner = (x + side * (kind % 2), y + side * (kind // 2 % 2))
                if kind < 3:
                    pen.ellipse(*corner, side, side)
                    pen.ellipse(*corner, side * 0.62, side * 0.62, 0)
                    pen.ellipse(*corner, side * 0.3, side * 0.3)
                elif kind == 3:
                    pen.ellipse(x + side / 2, y + side / 2, side * 0.36, side * 0.36)
                elif kind == 4:
                    pen.polygon([(x, y), (x + side, y + side), (x, y + side)])
                else:
                    for n in range(4):
                        pen.polygon(
                            [
                                (x, y + side * (n + 0.25) / 4),
                                (x + side, y + side * (n + 0.25) / 4),
                                (x + side, y + side * (n + 0.7) / 4),
                                (x, y + side * (n + 0.7) / 4),
                            ]
                        )

            c.stencil(plate, back, box=box)
            c.stencil(figure, fore, box=box)
