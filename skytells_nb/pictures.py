"""Pictures in and out: bytes, files, Pillow images and arrays to upright sRGB, and back to bytes of a format.

Everything that decodes or encodes a picture comes through here, so that a photograph taken sideways, a wide
colour profile or sixteen bits of grey look the same wherever they are shown, saved or sent.

Decoding is bounded: only the formats below are tried (no PostScript), JPEGs are decoded at reduced scale, and
a picture with more pixels than ``PIL.Image.MAX_IMAGE_PIXELS`` is refused by its header.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeAlias

if TYPE_CHECKING:
    from PIL import Image

Source: TypeAlias = "bytes | Path | BinaryIO | Image.Image | Any"

FORMATS: Final = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".gif": "GIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".avif": "AVIF",
    ".heic": "HEIF",
    ".heif": "HEIF",
}
"""The formats that `encode` writes, by the endings of their names, as Pillow calls them."""

_READABLE: Final = ("PNG", "JPEG", "GIF", "WEBP", "AVIF", "HEIF", "TIFF", "BMP", "JPEG2000", "ICO", "PPM")
_MODES: Final = {
    "PNG": {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"},
    "JPEG": {"L", "RGB"},
    "WEBP": {"RGB", "RGBA"},
    "GIF": {"L", "RGB", "RGBA"},
    "TIFF": {"1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"},
    "BMP": {"1", "L", "RGB"},  # readers disagree on what a fourth byte means
    "AVIF": {"RGB", "RGBA"},
    "HEIF": {"RGB", "RGBA"},
}
_LONGEST_SIDES: Final = {"WEBP": 16_383, "JPEG": 65_500, "AVIF": 65_536, "GIF": 65_535}
_MOVING: Final = frozenset({"WEBP", "PNG", "GIF", "AVIF"})
_MOST_FRAMES: Final = 3_000
_MOST_FRAME_PIXELS: Final = 500_000_000
_ORIENTATION: Final = 0x0112
_SIDEWAYS: Final = frozenset({5, 6, 7, 8})


class PictureError(ValueError):
    """These bytes are no picture, or one that cannot be decoded or written here; in a few words, and why."""

    def __init__(self, title: str, detail: str) -> None:
        super().__init__(f"{title}: {detail}")
        self.title = title
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture."""

    image: Image.Image  # RGB or RGBA in sRGB, upright, no longer than the side that was asked for
    width: int  # of the original, upright, in pixels
    height: int
    animated: bool  # whether it is an animation, of which `image` is the first frame


def decode(source: Source, side: int | None = None) -> Picture:
    """Decode a picture, whatever it is: upright, in sRGB, eight bits a channel, at most `side` pixels long.

    Arrays are greys of shape (h, w) or have 1 to 4 channels, last or first. PictureError for what is no
    picture, is damaged, empty, or over Pillow's limit of pixels; OSError where the file cannot be opened.
    """
    with _opened(source) as image, _typed("Damaged picture", "it cannot be decoded"):
        width, height = image.size
        animated = _is_animated(image)
        if side is not None:
            if image.mode not in ("RGB", "RGBA", "L", "LA", "CMYK", "YCbCr"):
                image = _eight_bits(image)  # palettes, bitmaps and deep greys do not resize well as they are
            image.thumbnail((side, side), reducing_gap=2.0)
        image.load()  # a TIFF turns itself upright here
        image, turned = _upright(image)
        if turned:
            width, height = height, width
        return Picture(_in_srgb(image), width, height, animated)


