"""Waiting for many at once: from the listing, with hardly more than one request each."""

from __future__ import annotations

import random
from typing import Any

import pytest

from skytells_nb.api._create import create
from skytells_nb.api._requests import Request
from skytells_nb.api._responses import Response, TransportFailure
from skytells_nb.api._retry import Durations
from skytells_nb.api._wait import wait
from skytells_nb.exceptions import NetworkError, ServerError, WaitTimeoutError

from .api import Api, envelope, good
from .stage import ORIGIN, Part, Stage


def start(
    stage: Stage, count: int, *, durations: Durations | None = None, apart: float = 0.0, **options: Any
) -> list[Part]:
    connection = stage.connection(durations=durations)
    return [
        stage.begin(
            connection,
            create(connection, "truefusion", {"prompt": f"fox {n}"}, **options),
            after=n * apart,
        )
        for n in range(count)
    ]


def finish(stage: Stage, parts: list[Part]) -> None:
    stage.play_while(lambda: not all(part.done for part in parts))
    for part in parts:
        assert part.result.status == "succeeded"
        assert part.result.output == [f"https://cdn.example/{part.result.id}.png"]


def reads(api: Api) -> list[Request]:
    return [request for _, request in api.requests if request.method == "GET"]


def listings(api: Api) -> list[Request]:
    return [request for request in reads(api) if request.query]


@pytest.mark.parametrize("taught", [True, False])
def test_a_hundred_short_ones_take_hardly_more_than_a_create_each(taught):
    durations = Durations()
    if taught:
        durations.remember(ORIGIN, "truefusion", 0.2)
    api = Api(seconds=0.2)
    stage = Stage(api, latency=0.01)
    finish(stage, start(stage, 100, durations=durations, apart=0.002))
    assert len(api.requests) / 100 <= 1.1


@pytest.mark.parametrize("seconds", [0.2, 2.0, 30.0])
def test_together_they_are_read_from_the_listing(seconds):
    api = Api(seconds=seconds)
    stage = Stage(api)
    finish(stage, start(stage, 20))
    assert all(request.query for request in reads(api))
    assert len(reads(api)) < 40


def test_those_that_start_one_after_another_share_their_reads():
    dice = random.Random(4)
    api = Api()
    api.seconds = lambda n: dice.uniform(1.7, 2.3)
    stage = Stage(api)
    finish(stage, start(stage, 300, apart=0.05))
    assert len(api.requests) / 300 <= 1.25


@pytest.mark.parametrize("count", [40, 60, 100, 300])
def test_those_that_take_from_half_a_second_to_a_minute_take_few_requests_each(count):
    dice = random.Random(4)
    api = Api()
    api.seconds = lambda n: dice.uniform(0.5, 60)
    stage = Stage(api)
    finish(stage, start(stage, count))
    assert len(api.requests) / count <= 1.5, "alone each would take a dozen"


def lateness(api: Api, parts: list[Part]) -> list[float]:
    """Give, of each, the seconds it was noticed late beyond a fifth of its length."""
    ended = [(part.ended, api.jobs[part.result.id]) for part in parts]
    return [at - job.ends - 0.2 * (job.ends - job.made) for at, job in ended]


def test_everyone_is_noticed_soon_where_many_differ_in_length():
    dice = random.Random(4)
    api = Api()
    api.seconds = lambda n: dice.uniform(0.5, 60)
    stage = Stage(api)
    parts = start(stage, 50)
    finish(stage, parts)
    assert max(lateness(api, parts)) <= 1.2


def test_those_after_many_that_differ_in_length_are_noticed_as_soon():
    dice, durations = random.Random(4), Durations()
    for _ in range(2):
        api = Api()
        api.seconds = lambda n: dice.uniform(0.5, 60)
        stage = Stage(api)
        parts = start(stage, 100, durations=durations, apart=0.001)
        finish(stage, parts)
        assert max(lateness(api, parts)) <= 1.5, "the longest ended last, and are not the rule"


def test_a_short_one_is_noticed_soon_though_an_old_one_is_waited_for():
    dice = random.Random(4)
    api = Api()
    api.seconds = lambda n: 200.0 if n <= 3 else dice.uniform(1, 3)
    stage = Stage(api)
    parts = start(stage, 40, apart=5.0)
    finish(stage, parts)
    assert max(lateness(api, parts)[3:]) <= 2


def test_a_hundred_that_are_moved_down_the_listing_while_it_is_read_are_not_read_one_by_one():
    api = Api(seconds=30)
    stage = Stage(api, latency=0.4)
    finish(stage, start(stage, 300))
    assert sum(not request.query for request in reads(api)) < 40


