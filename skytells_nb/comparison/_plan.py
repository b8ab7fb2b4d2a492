"""What a comparison will do, before it does it: its axes, its inputs checked, its price."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .._options import options
from ..api import as_text_input
from ..display import REUSED
from ..exceptions import InvalidInputError
from ..formatting import format_count
from ..models import AnsweringRoute, Model, Prediction
from ..pricing import Estimate, estimate, together
from ..schema import Checker, as_text, labels_of, parse, rows_of, unknown_inputs

MOST: Final = 1_000
"""Cells that one comparison shows."""

_TOLD: Final = 10
_WIDEST: Final = 8
_IN_A_ROW: Final = 6

Label = tuple[str, ...]
"""What stands at a row or a column: a word for each of its axes, the outermost first."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One cell to be filled: where it stands, what is asked for it, and the route of a model that answers."""

    row: int
    column: int
    model: str
    input: dict[str, Any]
    route: AnsweringRoute | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be created: slots in the order of what was given, each with its price; `shape` is in words.

    `index` is that of the frame that was given, a label for each slot.
    """

    rows: tuple[Label, ...]
    columns: tuple[Label, ...]
    slots: tuple[Slot, ...]
    prices: tuple[Estimate, ...]
    shape: str
    index: Any = None

    def text(self, kept: Sequence[Prediction | None]) -> str:
        """Say how many predictions that is, and what those will cost that the archive does not have."""
        whole = f"{format_count(len(self.prices), 'prediction')}: {self.shape}"
        new = [price for price, found in zip(self.prices, kept, strict=True) if found is None]
        if not new:
            return f"{whole}, all {REUSED}, at no cost"
        reused = f", {len(kept) - len(new)} {REUSED}" if len(new) < len(kept) else ""
        return f"{whole}{reused}, {together(new).price} in all"


def plan(models: Sequence[Model], prompts: Sequence[str], variations: Sequence[Mapping[str, Any]]) -> Plan:
    """Lay out prompts and models, check every input against its model's schema, and estimate the price.

    InvalidInputError names every input that is not what its model takes.
    """
    columns = [
        (model, _label(model.id, variation, variations), variation)
        for model in models
        for variation in variations
    ]
    slots = [
        (label, _slot(row, column, model, {**variation, "prompt": prompt}))
        for row, prompt in enumerate(prompts)
        for column, (model, label, variation) in enumerate(columns)
    ]
    return Plan(
        tuple((prompt,) for prompt in prompts),
        tuple((label,) for _, label, _ in columns),
        tuple(slot for _, slot in slots),
        _prices(models, slots),
        f"{format_count(len(prompts), 'prompt')} × {format_count(len(columns), 'column')}",
    )


def plan_frame(models: Sequence[Model], frame: Any, inputs: object) -> Plan:
    """Lay out the rows of a frame by the levels of its index; see `plan`."""
    if inputs is not None and not isinstance(inputs, Mapping):
        raise InvalidInputError(
            "With a DataFrame, inputs is one dict for all of its rows. Nothing was sent.", charged=False
        )
    rows: list[Any] = [{**(inputs or {}), **row} for row in rows_of(frame) if isinstance(row, dict)]
    if not rows:
        raise InvalidInputError("The DataFrame has no rows. Nothing was sent.", charged=False)
    index = labels_of(frame)
    names = [] if index is None else [str(name) for name in index.names if name is not None]
    if index is None or len(names) < len(index.names) or not index.is_unique:  # each row stands for itself
        names, keys = ["row"], [(f"{n}: {row.get('prompt', '')}",) for n, row in enumerate(rows)]
    else:
        keys = [key if isinstance(key, tuple) else (key,) for key in index]
    several = len(models) > 1
    axes = [_Axis(name, [*dict.fromkeys(key[n] for key in keys)]) for n, name in enumerate(names)]
    if several:
        axes.append(_Axis("model", [model.id for model in models]))
    down, across = _lay_out(axes)
    slots = []
    for key, row in zip(keys, rows, strict=True):
        for model in models:
            place = (*key, model.id) if several else key
            at = _place(axes, down, place), _place(axes, across, place)
            slots.append((f"{model.id} · {', '.join(map(str, key))}", _slot(*at, model, row)))
    return Plan(
        _labels(axes, down),
        _labels(axes, across),
        tuple(slot for _, slot in slots),
        _prices(models, slots),
        " × ".join(f"{axis.name} {len(axis.values)}" for axis in axes),
        None if index is None else index.repeat(len(models)),
    )


@dataclass(frozen=True, slots=True)
class _Axis:
    name: str
    values: list[Any]

    def word(self, at: int) -> str:
        """Return the label of a value: a number says what it is of."""
        value = self.values[at]
        return value if isinstance(value, str) else f"{self.name} {value}"


def _lay_out(axes: Sequence[_Axis]) -> tuple[list[int], list[int]]:
    """Choose which axes go down and which across, each from the outermost to the innermost.

    The first two are rows and columns; the others make a grid of such grids, as wide as can be read.
    """
    several = [n for n, axis in enumerate(axes) if len(axis.values) > 1] or [0]
    if len(several) == 1:
        short = len(axes[several[0]].values) <= _IN_A_ROW
        return ([], several) if short else (several, [])
    down, across = several[:1], several[1:2]
    if len(several) == 2 and len(axes[across[0]].values) > _WIDEST >= len(axes[down[0]].values):
        down, across = across, down
    for outer in several[2:]:
        wide = math.prod(len(axes[n].values) for n in (*across, outer))
        if wide <= _WIDEST:
            across = [outer, *across]
        else:
            down = [outer, *down]
    return down, across


def _place(axes: Sequence[_Axis], chosen: Sequence[int], key: Sequence[Any]) -> int:
    place = 0
    for n in chosen:
        place = place * len(axes[n].values) + axes[n].values.index(key[n])
    return place


def _labels(axes: Sequence[_Axis], chosen: Sequence[int]) -> tuple[Label, ...]:
    labels: list[Label] = [()]
    for n in chosen:
        labels = [(*label, axes[n].word(at)) for label in labels for at in range(len(axes[n].values))]
    return tuple(labels)


def _prices(models: Sequence[Model], slots: Sequence[tuple[str, Slot]]) -> tuple[Estimate, ...]:
    """Check the inputs and price them, or refuse with everything that is wrong."""
    known = {model.id: model for model in models}
    schemas = {model.id: parse(model.input_schema) for model in models}
    checkers = {model.id: Checker(model.input_schema) for model in models}
    prices: list[Estimate] = []
    problems: dict[str, None] = {}
    for label, slot in slots:
        found: dict[str, str] = {}
        if slot.route is None:  # whose route takes more than the schema says
            policy = options.unknown_inputs or "refuse"
            unknown = unknown_inputs(schemas[slot.model], slot.input, policy=policy)
            found = {**checkers[slot.model].problems(slot.input), **unknown}
        problems |= {f"{label}: {as_text({name: words})}": None for name, words in found.items()}
        if not found:
            prices.append(estimate(known[slot.model], slot.input))
    if problems:
        named = [*problems][:_TOLD]
        more = f" … and {len(problems) - _TOLD:,} more." if len(problems) > _TOLD else ""
        raise InvalidInputError(
            f"Some inputs are not what their models take: {' '.join(named)}{more} Nothing was sent; "
            "client.models.get(model).input_schema says what it takes.",
            charged=False,
        )
    return tuple(prices)


def _slot(row: int, column: int, model: Model, input: dict[str, Any]) -> Slot:
    """Return a cell with its input as its model's route takes it: one that answers is sent messages."""
    route = model.text_route
    if route == "embeddings":
        raise InvalidInputError(
            f"A comparison does not ask {model.id!r}. Use client.embeddings.create. Nothing was sent.",
            charged=False,
        )
    asked = input if route is None else as_text_input(route, input)
    return Slot(row, column, model.id, asked, route)


def _label(model: str, variation: Mapping[str, Any], variations: Sequence[Mapping[str, Any]]) -> str:
    """Name a column by its model, and by how it differs from the model's other columns."""
    if len(variations) == 1:
        return model
    own = [f"{k}={v}" for k, v in variation.items() if any(other.get(k) != v for other in variations)]
    return f"{model} · {', '.join(own)}" if own else model
