"""A create is billed once, whatever becomes of its answer."""

from __future__ import annotations

import pickle
from datetime import timedelta
from typing import Any

import pytest

from skytells_nb.api._create import create as create_prediction
from skytells_nb.api._predictions import reconcile
from skytells_nb.api._responses import Response, TransportFailure
from skytells_nb.exceptions import (
    InsufficientCreditsError,
    NetworkError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    SkytellsError,
    UncertainCreateError,
)
from skytells_nb.models import Prediction

from .api import LOST, Api, envelope
from .stage import Stage

FOX = {"prompt": "a red fox in snow"}
IN_DOUBT = sorted(LOST)


def create(
    stage: Stage, model: str = "truefusion", input: dict[str, Any] = FOX, **options: Any
) -> Prediction:
    connection = stage.connection()
    return stage.run(connection, create_prediction(connection, model, input, **options))


def uncertain(stage: Stage, **options: Any) -> UncertainCreateError:
    with pytest.raises(UncertainCreateError) as raised:
        create(stage, **options)
    return raised.value


def posts(api: Api) -> list[float]:
    return [at for at, request in api.requests if request.method == "POST" and "cancel" not in request.path]


def test_a_create_that_works_is_one_request_and_no_look_at_the_listing():
    api = Api()
    made = create(Stage(api), wait=False)
    assert (made.id, made.model, made.input) == ("p1", "truefusion", FOX)
    assert [request.method for _, request in api.requests] == ["POST"]


def test_a_create_whose_first_answer_is_the_last_needs_no_read():
    api = Api(seconds=0)
    assert create(Stage(api)).status == "succeeded"
    assert [request.method for _, request in api.requests] == ["POST"]


@pytest.mark.parametrize("fault", ["refused", "limited"])
def test_what_was_certainly_not_accepted_is_sent_again_without_a_look(fault):
    api = Api([fault, fault])
    assert create(Stage(api), wait=False).id == "p1"
    assert [request.method for _, request in api.requests] == ["POST"] * 3
    assert api.billed == ["p1"]


@pytest.mark.parametrize(("fault", "kind"), [("refused", NetworkError), ("limited", RateLimitError)])
def test_what_stays_refused_is_raised_and_bills_nothing(fault, kind):
    api = Api([fault] * 9)
    with pytest.raises(kind) as raised:
        create(Stage(api))
    assert raised.value.charged is False
    assert "Nothing was billed" in raised.value.message
    assert len(posts(api)) == 3
    assert not api.billed


def test_no_pause_is_longer_than_the_caller_has_time():
    api = Api(["limited"])
    with pytest.raises(RateLimitError) as raised:
        create(Stage(api), timeout=0.5)
    assert (raised.value.retry_after, raised.value.charged, len(posts(api))) == (1, False, 1)


@pytest.mark.parametrize("kind", IN_DOUBT)
def test_an_accepted_create_whose_answer_is_lost_is_adopted_and_never_sent_again(kind):
    api = Api([f"{kind}_after"])
    made = create(Stage(api))
    assert (made.id, made.status, made.input) == ("p1", "succeeded", FOX)
    assert api.billed == ["p1"]
    assert len(posts(api)) == 1


@pytest.mark.parametrize("kind", ["error", "unavailable"])
def test_a_failure_in_the_apis_own_words_is_sent_again_when_nothing_is_listed(kind):
    api = Api([f"{kind}_before"])
    assert create(Stage(api), wait=False).id == "p1"
    first, second = posts(api)
    looks = [at for at, request in api.requests if request.method == "GET"]
    assert sum(first < at < second for at in looks) >= 2
    assert max(looks) - min(looks) >= 2, "it looks over a few seconds"
    assert second - max(looks) < 0.2, "the last look comes just before it is sent again"


@pytest.mark.parametrize("kind", sorted(LOST.keys() - {"error", "unavailable"}))
def test_what_nobody_can_know_is_raised_as_uncertain_and_not_sent_again(kind):
    api = Api([f"{kind}_before"])
    stage = Stage(api)
    started = api.clock(stage.time)
    error = uncertain(stage)
    assert len(posts(api)) == 1
    assert error.charged is None
    assert (error.model, error.input, error.known) == ("truefusion", FOX, frozenset())
    assert started - timedelta(seconds=2) <= error.since <= started + timedelta(seconds=0.1)
    assert "reconcile(error)" in error.message
    assert "may have been billed" in error.message


def test_an_uncertain_error_survives_pickling_and_leads_to_the_prediction_on_another_connection():
    api = Api(["drop_after"])
    api.hidden = 30
    stage = Stage(api)
    error = pickle.loads(pickle.dumps(uncertain(stage)))
    stage.time += 60
    elsewhere = stage.connection()
    found = stage.run(elsewhere, reconcile(elsewhere, error))
    assert found is not None
    assert (found.id, found.status, found.output) == ("p1", "succeeded", ["https://cdn.example/p1.png"])
    assert stage.run(elsewhere, reconcile(elsewhere, error)).id == "p1", "asked again, found again"
    assert len(posts(api)) == 1


