"""The sources contradict each other; a dialect says which of the documented forms the sandbox speaks.

Source: skytells-api.md, section 13. The defaults are the forms that the published Python SDK understands.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args, get_type_hints


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """Which documented form each answer takes.

    Attributes
    ----------
    listing : {"page", "array"}
        ``{data, pagination}``, or a bare array of predictions.
    filters : {"honoured", "ignored"}
        Whether listings obey ``model``, ``status``, ``from`` and ``to``; old versions of the API need not.
    canceled : {"cancelled", "canceled"}
        The spelling of that status. The published SDKs poll for ever on ``canceled``, hence the default.
    model : {"object", "display", "string"}
        ``{name, type}`` with the slug or with the display name as name, or the slug alone.
    first_status : {"pending", "queued", "starting"}
        The status of a job that has not begun.
    billing : {"metadata", "metrics"}
        Where ``billing.credits_used`` sits.
    cancel_answer : {"prediction", "success"}
        What cancel and delete answer: the prediction, or ``{"success": true}``.
    output : {"model", "array", "string"}
        As the model's catalogue entry says, always a list, or a string where there is one file.
    ids : {"sandbox", "uuid"}
        ``sandbox-`` and 32 hex digits, or plain UUIDs.
    paths : {"both", "new", "old"}
        Which spellings of create, get-model and delete exist; the others are 404 ``ENDPOINT_NOT_FOUND``.
    timestamps : {"zulu", "offset", "mixed"}
        ``…000000Z``, ``…+00:00``, or the first for created and updated and the second for started and
        completed.
    error_shape : {"A", "B", "C", "D", "E"}
        The error body (section 9.1).
    webhook_payload : {"bare", "envelope"}
        The prediction, or ``{type, created_at, data}`` around it.
    rate_headers : {"new", "old"}
        ``x-skytells-ratelimit-*`` or ``X-RateLimit-*`` (section 11).
    retry_after : {"seconds", "fraction", "date"}
        How ``Retry-After`` is written when a real limit is met.
    missing_prediction : {"502", "404"}
        The status of an answer about an unknown prediction.
    create_status : {"200", "202"}
        The status of a successful create.
    """

    listing: Literal["page", "array"] = "page"
    filters: Literal["honoured", "ignored"] = "honoured"
    canceled: Literal["cancelled", "canceled"] = "cancelled"
    model: Literal["object", "display", "string"] = "object"
    first_status: Literal["pending", "queued", "starting"] = "pending"
    billing: Literal["metadata", "metrics"] = "metadata"
    cancel_answer: Literal["prediction", "success"] = "prediction"
    output: Literal["model", "array", "string"] = "model"
    ids: Literal["sandbox", "uuid"] = "sandbox"
    paths: Literal["both", "new", "old"] = "both"
    timestamps: Literal["zulu", "offset", "mixed"] = "zulu"
    error_shape: Literal["A", "B", "C", "D", "E"] = "A"
    webhook_payload: Literal["bare", "envelope"] = "bare"
    rate_headers: Literal["new", "old"] = "new"
    retry_after: Literal["seconds", "fraction", "date"] = "seconds"
    missing_prediction: Literal["502", "404"] = "502"
    create_status: Literal["200", "202"] = "200"

    def __post_init__(self) -> None:
        allowed = choices()
        for name, values in allowed.items():
            value = getattr(self, name)
            if value not in values:
                raise ValueError(f"{name}={value!r}: choose one of {', '.join(map(repr, values))}")


def choices() -> dict[str, tuple[str, ...]]:
    """Every option of the dialect with the words it accepts, the default first."""
    hints = get_type_hints(Dialect)
    return {each.name: get_args(hints[each.name]) for each in fields(Dialect)}
