"""Clips: a few seconds of a scene in motion, as MP4 where PyAV is installed, as animated WebP elsewhere."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from PIL import Image

from ._params import clip_size, seconds_of


def can_encode_mp4() -> bool:
    """Tell whether PyAV is installed, without importing it."""
    return importlib.util.find_spec("av") is not None


def draw_clip(input: Mapping[str, Any], *, index: int = 0) -> tuple[bytes, str]:
    """Draw a clip.

    Parameters
    ----------
    input
        `prompt` and `seed` decide what is seen, `duration_seconds` (or `seconds`) the length, 5 s unless told
        and 30 s at most, `aspect_ratio` the shape.
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
    from ._motion import frames

    seconds = seconds_of(input, default=5.0, longest=30.0)
    if can_encode_mp4():
        rate = 24 if seconds <= 5 else 20 if seconds <= 8 else 12
        count, size = round(seconds * rate), clip_size(input)
        return _mp4(frames(input, size, count, seconds, index=index), size, rate), "video/mp4"
    count, size = max(2, min(40, round(seconds * 8))), clip_size(input, 400)
    return _webp(
        frames(input, size, count, seconds, index=index), round(seconds * 1000 / count)
    ), "image/webp"


def _mp4(pictures: Iterator[Image.Image], size: tuple[int, int], rate: int) -> bytes:
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
            frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def _webp(pictures: Iterator[Image.Image], milliseconds: int) -> bytes:
    file, first = io.BytesIO(), next(pictures)
    first.save(
        file,
        "WEBP",
        save_all=True,
        append_images=pictures,
        duration=milliseconds,
        loop=0,
        quality=70,
        method=0,
    )
    return file.getvalue()
