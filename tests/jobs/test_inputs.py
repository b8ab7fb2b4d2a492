"""What a batch takes as inputs, and what it says of those it cannot take."""

from __future__ import annotations

import itertools
import math
from contextlib import closing
from dataclasses import make_dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from skytells_nb.exceptions import InvalidInputError
from skytells_nb.jobs._inputs import Inputs
from skytells_nb.models import Prediction
from skytells_nb.schema import labels_of, rows_of

SCHEMA = {
    "type": "object",
    "required": ["prompt"],
    "properties": {"prompt": {"type": "string"}, "width": {"type": "integer", "maximum": 2048}},
}


def read(given: Any, schema: dict[str, Any] | None = None, model: str = "truefusion") -> Inputs:
    inputs = Inputs(model, given, schema, "https://api.skytells.ai/v1")
    while inputs.read(3):
        continue
    return inputs


def test_dicts_stay_and_strings_are_prompts():
    inputs = read([{"prompt": "a fox", "width": 64}, "an owl"], SCHEMA)
    assert list(inputs.reread()) == [{"prompt": "a fox", "width": 64}, {"prompt": "an owl"}]


def test_a_generator_is_read_once_and_can_still_be_gone_through_again():
    inputs = read(f"fox {n}" for n in range(7))
    for _ in range(2):
        assert list(inputs.reread()) == [{"prompt": f"fox {n}"} for n in range(7)]
    inputs.close()


def test_two_columns_of_one_name_are_no_input():
    frame = pd.DataFrame([["a fox", 1, 2]], columns=["prompt", "seed", "seed"])
    with pytest.raises(InvalidInputError, match="several columns 'seed'"):
        read(frame)


def test_equal_inputs_are_items_of_their_own():
    inputs = read(["a fox", "an owl", "a fox", {"prompt": "a fox"}])
    keys = [inputs.key(n) for n in range(4)]
    assert len(set(keys)) == 4
    assert [number for _, number in keys] == [0, 0, 1, 2]
    assert keys[0][0] == keys[2][0] == keys[3][0] != keys[1][0]


def test_the_order_of_the_fields_and_a_whole_float_make_no_other_input():
    one, other = read([{"prompt": "a", "width": 64}]), read([{"width": 64, "prompt": "a"}])
    assert one.fingerprint == other.fingerprint


def test_the_fingerprint_tells_models_orders_and_inputs_apart():
    whole = read(["a", "b"])
    others = [read(["b", "a"]), read(["a"]), read(["a", "b", "b"]), read(["a", "b"], model="lumo")]
    assert len({whole.fingerprint, *(other.fingerprint for other in others)}) == 5


def test_everything_that_is_wrong_is_told_at_once():
    made = Prediction("p1", None, "queued")
    with pytest.raises(InvalidInputError) as told:
        read(["fine", made, None, {"width": 64}, {"prompt": 5, "width": 4096}, {"prompt": math.nan}], SCHEMA)
    assert told.value.charged is False
    assert told.value.message.splitlines() == [
        "5 of 6 inputs cannot be used, and nothing was sent. Correct them and run the batch again:",
        "  input 1: it is Prediction, and neither a dict nor a prompt: pass its .input",
        "  input 2: it is NoneType, and neither a dict nor a prompt",
        "  input 3: prompt: This is needed.",
        "  input 4: prompt: This takes text, not 5. width: At most 2,048, not 4,096.",
        *told.value.message.splitlines()[5:],
    ]
    assert "cannot be sent as JSON" in told.value.message.splitlines()[5]


def test_of_very_many_wrong_inputs_the_first_are_told_and_the_others_counted():
    with pytest.raises(InvalidInputError) as told:
        read(itertools.repeat(None, 10_000))
    assert len(told.value.message.splitlines()) == 22
    assert told.value.message.endswith("… and 9,980 more")


def test_a_wrong_row_of_a_frame_is_called_by_its_label():
    frame = pd.DataFrame({"prompt": ["a", "b"], "width": [64, 9999]}, index=["cat", "dog"])
    with pytest.raises(InvalidInputError, match="input dog: width"):
        read(frame, SCHEMA)


@pytest.mark.parametrize("one", ["a fox", {"prompt": "a fox"}, b"a fox", 3, None])
def test_one_input_is_not_many(one: Any):
    with pytest.raises(InvalidInputError, match=r"inputs must be many, and this is one \w+: pass a list"):
        read(one)


def test_a_model_without_a_prompt_says_what_it_takes_instead():
    with pytest.raises(InvalidInputError, match="takes no prompt, but image, scale"):
        read(["a fox"], {"properties": {"image": {}, "scale": {}}})


