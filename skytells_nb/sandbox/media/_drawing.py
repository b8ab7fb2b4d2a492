"""Drawings: flat shapes read from ``data/drawings``, drawn on transparent sheets and laid into a painting."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from ._canvas import blur
from ._color import RGB, mix, parse_color
from ._data import load
from ._noise import Plane
from ._painting import Painting

_FILES = ("animals", "people", "things", "table", "plants", "shapes")


class Shape(NamedTuple):
    """One shape: `points` are its outline, a line's path, or (with `radii`) the middles of ellipses."""

    color: str
    points: Plane
    radii: Plane | None = None
    width: float = 0.0
    when: str = ""


class Drawing(NamedTuple):
    """One drawing, in units of its own box; ``data/drawings/animals.toml`` says how it is written."""

    name: str
    wide: float
    tall: float
    colors: Mapping[str, str]
    dyed: Mapping[str, str]
    shines: str
    shapes: tuple[Shape, ...]


class Placed(NamedTuple):
    """A drawing's place in a painting: the middle of its feet and its height in pixels."""

    name: str
    x: float
    foot: float
    tall: float
    colors: Mapping[str, RGB] = {}
    lean: float = 0.0
    wide: float | None = None


@lru_cache(maxsize=256)
def drawing(name: str) -> Drawing:
    """Return the drawing of this name."""
    raw = next(found[name] for found in map(load, (f"drawings/{file}" for file in _FILES)) if name in found)
    wide, tall = raw["size"]
    shapes: list[Shape] = []
    when = ""
    for line in raw["shapes"].strip().splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "when":
            when = rest
            continue
        color, _, rest = rest.partition(" ")
        shapes += [shape._replace(when=when) for shape in _shapes(kind, color, rest, raw.get("middle", 0))]
    return Drawing(name, wide, tall, raw["colors"], raw.get("dyed", {}), raw.get("shines", ""), tuple(shapes))


def _shapes(kind: str, color: str, text: str, middle: float) -> Iterable[Shape]:
    if kind in ("oval", "dots"):
        parts = [[float(v) for v in part.split(",")] for part in text.split()]
        if kind == "oval":
            return [Shape(color, np.array(parts[:1]), np.array(parts[1:]))]
        values = np.array(parts)
        return [Shape(color, values[:, :2], values[:, [2, 2]])]
    if kind == "line":
        width, _, text = text.partition(" ")
        return [Shape(color, np.array(_points(text))[:, :2], width=float(width))]
    points = _points(text)
    if kind == "flat":
        return [Shape(color, np.array(points)[:, :2])]
    if kind in ("pair", "twin"):
        left = [(middle - x, y, sharp) for x, y, sharp in points]
        points = [(middle + x, y, sharp) for x, y, sharp in points]
        if kind == "pair":
            return [Shape(color, _smooth(points)), Shape(color, _smooth(left))]
        points += [point for point in reversed(left) if point[0] < middle - 0.01]
    return [Shape(color, _smooth(points))]


def _points(text: str) -> list[tuple[float, float, bool]]:
    pairs = ([*part.rstrip("!").split(","), part[-1]] for part in text.split())
    return [(float(x), float(y), last == "!") for x, y, last in pairs]


def _smooth(points: list[tuple[float, float, bool]], steps: int = 9) -> Plane:
    """Return a closed curve through the points, straight into those that are corners."""
    at = np.array(points)[:, :2]
    sharp = np.array([point[2] for point in points])[:, None]
    after, before = np.roll(at, -1, axis=0), np.roll(at, 1, axis=0)
    out = np.where(sharp, (after - at) / 3, (after - before) / 6)
    into = np.where(sharp, (at - before) / 3, (after - before) / 6)
    t = (np.arange(steps) / steps)[None, :, None]
    u = 1 - t
    curve = (
        u**3 * at[:, None]
        + 3 * u * u * t * (at + out)[:, None]
        + 3 * u * t * t * (after - np.roll(into, -1, axis=0))[:, None]
        + t**3 * after[:, None]
    )
    return np.asarray(curve.reshape(-1, 2))


