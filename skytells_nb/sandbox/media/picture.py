"""Paint a picture: read the scene, lay it down from the sky forward, finish and encode it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from PIL import Image

from .asked import picture_size
from .brush import Brush, brush_for
from .canvas import Canvas
from .finish import sign, to_image, vignette
from .scene import read_scene
from .scenery.land import paint_ridge
from .scenery.sky import paint_sky


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
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def render(input: Mapping[str, Any], size: tuple[int, int], *, index: int = 0) -> Image.Image:
    """Paint the scene of an input at a size, without the mark."""
    canvas = Canvas(*size)
    paint(brush_for(canvas, read_scene(input, index=index)))
    return to_image(canvas.px)


def paint(b: Brush) -> None:
    """Paint a whole scene."""
    c = b.canvas
    paint_sky(b)
    ground = (
        (236, 241, 248)
        if b.scene.snowy
        else {"desert": (226, 170, 104), "sea": (40, 120, 150)}.get(b.scene.place, (84, 140, 80))
    )
    for step in range(5):
        far = 0.8 - step * 0.2
        paint_ridge(b, b.horizon + c.h * 0.1 * step, c.u * 0.06, ground, far=far, waves=2 + step)
    vignette(c, 0.16)
