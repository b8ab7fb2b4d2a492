"""Every documented error with its body, in each of the shapes that the sources show.

Source: skytells-api.md, sections 9.1 and 9.2. What no source documents is marked *ours*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final


@dataclass(eq=False)
class Refusal(Exception):
    """A request that is answered with an error, named by its `error_id`.

    `details` say what exactly was wrong, and `response` is the envelope's own sentence; both repeat the
    message unless given, as the documented bodies do. Only the inference routes name a `param`.
    """

    status: int
    error_id: str
    message: str
    details: str | dict[str, Any] = ""
    response: str = field(default="", kw_only=True)
    headers: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    param: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        self.details, self.response = self.details or self.message, self.response or self.message


class StateError(RuntimeError):
    """A state file that cannot be used: damaged, of a newer version, not ours, or in use elsewhere."""


class StateInUseError(StateError):
    """A state file that another sandbox has open; this one can be used instead."""


#: Type, code (None: the error's own id) and category of an error of the inference routes, by its status.
_INFERENCE_WORDS: Final[dict[int, tuple[str, str | None, str]]] = {
    **dict.fromkeys((400, 402, 404, 408, 413, 421, 422, 451), ("invalid_request_error", None, "request")),
    401: ("authentication_error", "invalid_api_key", "auth"),
    403: ("permission_error", None, "auth"),
    429: ("rate_limit_error", "rate_limit_exceeded", "rate_limit"),
    500: ("server_error", "service_error", "inference"),
}


def body_of(refusal: Refusal, shape: str, request_id: str) -> dict[str, Any]:
    """Write a refusal in one of the documented shapes, A to E (section 9.1), or as the course shows it."""
    status, error_id, message, details = refusal.status, refusal.error_id, refusal.message, refusal.details
    nested = {"http_status": status, "message": message, "details": details, "error_id": error_id}
    words = details if isinstance(details, str) else message
    match shape:
        case "B":
            return {"error": nested}
        case "C":
            return {"error_id": error_id, "message": message}
        case "D":
            return {"status": False, "response": refusal.response}
        case "E":
            kind, code, category = _INFERENCE_WORDS.get(status, _INFERENCE_WORDS[500])
            named = {"message": words, "type": kind, "code": code or error_id.lower(), "error_id": error_id}
            about = {"status": status, "param": refusal.param, "request_id": request_id}
            return {"error": {**named, **about, "details": {"category": category}}}
        case "course":
            kind = "InferenceError"
            return {"error": {"message": words, "type": kind, "error_id": error_id.lower(), "status": status}}
    return {"status": False, "response": refusal.response, "error": nested}


unauthorized = partial(Refusal, 401, "UNAUTHORIZED", "Invalid API key")
forbidden = partial(Refusal, 403, "FORBIDDEN", "This API key is not allowed to do that")
content_policy = partial(Refusal, 451, "CONTENT_POLICY_VIOLATION", "The input violates the content policy")
#: 402; the documented sample is unreadable, so the wording is ours.
no_credit = partial(
    Refusal, 402, "INSUFFICIENT_CREDITS", "Insufficient credits", details="This account has no credit left."
)
#: 422 when a field of the request itself is missing or has the wrong form.
invalid_field = partial(Refusal, 422, "VALIDATION_ERROR")
#: 422 for an input that breaks the model's schema. Ours: no source shows its `details` (section 9.1).
invalid_input = partial(Refusal, 422, "INVALID_INPUT", "The input is not valid for this model.")
malformed = partial(Refusal, 400, "INVALID_REQUEST", "The request body is not valid JSON.")
#: 400 for a query parameter out of range, and for a field of a text model's request.
invalid_parameter = partial(Refusal, 400, "INVALID_PARAMETER", "Invalid parameter")
too_slow = partial(Refusal, 408, "REQUEST_TIMEOUT", "The request body did not arrive in time")
foreign_host = partial(
    Refusal, 421, "INVALID_REQUEST", "The sandbox is not reached under this host name", "Use its address."
)


def too_large(most: int) -> Refusal:
    said = f"At most {most // 2**20} MB are taken."
    return Refusal(413, "PAYLOAD_TOO_LARGE", "The request body is too large", said)


def suspended(status: int = 403) -> Refusal:
    """403 in the SDKs, 401 on the page of prediction errors (contradiction 17)."""
    return Refusal(status, "ACCOUNT_SUSPENDED", "This account is suspended")


def rate_limited(
    message: str = "Rate limit exceeded",
    retry_after: str | None = None,
    error_id: str = "RATE_LIMIT_EXCEEDED",
) -> Refusal:
    """429, with the one documented header where there is something to say in it (section 11)."""
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return Refusal(429, error_id, message, response="Too many requests", headers=headers)


def model_not_found(slug: str) -> Refusal:
    return Refusal(404, "MODEL_NOT_FOUND", f"The model with slug '{slug}' does not exist", param="model")


def endpoint_not_found(method: str, path: str) -> Refusal:
    return Refusal(404, "ENDPOINT_NOT_FOUND", f"There is no endpoint {method} {path}")


_FETCHING: Final = "Error fetching prediction"


def missing_prediction(id: str, form: str) -> Refusal:
    """502 with an error_id, as documented, or the 404 most code expects (contradiction 19).

    Ours: the id PREDICTION_NOT_FOUND; the documented one is unreadable (section 4.2).
    """
    details = f"There is no prediction with id '{id}'."
    return Refusal(int(form), "PREDICTION_NOT_FOUND", "Prediction not found", details, response=_FETCHING)


def prediction_failed(reason: str) -> Refusal:
    """502 by which a read reports a failed job (section 9.1)."""
    message = "Prediction serving returned an error."
    return Refusal(502, "PREDICTION_FAILED", message, {"reason": reason}, response=_FETCHING)


SERVER_ERROR_IDS: Final = {502: "INFRASTRUCTURE_ERROR", 503: "SERVICE_UNAVAILABLE", 504: "INFERENCE_TIMEOUT"}


def server_error(status: int) -> Refusal:
    """5xx in the API's own envelope."""
    error_id = SERVER_ERROR_IDS.get(status, "INTERNAL_ERROR")
    return Refusal(status, error_id, "Something went wrong on our side")


def file_gone(name: str) -> Refusal:
    """404 for an output file that has expired, was deleted or never was (section 12). Ours: its body."""
    return Refusal(
        404, "RESOURCE_NOT_FOUND", "The file is not available", f"'{name}' has expired, or never was."
    )
