"""What a comparison will do, before it does it: its axes, its inputs checked, its price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..exceptions import InvalidInputError
from ..models import Model
from ..pricing import Estimate, estimate, together
from ..schema import as_text, check

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
    price: Estimate

    @property
    def count(self) -> int:
        """How many predictions that is."""
        return len(self.prompts) * len(self.columns)

    def input(self, prompt: str, column: Column) -> dict[str, Any]:
        """Give the input of one cell."""
        return {**column.input, "prompt": prompt}

    def __str__(self) -> str:
        prompts = f"{len(self.prompts)} prompt{'s' * (len(self.prompts) != 1)}"
        columns = f"{len(self.columns)} column{'s' * (len(self.columns) != 1)}"
        total = f"{self.count} prediction{'s' * (self.count != 1)}"
        return f"{total}: {prompts} × {columns}, {self.price.price} in all"


def check_axis(name: str, values: object) -> tuple[str, ...]:
    """Read one axis: a name, or several, each once.

    Raises
    ------
    InvalidInputError
        It is empty, or holds something that is no string. Nothing was sent.
    """
    found = (
        [values] if isinstance(values, str) else list(values) if isinstance(values, Iterable) else [values]
    )
    wrong = [value for value in found if not isinstance(value, str) or not value.strip()]
    if not found or wrong:
        what = "is empty" if not found else f"holds {wrong[0]!r}"
        raise InvalidInputError(
            f"{name} {what}: it takes a string or a list of strings. Nothing was sent or billed.",
            charged=False,
        )
    return tuple(dict.fromkeys(found))


def check_variations(inputs: object) -> tuple[dict[str, Any], ...]:
    """Read the inputs besides the prompt: one dict for all cells, or a list of them, each its own column."""
    found = [inputs] if isinstance(inputs, Mapping) or inputs is None else inputs
    if not isinstance(found, Sequence) or isinstance(found, str) or not found:
        found = [0]
    variations: list[Any] = [{} if each is None else each for each in found]
    if any(isinstance(each, Mapping) and "prompt" in each for each in variations):
        raise InvalidInputError(
            "inputs cannot hold a prompt: every row's own would take its place, and columns that differ in "
            "nothing else would be paid for twice. Put it into prompts. Nothing was sent or billed.",
            charged=False,
        )
    if not all(
        isinstance(each, Mapping) and all(isinstance(key, str) for key in each) for each in variations
    ):
        raise InvalidInputError(
            f"inputs cannot be {inputs!r}: it takes a dict for all cells, or a list of dicts, one for each "
            "column of a model. Nothing was sent, so nothing was billed.",
            charged=False,
        )
    return tuple(dict(each) for each in variations)


def plan(models: Sequence[Model], prompts: Sequence[str], variations: Sequence[Mapping[str, Any]]) -> Plan:
    """Lay out the grid, check every input against its model's schema, and reckon the price.

    Raises
    ------
    InvalidInputError
        Some input is not what its model takes; all of them are told. Nothing was sent.
    """
    columns = tuple(
        Column(model.id, _label(model.id, variation, variations), dict(variation))
        for model in models
        for variation in variations
    )
    known = {model.id: model for model in models}
    wrong: dict[str, None] = {}
    prices = []
    for column in columns:
        for prompt in prompts:
            input = {**column.input, "prompt": prompt}
            found = check(input, known[column.model].input_schema)
            wrong.update(
                {f"{column.label}: {as_text({field: words})}": None for field, words in found.items()}
            )
            prices.append(estimate(known[column.model], input))
    if wrong:
        raise InvalidInputError(
            "Some inputs are not what their models take: "
            + " ".join(wrong)
            + " Nothing was sent, so nothing was "
            "billed. client.models.get(model).input_schema says what it takes.",
            charged=False,
        )
    return Plan(tuple(prompts), columns, together(prices))


def _label(model: str, variation: Mapping[str, Any], variations: Sequence[Mapping[str, Any]]) -> str:
    """Name a column by its model, and by what sets it apart from the model's other columns."""
    if len(variations) == 1:
        return model
    apart = [f"{k}={v}" for k, v in variation.items() if any(other.get(k) != v for other in variations)]
    return f"{model} · {', '.join(apart)}" if apart else model