def encode(source: Source, format: str, *, quality: int = 95, fast: bool = False) -> bytes:
    """Write a picture in one of the `FORMATS`, upright, in sRGB, with as much of it as the format holds.

    What is transparent becomes white where the format knows no transparency; sixteen bits stay sixteen in PNG
    and TIFF; an animation stays one in WebP, PNG, GIF and AVIF, else its first frame is written. A `fast` PNG
    is larger. Errors are those of `decode`, also for a picture that is too large for the format.
    """
    settings: dict[str, Any] = {"quality": quality} if format in ("JPEG", "WEBP", "AVIF", "HEIF") else {}
    if fast and format == "PNG":
        settings["compress_level"] = 1
    with _opened(source) as image, _typed("Damaged picture", "it cannot be decoded"):
        limit = _LONGEST_SIDES.get(format)
        if limit is not None and max(image.size) > limit:
            raise PictureError(
                f"Too large for {format}",
                f"it is {image.width:,} × {image.height:,} pixels, and {format} holds {limit:,} a side; PNG "
                "holds it.",
            )
        if format in _MOVING and _is_animated(image):
            frames = _frames(image)
            settings["loop"] = image.info.get("loop", 1)  # 0 is for ever; without a word, once
        else:
            image.load()
            frames = [_fit(_upright(image)[0], format)]
    file = io.BytesIO()
    with _typed("Not saved", f"Pillow cannot write it as {format}"):
        if len(frames) > 1:
            durations = [frame.info["duration"] for frame in frames]
            settings |= {"save_all": True, "append_images": frames[1:], "duration": durations}
        frames[0].save(file, format, **settings)
    return file.getvalue()


def unchanged_file(picture: Any) -> Path | None:
    """Return the file that a Pillow picture was opened from, if it is a PNG, JPEG or WebP of it still."""
    name, format = getattr(picture, "filename", None), getattr(picture, "format", None)
    if not name or format not in ("PNG", "JPEG", "WEBP"):
        return None
    with suppress(PictureError, OSError), _typed("Damaged picture", "it cannot be decoded"):
        path = Path(os.fsdecode(name))
        picture.load()
        with path.open("rb") as file:
            there = _open_file(file)
            there.load()
            if there == picture and not _is_animated(there):
                return path
    return None


def upright(data: bytes) -> bytes | None:
    """Return the file of a photograph that lies on its side as one that stands; None for any other file.

    Cameras say in EXIF which way is up, and models do not look there.
    """
    with suppress(PictureError), _typed("Damaged picture", "it cannot be decoded"), _opened(data) as image:
        format = "JPEG" if image.format == "MPO" else image.format
        lies = image.getexif().get(_ORIENTATION) in range(2, 9) and not _is_animated(image)
        if lies and format in ("JPEG", "PNG", "WEBP", "TIFF"):
            return encode(data, format)
    return None


def is_picture(value: object) -> bool:
    """Check for a Pillow image or an array that `decode` takes as one picture."""
    return _is_pillow(value) or (is_array(value) and getattr(value, "ndim", 0) in (2, 3))


def is_array(value: object) -> bool:
    """Check for an array of numbers that can be a picture or several: NumPy's, or what turns into one."""
    if getattr(value, "ndim", 0) not in (2, 3, 4):  # a Pillow image has an interface that copies its pixels
        return False
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    known = hasattr(value, "__array_interface__") or (hasattr(value, "__array__") and hasattr(value, "dtype"))
    return known and kind in (None, *"buif")


def flatten(image: Image.Image, ground: str | tuple[int, int, int] = "white") -> Image.Image:
    """Put a picture with transparency on a ground."""
    from PIL import Image

    if image.mode != "RGBA":
        return image.convert("RGB")
    flat = Image.new("RGB", image.size, ground)
    flat.paste(image, mask=image.getchannel("A"))
    return flat


# Opening


@contextmanager
def _opened(source: Source) -> Iterator[Image.Image]:
    """Open a picture without decoding it; what is yielded may be changed, and belongs to nobody else."""
    from PIL import Image

    if isinstance(source, Image.Image):
        with _typed("Damaged picture", "it cannot be decoded"):
            # A copy of an animation has its first frame only.
            image = source if _is_animated(source) else source.copy()
        yield _checked(image)
    elif is_array(source):
        with _typed("Not a picture", "its numbers cannot be drawn"):
            image = _from_array(source)
        yield _checked(image)
    elif isinstance(source, Path):
        with source.open("rb") as file:
            yield _open_file(file)
    else:
        yield _open_file(io.BytesIO(source) if isinstance(source, bytes | bytearray | memoryview) else source)


