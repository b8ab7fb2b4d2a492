"""Interrupts: the call ends at once, and what was accepted is canceled behind its back."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Iterator
from typing import Any

import pytest

from skytells_nb.api import _listing as listing
from skytells_nb.api import _reconcile as reconciling
from skytells_nb.api._create import create
from skytells_nb.api._models import list_models
from skytells_nb.api._observers import Observer
from skytells_nb.api._predictions import cancel_prediction, delete_prediction, get_prediction
from skytells_nb.api._responses import Response
from skytells_nb.api._wait import wait

from .api import LOST, Api
from .listeners import Scribe
from .stage import Part, Stage

FOX = {"prompt": "a red fox in snow"}
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
    connection = stage.connection(*observers)
    return stage, api, stage.begin(connection, create(connection, "truefusion", FOX, **options))


def lengths(faults: list[str]) -> int:
    stage, _, part = begin(faults, Scribe("one"), Scribe("two"))
    stage.play()
    return part.points


def interruptions() -> Iterator[Any]:
    for faults in COURSES:
        for step in range(lengths(faults)):
            for begun in (True, False):
                yield pytest.param(faults, step, begun, id=f"{'+'.join(faults) or 'ok'}-{step}-{begun}")


@pytest.mark.parametrize(("faults", "step", "begun"), list(interruptions()))
def test_an_interrupt_at_any_step_of_a_create_leaves_nothing_running_and_nobody_untold(faults, step, begun):
    told: list[tuple[Any, ...]] = []
    scribes = [Scribe("one", told), Scribe("two", told)]
    stage, api, part = begin(faults, *scribes)
    part.interrupt = (step, begun)
    stage.play()

    if part.struck is None:
        assert begun, "it had ended a moment later, by itself"
        return
    assert isinstance(part.error, CancelledError)
    assert part.ended == part.struck, "the call ends at once"
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


def test_while_it_waits_the_one_further_request_is_the_cancel():
    stage, api, part = begin([], seconds=60)
    struck = stage.time + 10
    stage.interrupt_at(part, struck)
    stage.play()
    assert isinstance(part.error, CancelledError)
    after = [request.path for at, request in api.requests if at > struck]
    assert after == ["/predictions/p1/cancel"]
    assert len(stage.background) == 1


def test_a_create_on_the_wire_is_canceled_as_soon_as_its_answer_names_it():
    stage, api, part = begin([], seconds=60)
    held = api.handle
    api.handle = lambda request, now: (held(request, now)[0], 1.0)  # type: ignore[method-assign]
    stage.interrupt_at(part, stage.time + 0.5)
    stage.play()
    assert isinstance(part.error, CancelledError)
    assert api.canceled == ["p1"]
    assert len(stage.requests("POST", "/predictions")) == 2


def test_a_create_whose_answer_is_lost_after_the_interrupt_is_looked_for_and_canceled():
    stage, api, part = begin(["drop_after"], seconds=60)
    stage.interrupt_at(part, stage.time + 0.03)
    stage.play()
    assert api.canceled == ["p1"]


def test_a_create_that_was_not_yet_written_is_withdrawn_and_never_sent():
    stage, api, part = begin([])
    part.interrupt = (0, False)
    stage.play()
    assert isinstance(part.error, CancelledError)
    assert api.requests == []


def test_a_create_that_hangs_longer_than_the_background_lasts_is_reported(caplog):
    told: list[tuple[Any, ...]] = []
    scribes = [Scribe("one", told), Scribe("two", told)]
    stage, api, part = begin(["timeout_after"], *scribes)
    api.hidden = 60
    stage.interrupt_at(part, stage.time + 1)
    stage.play()
    assert isinstance(part.error, CancelledError)
    assert "You may have been billed" in caplog.text
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
    assert "perhaps not canceled, and goes on (p1)" in caplog.text


def test_a_cancel_that_the_background_has_no_time_for_is_reported(caplog):
    stage, api, part = begin([], seconds=60)
    held = api.handle
    api.handle = lambda request, now: (  # type: ignore[method-assign]
        held(request, now)[0],
        9.0 if "cancel" in request.path else 0.0,
    )
    stage.interrupt_at(part, stage.time + 5)
    stage.play()
    assert "no time left" in caplog.text


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
    stage.play_while(lambda: not any(t[0] == "ended" for t in told))
    stage.strike(part)
    stage.play()
    assert isinstance(part.error, CancelledError)
    assert api.canceled == []
    assert [t[1] for t in told if t[0] == "ended"] == ["one", "two", "three"]


def test_a_bare_wait_only_lets_go():
    stage, api, made = begin([], seconds=60, wait=False)
    stage.play()
    connection = made.connection
    part = stage.begin(connection, wait(connection, "p1"))
    stage.interrupt_at(part, stage.time + 5)
    stage.play()
    assert isinstance(part.error, CancelledError)
    assert api.canceled == []
    assert stage.background == []


def test_identical_creates_interrupted_together_are_all_canceled():
    api = Api(["ok", "drop_after", "ok", "error_after"], seconds=60)
    stage = Stage(api)
    connection = stage.connection()
    parts = [stage.begin(connection, create(connection, "truefusion", FOX)) for _ in range(4)]
    for part in parts:
        stage.interrupt_at(part, stage.time + 0.03)
    stage.play()
    assert sorted(api.canceled) == ["p1", "p2", "p3", "p4"]


def flow_of(name: str, connection: Any) -> Any:
    return {
        "create": lambda: create(connection, "truefusion", FOX),
        "wait": lambda: wait(connection, "p1"),
        "get": lambda: get_prediction(connection, "p1"),
        "cancel": lambda: cancel_prediction(connection, "p1"),
        "delete": lambda: delete_prediction(connection, "p1"),
        "list": lambda: listing.list_predictions(connection, limit=None),
        "models": lambda: list_models(connection),
    }[name]()


@pytest.mark.parametrize("name", ["create", "wait", "get", "cancel", "delete", "list", "models"])
@pytest.mark.parametrize("faults", [[], ["error_before"], ["drop_after"], ["limited"]])
def test_every_operation_can_be_given_up_at_every_step_and_blocks_nobody_afterwards(name, faults):
    step = 0
    while True:
        api = Api(list(faults) if name == "create" else [])
        stage = Stage(api)
        connection = stage.connection(Scribe(), Scribe())
        if name != "create":
            api.accept("truefusion", FOX, stage.time)
        part = stage.begin(connection, flow_of(name, connection))
        stage.play_while(lambda part=part, step=step: not part.done and part.points <= step)
        if part.done:
            break
        stage.strike(part)
        stage.play()
        api.faults.clear()
        after = stage.begin(connection, create(connection, "truefusion", FOX, wait=False))
        began = stage.time
        stage.play()
        assert after.result.id
        assert after.ended - began < 1, "what was given up keeps nobody waiting"
        step += 1
    assert step >= 1


def test_an_interrupt_while_it_waits_for_its_turn_sends_nothing():
    api = Api(["timeout_before"], seconds=60)
    stage = Stage(api)
    connection = stage.connection()
    stage.begin(connection, create(connection, "truefusion", FOX))
    stage.play(until=stage.time + 61)
    waiting = stage.begin(connection, create(connection, "truefusion", FOX))
    stage.interrupt_at(waiting, stage.time + 0.5)
    stage.play()
    assert isinstance(waiting.error, CancelledError)
    assert len(stage.requests("POST")) == 1


def test_a_doubt_after_an_interrupt_is_told_with_what_can_be_done_about_it(caplog, monkeypatch):
    """Nobody has the error that could be reconciled: it was made in the background."""
    monkeypatch.setattr(reconciling, "LOOKS", (0.0, 0.5))
    stage, api, part = begin(["drop_before"])
    api.upset = lambda request, now: Response(403, {}, b"<h1>No</h1>") if request.method == "GET" else None
    stage.interrupt_at(part, stage.time + 0.03)
    stage.play()
    assert isinstance(part.error, CancelledError)
    assert "client.predictions.list() shows it" in caplog.text
    assert "reconcile" not in caplog.text
