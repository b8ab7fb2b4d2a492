"""Every kind of picture that people have, decoded to upright sRGB and written in what can hold it."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from skytells_nb.pictures import FORMATS, PictureError, decode, encode, is_picture

RED = (230, 20, 20)


def file_of(image: Image.Image, format: str = "PNG", **settings: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **settings)
    return file.getvalue()


def sideways(orientation: int = 6) -> bytes:
    photo = Image.new("RGB", (400, 200), "white")
    photo.paste("red", (0, 0, 100, 200))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return file_of(photo, "JPEG", exif=exif, quality=95)


def swapped_profile() -> bytes:
    """A profile in which red and green have changed places."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    place = {}
    for entry in range(struct.unpack(">I", data[128:132])[0]):
        name, offset, size = struct.unpack(">4sII", data[132 + 12 * entry : 144 + 12 * entry])
        place[name] = slice(offset, offset + size)
    red, green = data[place[b"rXYZ"]], data[place[b"gXYZ"]]
    data[place[b"rXYZ"]], data[place[b"gXYZ"]] = green, red
    return bytes(data)


def near(seen: Any, meant: tuple[int, ...], within: int = 45) -> bool:
    return all(abs(a - b) <= within for a, b in zip(seen, meant, strict=False))


def middle(image: Image.Image) -> Any:
    return image.getpixel((image.width // 2, image.height // 2))


def animation(format: str, count: int = 3) -> bytes:
    colours = ["red", "lime", "blue", "white"]
    frames = [Image.new("RGB", (40, 40), colours[n % 4]) for n in range(count)]
    return file_of(frames[0], format, save_all=True, append_images=frames[1:], duration=70, loop=0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_upright_from_bytes_and_from_pillow(orientation, tmp_path):
    data = sideways(orientation)
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    size = (200, 400) if orientation > 4 else (400, 200)
    with Image.open(path) as opened:
        for source in (data, path, io.BytesIO(data), opened):
            made = decode(source, 100)
            assert (made.width, made.height) == size
            assert max(made.image.size) == 100
            assert (made.image.width < made.image.height) == (orientation > 4)
            for format in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"):
                written = Image.open(io.BytesIO(encode(source, format)))
                assert written.size == size
                assert written.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("format", ["AVIF", "HEIF"])
def test_a_photograph_of_a_newer_phone_is_upright_and_clear_where_it_was(format: str):
    decode(encode(Image.new("RGB", (8, 8)), format))  # so that the plugin is there
    photo, exif = Image.new("RGBA", (400, 200), (255, 255, 255, 0)), Image.Exif()
    photo.paste((*RED, 255), (0, 0, 100, 200))
    exif[0x0112] = 6
    data = file_of(photo, format, exif=exif.tobytes(), quality=95)
    picture = decode(data)
    assert (picture.image.size, picture.width, picture.animated) == ((200, 400), 200, False)
    assert near(picture.image.getpixel((100, 50)), (*RED, 255), 12)
    assert picture.image.getpixel((100, 300))[3] == 0
    again = decode(encode(data, format))
    assert again.image.size == (200, 400)
    assert near(again.image.getpixel((100, 50)), (*RED, 255), 12)
    assert decode(encode(data, "JPEG")).image.getpixel((100, 300)) == (255, 255, 255)


def test_without_its_plugin_heic_says_what_is_missing():
    code = (
        "import sys; sys.modules['pillow_heif'] = None\n"
        "from skytells_nb.pictures import decode\n"
        "try: decode(b'\\0\\0\\0\\x18ftypheic' + bytes(40))\n"
        "except ValueError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stdout
    assert said == "An HEIC picture: the package pillow-heif, once installed, shows it.\n"


def test_a_tiff_that_lies_on_its_side_is_turned_once():
    exif = Image.Exif()
    exif[0x0112] = 6
    made = decode(file_of(Image.new("RGB", (80, 40)), "TIFF", exif=exif), 64)
    assert (made.width, made.height, made.image.size) == (40, 80, (32, 64))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_a_colour_profile_is_converted_and_not_dropped(mode):
    image = Image.new("RGB", (70, 70), RED).convert(mode)
    data = file_of(image, "PNG", icc_profile=swapped_profile())
    assert near(middle(decode(data).image), (20, 230, 20), 60)
    for format in ("PNG", "JPEG", "WEBP", "TIFF"):
        written = Image.open(io.BytesIO(encode(data, format)))
        assert near(middle(written.convert("RGB")), (20, 230, 20), 60)
        assert not written.info.get("icc_profile")


def test_a_damaged_profile_does_not_hide_the_picture():
    data = file_of(Image.new("RGB", (70, 70), RED), "PNG", icc_profile=b"no profile")
    assert near(middle(decode(data).image), RED)


def test_a_profile_of_another_mode_is_left_out():
    grey = Image.new("L", (70, 70), 90)
    assert near(middle(decode(file_of(grey, "PNG", icc_profile=swapped_profile())).image), (90, 90, 90))


def test_print_colours_keep_their_hue():
    data = file_of(Image.new("CMYK", (60, 60), (0, 255, 255, 0)), "JPEG")
    assert near(middle(decode(data).image), (255, 0, 0), 60)
    for format in ("PNG", "WEBP", "JPEG", "GIF", "BMP", "AVIF"):
        assert near(middle(Image.open(io.BytesIO(encode(data, format))).convert("RGB")), (255, 0, 0), 60)


@pytest.mark.parametrize(
    ("array", "grey"),
    [
        (np.full((40, 40), 32_768, np.uint16), 128),
        (np.full((40, 40), 200, np.uint8), 200),
        (np.full((40, 40), 200, np.int64), 200),
        (np.full((40, 40), 32_768, np.int32), 128),
        (np.full((40, 40), 0.5), 128),
        (np.full((40, 40), 0.5, np.float32), 128),
        (np.full((40, 40), 200.0), 200),
        (np.full((40, 40), True), 255),
        (np.linspace(-1, 1, 1600).reshape(40, 40) * 0, 0),
        (np.linspace(-500, 500, 41 * 41).reshape(41, 41), 128),
    ],
)
def test_numbers_are_greys(array, grey):
    assert abs(middle(decode(array).image)[0] - grey) <= 2
    for image in [Image.fromarray(array)] if array.dtype.name in ("uint16", "int32", "float32") else []:
        assert abs(middle(decode(image).image)[0] - grey) <= 2
        for format in ("JPEG", "WEBP", "PNG", "GIF"):
            written = decode(encode(image, format)).image
            assert abs(middle(written)[0] - grey) <= 3


def test_what_is_no_number_does_not_spoil_the_others():
    array = np.full((40, 40), 0.5)
    array[0, 0], array[1, 1] = np.nan, np.inf
    assert middle(decode(array).image) == (128, 128, 128)


@pytest.mark.parametrize("shape", [(30, 40), (30, 40, 1), (30, 40, 2), (30, 40, 3), (30, 40, 4), (3, 30, 40)])
def test_arrays_of_every_shape_of_a_picture(shape):
    assert is_picture(np.zeros(shape))
    assert decode(np.ones(shape)).image.size == (40, 30)


@pytest.mark.parametrize("shape", [(0, 5), (5, 5, 7), (5, 0, 3)])
def test_arrays_that_are_none_are_refused_in_words(shape):
    with pytest.raises(PictureError):
        decode(np.zeros(shape))


def test_sixteen_bits_stay_sixteen_where_they_can():
    ramp = np.linspace(0, 65_535, 10_000).reshape(100, 100).astype(np.uint16)
    for source in (ramp, Image.fromarray(ramp), file_of(Image.fromarray(ramp), "PNG")):
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode(source, "PNG")))), ramp)
    assert abs(np.median(np.asarray(Image.open(io.BytesIO(encode(ramp, "JPEG"))))) - 128) < 3


