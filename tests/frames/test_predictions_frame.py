"""The same table from every dialect and every source, with the types it promises, also when it is empty."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skytells_nb._connect import Sandbox
from skytells_nb.exceptions import InvalidInputError, SkytellsError, SkytellsWarning
from skytells_nb.frames import predictions_frame
from skytells_nb.frames._dtypes import TEXT
from skytells_nb.models import Model, Prediction, PredictionList

COLUMNS = [
    "id", "model", "model_type", "status", "created_at", "started_at", "completed_at", "queue_s", "predict_s",
    "total_s", "cost", "currency", "n_outputs", "output", "error", "prompt", "source", "origin",
]  # fmt: skip
TYPES = {
    **dict.fromkeys(["model", "model_type", "status", "source", "currency"], "category"),
    **dict.fromkeys(["created_at", "started_at", "completed_at"], "datetime64[us, UTC]"),
    **dict.fromkeys(["queue_s", "predict_s", "total_s", "cost"], "float64"),
    **dict.fromkeys(["id", "error", "prompt", "origin"], TEXT),
    "n_outputs": "Int64",
    "output": "object",
}
FINISHED: dict[str, Any] = {  # skytells-api.md section 6
    "id": "00000000-0000-0000-0000-000000000001",
    "status": "succeeded",
    "type": "inference",
    "input": {"prompt": "a lighthouse", "seed": 7},
    "output": ["https://delivery.skytells.cloud/us/2026/01/01/out.png"],
    "created_at": "2026-01-01T00:00:00.000000Z",
    "started_at": "2026-01-01T00:00:01+00:00",
    "completed_at": "2026-01-01T00:00:11+00:00",
    "source": "api",
    "model": {"name": "truefusion", "type": "image"},
    "metrics": {"image_count": 1, "predict_time": 10.5, "total_time": 10.75},
    "metadata": {"billing": {"credits_used": 0.02}},
}
FAILED: dict[str, Any] = {
    "id": "2",
    "status": "failed",
    "model": "truefusion",
    "source": "cli",
    "input": {"prompt": "…"},
    "output": None,
    "error": "Failed to generate image.",
    "data_removed": True,
    "created_at": "2026-02-27T18:58:44.725000Z",
    "started_at": "2026-02-27T18:58:44.736550Z",
    "completed_at": "2026-02-27T18:58:45.819474Z",
    "metrics": {"predict_time": 1.0828},
    "urls": {},
}


def types(frame: pd.DataFrame) -> dict[str, str]:
    return {name: str(frame[name].dtype) for name in COLUMNS}


@pytest.mark.parametrize("rows", [[], [{"id": "only"}], [FINISHED, FAILED], iter([])])
def test_columns_and_types_are_the_same_whatever_there_is(rows: Any):
    frame = predictions_frame(rows)
    assert list(frame.columns)[: len(COLUMNS)] == COLUMNS
    assert types(frame) == TYPES
    assert all(str(name).startswith("input.") for name in frame.columns[len(COLUMNS) :])
    assert isinstance(frame.index, pd.RangeIndex)


def test_a_finished_prediction_fills_its_row():
    row = predictions_frame([FINISHED]).iloc[0]
    assert row["id"] == FINISHED["id"]
    assert (row["model"], row["model_type"], row["status"]) == ("truefusion", "image", "succeeded")
    assert row["created_at"] == datetime(2026, 1, 1, tzinfo=UTC)
    assert (row["queue_s"], row["predict_s"], row["total_s"]) == (1.0, 10.5, 10.75)
    assert (row["cost"], row["currency"], row["n_outputs"]) == (0.02, "USD", 1)
    assert row["output"] == FINISHED["output"]
    assert (row["prompt"], row["source"]) == ("a lighthouse", "api")
    assert (row["input.prompt"], row["input.seed"]) == ("a lighthouse", 7)


def test_a_failed_one_has_its_words_and_no_invented_cost():
    row = predictions_frame([FAILED]).iloc[0]
    assert (row["error"], row["status"]) == ("Failed to generate image.", "failed")
    assert np.isnan(row["cost"])
    assert pd.isna(row["currency"])
    assert pd.isna(row["n_outputs"])
    assert row["total_s"] == pytest.approx(1.094474)


def test_a_row_with_nothing_but_an_id_is_a_row():
    row = predictions_frame([{"id": "only"}]).iloc[0]
    assert (row["id"], row["status"], row["output"]) == ("only", "queued", None)
    assert row.drop(["id", "status"]).isna().all()


def test_categories_know_every_status():
    frame = predictions_frame([FINISHED])
    known = ["queued", "processing", "succeeded", "failed", "canceled", "not_sent"]
    assert list(frame["status"].cat.categories) == known


def test_attrs_are_small_and_plain():
    attrs = predictions_frame([FINISHED]).attrs
    names = "source fetched_at currency truncated package_version sandbox sandbox_origins notes"
    assert list(attrs) == names.split()
    assert (attrs["source"], attrs["currency"], attrs["truncated"], attrs["sandbox"]) == (
        "list",
        "USD",
        False,
        False,
    )
    assert datetime.fromisoformat(attrs["fetched_at"]).tzinfo is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
STAMPS = [
    "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00.5+00:00",
    "2026-01-01",
    "2026-01-01T00:00:00+02:00", "20260101T000000", "2026-W01-1", "0000-00-00T00:00:00Z",
    "now", "NaT", "",
    "2026-13-01T00:00:00Z", "2026-01-01T00:00:60Z", "-026-01-01T00:00:00Z", "2026-01-01 00:00:00Z",
    "²026-01-01T00:00:00Z", "2026-01-01T00:00:00.00000٣Z", "9999-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00Z", "2026-01-01T00:00:00.12+010Z", " 2026-01-01T00:00:00Z ",
    "2026-01-01T00:00:00.000000", "2026-02-30T00:00:00.000000Z", "2026-01-01T00:00:00,000000Z",
]  # fmt: skip
TIMES = st.sampled_from(STAMPS)
RAWS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["succeeded", "Cancelled", "starting", "failed", "?"]) | JSON,
        "model": st.text(max_size=5) | st.fixed_dictionaries({"name": JSON, "type": JSON}) | JSON,
        "input": st.dictionaries(st.sampled_from(["prompt", "seed", "style", "a.b"]), JSON) | JSON,
        "output": st.text(max_size=5) | st.lists(st.text(max_size=5) | JSON, max_size=3) | JSON,
        "images": st.sampled_from([["https://cdn.example/a b.png"], {"url": "data:,x"}, "ok"]) | JSON,
        "created_at": TIMES | JSON,
        "started_at": TIMES | JSON,
        "completed_at": TIMES | JSON,
        "source": JSON,
        "error": JSON,
        "error_message": JSON,
        "metrics": st.fixed_dictionaries(
            {}, optional={"predict_time": JSON, "total_time": JSON, "credits_used": JSON, "billing": JSON}
        )
        | JSON,
        "metadata": st.fixed_dictionaries({"billing": st.fixed_dictionaries({"credits_used": JSON}) | JSON})
        | JSON,
    },
)


@settings(max_examples=25)
@given(bodies=st.lists(RAWS, max_size=6))
def test_raw_objects_read_as_from_api_reads_them(bodies: list[dict[str, Any]]):
    raws = [{**body, "id": f"p{n}"} for n, body in enumerate(bodies)]
    complete = ["status", "model", "input", "output", "created_at", "started_at", "completed_at", "source"]
    whole = [{**dict.fromkeys([*complete, "metrics", "metadata"]), **raw} for raw in raws]
    through = predictions_frame([Prediction.from_api(raw) for raw in raws])
    pd.testing.assert_frame_equal(predictions_frame(raws), through)
    pd.testing.assert_frame_equal(predictions_frame(whole), through)


@pytest.mark.parametrize("stamp", STAMPS)
@pytest.mark.parametrize(
    "others", [[], ["2026-01-01T00:00:00.000000Z"], [None]], ids=["alone", "good", "none"]
)
def test_a_column_of_times_reads_as_each_of_them_does(stamp: str, others: list[Any]):
    stamps = [stamp, *others, stamp]
    raws = [{"id": str(n), "created_at": each} for n, each in enumerate(stamps)]
    through = predictions_frame([Prediction.from_api(raw) for raw in raws])
    pd.testing.assert_series_equal(predictions_frame(raws)["created_at"], through["created_at"])


@pytest.mark.parametrize(
    "odd",
    [
        FAILED,
        {"id": "only"},
        {**FINISHED, "metrics": {"billing": {"credits_used": 0.5, "currency": "EUR"}}},
        {**FINISHED, "output": ["https://h/a.png\0http://h/b.png"]},
        {**FINISHED, "output": ["data:image/png;base64,AA=="]},
        {**FINISHED, "output": [" https://h/a.png"]},
        {**FINISHED, "output": {}, "images": ["https://h/a.png"]},
        {**FINISHED, "error": "half of it failed"},
        {**FINISHED, "status": 7, "model": "truefusion"},
    ],
    ids=[
        "failed",
        "bare",
        "bill elsewhere",
        "two in one",
        "data",
        "spaces",
        "elsewhere",
        "error",
        "wrong kinds",
    ],
)
def test_one_odd_row_among_hundreds_reads_as_from_api_reads_it(odd: dict[str, Any]):
    rows = [{**FINISHED, "id": str(at)} for at in range(1_001)]
    rows[700] = {**odd, "id": "odd"}
    frame = predictions_frame(rows)
    usual, alone = (predictions_frame([Prediction.from_api(rows[at])]) for at in (0, 700))
    for name in COLUMNS[1:]:
        together = frame[name].astype(object)
        for at, expected in ((700, alone), (0, usual), (1_000, usual)):
            value, known = together[at], expected[name].astype(object)[0]
            assert (value == known) is True or (pd.isna(value) and pd.isna(known)), (name, at, value, known)


def test_half_a_surrogate_pair_does_no_harm():
    raw = {"id": "a", "input": {"prompt": "\ud83d"}, "model": "\udc00", "output": ["\udfff"]}
    frame = predictions_frame([raw])
    assert (frame.loc[0, "prompt"], frame.loc[0, "output"]) == ("\ufffd", ["\ufffd"])


def test_inputs_have_the_narrowest_type_that_holds_them_all():
    values: dict[str, list[Any]] = {
        "whole": [1, 2, None],
        "float": [1.5, None, 2],
        "text": ["a", None, "b"],
        "truth": [True, False, None],
        "mixed": ["a", 1, None],
        "huge": [2**70, 1, None],
        "odd": [2**60 + 1, 0.5, None],
        "list": [[1], [], None],
    }
    rows = [{"id": str(n), "input": {name: cells[n] for name, cells in values.items()}} for n in range(3)]
    frame = predictions_frame(rows)
    kinds = {name: str(frame[f"input.{name}"].dtype) for name in values}
    assert kinds == {
        "whole": "Int64", "float": "float64", "text": TEXT, "truth": "boolean", "mixed": "object",
        "huge": "object", "odd": "object", "list": "object",
    }  # fmt: skip
    assert frame["input.huge"].tolist() == [2**70, 1, None]


def test_nested_inputs_are_flattened():
    given_input = {"style": {"name": "oil", "deep": {"er": 1}, "none": {}}, "size": [1]}
    frame = predictions_frame([{"id": "a", "input": given_input}, {"id": "b", "input": {"style": "oil"}}])
    found = [str(name) for name in frame.columns if str(name).startswith("input.")]
    assert found == [
        "input.style.name",
        "input.style.deep.er",
        "input.style.none",
        "input.size",
        "input.style",
    ]


def test_no_input_is_lost_to_another_of_its_name():
    frame = predictions_frame(
        [{"id": "a", "input": {"a": {"b": 1}, "a.b": 2}}, {"id": "b", "input": {"a.b": 3}}]
    )
    assert frame["input.a.b"].tolist() == [1, 3]
    assert frame["input.a.b_"].dropna().tolist() == [2]


def test_a_type_that_changes_late_changes_nothing_early():
    rows: list[dict[str, Any]] = [{"id": str(n), "input": {"steps": n}} for n in range(2500)]
    rows += [{"id": "late", "input": {"steps": "many", "new": 1}}, {"id": "none"}]
    frame = predictions_frame(iter(rows))
    assert frame["input.steps"].tolist() == [*range(2500), "many", None]
    assert str(frame["input.new"].dtype) == "Int64"
    assert frame["input.new"].notna().sum() == 1
    halves = predictions_frame([{"id": str(n), "input": {"x": 1 if n < 1500 else 0.5}} for n in range(3000)])
    assert str(halves["input.x"].dtype) == "float64"
    assert halves["input.x"].sum() == 1500 + 750


def test_repeated_ids_are_kept_once_as_they_ended():
    early, ended = {**FINISHED, "status": "processing", "metadata": {}}, FINISHED
    with pytest.warns(SkytellsWarning, match="2 rows repeated the id of another"):
        frame = predictions_frame([early, FAILED, ended, ended])
    assert frame["status"].tolist() == ["failed", "succeeded"]
    assert frame["cost"].sum() == 0.02
    assert frame.attrs["notes"] == ["2 rows repeated an id and were left out"]


def test_one_id_of_two_origins_is_two_predictions():
    there = [Prediction.from_api(FINISHED, origin=f"https://{n}.example/v1") for n in "ab"]
    assert len(predictions_frame(there)) == 2


@pytest.mark.parametrize(
    ("odd", "column", "note"),
    [
        (
            {"started_at": "2025-12-31T00:00:00Z"},
            "queue_s",
            "1 row where queue_s would be negative: times out",
        ),
        ({"metrics": {}, "completed_at": "2025-01-01T00:00:00Z"}, "total_s", "total_s would be negative"),
        ({"metrics": {"predict_time": -3}}, "predict_s", "predict_s would be negative"),
        ({"metadata": {"billing": {"credits_used": -1}}}, "cost", "cost is negative or absurd"),
        ({"metadata": {"billing": {"credits_used": 1e12}}}, "cost", "cost is negative or absurd"),
    ],
)
def test_what_cannot_be_is_unknown_and_noted(odd: dict[str, Any], column: str, note: str):
    frame = predictions_frame([{**FINISHED, **odd}])
    assert np.isnan(frame.loc[0, column])
    assert any(note in said for said in frame.attrs["notes"])


def test_costs_may_be_strings_and_of_other_currencies():
    bills = [{"credits_used": "0.10"}, {"credits_used": 3, "currency": "eur"}, {"credits_used": "free"}]
    frame = predictions_frame([{"id": str(n), "metadata": {"billing": b}} for n, b in enumerate(bills)])
    assert frame["cost"].tolist()[:2] == [0.1, 3.0]
    assert frame["currency"].tolist()[:2] == ["USD", "EUR"]
    assert frame[["cost", "currency"]].isna().iloc[2].all()
    assert frame.attrs["currency"] == "mixed"


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([FINISHED, {"status": "succeeded"}], "Row 1 is no prediction: it has no 'id'"),
        ([{"id": 5}], "Row 0 is no prediction"),
        ([FINISHED, "p2"], "Row 1 is no prediction: it is of type str"),
        ([Model.from_api({"namespace": "lumo"})], "models go to pricing_frame"),
        ("spend.csv", "read with read_frame"),
        (7, "predictions_frame takes a client"),
        (pd.DataFrame(), "has no column 'id'"),
    ],
)
def test_what_is_no_prediction_is_a_clear_error(rows: Any, why: str):
    with pytest.raises(InvalidInputError, match=why):
        predictions_frame(rows)


def test_a_page_of_a_listing_says_that_it_is_one():
    page = {"data": [FINISHED], "pagination": {"total": 3}}
    with pytest.warns(SkytellsWarning, match="2 rows could not be listed"):
        frame = predictions_frame(page)
    assert frame.attrs["truncated"]
    assert len(frame) == 1
    assert not predictions_frame({"data": [FINISHED], "pagination": {"total": 1}}).attrs["truncated"]
    assert len(predictions_frame(FINISHED)) == len(predictions_frame(Prediction.from_api(FINISHED))) == 1


def test_an_iterator_is_gone_through_once_and_kinds_may_mix():
    def rows() -> Iterator[Any]:
        yield FINISHED
        yield Prediction.from_api(FAILED)
        yield {"id": "3"}

    frame = predictions_frame(rows())
    assert frame["id"].tolist() == [FINISHED["id"], "2", "3"]
    assert frame.attrs["source"] == "iterable"


def test_to_pandas_is_this_frame():
    some = PredictionList([Prediction.from_api(FINISHED)])
    pd.testing.assert_frame_equal(some.to_pandas(), predictions_frame([FINISHED]))


DIALECTS: list[dict[str, Any]] = [{}, {"billing": "metrics"}]


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_the_listing_and_the_archive_give_the_same_table(dialect: dict[str, Any], tmp_path: Path):
    archive = pytest.importorskip("skytells_nb.archive").Archive(tmp_path / "kept")
    with (
        Sandbox(seconds=0, **dialect) as sandbox,
        sandbox.client(archive=archive) as client,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", SkytellsWarning)
        for n in range(3):
            client.predictions.create("truefusion-edge", {"prompt": f"fox {n}", "seed": n, "width": 64})
        listed, kept = predictions_frame(client), predictions_frame(archive)
    assert listed.attrs["sandbox"]
    assert kept.attrs["sandbox"]
    assert listed.attrs["sandbox_origins"] == kept.attrs["sandbox_origins"] == [sandbox.url]
    pd.testing.assert_frame_equal(
        listed.sort_values("id", ignore_index=True),
        kept.drop(columns=["rating", "tags", "note"]).sort_values("id", ignore_index=True),
        check_like=True,
    )
    archive.close()


def test_a_client_is_asked_for_every_page():
    with Sandbox(seconds=0) as sandbox, sandbox.client() as client:
        made = [
            client.predictions.create("truefusion-edge", {"prompt": "fox"}, wait=False).id for _ in range(120)
        ]
        frame = predictions_frame(client)
        assert sorted(frame["id"]) == sorted(made)
        assert frame.attrs["source"] == f"client {sandbox.url}"
        assert not frame.attrs["truncated"]
        assert len(predictions_frame(client.as_async())) == 120
    with pytest.raises(SkytellsError, match="closed"):
        predictions_frame(client)


# A frame again.


def records(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    return frame.to_dict("records")


def through_json(frame: pd.DataFrame) -> Any:
    return json.loads(frame.to_json(orient="records", date_format="iso", date_unit="us"))


def through_arrow(frame: pd.DataFrame) -> Any:
    return pytest.importorskip("pyarrow").Table.from_pandas(frame)


@pytest.mark.parametrize(
    "way",
    [records, through_json, through_arrow, lambda frame: frame],
    ids=["records", "json", "arrow", "frame"],
)
def test_a_frame_of_a_frame_is_the_same_frame(way: Any):
    frame = predictions_frame([FINISHED, FAILED, {"id": "only", "input": {"seed": 3}}])
    again = predictions_frame(way(frame))
    pd.testing.assert_frame_equal(again, frame, check_like=True)


def test_some_columns_of_a_frame_are_enough():
    frame = predictions_frame([FINISHED, FAILED])
    again = predictions_frame(records(frame[["id", "cost", "created_at"]]))
    assert again["cost"].tolist()[0] == 0.02
    assert again["created_at"].tolist() == frame["created_at"].tolist()


def test_columns_that_are_no_prediction_s_are_left_out_and_noted():
    frame = predictions_frame(predictions_frame([FINISHED]).assign(mine=1))
    assert "mine" not in frame
    assert "left out: mine" in frame.attrs["notes"][0]


@pytest.mark.parametrize(
    ("changed", "why"),
    [({"cost": "much"}, "Column 'cost' holds 'much'"), ({"created_at": "soon"}, "'created_at' holds 'soon'")],
)
def test_a_frame_with_something_else_in_it_is_a_clear_error(changed: dict[str, Any], why: str):
    with pytest.raises(InvalidInputError, match=why):
        predictions_frame(predictions_frame([FINISHED]).assign(**changed))


def test_credits_of_a_sandbox_stay_credits():
    frame = predictions_frame([{**FINISHED, "id": "sandbox-1"}])
    assert frame["currency"].tolist() == ["credits"]
    assert frame.attrs["currency"] == "credits"
    assert predictions_frame(records(frame))["currency"].tolist() == ["credits"]
