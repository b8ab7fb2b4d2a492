"""A prediction as JSON that can be stored, and back again, whole.

The API's own answer is stored as it came, together with what the client knew beyond it. Long data
URIs are taken out and kept once, however many predictions used them. A key is never stored.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from ..models import Metrics, Prediction

__all__ = ["attachments_in", "filled_in", "merge", "noted", "pack", "restore", "without_keys"]

_LONG: Final = 2048
_MARK: Final = "\x00attachment:"
_MARK_IN_JSON: Final = json.dumps(_MARK)[1:-1]
_KEY: Final = re.compile(r"\bsk-(?:[A-Za-z0-9]+[-_])*[A-Za-z0-9]{20,}\b")
_DERIVED: Final = ("files", "origin", "raw", "id")
_TIMES: Final = frozenset({"created_at", "started_at", "completed_at"})


def _walk(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {str(key): _walk(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_walk(item, change) for item in value]
    return value


def without_keys(value: Any) -> Any:
    """Blank out whatever looks like an API key, or is the one in the environment.

    Examples
    --------
    >>> without_keys({"prompt": "my key is sk-0123456789abcdef0123456789abcdef"})
    {'prompt': 'my key is sk-…'}
    """
    own = os.environ.get("SKYTELLS_API_KEY", "").strip()

    def blank(text: str) -> str:
        if len(own) > 7 and own in text:
            text = text.replace(own, "sk-…")
        return _KEY.sub("sk-…", text) if "sk-" in text and not text.startswith("data:") else text

    return _walk(value, blank)


def noted(value: Any) -> Any:
    """Cut long data URIs to a note that says what was there.

    Examples
    --------
    >>> noted({"image": "data:image/png;base64," + "A" * 4000})
    {'image': 'data:image/png;… (4,022 characters, not kept here)'}
    """

    def cut(text: str) -> str:
        if text.startswith(_MARK):
            return "data:… (kept in the archive)"
        if not text.startswith("data:") or len(text) <= _LONG:
            return text
        kind = re.match(r"data:[\w.+-]*/?[\w.+-]*", text)
        return f"{kind.group() if kind else 'data:'};… ({len(text):,} characters, not kept here)"

    return _walk(value, cut)


def pack(value: Any, taken_out: dict[str, str]) -> str:
    """Encode as JSON, with long data URIs moved to ``taken_out`` under their SHA-256."""

    def take(text: str) -> str:
        if not text.startswith("data:") or len(text) <= _LONG:
            return text
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        taken_out[digest] = text
        return _MARK + digest

    return json.dumps(_walk(value, take), separators=(",", ":"), default=str)


def attachments_in(text: str) -> list[str]:
    """List the digests of what `pack` took out of this JSON."""
    return re.findall(re.escape(_MARK_IN_JSON) + "([0-9a-f]{64})", text) if _MARK_IN_JSON in text else []


def _unpack(text: str, bodies: Mapping[str, str]) -> Any:
    value = json.loads(text)
    if _MARK_IN_JSON not in text:
        return value
    return _walk(value, lambda s: bodies.get(s[len(_MARK) :], s) if s.startswith(_MARK) else s)


def filled_in(prediction: Prediction) -> dict[str, Any]:
    """Collect what a prediction says beyond its own ``raw``, such as the input a short answer left out."""
    base = Prediction.from_api({**prediction.raw, "id": prediction.id})
    found: dict[str, Any] = {}
    for item in fields(Prediction):
        value = getattr(prediction, item.name)
        if item.name in _DERIVED or value == getattr(base, item.name):
            continue
        if isinstance(value, Metrics):
            value = asdict(value)
        elif isinstance(value, datetime):
            value = value.isoformat()
        elif isinstance(value, Decimal):
            value = str(value)
        found[item.name] = value
    return found


def restore(
    identifier: str, origin: str, raw: str, filled: str, bodies: Mapping[str, str] | None = None
) -> Prediction:
    """Build a prediction again from what was stored of it."""
    answer = _unpack(raw, bodies or {})
    if answer.get("id") == identifier:
        prediction = Prediction.from_api(answer, origin=origin)
    else:
        prediction = replace(Prediction.from_api({**answer, "id": identifier}, origin=origin), raw=answer)
    if filled == "{}":
        return prediction
    known: dict[str, Any] = {}
    names = {item.name for item in fields(Prediction)} - set(_DERIVED)
    for name, value in _unpack(filled, bodies or {}).items():
        if name in _TIMES and value is not None:
            value = datetime.fromisoformat(value)
        elif name == "cost" and value is not None:
            value = Decimal(value)
        elif name == "metrics":
            value = Metrics(**value)
        if name in names:
            known[name] = value
    return replace(prediction, **known)


def _overlay(old: Any, new: Any) -> Any:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return {key: _overlay(old.get(key), new.get(key)) for key in {**old, **new}}
    return old if new is None or new in ({}, [], "") else new


def merge(old: Prediction, new: Prediction) -> Prediction:
    """Bring what is known up to date, and never let the API's later forgetting erase anything.

    After a while the API empties inputs and outputs (skytells-api.md sections 6 and 12); what was
    asked and made stays as it was first seen.
    """
    raw = _overlay(old.raw, new.raw)
    for kept in ("input", "output"):
        if old.raw.get(kept):
            raw[kept] = old.raw[kept]
    known: dict[str, Any] = {}
    for item in fields(Prediction):
        before, after = getattr(old, item.name), getattr(new, item.name)
        keep = before if item.name in ("input", "output") else after
        known[item.name] = keep if keep not in (None, {}, [], ()) else (before or after)
    known["raw"] = raw
    known["metrics"] = Metrics(
        **{
            item.name: getattr(new.metrics, item.name)
            if getattr(new.metrics, item.name) not in (None, {})
            else getattr(old.metrics, item.name)
            for item in fields(Metrics)
        }
    )
    return Prediction(**known)
