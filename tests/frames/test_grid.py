"""Every combination of inputs: axes, names that are filled in, and what makes no grid."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import skytells_nb as sky
from skytells_nb.exceptions import InvalidInputError


def test_axes_are_the_index_and_what_fills_is_no_column():
    frame = sky.grid(
        prompt="a {animal} in {light}", animal=["fox", "hen"], light=["snow", "fog"], seed=range(2)
    )
    assert list(frame.columns) == ["prompt", "seed"]
    assert list(frame.index.names) == ["animal", "light", "seed"]
    assert frame.index[:3].tolist() == [("fox", "snow", 0), ("fox", "snow", 1), ("fox", "fog", 0)]
    assert frame.loc[("hen", "fog", 1)].to_dict() == {"prompt": "a hen in fog", "seed": 1}
    assert len(frame) == 8


def test_what_has_one_value_is_the_same_in_every_row():
    frame = sky.grid(prompt="a fox {{here}}", style="ink", seed=(n for n in (3, 4)))
    assert frame.to_dict("list") == {"prompt": ["a fox {here}"] * 2, "style": ["ink"] * 2, "seed": [3, 4]}
    assert frame.index.name == "seed"
    assert len(sky.grid(prompt="a fox")) == 1
    assert sky.grid(prompt="a {animal}", animal="fox").to_dict("list") == {"prompt": ["a fox"]}


def test_several_texts_are_filled_and_what_fills_is_taken_as_it_is():
    frame = sky.grid(prompt=["a {animal}", "two {animal}"], animal=["fox", "{hen}"])
    assert frame["prompt"].tolist() == ["a fox", "a {hen}", "two fox", "two {hen}"]


def test_files_and_lists_are_values_too(tmp_path: Path):
    one = Image.new("RGB", (9, 9))
    frame = sky.grid(prompt="a fox", image=[tmp_path / "a.png", one], sizes=[[1, 2]], note=[None, "x"])
    assert frame["image"].tolist() == [tmp_path / "a.png"] * 2 + [one] * 2
    assert frame["sizes"].tolist() == [[1, 2]] * 4
    assert frame.index[0] == ("a.png", "[1, 2]", "None")


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({}, "A grid needs inputs"),
        (
            {"prompt": "a {animal}", "seed": [1]},
            r"\{animal\}, and the grid has no 'animal', only prompt, seed",
        ),
        ({"prompt": "a { fox"}, "braces without a plain name"),
        ({"prompt": "a {fox.colour}", "fox": [1]}, "braces without a plain name"),
        ({"prompt": "a {0}"}, "braces without a plain name"),
        ({"seed": []}, "The axis seed is empty"),
        ({"seed": [1, 2, 1]}, "The axis seed has 1 twice"),
        (
            {"prompt": "a fox", "seed": range(10**6)},
            r"1,000,000 rows .*at one cent each are \$10,000.00; 100,000",
        ),
        ({"prompt": "{a}{b}", "a": range(10**6), "b": range(10**6)}, "1,000,000,000,000 rows"),
        ({"prompt": "a fox", "seed": itertools.count()}, "100,000 are the most"),
        ({"prompt": "a {prompt}", "seed": range(2)}, "fills itself"),
    ],
)
def test_what_makes_no_grid_is_said(inputs: dict[str, Any], said: str):
    with pytest.raises(InvalidInputError, match=said):
        sky.grid(**inputs)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[sky.Client]:
    with sky.Sandbox(transport="inprocess", seconds=0) as sandbox, sandbox.client(archive=tmp_path) as client:
        yield client


def test_an_estimate_sums_the_rows(client: sky.Client):
    frame = sky.grid(prompt="a {animal}", animal=["fox", "owl"], number_of_images=[1, 3], seed=range(5))
    assert sky.estimate("truefusion", frame, client=client).price == "1.2 credits"
    prompts = sky.grid(prompt=["a fox", "an owl in a forest"], seed=range(2))
    assert sky.estimate("truefusion-edge", prompts, client=client).basis == "4 predictions × 0.01 credits"
    assert sky.estimate("truefusion", frame, count=2, client=client).price == "2.4 credits"
    assert sky.estimate(client.models.get("truefusion"), frame).price == "1.2 credits"
    with pytest.raises(InvalidInputError, match="truefusion does not take this"):
        sky.estimate("truefusion", sky.grid(prompt="a fox", number_of_images=[1, 300]), client=client)
    with pytest.raises(InvalidInputError, match="no rows"):
        sky.estimate("truefusion", frame[:0], client=client)


def test_a_batch_takes_it_and_its_results_join_back(client: sky.Client):
    frame = sky.grid(prompt="a {animal}", animal=["fox", "owl"], seed=range(2), width=64, height=64)
    made = sky.batch("truefusion-edge", frame, client=client)
    joined = frame.join(made.to_pandas()[["status", "cost"]])
    assert joined["status"].tolist() == ["succeeded"] * 4
    assert made.to_pandas().groupby("animal")["cost"].sum().to_dict() == {"fox": 0.02, "owl": 0.02}