@pytest.mark.parametrize(("mode", "clear"), [("RGBA", (0, 0, 0, 0)), ("LA", (0, 0))])
def test_what_is_clear_becomes_white_where_nothing_can_be_clear(mode, clear):
    data = file_of(Image.new(mode, (60, 60), clear))
    for format in ("JPEG", "BMP"):
        assert middle(Image.open(io.BytesIO(encode(data, format))).convert("RGB")) == (255, 255, 255)
    for format in ("PNG", "WEBP", "GIF", "AVIF", "TIFF"):
        written = Image.open(io.BytesIO(encode(data, format))).convert("RGBA")
        assert middle(written)[3] == 0


def test_a_palette_with_a_clear_colour_stays_clear():
    image = Image.new("P", (20, 20), 1)
    image.putpalette([0, 0, 0, 250, 0, 0])
    data = file_of(image, "PNG", transparency=1)
    assert middle(decode(data).image)[3] == 0
    assert middle(Image.open(io.BytesIO(encode(data, "JPEG")))) == (255, 255, 255)


def test_one_bit_is_black_and_white():
    image = Image.new("1", (20, 20), 1)
    assert middle(decode(image).image) == (255, 255, 255)
    assert middle(decode(file_of(image), 10).image) == (255, 255, 255)


def test_a_phone_s_two_jpegs_are_one_photograph():
    noise = Image.effect_noise((200, 100), 90).convert("RGB")
    data = file_of(noise, "MPO", save_all=True, append_images=[noise])
    assert decode(data).animated is False
    assert getattr(Image.open(io.BytesIO(encode(data, "WEBP"))), "n_frames", 1) == 1


