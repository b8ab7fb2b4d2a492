"""Listing predictions: all pages, each once, filtered by the API and again here."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs

import pytest

from skytells_nb.api._listing import list_predictions
from skytells_nb.api._models import get_model, list_models
from skytells_nb.api._responses import Response, TransportFailure
from skytells_nb.exceptions import InvalidInputError, NotFoundError, RateLimitError, ServerError
from skytells_nb.models import PredictionList

from .api import Api, envelope, good
from .stage import EPOCH, Stage


def filled(count: int) -> tuple[Api, Stage]:
    api = Api(seconds=0)
    stage = Stage(api)
    for n in range(count):
        api.accept("truefusion" if n % 2 else "lumo", {"prompt": f"{n}"}, stage.time - count + n)
    return api, stage


def ids(found: PredictionList) -> list[str]:
    return [prediction.id for prediction in found]


def listed(stage: Stage, **options: Any) -> PredictionList:
    connection = stage.connection()
    found: PredictionList = stage.run(connection, list_predictions(connection, **options))
    return found


def newest(count: int, of: int) -> list[str]:
    return [f"p{n}" for n in range(of, of - count, -1)]


def queries(api: Api) -> list[dict[str, list[str]]]:
    return [parse_qs(request.query) for _, request in api.requests]


@pytest.mark.parametrize("form", ["pages", "array"])
@pytest.mark.parametrize("cap", [50, 20])
@pytest.mark.parametrize("limit", [1, 19, 20, 50, 51, 120, 123, 500, None])
def test_as_many_as_are_asked_for_newest_first(form, cap, limit):
    api, stage = filled(123)
    api.listing, api.page_cap = form, cap
    found = listed(stage, limit=limit)
    assert isinstance(found, PredictionList)
    assert ids(found) == newest(min(123, 123 if limit is None else limit), 123)


@pytest.mark.parametrize("form", ["pages", "array"])
def test_an_empty_account_is_an_empty_list(form):
    api, stage = filled(0)
    api.listing = form
    assert listed(stage, limit=None) == []


def test_twenty_are_one_request_and_none_are_none():
    api, stage = filled(123)
    assert len(listed(stage)) == 20
    assert queries(api) == [{"page": ["1"], "per_page": ["20"]}]
    assert listed(stage, limit=0) == []
    assert len(api.requests) == 1


def test_all_pages_are_fetched_together_once_their_number_is_known():
    _, stage = filled(600)
    connection = stage.connection()
    part = stage.begin(connection, list_predictions(connection, limit=None))
    stage.play()
    assert len(part.result) == 600
    moments = Counter(round(at, 6) for at, _ in stage.log)
    assert list(moments.values()) == [1, 11]


def test_a_page_that_fails_is_tried_again_alone():
    api, stage = filled(300)
    failures = [TransportFailure("dropped", sent=True), Response(200, {}, b"[{")]
    api.upset = lambda request, now: failures.pop() if failures and "page=4" in request.query else None
    connection = stage.connection()
    part = stage.begin(connection, list_predictions(connection, limit=None))
    stage.play()
    assert ids(part.result) == newest(300, 300)
    moments = Counter(round(at, 6) for at, _ in stage.log)
    assert list(moments.values()) == [1, 5, 1, 1]


def test_a_page_that_keeps_failing_is_raised():
    api, stage = filled(300)
    api.upset = lambda request, now: (
        envelope(500, "INTERNAL_ERROR", "Oops") if "page=4" in request.query else None
    )
    with pytest.raises(ServerError, match="list of predictions"):
        listed(stage, limit=None)
    assert sum("page=4" in request.query for _, request in api.requests) == 3


def test_a_rate_limit_in_the_middle_is_waited_for_and_a_long_one_raised():
    for asked, fails in (("5", False), ("500", True)):
        api, stage = filled(300)
        left = [1]

        def upset(request: Any, now: float, asked: str = asked, left: list[int] = left) -> Any:
            if "page=4" in request.query and left:
                left.pop()
                return envelope(429, "RATE_LIMITED", "Slow", **{"retry-after": asked})
            return None

        api.upset = upset
        if fails:
            with pytest.raises(RateLimitError):
                listed(stage, limit=None)
        else:
            assert len(listed(stage, limit=None)) == 300


def test_items_that_shift_between_pages_are_listed_once():
    api, stage = filled(200)
    grown: list[int] = []

    def upset(request: Any, now: float) -> Any:
        if "page=1&" not in request.query and not grown:
            grown.extend(range(7))
            for _ in range(7):
                api.accept("truefusion", {}, now)
        return None

    api.upset = upset
    found = ids(listed(stage, limit=None))
    assert len(found) == len(set(found))
    assert set(newest(200, 200)) <= set(found)


def test_an_api_that_ignores_the_page_number_ends():
    api, stage = filled(30)
    held = api.view
    api.upset = lambda request, now: good([held(job, now) for job in api.jobs.values()])
    assert len(listed(stage, limit=None)) == 30
    assert len(api.requests) <= 6


def test_a_last_page_that_never_comes_ends():
    api, stage = filled(10)
    api.upset = lambda request, now: good({"data": [], "pagination": {"current_page": 1, "last_page": 10**4}})
    assert listed(stage, limit=None) == []
    assert len(api.requests) == 1


@pytest.mark.parametrize("status", ["succeeded", "failed", "processing"])
def test_words_that_everybody_spells_alike_are_sent(status):
    api, stage = filled(3)
    listed(stage, status=status)
    assert queries(api)[0]["status"] == [status]


@pytest.mark.parametrize("status", ["Succeeded", " succeeded ", "SUCCEEDED"])
def test_a_word_is_the_same_however_it_is_written(status):
    api, stage = filled(8)
    everything = listed(stage, limit=None)
    found = listed(stage, status=status)
    assert ids(found) == ids([each for each in everything if each.status == "succeeded"])
    assert found
    assert queries(api)[-1]["status"] == ["succeeded"]


@pytest.mark.parametrize("status", ["queued", "canceled", "cancelled"])
def test_words_that_are_spelt_in_several_ways_are_only_looked_for_here(status):
    api, stage = filled(3)
    made = api.accept("lumo", {}, stage.time)
    made.outcome = "cancelled"
    found = listed(stage, status=status)
    assert "status" not in queries(api)[0]
    assert ids(found) == ([] if status == "queued" else ["p4"])


def test_filters_that_the_api_ignores_are_applied_here():
    api, stage = filled(200)
    api.jobs["p7"].outcome = "failed"
    assert ids(listed(stage, status="failed", limit=None)) == ["p7"]
    assert ids(listed(stage, model="truefusion", limit=3)) == ["p200", "p198", "p196"]
    assert ids(listed(stage, model="lumo", status="failed")) == ["p7"]


def test_a_filter_reads_on_until_it_has_enough():
    _, stage = filled(200)
    assert len(listed(stage, model="lumo", limit=80)) == 80


def test_a_model_is_filtered_by_its_display_name_too_once_that_is_known():
    api, stage = filled(4)
    api.display = {"truefusion": "TrueFusion Standard"}
    connection = stage.connection()
    stage.run(connection, list_models(connection))
    found = stage.run(connection, list_predictions(connection, model="truefusion"))
    assert ids(found) == ["p4", "p2"]


def test_an_unknown_model_is_the_apis_to_refuse():
    api, stage = filled(1)
    api.upset = lambda request, now: envelope(404, "MODEL_NOT_FOUND", "No such model")
    with pytest.raises(NotFoundError):
        listed(stage, model="nope")


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(EPOCH + seconds, UTC)


def test_since_and_until_are_exact_here_and_days_on_the_wire():
    api, stage = filled(10)
    found = listed(stage, since=moment(93), until=moment(96))
    assert ids(found) == ["p7", "p6", "p5", "p4"]
    day = moment(93).date().isoformat()
    assert queries(api)[0]["from"] == [day]
    assert queries(api)[0]["to"] == [day]


@pytest.mark.parametrize("form", [str, lambda day: day])
def test_a_day_means_the_whole_of_it_in_utc(form):
    _, stage = filled(10)
    day = moment(95).date()
    assert len(listed(stage, since=form(day), until=form(day))) == 10
    assert listed(stage, since=form(day + timedelta(days=1))) == []
    assert listed(stage, until=form(day - timedelta(days=1))) == []


def test_times_of_other_zones_are_turned_to_utc():
    api, stage = filled(10)
    tokyo = timezone(timedelta(hours=9))
    late = datetime(2026, 3, 5, 3, 0, tzinfo=tokyo)
    listed(stage, since=late, until=late.isoformat())
    assert queries(api)[0]["from"] == ["2026-03-04"]
    listed(stage, since=datetime(2026, 3, 5, 3, 0))  # noqa: DTZ001 - a naive time is taken as UTC
    assert queries(api)[1]["from"] == ["2026-03-05"]


@pytest.mark.parametrize(
    "options",
    [
        {"limit": -1},
        {"limit": 1.5},
        {"limit": True},
        {"limit": "all"},
        {"status": ""},
        {"status": 7},
        {"status": "over"},
        {"model": " "},
        {"model": ["truefusion"]},
        {"since": "yesterday"},
        {"until": 20260304},
        {"since": "2026-13-01"},
        {"since": date(2026, 3, 5), "until": date(2026, 3, 4)},
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(options):
    api, stage = filled(1)
    with pytest.raises(InvalidInputError, match="Nothing was sent") as raised:
        listed(stage, **options)
    assert raised.value.charged is False
    assert api.requests == []


@pytest.mark.parametrize("body", [{"neither": 1}, "text", 7, None, {"data": "no"}])
def test_what_is_no_list_is_unreadable(body):
    api, stage = filled(1)
    api.upset = lambda request, now: good(body)
    with pytest.raises(ServerError, match="neither a list nor pages"):
        listed(stage)


def test_items_that_are_no_predictions_are_left_out():
    api, stage = filled(0)
    items = [{"id": "p1"}, {"id": ""}, {"id": 7}, {}, "p2", None]
    api.upset = lambda request, now: good(items if "page=1&" in request.query else [])
    assert ids(listed(stage)) == ["p1"]


def test_it_tells_how_far_it_is():
    _, stage = filled(120)
    told: list[tuple[int, int | None]] = []
    listed(stage, limit=None, on_page=lambda read, total: told.append((read, total)))
    assert told == [(50, 120), (100, 120), (120, 120)]


@pytest.mark.parametrize("wrap", [lambda models: models, lambda m: {"data": m}, lambda m: {"models": m}])
def test_models_are_listed_in_every_form(wrap):
    api, stage = filled(0)
    models = [{"namespace": "lumo", "name": "Lumo"}, {"id": "sora-2"}, {"slug": "mera"}, {"name": "x"}, "y"]
    api.upset = lambda request, now: good(wrap(models))
    connection = stage.connection()
    found = stage.run(connection, list_models(connection))
    assert [model.id for model in found] == ["lumo", "sora-2", "mera"]
    assert found["lumo"].name == "Lumo"
    assert connection.display_names == {"lumo": "Lumo"}


@pytest.mark.parametrize("body", [{"neither": 1}, "text", None])
def test_a_list_of_models_that_is_none_is_unreadable(body):
    api, stage = filled(0)
    api.upset = lambda request, now: good(body)
    connection = stage.connection()
    with pytest.raises(ServerError, match="list of models cannot be read"):
        stage.run(connection, list_models(connection))


@pytest.mark.parametrize("wrap", [lambda model: model, lambda model: {"data": model}])
def test_a_model_comes_with_its_schemas(wrap):
    api, stage = filled(0)
    model = {"namespace": "lumo", "name": "Lumo", "input_schema": {"type": "object"}}
    api.upset = lambda request, now: good(wrap(model))
    connection = stage.connection()
    assert stage.run(connection, get_model(connection, "lumo")).input_schema == {"type": "object"}
    assert api.requests[0][1].target == "/models/lumo?fields=input_schema%2Coutput_schema"


@pytest.mark.parametrize("body", [[], "text", {"name": "nameless"}, {"data": {}}])
def test_a_model_that_is_none_is_unreadable(body):
    api, stage = filled(0)
    api.upset = lambda request, now: good(body)
    connection = stage.connection()
    with pytest.raises(ServerError, match="names no model"):
        stage.run(connection, get_model(connection, "lumo"))
