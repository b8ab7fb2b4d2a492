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
    """Return whether PyAV is installed, without importing it."""
    return importlib.util.find_spec("av") is not None


def draw_clip(input: Mapping[str, Any], *, index: int = 0, picture: bytes | None = None) -> tuple[bytes, str]:
    """Return a clip and its MIME type, 5 s long unless asked otherwise and 30 s at most.

    The frames are the same each time; the bytes may differ between encoders.
    """
    from ._motion import frames

    seconds = seconds_of(input, default=5.0, longest=30.0)
    mp4 = can_encode_mp4()
    rate = 8 if not mp4 else 24 if seconds <= 5 else 20 if seconds <= 8 else 12
    count = round(seconds * rate) if mp4 else max(2, min(40, round(seconds * rate)))
    size = clip_size(input) if mp4 else clip_size(input, 400)
    pictures = frames(input, size, count, seconds, index=index, picture=picture)
    if mp4:
        return _mp4(pictures, size, rate), "video/mp4"
    file, first = io.BytesIO(), next(pictures)
    options = {"duration": round(seconds * 1000 / count), "loop": 0, "quality": 70, "method": 0}
    first.save(file, "WEBP", save_all=True, append_images=pictures, **options)
    return file.getvalue(), "image/webp"


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
