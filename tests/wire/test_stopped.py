"""One sentence says what an interrupt stopped, and what it had cost."""

from __future__ import annotations

import warnings
from decimal import Decimal

import pytest

from skytells_nb.exceptions import SkytellsWarning
from skytells_nb.models import Prediction
from skytells_nb.wire import flows
from skytells_nb.wire.conversation import note
from skytells_nb.wire.stopping import Stopped

from .api import Api, envelope
from .stage import Stage


def prediction(identifier: str, cost: str | None = None) -> Prediction:
    return Prediction(id=identifier, status="canceled", cost=None if cost is None else Decimal(cost))


def test_nothing_stopped_is_nothing_said():
    assert Stopped().sentence() is None


def test_it_counts_what_was_canceled_and_adds_what_it_had_cost():
    stopped = Stopped()
    for number in range(50):
        stopped.canceled(prediction(f"p{number}", "0.02"))
    assert stopped.sentence() == (
        "Stopped: 50 predictions were canceled at the API. They had cost 1 credits."
    )
    assert stopped.sentence() is None, "it is said once"


def test_a_sandbox_costs_sandbox_credits():
    stopped = Stopped()
    stopped.canceled(prediction("p1", "0.00"))
    assert stopped.sentence(sandbox=True) == (
        "Stopped: 1 prediction was canceled at the API. It had cost 0 sandbox credits."
    )


def test_an_unknown_cost_is_not_called_nothing():
    stopped = Stopped()
    stopped.canceled(prediction("p1"))
    assert "What it had cost, the API did not say." in str(stopped.sentence())
    stopped.canceled(prediction("p1"))
    stopped.canceled(prediction("p2", "0.5"))
    assert "They had cost 0.5 credits, as far as the API said (1 of 2)." in str(stopped.sentence())


def test_what_goes_on_is_named_and_what_had_ended_is_counted():
    stopped = Stopped()
    stopped.ended(prediction("p0", "0.1"))
    for number in range(1, 9):
        stopped.goes_on(f"p{number}", "there was no time left.")
    said = str(stopped.sentence())
    assert "1 prediction had ended before that. It had cost 0.1 credits." in said
    assert "8 predictions were perhaps not canceled, and go on (p1, p2, p3, p4, p5, …): there was no" in said


def test_the_cancels_of_a_connection_are_counted_together():
    api = Api(seconds=60)
    stage = Stage(api)
    conversation = stage.conversation()
    parts = [
        stage.begin(conversation, flows.create(conversation, "truefusion", {"prompt": f"{n}"}))
        for n in range(50)
    ]
    for part in parts:
        stage.interrupt_at(part, stage.time + 5)
    stage.play()
    assert len(api.canceled) == 50
    assert str(conversation.stopped.sentence()).startswith(
        "Stopped: 50 predictions were canceled at the API."
    )


def test_what_had_ended_before_its_cancel_came_is_kept():
    api = Api(seconds=60)
    stage = Stage(api)
    conversation = stage.conversation()
    part = stage.begin(conversation, flows.create(conversation, "truefusion", {"prompt": "a fox"}))

    def too_late(request, now):
        if "cancel" not in request.path:
            return None
        api.jobs["p1"].ends = now
        return envelope(400, "INVALID_REQUEST", "The prediction has already finished")

    api.upset = too_late
    stage.interrupt_at(part, stage.time + 5)
    stage.play()
    assert "1 prediction had ended before that." in str(conversation.stopped.sentence())


def test_a_note_is_shown_each_time_it_is_true():
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        for _ in range(2):
            note("Stopped: 3 predictions were canceled at the API.")
    assert [w.category for w in shown] == [SkytellsWarning] * 2


def test_a_note_never_stops_the_work_where_warnings_are_errors(caplog: pytest.LogCaptureFixture):
    note("Something worth knowing.")
    assert "Something worth knowing." in caplog.text
