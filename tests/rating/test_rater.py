"""Predictions are rated one after the other, each word is kept at once, and one goes on where one stopped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import skytells_nb as sky
from skytells_nb.archive import Archive, Rating
from skytells_nb.exceptions import InvalidInputError
from skytells_nb.rating import Rater


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive(tmp_path) as archive:
        yield archive


@pytest.fixture
def made(archive: Archive) -> Iterator[sky.PredictionList]:
    with sky.Sandbox(transport="inprocess", seconds=0) as sandbox, sandbox.client(archive=archive) as client:
        frame = sky.grid(prompt="a {animal}", animal=["fox", "owl", "stag"], width=64, height=64)
        yield sky.batch("truefusion-edge", frame, client=client)


def test_stars_go_on_to_the_next_and_are_kept_at_once(made: sky.PredictionList, archive: Archive):
    rater = sky.rate(made)
    assert rater.current == made[0]
    assert rater.rate(4, tags=["cover"], note="softer") == made[1]
    assert archive.rating(made[0]) == Rating(4, ("cover",), "softer")
    assert rater.rate(0) == made[2]
    assert rater.rate(5) is None
    assert (rater.progress, repr(rater)) == ((3, 3), "<Rater: 3 of 3 predictions rated>")
    with pytest.raises(InvalidInputError, match="That was the last one"):
        rater.rate(3)
    assert rater.previous() == made[2]
    assert rater.rating == Rating(5)


def test_one_goes_on_where_one_stopped(made: sky.PredictionList):
    made[0].rate(3)
    made[2].rate(1)
    rater = Rater(made)
    assert rater.current == made[1]
    assert rater.rate(2) is None
    assert Rater(made).current is None
    assert rater.undo() == made[1]
    assert Rater(made).current == made[1]


def test_undo_brings_back_what_was_there_step_by_step(made: sky.PredictionList, archive: Archive):
    made[0].rate(3, ["old"], "was")
    rater = sky.rate(made)
    rater.previous()
    rater.rate(5)
    assert archive.rating(made[0]) == Rating(5, ("old",), "was"), "tags and note stay unless given"
    rater.previous()
    rater.describe(tags=["new"])
    assert archive.rating(made[0]) == Rating(5, ("new",), "was")
    rater.undo()
    assert rater.undo() == made[0]
    assert archive.rating(made[0]) == Rating(3, ("old",), "was")
    assert rater.undo() == made[0]


def test_undo_leaves_what_somebody_else_has_kept_meanwhile(made: sky.PredictionList, archive: Archive):
    mine, theirs = sky.rate(made), sky.rate(made)
    mine.rate(5)
    theirs.rate(2)
    with pytest.warns(sky.SkytellsWarning, match="rated elsewhere"):
        assert mine.undo() == made[0]
    assert archive.rating(made[0]).stars == 2
    theirs.undo()
    assert archive.rating(made[0]).stars == 5


def test_arrows_leave_everything_as_it_is(made: sky.PredictionList, archive: Archive):
    rater = sky.rate(made)
    assert [rater.next(), rater.next(), rater.next(), rater.next()] == [made[1], made[2], None, None]
    assert [rater.previous() for _ in range(4)] == [made[2], made[1], made[0], made[0]]
    assert archive.predictions(min_rating=0) == []


def test_what_cannot_be_rated_is_said(made: sky.PredictionList, archive: Archive, tmp_path: Path):
    elsewhere = sky.Prediction(id="p9", status="succeeded", origin="https://elsewhere.example/v1")
    with pytest.raises(InvalidInputError, match="There is nothing to rate"):
        sky.rate([])
    with pytest.raises(InvalidInputError, match="None of these predictions is in an archive"):
        sky.rate(elsewhere)
    with pytest.raises(InvalidInputError, match="None of these"):
        sky.rate(made, archive=Archive(tmp_path / "other"))
    with pytest.raises(InvalidInputError, match="takes predictions, not a str"):
        sky.rate("p1")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="from 0 to 5"):
        sky.rate(made).rate(6)
    with pytest.warns(sky.SkytellsWarning, match="1 of 4 predictions are in no archive"):
        rater = sky.rate([*made, elsewhere, made[0]])
    assert len(rater) == 3
    assert len(sky.rate(archive, archive=archive)) == 3


def test_what_was_deleted_meanwhile_is_said_and_the_others_go_on(made: sky.PredictionList, archive: Archive):
    rater = sky.rate(made, archive=archive)
    made[0].files[0].unlink()
    assert made[0].id in rater.widget._picture.value, "whether its file is there or not"
    archive.remove(made[0])
    with pytest.raises(InvalidInputError, match="is not in the archive"):
        rater.rate(4)
    rater.widget._stars[3].click()
    assert "is not in the archive" in rater.widget._said.value
    rater.next()
    assert rater.rate(4) == made[2]


def test_the_widget_shows_and_keeps_what_is_clicked_and_typed(made: sky.PredictionList, archive: Archive):
    rater = sky.rate(made)
    widget = rater.widget
    assert 'alt="a fox' in widget._picture.value
    widget._stars[3].click()
    assert 'alt="a owl' in widget._picture.value
    assert archive.rating(made[0]).stars == 4
    widget._tags.value = "cover, snow"
    widget._note.value = "softer"
    assert archive.rating(made[1]) == Rating(None, ("cover", "snow"), "softer")
    rater.previous()
    assert [("sky-lit" in star._dom_classes) for star in widget._stars] == [True] * 4 + [False]
    assert (widget._tags.value, widget._note.value) == ("", "")
    widget._reject.click()
    assert archive.rating(made[0]).stars == 0
    rater.undo()
    assert archive.rating(made[0]).stars == 4
    bundle = rater._repr_mimebundle_()
    while rater.current is not None:
        rater.next()
    hidden = [each for each in widget.children if each.layout.display == "none"]
    assert hidden == [widget._words], "and undo can be pressed still"
    assert "1 of 3 predictions rated. Run the cell to go on." in bundle["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_a_gallery_is_filtered_and_sorted_by_it(made: sky.PredictionList):
    for prediction, stars, tags in zip(made, (2, 5, None), (["odd"], ["cover"], []), strict=True):
        prediction.rate(stars, tags)
    best = sky.gallery(made, sort="rating", captions="rating", size=64)
    assert [item.prediction for item in best._items] == [made[1], made[0], made[2]]
    assert "★★★★★ cover" in best.html
    assert "not rated" in best.html
    assert [item.prediction for item in sky.gallery(made, min_rating=3)._items] == [made[1]]
    assert len(sky.gallery(made, tag="odd")) == 1
    with pytest.raises(InvalidInputError, match="sort"):
        sky.gallery(made, sort="cost")  # type: ignore[arg-type]


def test_spend_by_rating(made: sky.PredictionList, archive: Archive):
    made[0].rate(5)
    made[1].rate(5)
    sums = sky.spend(archive, by="rating")
    assert sums[["count", "cost"]].values.tolist() == [[2, 0.02], [1, 0.01]]
    assert sums["rating"].tolist()[0] == 5
    assert sums["rating"].isna().tolist() == [False, True]
