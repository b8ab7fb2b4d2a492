"""The price list as a table: a row for every model, or for every rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from skytells_nb._connect import Sandbox
from skytells_nb.exceptions import InvalidInputError
from skytells_nb.frames import models_table, pricing_frame
from skytells_nb.frames._dtypes import TEXT
from skytells_nb.models import Model, ModelList

COLUMNS = [
    "model",
    "name",
    "type",
    "vendor",
    "status",
    "price",
    "unit",
    "amount",
    "currency",
    "per_prediction",
    "n_criteria",
    "formula",
    "capabilities",
]
VEO: dict[str, Any] = {
    "namespace": "veo-3.1-fast",
    "name": "Veo 3.1 Fast",
    "type": "video",
    "vendor": {"name": "Google"},
    "status": "operational",
    "capabilities": ["text-to-video", "partner"],
    "pricing": {
        "amount": 0.18,
        "unit": "second",
        "currency": "USD",
        "criterias": [
            {"field": "generate_audio", "operator": "equals", "value": True, "billable_price": 0.17},
            {"field": "generate_audio", "operator": "==", "value": False, "billable_price": "0.13"},
        ],
    },
}
LUMO = {"namespace": "lumo", "pricing": {"amount": 1.12, "unit": "prediction", "currency": "USD"}}
FLEX = {"namespace": "flex", "pricing": {"amount": 0.06, "unit": "megapixel", "formula": {"type": "terms"}}}
TYPES = {
    **dict.fromkeys(["model", "name", "price", "formula", "capabilities"], TEXT),
    **dict.fromkeys(["type", "vendor", "status", "unit", "currency"], "category"),
    **dict.fromkeys(["amount", "per_prediction"], "float64"),
    "n_criteria": "Int64",
}


@pytest.mark.parametrize("rows", [[], [VEO, LUMO, FLEX], ModelList([Model.from_api(LUMO)]), iter([VEO])])
def test_columns_and_types_are_always_the_same(rows: Any):
    frame = pricing_frame(rows)
    assert list(frame.columns) == COLUMNS
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == TYPES


def test_a_row_tells_a_model_s_price():
    veo, lumo, flex = pricing_frame([VEO, LUMO, FLEX]).to_dict("records")
    assert (veo["model"], veo["vendor"], veo["unit"], veo["amount"], veo["n_criteria"]) == (
        "veo-3.1-fast",
        "Google",
        "second",
        0.18,
        2,
    )
    assert veo["capabilities"] == "text-to-video, partner"
    assert np.isnan(veo["per_prediction"])
    assert lumo["per_prediction"] == 1.12
    assert flex["formula"] == "terms"


def test_criteria_give_a_row_each_and_the_others_keep_theirs():
    frame = pricing_frame([VEO, LUMO], criteria=True)
    assert list(frame.columns) == [*COLUMNS, "field", "operator", "value", "base_amount", "description"]
    assert frame["model"].tolist() == ["veo-3.1-fast", "veo-3.1-fast", "lumo"]
    assert frame["amount"].tolist() == [0.17, 0.13, 1.12]
    assert frame["price"].tolist() == ["$0.17/second", "$0.13/second", "$1.12/prediction"]
    assert frame["base_amount"].tolist() == [0.18, 0.18, 1.12]
    assert frame["value"].tolist() == [True, False, None]
    assert frame["unit"].tolist() == ["second", "second", "prediction"]


def test_a_price_that_can_be_none_is_noted():
    odd = [{"namespace": "m", "pricing": {"amount": -1, "unit": "image"}}, {"namespace": "n"}]
    frame = pricing_frame(odd)
    assert frame.attrs["notes"] == ["the listed price of m can be none"]
    assert np.isnan(frame.loc[1, "amount"])


@pytest.mark.parametrize("rows", [[{"status": "operational"}], ["lumo"], [3]])
def test_what_is_no_model_is_a_clear_error(rows: Any):
    with pytest.raises(InvalidInputError, match="Row 0 is no model"):
        pricing_frame(rows)


def test_a_client_is_asked_for_its_models():
    with Sandbox(seconds=0) as sandbox, sandbox.client() as client:
        listed = client.models.list()
        frame = pricing_frame(client)
        assert frame["model"].tolist() == [model.id for model in listed]
        pd.testing.assert_frame_equal(listed.to_pandas(), frame)
        assert len(pricing_frame(client.as_async(), criteria=True)) > len(frame)


def test_the_same_as_plain_text():
    assert models_table([VEO, LUMO, FLEX, {"namespace": "new"}]) == (
        "model         type   price                                 status\n"
        "veo-3.1-fast  video  $0.13 to $0.17/second, by its inputs  operational\n"
        "lumo                 $1.12/prediction\n"
        "flex                 0.06/megapixel, by formula\n"
        "new                  unknown"
    )
    assert "generate_audio is false" in models_table([VEO], criteria=True)
    assert models_table([]) == "No models."
