"""Flowers and grass: a meadow, small and pale far off, large and bright close by."""

from __future__ import annotations

import math

from ..brush import Brush
from ..canvas import Pen
from ..figures.figure import Figure
from ..palette import RGB, dim, mix

_KINDS = (
    ("poppy", "popp(?:y|ies)"),
    ("sunflower", "sunflowers?"),
    ("tulip", "tulips?"),
    ("lavender", "lavender"),
    ("daisy", "dais(?:y|ies)"),
    ("rose", "roses?"),
)
_BEDS: tuple[tuple[tuple[str, RGB], ...], ...] = (
    (("poppy", (222, 62, 48)), ("daisy", (250, 246, 240)), ("lavender", (132, 102, 190))),
    (("tulip", (236, 110, 140)), ("tulip", (248, 190, 84)), ("daisy", (250, 246, 240))),
    (("daisy", (250, 246, 240)), ("daisy", (244, 190, 70)), ("lavender", (104, 120, 206))),
    (("poppy", (240, 138, 84)), ("rose", (226, 92, 130)), ("daisy", (250, 240, 220))),
)
_OWN: dict[str, RGB] = {
    "poppy": (220, 56, 44),
    "sunflower": (250, 190, 40),
    "tulip": (232, 84, 110),
    "lavender": (136, 104, 196),
    "daisy": (252, 248, 242),
    "rose": (214, 62, 92),
}


def paint_flowers(b: Brush, top: float, *, size: float = 0.085, many: float = 1.0) -> None:
    """Plant flowers from the row `top` down; `size` is that of the nearest, as a part of the short side."""
    c, scene, chance = b.canvas, b.scene, b.chance
    bed = [(kind, scene.tint or _OWN[kind]) for kind, words in _KINDS if scene.says(words)]
    kinds: tuple[tuple[str, RGB], ...] = tuple(bed) or chance.choice(_BEDS)
    if bed:
        kinds = (*bed, *bed, (bed[0][0], mix(bed[0][1], (255, 255, 255), 0.25)))
    tall = c.h - top
    top = max(0.0, top - c.u * 0.14)
    sheet = Figure(c.w, c.h - top, c.h - top, over=2)
    spots = []
    area = c.w / c.u
    for row in range(9):
        near = ((row + 0.5) / 9) ** 1.5
        for _ in range(int((26 - 17 * near) * area * many)):
            spots.append((chance.uniform(-0.02, 1.02) * c.w, near + chance.uniform(-0.03, 0.05)))
    for x, near in sorted(spots, key=lambda spot: spot[1]):
        near = max(0.02, near)
        kind, color = chance.choice(kinds)
        r = c.u * size * (0.12 + 0.88 * near) * chance.uniform(0.6, 1.1) * 0.5
        y = c.h - tall + near * tall * 1.02 - top
        haze = 0.35 * (1 - near)
        _flower(sheet, b, kind, x, y - r * 2.2, r, mix(color, b.light.haze, haze), haze)
    sheet.stamp(b, c.w / 2, c.h, lit=1, rim=0, shadow=0)


