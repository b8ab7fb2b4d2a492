"""What came back: decoding, and which typed error an answer is (skytells-api.md section 9)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..exceptions import (
    AuthenticationError,
    ContentPolicyError,
    InsufficientCreditsError,
    InvalidInputError,
    NetworkError,
    NotFoundError,
    PermissionDeniedError,
    PredictionError,
    RateLimitError,
    ServerError,
    SkytellsError,
)
from ..models import Prediction
from .steps import Answer, NoAnswer

__all__ = [
    "Problem",
    "decoded",
    "error",
    "failed_prediction",
    "names_a_missing_prediction",
    "problem",
    "read",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer that is an error, read from any of the documented bodies.

    Attributes
    ----------
    status : int
        The HTTP status; where a 2xx carries an error body, the status that body names.
    message, detail : str
        The server's message, and its ``details`` word for word (else its message).
    error_id, request_id : str or None
        As the body gives them.
    enveloped : bool
        Whether the body is the API's own; False for a gateway's page.
    readable : bool
        False for a 2xx whose body is no JSON.
    """

    status: int
    message: str
    detail: str
    error_id: str | None = None
    request_id: str | None = None
    enveloped: bool = False
    readable: bool = True

    @property
    def words(self) -> str:
        """The most telling of its texts."""
        return self.detail if self.detail and self.detail != "{}" else self.message

    @property
    def transient(self) -> bool:
        """Whether the same request may well succeed a little later."""
        if self.refuses or self.error_id == "PREDICTION_FAILED":
            return False
        return not self.readable or self.status in (408, 429) or self.status >= 500

    @property
    def strange(self) -> bool:
        """Whether it is likely not the API that speaks, but a gateway, or whoever the base URL leads to."""
        return self.error_id == "ENDPOINT_NOT_FOUND" or not (self.enveloped or self.error_id)

    @property
    def refuses(self) -> bool:
        """Whether key, account or credit stand against it: certainly not accepted, and no use to repeat."""
        return self.error_id in _REFUSALS


_REFUSALS: Final = frozenset(
    {
        "INSUFFICIENT_CREDITS",
        "PAYMENT_REQUIRED",
        "ACCOUNT_SUSPENDED",
        "FORBIDDEN",
        "SECURITY_VIOLATION",
        "UNAUTHORIZED",
    }
)
_STATUS_OF_ID: Final = {
    "UNAUTHORIZED": 401,
    "INSUFFICIENT_CREDITS": 402,
    "PAYMENT_REQUIRED": 402,
    "ACCOUNT_SUSPENDED": 403,
    "FORBIDDEN": 403,
    "SECURITY_VIOLATION": 403,
    "MODEL_NOT_FOUND": 404,
    "ENDPOINT_NOT_FOUND": 404,
    "VALIDATION_ERROR": 422,
    "INVALID_INPUT": 422,
    "INVALID_PARAMETER": 422,
    "RATE_LIMIT_EXCEEDED": 429,
    "RATE_LIMITED": 429,
    "CONTENT_POLICY_VIOLATION": 451,
    "INTERNAL_ERROR": 500,
    "PREDICTION_FAILED": 502,
    "SERVICE_UNAVAILABLE": 503,
}
"""For an error body that comes with a 2xx and names no status of its own (section 9.2)."""
_MISSING: Final = re.compile(
    r"not[ _]?found|no (such|prediction)|does ?n[o']t exist|unknown prediction|missing", re.I
)


def decoded(answer: Answer) -> Any:
    """Decode a body, an absent one as None; raises ValueError when it is no JSON."""
    return None if answer.status in (204, 205) else json.loads(answer.body)


def read(answer: Answer) -> tuple[Any, Problem | None]:
    """Read an answer once: its decoded body, and the error that it is, if it is one."""
    try:
        body = decoded(answer)
    except (ValueError, RecursionError):
        good = 200 <= answer.status < 300
        words = _plain(answer.body) or f"HTTP {answer.status}"
        named = answer.headers.get("x-request-id")
        return None, Problem(answer.status, words, words, request_id=named, readable=not good)
    return body, _problem_in(body, answer)


