"""When a call of a text model is sent again: only if it certainly was not accepted, or at a named pace."""

from __future__ import annotations

import asyncio
import json

import pytest

import skytells_nb as sky
from skytells_nb.api._ask import ask, ask_for_stream
from skytells_nb.api._observers import Observer
from skytells_nb.api._responses import Response, TransportFailure
from skytells_nb.api._text_requests import chat, embeddings, responses

from .stage import Stage

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_790_000_000,
    "model": "gpt-5",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Aye"}}],
}
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


def refusal(status, error_id, message="No.", **headers):
    error = {
        "message": message,
        "type": "x",
        "code": error_id.lower(),
        "error_id": error_id,
        "status": status,
    }
    body = {"error": {**error, "param": None, "request_id": "req_1"}}
    return Response(status, {"content-type": "application/json", **headers}, json.dumps(body).encode())


GOOD = Response(200, {"content-type": "application/json"}, json.dumps(ANSWER).encode())
REFUSED = TransportFailure("refused", sent=False, message="connection refused")


class Heard(Observer):
    def __init__(self):
        self.told = []

    async def before_create(self, account, model, input):
        self.told.append("before")
        return 1

    async def created(self, account, ticket, prediction):
        self.told.append(f"created {prediction.id}")

    async def not_created(self, account, ticket, error, sent):
        self.told.append(f"not created, sent: {sent}")

    async def ended(self, account, prediction):
        self.told.append(prediction.status)
        return prediction


class Script:
    """Answers one call after another."""

    def __init__(self, *replies):
        self.replies = list(replies)

    def handle(self, request, now):
        if request.method == "GET":
            return refusal(404, "MODEL_NOT_FOUND"), 0.0
        reply = self.replies.pop(0)
        return reply if isinstance(reply, tuple) else (reply, 0.0)


def played(*replies, request=None, operation=ask):
    """Send one call against a script; returns what came, the bodies sent, and what observers heard."""
    stage, heard = Stage(Script(*replies)), Heard()
    connection = stage.connection(heard)
    try:
        value = stage.run(connection, operation(connection, request or chat("gpt-5", "hi")))
    except sky.SkytellsError as error:
        value = error
    return value, stage.requests("POST"), heard.told


@pytest.mark.parametrize("request_", [chat("gpt-5", "hi"), responses("gpt-5", "hi"), embeddings("e", "hi")])
def test_what_was_certainly_not_sent_is_sent_again(request_):
    _, sent, heard = played(REFUSED, REFUSED, GOOD, request=request_)
    assert len(sent) == 3
    assert heard[0] == "before"
    assert heard[-1] == "succeeded"


def test_it_is_given_up_after_so_many_tries_and_nothing_was_billed():
    error, sent, heard = played(*[REFUSED] * 9)
    assert isinstance(error, sky.NetworkError)
    assert (len(sent), error.charged) == (3, False)
    assert heard == ["before", "not created, sent: False"]


def test_a_rate_limit_that_names_a_pace_is_waited_for():
    stage = Stage(Script(refusal(429, "RATE_LIMITED", **{"retry-after": "7"}), GOOD))
    value = stage.run(connection := stage.connection(), ask(connection, chat("gpt-5", "hi")))
    assert value.text == "Aye"
    assert 7 <= stage.pauses[0] < 7.5


