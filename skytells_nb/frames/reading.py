"""Columns straight from what the API gave, by the rules that ``Prediction.from_api`` reads with.

A chunk of raw objects, of predictions or of an archive's rows becomes one list or array per column,
without a `Prediction` for each. What is documented takes a short way; whatever else comes takes the
ground floor's own rule, so that both ways always agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any, Final

import numpy as np

from ..types import Prediction, reading

__all__ = ["Chunk", "documented", "from_predictions", "from_raws", "from_rows"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NAT: Final = np.datetime64("NaT", "us")
_FIELDS: Final = (
    "id", "status", "model", "input", "output", "created_at", "started_at", "completed_at", "source",
    "metrics", "metadata",
)  # fmt: skip
_PICK: Final = itemgetter(*_FIELDS)


@dataclass(slots=True)
class Chunk:
    """Some rows, column by column, before pandas sees them."""

    id: list[str]
    model: list[str | None]
    model_type: list[str | None]
    status: list[str]
    created_at: Any
    started_at: Any
    completed_at: Any
    predict_s: Any
    total_s: Any
    cost: list[float | None]
    currency: list[str | None]
    output: list[list[str] | None]
    error: list[str | None]
    prompt: list[str | None]
    source: list[str | None]
    origin: list[str | None]
    inputs: list[dict[str, Any] | None]
    sandbox_origins: set[str] = field(default_factory=set)


def documented(rows: Sequence[Any]) -> Chunk | None:
    """Read rows that are all raw objects of the API with every documented field; None for any others.

    This is what a listing holds, so it is worth a way of its own: one look into each object.
    """
    if not all(type(row) is dict for row in rows):
        return None
    try:
        picked = list(map(_PICK, rows))
    except KeyError:
        return None
    ids = [row[0] for row in picked]
    return _read(rows, picked) if all(type(each) is str and each for each in ids) else None


def from_raws(raws: Sequence[Mapping[str, Any]]) -> Chunk:
    """Read raw objects of the API, which all have an id."""
    return _read(raws, [tuple(map(raw.get, _FIELDS)) for raw in raws])


def _read(raws: Sequence[Mapping[str, Any]], picked: list[tuple[Any, ...]]) -> Chunk:
    columns: Any = zip(*picked, strict=True) if picked else ([] for _ in _FIELDS)
    ids, states, models, given, made, created, started, completed, sources, metrics, metadata = columns
    figures = [found if type(found) is dict else {} for found in metrics]
    inputs = [found if type(found) is dict else None for found in given]
    cost, currency = _prices(raws, figures, metadata)
    status = _statuses(states)
    names, kinds = _models(raws, models)
    begun, ended = _times(created), _times(completed)
    predict_s = _seconds([_number(each.get("predict_time")) for each in figures])
    total_s = _seconds([_number(each.get("total_time")) for each in figures])
    text = reading.text
    return Chunk(
        id=list(ids),
        model=names,
        model_type=kinds,
        status=status,
        created_at=begun,
        started_at=_times(started),
        completed_at=ended,
        predict_s=predict_s,
        total_s=_in_all(total_s, begun, ended, predict_s),
        cost=cost,
        currency=currency,
        output=[_outputs(each) for each in made],
        error=[
            None if word == "succeeded" and not raw.get("error") else reading.failure_text(raw)
            for raw, word in zip(raws, status, strict=True)
        ],
        prompt=[None if each is None else text(each.get("prompt")) for each in inputs],
        source=[each if type(each) is str else None for each in sources],
        origin=[None] * len(status),
        inputs=inputs,
    )


def from_predictions(predictions: Sequence[Prediction]) -> Chunk:
    """Read predictions."""
    cost = [None if p.cost is None else float(p.cost) for p in predictions]
    created, completed = (
        _micros(p.created_at for p in predictions),
        _micros(p.completed_at for p in predictions),
    )
    predict_s = _seconds([p.metrics.predict_time for p in predictions])
    total_s = _seconds([p.metrics.total_time for p in predictions])
    return Chunk(
        id=[p.id for p in predictions],
        model=[p.model for p in predictions],
        model_type=[p.model_type for p in predictions],
        status=[p.status for p in predictions],
        created_at=created,
        started_at=_micros(p.started_at for p in predictions),
        completed_at=completed,
        predict_s=predict_s,
        total_s=_in_all(total_s, created, completed, predict_s),
        cost=cost,
        currency=[_currency(p.metrics.billing, price) for p, price in zip(predictions, cost, strict=True)],
        output=[p.output for p in predictions],
        error=[p.error for p in predictions],
        prompt=[p.prompt for p in predictions],
        source=[reading.text(p.raw.get("source")) for p in predictions],
        origin=[p.origin for p in predictions],
        inputs=[p.input for p in predictions],
    )


def from_rows(rows: Sequence[Mapping[str, Any]]) -> Chunk:
    """Read an archive's plain rows, which hold Python values already."""
    cost = [None if row["cost"] is None else float(row["cost"]) for row in rows]
    return Chunk(
        created_at=_micros(row["created_at"] for row in rows),
        started_at=_micros(row["started_at"] for row in rows),
        completed_at=_micros(row["completed_at"] for row in rows),
        predict_s=_seconds([row["predict_s"] for row in rows]),
        total_s=_seconds([row["total_s"] for row in rows]),
        cost=cost,
        inputs=[row["input"] for row in rows],
        sandbox_origins={row["origin"] for row in rows if row["sandbox"] and row["origin"]},
        **{
            name: [row[name] for row in rows]
            for name in ("id", "model", "model_type", "status", "currency", "output", "error", "prompt")
        },
        **{name: [row[name] for row in rows] for name in ("source", "origin")},
    )


