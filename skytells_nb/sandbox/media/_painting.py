"""The canvas everything is painted on, a painting in the making, and the drawings that are laid into it.

A canvas is in floating point, so that soft light stays soft. Colours are RGB between 0 and 255, places are
pixels from the top left. It also remembers which pixels were painted since its last `split`, which is how a
clip gets layers that move at their own pace. Drawings are flat shapes, read from ``data/drawings``; they are
drawn on transparent sheets, larger than they will be, and laid into the painting in its light.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from .._inputs import dice
from ._scene import RGB, Light, Scene, light_for, load, mix, parse_color

Plane: TypeAlias = NDArray[np.floating[Any]]
_BAND = 48  # rows that fit into the cache
_FILES = ("plants", "animals", "shapes", "things", "table", "people")


class Canvas:
    """A picture in the making, `w` by `h` pixels; `u` is the unit sizes are given in, the shorter side."""

    def __init__(self, w: int, h: int, *, layered: bool = False) -> None:
        self.w, self.h, self.u = w, h, float(min(w, h))
        # Stored channel by channel, seen as rows of pixels: masks then run along memory, five times as fast.
        self.px: Plane = np.zeros((3, h, w), np.float32).transpose(1, 2, 0)
        self.layers: list[tuple[Plane, Plane]] = []
        self._cover: Plane | None = np.ones((h, w), np.float32) if layered else None

    def split(self) -> None:
        """End a layer: what is painted from here on moves apart from what is there already."""
        if self._cover is not None:
            self.layers.append((self.px.copy(), self._cover))
            self._cover = np.zeros((self.h, self.w), np.float32)

    def fill(self, colors: Plane, top: int) -> None:
        """Set the rows from `top` down to colours that broadcast with them."""
        low = min(self.h, top + len(colors))
        self.px[top:low] = colors[: low - top]
        if self._cover is not None:
            self._cover[top:low] = 1

    def vertical(self, stops: Sequence[tuple[float, RGB]], top: int = 0, bottom: int | None = None) -> None:
        """Fill the rows from `top` to `bottom` with a gradient; a stop is (0 to 1 of the way, colour)."""
        low = self.h if bottom is None else bottom
        if low > top:
            self.fill(ramp(stops, low - top)[:, None, :], top)

    def below(self, profile: Plane, stops: Sequence[tuple[float, RGB]], depth: float) -> None:
        """Fill everything under a profile (one height per column) with a gradient `depth` rows deep."""
        top = min(self.h, max(0, int(np.floor(profile.min()))))
        low = min(self.h, max(top, int(np.ceil(profile.max())) + 1))
        colors = ramp(stops, max(2, int(depth)))
        shade = colors[np.minimum(np.arange(self.h - top), len(colors) - 1)][:, None, :]
        rows = np.arange(top, low, dtype=np.float32)[:, None]
        self.blend(np.clip(rows - profile[None, :] + 0.5, 0, 1), 0, top, shade[: low - top])
        self.fill(shade[low - top :], low)

    def blend(self, mask: Plane, x: int, y: int, color: RGB | Plane) -> None:
        """Lay a colour, or an array of them that broadcasts with the mask, over the canvas through a mask."""
        tall, wide = mask.shape
        x0, y0, x1, y1 = max(0, x), max(0, y), min(self.w, x + wide), min(self.h, y + tall)
        if x1 <= x0 or y1 <= y0:
            return
        seen = slice(y0 - y, y1 - y), slice(x0 - x, x1 - x)
        mask = mask[seen].astype(np.float32, copy=False)
        paint = np.broadcast_to(np.asarray(color, np.float32), (tall, wide, 3))[seen]
        if self._cover is not None:
            cover = self._cover[y0:y1, x0:x1]
            cover += (1 - cover) * mask
        for top in range(0, y1 - y0, _BAND):
            there = self.px[y0 + top : min(y1, y0 + top + _BAND), x0:x1]
            part = slice(top, top + len(there))
            there += (paint[part] - there) * mask[part, :, None]

    def shine(self, x: float, y: float, radius: float, color: RGB, strength: float) -> None:
        """Lay a round glow that fades to nothing over whatever is there."""
        reach, step = radius * 2.6, max(1, int(radius / 24))  # a glow is smooth: drawn small and enlarged
        x0, x1 = max(0, int(x - reach)), min(self.w, int(x + reach) + 1)
        y0, y1 = max(0, int(y - reach)), min(self.h, int(y + reach) + 1)
        if x1 > x0 and y1 > y0 and radius > 0:
            ys, xs = grid(y0, y1 + step, x0, x1 + step, step)
            far = ((xs - x) ** 2 + (ys - y) ** 2) / np.float32(radius * radius)
            glow = np.exp(-far) * np.clip(1 - far / 6.76, 0, 1) * np.float32(strength)
            self.blend(enlarge(glow, x1 - x0, y1 - y0, step), x0, y0, color)

    def oval(
        self, x: float, y: float, rx: float, ry: float, color: RGB, opacity: float = 1.0, soft: float = 1.0
    ) -> None:
        """Fill an ellipse about (x, y); its edge is `soft` pixels wide."""
        x0, y0 = int(x - rx - soft) - 1, int(y - ry - soft) - 1
        ys, xs = grid(y0, y0 + int(2 * (ry + soft)) + 4, x0, x0 + int(2 * (rx + soft)) + 4)
        far = np.sqrt(((xs - x) / rx) ** 2 + ((ys - y) / ry) ** 2)
        self.blend(np.clip((1 - far) * min(rx, ry) / soft + 0.5, 0, 1) * np.float32(opacity), x0, y0, color)

    def flip(self) -> None:
        self.px = self.px[:, ::-1]
        self.layers = [(px[:, ::-1], cover[:, ::-1]) for px, cover in self.layers]
        if self._cover is not None:
            self._cover = self._cover[:, ::-1]


def grid(top: int, low: int, left: int, right: int, step: int = 1) -> tuple[Plane, Plane]:
    """Return the rows and the columns of an area, every `step` pixels, as a column and a row."""
    rows, cols = np.arange(top, low, step, dtype=np.float32), np.arange(left, right, step, dtype=np.float32)
    return rows[:, None], cols[None, :]


def ramp(stops: Sequence[tuple[float, RGB]], count: int) -> Plane:
    """Return `count` colours along a gradient, shaped (count, 3)."""
    at, places = np.linspace(0, 1, max(1, count)), [place for place, _ in stops]
    channels = [np.interp(at, places, [color[c] for _, color in stops]) for c in range(3)]
    return np.stack(channels, axis=1).astype(np.float32)


def enlarge(small: Plane, wide: int, tall: int, step: float) -> Plane:
    """Return a coarse plane (one value every `step` pixels) smoothly enlarged to (tall, wide)."""
    box = (0, 0, min(wide / step, small.shape[1]), min(tall / step, small.shape[0]))
    image = Image.fromarray(small.astype(np.float32, copy=False))
    return np.asarray(image.resize((wide, tall), Image.Resampling.BILINEAR, box=box))


def blur(image: Image.Image, radius: float) -> Image.Image:
    """Return an image blurred; large radii are blurred small and enlarged, which no eye can tell."""
    if radius < 6:
        return image.filter(ImageFilter.GaussianBlur(radius))
    by = max(2, int(radius / 3))
    small = image.resize((max(1, image.width // by), max(1, image.height // by)), Image.Resampling.BOX)
    return small.filter(ImageFilter.GaussianBlur(radius / by)).resize(image.size, Image.Resampling.BILINEAR)


def outline(
    rng: np.random.Generator, count: int, waves: float, *, octaves: int = 4, rough: float = 0.5
) -> Plane:
    """Return a rolling outline: `count` heights about between -1 and 1, with `waves` hills across."""
    # Value noise: each octave is finer and weaker than the one before.
    heights, strength, total = np.zeros(count), 1.0, 0.0
    for _ in range(octaves):
        knots = max(2, round(waves)) + 3
        values = rng.uniform(-1, 1, knots)
        at = np.linspace(0, max(0.5, waves), count) + rng.random()
        cell, part = np.floor(at).astype(int) % (knots - 1), at - np.floor(at)
        ease = part * part * (3 - 2 * part)
        heights += strength * (values[cell] * (1 - ease) + values[cell + 1] * ease)
        total, strength, waves = total + strength, strength * rough, waves * 2.1
    return (heights / total).astype(np.float32)


def summits(rng: np.random.Generator, count: int, waves: float, *, bend: float = 1.0) -> tuple[Plane, Plane]:
    """Return heights up to 1 that rise to single summits, and for every column where its summit stands.

    `bend` shapes the flanks: 1 is straight as on mountains, more is hollow as on dunes.
    """
    large, small = max(2, round(waves)), max(3, round(waves * 2.2))
    tops = (np.arange(large) + rng.uniform(0.15, 0.85, large)) / large
    at = np.concatenate([tops, rng.random(small)]) * count
    top = np.concatenate([rng.uniform(0.62, 1.0, large), rng.uniform(0.3, 0.62, small)])
    reach = count / max(1.0, waves) * rng.uniform(0.75, 1.25, len(at))
    heights = top[:, None] - (np.abs(np.arange(count)[None, :] - at[:, None]) / reach[:, None]) ** bend
    owner = heights.argmax(axis=0)
    return np.maximum(heights.max(axis=0), -1.0).astype(np.float32), at[owner].astype(np.float32)


def clouds(
    rng: np.random.Generator, wide: int, tall: int, cells: float, *, octaves: int = 4, stretch: float = 1.0
) -> Plane:
    """Return soft noise between 0 and 1, `cells` blobs across, each `stretch` times wider than tall."""
    total, strength, weight = np.zeros((tall, wide), np.float32), 1.0, 0.0
    for _ in range(octaves):
        size = max(2, round(cells * stretch * tall / wide)) + 1, max(2, round(cells)) + 1
        layer = Image.fromarray(rng.random(size, dtype=np.float32))
        total += np.asarray(layer.resize((wide, tall), Image.Resampling.BICUBIC)) * np.float32(strength)
        weight, strength, cells = weight + strength, strength / 2, cells * 2
        if cells > wide:
            break
    return np.asarray(np.clip(total / np.float32(weight), 0, 1))


@dataclass(slots=True)
class Painting:
    """One picture being painted; the sun stands on the left, and half of all pictures are turned over.

    `horizon` is the row where sky meets ground, `sun_x` and `sun_y` where sun or moon stands, all in pixels;
    `water` is the row below which water lies, if any does; `ground` is the outline painted last, a row for
    every column. `x`, `foot` and `tall` are where a subject may stand, and how tall a fox would be there.
    `detail` multiplies how much grows and shines. `chance` picks single numbers and `rng` fills arrays, both
    in a fixed order: a number asked for more or less changes all that is painted after it, in every picture.
    """

    canvas: Canvas
    scene: Scene
    light: Light
    chance: random.Random
    rng: np.random.Generator
    horizon: float
    sun_x: float
    sun_y: float
    ground: Plane
    water: float | None = None
    detail: float = 1.0
    x: float = 0.0
    foot: float = 0.0
    tall: float = 0.0
    colors: dict[str, RGB] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)

    @property
    def dark(self) -> bool:
        return self.light.name in ("night", "dusk")


def start_painting(canvas: Canvas, scene: Scene) -> Painting:
    chance = dice(scene.key ^ 0x5EED)
    light = light_for(scene.light, chance)
    horizon = canvas.h * chance.uniform(0.52, 0.62)
    sun_x, ground = canvas.w * (0.5 - chance.uniform(0.08, 0.3)), np.full(canvas.w, horizon, np.float32)
    rng = np.random.default_rng(scene.key)
    return Painting(canvas, scene, light, chance, rng, horizon, sun_x, horizon * light.high, ground)


class Shape(NamedTuple):
    """One shape: `points` are its outline, a line's path, or (with `radii`) the middles of ellipses."""

    color: str
    points: Plane
    radii: Plane | None = None
    width: float = 0.0
    when: str = ""


