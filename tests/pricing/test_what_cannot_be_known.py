"""Unknown is never zero, a range says what it rests on, and no guess is dressed as a fact."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from skytells_nb.exceptions import InvalidInputError
from skytells_nb.models import Model
from skytells_nb.pricing import Estimate, estimate, together


def priced(pricing: Any, properties: Any = None) -> Model:
    schema = None if properties is None else {"type": "object", "properties": properties}
    return Model.from_api({"namespace": "m", "pricing": pricing, "input_schema": schema})


def listed(amount: Any, unit: Any, properties: Any = None, **more: Any) -> Model:
    return priced({"amount": amount, "unit": unit, "currency": "USD", **more}, properties)


def rule(field: Any, value: Any, price: Any, operator: str = "equals") -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value, "billable_price": price}


def bounds(found: Estimate) -> tuple[str, str]:
    return str(found.low), str(found.high)


NOTHING = {"type": "object"}

UNKNOWN = [
    (priced(None), {}, "no price is listed"),
    (priced("free!"), {}, "no price is listed"),
    (listed(None, "image"), {}, "no price is listed"),
    (listed("a lot", "image"), {}, "no price is listed"),
    (listed(-0.03, "image"), {}, "-0.03 USD can be none"),
    (listed(1e9, "image"), {}, "1000000000 USD can be none"),
    (listed(1e300, "image"), {}, "no price is listed"),
    (listed(True, "image"), {}, "no price is listed"),
    (listed(0.03, "frobnication"), {}, "'frobnication', a unit that this version does not know"),
    (listed(0.03, "0 seconds"), {"seconds": 5}, "does not know"),
    (listed(0.03, None), {}, "without a unit"),
    (priced({"amount": 0.03, "unit": "image", "currency": "bananas"}), {}, "'bananas', which is none"),
    (listed(0.008, "computing_second"), {}, "by the time it computes"),
    (listed(0.008, "gpu"), {}, "by the time it computes"),
    (
        listed(0.06, "megapixel", formula={"description": "input and output"}),
        {},
        "formula (input and output)",
    ),
    (listed(0.06, "megapixel", formula={"terms": []}), {"width": 9, "height": 9}, "a formula that is not"),
    (listed(0.1, "second", {}), {"prompt": "waves"}, "how long it will be"),
    (listed(0.1, "second", {}), {"seconds": 8}, "seconds is not in its schema"),
    (listed(0.1, "second"), {"seconds": "long"}, "'long', which is no length"),
    (listed(0.1, "second"), {"seconds": 0}, "'0', which is no length"),
    (listed(0.1, "second"), {"seconds": True}, "'true', which is no length"),
    (listed(0.1, "image"), {"num_outputs": 0}, "'0', which is no number of outputs"),
    (listed(0.1, "image"), {"num_outputs": 2.5}, "which is no number of outputs"),
    (listed(0.1, "second"), {"seconds": 8, "num_outputs": -1}, "which is no number of outputs"),
    (listed(0.1, "megapixel", {}), {}, "how many pixels"),
    (listed(0.1, "megapixel"), {"aspect_ratio": "16:9"}, "a shape without a size"),
    (listed(0.1, "megapixel"), {"width": 1024}, "how many pixels"),
    (listed(0.1, "megapixel"), {"width": 1024, "aspect_ratio": "wide"}, "how many pixels"),
    (listed(0.1, "megapixel"), {"width": 1024, "height": -4}, "'-4', which is no number of pixels"),
    (listed(0.1, "megapixel"), {"resolution": "huge"}, "how many pixels"),
    (listed(0.1, "token"), {"prompt": "hello"}, "nothing bounds how many tokens"),
    (listed(0.1, "token"), {"prompt": "hello", "max_tokens": "many"}, "which is no number of tokens"),
    (
        listed(0.1, "token"),
        {"max_tokens": 5, "messages": [{"content": [{"image_url": {"url": "https://a.example/b.png"}}]}]},
        "holds media",
    ),
    (listed(0.1, "image", criterias=[rule("size", "big", None)]), {"size": "big"}, "no price is listed"),
    (listed(None, "image", criterias=[rule("size", "big", 0.2)]), {"size": "small"}, "no price is listed"),
]


@pytest.mark.parametrize(("model", "input", "why"), UNKNOWN)
def test_what_cannot_be_known_is_none_and_says_why(model: Model, input: dict[str, Any], why: str):
    found = estimate(model, input)
    assert (found.amount, found.low, found.high, found.exact) == (None, None, None, False)
    assert why in found.basis
    assert not found.known
    assert found.price == "unknown"


@pytest.mark.parametrize(("model", "input", "why"), [c for c in UNKNOWN if "bananas" not in c[2]])
def test_but_what_earlier_ones_cost_gives_a_range(model: Model, input: dict[str, Any], why: str):
    found = estimate(model, input, costs=[0.02, "0.05", Decimal("0.03"), None, -1, "?"])
    assert (found.amount, found.low, found.high) == (Decimal("0.03"), Decimal("0.02"), Decimal("0.05"))
    assert "from 3 earlier predictions" in found.basis
    assert not found.exact


def test_two_earlier_predictions_are_no_spread():
    assert estimate(listed(0.1, "gpu"), {}, costs=[1, 2], durations=[3, 4]).high is None


def test_time_billed_models_take_the_median_of_their_durations():
    found = estimate(listed(0.008, "computing_second"), {}, 2, durations=[2.0, 4.0, 2.5, 3.0])
    assert (found.amount, *bounds(found)) == (Decimal("0.044"), "0.032", "0.064")
    assert found.basis == (
        "2 predictions × 2.75 s of computing × $0.008/computing second "
        "(the median from 4 earlier predictions, which took 2 to 4 s)"
    )
    assert not found.exact


def test_durations_count_before_costs_since_prices_change():
    found = estimate(listed(0.01, "gpu"), {}, durations=[1, 1, 1], costs=[9, 9, 9])
    assert found.amount == Decimal("0.01")


RANGES = [
    # an input that a rule looks at is missing, and no default is known: any rule may hold
    (
        listed(0.18, "second", criterias=[rule("audio", True, 0.17), rule("audio", False, 0.13)]),
        {"seconds": 10},
        ("1.3", "1.7"),
        "audio is not given and has no known default",
    ),
    # … and the base price too, unless the rules name every value
    (listed(0.18, "image", criterias=[rule("hd", True, 0.3)]), {}, ("0.18", "0.3"), "hd is not given"),
    (
        listed(
            9,
            "image",
            {"q": {"enum": ["a", "b"]}},
            criterias=[rule("q", "a", 0.3), rule("q", "b", 0.1)],
        ),
        {},
        ("0.1", "0.3"),
        "q is not given",
    ),
    # an operator that nobody documents
    (
        listed(0.1, "image", criterias=[rule("steps", 30, 0.2, operator=">")]),
        {"steps": 50},
        ("0.1", "0.2"),
        "uses '>'",
    ),
    (listed(0.1, "image", criterias=[rule(None, 30, 0.2)]), {}, ("0.1", "0.2"), "names no input"),
    # a value that is only nearly what a rule names: the API compares exactly, and may bill the base price
    (
        listed(0.1, "image", {"size": {"enum": ["720p"]}}, criterias=[rule("size", "720p", 0.07)]),
        {"size": " 720P"},
        ("0.07", "0.1"),
        "size is '720P', and the price list names '720p'",
    ),
    (listed(1, "video", criterias=[rule("seconds", 8, 0.3)]), {"seconds": "8"}, ("0.3", "1"), "names '8'"),
    (
        listed(0.18, "image", criterias=[rule("audio", True, 0.17), rule("audio", False, 0.13)]),
        {"audio": "false"},
        ("0.13", "0.18"),
        "audio is 'false'",
    ),
    # how many outputs there are: up to so many, or as many as the schema allows
    (
        listed(0.1, "image", {"max_images": {"type": "integer", "minimum": 1, "maximum": 15}}),
        {"max_images": 4},
        ("0.1", "0.4"),
        "it may make fewer than max_images allows",
    ),
    (
        listed(0.1, "image", {"n": {"type": "integer", "minimum": 2, "maximum": 4}}),
        {},
        ("0.2", "0.4"),
        "n is not given and has no default",
    ),
    (
        listed(0.1, "image", {n: {"type": "integer", "default": 1} for n in ("batch_size", "num_images")}),
        {"batch_size": 4, "num_images": 2},
        ("0.2", "0.8"),
        "several numbers of outputs",
    ),
    # lengths and sizes that only the schema bounds
    (
        listed(0.1, "second", {"duration": {"minimum": 3, "maximum": 30}}),
        {},
        ("0.3", "3"),
        "duration is not given and has no default",
    ),
    (
        listed(
            0.1,
            "second",
            {"duration": {"allOf": [{"$ref": "#/properties/other"}]}, "other": {"enum": [5, 10]}},
        ),
        {},
        ("0.5", "1"),
        "5 to 10 s",
    ),
    (
        listed(1, "megapixel", {n: {"minimum": 500, "maximum": 2000} for n in ("width", "height")}),
        {},
        ("0.25", "4"),
        "no width and height are given",
    ),
    (
        listed(1, "megapixel"),
        {"resolution": "4K"},
        ("8.2944", "16.777216"),
        "does not fix the number of pixels",
    ),
    (listed(1, "megapixel"), {"resolution": "720p", "aspect_ratio": "1:1"}, ("0.5184", "0.9216"), "720p"),
    # what the schema does not have may be ignored, or not
    (listed(0.1, "image", {}), {"num_outputs": 4}, ("0.1", "0.4"), "num_outputs is not in its schema"),
    (
        listed(0.1, "second", {"duration": {"default": 3}}),
        {"seconds": 8},
        ("0.3", "0.8"),
        "seconds and duration differ",
    ),
    (
        listed(0.1, "image", {"num_images": {"type": "integer"}, "num_variations": {"type": "integer"}}),
        {"num_images": 2, "num_variations": 3},
        ("0.2", "0.6"),
        "several numbers of outputs",
    ),
    *(
        (
            listed(0.1, "image", {name: {"type": "integer", "minimum": 2, "maximum": 4}}),
            {},
            ("0.2", "0.4"),
            f"{name} is not given",
        )
        for name in ("how_many", "nb_images", "amount", "anzahl", "枚数")
    ),
    (
        listed(0.1, "image"),
        {"num_outputs": 4, "number_of_images": 2},
        ("0.2", "0.8"),
        "several numbers of outputs",
    ),
    (
        listed(1, "megapixel", {"width": {"default": 500}, "height": {"default": 500}}),
        {"size": "1000x1000"},
        ("0.25", "1"),
        "size is not in its schema",
    ),
    # tokens: read are bounded by the text, written by the limit
    (
        listed(1, "token"),
        {"prompt": "x" * 32, "max_tokens": 10},
        ("2", "58"),
        "tokens are counted by the API",
    ),
    (
        listed(1, "token"),
        {"messages": [{"role": "user", "content": "x" * 16}], "max_tokens": 10},
        ("1", "42"),
        "0 to 10 tokens out",
    ),
]


@pytest.mark.parametrize(("model", "input", "low_high", "note"), RANGES)
def test_what_is_bounded_gives_a_range_without_a_favourite(
    model: Model, input: dict[str, Any], low_high: tuple[str, str], note: str
):
    found = estimate(model, input)
    assert bounds(found) == low_high, str(found)
    assert found.amount is None
    assert not found.exact
    assert found.known
    assert note in found.basis


def test_history_picks_a_favourite_within_the_bounds():
    model = listed(0.1, "second", {"duration": {"minimum": 3, "maximum": 30}})
    found = estimate(model, costs=[0.5, 0.6, 0.7])
    assert (found.amount, *bounds(found)) == (Decimal("0.6"), "0.3", "3")
    assert "the likeliest from 3 earlier predictions" in found.basis
    assert estimate(model, costs=[90, 90, 90]).amount == 3


def test_rules_that_match_nothing_leave_the_base_price_and_say_so():
    model = listed(
        0.1, "image", {}, criterias=[rule("resolution", "720p", 0.07), rule("resolution", "4K", 0.3)]
    )
    found = estimate(model, {"resolution": "8K"})
    assert (found.amount, *bounds(found), found.exact) == (Decimal("0.1"), "0.07", "0.3", False)
    assert "no rule matches resolution '8K', so the base price is taken" in found.basis


def test_the_first_of_several_rules_is_taken_but_not_sworn_by():
    model = listed(0.1, "image", {}, criterias=[rule("hd", True, 0.2), rule("style", "oil", 0.5)])
    found = estimate(model, {"hd": True, "style": "oil"})
    assert (found.amount, *bounds(found), found.exact) == (Decimal("0.2"), "0.2", "0.5", False)
    assert "the first of 2 rules that may match" in found.basis


def test_two_rules_of_one_price_leave_nothing_open():
    model = listed(0.1, "image", {}, criterias=[rule("hd", True, 0.2), rule("style", "oil", 0.2)])
    assert estimate(model, {"hd": True, "style": "oil"}).exact


@pytest.mark.parametrize(
    ("model", "input", "note"),
    [
        (listed(0.1, "image"), {}, "its schema is not at hand"),
        (
            priced({"amount": 0.1, "unit": "prediction"}),
            {},
            "no currency is listed, so US dollars are assumed",
        ),
        (
            priced({"amount": 0.1, "unit": "prediction", "currency": "credits"}),
            {},
            "a credit is taken as one US",
        ),
        (
            listed(0.1, "megapixel", {"width": {"default": 1000}, "height": {"default": 1000}}),
            {"aspect_ratio": "16:9"},
            "whether aspect_ratio changes",
        ),
        (listed(0.1, "megapixel"), {"width": 1000, "aspect_ratio": "1:1"}, "only the width and a shape"),
        (listed(0.1, "megapixel"), {"height": 1000, "aspect_ratio": "1:1"}, "only the height and a shape"),
    ],
)
def test_a_likely_price_that_rests_on_an_assumption_states_it(model: Model, input: Any, note: str):
    found = estimate(model, input)
    assert found.amount == Decimal("0.1")
    assert not found.exact
    assert note in found.basis
    assert found.price == "about $0.10"


def test_a_size_that_is_named_counts_for_more_than_default_sides():
    model = listed(1, "megapixel", {"width": {"default": 512}, "height": {"default": 512}, "size": {}})
    assert estimate(model, {"size": "1000x1000"}).amount == 1


def test_seconds_of_several_outputs_may_be_billed_once_or_each():
    found = estimate(
        listed(0.1, "second", {"seconds": {}, "num_outputs": {}}), {"seconds": 8, "num_outputs": 3}
    )
    assert (found.amount, *bounds(found), found.exact) == (Decimal("2.4"), "0.8", "2.4", False)


def test_other_currencies_are_named():
    found = estimate(priced({"amount": 0.1, "unit": "prediction", "currency": "eur"}), {}, 3)
    assert (found.price, found.currency, found.exact) == ("€0.30", "EUR", True)
    assert estimate(priced({"amount": 1, "unit": "prediction", "currency": "chf"})).price == "1.00 CHF"


@pytest.mark.parametrize("count", [-1, 1.5, True, "3", None, 10**10])
def test_a_count_must_be_a_whole_number(count: Any):
    with pytest.raises(InvalidInputError, match="count must be a whole number from 0"):
        estimate(listed(0.1, "image"), {}, count)


@pytest.mark.parametrize("input", [[], "a prompt", 3])
def test_an_input_must_be_a_dict(input: Any):
    with pytest.raises(InvalidInputError, match="input must be a dict"):
        estimate(listed(0.1, "image"), input)


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": []},
        {"properties": {"num_outputs": 3}},
        {"properties": {"num_outputs": {"allOf": "x", "$ref": "#/nowhere/at/all"}}},
        {"properties": {"num_outputs": {"allOf": [{"$ref": "#/properties/num_outputs"}]}}},
    ],
)
def test_a_schema_of_any_shape_does_no_harm(schema: Any):
    model = Model.from_api(
        {
            "namespace": "m",
            "pricing": {"amount": 1, "unit": "image", "currency": "USD"},
            "input_schema": schema,
        }
    )
    assert estimate(model, {"num_outputs": 2}).high == 2


def test_an_estimate_reads_as_a_sentence():
    veo = listed(0.18, "second", criterias=[rule("audio", True, 0.17), rule("audio", False, 0.13)])
    assert str(estimate(veo, {"seconds": 8})) == (
        "$1.04 to $1.36: 8 s × $0.17/second or 8 s × $0.13/second, because audio is not given and has no "
        "known default"
    )
    assert repr(estimate(listed(0.05, "prediction"))) == "Estimate($0.05: 1 prediction × $0.05)"
    assert "2 predictions × (8 s" in estimate(veo, {"seconds": 8}, 2).basis


def test_estimates_are_added_up():
    one, two = estimate(listed(0.05, "prediction")), estimate(listed(0.1, "prediction"), {}, 2)
    both = together([one, two])
    assert (both.amount, both.exact, both.price) == (Decimal("0.25"), True, "$0.25")
    assert both.basis == "1 prediction × $0.05 + 2 predictions × $0.10"
    assert together([one] * 3).basis == "3 × (1 prediction × $0.05)"
    assert together([one]) == one
    assert "2 of 3 cannot be known beforehand" in together([one, *[estimate(listed(1, "gpu"))] * 2]).basis
    assert together([one, estimate(listed(1, "second", {"duration": {"enum": [1, 2]}}))]).amount is None


def test_but_not_across_currencies():
    euro = estimate(priced({"amount": 0.1, "unit": "prediction", "currency": "EUR"}))
    with pytest.raises(InvalidInputError, match="in EUR and USD"):
        together([euro, estimate(listed(0.05, "prediction"))])
    with pytest.raises(InvalidInputError, match="none at all"):
        together([])
