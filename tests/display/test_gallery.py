"""`gallery`: predictions side by side, with captions of one's own, as HTML and as one image."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from skytells_nb.archive import Rating
from skytells_nb.display import Gallery, gallery
from skytells_nb.display._gallery import rating_text
from skytells_nb.exceptions import InvalidInputError
from skytells_nb.models import Model

from .pictures import encoded, photograph
from .reading import strictly

TEAL = encoded(Image.new("RGB", (200, 200), (0, 128, 128)))


@pytest.fixture
def three(make):
    return [make(f"fox number {n}", files=[TEAL]) for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("captions", "told"),
    [
        ("prompt", ["fox number 1", "fox number 2", "fox number 3"]),
        ("model", ["truefusion"] * 3),
        ("cost", ["$0.02"] * 3),
        (["one", None, "three"], ["one", "three"]),
        (lambda p: p.prompt.upper(), ["FOX NUMBER 1", "FOX NUMBER 2", "FOX NUMBER 3"]),
        (lambda p: None, []),
        ("none", []),
        (None, []),
    ],
)
def test_captions_are_chosen(three, captions, told):
    html = gallery(three, captions=captions).html
    strictly(html)
    assert re.findall(r"line-height:18px[^>]*>([^<]*)<", html) == told


def test_a_caption_stands_under_every_output_of_its_prediction(make):
    page = strictly(
        gallery([make("twins", files=[TEAL, TEAL]), make("one", files=[TEAL])], captions=["a", "b"]).html
    )
    assert page.text.count("a truefusion") == 2
    assert len(page.all("img")) == 3


def test_a_function_gets_the_loose_thing_itself(tmp_path):
    path = tmp_path / "fox.png"
    path.write_bytes(TEAL)
    assert "fox.png!" in gallery([path], captions=lambda p: p.name + "!").html


def test_an_error_in_a_caption_function_is_the_caller_s_to_see(three):
    with pytest.raises(ZeroDivisionError):
        gallery(three, captions=lambda p: 1 / 0)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"captions": "prompts"}, "'model', 'cost', 'rating' or 'none', not 'prompts'"),
        ({"captions": ["only one"]}, "1 captions for 3"),
        ({"captions": False}, "or 'none', not False"),
        ({"columns": 0}, "columns"),
        ({"columns": 2.5}, "columns"),
        ({"columns": True}, "columns"),
        ({"size": 8}, "size"),
        ({"size": "large"}, "size"),
    ],
)
def test_an_argument_that_makes_no_sense_is_refused(three, settings, told):
    with pytest.raises(InvalidInputError, match=told):
        gallery(three, **settings)


def test_models_are_not_for_galleries():
    with pytest.raises(InvalidInputError, match=r"sky\.show"):
        gallery([Model(id="m")])


def test_columns_are_as_many_as_asked(three):
    assert "repeat(2,minmax(72px,1fr))" in gallery(three, columns=2).html
    assert "repeat(2,minmax(40px,1fr))" in gallery(three, columns=2, size=40).html


def test_what_tells_one_from_another_is_never_cut(make):
    """A sandbox's ids all begin alike, and a cost at the end of a line would be the first to go."""
    ids = [f"sandbox-{n}ba6324ec14d43d0a19ca64d6c8e018b" for n in range(12)]
    some = gallery([make(files=[TEAL], id=id) for id in ids])
    page = strictly(some.html)
    for n, id in enumerate(ids):
        assert f"{n}ba6324"[:8] in page.text
        assert f'title="{id}"' in some.html
    assert some.html.count('<bdi style="white-space:nowrap">0.02 credits</bdi>') == 12
    assert f"{11}ba6324" in some.text


@pytest.mark.parametrize(("count", "across"), [(2, 2), (4, 2), (9, 3)])
def test_a_few_stand_in_a_square(make, count, across):
    html = gallery([make(files=[TEAL]) for _ in range(count)]).html
    least = int(re.search(r"minmax\((\d+)px,1fr\)", html)[1])
    widest = int(re.search(r"max-width:(\d+)px\"><figure", html)[1])
    assert (widest + 16) // (least + 16) == across


def test_the_size_bounds_the_pictures(three):
    page = strictly(gallery(three, size=100).html)
    assert {picture.size for picture in page.pictures()} == {(100, 100)}


def test_an_empty_gallery_is_a_gallery():
    made = gallery([])
    assert "Nothing to show." in made.html
    assert made.to_image().width > 0
    assert len(made) == 0


def test_nothing_is_read_before_it_is_looked_at(three):
    made = gallery(three)
    for prediction in three:
        prediction.files[0].write_bytes(encoded(Image.new("RGB", (90, 90))))
    assert {picture.size for picture in strictly(made.html).pictures()} == {(90, 90)}


def test_it_shows_itself_and_is_short_in_print(three):
    made = gallery(three)
    assert repr(made) == "<Gallery of 3>"
    assert isinstance(made, Gallery)
    assert made._repr_mimebundle_()["text/html"] == made.html
    assert "fox number 2" in made._repr_mimebundle_()["text/plain"]


def test_looking_at_it_never_raises(three, monkeypatch):
    from skytells_nb.display import _gallery

    monkeypatch.setattr(_gallery, "page", lambda *args, **settings: 1 / 0)
    assert "ZeroDivisionError" in gallery(three)._repr_mimebundle_()["text/plain"]


