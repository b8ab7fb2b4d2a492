"""What an answer means: every documented error body, and the sentence that the user gets."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import skytells_nb as sky
from skytells_nb import exceptions as x
from skytells_nb.api import _responses as answers
from skytells_nb.api._predictions import get_prediction
from skytells_nb.api._responses import Response, TransportFailure
from skytells_nb.models import Prediction

from .api import Api, envelope
from .stage import Stage

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "status", "id", "message", "details", "response", "error_id", "code", "data"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


def answer(status: int, body: object, **headers: str) -> Response:
    return Response(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def problem(status: int, body: object, **headers: str) -> answers.ErrorBody:
    found = answers.parse(answer(status, body, **headers))[1]
    assert found is not None
    return found


def raised(status: int, body: object, **headers: str) -> x.SkytellsError:
    return answers.to_exception(problem(status, body, **headers), subject="prediction 'p1'")


def a(status: int, error_id: str, message: str, details: object) -> tuple[int, dict[str, Any]]:
    """Body A: the unified envelope."""
    error = {"http_status": status, "message": message, "details": details, "error_id": error_id}
    return status, {"status": False, "response": message, "error": error}


def b(status: int, error_id: str, message: str, details: object) -> tuple[int, dict[str, Any]]:
    """Body B: the nested error alone."""
    return status, {"error": a(status, error_id, message, details)[1]["error"]}


def c(status: int, error_id: str, message: str, details: object) -> tuple[int, dict[str, Any]]:
    """Body C: flat."""
    return status, {"error_id": error_id, "message": message}


def e(status: int, error_id: str, message: str, details: object) -> tuple[int, dict[str, Any]]:
    """Body E: like OpenAI's, of the inference routes."""
    inner = {"message": message, "type": "x", "code": error_id.lower(), "status": status, "details": details}
    return status, {"error": {**inner, "error_id": error_id, "param": "model", "request_id": "req_1"}}


CLASSES = [
    (401, "UNAUTHORIZED", x.AuthenticationError),
    (401, "ACCOUNT_SUSPENDED", x.PermissionDeniedError),
    (403, "ACCOUNT_SUSPENDED", x.PermissionDeniedError),
    (403, "FORBIDDEN", x.PermissionDeniedError),
    (403, "SECURITY_VIOLATION", x.PermissionDeniedError),
    (402, "INSUFFICIENT_CREDITS", x.InsufficientCreditsError),
    (402, "PAYMENT_REQUIRED", x.InsufficientCreditsError),
    (422, "VALIDATION_ERROR", x.InvalidInputError),
    (422, "INVALID_INPUT", x.InvalidInputError),
    (400, "INVALID_PARAMETER", x.InvalidInputError),
    (422, "INVALID_PARAMETER", x.InvalidInputError),
    (400, "INVALID_PARAMETER_COMBINATION", x.InvalidInputError),
    (400, "INVALID_DATE_FORMAT", x.InvalidInputError),
    (400, "INVALID_DATE_RANGE", x.InvalidInputError),
    (400, "INVALID_REQUEST", x.InvalidInputError),
    (400, "INFRASTRUCTURE_ERROR", x.InvalidInputError),
    (404, "MODEL_NOT_FOUND", x.NotFoundError),
    (404, "ENDPOINT_NOT_FOUND", x.NotFoundError),
    (422, "MODEL_NOT_SUPPORTED", x.InvalidInputError),
    (403, "MODEL_NOT_SUPPORTED", x.PermissionDeniedError),
    (429, "RATE_LIMIT_EXCEEDED", x.RateLimitError),
    (429, "RATE_LIMITED", x.RateLimitError),
    (429, "INFERENCE_RATE_LIMITED", x.RateLimitError),
    (451, "CONTENT_POLICY_VIOLATION", x.ContentPolicyError),
    (500, "INTERNAL_ERROR", x.ServerError),
    (500, "INFERENCE_ERROR", x.ServerError),
    (502, "PREDICTION_FAILED", x.PredictionError),
    (503, "SERVICE_UNAVAILABLE", x.ServerError),
    (504, "INFERENCE_TIMEOUT", x.ServerError),
    (408, "REQUEST_TIMEOUT", x.ServerError),
    (400, "context_length_exceeded", x.InvalidInputError),
    (413, "TOO_LARGE", x.InvalidInputError),
    (418, "TEAPOT", x.SkytellsError),
]


