"""Paint a picture: read the scene, lay it down from the sky forward, finish and encode it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from PIL import Image

from .asked import picture_size
from .brush import Brush, brush_for
from .canvas import Canvas
from .cast import paint_subject
from .finish import sign, to_image, vignette
from .places import paint_place
from .scene import read_scene
from .scenery.weather import paint_fog, paint_rain, paint_snowfall
from .studio import paint_abstract, paint_portrait, paint_table
from .styles import apply_style


def draw_picture(input: Mapping[str, Any], *, index: int = 0) -> bytes:
    """Draw a PNG.

    Parameters
    ----------
    input
        The prediction's input: `prompt`, `seed` and a size.
    index
        Which variation.

    Returns
    -------
    bytes
        The PNG file: RGB, exactly as large as asked, the same for the same input and index.

    Examples
    --------
    >>> draw_picture({"prompt": "a sunset over the Sahara", "width": 128, "height": 128})[1:4]
    b'PNG'
    """
    image = render(input, picture_size(input), index=index)
    sign(image)
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1, compress_type=2)  # Huffman coding alone: fast, and as small
    return file.getvalue()


def render(input: Mapping[str, Any], size: tuple[int, int], *, index: int = 0) -> Image.Image:
    """Paint the scene of an input at a size, without the mark."""
    canvas = Canvas(*size)
    paint(brush_for(canvas, read_scene(input, index=index)))
    vignette(canvas, 0.2)
    return to_image(canvas.px)


def paint(b: Brush, *, weather: bool = True) -> None:
    """Paint a whole scene; a clip leaves the `weather` out and lets it fall frame by frame."""
    c, scene = b.canvas, b.scene
    studio = {"portrait": paint_portrait, "still": paint_table, "abstract": paint_abstract}.get(scene.place)
    if studio:
        studio(b)
    else:
        stage = paint_place(b)
        if scene.weather == "fog":
            paint_fog(b, b.horizon, c.h * 0.3, strength=0.75)
        paint_subject(b, stage)
        if weather and scene.weather == "snow" and scene.place != "space":
            paint_snowfall(b)
        if weather and scene.weather == "rain":
            paint_rain(b)
    apply_style(b)
