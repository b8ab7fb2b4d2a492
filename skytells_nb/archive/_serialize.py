"""A prediction as JSON that can be stored, and back again, whole.

The API's own answer is stored as it came, together with what the client knew beyond it. Long data
URIs are taken out and kept once, however many predictions used them. A key is never stored.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from ..api import Account
from ..exceptions import SkytellsError
from ..models import Metrics, Prediction
from ..plaintext import hide_keys

RECORD_FORMAT: Final = 1
SIDECAR_ONLY: Final = (
    *("account", "sandbox", "prediction", "input_digest"),
    *("rating", "tags", "note", "media_type"),
)
"""What a JSON file beside an output says besides its record, from which an index can be made anew."""

UNREADABLE: Final = (
    ValueError,  # JSON, times
    TypeError,
    KeyError,
    AttributeError,
    ArithmeticError,  # Decimal, times out of range
    RecursionError,
    SkytellsError,
)
"""What reading a stored prediction may raise where it was damaged."""

_LONG: Final = 2048
_MARK: Final = "\x00attachment:"
_MARK_IN_JSON: Final = json.dumps(_MARK)[1:-1]
_DATA: Final = re.compile(r"data:([^,;]*)((?:;[^,;]*)*),", re.IGNORECASE)
_ELIDED: Final = re.compile(r"… \(([0-9,]+ characters, not kept here|kept in the archive)\)$")
_DERIVED: Final = ("files", "origin", "raw", "id", "reused")
_TIMES: Final = frozenset({"created_at", "started_at", "completed_at"})


@dataclass(frozen=True, slots=True)
class Rating:
    """What somebody thought of a prediction: 1 to 5 stars (0 for rejected, None for none), tags, a note."""

    stars: int | None = None
    tags: tuple[str, ...] = ()
    note: str = ""


def _walk(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {str(key): _walk(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_walk(item, change) for item in value]
    return value


def redact_keys(value: Any) -> Any:
    """Blank out whatever looks like an API key, or is the one in the environment."""
    own = os.environ.get("SKYTELLS_API_KEY", "").strip()

    def blank(text: str) -> str:
        if len(own) > 7 and own in text:
            text = text.replace(own, "sk-…")
        return text if text.startswith("data:") else hide_keys(text)

    return _walk(value, blank)


def elide_data_uris(value: Any) -> Any:
    """Cut long data URIs to a note that says what was there.

    Examples
    --------
    >>> elide_data_uris({"image": "data:image/png;base64," + "A" * 4000})
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


def is_data_uri(text: str) -> bool:
    return _DATA.match(text) is not None


def decode_data_uri(text: str) -> bytes:
    """Return the bytes within a data URI; raises ValueError where it holds none."""
    head = _DATA.match(text)
    if head is None:
        raise ValueError("no data URI")
    body = text[head.end() :]
    if ";base64" not in head[2].lower():
        return unquote_to_bytes(body)
    packed = re.sub(rb"\s+", b"", unquote_to_bytes(body)).replace(b"-", b"+").replace(b"_", b"/")
    try:
        return base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(f"its base64 is broken: {error}") from error


def dumps(value: Any, taken_out: dict[str, str]) -> str:
    """Encode as JSON, with long data URIs moved to ``taken_out`` under their SHA-256."""

    def take(text: str) -> str:
        if not text.startswith("data:") or len(text) <= _LONG:
            return text
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        taken_out[digest] = text
        return _MARK + digest

    return json.dumps(_walk(value, take), separators=(",", ":"), default=str)


def attachments_in(text: str) -> list[str]:
    return re.findall(re.escape(_MARK_IN_JSON) + "([0-9a-f]{64})", text) if _MARK_IN_JSON in text else []


def loads(text: str, bodies: Mapping[str, str]) -> Any:
    """Decode what `dumps` encoded, with the data URIs put back."""
    value = json.loads(text)
    if _MARK_IN_JSON not in text:
        return value
    return _walk(value, lambda s: bodies.get(s[len(_MARK) :], s) if s.startswith(_MARK) else s)


