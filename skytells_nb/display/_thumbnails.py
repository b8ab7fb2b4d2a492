"""Thumbnails: small pictures in few bytes, made once and kept; and posters of clips, and copies of songs.

WebP at quality 80, JPEG where Pillow was built without WebP; the same bytes out for the same bytes in. What
is transparent stands on a checkerboard, which can be told from the picture on light pages and on dark ones.

Making them is what a gallery's time goes into (some 10 ms for a megapixel). They are kept in memory, and
those of an archive's files also in its folder ``.thumbnails``, so that a notebook that is run again finds
them there. Anything in that folder can be deleted.

A poster and the length of a clip, and a small copy of a song to listen to, are PyAV's, which comes with the
``lab`` extra. Without it both are played all the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar

from .._storage import replacing
from ..archive import INDEX, THUMBNAILS
from ..pictures import Picture, decode, flatten

if TYPE_CHECKING:
    from PIL import Image

QUALITY: Final = 80
_LOWER_QUALITY: Final = 60
_SAVED_BY_LOWER_QUALITY: Final = 0.65
_SMALLEST_SIDE: Final = 48
_LIGHT, _DARK = 255, 221
_VERSION: Final = 1
_FACTS: Final = ("mime", "width", "height", "animated")
_MIMES: Final = ("image/webp", "image/jpeg", "image/png", "audio/mpeg")
_MOST_IN_MEMORY: Final = 32_000_000
_MOST_PIXELS: Final = 50_000_000
_BIT_RATES: Final = (128_000, 96_000, 64_000, 48_000, 32_000, 24_000, 16_000)
_PLAIN_RATE: Final = 32_000
_FADED: Final = 20  # of 255: below it a frame's mean is taken for a fade from black
_PLACES: Final = (0.1, 0.3, 0.5, 0.8)  # where to look when the first frame is dark
_ATTACHED_PICTURE: Final = 0x400  # FFmpeg's AV_DISPOSITION_ATTACHED_PIC
_MOST_FRAMES: Final = 60  # decoded after a seek, which lands on the key frame before


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """An encoded picture, with the original's size in pixels, and whether that is an animation."""

    data: bytes
    mime: str
    width: int
    height: int
    animated: bool = False


def make_thumbnail(
    source: bytes | BinaryIO | Picture, side: int = 512, limit: int | None = None, *, webp: bool | None = None
) -> Thumbnail:
    """Make a thumbnail of a picture, of at most so many pixels a side and so many bytes.

    Raises `PictureError` for anything that is no picture, is damaged, or is too large to decode.
    """
    picture = source if isinstance(source, Picture) else decode(source, side)
    image = on_checkerboard(picture.image)
    data, mime = encode_within(image, limit, webp=webp)
    return Thumbnail(data, mime, picture.width, picture.height, picture.animated)