@pytest.mark.parametrize("origin", ["GIF", "WEBP", "PNG"])
@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF"])
def test_an_animation_stays_one_where_it_can(origin, format):
    if format == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    data = animation(origin)
    assert decode(data).animated
    with Image.open(io.BytesIO(encode(data, format))) as written:
        assert written.n_frames == 3
        assert written.info.get("loop", 0) == 0
        written.seek(1)
        assert near(middle(written.convert("RGB")), (0, 255, 0))
        written.load()
        assert abs(written.info["duration"] - 70) <= 10
    with Image.open(io.BytesIO(encode(Image.open(io.BytesIO(data)), format))) as written:
        assert written.n_frames == 3


def test_of_an_animation_a_still_format_has_the_first_frame():
    assert near(middle(Image.open(io.BytesIO(encode(animation("GIF"), "JPEG")))), (255, 0, 0))


def test_a_gif_of_very_many_frames_is_not_read_to_its_end():
    head = file_of(Image.new("P", (2, 2)), "GIF", save_all=True, append_images=[Image.new("P", (2, 2), 1)])
    frame = b"\x21\xf9\x04\x00\x00\x00\x00\x00" + b"\x2c" + struct.pack("<HHHH", 0, 0, 2, 2) + b"\x00"
    frame += b"\x02\x03\x44\x02\x05\x00"
    many, few = (head[:-1] + frame * count + b";" for count in (1_000_000, 1_000))

    def seconds(data: bytes) -> float:
        start = time.perf_counter()
        assert decode(data, 64).animated
        return time.perf_counter() - start

    with pytest.raises(PictureError, match="so many frames"):
        encode(many, "WEBP")
    seconds(few)
    assert seconds(many) < 50 * seconds(few) + 0.1  # a thousand times the frames


@pytest.mark.parametrize(("format", "side"), [("WEBP", 16_383), ("JPEG", 65_500)])
def test_a_picture_too_long_for_a_format_is_refused_by_name(format, side):
    with pytest.raises(PictureError, match=f"{format} holds {side:,} a side; PNG holds it"):
        encode(Image.new("RGB", (side + 1, 1)), format)
    assert encode(Image.new("RGB", (side + 1, 1)), "PNG")


@pytest.mark.parametrize("source", [b"", b"words", b"\x89PNG\r\n\x1a\n", Image.new("RGB", (0, 4))])
def test_what_is_no_picture_is_refused_by_both(source):
    for work in (decode, lambda picture: encode(picture, "PNG")):
        with pytest.raises(PictureError) as caught:
            work(source)
        assert caught.value.title
        assert caught.value.detail


def test_an_unreadable_path_is_an_error_of_the_system(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        decode(tmp_path / "nowhere.png")


@pytest.mark.parametrize("format", sorted(set(FORMATS.values())))
@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16"]
)
def test_every_mode_is_written_in_every_format(mode, format):
    image = Image.new("I", (20, 20), 9).convert(mode) if mode == "I;16" else Image.new(mode, (20, 20))
    assert Image.open(io.BytesIO(encode(image, format))).size == (20, 20)
    decode(image, 8)


def test_a_picture_of_the_caller_is_not_changed():
    image = Image.open(io.BytesIO(sideways()))
    decode(image, 10)
    encode(image, "PNG")
    assert image.size == (400, 200)
