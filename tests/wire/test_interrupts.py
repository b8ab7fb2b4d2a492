"""Interrupts: the call ends at once, and what was accepted is canceled behind its back."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Iterator
from typing import Any

import pytest

from skytells_nb.observers import Observer
from skytells_nb.wire import flows, listing, reconciling
from skytells_nb.wire.steps import Answer, Detach, Do, Send, Sleep, Watch

from .api import LOST, Api
from .listeners import Scribe
from .stage import Part, Stage

FOX = {"prompt": "a red fox in snow"}
KINDS = [KeyboardInterrupt, CancelledError]
COURSES = [
    [],
    ["limited", "refused"],
    ["refused"] * 9,
    ["error_before"],
    ["drop_before"],
    *([f"{kind}_after"] for kind in LOST),
    ["unavailable_before", "error_after"],
]


def begin(
    faults: list[str], *observers: Observer, seconds: float = 3.0, **options: Any
) -> tuple[Stage, Api, Part]:
    api = Api(faults, seconds=seconds)
    api.dates = True
    stage = Stage(api)
    conversation = stage.conversation(*observers)
    return stage, api, stage.begin(conversation, flows.create(conversation, "truefusion", FOX, **options))


def lengths(faults: list[str]) -> int:
    stage, _, part = begin(faults, Scribe("one"), Scribe("two"))
    stage.play()
    return len(part.steps)


def interruptions() -> Iterator[Any]:
    for faults in COURSES:
        for step in range(lengths(faults)):
            for begun in (True, False):
                yield pytest.param(faults, step, begun, id=f"{'+'.join(faults) or 'ok'}-{step}-{begun}")


@pytest.mark.parametrize(("faults", "step", "begun"), list(interruptions()))
@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupt_at_any_step_of_a_create_leaves_nothing_running_and_nobody_untold(
    kind, faults, step, begun
):
    told: list[tuple[Any, ...]] = []
    scribes = [Scribe("one", told), Scribe("two", told)]
    stage, api, part = begin(faults, *scribes)
    part.interrupt = (step, kind, begun)
    stage.play()

    assert isinstance(part.error, kind)
    assert part.struck is not None
    assert part.ended == part.struck, "the call ends at once"
    assert sum(isinstance(step, Detach) for step in part.steps) <= 1
    creates = [at for at, request in stage.log if request.path == "/predictions" and request.method == "POST"]
    assert all(at <= part.struck + stage.latency for at in creates), "nothing is created afterwards"
    if not begun:
        assert all(at <= part.struck for at in creates), "what was not yet written is withdrawn"
    hanging = faults == ["timeout_after"] and ("not_created", "two-1", "SkytellsError", True) in told
    for job in api.jobs.values():
        ended = ("ended", "two", job.id, "succeeded") in told
        assert job.id in api.canceled or ended or hanging, "it goes on"
    for scribe in scribes:
        for n in range(scribe.tickets):
            assert len(scribe.outcomes(f"{scribe.name}-{n + 1}")) == 1, told


@pytest.mark.parametrize("kind", KINDS)
def test_while_it_waits_the_one_further_request_is_the_cancel(kind):
    stage, api, part = begin([], seconds=60)
    struck = stage.time + 10
    stage.interrupt_at(part, struck, kind)
    stage.play()
    assert isinstance(part.error, kind)
    after = [request.path for at, request in api.requests if at > struck]
    assert after == ["/predictions/p1/cancel"]
    assert [type(step) for step in part.steps] == [Send, Watch, Detach]
    assert [step.seconds for step in part.steps if isinstance(step, Detach)] == [2.0]


def test_a_create_on_the_wire_is_canceled_as_soon_as_its_answer_names_it():
    stage, api, part = begin([], seconds=60)
    held = api.handle
    api.handle = lambda request, now: (held(request, now)[0], 1.0)  # type: ignore[method-assign]
    stage.interrupt_at(part, stage.time + 0.5)
    stage.play()
    assert isinstance(part.error, KeyboardInterrupt)
    assert api.canceled == ["p1"]
    assert len(stage.requests("POST", "/predictions")) == 2


def test_a_create_whose_answer_is_lost_after_the_interrupt_is_looked_for_and_canceled():
    stage, api, part = begin(["drop_after"], seconds=60)
    stage.interrupt_at(part, stage.time + 0.03)
    stage.play()
    assert api.canceled == ["p1"]


def test_a_create_that_was_not_yet_written_is_withdrawn_and_never_sent():
    stage, api, part = begin([])
    part.interrupt = (0, KeyboardInterrupt, False)
    stage.play()
    assert isinstance(part.error, KeyboardInterrupt)
    assert api.requests == []


def test_a_create_that_hangs_longer_than_the_background_lasts_is_reported(caplog):
    told: list[tuple[Any, ...]] = []
    scribes = [Scribe("one", told), Scribe("two", told)]
    stage, _, part = begin(["timeout_after"], *scribes)
    stage.interrupt_at(part, stage.time + 1)
    stage.play()
    assert isinstance(part.error, KeyboardInterrupt)
    assert "may have been accepted and billed" in caplog.text
    assert [t for t in told if t[0] == "not_created"] == [
        ("not_created", "one-1", "SkytellsError", True),
        ("not_created", "two-1", "SkytellsError", True),
    ]


def test_a_cancel_that_fails_is_reported(caplog):
    stage, api, part = begin([], seconds=60)
    api.upset = lambda request, now: (
        None
        if "cancel" not in request.path
        else api._reply(type(request)("GET", "/predictions/unknown"), now)
    )
    stage.interrupt_at(part, stage.time + 5)
    stage.play()
    assert "perhaps not canceled, and goes on (p1)" in str(part.conversation.stopped.sentence())


def test_a_cancel_that_the_background_has_no_time_for_is_reported(caplog):
    stage, api, part = begin([], seconds=60)
    held = api.handle
    api.handle = lambda request, now: (  # type: ignore[method-assign]
        held(request, now)[0],
        9.0 if "cancel" in request.path else 0.0,
    )
    stage.interrupt_at(part, stage.time + 5)
    stage.play()
    assert "no time left" in str(part.conversation.stopped.sentence())


def test_what_a_fast_model_had_already_finished_is_archived_and_not_canceled():
    scribe = Scribe()
    stage, api, part = begin([], scribe, seconds=0)
    held = api.handle
    api.handle = lambda request, now: (held(request, now)[0], 1.0)  # type: ignore[method-assign]
    stage.interrupt_at(part, stage.time + 0.5)
    stage.play()
    assert api.canceled == []
    assert ("ended", "scribe", "p1", "succeeded") in scribe.told


def test_an_interrupt_while_observers_hear_of_the_end_cancels_nothing_and_tells_the_rest():
    told: list[tuple[Any, ...]] = []
    stage, api, part = begin([], Scribe("one", told), Scribe("two", told), Scribe("three", told))
    last = lengths_of_run([Scribe(), Scribe(), Scribe()])
    part.interrupt = (last - 2, KeyboardInterrupt, True)
    stage.play()
    assert isinstance(part.error, KeyboardInterrupt)
    assert isinstance(part.steps[last - 2], Do)
    assert api.canceled == []
    assert [t[1] for t in told if t[0] == "ended"] == ["one", "two", "three"]


def lengths_of_run(observers: list[Observer]) -> int:
    stage, _, part = begin([], *observers)
    stage.play()
    return len(part.steps)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bare_wait_only_lets_go(kind):
    stage, api, made = begin([], seconds=60, wait=False)
    stage.play()
    conversation = made.conversation
    part = stage.begin(conversation, flows.wait(conversation, "p1"))
    stage.interrupt_at(part, stage.time + 5, kind)
    stage.play()
    assert isinstance(part.error, kind)
    assert api.canceled == []
    assert not any(isinstance(step, Detach) for step in part.steps)


def test_identical_creates_interrupted_together_are_all_canceled():
    api = Api(["ok", "drop_after", "ok", "error_after"], seconds=60)
    stage = Stage(api)
    conversation = stage.conversation()
    parts = [stage.begin(conversation, flows.create(conversation, "truefusion", FOX)) for _ in range(4)]
    for part in parts:
        stage.interrupt_at(part, stage.time + 0.03)
    stage.play()
    assert sorted(api.canceled) == ["p1", "p2", "p3", "p4"]


def test_what_the_background_never_came_to_stands_in_nobodys_way():
    api = Api(["timeout_after", "ok"], seconds=60)
    stage = Stage(api)
    stage.drop_detached = True
    conversation = stage.conversation()
    part = stage.begin(conversation, flows.create(conversation, "truefusion", FOX))
    stage.interrupt_at(part, stage.time + 1)
    stage.play(until=stage.time + 2)
    part.error = None
    for step in part.steps:
        if isinstance(step, Detach):
            step.flow.close()
    part.steps.clear()
    again = stage.begin(conversation, flows.create(conversation, "truefusion", FOX, wait=False))
    stage.play()
    assert again.result.id == "p2"


def flow_of(name: str, conversation: Any) -> Any:
    return {
        "create": lambda: flows.create(conversation, "truefusion", FOX),
        "wait": lambda: flows.wait(conversation, "p1"),
        "get": lambda: flows.get(conversation, "p1"),
        "cancel": lambda: flows.cancel(conversation, "p1"),
        "delete": lambda: flows.delete(conversation, "p1"),
        "list": lambda: listing.list_predictions(conversation, limit=None),
        "models": lambda: flows.list_models(conversation),
    }[name]()


@pytest.mark.parametrize("name", ["create", "wait", "get", "cancel", "delete", "list", "models"])
@pytest.mark.parametrize("faults", [[], ["error_before"], ["drop_after"], ["limited"]])
def test_every_flow_can_be_closed_at_every_step_and_blocks_nobody_afterwards(name, faults):
    step = 0
    while True:
        api = Api(list(faults) if name == "create" else [])
        stage = Stage(api)
        conversation = stage.conversation(Scribe(), Scribe())
        if name != "create":
            api.accept("truefusion", FOX, stage.time)
        part = stage.begin(conversation, flow_of(name, conversation))
        while not part.done and len(part.steps) <= step and stage._events:
            stage.play(until=stage._events[0][0])
        if part.done:
            break
        part.flow.close()
        part.done = True
        api.faults.clear()
        after = stage.begin(conversation, flows.create(conversation, "truefusion", FOX, wait=False))
        began = stage.time
        stage.play()
        assert after.result.id
        assert after.ended - began < 1, "a closed flow keeps nobody waiting"
        step += 1
    assert step >= 1


def test_an_interrupt_while_it_waits_for_its_turn_sends_nothing():
    api = Api(["timeout_before"], seconds=60)
    stage = Stage(api)
    conversation = stage.conversation()
    stage.begin(conversation, flows.create(conversation, "truefusion", FOX))
    stage.play(until=stage.time + 61)
    waiting = stage.begin(conversation, flows.create(conversation, "truefusion", FOX))
    stage.interrupt_at(waiting, stage.time + 0.5)
    stage.play()
    assert isinstance(waiting.error, KeyboardInterrupt)
    assert all(isinstance(step, Sleep) for step in waiting.steps)
    assert len(stage.requests("POST")) == 1


def test_where_the_background_takes_nothing_on_a_later_create_is_not_blocked():
    stage = Stage(Api(["drop_after"]))
    conversation = stage.conversation()
    flow = flows.create(conversation, "truefusion", FOX)
    assert isinstance(next(flow), Send)
    step = flow.throw(KeyboardInterrupt())
    assert isinstance(step, Detach)
    with pytest.raises(RuntimeError, match="no thread"):
        flow.throw(RuntimeError("no thread can be started"))
    again = stage.begin(conversation, flows.create(conversation, "truefusion", FOX, wait=False))
    stage.play()
    assert again.result.id == "p1"
    assert step.flow.gi_frame is not None, "and what it would have carried out is still at hand"


def test_a_doubt_after_an_interrupt_is_told_with_what_can_be_done_about_it(caplog, monkeypatch):
    """Nobody has the error that could be reconciled: it was made in the background."""
    monkeypatch.setattr(reconciling, "LOOKS", (0.0, 0.5))
    stage, api, part = begin(["drop_before"])
    api.upset = lambda request, now: Answer(403, {}, b"<h1>No</h1>") if request.method == "GET" else None
    stage.interrupt_at(part, stage.time + 0.03)
    stage.play()
    assert isinstance(part.error, KeyboardInterrupt)
    assert "client.predictions.list() shows it" in caplog.text
    assert "reconcile" not in caplog.text
