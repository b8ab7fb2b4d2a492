"""Thumbnails: deterministic, bounded, on a checkerboard where the picture is clear, and made once."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from skytells_nb.display._thumbnails import ThumbnailCache, encode_within, make_thumbnail
from skytells_nb.pictures import PictureError

from .pictures import encoded, noise, photograph, png_header


def opened(made):
    return Image.open(io.BytesIO(made.data))


@pytest.mark.parametrize(
    ("size", "expected"), [((1024, 1024), (512, 512)), ((1024, 512), (512, 256)), ((90, 160), (90, 160))]
)
def test_the_longest_side_is_what_was_asked_for_and_a_small_picture_stays_small(size, expected):
    made = make_thumbnail(encoded(photograph(size=size)), 512)
    assert opened(made).size == expected
    assert (made.width, made.height) == size


def test_it_is_webp_and_the_same_bytes_give_the_same_bytes():
    content = encoded(photograph())
    assert make_thumbnail(content, 256).mime == "image/webp"
    assert opened(make_thumbnail(content, 256)).format == "WEBP"
    assert make_thumbnail(content, 256) == make_thumbnail(content, 256)


@pytest.mark.parametrize("webp", [True, False])
def test_what_is_clear_stands_on_a_checkerboard(webp):
    """Black lines on nothing are seen on a dark page, and white ones on a light page."""
    made = make_thumbnail(encoded(Image.new("RGBA", (64, 64), (0, 0, 0, 0))), 64, webp=webp)
    assert made.mime == ("image/webp" if webp else "image/jpeg")
    seen = opened(made).convert("RGB")
    assert min(seen.getpixel((4, 4))) > 245
    assert 210 < min(seen.getpixel((12, 4))) < 232


def test_sixteen_bits_of_grey_keep_their_range():
    deep = Image.linear_gradient("L").convert("I").point(lambda v: v * 257 + 0).convert("I;16")
    made = opened(make_thumbnail(encoded(deep), 64)).convert("L")
    low, high = made.getextrema()
    assert low < 40
    assert high > 215


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's own word on it
def test_damaged_exif_does_not_hide_the_picture():
    exif = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff\xff\xff"
    content = encoded(Image.new("RGB", (40, 40), "navy"), "JPEG", exif=exif)
    assert opened(make_thumbnail(content, 32)).width == 32


@pytest.mark.parametrize(
    ("format", "mode"),
    [
        *(("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
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
def test_every_format_and_mode_a_model_may_write_is_drawn(format, mode):
    grey = Image.linear_gradient("L")
    picture = grey.convert("I").convert(mode) if mode == "I;16" else grey.convert("RGB").convert("L")
    made = make_thumbnail(encoded(picture.convert(mode), format), 64)
    assert opened(made).size == (64, 64)


def test_a_palette_with_bytes_of_transparency_is_drawn_without_a_warning():
    picture = Image.linear_gradient("L").convert("P")
    assert make_thumbnail(encoded(picture, transparency=bytes(range(256))), 64).data


def test_noise_is_made_to_fit_a_limit():
    content = encoded(noise())
    assert len(make_thumbnail(content, 512).data) > 60_000
    made = make_thumbnail(content, 512, 20_000)
    assert len(made.data) <= 20_000
    assert opened(made).width >= 128


def test_a_limit_that_cannot_be_met_ends_at_a_small_picture():
    data, _ = encode_within(noise((256, 256)), 10)
    assert 32 <= Image.open(io.BytesIO(data)).width <= 64


@pytest.mark.parametrize("size", [(50_000, 50_000), (10_000, 9_000), (2_000_000_000, 2_000_000_000)])
def test_a_picture_over_pillows_limit_is_refused_from_its_header_without_a_warning(size):
    with pytest.raises(PictureError) as caught:
        make_thumbnail(png_header(*size))
    assert caught.value.title == "Too large to draw"


def test_the_limit_is_pillows_own(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 64)
    with pytest.raises(PictureError, match="65 × 64 pixels"):
        make_thumbnail(encoded(Image.new("RGB", (65, 64))))
    assert make_thumbnail(encoded(Image.new("RGB", (64, 64)))).width == 64
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert make_thumbnail(encoded(Image.new("RGB", (65, 64)))).width == 65


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
    with pytest.raises(PictureError) as caught:
        make_thumbnail(content)
    assert caught.value.title == title
    assert caught.value.detail


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "TIFF"])
def test_a_file_cut_anywhere_is_drawn_or_refused_and_nothing_else(format):
    content = encoded(photograph(size=(96, 96)), format)
    for length in range(0, len(content), max(1, len(content) // 40)):
        try:
            make_thumbnail(content[:length], 64)
        except PictureError as refused:
            assert refused.detail  # noqa: PT017 - either outcome is right


def test_a_truncated_png_says_so():
    content = encoded(photograph(size=(256, 256)))
    with pytest.raises(PictureError, match="cannot be decoded"):
        make_thumbnail(content[: len(content) // 2])


@pytest.fixture
def archived(tmp_path: Path) -> Path:
    """A picture in an archive's folder."""
    path = tmp_path / "kept" / "2026-11-22" / "fox.png"
    path.parent.mkdir(parents=True)
    (tmp_path / "kept" / "index.sqlite").touch()
    path.write_bytes(encoded(photograph(size=(64, 64))))
    return path


