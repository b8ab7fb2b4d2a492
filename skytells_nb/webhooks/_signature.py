"""One delivery: its signature, and the prediction in it (skytells-api.md section 7)."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from typing import Any, Final

from ..exceptions import InvalidInputError, SkytellsError, WebhookSignatureError
from ..models import Prediction

_BROKEN: Final = re.compile("[\ud800-\udfff]")
"""Halves of characters, which no encoding has."""


class Secrets:
    """One secret or several, checked, behind a repr that is safe in a traceback with variables."""

    __slots__ = ("_values",)

    def __init__(self, given: object) -> None:
        values = [given] if isinstance(given, str) else list(given) if isinstance(given, Iterable) else []
        # Refuse what is none, rather than trust everybody or nobody.
        if not values or not all(
            isinstance(each, str) and each and not _BROKEN.search(each) for each in values
        ):
            del given, values  # else the traceback could show the good ones among them
            raise InvalidInputError(
                "A webhook's secret must be a non-empty string: the API key, or the dashboard's secret."
            )
        self._values: list[str] = values

    @classmethod
    def of(cls, given: Secrets | str | Iterable[str]) -> Secrets:
        return given if isinstance(given, Secrets) else cls(given)

    def match(self, body: bytes, signature: str) -> bool:
        """Return whether one of them signed a body; all are tried, so that time tells nothing."""
        given = signature.encode("utf-8", "replace")
        matches = [
            hmac.compare_digest(hmac.new(each.encode(), body, hashlib.sha256).hexdigest().encode(), given)
            for each in self._values
        ]
        return any(matches)

    def __repr__(self) -> str:
        return "Secrets(…)"


def verify(body: bytes | str, signature: str | None, secret: str | Iterable[str] | Secrets) -> bool:
    """Return whether a delivery was signed with a secret of yours, compared in constant time.

    Parameters
    ----------
    body : bytes or str
        The request's body exactly as it arrived; JSON that was decoded and written again will not do.
    signature : str or None
        The ``X-Skytells-Signature`` header: HMAC-SHA256 of the body in hex.
    secret : str or iterable of str
        The account's API key in general mode, the dashboard's webhook secret in enterprise mode; several
        while a secret is being changed.

    Returns
    -------
    bool

    Raises
    ------
    InvalidInputError
        The secret is none, or the body is not as it arrived, such as JSON that was decoded.

    Examples
    --------
    >>> from skytells_nb import webhooks
    >>> signature = "9bd8b63f50664a796a649e90cd123a8a9e25eaf93fb1589cd1f9f6aa776253a3"
    >>> webhooks.verify(b'{"id":"p1","status":"succeeded"}', signature, "sk-test")
    True
    >>> webhooks.verify(b'{"id":"p2","status":"succeeded"}', signature, "sk-test")
    False
    """
    secret, secrets = "", Secrets.of(secret)  # a traceback may show every variable
    return secrets.match(_arrived(body), signature.strip().lower() if isinstance(signature, str) else "")


def _arrived(body: object) -> bytes:
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    raise InvalidInputError(
        f"A webhook's body must be bytes or a string, just as it arrived, not {type(body).__name__}. Pass "
        "the raw body of the request, before any JSON is decoded."
    )


def parse(
    body: bytes | str,
    signature: str | None = None,
    secret: str | Iterable[str] | Secrets | None = None,
    *,
    origin: str | None = None,
) -> Prediction:
    """Parse the prediction in a delivery, in either documented form, after checking its signature.

    Parameters
    ----------
    body : bytes or str
        The request's body exactly as it arrived.
    signature : str, optional
        The ``X-Skytells-Signature`` header.
    secret : str or iterable of str, optional
        Whom to believe. Without it nothing is checked, so there must be no signature either: only for a
        body that was checked before.
    origin : str, optional
        The base URL of the API that it came from.

    Returns
    -------
    Prediction

    Raises
    ------
    WebhookSignatureError
        The signature is missing or wrong.
    InvalidInputError
        There is a signature and no secret to check it by, or the body is not as it arrived.
    SkytellsError
        The body holds no prediction.

    Examples
    --------
    >>> from skytells_nb import webhooks
    >>> body = b'{"type": "prediction.failed", "data": {"id": "p1", "status": "failed", "error": "NSFW"}}'
    >>> webhooks.parse(body).error
    'NSFW'
    """
    secrets, secret = None if secret is None else Secrets.of(secret), None  # as in verify
    if secrets is None and signature is not None:
        raise InvalidInputError(
            "The delivery has a signature, and there is no secret to check it with. Pass secret=; if it is "
            "from the environment, check that it is set there."
        )
    if secrets is not None and not verify(body, signature, secrets):
        how = "no signature" if not signature else "a signature that does not match"
        raise WebhookSignatureError(
            f"Webhook delivery rejected: it has {how}. Check the secret (the API key, or in enterprise mode "
            "the dashboard's), and pass the body as it came.",
            status_code=401,
            error_id="WEBHOOK_SIGNATURE_INVALID",
            charged=False,
        )
    return Prediction.from_api(_unwrapped(body), origin=origin)


def _unwrapped(body: bytes | str) -> dict[str, Any]:
    try:
        read = json.loads(_arrived(body))
    except (ValueError, RecursionError):
        read = None
    if isinstance(read, dict) and "id" not in read and isinstance(read.get("data"), dict):
        read = read["data"]
    if isinstance(read, dict) and isinstance(read.get("type"), str) and isinstance(read.get("data"), dict):
        read = read["data"] if read["type"].startswith("prediction.") else read
    if not isinstance(read, dict):
        raise SkytellsError(
            "The webhook delivery holds no prediction: its body is no JSON object. Read the prediction with "
            "client.predictions.get(id).",
            charged=False,
        )
    return read
