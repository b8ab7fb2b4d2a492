"""Models show what they are, what they cost and what they take."""

from __future__ import annotations

from decimal import Decimal

import pytest

from skytells_nb.display import mimebundle
from skytells_nb.models import Model, ModelList, Pricing
from skytells_nb.pricing import list_price

from .reading import strictly

RAW = {
    "name": "TrueFusion Pro",
    "namespace": "truefusion-pro",
    "description": "High-resolution images.",
    "type": "image",
    "status": "operational",
    "vendor": {"name": "Skytells"},
    "capabilities": ["text-to-image", "fast"],
    "pricing": {
        "amount": 0.1,
        "currency": "USD",
        "unit": "image",
        "criterias": [
            {
                "field": "resolution",
                "operator": "==",
                "value": "720p",
                "billable_price": 0.07,
                "unit": "image",
            }
        ],
    },
    "input_schema": {
        "type": "object",
        "required": ["prompt"],
        "properties": {
            "seed": {"type": "integer", "x-order": 2},
            "prompt": {"type": "string", "description": "What to draw.", "maxLength": 4000, "x-order": 0},
            "steps": {"type": "integer", "minimum": 1, "maximum": 50, "default": 28, "x-order": 1},
            "ratio": {"allOf": [{"$ref": "#/definitions/ratio"}], "default": "1:1", "x-order": 3},
            "image": {"type": ["string", "null"], "format": "uri"},
        },
        "definitions": {"ratio": {"type": "string", "enum": ["1:1", "16:9"]}},
    },
}


def test_a_model_is_a_card_with_its_inputs_in_their_order():
    page = strictly(mimebundle(Model.from_api(RAW))["text/html"])
    for words in (
        "TrueFusion Pro",
        "truefusion-pro · image · $0.07 to $0.10/image, by its inputs · operational · by Skytells",
        "High-resolution images.",
        "text-to-image, fast",
        "$0.07/image where resolution is 720p",
        "prompt string, required up to 4,000 characters What to draw. steps integer 28 1 to 50 seed integer "
        "ratio string 1:1 1:1, 16:9 image URL",
    ):
        assert words in page.text
    assert [head["scope"] for head in page.all("th")] == ["col"] * 5


def test_a_model_in_a_terminal_is_the_same_in_text():
    lines = mimebundle(Model.from_api(RAW))["text/plain"].splitlines()
    assert lines[0] == "truefusion-pro · image · $0.07 to $0.10/image, by its inputs · operational"
    assert "  prompt*  string                up to 4,000 characters" in lines
    assert "  steps    integer  default 28   1 to 50" in lines


def test_models_are_a_table():
    models = ModelList(
        [Model.from_api(RAW), Model.from_api({"namespace": "optima", "type": "image", "status": "offline"})]
    )
    page = strictly(mimebundle(models)["text/html"])
    assert page.text.startswith("2 models model type price capabilities status truefusion-pro image")
    assert len(page.all("tr")) == 3
    assert "offline" in page.text
    assert "operational" not in page.text


def test_models_in_a_terminal_are_aligned():
    lines = mimebundle(ModelList([Model.from_api(RAW), Model(id="b", type="video")]))[
        "text/plain"
    ].splitlines()
    assert lines[0] == "2 models"
    assert lines[1].index("type") == lines[2].index("image") == lines[3].index("video")


@pytest.mark.parametrize(
    ("pricing", "told"),
    [
        (Pricing(), ""),
        (Pricing(Decimal("0.03"), "image", "USD"), "$0.03/image"),
        (Pricing(Decimal("2"), "prediction", "USD"), "$2.00/prediction"),
        (Pricing(Decimal("0.000002"), "token", "USD"), "$0.000002/token"),
        (Pricing(Decimal("0.1"), None, None), "0.10"),
        (Pricing(Decimal("0"), "image", "USD"), "$0.00/image"),
        (Pricing(None, None, "USD", formula={"type": "x"}), "by formula"),
        (Pricing(Decimal("1E+400"), "image", "USD"), "$1e+400/image"),
    ],
)
def test_a_price_is_told_and_an_unknown_one_is_not(pricing, told):
    assert list_price(Model(id="m", pricing=pricing)) == told


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"properties": None},
        {"properties": {"a": None, "b": 3, "c": [], "d": {"enum": "x", "x-order": "first", "type": 3}}},
        {"properties": {"a": {"$ref": "#/nowhere"}}, "required": "a"},
        {"properties": {"a": {"$ref": "#/properties/a"}}},
        {"properties": {"a": {"anyOf": [{"type": "null"}]}}},
        {"properties": {"a": {"default": {"deep": [1] * 999}, "enum": list(range(99))}}},
    ],
)
def test_an_odd_schema_is_no_error(schema):
    bundle = mimebundle(Model(id="m", input_schema=schema))
    strictly(bundle["text/html"])
    assert bundle["text/plain"].startswith("m")


def test_a_table_is_scrolled_in_a_narrow_window_and_not_crushed():
    schema = {"properties": {"seed": {"type": "integer", "description": "The same seed, the same result."}}}
    one = mimebundle(Model(id="m", input_schema=schema))["text/html"]
    several = mimebundle(ModelList([Model(id="m"), Model(id="n")]))["text/html"]
    assert all('<div style="overflow-x:auto"><table' in html for html in (one, several))
    assert 'min-width:180px">The same seed' in one


def test_a_unit_is_told_in_words():
    assert (
        list_price(Model(id="m", pricing=Pricing(Decimal("0.008"), "computing_second", "USD")))
        == "$0.008/computing second"
    )
