"""What a listed prediction says about a create: it is it, it may be it, it is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skytells_nb.api._pending import could_both_match, matches, may_match, same_model
from skytells_nb.models import Prediction
from skytells_nb.schema import is_same

NAMES = {"truefusion-pro": "TrueFusion Professional", "sora-2": "OpenAI Sora 2"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def listed(input: dict[str, Any] | None, model: str | None = "truefusion-pro") -> Prediction:
    return Prediction(id="p", status="processing", model=model, input=input)


@pytest.mark.parametrize(
    "name",
    [
        "truefusion-pro",
        "TrueFusion Pro",
        "skytells/truefusion-pro",
        "TrueFusion Professional",
        "truefusion_pro",
        None,
    ],
)
def test_a_model_is_known_by_slug_vendor_and_display_name(name):
    assert matches(listed({"prompt": "a"}, name), "truefusion-pro", {"prompt": "a"}, NAMES)


@pytest.mark.parametrize("name", ["truefusion", "sora-2", "OpenAI Sora 2", "truefusion-pro-2"])
def test_another_model_is_another(name):
    assert not matches(listed({"prompt": "a"}, name), "truefusion-pro", {"prompt": "a"}, NAMES)
    assert not may_match(listed({"prompt": "a"}, name), "truefusion-pro", {"prompt": "a"}, NAMES)


def test_a_model_whose_display_name_is_unknown_here_may_be_any():
    assert may_match(listed({"prompt": "a"}, "OpenAI Sora 2"), "sora-2", {"prompt": "a"}, {})
    assert not may_match(listed({"prompt": "a"}, "OpenAI Sora 2"), "lumo", {"prompt": "a"}, NAMES)


@pytest.mark.parametrize(
    "echo",
    [
        {"prompt": "a", "n": 1},
        {"prompt": "a", "n": 1.0, "seed": 7},
        {"n": 1, "prompt": "a", "safety": None},
    ],
)
def test_more_keys_and_another_order_make_no_difference(echo):
    assert matches(listed(echo), "truefusion-pro", {"prompt": "a", "n": 1}, NAMES)


def test_what_was_sent_as_null_may_be_left_out():
    assert matches(listed({"prompt": "a"}), "truefusion-pro", {"prompt": "a", "seed": None}, NAMES)


@pytest.mark.parametrize(
    "echo",
    [
        None,
        {},
        {"prompt": "a fox in   Snow", "token": "********"},
        {"prompt": "a fox in snow", "token": "[redacted]"},
        {"prompt": "a fox in snow", "token": "sk-****3f"},
        {"prompt": "A fox in snow "},
        {"prompt": ""},
        {"prompt": None, "token": "t0p"},
    ],
)
def test_what_is_hidden_masked_or_tidied_up_may_be_it_and_is_not_certain(echo):
    sent = {"prompt": "a fox in snow", "token": "t0p"}
    assert not matches(listed(echo), "truefusion-pro", sent, NAMES)
    assert may_match(listed(echo), "truefusion-pro", sent, NAMES)


@pytest.mark.parametrize(
    ("sent", "echo"),
    [
        ("data:image/png;base64,AAAA", "https://storage.example/in.png"),
        ("https://here.example/a.png", "https://storage.example/in.png"),
        ("a very long prompt that the listing cuts somewhere", "a very long prompt that the lis…"),
        (1024, "1024"),
        (True, "true"),
        (True, 1),
        (0.1 + 0.2, 0.3),
        ("one", ["one"]),
        (["https://here.example/a.png"], ["https://storage.example/in.png"]),
        ({"a": "X", "b": 2}, {"a": "x"}),
        ("a caf\u00e9", "a cafe\u0301"),
        ("fish & <chips>", "fish &amp; &lt;chips&gt;"),
        ("a fox in snow", "a fo…"),
        ([1, 2], "1,2"),
        ({"a": 1}, '{"a": 1}'),
        ([2, 1], [1, 2]),
        ("a red fox", "A photograph of a small, red fox in snow, 35 mm"),
        ("\u96ea\u4e2d\u7684\u72d0", "\u4e00\u5f20\u96ea\u4e2d\u7684\u72d0\u7684\u7167\u7247"),
    ],
)
def test_values_that_the_api_rewrote_may_be_it(sent, echo):
    assert not matches(listed({"v": echo}), "truefusion-pro", {"v": sent}, NAMES)
    assert may_match(listed({"v": echo}), "truefusion-pro", {"v": sent}, NAMES)


@pytest.mark.parametrize(
    ("sent", "echo"),
    [
        ("a red fox", "a red dog"),
        ("a red fox", "a red"),
        ("a red fox", "a fox that is red"),
        ("wait... what", "other..."),
        (1, 2),
        (True, False),
        ([1, 2], [1]),
        ({"a": 1}, {"a": 2}),
        ("one", ["two"]),
        ("red", 7),
    ],
)
def test_other_values_are_another_create(sent, echo):
    assert not matches(listed({"v": echo}), "truefusion-pro", {"v": sent}, NAMES)
    assert not may_match(listed({"v": echo}), "truefusion-pro", {"v": sent}, NAMES)


def test_an_input_may_lie_within_another():
    assert may_match(listed({"args": {"prompt": "a"}}), "truefusion-pro", {"prompt": "a"}, NAMES)
    assert not may_match(listed({"args": {"prompt": "b"}}), "truefusion-pro", {"prompt": "a"}, NAMES)


def test_a_version_of_a_model_may_be_it():
    echo = listed({"prompt": "a"}, "skytells/truefusion-pro:3f2a")
    assert not matches(echo, "truefusion-pro", {"prompt": "a"}, NAMES)
    assert may_match(echo, "truefusion-pro", {"prompt": "a"}, NAMES)


def test_an_input_of_wholly_other_keys_is_another():
    assert not may_match(listed({"lyrics": "la"}), "truefusion-pro", {"prompt": "a"}, NAMES)


@given(JSON, JSON)
def test_equality_is_that_of_json(one, other):
    assert is_same(one, one)
    assert is_same(one, other) == is_same(other, one)


def test_true_is_not_one():
    assert not is_same(True, 1)
    assert not is_same([1], [True])
    assert is_same({"a": [1, 2.0]}, {"a": [1.0, 2]})


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4), JSON)
def test_what_carries_it_certainly_may_also_carry_it(input, more):
    echo = {**input, "extra": input.get("extra", more)}
    prediction = listed(echo, None)
    if matches(prediction, "m", input, {}):
        assert may_match(prediction, "m", input, {})


def test_creates_are_compatible_where_one_prediction_could_be_either():
    assert could_both_match("m", {"prompt": "a"}, "v/m", {"prompt": "a", "seed": 1})
    assert could_both_match("m", {"prompt": "a", "n": 1}, "m", {"prompt": "a", "seed": 1})
    assert not could_both_match("m", {"prompt": "a", "seed": 1}, "m", {"prompt": "a", "seed": 2})
    assert not could_both_match("m", {"prompt": "a"}, "o", {"prompt": "a"})


def test_same_model_by_names_on_either_side():
    assert same_model("TrueFusion Professional", "truefusion-pro", NAMES)
    assert not same_model("truefusion", "sora-2", NAMES)
