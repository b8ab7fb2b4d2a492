"""Cities: skylines one behind the other, windows that are lit when it is dark, and a wet street with neon."""

from __future__ import annotations

from ..brush import Brush
from ..canvas import Pen
from ..palette import RGB, dim, mix
from .trees import rows

Block = tuple[float, float, float]  # left, width, roof
_NEON: tuple[RGB, ...] = ((255, 70, 140), (60, 220, 240), (255, 170, 60), (160, 100, 255), (110, 240, 150))


def paint_skyline(
    b: Brush, foot: float, height: float, color: RGB, *, far: float, busy: float, lights: float
) -> None:
    """Paint one row of buildings standing at the row `foot`, the tallest about `height` pixels.

    `busy` is how many there are per square picture, `lights` the part of the windows that is lit.
    """
    c, light, chance = b.canvas, b.light, b.chance
    blocks: list[Block] = []
    x = -c.u * 0.04
    middle = c.w * chance.uniform(0.3, 0.7)
    while x < c.w:
        wide = c.u / busy * chance.uniform(0.55, 1.3)
        swell = 1 - 0.55 * min(1.0, abs(x - middle) / (c.w * 0.6))
        tall = height * swell * chance.uniform(0.4, 1.0)
        blocks.append((x, wide, foot - tall))
        x += wide * chance.uniform(0.86, 1.04)
    tops = [chance.random() for _ in blocks]

    def walls(pen: Pen) -> None:
        for (left, wide, roof), top in zip(blocks, tops, strict=True):
            pen.polygon([(left, roof), (left + wide, roof), (left + wide, foot + 2), (left, foot + 2)])
            _crown(pen, left, wide, roof, top)

    def sides(pen: Pen) -> None:
        for left, wide, roof in blocks:
            edge = left + wide * (0.62 if b.sun_x < left else 0)
            pen.polygon([(edge, roof), (edge + wide * 0.38, roof), (edge + wide * 0.38, foot), (edge, foot)])

    top = min(roof for _, _, roof in blocks) - height * 0.4
    box = (0.0, top, float(c.w), foot + 2)
    body, base = light.on(color, far), mix(light.on(dim(color, 0.92), far), light.haze, 0.5 * (0.3 + far))
    c.stencil(walls, rows(b, foot - height, foot, body, base), box=box)
    c.stencil(sides, dim(body, 0.72), box=box, opacity=0.3)
    _windows(b, blocks, foot, far=far, lights=lights, size=c.u * 0.0078 * (1.25 - far))


def _crown(pen: Pen, left: float, wide: float, roof: float, kind: float) -> None:
    middle = left + wide / 2
    if kind < 0.14:
        pen.polygon([(left + wide * 0.2, roof), (middle, roof - wide * 0.7), (left + wide * 0.8, roof)])
        pen.line([(middle, roof - wide * 0.6), (middle, roof - wide * 1.3)], max(0.6, wide * 0.03))
    elif kind < 0.36:
        pen.polygon(
            [
                (left + wide * 0.2, roof - wide * 0.22),
                (left + wide * 0.8, roof - wide * 0.22),
                (left + wide * 0.8, roof),
                (left + wide * 0.2, roof),
            ]
        )
        pen.line([(middle, roof), (middle, roof - wide * 0.8)], max(0.6, wide * 0.04))
    elif kind < 0.5:
        pen.ellipse(middle, roof, wide * 0.4, wide * 0.3)
    elif kind < 0.66:
        pen.polygon(
            [(left, roof), (left + wide, roof - wide * 0.4), (left + wide, roof + 1), (left, roof + 1)]
        )
    elif kind < 0.8:
        pen.polygon(
            [
                (left + wide * 0.1, roof - wide * 0.14),
                (left + wide * 0.34, roof - wide * 0.14),
                (left + wide * 0.34, roof),
                (left + wide * 0.1, roof),
            ]
        )


