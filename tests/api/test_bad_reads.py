"""Reads that go wrong while a prediction is waited for: borne for a while, then told."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from skytells_nb.api._create import create
from skytells_nb.api._responses import Response, TransportFailure
from skytells_nb.api._wait import wait as wait_for
from skytells_nb.exceptions import (
    AuthenticationError,
    NetworkError,
    NotFoundError,
    ServerError,
    WaitTimeoutError,
)
from skytells_nb.models import Prediction

from .api import Api, envelope, good
from .stage import Stage

FOX = {"prompt": "a red fox in snow"}


def wait(api: Api, stage: Stage, **options: Any) -> Prediction:
    connection = stage.connection()
    prediction: Prediction = stage.run(connection, wait_for(connection, "p1", **options))
    return prediction


@pytest.mark.parametrize(
    "bad",
    [
        TransportFailure("timeout", sent=True),
        TransportFailure("dropped", sent=True),
        TransportFailure("refused", sent=False),
        Response(200, {}, b'{"id": "p'),
        Response(200, {}, b""),
        Response(200, {}, b"[]"),
        Response(200, {}, b'{"id": "another", "status": "succeeded"}'),
        Response(502, {}, b"<h1>Bad Gateway</h1>"),
        envelope(500, "INTERNAL_ERROR", "Oops"),
        envelope(503, "SERVICE_UNAVAILABLE", "Oops", **{"retry-after": "2"}),
        envelope(429, "RATE_LIMIT_EXCEEDED", "Slow down"),
        envelope(429, "RATE_LIMIT_EXCEEDED", "Slow down", **{"retry-after": "3"}),
        envelope(408, "TIMEOUT", "Slow"),
    ],
)
def test_bad_reads_are_borne(bad):
    api = Api(seconds=5)
    stage = Stage(api)
    api.accept("truefusion", FOX, stage.time)
    replies = [bad] * 5
    api.upset = lambda request, now: replies.pop() if replies else None
    assert wait(api, stage).status == "succeeded"
    assert stage.time < 100 + 40


def test_a_rate_limit_on_reads_never_reaches_the_user_however_long():
    api = Api(seconds=5)
    stage = Stage(api)
    api.accept("truefusion", FOX, stage.time)
    limited = envelope(429, "RATE_LIMIT_EXCEEDED", "Slow down", **{"retry-after": "60"})
    api.upset = lambda request, now: limited if now < 1000 else None
    assert wait(api, stage).status == "succeeded"
    assert len(api.requests) < 20, "it waits as long as it is asked to"


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (TransportFailure("dropped", sent=True, message="reset"), NetworkError),
        (envelope(500, "INTERNAL_ERROR", "Oops"), ServerError),
        (Response(502, {}, b"<h1>Bad Gateway</h1>"), ServerError),
    ],
)
def test_reads_that_fail_for_two_minutes_end_the_wait_and_name_the_id(bad, kind):
    api = Api(seconds=5)
    stage = Stage(api)
    api.accept("truefusion", FOX, stage.time)
    api.upset = lambda request, now: bad
    began = stage.time
    with pytest.raises(kind, match="'p1'") as raised:
        wait(api, stage)
    assert 120 <= stage.time - began <= 140
    assert raised.value.charged is None
    assert "takes the wait up again" in raised.value.message


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (envelope(401, "UNAUTHORIZED", "Key revoked"), AuthenticationError),
        (envelope(404, "NOT_FOUND", "No such prediction"), NotFoundError),
        (envelope(502, "NOT_FOUND", "The prediction does not exist"), NotFoundError),
    ],
)
def test_what_no_further_read_will_change_ends_the_wait_at_once(bad, kind):
    api = Api(seconds=5)
    stage = Stage(api)
    api.accept("truefusion", FOX, stage.time)
    api.upset = lambda request, now: bad
    with pytest.raises(kind, match="'p1'"):
        wait(api, stage)
    assert len(api.requests) == 1


def test_who_waits_for_what_is_not_there_is_not_sent_to_wait_again():
    with pytest.raises(NotFoundError, match=r"Not found \(prediction 'p1'\)") as raised:
        wait(Api(), Stage(Api()))
    assert "takes the wait up again" not in raised.value.message
    assert raised.value.charged is None


def test_a_prediction_made_just_now_may_be_unknown_for_some_seconds():
    api = Api(seconds=30)
    stage = Stage(api)
    missing = envelope(502, "NOT_FOUND", "The prediction does not exist")
    api.upset = lambda request, now: missing if request.method == "GET" and now < 108 else None
    connection = stage.connection()
    assert stage.run(connection, create(connection, "m", FOX)).status == "succeeded"


def test_one_made_here_that_stays_unknown_is_lost_sight_of():
    api = Api(seconds=30)
    stage = Stage(api)
    missing = envelope(502, "NOT_FOUND", "The prediction does not exist")
    api.upset = lambda request, now: missing if request.method == "GET" else None
    connection = stage.connection()
    with pytest.raises(NotFoundError, match="its id is not lost"):
        stage.run(connection, create(connection, "m", FOX))
    assert 110 <= stage.time < 116


def test_one_of_unknown_age_that_answers_nonsense_is_not_asked_again_at_once():
    api = Api(seconds=3)
    api.dates = False
    stage = Stage(api)
    api.accept("truefusion", FOX, stage.time)
    replies = [good([]), good({"id": "p2"}), envelope(500, "INTERNAL_ERROR", "Oops")]
    api.upset = lambda request, now: replies.pop(0) if replies else None
    assert wait(api, stage).status == "succeeded"
    times = [at for at, _ in api.requests]
    assert min(later - earlier for earlier, later in pairwise(times)) > 0.1


PAGE = b"<html><h1>404 Not Found</h1><hr>nginx</html>"


@pytest.mark.parametrize("status", [403, 404])
def test_a_gateways_page_that_knows_nothing_of_it_does_not_end_the_wait_for_what_was_made_here(status):
    api = Api(seconds=40)
    stage = Stage(api)
    page = Response(status, {"content-type": "text/html"}, PAGE)
    api.upset = lambda request, now: page if request.method == "GET" and 112 < now < 130 else None
    connection = stage.connection()
    assert stage.run(connection, create(connection, "m", FOX)).status == "succeeded"


def test_a_gateways_page_that_stays_is_told_after_a_while():
    api = Api(seconds=4000)
    stage = Stage(api)
    api.upset = lambda request, now: Response(404, {}, PAGE) if request.method == "GET" else None
    connection = stage.connection()
    with pytest.raises(NotFoundError, match=r"its id is not lost.*base URL"):
        stage.run(connection, create(connection, "m", FOX))
    assert 220 <= stage.time <= 240


def test_a_wait_in_which_nothing_was_heard_claims_nothing():
    api = Api(seconds=40)
    stage = Stage(api)
    api.upset = lambda request, now: Response(200, {}, b"<html>Please log in</html>")
    with pytest.raises(
        WaitTimeoutError, match=r"Timed out after 9 s. Prediction p1 may still be running"
    ) as raised:
        wait(api, stage, timeout=9)
    assert raised.value.prediction is not None
    assert raised.value.prediction.id == "p1"