@lru_cache(maxsize=4096)
def _fills(name: str, given: tuple[tuple[str, RGB], ...]) -> tuple[tuple[int, int, int, int], ...]:
    one, own = drawing(name), dict(given)
    names: dict[str, RGB] = {}
    written = {**one.colors, **(one.dyed if next(iter(one.colors)) in own else {})}
    for each, text in written.items():
        names[each] = own[each] if each in own else parse_color(text, names)
    fills = []
    for shape in one.shapes:
        text, _, opacity = shape.color.partition("/")
        fills.append((*_bytes(parse_color(text, names)), round(255 * float(opacity or 1))))
    return tuple(fills)


def _bytes(color: RGB) -> tuple[int, int, int]:
    return round(min(255.0, color[0])), round(min(255.0, color[1])), round(min(255.0, color[2]))


class Sheet:
    """A transparent sheet, drawn on `over` times as large as it will be, so that edges come out smooth.

    A `ground` colour close to what is drawn spares a slow step: soft edges then take a little of it.
    """

    def __init__(self, wide: float, tall: float, *, over: int = 2, ground: RGB | None = None) -> None:
        self._over, self._ground = over, ground
        size = max(over, math.ceil(wide) * over), max(over, math.ceil(tall) * over)
        self.image = Image.new("RGBA", size, (*_bytes(ground or (0, 0, 0)), 0))
        self._pen = ImageDraw.Draw(self.image)
        self._shine: Image.Image | None = None

    def box(self, x: float, y: float, wide: float, tall: float, color: RGB) -> None:
        """Fill a rectangle."""
        s = self._over
        corners = (round(x * s), round(y * s), round((x + wide) * s) - 1, round((y + tall) * s) - 1)
        if corners[2] >= corners[0] and corners[3] >= corners[1]:
            self._pen.rectangle(corners, fill=(*_bytes(color), 255))

    def draw(
        self, it: Placed, *, when: Collection[str] = (), mirror: bool = False, turn: float = 0.0
    ) -> None:
        """Draw a drawing; `when` names what else of it is shown, `turn` (radians) tilts it."""
        one, s = drawing(it.name), self._over
        down = it.tall / one.tall * s
        across = down if it.wide is None else it.wide / one.wide * s
        matrix = np.array([[-across if mirror else across, 0], [-it.lean * down, down]])
        pivot = np.array((one.wide / 2, one.tall))
        if turn:
            pivot = pivot - (0, one.tall / 2)
            matrix = matrix @ np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        place = np.array((it.x * s, it.foot * s - (one.tall / 2 * down if turn else 0)))
        for shape, fill in zip(one.shapes, _fills(it.name, tuple(it.colors.items())), strict=True):
            if shape.when and shape.when not in when:
                continue
            self._shape(self._pen, shape, (shape.points - pivot) @ matrix + place, (across, down), fill)
            if shape.color == one.shines:
                if self._shine is None:
                    self._shine = Image.new("L", self.image.size, 0)
                pen = ImageDraw.Draw(self._shine)
                self._shape(pen, shape, (shape.points - pivot) @ matrix + place, (across, down), 255)

    @staticmethod
    def _shape(
        pen: ImageDraw.ImageDraw, shape: Shape, points: Plane, scale: tuple[float, float], fill: Any
    ) -> None:
        if shape.radii is not None:
            for (x, y), (rx, ry) in zip(points.tolist(), (shape.radii * scale).tolist(), strict=True):
                pen.ellipse((x - rx, y - ry, x + rx, y + ry), fill=fill)
        elif shape.width:
            width = max(1, round(shape.width * scale[0]))
            pen.line([tuple(point) for point in points.tolist()], fill=fill, width=width, joint="curve")
        else:
            pen.polygon(points.ravel().tolist(), fill=fill)

    def lay(
        self, p: Painting, left: float, top: float, *, lit: float = 1.0, rim: float = 0.0, far: float = 0.0,
        slope: float = 0.0, tones: tuple[float, float] = (1.0, 1.0), mist: float = 0.0, opacity: float = 1.0,
        soft: float = 0.0,
    ) -> None:  # fmt: skip
        """Lay the sheet into a painting with its upper left corner at (left, top).

        `lit` is how much of the scene's light it takes on, `rim` how bright the edge towards the light, `far`
        how much haze lies before it, `slope` how much one side is brighter than the other, `tones` how bright
        its top and its foot are, `mist` how much haze gathers at its foot.
        """
        seen = self.image.getbbox()
        if seen is None:
            return
        s = self._over
        x0, y0 = seen[0] // s, seen[1] // s
        seen = (x0 * s, y0 * s, -(-seen[2] // s) * s, -(-seen[3] // s) * s)
        image = self.image.crop(seen)
        image = (image if self._ground else image.convert("RGBa")).reduce(s)
        if soft:
            image = blur(image, soft)
        # channel by channel, as the canvas stores them: several times as fast as pixel by pixel
        *bands, alpha = (np.asarray(band, np.float32) for band in image.split())
        alpha = alpha * np.float32(1 / 255)
        color = np.stack(bands)
        if not self._ground:
            color /= np.maximum(alpha, np.float32(1 / 255))
        plain = color.copy() if self._shine else color
        tall, wide = alpha.shape
        rows = np.linspace(0, 1, tall, dtype=np.float32)[:, None]
        fade = np.float32(far) + np.float32(mist * (1 - far)) * rows
        tone = (tones[0] + (tones[1] - tones[0]) * rows) * (1 - fade)
        key, sun, haze = (
            np.asarray(part, np.float32)[:, None, None]
            for part in (mix((1, 1, 1), p.light.key, lit), p.light.sun, p.light.haze)
        )
        side = 1.0 if p.sun_x > left + x0 + wide / 2 else -1.0
        color *= key * tone
        if slope:
            color *= 1 + slope * np.linspace(-side, side, wide, dtype=np.float32)
        if rim:
            edge = np.clip(alpha - _moved(alpha, max(1, round(tall * 0.018)), side), 0, 1)
            color += (sun - color) * (edge * np.float32(rim))
        if far or mist:
            color += haze * fade
        if self._shine is not None:
            shine = np.asarray(self._shine.crop(seen).reduce(s), np.float32) / 255
            color += (plain - color) * shine
        if rim or slope:
            np.clip(color, 0, 255, out=color)
        p.canvas.blend(
            alpha * np.float32(opacity), round(left) + x0, round(top) + y0, color.transpose(1, 2, 0)
        )


def _moved(alpha: Plane, step: int, side: float) -> Plane:
    """Return where a figure would stand were it moved away from the light, its edge softened."""
    moved = np.zeros_like(alpha)
    if side > 0:
        moved[step:, :-step] = alpha[:-step, step:]
    else:
        moved[step:, step:] = alpha[:-step, :-step]
    image = Image.fromarray((moved * 255).astype(np.uint8))
    return np.asarray(blur(image, step * 0.6), np.float32) / 255


def stamp(
    p: Painting, it: Placed, *, when: Collection[str] = (), mirror: bool = False, turn: float = 0.0,
    shadow: float = 0.3, lit: float = 0.8, rim: float = 0.5, slope: float = 0.12, **look: Any,
) -> None:  # fmt: skip
    """Set one figure into a painting, lit from the sun's side, with its shadow on the ground.

    Parameters and `look` as in `Sheet.draw` and `Sheet.lay`.
    """
    one = drawing(it.name)
    tall = min(it.tall, 3000.0)
    wide = tall * one.wide / one.tall
    pad = tall * 0.08 + (wide * 0.3 if turn else 0)
    over = 1 if look.get("soft") else 3 if tall * wide < 90_000 else 2
    sheet = Sheet(wide + 2 * pad, tall + 2 * pad, over=over)
    sheet.draw(it._replace(x=wide / 2 + pad, foot=tall + pad, tall=tall), when=when, mirror=mirror, turn=turn)
    if shadow:
        p.canvas.oval(
            it.x, it.foot - tall * 0.008, wide * 0.42, tall * 0.035, (14, 18, 40), shadow, tall / 25
        )
    sheet.lay(p, it.x - wide / 2 - pad, it.foot - tall - pad, lit=lit, rim=rim, slope=slope, **look)


def plant(p: Painting, items: Iterable[Placed], *, when: Collection[str] = (), **look: Any) -> None:
    """Set many drawings into a painting as one layer, those farther up first; `look` as in `Sheet.lay`."""
    items = sorted(items, key=lambda it: it.foot)
    if not items:
        return
    top = max(0.0, min(it.foot - it.tall * 1.05 for it in items))
    low = min(float(p.canvas.h), max(it.foot for it in items) + 2)
    if low <= top:
        return
    sheet = Sheet(p.canvas.w, low - top, ground=next(iter(items[0].colors.values()), (90, 90, 90)))
    for it in items:
        sheet.draw(it._replace(foot=it.foot - math.floor(top)), when=when)
    sheet.lay(p, 0, math.floor(top), **look)
