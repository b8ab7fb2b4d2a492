"""Waiting for one prediction: noticed soon, with few reads, whatever the reads bring."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skytells_nb.api._create import create
from skytells_nb.api._retry import Durations, length, next_read
from skytells_nb.api._wait import wait as wait_for
from skytells_nb.exceptions import (
    PredictionError,
    WaitTimeoutError,
)
from skytells_nb.models import Prediction

from .api import Api, good
from .stage import ORIGIN, Stage

FOX = {"prompt": "a red fox in snow"}


def job(
    seconds: float, *, durations: Durations | None = None, latency: float = 0.002
) -> tuple[float, int, Stage]:
    """Run one job; gives how late its end was noticed, in seconds, and how many reads that took."""
    api = Api(seconds=seconds)
    stage = Stage(api, latency=latency)
    connection = stage.connection(durations=durations)
    part = stage.begin(connection, create(connection, "truefusion", FOX))
    stage.play()
    assert part.result.status == "succeeded"
    late = part.ended - api.jobs["p1"].ends
    return late, len(stage.reads), stage


@settings(max_examples=40)
@given(st.floats(0.01, 1700))
def test_a_models_first_job_is_noticed_soon_and_never_over_half_a_minute_late(seconds):
    late, _, _ = job(seconds)
    assert late <= min(0.2 * seconds + 1.1, 30.1)


@pytest.mark.parametrize(("seconds", "most"), [(5, 10), (10, 10), (20, 12), (30, 12), (45, 15), (60, 15)])
def test_a_models_first_job_takes_few_reads_and_is_noticed_within_a_fifth(seconds, most):
    """A key's limit may be 25 requests a minute (skytells-api.md section 11)."""
    late, reads, _ = job(seconds)
    assert reads <= most
    assert late <= 0.2 * seconds


@settings(max_examples=80)
@given(st.floats(1, 300), st.floats(-0.15, 0.15))
def test_from_the_second_on_at_most_a_twentieth_late_and_eight_reads(usual, spread):
    durations = Durations()
    durations.remember(ORIGIN, "truefusion", usual)
    late, reads, _ = job(usual * (1 + spread), durations=durations)
    assert late <= 0.05 * usual * (1 + spread)
    assert reads <= 8


@pytest.mark.parametrize("usual", [1.0, 3.0, 12.0, 47.0, 300.0])
def test_what_a_first_job_taught_serves_the_second_one(usual):
    durations = Durations()
    job(usual, durations=durations)
    for spread in (-0.1, -0.05, 0.0, 0.05, 0.1):
        late, reads, _ = job(usual * (1 + spread), durations=durations)
        assert late <= 0.05 * usual * (1 + spread)
        assert reads <= 8


@pytest.mark.parametrize("factor", [0.1, 0.5, 1.5, 3.0, 10.0])
def test_a_length_far_from_the_remembered_one_is_still_noticed(factor):
    durations = Durations()
    durations.remember(ORIGIN, "truefusion", 20.0)
    late, _, _ = job(20.0 * factor, durations=durations)
    assert late <= max(0.2 * 20 * factor, 0.85 * 20)


@pytest.mark.parametrize("seconds", [0.0, 3.0])
@pytest.mark.parametrize("late", [0.6, 60.0])
def test_an_output_that_shows_a_moment_after_the_end_is_waited_for(seconds, late):
    """In the create's own answer, or in a read; one that never shows is waited for 2 s."""
    api = Api(seconds=seconds)
    whole = api.view

    def view(job, now, *, listed=False):
        bare = {"output": None} if now < job.ends + late else {}
        return whole(job, now, listed=listed) | bare

    api.view = view
    stage = Stage(api)
    connection = stage.connection()
    made = stage.begin(connection, create(connection, "truefusion", FOX))
    stage.play()
    assert bool(made.result.output) == (late < 1)
    assert made.ended - api.jobs["p1"].ends < 0.2 * seconds + 3.1


def test_lengths_are_remembered_by_base_url_and_model():
    durations = Durations(keep=3)
    for seconds in (1.0, 2.0, 9.0, 2.0, 3.0):
        durations.remember(ORIGIN, "truefusion", seconds)
    assert durations.window(ORIGIN, "truefusion") is None, "too unlike to plan by"
    durations.remember(ORIGIN, "truefusion", 2.5)
    assert durations.window(ORIGIN, "truefusion") == pytest.approx((2.0, 3.0)), "the last three"
    assert durations.window(ORIGIN, "other") is None
    assert durations.window("http://127.0.0.1:1/v1", "truefusion") is None
    durations.remember(ORIGIN, None, 5.0)
    durations.remember(ORIGIN, "other", 0.0)
    assert durations.window(ORIGIN, None) is None
    assert durations.window(ORIGIN, "other") is None


