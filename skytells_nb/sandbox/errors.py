"""Every documented error with its body, in each of the shapes that the sources show.

Source: skytells-api.md, sections 9.1 and 9.2. What no source documents is marked *ours*.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final


class Refusal(Exception):
    """A request that is answered with an error.

    Parameters
    ----------
    status : int
        HTTP status.
    error_id : str
        The machine-readable name of the error.
    message : str
        One sentence for a reader.
    details : str or dict or None
        What exactly was wrong; None repeats the message, as the documented bodies do.
    response : str, optional
        The envelope's top-level sentence where it differs from the message.
    headers : Mapping[str, str], optional
        Headers that belong to this error, such as ``retry-after``.
    param : str, optional
        The field that is wrong; only the inference routes name it.
    """

    def __init__(
        self,
        status: int,
        error_id: str,
        message: str,
        details: str | dict[str, Any] | None = None,
        *,
        response: str | None = None,
        headers: Mapping[str, str] | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error_id = error_id
        self.message = message
        self.details = message if details is None else details
        self.response = message if response is None else response
        self.headers = dict(headers or {})
        self.param = param


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
    """Write a refusal in one of the documented shapes, A to E (section 9.1)."""
    nested = {
        "http_status": refusal.status,
        "message": refusal.message,
        "details": refusal.details,
        "error_id": refusal.error_id,
    }
    if shape == "B":
        return {"error": nested}
    if shape == "C":
        return {"error_id": refusal.error_id, "message": refusal.message}
    if shape == "D":
        return {"status": False, "response": refusal.response}
    if shape == "E":
        kind, code, category = _INFERENCE_WORDS.get(refusal.status, _INFERENCE_WORDS[500])
        return {
            "error": {
                "message": refusal.details if isinstance(refusal.details, str) else refusal.message,
                "type": kind,
                "code": code or refusal.error_id.lower(),
                "error_id": refusal.error_id,
                "status": refusal.status,
                "param": refusal.param,
                "request_id": request_id,
                "details": {"category": category},
            }
        }
    if shape == "course":
        message = refusal.details if isinstance(refusal.details, str) else refusal.message
        error_id = refusal.error_id.lower()
        course = {
            "message": message,
            "type": "InferenceError",
            "error_id": error_id,
            "status": refusal.status,
        }
        return {"error": course}
    return {"status": False, "response": refusal.response, "error": nested}


def unauthorized() -> Refusal:
    """401 for a missing or wrong key."""
    return Refusal(401, "UNAUTHORIZED", "Invalid API key")


def no_credit(details: str = "This account has no credit left.") -> Refusal:
    """402; the documented sample is unreadable, so the wording is ours."""
    return Refusal(402, "INSUFFICIENT_CREDITS", "Insufficient credits", details)


def suspended(status: int = 403) -> Refusal:
    """403 in the SDKs, 401 on the page of prediction errors (contradiction 17)."""
    return Refusal(status, "ACCOUNT_SUSPENDED", "This account is suspended")


def forbidden() -> Refusal:
    """403 for a valid key that may not do this."""
    return Refusal(403, "FORBIDDEN", "This API key is not allowed to do that")


def content_policy() -> Refusal:
    """451 for an input that the content policy refuses."""
    return Refusal(451, "CONTENT_POLICY_VIOLATION", "The input violates the content policy")


def rate_limited(message: str = "Rate limit exceeded", retry_after: str | None = None) -> Refusal:
    """429, with the one documented header where there is something to say in it (section 11)."""
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return Refusal(429, "RATE_LIMIT_EXCEEDED", message, response="Too many requests", headers=headers)


def required(name: str) -> Refusal:
    """422 when ``model`` or ``input`` is missing."""
    return Refusal(422, "VALIDATION_ERROR", f"The {name} field is required.")


def invalid_field(details: str) -> Refusal:
    """422 when a field of the request itself has the wrong form."""
    return Refusal(422, "VALIDATION_ERROR", details)


def invalid_input(details: str) -> Refusal:
    """422 for an input that breaks the model's schema.

    Ours: the format of `details` is invented; no source shows one (section 9.1).
    """
    return Refusal(422, "INVALID_INPUT", "The input is not valid for this model.", details)


def malformed(details: str) -> Refusal:
    """400 for a body that is no JSON object."""
    return Refusal(400, "INVALID_REQUEST", "The request body is not valid JSON.", details)


def invalid_parameter(details: str, param: str | None = None) -> Refusal:
    """400 for a query parameter out of range, and for a field of a text model's request."""
    return Refusal(400, "INVALID_PARAMETER", "Invalid parameter", details, param=param)


