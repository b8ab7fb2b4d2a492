"""What a terminal shows, and the few words under a picture: aligned columns, costs, seconds, ids, paths."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from ..formatting import format_bytes, format_cost, format_count, format_seconds, money_unit
from ..models import Model, Prediction, count_statuses, is_sandbox_id
from ..plaintext import align, clean, clip, one_line
from ..pricing import list_price, list_price_rules
from ..schema import UNSET, Property, parse
from ._items import DisplayItem, FileContent, Message, RemoteOutput, Text, outputs_of

_MOST_ROWS: Final = 40
_PROMPT: Final = 60
_MOST_CHOICES: Final = 12
_EXCERPT: Final = 2_000
_SHORT: Final = 16

REUSED: Final = "from the archive"
"""Of a prediction that was taken from the archive, in the place of a new create."""


# The few words under a picture


def cost_text(prediction: Prediction) -> str:
    """Format what a prediction cost; an unknown cost is not mentioned."""
    return "" if prediction.cost is None else format_cost(prediction.cost, _unit(prediction))


def total_text(predictions: Sequence[Prediction]) -> str:
    """Format what predictions cost together; a sandbox's credits and money are not added to each other."""
    totals: dict[str, Decimal] = {}
    for prediction in predictions:
        if prediction.cost is not None:
            unit = _unit(prediction)
            totals[unit] = totals.get(unit, Decimal(0)) + prediction.cost
    known = sum(prediction.cost is not None for prediction in predictions)
    text = " and ".join(format_cost(total, unit) for unit, total in totals.items())
    return f"{text} for {known:,} of them" if text and known < len(predictions) else text


def _unit(prediction: Prediction) -> str:
    return money_unit(is_sandbox_id(prediction.id))


def seconds_text(seconds: float | None) -> str:
    """Format how long something took; an unknown time is not mentioned."""
    return "" if seconds is None or seconds < 0 else format_seconds(seconds)


def prediction_facts(prediction: Prediction, *, first: bool = True) -> list[str]:
    """List model, seconds and cost, as far as they are known, and whether it was reused.

    A prediction is billed once, so of several outputs only the first says what it took.
    """
    reused = REUSED if prediction.reused else ""
    spent = (seconds_text(prediction.seconds), cost_text(prediction), reused) if first else ()
    return [clip(one_line(fact), 80) for fact in (prediction.model or "", *spent) if fact]


def short_id(identifier: str) -> str:
    """Shorten an id to the part that identifies it, which is also in its file's name.

    Every id of a sandbox begins alike, so ``sandbox-cba6324ec14d43d0a19ca64d6c8e018b`` is ``cba6324e…``.
    """
    whole = one_line(identifier)
    bare = re.sub(r"^(pred|sandbox)[_-]", "", whole)
    return whole if len(whole) <= _SHORT else bare if len(bare) <= 8 else f"{bare[:8]}…"


def format_path(path: Path) -> str:
    """Format a path as it is shortest: from the working directory where it lies inside it."""
    try:
        return str(path.relative_to(Path.cwd())) if path.is_absolute() else os.fspath(path)
    except (ValueError, OSError):
        return str(path)


def alt_text(prompt: str | None, model: str | None, otherwise: str) -> str:
    """Describe a picture for those who do not see it: the prompt, cut to 120 characters, and the model."""
    words = clip(one_line(prompt or ""), 120)
    maker = clip(one_line(model or ""), 60)
    if words and maker:
        return f"{words} ({maker})"
    return words or maker or otherwise


# A terminal


def things_text(things: Sequence[Prediction | Model | DisplayItem]) -> str:
    predictions = [thing for thing in things if isinstance(thing, Prediction)]
    if len(things) > 1 and len(predictions) == len(things):
        return _predictions_text(predictions)
    models = [thing for thing in things if isinstance(thing, Model)]
    if len(things) > 1 and len(models) == len(things):
        return _models_text(models)
    return "\n\n".join(_thing_text(thing) for thing in things) or "Nothing to show."


def _thing_text(thing: Prediction | Model | DisplayItem) -> str:
    if isinstance(thing, Prediction):
        return _prediction_text(thing)
    if isinstance(thing, Model):
        return _model_text(thing)
    content = thing.content
    if isinstance(content, FileContent):
        try:
            size = format_bytes(content.size())
        except OSError:
            size = "gone"
        return f"{clean(format_path(content.path)) if content.path else 'a file in memory'} ({size})"
    return _content_text(content)