def test_one_that_took_unusually_long_changes_nothing():
    durations = Durations()
    for seconds in (5.0, 5.2, 60.0, 4.9, 5.1):
        durations.remember(ORIGIN, "truefusion", seconds)
    assert durations.window(ORIGIN, "truefusion") == pytest.approx((0.85 * 5.1, 1.2 * 5.1))


def test_of_those_that_started_together_the_last_to_end_teach_no_more_than_the_others():
    durations = Durations(keep=3)
    for started, seconds in ((3.0, 2.0), (2.0, 2.2), (4.0, 2.1), (1.0, 50.0), (0.0, 60.0)):
        durations.remember(ORIGIN, "truefusion", seconds, started)
    assert durations.window(ORIGIN, "truefusion") == pytest.approx((0.85 * 2.1, 1.2 * 2.1))


@pytest.mark.parametrize(
    ("raw", "observed", "expected"),
    [
        ({}, 10.0, 10.0),
        ({"metrics": {"total_time": 9.0}}, 10.0, 9.0),
        ({"metrics": {"total_time": 1.0}}, 10.0, 10.0),
        ({"metrics": {"total_time": 11.0}}, 10.0, 10.0),
        (
            {"created_at": "2026-01-01T00:00:00.5Z", "completed_at": "2026-01-01T00:00:09.7Z"},
            10.0,
            9.2,
        ),
        (
            {
                "created_at": "2026-01-01T00:00:00Z",
                "completed_at": "2026-01-01T00:00:09Z",
                "metrics": {"total_time": 8.6},
            },
            10.0,
            8.6,
        ),
    ],
)
def test_a_length_is_the_apis_own_where_that_is_plausible(raw, observed, expected):
    prediction = Prediction.from_api({"id": "p", **raw})
    assert length(prediction, observed) == pytest.approx(expected)


@pytest.mark.parametrize(("unfinished", "expected"), [(0.0, 0.2), (0.1, 0.2), (0.3, 1.7)])
def test_a_look_that_came_late_teaches_no_lateness(unfinished, expected):
    raw = {"created_at": "2026-01-01T00:00:00.5Z", "completed_at": "2026-01-01T00:00:00.7Z"}
    assert length(Prediction.from_api({"id": "p", **raw}), 1.7, unfinished) == pytest.approx(expected)


def test_a_remembered_length_that_is_far_too_long_is_corrected_by_the_next_job():
    durations = Durations(keep=1)
    durations.remember(ORIGIN, "truefusion", 60.0)
    job(1.0, durations=durations)
    assert durations.window(ORIGIN, "truefusion") == pytest.approx((0.85, 1.2), rel=0.1)


def test_only_what_succeeded_teaches_a_length():
    durations = Durations()
    api = Api(seconds=5)
    stage = Stage(api)
    connection = stage.connection(durations=durations)
    api.accept("truefusion", FOX, stage.time).outcome = "failed"
    with pytest.raises(PredictionError):
        stage.run(connection, wait_for(connection, "p1"))
    assert durations.window(ORIGIN, "truefusion") is None


def test_reads_never_go_back_in_time():
    for window in (None, (0.001, 0.001), (0.08, 0.12), (4.0, 10.0), (300.0, 400.0)):
        age = 0.0
        for _ in range(200):
            after = next_read(age, window)
            assert after > age
            age = after


def wait(api: Api, stage: Stage, **options: Any) -> Prediction:
    connection = stage.connection()
    prediction: Prediction = stage.run(connection, wait_for(connection, "p1", **options))
    return prediction


@pytest.mark.parametrize("by_id", [True, False])
def test_one_that_was_made_long_ago_is_read_at_once(by_id):
    durations = Durations()
    durations.remember(ORIGIN, "truefusion", 60.0)
    api = Api(seconds=60)
    stage = Stage(api)
    connection = stage.connection(durations=durations)
    made = stage.run(connection, create(connection, "truefusion", FOX, wait=False))
    stage.time += 100
    began = stage.time
    found = stage.run(connection, wait_for(connection, made.id if by_id else made, timeout=1))
    assert found.status == "succeeded"
    assert stage.time - began < 0.2


def test_one_that_somebody_else_made_is_timed_from_when_it_was_made():
    durations = Durations()
    durations.remember(ORIGIN, "truefusion", 60.0)
    api = Api(seconds=60)
    stage = Stage(api)
    connection = stage.connection(durations=durations)
    api.accept("truefusion", FOX, stage.time - 50)
    part = stage.begin(connection, wait_for(connection, "p1"))
    stage.play(until=stage.time + 20)
    assert part.ended - api.jobs["p1"].ends <= 3
    assert len(stage.reads) <= 8


def test_progress_is_told_at_every_read():
    api = Api(seconds=3)
    stage = Stage(api)
    api.accept("truefusion", FOX, stage.time)
    seen: list[str] = []
    wait(api, stage, on_progress=lambda p: seen.append(p.status))
    assert seen[-1] == "succeeded"
    assert set(seen[:-1]) == {"processing"}