def model_not_found(slug: str) -> Refusal:
    """404 for an unknown slug."""
    message = f"The model with slug '{slug}' does not exist"
    return Refusal(404, "MODEL_NOT_FOUND", message, param="model")


def model_not_supported(slug: str) -> Refusal:
    """422 for a model that is served by the inference routes only."""
    message = f"The model '{slug}' cannot be used on this route"
    return Refusal(
        422, "MODEL_NOT_SUPPORTED", message, "Use POST /v1/chat/completions, /v1/responses or /v1/embeddings."
    )


def endpoint_not_found(method: str, path: str, details: str | None = None) -> Refusal:
    """404 for a path the API does not have."""
    return Refusal(404, "ENDPOINT_NOT_FOUND", f"There is no endpoint {method} {path}", details)


def missing_prediction(id: str, form: str) -> Refusal:
    """502 with an error_id, as documented, or the 404 most code expects (contradiction 19).

    Ours: the id PREDICTION_NOT_FOUND; the documented one is unreadable (section 4.2).
    """
    return Refusal(
        int(form),
        "PREDICTION_NOT_FOUND",
        "Prediction not found",
        f"There is no prediction with id '{id}'.",
        response="Error fetching prediction",
    )


def prediction_failed(reason: str) -> Refusal:
    """502 by which a read reports a failed job (section 9.1)."""
    return Refusal(
        502,
        "PREDICTION_FAILED",
        "Prediction serving returned an error.",
        {"reason": reason},
        response="Error fetching prediction",
    )


def already_finished(id: str, status: str) -> Refusal:
    """400 for cancelling a job that has ended. Ours: no source documents the answer (section 4.4)."""
    return Refusal(
        400,
        "INVALID_REQUEST",
        "The prediction has already finished",
        f"'{id}' is {status}; nothing was changed.",
    )


SERVER_ERROR_IDS: Final = {
    500: "INTERNAL_ERROR",
    502: "INFRASTRUCTURE_ERROR",
    503: "SERVICE_UNAVAILABLE",
    504: "INFERENCE_TIMEOUT",
}


def server_error(status: int) -> Refusal:
    """5xx in the API's own envelope."""
    error_id = SERVER_ERROR_IDS.get(status, "INTERNAL_ERROR")
    return Refusal(status, error_id, "Something went wrong on our side")


def foreign_host() -> Refusal:
    """421 for a request under a host name that is not this machine's."""
    return Refusal(
        421, "INVALID_REQUEST", "The sandbox is not reached under this host name", "Use its address instead."
    )


def storage_full(most: int) -> Refusal:
    """413 for a learner whose inputs take all the storage there is for one."""
    return Refusal(
        413,
        "PAYLOAD_TOO_LARGE",
        "The inputs of your predictions take too much storage",
        f"{most / 2**20:.3g} MB are kept for each learner; delete predictions, or send links, not files.",
    )


def too_large(most: int) -> Refusal:
    """413 for a body."""
    return Refusal(
        413, "PAYLOAD_TOO_LARGE", "The request body is too large", f"At most {most // 2**20} MB are taken."
    )


def too_slow() -> Refusal:
    """408 for a body that does not come."""
    return Refusal(408, "REQUEST_TIMEOUT", "The request body did not arrive in time")


def file_gone(name: str) -> Refusal:
    """404 for an output file that has expired, was deleted or never was (section 12). Ours: its body."""
    return Refusal(
        404, "RESOURCE_NOT_FOUND", "The file is not available", f"'{name}' has expired, or never was."
    )
