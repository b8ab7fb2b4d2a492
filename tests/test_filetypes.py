"""File types: told by bytes, and one table of what each kind is called and saved as."""

from __future__ import annotations

import io
from typing import get_args

import pytest
from PIL import Image

from skytells_nb.filetypes import FILE_TYPES, HEAD, OutputKind, extension, file_type, sniff, sniff_file


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"\x00\x00\x00 ftypavif", "image/avif"),
        (b"\x00\x00\x00 ftypisom", "video/mp4"),
        (b"\x00\x00\x00 ftypqt  ", "video/quicktime"),
        (b"\x1aE\xdf\xa3\x9fB\x86", "video/webm"),
        (b"ID3\x04\x00", "audio/mpeg"),
        (b"\xff\xfb\x90\x00", "audio/mpeg"),
        (b"OggS\x00", "audio/ogg"),
        (b"fLaC\x00", "audio/flac"),
        (b"\xff\xd8\xff\xe2\x00\x10MPF\x00", "image/jpeg"),
        (b"II*\x00\x08\x00", "image/tiff"),
        (b"II+\x00\x08\x00", "image/tiff"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "image/jp2"),
        (b"BM\x36\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00" + bytes(12), "image/bmp"),
        (b"BMW and other cars, a text of more than a line", "text/plain"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "video/x-msvideo"),
        (b"FORM\x00\x00\x00\x00AIFFCOMM", "audio/aiff"),
        (b"FORM\x00\x00\x00\x00AIFCFVER", "audio/aiff"),
        (b"\x00\x00\x00\x18ftypheic", "image/heic"),
        (b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1avifmiaf", "image/avif"),
        (b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1heicmiaf", "image/heic"),
        (b"\x00\x00\x00\x18ftyp3gp4", "video/3gpp"),
        (b"\x1aE\xdf\xa3\xa3B\x86\x81\x01B\x82\x88matroska", "video/x-matroska"),
        (b"OggS\x00\x02" + bytes(22) + b"\x01\x13OpusHead\x01", "audio/ogg"),
        (b"OggS\x00\x02" + bytes(22) + b"\x01\x2a\x80theora", "video/ogg"),
        (b"glTF\x02\x00\x00\x00", "model/gltf-binary"),
        (b"ply\nformat binary_little_endian 1.0\n", "model/ply"),
        (b"P6\n4 4\n255\n", "image/x-portable-anymap"),
        (b"FLV\x01\x05", "video/x-flv"),
        ((b"G" + bytes(187)) * 4, "video/mp2t"),
        (b"caff\x00\x01", "audio/x-caf"),
        (b".snd\x00\x00\x00\x18", "audio/basic"),
        (b"#!AMR\n", "audio/amr"),
        (b"%PDF-1.7", "application/pdf"),
        (b"\x00\x00\x01\x00\x01\x00\x10\x10", "image/x-icon"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9", "video/x-ms-wmv"),
        (b"PK\x05\x06" + bytes(18), "application/zip"),
        (b"\xef\xbb\xbf\n <!-- hi -->\n<html lang=en>", "text/html"),
        (b"<script>alert(1)</script>", "text/html"),
        (b"<?xml version='1.0'?>\n<!-- x --><svg onload='alert(1)'>", "image/svg+xml"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "application/xml"),
        (b'{"error": "gone"}', "application/json"),
        ("Ein Fuchs im Schnee. ❄".encode(), "text/plain"),
        ("é".encode() * 2048 + b"\xc3", "text/plain"),
        (b"\x00\x01\x02\x03", None),
        (b"\xff\xfe\x00\x01", None),
        (b"", None),
    ],
)
def test_a_file_is_what_its_first_bytes_say(head: bytes, media_type: str | None):
    assert sniff(head) == media_type


def test_every_type_that_is_recognised_stands_in_the_table():
    for media_type, row in FILE_TYPES.items():
        assert row.media_type == media_type
        assert row.kind in get_args(OutputKind)
        assert row.extension.startswith(".")


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "application/xml", "text/plain"])
def test_what_a_browser_would_run_is_saved_as_text(media_type: str):
    assert extension(media_type).endswith(".txt")


def test_an_unknown_type_has_a_neutral_extension():
    assert (extension(None), extension("text/x-poem"), extension("audio/aiff")) == (".bin", ".txt", ".aiff")