@pytest.mark.parametrize("shape", [a, b, c, e])
@pytest.mark.parametrize(("status", "error_id", "kind"), CLASSES)
def test_every_documented_error_has_its_class_in_every_body(shape, status, error_id, kind):
    details = None if shape is c else "Word for word."
    error = raised(*shape(status, error_id, "The message", details))
    assert type(error) is kind
    assert error.error_id == error_id
    assert error.status_code == status
    assert error.detail == (details or "The message")
    assert error.charged is False
    assert len(error.message) > 30
    assert "Word for word" in error.message or "The message" in error.message


@pytest.mark.parametrize("shape", [a, b, e])
def test_details_that_are_an_object_are_kept_as_json(shape):
    details = {"aspect_ratio": ["must be one of 1:1, 16:9"]}
    error = raised(*shape(422, "INVALID_INPUT", "Invalid", details))
    assert json.loads(error.detail) == details
    assert "aspect_ratio" in error.message


@pytest.mark.parametrize("details", [None, {}, "", []])
def test_empty_details_leave_the_message(details):
    assert raised(*a(502, "X", "Serving failed", details)).detail == "Serving failed"


def test_the_simple_body_d_gives_its_words():
    error = raised(401, {"status": False, "response": "Unauthorized"})
    assert type(error) is x.AuthenticationError
    assert error.detail == "Unauthorized"
    assert error.error_id is None


def test_the_request_id_comes_from_the_body_else_from_the_header():
    assert raised(*e(500, "INFERENCE_ERROR", "m", None)).request_id == "req_1"
    status, body = c(500, "INTERNAL_ERROR", "m", None)
    assert raised(status, body, **{"x-request-id": "r2"}).request_id == "r2"
    assert raised(502, b"<h1>Bad</h1>", **{"x-request-id": "r3"}).request_id == "r3"


def test_an_error_with_a_code_only_has_it_for_an_id():
    found = problem(400, {"error": {"message": "m", "code": "context_length_exceeded"}})
    assert found.error_id == "CONTEXT_LENGTH_EXCEEDED"


def test_an_error_that_is_a_string():
    found = problem(500, {"error": "It broke"})
    assert (found.message, found.enveloped) == ("It broke", False)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "HTTP 502"),
        (b"{}", "HTTP 502"),
        (b"[]", "HTTP 502"),
        (b"null", "HTTP 502"),
        (b"Bad gateway", "Bad gateway"),
        (b"<html><style>p {}</style><title>502</title><p>Bad\n gateway</p></html>", "502 Bad gateway"),
        (b"\xff\xfe\xfa", "\ufffd"),
        (b"[" * 100_000, "["),
        (b'{"message": "Internal Server Error"}', "Internal Server Error"),
        (b'{"error": {"code": "FUNCTION_TIMEOUT", "message": "m"}}', "m"),
        (b'{"status": 502, "error": "Bad Gateway"}', "Bad Gateway"),
    ],
)
def test_a_page_of_a_gateway_is_a_transient_failure_that_is_not_the_apis_own(body, words):
    found = problem(502, body)
    assert not found.enveloped
    assert found.is_transient
    assert found.message.startswith(words)
    assert type(answers.to_exception(found, subject="s")) is x.ServerError


@pytest.mark.parametrize("body", [b"", b"<p>OK</p>", b'{"id": ', b"\xff\xff", b"[" * 100_000])
def test_a_good_status_with_an_unreadable_body_is_a_failure_of_the_server(body):
    found = problem(200, body)
    assert not found.readable
    assert found.is_transient
    assert type(answers.to_exception(found, subject="s")) is x.ServerError


def test_a_long_page_is_cut():
    assert len(problem(500, b"word " * 10_000).message) <= 500


