"""One sentence says what an interrupt stopped, and what it had cost."""

from __future__ import annotations

import warnings
from decimal import Decimal

import pytest

from skytells_nb.api._create import create
from skytells_nb.api._observers import CancelSummary
from skytells_nb.exceptions import SkytellsWarning, warn_user
from skytells_nb.models import Prediction

from .api import Api, envelope
from .stage import Stage


def prediction(identifier: str, cost: str | None = None) -> Prediction:
    return Prediction(id=identifier, status="canceled", cost=None if cost is None else Decimal(cost))


def test_nothing_stopped_is_nothing_said():
    assert CancelSummary().sentence() is None


def test_it_counts_what_was_canceled_and_adds_what_it_had_cost():
    stopped = CancelSummary()
    for number in range(50):
        stopped.canceled(prediction(f"p{number}", "0.02"))
    said = str(stopped.sentence())
    assert said.startswith("Stopped: 50 predictions were canceled at the API (p0, p1, ")
    assert said.endswith(", p49). Cost: $1.00.")
    assert stopped.sentence() is None, "it is said once"


def test_a_sandbox_costs_sandbox_credits():
    stopped = CancelSummary()
    stopped.canceled(prediction("p1", "0.00"))
    assert stopped.sentence(sandbox=True) == (
        "Stopped: 1 prediction was canceled at the API (p1). Cost: 0 credits."
    )


def test_an_unknown_cost_is_not_called_nothing():
    stopped = CancelSummary()
    stopped.canceled(prediction("p1"))
    assert "Cost: unknown." in str(stopped.sentence())
    stopped.canceled(prediction("p1"))
    stopped.canceled(prediction("p2", "0.5"))
    assert "Cost: $0.50, as far as the API said (1 of 2)." in str(stopped.sentence())


def test_what_goes_on_is_named_and_what_had_ended_is_named_too():
    stopped = CancelSummary()
    stopped.ended(prediction("p0", "0.1"))
    for number in range(1, 9):
        stopped.goes_on(f"p{number}", "there was no time left.")
    said = str(stopped.sentence())
    assert "1 prediction finished before that (p0). Cost: $0.10." in said
    assert (
        "8 predictions were perhaps not canceled, and go on (p1, p2, p3, p4, p5, p6, p7, p8): there" in said
    )


def test_the_cancels_of_a_connection_are_counted_together(caplog):
    api = Api(seconds=60)
    stage = Stage(api)
    connection = stage.connection()
    parts = [stage.begin(connection, create(connection, "truefusion", {"prompt": f"{n}"})) for n in range(50)]
    for part in parts:
        stage.interrupt_at(part, stage.time + 5)
    stage.play()
    assert len(api.canceled) == 50
    assert "Stopped: 50 predictions were canceled at the API (" in caplog.text


def test_what_had_ended_before_its_cancel_came_is_kept(caplog):
    api = Api(seconds=60)
    stage = Stage(api)
    connection = stage.connection()
    part = stage.begin(connection, create(connection, "truefusion", {"prompt": "a fox"}))

    def too_late(request, now):
        if "cancel" not in request.path:
            return None
        api.jobs["p1"].ends = now
        return envelope(400, "INVALID_REQUEST", "The prediction has already finished")

    api.upset = too_late
    stage.interrupt_at(part, stage.time + 5)
    stage.play()
    assert "1 prediction finished before that (p1)." in caplog.text


def test_a_note_is_shown_each_time_it_is_true():
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        for _ in range(2):
            warn_user("Stopped: 3 predictions were canceled at the API.")
    assert [w.category for w in shown] == [SkytellsWarning] * 2


def test_a_note_never_stops_the_work_where_warnings_are_errors(caplog: pytest.LogCaptureFixture):
    warn_user("Something worth knowing.")
    assert "Something worth knowing." in caplog.text