def test_the_contact_sheet_holds_every_picture_in_its_place(make):
    colours = [(200, 30, 30), (30, 160, 30), (30, 30, 200), (200, 200, 30)]
    made = gallery(
        [
            make(f"fox {n}", files=[encoded(Image.new("RGB", (300, 300), colour))])
            for n, colour in enumerate(colours)
        ],
        size=200,
    )
    sheet = made.to_image()
    assert sheet.mode == "RGB"
    corners = [
        sheet.getpixel((sheet.width * x // 4, 100 + y * sheet.height // 2)) for y in (0, 1) for x in (1, 3)
    ]
    assert all(
        max(abs(a - b) for a, b in zip(seen, meant, strict=True)) < 12
        for seen, meant in zip(corners, colours, strict=True)
    )


def test_the_contact_sheet_says_what_is_not_there(make):
    blank = gallery([make(files=[TEAL]), make(status="queued")], captions=None).to_image()
    failed = gallery(
        [make(files=[TEAL]), make(status="failed", error="Too dark for foxes.")], captions=None
    ).to_image()
    assert blank.size == failed.size
    assert blank.tobytes() != failed.tobytes()


def test_the_contact_sheet_writes_captions_and_leaves_out_letters_it_does_not_have(make):
    plain = gallery([make("fox", files=[TEAL])]).to_image()
    assert plain.height > gallery([make("fox", files=[TEAL])], captions=None).to_image().height
    assert plain.tobytes() != gallery([make("owl", files=[TEAL])]).to_image().tobytes()
    assert (
        gallery([make("🦊🦊", files=[TEAL])]).to_image().tobytes()
        == gallery([make("…", files=[TEAL])]).to_image().tobytes()
    )


def test_the_contact_sheet_stays_of_a_size_that_can_be_sent(make):
    many = gallery([make(files=[TEAL])] * 120, size=1024)
    assert many.to_image().width * many.to_image().height < 26_000_000


@pytest.mark.parametrize("words", ["", " ", "x" * 5_000, "a b " * 900, "\n\n", "$\\frac{1}{2}$"])
def test_the_contact_sheet_copes_with_any_caption(make, words):
    assert gallery([make(files=[TEAL])], captions=[words], size=64).to_image().width >= 96


@pytest.mark.parametrize("name", ["foxes.png", "foxes.JPG", "foxes.webp"])
def test_it_is_saved_as_a_sheet(three, tmp_path, name):
    path = gallery(three, size=64).save(tmp_path / name)
    with Image.open(path) as sheet:
        assert sheet.width > 64


def test_it_is_saved_as_a_page_of_its_own(three, tmp_path):
    written = gallery(three).save(str(tmp_path / "foxes.html")).read_text("utf-8")
    assert written.startswith("<!DOCTYPE html>")
    assert gallery(three).html in written


def test_the_folder_it_is_saved_in_is_made(three, tmp_path):
    assert gallery(three, size=64).save(tmp_path / "new" / "deep" / "foxes.png").is_file()


def test_a_sheet_too_long_for_its_format_is_refused_in_words(make, tmp_path):
    tall = gallery([make(files=[TEAL])] * 150, columns=1, size=96)
    with pytest.raises(InvalidInputError, match="WEBP holds 16,383 a side"):
        tall.save(tmp_path / "tall.webp")
    assert not (tmp_path / "tall.webp").exists()
    assert tall.save(tmp_path / "tall.png").is_file()


def test_another_ending_is_refused_and_nothing_is_written(three, tmp_path):
    with pytest.raises(InvalidInputError, match=r"ends in \.html"):
        gallery(three).save(tmp_path / "foxes.docx")
    assert not (tmp_path / "foxes.docx").exists()


def test_a_hundred_pictures_are_drawn_in_order(make):
    shades = [encoded(Image.new("L", (32, 32), 2 * n)) for n in range(100)]
    page = strictly(gallery([make(files=[shade]) for shade in shades]).html)
    seen = [picture.convert("L").getpixel((16, 16)) for picture in page.pictures()]
    assert seen == sorted(seen)
    assert len(seen) == 100


def test_a_picture_larger_than_its_column_is_bounded_by_itself(make):
    (image,) = strictly(gallery([make(files=[encoded(photograph(size=(60, 60)))])], columns=1).html).all(
        "img"
    )
    assert "max-width:60px" in (image["style"] or "")


def test_what_the_caption_says_is_not_said_again(three, tmp_path):
    assert strictly(gallery(three, captions="cost").html).text.count("$0.02") == 3
    (tmp_path / "owl.png").write_bytes(TEAL)
    assert strictly(gallery([tmp_path / "owl.png"]).html).text.count("owl.png") == 1


def test_a_file_s_name_in_hebrew_keeps_its_ending_behind():
    path = Path("1955-שועל-אדום.png")
    path.write_bytes(encoded(photograph(1, (60, 40))))
    assert '<bdi dir="ltr">1955-<bdi>שועל-אדום</bdi>.png</bdi>' in gallery([path]).html


def test_a_rating_is_stars_and_tags():
    given = Rating(4, ("cover", "snow")), Rating(0), Rating()
    assert [rating_text(each) for each in given] == ["★★★★☆ cover, snow", "rejected", "not rated"]
