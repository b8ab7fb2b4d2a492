"""A picture from a prompt: the scene painted, or an input picture edited; graded, signed and encoded."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from ._canvas import Canvas
from ._data import load
from ._painting import Painting, start_painting
from ._params import SMALLEST, number, picture_size, read_scene
from ._places import paint_place
from ._postprocess import MARK, apply_style, grade, sign, to_image, vignette
from ._sky import paint_fog, paint_weather
from ._subjects import paint_abstract, paint_portrait, paint_subject, paint_table

_STUDIOS = {"portrait": paint_portrait, "still": paint_table, "abstract": paint_abstract}
_ADDS = r"add|adding|with|put|place|insert|include|and an?|next to|in front of"
LARGEST_ENLARGED = 4096
_STRENGTH = 0.75  # how far an edit goes towards the light that the prompt names


def draw_picture(
    input: Mapping[str, Any], *, index: int = 0, model: str = "", picture: bytes | None = None
) -> bytes:
    """Return a PNG: RGB, exactly as large as asked, the same for the same input and index.

    An upscaler's is the input `picture`, in its own shape and as large as fits.
    """
    look, given, size = load("models").get(model, {}), open_picture(picture), picture_size(input)
    if given and "enlarge" in look:
        sharpness, asked = number(input, "sharpness"), (number(input, "width"), number(input, "height"))
        percent = round(120 * min(1.0, max(0.0, 0.5 if sharpness is None else sharpness)))
        box = [round(min(LARGEST_ENLARGED, max(SMALLEST, side or 1024))) for side in asked]
        image = ImageOps.contain(given, (box[0], box[1]), Image.Resampling.LANCZOS)
        image = image.filter(ImageFilter.UnsharpMask(max(1.0, image.width / 600), percent))
    else:
        image = render(input, size, index=index, look=look, given=given)
    unknown = given is None and not read_scene(input, index=index).known
    sign(image, f"{MARK}: paints only what it knows" if unknown else MARK)
    return _encode_png(image)


def _encode_png(image: Image.Image) -> bytes:
    """Return an RGB image as a PNG, each pixel less the one to its left.

    Pillow tries five filters on every row, which takes twice as long for files that are no smaller
    (1024 by 1024: 75 ms and 820 kB, here 37 ms and 750 kB).
    """
    pixels = np.asarray(image).reshape(image.height, -1)
    rows = np.ones((image.height, image.width * 3 + 1), np.uint8)
    rows[:, 1:4] = pixels[:, :3]
    np.subtract(pixels[:, 3:], pixels[:, :-3], out=rows[:, 4:])
    head = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 0)
    chunks = (b"IHDR" + head, b"IDAT" + zlib.compress(rows.tobytes(), 1), b"IEND")
    parts = (struct.pack(">I", len(it) - 4) + it + struct.pack(">I", zlib.crc32(it)) for it in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def render(
    input: Mapping[str, Any], size: tuple[int, int], *, index: int = 0, look: Mapping[str, Any] | None = None,
    given: Image.Image | None = None,
) -> Image.Image:  # fmt: skip
    """Return the scene of an input, or its edit of a `given` picture, at a size and without the mark."""
    look = look or {}
    canvas = Canvas(*(max(64, round(side * look.get("scale", 1.0))) for side in size))
    p = start_painting(canvas, read_scene(input, index=index, salt=look.get("salt", "")))
    p.detail = look.get("detail", 1.0)
    if given:
        _edit(p, given)
    else:
        paint(p)
        vignette(canvas, 0.2)
    return grade(to_image(canvas.px), size, look, p.rng)


def paint(p: Painting, *, weather: bool = True) -> None:
    """Paint a whole scene; a clip leaves the `weather` out and lets it fall frame by frame."""
    if p.scene.place in _STUDIOS:
        _STUDIOS[p.scene.place](p)
    else:
        paint_place(p)
        if p.scene.weather == "fog":
            paint_fog(p, at=p.horizon, thick=p.canvas.h * 0.3, strength=0.75)
        paint_subject(p)
        if weather:
            paint_weather(p)
    if p.chance.random() < 0.5:
        p.canvas.flip()
    apply_style(p)


def _edit(p: Painting, given: Image.Image) -> None:
    """Paint an edit of a picture: its layout and its colours, in the light, weather and style of the prompt.

    A subject is added only when the prompt says so ("with a fox"); the picture may well show it already.
    """
    c, scene = p.canvas, p.scene
    c.px[:] = np.asarray(ImageOps.fit(given, (c.w, c.h), Image.Resampling.LANCZOS), np.float32)
    if scene.asks_for_light:
        gray = c.px.mean(axis=2, keepdims=True)
        lit = (c.px * 0.75 + gray * 0.25) * np.asarray(p.light.key, np.float32)
        rows = np.linspace(0.35, 0, c.h, dtype=np.float32)[:, None, None]
        lit += (np.asarray(p.light.middle, np.float32) - lit) * rows  # the sky's colour, from above
        c.px[:] += (lit - c.px) * np.float32(_STRENGTH)
        if p.light.name not in ("day", "overcast", "dusk"):
            c.shine(p.sun_x, c.h * 0.1, c.u * 0.3, p.light.sun, 0.4 * p.light.glow)
    if scene.weather == "fog":
        paint_fog(p, at=c.h * 0.55, thick=c.h * 0.4, strength=0.75)
    if scene.subject and scene.says(_ADDS):
        p.x, p.foot, p.tall = c.w * p.chance.uniform(0.35, 0.65), c.h * 0.95, c.u * 0.42
        paint_subject(p)
    paint_weather(p)
    apply_style(p)


def open_picture(content: bytes | None) -> Image.Image | None:
    """Return a picture as upright RGB, transparency on white; None for what is no picture."""
    try:
        with Image.open(io.BytesIO(content or b"")) as opened:
            image = ImageOps.exif_transpose(opened)
            if image.has_transparency_data:
                layer = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", layer.size, (255, 255, 255, 255)), layer)
            return image.convert("RGB")
    except Exception:  # noqa: BLE001 - anything may have been sent, and decoders fail in their own ways
        return None
