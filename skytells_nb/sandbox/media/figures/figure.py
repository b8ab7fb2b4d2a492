"""A figure: flat shapes in a small box of its own, lit and set into a picture as one piece."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw

from ..brush import Brush
from ..canvas import blur
from ..palette import RGB, mix

Point: TypeAlias = tuple[float, float, bool]  # x, y, and whether the outline turns sharply there


class Figure:
    """Shapes in units: the box is `wide` by `tall`, x to the right, y down, feet at the bottom.

    `pixels` is how tall the box will be in the picture; shapes are drawn `over` times larger, for smooth
    edges.
    """

    def __init__(self, wide: float, tall: float, pixels: float, *, over: int | None = None) -> None:
        over = over or (3 if pixels < 400 else 2)
        self._over = over
        self._scale = max(8.0, min(pixels, 3000.0)) * over / tall
        size = (max(over, round(wide * self._scale)), max(over, round(tall * self._scale)))
        self._image = Image.new("RGBA", size, (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self._image)
        self._lamps: Image.Image | None = None

    def shape(self, points: str | Sequence[Point], color: RGB) -> None:
        """Fill a smooth closed outline, given as points or as text for `outline`."""
        path = smooth(outline(points) if isinstance(points, str) else points)
        self._draw.polygon([(x * self._scale, y * self._scale) for x, y in path], fill=_rgb(color))

    def lamp(self, points: str, color: RGB) -> None:
        """Fill an outline that shines by itself, whatever light it stands in."""
        self.shape(points, color)
        if self._lamps is None:
            self._lamps = Image.new("L", self._image.size, 0)
        path = [(x * self._scale, y * self._scale) for x, y in smooth(outline(points))]
        ImageDraw.Draw(self._lamps).polygon(path, fill=255)

    def pair(self, points: str, middle: float, color: RGB) -> None:
        """Fill a shape twice, to the right and mirrored to the left of x = `middle`; x counts from there."""
        right = [(middle + x, y, sharp) for x, y, sharp in outline(points)]
        self.shape(right, color)
        self.shape([(2 * middle - x, y, sharp) for x, y, sharp in right], color)

    def twin(self, points: str, middle: float, color: RGB) -> None:
        """Fill one symmetrical shape of which only the right half is given, from its top to its foot."""
        right = [(middle + x, y, sharp) for x, y, sharp in outline(points)]
        left = [(2 * middle - x, y, sharp) for x, y, sharp in reversed(right) if x > middle + 0.01]
        self.shape([*right, *left], color)

    def flat(self, points: Sequence[tuple[float, float]], color: RGB) -> None:
        """Fill a polygon with straight edges."""
        self._draw.polygon([(x * self._scale, y * self._scale) for x, y in points], fill=_rgb(color))

    def oval(self, x: float, y: float, rx: float, ry: float, color: RGB) -> None:
        """Fill an ellipse about (x, y)."""
        s = self._scale
        self._draw.ellipse(((x - rx) * s, (y - ry) * s, (x + rx) * s, (y + ry) * s), fill=_rgb(color))

    def line(self, points: Sequence[tuple[float, float]], width: float, color: RGB) -> None:
        """Draw a line."""
        s = self._scale
        path = [(x * s, y * s) for x, y in points]
        self._draw.line(path, fill=_rgb(color), width=max(1, round(width * s)), joint="curve")

    def stamp(
        self, b: Brush, x: float, foot: float, *, mirror: bool = False, lit: float = 0.8, rim: float = 0.5,
        far: float = 0.0, shadow: float = 0.3,
    ) -> None:  # fmt: skip
        """Set the figure into the picture, its lowest row at `foot` and its middle at `x`.

        `lit` is how much of the scene's light it takes on, `rim` how bright the edge towards the light,
        `far` how much haze lies before it, `shadow` how dark the ground under it.
        """
        data = np.asarray(_turned(self._image, mirror).convert("RGBa").reduce(self._over), np.float32)
        alpha = data[:, :, 3] / np.float32(255)
        tall, wide = alpha.shape
        color = data[:, :, :3] / np.maximum(alpha, np.float32(1 / 255))[:, :, None]
        key = np.asarray(mix((1, 1, 1), b.light.key, lit), np.float32)
        side = 1.0 if b.sun_x > x else -1.0
        slope = (1 + 0.12 * np.linspace(-side, side, wide)).astype(np.float32)
        plain = color
        color = color * key * slope[None, :, None]
        if rim > 0:
            step = max(1, round(tall * 0.018))
            moved = np.zeros_like(alpha)
            if side > 0:
                moved[step:, :-step] = alpha[:-step, step:]
            else:
                moved[step:, step:] = alpha[:-step, :-step]
            edge = np.clip(alpha - moved, 0, 1)
            edge = (
                np.asarray(blur(Image.fromarray((edge * 255).astype(np.uint8)), step * 0.6), np.float32) / 255
            )
            color += (np.asarray(b.light.sun, np.float32) - color) * (edge * np.float32(rim))[:, :, None]
        if far:
            color += (np.asarray(b.light.haze, np.float32) - color) * np.float32(far)
        if self._lamps is not None:
            shine = np.asarray(_turned(self._lamps, mirror).reduce(self._over), np.float32)[:, :, None] / 255
            color += (plain - color) * shine
        left, top = round(x - wide / 2), round(foot - tall)
        if shadow:
            b.canvas.stencil(
                lambda pen: pen.ellipse(x, foot - tall * 0.008, wide * 0.42, tall * 0.035),
                (14, 18, 40), box=(x - wide, foot - tall * 0.2, x + wide, foot + tall * 0.2),
                opacity=shadow, soft=tall * 0.016,
            )  # fmt: skip
        b.canvas.blend(alpha, left, top, np.clip(color, 0, 255))


@lru_cache(maxsize=512)
def outline(text: str) -> tuple[Point, ...]:
    """Read points from text such as ``"0,17 14,18 32,47!"``; an exclamation mark makes a corner."""
    pairs = ([*part.rstrip("!").split(","), part[-1]] for part in text.split())
    return tuple((float(x), float(y), last == "!") for x, y, last in pairs)


def smooth(points: Sequence[Point], steps: int = 9) -> list[tuple[float, float]]:
    """Return a closed curve through the points, straight into those that are corners."""
    count = len(points)
    path: list[tuple[float, float]] = []
    for i in range(count):
        p0, p1, p2, p3 = (points[(i + d) % count] for d in (-1, 0, 1, 2))
        ax, ay = (p2[0] - p1[0]) / 3, (p2[1] - p1[1]) / 3
        bx, by = ax, ay
        if not p1[2]:
            ax, ay = (p2[0] - p0[0]) / 6, (p2[1] - p0[1]) / 6
        if not p2[2]:
            bx, by = (p3[0] - p1[0]) / 6, (p3[1] - p1[1]) / 6
        for n in range(steps):
            t = n / steps
            u = 1 - t
            k0, k1, k2, k3 = u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t
            x = k0 * p1[0] + k1 * (p1[0] + ax) + k2 * (p2[0] - bx) + k3 * p2[0]
            y = k0 * p1[1] + k1 * (p1[1] + ay) + k2 * (p2[1] - by) + k3 * p2[1]
            path.append((x, y))
    return path


def _turned(image: Image.Image, mirror: bool) -> Image.Image:
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirror else image


def _rgb(color: RGB) -> tuple[int, int, int, int]:
    return (round(min(255, color[0])), round(min(255, color[1])), round(min(255, color[2])), 255)