@pytest.mark.parametrize(
    "body",
    [
        {"id": "p1", "status": False, "error": {"message": "still queued"}},
        {"id": "p1", "status": "failed", "error": "NSFW"},
        {"id": "p1", "status": "failed", "error": {"message": "NSFW"}},
        {"data": [], "pagination": {}},
        [],
        {"success": True},
        {"namespace": "truefusion", "status": "operational", "error": None},
        {},
    ],
)
def test_what_is_no_error_is_none(body):
    assert answers.parse(answer(200, body))[1] is None


def test_an_answer_without_content_is_no_error():
    assert answers.parse(Response(204))[1] is None
    assert answers.decode(Response(204)) is None


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"status": False, "response": "No"}, 200, x.SkytellsError),
        ({"error": {"message": "No", "http_status": 402}}, 402, x.InsufficientCreditsError),
        ({"error": {"message": "No", "status": 404}}, 404, x.NotFoundError),
        ({"error": {"message": "No", "status": True}}, 200, x.SkytellsError),
        ({"error": {"message": "No", "http_status": 7}}, 200, x.SkytellsError),
        ({"status": False, "error_id": "RATE_LIMIT_EXCEEDED"}, 429, x.RateLimitError),
        ({"status": False, "error": {"error_id": "UNAUTHORIZED"}}, 401, x.AuthenticationError),
        ({"id": "", "status": False, "response": "No"}, 200, x.SkytellsError),
    ],
)
def test_http_200_without_an_id_can_carry_an_error(body, status, kind):
    found = problem(200, body)
    assert found.status == status
    assert type(answers.to_exception(found, subject="s")) is kind


@pytest.mark.parametrize(
    "words",
    [
        "The prediction does not exist.",
        "Prediction not found",
        "No such prediction",
        "prediction doesn't exist",
        "No prediction with this id",
        "Unknown prediction",
    ],
)
@pytest.mark.parametrize("shape", [a, b, c, e])
def test_a_502_that_names_a_missing_prediction_is_not_found(shape, words):
    found = problem(*shape(502, "SERVING_ERROR", words, None))
    assert answers.is_missing_prediction(found)
    assert type(answers.to_exception(found, subject="prediction 'p1'")) is x.NotFoundError


@pytest.mark.parametrize(
    "found",
    [
        (502, b"<h1>502</h1><p>The host was not found</p>"),
        a(502, "PREDICTION_FAILED", "Model not found", None),
        a(502, "UPSTREAM", "Prediction serving returned an error.", {}),
        a(500, "INTERNAL_ERROR", "not found", None),
    ],
)
def test_any_other_5xx_does_not(found):
    assert not answers.is_missing_prediction(problem(*found))


@given(JSON, st.sampled_from([200, 201, 204, 301, 400, 404, 429, 500, 502]))
def test_no_json_whatever_breaks_the_reading_of_an_answer(body, status):
    found = answers.parse(answer(status, body))[1]
    if found is not None:
        error = answers.to_exception(found, subject="x")
        assert isinstance(error.detail, str)
        assert error.detail


@given(st.binary(max_size=200), st.sampled_from([200, 404, 502]))
def test_no_bytes_whatever_break_it(body, status):
    found = answers.parse(Response(status, {}, body))[1]
    if found is not None:
        assert answers.to_exception(found, subject="x").message


@pytest.mark.parametrize(
    ("reason", "words"),
    [("refused", "Could not reach"), ("timeout", "in time"), ("dropped", "connection broke")],
)
def test_no_answer_is_a_network_error_that_says_what_to_check(reason, words):
    error = answers.to_exception(
        TransportFailure(reason, sent=True, message="[Errno 1]"), subject="prediction 'p1'"
    )
    assert type(error) is x.NetworkError
    assert words in error.message
    assert "Check the network" in error.message
    assert error.detail == "[Errno 1]"


@pytest.mark.parametrize("status", [404, 403])
@pytest.mark.parametrize("body", [b"<h1>Not here</h1>", b'{"detail": "Not Found"}', b""])
def test_words_that_are_not_the_apis_send_one_to_the_base_url(status, body):
    message = raised(status, body).message
    assert "Check the base URL" in message
    assert "plan" not in message


