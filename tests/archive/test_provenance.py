"""Where a file came from is in the file, and not one pixel of it has changed."""

from __future__ import annotations

import io
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from archive.scenery import Assets, Keep, made, picture
from PIL import Image

from skytells_nb.archive import read_provenance
from skytells_nb.archive._metadata import BrokenImageError, embed, measure
from skytells_nb.archive._serialize import record_of
from skytells_nb.exceptions import InvalidInputError

RECORD = record_of(made("p1", "x", input={"prompt": 'Ein "Fuchs" & <Schnee> ❄\n🦊', "seed": 7}))


def pixels(data: bytes) -> tuple[str, tuple[int, int], bytes]:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image.mode, image.size, image.tobytes()


def read_back(tmp_path: Path, data: bytes) -> dict[str, Any] | None:
    path = tmp_path / "renamed"
    path.write_bytes(data)
    return read_provenance(path)


def xmp_of(data: bytes) -> dict[str, Any]:
    with Image.open(io.BytesIO(data)) as image:
        return dict(image.info)


PICTURES = {
    "png": picture(),
    "png with alpha": picture(mode="RGBA"),
    "png with a palette": picture(mode="P"),
    "interlaced grey png": picture(mode="L"),
    "jpeg": picture("JPEG"),
    "progressive jpeg": picture("JPEG", progressive=True),
    "grey jpeg": picture("JPEG", mode="L"),
    "jpeg with exif": picture("JPEG", exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00"),
    "jpeg with xmp": picture("JPEG", xmp=b"<x:xmpmeta><rdf:RDF><a:theirs/></rdf:RDF></x:xmpmeta>"),
    "jpeg with a profile": picture("JPEG", icc_profile=b"p" * 200),
    "lossy webp": picture("WEBP", quality=60),
    "odd-sized webp": picture("WEBP", size=(33, 17)),
    "lossless webp": picture("WEBP", lossless=True),
    "lossless webp with alpha": picture("WEBP", mode="RGBA", lossless=True, exact=True),
    "lossy webp with alpha": picture("WEBP", mode="RGBA"),
    "webp with xmp": picture("WEBP", xmp=b"<x:xmpmeta><rdf:RDF><a:theirs/></rdf:RDF></x:xmpmeta>"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_record_goes_in_without_touching_a_pixel(name: str, tmp_path: Path) -> None:
    data = PICTURES[name]
    stamped = embed(data, RECORD)
    assert len(stamped) > len(data)
    assert pixels(stamped) == pixels(data)
    assert measure(stamped) == pixels(data)[1] == measure(data)
    assert read_back(tmp_path, stamped) == RECORD
    assert read_back(tmp_path, data) is None


@pytest.mark.parametrize("name", PICTURES)
def test_what_was_in_the_file_already_stays_in_it(name: str) -> None:
    data = PICTURES[name]
    before, after = xmp_of(data), xmp_of(embed(data, RECORD))
    for key in before.keys() - {"xmp"}:
        assert after[key] == before[key]
    if "xmp" in name:
        assert b"<a:theirs/>" in after["xmp"]


@pytest.mark.parametrize("name", PICTURES)
def test_a_second_record_takes_the_place_of_the_first(name: str, tmp_path: Path) -> None:
    twice = embed(embed(PICTURES[name], {**RECORD, "seed": 1}), {**RECORD, "seed": 2})
    assert twice.count(b"provenance/1.0/" if "png" not in name else b"iTXtskytells_nb") == 1
    found = read_back(tmp_path, twice)
    assert found is not None
    assert found["seed"] == 2


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_cut_short_is_found_out(name: str) -> None:
    data = PICTURES[name]
    for end in (*range(13, 60), len(data) // 2, len(data) - 3):
        with pytest.raises(BrokenImageError):
            measure(data[:end])


def test_other_programs_see_the_prompt() -> None:
    with Image.open(io.BytesIO(embed(picture(), RECORD))) as image:
        assert image.info["Description"] == RECORD["prompt"]
    with Image.open(io.BytesIO(embed(picture("WEBP"), RECORD))) as image:
        assert "Fuchs" in json.dumps(image.getxmp())


def test_every_chunk_of_a_png_has_its_right_checksum() -> None:
    data, at = embed(picture(), RECORD), 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        body, crc = data[at + 4 : at + 8 + length], data[at + 8 + length : at + 12 + length]
        assert int.from_bytes(crc, "big") == zlib.crc32(body)
        at += 12 + length


def test_a_record_too_long_for_a_segment_lets_go_of_the_input_first(tmp_path: Path) -> None:
    long = {**RECORD, "input": {"prompt": "x", "lyrics": "la " * 40_000}}
    found = read_back(tmp_path, embed(picture("JPEG"), long))
    assert found is not None
    assert (found["input"], found["prompt"]) == (None, RECORD["prompt"])


def test_a_clip_is_known_by_the_json_beside_it(keep: Keep, assets: Assets) -> None:
    kept = keep(made("v1", assets.put("v", b"\x00\x00\x00 ftypisom" + b"0" * 50)))
    found = read_provenance(kept.files[0])
    assert found is not None
    assert (found["prompt"], found["seed"], found["model"]) == ("a red fox in snow", 7, "truefusion")
    assert not {"account", "prediction", "sandbox"} & found.keys()


def test_a_picture_from_the_archive_is_known_wherever_it_went(
    keep: Keep, assets: Assets, tmp_path: Path
) -> None:
    kept = keep(made("p1", assets.put("x", picture("JPEG"))))
    elsewhere = tmp_path / "sent by mail.jpg"
    elsewhere.write_bytes(kept.files[0].read_bytes())
    found = read_provenance(str(elsewhere))
    assert found is not None
    assert (found["id"], found["cost"], found["origin"]) == ("p1", "0.03", assets.url + "/v1")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"RIFF\xff\xff\xff\xffWEBP",
        b"hello",
        embed(picture(), {"no": "record"}),
        picture("JPEG", xmp=b'<rdf:Description skytells:record="not json"/>'),
        picture("JPEG", xmp=b'<rdf:Description skytells:record="[1]"/>'),
    ],
)
def test_a_file_from_elsewhere_has_no_record_and_does_no_harm(content: bytes, tmp_path: Path) -> None:
    assert read_back(tmp_path, content) is None


def test_no_such_file_is_said() -> None:
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_provenance("no/such/file.png")
