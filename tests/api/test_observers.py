"""Who listens to a create hears of it in order and once, and cannot lose it."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from skytells_nb.api import _observers as observers
from skytells_nb.api._create import create
from skytells_nb.api._predictions import get_prediction
from skytells_nb.exceptions import BudgetExceeded, PredictionError, SkytellsWarning, UncertainCreateError

from .api import Api
from .listeners import Broken, Refusing, Scribe
from .stage import Stage

FOX = {"prompt": "a red fox in snow"}


def run(api: Api, *listening: Any, **options: Any) -> Any:
    stage = Stage(api)
    connection = stage.connection(*listening)
    return stage.run(connection, create(connection, "truefusion", FOX, **options))


def test_they_hear_before_it_is_sent_when_its_id_is_known_and_when_it_ended():
    scribe = Scribe()
    run(Api(), scribe)
    assert scribe.told == [
        ("before", "scribe-1"),
        ("created", "scribe-1", "p1"),
        ("ended", "scribe", "p1", "succeeded"),
    ]


def test_without_a_wait_the_end_is_not_seen_unless_it_has_come():
    scribe = Scribe()
    run(Api(), scribe, wait=False)
    assert scribe.words() == ["before", "created"]
    scribe = Scribe()
    run(Api(seconds=0), scribe, wait=False)
    assert scribe.words() == ["before", "created", "ended"]


def test_a_create_that_had_to_be_looked_for_is_told_like_any_other():
    scribe = Scribe()
    run(Api(["error_after"]), scribe)
    assert scribe.words() == ["before", "created", "ended"]


def test_a_create_that_is_sent_three_times_is_announced_once():
    scribe = Scribe()
    run(Api(["refused", "error_before"]), scribe)
    assert scribe.words() == ["before", "created", "ended"]


def test_a_refusal_before_it_is_sent_sends_nothing_and_tells_those_asked_before():
    told: list[tuple[Any, ...]] = []
    api = Api()
    refusal = BudgetExceeded("Too dear.", charged=False)
    with pytest.raises(BudgetExceeded):
        run(api, Scribe("one", told), Refusing(refusal), Scribe("two", told))
    assert api.requests == []
    assert told == [("before", "one-1"), ("not_created", "one-1", "BudgetExceededError", False)]


@pytest.mark.parametrize(
    ("faults", "error", "sent"),
    [
        (["refused"] * 3, "NetworkError", False),
        (["limited"] * 3, "RateLimitError", False),
        (["drop_before"], "UncertainCreateError", True),
        (["error_before"] * 3, "ServerError", True),
        (["error_before", "refused", "refused"], "NetworkError", True),
    ],
)
def test_what_was_not_created_is_told_with_whether_it_may_have_been_accepted(faults, error, sent):
    scribe = Scribe()
    with pytest.raises(Exception, match=r"."):
        run(Api(faults), scribe)
    assert scribe.told[1:] == [("not_created", "scribe-1", error, sent)]


def test_a_failed_prediction_was_created_and_has_ended():
    scribe = Scribe()
    api = Api()
    api.seconds = lambda n: 1.0
    accept = api.accept

    def failing(*args: Any) -> Any:
        job = accept(*args)
        job.outcome = "failed"
        return job

    api.accept = failing  # type: ignore[method-assign]
    with pytest.raises(PredictionError) as raised:
        run(api, scribe)
    assert raised.value.prediction.id == "p1"
    assert raised.value.detail == "NSFW content detected."
    assert scribe.words() == ["before", "created", "ended"]


def test_one_that_fails_becomes_a_warning_and_loses_nothing():
    scribe = Scribe()
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        made = run(Api(), Broken(), scribe)
    assert made.output is not None
    assert [w.category for w in shown] == [SkytellsWarning, SkytellsWarning]
    assert "Broken failed" in str(shown[0].message)
    assert "disk full" in str(shown[0].message)
    assert scribe.words() == ["before", "created", "ended"]


def test_one_that_fails_loses_nothing_where_warnings_are_errors_either(caplog):
    scribe = Scribe()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = run(Api(), Broken(), scribe)
    assert made.output is not None
    assert "disk full" in caplog.text
    assert scribe.words() == ["before", "created", "ended"]


def test_one_that_fails_while_it_hears_of_a_failure_hides_it_not(caplog):
    scribe = Scribe()
    with pytest.raises(UncertainCreateError):
        run(Api(["drop_before"]), Broken(), scribe)
    assert scribe.words() == ["before", "not_created"]
    assert "disk full" in caplog.text


def test_one_that_returns_nothing_from_ended_loses_nothing():
    class Forgetful(Scribe):
        async def ended(self, account: Any, prediction: Any) -> Any:
            await super().ended(account, prediction)

    assert run(Api(), Forgetful()).output is not None


def test_those_of_the_whole_process_are_told_too(monkeypatch):
    scribe = Scribe()
    monkeypatch.setattr(observers, "global_observers", [scribe])
    run(Api())
    assert scribe.words() == ["before", "created", "ended"]


def test_what_ended_returns_is_what_the_caller_gets():
    class Filing(Scribe):
        async def ended(self, account: Any, prediction: Any) -> Any:
            from dataclasses import replace
            from pathlib import Path

            await super().ended(account, prediction)
            return replace(prediction, files=(Path("fox.png"),))

    assert [path.name for path in run(Api(), Filing()).files] == ["fox.png"]


def test_a_read_of_what_has_ended_is_told_and_a_read_of_what_runs_is_not():
    api = Api(seconds=10)
    scribe = Scribe()
    stage = Stage(api)
    connection = stage.connection(scribe)
    api.accept("truefusion", FOX, stage.time)
    stage.run(connection, get_prediction(connection, "p1"))
    assert scribe.told == []
    stage.time += 20
    stage.run(connection, get_prediction(connection, "p1"))
    assert scribe.words() == ["ended"]
