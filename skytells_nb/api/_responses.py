"""What came back: decoding, and which typed error an answer is (skytells-api.md section 9)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

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
from ..models import Prediction, parse_status
from ._retry import is_retried


@dataclass(frozen=True, slots=True)
class Response:
    """What the API answered: a status, headers with lower-case names, the whole body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class TransportFailure:
    """An exchange that brought no whole response.

    ``sent`` is the question that money asks: may the API have received the request whole? False only
    where it certainly has not (refused, unresolved, never written to its end).
    """

    reason: Literal["refused", "timeout", "dropped"]
    sent: bool
    message: str = ""
    ended_sandbox: str = ""
    """The address of a sandbox on this machine where nobody listens any more."""


Reply: TypeAlias = Response | TransportFailure

NAMED_BY: Final = ("id", "namespace", "slug")
"""The fields that may say which prediction or model a body is."""


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """An answer that is an error, parsed from any of the documented bodies.

    `status` is the HTTP status, or where a 2xx carries an error body the one that body names; `detail` are
    the server's ``details`` word for word, else its message. It is `enveloped` where the body is the API's
    own and not a gateway's page, and not `readable` where a 2xx holds no JSON. `code` and `param` are what
    the routes of text models add (skytells-api-text.md section 5).
    """

    status: int
    message: str
    detail: str
    error_id: str | None = None
    request_id: str | None = None
    enveloped: bool = False
    readable: bool = True
    names_prediction: bool = False
    """Whether it names a prediction all the same, as a redirect to one does."""
    code: str | None = None
    param: str | None = None

    @property
    def name(self) -> str:
        """Its identifier in capitals: the course writes those of text models in small letters."""
        return (self.error_id or "").upper()

    @property
    def text(self) -> str:
        """The most telling of its texts."""
        return self.detail if self.detail and self.detail != "{}" else self.message

    @property
    def is_transient(self) -> bool:
        """Whether the same request may well succeed a little later."""
        if self.is_refusal or self.name == "PREDICTION_FAILED":
            return False
        return not self.readable or is_retried(self.status)

    @property
    def is_foreign(self) -> bool:
        """Whether it is likely not the API that speaks, but a gateway, or whoever the base URL leads to."""
        return self.error_id == "ENDPOINT_NOT_FOUND" or not (self.enveloped or self.error_id)

    @property
    def is_refusal(self) -> bool:
        """Whether key, account or credit stand against it: certainly not accepted, and no use to repeat."""
        return self.name in _REFUSALS

    @property
    def tells_outcome(self) -> bool:
        """Whether it can say what became of a create; 408 and 499 are a gateway's words for who went away."""
        return self.readable and not self.names_prediction and self.status not in (408, 499)


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
    "INVALID_REQUEST": 400,
    "CONTEXT_LENGTH_EXCEEDED": 400,
    "RATE_LIMIT_EXCEEDED": 429,
    "RATE_LIMITED": 429,
    "INFERENCE_RATE_LIMITED": 429,
    "CONTENT_POLICY_VIOLATION": 451,
    "INTERNAL_ERROR": 500,
    "PREDICTION_FAILED": 502,
    "SERVICE_UNAVAILABLE": 503,
}
"""The codes that are known, and the status that each means, whatever it comes with (section 9.2)."""
_REFUSALS: Final = frozenset(code for code, status in _STATUS_OF_ID.items() if status in (401, 402, 403))
_MISSING: Final = re.compile(
    r"not[ _]?found|no (such|prediction)|does ?n[o']t exist|unknown prediction|missing", re.I
)


def decode(response: Response) -> Any:
    """Decode a body, an absent one as None; raises ValueError when it is no JSON in UTF-8.

    `json` would take UTF-16, too, in which nobody has looked for the key.
    """
    return None if response.status in (204, 205) else json.loads(response.body.decode("utf-8-sig"))


def parse(response: Response) -> tuple[Any, ErrorBody | None]:
    """Parse an answer once: its decoded body, and the error that it is, if it is one."""
    good = 200 <= response.status < 300
    leads = not good and bool(_PREDICTION_URL.search(response.headers.get("location", "")))
    try:
        body = decode(response)
    except (ValueError, RecursionError):
        words = _plain(response.body) or f"HTTP {response.status}"
        named = response.headers.get("x-request-id")
        return None, ErrorBody(
            response.status, words, words, request_id=named, readable=not good, names_prediction=leads
        )
    found = _error_in(body, response)
    if found is not None and (leads or _is_prediction(body)):
        found = replace(found, names_prediction=True)
    inner = body.get("data") if found is None and isinstance(body, dict) and "id" not in body else None
    # Some wrap what has a name, a prediction or a model; a listing has a list there.
    is_wrapped = isinstance(inner, dict) and any(isinstance(inner.get(key), str) for key in NAMED_BY)
    return (inner if is_wrapped else body), found