def test_what_another_program_creates_moves_them_down_and_they_are_read_where_they_are():
    api = Api(seconds=60)
    stage = Stage(api)
    parts, other = start(stage, 30), stage.connection()
    for n in range(45):
        stage.begin(other, create(other, "truefusion", {"prompt": f"wolf {n}"}, wait=False), after=5)
    finish(stage, parts)
    assert sum(not request.query for request in reads(api)) <= 30, "once: then it is known where they are"


def test_it_reads_as_many_pages_as_lie_between_the_newest_and_the_oldest():
    api = Api(seconds=5)
    stage = Stage(api)
    finish(stage, start(stage, 120))
    pages = {request.query.split("&")[0] for request in listings(api)}
    assert pages == {"page=1", "page=2", "page=3"}


def test_a_straggler_deep_in_the_listing_is_read_by_its_id():
    api = Api(seconds=0.5)
    api.seconds = lambda n: 40.0 if n == 1 else 0.5
    stage = Stage(api)
    connection = stage.connection()
    slow = stage.begin(connection, create(connection, "truefusion", {"prompt": "slow"}))
    quick = [
        stage.begin(connection, create(connection, "truefusion", {"prompt": f"{n}"}), after=1 + n * 0.05)
        for n in range(500)
    ]
    finish(stage, [slow, *quick])
    assert any(request.path == "/predictions/p1" for request in reads(api))
    assert max(int(request.query.split("&")[0][5:]) for request in listings(api)) <= 2


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("limit", [60, 600])
def test_a_thousand_of_two_seconds_all_end_under_a_rate_limit(limit, older):
    api = Api(seconds=2)
    api.limit, api.older_headers = limit, older
    stage = Stage(api)
    parts = start(stage, 1000)
    finish(stage, parts)
    times = stage.reads
    assert max(sum(at <= other < at + 60 for other in times) for at in times) <= limit / 2 * 1.05
    assert max(part.ended for part in parts) < 100 + 1700


def test_a_listing_that_is_a_bare_array_will_do():
    api = Api(seconds=3)
    api.listing = "array"
    stage = Stage(api)
    finish(stage, start(stage, 10))
    assert len(reads(api)) < 20


@pytest.mark.parametrize(
    "refusal",
    [
        envelope(404, "ENDPOINT_NOT_FOUND", "No such route"),
        envelope(403, "FORBIDDEN", "Not with this key"),
        envelope(400, "INVALID_PARAMETER", "per_page"),
        good({"neither": "list"}),
        good("no"),
    ],
)
def test_a_listing_that_is_not_served_leaves_reading_by_id(refusal):
    api = Api(seconds=3)
    api.upset = lambda request, now: refusal if request.query else None
    stage = Stage(api)
    finish(stage, start(stage, 10))
    assert len(listings(api)) == 1


@pytest.mark.parametrize(
    "failure",
    [
        envelope(500, "INTERNAL_ERROR", "Oops"),
        Response(502, {}, b"<h1>Bad Gateway</h1>"),
        Response(200, {}, b"[{"),
    ],
)
def test_a_listing_that_keeps_failing_is_given_up_for_reading_by_id(failure):
    api = Api(seconds=10)
    api.upset = lambda request, now: failure if request.query else None
    stage = Stage(api)
    finish(stage, start(stage, 10))
    assert len(listings(api)) == 3
    assert stage.time < 100 + 30


def test_a_listing_that_fails_now_and_then_is_borne():
    api = Api(seconds=20)
    count = iter(range(10_000))
    api.upset = lambda request, now: (
        TransportFailure("dropped", sent=True) if request.query and next(count) % 2 else None
    )
    stage = Stage(api)
    finish(stage, start(stage, 10))
    assert all(request.query for request in reads(api))


def test_what_a_listing_lacks_is_read_by_id():
    api = Api(seconds=3)
    held = api.view
    api.upset = lambda request, now: (
        good([held(job, now) for job in api.jobs.values() if job.id != "p4"]) if request.query else None
    )
    stage = Stage(api)
    finish(stage, start(stage, 10))
    assert {request.path for request in reads(api) if not request.query} == {"/predictions/p4"}


def test_a_short_list_item_is_read_again_by_id_for_its_output():
    api = Api(seconds=3)
    api.shows_output_in_list = False
    stage = Stage(api)
    finish(stage, start(stage, 5))


def test_one_that_cannot_be_read_holds_up_nobody_else():
    api = Api(seconds=4)
    held = api.view

    def upset(request: Request, now: float) -> Any:
        if request.query:
            return good([held(job, now) for job in api.jobs.values() if job.id != "p4"])
        return envelope(500, "INTERNAL_ERROR", "Oops") if request.path == "/predictions/p4" else None

    api.upset = upset
    stage = Stage(api)
    parts = start(stage, 10)
    stage.play_while(lambda: not all(part.done for part in parts))
    failed = [part for part in parts if part.error is not None]
    assert len(failed) == 1
    assert isinstance(failed[0].error, ServerError)
    assert "'p4'" in str(failed[0].error)
    assert 120 <= failed[0].ended - 100 <= 140
    assert all(part.ended < 110 for part in parts if part.error is None)