def problem(answer: Answer) -> Problem | None:
    """Read an answer's error, body shapes A to E and G; None when it is a good answer.

    A 2xx with a non-empty ``id`` is a prediction whatever its ``status`` says (section 4.1).
    """
    return read(answer)[1]


def _problem_in(body: Any, answer: Answer) -> Problem | None:
    good = 200 <= answer.status < 300
    if not isinstance(body, dict):
        if good:
            return None
        words = f"HTTP {answer.status}"
        return Problem(answer.status, words, words)
    inner = body.get("error")
    if good and not _carries_error(body):
        return None
    told = inner if isinstance(inner, dict) else body
    message = _first(told, "message") or _first(body, "response", "message", "detail")
    if message is None and isinstance(inner, str):
        message = inner
    detail = told.get("details")
    own_id = _first(told, "error_id") or _first(body, "error_id")
    error_id = own_id or _upper(_first(told, "code"))
    return Problem(
        status=_status(told, answer.status, error_id),
        message=message or f"HTTP {answer.status}",
        detail=_words(detail) or message or f"HTTP {answer.status}",
        error_id=error_id,
        request_id=_first(told, "request_id") or answer.headers.get("x-request-id"),
        enveloped=bool(own_id or body.get("status") is False or "http_status" in told),
    )


def _carries_error(body: Mapping[str, Any]) -> bool:
    if isinstance(body.get("id"), str) and body["id"]:
        return False
    return body.get("status") is False or isinstance(body.get("error"), dict)


def _status(told: Mapping[str, Any], status: int, error_id: str | None) -> int:
    if not 200 <= status < 300:
        return status
    for key in ("http_status", "status"):
        named = told.get(key)
        if isinstance(named, int) and not isinstance(named, bool) and 400 <= named < 600:
            return named
    return _STATUS_OF_ID.get(error_id or "", status)


def _first(body: Mapping[str, Any], *keys: str) -> str | None:
    return next((body[key] for key in keys if isinstance(body.get(key), str) and body[key]), None)


def _upper(code: str | None) -> str | None:
    return code.upper() if code else None


def _words(value: object) -> str | None:
    if isinstance(value, str):
        return value or None
    return json.dumps(value, ensure_ascii=False) if value else None


def _plain(body: bytes) -> str:
    """Give the words of an HTML or text page, at most 500 characters of them."""
    page = re.sub(rb"(?is)<(script|style).*?</\1>", b" ", body[:20_000])
    return " ".join(re.sub(r"<[^>]*>", " ", page.decode("utf-8", "replace")).split())[:500]


def names_a_missing_prediction(found: Problem) -> bool:
    """Whether an error says that there is no such prediction: a 404, or a 502 in words (section 4.2)."""
    if found.status == 404:
        return True
    named = f"{found.error_id or ''} {found.message} {found.detail}"
    said = found.enveloped and bool(_MISSING.search(named))
    return found.status == 502 and found.error_id != "PREDICTION_FAILED" and said


def failed_prediction(
    identifier: str, words: str, error_id: str | None, *, last: Prediction | None, origin: str
) -> Prediction:
    """Give the prediction that a 502 ``PREDICTION_FAILED`` ends, from what was last seen of it."""
    raw: dict[str, Any] = dict(last.raw) if last is not None else {"id": identifier}
    raw.update(status="failed", error=words, error_id=error_id)
    return Prediction.from_api(raw, origin=origin)


