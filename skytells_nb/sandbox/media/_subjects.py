"""Who or what is in the picture: subjects in their places, portraits, still lifes, and plays of pure shape.

``data/subjects.toml`` and ``data/still_lifes.toml`` list them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._painting import Painting, Placed, Sheet, clouds, drawing, outline, plant, stamp
from ._places import holds
from ._scene import RGB, dim, load, mix, parse_color

_WALKS = r"walk\w*|run\w*|stalk\w*|hunt\w*|trot\w*|prowl\w*|crossing"
_PATTERNS = r"geometric|patterns?|bauhaus|tiles?|logo|icon"
_EXTRAS = ("glasses", "hat", "crown", "scarf")
_HOT = "coffee|tea|cup|mug|soup|ramen|noodles?|hot|breakfast"


def _colors(name: str) -> list[RGB]:
    return [parse_color(text) for text in load("still_lifes")[name]]


def paint_subject(p: Painting) -> None:
    """Paint the scene's subject, if it has one; birds also fly where nobody asked for them."""
    c, scene, chance = p.canvas, p.scene, p.chance
    subject = scene.subject
    if subject == "balloon":
        _balloons(p)
    elif subject and (subject != "camel" or scene.says("camels?")):
        _one(p, load("subjects")[subject])
    open_sky = scene.place in ("sea", "hills", "mountain", "lake") and not p.dark
    if subject == "bird" or (open_sky and chance.random() < 0.5):
        x, y = c.w * chance.uniform(0.2, 0.7), p.horizon * chance.uniform(0.25, 0.6)
        gulls = []
        for _ in range(chance.randint(4, 8)):
            at = x + chance.gauss(0, 0.08) * c.u, y + chance.gauss(0, 0.035) * c.u
            gulls.append(Placed(f"gull{chance.randint(1, 3)}", *at, c.u * chance.uniform(0.009, 0.018)))
        plant(p, gulls, mist=0.2)


def _one(p: Painting, it: dict[str, Any]) -> None:
    c, chance, scene = p.canvas, p.chance, p.scene
    mirror = chance.random() < 0.5 and scene.subject != "lighthouse"
    name, tall = it["drawing"], c.u * it["size"] if "size" in it else p.tall * it.get("tall", 1.0)
    walks = scene.says(_WALKS) or chance.random() < 0.28
    if "howling" in it and (p.light.name == "night" or scene.says(r"howl\w*")) and chance.random() < 0.7:
        name, tall, mirror = it["howling"], tall * 1.05, True  # at the moon, on the left
    elif "walking" in it and walks:
        name, tall = it["walking"], tall * 0.74
    elif "swimming" in it and scene.place == "underwater":
        name = it["swimming"]
        p.flags.add("swims")
    if it.get("perched"):
        mirror, p.x, p.foot = False, c.w * chance.uniform(0.4, 0.5), c.h * chance.uniform(0.66, 0.72)
        stamp(p, Placed("branch", p.x + tall * 0.92, p.foot + tall * 0.2, tall * 0.48), plain=True, lit=1)
    colors: dict[str, RGB] = {}
    tint, foot = scene.tint, p.foot + c.u * it.get("sink", 0.0)
    if tint and not (scene.subject == "fox" and tint[0] > 190 and tint[2] < 80):  # a red fox is a fox
        colors[next(iter(drawing(name).colors))] = tint
    if scene.snowy and name == "cottage":
        colors["roof"] = (238, 243, 249)
    if scene.snowy and "walking" in it:
        snow = mix(p.light.on((153, 169, 196)), p.light.zenith, 0.25)
        tracks = Placed("tracks", p.x, foot, tall * 1.08, {"snow": snow})
        stamp(p, tracks, mirror=not mirror, plain=True, opacity=0.7)
    _around(p, it.get("behind", ()), foot, tall)
    lit, shadow = it.get("lit", 0.68 if p.dark else 0.85), it.get("shadow", 0 if it.get("perched") else 0.3)
    when = ("lit",) if p.light.name not in ("day", "morning") else ()
    stamp(p, Placed(name, p.x, foot, tall, colors), when=when, mirror=mirror, lit=lit, shadow=shadow)
    _around(p, it.get("before", ()), foot, tall)


def _around(p: Painting, parts: Any, foot: float, tall: float) -> None:
    """Paint the glows and drawings that go with a subject."""
    c = p.canvas
    for part in parts:
        x, y = p.x + tall * part.get("x", 0.0), foot - tall * part.get("up", 0.0)
        if not holds(p, part.get("if", "")):
            continue
        if "glow" in part:
            c.shine(x, y, tall * part["size"], parse_color(part["glow"]), part["strength"])
        else:
            look = {"opacity": part.get("opacity", 1), "soft": part.get("soft", 0.0) * c.u}
            it = Placed(part["drawing"], x, y, c.u * part["size"])
            stamp(p, it, plain=True, lit=0 if look["soft"] else 0.8, **look)


