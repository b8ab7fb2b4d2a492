"""Clips: a few seconds of a scene in motion, as MP4 where PyAV is installed, as animated WebP elsewhere."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from PIL import Image

from .asked import clip_size, seconds_of
from .finish import sign
from .picture import render


def can_encode_mp4() -> bool:
    """Tell whether PyAV is installed, without importing it."""
    return importlib.util.find_spec("av") is not None


def draw_clip(input: Mapping[str, Any], *, index: int = 0) -> tuple[bytes, str]:
    """Draw a clip.

    Parameters
    ----------
    input
        `prompt` and `seed` decide what is seen, `duration_seconds` (or `seconds`) the length, 5 s unless told and
        30 s at most, `aspect_ratio` the shape.
    index
        Which variation.

    Returns
    -------
    tuple of (bytes, str)
        The file and its MIME type. The frames are the same each time; the bytes may differ between encoders.

    Examples
    --------
    >>> content, mime = draw_clip({"prompt": "waves", "duration_seconds": 1})
    >>> mime in ("video/mp4", "image/webp")
    True
    """
    seconds = seconds_of(input, default=5.0, longest=30.0)
    if can_encode_mp4():
        rate = 24 if seconds <= 10 else 15
        return _mp4(
            frames(input, clip_size(input), round(seconds * rate), index=index), clip_size(input), rate
        ), "video/mp4"
    size = clip_size(input, 360)
    count = max(2, min(48, round(seconds * 8)))
    return _webp(frames(input, size, count, index=index), round(seconds * 1000 / count)), "image/webp"


def frames(
    input: Mapping[str, Any], size: tuple[int, int], count: int, *, index: int = 0
) -> Iterator[Image.Image]:
    """Yield the clip's frames."""
    wide, tall = size
    still = render(input, (wide + wide // 8, tall), index=index)
    for n in range(count):
        x = round((still.width - wide) * n / max(1, count - 1))
        frame = still.crop((x, 0, x + wide, tall))
        sign(frame)
        yield frame


def _mp4(pictures: Iterator[Image.Image], size: tuple[int, int], rate: int) -> bytes:
    import av

    file = io.BytesIO()
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream(codec, rate=Fraction(rate))
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = (
            {"preset": "veryfast", "crf": "23", "threads": "1"} if codec == "libx264" else {"qscale": "4"}
        )
        for picture in pictures:
            out.mux(stream.encode(av.VideoFrame.from_image(picture)))
        out.mux(stream.encode(None))
    return file.getvalue()


def _webp(pictures: Iterator[Image.Image], milliseconds: int) -> bytes:
    file = io.BytesIO()
    first = next(pictures)
    first.save(
        file,
        "WEBP",
        save_all=True,
        append_images=pictures,
        duration=milliseconds,
        loop=0,
        quality=72,
        method=0,
    )
    return file.getvalue()
