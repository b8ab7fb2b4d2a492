"""How each field is read, whichever of the documented shapes it came in.

One small total function a field: it takes what JSON gave and returns a value or None, never an
error. ``Prediction.from_api`` is built from them. Section numbers are those of the
API reference, skytells-api.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

__all__ = [
    "STATUSES",
    "TERMINAL",
    "amount",
    "billing",
    "count",
    "credits_used",
    "failure_text",
    "known_status",
    "mapping",
    "model_name",
    "model_type",
    "number",
    "outputs",
    "status_word",
    "text",
    "texts",
    "time",
    "webhook_target",
]

STATUSES: Final = ("queued", "processing", "succeeded", "failed", "canceled")
TERMINAL: Final = frozenset({"succeeded", "failed", "canceled"})

_STATUS_WORDS: Final = {
    "pending": "queued",
    "queued": "queued",
    "starting": "queued",
    "started": "processing",
    "processing": "processing",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "canceled",
    "cancelled": "canceled",
}
_PLAUSIBLE_DIGITS: Final = 30  # beyond that it is no money, and writing it out would fill the memory


def text(value: object) -> str | None:
    """Give back a string as it is, anything else as None."""
    return value if isinstance(value, str) else None


def texts(value: object) -> tuple[str, ...] | None:
    """Read a list of strings; None when it is anything else."""
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    return None


def mapping(value: object) -> dict[str, Any] | None:
    """Give back a JSON object as it is, anything else as None."""
    return value if isinstance(value, dict) else None


def number(value: object) -> float | None:
    """Read a finite JSON number; a boolean is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def count(value: object) -> int | None:
    """Read a whole number; a boolean is not one."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def amount(value: object) -> Decimal | None:
    """Read money: a JSON number or a numeric string, exactly as written; else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        read = Decimal(str(value).strip())
    except (InvalidOperation, ValueError):
        return None
    return read if read.is_finite() and abs(read.adjusted()) <= _PLAUSIBLE_DIGITS else None


def time(value: object) -> datetime | None:
    """Read either documented timestamp style as an aware UTC datetime (section 13, row 35)."""
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value.strip())
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def known_status(word: str) -> str | None:
    """Translate a documented word for a status into the course's; None when it is none (section 4.8)."""
    return _STATUS_WORDS.get(word.strip().lower())


def status_word(value: object) -> str:
    """Translate any status on the wire into the course's five words (section 4.8).

    What nobody documents, also the boolean of ``status: false`` (section 4.1), is not finished.
    """
    if isinstance(value, str):
        return known_status(value) or "processing"
    return "queued"


def outputs(value: object) -> list[str] | None:
    """Read an output as a list of strings: URLs, or the text of a text model (section 6)."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list):
        return None
    read = [item for item in value if isinstance(item, str)]
    if len(read) == len(value):
        return read
    found = [item.get("url") if isinstance(item, Mapping) else item for item in value]
    read = [item for item in found if isinstance(item, str)]
    return read if read or not value else None


def failure_text(raw: Mapping[str, Any]) -> str | None:
    """Find why a prediction failed, in any of the four places it is put (section 13, row 10)."""
    error = raw.get("error")
    if isinstance(error, str) and error:
        return error
    if status_word(raw.get("status")) not in ("failed", "canceled"):
        return None
    if isinstance(error, Mapping) and isinstance(error.get("message"), str):
        return str(error["message"])
    for key in ("error_message", "response"):
        found = raw.get(key)
        if isinstance(found, str) and found:
            return found
    return None


def model_name(value: object) -> str | None:
    """Read a model given as a slug or as an object (section 13, row 8)."""
    if isinstance(value, Mapping):
        for key in ("namespace", "slug", "id", "name"):
            if isinstance(value.get(key), str):
                return str(value[key])
        return None
    return text(value)


def model_type(raw: Mapping[str, Any]) -> str | None:
    """Read the kind of model (image, video, …) that made a prediction, where it is said."""
    model = raw.get("model")
    found = text(model.get("type")) if isinstance(model, Mapping) else None
    return found or text(raw.get("model_type"))


def billing(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Collect what the API says about billing, under ``metadata`` or ``metrics`` (section 6)."""
    found: dict[str, Any] = {}
    for place in ("metrics", "metadata"):
        outer = raw.get(place)
        inner = outer.get("billing") if isinstance(outer, Mapping) else None
        if isinstance(inner, Mapping):
            found.update(inner)
        elif isinstance(outer, Mapping) and "credits_used" in outer:
            found.setdefault("credits_used", outer["credits_used"])
    return found


def credits_used(raw: Mapping[str, Any]) -> Decimal | None:
    """Read what a prediction cost, in credits; None is unknown, which is not zero."""
    return amount(billing(raw).get("credits_used"))


def webhook_target(value: object) -> dict[str, Any] | None:
    """Read a registered webhook as ``{"url", "events"}``; None when none is set (section 7)."""
    if isinstance(value, str):
        return {"url": value, "events": []}
    if isinstance(value, Mapping) and isinstance(value.get("url"), str):
        return {"url": value["url"], "events": list(texts(value.get("events")) or ())}
    return None