def _open_file(file: BinaryIO) -> Image.Image:
    from PIL import Image

    # Not Image.open, which tries every plugin there is; these few are what models make.
    _init()
    with _typed("Damaged picture", "it cannot be decoded"):
        file.seek(0)
        head = file.read(16)
        file.seek(0)
        for format in _READABLE:
            factory, accept = Image.OPEN.get(format, (None, None))
            accepted = accept is not None and accept(head)
            if isinstance(accepted, str):
                raise PictureError("Not drawn", f"this Pillow cannot read {format}.")
            if factory is not None and accepted:
                # Image.open would warn between once and twice its limit; here the limit is one line.
                return _checked(factory(file, ""))
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        raise PictureError("An HEIC picture", "the package pillow-heif, once installed, shows it.")
    raise PictureError("Not a picture", "its bytes are of no known kind of picture.")


@cache
def _init() -> None:
    from PIL import Image

    Image.init()
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return
    register_heif_opener()


def _checked(image: Image.Image) -> Image.Image:
    from PIL import Image

    limit = Image.MAX_IMAGE_PIXELS
    if not image.width or not image.height:
        raise PictureError("Empty picture", f"it has {image.width} × {image.height} pixels.")
    if limit is not None and image.width * image.height > limit:
        raise PictureError(
            "Too large to draw",
            f"it is {image.width:,} × {image.height:,} pixels; Pillow's limit is {limit / 1e6:.0f} million "
            "(PIL.Image.MAX_IMAGE_PIXELS).",
        )
    return image


@contextmanager
def _typed(title: str, reason: str) -> Iterator[None]:
    """Turn whatever a decoder trips over into one kind of error."""
    try:
        yield
    except (PictureError, FileNotFoundError, PermissionError):
        raise
    except MemoryError:
        raise PictureError("Too large to draw", "there is not enough memory for it.") from None
    except Exception as error:
        words = " ".join(str(error).split())[:160] or type(error).__name__
        raise PictureError(title, f"{reason} ({words}).") from error


def _is_pillow(value: object) -> bool:
    import sys

    pillow = sys.modules.get("PIL.Image")  # nobody holds an image without having imported it
    return pillow is not None and isinstance(value, pillow.Image)


def _is_animated(image: Image.Image) -> bool:
    # A phone's JPEG with a second picture in it (MPO) is a photograph, and the pages of a TIFF do not move.
    # `is_animated` looks for a second frame only; `n_frames` of a GIF reads all of them.
    still = getattr(image, "format", None) in ("MPO", "TIFF", "ICO", "HEIF")
    return not still and bool(getattr(image, "is_animated", False))


# Colours


def _upright(image: Image.Image) -> tuple[Image.Image, bool]:
    """Turn a picture by its EXIF, and say whether that exchanged its sides."""
    from PIL import ImageOps

    # Cameras store a picture as the sensor lay, and say in
    # EXIF which way is up; browsers heed it, arrays do not.
    try:
        turned = image.getexif().get(_ORIENTATION) in _SIDEWAYS
        return ImageOps.exif_transpose(image), turned
    except Exception:  # noqa: BLE001 - damaged EXIF is no reason to show nothing
        return image, False


def _in_srgb(image: Image.Image) -> Image.Image:
    """Convert any mode and profile to RGB or RGBA of eight bits."""
    profile = image.info.get("icc_profile")
    image = _eight_bits(image)
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    # Many writers add an alpha channel in which nothing is transparent: as RGB it is smaller.
    if alpha is not None and alpha.getextrema() == (255, 255):
        alpha = None
    if image.mode in ("RGBA", "RGBa", "P", "PA", "YCbCr", "HSV", "1"):
        image = image.convert("RGB")
    elif image.mode in ("LA", "La"):
        image = image.convert("L")
    made = _converted(image, profile)
    if alpha is not None:
        made.putalpha(alpha)
    made.info.pop("icc_profile", None)
    made.info.pop("transparency", None)
    return made


