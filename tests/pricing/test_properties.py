"""What holds for every price list and every input, and against the sandbox's own bill."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skytells_nb.models import Model, parse_unit
from skytells_nb.pricing import estimate
from skytells_nb.sandbox import _models as sandbox_models

UNITS = [
    "image", "video", "second", "prediction", "gpu", "image_megapixel", "computing_second", "audio_second",
    "video_second", "token", "5 seconds", "minute", "million_token", "audio", "megapixel", "tokens",
]  # fmt: skip
PRICES = st.decimals(min_value=0, max_value=1000, places=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["num_outputs", "number_of_images", "seconds", "duration", "width", "height", "size", "resolution",
     "aspect_ratio", "megapixels", "prompt", "messages", "max_tokens", "generate_audio"]
)  # fmt: skip


def listed(amount: Any, unit: Any, **more: Any) -> Model:
    pricing = {"amount": amount, "unit": unit, "currency": "USD", **more}
    return Model.from_api({"namespace": "m", "pricing": pricing})


@pytest.mark.parametrize("unit", UNITS)
def test_every_documented_unit_is_understood(unit: str):
    assert parse_unit(unit) is not None


@pytest.mark.parametrize("unit", UNITS)
@settings(max_examples=20)
@given(
    word=st.sampled_from(["{}", " {} ", "{}s", "per {}", "/{}"]), upper=st.booleans(), dashed=st.booleans()
)
def test_in_every_spelling(unit: str, word: str, upper: bool, dashed: bool):
    spelt = word.format(unit.removesuffix("s"))
    spelt = spelt.upper() if upper else spelt
    assert parse_unit(spelt.replace("_", "-") if dashed else spelt) == parse_unit(unit)


@settings(max_examples=50)
@given(
    price=PRICES,
    unit=st.sampled_from(["second", "5 seconds", "minute", "audio_second"]),
    lengths=st.tuples(st.floats(0.1, 1e4), st.floats(0.1, 1e4)),
)
def test_more_seconds_are_never_cheaper(price: Decimal, unit: str, lengths: tuple[float, float]):
    shorter, longer = (estimate(listed(price, unit), {"seconds": n}).high for n in sorted(lengths))
    assert shorter is not None
    assert longer is not None
    assert shorter <= longer


@settings(max_examples=50)
@given(
    price=PRICES,
    sides=st.lists(st.integers(1, 8192), min_size=3, max_size=3),
    outputs=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_nor_are_more_pixels_or_more_pictures(price: Decimal, sides: list[int], outputs: tuple[int, int]):
    few, many = sorted(outputs)
    narrow, wide, height = *sorted(sides[:2]), sides[2]
    model = listed(price, "megapixel")
    small = estimate(model, {"width": narrow, "height": height, "num_outputs": few}).amount
    large = estimate(model, {"width": wide, "height": height, "num_outputs": many}).amount
    assert small is not None
    assert large is not None
    assert small <= large


@settings(max_examples=50)
@given(price=PRICES, count=st.integers(0, 10_000), outputs=st.integers(1, 9))
def test_a_count_multiplies(price: Decimal, count: int, outputs: int):
    one = estimate(listed(price, "image"), {"num_outputs": outputs}).amount
    many = estimate(listed(price, "image"), {"num_outputs": outputs}, count).amount
    assert one is not None
    assert many == one * count


@settings(max_examples=50)
@given(
    pricing=st.fixed_dictionaries(
        {},
        optional={
            "amount": JSON,
            "unit": st.sampled_from(UNITS) | JSON,
            "currency": st.just("USD") | JSON,
            "formula": st.none() | JSON,
            "criterias": st.lists(
                st.fixed_dictionaries(
                    {},
                    optional={"field": NAMES | JSON, "operator": JSON, "value": JSON, "billable_price": JSON},
                )
            ),
        },
    ),
    properties=st.dictionaries(NAMES, st.dictionaries(st.sampled_from(["default", "enum", "minimum"]), JSON)),
    input=st.dictionaries(NAMES, JSON),
)
def test_any_json_at_all_gives_ordered_bounds_or_a_reason(
    pricing: dict[str, Any], properties: dict[str, Any], input: dict[str, Any]
):
    model = Model.from_api({"namespace": "m", "pricing": pricing, "input_schema": {"properties": properties}})
    found = estimate(model, input, 2)
    assert found.basis
    assert str(found)
    if found.low is None or found.high is None:
        assert (found.amount, found.low, found.high, found.exact) == (None, None, None, False)
        return
    assert 0 <= found.low <= found.high
    assert found.amount is None or found.low <= found.amount <= found.high
    if found.exact:
        assert found.low == found.amount == found.high


@settings(max_examples=50)
@given(number=st.integers(1, 30), costs=st.lists(PRICES, min_size=3, max_size=30))
def test_history_lies_within_its_own_spread(number: int, costs: list[Decimal]):
    found = estimate(listed(0.1, "gpu"), {}, number, costs=costs)
    assert found.amount is not None
    assert min(costs) * number <= found.amount <= max(costs) * number


ENTRIES = [each for each in sandbox_models.standard_catalogue().values() if not each.inference_only]
INPUTS: list[dict[str, Any]] = [
    {},
    {"num_outputs": 3},
    {"number_of_images": 4},
    {"duration_seconds": 3},
    {"duration_seconds": 8, "generate_audio": False},
    {"seconds": 10},
    {"duration": 7},
    {"width": 640, "height": 480, "num_outputs": 2},
    {"resolution": "720p", "num_outputs": 4},
    {"aspect_ratio": "16:9"},
    {"max_tokens": 40},
    {"prompt": "one two three four five"},
    {"input_images": ["https://a.example/1.png", "https://a.example/2.png"]},
]


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry.slug for entry in ENTRIES])
@pytest.mark.parametrize("given_input", INPUTS, ids=str)
def test_the_sandbox_bills_what_was_estimated(entry: sandbox_models.Entry, given_input: dict[str, Any]):
    model = Model.from_api(copy.deepcopy(dict(entry.public)))
    input = {"prompt": "a red fox in snow", **given_input}
    answer = "word " * 20
    found = estimate(model, input, durations=[2.0, 3.0, 2.5])
    billed = sandbox_models.price(entry, input, computing=2.5, text=answer)
    if found.exact:
        assert found.amount is not None
        assert found.amount.quantize(sandbox_models.SMALLEST_UNIT) == billed
    elif found.low is not None:
        assert found.high is not None
        cent = sandbox_models.SMALLEST_UNIT
        assert found.low.quantize(cent) <= billed <= found.high.quantize(cent), str(found)
    else:
        assert model.pricing.formula or "holds media" in found.basis, str(found)


def test_most_of_the_catalogue_is_known_exactly():
    exact = [
        entry for entry in ENTRIES if estimate(Model.from_api(dict(entry.public)), {"prompt": "x"}).exact
    ]
    assert len(exact) >= len(ENTRIES) - 6
