"""What grows: many drawings set into a painting as one layer, along the ground or over a field."""

from __future__ import annotations

from ._color import RGB, mix, parse_color
from ._data import load
from ._drawing import Placed, plant
from ._drawing import drawing as find
from ._painting import Painting


def paint_plants(
    p: Painting, *, drawing: str, count: float, color: RGB, size: float = 0.0, wide: float = 0.0,
    far: float = 0.0, at: float | None = None, to: float | None = None, bend: float = 1.0, sink: float = 0.04,
    clear: str = "", within: str = "0 1", even: bool = True,
) -> None:  # fmt: skip
    """Plant `count` drawings for every square of the picture, along the ground or between two rows.

    Parameters
    ----------
    drawing
        Names, of which each plant is one.
    color
        Of whatever the drawing's first colour is.
    size, wide
        The height in pixels; or, for trunks that reach above the picture, the width.
    far
        Distance, 0 to 1.
    at, to, bend
        The rows its foot stands between, more of them near `at` the larger `bend`; without, the ground.
    sink
        How deep it stands in the ground, in parts of its size.
    clear, within
        Columns to keep clear and to stay within, as parts of the picture's width.
    even
        Whether they stand at even distances, more or less.
    """
    c, chance = p.canvas, p.chance
    names, count = drawing.split(), max(1, round(count * p.detail * c.w / c.u)) if size or wide else 0
    first, last = (float(part) * c.w for part in within.split())
    gap = [float(part) * c.w for part in clear.split()] or [1.0, 0.0]
    items = []
    for n in range(count):
        x = first + (last - first) * ((n + chance.uniform(-0.1, 1.1)) / count if even else chance.random())
        k, name, lean, fall = (
            chance.uniform(0.55, 1.15),
            chance.choice(names),
            chance.uniform(-0.05, 0.05),
            chance.random(),
        )
        if gap[0] < x < gap[1]:
            continue
        if at is None:
            foot = float(p.ground[min(c.w - 1, max(0, int(x)))]) + size * sink
        else:
            foot = at + ((to or at + 0.03 * c.h) - at) * fall**bend
        colors = {next(iter(find(name).colors)): color}
        items.append(Placed(name, x, foot, size * k or foot, colors, lean, wide * k or None))
    when = ("snowy",) if p.scene.snowy else ("lit",) if far < 0.7 else ()
    plant(p, items, when=when, far=far**1.4, tones=(1.12, 0.8), mist=0.28 * far)


def paint_flowers(p: Painting, *, at: float, size: float, many: float) -> None:
    """Let flowers grow from the row `at` down, small and pale far off; `size` is that of the nearest."""
    c, scene, chance = p.canvas, p.scene, p.chance
    beds = load("beds")
    kinds = [name for name, words in beds["named"].items() if scene.says(words)]
    bed = [(name, scene.tint or parse_color(find(name).colors["petal"], {})) for name in kinds]
    if not bed:
        bed = [(name, parse_color(color, {})) for name, color in chance.choice(beds["mixed"])]
    green = parse_color(find("daisy").colors["green"], {})
    items = []
    for _ in range(int(150 * c.w / c.u * many * p.detail)):
        near = max(0.02, chance.random() ** 1.4)
        (name, petal), r = chance.choice(bed), size * (0.12 + 0.88 * near) * chance.uniform(0.3, 0.55)
        haze = round(3.5 * (1 - near)) / 10
        colors = {"petal": mix(petal, p.light.haze, haze), "green": mix(green, p.light.haze, haze)}
        foot = at + near * (c.h - at) * 1.02 + r * 1.6
        items.append(
            Placed(name, chance.uniform(-0.02, 1.02) * c.w, foot, r * 6, colors, chance.uniform(-0.25, 0.25))
        )
    plant(p, items)


def paint_flock(p: Painting) -> None:
    """Let a few gulls cross the sky."""
    c, chance = p.canvas, p.chance
    x, y = c.w * chance.uniform(0.2, 0.7), p.horizon * chance.uniform(0.25, 0.6)
    items = []
    for _ in range(chance.randint(4, 8)):
        at = x + chance.gauss(0, 0.08) * c.u, y + chance.gauss(0, 0.035) * c.u
        items.append(Placed(f"gull{chance.randint(1, 3)}", *at, c.u * chance.uniform(0.009, 0.018)))
    plant(p, items, mist=0.2)
