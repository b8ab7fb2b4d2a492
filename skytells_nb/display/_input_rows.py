"""A model's inputs as rows to read: name, kind, default and limits, from whatever schema it has."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from ..models import Model
from ..plaintext import clip, one_line
from ..schema import UNSET, Property, parse

__all__ = ["InputRow", "input_rows"]

_MOST_CHOICES: Final = 12


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
    """Read a model's input schema in the order it is meant to be shown (``x-order``); odd ones give no rows.

    Examples
    --------
    >>> from skytells_nb import Model
    >>> from skytells_nb.display._input_rows import input_rows
    >>> schema = {"properties": {"steps": {"type": "integer", "minimum": 1, "maximum": 50, "default": 28}}}
    >>> row = input_rows(Model(id="m", input_schema=schema))[0]
    >>> row.kind, row.default, row.limits
    ('integer', '28', '1 to 50')
    """
    return [_row(field) for field in parse(model.input_schema).values()]


def _row(field: Property) -> InputRow:
    default = field.default
    return InputRow(
        name=clip(one_line(field.name), 60),
        kind="URL" if field.text("format") == "uri" else "" if field.kind == "any" else field.kind,
        required=field.required,
        default="" if default in (UNSET, None, "") else _value(default),
        limits=_limits(field),
        description=one_line(field.description),
    )


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
