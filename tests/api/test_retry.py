"""When reads are tried again, how long that waits, and when it is given up."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skytells_nb import exceptions as x
from skytells_nb.api._create import create
from skytells_nb.api._models import get_model
from skytells_nb.api._predictions import cancel_prediction, delete_prediction, get_prediction
from skytells_nb.api._responses import Response, TransportFailure
from skytells_nb.api._retry import Policy, answered_at, http_date, retry_after

from .api import Api, envelope, good
from .stage import Stage

NOON = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "options",
    [
        {"max_retries": -1},
        {"max_retries": 1.5},
        {"max_retries": True},
        {"max_retries": "2"},
        {"max_retries": None},
        {"base": -1},
        {"base": math.nan},
        {"cap": math.inf},
        {"longest": "120"},
        {"patience": -0.1},
        {"base": 9.0, "cap": 8.0},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(options):
    with pytest.raises(x.InvalidInputError, match=f"{next(iter(options))} must be") as raised:
        Policy(**options)
    assert raised.value.charged is False


@given(st.integers(0, 2000), st.floats(0, 1))
def test_pauses_are_drawn_from_nothing_to_twice_as_much_each_time_up_to_a_cap(attempt, chance):
    pause = Policy().pause(attempt, None, lambda: chance)
    assert pause == pytest.approx(chance * min(8.0, 0.5 * 2.0 ** min(attempt, 30)))


def test_what_the_api_asks_for_is_waited_in_full_and_a_little_more():
    policy = Policy()
    assert policy.pause(0, 12.0, lambda: 0.0) == 12.0
    assert policy.pause(5, 12.0, lambda: 1.0) == 12.25


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("12", 12.0),
        (" 12 ", 12.0),
        ("0.4", 0.4),
        ("0", 0.0),
        ("-5", 0.0),
        ("Wed, 04 Mar 2026 12:00:30 GMT", 30.0),
        ("Wed, 04 Mar 2026 11:00:00 GMT", 0.0),
        ("Wed, 04 Mar 2026 13:00:30 +0100", 30.0),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("", None),
        ("Wed, 99 Mar 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_read_in_every_form(value, seconds):
    assert retry_after({"retry-after": value}, NOON) == seconds


def test_retry_after_that_is_a_date_is_counted_from_the_answers_own():
    headers = {"retry-after": "Wed, 04 Mar 2026 12:00:30 GMT", "date": "Wed, 04 Mar 2026 12:00:20 GMT"}
    assert retry_after(headers, NOON.replace(hour=17)) == 10.0


def test_no_retry_after_is_none():
    assert retry_after({}, NOON) is None


def test_http_dates_are_aware():
    assert http_date("Wed, 04 Mar 2026 12:00:00 GMT") == NOON
    assert http_date("Wed, 04 Mar 2026 12:00:00 -0000") == NOON
    assert http_date(None) is None
    assert http_date("yesterday") is None


@pytest.mark.parametrize(
    ("age", "seconds"), [("0", 0), ("3600", 3600), (" 7 ", 7), ("-1", 0), ("x", 0), ("", 0), ("9" * 12, 0)]
)
def test_an_answer_that_a_cache_kept_left_the_server_its_age_ago(age, seconds):
    headers = {"date": "Wed, 04 Mar 2026 12:00:00 GMT", "age": age}
    assert answered_at(headers) == NOON + timedelta(seconds=seconds)


def test_an_age_without_a_date_tells_nothing():
    assert answered_at({"age": "5"}) is None


def read(replies: list[Any], **options: Any) -> tuple[Any, Stage]:
    api = Api()
    stage = Stage(api)
    api.accept("truefusion", {}, stage.time)
    api.upset = lambda request, now: replies.pop(0) if replies else None
    connection = stage.connection(policy=Policy(**options) if options else None)
    part = stage.begin(connection, get_prediction(connection, "p1"))
    stage.play()
    return part, stage


TRANSIENT = [
    TransportFailure("timeout", sent=True),
    TransportFailure("dropped", sent=True),
    TransportFailure("refused", sent=False),
    envelope(408, "REQUEST_TIMEOUT", "Slow"),
    envelope(429, "RATE_LIMITED", "Slow"),
    envelope(500, "INTERNAL_ERROR", "Oops"),
    envelope(502, "UPSTREAM", "Oops"),
    envelope(503, "SERVICE_UNAVAILABLE", "Oops"),
    envelope(504, "INFERENCE_TIMEOUT", "Oops"),
    Response(200, {}, b'{"id": "p1", "sta'),
    Response(200, {}, b""),
    Response(520, {}, b"<h1>Unknown</h1>"),
]


@pytest.mark.parametrize("reply", TRANSIENT)
def test_a_read_that_fails_in_passing_is_tried_again_twice(reply):
    part, stage = read([reply, reply])
    assert part.result.id == "p1"
    assert len(stage.log) == 3
    assert all(pause >= 0 for pause in stage.pauses)


@pytest.mark.parametrize("reply", TRANSIENT)
def test_a_read_that_keeps_failing_is_raised_and_bills_nothing(reply):
    part, stage = read([reply] * 9)
    with pytest.raises(x.SkytellsError, match=r".") as raised:
        assert part.result
    assert isinstance(raised.value, x.NetworkError | x.ServerError | x.RateLimitError)
    assert raised.value.charged is False
    assert len(stage.log) == 3


@pytest.mark.parametrize(
    "reply",
    [
        envelope(400, "INVALID_PARAMETER", "m"),
        envelope(401, "UNAUTHORIZED", "m"),
        envelope(402, "INSUFFICIENT_CREDITS", "m"),
        envelope(401, "ACCOUNT_SUSPENDED", "m"),
        envelope(403, "FORBIDDEN", "m"),
        envelope(404, "MODEL_NOT_FOUND", "m"),
        envelope(422, "INVALID_INPUT", "m"),
        envelope(451, "CONTENT_POLICY_VIOLATION", "m"),
        envelope(503, "ACCOUNT_SUSPENDED", "m"),
        envelope(502, "PREDICTION_FAILED", "m"),
        envelope(502, "GONE", "The prediction does not exist"),
    ],
)
def test_what_is_final_is_raised_at_once(reply):
    part, stage = read([reply] * 9)
    with pytest.raises(x.SkytellsError):
        assert part.result
    assert len(stage.log) == 1


def test_no_retries_means_one_try():
    part, stage = read([envelope(500, "INTERNAL_ERROR", "m")] * 9, max_retries=0)
    assert isinstance(part.error, x.ServerError)
    assert len(stage.log) == 1


@pytest.mark.parametrize(("asked", "waits"), [("7", 7.0), ("0.5", 0.5), ("120", 120.0)])
def test_retry_after_is_honoured_on_429_and_503(asked, waits):
    for status in (429, 503):
        _, stage = read([envelope(status, "X", "m", **{"retry-after": asked})])
        (pause,) = stage.pauses
        assert waits - 1e-6 <= pause <= waits + 0.25


def test_a_longer_retry_after_than_two_minutes_is_raised_at_once_with_its_length():
    part, stage = read([envelope(429, "X", "m", **{"retry-after": "120.5"})])
    assert isinstance(part.error, x.RateLimitError)
    assert part.error.retry_after == 120.5
    assert len(stage.log) == 1


def test_a_rate_limit_that_names_no_time_takes_at_least_a_second():
    _, stage = read([envelope(429, "X", "m")])
    (pause,) = stage.pauses
    assert pause >= 1.0 - 1e-6
    part, _ = read([envelope(429, "X", "m")] * 9)
    assert isinstance(part.error, x.RateLimitError)
    assert part.error.retry_after >= 1.0


def not_known(request: Any) -> Response:
    return envelope(404, "ENDPOINT_NOT_FOUND", f"No route {request.path}")


def test_an_api_that_knows_the_older_spellings_only_is_asked_in_them_ever_after():
    api = Api()
    stage = Stage(api)
    older = ("/predict", "/model/truefusion", "/predictions/p1/delete")

    def upset(request: Any, now: float) -> Any:
        if (
            request.path in ("/predictions", "/models/truefusion", "/predictions/p1")
            and request.method != "GET"
        ):
            return not_known(request)
        if request.path == "/models/truefusion":
            return not_known(request)
        if request.path == "/model/truefusion":
            return good({"namespace": "truefusion", "name": "TrueFusion"})
        if request.path == "/predictions/p1/delete":
            return good({"success": True})
        return None

    api.upset = upset
    connection = stage.connection()
    for _ in range(2):
        stage.run(connection, create(connection, "truefusion", {}, wait=False))
        stage.run(connection, get_model(connection, "truefusion"))
        stage.run(connection, delete_prediction(connection, "p1"))
    paths = [request.path for _, request in api.requests]
    newest = ("/predictions", "/models/truefusion", "/predictions/p1")
    assert [path for path in paths if path in newest] == list(newest)
    assert [path for path in paths if path in older] == [*older, *older]


def test_a_path_that_neither_spelling_knows_is_raised_and_the_newest_is_tried_first_again():
    api = Api()
    stage = Stage(api)
    api.upset = lambda request, now: not_known(request)
    connection = stage.connection()
    for _ in range(2):
        with pytest.raises(x.NotFoundError) as raised:
            stage.run(connection, create(connection, "truefusion", {}))
        assert raised.value.charged is False
    assert [request.path for _, request in api.requests] == ["/predictions", "/predict"] * 2


def test_an_unknown_model_is_no_reason_to_fall_back():
    api = Api()
    stage = Stage(api)
    api.upset = lambda request, now: envelope(404, "MODEL_NOT_FOUND", "No such model")
    connection = stage.connection()
    with pytest.raises(x.NotFoundError, match="'nope'"):
        stage.run(connection, create(connection, "nope", {}))
    assert len(api.requests) == 1


@pytest.mark.parametrize("body", [b"", b'{"success": true}', b'{"id": "p1", "status": "canceled"}'])
def test_a_delete_is_done_whatever_good_answer_it_gets(body):
    stage = Stage(Api())
    stage.api.upset = lambda request, now: Response(200, {}, body)  # type: ignore[attr-defined]
    connection = stage.connection()
    assert stage.run(connection, delete_prediction(connection, "p1")) is None


def test_a_delete_whose_answer_was_lost_and_that_finds_nothing_the_second_time_is_done():
    stage = Stage(Api())
    replies = [TransportFailure("dropped", sent=True), envelope(502, "GONE", "The prediction does not exist")]
    stage.api.upset = lambda request, now: replies.pop(0)  # type: ignore[attr-defined]
    connection = stage.connection()
    assert stage.run(connection, delete_prediction(connection, "p1")) is None


def test_a_delete_of_what_never_was_is_not_found():
    stage = Stage(Api())
    connection = stage.connection()
    with pytest.raises(x.NotFoundError):
        stage.run(connection, delete_prediction(connection, "p1"))


@pytest.mark.parametrize("success", [True, False])
def test_a_cancel_gives_the_prediction_as_it_then_stands(success):
    api = Api(seconds=50)
    stage = Stage(api)
    api.accept("truefusion", {}, stage.time)
    if success:
        api.upset = lambda request, now: (
            (api._reply(request, now), good({"success": True}))[1] if "cancel" in request.path else None
        )
    connection = stage.connection()
    assert stage.run(connection, cancel_prediction(connection, "p1")).status == "canceled"
    assert api.canceled == ["p1"]


def test_an_answer_204_to_a_cancel_is_followed_by_a_read():
    api = Api(seconds=50)
    stage = Stage(api)
    api.accept("truefusion", {}, stage.time)
    api.upset = lambda request, now: Response(204) if "cancel" in request.path else None
    connection = stage.connection()
    assert stage.run(connection, cancel_prediction(connection, "p1")).status == "processing"


@pytest.mark.parametrize("body", [{"status": "succeeded"}, [], "text", 7, None, {"id": 5}, {"id": ""}])
def test_an_answer_that_names_no_prediction_is_unreadable(body):
    stage = Stage(Api())
    stage.api.upset = lambda request, now: good(body)  # type: ignore[attr-defined]
    connection = stage.connection()
    with pytest.raises(x.ServerError, match="names no prediction"):
        stage.run(connection, get_prediction(connection, "p1"))


def test_an_answer_that_wraps_the_prediction_is_unwrapped():
    stage = Stage(Api())
    stage.api.upset = lambda request, now: good({"data": {"id": "p1"}})  # type: ignore[attr-defined]
    connection = stage.connection()
    assert stage.run(connection, get_prediction(connection, "p1")).id == "p1"
    made = stage.run(connection, create(connection, "m", {}, wait=False))
    assert (made.id, made.model) == ("p1", "m")
