"""The watch by itself: what it sends, and what it makes of replies that come too late."""

from __future__ import annotations

import pytest

from skytells_nb.api._poller import Poller
from skytells_nb.api._requests import get
from skytells_nb.models import Prediction

from .api import Api, envelope, good
from .stage import Stage


def test_when_nobody_waits_any_more_nothing_is_left_to_read():
    stage = Stage(Api())
    connection = stage.connection()
    watch = connection.watch.poller
    for n in range(3):
        watch.add(Prediction(id=f"p{n}", status="queued"), 0.0)
    assert len(watch) == 3
    assert "p1" in watch
    sent = watch.requests(10.0)
    assert sent
    for n in range(3):
        assert watch.remove(f"p{n}") is not None
    assert watch.remove("p0") is None
    assert watch.feed(sent[0], good([]), 10.1) == []
    assert watch.due(20.0) is None
    assert watch.requests(20.0) == ()


def test_a_reply_about_one_that_is_waited_for_no_more_is_ignored():
    stage = Stage(Api())
    connection = stage.connection()
    watch = connection.watch.poller
    watch.add(Prediction(id="p1", status="queued"), 0.0)
    (request,) = watch.requests(10.0)
    watch.remove("p1")
    watch.add(Prediction(id="p2", status="queued"), 10.0)
    for reply in [
        good({"id": "p1", "status": "succeeded"}),
        envelope(404, "X", "x"),
        envelope(500, "X", "x"),
    ]:
        assert watch.feed(request, reply, 10.1) == []


def test_one_reads_rate_limit_holds_the_others_for_a_moment_only():
    watch = stage_watch()
    for n in (1, 2):
        watch.add(Prediction(id=f"p{n}", status="queued"), 100.0, number=n)
    request = get("p1").newest
    watch.feed(request, envelope(429, "RATE_LIMITED", "Slow"), 101.0, wait=3600.0)
    due = watch.due(101.0)
    assert due is not None
    assert due <= 102.0


@pytest.mark.parametrize("status", [429, 503])
def test_an_hour_that_an_answer_asks_for_is_asked_about_sooner(status):
    """Outputs live five minutes: a job that is done must be found, whatever one answer says."""
    watch = stage_watch()
    watch.add(Prediction(id="p1", status="queued"), 100.0, number=1)
    (request,) = watch.requests(101.0)
    watch.feed(request, envelope(status, "RATE_LIMITED", "Slow"), 101.0, wait=3600.0)
    assert watch.due(101.0) == 111.0
    (request,) = watch.requests(111.0)
    watch.feed(request, envelope(status, "RATE_LIMITED", "Slow"), 111.0, wait=3600.0)
    assert watch.due(111.0) == 131.0


def stage_watch() -> Poller:
    return Stage(Api()).connection().watch.poller


def test_a_read_that_waits_for_its_turn_is_dropped_when_nobody_waits_for_it_any_more():
    stage = Stage(Api())
    connection = stage.connection()
    connection.rate_limit.learn({"x-ratelimit-limit-rpm": "4"}, 100.0, 0.0)
    watch = connection.watch.poller
    for n in range(3):
        watch.add(Prediction(id=f"p{n}", status="queued"), 100.0)
    (page,) = watch.requests(100.5)
    watch.feed(page, envelope(404, "ENDPOINT_NOT_FOUND", "No"), 100.6)
    sent = watch.requests(200.0)
    left = [request.path[-2:] for request in sent]
    assert len(left) < 3, "the rate limit lets only some of them go"
    waiting = ({"p0", "p1", "p2"} - set(left)).pop()
    watch.remove(waiting)
    for request in sent:
        watch.feed(request, good({"id": request.path[-2:], "status": "processing"}), 200.1)
    later = [request.path for now in (300.0, 400.0) for request in watch.requests(now)]
    assert f"/predictions/{waiting}" not in later
