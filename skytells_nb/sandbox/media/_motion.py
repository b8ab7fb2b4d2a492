"""Motion: a painted scene's layers sliding past each other, water that ripples, snow and rain that fall."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from ._canvas import Canvas, blur
from ._painting import start_painting
from ._params import dice
from ._picture import paint
from ._postprocess import sign, to_image, vignette
from ._scene import Scene, read_scene

_REACH = 0.14  # how much wider than the frame the scene is painted, and so how far the view travels

Curtain = tuple[
    Image.Image, tuple[int, int, int], float, float
]  # mask, colour, pixels a second down and across


def frames(
    input: Mapping[str, Any], size: tuple[int, int], count: int, seconds: float, *, index: int = 0
) -> Iterator[Image.Image]:
    """Yield `count` pictures of a scene in motion, `size` pixels each, spread over `seconds`.

    The same input yields the same frames.
    """
    wide, tall = size
    scene = read_scene(input, index=index)
    canvas = Canvas(wide + round(wide * _REACH), tall, layered=True)
    brush = start_painting(canvas, scene)
    paint(brush, weather=False)
    layers = _layers(canvas, flat=bool(scene.style))
    chance = dice(scene.key ^ 0xC11F)
    shade, falling = _shade(size), _falling(scene, size, chance)
    forward = chance.random() < 0.5
    for n in range(count):
        part = n / max(1, count - 1)
        view = (canvas.w - wide - 1) * (part if forward else 1 - part)
        frame = _slide(layers[0][0], view * (0.3 if len(layers) > 1 else 1), size)
        for depth, (picture, mask) in enumerate(layers[1:], start=1):
            pan = view * (0.3 + 0.7 * depth / (len(layers) - 1))
            frame.paste(_slide(picture, pan, size), (0, 0), mask and _slide(mask, pan, size))
            if brush.water is not None and depth == 1:
                frame = _ripple(frame, brush.water, seconds * part)
        for mask, color, down, across in falling:
            x, y = math.floor(across * seconds * part), math.floor(down * seconds * part)
            frame.paste(color, (0, 0), ImageChops.offset(mask, x, y))
        frame = ImageChops.multiply(frame, shade)
        sign(frame)
        yield frame


def _layers(canvas: Canvas, *, flat: bool) -> list[tuple[Image.Image, Image.Image | None]]:
    """Return the scene's layers from back to front, each with the mask it is laid on through."""
    if flat:
        return [(to_image(canvas.px), None)]
    canvas.split()
    layers: list[tuple[Image.Image, Image.Image | None]] = []
    for px, cover in canvas.layers:
        mask = None if not layers else Image.fromarray(np.clip(cover * 255 + 0.5, 0, 255).astype(np.uint8))
        if mask is None or mask.getbbox():
            layers.append((to_image(px), mask))
    return layers


def _slide(image: Image.Image, x: float, size: tuple[int, int]) -> Image.Image:
    """Return the part of a layer that starts at column `x`, between two columns where it must be."""
    left = int(x)
    first = image.crop((left, 0, left + size[0], size[1]))
    if x - left < 0.02:
        return first
    return Image.blend(first, image.crop((left + 1, 0, left + 1 + size[0], size[1])), x - left)


def _ripple(frame: Image.Image, top: float, time: float) -> Image.Image:
    """Return the frame with everything below the row `top` swaying as water does."""
    data = np.asarray(frame)
    tall, wide = data.shape[:2]
    first = max(1, int(top) + 1)
    if first >= tall - 2:
        return frame
    y = np.arange(first, tall, dtype=np.float32)
    near = (y - first) / max(1.0, tall - first)
    rise = np.sin(2.1 * time + 9 * near) * near * tall * 0.012
    sway = np.sin(2.6 * time - y / (tall * (0.008 + 0.03 * near))) * (0.6 + near * tall * 0.006)
    rows = np.clip(np.round(y + rise), first, tall - 1).astype(int)
    cols = np.clip(np.arange(wide)[None, :] + np.round(sway).astype(int)[:, None], 0, wide - 1)
    moved = data.copy()
    moved[first:] = data[rows[:, None], cols]
    return Image.fromarray(moved)


def _shade(size: tuple[int, int]) -> Image.Image:
    canvas = Canvas(*size)
    canvas.px[:] = 255
    vignette(canvas, 0.2)
    return to_image(canvas.px)


def _falling(scene: Scene, size: tuple[int, int], chance: random.Random) -> list[Curtain]:
    """Return what falls: masks as large as the frame that repeat at their edges."""
    if scene.style or scene.place in ("portrait", "still", "abstract", "space"):
        return []
    unit = min(size)
    if scene.weather == "snow":
        white = (255, 255, 255)
        near = blur(_flakes(size, chance, 12, 0.011, 200), 1.2)
        return [
            (_flakes(size, chance, 220, 0.0024, 150), white, unit * 0.11, unit * 0.02),
            (_flakes(size, chance, 60, 0.0055, 190), white, unit * 0.2, -unit * 0.03),
            (near, white, unit * 0.34, unit * 0.05),
        ]
    if scene.weather == "rain":
        return [(_streaks(size, chance, 260), (214, 226, 240), unit * 1.9, -unit * 0.34)]
    return []


def _flakes(
    size: tuple[int, int], chance: random.Random, count: int, radius: float, value: int
) -> Image.Image:
    image = Image.new("L", (size[0] * 2, size[1] * 2), 0)
    draw, unit = ImageDraw.Draw(image), min(image.size)
    for _ in range(round(count * size[0] / min(size))):
        x, y = chance.uniform(0, image.width), chance.uniform(0, image.height)
        r = unit * radius * chance.uniform(0.6, 1.4)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=value)
    return image.reduce(2)


def _streaks(size: tuple[int, int], chance: random.Random, count: int) -> Image.Image:
    image = Image.new("L", size, 0)
    draw, unit = ImageDraw.Draw(image), min(size)
    for _ in range(count):
        x, y, k = chance.uniform(0, size[0]), chance.uniform(0, size[1]), chance.uniform(0.6, 1.3)
        draw.line((x, y, x - unit * 0.012 * k, y + unit * 0.066 * k), fill=95)
    return image
