"""Every documented shape of a model and its price, read into the same plain values."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import Any

import pytest

from skytells_nb import _lazy
from skytells_nb.exceptions import SkytellsError
from skytells_nb.models import Criterion, Model, ModelList, Pricing

TRUEFUSION = {  # skytells-api.md section 5.3
    "name": "TrueFusion",
    "description": "TrueFusion Standard",
    "namespace": "truefusion",
    "type": "image",
    "privacy": "public",
    "img_url": None,
    "vendor": {"name": "Skytells", "verified": True, "slug": "skytells", "metadata": None},
    "billable": True,
    "pricing": {"amount": 0.03, "currency": "USD", "unit": "image"},
    "capabilities": ["text-to-image"],
    "metadata": {"edge_compatible": False, "openai_compatible": False, "cold_boot": False},
    "status": "operational",
}
VEO = {  # section 8.1
    "amount": 0.18,
    "currency": "USD",
    "unit": "second",
    "criterias": [
        {
            "field": "generate_audio",
            "description": "When audio is on",
            "operator": "equals",
            "value": True,
            "billable_price": 0.17,
            "unit": "second",
        },
        {"field": "generate_audio", "operator": "==", "value": False, "billable_price": 0.13},
    ],
    "formula": None,
}
FORMULA = {"amount": 0.02, "unit": "image_megapixel", "formula": {"type": "megapixels", "terms": []}}


def read(**fields: Any) -> Model:
    return Model.from_api({"namespace": "m", **fields})


def test_a_whole_model():
    m = Model.from_api(TRUEFUSION)
    assert (m.id, m.name, m.type, m.status) == ("truefusion", "TrueFusion", "image", "operational")
    assert (m.vendor, m.capabilities) == ("Skytells", ("text-to-image",))
    assert m.pricing == Pricing(Decimal("0.03"), "image", "USD")
    assert (m.input_schema, m.output_schema) == (None, None)
    assert m.raw == TRUEFUSION


@pytest.mark.parametrize(
    ("raw", "slug"),
    [
        ({"namespace": "truefusion"}, "truefusion"),
        ({"id": "truefusion-pro"}, "truefusion-pro"),
        ({"slug": "truefusion"}, "truefusion"),
        ({"namespace": "truefusion", "id": "0193-…"}, "truefusion"),
        ({"namespace": None, "id": "truefusion"}, "truefusion"),
        ({"namespace": "", "id": "FLUX.2-pro"}, "FLUX.2-pro"),
    ],
)
def test_the_slug_is_its_namespace_or_its_id(raw: dict[str, Any], slug: str):
    assert Model.from_api(raw).id == slug


@pytest.mark.parametrize("wrong", [{}, {"name": "TrueFusion"}, {"id": 7}, {"namespace": ""}, [], "m", None])
def test_only_what_has_no_slug_is_refused(wrong: Any):
    with pytest.raises(SkytellsError, match="neither namespace nor id") as caught:
        Model.from_api(wrong)
    assert caught.value.charged is False


def test_schemas_are_kept_as_they_came():
    schema = {"type": "object", "properties": {"prompt": {"type": "string", "x-order": 0}}}
    m = read(input_schema=schema, output_schema=None)
    assert m.input_schema == schema
    assert m.output_schema is None


def test_a_vendor_is_a_name_or_an_object():
    assert read(vendor="Skytells").vendor == "Skytells"
    assert read(vendor={"verified": True}).vendor is None
    assert read(vendor=7).vendor is None


class TestPricing:
    def test_criteria_are_read_with_either_operator(self):
        pricing = Pricing.from_api(VEO)
        assert pricing.criteria == (
            Criterion(
                "generate_audio",
                "equals",
                True,
                Decimal("0.17"),
                "second",
                "When audio is on",
            ),
            Criterion("generate_audio", "==", False, Decimal("0.13"), None, None),
        )

    def test_the_course_spelling_of_criteria_is_read_too(self):
        assert len(Pricing.from_api({"criteria": VEO["criterias"]}).criteria) == 2

    def test_a_flat_price_may_come_as_per_prediction(self):
        pricing = Pricing.from_api({"per_prediction": 0.02})
        assert (pricing.amount, pricing.unit, pricing.per_prediction) == (
            Decimal("0.02"),
            "prediction",
            Decimal("0.02"),
        )

    @pytest.mark.parametrize(
        "unit", ["prediction", "image", "video", "audio", "clip", "song", " Image ", "per call"]
    )
    def test_one_call_of_a_flat_unit_costs_its_amount(self, unit: str):
        assert Pricing.from_api({"amount": 0.03, "unit": unit}).per_prediction == Decimal("0.03")

    @pytest.mark.parametrize(
        "raw",
        [
            {"amount": 0.18, "unit": unit}
            for unit in (
                "second", "gpu", "image_megapixel", "computing_second", "audio_second", "video_second",
                "token", "5 seconds", "minute", "million_token", "megapixel", "tokens", "furlong", None,
            )
        ]
        + [VEO, FORMULA, {"unit": "image"}, {}, None, "free", []],
        ids=str,
    )  # fmt: skip
    def test_what_depends_or_is_unknown_is_a_decimal_nan(self, raw: object):
        assert Pricing.from_api(raw).per_prediction.is_nan()

    @pytest.mark.parametrize(
        "raw", [VEO, FORMULA, {}, None, {"amount": 0.03, "unit": "image"}, {"amount": "free"}]
    )
    def test_the_course_idiom_works_for_every_model(self, raw: object):
        model = read(pricing=raw)
        assert f"${model.pricing.per_prediction:.4f}" in ("$NaN", "$0.0300")

    def test_rules_that_make_no_sense_are_left_out_and_the_price_stays(self):
        pricing = Pricing.from_api({"amount": 1, "unit": "image", "criterias": [7, None, {"field": 3}]})
        assert pricing.criteria == (Criterion(None, None, None, None, None, None),)
        assert Pricing.from_api({"amount": 1, "criterias": "many"}).criteria == ()

    @pytest.mark.parametrize(
        "amount", [float("inf"), float("nan"), "1e999999999", "-1e-999999999", True, [], "x"]
    )
    def test_an_amount_that_is_no_money_is_unknown(self, amount: object):
        assert Pricing.from_api({"amount": amount, "unit": "image"}).amount is None

    def test_a_number_is_read_exactly_as_written(self):
        assert Pricing.from_api({"amount": 0.1, "unit": "image"}).amount == Decimal("0.1")
        assert Pricing.from_api({"amount": "0.10", "unit": "image"}).amount == Decimal("0.10")


class TestAsAValue:
    def test_it_can_be_pickled_and_hashed(self):
        m = Model.from_api({**TRUEFUSION, "pricing": VEO, "input_schema": {"type": "object"}})
        twin = pickle.loads(pickle.dumps(m))
        assert twin == m
        assert hash(twin) == hash(m)

    def test_it_does_not_change(self):
        with pytest.raises(AttributeError):
            Model("m").type = "image"  # type: ignore[misc]

    def test_its_repr_tells_type_and_price(self):
        assert repr(Model.from_api(TRUEFUSION)) == "Model('truefusion', image, 0.03 per image)"
        assert repr(Model("m")) == "Model('m', unknown type)"

    def test_a_value_that_cannot_be_drawn_says_so_in_text(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(_lazy.display_mimebundle, "package", "no_such_package")
        for value in (Model("m"), ModelList([Model("m")])):
            assert "could not be drawn" in value._repr_mimebundle_(include=["text/plain"])["text/plain"]


class TestAList:
    def test_it_is_a_real_list_that_also_knows_slugs(self):
        models = ModelList([Model("a"), Model("b")])
        assert isinstance(models, list)
        assert models["b"] is models[1]
        assert ["b" in models, "c" in models, models[1] in models] == [True, False, True]
        assert isinstance(models[:1], ModelList)
        assert repr(models) == "ModelList of 2: a, b"

    def test_a_slug_that_is_not_there_is_a_key_error_that_names_those_that_are(self):
        with pytest.raises(KeyError, match="no model 'c' among a, b"):
            ModelList([Model("a"), Model("b")])["c"]
        with pytest.raises(KeyError, match="Did you mean 'lumo'"):
            ModelList([Model("lumo"), Model("b")])["lummo"]

    def test_it_can_be_pickled(self):
        models = ModelList([Model.from_api(TRUEFUSION)])
        twin = pickle.loads(pickle.dumps(models))
        assert (type(twin), twin) == (ModelList, models)