@pytest.mark.parametrize(
    ("data", "kind", "name"),
    [
        (None, "other", "nothing at all"),
        (b"", "other", "nothing at all"),
        (b"\x00\x01\x02\x03", "other", "data of another kind"),
        (b"glTF\x02\x00\x00\x00", "model", "a 3D model"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", "image", "an SVG drawing"),
    ],
)
def test_a_file_has_a_kind_and_a_name(data: bytes | None, kind: str, name: str):
    assert (file_type(data).kind, file_type(data).name) == (kind, name)


Image.init()
WRITTEN_BY_PILLOW = set(Image.SAVE)  # AVIF and JPEG 2000 depend on how it was built


class TestPicturesOfPillow:
    @pytest.mark.parametrize(
        "row", [row for row in FILE_TYPES.values() if set(row.pillow) & WRITTEN_BY_PILLOW]
    )
    def test_what_pillow_writes_is_recognised_and_read_again(self, row):
        form = row.pillow[0]
        file = io.BytesIO()
        Image.new("RGB", (40, 30), "red").save(file, form, **({"sizes": [(40, 30)]} if form == "ICO" else {}))
        assert sniff(file.getvalue()[:HEAD]) == row.media_type
        with Image.open(file, formats=row.pillow) as again:
            assert again.size == (40, 30)

    def test_a_photograph_of_several_jpegs_is_one_picture(self):
        file, one = io.BytesIO(), Image.new("RGB", (40, 30), "red")
        one.save(file, "MPO", save_all=True, append_images=[one])
        found = file_type(file.getvalue())
        assert found.media_type == "image/jpeg"
        with Image.open(file, formats=found.pillow) as again:
            assert again.size == (40, 30)


def recorded(folder, form: str, *, pictures: bool = False, sound: bool = False, **options: str) -> bytes:
    import av
    import numpy as np

    file = folder / "recorded"  # on disk: an index is moved to the front by reading the file again
    with av.open(str(file), "w", format=form, options=options) as movie:
        video = movie.add_stream("mpeg4", rate=5) if pictures else None
        audio = movie.add_stream("aac", rate=8000, layout="mono") if sound else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
            for _ in range(3):
                frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
                movie.mux(video.encode(frame))
            movie.mux(video.encode())
        if audio is not None:
            sounds = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
            sounds.rate = 8000
            movie.mux(audio.encode(sounds))
            movie.mux(audio.encode())
    return file.read_bytes()


class TestMoviesAndSongs:
    @pytest.mark.parametrize("options", [{}, {"movflags": "+faststart"}], ids=["index last", "index first"])
    @pytest.mark.parametrize(
        ("pictures", "sound", "media_type"),
        [(True, True, "video/mp4"), (True, False, "video/mp4"), (False, True, "audio/mp4")],
    )
    def test_an_mp4_without_pictures_is_a_song(self, tmp_path, pictures, sound, media_type, options):
        data = recorded(tmp_path, "mp4", pictures=pictures, sound=sound, **options)
        path = tmp_path / "made.mp4"
        path.write_bytes(data)
        assert sniff(data) == sniff_file(path) == media_type
        file = io.BytesIO(data)
        assert (sniff_file(file), file.tell()) == (media_type, 0)

    def test_an_mp4_cut_in_its_index_stays_a_clip(self, tmp_path):
        data = recorded(tmp_path, "mp4", sound=True, movflags="+faststart")
        assert sniff(data[: data.index(b"mdat") - 40]) == "video/mp4"

    @pytest.mark.parametrize("size", [b"\x00\x00\x00\x00", b"\x00\x00\x00\x01", b"\xff\xff\xff\xff"])
    def test_broken_boxes_of_an_mp4_come_to_an_end(self, size: bytes):
        assert sniff(b"\x00\x00\x00\x10ftypisom\x00\x00\x00\x00" + size + b"free" + bytes(40)) == "video/mp4"

    @pytest.mark.parametrize(
        ("form", "media_type"), [("avi", "video/x-msvideo"), ("matroska", "video/x-matroska")]
    )
    def test_other_containers_are_recognised(self, tmp_path, form: str, media_type: str):
        assert sniff(recorded(tmp_path, form, pictures=True)[:HEAD]) == media_type
