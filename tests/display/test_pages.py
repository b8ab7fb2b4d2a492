"""What a page says and shows: pictures with their words, and words where there is no picture."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from skytells_nb.display import mimebundle
from skytells_nb.models import PredictionList

from .pictures import encoded, noise, photograph, png_header
from .reading import bytes_in, picture_in, strictly


def drawn(x, **settings):
    return strictly(mimebundle(x, **settings)["text/html"])


def test_a_prediction_shows_its_picture_with_alt_text_and_size(fox):
    page = drawn(fox)
    (image,) = page.all("img")
    assert image["alt"] == "a red fox in snow (truefusion)"
    assert (image["width"], image["height"]) == ("512", "384")
    assert picture_in(image["src"]).size == (512, 384)


def test_under_it_stand_prompt_model_seconds_cost_id_and_local_path(fox):
    text = drawn(fox).text
    assert "a red fox in snow" in text
    assert "truefusion · 10.5 s · $0.02 · 3b0c1f0a-5f0e-4a53-9c53-000000000000" in text
    path = str(Path("skytells_outputs") / "2026-11-22" / "1431-output-0000-0.png")
    assert path in text


def test_the_alt_text_is_the_prompt_cut_to_120_characters(make):
    prompt = "a very long prompt about a fox " * 20
    (image,) = drawn(make(prompt, files=[encoded(photograph())])).all("img")
    said, _, model = (image["alt"] or "").rpartition(" (")
    assert len(said) <= 120
    assert prompt.startswith(said.rstrip("…"))
    assert model == "truefusion)"


def test_a_picture_without_a_prompt_is_named_by_its_model(make):
    (image,) = drawn(make(None, files=[encoded(photograph())])).all("img")
    assert image["alt"] == "truefusion"


def test_several_outputs_of_one_prediction_share_their_words(make):
    page = drawn(make(files=[encoded(photograph(i, (64, 64))) for i in range(4)]))
    assert [image["alt"] for image in page.all("img")] == [
        f"a red fox in snow (truefusion), {n} of 4" for n in (1, 2, 3, 4)
    ]
    assert page.text.count("a red fox in snow") == 1
    assert page.text.count("truefusion") == 1
    assert "2 of 4" in page.text
    assert "1431-output-0000-3.png" in page.text


def test_a_list_says_how_many_there_are_how_they_stand_and_what_they_cost(make):
    listed = PredictionList(
        [make(files=[encoded(photograph(size=(64, 64)))]), make(status="failed", error="Too dark.")]
    )
    page = drawn(listed)
    assert page.text.startswith("2 predictions: 1 succeeded, 1 failed · $0.04")
    assert len(page.all("figure")) == 2
    assert len(page.all("img")) == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"status": "failed", "error": "NSFW content detected."}, "Failed NSFW content detected."),
        ({"status": "failed"}, "Failed The API gives no reason."),
        ({"status": "canceled"}, "Canceled"),
        ({"status": "cancelled"}, "Canceled"),
        ({"status": "pending"}, "Queued"),
        ({"status": "processing"}, "Running"),
        ({"status": "processing", "metrics": {"progress": 42}}, "Running, 42 %"),
        ({"status": "a word nobody knows"}, "Running"),
        ({}, "No output"),
        ({"data_removed": True}, "No longer there"),
        (
            {"data_removed": True, "output": ["https://delivery.example/a.png"]},
            "about five minutes after completion",
        ),
        (
            {"metadata": {"data_available": False}, "output": ["https://delivery.example/a.png"]},
            "No longer there",
        ),
    ],
)
def test_whatever_state_it_is_in_is_said_and_no_picture_is_broken(make, changes, told):
    page = drawn(make(**changes))
    assert told in page.text
    assert "a red fox in snow" in page.text
    assert page.all("img") == page.all("video") == page.all("audio") == []


def test_a_file_that_has_gone_is_said_to_have_been_there(fox):
    fox.files[0].unlink()
    page = drawn(dataclasses.replace(fox, output=None))
    assert page.all("img") == []
    assert "It was kept at" in page.text
    assert fox.files[0].name in page.text


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"<!DOCTYPE html><html><script>alert(1)</script></html>", "A web page It is kept as a file"),
        (b"", "The file holds nothing at all."),
        (b"\x00\x01\x02\x03" * 9, "Data of another kind It is kept as a file"),
        (encoded(photograph(size=(256, 256)))[:9_000], "Damaged picture"),
        (png_header(50_000, 50_000), "It is 50,000 × 50,000 pixels"),
    ],
)
def test_a_file_named_png_that_is_no_picture_becomes_words(make, content, told):
    page = drawn(make(files=[content]))
    assert told in page.text
    assert page.all("img") == []
    assert "1431-output-0000-0.png" in page.text


def test_one_bad_file_does_not_spoil_the_others(make):
    good = encoded(photograph(size=(64, 64)))
    page = drawn(PredictionList([make(files=[good]), make(files=[b"junk\x00"]), make(files=[good])]))
    assert len(page.pictures()) == 2


def test_a_picture_in_a_data_uri_is_shown(make):
    import base64

    content = base64.b64encode(encoded(photograph(size=(64, 64)))).decode()
    page = drawn(make(output=[f"data:image/png;base64,{content}"]))
    assert page.pictures()[0].size == (64, 64)
    assert "Damaged" in drawn(make(output=["data:image/png;base64,@@@"])).text


def test_a_text_stands_in_a_readable_block(make):
    page = drawn(
        make(model={"name": "gpt-5", "type": "text"}, output=["First line.\n\n  Second <b>line</b> & more."])
    )
    (block,) = page.all("pre")
    assert "white-space:pre-wrap" in (block["style"] or "")
    assert block["dir"] == "auto"
    assert "\n\n  Second <b>line</b> & more." in "".join(page.pieces)


def test_a_huge_text_is_cut_and_the_cut_is_said(make):
    page = drawn(make(model={"name": "gpt-5", "type": "text"}, output=["word " * 100_000]))
    assert "Cut: 20,000 of 500,000 characters." in page.text
    assert len(page.html) < 30_000


def test_a_text_file_is_read(make):
    assert "Grüße aus dem Schnee" in drawn(make(files=["Grüße aus dem Schnee".encode()], suffix=".txt")).text


def test_an_answer_that_is_a_web_address_is_text_for_a_text_model(make):
    page = drawn(make(model={"name": "gpt-5", "type": "text"}, output=["https://example.org/answer"]))
    assert page.all("a") == []
    assert "https://example.org/answer" in page.text


def test_an_animation_is_an_image_that_moves(make):
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "green", "blue")]
    content = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    (image,) = drawn(make(files=[content], suffix=".webp")).all("img")
    assert bytes_in(image["src"]) == content


def test_an_animation_too_large_for_the_cell_shows_its_first_frame_and_says_so(make):
    frames = [noise((256, 256)) for _ in range(12)]
    content = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], quality=95)
    assert len(content) > 750_000
    page = drawn(make(files=[content], suffix=".webp"))
    assert getattr(page.pictures()[0], "n_frames", 1) == 1
    assert "sky.options.cell_budget" in page.text


def test_full_embeds_the_originals_byte_for_byte(fox):
    original = fox.files[0].read_bytes()
    (image,) = drawn(fox, full=True).all("img")
    assert bytes_in(image["src"]) == original
    assert (image["width"], image["height"]) == ("1024", "768")


def test_full_turns_what_browsers_cannot_show_into_what_they_can(make):
    tiff = make(files=[encoded(photograph(size=(600, 600)), "TIFF")], suffix=".tif")
    (image,) = drawn(tiff, full=True).all("img")
    assert picture_in(image["src"]).size == (600, 600)
    assert picture_in(image["src"]).format == "WEBP"


def test_a_broken_original_is_words_also_in_full(make):
    page = drawn(make(files=[encoded(photograph(size=(256, 256)))[:9_000]]), full=True)
    assert "Damaged picture" in page.text


def test_a_tall_picture_takes_less_than_its_column(make):
    listed = PredictionList([make(files=[encoded(photograph(size=(360, 640)))]) for _ in range(3)])
    assert {"width:70%"} == {
        part
        for image in drawn(listed).all("img")
        for part in (image["style"] or "").split(";")
        if part.startswith("width")
    }


def test_nothing_is_asked_of_the_theme_and_no_colour_is_named(make, fox):
    html = mimebundle(PredictionList([fox, make(status="failed"), make(output=["text"])]))["text/html"]
    page = strictly(html)
    styles = " ".join(str(attributes.get("style", "")) for _, attributes in page.tags)
    assert not re.search(
        r"#[0-9a-f]{3}|rgb|var\(|url\(|expression|!important|:\s*(black|white|gr[ae]y)", styles
    )


def test_an_empty_list_says_so():
    assert "Nothing to show." in drawn(PredictionList()).text


def test_the_page_is_the_same_every_time(fox):
    assert mimebundle(fox) == mimebundle(fox)


def test_every_shape_of_prediction_is_drawn_or_said(make):
    for raw in (
        {"id": "p"},
        {"id": "p", "status": False},
        {"id": "p", "status": "succeeded", "output": []},
        {"id": "p", "status": "succeeded", "output": [""]},
        {"id": "p", "status": "succeeded", "output": [{"url": "ftp://a"}]},
        {"id": "p", "status": "succeeded", "output": ["javascript:alert(1)"]},
        {"id": "p", "status": "succeeded", "output": ["http://"], "data_removed": True},
        {"id": "p", "status": "succeeded", "output": {"a": 1}, "input": {"prompt": 3}},
        {"id": "p" * 5_000, "status": "failed", "error": {"message": "e" * 5_000}, "model": "m" * 5_000},
        {
            "id": "p",
            "status": "processing",
            "output": ["half a text"],
            "model": {"type": "text", "name": "t"},
        },
    ):
        page = drawn(raw)
        assert page.all("img") == []
        assert len(page.html) < 12_000
        assert page.text


def test_a_saved_notebook_can_hold_it(fox):
    bundle = fox._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain", "image/png"}
    json.dumps(bundle).encode("utf-8")


def test_ipython_may_ask_for_less(fox):
    assert set(fox._repr_mimebundle_(include={"text/plain"})) == {"text/plain"}
    assert set(fox._repr_mimebundle_(exclude={"text/html", "image/png"})) == {"text/plain"}


def test_looking_never_raises(fox, monkeypatch):
    from skytells_nb.display import _show

    def broken(*args, **settings):
        raise RuntimeError("the room is on fire")

    monkeypatch.setattr(_show, "page", broken)
    bundle = fox._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    assert "3b0c1f0a" in bundle["text/plain"]
    assert "RuntimeError: the room is on fire" in bundle["text/plain"]


def test_a_picture_survives_the_round_trip_through_the_page(make):
    made = make(files=[encoded(Image.new("RGB", (300, 200), (10, 120, 110)))])
    red, green, blue = drawn(made).pictures()[0].convert("RGB").getpixel((100, 100))
    assert abs(red - 10) < 8
    assert abs(green - 120) < 8
    assert abs(blue - 110) < 8
