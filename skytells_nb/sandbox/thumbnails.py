"""Makes a small JPEG of a drawn picture, for the class's page."""

from __future__ import annotations

import io

QUALITY = 82


def shrink(content: bytes, edge: int) -> bytes:
    """Make a JPEG of a picture that is at most `edge` pixels wide and high; a smaller one is not enlarged."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        small = picture.convert("RGB")
    small.thumbnail((edge, edge))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=QUALITY, optimize=True)
    return file.getvalue()