def _flower(f: Figure, b: Brush, kind: str, x: float, y: float, r: float, color: RGB, haze: float) -> None:
    chance = b.chance
    green = mix((72, 124, 62), b.light.haze, haze)
    lean = chance.uniform(-0.5, 0.5) * r
    f.line([(x, y), (x + lean * 0.3, y + r * 1.6), (x + lean, y + r * 4)], max(0.7, r * 0.13), green)
    if r > 5:
        for side in (-1, 1):
            f.shape(
                [
                    (x + lean * 0.4, y + r * 2.6, True),
                    (x + side * r * 0.7, y + r * 1.9, False),
                    (x + side * r * 1.0, y + r * 1.2, True),
                    (x + side * r * 0.25, y + r * 1.8, False),
                ],
                green,
            )
    shade, turn = dim(color, 0.84), chance.uniform(0, 6.28)
    if kind == "lavender":
        for n in range(7):
            for side in (-1, 1):
                f.oval(
                    x + side * r * 0.22,
                    y + r * (1.1 - n * 0.36),
                    r * 0.26,
                    r * 0.2,
                    color if side > 0 else shade,
                )
        return
    if kind == "tulip":
        f.shape(
            [
                (x - r * 0.7, y - r, True),
                (x - r * 0.25, y - r * 0.55, False),
                (x, y - r * 1.15, True),
                (x + r * 0.25, y - r * 0.55, False),
                (x + r * 0.7, y - r, True),
                (x + r * 0.72, y, False),
                (x, y + r * 0.75, False),
                (x - r * 0.72, y, False),
            ],
            color,
        )
        f.shape(
            [
                (x, y - r * 1.1, True),
                (x + r * 0.36, y - r * 0.2, False),
                (x, y + r * 0.7, False),
                (x - r * 0.36, y - r * 0.2, False),
            ],
            shade,
        )
        return
    if kind == "poppy":
        for n in range(5):
            a = turn + n * 1.257
            f.oval(
                x + math.cos(a) * r * 0.5,
                y + math.sin(a) * r * 0.36,
                r * 0.62,
                r * 0.5,
                color if n % 2 else shade,
            )
        f.oval(x, y, r * 0.24, r * 0.2, (44, 32, 40))
        return
    if kind == "rose":
        for n, reach in enumerate((1.0, 0.78, 0.56, 0.34, 0.16)):
            f.oval(
                x + math.cos(turn + n) * r * 0.08,
                y + math.sin(turn + n) * r * 0.08,
                r * reach,
                r * reach * 0.9,
                dim(color, 0.8 + 0.09 * n),
            )
        return
    petals, heart = (18, 0.5) if kind == "sunflower" else (12, 0.3)
    for n in range(petals):
        a = turn + n * 6.2832 / petals
        px, py = math.cos(a), math.sin(a) * 0.9
        f.shape(
            [
                (x, y, True),
                (x + px * r * 0.6 - py * r * 0.2, y + py * r * 0.6 + px * r * 0.2, False),
                (x + px * r * 1.05, y + py * r * 1.05, kind == "sunflower"),
                (x + px * r * 0.6 + py * r * 0.2, y + py * r * 0.6 - px * r * 0.2, False),
            ],
            color if n % 2 else shade,
        )
    f.oval(x, y, r * heart, r * heart * 0.9, (96, 60, 36) if kind == "sunflower" else (242, 190, 66))
    if kind == "sunflower":
        f.oval(x, y, r * 0.3, r * 0.27, (66, 42, 30))


def paint_grass(b: Brush, top: float, color: RGB, *, tall: float = 0.06, many: int = 260) -> None:
    """Let blades of grass grow along the lower edge, from about the row `top` down."""
    c, chance, light = b.canvas, b.chance, b.light
    blades = [
        (
            chance.uniform(-0.02, 1.02) * c.w,
            chance.uniform(top, c.h * 1.03),
            chance.uniform(0.5, 1.2) * tall * c.u,
            chance.uniform(-0.5, 0.5),
        )
        for _ in range(int(many * c.w / c.u))
    ]

    def grow(start: int) -> None:
        def draw(pen: Pen) -> None:
            for x, y, h, lean in blades[start::2]:
                w = h * 0.05
                pen.polygon(
                    [
                        (x - w, y),
                        (x + lean * h * 0.3 - w * 0.6, y - h * 0.6),
                        (x + lean * h, y - h),
                        (x + lean * h * 0.3 + w * 0.6, y - h * 0.6),
                        (x + w, y),
                    ]
                )

        c.stencil(
            draw, light.on(dim(color, 1.25 if start else 0.78)), box=(0, top - tall * c.u * 1.3, c.w, c.h)
        )

    grow(0)
    grow(1)
