"""The surface everything is painted on: floating point, so that soft light stays soft until the very end.

Colours are RGB between 0 and 255, places are pixels from the top left. A canvas also remembers which pixels
were painted since its last `split`, which is how a clip gets layers that move at their own pace.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

from ._color import RGB
from ._noise import Plane

_BAND = 48


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

    def touch(self, top: int, bottom: int) -> None:
        """Count these rows as painted; for who writes to `px` directly."""
        if self._cover is not None:
            self._cover[top:bottom] = 1

    def vertical(self, stops: Sequence[tuple[float, RGB]], top: int = 0, bottom: int | None = None) -> None:
        """Fill the rows from `top` to `bottom` with a gradient; a stop is (0 to 1 of the way, colour)."""
        bottom = self.h if bottom is None else bottom
        top, low = max(0, top), min(self.h, bottom)
        if low <= top:
            return
        self.px[top:low] = ramp(stops, low - top)[:, None, :]
        self.touch(top, low)

    def below(self, profile: Plane, colors: Plane, opacity: float = 1.0) -> None:
        """Fill everything under a profile (one height per column) with a colour per depth under it.

        `colors[d]` is the colour of row `top + d`, where `top` is the profile's highest point.
        """
        top = max(0, int(np.floor(profile.min())))
        low = min(self.h, max(top, int(np.ceil(profile.max())) + 1))
        if top >= self.h:
            return
        shade = colors[np.minimum(np.arange(self.h - top), len(colors) - 1)]
        if low > top:
            rows = np.arange(top, low, dtype=np.float32)[:, None]
            mask = np.clip(rows - profile[None, :] + 0.5, 0, 1) * np.float32(opacity)
            self.blend(mask, 0, top, shade[: low - top, None, :])
        if low < self.h:
            rest = shade[low - top :, None, :]
            if opacity >= 1:
                self.px[low:] = rest
                self.touch(low, self.h)
            else:
                self.blend(np.full((self.h - low, self.w), opacity, np.float32), 0, low, rest)

    def blend(self, mask: Plane, x: int, y: int, color: RGB | Plane) -> None:
        """Lay a colour, or an array of them that broadcasts with the mask, over the canvas through a mask."""
        tall, wide = mask.shape
        x0, y0, x1, y1 = max(0, x), max(0, y), min(self.w, x + wide), min(self.h, y + tall)
        if x1 <= x0 or y1 <= y0:
            return
        part = mask[y0 - y : y1 - y, x0 - x : x1 - x]
        paint = np.asarray(color, np.float32)
        if paint.ndim == 3:
            rows = slice(y0 - y, y1 - y) if paint.shape[0] > 1 else slice(None)
            cols = slice(x0 - x, x1 - x) if paint.shape[1] > 1 else slice(None)
            paint = paint[rows, cols]
        self._mix(part, x0, y0, paint)

    def _mix(self, mask: Plane, x: int, y: int, paint: Plane) -> None:
        """Move the pixels under a mask towards a paint, a band at a time so that it stays in the cache."""
        tall, wide = mask.shape
        if self._cover is not None:
            cover = self._cover[y : y + tall, x : x + wide]
            cover += (1 - cover) * mask
        by_row = paint.ndim == 3 and paint.shape[0] > 1
        for top in range(0, tall, _BAND):
            rows = slice(top, min(tall, top + _BAND))
            there = self.px[y + rows.start : y + rows.stop, x : x + wide]
            there += ((paint[rows] if by_row else paint) - there) * mask[rows, :, None]

    def shine(self, x: float, y: float, radius: float, color: RGB, strength: float) -> None:
        """Add a round glow that fades to nothing; light only ever adds, so it lies over whatever is there."""
        reach = radius * 2.6
        x0, x1 = max(0, int(x - reach)), min(self.w, int(x + reach) + 1)
        y0, y1 = max(0, int(y - reach)), min(self.h, int(y + reach) + 1)
        if x1 <= x0 or y1 <= y0 or radius <= 0:
            return
        step = max(1, int(radius / 24))  # a glow is smooth: draw it small and let Pillow enlarge it
        xs = np.arange(x0, x1 + step, step, dtype=np.float32) - x
        ys = np.arange(y0, y1 + step, step, dtype=np.float32) - y
        far = (xs[None, :] ** 2 + ys[:, None] ** 2) / np.float32(radius * radius)
        edge = np.clip(1 - far / 6.76, 0, 1)
        small = np.exp(-far) * edge * np.float32(strength)
        glow = enlarge(small, x1 - x0, y1 - y0, step) if step > 1 else small[: y1 - y0, : x1 - x0]
        self._mix(np.clip(glow, 0, 1), x0, y0, np.asarray(color, np.float32))

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
        """Turn everything over, left to right."""
        self.px = self.px[:, ::-1]
        self.layers = [(px[:, ::-1], cover[:, ::-1]) for px, cover in self.layers]
        if self._cover is not None:
            self._cover = self._cover[:, ::-1]


def ramp(stops: Sequence[tuple[float, RGB]], count: int) -> Plane:
    """Return `count` colours along a gradient, shaped (count, 3)."""
    at = np.linspace(0, 1, max(1, count))
    places = [place for place, _ in stops]
    return np.stack(
        [np.interp(at, places, [color[c] for _, color in stops]) for c in range(3)], axis=1
    ).astype(np.float32)


def enlarge(small: Plane, wide: int, tall: int, step: float) -> Plane:
    """Return a coarse plane (one value every `step` pixels) smoothly enlarged to (tall, wide)."""
    at = (np.arange(max(wide, tall), dtype=np.float32) + 0.5) / step - 0.5
    x, y = np.clip(at[:wide], 0, small.shape[1] - 1), np.clip(at[:tall], 0, small.shape[0] - 1)
    x0, y0 = x.astype(int), y.astype(int)
    x1, y1 = np.minimum(x0 + 1, small.shape[1] - 1), np.minimum(y0 + 1, small.shape[0] - 1)
    broad = small[:, x0] + (small[:, x1] - small[:, x0]) * (x - x0)
    broad = broad.astype(np.float32)
    large = np.empty((tall, wide), np.float32)
    part = (y - y0).astype(np.float32)[:, None]
    for top in range(0, tall, _BAND):
        rows = slice(top, top + _BAND)
        start = broad[y0[rows]]
        large[rows] = start + (broad[y1[rows]] - start) * part[rows]
    return large


def blur(image: Image.Image, radius: float) -> Image.Image:
    """Return an image blurred; large radii are blurred small and enlarged, which no eye can tell."""
    if radius < 6:
        return image.filter(ImageFilter.GaussianBlur(radius))
    by = max(2, int(radius / 3))
    small = image.resize((max(1, image.width // by), max(1, image.height // by)), Image.Resampling.BOX)
    return small.filter(ImageFilter.GaussianBlur(radius / by)).resize(image.size, Image.Resampling.BILINEAR)
