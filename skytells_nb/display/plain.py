"""What a terminal shows: aligned columns of text, and nothing that could move its cursor."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from ..formatting import format_count
from ..models import Model, Prediction, count_statuses
from .contents import Blob, Notice, Prose, Remote, contents_of
from .escaping import clean, clip, one_line
from .pricetags import price_told, rules_told
from .schemas import inputs_of
from .sources import Entry
from .wording import bytes_told, cost_told, facts_told, id_told, path_told, seconds_told

__all__ = ["model_text", "models_text", "prediction_text", "predictions_text", "things_text"]

_MOST_ROWS: Final = 40
_PROMPT: Final = 60
_PASSAGE: Final = 2_000


def things_text(things: Sequence[Prediction | Model | Entry]) -> str:
    """Write anything that can be shown as text."""
    predictions = [thing for thing in things if isinstance(thing, Prediction)]
    if len(things) > 1 and len(predictions) == len(things):
        return predictions_text(predictions)
    models = [thing for thing in things if isinstance(thing, Model)]
    if len(things) > 1 and len(models) == len(things):
        return models_text(models)
    return "\n\n".join(_thing_text(thing) for thing in things) or "Nothing to show."


def _thing_text(thing: Prediction | Model | Entry) -> str:
    if isinstance(thing, Prediction):
        return prediction_text(thing)
    if isinstance(thing, Model):
        return model_text(thing)
    content = thing.content
    if isinstance(content, Blob):
        try:
            size = bytes_told(content.size())
        except OSError:
            size = "gone"
        return f"{clean(path_told(content.path)) if content.path else 'a file in memory'} ({size})"
    return _content_text(content)


def _content_text(content: Blob | Prose | Notice | Remote) -> str:
    if isinstance(content, Prose):
        shown = clean(content.text)
        more = len(shown) - _PASSAGE
        return shown if more <= 0 else f"{shown[:_PASSAGE]}… ({more:,} more characters)"
    if isinstance(content, Blob):
        return one_line(path_told(content.path)) if content.path else "in memory"
    if isinstance(content, Remote):
        return clip(one_line(content.address), 200)
    said = f"{content.title}: {content.detail}" if content.detail else content.title
    return clip(one_line(said), 400)


def prediction_text(prediction: Prediction) -> str:
    """Write a prediction on a few lines: its facts, its prompt, and where its outputs are.

    Examples
    --------
    >>> from skytells_nb import Prediction
    >>> from skytells_nb.display.plain import prediction_text
    >>> p = Prediction.from_api({"id": "p1", "status": "failed", "model": "truefusion", "error": "Too dark."})
    >>> print(prediction_text(p))
    truefusion · failed · p1
      Failed: Too dark.
    """
    model, *rest = facts_told(prediction) if prediction.model else ["", *facts_told(prediction)]
    head = [word for word in (model, prediction.status, *rest, one_line(prediction.id)) if word]
    lines = [" · ".join(head)]
    if prediction.prompt:
        lines.append(f"  “{clip(one_line(prediction.prompt), 200)}”")
    for content in contents_of(prediction):
        lines += ["  " + line for line in _content_text(content).splitlines()]
    return "\n".join(lines)


def predictions_text(predictions: Sequence[Prediction]) -> str:
    """Write predictions as aligned columns, the first forty of them."""
    rows = [("id", "status", "model", "time", "cost", "prompt")]
    rows += [
        (
            id_told(p.id),
            p.status,
            clip(one_line(p.model or ""), 28),
            seconds_told(p.seconds),
            cost_told(p.cost).partition(" ")[0],
            clip(one_line(p.prompt or ""), _PROMPT),
        )
        for p in predictions[:_MOST_ROWS]
    ]
    return "\n".join([told(predictions), *aligned(rows), *_more(len(predictions))])


def told(predictions: Sequence[Prediction]) -> str:
    """Count predictions by how they stand, on one line.

    Examples
    --------
    >>> from skytells_nb import Prediction
    >>> from skytells_nb.display.plain import told
    >>> told([Prediction(id="a", status="succeeded"), Prediction(id="b", status="failed")])
    '2 predictions: 1 succeeded, 1 failed'
    """
    counts = count_statuses(p.status for p in predictions)
    return format_count(len(predictions), "prediction") + (f": {counts}" if counts else "")


def model_text(model: Model) -> str:
    """Write a model: what it is, what it costs, and what it takes."""
    head = [model.id, model.type, price_told(model.pricing), model.status]
    lines = [" · ".join(one_line(word) for word in head if word)]
    if model.description:
        lines.append("  " + clip(one_line(model.description), 200))
    lines += ["  " + rule for rule in rules_told(model.pricing)]
    rows = [
        (
            "  " + field.name + ("*" if field.required else ""),
            field.kind,
            f"default {field.default}" if field.default else "",
            clip(field.limits or field.description, _PROMPT),
        )
        for field in inputs_of(model)
    ]
    return "\n".join([*lines, *aligned(rows)])


def models_text(models: Sequence[Model]) -> str:
    """Write models as aligned columns."""
    rows = [("model", "type", "price", "capabilities")]
    rows += [
        (
            clip(one_line(m.id), 32),
            one_line(m.type or ""),
            clip(price_told(m.pricing), 40),
            clip(one_line(", ".join(m.capabilities)), _PROMPT),
        )
        for m in models
    ]
    return "\n".join([f"{len(models)} model{'' if len(models) == 1 else 's'}", *aligned(rows)])


def _more(count: int) -> list[str]:
    return [] if count <= _MOST_ROWS else [f"… and {count - _MOST_ROWS:,} more"]


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Align columns by the width their letters take in a terminal."""
    table = [list(row) for row in rows]
    widths = [max(map(_width, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in table
    ]


def _width(words: str) -> int:
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in words
    )
