"""Bytes to thumbnail: deterministic, upright, bounded, and never surprised by what is in a file."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from skytells_nb.display.thumbnails import PictureRefused, encode_within, reduce, thumbnail

from .pictures import encoded, noise, photograph, png_header


def opened(made):
    return Image.open(io.BytesIO(made.data))


@pytest.mark.parametrize(
    ("size", "expected"), [((1024, 1024), (512, 512)), ((1024, 512), (512, 256)), ((90, 160), (90, 160))]
)
def test_the_longest_side_is_what_was_asked_for_and_a_small_picture_stays_small(size, expected):
    made = thumbnail(encoded(photograph(size=size)), 512)
    assert expected == (made.width, made.height) == opened(made).size


def test_it_is_webp_and_the_same_bytes_give_the_same_bytes():
    content = encoded(photograph())
    assert thumbnail(content, 256).mime == "image/webp"
    assert opened(thumbnail(content, 256)).format == "WEBP"
    assert thumbnail(content, 256) == thumbnail(content, 256)


def test_it_is_jpeg_on_white_where_there_is_no_webp():
    made = thumbnail(encoded(Image.new("RGBA", (64, 64), (255, 0, 0, 0))), 64, webp=False)
    assert made.mime == "image/jpeg"
    assert opened(made).getpixel((5, 5)) == (255, 255, 255)


def test_transparency_survives_in_webp():
    made = thumbnail(encoded(Image.new("RGBA", (64, 64), (255, 0, 0, 0))), 64)
    assert opened(made).getpixel((5, 5))[3] == 0


def test_a_picture_taken_sideways_is_shown_upright():
    picture = Image.new("RGB", (80, 40), "navy")
    exif = Image.Exif()
    exif[0x0112] = 6
    made = reduce(io.BytesIO(encoded(picture, "JPEG", exif=exif)), 64)
    assert made.image.size == (32, 64)
    assert (made.width, made.height) == (40, 80)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's own word on it
def test_damaged_exif_does_not_hide_the_picture():
    exif = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff\xff\xff"
    content = encoded(Image.new("RGB", (40, 40), "navy"), "JPEG", exif=exif)
    assert thumbnail(content, 32).width == 32


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_png_is_drawn(mode):
    picture = Image.linear_gradient("L").convert("RGB")
    picture = (
        picture.convert("L").convert("I").convert(mode) if mode.startswith("I") else picture.convert(mode)
    )
    assert opened(thumbnail(encoded(picture), 64)).size == (64, 64)


def test_sixteen_bits_of_grey_keep_their_range():
    deep = Image.linear_gradient("L").convert("I").point(lambda v: v * 200 + 0).convert("I;16")
    made = opened(thumbnail(encoded(deep), 64)).convert("L")
    low, high = made.getextrema()
    assert low < 40
    assert high > 215


@pytest.mark.parametrize(
    ("format", "mode"),
    [
        ("JPEG", "CMYK"),
        ("JPEG", "L"),
        ("GIF", "P"),
        ("BMP", "RGB"),
        ("TIFF", "RGB"),
        ("TIFF", "F"),
        ("WEBP", "RGB"),
        ("AVIF", "RGB"),
    ],
)
def test_every_format_a_model_may_write_is_drawn(format, mode):
    made = thumbnail(
        encoded(Image.linear_gradient("L").convert("RGB").convert("L").convert(mode), format), 64
    )
    assert made.width == 64


def test_a_palette_with_bytes_of_transparency_is_drawn_without_a_warning():
    picture = Image.linear_gradient("L").convert("P")
    made = thumbnail(encoded(picture, transparency=bytes(range(256))), 64)
    assert opened(made).mode == "RGBA"


def test_noise_is_made_to_fit_a_limit():
    content = encoded(noise())
    assert len(thumbnail(content, 512).data) > 60_000
    made = thumbnail(content, 512, limit=20_000)
    assert len(made.data) <= 20_000
    assert made.width >= 128


def test_a_limit_that_cannot_be_met_ends_at_a_small_picture():
    made = encode_within(noise((256, 256)), 10)
    assert 32 <= made.width <= 64


@pytest.mark.parametrize("size", [(50_000, 50_000), (10_000, 9_000), (2_000_000_000, 2_000_000_000)])
def test_a_picture_over_pillows_limit_is_refused_from_its_header_without_a_warning(size):
    with pytest.raises(PictureRefused) as caught:
        thumbnail(png_header(*size))
    assert caught.value.title == "Too large to draw"


def test_the_limit_is_pillows_own(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 64)
    with pytest.raises(PictureRefused, match="65 × 64 pixels"):
        thumbnail(encoded(Image.new("RGB", (65, 64))))
    assert thumbnail(encoded(Image.new("RGB", (64, 64)))).width == 64
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert thumbnail(encoded(Image.new("RGB", (65, 64)))).width == 65


@pytest.mark.parametrize(
    ("content", "title"),
    [
        (b"", "Not a picture"),
        (b"not a picture at all", "Not a picture"),
        (b"\x00\x01\x02\x03" * 50, "Not a picture"),
        (b"<!DOCTYPE html><html><body>Gone</body></html>", "Not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "Not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "Not a picture"),
        (b"\x89PNG\r\n\x1a\n", "Damaged picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\xff" * 200, "Damaged picture"),
        (b"\xff\xd8\xff\xe0" + b"\x00" * 64, "Damaged picture"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 " + b"\x00" * 40, "Damaged picture"),
        (b"GIF89a" + b"\x01" * 10, "Damaged picture"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_reason(content, title):
    with pytest.raises(PictureRefused) as caught:
        thumbnail(content)
    assert caught.value.title == title
    assert caught.value.detail


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "TIFF"])
def test_a_file_cut_anywhere_is_drawn_or_refused_and_nothing_else(format):
    content = encoded(photograph(size=(96, 96)), format)
    for length in range(0, len(content), max(1, len(content) // 40)):
        try:
            thumbnail(content[:length], 64)
        except PictureRefused as refused:
            assert refused.detail  # noqa: PT017 - either outcome is right


def test_a_truncated_png_says_so():
    content = encoded(photograph(size=(256, 256)))
    with pytest.raises(PictureRefused, match="cannot be decoded"):
        thumbnail(content[: len(content) // 2])


def test_an_animation_is_counted_and_its_first_frame_taken():
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "green", "blue")]
    content = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    made = reduce(io.BytesIO(content), 40)
    assert made.frames == 3
    assert made.image.convert("RGB").getpixel((20, 20)) == (255, 0, 0)
