"""The watch by itself: what it sends, and what it makes of replies that come too late."""

from __future__ import annotations

from skytells_nb.models import Prediction

from .api import Api, envelope, good
from .stage import Stage


def test_when_nobody_waits_any_more_nothing_is_left_to_read():
    stage = Stage(Api())
    conversation = stage.conversation()
    watch = conversation.watch()
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
    watch = stage.conversation().watch()
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


def test_a_rate_limit_met_on_one_loop_holds_the_other_loops_too():
    stage = Stage(Api())
    conversation = stage.conversation()
    here, there = conversation.watch(), conversation.watch()
    for watch in (here, there):
        watch.add(Prediction(id="p1", status="queued"), 100.0)
    (request,) = here.requests(101.0)
    here.feed(request, envelope(429, "RATE_LIMITED", "Slow"), 101.0, wait=20.0)
    assert there.due(101.0) == 121.0
    assert there.requests(101.0) == ()


def test_a_read_that_waits_for_its_turn_is_dropped_when_nobody_waits_for_it_any_more():
    stage = Stage(Api())
    conversation = stage.conversation()
    conversation.pace.learn({"x-ratelimit-limit-rpm": "4"}, 100.0, 0.0)
    watch = conversation.watch()
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