def input_digest(
    model: str | None, input: Mapping[str, Any] | None, defaults: Mapping[str, Any] | None = None
) -> bytes | None:
    """Digest what was asked of a model, alike for inputs that mean the same.

    Files count by their content, numbers as JSON compares them (1 is 1.0), the order of names not at
    all. With ``defaults``, those of the model's schema, a value that is left out counts as its default.
    Null counts as left out, but where the default is known to be another. None where it cannot be told any
    more, since a file was not kept.
    """
    known = defaults or {}
    meant = {**known, **(input or {})}
    whole = {name: value for name, value in meant.items() if value is not None or known.get(name) is not None}
    return digest(model, whole) if input else None  # an API that hides inputs shows {}


def digest(model: str | None, input: Mapping[str, Any]) -> bytes | None:
    """Digest an input as it is; None where it cannot be told, or there is none."""
    if not model:
        return None
    try:
        text = json.dumps(canonical(input), sort_keys=True, separators=(",", ":"), default=str)
    except (TypeError, ValueError, RecursionError):
        return None
    return hashlib.sha256(f"{model}\n{text}".encode("utf-8", "surrogatepass")).digest()[:16]


def canonical(value: Any, read_url: Callable[[str], bytes | None] | None = None) -> Any:
    """Return an input, or a value in one, as `input_digest` compares it: a file as the digest of its content.

    ``read_url`` reads what an archive has of a URL. Raises ValueError where a file was not kept.
    """
    if isinstance(value, str):
        if read_url is not None and value.startswith("http"):
            data = read_url(value)
            return value if data is None else {"sha256": hashlib.sha256(data).hexdigest()}
        if not value.startswith("data:"):
            return value
        if _ELIDED.search(value):
            raise ValueError("the file was not kept")
        try:
            return {"sha256": hashlib.sha256(decode_data_uri(value)).hexdigest()}
        except ValueError:
            return value
    if isinstance(value, Mapping):
        return {str(key): canonical(item, read_url) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(item, read_url) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def extra_fields(prediction: Prediction) -> dict[str, Any]:
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
    answer = loads(raw, bodies or {})
    if answer.get("id") == identifier:
        prediction = Prediction.from_api(answer, origin=origin)
    else:
        prediction = replace(Prediction.from_api({**answer, "id": identifier}, origin=origin), raw=answer)
    if filled == "{}":
        return prediction
    known: dict[str, Any] = {}
    names = {item.name for item in fields(Prediction)} - set(_DERIVED)
    for name, value in loads(filled, bodies or {}).items():
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


def record_of(prediction: Prediction, position: int | None = None) -> dict[str, Any]:
    """Collect what is worth knowing about one output, as plain JSON values: enough to make it again.

    Data URIs in the input are cut to a note; webhooks and keys are left out.
    """
    asked: dict[str, Any] = elide_data_uris(redact_keys(prediction.input or {}))
    seed = asked.get("seed")
    if seed is None:
        seed = prediction.raw.get("seed")
    times = {
        name: None if (moment := getattr(prediction, name)) is None else moment.isoformat()
        for name in ("created_at", "started_at", "completed_at")
    }
    return {
        "skytells_nb": RECORD_FORMAT,
        "id": prediction.id,
        "origin": prediction.origin,
        "model": prediction.model,
        "model_type": prediction.model_type,
        "prompt": asked.get("prompt") if isinstance(asked.get("prompt"), str) else None,
        "seed": seed if isinstance(seed, int | str | float) else None,
        "input": asked,
        "status": prediction.status,
        "error": prediction.error,
        "output_index": position,
        "cost": None if prediction.cost is None else str(prediction.cost),
        **times,
        "seconds": prediction.seconds,
    }


def sidecar_of(
    account: Account,
    prediction: Prediction,
    position: int | None,
    rating: Rating | None = None,
    digest: bytes | None = None,
) -> dict[str, Any]:
    """Build the JSON that lies beside an output, from which the index can be made anew."""
    raw = {key: value for key, value in prediction.raw.items() if key not in ("webhook", "webhook_url")}
    filled = {key: value for key, value in extra_fields(prediction).items() if key != "webhook"}
    rated = {}
    if rating is not None and rating != Rating():
        rated = {"rating": rating.stars, "tags": list(rating.tags), "note": rating.note}
    return {
        **record_of(prediction, position),
        "account": account.fingerprint,
        "sandbox": account.sandbox,
        **rated,
        **({} if digest is None else {"input_digest": digest.hex()}),
        "prediction": elide_data_uris(redact_keys({"raw": raw, "filled": filled})),
    }