@pytest.mark.parametrize(
    "reply",
    [refusal(429, "INFERENCE_RATE_LIMITED"), refusal(429, "RATE_LIMITED", **{"retry-after": "300"})],
    ids=["no pace", "a pace of minutes"],
)
def test_another_rate_limit_is_raised_at_once(reply):
    error, sent, heard = played(reply)
    assert isinstance(error, sky.RateLimitError)
    assert (len(sent), error.charged) == (1, False)
    assert error.retry_after >= 1
    assert heard[-1] == "not created, sent: False"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (TransportFailure("dropped", sent=True, message="reset"), sky.NetworkError),
        ((TransportFailure("timeout", sent=True, message="late"), 60.0), sky.NetworkError),
        (refusal(500, "INFERENCE_ERROR"), sky.ServerError),
        (refusal(503, "SERVICE_UNAVAILABLE", **{"retry-after": "1"}), sky.ServerError),
        (refusal(504, "INFERENCE_TIMEOUT"), sky.ServerError),
        (refusal(408, "REQUEST_TIMEOUT"), sky.ServerError),
        (Response(502, {"content-type": "text/html"}, HTML), sky.ServerError),
        (Response(200, {"content-type": "application/json"}, b'{"id": "chat'), sky.ServerError),
        (Response(200, {"content-type": "application/json"}, b"[]"), sky.ServerError),
    ],
    ids=["drop", "timeout", "500", "503", "504", "408", "gateway", "half", "list"],
)
@pytest.mark.parametrize("operation", [ask, ask_for_stream])
def test_what_may_have_been_accepted_is_never_sent_again(reply, kind, operation):
    error, sent, heard = played(reply, operation=operation)
    assert isinstance(error, kind)
    assert len(sent) == 1
    assert error.charged is None
    assert "may have been billed" in str(error)
    assert heard == ["before", "not created, sent: True"]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refusal(400, "INVALID_REQUEST"), sky.InvalidInputError),
        (refusal(400, "context_length_exceeded"), sky.InvalidInputError),
        (refusal(401, "UNAUTHORIZED"), sky.AuthenticationError),
        (refusal(402, "PAYMENT_REQUIRED"), sky.InsufficientCreditsError),
        (refusal(403, "FORBIDDEN"), sky.PermissionDeniedError),
        (refusal(404, "MODEL_NOT_FOUND"), sky.NotFoundError),
        (refusal(404, "ENDPOINT_NOT_FOUND"), sky.NotFoundError),
        (refusal(422, "INVALID_PARAMETER"), sky.InvalidInputError),
        (refusal(451, "CONTENT_POLICY_VIOLATION"), sky.ContentPolicyError),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_refusal_has_its_class_and_billed_nothing(reply, kind):
    error, sent, heard = played(reply)
    assert type(error) is kind
    assert (len(sent), error.charged, error.request_id) == (1, False, "req_1")
    assert error.code
    assert heard == ["before", "not created, sent: False"]


def test_an_answer_without_an_id_or_a_time_is_kept_under_one_of_ours():
    bare = {"choices": [{"message": {"content": "Aye"}}]}
    value, _, heard = played(Response(200, {"content-type": "application/json"}, json.dumps(bare).encode()))
    assert (value.text, value.finish_reason, value.note) == ("Aye", None, "Cut off before its end.")
    assert value.id.startswith("chat-")
    assert value.created_at is not None
    assert heard[1] == f"created {value.id}"


def test_a_response_that_failed_is_an_error_and_is_recorded():
    body = {"id": "resp_1", "object": "response", "status": "failed", "error": {"message": "It broke."}}
    reply = Response(200, {"content-type": "application/json"}, json.dumps(body).encode())
    error, _, heard = played(reply, request=responses("gpt-5", "hi"))
    assert isinstance(error, sky.ServerError)
    assert "It broke" in str(error)
    assert heard == ["before", "created resp_1", "failed"]


def test_stopped_before_its_first_byte_nothing_was_sent():
    stage, heard = Stage(Script(GOOD)), Heard()
    connection = stage.connection(heard)
    part = stage.begin(connection, ask(connection, chat("gpt-5", "hi")))
    stage.interrupt_at(part, stage.time + 0.001)
    stage.play()
    assert isinstance(part.error, asyncio.CancelledError)
    assert heard.told == ["before", "not created, sent: False"]


def test_stopped_under_way_it_is_said_that_it_may_have_been_billed():
    stage, heard = Stage(Script((GOOD, 5.0))), Heard()
    connection = stage.connection(heard)
    part = stage.begin(connection, ask(connection, chat("gpt-5", "hi")))
    stage.interrupt_at(part, stage.time + 2.0)
    with pytest.warns(sky.SkytellsWarning, match="may have been billed"):
        stage.play()
    assert isinstance(part.error, asyncio.CancelledError)
    assert heard.told == ["before", "not created, sent: True"]
    assert len(stage.requests("POST")) == 1