def _converted(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert L, RGB, CMYK or LAB to RGB, through its colour profile where it has one that fits."""
    from PIL import ImageCms

    try:
        if profile or image.mode == "LAB":
            source = (
                ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else ImageCms.createProfile("LAB")
            )
            made = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if made is not None:
                return made
    except Exception:  # noqa: BLE001, S110 - a profile that is damaged or of another mode is left out
        pass
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode in ("RGB", "RGBA", "L", "LA", "CMYK", "YCbCr", "LAB", "HSV"):
        return image
    if image.mode == "F" or image.mode.startswith("I"):
        import numpy
        from PIL import Image

        made = Image.fromarray(_scaled(numpy.asarray(image)))
        made.info = {key: value for key, value in image.info.items() if key != "transparency"}
        return made
    if image.mode == "1":
        return image.convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _scaled(array: Any) -> Any:
    """Scale numbers to bytes: 65,535 is white in sixteen bits, 1 in fractions; else the largest is."""
    import numpy as np

    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * 255
    values = array.astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    black, white = low, high
    if array.dtype.kind == "f" and low >= -0.01 and high <= 1.01:
        black, white = 0.0, 1.0
    elif array.dtype.kind == "f" and low >= -1.01 and high <= 1.01:
        black, white = -1.0, 1.0
    elif low >= 0 and high <= 255 and array.dtype.kind + str(array.dtype.itemsize) != "u2":
        black, white = 0.0, 255.0
    elif low >= 0 and high <= 65_535:
        black, white = 0.0, 65_535.0
    values = np.nan_to_num(values, nan=black, posinf=white, neginf=black)
    return np.clip((values - black) * (255 / ((white - black) or 1)) + 0.5, 0, 255).astype(np.uint8)


def _from_array(value: Any) -> Image.Image:
    import numpy as np
    from PIL import Image

    array = np.asarray(value)
    if array.dtype.kind not in "buif":
        raise PictureError("Not a picture", f"an array of {array.dtype} holds no brightness.")
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] not in (1, 2, 3, 4):
        array = np.moveaxis(array, 0, -1)  # channels first, as in PyTorch
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (2, 3, 4)):
        raise PictureError(
            "Not a picture", f"an array of shape {array.shape} is neither (h, w) nor (h, w, 1 to 4)."
        )
    if not array.size:
        raise PictureError("Empty picture", f"an array of shape {array.shape} has no pixels.")
    if array.ndim == 2 and array.dtype == np.uint16:
        return Image.fromarray(array)
    return Image.fromarray(np.ascontiguousarray(_scaled(array)))


# Writing


def _fit(image: Image.Image, format: str) -> Image.Image:
    """Convert a picture to what a format holds, and no further."""
    profile = image.info.get("icc_profile")
    modes = _MODES[format]
    if image.mode.startswith("I;16") and "I;16" in modes:
        return image.convert("I;16") if image.mode != "I;16" else image  # its grey profile goes along
    if image.mode in modes and not profile and (image.mode != "P" or not image.has_transparency_data):
        return image
    if image.mode == "L" or (image.mode in ("1", "I", "F") or image.mode.startswith("I;16")):
        grey = _eight_bits(image)
        if "L" in modes and not profile and not grey.has_transparency_data:
            return grey
    made = _in_srgb(image)
    return flatten(made) if made.mode == "RGBA" and "RGBA" not in modes else made


def _frames(image: Image.Image) -> list[Image.Image]:
    """Decode all frames of an animation, as many as memory allows for."""
    from PIL import ImageSequence

    frames: list[Image.Image] = []
    for frame in ImageSequence.Iterator(image):
        number = len(frames) + 1
        if number > _MOST_FRAMES or number * image.width * image.height > _MOST_FRAME_PIXELS:
            raise PictureError("Too long", "an animation of so many frames is not converted; copy its file.")
        made = _in_srgb(frame.copy())
        made = made.convert("RGBA")
        made.info = {"duration": round(frame.info.get("duration", 100))}  # PNG's is a fraction, AVIF's none
        frames.append(made)
    image.seek(0)
    return frames
