"""An output in Python or in a file of one's own: from the archive, else from its URL while it lives."""

from __future__ import annotations

import base64
import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from archive.scenery import Assets, Keep, made, picture
from PIL import Image, ImageOps

from skytells_nb.archive import Archive, load, read_provenance, save
from skytells_nb.exceptions import (
    InvalidInputError,
    NetworkError,
    OutputExpiredError,
    SkytellsError,
    SkytellsWarning,
)
from skytells_nb.models import Prediction


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SKYTELLS_ARCHIVE", raising=False)


def at(assets: Assets, prediction: Prediction) -> Prediction:
    return replace(prediction, origin=assets.url + "/v1")


def test_a_picture_a_text_and_a_clip_are_opened_as_what_they_are(keep: Keep, assets: Assets) -> None:
    clip = b"\x00\x00\x00 ftypisom" + b"0" * 50
    kept = keep(made("p1", assets.put("a", picture()), assets.put("b", clip)))
    image = load(kept)
    assert isinstance(image, Image.Image)
    assert (image.size, image.format) == ((64, 48), "PNG")
    assert load(kept, 1) == load(kept, -1) == clip
    poem = keep(made("p2", "Röt", model={"name": "s", "type": "text"}))
    assert load(poem) == "Röt"
    assert len(assets.asked) == 2