def _content_text(content: FileContent | Text | Message | RemoteOutput) -> str:
    if isinstance(content, Text):
        shown = clean(content.text)
        more = len(shown) - _EXCERPT
        return shown if more <= 0 else f"{shown[:_EXCERPT]}… ({more:,} more characters)"
    if isinstance(content, FileContent):
        return one_line(format_path(content.path)) if content.path else "in memory"
    if isinstance(content, RemoteOutput):
        return clip(one_line(content.address), 200)
    words = f"{content.title}: {content.detail}" if content.detail else content.title
    return clip(one_line(words), 400)


def _prediction_text(prediction: Prediction) -> str:
    model, *rest = prediction_facts(prediction) if prediction.model else ["", *prediction_facts(prediction)]
    head = [word for word in (model, prediction.status, *rest, one_line(prediction.id)) if word]
    lines = [" · ".join(head)]
    if prediction.prompt:
        lines.append(f"  “{clip(one_line(prediction.prompt), 200)}”")
    for content in outputs_of(prediction):
        lines += ["  " + line for line in _content_text(content).splitlines()]
    return "\n".join(lines)


def _predictions_text(predictions: Sequence[Prediction]) -> str:
    """Format predictions as aligned columns, the first forty of them."""
    rows = [("id", "status", "model", "time", "cost", "prompt")]
    rows += [
        (
            short_id(p.id),
            p.status,
            clip(one_line(p.model or ""), 28),
            seconds_text(p.seconds),
            cost_text(p),
            clip(one_line(p.prompt or ""), _PROMPT),
        )
        for p in predictions[:_MOST_ROWS]
    ]
    more = len(predictions) - _MOST_ROWS
    return "\n".join([count_text(predictions), *align(rows), *([f"… and {more:,} more"] if more > 0 else [])])


def count_text(predictions: Sequence[Prediction]) -> str:
    """Count predictions by status, on one line: ``2 predictions: 1 succeeded, 1 failed``."""
    counts = count_statuses(p.status for p in predictions)
    total = format_count(len(predictions), "prediction")
    return f"{total}: {counts}" if counts else total


def _model_text(model: Model) -> str:
    head = [model.id, model.type, list_price(model), model.status]
    lines = [" · ".join(one_line(word) for word in head if word)]
    if model.description:
        lines.append("  " + clip(one_line(model.description), 200))
    lines += ["  " + rule for rule in list_price_rules(model)]
    rows = [
        (
            row.name + ("*" if row.required else ""),
            row.kind,
            f"default {row.default}" if row.default else "",
            clip(row.limits or row.description, _PROMPT),
        )
        for row in input_rows(model)
    ]
    return "\n".join([*lines, *("  " + line for line in align(rows))])


def _models_text(models: Sequence[Model]) -> str:
    rows = [("model", "type", "price", "capabilities")]
    rows += [
        (
            clip(one_line(m.id), 32),
            one_line(m.type or ""),
            clip(list_price(m), 40),
            clip(one_line(", ".join(m.capabilities)), _PROMPT),
        )
        for m in models
    ]
    return "\n".join([format_count(len(models), "model"), *align(rows)])


# What a model takes


@dataclass(frozen=True, slots=True)
class InputRow:
    """One input of a model, in words; empty where the schema does not say."""

    name: str
    kind: str
    required: bool
    default: str
    limits: str
    description: str


def input_rows(model: Model) -> list[InputRow]:
    """Describe a model's inputs, in the order in which they are shown."""
    return [
        InputRow(
            name=clip(one_line(field.name), 60),
            kind="URL" if field.text("format") == "uri" else "" if field.kind == "any" else field.kind,
            required=field.required,
            default="" if field.default in (UNSET, None, "") else _value(field.default),
            limits=_limits(field),
            description=one_line(field.description),
        )
        for field in parse(model.input_schema).values()
    ]


def _limits(field: Property) -> str:
    if field.closed:
        titles = [_value(choice.value) for choice in field.choices]
        shown = ", ".join(titles[:_MOST_CHOICES])
        return f"{shown}, …" if len(titles) > _MOST_CHOICES else shown
    low, high = field.bounds
    if low is not None and high is not None:
        return f"{_value(low)} to {_value(high)}"
    if low is not None or high is not None:
        return f"at least {_value(low)}" if low is not None else f"at most {_value(high)}"
    longest = field.schema.get("maxLength")
    return f"up to {longest:,} characters" if isinstance(longest, int) else ""


def _value(value: object) -> str:
    if isinstance(value, str):
        return clip(one_line(value), 60)
    try:
        return clip(one_line(json.dumps(value, ensure_ascii=False)), 60)
    except (TypeError, ValueError):
        return clip(one_line(str(value)), 60)
