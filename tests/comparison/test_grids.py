"""A frame compared: its axes as rows and columns, and the rest as a grid of grids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import skytells_nb as sky
from skytells_nb.display import spans
from skytells_nb.exceptions import InvalidInputError

SMALL = {"width": 64, "height": 64}
EDGE = "truefusion-edge"


@pytest.fixture
def sandbox() -> Iterator[sky.Sandbox]:
    with sky.Sandbox(transport="inprocess", seconds=0) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: sky.Sandbox, tmp_path: Path) -> Iterator[sky.Client]:
    with sandbox.client(archive=tmp_path / "kept") as client:
        yield client


def heads(html: str, scope: str, over: str) -> list[tuple[str, int]]:
    found = re.findall(rf'<th scope="{scope}" {over}="(\d+)"[^>]*>([^<]*)</th>', html)
    return [(words, int(length)) for length, words in found]


def test_two_axes_are_rows_and_columns_in_any_script(client: sky.Client, capsys: pytest.CaptureFixture[str]):
    frame = sky.grid(prompt="{animal}, {light}", animal=["狐", "ثعلب", "fox"], light=["snow", "fog"])
    grid = sky.compare(EDGE, frame, inputs=SMALL, client=client)
    assert capsys.readouterr().out == "6 predictions: animal 3 × light 2, 0.06 credits in all\n"
    assert (grid.prompts, grid.columns) == (("狐", "ثعلب", "fox"), ("snow", "fog"))
    assert grid[1, 1].prediction.prompt == "ثعلب, fog"
    assert heads(grid.html, "col", "colspan") == [("snow", 1), ("fog", 1)]
    assert heads(grid.html, "row", "rowspan") == [("狐", 1), ("ثعلب", 1), ("fox", 1)]
    assert grid.to_pandas().index.equals(frame.index)
    assert grid.to_image(size=100).size > (200, 300)


def test_more_axes_are_a_grid_of_grids_with_labels_that_stand_once(client: sky.Client):
    frame = sky.grid(prompt="{animal}, {light}", animal=["fox", "owl"], light=["snow", "fog"], seed=range(2))
    grid = sky.compare([EDGE, "flux-1-edge"], frame, inputs=SMALL, client=client)
    assert heads(grid.html, "col", "colspan") == [
        (EDGE, 4),
        ("flux-1-edge", 4),
        *[("seed 0", 2), ("seed 1", 2)] * 2,
        *[("snow", 1), ("fog", 1)] * 4,
    ]
    assert heads(grid.html, "row", "rowspan") == [("fox", 1), ("owl", 1)]
    assert {cell.prediction.model for cell in grid.cells[:4]} == {EDGE}
    assert grid[1, -1].prediction.input == {"prompt": "owl, fog", "seed": 1, **SMALL}
    assert len(grid.to_pandas()) == 16
    assert repr(grid) == "<Comparison of animal 2 × light 2 × seed 2 × model 2>"
    grid.to_image(size=60)


def test_labels_span_what_they_have_in_common():
    found = spans([("fox", "snow"), ("fox", "fog"), ("owl", "snow")])
    assert found == [[(0, 2, "fox"), (2, 1, "owl")], [(0, 1, "snow"), (1, 1, "fog"), (2, 1, "snow")]]


def test_what_does_not_fit_across_goes_down(client: sky.Client):
    frame = sky.grid(prompt="{a}{b}", a=["x", "y"], b=list("pqrst"), seed=range(2))
    grid = sky.compare(EDGE, frame, inputs=SMALL, client=client)
    assert heads(grid.html, "row", "rowspan") == [
        ("seed 0", 2),
        ("x", 1),
        ("y", 1),
        ("seed 1", 2),
        ("x", 1),
        ("y", 1),
    ]
    one = sky.compare(EDGE, sky.grid(prompt="a fox", seed=range(7)), inputs=SMALL, client=client)
    assert (len(one.prompts), one.columns) == (7, ("",))


def test_rows_that_were_left_out_are_empty_and_any_frame_will_do(client: sky.Client):
    frame = sky.grid(prompt="{a}{b}", a=["x", "y"], b=["p", "q"]).iloc[:3]
    grid = sky.compare(EDGE, frame, inputs=SMALL, client=client)
    assert len(grid.cells) == 3
    with pytest.raises(InvalidInputError, match="Nothing was asked"):
        grid[1, 1]
    plain = sky.compare(EDGE, pd.DataFrame({"prompt": ["a fox", "a fox"]}), inputs=SMALL, client=client)
    assert plain.columns == ("0: a fox", "1: a fox")


def test_too_many_are_refused_with_their_number_and_price(sandbox: sky.Sandbox, client: sky.Client):
    frame = sky.grid(prompt="a fox", seed=range(1_001))
    with pytest.raises(InvalidInputError, match=r"1,001 predictions, 10.01 credits in all, .* 1,000 at most"):
        sky.compare(EDGE, frame, client=client)
    with pytest.raises(InvalidInputError, match=r"2,002 predictions, 20.02 credits in all"):
        sky.compare([EDGE, "flux-1-edge"], [f"fox {n}" for n in range(1_001)], client=client)
    with pytest.raises(InvalidInputError, match=r"one dict for all of its rows"):
        sky.compare(EDGE, frame[:2], inputs=[{"seed": 1}], client=client)
    with pytest.raises(InvalidInputError, match="no rows"):
        sky.compare(EDGE, frame[:0], client=client)
    with pytest.raises(InvalidInputError, match=r"… and 20 more\. Nothing was sent"):
        sky.compare(EDGE, sky.grid(prompt="a fox", seed=[f"s{n}" for n in range(30)]), client=client)
    assert not sandbox.billed
