"""How fast to ask, how many at once, and what time it is over there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skytells_nb.api._connection import Connection, ServerClock
from skytells_nb.api._observers import Account
from skytells_nb.api._responses import Response, TransportFailure
from skytells_nb.api._retry import RateLimit
from skytells_nb.models import Model

from .stage import ORIGIN

NEWER = {"x-skytells-ratelimit-limit-requests": "60", "x-skytells-ratelimit-window": "60"}
OLDER = {"x-ratelimit-limit-rpm": "60"}


def test_without_a_limit_a_read_may_go_at_once():
    pace = RateLimit()
    assert pace.limit is None
    for n in range(1000):
        pace.read(n / 1000)
    assert pace.ready(1.0) == 1.0


@given(
    st.sampled_from([NEWER, OLDER]),
    st.integers(1, 200),
    st.lists(st.floats(0, 20), min_size=1, max_size=150),
)
def test_in_no_window_does_it_read_more_than_half_of_a_limit(form, limit, gaps):
    pace = RateLimit()
    name = next(iter(form))
    pace.learn({**form, name: str(limit)}, 0.0, 0.0)
    now, reads = 0.0, []
    for gap in gaps:
        now += gap
        while (ready := pace.ready(now)) > now:
            now = ready
        pace.read(now)
        reads.append(now)
    allowed = max(1, limit // 2)
    for start in reads:
        assert sum(start <= at < start + 60 - 1e-6 for at in reads) <= allowed


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-skytells-ratelimit-limit-requests": "-"},
        {"x-skytells-ratelimit-limit-requests": "0"},
        {"x-skytells-ratelimit-limit-requests": "many"},
        {"x-skytells-ratelimit-limit-requests": "nan"},
        {"x-skytells-ratelimit-limit-requests": "inf"},
    ],
)
def test_a_limit_that_is_not_configured_is_none(headers):
    pace = RateLimit()
    pace.learn(headers, 0.0, 0.0)
    assert pace.limit is None


def test_a_window_of_its_own_is_kept_to():
    pace = RateLimit()
    pace.learn({"x-skytells-ratelimit-limit-requests": "4", "x-skytells-ratelimit-window": "10"}, 0.0, 0.0)
    pace.read(0.0)
    pace.read(0.0)
    assert pace.ready(0.0) == 10.0


def test_when_nothing_remains_it_waits_for_the_reset_that_the_older_form_names():
    pace = RateLimit()
    pace.learn({**OLDER, "x-ratelimit-remaining-rpm": "0", "x-ratelimit-reset": "1030"}, 5.0, 1000.0)
    assert pace.ready(5.0) == 35.0


def test_when_nothing_remains_in_the_newer_form_it_waits_for_one_place():
    pace = RateLimit()
    pace.learn({**NEWER, "x-skytells-ratelimit-remaining-requests": "0"}, 5.0, 1000.0)
    assert pace.ready(5.0) == 6.0


@pytest.mark.parametrize("window", [{}, {"x-skytells-ratelimit-window": "86400"}])
def test_a_reset_beyond_a_minute_is_asked_about_sooner_since_outputs_live_five(window):
    pace = RateLimit()
    spent = {"x-ratelimit-remaining-rpm": "0", "x-ratelimit-reset": "999999"}
    pace.learn({**OLDER, **window, **spent}, 5.0, 1000.0)
    assert pace.ready(5.0) == 15.0


def test_a_hold_is_kept():
    pace = RateLimit()
    pace.hold(9.0)
    pace.hold(3.0)
    assert pace.ready(5.0) == 9.0
    assert pace.ready(10.0) == 10.0


def test_the_servers_clock_is_known_from_below():
    clock = ServerClock()
    assert clock.at(0.0) is None
    start = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
    clock.learn(start, 10.9)
    clock.learn(start + timedelta(seconds=5), 15.1)
    assert clock.at(20.1) == start + timedelta(seconds=10)


def test_a_server_whose_clock_was_set_back_is_believed():
    clock = ServerClock()
    start = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
    clock.learn(start, 0.0)
    clock.learn(start - timedelta(hours=1), 10.0)
    assert clock.at(10.0) == start - timedelta(hours=1)


@given(st.lists(st.tuples(st.floats(0.01, 30), st.floats(0, 1.5)), min_size=1, max_size=30))
def test_it_is_never_taken_for_later_than_it_is(answers):
    clock, now = ServerClock(), 0.0
    start = datetime(2026, 3, 4, 12, 0, 0, 123456, tzinfo=UTC)
    for gap, delay in answers:
        now += gap
        sent = (start + timedelta(seconds=now - delay)).replace(microsecond=0)
        clock.learn(sent, now)
        told = clock.at(now)
        assert told is not None
        assert told <= start + timedelta(seconds=now) + timedelta(microseconds=10)


def connection() -> Connection:
    return Connection("sk-0123456789", base_url=ORIGIN)


def test_a_sandbox_is_known_by_its_header():
    talk = connection()
    talk.learn_from(TransportFailure("dropped", sent=True))
    talk.learn_from(Response(200, {"date": "nonsense"}))
    talk.learn_from(Response(200, {"date": "Fri, 31 Dec 9999 23:59:59 GMT", "age": "9999999"}))
    assert not talk.account.sandbox
    talk.learn_from(Response(200, {"x-skytells-sandbox": "1"}))
    assert talk.account == Account(ORIGIN, "078ea7c8bc2d", sandbox=True)
    assert talk.origin == ORIGIN


def test_an_answer_out_of_a_cache_does_not_set_the_clock_back():
    talk = connection()
    talk.now = lambda: 50.0
    talk.learn_from(Response(200, {"date": "Wed, 04 Mar 2026 11:00:00 GMT", "age": "3600"}))
    assert talk.server_clock.at(50.0) == datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)


def test_limits_are_learnt_from_every_answer():
    talk = connection()
    talk.learn_from(Response(500, {**OLDER, "date": "Wed, 04 Mar 2026 12:00:00 GMT"}))
    assert talk.rate_limit.limit == 60
    assert talk.server_clock.at(0.0) is not None


def test_it_remembers_what_models_are_called():
    talk = connection()
    talk.note_model(Model(id="sora-2", name="Sora 2"))
    talk.note_model(Model(id="lumo"))
    assert talk.display_names == {"sora-2": "Sora 2"}


def test_ages_are_those_of_creates_here_else_of_the_apis_clock():
    from skytells_nb.models import Prediction

    talk = connection()
    talk.now = lambda: 50.0
    mine = Prediction(id="mine", status="queued")
    talk.note_created(mine)
    assert talk.age(mine, 53.0) == 3.0
    made = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
    theirs = Prediction(id="theirs", status="queued", created_at=made)
    assert talk.age(theirs, 53.0) is None
    talk.server_clock.learn(made + timedelta(seconds=8), 53.0)
    assert talk.age(theirs, 53.0) == 8.0
    assert talk.age(theirs, 40.0) == 0.0
    assert talk.age(Prediction(id="x", status="queued"), 53.0) is None


def test_the_first_quarter_of_a_limit_goes_at_once_and_the_second_evenly():
    pace = RateLimit()
    pace.learn(OLDER, 0.0, 0.0)
    now, reads = 0.0, []
    for _ in range(30):
        while (ready := pace.ready(now)) > now:
            now = ready
        pace.read(now)
        reads.append(now)
    assert reads[:15] == [0.0] * 15
    assert reads[15:] == [pytest.approx(2.0 * n) for n in range(1, 16)]
