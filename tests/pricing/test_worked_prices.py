"""Prices worked by hand: every line of skytells-api.md section 8.3, and what its section 8.1 leads to."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest

from skytells_nb.models import Model, Usage
from skytells_nb.pricing import cost_of_usage, estimate, list_price, list_price_rules, together


def priced_if(field: str, value: Any, price: float, unit: str, operator: str = "equals") -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value, "billable_price": price, "unit": unit}


AUDIO = [
    priced_if("generate_audio", True, 0.17, "second"),
    priced_if("generate_audio", False, 0.13, "second"),
]
LINES = [priced_if("resolution", "720p", 0.07, "image"), priced_if("resolution", "1080p", 0.1, "image", "==")]
DEFAULTS = {
    "generate_audio": {"type": "boolean", "default": True},
    "resolution": {"type": "string", "enum": ["720p", "1080p"], "default": "1080p"},
    "num_outputs": {"type": "integer", "default": 1},
    "number_of_images": {"type": "integer", "default": 1},
    "duration_seconds": {"type": "integer", "default": 5},
    "seconds": {"type": "integer"},
    "duration": {"type": "integer"},
    "width": {"type": "integer", "default": 1024},
    "height": {"type": "integer", "default": 1024},
    "size": {"type": "string"},
}


def model(
    amount: Any, unit: str | None, *, slug: str = "m", criteria: Any = (), inputs: Any = None, **more: Any
) -> Model:
    """A model with a price list, and with a schema of the inputs that are named."""
    pricing = {"amount": amount, "unit": unit, "currency": "USD", "criterias": list(criteria), **more}
    schema = {"type": "object", "properties": {name: DEFAULTS[name] for name in inputs or ()}}
    return Model.from_api({"namespace": slug, "pricing": pricing, "input_schema": schema})


VEO = model(
    0.18, "second", slug="veo-3.1-fast", criteria=AUDIO, inputs=["generate_audio", "duration_seconds"]
)
TRUEFUSION_2 = model(0.1, "image", criteria=LINES, inputs=["resolution", "num_outputs"])
VIDEO_PRO = model(0.196, "second", slug="truefusion-video-pro", inputs=["duration_seconds"])
TRUEFUSION = model(0.03, "image", inputs=["number_of_images"])

WORKED = [
    # section 8.3, line by line
    (model(0.04, "image"), {}, 500 * 30, "600"),
    (model(0.12, "second", inputs=["seconds"]), {"seconds": 8}, 10 * 30, "288"),
    (model(2, "million_token"), {"input_tokens": 1_000_000, "output_tokens": 0}, 30, "60"),
    (VIDEO_PRO, {"duration_seconds": 8}, 1, "1.568"),
    (VEO, {"duration_seconds": 8, "generate_audio": False}, 1, "1.04"),
    (TRUEFUSION_2, {"num_outputs": 4, "resolution": "720p"}, 1, "0.28"),
    (TRUEFUSION, {"number_of_images": 3}, 1, "0.09"),
    (model(0.5, "million_token"), {"input_tokens": 200_000, "output_tokens": 0}, 1, "0.10"),
    (model(1.25, "million_token"), {"input_tokens": 0, "output_tokens": 50_000}, 1, "0.0625"),
    # flat prices
    (model(0.05, "prediction", inputs=["num_outputs"]), {"num_outputs": 4}, 1, "0.05"),
    (model(1.12, "prediction"), {}, 1, "1.12"),
    (model(0.6, "Predictions"), {}, 7, "4.2"),
    (model(0, "prediction"), {}, 7, "0"),
    (model("0.75", "prediction"), {"lyrics": "la"}, 2, "1.5"),
    (model(2.0, "per call"), {}, 1, "2"),
    (model(None, None, per_prediction=0.02), {}, 3, "0.06"),
    # per output
    (model(0.15, "image", inputs=["num_outputs"]), {}, 1, "0.15"),
    (model(0.15, "images", inputs=["num_outputs"]), {"num_outputs": 4}, 2, "1.2"),
    (model(0.002, "image", inputs=["number_of_images"]), {"number_of_images": "10"}, 1, "0.02"),
    (model(2.5, "video"), {"prompt": "waves"}, 1, "2.5"),
    (model(0.8, "clip", inputs=["num_outputs"]), {"num_outputs": 2}, 1, "1.6"),
    (model(0.45, "audio"), {}, 1, "0.45"),
    # per second of what is made
    (model(0.112, "second", inputs=["duration_seconds"]), {}, 1, "0.56"),
    (model(0.112, "second", inputs=["seconds"]), {"seconds": 2.5}, 1, "0.28"),
    (model(0.112, "seconds", inputs=["duration"]), {"duration": 10}, 1, "1.12"),
    (model(0.05, "video_second", inputs=["duration"]), {"duration": 3}, 4, "0.6"),
    (model(0.002, "audio_second", inputs=["seconds"]), {"seconds": "30"}, 1, "0.06"),
    (model(0.002, "audio second", inputs=["seconds"]), {"seconds": "30s"}, 1, "0.06"),
    (VIDEO_PRO, {}, 1, "0.98"),
    (VIDEO_PRO, {"duration_seconds": 5}, 1, "0.98"),
    # begun blocks of five seconds count whole
    (model(0.02, "5 seconds", inputs=["seconds"]), {"seconds": 1}, 1, "0.02"),
    (model(0.02, "5 seconds", inputs=["seconds"]), {"seconds": 5}, 1, "0.02"),
    (model(0.02, "5_seconds", inputs=["seconds"]), {"seconds": 6}, 1, "0.04"),
    (model(0.02, "5s", inputs=["seconds"]), {"seconds": 60}, 1, "0.24"),
    (model(0.02, "10 sec", inputs=["seconds"]), {"seconds": 11}, 3, "0.12"),
    # per minute
    (model(0.12, "minute", inputs=["seconds"]), {"seconds": 30}, 1, "0.06"),
    (model(0.12, "minutes", inputs=["seconds"]), {"seconds": 180}, 1, "0.36"),
    (model(0.1, "minute", inputs=["seconds"]), {"seconds": 20}, 1, "0.033333333333"),
    # per megapixel
    (model(0.02, "image_megapixel", inputs=["width", "height"]), {}, 1, "0.02097152"),
    (model(0.02, "image_megapixel", inputs=["width", "height"]), {"width": 2000, "height": 500}, 1, "0.02"),
    (
        model(0.02, "megapixel", inputs=["width", "height", "num_outputs"]),
        {"width": 500, "height": 500, "num_outputs": 4},
        1,
        "0.02",
    ),
    (model(0.004, "Megapixels", inputs=["size"]), {"size": "2000x1000"}, 1, "0.008"),
    (model(0.004, "Megapixels", inputs=["size"]), {"size": {"width": 2000, "height": 1000}}, 1, "0.008"),
    (model(0.004, "imageMegapixel", inputs=["resolution"]), {"resolution": "1000 × 1000"}, 1, "0.004"),
    (model(0.004, "mp"), {"megapixels": "0.25"}, 1, "0.001"),
    # per token, where both numbers are stated
    (model(0.000002, "token"), {"input_tokens": 100, "output_tokens": 400}, 1, "0.001"),
    (model(0.000002, "tokens"), {"prompt_tokens": 100, "completion_tokens": 400}, 1, "0.001"),
    (model(0.002, "1k tokens"), {"input_tokens": 100, "output_tokens": 400}, 1, "0.001"),
    (model(0.5, "million tokens"), {"input_tokens": 3, "output_tokens": 0}, 1, "0.0000015"),
    # rules
    (VEO, {}, 1, "0.85"),
    (VEO, {"generate_audio": True}, 1, "0.85"),
    (VEO, {"generate_audio": None, "duration_seconds": 6}, 1, "1.02"),
    (VEO, {"generate_audio": False, "duration_seconds": 8}, 5, "5.2"),
    (TRUEFUSION_2, {}, 1, "0.1"),
    (TRUEFUSION_2, {"resolution": "720p"}, 1, "0.07"),
    (
        model(
            1,
            "video",
            criteria=[
                {
                    "field": "seconds",
                    "operator": "equals",
                    "value": 8,
                    "billable_price": 0.3,
                    "unit": "second",
                }
            ],
            inputs=["seconds"],
        ),
        {"seconds": 8},
        1,
        "2.4",
    ),
    (TRUEFUSION, {"number_of_images": 9}, 0, "0"),
]


def test_the_table_has_section_8_3_and_forty_more():
    assert len(WORKED) >= 8 + 40


@pytest.mark.parametrize(("priced", "input", "count", "amount"), WORKED)
def test_a_price_is_what_was_worked_by_hand(priced: Model, input: dict[str, Any], count: int, amount: str):
    found = estimate(priced, input, count)
    assert found.amount == found.low == found.high == Decimal(amount), str(found)
    assert found.currency == "USD"


COUNTS = [
    *(
        "n",
        "num_images",
        "batch_size",
        "samples",
        "max_images",
        "num_outputs",
        "number_of_images",
        "numImages",
    ),
    *("numberOfImages", "num_images_per_prompt", "image_count", "n_samples", "num_videos", "sampleCount"),
    *("images", "outputs", "results", "variants", "batch", "repeat"),
    *("num_of_pictures", "outputs_count", "numGenerations", "maxCandidates"),
]


@pytest.mark.parametrize("name", COUNTS)
def test_outputs_are_counted_under_any_name(name: str):
    part = {"type": "integer", "minimum": 1, "maximum": 10, "default": 1}
    priced = Model.from_api(
        {
            "namespace": "m",
            "pricing": {"amount": 0.03, "unit": "image", "currency": "USD"},
            "input_schema": {"properties": {name: part}},
        }
    )
    assert estimate(priced).price == "$0.03"
    found = estimate(priced, {name: 10})
    assert found.high == Decimal("0.3")
    assert not found.exact or found.low == found.high
    part["default"] = 4
    assert estimate(priced).high == Decimal("0.12")
    del part["default"]
    left_to_the_model = estimate(priced)
    assert (left_to_the_model.low, left_to_the_model.high) == (Decimal("0.03"), Decimal("0.3"))
    assert not left_to_the_model.exact


@pytest.mark.parametrize(
    ("properties", "input", "high"),
    [
        ({"many": {"type": "integer", "description": "How many pictures to return."}}, {"many": 5}, "0.15"),
        ({"many": {"type": "integer", "description": "The number of images", "maximum": 9}}, {}, "0.27"),
        ({"many": {"type": "integer", "description": "Number of input images"}}, {"many": 5}, "0.03"),
        ({"images": {"type": "array", "items": {"type": "string"}}}, {"images": ["a", "b"]}, "0.03"),
        (
            {"options": {"type": "object", "properties": {"n": {"type": "integer"}}}},
            {"options": {"n": 5}},
            "0.15",
        ),
        ({"options": {"type": "object", "properties": {"n": {"type": "integer", "maximum": 6}}}}, {}, "0.18"),
        ({"options": {"type": "object", "properties": {"n": {"type": "integer", "default": 2}}}}, {}, "0.06"),
        ({"prompts": {"type": "array", "items": {"type": "string"}}}, {"prompts": ["a", "b", "c"]}, "0.09"),
        ({"seed": {"type": "array"}, "n": {"type": "integer"}}, {"seed": [1, 2], "n": 3}, "0.18"),
        (
            {"requests": {"type": "array", "items": {"properties": {"n": {"type": "integer"}}}}},
            {"requests": [{"n": 4}, {"n": 2}, {}]},
            "0.21",
        ),
    ],
)
def test_by_its_description_within_an_object_and_in_lists_too(properties: Any, input: Any, high: str):
    priced = Model.from_api(
        {
            "namespace": "m",
            "pricing": {"amount": 0.03, "unit": "image", "currency": "USD"},
            "input_schema": {"properties": properties},
        }
    )
    assert estimate(priced, input).high == Decimal(high)


def test_by_its_title_too_and_not_what_is_no_count():
    title = {"type": "integer", "title": "Number of images", "default": 3}
    others = {
        name: {"type": "integer", "default": 30}
        for name in (
            "num_inference_steps",
            "num_frames",
            "image_size",
            "max_tokens",
            "num_input_images",
            "seed",
        )
    }
    priced = Model.from_api(
        {
            "namespace": "m",
            "pricing": {"amount": 1, "unit": "image", "currency": "USD"},
            "input_schema": {"properties": {"how_often": title, **others}},
        }
    )
    assert estimate(priced).price == "$3.00"


def test_a_price_is_written_as_it_is_charged():
    assert list_price(VEO) == "$0.13 to $0.17/second, by its inputs"
    assert list_price(TRUEFUSION_2) == "$0.07 to $0.10/image, by its inputs"
    assert list_price(TRUEFUSION) == "$0.03/image"
    assert list_price(model(0.02, "image_megapixel")) == "$0.02/megapixel"
    assert list_price(model(0.5, "million_token")) == "$0.50/million tokens"
    assert list_price(model(0.02, "5 seconds")) == "$0.02/5 seconds"
    assert list_price(model(0.008, "gpu")) == "$0.008/computing second"
    assert list_price(model(0.1, "frobnication")) == "$0.10/frobnication"
    assert list_price(model(None, None)) == ""
    assert list_price(model(0.1, "image", formula={"terms": []})) == "$0.10/image, by formula"
    partly = model(0.18, "second", criteria=[AUDIO[1]])
    assert list_price(partly) == "$0.13 to $0.18/second, by its inputs"
    units = model(
        0.1, "image", criteria=[priced_if("hd", True, 0.5, "video"), priced_if("hd", False, 1, "second")]
    )
    assert list_price(units) == "$0.50/video or $1.00/second, by its inputs"
    assert list_price_rules(VEO) == [
        "$0.17/second where generate_audio is true",
        "$0.13/second where generate_audio is false",
    ]


def test_a_sandbox_bills_credits_everywhere():
    pretend = replace(VEO, pricing=VEO.pricing.in_credits())
    assert list_price(pretend) == "0.13 to 0.17 credits/second, by its inputs"
    found = estimate(pretend, {"duration_seconds": 8})
    assert found.currency == "credits"
    assert (
        str(found) == "1.36 credits: 8 s × 0.17 credits/second, because generate_audio is true (the default)"
    )
    assert found.exact
    assert "credits" in list_price_rules(pretend)[0]


SURE = [case for case in WORKED if case[0].pricing.unit is not None]


@pytest.mark.parametrize(("priced", "input", "count", "amount"), SURE)
def test_and_is_exact_since_nothing_is_left_open(
    priced: Model, input: dict[str, Any], count: int, amount: str
):
    assert estimate(priced, input, count).exact, str(estimate(priced, input, count))


def test_three_seconds_are_billed_as_five_if_the_documentation_still_holds():
    found = estimate(VIDEO_PRO, {"duration_seconds": 3})
    assert (found.low, found.amount, found.high) == (Decimal("0.588"), Decimal("0.98"), Decimal("0.98"))
    assert not found.exact
    assert "at least 5 s" in found.basis


def gpt_5(**more: float) -> Model:
    """A model with a price for tokens read, and another for those written."""
    prices = {"input": 0.5, "output": 1.25, **more}
    rules = [priced_if("token_type", way, price, "million_token") for way, price in prices.items()]
    schema = {
        "properties": {"messages": {"type": "array"}, "max_tokens": {"type": "integer", "default": 8192}}
    }
    pricing = {"amount": 0.5, "unit": "million_token", "currency": "USD", "criterias": rules}
    return Model.from_api({"namespace": "gpt-5", "pricing": pricing, "input_schema": schema})


def test_tokens_read_and_written_have_a_price_each():
    found = estimate(gpt_5(), {"input_tokens": 200_000, "output_tokens": 50_000})
    assert (found.amount, found.exact) == (Decimal("0.1625"), True)
    assert found.basis == (
        "200000 tokens in × $0.50/million tokens + 50000 tokens out × $1.25/million tokens"
    )
    assert list_price(gpt_5()) == "$0.50/million tokens in + $1.25/million tokens out"


def test_what_it_may_write_is_a_range_from_the_prompt_alone_to_all_of_it():
    found = estimate(gpt_5(), {"messages": [{"role": "user", "content": "x" * 16}]}, 2)
    assert found.amount is None
    assert found.low == 2 * Decimal("0.0000005")
    assert found.high == 2 * (Decimal(32) * Decimal("0.0000005") + 8192 * Decimal("0.00000125"))
    assert "0 to 8192 tokens out (the default)" in found.basis
    assert "it may write fewer than max_tokens allows" in found.basis


def test_cached_and_reasoning_tokens_have_their_own_price_where_one_is_listed():
    dear = gpt_5(cached=0.05, reasoning=2)
    found = estimate(dear, {"input_tokens": 1_000_000, "output_tokens": 1_000_000})
    assert (found.low, found.high, found.amount) == (Decimal("1.3"), Decimal("2.5"), None)
    usage = Usage.from_api(
        {
            "prompt_tokens": 1_000_000,
            "completion_tokens": 1_000_000,
            "prompt_tokens_details": {"cached_tokens": 400_000},
            "completion_tokens_details": {"reasoning_tokens": 500_000},
        }
    )
    assert usage is not None
    assert cost_of_usage(dear.pricing, usage) == Decimal("0.3") + Decimal("0.02") + Decimal("0.625") + 1
    assert cost_of_usage(gpt_5().pricing, usage) == Decimal("1.75")


def test_however_two_prices_are_listed_the_second_is_for_what_is_written():
    usage = Usage(1_000_000, 1_000_000)
    for asked in (("token_type", "output"), ("output_tokens", True)):
        rule = priced_if(*asked, 1.25, "million_token")
        listed = {"amount": 0.5, "unit": "million_token", "currency": "USD", "criterias": [rule]}
        one = Model.from_api({"namespace": "m", "pricing": listed})
        assert cost_of_usage(one.pricing, usage) == Decimal("1.75")
    # From so many on it costs more: of how many is not known.
    listed["criterias"] = [priced_if("output_tokens", 1000, 1.25, "million_token")]
    assert cost_of_usage(Model.from_api({"namespace": "m", "pricing": listed}).pricing, usage) is None
    free = gpt_5(cached=0)
    assert cost_of_usage(free.pricing, Usage(1_000_000, 0, cached_tokens=1_000_000)) == 0


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"input_tokens": 10, "output_tokens": 20}, "0.00006"),
        ({"prompt_tokens": 9, "total_tokens": 9}, "0.000018"),
        ({"prompt_tokens": 9, "completion_tokens": None}, None),  # what is not counted is not zero
        ({"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 30}, "0.00006"),  # reasoning beside it
        ({"completion_tokens": 20.0, "total_tokens": 30.0}, "0.00006"),
        ({}, None),
        ({"prompt_tokens": "many"}, None),
        ({"prompt_tokens": -1}, None),
    ],
)
def test_a_bill_is_worked_out_from_the_answers_own_count(usage: dict[str, Any], cost: str | None):
    counted = Usage.from_api(usage) or Usage()  # which counts nothing
    found = cost_of_usage(model(0.000002, "token").pricing, counted)
    assert found == (None if cost is None else Decimal(cost))
    assert cost_of_usage(model(0.1, "image").pricing, counted) is None


def test_an_embedding_writes_nothing():
    schema = {"properties": {"input": {"type": "string"}, "encoding_format": {"type": "string"}}}
    pricing = {"amount": 0.02, "unit": "million_token", "currency": "USD"}
    embed = Model.from_api({"namespace": "e", "pricing": pricing, "input_schema": schema})
    assert estimate(embed, {"input": "x" * 32}).high == Decimal("0.00000096")


@pytest.mark.parametrize(
    ("priced", "input", "count", "basis"),
    [
        (
            VEO,
            {"duration_seconds": 8, "generate_audio": False},
            1,
            "8 s × $0.13/second, because generate_audio is false",
        ),
        (VEO, {}, 1, "5 s (the default) × $0.17/second, because generate_audio is true (the default)"),
        (TRUEFUSION, {"number_of_images": 3}, 2, "2 predictions × 3 images × $0.03/image"),
        (model(0.05, "prediction"), {}, 1, "1 prediction × $0.05"),
        (model(0.05, "prediction"), {}, 12, "12 predictions × $0.05"),
        (
            model(0.02, "5 seconds", inputs=["seconds"]),
            {"seconds": 8},
            1,
            "2 blocks of 5 s for 8 s × $0.02/5 seconds",
        ),
        (model(0.12, "minute", inputs=["seconds"]), {"seconds": 30}, 1, "30 s ÷ 60 × $0.12/minute"),
        (
            model(0.02, "megapixel", inputs=["width", "height"]),
            {},
            1,
            "1.048576 megapixels (the default) × $0.02/megapixel",
        ),
    ],
)
def test_the_basis_shows_the_arithmetic_in_one_line(priced: Model, input: Any, count: int, basis: str):
    assert estimate(priced, input, count).basis == basis


def test_a_price_is_not_rounded_to_what_a_notebook_set_for_itself():
    priced = model("1.2345678", "image", inputs=["num_outputs"])
    with localcontext(prec=3):
        found = estimate(priced, {}, 3000, costs=[Decimal("1.11111")] * 4)
        assert found.amount == Decimal("3703.7034")
        assert str(found) == "$3,703.7034: 3000 predictions × 1 image × $1.2345678/image"
        assert together([found, found]).amount == Decimal("7407.4068")


def test_what_if_tables_may_hold_numbers_of_numpy():
    priced = model(0.25, "second", criteria=[priced_if("audio", True, 0.5, "second")], inputs=["seconds"])
    for seconds in np.arange(4, 6):
        found = estimate(priced, {"seconds": seconds, "audio": np.bool_(True)}, np.int64(2))  # type: ignore[arg-type]
        assert found.amount == Decimal(int(seconds))
        assert "because audio is true" in found.basis