def parse_reply(reply: Reply) -> tuple[Any, ErrorBody | TransportFailure | None]:
    """Parse whatever came of an exchange: its decoded body, and what went wrong, if something did."""
    return (None, reply) if isinstance(reply, TransportFailure) else parse(reply)


def failure_in(reply: Reply, message: str) -> ErrorBody | TransportFailure:
    """Return why a reply is not what was wanted; ``message`` says so of good JSON of another kind."""
    if isinstance(reply, TransportFailure):
        return reply
    return parse(reply)[1] or ErrorBody(reply.status, message, message, readable=False)


_PREDICTION_URL: Final = re.compile(r"/predictions?/[^/?#]+/?(?:$|[?#])")


def _is_prediction(body: object) -> bool:
    if not isinstance(body, dict) or isinstance(body.get("error"), dict):
        return False
    texts = [body.get(name) for name in ("id", "status", "model")]
    return all(isinstance(text, str) and text for text in texts) and parse_status(str(texts[1])) is not None


def may_be_accepted(error: ErrorBody | TransportFailure) -> bool:
    """Return whether the API may have accepted, and bill, what it answered so.

    A redirect sends it elsewhere, except 303, which comes after it was handled, and one to a prediction.
    """
    if isinstance(error, TransportFailure):
        return error.sent
    if error.is_refusal:
        return False
    return not error.tells_outcome or error.status == 303 or not 300 <= error.status < 500


def _error_in(body: Any, response: Response) -> ErrorBody | None:
    """Read an error of the body shapes A to E and G; None when it is a good response."""
    good = 200 <= response.status < 300
    if not isinstance(body, dict):
        if good:
            return None
        words = f"HTTP {response.status}"
        return ErrorBody(response.status, words, words)
    inner = body.get("error")
    # What has an id is a prediction whatever its status: one that failed has an `error`, too, and is
    # no error of the request (sections 4.1 and 6).
    has_id = isinstance(body.get("id"), str) and body["id"]
    if good and (has_id or not (body.get("status") is False or isinstance(inner, dict))):
        return None
    error = inner if isinstance(inner, dict) else body
    message = _first(error, "message") or _first(body, "response", "message", "detail")
    if message is None and isinstance(inner, str):
        message = inner
    detail = error.get("details")
    if isinstance(detail, dict) and message and detail.keys() == {"category"}:
        detail = None  # of a text model's route: no words
    if detail and not isinstance(detail, str):
        detail = json.dumps(detail, ensure_ascii=False)
    own_id = _first(error, "error_id") or _first(body, "error_id")
    error_id = own_id or (_first(error, "code") or "").upper() or None
    return ErrorBody(
        status=_status(error, response.status, error_id),
        message=message or f"HTTP {response.status}",
        detail=detail or message or f"HTTP {response.status}",
        error_id=error_id,
        request_id=_first(error, "request_id") or response.headers.get("x-request-id"),
        enveloped=bool(own_id or body.get("status") is False or "http_status" in error),
        code=_first(error, "code"),
        param=_first(error, "param"),
    )


def _status(error: Mapping[str, Any], status: int, error_id: str | None) -> int:
    if not 200 <= status < 300:
        return status
    for key in ("http_status", "status"):
        named = error.get(key)
        if isinstance(named, int) and not isinstance(named, bool) and 400 <= named < 600:
            return named
    return _STATUS_OF_ID.get((error_id or "").upper(), status)


def _first(body: Mapping[str, Any], *keys: str) -> str | None:
    return next((body[key] for key in keys if isinstance(body.get(key), str) and body[key]), None)


def _plain(body: bytes) -> str:
    """Return the text of an HTML or text page, at most 500 characters of them."""
    page = re.sub(rb"(?is)<(script|style).*?</\1>", b" ", body[:20_000])
    return " ".join(re.sub(r"<[^>]*>", " ", page.decode("utf-8", "replace")).split())[:500]


def is_missing_prediction(error: ErrorBody) -> bool:
    """Return whether there is no such prediction: a 404, or a 502 in words (section 4.2)."""
    if error.status == 404:
        return True
    named = f"{error.error_id or ''} {error.message} {error.detail}"
    said = error.enveloped and bool(_MISSING.search(named))
    return error.status == 502 and error.error_id != "PREDICTION_FAILED" and said


