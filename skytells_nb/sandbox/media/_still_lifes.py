"""Pictures that are no landscape: portraits, things on a table, and plays of pure shape."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._canvas import ramp
from ._color import RGB, dim, mix, parse_color
from ._data import load
from ._drawing import Placed, Sheet, stamp
from ._noise import clouds, outline
from ._painting import Painting
from ._subjects import paint_subject

_PATTERNS = r"geometric|patterns?|bauhaus|tiles?|logo|icon"
_EXTRAS = ("glasses", "hat", "crown", "scarf")


def _colors(name: str) -> list[RGB]:
    return [parse_color(text, {}) for text in load("still_lifes")[name]]


def _wall(p: Painting, last: int) -> tuple[RGB, RGB]:
    light, dark = p.chance.choice(load("still_lifes")["walls"][:last])
    return p.light.on(parse_color(light, {})), p.light.on(parse_color(dark, {}))


def paint_portrait(p: Painting) -> None:
    """Paint head and shoulders, of a person or of the animal the prompt names, before a plain wall."""
    c, scene, chance = p.canvas, p.scene, p.chance
    light, dark = _wall(p, 6)
    c.vertical([(0, mix(light, dark, 0.35)), (1, dark)])
    c.shine(p.sun_x, c.h * 0.3, c.u * 0.6, mix(light, p.light.sun, 0.4), 0.7)
    x, y = c.w / 2 + c.u * chance.uniform(-0.05, 0.05), c.h * 0.44
    c.oval(x, y, c.u * 0.38, c.u * 0.38, mix(light, p.light.sun, 0.25), 0.85)
    for n in range(3):
        angle, r = chance.uniform(0, 6.28), c.u * (0.03 + 0.02 * n)
        spot = x + math.cos(angle) * c.u * 0.42, y + math.sin(angle) * c.u * 0.36
        c.oval(*spot, r, r, mix(dark, p.light.sun, 0.3), 0.5)
    c.split()
    if scene.subject:
        p.x, p.foot, p.tall = c.w / 2, c.h * 1.16, c.h * 0.98
        paint_subject(p)
        return
    woman, man = scene.says(r"woman|girl|queen|lady|her|she"), scene.says(r"man|boy|king|gentleman|he|his")
    when = {word for word in _EXTRAS if scene.says(word)} | ({"crown"} if scene.says("king|queen") else set())
    look = {name: chance.choice(_colors(name)) for name in ("skin", "hair", "cloth", "iris")}
    look["extra"] = scene.tint or chance.choice(_colors("cloth"))
    if scene.tint and not when:
        look["cloth"] = scene.tint
    when.add("long hair" if woman or (not man and chance.random() < 0.5) else "short hair")
    if not woman and (scene.says(r"beard\w*") or (man and chance.random() < 0.45)):
        when.add("beard")
    if chance.random() < 0.75:
        when.add("open eyes")
    stamp(p, Placed("bust", c.w / 2, c.h * 1.003, c.h * 0.9, look), when=when, lit=0.5, rim=0.35, shadow=0)


def paint_table(p: Painting) -> None:
    """Paint what there is to eat or drink on a table by a wall."""
    c, scene, chance = p.canvas, p.scene, p.chance
    wall, deep = _wall(p, 5)
    edge = c.h * 0.66
    c.vertical([(0, mix(wall, deep, 0.5)), (0.66, wall), (1, wall)])
    window = Placed("window_light", c.w * 0.12 + c.u * 0.25, c.h * 0.06 + c.u * 0.46, c.u * 0.46)
    window = window._replace(colors={"sun": mix(wall, p.light.sun, 0.75)})
    stamp(p, window, lit=0, rim=0, slope=0, shadow=0, opacity=0.75, soft=c.u * 0.006)
    c.split()
    wood = p.light.on(chance.choice(_colors("tables")))
    stops = [(0.0, mix(wood, p.light.sun, 0.25)), (0.1, wood), (1.0, dim(wood, 0.74))]
    c.below(np.full(c.w, edge, np.float32), ramp(stops, int(c.h - edge) + 2))
    top = int(edge) + 1
    grain = clouds(p.rng, c.w, c.h - top, 2, octaves=5, stretch=26)
    c.blend((np.clip((grain - 0.56) * 8, 0, 1) * 0.22).astype(np.float32), 0, top, dim(wood, 0.66))
    dish = next(
        dish
        for dish in load("still_lifes")["dishes"]
        if not dish["words"] or (scene.says(dish["words"]) and not scene.says(dish.get("unless", "$")))
    )
    look: dict[str, Any] = {"lit": 0.7, "rim": 0.35}
    stamp(p, Placed("vase", c.w / 2 - c.u * 0.33, edge + c.h * 0.06, c.u * 0.46), **look)
    if scene.says("cakes?|dessert|bread") or not scene.says("coffee|tea|cup|mug"):
        stamp(p, Placed("cup", c.w / 2 + c.u * 0.36, c.h * 0.8, c.u * 0.2), **look)
    colors = {f"fruit{n + 1}": color for n, color in enumerate(chance.sample(_colors("fruit"), 5))}
    main = "fruit1" if dish["drawing"] == "fruit" else "cream" if dish["drawing"] == "cake" else "paint"
    colors |= {main: scene.tint} if scene.tint else {}
    x, y = c.w / 2 + c.u * 0.03, c.h * 0.88
    colors = {name: color for name, color in colors.items() if name == main or main == "fruit1"}
    stamp(p, Placed(dish["drawing"], x, y, c.u * dish["size"], colors), shadow=0.4, **look)
    if scene.says("coffee|tea|cup|mug|soup|ramen|noodles?|hot|breakfast"):
        steam = Placed("steam", x, y - c.u * dish["tall"], c.u * 0.22)
        stamp(p, steam, lit=0, rim=0, slope=0, shadow=0, opacity=0.5, soft=c.u * 0.009)


def paint_abstract(p: Painting) -> None:
    """Paint a composition of flat shapes in five colours."""
    c, chance = p.canvas, p.chance
    ground, *colors = (parse_color(text, {}) for text in chance.choice(load("still_lifes")["abstract"]))
    if p.scene.tint:
        colors[0] = p.scene.tint
    chance.shuffle(colors)
    c.vertical([(0, ground), (1, mix(ground, colors[0], 0.14))])
    c.shine(p.sun_x, c.h * 0.3, c.u * 0.6, (255, 255, 255), 0.22)
    (_waves if chance.random() < 0.45 and not p.scene.says(_PATTERNS) else _tiles)(p, ground, colors)


def _waves(p: Painting, ground: RGB, colors: list[RGB]) -> None:
    c, chance = p.canvas, p.chance
    c.oval(p.sun_x, c.h * 0.32, c.u * 0.17, c.u * 0.17, colors[0])
    c.oval(c.w - p.sun_x, c.h * 0.22, c.u * 0.05, c.u * 0.05, colors[1])
    c.split()
    for n in range(9):
        color = colors[(n + 1) % len(colors)]
        waves = outline(p.rng, c.w, chance.uniform(1.0, 1.7) * c.w / c.u, octaves=1)
        profile = c.h * (0.4 + 0.07 * n) - c.u * 0.1 * waves
        c.below(profile - c.u * 0.006, ramp([(0, mix(ground, (255, 255, 255), 0.4))], 2))
        c.below(profile, ramp([(0, dim(color, 1.1)), (1, dim(color, 0.7))], int(c.u * 0.3)))
        if n == 4:
            c.split()


def _tiles(p: Painting, ground: RGB, colors: list[RGB]) -> None:
    c, chance = p.canvas, p.chance
    side = c.u / chance.choice((3, 4))
    across, down = math.ceil(c.w / side), math.ceil(c.h / side)
    left, top = (c.w - across * side) / 2, (c.h - down * side) / 2
    sheet = Sheet(c.w, c.h, ground=ground)
    for row in range(down):
        for col in range(across):
            fore, back = chance.sample([*colors, ground], 2)
            tile = Placed(
                f"tile{chance.randint(1, 6)}", left + (col + 0.5) * side, top + (row + 1) * side, side
            )
            sheet.draw(tile._replace(colors={"back": back, "fore": fore}))
    sheet.lay(p, 0, 0, lit=0)
