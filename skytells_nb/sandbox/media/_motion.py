"""Motion: a painted scene's layers sliding past each other, water that ripples, snow and rain that fall."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageOps

from ._canvas import Canvas, blur
from ._edit import open_picture
from ._painting import start_painting
from ._params import dice
from ._picture import paint
from ._postprocess import sign, to_image, vignette
from ._scene import Scene, read_scene
from ._sky import flakes, streaks

_REACH = 0.14  # how much wider than the frame the scene is painted, and so how far the view travels
_ZOOM = 0.16  # how far a clip moves into the picture it begins with

Size = tuple[int, int]
# What falls: a mask that repeats at its edges, its colour, and its speed down and across in pixels a second.
Curtain = tuple[Image.Image, tuple[int, int, int], float, float]


def frames(
    input: Mapping[str, Any],
    size: Size,
    count: int,
    seconds: float,
    *,
    index: int = 0,
    picture: bytes | None = None,
) -> Iterator[Image.Image]:
    """Yield `count` pictures of a scene in motion, `size` pixels each, spread over `seconds`.

    The same input yields the same frames. With an input `picture` the first frame is that picture.
    """
    scene = read_scene(input, index=index)
    given = open_picture(picture)
    view = _zoom(given, size) if given else _pan(scene, size, seconds)
    falling = _falling(scene, size)
    for n in range(count):
        part = n / max(1, count - 1)
        frame = view(part)
        for mask, color, down, across in falling if part or not given else ():
            offset = math.floor(across * seconds * part), math.floor(down * seconds * part)
            frame.paste(color, (0, 0), ImageChops.offset(mask, *offset))
        sign(frame)
        yield frame


def _zoom(picture: Image.Image, size: Size) -> Callable[[float], Image.Image]:
    """Return a view that moves slowly into a picture."""
    large = ImageOps.fit(picture, (2 * size[0], 2 * size[1]), Image.Resampling.LANCZOS)

    def view(part: float) -> Image.Image:
        ease = _ZOOM / 2 * part * part * (3 - 2 * part)
        box = (ease * large.width, ease * large.height, (1 - ease) * large.width, (1 - ease) * large.height)
        return large.resize(size, Image.Resampling.BILINEAR, box=box)

    return view


def _pan(scene: Scene, size: Size, seconds: float) -> Callable[[float], Image.Image]:
    """Return a view that travels along a painted scene, its near layers faster than its far ones."""
    wide, tall = size
    canvas = Canvas(wide + round(wide * _REACH), tall, layered=True)
    p = start_painting(canvas, scene)
    paint(p, weather=False)
    layers = _layers(canvas, flat=bool(scene.style))
    canvas = Canvas(*size)
    canvas.px[:] = 255
    vignette(canvas, 0.2)
    shade, forward = to_image(canvas.px), dice(scene.key ^ 0xC11F).random() < 0.5

    def view(part: float) -> Image.Image:
        way = wide * _REACH * 0.98 * (part if forward else 1 - part)
        frame = _slide(layers[0][0], way * (0.3 if len(layers) > 1 else 1), size)
        for depth, (picture, mask) in enumerate(layers[1:], start=1):
            pan = way * (0.3 + 0.7 * depth / (len(layers) - 1))
            frame.paste(_slide(picture, pan, size), (0, 0), mask and _slide(mask, pan, size))
            if p.water is not None and depth == 1:
                frame = _ripple(frame, p.water, seconds * part)
        return ImageChops.multiply(frame, shade)

    return view


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


def _slide(image: Image.Image, x: float, size: Size) -> Image.Image:
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


def _falling(scene: Scene, size: Size) -> list[Curtain]:
    if scene.style or scene.place in ("portrait", "still", "abstract", "space"):
        return []
    chance, unit, white = dice(scene.key ^ 0xC11F), min(size), (255, 255, 255)
    if scene.weather == "snow":
        near = blur(flakes(size, chance, 12, 0.011, 200), 1.2)
        return [
            (flakes(size, chance, 220, 0.0024, 150), white, unit * 0.11, unit * 0.02),
            (flakes(size, chance, 60, 0.0055, 190), white, unit * 0.2, -unit * 0.03),
            (near, white, unit * 0.34, unit * 0.05),
        ]
    if scene.weather == "rain":
        return [(streaks(size, chance, 260), (214, 226, 240), unit * 1.9, -unit * 0.34)]
    return []
