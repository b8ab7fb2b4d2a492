"""Clips: a scene's layers sliding past each other, water that ripples, snow that falls; or a picture entered.

They are MP4 where PyAV is installed, and animated WebP elsewhere.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageOps

from ._canvas import Canvas
from ._painting import start_painting
from ._params import Scene, clip_size, dice, load, read_scene, seconds_of
from ._picture import open_picture, paint, sign, to_image, vignette
from ._sky import falling

_REACH = 0.14  # how much wider than the frame the scene is painted, and so how far the view travels
_ZOOM = 0.16  # how far a clip moves into the picture it begins with

Size = tuple[int, int]
# What falls: a mask that repeats at its edges, its colour, and its speed down and across in pixels a second.
Curtain = tuple[Image.Image, tuple[int, int, int], float, float]


def draw_clip(input: Mapping[str, Any], *, mp4: bool, index: int = 0, picture: bytes | None = None) -> bytes:
    """Return a clip, 5 s long unless asked otherwise and 30 s at most.

    The frames are the same each time; the bytes may differ between encoders.
    """
    seconds = seconds_of(input, default=5.0, longest=30.0)
    if mp4:
        rate = 24 if seconds <= 5 else 20 if seconds <= 8 else 12
        count, size = round(seconds * rate), clip_size(input)
        return _mp4(frames(input, size, count, seconds, index=index, picture=picture), size, rate)
    count, size = max(2, min(40, round(seconds * 8))), clip_size(input, 400)
    first, *rest = frames(input, size, count, seconds, index=index, picture=picture)
    file, pace = io.BytesIO(), round(seconds * 1000 / count)
    first.save(file, "WEBP", save_all=True, append_images=rest, duration=pace, loop=0, quality=70, method=0)
    return file.getvalue()


def _mp4(pictures: Iterator[Image.Image], size: Size, rate: int) -> bytes:
    import av
    from av.video.stream import VideoStream

    file = io.BytesIO()
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    options = {"preset": "superfast", "crf": "23", "threads": "1"} if codec == "libx264" else {"qscale": "4"}
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream(codec, rate=Fraction(rate), options=options)
        if not isinstance(stream, VideoStream):
            raise TypeError(f"{codec} is no video codec in this PyAV")
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_image(picture)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def frames(
    input: Mapping[str, Any], size: Size, count: int, seconds: float, *, index: int = 0,
    picture: bytes | None = None,
) -> Iterator[Image.Image]:  # fmt: skip
    """Yield `count` pictures of a scene in motion, `size` pixels each, spread over `seconds`.

    The same input yields the same frames. With an input `picture` the first frame is that picture.
    """
    scene, given = read_scene(input, index=index), open_picture(picture)
    view = _zoom(given, size) if given else _pan(scene, size, seconds)
    curtains = _curtains(scene, size)
    for n in range(count):
        part = n / max(1, count - 1)
        frame = view(part)
        for mask, color, down, across in curtains if part or not given else ():
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
    layers: list[tuple[Image.Image, Image.Image | None]] = [(to_image(canvas.px), None)]
    if not scene.style:
        canvas.split()
        (back, _), *near = canvas.layers
        masks = [Image.fromarray(np.clip(cover * 255 + 0.5, 0, 255).astype(np.uint8)) for _, cover in near]
        layers = [(to_image(back), None)]
        layers += [(to_image(px), mask) for (px, _), mask in zip(near, masks, strict=True) if mask.getbbox()]
    white = Canvas(*size)
    white.px[:] = 255
    vignette(white, 0.2)
    shade, forward = to_image(white.px), dice(scene.key ^ 0xC11F).random() < 0.5

    def view(part: float) -> Image.Image:
        way = (canvas.w - wide - 1) * (part if forward else 1 - part)
        frame = _slide(layers[0][0], way * (0.3 if len(layers) > 1 else 1), size)
        for depth, (picture, mask) in enumerate(layers[1:], start=1):
            pan = way * (0.3 + 0.7 * depth / (len(layers) - 1))
            frame.paste(_slide(picture, pan, size), (0, 0), mask and _slide(mask, pan, size))
            if p.water is not None and depth == 1:
                frame = _ripple(frame, p.water, seconds * part)
        return ImageChops.multiply(frame, shade)

    return view


def _slide(image: Image.Image, x: float, size: Size) -> Image.Image:
    """Return the part of a layer that starts at column `x`, between two columns where it must be."""
    left = int(x)
    first = image.crop((left, 0, left + size[0], size[1]))
    if x - left < 0.02:
        return first
    return Image.blend(first, image.crop((left + 1, 0, left + 1 + size[0], size[1])), x - left)


def _ripple(frame: Image.Image, top: float, time: float) -> Image.Image:
    """Return the frame with everything below the row `top` swaying as water does."""
    data = np.array(frame)
    tall, wide = data.shape[:2]
    first = max(1, int(top) + 1)
    y = np.arange(first, tall, dtype=np.float32)
    near = (y - first) / max(1.0, tall - first)
    rise = np.sin(2.1 * time + 9 * near) * near * tall * 0.012
    sway = np.sin(2.6 * time - y / (tall * (0.008 + 0.03 * near))) * (0.6 + near * tall * 0.006)
    rows = np.clip(np.round(y + rise), first, tall - 1).astype(int)
    cols = np.clip(np.arange(wide)[None, :] + np.round(sway).astype(int)[:, None], 0, wide - 1)
    data[first:] = data[rows[:, None], cols]
    return Image.fromarray(data)


def _curtains(scene: Scene, size: Size) -> list[Curtain]:
    if scene.style or scene.place in ("portrait", "still", "abstract", "space"):
        return []
    chance, unit = dice(scene.key ^ 0xC11F), min(size)
    color = (255, 255, 255) if scene.weather == "snow" else (214, 226, 240)
    return [
        (falling(scene.weather, size, chance, *layer), color, unit * down, unit * across)
        for *layer, down, across in load("weather").get(scene.weather, {}).get("moving", ())
    ]
