"""Clips and songs: a poster frame, the length, and a small copy to listen to, where PyAV is installed.

PyAV comes with the ``lab`` extra. Without it a clip is still played; it only has no poster.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    from PIL import Image

_MOST_PIXELS: Final = 50_000_000
_BIT_RATES: Final = (128_000, 96_000, 64_000, 48_000, 32_000, 24_000, 16_000)
_PLAIN_RATE: Final = 32_000
_DARK: Final = 20  # of 255: below it a frame's mean is taken for a fade from black
_PLACES: Final = (0.1, 0.3, 0.5, 0.8)  # where to look when the first frame is dark
_ATTACHED_PICTURE: Final = 0x400  # FFmpeg's AV_DISPOSITION_ATTACHED_PIC
_MOST_FRAMES: Final = 60  # decoded after a seek, which lands on the key frame before


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What is known of a clip or a song; None where it is not."""

    seconds: float | None = None
    width: int | None = None  # of a video as it is played: upright, with square pixels
    height: int | None = None
    poster: Image.Image | None = None
    is_song: bool = False  # sound and no moving pictures, whatever the container; a cover does not move


def probe(file: BinaryIO) -> MediaInfo:
    """Find out the length of a clip or a song, and a poster for a video; never an error."""
    try:
        import av
    except ImportError:
        return MediaInfo()
    try:
        with av.open(file, metadata_errors="ignore") as container:
            return _probe(container)
    except Exception:  # noqa: BLE001 - whatever a decoder trips over, the player can still be tried
        return MediaInfo()


def _probe(container: Any) -> MediaInfo:
    seconds = container.duration / 1e6 if container.duration else None
    flags = ((stream, getattr(stream, "disposition", 0) or 0) for stream in container.streams.video)
    # a cover is no video; its mark is a plain Flag before PyAV 18
    moving = (it for it, flag in flags if not int(getattr(flag, "value", flag)) & _ATTACHED_PICTURE)
    video = next(moving, None)
    if video is None:
        return MediaInfo(seconds, is_song=bool(container.streams.audio))
    width, height = video.width, video.height
    if not width or not height or width * height > _MOST_PIXELS:
        return MediaInfo(seconds, width or None, height or None)
    from PIL import ImageStat

    best: tuple[float, Any] | None = None
    for frame in _candidates(container, video, seconds):
        brightness = ImageStat.Stat(frame.to_image(width=32, height=32).convert("L")).mean[0]
        if best is None or brightness > best[0]:
            best = (brightness, frame)
        if brightness >= _DARK:
            break
    if best is None:
        return MediaInfo(seconds, width, height)
    poster = _upright(best[1], float(video.sample_aspect_ratio or 1))
    return MediaInfo(seconds, poster.width, poster.height, poster)


def _candidates(container: Any, video: Any, seconds: float | None) -> Iterator[Any]:
    """Decode the first frame; then, if that is not wanted, frames further in."""
    first = next(iter(container.decode(video)), None)
    if first is None:
        return
    yield first
    for place in _PLACES if seconds else ():
        target = (seconds or 0) * place
        container.seek(int(target * 1e6))
        found = None
        for number, frame in enumerate(container.decode(video)):
            found = frame
            if number >= _MOST_FRAMES or (frame.time is not None and frame.time >= target):
                break
        if found is not None:
            yield found


def _upright(frame: Any, pixel_ratio: float) -> Image.Image:
    """Turn a frame as its clip says, and stretch it where its pixels are not square."""
    from PIL import Image

    image: Image.Image = frame.to_image()
    if 0.2 < pixel_ratio < 5 and abs(pixel_ratio - 1) > 0.01:
        image = image.resize((max(1, round(image.width * pixel_ratio)), image.height))
    turn = {
        90: Image.Transpose.ROTATE_90,
        180: Image.Transpose.ROTATE_180,
        270: Image.Transpose.ROTATE_270,
    }.get(round(getattr(frame, "rotation", 0)) % 360)
    return image if turn is None else image.transpose(turn)


def listening_copy(file: BinaryIO, seconds: float | None, limit: int, *, at_most: int = 0) -> bytes | None:
    """Make an MP3 of a song in so many bytes, or ``at_most`` where it would else sound poor.

    None where that cannot be done; without the song's length nothing is tried.
    """
    if not seconds:
        return None
    sizes = {rate: rate / 8 * seconds * 1.05 + 2_000 for rate in _BIT_RATES}
    rate = next((rate for rate, size in sizes.items() if size <= limit and rate >= _PLAIN_RATE), None)
    if rate is None:
        # A song of minutes is worth more of the cell than its usual share, but not for more than plain sound.
        most = max(limit, at_most)
        rate = next((rate for rate, size in sizes.items() if size <= most and rate <= _PLAIN_RATE), None)
    if rate is None:
        return None
    try:
        made = _as_mp3(file, rate)
    except Exception:  # noqa: BLE001 - no PyAV, no encoder, a damaged file: the path is shown instead
        return None
    return made if len(made) <= max(limit, at_most) else None


def _as_mp3(file: BinaryIO, bit_rate: int) -> bytes:
    import av

    made = io.BytesIO()
    source: Any
    with av.open(file) as source, av.open(made, "w", format="mp3") as target:
        rate = 44_100 if bit_rate >= 64_000 else 22_050 if bit_rate >= 32_000 else 16_000
        stream: Any = target.add_stream("mp3", rate=rate, layout="mono" if bit_rate < 96_000 else "stereo")
        stream.bit_rate = bit_rate
        stream.options = {"compression_level": "7"}  # half the time of the default, at the same size
        resampler = av.AudioResampler(format=stream.format, layout=stream.layout, rate=rate)
        for frame in source.decode(source.streams.audio[0]):
            for part in resampler.resample(frame):
                target.mux(stream.encode(part))
        for part in resampler.resample(None):
            target.mux(stream.encode(part))
        target.mux(stream.encode(None))
    return made.getvalue()
