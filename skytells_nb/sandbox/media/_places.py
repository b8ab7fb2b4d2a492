"""Paints a place, and what grows there, by its steps in ``data/places.toml``, which says how they go.

Land, water and towns: hills and peaks, seas and lakes, skylines and streets, each fading into the haze.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import _sky as sky
from ._painting import (
    Painting,
    Placed,
    Plane,
    Sheet,
    clouds,
    drawing,
    enlarge,
    grid,
    outline,
    plant,
    ramp,
    stamp,
    summits,
)
from ._scene import RGB, dim, load, mix, parse_color

_NEON: tuple[RGB, ...] = ((255, 70, 140), (60, 220, 240), (255, 170, 60), (160, 100, 255), (110, 240, 150))


def _f32(values: Any) -> Plane:
    return np.asarray(values, np.float32)


Number = float | np.floating[Any]


def _grid(p: Painting, top: Number, low: Number) -> tuple[int, Plane, Plane]:
    """Return the first row on the canvas between two, and the rows and columns from there on."""
    first, last = max(0, int(top)), min(p.canvas.h, int(low))
    return first, *grid(first, max(first, last), 0, p.canvas.w)


def paint_ridge(
    p: Painting, *, base: float, height: float, color: RGB, far: float = 0.0, waves: float = 2.0,
    rough: float = 0.42, misty: float = 0.34, rise: float = 0.0,
) -> None:  # fmt: skip
    """Paint one rolling ridge about the row `base`, `height` pixels up and down.

    `far` is its distance (0 to 1), `misty` how much of the haze gathers at its foot, and `rise` how many
    pixels higher it lies at the right edge of the picture.
    """
    c, light = p.canvas, p.light
    slope = rise * np.clip(np.linspace(0, 1, c.w) * 1.55 - 0.55, 0, 1) ** 0.75
    p.ground = _f32(base - slope - height * outline(p.rng, c.w, waves * max(0.7, c.w / c.u), rough=rough))
    foot = mix(light.on(color, far), light.haze, misty * (0.3 + far))
    c.below(p.ground, [(0, light.on(dim(color, 1.1), far)), (1, foot)], c.u * 0.26 + height)


def paint_snowfield(
    p: Painting, *, base: float, height: float, far: float = 0.0, waves: float = 1.6, rise: float = 0.0
) -> None:
    """Paint a slope of snow with blue hollows, bright where the light grazes it."""
    c, light = p.canvas, p.light
    rolling = outline(p.rng, c.w, waves * max(0.7, c.w / c.u), octaves=2, rough=0.3)
    p.ground = _f32(base - rise * np.clip(np.linspace(-1.2, 1, c.w), 0, 1) ** 0.8 - height * rolling)
    bright = mix(light.on((246, 249, 253), far), light.sun, 0.12)
    shadow = mix(light.on((196, 212, 236), far), light.shade, 0.2 * (1 - far))
    if light.hollows:
        bright, shadow = mix(bright, (255, 246, 232), 0.3), mix(shadow, light.hollows, 0.55 * (1 - far))
    c.below(p.ground, [(0, bright), (0.25, mix(bright, shadow, 0.45)), (1, shadow)], c.u * 0.34)
    top, rows, _ = _grid(p, p.ground.min(), c.h)
    if len(rows) > 12:
        field = clouds(p.rng, c.w // 4 + 2, len(rows) // 4 + 2, 3.5 * c.w / c.u, octaves=3, stretch=4)
        drift = enlarge(np.clip((field - 0.47) * 4, 0, 1), c.w, len(rows), 4)
        c.blend(drift * np.clip(rows - p.ground, 0, 1) * 0.5, 0, top, bright)


def paint_peaks(
    p: Painting, *, base: float, height: float, color: RGB, far: float = 0.0, snow: float = 0.5,
    waves: float = 2.0,
) -> None:  # fmt: skip
    """Paint a range of mountains with a lit and a dark side to every summit.

    `snow` is how far down from the summits snow lies, 0 for none and 1 for all the way.
    """
    c, light = p.canvas, p.light
    waves *= max(0.7, c.w / c.u)
    rise, summit = summits(p.rng, c.w, waves)
    crags = outline(p.rng, c.w, 9 * waves, rough=0.55)
    p.ground = _f32(base + height * 0.3 - height * (rise * 1.15 + 0.055 * crags))
    lit = mix(light.on(dim(color, 1.12), far), light.sun, 0.12)
    foot = mix(light.on(color, far), light.haze, 0.6 * (0.35 + far))
    c.below(p.ground, [(0, lit), (1, foot)], height * 1.5)
    top, rows, cols = _grid(p, p.ground.min(), p.ground.min() + height * 1.7)
    if len(rows) < 4:
        return
    inside = np.clip(rows - p.ground + 0.5, 0, 1)
    # the dark side begins at the summit, and its edge wanders down the flank
    down = np.clip(rows - (base - height), 0, None)
    wander = outline(p.rng, len(rows), 5, rough=0.6)[:, None] * np.clip(down, 0, height * 0.36) * 0.4
    facing = np.clip((cols - summit - wander + 0.2 * down) / 2 + 0.5, 0, 1)
    fade = np.clip(1.1 - (rows - p.ground.min()) / (height * 1.5), 0, 1) * (0.9 - 0.5 * far)
    shadow = mix(dim(lit, 0.66), mix(light.shade, light.haze, far), 0.5)
    c.blend(inside * facing * fade, 0, top, shadow)
    if snow > 0:
        fringe = outline(p.rng, c.w, 22 * c.w / c.u, octaves=3, rough=0.6) * height * 0.17
        line = base - height * (0.98 - 0.92 * snow) + fringe
        cap = inside * np.clip((line - rows) / max(1.0, c.u * 0.002) + 0.5, 0, 1)
        white = _f32(mix(light.on((250, 251, 254), far * 0.8), light.sun, 0.16))
        blue = _f32(mix(light.on((176, 194, 226), far), mix(light.shade, light.haze, far * 0.6), 0.3))
        c.blend(cap, 0, top, white + facing[:, :, None] * (blue - white))


def paint_dune(p: Painting, *, base: float, height: float, color: RGB, far: float = 0.0) -> None:
    """Paint one dune: a sharp crest, one flank in the light and one in shadow."""
    c, light = p.canvas, p.light
    rise, summit = summits(p.rng, c.w, 1.1 * max(0.8, c.w / c.u), bend=1.35)
    window = max(3, c.w // 40) | 1
    smooth = np.convolve(np.pad(rise, window // 2, mode="edge"), np.ones(window) / window, mode="valid")
    p.ground = _f32(base + height * 0.5 - height * 1.5 * (0.45 * rise + 0.55 * smooth))
    sand = light.on(color, far)
    foot = mix(dim(sand, 0.86), light.haze, 0.3 * far)
    c.below(p.ground, [(0, mix(sand, light.sun, 0.2)), (0.2, sand), (1, foot)], c.u * 0.4)
    top, rows, cols = _grid(p, p.ground.min(), p.ground.max() + height * 2.2)
    if len(rows) < 4:
        return
    under, down = rows - p.ground, np.clip(rows - p.ground.min(), 0, None)
    sway = np.sin(down / (height * 0.85) + p.chance.uniform(0, 6)) * np.clip(down, 0, height) * 0.6
    beyond = cols - summit + 1.5 * down + sway
    facing = np.clip(beyond / 2 + 0.5, 0, 1) * np.clip(1 - beyond / (c.u * 0.34), 0, 1)
    valleys = np.flatnonzero(np.diff(summit))  # no shadow reaches from one dune into the next
    away = np.abs(cols.T - valleys).min(axis=1, initial=c.w)
    facing = facing * np.clip(away / (c.u * 0.09), 0, 1) * np.clip(1 - under / (height * 2.6), 0, 1)
    shadow = mix(dim(sand, 0.6), mix(light.shade, light.haze, far), 0.45)
    c.blend(np.clip(under + 0.5, 0, 1) * facing, 0, top, shadow)


def paint_rocks(p: Painting, *, x: float, foot: float, size: float) -> None:
    c, light = p.canvas, p.light
    hump = np.exp(-(np.abs((np.arange(c.w) - x) / (size * 1.05)) ** 2.6)) * size
    p.ground = _f32(foot - hump * (1 + 0.3 * outline(p.rng, c.w, 14 * c.w / c.u)) + c.h * 0.05)
    c.below(p.ground, [(0, mix(light.on((104, 96, 98)), light.sun, 0.1)), (1, light.on((44, 46, 60)))], size)


def paint_path(p: Painting, *, color: RGB) -> None:
    """Lay a path that comes winding over the ground painted last."""
    c, chance = p.canvas, p.chance
    start, end, bend = chance.uniform(0.42, 0.58), chance.uniform(0.34, 0.66), chance.uniform(-0.16, 0.16)
    top, rows, cols = _grid(p, p.ground.mean(), c.h)
    t = (rows - top) / max(1.0, c.h - top)
    middle = c.w * (start + (end - start) * t + bend * np.sin(t * 4.2) * (1 - 0.4 * t))
    half = c.u * (0.02 + 0.17 * t**1.5)
    mask = np.clip((half - np.abs(cols - middle)) / (c.u * 0.006) + 0.5, 0, 1)
    c.blend(mask * 0.85, 0, top, p.light.on(color, 0.05))


def paint_mirror(p: Painting, *, top: float, color: RGB, clear: float = 0.7) -> None:
    """Lay still water from the row `top` down: the picture above upside down, rippled and tinted."""
    c = p.canvas
    p.water = top
    y0 = max(1, int(top))
    count = c.h - y0
    if count < 2:
        return
    depth, part = np.arange(count), np.linspace(0, 1, count)
    waves = np.sin(depth / (c.u * (0.004 + 0.016 * part)) + 2 * outline(p.rng, count, 9))
    shift = (waves * c.u * (0.001 + 0.012 * part)).astype(int)[:, None]
    source = np.clip(y0 - 1 - (depth * 0.98).astype(int), 0, y0 - 1)[:, None]
    mirrored = c.px[source, np.clip(np.arange(c.w) + shift, 0, c.w - 1)]
    tint = p.light.on(color)
    deep = ramp([(0, mix(tint, p.light.low, 0.45)), (1, dim(tint, 0.8))], count)[:, None, :]
    c.fill(deep + (mirrored - deep) * _f32(clear * (1 - 0.5 * part))[:, None, None], y0)
    _glitter(p, top, strength=0.5)


def _glitter(p: Painting, top: float, *, strength: float = 1.0) -> None:
    """Scatter the sun's or moon's path, and small bright ripples, over the water."""
    c, light = p.canvas, p.light
    y0, rows, xs = _grid(p, top, c.h)
    texture = clouds(p.rng, 512, 512, 14, octaves=3, stretch=5.0)
    near = (rows - y0) / max(1, len(rows))
    v = (np.log1p(near * 9) * 230).astype(int) % 512
    ripple = texture[v, (xs / c.u * 360 / (0.35 + 1.2 * near)).astype(int) % 512]
    path = np.exp(-(((xs - np.float32(p.sun_x)) / (c.u * (0.05 + 0.16 * near))) ** 2))
    if light.name in ("overcast", "dusk"):
        path = np.full_like(path, 0.12)
    gleam = np.clip((ripple - 0.6 + 0.2 * path) * 9, 0, 1) * (0.16 + 0.84 * path) * np.float32(strength)
    c.blend(gleam, 0, y0, mix(light.sun, light.low, 0.15))
    dark = np.clip((0.4 - ripple) * 6, 0, 1) * np.float32(0.14 * strength)
    c.blend(dark, 0, y0, dim(mix(light.zenith, light.on((30, 90, 120)), 0.5), 0.7))


def _sea_colors(p: Painting) -> tuple[RGB, RGB]:
    """Return the sea's colour at the horizon and close by, under the scene's light."""
    light = p.light
    if light.sea:
        near = mix(light.on((26, 108, 180)), light.shade, light.sea)
        return mix(light.low, light.middle, 0.45), near
    return mix(light.low, light.on((60, 150, 170)), 0.55), light.on((18, 92, 122))


def paint_sea(p: Painting, *, top: float) -> None:
    """Lay open sea from the horizon at the row `top` down."""
    p.water = top
    far, near = _sea_colors(p)
    p.canvas.vertical([(0, far), (0.25, mix(far, near, 0.5)), (1, near)], int(top))
    _glitter(p, top)


def paint_waves(p: Painting, *, top: float, bottom: float, count: int, height: float) -> None:
    """Roll waves towards the viewer, each a crest with foam along it and a glassy face below."""
    c, light, chance = p.canvas, p.light, p.chance
    horizon_color, deep = _sea_colors(p)
    foam = mix(light.on((248, 251, 253)), light.sun, 0.35)
    for near in (np.arange(count) + 1) / count:
        size = height * (0.35 + 0.9 * near)
        waves = np.abs(outline(p.rng, c.w, (3.4 - 1.6 * near) * c.w / c.u, octaves=3)) ** 0.8
        crest = _f32(top + (bottom - top) * near**1.25 * 0.86 - size * waves * 1.6)
        body = mix(horizon_color, deep, 0.8 + 0.2 * near)
        bright = mix(mix(body, light.on((110, 214, 206)), 0.34), light.sun, 0.16)
        c.below(crest, [(0, bright), (0.28, mix(bright, body, 0.6)), (1, dim(body, 0.86))], size * 3.6)
        lace = 1 + 0.5 * outline(p.rng, c.w, 26 * c.w / c.u, octaves=2)
        veil = np.clip(0.04 + 0.2 * outline(p.rng, c.w, 5 * c.w / c.u, octaves=3), 0.012, 0.25)
        first, rows, _ = _grid(p, crest.min() - 2, crest.max() + size)
        under = rows - crest
        mask = np.clip(under + 1, 0, 1) * np.clip(size * veil * lace - under + 0.5, 0, 1)
        c.blend(mask * 0.9, 0, first, foam)
        for _ in range(int(20 * c.w / c.u)):
            x, r = chance.uniform(0, c.w - 1), size * chance.uniform(0.012, 0.05)
            c.oval(x, crest[int(x)] + size * chance.uniform(-0.16, 0.5), r * 1.5, r, foam, 0.9)


def paint_skyline(
    p: Painting, *, foot: float, height: float, color: RGB, far: float, busy: float, lights: float
) -> None:
    """Paint one row of buildings standing at the row `foot`, the tallest about `height` pixels.

    `busy` is how many there are per square picture, `lights` multiplies how many windows are lit.
    """
    c, chance = p.canvas, p.chance
    if p.dark:
        c.shine(c.w / 2, foot, c.u * 0.55, (226, 150, 110), 0.12)
    body, top = p.light.on(color, far), foot - height * 1.4
    sheet = Sheet(c.w, foot + 2 - top, ground=body)
    x, middle = -c.u * 0.04, c.w * chance.uniform(0.3, 0.7)
    while x < c.w:
        wide = c.u / busy * chance.uniform(0.55, 1.3)
        swell = 1 - 0.55 * min(1.0, abs(x - middle) / (c.w * 0.6))
        roof, kind = foot - top - height * swell * chance.uniform(0.4, 1.0), chance.random()
        sheet.box(x, roof, wide, foot + 2, body)
        sheet.box(x + wide * 0.62, roof, wide * 0.38, foot + 2, dim(body, 0.9))
        if kind < 0.8:
            sheet.draw(Placed(f"roof{1 + int(kind * 6.25)}", x + wide / 2, roof, wide, {"wall": body}))
        _windows(p, sheet, (x, wide, roof, foot - top), body, lights * p.light.windows, far)
        x += wide * chance.uniform(0.86, 1.04)
    sheet.lay(p, 0, top, lit=0, mist=0.4 * (0.3 + far))


def _windows(
    p: Painting, sheet: Sheet, block: tuple[float, float, float, float], wall: RGB, lights: float,
    far: float, size: float = 0.0078,
) -> None:  # fmt: skip
    """Draw the windows of one building: its left edge, width, roof and foot are the `block`."""
    chance, (left, wide, row, foot) = p.chance, block
    size *= p.canvas.u * (1.25 - far)
    panes = (255.0, 208.0, 118.0), (190.0, 226.0, 255.0), mix(p.light.zenith, wall, 0.75)
    warm, cold, dark = (mix(color, wall, far * 0.35) for color in panes)
    across = int((wide - size * 1.2) / (size * 1.9))
    left += (wide - across * size * 1.9 + size * 0.9) / 2
    lights *= chance.uniform(0.4, 1.6)
    while (row := row + size * 2.5) < foot - size * 2:
        for n in range(across):
            lit = chance.random() < lights
            if lit or far < 0.45:
                color = (cold if chance.random() < 0.16 else warm) if lit else dark
                sheet.box(left + n * size * 1.9, row, size * 0.9, size * 1.25, color)


def paint_street(p: Painting, *, foot: float) -> None:
    """Close the view to both sides with near houses, and hang neon signs from them."""
    c, chance = p.canvas, p.chance
    for side, n in ((-1, 0), (-1, 1), (1, 0), (1, 1)):
        wide = c.w * (0.19, 0.29)[n] * chance.uniform(0.85, 1.05)
        roof, edge = c.h * (0.04 + 0.2 * n) * chance.uniform(0.5, 1.2), 0.0 if side < 0 else float(c.w)
        wall = mix(p.light.on((70, 72, 92), 0.02), p.light.haze, 0.16 * n)
        left = min(edge, edge - side * wide)
        houses = Sheet(c.w, foot + 2, ground=wall)
        houses.box(left, roof, wide, foot + 2 - roof, wall)
        _windows(p, houses, (left, wide, roof, foot), wall, 0.34, 0.0, 0.0096)
        houses.lay(p, 0, 0, lit=0, opacity=0.97)
        for _ in range(3):
            x, y = edge - side * (wide - c.w * 0.02), chance.uniform(roof + c.h * 0.08, foot - c.h * 0.14)
            tall, neon = c.u * chance.uniform(0.07, 0.13), chance.choice(_NEON)
            c.shine(x, y + tall / 2, tall * 0.95, neon, 0.55)
            stamp(p, Placed(f"sign{chance.randint(1, 3)}", x, y + tall, tall, {"neon": neon}), plain=True)


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
    """Return whether all conditions of a step's `if` hold; no dice are thrown after one that fails."""
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
    "planet": sky.paint_planet, "ridge": paint_ridge, "snowfield": paint_snowfield,
    "peaks": paint_peaks, "dune": paint_dune, "rocks": paint_rocks, "path": paint_path,
    "mirror": paint_mirror, "sea": paint_sea, "waves": paint_waves,
    "skyline": paint_skyline, "street": paint_street, "plants": _plants, "flowers": _flowers,
    "stamp": _stamp, "split": lambda p: p.canvas.split(),
    "wash": lambda p, *, color, lower: p.canvas.vertical([(0, color), (1, lower)]),
}  # fmt: skip
