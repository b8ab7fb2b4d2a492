"""An output, a file or a picture as the next input: a URL where it lives, else a data URI."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from archive.scenery import Assets, Keep, made, picture
from PIL import Image

from skytells_nb.archive import LIMIT, decode_data_uri, prepare
from skytells_nb.exceptions import InvalidInputError, OutputExpiredError, SkytellsWarning
from skytells_nb.models import Prediction
from skytells_nb.schema import check

CDN = "https://delivery.skytells.cloud/a.png"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SKYTELLS_ARCHIVE", raising=False)


def as_input(value: object, schema: dict[str, object] | None = None, *, origin: str | None = None) -> Any:
    """Return one value as a model takes it whose input has this schema."""
    whole = None if schema is None else {"properties": {"input": schema}}
    return prepare({"input": value}, whole, origin=origin)["input"]


def opened(uri: object) -> Image.Image:
    assert isinstance(uri, str)
    with Image.open(io.BytesIO(decode_data_uri(uri))) as image:
        image.load()
        return image


def test_a_young_output_is_sent_as_its_url(tmp_path: Path) -> None:
    assert as_input(made("p1", CDN)) == CDN
    assert as_input(made("p1", CDN, CDN + "2"), {"type": "array"}) == [CDN, CDN + "2"]


@pytest.mark.parametrize(
    "facts",
    [
        {"completed_at": (datetime.now(UTC) - timedelta(minutes=4, seconds=5)).isoformat()},
        {"completed_at": None},
        {"metadata": {"data_available": False}},
        {"data_removed": True},
    ],
)
def test_an_older_output_is_sent_from_its_file(facts: dict[str, object], keep: Keep, assets: Assets) -> None:
    young = keep(made("p1", assets.put("a", picture("JPEG"))))
    old = replace(made("p1", CDN, **facts), files=young.files)
    uri = as_input(old)
    assert str(uri).startswith("data:image/jpeg;base64,")
    assert opened(uri).size == (64, 48)


def test_an_output_of_another_api_is_sent_as_data(keep: Keep, assets: Assets) -> None:
    kept = replace(keep(made("p1", assets.put("a", picture()))), origin=assets.url + "/v1")
    assert as_input(kept, origin=assets.url + "/v1") == (kept.output or [])[0]
    assert str(as_input(kept, origin="https://api.skytells.ai/v1")).startswith("data:image/png")


def test_an_output_that_is_gone_and_in_no_archive_is_refused() -> None:
    with pytest.raises(OutputExpiredError, match=r"cannot be an input") as told:
        as_input(made("p1", CDN, data_removed=True))
    assert told.value.charged is False


def test_a_prediction_without_an_output_or_of_text_is_no_file() -> None:
    wanted = {"type": "string", "format": "uri"}
    for facts, words in (
        ({"status": "failed"}, "has no output: it is failed"),
        ({"status": "succeeded", "output": []}, "has no output: it is succeeded"),
        ({"status": "succeeded", "output": ["a poem"]}, "takes a file, and prediction p1 is text"),
    ):
        with pytest.raises(InvalidInputError, match=words):
            as_input(Prediction.from_api({"id": "p1", **facts}), wanted)


def test_a_picture_is_no_prompt() -> None:
    fox = Prediction.from_api({"id": "p1", "status": "succeeded", "output": ["https://cdn.example/a.png"]})
    with pytest.raises(InvalidInputError, match="prompt takes words, and prediction p1 is a file"):
        prepare({"prompt": fox}, {"properties": {"prompt": {"type": "string"}}})


def test_a_text_output_is_sent_as_its_text() -> None:
    assert as_input(made("p1", "a poem", model={"name": "s", "type": "text"})) == "a poem"


@pytest.mark.parametrize("text", [b"a fox in snow", "ein Füchslein".encode(), bytearray(b"a fox")])
def test_a_prompt_in_bytes_is_refused_and_not_billed_as_a_file(text: bytes, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"text in bytes") as caught:
        as_input(text)
    assert caught.value.charged is False
    (tmp_path / "story.txt").write_bytes(text)
    assert as_input(tmp_path / "story.txt").startswith("data:text/plain;base64,")


def test_files_bytes_and_pictures_become_data_uris_of_what_they_are(tmp_path: Path) -> None:
    misnamed = tmp_path / "photo.txt"
    misnamed.write_bytes(picture("WEBP"))
    assert as_input(misnamed).startswith("data:image/webp;base64,")
    assert as_input(picture("JPEG")).startswith("data:image/jpeg;base64,")
    for mode in ("RGB", "RGBA", "L", "P", "CMYK", "1", "F", "YCbCr"):
        image = Image.new("RGB", (8, 6), "red").convert(mode)
        assert opened(as_input(image)).size == (8, 6)
    assert as_input(b"\x00\x01").startswith("data:application/octet-stream;")


def test_only_what_is_no_json_is_touched(tmp_path: Path) -> None:
    (tmp_path / "fox.png").write_bytes(picture())
    plain = {"prompt": "fox.png", "n": 2, "on": True, "none": None, "list": ["fox.png", {"x": 1.5}]}
    assert prepare(plain) == plain
    nested = prepare({"images": [Path("fox.png"), CDN], "refs": ({"image": b"GIF89a"},)})
    assert nested["images"][0].startswith("data:image/png")
    assert nested["images"][1] == CDN
    assert nested["refs"][0]["image"].startswith("data:image/gif")


def test_a_parameter_that_takes_a_list_gets_one(tmp_path: Path) -> None:
    schema = {"properties": {"images": {"type": "array"}, "image": {"type": "string"}}}
    made_ready = prepare({"images": b"GIF89a", "image": b"GIF89a"}, schema)
    assert made_ready == {
        "images": ["data:image/gif;base64,R0lGODlh"],
        "image": "data:image/gif;base64,R0lGODlh",
    }


def test_more_than_the_limit_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    head = len("data:application/octet-stream;base64,")
    most = (LIMIT - head) // 4 * 3
    assert len(as_input(bytes(most))) <= LIMIT
    big = tmp_path / "big.bin"
    big.write_bytes(bytes(most + 3))
    for value in (bytes(most + 3), big, bytes(LIMIT + 1), Path("/dev/zero")):
        with pytest.raises(InvalidInputError, match=r"too large.*at most 10.5 MB") as told:
            as_input(value)
        assert told.value.charged is False


def test_a_photograph_that_is_too_large_without_loss_is_sent_as_jpeg(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("skytells_nb.archive._as_input.LIMIT", 40_000)
    monkeypatch.setattr("skytells_nb.archive._as_input.LARGEST", 29_900)
    photo = Image.effect_noise((120, 120), 60).convert("RGB")
    photo.putpixel((0, 0), (255, 0, 0))
    with pytest.warns(SkytellsWarning, match="sent as JPEG: without loss it has"):
        assert as_input(photo).startswith("data:image/jpeg;base64,")
    with pytest.raises(InvalidInputError, match="too large"):
        as_input(photo.resize((400, 400)))
    photo.close()
    with pytest.raises(InvalidInputError, match="closed image"):
        as_input(photo)


def test_no_such_file_is_said(tmp_path: Path) -> None:
    Path("empty.png").touch()
    with pytest.raises(InvalidInputError, match="is empty"):
        as_input(Path("empty.png"))
    for path in (Path("no-such.png"), tmp_path):
        with pytest.raises(InvalidInputError, match=r"cannot be an input"):
            as_input(path)


PICTURE = {"type": "string", "format": "uri"}
SCHEMA = {
    "properties": {
        "prompt": {"type": "string"},
        "image": PICTURE,
        "images": {"type": "array", "items": PICTURE},
        "loras": {"type": "array", "items": {"type": "object", "properties": {"mask_image": PICTURE}}},
    }
}


def test_the_path_of_a_file_as_text_is_uploaded_where_a_file_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "fox.png").write_bytes(picture())
    sent = prepare(
        {
            "prompt": "fox.png",
            "image": "fox.png",
            "images": ["./fox.png", CDN],
            "loras": [{"mask_image": str(tmp_path / "fox.png"), "scale": 0.5}],
        },
        SCHEMA,
    )
    uri = as_input(Path("fox.png"))
    assert sent == {
        "prompt": "fox.png",
        "image": uri,
        "images": [uri, CDN],
        "loras": [{"mask_image": uri, "scale": 0.5}],
    }
    assert prepare({"images": "fox.png"}, SCHEMA) == {"images": [uri]}
    one_or_many = {"properties": {"image": {"anyOf": [PICTURE, {"type": "array", "items": PICTURE}]}}}
    for given, found in (("fox.png", uri), (["fox.png"], [uri])):
        assert prepare({"image": given}, one_or_many) == {"image": found}


@pytest.mark.parametrize(
    "text",
    [
        CDN,
        "s3://bucket/fox.png",
        "hf://models/fox.png",
        "data:image/png;base64,iVBORw0KGgo=",
        "3b0c1f0a-5f0e-4a53",
        "/9j/4AAQSkZJRgABAQAAAQABAAD",
        "",
    ],
)
def test_a_text_that_is_no_path_passes_as_it_is(text: str) -> None:
    assert prepare({"image": text}, SCHEMA) == {"image": text}


@pytest.mark.parametrize("text", ["fox.png", "~/no-such/fox.JPEG", "../fox", "C:\\pictures\\fox.webp"])
def test_a_text_that_looks_like_a_path_and_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="no such file here, nor is it a URL") as told:
        prepare({"image": text}, SCHEMA)
    assert told.value.charged is False


@pytest.mark.parametrize("data", [b"TOKEN=sk-hush", b"{}", b"\x00\x01\x02", b"PK\x03\x04"])
def test_a_text_names_pictures_clips_and_songs_only(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(data)
    with pytest.raises(InvalidInputError, match=r"no picture, clip or song.*Path\('notes.txt'\)"):
        prepare({"image": "notes.txt"}, SCHEMA)
    assert prepare({"image": Path("notes.txt")}, SCHEMA)["image"].startswith("data:")


def test_an_open_file_is_sent_whole_and_can_be_sent_again(tmp_path: Path) -> None:
    (tmp_path / "fox.png").write_bytes(picture())
    uri = as_input(tmp_path / "fox.png")
    written = io.BytesIO()
    written.write(picture())  # and so stands at its end
    with (tmp_path / "fox.png").open("rb") as file:
        for given in (file, written, file, written, SimpleNamespace(read=file.read)):
            assert as_input(given) == uri
            file.seek(0)
    with pytest.raises(InvalidInputError, match=r"cannot be read: .*closed"):
        as_input(file)
    with (
        (tmp_path / "fox.png").open(encoding="latin-1") as text,
        pytest.raises(InvalidInputError, match="as text"),
    ):
        as_input(text)


def test_a_file_that_is_open_as_text_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "fox.png").write_bytes(picture())
    for file in ((tmp_path / "fox.png").open(encoding="utf-8"), io.StringIO("a fox")):
        with file, pytest.raises(InvalidInputError, match="is open as text"):
            as_input(file)


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "PNG", "TIFF"])
def test_a_photo_from_a_phone_is_sent_upright(tmp_path: Path, format: str) -> None:
    data = picture(format, exif=_turned(6))
    (tmp_path / "IMG_1").write_bytes(data)
    for photo in (Image.open(io.BytesIO(data)), tmp_path / "IMG_1", data, io.BytesIO(data)):
        sent = opened(as_input(photo))
        assert (sent.size, sent.getexif().get(0x0112, 1)) == ((48, 64), 1)
    for orientation in (1, 99):
        straight = picture(format, exif=_turned(orientation))
        assert decode_data_uri(as_input(straight)) == straight, "no byte is another"


def _turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def test_an_array_is_a_picture_where_one_is_wanted() -> None:
    ramp = np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10)
    for array in (ramp, (ramp * 255).astype(np.uint8), np.dstack([ramp] * 3)):
        grey = opened(prepare({"image": array}, SCHEMA)["image"]).convert("L")
        assert 100 < np.median(np.asarray(grey)) < 155
    numbers = {"properties": {"matrix": {"type": "array", "items": {"type": "array"}}}}
    assert prepare({"matrix": ramp}, numbers)["matrix"] == ramp.tolist(), "points are no picture"
    assert check({"matrix": ramp}, numbers) == {}
    several = prepare({"images": np.stack([np.dstack([ramp] * 3)] * 2)}, SCHEMA)["images"]
    assert [opened(each).size for each in several] == [(10, 10)] * 2
    with pytest.raises(InvalidInputError, match="cannot be sent: Empty picture"):
        as_input(np.zeros((0, 5)))


def test_what_stands_for_plain_json_becomes_it() -> None:
    assert prepare({"seed": np.int64(7), "on": np.True_, "sizes": (np.float32(0.5), 2)}) == {
        "seed": 7,
        "on": True,
        "sizes": [0.5, 2],
    }