class Drawing(NamedTuple):
    """One drawing, in units of its own box; ``data/drawings/animals.toml`` says how it is written."""

    wide: float
    tall: float
    colors: Mapping[str, str]
    dyed: Mapping[str, str]
    shines: str
    shapes: tuple[Shape, ...]


class Placed(NamedTuple):
    """A drawing's place in a painting: the middle of its feet and its height in pixels.

    `colors` stand for the drawing's own, `lean` shears it, `wide` is a width other than its box's.
    """

    name: str
    x: float
    foot: float
    tall: float
    colors: Mapping[str, RGB] = {}
    lean: float = 0.0
    wide: float | None = None


@lru_cache(maxsize=256)
def drawing(name: str) -> Drawing:
    raw = next(found[name] for found in map(load, (f"drawings/{file}" for file in _FILES)) if name in found)
    shapes: list[Shape] = []
    when = ""
    for line in raw["shapes"].strip().splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "when":
            when = rest
        else:
            color, _, rest = rest.partition(" ")
            shapes += (s._replace(when=when) for s in _shapes(kind, color, rest, raw.get("middle", 0)))
    dyed, shines = raw.get("dyed", {}), raw.get("shines", "")
    wide, tall = raw["size"]
    return Drawing(wide, tall, raw["colors"], dyed, shines, tuple(shapes))