def test_a_generator_that_fails_fails_as_it_is():
    def broken() -> Any:
        yield "a fox"
        raise LookupError("no more prompts")

    with pytest.raises(LookupError, match="no more prompts"):
        read(broken())


def test_an_input_that_changes_after_it_was_checked_is_not_sent():
    given = [{"prompt": "a fox"}, {"prompt": "an owl"}]
    inputs = read(given)
    given[1]["prompt"] = "ten owls"
    again = inputs.reread()
    assert next(again) == {"prompt": "a fox"}
    with pytest.raises(InvalidInputError, match="Input 1 was changed"):
        next(again)


WITH_PICTURE = {"properties": {"prompt": {"type": "string"}, "image": {"type": "string", "format": "uri"}}}


@pytest.mark.parametrize("given", [Path, str])
def test_files_become_what_the_api_can_read(tmp_path: Path, given: type):
    picture = tmp_path / "dot.gif"
    picture.write_bytes(b"GIF89a")
    inputs = read([{"prompt": "bigger", "image": given(picture)}], WITH_PICTURE)
    assert next(inputs.reread())["image"] == "data:image/gif;base64,R0lGODlh"


def test_an_output_is_one_item_before_and_after_its_url_is_gone(tmp_path: Path):
    picture, url = tmp_path / "dot.gif", "https://delivery.example/a.gif"
    picture.write_bytes(b"GIF89a")
    data = "data:image/gif;base64,R0lGODlh"
    made = Prediction("p1", "succeeded", output=[url], files=(picture,), completed_at=datetime.now(UTC))
    old = replace(made, completed_at=made.completed_at - timedelta(hours=1))  # type: ignore[operator]  # it has one
    keys = set()
    for named, sent in ((made, url), (old, data), (picture, data)):
        inputs = read([{"image": named}], WITH_PICTURE)
        assert next(inputs.reread())["image"] == sent
        keys.add(inputs.key(0))
    assert len(keys) == 1
    with closing(read(iter([{"image": made}]), WITH_PICTURE)) as spooled:
        assert (next(spooled.reread())["image"], spooled.key(0)) == (data, *keys)
    given = [{"image": made}]
    inputs = read(given, WITH_PICTURE)
    given[0]["image"] = old  # as it is by the time that its turn comes
    assert next(inputs.reread())["image"] == data


@pytest.mark.parametrize("given", [Path, str])
def test_a_missing_file_is_told_like_any_other_mistake(tmp_path: Path, given: type):
    with pytest.raises(InvalidInputError, match=r"input 0: .*[Nn]o (such )?file"):
        read([{"prompt": "bigger", "image": given(tmp_path / "gone.png")}], WITH_PICTURE)


def test_cells_that_are_empty_are_left_out():
    frame = pd.DataFrame(
        {
            "prompt": ["a", "b", "c"],
            "width": [64, None, np.nan],
            "seed": pd.array([1, pd.NA, 3], dtype="Int64"),
            "when": pd.to_datetime(["2026-01-01", None, None]).astype(str).where([True, False, False], None),
        }
    )
    assert list(rows_of(frame)) == [
        {"prompt": "a", "width": 64, "seed": 1, "when": "2026-01-01"},
        {"prompt": "b"},
        {"prompt": "c", "seed": 3},
    ]


def test_numbers_of_a_frame_are_pythons_own():
    frame = pd.DataFrame(
        {"a": np.array([1], "int32"), "b": np.array([0.5], "float32"), "c": [np.array([1, 2])]}
    )
    (row,) = rows_of(frame)
    assert row == {"a": 1, "b": 0.5, "c": [1, 2]}
    assert [type(value) for value in row.values()] == [int, float, list]


def test_a_series_is_its_values_with_its_index():
    series = pd.Series(["a fox", "an owl"], index=["x", "y"])
    assert list(read(series).reread()) == [{"prompt": "a fox"}, {"prompt": "an owl"}]
    assert list(labels_of(series)) == ["x", "y"]
    assert labels_of(["a fox"]) is None


def test_a_row_may_be_a_dataclass():
    wish = make_dataclass("Wish", ["prompt", "seed"])
    assert list(read([wish("a fox", 3)]).reread()) == [{"prompt": "a fox", "seed": 3}]


def test_very_many_need_little_memory():
    import tracemalloc

    given = ({"prompt": f"fox {n}", "notes": "x" * 4000} for n in range(1500))
    with closing(Inputs("truefusion", given, None, "")) as inputs:
        tracemalloc.start()
        while inputs.read(500):
            continue
        held, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(inputs) == 1500
        assert held < 1_000_000, "digests, and what measures coverage, but not six megabytes of inputs"
        assert peak < 4_000_000, "nor at any time"
        assert sum(1 for _ in inputs.reread()) == 1500