def error(
    found: Problem | NoAnswer,
    *,
    subject: str,
    billed: str = "Nothing was billed.",
    charged: bool | None = False,
    wait: float | None = None,
) -> SkytellsError:
    """Make the typed error of a problem, with a sentence for the money and one for what to do.

    Parameters
    ----------
    found : Problem or NoAnswer
        What went wrong.
    subject : str
        What was asked for, such as ``"prediction 'p1'"``.
    billed : str
        What this means for money.
    charged : bool or None
        The same, as a field.
    wait : float, optional
        Seconds that a rate limit asks to wait.
    """
    if isinstance(found, NoAnswer):
        told = {
            "refused": "The API could not be reached",
            "timeout": "The API did not answer in time",
            "dropped": "The connection broke before the API answered",
        }[found.reason]
        return NetworkError(
            f"{told} ({subject}; {found.words or found.reason}). {billed} Check the network and the base "
            "URL, then try again.",
            detail=found.words or found.reason,
            charged=charged,
        )
    facts: dict[str, Any] = {
        "detail": found.detail,
        "error_id": found.error_id,
        "status_code": found.status,
        "request_id": found.request_id,
        "charged": charged,
    }
    said = found.words.rstrip(". ") or "it gave no reason"
    kind = _kind(found)
    if kind is RateLimitError:
        pause = 5.0 if wait is None else wait
        return RateLimitError(
            f"The API asks for patience ({subject}): {said}. {billed} Wait {pause:g} s and try again, or "
            "run fewer at a time.",
            retry_after=pause,
            **facts,
        )
    if not found.readable:
        sentence = _UNREADABLE
    elif found.strange and kind in (NotFoundError, PermissionDeniedError):
        sentence = _SENTENCES[SkytellsError]
    else:
        sentence = _SENTENCES[kind]
    return kind(sentence.format(said=said, subject=subject, billed=billed, status=found.status), **facts)


def _kind(found: Problem) -> type[SkytellsError]:
    if found.error_id in ("INSUFFICIENT_CREDITS", "PAYMENT_REQUIRED"):
        return InsufficientCreditsError
    if found.error_id in ("ACCOUNT_SUSPENDED", "FORBIDDEN", "SECURITY_VIOLATION"):
        return PermissionDeniedError
    if found.error_id == "PREDICTION_FAILED":
        return PredictionError
    if found.status == 502 and names_a_missing_prediction(found):
        return NotFoundError
    if not found.readable or found.status >= 500:
        return ServerError
    return _BY_STATUS.get(found.status, SkytellsError)


_UNREADABLE: Final = (
    "The answer cannot be read ({subject}): it is no JSON, but says: {said}. {billed} Check the network and "
    "the base URL, such as whether a network asks to log in, then try again."
)

_BY_STATUS: Final[dict[int, type[SkytellsError]]] = {
    400: InvalidInputError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: ServerError,
    413: InvalidInputError,
    422: InvalidInputError,
    429: RateLimitError,
    451: ContentPolicyError,
}

_SENTENCES: Final[dict[type[SkytellsError], str]] = {
    AuthenticationError: "The API refused the key ({subject}): {said}. {billed} Check SKYTELLS_API_KEY, or "
    "make a new key in the Skytells console.",
    PermissionDeniedError: "The API does not allow this ({subject}): {said}. {billed} The key is known; its "
    "plan or account may not include this model. The Skytells console says which it includes.",
    InsufficientCreditsError: "No credit is left for this ({subject}): {said}. {billed} Add credit in the "
    "Skytells console, then run it again.",
    ContentPolicyError: "The API refused the content ({subject}): {said}. {billed} Reword the prompt.",
    InvalidInputError: "The API refused the input ({subject}): {said}. {billed} Correct it and run it again; "
    "client.models.get(model).input_schema says what it takes.",
    NotFoundError: "The API does not know this ({subject}): {said}. {billed} Check the name; "
    "client.models.list() and client.predictions.list() show what there is.",
    ServerError: "The API failed with {status} ({subject}): {said}. {billed} Try again in a little while.",
    PredictionError: "The API says that it failed ({subject}): {said}. What failed runs cost is not "
    "documented. Try another seed or prompt.",
    SkytellsError: "The API answered {status} ({subject}): {said}. {billed} Check the base URL and the "
    "request.",
}
