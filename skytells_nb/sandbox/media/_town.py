"""Cities: skylines one behind the other, windows that are lit when it is dark, and a street with neon."""

from __future__ import annotations

from ._color import RGB, dim, mix
from ._drawing import Placed, Sheet, stamp
from ._painting import Painting

_NEON: tuple[RGB, ...] = ((255, 70, 140), (60, 220, 240), (255, 170, 60), (160, 100, 255), (110, 240, 150))
# The part of the windows that is lit.
_LIT = {
    "night": 0.5,
    "dusk": 0.42,
    "sunset": 0.2,
    "golden": 0.08,
    "overcast": 0.22,
    "morning": 0.06,
    "day": 0.0,
}


def paint_skyline(
    p: Painting, *, foot: float, height: float, color: RGB, far: float, busy: float, lights: float
) -> None:
    """Paint one row of buildings standing at the row `foot`, the tallest about `height` pixels.

    `busy` is how many there are per square picture, `lights` multiplies how many windows are lit.
    """
    c, light, chance = p.canvas, p.light, p.chance
    if p.dark:
        c.shine(c.w / 2, foot, c.u * 0.55, (226, 150, 110), 0.12)
    body = light.on(color, far)
    top = foot - height * 1.4
    sheet = Sheet(c.w, foot + 2 - top, ground=body)
    x, middle = -c.u * 0.04, c.w * chance.uniform(0.3, 0.7)
    while x < c.w:
        wide = c.u / busy * chance.uniform(0.55, 1.3)
        swell = 1 - 0.55 * min(1.0, abs(x - middle) / (c.w * 0.6))
        roof = foot - top - height * swell * chance.uniform(0.4, 1.0)
        sheet.box(x, roof, wide, foot + 2, body)
        sheet.box(x + wide * 0.62, roof, wide * 0.38, foot + 2, dim(body, 0.9))
        kind = chance.random()
        if kind < 0.8:
            sheet.draw(Placed(f"roof{1 + int(kind * 6.25)}", x + wide / 2, roof, wide, {"wall": body}))
        _windows(p, sheet, (x, wide, roof), foot - top, body, lights * _LIT[light.name], far)
        x += wide * chance.uniform(0.86, 1.04)
    sheet.lay(p, 0, top, lit=0, mist=0.5 * (0.3 + far))


def _windows(
    p: Painting, sheet: Sheet, block: tuple[float, float, float], foot: float, wall: RGB, lights: float,
    far: float, size: float = 0.0078,
) -> None:  # fmt: skip
    chance, (left, wide, row) = p.chance, block
    size *= p.canvas.u * (1.25 - far)
    warm, cold, dark = (
        mix(color, wall, far * 0.55)
        for color in ((255, 208, 118), (190, 226, 255), mix(p.light.zenith, wall, 0.75))
    )
    across = int((wide - size * 1.2) / (size * 1.9))
    margin = (wide - across * size * 1.9 + size * 0.9) / 2
    lights *= chance.uniform(0.4, 1.6)
    row += size * 2
    while row < foot - size * 2:
        for n in range(across):
            lit = chance.random() < lights
            if lit or far < 0.45:
                color = (cold if chance.random() < 0.16 else warm) if lit else dark
                sheet.box(left + margin + n * size * 1.9, row, size * 0.9, size * 1.25, color)
        row += size * 2.5


def paint_street(p: Painting, *, foot: float) -> None:
    """Close the view to both sides with near houses, and hang neon signs from them."""
    c, light, chance = p.canvas, p.light, p.chance
    dark = light.on((70, 72, 92), 0.02)
    for side in (-1, 1):
        edge = 0.0 if side < 0 else float(c.w)
        for n, reach in enumerate((0.19, 0.29)):
            wide = c.w * reach * chance.uniform(0.85, 1.05)
            roof = c.h * (0.04 + 0.2 * n) * chance.uniform(0.5, 1.2)
            inner = edge - side * wide
            houses = Sheet(c.w, foot + 2, ground=dark)
            houses.box(min(edge, inner), roof, wide, foot + 2 - roof, mix(dark, light.haze, 0.16 * n))
            _windows(p, houses, (min(edge, inner), wide, roof), foot, dark, 0.34, 0.0, 0.0096)
            houses.lay(p, 0, 0, lit=0, opacity=0.97)
            for _ in range(3):
                neon = {"neon": chance.choice(_NEON)}
                x, y = inner + side * c.w * 0.02, chance.uniform(roof + c.h * 0.08, foot - c.h * 0.14)
                tall = c.u * chance.uniform(0.07, 0.13)
                c.shine(x, y + tall / 2, tall * 0.95, neon["neon"], 0.55)
                sign = Placed(f"sign{chance.randint(1, 3)}", x, y + tall, tall, neon)
                stamp(p, sign, shadow=0, lit=0, rim=0, slope=0)
