"""A cell keeps to its budget, whatever is in it, and says so when that took something away."""

from __future__ import annotations

import pytest

from skytells_nb._options import options
from skytells_nb.display import gallery, mimebundle
from skytells_nb.display._pipeline import ceiling, notebook_bytes, planned_side, share
from skytells_nb.models import PredictionList

from .pictures import encoded, noise, photograph
from .reading import strictly


@pytest.fixture(scope="module")
def hard() -> bytes:
    return encoded(noise())


def test_one_prediction_takes_sixty_kilobytes_at_most_however_hard_its_picture(make, hard):
    for content in (encoded(photograph()), hard, encoded(noise((1024, 1024)))):
        html = mimebundle(make("a prompt " * 100, files=[content]))["text/html"]
        assert notebook_bytes(html) <= 60_000
        assert min(strictly(html).pictures()[0].size) >= 200


@pytest.mark.parametrize(
    ("count", "side"), [(1, 512), (2, 512), (9, 512), (25, 512), (30, 464), (100, 256), (400, 128)]
)
def test_the_side_is_chosen_from_the_number_before_anything_is_encoded(count, side):
    assert planned_side(count, 512, 1_000_000) == side


def test_a_wider_budget_or_a_smaller_size_is_heeded():
    assert planned_side(100, 512, 4_000_000) == 512
    assert planned_side(1, 128, 1_000_000) == 128
    assert planned_side(100, 512, None) == 512


@pytest.mark.parametrize("count", [2, 20, 60])
def test_a_gallery_of_the_hardest_pictures_stays_within_its_budget_and_says_why_they_are_small(
    make, hard, count
):
    predictions = [make(files=[hard]) for _ in range(count)]
    with options(cell_budget=100_000):
        html = gallery(predictions).html
    assert notebook_bytes(html) <= 100_000
    page = strictly(html)
    assert len(page.pictures()) == min(count, 20)
    assert (
        "to keep this cell under 100 kB (sky.options.cell_budget); full=True shows everything whole."
        in page.text
    )


def test_what_is_left_out_is_counted(make, hard):
    with options(cell_budget=50_000):
        page = strictly(mimebundle(PredictionList([make(files=[hard]) for _ in range(12)]))["text/html"])
    assert len(page.all("figure")) == 10
    assert "The first 10 of 12 are shown" in page.text


def test_a_budget_that_does_not_bite_is_not_mentioned(make):
    page = strictly(gallery([make(files=[encoded(photograph(size=(200, 200)))]) for _ in range(9)]).html)
    assert "cell_budget" not in page.text


def test_full_asks_no_budget(make, hard):
    predictions = [make(files=[hard]) for _ in range(3)]
    with options(cell_budget=50_000):
        html = gallery(predictions, full=True).html
    assert len(html) > 3 * len(hard)
    assert "cell_budget" not in html


def test_the_budget_counts_words_as_well(make):
    predictions = [
        make('schöne Aussicht "zitiert" ' * 40, status="failed", error="zu dunkel " * 60) for _ in range(60)
    ]
    with options(cell_budget=300_000):
        html = mimebundle(PredictionList(predictions))["text/html"]
    assert notebook_bytes(html) <= 300_000
    assert len(strictly(html).all("figure")) == 60


def test_texts_share_the_budget_too(make):
    texts = [
        make(model={"name": "gpt-5", "type": "text"}, output=["Wort für Wort. " * 5_000]) for _ in range(20)
    ]
    with options(cell_budget=150_000):
        html = mimebundle(PredictionList(texts))["text/html"]
    assert notebook_bytes(html) <= 150_000
    assert "Cut:" in html


def test_easy_pictures_keep_their_quality_beside_hard_ones(make, hard):
    easy = encoded(photograph(size=(64, 64)))
    predictions = [make(files=[hard]), make(files=[easy]), make(files=[hard])]
    with options(cell_budget=40_000):
        page = strictly(gallery(predictions).html)
    assert page.pictures()[1].size == (64, 64)
    assert max(page.pictures()[0].size) < 512


def test_a_gallery_remembers_the_options_it_was_made_under(make, hard):
    with options(cell_budget=30_000):
        made = gallery([make(files=[hard]) for _ in range(4)])
    assert notebook_bytes(made.html) <= 30_000


def test_the_size_of_thumbnails_is_an_option(make):
    with options(thumbnail_size=128):
        page = strictly(mimebundle(make(files=[encoded(photograph())]))["text/html"])
    assert page.pictures()[0].size == (128, 128)


def test_shares_meet_the_budget_and_leave_small_ones_alone():
    assert share([], 100) == 0
    assert share([10, 20], 100) == 20
    assert share([100, 100], 100) == 50
    assert share([10, 10, 500], 100) == 80
    assert share([100], -5) == 0
    for sizes in ([3, 5, 900, 20], [7] * 9, [1, 1000]):
        cap = share(sizes, 50)
        assert sum(min(size, cap) for size in sizes) <= 50


def test_a_thumbnail_twice_as_wide_may_take_four_times_as_much():
    assert ceiling(1024) == 4 * ceiling(512)