def test_reconcile_finds_nothing_where_nothing_was_accepted():
    api = Api(["drop_before"])
    stage = Stage(api)
    error = uncertain(stage)
    connection = stage.connection()
    assert stage.run(connection, reconcile(connection, error)) is None


def test_reconcile_takes_nothing_but_the_error():
    stage = Stage(Api())
    connection = stage.connection()
    with pytest.raises(SkytellsError, match="takes an UncertainCreateError"):
        stage.run(connection, reconcile(connection, ValueError("x")))


@pytest.mark.parametrize("trouble", ["drop", "gateway", "limited", "nonsense"])
def test_where_it_cannot_look_it_says_so_and_does_not_send_again(trouble):
    api = Api(["error_before"])
    reply = {
        "drop": TransportFailure("dropped", sent=True),
        "gateway": Response(502, {}, b"<h1>Bad Gateway</h1>"),
        "limited": envelope(429, "RATE_LIMITED", "Later", **{"retry-after": "1000"}),
        "nonsense": Response(200, {}, b'{"neither": "list"}'),
    }[trouble]
    api.upset = lambda request, now: reply if request.method == "GET" else None
    error = uncertain(Stage(api))
    assert "could not be read" in error.detail
    assert len(posts(api)) == 1


def test_one_look_is_not_enough_to_send_again():
    api = Api(["error_before"])
    looks: list[float] = []

    def upset(request: Any, now: float) -> Any:
        if request.method == "GET":
            looks.append(now)
            return None if len(looks) == 1 else TransportFailure("dropped", sent=True)
        return None

    api.upset = upset
    uncertain(Stage(api))
    assert len(posts(api)) == 1


def test_a_copy_that_shows_up_while_it_waits_to_send_again_is_adopted():
    api = Api()
    api.hidden = 10.0

    def upset(request: Any, now: float) -> Any:
        if request.method == "GET" or api.jobs:
            return None
        api.accept("truefusion", FOX, now)
        return Response(503, {"retry-after": "20"}, b"<h1>Busy</h1>")

    api.upset = upset
    assert create(Stage(api)).id == "p1"
    assert len(posts(api)) == 1


def test_the_copy_of_a_first_try_is_still_adopted_after_the_second_was_lost_too():
    api = Api(["error_after", "error_before"])
    api.hidden = 6.0
    made = create(Stage(api))
    assert made.id == "p1"
    assert api.billed == ["p1"]
    assert len(posts(api)) == 2


def test_a_refusal_of_credit_is_never_repeated_even_with_a_5xx():
    for reply, kind in [
        (envelope(402, "INSUFFICIENT_CREDITS", "No credit"), InsufficientCreditsError),
        (envelope(500, "PAYMENT_REQUIRED", "No credit"), InsufficientCreditsError),
        (envelope(401, "ACCOUNT_SUSPENDED", "Suspended"), PermissionDeniedError),
        (envelope(403, "FORBIDDEN", "Not on this plan"), PermissionDeniedError),
    ]:
        api = Api()
        api.upset = lambda request, now, reply=reply: reply
        with pytest.raises(kind) as raised:
            create(Stage(api))
        assert raised.value.charged is False
        assert len(api.requests) == 1


def test_an_error_in_an_answer_with_http_200_and_no_id_is_an_error_after_a_look():
    api = Api()
    body = b'{"status": false, "response": "The moon is in the wrong house"}'
    api.upset = lambda request, now: Response(200, {}, body) if request.method == "POST" else None
    with pytest.raises(SkytellsError, match="wrong house") as raised:
        create(Stage(api))
    assert not isinstance(raised.value, UncertainCreateError)
    assert raised.value.charged is None
    assert len(posts(api)) == 1


def test_an_answer_with_http_200_status_false_and_an_id_is_a_prediction_that_runs():
    api = Api()
    body = b'{"id": "p1", "status": false, "error": {"message": "still queued"}}'

    def upset(request: Any, now: float) -> Any:
        if request.method == "POST":
            api.accept("truefusion", FOX, now)
            return Response(200, {}, body)
        return None

    api.upset = upset
    made = create(Stage(api))
    assert (made.id, made.status) == ("p1", "succeeded")
    assert len(posts(api)) == 1


def test_a_redirect_is_no_acceptance_and_points_at_the_base_url():
    api = Api()
    api.upset = lambda request, now: Response(301, {"location": "https://elsewhere.example"}, b"Moved")
    with pytest.raises(SkytellsError, match="base URL") as raised:
        create(Stage(api))
    assert raised.value.charged is False
    assert len(api.requests) == 1


def test_what_fails_for_good_after_doubt_says_that_most_likely_nothing_was_billed():
    api = Api(["error_before"] * 9)
    with pytest.raises(ServerError, match="most likely nothing was billed") as raised:
        create(Stage(api))
    assert raised.value.charged is None
    assert len(posts(api)) == 3


def test_a_longer_pause_than_two_minutes_is_raised_at_once():
    api = Api()
    limited = envelope(429, "RATE_LIMIT_EXCEEDED", "Tomorrow", **{"retry-after": "121"})
    api.upset = lambda request, now: limited
    stage = Stage(api)
    began = stage.time
    with pytest.raises(RateLimitError) as raised:
        create(stage)
    assert raised.value.retry_after == 121
    assert stage.time - began < 1
