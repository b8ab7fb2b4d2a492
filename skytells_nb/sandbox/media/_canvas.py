"""The surface everything is painted on, in floating point so that soft light stays soft, and shaped noise.

Colours are RGB between 0 and 255, places are pixels from the top left. A canvas also remembers which pixels
were painted since its last `split`, which is how a clip gets layers that move at their own pace.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ._params import RGB

Plane: TypeAlias = NDArray[np.floating[Any]]
_BAND = 48  # rows that fit into the cache


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
        low = self.h if bottom is None else min(self.h, bottom)
        if low > max(0, top):
            self.fill(ramp(stops, low - max(0, top))[:, None, :], max(0, top))

    def below(self, profile: Plane, stops: Sequence[tuple[float, RGB]], depth: float) -> None:
        """Fill everything under a profile (one height per column) with a gradient `depth` rows deep."""
        top = max(0, int(np.floor(profile.min())))
        low = min(self.h, max(top, int(np.ceil(profile.max())) + 1))
        if top >= self.h:
            return
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
        mask = mask[y0 - y : y1 - y, x0 - x : x1 - x].astype(np.float32, copy=False)
        paint: Plane = np.asarray(color, np.float32)
        if paint.ndim == 3:
            rows = slice(y0 - y, y1 - y) if paint.shape[0] > 1 else slice(None)
            cols = slice(x0 - x, x1 - x) if paint.shape[1] > 1 else slice(None)
            paint = paint[rows, cols]
        if self._cover is not None:
            cover = self._cover[y0:y1, x0:x1]
            cover += (1 - cover) * mask
        by_row = paint.ndim == 3 and paint.shape[0] > 1
        for top in range(0, y1 - y0, _BAND):
            part = slice(top, min(y1 - y0, top + _BAND))
            there = self.px[y0 + part.start : y0 + part.stop, x0:x1]
            there += ((paint[part] if by_row else paint) - there) * mask[part, :, None]

    def shine(self, x: float, y: float, radius: float, color: RGB, strength: float) -> None:
        """Lay a round glow that fades to nothing over whatever is there."""
        reach, step = radius * 2.6, max(1, int(radius / 24))  # a glow is smooth: drawn small and enlarged
        x0, x1 = max(0, int(x - reach)), min(self.w, int(x + reach) + 1)
        y0, y1 = max(0, int(y - reach)), min(self.h, int(y + reach) + 1)
        if x1 > x0 and y1 > y0 and radius > 0:
            xs = np.arange(x0, x1 + step, step, dtype=np.float32) - x
            ys = np.arange(y0, y1 + step, step, dtype=np.float32) - y
            far = (xs[None, :] ** 2 + ys[:, None] ** 2) / np.float32(radius * radius)
            glow = np.exp(-far) * np.clip(1 - far / 6.76, 0, 1) * np.float32(strength)
            self.blend(enlarge(glow, x1 - x0, y1 - y0, step), x0, y0, color)

    def oval(
        self, x: float, y: float, rx: float, ry: float, color: RGB, opacity: float = 1.0, soft: float = 1.0
    ) -> None:
        """Fill an ellipse about (x, y); its edge is `soft` pixels wide."""
        x0, y0 = int(x - rx - soft) - 1, int(y - ry - soft) - 1
        xs = (np.arange(x0, x0 + int(2 * (rx + soft)) + 4, dtype=np.float32) - x) / rx
        ys = (np.arange(y0, y0 + int(2 * (ry + soft)) + 4, dtype=np.float32) - y) / ry
        far = np.sqrt(xs[None, :] ** 2 + ys[:, None] ** 2)
        self.blend(np.clip((1 - far) * min(rx, ry) / soft + 0.5, 0, 1) * np.float32(opacity), x0, y0, color)

    def flip(self) -> None:
        self.px = self.px[:, ::-1]
        self.layers = [(px[:, ::-1], cover[:, ::-1]) for px, cover in self.layers]
        if self._cover is not None:
            self._cover = self._cover[:, ::-1]


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
