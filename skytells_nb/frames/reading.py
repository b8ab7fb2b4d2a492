"""Columns straight from what the API gave, by the rules that ``Prediction.from_api`` reads with.

A chunk of raw objects, of predictions or of an archive's rows becomes one list or array per column,
without a `Prediction` for each. What is documented takes a short way; whatever else comes takes the
ground floor's own rule, so that both ways always agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

import numpy as np

from ..models import Prediction, reading
from .shortcuts import currency, models, numbers, outputs, prices, seconds, statuses
from .stamps import micros, times

__all__ = ["Chunk", "documented", "from_predictions", "from_raws", "from_rows"]

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
    cost: Sequence[float | None]
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
    fields: Any = zip(*picked, strict=True) if picked else ([] for _ in _FIELDS)
    ids, states, named, given, made, created, started, completed, sources, metrics, metadata = fields
    figures = [found if type(found) is dict else {} for found in metrics]
    inputs = [found if type(found) is dict else None for found in given]
    cost, currencies = prices(raws, figures, metadata)
    status = statuses(states)
    names, kinds = models(raws, named)
    begun, ended = times(created), times(completed)
    predict_s = numbers(figures, "predict_time")
    total_s = numbers(figures, "total_time")
    text = reading.text
    return Chunk(
        id=list(ids),
        model=names,
        model_type=kinds,
        status=status,
        created_at=begun,
        started_at=times(started),
        completed_at=ended,
        predict_s=predict_s,
        total_s=_in_all(total_s, begun, ended, predict_s),
        cost=cost,
        currency=currencies,
        output=outputs(made),
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
        micros(p.created_at for p in predictions),
        micros(p.completed_at for p in predictions),
    )
    predict_s = seconds([p.metrics.predict_time for p in predictions])
    total_s = seconds([p.metrics.total_time for p in predictions])
    return Chunk(
        id=[p.id for p in predictions],
        model=[p.model for p in predictions],
        model_type=[p.model_type for p in predictions],
        status=[p.status for p in predictions],
        created_at=created,
        started_at=micros(p.started_at for p in predictions),
        completed_at=completed,
        predict_s=predict_s,
        total_s=_in_all(total_s, created, completed, predict_s),
        cost=cost,
        currency=[currency(p.metrics.billing, price) for p, price in zip(predictions, cost, strict=True)],
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
        created_at=micros(row["created_at"] for row in rows),
        started_at=micros(row["started_at"] for row in rows),
        completed_at=micros(row["completed_at"] for row in rows),
        predict_s=seconds([row["predict_s"] for row in rows]),
        total_s=seconds([row["total_s"] for row in rows]),
        cost=cost,
        inputs=[row["input"] for row in rows],
        sandbox_origins={row["origin"] for row in rows if row["sandbox"] and row["origin"]},
        **{
            name: [row[name] for row in rows]
            for name in ("id", "model", "model_type", "status", "currency", "output", "error", "prompt")
        },
        **{name: [row[name] for row in rows] for name in ("source", "origin")},
    )


def _in_all(total: Any, created: Any, completed: Any, predict: Any) -> Any:
    """Give the seconds in all, as ``Prediction.seconds`` does: measured, else by the times, else of work."""
    missing = np.isnan(total)
    if missing.any():
        spans = (completed - created).astype("float64") / 1e6
        spans[np.isnat(completed) | np.isnat(created)] = np.nan
        total = np.where(missing, np.where(np.isnan(spans), predict, spans), total)
    return total