def on_checkerboard(image: Image.Image) -> Image.Image:
    """Put a picture with transparency on a light checkerboard of 8 by 8 pixels."""
    if image.mode != "RGBA":
        return image
    import numpy as np
    from PIL import Image

    rows, columns = np.ogrid[: image.height, : image.width]
    levels = np.where((rows // 8 + columns // 8) % 2, _DARK, _LIGHT).astype(np.uint8)
    ground = Image.fromarray(levels).convert("RGB")
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def encode_within(
    image: Image.Image, limit: int | None = None, *, webp: bool | None = None
) -> tuple[bytes, str]:
    """Encode a small picture in at most so many bytes: lower quality first, then fewer pixels."""
    data, mime = _encoded(image, QUALITY, webp)
    quality, side = QUALITY, max(image.size)
    while limit is not None and len(data) > limit and side > _SMALLEST_SIDE:
        ratio = limit / len(data)
        if quality != _LOWER_QUALITY:
            quality, ratio = _LOWER_QUALITY, ratio / _SAVED_BY_LOWER_QUALITY
        if ratio < 1:
            side = max(_SMALLEST_SIDE, int(side * ratio**0.5 * 0.97))
        smaller = image.copy()
        smaller.thumbnail((side, side))
        data, mime = _encoded(smaller, quality, webp)
    return data, mime


def _encoded(image: Image.Image, quality: int, webp: bool | None) -> tuple[bytes, str]:
    from PIL import features

    file = io.BytesIO()
    if features.check("webp") if webp is None else webp:
        # Slower methods save a fifteenth of the bytes at 512 pixels, for twice the time of a first gallery.
        image.save(file, "WEBP", quality=quality, method=2)
        return file.getvalue(), "image/webp"
    flatten(image).save(file, "JPEG", quality=quality, optimize=True)
    return file.getvalue(), "image/jpeg"


Made = TypeVar("Made", bound=Thumbnail | None)


class ThumbnailCache:
    """Thumbnails that were made before, by file, size and time of change, side and limit.

    A file that was changed has another key. What cannot be read or written is made anew: a cache must not
    fail a cell.
    """

    def __init__(self, most: int = _MOST_IN_MEMORY) -> None:
        self._most = most
        self._bytes = 0
        self._kept: OrderedDict[str, Thumbnail] = OrderedDict()
        self._lock = threading.Lock()

    def key(self, path: Path | None, *details: object) -> str | None:
        """Return the key of a file as it is now; None for one that is in memory or has gone."""
        if path is None:
            return None
        try:
            found = path.stat()
        except OSError:
            return None
        return json.dumps([str(path.absolute()), found.st_size, found.st_mtime_ns, *details])

    def get(self, key: str | None, path: Path | None = None) -> Thumbnail | None:
        """Return what was kept, from memory or from the archive that a path lies in."""
        if key is None:
            return None
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        place = self._place(key, path)
        found = None if place is None else _read(place)
        if found is not None:
            self._remember(key, found)
        return found

    def put(self, key: str | None, thumbnail: Thumbnail, path: Path | None = None) -> None:
        """Keep a thumbnail; those of an archive's files beside them, too."""
        if key is None:
            return
        self._remember(key, thumbnail)
        place = self._place(key, path)
        if place is not None:
            with contextlib.suppress(OSError):  # a folder that is read-only, or full
                _write(place, thumbnail)

    def find(self, path: Path | None, *details: object, make: Callable[[], Made]) -> Thumbnail | Made:
        """Return what was kept of a file, or make it, and keep that."""
        key = self.key(path, *details)
        found = self.get(key, path)
        if found is not None:
            return found
        made = make()
        if made is not None:
            self.put(key, made, path)
        return made

    def _remember(self, key: str, thumbnail: Thumbnail) -> None:
        with self._lock:
            old = self._kept.pop(key, None)
            self._kept[key] = thumbnail
            self._bytes += len(thumbnail.data) - (0 if old is None else len(old.data))
            while self._bytes > self._most and len(self._kept) > 1:
                self._bytes -= len(self._kept.popitem(last=False)[1].data)

    def _place(self, key: str, path: Path | None) -> Path | None:
        """Find where a thumbnail stands on disk: ``.thumbnails/<day>/<name of its file>.<digest>``."""
        if path is None:
            return None
        whole = path.absolute()
        for root in list(whole.parents)[:3]:
            if (root / INDEX).is_file():  # what an archive's folder is known by
                _, *details = json.loads(key)  # the archive may be moved, and its thumbnails with it
                digest = hashlib.sha256(json.dumps([_VERSION, *details]).encode()).hexdigest()[:20]
                return root / THUMBNAILS / whole.relative_to(root).parent / f"{whole.name}.{digest}"
        return None


CACHE: Final = ThumbnailCache()


def _read(place: Path) -> Thumbnail | None:
    try:
        head, _, data = place.read_bytes().partition(b"\n")
        facts: dict[str, Any] = json.loads(head)
        whole = len(data) == facts["size"] and facts["mime"] in _MIMES
        return Thumbnail(data, **{name: facts[name] for name in _FACTS}) if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(place: Path, thumbnail: Thumbnail) -> None:
    """Write one line of JSON and the picture, under a temporary name first."""
    facts = {name: getattr(thumbnail, name) for name in _FACTS} | {"size": len(thumbnail.data)}
    place.parent.mkdir(parents=True, exist_ok=True)
    with replacing(place) as temporary:
        temporary.write_bytes(json.dumps(facts).encode() + b"\n" + thumbnail.data)


# Clips and songs


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
        # PyAV 19 bears any metadata, and has no word for it any more
        tolerant: Any = {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "ignore"}
        container: Any
        with av.open(file, **tolerant) as container:
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
        if brightness >= _FADED:
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
