"""Signatures and payloads, as documented and as forged."""

import hashlib
import hmac
import json
import traceback

import pytest

from skytells_nb import exceptions, webhooks

BODY = b'{"id":"p1","status":"succeeded"}'
SIGNED = "9bd8b63f50664a796a649e90cd123a8a9e25eaf93fb1589cd1f9f6aa776253a3"


def test_the_reference_vector_verifies_whatever_its_case():
    assert webhooks.verify(BODY, SIGNED, "sk-test")
    assert webhooks.verify(BODY, SIGNED.upper(), "sk-test")
    assert webhooks.verify(BODY.decode(), f" {SIGNED} ", "sk-test")


@pytest.mark.parametrize("signature", [None, "", "00" * 32, SIGNED[:-1], "sha256=" + SIGNED, "é" * 64])
def test_any_other_signature_does_not(signature):
    assert not webhooks.verify(BODY, signature, "sk-test")


def test_one_changed_byte_of_the_body_is_noticed():
    assert not webhooks.verify(BODY + b" ", SIGNED, "sk-test")


def test_the_api_key_and_the_dashboard_secret_may_both_be_given():
    assert webhooks.verify(BODY, SIGNED, ["whsec-new", "sk-test"])
    assert not webhooks.verify(BODY, SIGNED, ["whsec-new", "whsec-old"])


@pytest.mark.parametrize("secret", ["", [], ["sk-test", ""], [None]])
def test_an_empty_secret_is_refused_rather_than_believed(secret):
    with pytest.raises(exceptions.InvalidInputError, match="non-empty"):
        webhooks.verify(BODY, SIGNED, secret)


@pytest.mark.parametrize(
    "payload",
    [
        {"id": "p1", "status": "failed", "error": "NSFW"},
        {
            "type": "prediction.failed",
            "created_at": "2026-01-01T00:00:00Z",
            "data": {"id": "p1", "status": "failed", "error": "NSFW"},
        },
        {"type": "inference", "id": "p1", "status": "failed", "error": "NSFW", "output": None},
    ],
)
def test_both_payload_forms_give_the_prediction(payload):
    body = json.dumps(payload).encode()
    signature = hmac.new(b"sk-test", body, hashlib.sha256).hexdigest()
    prediction = webhooks.parse(body, signature, "sk-test")
    assert (prediction.id, prediction.status, prediction.error) == ("p1", "failed", "NSFW")


def test_a_forged_delivery_is_not_believed():
    with pytest.raises(exceptions.WebhookSignatureError, match="Webhook delivery rejected") as caught:
        webhooks.parse(BODY, "00" * 32, "sk-test")
    assert caught.value.status_code == 401
    assert "sk-test" not in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"{}", b'{"data": 3}', b"\xff\xfe"])
def test_a_body_without_a_prediction_is_a_clear_error(body):
    with pytest.raises(exceptions.SkytellsError):
        webhooks.parse(body)


@pytest.mark.parametrize("secret", [None, 5, b"sk-test", [b"sk-test"], "\ud800"])
def test_what_can_be_no_secret_is_refused(secret):
    with pytest.raises(exceptions.InvalidInputError, match="secret must be a non-empty string"):
        webhooks.verify(BODY, SIGNED, secret)
    with pytest.raises(exceptions.InvalidInputError, match="secret must be a non-empty string"):
        webhooks.Receiver(secret)


@pytest.mark.parametrize("body", [None, 5, [], {"id": "p1", "status": "succeeded"}])
def test_a_body_that_is_not_as_it_arrived_is_refused(body):
    with pytest.raises(exceptions.InvalidInputError, match="as it arrived"):
        webhooks.verify(body, SIGNED, "sk-test")
    with pytest.raises(exceptions.InvalidInputError, match="as it arrived"):
        webhooks.parse(body)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_a_body_may_come_in_any_kind_of_bytes(kind):
    assert webhooks.parse(kind(BODY), SIGNED, "sk-test").id == "p1"


def test_no_traceback_shows_a_secret_of_the_wrong_kind_or_in_the_wrong_place():
    secret = b"whsec-0123456789abcdef"
    for call in (
        lambda: webhooks.verify(BODY, SIGNED, secret),
        lambda: webhooks.verify(secret.decode(), BODY, 5),
        lambda: webhooks.parse(BODY, secret.decode(), SIGNED),
        lambda: webhooks.Receiver(secret),
    ):
        with pytest.raises(exceptions.SkytellsError) as raised:
            call()
        inner = raised.tb.tb_next.tb_next  # below this test's own frames
        shown = traceback.TracebackException(raised.type, raised.value, inner, capture_locals=True)
        assert secret.decode() not in "".join(shown.format())


def test_a_delivery_that_repeats_the_secret_is_read_without_it():
    secret = "sk-0123456789abcdef"
    body = json.dumps({"id": "p1", "status": "succeeded", "debug": {"x-api-key": secret}}).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert webhooks.parse(body, signature, secret).raw["debug"] == {"x-api-key": "[key]"}


def test_a_signature_without_a_secret_is_not_taken_for_checked():
    """As when the secret's environment variable is not set."""
    with pytest.raises(exceptions.InvalidInputError, match="no secret"):
        webhooks.parse(BODY, SIGNED)
    with pytest.raises(exceptions.InvalidInputError, match="no secret"):
        webhooks.parse(BODY, "", None)


@pytest.mark.parametrize("port", [70_000, -1, "80"])
def test_a_port_that_is_none_is_a_clear_error(port):
    with pytest.raises(exceptions.SkytellsError, match="Cannot listen"):
        webhooks.Receiver("sk-test", port=port)
