"""Bytes to thumbnail: pure functions of Pillow, the same bytes out for the same bytes in.

WebP at quality 80, JPEG where Pillow was built without WebP. Decoding is bounded: JPEGs are decoded at
reduced scale (``Image.draft``), and a picture with more pixels than ``Image.MAX_IMAGE_PIXELS`` is refused by
its header.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, TypeVar

from .sniffing import HEAD, kind_of

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["PictureRefused", "Reduced", "Thumbnail", "encode", "encode_within", "reduce", "thumbnail"]

T = TypeVar("T")

QUALITY: Final = 80
_LOWER_QUALITY: Final = 60
_SAVED_BY_LOWER_QUALITY: Final = 0.65
_SMALLEST_SIDE: Final = 48
_MANY: Final = 320


class PictureRefused(ValueError):
    """These bytes are not drawn.

    Attributes
    ----------
    title, detail : str
        What is so, in a few words; and why.
    """

    def __init__(self, title: str, detail: str) -> None:
        super().__init__(f"{title}: {detail}")
        self.title = title
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Reduced:
    """A decoded picture, already small.

    Attributes
    ----------
    image : PIL.Image.Image
        RGB or RGBA, upright, no longer than the side that was asked for.
    width, height : int
        Of the original, upright, in pixels.
    frames : int
        More than one in an animation, of which ``image`` is the first.
    """

    image: Image.Image
    width: int
    height: int
    frames: int


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """An encoded picture: its bytes, MIME type and size in pixels."""

    data: bytes
    mime: str
    width: int
    height: int


def thumbnail(
    content: bytes, side: int = 512, *, limit: int | None = None, webp: bool | None = None
) -> Thumbnail:
    """Make a thumbnail of a picture.

    Parameters
    ----------
    content : bytes
        A PNG, JPEG, WebP, GIF, AVIF, BMP or TIFF file.
    side : int
        Longest side, in pixels; a smaller picture is not enlarged.
    limit : int, optional
        Bytes the result may take; where it would take more, quality and then size are lowered.
    webp : bool, optional
        WebP or JPEG; None takes WebP where Pillow has it.

    Raises
    ------
    PictureRefused
        When it is no picture, is damaged, or has more pixels than Pillow's limit.

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> from skytells_nb.display.thumbnails import thumbnail
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (1024, 768), "teal").save(file, "PNG")
    >>> small = thumbnail(file.getvalue(), 256)
    >>> small.width, small.height
    (256, 192)
    """
    return encode_within(reduce(io.BytesIO(content), side).image, limit, webp=webp)


def reduce(file: BinaryIO, side: int) -> Reduced:
    """Decode a picture to at most so many pixels a side, upright.

    Raises
    ------
    PictureRefused
        When it is no picture, is damaged, or has more pixels than Pillow's limit.
    """
    kind = kind_of(file.read(HEAD))
    if kind.family != "image":
        raise PictureRefused("Not a picture", f"the file holds {kind.name}.")
    file.seek(0)
    return guarded(lambda: _reduce(file, kind.name, side))


def guarded(work: Callable[[], T]) -> T:
    """Do something with a picture, and refuse the picture whatever a decoder trips over."""
    from PIL import Image

    try:
        return work()
    except PictureRefused:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureRefused("Too large to draw", "it has more pixels than Pillow's limit allows.") from None
    except MemoryError:
        raise PictureRefused("Too large to draw", "there is not enough memory for it.") from None
    except Exception as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise PictureRefused("Damaged picture", f"it cannot be decoded ({reason}).") from error


def open_checked(file: BinaryIO, format: str) -> Image.Image:
    """Open one format, reading the header only, and refuse what is over Pillow's limit."""
    from PIL import Image

    Image.init()
    if format not in Image.OPEN:
        raise PictureRefused("Not drawn", f"this Pillow cannot read {format}.")
    # Image.open would warn between once and twice the limit; the factory lets the limit be one line.
    image = Image.OPEN[format][0](file, "")
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise PictureRefused(
            "Too large to draw",
            f"it is {image.width:,} × {image.height:,} pixels; Pillow's limit is {limit / 1e6:.0f} million.",
        )
    return image


def _reduce(file: BinaryIO, format: str, side: int) -> Reduced:
    from PIL import ImageOps

    image: Image.Image = open_checked(file, format)
    frames = getattr(image, "n_frames", 1)
    width, height = image.size
    if image.mode not in ("RGB", "RGBA", "L", "LA", "CMYK", "YCbCr"):
        image = _in_colour(image)  # palettes, bitmaps and deep greys do not resize well as they are
    image.thumbnail((side, side), reducing_gap=2.0)
    image.load()
    try:
        upright = ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - damaged EXIF is no reason to show nothing
        upright = image
    if (upright.width > upright.height) != (image.width > image.height):
        width, height = height, width
    return Reduced(_in_colour(upright), width, height, frames)


def _in_colour(image: Image.Image) -> Image.Image:
    if image.mode in ("RGB", "RGBA"):
        return image
    if image.mode == "F" or image.mode.startswith("I"):
        low, high = image.getextrema()
        span = max(float(high) - float(low), 1e-9)  # type: ignore[arg-type]
        image = image.convert("F").point(lambda v: (v - float(low)) * (255 / span)).convert("L")  # type: ignore[arg-type]
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def encode(image: Image.Image, *, quality: int = QUALITY, webp: bool | None = None) -> Thumbnail:
    """Encode a small picture as WebP, or as JPEG (on white, where it is transparent)."""
    from PIL import Image, features

    file = io.BytesIO()
    if features.check("webp") if webp is None else webp:
        # The slower method saves a fifteenth at 512 pixels and next to nothing on small ones.
        image.save(file, "WEBP", quality=quality, method=4 if max(image.size) > _MANY else 2)
        return Thumbnail(file.getvalue(), "image/webp", image.width, image.height)
    if image.mode == "RGBA":
        ground = Image.new("RGB", image.size, "white")
        ground.paste(image, mask=image.getchannel("A"))
        image = ground
    image.save(file, "JPEG", quality=quality, optimize=True)
    return Thumbnail(file.getvalue(), "image/jpeg", image.width, image.height)


def encode_within(image: Image.Image, limit: int | None = None, *, webp: bool | None = None) -> Thumbnail:
    """Encode a small picture in at most so many bytes: lower quality first, then fewer pixels."""
    made = encode(image, webp=webp)
    quality, side = QUALITY, max(image.size)
    while limit is not None and len(made.data) > limit and side > _SMALLEST_SIDE:
        ratio = limit / len(made.data)
        if quality != _LOWER_QUALITY:
            quality, ratio = _LOWER_QUALITY, ratio / _SAVED_BY_LOWER_QUALITY
        if ratio < 1:
            side = max(_SMALLEST_SIDE, int(side * ratio**0.5 * 0.97))
        smaller = image.copy()
        smaller.thumbnail((side, side))
        made = encode(smaller, quality=quality, webp=webp)
    return made
