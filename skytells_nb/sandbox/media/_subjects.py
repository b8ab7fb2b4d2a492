"""Who or what is in the picture, set where its place has left room; ``data/subjects.toml`` lists them."""

from __future__ import annotations

from typing import Any

from ._color import RGB, mix, parse_color
from ._data import load
from ._drawing import Placed, drawing, stamp
from ._painting import Painting
from ._places import holds
from ._plants import paint_flock

_WALKS = r"walk\w*|run\w*|stalk\w*|hunt\w*|trot\w*|prowl\w*|crossing"
_BALLOONS: tuple[RGB, ...] = (
    (214, 76, 62), (62, 122, 170), (240, 160, 60), (120, 92, 160), (70, 150, 120),
)  # fmt: skip
_SKY = ((0.62, 0.62, 0.42), (0.27, 0.42, 0.2), (0.84, 0.26, 0.12), (0.45, 0.2, 0.085), (0.12, 0.22, 0.07))


def paint_subject(p: Painting) -> None:
    """Paint the scene's subject, if it has one; birds also fly where nobody asked for them."""
    scene, chance = p.scene, p.chance
    subject = scene.subject
    if subject == "balloon":
        _balloons(p)
    elif subject and (subject != "camel" or scene.says("camels?")):
        _one(p, load("subjects")[subject])
    if subject == "bird" or (
        scene.place in ("sea", "hills", "mountain", "lake") and not p.dark and chance.random() < 0.5
    ):
        paint_flock(p)


def _one(p: Painting, it: dict[str, Any]) -> None:
    c, chance, scene = p.canvas, p.chance, p.scene
    mirror = chance.random() < 0.5 and scene.subject != "lighthouse"
    name, tall = it["drawing"], p.tall * it.get("tall", 1.0)
    walks = scene.says(_WALKS) or chance.random() < 0.28
    if "size" in it:
        tall = c.u * it["size"]
    if "howling" in it and (p.light.name == "night" or scene.says(r"howl\w*")) and chance.random() < 0.7:
        name, tall, mirror = it["howling"], tall * 1.05, True  # at the moon, on the left
    elif "walking" in it and walks:
        name, tall = it["walking"], tall * 0.74
    if "swimming" in it and scene.place == "underwater":
        name = it["swimming"]
        p.flags.add("swims")
    if it.get("perched"):
        mirror, p.x, p.foot = False, c.w * chance.uniform(0.4, 0.5), c.h * chance.uniform(0.66, 0.72)
        branch = Placed("branch", p.x + tall * 0.92, p.foot + tall * 0.2, tall * 0.48)
        stamp(p, branch, shadow=0, lit=1, rim=0, slope=0)
    main = next(iter(drawing(name).colors))
    colors = {main: scene.tint} if scene.tint and not _natural(p) else {}
    foot = p.foot + c.u * it.get("sink", 0.0)
    when = ("lit",) if p.light.name not in ("day", "morning") else ()
    if scene.snowy and name == "cottage":
        colors["roof"] = (238, 243, 249)
    if scene.snowy and "walking" in it:
        color = mix(p.light.on((153, 169, 196)), p.light.zenith, 0.25)
        tracks = Placed("tracks", p.x, foot, tall * 1.08, {"snow": color})
        stamp(p, tracks, mirror=not mirror, shadow=0, lit=0, rim=0, slope=0, opacity=0.7)
    _around(p, it.get("behind", ()), foot, tall)
    lit, shadow = it.get("lit", 0.68 if p.dark else 0.85), it.get("shadow", 0 if it.get("perched") else 0.3)
    stamp(p, Placed(name, p.x, foot, tall, colors), when=when, mirror=mirror, lit=lit, shadow=shadow)
    _around(p, it.get("before", ()), foot, tall)


def _natural(p: Painting) -> bool:
    """Return whether the colour that the prompt names is the subject's own: a red fox is a fox."""
    tint = p.scene.tint
    return p.scene.subject == "fox" and tint is not None and tint[0] > 190 and tint[2] < 80


def _around(p: Painting, parts: Any, foot: float, tall: float) -> None:
    c = p.canvas
    for part in parts:
        y = foot - tall * part.get("up", 0.0)
        if not holds(p, part.get("if", "")):
            continue
        if "glow" in part:
            c.shine(p.x, y, tall * part["size"], parse_color(part["glow"], {}), part["strength"])
        else:
            soft, size = part.get("soft", 0.0) * c.u, c.u * part["size"]
            it = Placed(part["drawing"], p.x + tall * part.get("x", 0.0), y, size)
            stamp(
                p,
                it,
                shadow=0,
                lit=0 if soft else 0.8,
                rim=0,
                slope=0,
                opacity=part.get("opacity", 1),
                soft=soft,
            )


def _balloons(p: Painting) -> None:
    """Send up five hot-air balloons, one of them close by."""
    c, chance = p.canvas, p.chance
    colors = chance.sample(_BALLOONS, 5)
    if p.scene.tint:
        colors[0] = p.scene.tint
    for n, (x, foot, tall) in reversed(list(enumerate(_SKY))):
        x, foot = x + chance.uniform(-0.04, 0.04), foot + chance.uniform(-0.03, 0.03)
        look = {"paint": colors[n], "second": mix(colors[n], (255, 240, 206), 0.72)}
        stamp(p, Placed("balloon", c.w * x, c.h * foot, c.u * tall, look), far=0.5 - tall * 1.1, shadow=0)
