"""Sums of what was paid: each prediction once, money apart from play money, unknown never zero."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

from skytells_nb.exceptions import InvalidInputError, SkytellsWarning
from skytells_nb.frames import forecast, plot_spend, predictions_frame, spend, spend_table, total
from skytells_nb.frames._plots import _GREY, PALETTE
from skytells_nb.frames._spend import local_zone
from skytells_nb.models import Prediction

mpl.use("agg")


def paid(identifier: str, cost: Any = None, model: str | None = "lumo", **more: Any) -> dict[str, Any]:
    billing = {} if cost is None else {"credits_used": cost}
    currency = more.pop("currency", None)
    if currency:
        billing["currency"] = currency
    return {
        "id": identifier,
        "model": model,
        "status": "succeeded",
        "metadata": {"billing": billing},
        "created_at": "2026-03-01T12:00:00Z",
        **more,
    }


SOME = [
    paid("a", 0.5, metrics={"predict_time": 2.0}),
    paid("b", 1.0, metrics={"predict_time": 3.0}),
    paid("c", 0.25, status="failed"),
    paid("d", 0.25, "mera", input={"size": "big"}),
    paid("e", None, "mera"),
]


MONTHS = [paid("a", 1), paid("b", 1, created_at="2026-07-01T12:00:00Z")]


def test_spend_by_model_tells_every_figure():
    frame = spend(predictions_frame(SOME))
    assert list(frame.columns) == [
        "model", "count", "cost", "mean", "share", "failed_cost", "cost_per_second", "unknown"
    ]  # fmt: skip
    lumo, mera = frame.to_dict("records")
    assert (lumo["model"], lumo["count"], lumo["cost"], lumo["failed_cost"]) == ("lumo", 3, 1.75, 0.25)
    assert lumo["mean"] == pytest.approx(1.75 / 3)
    assert lumo["share"] == pytest.approx(0.875)
    assert lumo["cost_per_second"] == pytest.approx(0.3)
    assert (mera["count"], mera["unknown"], mera["mean"]) == (2, 1, 0.25)
    assert np.isnan(mera["cost_per_second"])
    assert frame.attrs["currency"] == "USD"
    assert frame.attrs["notes"] == ["1 of 5 rows without a known cost: not in the sums"]


def test_rows_that_have_not_ended_are_said_to_run():
    frame = spend([*SOME, paid("f", None, status="processing")])
    assert frame.attrs["notes"] == [
        "2 of 6 rows without a known cost, 1 of them not ended yet: not in the sums"
    ]


def test_by_may_be_several_columns_inputs_lists_or_nothing():
    assert spend(SOME, ["model", "status"])[["model", "status"]].values.tolist() == [
        ["lumo", "succeeded"],
        ["lumo", "failed"],
        ["mera", "succeeded"],
    ]
    by_size = spend(SOME, "input.size")
    assert by_size["count"].tolist() == [4, 1]
    assert by_size["input.size"].isna().tolist() == [True, False]
    everything = spend(SOME, [])
    assert everything[["count", "cost", "share"]].values.tolist() == [[5, 2.0, 1.0]]
    lists = [paid("a", 1, input={"loras": ["x"]}), paid("b", 2, input={"loras": ["x"]}), paid("c", 4)]
    assert sorted(spend(lists, "input.loras")["cost"]) == [3.0, 4.0]
    mixed = [paid("a", 1, input={"n": 1}), paid("b", 2, input={"n": "1"})]
    assert spend(mixed, "input.n")["cost"].tolist() == [3.0]


def test_a_frame_with_a_column_twice_is_refused_in_words():
    frame = predictions_frame(SOME)
    twice = pd.concat([frame, frame[["cost"]]], axis=1)
    for call in (spend, total, plot_spend, predictions_frame):
        with pytest.raises(InvalidInputError, match="several columns 'cost'"):
            call(twice)


def test_a_group_of_which_no_cost_is_known_costs_an_unknown_amount():
    frame = spend([paid("a", 1.0), paid("b", None, "mera")])
    assert np.isnan(frame.set_index("model").loc["mera", "cost"])
    assert np.isnan(spend([paid("a")])["share"]).all()


def test_an_empty_frame_gives_an_empty_table_with_its_types():
    frame = spend(predictions_frame([]))
    assert len(frame) == 0
    assert [str(kind) for kind in frame.dtypes] == ["category", "Int64", *["float64"] * 5, "Int64"]
    assert len(spend(predictions_frame([]), freq="D")) == 0
    assert spend([], [])["cost"].isna().all()


def test_days_are_those_of_a_time_zone_that_is_named():
    rows = [
        paid("a", 1, created_at="2026-03-01T23:30:00Z"),
        paid("b", 2, created_at="2026-03-01T22:30:00Z"),
        paid("c", 4, created_at="2026-03-03T12:00:00Z"),
        paid("d", 8, created_at=None),
    ]
    frame = spend(rows, [], "D", tz="Europe/Berlin")
    told = [
        (None if pd.isna(day) else day.isoformat(), cost)
        for day, cost in zip(frame["period"], frame["cost"], strict=True)
    ]
    assert told == [
        ("2026-03-01T00:00:00+01:00", 2.0),
        ("2026-03-02T00:00:00+01:00", 1.0),
        ("2026-03-03T00:00:00+01:00", 4.0),
        (None, 8.0),
    ]
    assert frame.attrs["timezone"] == "Europe/Berlin"
    assert "1 rows without a time: in no period" in frame.attrs["notes"]


def test_a_day_of_a_clock_change_is_one_day():
    start = datetime(2026, 3, 29, tzinfo=ZoneInfo("Europe/Berlin"))
    hours = [start.astimezone(UTC) + timedelta(hours=n) for n in range(24)]
    rows = [paid(str(n), 1, created_at=hour.isoformat()) for n, hour in enumerate(hours)]
    assert spend(rows, [], "D", tz="Europe/Berlin")["count"].tolist() == [23, 1]


@pytest.mark.parametrize(
    ("freq", "periods"), [("W", 2), ("MS", 2), ("ME", 2), ("M", 2), ("h", 3), ("12h", 3), ("YS", 1)]
)
def test_any_offset_of_pandas_will_do(freq: str, periods: int):
    times = ["2026-01-31T10:00:00Z", "2026-01-31T23:00:00Z", "2026-02-03T01:00:00Z"]
    rows = [paid(str(n), 1, created_at=time) for n, time in enumerate(times)]
    frame = spend(rows, [], freq, tz="UTC")
    assert len(frame) == periods
    assert frame["cost"].sum() == 3


def test_the_local_zone_knows_summer_from_winter(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    assert local_zone() == ZoneInfo("Europe/Berlin")
    monkeypatch.setenv("TZ", "No/Such")
    assert local_zone().utcoffset(datetime(2026, 1, 1)) is not None  # noqa: DTZ001


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: spend(SOME, "modle"), "no column 'modle'. Did you mean 'model'"),
        (lambda: spend([{"id": "a", "input": {"seed": 1}}], "seed"), "Did you mean 'input.seed'"),
        (lambda: predictions_frame(json.dumps([{"id": "a" * 999}])), r"Pass json\.loads"),
        (lambda: spend(SOME, freq="fortnight-ish"), "cannot part these predictions"),
        (lambda: spend(pd.DataFrame({"x": [1]})), "no column"),
        (lambda: spend(SOME, freq="0D"), "cannot part these predictions"),
        (lambda: spend(MONTHS, [], "1ms"), "more than 1,000,000"),
        (lambda: spend(SOME, freq="D", tz="Europe/Berln"), "time zone.*Did you mean 'Europe/Berlin'"),
        (lambda: spend(SOME, freq="D", tz=5), "tz must be a time zone"),  # type: ignore[arg-type]
        (lambda: spend(SOME, "cost"), "by cannot be 'cost'"),
        (lambda: spend(predictions_frame(SOME).assign(period=1), "period", "D"), "by cannot be 'period'"),
        (lambda: spend(SOME, None), "by must be a column's name"),  # type: ignore[arg-type]
        (lambda: forecast(SOME, "lumo", -1), "count must be"),
        (lambda: forecast(SOME, "lumo", 10**30), "count must be"),
    ],
)
def test_what_cannot_be_asked_is_a_clear_error(call: Any, why: str):
    with pytest.raises(InvalidInputError, match=why):
        call()


# What a file or a notebook put there.


def test_costs_that_can_be_none_are_in_no_sum():
    frame = predictions_frame([paid(name, 1.0) for name in "abcde"])
    frame["cost"] = [1.0, -9.0, 1e12, float("inf"), None]
    with pytest.warns(SkytellsWarning, match="4 of 5 rows without a known cost"):
        assert total(frame) == 1
    table = spend(frame)
    assert (table.loc[0, "cost"], table.loc[0, "unknown"]) == (1.0, 4)
    assert "3 costs negative or absurd, so unknown" in table.attrs["notes"]


def test_costs_as_text_are_read_or_refused():
    frame = predictions_frame([paid("a", 1.0), paid("b", 1.0)])
    assert total(frame.assign(cost=["1.5", Decimal("0.25")])) == Decimal("1.75")
    for ask in (spend, total, lambda f: forecast(f, None, 1)):
        with pytest.raises(InvalidInputError, match="Column 'cost' holds 'much'"):
            ask(frame.assign(cost=["much", 1]))


# Play money is no money.

PLAYED = [paid("sandbox-1", 5.0), paid("sandbox-2", 7.0)]


def test_sandbox_rows_never_enter_real_sums():
    frame = predictions_frame([*SOME, *PLAYED])
    assert not frame.attrs["sandbox"]
    with pytest.warns(SkytellsWarning, match="without a known cost"):
        assert total(frame) == Decimal("2.00")
    table = spend(frame)
    assert table["cost"].sum() == 2.0
    assert "2 sandbox rows left out: they cost no money" in table.attrs["notes"]


def test_sandbox_rows_alone_say_what_they_are():
    frame = predictions_frame(PLAYED)
    assert frame.attrs["sandbox"]
    table = spend(frame)
    assert (table["cost"].sum(), table.attrs["currency"], table.attrs["sandbox"]) == (
        12.0,
        "credits",
        True,
    )
    assert total(frame) == Decimal("12.00")
    assert "12 credits" in spend_table(frame)
    assert forecast([*PLAYED, paid("sandbox-3", 6.0)], "lumo", 2).price.endswith("credits)")


def test_an_origin_that_is_known_to_be_a_sandbox_counts_as_one():
    frame = predictions_frame(SOME)
    frame["origin"] = "http://127.0.0.1:1/v1"
    frame.attrs["sandbox_origins"] = ["http://127.0.0.1:1/v1"]
    assert spend(frame).attrs["sandbox"]


def test_what_a_batch_could_not_create_on_a_sandbox_is_no_money_either():
    there = "http://127.0.0.1:1/v1"
    stopped = [
        Prediction.from_api(paid("sandbox-1", 5.0), origin=there),
        Prediction(id="not-created-1", status="queued", model="lumo", origin=there),
    ]
    frame = predictions_frame(stopped)
    assert frame.attrs["sandbox"]
    forgetful = frame.copy()
    forgetful.attrs.clear()
    for given_rows in (frame, forgetful):
        table = spend(given_rows)
        assert (table.attrs["currency"], table.loc[0, "cost"]) == ("credits", 5.0)
    with pytest.warns(SkytellsWarning, match="without a known cost"):
        assert total([*SOME, *stopped]) == Decimal("2.00")


def test_frames_put_together_count_each_prediction_once():
    once = predictions_frame(SOME)
    twice = pd.concat([once, once], ignore_index=True)
    assert spend(twice)["cost"].sum() == 2.0
    assert "5 repeated rows left out" in spend(twice).attrs["notes"]


def test_a_frame_that_lacks_rows_says_so_in_every_sum():
    with pytest.warns(SkytellsWarning, match="too low"):
        frame = predictions_frame({"data": [paid("a", 1)], "pagination": {"total": 9}})
    assert "lacks rows" in spend(frame).attrs["notes"][0]


# Several currencies are not added.

MIXED = [paid("a", 2.0), paid("b", 3.0, currency="EUR"), paid("c", 10.0, "mera", currency="EUR")]


def test_mixed_currencies_are_refused_unless_told_how():
    frame = predictions_frame(MIXED)
    for ask in (spend, total, lambda f: forecast(f, None, 1)):
        with pytest.raises(InvalidInputError, match=r"costs in EUR and USD, which cannot be added"):
            ask(frame)
    assert total(frame, rates={"EUR": 1.1}) == Decimal("16.30")
    table = spend(frame, rates={"EUR": 1.1})
    assert table["cost"].sum() == pytest.approx(16.3)
    assert "converted to USD: EUR at 1.1" in table.attrs["notes"]
    apart = spend(frame, ["currency"])
    assert dict(zip(apart["currency"], apart["cost"], strict=True)) == {"EUR": 13.0, "USD": 2.0}
    assert "€13.00" in spend_table(frame, ["currency"])
    assert total(frame[frame["currency"] == "EUR"]) == Decimal("13.00")


def test_a_share_is_of_what_can_be_added():
    apart = spend(predictions_frame(MIXED), ["model", "currency"])
    shares = {(m, c): s for m, c, s in zip(apart["model"], apart["currency"], apart["share"], strict=True)}
    assert shares == {("lumo", "USD"): 1.0, ("lumo", "EUR"): 3 / 13, ("mera", "EUR"): 10 / 13}


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), None, "much", True])
def test_a_rate_that_can_be_none_is_refused(rate: Any):
    for ask in (spend, total, lambda f, rates: forecast(f, None, 1, rates=rates)):
        with pytest.raises(InvalidInputError, match="rates has 'EUR'"):
            ask(predictions_frame(MIXED), rates={"EUR": rate})
    with pytest.raises(InvalidInputError, match="another currency"):
        total(SOME, rates={"USD": 0.9})


def test_a_rate_may_be_spelt_as_people_do():
    assert total(MIXED, rates={" eur": "1.1"}) == Decimal("16.30")  # type: ignore[dict-item]


def test_a_credit_is_a_dollar_here_too():
    frame = predictions_frame([paid("a", 1.0), paid("b", 2.0, currency="credits")])
    assert frame["currency"].tolist() == ["USD", "USD"]
    assert total(frame) == 3


# One figure.


def test_total_adds_in_decimal_and_rounds_once():
    assert total([paid(str(n), 0.1) for n in range(10)]) == Decimal("1.00")
    assert total([paid(str(n), 0.0000004) for n in range(3)]) == Decimal("0.000001")
    assert total([paid("a", 0.125)], places=2) == Decimal("0.13")
    assert total([]) == 0


def test_no_sum_is_rounded_to_what_a_notebook_set_for_itself():
    rows = [paid(str(n), 1234.5678) for n in range(3)]
    with localcontext(prec=3):
        assert total(rows) == Decimal("3703.7034")
        assert forecast(rows, None, 1000).amount == Decimal("1234567.80")
        assert "$3,703.7034" in spend_table(rows)


def test_nothing_known_is_none_not_zero():
    assert total([paid("a"), paid("b")]) is None


def test_a_total_that_falls_short_warns():
    with pytest.warns(SkytellsWarning, match="1 of 2 rows without a known cost"):
        assert total([paid("a", 1), paid("b")]) == 1


COSTS = st.one_of(st.none(), st.integers(0, 10**7).map(lambda n: n / 10**4))


@settings(max_examples=12)
@given(rows=st.lists(st.tuples(COSTS, st.sampled_from(["a", "b", None]), st.integers(0, 400)), min_size=1))
def test_the_sum_over_groups_is_the_total(rows: list[tuple[float | None, str | None, int]]):
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    given_rows = [
        paid(str(n), cost, model, created_at=(begin + timedelta(hours=6 * hour)).isoformat())
        for n, (cost, model, hour) in enumerate(rows)
    ]
    frame = predictions_frame(given_rows)
    whole = sum((Decimal(str(cost)) for cost, _, _ in rows if cost is not None), Decimal(0))
    for table in (
        spend(frame),
        spend(frame, ["model", "status"]),
        spend(frame, [], "W"),
        spend(frame, freq="D"),
    ):
        assert float(table["cost"].sum()) == pytest.approx(float(whole))
        assert table["count"].sum() == len(rows)
        assert table["unknown"].sum() == sum(cost is None for cost, _, _ in rows)


# What is to come.


def test_a_forecast_is_the_mean_of_what_was_paid_with_an_interval():
    rows = [paid(str(n), cost) for n, cost in enumerate([0.2, 0.3, 0.4, 0.3])]
    found = forecast([*rows, paid("x", 9.0, "mera")], "lumo", 100)
    assert found.amount == Decimal("30.00")
    assert found.low is not None
    assert found.high is not None
    assert found.low < 30 < found.high
    # by hand: t(3) = 3.182, s = 0.08165, sqrt(100 + 100² / 4) = 50.99
    assert float(found.high) == pytest.approx(30 + 3.1824 * 0.081650 * 50.990, rel=2e-3)
    assert "the mean of 4 earlier predictions of lumo" in found.basis
    assert not found.exact


def test_a_count_may_be_numpy_s():
    assert forecast([paid(str(n), 1.12) for n in range(5)], "lumo", np.int64(3)).amount == Decimal("3.36")


def test_equal_prices_leave_no_spread_and_few_say_nothing():
    assert forecast([paid(str(n), 1.12) for n in range(5)], "lumo", 3).price == "about $3.36"
    few = forecast([paid("a", 1.0), paid("b", 1.0)], "lumo", 3)
    assert (few.amount, few.high) == (None, None)
    assert "2 earlier predictions of lumo have a known cost" in few.basis
    assert forecast(SOME, None, 1).basis.endswith("of all models; 95 of 100 cases")


def test_student_s_quantiles_are_those_of_the_tables():
    from skytells_nb.frames._totals import _student_t

    tables = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 10: 2.228, 30: 2.042, 1000: 1.962}
    assert {n: _student_t(n) for n in tables} == pytest.approx(tables, rel=6e-3)


# Charts.


def test_a_plot_has_its_currency_on_the_axis_and_is_not_shown():
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots()
    assert plot_spend(SOME, ax=axes) is axes
    assert axes.get_xlabel() == "cost (USD)"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["mera", "lumo"]
    assert [bar.get_width() for bar in axes.patches] == [0.25, 1.75]
    plt.close(figure)
    axes = plot_spend(PLAYED, freq="D")
    assert axes.get_ylabel() == "cost (credits)"
    assert axes.get_legend().get_texts()[0].get_text() == "lumo"
    plt.close("all")


def test_many_groups_are_drawn_as_ten_and_nothing_as_nothing():
    from matplotlib import pyplot as plt

    axes = plot_spend([paid(str(n), n + 1, f"m{n:02}") for n in range(20)])
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert len(names) == 10
    assert names[0] == "other"
    assert sum(bar.get_width() for bar in axes.patches) == sum(range(1, 21))
    nothing = plot_spend([])
    assert (nothing.texts[0].get_text(), nothing.get_xlabel()) == ("no known cost", "cost")
    assert len(plot_spend([]).patches) == 0
    assert len(plot_spend([], freq="D").patches) == 0
    assert len(plot_spend(SOME, []).patches) == 1
    plt.close("all")


def test_days_without_spend_are_drawn_as_gaps():
    from matplotlib import pyplot as plt

    days = ["2026-03-01T12:00:00Z", "2026-03-04T12:00:00Z"]
    rows = [paid(str(n), 1.0, created_at=day) for n, day in enumerate(days)]
    axes = plot_spend(rows, freq="D")
    assert [bar.get_height() for bar in axes.patches] == [1.0, 0.0, 0.0, 1.0]
    assert len(axes.get_xticklabels()) == 4
    year = [paid(str(n), 1.0, created_at=f"2026-{1 + n:02}-01T12:00:00Z") for n in range(12)]
    axes = plot_spend(year, freq="D")
    assert len(axes.patches) == 335
    assert len(axes.get_xticklabels()) <= 14, "labels that can be read"
    plt.close("all")


def test_an_hour_that_comes_twice_is_drawn_twice(monkeypatch: pytest.MonkeyPatch):
    from matplotlib import pyplot as plt

    monkeypatch.setenv("TZ", "Europe/Berlin")
    hours = ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]
    rows = [paid(str(n), 1.0 + n, created_at=hour) for n, hour in enumerate(hours)]
    assert [bar.get_height() for bar in plot_spend(rows, freq="h").patches] == [1.0, 2.0]
    plt.close("all")


def test_a_chart_invents_no_zero_and_adds_no_currencies():
    from matplotlib import pyplot as plt

    axes = plot_spend([paid("a", 1.0), paid("b", None, "mera")])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["mera (unknown)", "lumo"]
    with pytest.raises(InvalidInputError, match="no common axis"):
        plot_spend(MIXED, ["currency"])
    plt.close("all")


def test_the_same_as_plain_text():
    assert spend_table(SOME) == (
        "model  count   cost       mean  share\n"
        "lumo       3  $1.75  $0.583333   88 %\n"
        "mera       2  $0.25      $0.25   12 %\n"
        "total      5  $2.00\n"
        "note: 1 of 5 rows without a known cost: not in the sums"
    )
    assert "2026-03-01" in spend_table(SOME, freq="D")
    assert spend_table([]).startswith("No predictions.")
    assert "unknown" in spend_table([paid("a")])


def simulated(colour: str, matrix: Any) -> Any:
    """A colour as somebody sees it who cannot tell red from green (Machado 2009), in CIE Lab."""
    rgb = np.array(mpl.colors.to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(matrix) @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen
    f = np.cbrt(xyz / np.array([0.9505, 1.0, 1.089]))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


SIGHT = {
    "full": np.eye(3),
    "no_red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no_green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


@pytest.mark.parametrize("sight", SIGHT)
def test_any_two_colours_can_be_told_apart(sight: str):
    seen = [simulated(colour, SIGHT[sight]) for colour in (*PALETTE, _GREY)]
    nearest = min(np.linalg.norm(a - b) for n, a in enumerate(seen) for b in seen[:n])
    assert nearest > 10, "2.3 is what a trained eye can tell"


def test_a_chart_says_what_it_shows_on_any_page():
    from matplotlib import pyplot as plt

    axes = plot_spend([paid("a", 0.5), paid("b", 1.25, "mera")])
    assert axes.get_title() == "Spend by model: $1.75"
    assert [text.get_text() for text in axes.texts] == ["$0.50", "$1.25"]
    assert axes.figure.patch.get_alpha() == axes.patch.get_alpha() == 0
    axes = plot_spend(SOME, freq="D", tz="UTC")
    assert axes.get_title() == "Spend per day by model: $2.00"
    assert axes.get_xlabel() == "day, UTC time"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2026-03-01"]
    plt.close("all")


def test_a_chart_as_a_cell_s_last_line_prints_nothing(ipython: InteractiveShell):
    from matplotlib import pyplot as plt

    axes = plot_spend(SOME)
    assert ipython.display_formatter.format(axes)[0] == {}
    pickle.loads(pickle.dumps(axes.figure))
    plt.close("all")


def test_two_groups_that_are_alike_when_shortened_are_two_bars():
    from matplotlib import pyplot as plt

    rows = [paid(end, 1.0, "a very long prompt about a fox in the snow " * 2 + end) for end in "ab"]
    assert len(plot_spend(rows).patches) == 2
    plt.close("all")


@pytest.mark.parametrize("zone", ["Africa/Cairo", "America/Santiago", "Asia/Beirut", "America/Havana"])
@pytest.mark.parametrize("freq", ["D", "W", "MS", "h", "30min", "6h", "12h", "QS"])
def test_no_clock_change_loses_a_row(zone: str, freq: str):
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    times = [begin + timedelta(hours=n) for n in range(0, 24 * 366, 7)]
    rows = [paid(str(n), 1.0, created_at=each.isoformat()) for n, each in enumerate(times)]
    frame = spend(rows, [], freq, tz=zone)
    assert frame["cost"].sum() == len(rows)
    assert frame["period"].is_monotonic_increasing
    local = frame["period"].dt.tz_convert(zone)
    if freq == "D":
        assert local.dt.date.is_unique


def test_a_day_without_midnight_is_written_as_a_day():
    rows = [paid("a", 1.0, created_at="2026-04-24T05:00:00Z")]
    assert "2026-04-24  " in spend_table(rows, [], "D", tz="Africa/Cairo")
    assert "00:" not in spend_table(rows, [], "D", tz="Africa/Cairo")


def test_times_without_a_zone_are_utc_and_that_is_noted():
    frame = predictions_frame(SOME)
    right = spend(frame, [], "D", tz="Asia/Tokyo")
    for times in (
        frame["created_at"].dt.tz_localize(None),
        frame["created_at"].dt.tz_localize(None).astype(str),
        frame["created_at"].dt.tz_localize(None).astype(object),
    ):
        table = spend(frame.assign(created_at=times), [], "D", tz="Asia/Tokyo")
        pd.testing.assert_frame_equal(table, right)
    naive = frame.assign(created_at=frame["created_at"].dt.tz_localize(None))
    assert "created_at has no time zone, so it is taken as UTC" in spend(naive, [], "D").attrs["notes"]
    with pytest.raises(InvalidInputError, match="'created_at' holds 'soon'"):
        spend(frame.assign(created_at="soon"), freq="D")


def test_a_frame_with_repeated_row_labels_is_summed_up():
    frame = predictions_frame(SOME)
    frame.index = [0] * len(frame)
    assert spend(frame, freq="D", tz="UTC")["cost"].sum() == 2.0


def test_ids_or_times_may_be_the_index():
    frame = predictions_frame(SOME)
    assert total(frame[frame["cost"].notna()].set_index("id")) == 2
    assert spend(frame.set_index(["created_at", "id"]), [], "D", tz="UTC")["cost"].tolist() == [2.0]
