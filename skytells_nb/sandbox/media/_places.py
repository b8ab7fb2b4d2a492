"""Paints a place, and what grows there, by its steps in ``data/places.toml``, which says how they go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import _landscape as land
from . import _sky as sky
from ._data import RGB, load, mix, parse_color
from ._painting import Painting, Placed, drawing, plant, stamp

_ROWS = ("base", "top", "bottom", "foot", "at", "to")
_SIZES = ("height", "size", "thick", "wide", "rise", "tall")
_AS_WRITTEN = ("name", "names", "clear", "within", "even")


def paint_place(p: Painting) -> None:
    """Paint the scene's place, and settle where its subject may stand."""
    name = p.scene.place
    if p.scene.snowy and name in ("hills", "garden", "desert"):
        name = "snow"
    place, tall = load("places")[name], p.canvas.h
    p.horizon = _number(p, place["horizon"]) * tall if "horizon" in place else p.horizon
    p.sun_y = min(p.horizon * p.light.high, _number(p, place.get("sun", 1)) * tall)
    for step in place["steps"]:
        _take(p, step, 0)


def _take(p: Painting, step: Mapping[str, Any], turn: int) -> None:
    """Take one step; `turn` counts the repetitions of a group, and picks from lists."""
    if step.get("only", turn) != turn or not holds(p, step.get("if", "")):
        return
    if "steps" in step:
        for n in range(step["times"]):
            for each in step["steps"]:
                _take(p, each, n)
        return
    step = {key: value[turn] if isinstance(value, list) else value for key, value in step.items()}
    match step:
        case {"set": name, "to": color}:
            p.colors[name] = _color(p, color)
        case {"flag": name}:
            p.flags.add(name)
        case {"light": parts}:
            own = {name: getattr(p.light, name) for name in ("zenith", "middle", "low", "haze", "sun")}
            for name, value in parts.items():
                setattr(p.light, name, parse_color(value, own) if isinstance(value, str) else value)
        case {"stand": place}:
            p.x = _number(p, place["x"]) * p.canvas.w
            p.foot, p.tall = _row(p, place["foot"], p.x), place["tall"] * p.canvas.u
        case {"paint": name}:
            skip = ("paint", "if", "only")
            _PAINTERS[name](p, **{key: _value(p, key, raw) for key, raw in step.items() if key not in skip})


def _value(p: Painting, key: str, raw: Any) -> Any:
    if key in _AS_WRITTEN:
        return raw
    if key in ("color", "lower"):
        return _color(p, raw)
    if key in _ROWS:
        return _row(p, raw)
    if key == "count":
        return round(_number(p, raw))
    return _number(p, raw) * (p.canvas.u if key in _SIZES else p.canvas.w if key == "x" else 1)


def _row(p: Painting, raw: Any, x: float = 0) -> float:
    """Return a row in pixels: a part of the height, or from the horizon, or from the ground at a column."""
    for name, start in (("horizon", p.horizon), ("ground", float(p.ground[int(x)]))):
        if isinstance(raw, str) and raw.startswith(name):
            return start + float(raw[len(name) :] or 0) * p.canvas.h
    return _number(p, raw) * p.canvas.h


def _number(p: Painting, raw: Any) -> float:
    if not isinstance(raw, str):
        return float(raw)
    low, dots, high = p.chance.choice(raw.split("|")).partition("..")
    return p.chance.uniform(float(low), float(high)) if dots else float(low)


def _color(p: Painting, raw: str) -> RGB:
    return parse_color(p.chance.choice(raw.split("|")), p.colors)


def holds(p: Painting, text: str) -> bool:
    """Return whether all conditions of a step's `if` hold."""
    return all(
        p.scene.says(term[5:]) if term.startswith("says=") else any(_is(p, fact) for fact in term.split("|"))
        for term in text.split()
    )


def _is(p: Painting, fact: str) -> bool:
    name, _, wanted = fact.lstrip("!").partition("=")
    match name:
        case "p":
            found = p.chance.random() < float(wanted)
        case "subject" | "light":
            value = p.scene.subject if name == "subject" else p.light.name
            found = value in wanted.split(",") if wanted else bool(value)
        case "snowy" | "dark":
            found = p.scene.snowy if name == "snowy" else p.dark
        case _:
            found = name in p.flags
    return found != fact.startswith("!")


def _split(p: Painting) -> None:
    p.canvas.split()


def _wash(p: Painting, *, color: RGB, lower: RGB) -> None:
    p.canvas.vertical([(0, color), (1, lower)])


