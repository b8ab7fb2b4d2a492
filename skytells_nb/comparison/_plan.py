"""What a comparison will do, before it does it: its axes, its inputs checked, its price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._options import options
from ..display import REUSED
from ..exceptions import InvalidInputError
from ..formatting import format_count
from ..models import Model, Prediction
from ..plaintext import clip
from ..pricing import Estimate, estimate, together
from ..schema import as_text, check, parse, unknown_inputs

__all__ = ["Column", "Plan", "check_axis", "check_variations", "plan"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: a model, and the inputs that its cells share."""

    model: str
    label: str
    input: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be created: a prediction for every prompt in every column."""

    prompts: tuple[str, ...]
    columns: tuple[Column, ...]
    prices: tuple[Estimate, ...]

    @property
    def places(self) -> list[tuple[str, Column]]:
        """The prompt and the column of every cell, row by row, as the prices are."""
        return [(prompt, column) for prompt in self.prompts for column in self.columns]

    def input(self, prompt: str, column: Column) -> dict[str, Any]:
        """Return the input of one cell."""
        return {**column.input, "prompt": prompt}

    def text(self, kept: Sequence[Prediction | None]) -> str:
        """Say how many predictions that is, and what those will cost that the archive does not have."""
        axes = f"{format_count(len(self.prompts), 'prompt')} × {format_count(len(self.columns), 'column')}"
        whole = f"{format_count(len(self.prices), 'prediction')}: {axes}"
        new = [price for price, found in zip(self.prices, kept, strict=True) if found is None]
        if not new:
            return f"{whole}, all {REUSED}, at no cost"
        reused = f", {len(kept) - len(new)} {REUSED}" if len(new) < len(kept) else ""
        return f"{whole}{reused}, {together(new).price} in all"


def check_axis(name: str, values: object) -> tuple[str, ...]:
    """Check one axis: a text, or several; each is taken once."""
    found = (
        [values] if isinstance(values, str) else list(values) if isinstance(values, Iterable) else [values]
    )
    wrong = [value for value in found if not isinstance(value, str) or not value.strip()]
    if not found or wrong:
        what = "is empty" if not found else f"holds {wrong[0]!r}"
        raise InvalidInputError(
            f"{name} {what}, and takes a text or a list of texts. Nothing was sent.",
            charged=False,
        )
    return tuple(dict.fromkeys(found))


def check_variations(inputs: object) -> tuple[dict[str, Any], ...]:
    """Check the inputs besides the prompt: one dict for all cells, or a list of them, each its own column."""
    found = [inputs] if isinstance(inputs, Mapping) or inputs is None else inputs
    if not isinstance(found, Sequence) or isinstance(found, str) or not found:
        found = [0]
    variations: list[Any] = [{} if each is None else each for each in found]
    if any(isinstance(each, Mapping) and "prompt" in each for each in variations):
        raise InvalidInputError(
            "inputs cannot hold a prompt; every row has its own, from prompts. Nothing was sent.",
            charged=False,
        )
    if not all(
        isinstance(each, Mapping) and all(isinstance(key, str) for key in each) for each in variations
    ):
        raise InvalidInputError(
            f"inputs must be a dict for all cells, or a list of dicts, one for each column of a model, not "
            f"{clip(repr(inputs), 80)}. Nothing was sent.",
            charged=False,
        )
    return tuple(dict(each) for each in variations)


def plan(models: Sequence[Model], prompts: Sequence[str], variations: Sequence[Mapping[str, Any]]) -> Plan:
    """Lay out the grid, check every input against its model's schema, and estimate the price.

    Raises
    ------
    InvalidInputError
        Some input is not what its model takes; the message names all of them.
    """
    columns: list[Column] = []
    prices: dict[tuple[str, int], Estimate] = {}
    problems: dict[str, None] = {}
    for model in models:
        schema = parse(model.input_schema)
        for variation in variations:
            column = Column(model.id, _label(model.id, variation, variations), dict(variation))
            columns.append(column)
            for prompt in prompts:
                input = {**variation, "prompt": prompt}
                unknown = unknown_inputs(schema, input, policy=options.unknown_inputs or "refuse")
                found = {**check(input, model.input_schema), **unknown}
                problems |= {
                    f"{column.label}: {as_text({name: words})}": None for name, words in found.items()
                }
                if not found:
                    prices[prompt, len(columns)] = estimate(model, input)
    if problems:
        raise InvalidInputError(
            f"Some inputs are not what their models take: {' '.join(problems)} Nothing was sent; "
            "client.models.get(model).input_schema says what it takes.",
            charged=False,
        )
    in_rows = tuple(prices[prompt, n] for prompt in prompts for n in range(1, len(columns) + 1))
    return Plan(tuple(prompts), tuple(columns), in_rows)


def _label(model: str, variation: Mapping[str, Any], variations: Sequence[Mapping[str, Any]]) -> str:
    """Name a column by its model, and by how it differs from the model's other columns."""
    if len(variations) == 1:
        return model
    own = [f"{k}={v}" for k, v in variation.items() if any(other.get(k) != v for other in variations)]
    return f"{model} · {', '.join(own)}" if own else model
