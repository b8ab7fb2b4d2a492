"""The last steps of every picture: grading, vignette, the sandbox's mark, and rounding without banding."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .canvas import Canvas, enlarge
from .noise import Plane, speckle

MARK = "sandbox"


def vignette(c: Canvas, strength: float) -> None:
    """Darken the corners a little."""
    step = 16
    xs = (np.arange(0, c.w + step, step, dtype=np.float32) / c.w - 0.5) * 2
    ys = (np.arange(0, c.h + step, step, dtype=np.float32) / c.h - 0.5) * 2
    far = np.clip((xs[None, :] ** 2 + ys[:, None] ** 2) * 0.5, 0, 1) ** 1.5
    shade = enlarge(1 - strength * far, c.w, c.h, step)
    for channel in range(3):
        c.px[:, :, channel] *= shade


def to_image(px: Plane) -> Image.Image:
    """Round to eight bits, dithered, so that a slow gradient shows no steps."""
    tall, wide = px.shape[:2]
    tile = np.tile(speckle(), (8, wide // 8 + 1))[:, :wide, None]
    out = np.empty((tall, wide, 3), np.uint8)
    for top in range(0, tall, 64):
        band = px[top : top + 64]
        out[top : top + 64] = np.clip(band + tile[: len(band)], 0, 255)
    return Image.fromarray(out)


def sign(image: Image.Image) -> None:
    """Write the sandbox's mark into the lower right corner, in place."""
    side = min(image.size)
    font = ImageFont.load_default(max(9, round(side * 0.021)))
    left, top, right, bottom = font.getbbox(MARK)
    pad = max(3, round(side * 0.008))
    x1, y1 = image.width - 2 * pad, image.height - 2 * pad
    x0, y0 = x1 - (right - left) - 2 * pad, y1 - (bottom - top) - 2 * pad
    plate = (
        Image.new("L", image.size, 0)
        if side < 96
        else Image.new("L", (int(x1 - x0) + 1, int(y1 - y0) + 1), 0)
    )
    if side < 96:
        x0, y0 = max(0, x0), max(0, y0)
        plate = Image.new("L", (int(x1 - x0) + 1, int(y1 - y0) + 1), 0)
    ImageDraw.Draw(plate).rounded_rectangle(
        (0, 0, plate.width - 1, plate.height - 1), radius=plate.height // 3, fill=92
    )
    image.paste((16, 18, 26), (int(x0), int(y0)), plate)
    ImageDraw.Draw(image).text((x0 + pad - left, y0 + pad - top), MARK, font=font, fill=(246, 246, 250))
