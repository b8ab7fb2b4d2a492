"""Clips and songs: a poster frame, the length, and a small copy to listen to, where PyAV is installed.

PyAV comes with the ``lab`` extra. Without it a clip is still played; it only has no poster.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ClipFacts", "listening_copy", "look_at"]

_MOST_PIXELS: Final = 50_000_000
_BIT_RATES: Final = (128_000, 96_000, 64_000, 48_000, 32_000)


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """What was found out about a clip or a song; None where it was not.

    Attributes
    ----------
    seconds : float or None
        Its length.
    width, height : int or None
        Of a video, in pixels.
    poster : PIL.Image.Image or None
        A frame of a video.
    """

    seconds: float | None = None
    width: int | None = None
    height: int | None = None
    poster: Image.Image | None = None


def look_at(file: BinaryIO) -> ClipFacts:
    """Find the length of a clip or a song, and the first frame of a video; never an error."""
    try:
        import av
    except ImportError:
        return ClipFacts()
    try:
        with av.open(file, metadata_errors="ignore") as container:
            return _facts(container)
    except Exception:  # noqa: BLE001 - whatever a decoder trips over, the player can still be tried
        return ClipFacts()


def _facts(container: Any) -> ClipFacts:
    seconds = container.duration / 1e6 if container.duration else None
    videos = container.streams.video
    if not videos:
        return ClipFacts(seconds)
    width, height = videos[0].width, videos[0].height
    if not width or not height or width * height > _MOST_PIXELS:
        return ClipFacts(seconds, width or None, height or None)
    frame = next(iter(container.decode(videos[0])), None)
    poster = None if frame is None else frame.to_image()
    return ClipFacts(seconds, width, height, poster)


def listening_copy(file: BinaryIO, seconds: float | None, limit: int) -> bytes | None:
    """Make an MP3 of a song in at most so many bytes; None where that cannot be done.

    Parameters
    ----------
    file : binary file
        The song.
    seconds : float, optional
        Its length; without it nothing is tried.
    limit : int
        Bytes the copy may take.
    """
    if not seconds:
        return None
    rates = [rate for rate in _BIT_RATES if rate / 8 * seconds * 1.05 + 2_000 <= limit]
    if not rates:
        return None
    try:
        made = _as_mp3(file, rates[0])
    except Exception:  # noqa: BLE001 - no PyAV, no encoder, a damaged file: the path is shown instead
        return None
    return made if len(made) <= limit else None


def _as_mp3(file: BinaryIO, bit_rate: int) -> bytes:
    import av

    made = io.BytesIO()
    source: Any
    with av.open(file) as source, av.open(made, "w", format="mp3") as target:
        rate = 44_100 if bit_rate >= 64_000 else 22_050
        stream: Any = target.add_stream("mp3", rate=rate, layout="mono" if bit_rate < 96_000 else "stereo")
        stream.bit_rate = bit_rate
        resampler = av.AudioResampler(format=stream.format, layout=stream.layout, rate=rate)
        for frame in source.decode(source.streams.audio[0]):
            for part in resampler.resample(frame):
                target.mux(stream.encode(part))
        for part in resampler.resample(None):
            target.mux(stream.encode(part))
        target.mux(stream.encode(None))
    return made.getvalue()
