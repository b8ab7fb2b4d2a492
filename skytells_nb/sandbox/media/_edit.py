"""What is done with an input picture: enlarged, edited by the words of a prompt, or set in motion."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from ._painting import Painting
from ._postprocess import apply_style
from ._sky import paint_fog, paint_weather
from ._subjects import paint_subject

_ADDS = r"add|adding|with|put|place|insert|include|and an?|next to|in front of"
_STRENGTH = 0.75  # how far an edit goes towards the light that the prompt names


def open_picture(content: bytes | None) -> Image.Image | None:
    """Return a picture as upright RGB, transparency on white; None for what is no picture."""
    if not content:
        return None
    try:
        with Image.open(io.BytesIO(content)) as opened:
            image = ImageOps.exif_transpose(opened)
            if image.has_transparency_data:
                layer = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", layer.size, (255, 255, 255, 255)), layer)
            return image.convert("RGB")
    except Exception:  # noqa: BLE001 - anything may have been sent, and decoders fail in their own ways
        return None


def enlarge(image: Image.Image, size: tuple[int, int], sharpness: float) -> Image.Image:
    """Return the picture in its own shape, as large as fits into `size`; `sharpness` is 0 to 1."""
    large = ImageOps.contain(image, size, Image.Resampling.LANCZOS)
    percent = round(120 * min(1.0, max(0.0, sharpness)))
    return large.filter(ImageFilter.UnsharpMask(max(1.0, large.width / 600), percent)) if percent else large


def repaint(p: Painting, image: Image.Image) -> None:
    """Paint an edit of a picture: its layout and its colours, in the light, weather and style of the prompt.

    A subject is added only when the prompt says so ("with a fox"); the picture may well show it already.
    """
    c, scene = p.canvas, p.scene
    c.px[:] = np.asarray(ImageOps.fit(image, (c.w, c.h), Image.Resampling.LANCZOS), np.float32)
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