def _shapes(kind: str, color: str, text: str, middle: float) -> list[Shape]:
    width, _, path = text.partition(" ")
    parts = (path if kind == "line" else text).split()
    points = np.array([[float(v) for v in part.rstrip("!").split(",")] for part in parts])
    sharp = np.array([part.endswith("!") for part in parts])
    match kind:
        case "oval":
            return [Shape(color, points[:1], points[1:])]
        case "dots":
            return [Shape(color, points[:, :2], points[:, [2, 2]])]
        case "line":
            return [Shape(color, points, width=float(width))]
        case "flat":
            return [Shape(color, points)]
        case "shape":
            return [Shape(color, _smooth(points, sharp))]
    axis = np.array((middle, 0))
    right, left = points + axis, points * (-1, 1) + axis
    if kind == "pair":
        return [Shape(color, _smooth(right, sharp)), Shape(color, _smooth(left, sharp))]
    off = np.flatnonzero(points[:, 0] > 0.01)[::-1]  # a point on the middle axis belongs to both halves
    return [Shape(color, _smooth(np.concatenate([right, left[off]]), np.concatenate([sharp, sharp[off]])))]


def _smooth(at: Plane, corner: Any, steps: int = 9) -> Plane:
    """Return a closed curve through the points, straight into those that are corners."""
    # A Catmull-Rom spline, written as cubic Béziers: a sixth of the way between its neighbours is the handle.
    after, before, sharp = np.roll(at, -1, axis=0), np.roll(at, 1, axis=0), corner[:, None]
    out = np.where(sharp, (after - at) / 3, (after - before) / 6)
    into = np.where(sharp, (at - before) / 3, (after - before) / 6)
    handles = (at, at + out, after - np.roll(into, -1, axis=0), after)
    t = np.arange(steps) / steps
    weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t * t, t**3)
    curve = sum(w[None, :, None] * each[:, None] for w, each in zip(weights, handles, strict=True))
    return np.asarray(curve).reshape(-1, 2)


