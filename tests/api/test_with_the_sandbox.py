"""Every money fault of the sandbox against the flows, and its own count of what was billed."""

from __future__ import annotations

from typing import Any

import pytest

from skytells_nb.api._create import create
from skytells_nb.api._listing import list_predictions
from skytells_nb.api._models import get_model, list_models
from skytells_nb.api._predictions import cancel_prediction, delete_prediction, get_prediction, reconcile
from skytells_nb.exceptions import (
    AuthenticationError,
    ContentPolicyError,
    InsufficientCreditsError,
    NotFoundError,
    PermissionDeniedError,
    PredictionError,
    RateLimitError,
    ServerError,
    SkytellsError,
    UncertainCreateError,
)

from .sandboxed import SandboxApi
from .stage import Stage

FOX = {"prompt": "a red fox in snow"}
DIALECTS: list[dict[str, Any]] = [
    {},
    {"listing": "array", "model": "string", "canceled": "canceled", "first_status": "queued"},
    {"model": "display", "billing": "metrics", "output": "array", "timestamps": "offset"},
    {"error_shape": "B", "output": "string", "timestamps": "mixed", "create_status": "202"},
    {"error_shape": "C", "paths": "old", "cancel_answer": "success"},
    {"error_shape": "E", "missing_prediction": "404", "rate_headers": "old", "ids": "uuid"},
    {"error_shape": "D", "filters": "ignored"},
]


def make(api: SandboxApi, model: str = "truefusion") -> Any:
    stage = Stage(api)
    connection = stage.connection()
    return stage.run(connection, create(connection, model, FOX))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("fault", "details"),
    [
        (None, {}),
        ("rate_limit", {"retry_after": 1}),
        ("rate_limit", {"retry_after": None}),
        ("server_error", {"accepted": True, "status": 500}),
        ("server_error", {"accepted": True, "status": 503}),
        ("server_error", {"accepted": False, "status": 503}),
        ("html_gateway", {"accepted": True}),
        ("drop_after", {}),
        ("hang_after", {}),
        ("error_after", {}),
        ("broken_json", {}),
        ("empty_body", {}),
        ("queued_false", {}),
        ("slow", {"seconds": 20.0}),
        ("missing_date", {}),
    ],
)
def test_in_every_dialect_a_create_that_goes_wrong_is_billed_once(fault, details, dialect):
    api = SandboxApi(seconds=3.0, **dialect)
    if fault:
        api.faults.next(fault, on="create", **details)
    made = make(api)
    assert made.status == "succeeded"
    assert made.output
    assert api.billed == 1


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("fault", ["drop_before", "html_gateway"])
def test_what_nobody_can_know_is_uncertain_and_bills_nothing(fault, dialect):
    api = SandboxApi(seconds=3.0, **dialect)
    api.faults.next(fault, on="create")
    with pytest.raises(UncertainCreateError):
        make(api)
    assert api.billed == 0
    assert api.creates() == 1


def test_what_is_hidden_for_a_while_is_found_and_longer_is_found_by_reconcile():
    for seconds, found_at_once in ((2.0, True), (20.0, False)):
        api = SandboxApi(seconds=3.0)
        api.faults.next("hidden", seconds=seconds)
        api.faults.next("drop_after")
        stage = Stage(api)
        connection = stage.connection()
        part = stage.begin(connection, create(connection, "truefusion", FOX))
        stage.play()
        if found_at_once:
            assert part.result.status == "succeeded"
        else:
            assert isinstance(part.error, UncertainCreateError)
            stage.play(until=stage.time + 60)
            found = stage.run(connection, reconcile(connection, part.error))
            assert found.status == "succeeded"
        assert api.billed == 1


@pytest.mark.parametrize(
    ("fault", "details", "kind"),
    [
        ("no_credit", {}, InsufficientCreditsError),
        ("suspended", {"status": 401}, PermissionDeniedError),
        ("suspended", {"status": 403}, PermissionDeniedError),
        ("forbidden", {}, PermissionDeniedError),
        ("unauthorized", {}, AuthenticationError),
        ("content_policy", {}, ContentPolicyError),
    ],
)
def test_a_refusal_is_raised_at_once_and_bills_nothing(fault, details, kind):
    api = SandboxApi()
    api.faults.next(fault, on="create", **details)
    with pytest.raises(kind) as raised:
        make(api)
    assert raised.value.charged is False
    assert raised.value.detail
    assert api.creates() == 1
    assert api.billed == 0