def test_a_listed_prediction_is_opened_from_the_archive(
    keep: Keep, archive: Archive, assets: Assets, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = keep(made("p1", assets.put("a", picture()), assets.put("b", picture("JPEG"))))
    listed = replace(at(assets, kept), files=())
    assert getattr(load(listed, 1, archive=archive), "format", None) == "JPEG"
    monkeypatch.setenv("SKYTELLS_ARCHIVE", str(archive.path))
    assert getattr(load(listed), "format", None) == "PNG"
    assert len(assets.asked) == 2


def test_the_right_file_is_opened_where_another_is_missing(keep: Keep, assets: Assets) -> None:
    url = assets.put("a", picture(), 400)
    with pytest.warns(SkytellsWarning):
        kept = keep(made("p1", url, assets.put("b", picture("JPEG"))))
    assert getattr(load(at(assets, kept), 1), "format", None) == "JPEG"
    assert getattr(load(at(assets, kept), 0), "format", None) == "PNG"
    assert sorted(assets.asked) == ["/a", "/a", "/b"]


def test_what_is_in_no_archive_is_fetched_while_it_lives(assets: Assets, tmp_path: Path) -> None:
    fresh = at(assets, made("p1", assets.put("a", picture())))
    assert getattr(load(fresh), "size", None) == (64, 48)
    assert not (tmp_path / "skytells_outputs").exists()


def test_what_is_gone_is_said_helpfully(assets: Assets) -> None:
    for gone in (
        made("p1", assets.url + "/gone"),
        made("p1", assets.put("a", picture()), data_removed=True),
        made("p1", output=None, data_removed=True),
    ):
        with pytest.raises(OutputExpiredError, match=r"has expired.*about 5 minutes.*no archive") as told:
            load(at(assets, gone))
        assert told.value.prediction == at(assets, gone)


def test_a_server_that_fails_is_another_matter(assets: Assets) -> None:
    with pytest.raises(NetworkError, match="Try again"):
        load(at(assets, made("p1", assets.put("a", picture(), 503))))
    with pytest.raises(NetworkError, match="web page"):
        load(at(assets, made("p1", assets.put("b", b"<html>sign in</html>"))))
    with pytest.raises(SkytellsError, match="loopback"):
        load(replace(made("p1", assets.put("c", picture())), origin="https://8.8.8.8/v1"))


def test_an_output_that_there_never_was_is_said(assets: Assets) -> None:
    with pytest.raises(InvalidInputError, match="has 1 output, so there is no output 3"):
        load(made("p1", "x"), 3)
    with pytest.raises(InvalidInputError, match="has no output: it is failed, NSFW"):
        load(made("p1", status="failed", output=None, error="NSFW"))


def test_a_damaged_file_is_said_and_left_alone(keep: Keep, assets: Assets) -> None:
    kept = keep(made("p1", assets.put("a", picture())))
    cut = kept.files[0].read_bytes()[:-900]
    kept.files[0].write_bytes(cut)
    with pytest.raises(SkytellsError, match="damaged image"):
        load(kept)
    assert kept.files[0].read_bytes() == cut


def test_saving_into_a_folder_keeps_the_names_and_the_bytes(
    keep: Keep, assets: Assets, tmp_path: Path
) -> None:
    kept = keep(made("p1", assets.put("a", picture()), assets.put("b", picture("JPEG"))))
    saved = save(kept, tmp_path / "album")
    assert [p.name for p in saved] == [p.name for p in kept.files]
    assert [p.read_bytes() for p in saved] == [p.read_bytes() for p in kept.files]
    assert save(kept, str(tmp_path / "album"), index=-1) == saved[1:]


def test_saving_under_a_name_numbers_what_is_more_than_one(
    keep: Keep, assets: Assets, tmp_path: Path
) -> None:
    kept = keep(made("p1", assets.put("a", picture()), assets.put("b", picture())))
    saved = save(kept, tmp_path / "new" / "fox.png")
    assert [p.name for p in saved] == ["fox.png", "fox-2.png"]
    assert [p.name for p in save(kept, tmp_path / "one.png", index=1)] == ["one.png"]
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["fox-2.png", "fox.png"]


def test_a_name_that_asks_for_another_format_gets_it(assets: Assets, tmp_path: Path) -> None:
    fresh = at(assets, made("p1", assets.put("a", picture(mode="RGBA"))))
    for name, kind in (("fox.jpg", "JPEG"), ("fox.webp", "WEBP"), ("fox.png", "PNG")):
        (path,) = save(fresh, tmp_path / name)
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            assert image.format == kind
        found = read_provenance(path)
        assert found is not None
        assert found["prompt"] == "a red fox in snow"


def test_a_place_that_cannot_be_written_is_said(assets: Assets, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    fresh = at(assets, made("p1", assets.put("a", picture())))
    with pytest.raises(InvalidInputError, match=r"could not be written.*not harmed"):
        save(fresh, tmp_path / "file" / "fox.png")
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("wrong", [None, "3b0c1f0a", [made("p1", "x")], {"id": "p1"}])
def test_what_is_no_prediction_is_refused_with_what_to_do(wrong: Any, tmp_path: Path) -> None:
    for ask in (lambda: load(wrong), lambda: save(wrong, tmp_path)):
        with pytest.raises(InvalidInputError, match=r"takes one Prediction, not a \w+; (call it|client)"):
            ask()


@pytest.mark.parametrize("index", ["0", 0.0, True, None])
def test_an_index_that_is_no_whole_number_is_refused(index: Any) -> None:
    with pytest.raises(InvalidInputError, match="index must be a whole number"):
        load(made("p1", "fox"), index)


@pytest.mark.parametrize("path", ["x" * 300 + ".png", "a\x00b.png", 5, None])
def test_a_path_that_cannot_be_is_refused_in_words(path: Any, keep: Keep, assets: Assets) -> None:
    kept = keep(made("p1", assets.put("x.png", picture())))
    with pytest.raises(InvalidInputError, match=r"path must be|could not be written"):
        save(kept, path)


def test_the_longest_name_a_file_can_have_is_written(keep: Keep, assets: Assets, tmp_path: Path) -> None:
    kept = keep(made("p1", assets.put("x.png", picture())))
    [written] = save(kept, tmp_path / ("x" * 251 + ".png"))
    assert [path.name for path in tmp_path.glob("x*.png")] == [written.name]


def photo(kind: str = "JPEG", mode: str = "RGB", **options: Any) -> Prediction:
    """A prediction whose output is a data URI, so nothing has to be fetched."""
    data = base64.b64encode(picture(kind, mode, **options)).decode()
    return made("p1", f"data:image/{kind.lower()};base64,{data}")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tiff"])
def test_a_photo_lying_on_its_side_is_upright_everywhere(name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = photo(exif=exif)
    loaded = load(turned)
    assert isinstance(loaded, Image.Image)
    assert (loaded.size, loaded.format) == ((48, 64), "JPEG")
    save(turned, name)
    with Image.open(name) as saved:
        assert ImageOps.exif_transpose(saved).size == (48, 64)


@pytest.mark.parametrize(
    ("mode", "kind", "name"),
    [("CMYK", "JPEG", "a.png"), ("I;16", "PNG", "a.jpg"), ("RGBA", "PNG", "a.jpeg"), ("P", "PNG", "a.webp")],
)
def test_any_mode_is_saved_in_any_format(mode: str, kind: str, name: str) -> None:
    image = Image.linear_gradient("L").resize((64, 48))
    if mode == "I;16":
        image = image.convert("I").point(lambda grey: grey * 257).convert("I;16")
    file = io.BytesIO()
    (image if mode == "I;16" else image.convert(mode)).save(file, kind)
    data = base64.b64encode(file.getvalue()).decode()
    save(made("p1", f"data:image/{kind.lower()};base64,{data}"), name)
    with Image.open(name) as saved:
        middle = saved.convert("L").getpixel((32, 24))
    assert isinstance(middle, int)
    assert 90 < middle < 165
    assert (read_provenance(name) or {})["id"] == "p1"


@pytest.mark.parametrize(
    ("media", "name", "what"),
    [
        ("data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>", "a.png", "SVG drawing.*Use .svg"),
        ("data:text/html,<html>gone</html>", "a.jpg", "web page"),
        (None, "a.pdf", "PNG picture.*Use .png"),
        (None, "a.mp4", "PNG picture.*Use .png"),
    ],
)
def test_a_file_gets_no_name_of_a_picture_that_it_does_not_hold(
    media: str | None, name: str, what: str
) -> None:
    with pytest.raises(InvalidInputError, match=f"is an? {what}"):
        save(made("p1", media) if media else photo("PNG"), name)
    assert not os.path.exists(name)


def test_a_picture_too_wide_for_a_format_is_refused_in_words() -> None:
    with pytest.raises(InvalidInputError, match=r"cannot be saved as .webp: Too large for WEBP.*16,383"):
        save(photo("PNG", size=(20_000, 2)), "a.webp")
    assert not os.path.exists("a.webp")
