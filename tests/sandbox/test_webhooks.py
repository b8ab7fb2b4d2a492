"""Webhooks: every spelling of the request, when they go out, and how they are signed."""

import hmac
import json

import pytest

from skytells_nb.sandbox._webhooks import sign

URL = "https://example.org/hook"


def due(api):
    """Everything that is due, delivered."""
    found = []
    while notice := api.core.due_webhook("http://sandbox.test"):
        found.append(notice)
        api.core.delivered(notice, 200, None)
    return found


def events(api):
    return [notice.event for notice in due(api)]


def test_the_test_vector_of_the_documentation_is_met():
    expected = "9bd8b63f50664a796a649e90cd123a8a9e25eaf93fb1589cd1f9f6aa776253a3"
    assert sign(b'{"id":"p1","status":"succeeded"}', "sk-test") == expected


@pytest.mark.parametrize(
    ("webhook", "filter", "expected"),
    [
        (
            {"url": URL, "events": ["prediction.started", "prediction.succeeded"]},
            None,
            ["started", "succeeded"],
        ),
        ({"url": URL, "events": ["completed", "failed", "started"]}, None, ["started", "succeeded"]),
        ({"url": URL}, None, ["started", "succeeded"]),
        ({"url": URL, "events": ["failed", "canceled"]}, None, []),
        (URL, ["completed"], ["succeeded"]),
        (URL, ["start", "output", "logs", "completed"], ["started", "output", "succeeded"]),
        (URL, None, ["succeeded"]),
        (URL, ["prediction.succeeded"], ["succeeded"]),
        ({"url": None, "events": []}, None, []),
        (None, None, []),
    ],
)
def test_every_documented_spelling_of_an_event_is_understood(talk, clock, webhook, filter, expected):
    api = talk(seconds=10)
    rest = {} if filter is None else {"webhook_events_filter": filter}
    made = api.made(webhook=webhook, **rest)
    assert made["webhook"]["url"] == (webhook["url"] if isinstance(webhook, dict) else webhook)
    clock.forward(100)
    assert events(api) == expected


def test_notices_go_out_when_their_moment_comes(talk, clock):
    api = talk(seconds=10)
    api.made(webhook={"url": URL, "events": ["started", "completed"]})
    assert events(api) == []
    assert 0 < api.core.seconds_to_webhook() < 1
    clock.forward(1)
    assert events(api) == ["started"]
    clock.forward(9)
    assert events(api) == ["succeeded"]
    assert api.core.seconds_to_webhook() is None


def test_a_failed_job_is_told_with_its_error(talk, clock):
    api = talk(seconds=10)
    api.faults.next("failed", reason="Context length exceeded.")
    api.made(webhook=URL, webhook_events_filter=["completed"])
    clock.forward(10)
    (notice,) = due(api)
    body = json.loads(notice.body)
    assert (notice.event, body["error"], body["output"]) == ("failed", "Context length exceeded.", None)


def test_a_cancelled_job_is_told_as_cancelled_and_never_as_succeeded(talk, clock):
    api = talk(seconds=10)
    id = api.made(webhook=URL)["id"]
    clock.forward(3)
    api.ask("POST", f"/v1/predictions/{id}/cancel")
    assert events(api) == ["canceled"]
    clock.forward(100)
    assert events(api) == []


def test_a_deleted_job_is_told_no_more(talk, clock):
    api = talk(seconds=10)
    id = api.made(webhook=URL)["id"]
    api.ask("DELETE", f"/v1/predictions/{id}")
    clock.forward(100)
    assert events(api) == []


def test_the_raw_body_is_signed_with_the_key_that_created_it(talk):
    api = talk(seconds=0)
    api.made(webhook=URL)
    (notice,) = due(api)
    assert notice.signature == hmac.new(b"sk-anyone", notice.body, "sha256").hexdigest()
    assert json.loads(notice.body)["status"] == "succeeded"


def test_an_enterprise_signs_with_its_own_secret(talk):
    api = talk(seconds=0, webhook_secret="whsec")
    api.made(webhook=URL)
    (notice,) = due(api)
    assert notice.signature == sign(notice.body, "whsec")


def test_a_payload_may_come_in_an_envelope(talk):
    api = talk(seconds=0, webhook_payload="envelope")
    id = api.made(webhook=URL)["id"]
    (notice,) = due(api)
    body = json.loads(notice.body)
    assert (body["type"], body["data"]["id"]) == ("prediction.succeeded", id)
    assert body["created_at"].endswith("Z")


def test_a_failed_delivery_is_tried_twice_more_and_then_given_up(talk, clock):
    api = talk(seconds=0)
    api.made(webhook=URL)
    tries = []
    for _ in range(10):
        notice = api.core.due_webhook("http://sandbox.test")
        if notice is not None:
            tries.append(notice.attempt)
            api.core.delivered(notice, 500, "Internal Server Error")
        clock.forward(1)
    assert tries == [1, 2, 3]
    assert [each.status for each in api.core.deliveries] == [500, 500, 500]


@pytest.mark.parametrize(
    "webhook",
    ["not a link", "ftp://a/b", 5, {"events": ["completed"]}, {"url": URL, "events": ["nonsense"]},
     {"url": URL, "events": "completed"}, {"url": "https://[", "events": []}, "http://host:99999/"],
)  # fmt: skip
def test_an_unusable_webhook_is_refused_before_anything_is_billed(talk, webhook):
    api = talk()
    reply = api.create(webhook=webhook)
    assert (reply.status, reply.error_id) == (422, "VALIDATION_ERROR")
    assert api.core.billed == {}