def test_an_unknown_model_and_a_wrong_key():
    api = SandboxApi()
    with pytest.raises(NotFoundError):
        make(api, "no-such-model")
    api.key = "nonsense"
    with pytest.raises(AuthenticationError):
        make(api)


def test_a_rate_limit_that_stays_is_raised_with_its_seconds():
    api = SandboxApi()
    api.faults.next("rate_limit", times=9, retry_after=2, on="create")
    with pytest.raises(RateLimitError) as raised:
        make(api)
    assert raised.value.retry_after == 2
    assert api.creates() == 3


def test_a_server_that_stays_down_is_raised_after_three_tries():
    api = SandboxApi()
    api.faults.next("server_error", times=9, on="create", status=503)
    with pytest.raises(ServerError):
        make(api)
    assert api.creates() == 3
    assert api.billed == 0


@pytest.mark.parametrize(
    ("fault", "shape"),
    [("failed", "D"), *((fault, shape) for fault in ("failed", "failed_as_502") for shape in "ABCE")],
)
def test_a_job_that_fails_is_a_prediction_error_with_its_id(fault, shape):
    api = SandboxApi(seconds=3.0, error_shape=shape)
    api.faults.next(fault, reason="NSFW content detected.")
    with pytest.raises(PredictionError) as raised:
        make(api)
    assert raised.value.prediction is not None
    assert raised.value.prediction.status == "failed"
    assert raised.value.prediction.id in api.core.state.jobs


@pytest.mark.parametrize("dialect", DIALECTS)
def test_many_at_once_with_faults_of_every_kind_are_each_billed_once(dialect):
    api = SandboxApi(seconds=2.0, **dialect)
    stage = Stage(api)
    connection = stage.connection()
    for fault in ("drop_after", "error_after", "hang_after", "rate_limit", "broken_json"):
        api.faults.next(fault, on="create", times=2)
    parts = [
        stage.begin(connection, create(connection, "truefusion", FOX if n % 2 else {"prompt": f"{n}"}))
        for n in range(20)
    ]
    stage.play()
    made = [part.value.id for part in parts if part.error is None]
    assert len(made) == len(set(made)) == api.billed == 20


def test_listing_canceling_and_deleting_in_every_dialect():
    for dialect in DIALECTS:
        api = SandboxApi(seconds=100.0, **dialect)
        stage = Stage(api)
        connection = stage.connection()
        for n in range(60):
            stage.run(connection, create(connection, "truefusion", {"prompt": f"{n}"}, wait=False))
        found = stage.run(connection, list_predictions(connection, limit=None))
        assert len(found) == 60
        canceled = stage.run(connection, cancel_prediction(connection, found[0].id))
        assert canceled.status == "canceled"
        assert len(stage.run(connection, list_predictions(connection, status="canceled"))) == 1
        stage.run(connection, delete_prediction(connection, found[0].id))
        with pytest.raises(SkytellsError) as raised:
            stage.run(connection, get_prediction(connection, found[0].id))
        speechless = dialect.get("error_shape") == "D"
        assert isinstance(raised.value, ServerError if speechless else NotFoundError)


def test_models_in_every_dialect():
    for dialect in DIALECTS:
        stage = Stage(SandboxApi(**dialect))
        connection = stage.connection()
        models = stage.run(connection, list_models(connection))
        assert len(models) >= 14
        one = stage.run(connection, get_model(connection, models[0].id))
        assert one.input_schema


def test_under_a_real_rate_limit_everything_still_ends():
    api = SandboxApi(seconds=2.0, rate_limit=60)
    stage = Stage(api)
    connection = stage.connection()
    parts = [
        stage.begin(connection, create(connection, "truefusion", {"prompt": f"{n}"}), after=n * 2.5)
        for n in range(40)
    ]
    stage.play()
    assert {part.result.status for part in parts} == {"succeeded"}
    assert api.billed == 40