def test_one_that_hangs_by_id_holds_up_nobody_for_long():
    api = Api(seconds=30)
    held = api.view

    def upset(request: Request, now: float) -> Any:
        if request.query:
            return good([held(job, now) for job in api.jobs.values() if job.id != "p4"])
        if request.path == "/predictions/p4":
            return TransportFailure("timeout", sent=True), 5.0
        return None

    api.upset = upset
    stage = Stage(api)
    parts = start(stage, 10, timeout=200)
    stage.play_while(lambda: not all(part.done for part in parts))
    assert all(part.ended < 150 for part in parts if part.error is None)
    assert sum(part.error is not None for part in parts) == 1


def test_a_dead_network_ends_every_wait_after_two_minutes_and_names_each_id():
    api = Api(seconds=50)
    api.upset = lambda request, now: (
        TransportFailure("refused", sent=False) if request.method == "GET" else None
    )
    stage = Stage(api)
    parts = start(stage, 5)
    stage.play_while(lambda: not all(part.done for part in parts))
    for number, part in enumerate(sorted(parts, key=lambda part: str(part.error)), start=1):
        assert isinstance(part.error, NetworkError)
        assert f"'p{number}'" in str(part.error)
        assert 120 <= part.ended - 100 <= 135


def test_a_key_that_is_revoked_ends_every_wait():
    api = Api(seconds=50)
    api.upset = lambda request, now: (
        envelope(401, "UNAUTHORIZED", "Revoked") if request.method == "GET" else None
    )
    stage = Stage(api)
    parts = start(stage, 5)
    stage.play_while(lambda: not all(part.done for part in parts))
    assert {type(part.error).__name__ for part in parts} == {"AuthenticationError"}
    assert all("predictions.wait('p" in part.error.__notes__[0] for part in parts), "they go on"
    assert len(reads(api)) == 1


def test_a_rate_limit_on_the_listing_is_waited_out():
    api = Api(seconds=2)
    limited = envelope(429, "RATE_LIMITED", "Slow", **{"retry-after": "20"})
    api.upset = lambda request, now: limited if request.query and now < 118 else None
    stage = Stage(api)
    finish(stage, start(stage, 20))
    assert len(reads(api)) <= 6


def test_one_that_comes_late_joins_and_one_whose_time_is_up_leaves():
    api = Api(seconds=30)
    stage = Stage(api)
    connection = stage.connection()
    first = stage.begin(connection, create(connection, "truefusion", {"prompt": "a"}, timeout=10))
    later = stage.begin(connection, create(connection, "truefusion", {"prompt": "b"}), after=5)
    stage.play_while(lambda: not (first.done and later.done))
    assert isinstance(first.error, WaitTimeoutError)
    assert later.result.status == "succeeded"


def test_two_who_wait_for_the_same_are_both_told():
    api = Api(seconds=5)
    stage = Stage(api)
    connection = stage.connection()
    api.accept("truefusion", {}, stage.time)
    parts = [stage.begin(connection, wait(connection, "p1"), after=n) for n in range(3)]
    finish(stage, parts)
    assert all(not request.query for request in reads(api))


def test_a_page_that_is_missing_from_a_sweep_does_not_turn_its_predictions_into_reads_by_id():
    api = Api(seconds=20)
    left = [1]
    api.upset = lambda request, now: (
        TransportFailure("dropped", sent=True) if "page=2&" in request.query and left and left.pop() else None
    )
    stage = Stage(api)
    finish(stage, start(stage, 120))
    assert not left
    assert all(request.query for request in reads(api))


def test_a_straggler_that_cannot_be_read_is_not_asked_for_at_every_sweep():
    api = Api(seconds=1.0)
    api.seconds = lambda n: 40.0 if n == 1 else 1.0
    api.upset = lambda request, now: (
        envelope(500, "INTERNAL_ERROR", "Oops") if request.path == "/predictions/p1" and now < 140 else None
    )
    stage = Stage(api)
    connection = stage.connection()
    slow = stage.begin(connection, create(connection, "truefusion", {"prompt": "slow"}))
    quick = [
        stage.begin(connection, create(connection, "truefusion", {"prompt": f"{n}"}), after=1 + n * 0.05)
        for n in range(800)
    ]
    finish(stage, [slow, *quick])
    asked = [request for request in reads(api) if request.path == "/predictions/p1"]
    assert len(asked) < 25, "each failure waits longer, up to five seconds"