def _windows(b: Brush, blocks: list[Block], foot: float, *, far: float, lights: float, size: float) -> None:
    c, chance = b.canvas, b.chance
    warm: list[tuple[float, float]] = []
    cold: list[tuple[float, float]] = []
    dark: list[tuple[float, float]] = []
    step_x, step_y = size * 1.9, size * 2.5
    for left, wide, roof in blocks:
        across = int((wide - size * 1.2) / step_x)
        margin = (wide - across * step_x + step_x - size) / 2
        habit = chance.uniform(0.4, 1.6)
        row = roof + size * 2
        while row < foot - size * 2:
            for n in range(across):
                spot = (left + margin + n * step_x, row)
                if chance.random() < lights * habit:
                    (cold if chance.random() < 0.16 else warm).append(spot)
                elif far < 0.45:
                    dark.append(spot)
            row += step_y

    def panes(spots: list[tuple[float, float]]) -> None:
        def draw(pen: Pen) -> None:
            for x, y in spots:
                pen.polygon(
                    [(x, y), (x + size * 0.9, y), (x + size * 0.9, y + size * 1.25), (x, y + size * 1.25)]
                )

        if spots:
            top = min(y for _, y in spots)
            color = (
                (255, 208, 118)
                if spots is warm
                else (190, 226, 255)
                if spots is cold
                else dim(b.light.zenith, 0.8)
            )
            opacity = (1 - far * 0.55) if spots is not dark else 0.22
            c.stencil(draw, color, box=(0, top - 1, c.w, foot), opacity=opacity)

    panes(dark)
    panes(warm)
    panes(cold)


def paint_street(b: Brush, foot: float) -> None:
    """Close the view to both sides with near houses, and hang neon signs from them."""
    c, light, chance = b.canvas, b.light, b.chance
    dark = light.on((70, 72, 92), 0.02)
    for side in (-1, 1):
        edge = 0.0 if side < 0 else float(c.w)
        for n, reach in enumerate((0.2, 0.29)):
            wide = c.w * reach * chance.uniform(0.85, 1.05)
            roof = c.h * (0.04 + 0.2 * n) * chance.uniform(0.5, 1.2)
            x0, x1 = sorted((edge, edge - side * wide))
            color = mix(dark, light.haze, 0.16 * n)
            if n == 0:
                wide *= 0.9

            def house(pen: Pen, x0: float = x0, x1: float = x1, roof: float = roof) -> None:
                pen.polygon([(x0, roof), (x1, roof), (x1, foot + 2), (x0, foot + 2)])

            c.stencil(house, color, box=(x0 - 1, roof - 2, x1 + 1, foot + 2), opacity=0.97 if n == 0 else 0.9)
            _windows(b, [(x0, x1 - x0, roof)], foot, far=0.05, lights=0.34, size=c.u * 0.012)
            inner = edge - side * wide
            for _ in range(3):
                _sign(b, inner + side * c.w * 0.02, chance.uniform(roof + c.h * 0.08, foot - c.h * 0.14))


def _sign(b: Brush, x: float, y: float) -> None:
    c, chance = b.canvas, b.chance
    color = chance.choice(_NEON)
    wide, tall = c.u * chance.uniform(0.022, 0.036), c.u * chance.uniform(0.07, 0.13)
    c.shine(x, y + tall / 2, tall * 0.95, color, 0.55)
    box = (x - wide, y - 2, x + wide, y + tall + 2)

    def plate(pen: Pen) -> None:
        pen.polygon(
            [(x - wide / 2, y), (x + wide / 2, y), (x + wide / 2, y + tall), (x - wide / 2, y + tall)]
        )

    def glyphs(pen: Pen) -> None:
        row = y + wide * 0.35
        while row < y + tall - wide * 0.5:
            for _ in range(3):
                ax, ay = x + chance.uniform(-0.3, 0.3) * wide, row + chance.uniform(-0.15, 0.35) * wide
                level = chance.random() < 0.5
                end = (x + chance.uniform(-0.3, 0.3) * wide, ay) if level else (ax, row + 0.4 * wide)
                pen.line([(ax, ay), end], wide * 0.09)
            row += wide * 0.85

    c.stencil(plate, mix(color, (20, 16, 40), 0.35), box=box)
    c.stencil(glyphs, mix(color, (255, 255, 255), 0.75), box=box)
