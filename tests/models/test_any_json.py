"""Any JSON object with an id gives a value, whatever else is in it."""

from __future__ import annotations

import json
import pickle
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skytells_nb.exceptions import SkytellsError
from skytells_nb.models import STATUSES, Metrics, Model, Prediction, Pricing

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["1e999999999", "0.02", "2026-01-01T00:00:00Z", "cancelled", "9999-12-31T23:59:59-14:00"]
    )
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
ids = st.text(min_size=1, max_size=20)


def objects(*known: str, id_key: str) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects with an id, whose known fields hold anything at all."""
    fields = st.dictionaries(st.sampled_from(known) | st.text(max_size=10), anything, max_size=10)
    return st.builds(lambda raw, slug: {**raw, id_key: slug}, fields, ids)


predictions = objects(
    "status", "model", "model_type", "input", "output", "error", "error_message", "response", "metrics",
    "metadata", "created_at", "started_at", "completed_at", "urls", "webhook",
    id_key="id",
)  # fmt: skip
nested = st.fixed_dictionaries(
    {"id": ids},
    optional={
        "model": st.dictionaries(st.sampled_from(["name", "type", "namespace", "slug"]), anything),
        "metrics": st.dictionaries(
            st.sampled_from(
                [
                    "predict_time",
                    "total_time",
                    "image_count",
                    "asset_count",
                    "progress",
                    "billing",
                    "credits_used",
                ]
            ),
            anything | st.dictionaries(st.just("credits_used"), anything),
        ),
        "metadata": st.dictionaries(
            st.just("billing"), anything | st.dictionaries(st.just("credits_used"), anything)
        ),
        "output": st.lists(anything | st.dictionaries(st.just("url"), anything)),
        "webhook": st.dictionaries(st.sampled_from(["url", "events"]), anything),
        "urls": st.dictionaries(st.sampled_from(["get", "cancel"]), anything),
        "error": st.dictionaries(st.just("message"), anything),
    },
)
prices = st.dictionaries(
    st.sampled_from(["amount", "unit", "currency", "criterias", "criteria", "formula", "per_prediction"]),
    anything | st.lists(st.dictionaries(st.sampled_from(["field", "value", "billable_price"]), anything)),
)
models = objects(
    "name", "type", "description", "pricing", "capabilities", "status", "vendor", "input_schema",
    "output_schema",
    id_key="namespace",
)  # fmt: skip


def is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def is_object(value: object) -> bool:
    return value is None or isinstance(value, dict)


@given(predictions | nested)
@example({"id": "p", "metrics": {"predict_time": 10**400}})
@example({"id": "p", "metadata": {"billing": {"credits_used": 10**5000}}})
@example({"id": "p", "created_at": "0001-01-01T00:00:00+14:00"})
def test_any_json_object_with_an_id_is_a_prediction(raw: dict[str, Any]):
    p = Prediction.from_api(raw)
    assert p.id == raw["id"]
    assert p.status in STATUSES
    assert all(map(is_text, (p.model, p.model_type, p.error, p.prompt)))
    assert all(map(is_object, (p.input, p.urls, p.webhook)))
    assert p.output is None or all(isinstance(item, str) for item in p.output)
    assert p.cost is None or (isinstance(p.cost, Decimal) and p.cost.is_finite())
    for moment in (p.created_at, p.started_at, p.completed_at):
        assert moment is None or (isinstance(moment, datetime) and moment.utcoffset() is not None)
    assert isinstance(p.metrics, Metrics)
    assert isinstance(p.metrics.billing, dict)
    assert p.seconds is None or isinstance(p.seconds, float)
    assert p.raw == raw or "nan" in repr(raw)
    assert isinstance(f"{p.status:<12} {p.cost} {p!r}", str)
    assert pickle.loads(pickle.dumps(p)).id == p.id
    hash(p)


@given(models, prices)
def test_any_json_object_with_a_namespace_is_a_model(raw: dict[str, Any], price: dict[str, Any]):
    m = Model.from_api({**raw, "pricing": price} if price else raw)
    assert m.id == raw["namespace"]
    assert all(map(is_text, (m.name, m.type, m.description, m.status, m.vendor)))
    assert all(map(is_object, (m.input_schema, m.output_schema)))
    assert all(isinstance(word, str) for word in m.capabilities)
    assert isinstance(m.pricing, Pricing)
    assert isinstance(m.pricing.per_prediction, Decimal)
    assert len(f"${m.pricing.per_prediction:.4f}") < 100
    assert isinstance(repr(m), str)
    hash(m)


@given(anything)
def test_what_has_no_id_is_the_one_thing_refused(raw: Any):
    if isinstance(raw, dict):
        raw = {key: value for key, value in raw.items() if key not in ("id", "namespace", "slug")}
    for read in (Prediction.from_api, Model.from_api):
        with pytest.raises(SkytellsError):
            read(raw)


@given(predictions)
def test_raw_can_be_read_again_and_gives_the_same(raw: dict[str, Any]):
    p = Prediction.from_api(json.loads(json.dumps(raw)))
    again = Prediction.from_api(p.raw)
    assert repr(again) == repr(p)
