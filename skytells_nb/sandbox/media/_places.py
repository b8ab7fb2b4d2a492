"""Paints a place by its steps in ``data/places.toml``, which says how they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import _land, _plants, _sky, _town, _water
from ._color import RGB, parse_color
from ._data import load
from ._drawing import Placed, stamp
from ._painting import Painting

_ROWS = ("base", "top", "bottom", "foot", "at", "to")
_SIZES = ("height", "size", "thick", "wide", "rise", "tall")
_WORDS = ("drawing", "clear", "within", "even", "count")


def _split(p: Painting) -> None:
    p.canvas.split()


def _wash(p: Painting, *, color: RGB, lower: RGB) -> None:
    p.canvas.vertical([(0, color), (1, lower)])


def _sky_down(p: Painting, *, bottom: float | None = None) -> None:
    _sky.paint_sky(p, bottom=p.horizon if bottom is None else bottom)


def _stamp(
    p: Painting, *, drawing: str, x: float, size: float, foot: float | None = None, sink: float = 0.0,
    far: float = 0.0, shine: float = 0.0,
) -> None:  # fmt: skip
    foot = float(p.ground[int(x)]) + sink * size if foot is None else foot
    p.canvas.shine(x, foot - size * 0.4, size * 0.5, p.light.sun, shine)
    stamp(p, Placed(drawing, x, foot, size), far=far, shadow=0)


_PAINTERS: dict[str, Callable[..., None]] = {
    "sky": _sky_down, "split": _split, "wash": _wash, "stamp": _stamp, "ridge": _land.paint_ridge,
    "snowfield": _land.paint_snowfield, "peaks": _land.paint_peaks, "dune": _land.paint_dune,
    "rocks": _land.paint_rocks, "path": _land.paint_path, "mirror": _water.paint_mirror,
    "sea": _water.paint_sea, "waves": _water.paint_waves, "fog": _sky.paint_fog, "beams": _sky.paint_beams,
    "space": _sky.paint_space, "planet": _sky.paint_planet, "skyline": _town.paint_skyline,
    "street": _town.paint_street, "plants": _plants.paint_plants, "flowers": _plants.paint_flowers,
}  # fmt: skip


def paint_place(p: Painting) -> None:
    """Paint the scene's place, and settle where its subject may stand."""
    name = p.scene.place
    if p.scene.snowy and name in ("hills", "garden", "desert"):
        name = "snow"
    place, tall = load("places")[name], p.canvas.h
    p.horizon = _number(p, place["horizon"]) * tall if "horizon" in place else p.horizon
    p.sun_y = _number(p, place["sun"]) * tall if "sun" in place else p.horizon * p.light.high
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
    if key in ("color", "lower"):
        return _color(p, raw)
    if key in _ROWS:
        return _row(p, raw)
    if key == "count":
        return round(_number(p, raw))
    if key in _WORDS:
        return raw
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
    if "|" in raw:
        return float(p.chance.choice(raw.split("|")))
    low, _, high = raw.partition("..")
    return p.chance.uniform(float(low), float(high))


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
        case "snowy":
            found = p.scene.snowy
        case "dark":
            found = p.dark
        case _:
            found = name in p.flags
    return found != fact.startswith("!")
