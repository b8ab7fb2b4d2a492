"""Pictures to look at: smooth, grainy, and as hard to encode as anything can be."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image


def encoded(image: Image.Image, format: str = "PNG", **settings: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **settings)
    return file.getvalue()


def photograph(seed: int = 0, size: tuple[int, int] = (1024, 1024)) -> Image.Image:
    """A picture as hard to encode as photographs get: light and shade under coarse grain."""
    coarse = Image.effect_noise((size[0] // 2, size[1] // 2), 60).resize(size)
    slope = Image.linear_gradient("L").resize(size).rotate(90 * (seed % 4))
    light = Image.radial_gradient("L").resize(size)
    plain = Image.merge("RGB", (slope, light, slope.transpose(Image.Transpose.FLIP_LEFT_RIGHT)))
    return Image.blend(
        plain, Image.merge("RGB", (coarse, coarse.transpose(Image.Transpose.ROTATE_180), coarse)), 0.2
    )


def noise(size: tuple[int, int] = (512, 512)) -> Image.Image:
    """The hardest picture of all: nothing in it repeats."""
    return Image.merge("RGB", [Image.effect_noise(size, 120) for _ in range(3)])


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