def test_a_job_that_fails_with_a_502_ends():
    api = Api(seconds=5)
    stage = Stage(api)
    api.accept("truefusion", FOX, stage.time).outcome = "failed_as_502"
    with pytest.raises(PredictionError) as raised:
        wait(api, stage)
    assert raised.value.prediction is not None
    assert raised.value.prediction.id == "p1"
    assert raised.value.prediction.status == "failed"
    assert raised.value.prediction.input == FOX
    assert raised.value.error_id == "PREDICTION_FAILED"


def test_a_canceled_one_says_so():
    api = Api(seconds=50)
    stage = Stage(api)
    made = api.accept("truefusion", FOX, stage.time)

    def cancel() -> None:
        made.ends, made.outcome = stage.time, "cancelled"

    stage.at(stage.time + 5, cancel)
    with pytest.raises(PredictionError, match=r"was canceled \(cost: unknown\)") as raised:
        wait(api, stage)
    assert raised.value.charged is None


def test_a_failed_one_with_a_cost_says_it():
    api = Api(seconds=1)
    stage = Stage(api)
    made = api.accept("truefusion", FOX, stage.time)
    made.outcome = "failed"
    made.extra = {"metadata": {"billing": {"credits_used": 0.02}}}
    with pytest.raises(PredictionError, match=r"cost: \$0\.02") as raised:
        wait(api, stage)
    assert raised.value.charged is True


def test_a_deadline_ends_the_wait_and_hands_the_prediction_over():
    api = Api(seconds=500)
    stage = Stage(api)
    api.accept("truefusion", FOX, stage.time)
    began = stage.time
    with pytest.raises(
        WaitTimeoutError, match=r"Timed out after 30 s\. Prediction p1 is still processing"
    ) as raised:
        wait(api, stage, timeout=30)
    assert stage.time - began <= 530
    assert raised.value.prediction is not None
    assert (raised.value.prediction.id, raised.value.prediction.model) == ("p1", "truefusion")


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), 10**400, "5", True])
def test_a_timeout_that_is_none_is_refused(timeout):
    stage = Stage(Api())
    connection = stage.connection()
    with pytest.raises(Exception, match="timeout must be seconds, more than 0"):
        stage.run(connection, wait_for(connection, "p1", timeout=timeout))
    assert stage.log == []


def test_a_done_prediction_needs_no_read_to_be_waited_for():
    stage = Stage(Api())
    connection = stage.connection()
    done = Prediction.from_api({"id": "p1", "status": "succeeded", "output": ["u"]})
    assert stage.run(connection, wait_for(connection, done)) is done
    assert stage.log == []


def test_an_error_in_on_progress_keeps_the_id():
    api = Api(seconds=50)
    stage = Stage(api)
    api.accept("truefusion", FOX, stage.time)
    connection = stage.connection()
    part = stage.begin(connection, wait_for(connection, "p1", on_progress=lambda seen: 1 / 0))
    stage.play_while(lambda: not part.done)
    assert isinstance(part.error, ZeroDivisionError)
    assert any("p1" in text for text in part.error.__notes__)


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("limit", [10, 60])
def test_it_never_reads_faster_than_half_a_known_limit(limit, older):
    api = Api(seconds=100)
    api.limit, api.older_headers = limit, older
    stage = Stage(api)
    connection = stage.connection()
    stage.run(connection, create(connection, "truefusion", FOX))
    reads = stage.reads
    assert most_in_a_minute(reads) <= limit / 2


def most_in_a_minute(times: list[float]) -> int:
    return max(sum(start <= at < start + 60 for at in times) for start in times)


def test_news_that_come_by_themselves_end_the_wait_without_a_read():
    api = Api(seconds=300)
    stage = Stage(api)
    connection = stage.connection()
    part = stage.begin(connection, create(connection, "truefusion", FOX))
    told = Prediction.from_api({"id": "p1", "status": "succeeded", "output": ["u"]})
    stage.at(stage.time + 0.1, lambda: connection.watch.tell(told, stage.time))
    stage.at(stage.time + 0.2, lambda: connection.watch.tell(told, stage.time))
    stage.play(until=stage.time + 1)
    assert part.result.output == ["u"]
    assert [request.method for _, request in stage.log] == ["POST"]


def test_an_answer_that_is_short_keeps_what_was_known():
    api = Api(seconds=2)
    stage = Stage(api)
    api.upset = lambda request, now: (
        good({"id": "p1", "status": "succeeded", "output": ["u"]}) if request.method == "GET" else None
    )
    connection = stage.connection()
    made = stage.run(connection, create(connection, "truefusion", FOX))
    assert (made.model, made.input) == ("truefusion", FOX)


def test_one_of_unknown_age_is_read_at_once():
    api = Api(seconds=0)
    stage = Stage(api)
    api.accept("truefusion", FOX, stage.time - 50)
    assert wait(api, stage, timeout=0.1).status == "succeeded"