def as_shown(body: Any, earlier: Prediction, origin: str) -> Prediction:
    """Return a prediction as an answer shows it; as it was known before, where that says nothing about it."""
    if not isinstance(body, dict) or body.get("id") != earlier.id:
        return earlier
    return Prediction.from_api(body, origin=origin).remembering(earlier)


def failed_prediction(
    identifier: str, text: str, error_id: str | None, *, last: Prediction | None, origin: str
) -> Prediction:
    """Return the prediction that a 502 ``PREDICTION_FAILED`` ends, from what was last seen of it."""
    raw: dict[str, Any] = {"id": identifier, **(last.raw if last is not None else {})}
    raw.update(status="failed", error=text, error_id=error_id)
    return Prediction.from_api(raw, origin=origin)


def to_exception(
    error: ErrorBody | TransportFailure,
    *,
    subject: str,
    billed: str | None = "Nothing was billed.",
    charged: bool | None = False,
    wait: float | None = None,
) -> SkytellsError:
    """Return the typed error of what went wrong.

    `subject` is what was asked for, such as ``"prediction 'p1'"``. `billed` says what this means for money,
    where one may fear for it (None: it bills nothing anyway), and `charged` the same as a field. `wait` is
    the seconds that a rate limit asks to wait.
    """
    money = f" {billed}" if billed else ""
    if isinstance(error, TransportFailure):
        what = {
            "refused": "Could not reach the API",
            "timeout": "The API did not answer in time",
            "dropped": "The connection broke before the API answered",
        }[error.reason]
        why = error.message or error.reason
        if error.ended_sandbox:
            return NetworkError(
                f"The sandbox at {error.ended_sandbox} has ended ({subject}).{money} Start it again; "
                "sky.connect() does, and goes on where it was.",
                detail=why,
                charged=charged,
            )
        return NetworkError(
            f"{what} ({subject}; {why}).{money} Check the network and the base URL, then try again.",
            detail=why,
            charged=charged,
        )
    facts: dict[str, Any] = {
        "detail": error.detail,
        "error_id": error.error_id,
        "status_code": error.status,
        "request_id": error.request_id,
        "charged": charged,
        "code": error.code,
        "param": error.param,
    }
    kind = _kind(error)
    if kind is RateLimitError:
        facts["retry_after"] = wait = 5.0 if wait is None else wait
    if not error.readable:
        sentence = _UNREADABLE
    elif error.is_foreign and kind in (NotFoundError, PermissionDeniedError):
        sentence = _SENTENCES[SkytellsError]
    elif kind is InvalidInputError and subject.startswith("canceling"):
        sentence = "The API refused this ({subject}): {reason}."
    else:
        sentence = _SENTENCES[kind]
    reason = error.text.rstrip(". ") or "it gave no reason"
    text = sentence.format(reason=reason, subject=subject, money=money, status=error.status, wait=wait)
    return kind(text, **facts)


def _kind(error: ErrorBody) -> type[SkytellsError]:
    if error.is_refusal:
        return _BY_STATUS[_STATUS_OF_ID[error.name]]
    if error.name == "PREDICTION_FAILED":
        return PredictionError
    # Documented for a read of an id that nobody knows (section 4.2).
    if error.status == 502 and is_missing_prediction(error):
        return NotFoundError
    if not error.readable or error.status >= 500:
        return ServerError
    return _BY_STATUS.get(error.status, SkytellsError)


_UNREADABLE: Final = (
    "The answer is no JSON ({subject}): {reason}.{money} Check the base URL, and whether the network asks to "
    "log in."
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
    AuthenticationError: "The API refused the key ({subject}): {reason}. Check SKYTELLS_API_KEY, or make a "
    "new key in the Skytells console.",
    PermissionDeniedError: "The API does not allow this ({subject}): {reason}. The key is known; the "
    "Skytells console says what its plan includes.",
    InsufficientCreditsError: "Not enough credit ({subject}): {reason}. Add credit in the Skytells console.",
    ContentPolicyError: "The API refused the content ({subject}): {reason}. Reword the prompt.",
    InvalidInputError: "The API refused the input ({subject}): {reason}. "
    "client.models.get(model).input_schema says what it takes.",
    NotFoundError: "Not found ({subject}): {reason}.{money} client.models.list() and "
    "client.predictions.list() show what there is.",
    RateLimitError: "Rate limit reached ({subject}): {reason}.{money} Wait {wait:g} s, or run fewer at "
    "a time.",
    ServerError: "The API failed with {status} ({subject}): {reason}.{money} Try again in a little while.",
    PredictionError: "The prediction failed ({subject}): {reason}. Try another seed or prompt; what a "
    "failed run costs is not documented.",
    SkytellsError: "The API answered {status} ({subject}): {reason}.{money} Check the base URL.",
}