# The functions below give what those of `reading` give; they only see sooner what is as documented.


def _prices(
    raws: Sequence[Mapping[str, Any]], figures: list[dict[str, Any]], more: Sequence[Any]
) -> tuple[list[float | None], list[str | None]]:
    costs: list[float | None] = []
    currencies: list[str | None] = []
    for raw, metrics, metadata in zip(raws, figures, more, strict=True):
        bill = metadata.get("billing") if type(metadata) is dict else None
        if type(bill) is not dict or "billing" in metrics or "credits_used" in metrics:
            bill = reading.billing(raw)
        value = bill.get("credits_used")
        if type(value) is not float or not 1e-9 < value < 1e9:
            read = reading.amount(value)
            value = None if read is None else float(read)
        costs.append(value)
        currencies.append("USD" if value is not None and "currency" not in bill else _currency(bill, value))
    return costs, currencies


def _models(
    raws: Sequence[Mapping[str, Any]], models: Sequence[Any]
) -> tuple[list[str | None], list[str | None]]:
    names: list[str | None] = []
    kinds: list[str | None] = []
    for raw, model in zip(raws, models, strict=True):
        if type(model) is dict and len(model) == 2 and "name" in model and "type" in model:
            name, kind = model["name"], model["type"]
            if type(name) is str and type(kind) is str and kind:
                names.append(name)
                kinds.append(kind)
                continue
        names.append(reading.model_name(model))
        kinds.append(reading.model_type(raw))
    return names, kinds


def _number(value: object) -> float | None:
    return value if type(value) is float and -1e300 < value < 1e300 else reading.number(value)


def _outputs(value: object) -> list[str] | None:
    if type(value) is list and len(value) == 1 and type(value[0]) is str:
        return [value[0]]
    return None if value is None else reading.outputs(value)


def _statuses(values: Sequence[object]) -> list[str]:
    words: dict[object, str] = {}
    found = []
    for value in values:
        word = words.get(value) if type(value) is str else None
        if word is None:
            word = reading.status_word(value)
            if type(value) is str:
                words[value] = word
        found.append(word)
    return found


def _currency(bill: Mapping[str, Any], cost: float | None) -> str | None:
    """Give a cost's currency: as billed where that is said, else US dollars, as a credit is taken."""
    if cost is None:
        return None
    named = bill.get("currency")
    return named.strip().upper() if isinstance(named, str) and named.strip() else "USD"


def _seconds(values: list[float | None]) -> Any:
    return np.array(values, dtype="float64")


def _in_all(total: Any, created: Any, completed: Any, predict: Any) -> Any:
    """Give the seconds in all, as ``Prediction.seconds`` does: measured, else by the times, else of work."""
    missing = np.isnan(total)
    if missing.any():
        spans = (completed - created).astype("float64") / 1e6
        spans[np.isnat(completed) | np.isnat(created)] = np.nan
        total = np.where(missing, np.where(np.isnan(spans), predict, spans), total)
    return total


def _times(given: Sequence[object]) -> Any:
    """Read timestamps: the two documented styles all at once, anything else one by one."""
    plain = [
        value[:26]
        if type(value) is str and len(value) == 27 and value[26] == "Z" and _is_plain(value[:26])
        else _without_zone(value)
        for value in given
    ]
    try:
        found = np.array(plain, dtype="datetime64[us]")
    except ValueError:
        return _micros(map(reading.time, given))
    for at, value in enumerate(plain):
        if value is None and given[at] is not None:
            read = reading.time(given[at])
            if read is not None:
                found[at] = np.datetime64((read - _EPOCH) // _MICROSECOND, "us")
    return found


def _without_zone(value: object) -> str | None:
    """Cut the zone off a timestamp of a documented shape; None for any other."""
    if type(value) is not str:
        return None
    plain = value[:-1] if value[-1:] == "Z" else value[:-6] if value[-6:] == "+00:00" else ""
    return plain if len(plain) in (19, 26) and _is_plain(plain) else None


def _is_plain(value: str) -> bool:
    """Whether a timestamp of 19 or 26 characters is of the shape that numpy reads as Python does."""
    return (
        value[10] == "T"
        and value.isascii()
        and value[:4].isdecimal()
        and (len(value) == 19 or value[20:].isdecimal())
    )


def _micros(times: Iterable[datetime | None]) -> Any:
    micros = [
        _NAT if time is None else np.datetime64((time - _EPOCH) // _MICROSECOND, "us") for time in times
    ]
    return np.array(micros, dtype="datetime64[us]")