@lru_cache(maxsize=4096)
def _fills(name: str, given: tuple[tuple[str, RGB], ...]) -> tuple[tuple[int, ...], ...]:
    """Return the colour of every shape of a drawing, as RGBA."""
    one, names = drawing(name), dict(given)
    written = {**one.colors, **(one.dyed if next(iter(one.colors)) in names else {})}
    for each, text in written.items():
        names.setdefault(each, parse_color(text, names))
    parts = (shape.color.partition("/") for shape in one.shapes)
    return tuple((*_bytes(parse_color(text, names)), round(255 * float(a or 1))) for text, _, a in parts)


def _bytes(color: RGB) -> tuple[int, int, int]:
    return round(min(255.0, color[0])), round(min(255.0, color[1])), round(min(255.0, color[2]))


class Sheet:
    """A transparent sheet, drawn on `over` times as large as it will be, so that edges come out smooth.

    A `ground` colour close to what is drawn makes it five times as fast to lay: Pillow need not weigh colours
    by their transparency when it reduces the sheet, and soft edges take a little of the ground.
    """

    def __init__(self, wide: float, tall: float, *, over: int = 2, ground: RGB | None = None) -> None:
        self._over, self._ground = over, ground
        size = max(over, math.ceil(wide) * over), max(over, math.ceil(tall) * over)
        self._image = Image.new("RGBX" if ground else "RGBA", size, (*_bytes(ground or (0, 0, 0)), 0))
        self._pen = ImageDraw.Draw(self._image)
        self._shine: Image.Image | None = None

    def box(self, x: float, y: float, wide: float, tall: float, color: RGB) -> None:
        s = self._over
        x0, y0, x1, y1 = round(x * s), round(y * s), round((x + wide) * s) - 1, round((y + tall) * s) - 1
        if x1 >= x0 and y1 >= y0:
            self._pen.rectangle((x0, y0, x1, y1), fill=(*_bytes(color), 255))

    def draw(
        self, it: Placed, *, when: Collection[str] = (), mirror: bool = False, turn: float = 0.0
    ) -> None:
        """Draw a drawing; `when` names what else of it is shown, `turn` (radians) tilts it."""
        one, s = drawing(it.name), self._over
        down = it.tall / one.tall * s
        across = down if it.wide is None else it.wide / one.wide * s
        matrix = np.array([[-across if mirror else across, 0], [-it.lean * down, down]])
        pivot, place = np.array((one.wide / 2, one.tall)), np.array((it.x * s, it.foot * s))
        if turn:
            pivot, place = pivot - (0, one.tall / 2), place - (0, one.tall / 2 * down)
            cos, sin = math.cos(turn), math.sin(turn)
            matrix = matrix @ np.array([[cos, -sin], [sin, cos]])
        for shape, fill in zip(one.shapes, _fills(it.name, tuple(it.colors.items())), strict=True):
            if shape.when and shape.when not in when:
                continue
            points = (shape.points - pivot) @ matrix + place
            _ink(self._pen, shape, points, (across, down), fill)
            if shape.color == one.shines:
                self._shine = self._shine or Image.new("L", self._image.size, 0)
                _ink(ImageDraw.Draw(self._shine), shape, points, (across, down), 255)

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
        s, seen = self._over, self._image.getbbox()
        if seen is None:
            return
        x0, y0 = seen[0] // s, seen[1] // s
        seen = (x0 * s, y0 * s, -(-seen[2] // s) * s, -(-seen[3] // s) * s)
        # colours times their alpha, or the black of transparent pixels would darken every edge
        image = (self._image if self._ground else self._image.convert("RGBa")).reduce(s, box=seen)
        # channel by channel, as the canvas stores them: several times as fast as pixel by pixel
        bands = (blur(image, soft) if soft else image).split()
        alpha = np.asarray(bands[3], np.float32) * np.float32(1 / 255)
        color = np.stack([np.asarray(band, np.float32) for band in bands[:3]])
        if not self._ground:
            color /= np.maximum(alpha, np.float32(1 / 255))
        plain = color.copy() if self._shine else color
        tall, wide = alpha.shape
        rows = np.linspace(0, 1, tall, dtype=np.float32)[:, None]
        fade = np.float32(far) + np.float32(mist * (1 - far)) * rows
        colors = mix((1, 1, 1), p.light.key, lit), p.light.sun, p.light.haze
        key, sun, haze = (np.asarray(part, np.float32)[:, None, None] for part in colors)
        color *= key * ((tones[0] + (tones[1] - tones[0]) * rows) * (1 - fade))
        side = 1.0 if p.sun_x > left + x0 + wide / 2 else -1.0
        if slope:
            color *= 1 + slope * np.linspace(-side, side, wide, dtype=np.float32)
        if rim:
            edge = np.clip(alpha - _moved(alpha, max(1, round(tall * 0.018)), side), 0, 1)
            color += (sun - color) * (edge * np.float32(rim))
        color += haze * fade
        if self._shine is not None:
            shine = np.asarray(self._shine.reduce(s, box=seen), np.float32) / 255
            color += (plain - color) * shine
        if rim or slope:
            np.clip(color, 0, 255, out=color)
        mask = alpha * np.float32(opacity)
        p.canvas.blend(mask, round(left) + x0, round(top) + y0, color.transpose(1, 2, 0))


def _ink(pen: ImageDraw.ImageDraw, shape: Shape, points: Plane, scale: Any, fill: Any) -> None:
    if shape.radii is not None:
        for (x, y), (rx, ry) in zip(points.tolist(), (shape.radii * scale).tolist(), strict=True):
            pen.ellipse((x - rx, y - ry, x + rx, y + ry), fill=fill)
    elif shape.width:
        width = max(1, round(shape.width * scale[0]))
        pen.line([tuple(point) for point in points.tolist()], fill=fill, width=width, joint="curve")
    else:
        pen.polygon(points.ravel().tolist(), fill=fill)


def _moved(alpha: Plane, step: int, side: float) -> Plane:
    """Return where a figure would stand were it moved away from the light, its edge softened."""
    moved = np.zeros_like(alpha)
    left, right = slice(None, -step), slice(step, None)
    to, source = (left, right) if side > 0 else (right, left)
    moved[step:, to] = alpha[:-step, source]
    image = Image.fromarray((moved * 255).astype(np.uint8))
    return np.asarray(blur(image, step * 0.6), np.float32) / 255


def stamp(
    p: Painting, it: Placed, *, when: Collection[str] = (), mirror: bool = False, turn: float = 0.0,
    shadow: float = 0.3, plain: bool = False, **look: Any,
) -> None:  # fmt: skip
    """Set one figure into a painting, lit from the sun's side and with its shadow on the ground.

    A `plain` one is neither; `look` as in `Sheet.lay`.
    """
    one = drawing(it.name)
    tall = min(it.tall, 3000.0)
    wide = tall * one.wide / one.tall
    pad = tall * 0.08 + (wide * 0.3 if turn else 0)
    # Large figures took twice as long as whole landscapes, and their edges look smooth with fewer pixels.
    over = 1 if look.get("soft") else 3 if tall * wide < 90_000 else 2
    sheet = Sheet(wide + 2 * pad, tall + 2 * pad, over=over)
    sheet.draw(it._replace(x=wide / 2 + pad, foot=tall + pad, tall=tall), when=when, mirror=mirror, turn=turn)
    if shadow and not plain:
        ground = it.foot - tall * 0.008
        p.canvas.oval(it.x, ground, wide * 0.42, tall * 0.035, (14, 18, 40), shadow, tall / 25)
    light = {"lit": 0.0} if plain else {"lit": 0.8, "rim": 0.5, "slope": 0.12}
    sheet.lay(p, it.x - wide / 2 - pad, it.foot - tall - pad, **{**light, **look})


def plant(p: Painting, items: Iterable[Placed], *, when: Collection[str] = (), **look: Any) -> None:
    """Set many drawings into a painting as one layer, those farther up first; `look` as in `Sheet.lay`."""
    items = sorted(items, key=lambda it: it.foot)
    top = max(0, math.floor(min((it.foot - it.tall * 1.05 for it in items), default=0)))
    low = min(float(p.canvas.h), max((it.foot for it in items), default=0) + 2)
    if items and low > top:
        sheet = Sheet(p.canvas.w, low - top, ground=next(iter(items[0].colors.values()), (90, 90, 90)))
        for it in items:
            sheet.draw(it._replace(foot=it.foot - top), when=when)
        sheet.lay(p, 0, top, **look)