def _stamp(
    p: Painting, *, name: str, x: float, size: float, foot: float | None = None, sink: float = 0.0,
    far: float = 0.0, shine: float = 0.0,
) -> None:  # fmt: skip
    foot = float(p.ground[int(x)]) + sink * size if foot is None else foot
    p.canvas.shine(x, foot - size * 0.4, size * 0.5, p.light.sun, shine)
    stamp(p, Placed(name, x, foot, size), far=far, shadow=0)


def _plants(
    p: Painting, *, names: str, count: float, color: RGB, size: float = 0.0, wide: float = 0.0,
    far: float = 0.0, at: float | None = None, to: float | None = None, bend: float = 1.0, sink: float = 0.04,
    clear: str = "", within: str = "0 1", even: bool = True,
) -> None:  # fmt: skip
    """Plant `count` drawings for every square of the picture, along the ground or between two rows.

    Each is one of `names`, in `color`, about `size` pixels tall, or as `wide` as a trunk that reaches above
    the picture. They stand in the ground, `sink` parts of their size deep, or `at` a row and down `to`
    another (the nearer to the first, the larger `bend`); `clear` of some columns, `within` others, at `even`
    distances more or less.
    """
    c, chance = p.canvas, p.chance
    count = max(1, round(count * p.detail * c.w / c.u)) if size or wide else 0
    first, last = (float(part) * c.w for part in within.split())
    gap = [float(part) * c.w for part in clear.split()] or [1.0, 0.0]
    items = []
    for n in range(count):
        x = first + (last - first) * ((n + chance.uniform(-0.1, 1.1)) / count if even else chance.random())
        k, name, lean = chance.uniform(0.55, 1.15), chance.choice(names.split()), chance.uniform(-0.05, 0.05)
        fall = chance.random() ** bend
        if gap[0] < x < gap[1]:
            continue
        if at is None:
            foot = float(p.ground[min(c.w - 1, max(0, int(x)))]) + size * sink
        else:
            foot = at + ((to or at + 0.03 * c.h) - at) * fall
        colors = {next(iter(drawing(name).colors)): color}
        items.append(Placed(name, x, foot, size * k or foot, colors, lean, wide * k or None))
    when = ("snowy",) if p.scene.snowy else ("lit",) if far < 0.7 else ()
    plant(p, items, when=when, far=far**1.4, tones=(1.12, 0.8), mist=0.28 * far)


def _flowers(p: Painting, *, at: float, size: float, many: float) -> None:
    """Let flowers grow from the row `at` down, small and pale far off; `size` is that of the nearest."""
    c, scene, chance = p.canvas, p.scene, p.chance
    named = [name for name, words in load("beds")["named"].items() if scene.says(words)]
    bed = [(name, scene.tint or parse_color(drawing(name).colors["petal"])) for name in named]
    bed = bed or [(name, parse_color(color)) for name, color in chance.choice(load("beds")["mixed"])]
    green = parse_color(drawing("daisy").colors["green"])
    items = []
    for _ in range(int(150 * c.w / c.u * many * p.detail)):
        near = max(0.02, chance.random() ** 1.4)
        (name, petal), r = chance.choice(bed), size * (0.12 + 0.88 * near) * chance.uniform(0.3, 0.55)
        haze = round(3.5 * (1 - near)) / 10
        colors = {"petal": mix(petal, p.light.haze, haze), "green": mix(green, p.light.haze, haze)}
        x, foot = chance.uniform(-0.02, 1.02) * c.w, at + near * (c.h - at) * 1.02 + r * 1.6
        items.append(Placed(name, x, foot, r * 6, colors, chance.uniform(-0.25, 0.25)))
    plant(p, items)


_PAINTERS: dict[str, Callable[..., None]] = {
    "sky": sky.paint_sky, "fog": sky.paint_fog, "beams": sky.paint_beams, "space": sky.paint_space,
    "planet": sky.paint_planet, "ridge": land.paint_ridge, "snowfield": land.paint_snowfield,
    "peaks": land.paint_peaks, "dune": land.paint_dune, "rocks": land.paint_rocks, "path": land.paint_path,
    "mirror": land.paint_mirror, "sea": land.paint_sea, "waves": land.paint_waves,
    "skyline": land.paint_skyline, "street": land.paint_street, "plants": _plants, "flowers": _flowers,
    "stamp": _stamp, "split": _split, "wash": _wash,
}  # fmt: skip