def test_a_path_that_the_api_does_not_know_sends_one_to_the_base_url():
    message = raised(*a(404, "ENDPOINT_NOT_FOUND", "There is no endpoint GET /models", None)).message
    assert "Check the base URL" in message


def test_a_page_instead_of_an_answer_is_no_failure_of_the_api():
    message = raised(200, b"<title>Hotel</title>Please log in").message
    assert "is no JSON" in message
    assert "Hotel Please log in" in message
    assert "failed with 200" not in message


@pytest.mark.parametrize(("status", "error_id", "kind"), CLASSES)
def test_every_message_says_what_happened_and_what_next(status, error_id, kind):
    message = raised(*a(status, error_id, "Because", None)).message
    assert "Because" in message
    assert message.count(". ") >= 1, "and what to do"


def test_braces_in_the_servers_words_are_only_words():
    assert "{subject}" in raised(*a(422, "INVALID_INPUT", "bad {subject} {0}", None)).message


def test_a_rate_limit_always_has_a_number_of_seconds():
    error = answers.to_exception(problem(*a(429, "RATE_LIMITED", "Slow", None)), subject="s")
    assert isinstance(error, x.RateLimitError)
    assert error.retry_after == 5.0


def test_a_failed_prediction_keeps_what_was_known_of_it():
    last = Prediction.from_api({"id": "p1", "status": "processing", "model": "m", "input": {"prompt": "a"}})
    failed = answers.failed_prediction("p1", "It broke", "PREDICTION_FAILED", last=last, origin="o")
    assert (failed.status, failed.error, failed.model, failed.input) == (
        "failed",
        "It broke",
        "m",
        {"prompt": "a"},
    )
    bare = answers.failed_prediction("p1", "It broke", None, last=None, origin="o")
    assert (bare.id, bare.status, bare.origin) == ("p1", "failed", "o")


def test_a_read_that_the_api_answers_with_prediction_failed_ends_that_prediction():
    api = Api()
    stage = Stage(api)
    api.accept("truefusion", {}, stage.time - 100).outcome = "failed_as_502"
    connection = stage.connection()
    with pytest.raises(x.PredictionError) as found:
        stage.run(connection, get_prediction(connection, "p1"))
    assert found.value.prediction is not None
    assert (found.value.prediction.id, found.value.prediction.status) == ("p1", "failed")
    assert len(api.requests) == 1, "it is final"


def test_a_missing_prediction_is_not_found_without_another_try():
    api = Api()
    stage = Stage(api)
    connection = stage.connection()
    with pytest.raises(x.NotFoundError, match="'nowhere'") as found:
        stage.run(connection, get_prediction(connection, "nowhere"))
    assert found.value.status_code == 502
    assert len(api.requests) == 1


def test_any_other_502_on_a_read_is_tried_again():
    api = Api()
    stage = Stage(api)
    api.accept("truefusion", {}, stage.time)
    replies = [envelope(502, "UPSTREAM", "Prediction serving returned an error.", {}), None]
    api.upset = lambda request, now: replies.pop(0)
    connection = stage.connection()
    assert stage.run(connection, get_prediction(connection, "p1")).id == "p1"


def test_an_answer_is_read_once_for_its_body_and_its_error():
    good, bad = answer(200, {"data": []}), answer(404, {"error_id": "MODEL_NOT_FOUND", "message": "m"})
    assert answers.parse(good) == ({"data": []}, None)
    assert answers.parse(answer(200, {"data": {"id": "p1"}})) == ({"id": "p1"}, None)
    body, found = answers.parse(bad)
    assert found == answers.parse(bad)[1]
    assert body["error_id"] == "MODEL_NOT_FOUND"
    body, found = answers.parse(answer(200, b"<html>"))
    assert body is None
    assert found is not None


def test_an_answer_about_another_prediction_is_not_taken_for_it():
    """As a cache that has mixed up its answers gives it."""
    body = {"id": "p2", "status": "succeeded", "output": ["x"]}
    with sky.Client(
        "sk-test-0123456789", transport=httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    ) as client:
        for ask in (client.predictions.get, client.predictions.cancel):
            with pytest.raises(x.ServerError, match="answered with 'p2'"):
                ask("p1")