def test_a_thumbnail_is_kept_beside_the_archive_for_the_next_process(archived):
    first, next_process = ThumbnailCache(), ThumbnailCache()
    made = make_thumbnail(archived.read_bytes(), 32)
    first.put(first.key(archived, 32), made, archived)
    assert next_process.get(next_process.key(archived, 32), archived) == made
    assert next_process.get(next_process.key(archived, 64), archived) is None
    moved = archived.parents[1].rename(archived.parents[2] / "moved") / "2026-11-22" / "fox.png"
    assert ThumbnailCache().get(first.key(moved, 32), moved) == made


def test_a_file_that_was_changed_has_another_thumbnail(archived):
    cache = ThumbnailCache()
    cache.put(cache.key(archived, 32), make_thumbnail(archived.read_bytes(), 32), archived)
    archived.write_bytes(encoded(photograph(1, size=(64, 64))))
    assert cache.get(cache.key(archived, 32), archived) is None


@pytest.mark.parametrize("content", [b"", b"{}\nx", b"no json\nx", b'{"mime": "text/html", "size": 1}\nx'])
def test_a_damaged_thumbnail_is_made_anew(archived, content):
    cache = ThumbnailCache()
    key = cache.key(archived, 32)
    cache.put(key, make_thumbnail(archived.read_bytes(), 32), archived)
    [place] = (archived.parents[1] / ".thumbnails").rglob("fox.png.*")
    place.write_bytes(content)
    assert ThumbnailCache().get(key, archived) is None


def test_a_folder_that_cannot_be_written_is_no_error(archived):
    (archived.parents[1] / ".thumbnails").write_text("in the way")
    cache = ThumbnailCache()
    key = cache.key(archived, 32)
    cache.put(key, made := make_thumbnail(archived.read_bytes(), 32), archived)
    assert cache.get(key, archived) == made


def test_nothing_is_written_beside_files_that_are_in_no_archive(tmp_path):
    path = tmp_path / "fox.png"
    path.write_bytes(encoded(photograph(size=(64, 64))))
    cache = ThumbnailCache()
    cache.put(cache.key(path, 32), make_thumbnail(path.read_bytes(), 32), path)
    assert os.listdir(tmp_path) == ["fox.png"]
    assert cache.get(cache.key(path, 32), path) is not None


def test_memory_keeps_the_last_that_were_used(tmp_path):
    cache = ThumbnailCache(most=100)
    made = make_thumbnail(encoded(Image.new("RGB", (8, 8))), 8)
    for name in "abcdef":
        (tmp_path / name).touch()
        cache.put(cache.key(tmp_path / name), made)
    assert cache.get(cache.key(tmp_path / "a")) is None
    assert cache.get(cache.key(tmp_path / "f")) is made


def test_what_is_removed_from_an_archive_leaves_no_thumbnail(tmp_path):
    import skytells_nb as sky

    with sky.Sandbox(seconds=0.05) as sandbox, sandbox.client(archive=tmp_path / "kept") as client:
        made = client.predictions.create("truefusion-edge", {"prompt": "a fox"})
        assert "<img" in sky.gallery([made]).html
        assert list((tmp_path / "kept" / ".thumbnails").rglob("*.png.*"))
        assert sky.Archive(tmp_path / "kept").remove(made)
    assert [path for path in (tmp_path / "kept").rglob("*") if "fox" in path.name] == []