def _balloons(p: Painting) -> None:
    """Send up five hot-air balloons, one of them close by."""
    c, chance, spots = p.canvas, p.chance, load("subjects")["balloon"]["spots"]
    colors = chance.sample([parse_color(text) for text in load("subjects")["balloon"]["colors"]], len(spots))
    for n, (x, foot, tall) in reversed(list(enumerate(spots))):
        x, foot = x + chance.uniform(-0.04, 0.04), foot + chance.uniform(-0.03, 0.03)
        paint = p.scene.tint if p.scene.tint and n == 0 else colors[n]
        look = {"paint": paint, "second": mix(paint, (255, 240, 206), 0.72)}
        stamp(p, Placed("balloon", c.w * x, c.h * foot, c.u * tall, look), far=0.5 - tall * 1.1, shadow=0)


def _wall(p: Painting, last: int) -> tuple[RGB, RGB]:
    light, dark = p.chance.choice(load("still_lifes")["walls"][:last])
    return p.light.on(parse_color(light)), p.light.on(parse_color(dark))


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
    c.vertical([(0, mix(wall, deep, 0.5)), (0.66, wall), (1, wall)])
    sun = {"sun": mix(wall, p.light.sun, 0.75)}
    window = Placed("window_light", c.w * 0.12 + c.u * 0.25, c.h * 0.06 + c.u * 0.46, c.u * 0.46, sun)
    stamp(p, window, plain=True, opacity=0.75, soft=c.u * 0.006)
    c.split()
    wood, edge = p.light.on(chance.choice(_colors("tables"))), int(c.h * 0.66)
    c.vertical([(0, mix(wood, p.light.sun, 0.25)), (0.1, wood), (1, dim(wood, 0.74))], edge)
    grain = clouds(p.rng, c.w, c.h - edge, 2, octaves=5, stretch=26)
    c.blend(np.clip((grain - 0.56) * 8, 0, 1) * 0.22, 0, edge, dim(wood, 0.66))
    dish = next(
        dish
        for dish in load("still_lifes")["dishes"]
        if not dish["words"] or (scene.says(dish["words"]) and not scene.says(dish.get("unless", "$")))
    )
    look: dict[str, Any] = {"lit": 0.7, "rim": 0.35}
    stamp(p, Placed("vase", c.w / 2 - c.u * 0.33, c.h * 0.72, c.u * 0.46), **look)
    if scene.says("cakes?|dessert|bread") or not scene.says("coffee|tea|cup|mug"):
        stamp(p, Placed("cup", c.w / 2 + c.u * 0.36, c.h * 0.8, c.u * 0.2), **look)
    colors: dict[str, RGB] = {}
    if dish["drawing"] == "fruit":
        colors = {f"fruit{n + 1}": color for n, color in enumerate(chance.sample(_colors("fruit"), 5))}
    if scene.tint:
        colors[next(iter(drawing(dish["drawing"]).colors))] = scene.tint
    x, y = c.w / 2 + c.u * 0.03, c.h * 0.88
    stamp(p, Placed(dish["drawing"], x, y, c.u * dish["size"], colors), shadow=0.4, **look)
    if scene.says(_HOT):
        steam = Placed("steam", x, y - c.u * dish["tall"], c.u * 0.22)
        stamp(p, steam, plain=True, opacity=0.5, soft=c.u * 0.009)


def paint_abstract(p: Painting) -> None:
    """Paint a composition of flat shapes in five colours: waves under a disc, or tiles."""
    c, chance = p.canvas, p.chance
    ground, *colors = (parse_color(text) for text in chance.choice(load("still_lifes")["abstract"]))
    if p.scene.tint:
        colors[0] = p.scene.tint
    chance.shuffle(colors)
    c.vertical([(0, ground), (1, mix(ground, colors[0], 0.14))])
    if chance.random() < 0.45 and not p.scene.says(_PATTERNS):
        c.oval(p.sun_x, c.h * 0.32, c.u * 0.17, c.u * 0.17, colors[0])
        c.oval(c.w - p.sun_x, c.h * 0.22, c.u * 0.05, c.u * 0.05, colors[1])
        for n in range(9):
            if n in (0, 5):
                c.split()
            color = colors[(n + 1) % len(colors)]
            waves = outline(p.rng, c.w, chance.uniform(1.0, 1.7) * c.w / c.u, octaves=1)
            profile = c.h * (0.4 + 0.07 * n) - c.u * 0.1 * waves
            c.below(profile - c.u * 0.006, [(0, mix(ground, (255, 255, 255), 0.4))], 2)
            c.below(profile, [(0, dim(color, 1.1)), (1, dim(color, 0.7))], c.u * 0.3)
        return
    side = c.u / chance.choice((3, 4))
    across, down = math.ceil(c.w / side), math.ceil(c.h / side)
    sheet = Sheet(c.w, c.h, ground=ground)
    for row in range(down):
        for col in range(across):
            fore, back = chance.sample([*colors, ground], 2)
            x, y = c.w / 2 + (col + 0.5 - across / 2) * side, c.h / 2 + (row + 1 - down / 2) * side
            sheet.draw(Placed(f"tile{chance.randint(1, 6)}", x, y, side, {"back": back, "fore": fore}))
    sheet.lay(p, 0, 0, lit=0)
