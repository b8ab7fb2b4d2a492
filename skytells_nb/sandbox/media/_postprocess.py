"""The last steps of every picture: its style, grading, vignette, the sandbox's mark, and rounding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from ._canvas import Canvas, Plane, blur, clouds, enlarge
from ._data import RGB
from ._painting import Painting

MARK = "sandbox"
_PAPER: RGB = (248, 244, 234)
_PENCIL: RGB = (52, 54, 66)
_GRAY = np.array([0.3, 0.59, 0.11], np.float32)


def apply_style(p: Painting) -> None:
    """Turn the canvas into what the prompt's style words ask for, if they ask for anything."""
    if p.scene.style == "mono":
        tone = np.clip((p.canvas.px @ _GRAY / 255 - 0.5) * 1.18 + 0.5, 0, 1)[:, :, None] * 255
        p.canvas.px[:] = tone * np.array([1.0, 0.985, 0.955], np.float32)
    elif p.scene.style == "sketch":
        _sketch(p.canvas, p.rng)


def _sketch(c: Canvas, rng: np.random.Generator) -> None:
    """Leave pencil lines where tones meet, hatching where it is dark, and a thin wash of colour."""
    gray = np.clip(c.px @ _GRAY, 0, 255)
    soft = np.asarray(blur(Image.fromarray(gray.astype(np.uint8)), max(1.2, c.u * 0.0028)), np.float32)
    lines = np.clip((np.abs(soft - gray) - 1.2) / 13, 0, 1)
    rows, cols = np.arange(c.h, dtype=np.float32)[:, None], np.arange(c.w, dtype=np.float32)[None, :]
    wobble = clouds(rng, c.w, c.h, 6, octaves=2) * np.float32(c.u * 0.05)
    pitch = np.float32(c.u / 150)
    hatch = np.clip(np.sin((rows + cols + wobble) / pitch * 2) - 0.2, 0, 1)
    cross = np.clip(np.sin((rows - cols * 0.8 + wobble) / pitch * 2) - 0.2, 0, 1)
    dark = 1 - gray / 255
    strokes = hatch * np.clip((dark - 0.3) * 1.5, 0, 0.6) + cross * np.clip((dark - 0.6) * 1.6, 0, 0.5)
    tooth = 0.72 + 0.28 * rng.random((c.h, c.w), dtype=np.float32)
    ink = np.clip(lines * 0.95 + np.clip(strokes, 0, 1) * 0.75, 0, 1) * tooth
    edge = np.minimum(np.minimum(cols, c.w - 1 - cols), np.minimum(rows, c.h - 1 - rows))
    inside = np.clip(((edge + wobble * 0.6) / c.u - 0.05) * 22, 0, 1)
    paper, pencil = np.asarray(_PAPER, np.float32), np.asarray(_PENCIL, np.float32)
    wash = paper + (c.px - paper) * (0.34 * inside)[:, :, None]
    c.px[:] = wash + (pencil - wash) * (ink * inside)[:, :, None]


def vignette(c: Canvas, strength: float) -> None:
    """Darken the corners a little."""
    xs = (np.arange(0, c.w + 16, 16, dtype=np.float32) / c.w - 0.5) * 2
    ys = (np.arange(0, c.h + 16, 16, dtype=np.float32) / c.h - 0.5) * 2
    far = np.clip((xs[None, :] ** 2 + ys[:, None] ** 2) * 0.5, 0, 1) ** 1.5
    shade = enlarge(1 - strength * far, c.w, c.h, 16)
    for channel in range(3):
        c.px[:, :, channel] *= shade


def to_image(px: Plane) -> Image.Image:
    """Round to eight bits, dithered, so that a slow gradient shows no steps."""
    tall, wide = px.shape[:2]
    tile = np.zeros((1, 1), np.float32)
    for _ in range(3):  # the 8 by 8 thresholds of an ordered dither, evenly spread
        tile = np.block([[4 * tile, 4 * tile + 2], [4 * tile + 3, 4 * tile + 1]])
    dither = np.tile((tile + np.float32(0.5)) / 64, (8, wide // 8 + 1))[:, :wide, None]
    out = np.empty((tall, wide, 3), np.uint8)
    for top in range(0, tall, 64):
        band = px[top : top + 64]
        out[top : top + 64] = np.clip(band + dither[: len(band)], 0, 255)
    return Image.fromarray(out)


def grade(
    image: Image.Image, size: tuple[int, int], look: Mapping[str, Any], rng: np.random.Generator
) -> Image.Image:
    """Return the picture as a model of this look in ``data/models.toml`` makes it, enlarged to `size`."""
    side = min(size)
    if not look:
        return image
    if "smooth" in look:
        image = image.filter(ImageFilter.MedianFilter(3))
    if "colors" in look:
        few = image.quantize(look["colors"], Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        image = few.convert("RGB")
    if image.size != size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    if "glow" in look:
        bright = image.reduce(4).point(lambda level: max(0, level - 120) * look["glow"])
        spill = bright.filter(ImageFilter.GaussianBlur(side / 120)).resize(size, Image.Resampling.BILINEAR)
        image = ImageChops.screen(image, spill)
    if "sharpen" in look:
        soft = image.reduce(2).resize(size, Image.Resampling.BILINEAR)
        image = Image.blend(soft, image, 1 + look["sharpen"])
    color, contrast, warm = look.get("saturation", 1.0), look.get("contrast", 1.0), look.get("warmth", 0.0)
    rows = []
    for channel, tone in enumerate((1 + warm, 1.0, 1 - warm)):
        mixed = (1 - color) * _GRAY + color * np.eye(3)[channel]
        rows += [*(contrast * tone * mixed).tolist(), 128 * (1 - contrast)]
    image = image.convert("RGB", tuple(rows))
    for kind in {"grain", "paper"} & look.keys():
        noise = 128 + rng.normal(0, look[kind], (256, 256))
        tile = Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))
        if kind == "paper":
            tile = tile.resize((768, 768), Image.Resampling.BICUBIC)
        whole = np.tile(np.asarray(tile), (size[1] // tile.height + 1, size[0] // tile.width + 1))
        sheet = Image.fromarray(np.ascontiguousarray(whole[: size[1], : size[0]]))
        image = ImageChops.add(image, sheet.convert("RGB"), offset=-128)
    return image


def sign(image: Image.Image, mark: str = MARK) -> None:
    """Write the sandbox's mark into the lower right corner, in place."""
    side = min(image.size)
    font = ImageFont.load_default(max(9, round(side * 0.021)))
    left, top, right, bottom = font.getbbox(mark)
    pad = max(3, round(side * 0.008))
    x1, y1 = image.width - 2 * pad, image.height - 2 * pad
    x0, y0 = max(0, x1 - (right - left) - 2 * pad), max(0, y1 - (bottom - top) - 2 * pad)
    plate = Image.new("L", (int(x1 - x0) + 1, int(y1 - y0) + 1), 0)
    corners = (0, 0, plate.width - 1, plate.height - 1)
    ImageDraw.Draw(plate).rounded_rectangle(corners, radius=plate.height // 3, fill=92)
    image.paste((16, 18, 26), (int(x0), int(y0)), plate)
    ImageDraw.Draw(image).text((x0 + pad - left, y0 + pad - top), mark, font=font, fill=(246, 246, 250))
