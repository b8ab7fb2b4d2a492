"""A model's inputs as rows to read: name, kind, default and limits, from whatever schema it has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..models import Model
from .escaping import clip, one_line

__all__ = ["InputRow", "inputs_of"]

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


def inputs_of(model: Model) -> list[InputRow]:
    """Read a model's input schema in the order it is meant to be shown (``x-order``); odd ones give no rows.

    Examples
    --------
    >>> from skytells_nb import Model
    >>> from skytells_nb.display.schemas import inputs_of
    >>> schema = {"properties": {"steps": {"type": "integer", "minimum": 1, "maximum": 50, "default": 28}}}
    >>> row = inputs_of(Model(id="m", input_schema=schema))[0]
    >>> row.kind, row.default, row.limits
    ('integer', '28', '1 to 50')
    """
    schema = model.input_schema or {}
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return []
    required = schema.get("required")
    needed = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
    found = [(str(name), _whole(field, schema)) for name, field in properties.items()]
    found.sort(key=lambda pair: _order(pair[1]))
    return [_row(name, field, name in needed) for name, field in found]


def _row(name: str, field: Mapping[str, Any], required: bool) -> InputRow:
    return InputRow(
        name=clip(one_line(name), 60),
        kind=_kind(field),
        required=required,
        default=_value(field["default"]) if field.get("default") not in (None, "") else "",
        limits=_limits(field),
        description=one_line(field["description"]) if isinstance(field.get("description"), str) else "",
    )


def _whole(field: object, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Fold a ``$ref``, or the first part of an ``allOf`` and its like, into the field that holds it."""
    if not isinstance(field, Mapping):
        return {}
    found = dict(field)
    for key in ("allOf", "anyOf", "oneOf"):
        parts = field.get(key)
        if isinstance(parts, list):
            real = [p for p in parts if isinstance(p, Mapping) and p.get("type") != "null"]
            found = {**(real[0] if real else {}), **found}
    address = found.get("$ref")
    if isinstance(address, str) and address.startswith("#/"):
        target: Any = schema
        for step in address[2:].split("/"):
            target = target.get(step) if isinstance(target, Mapping) else None
        if isinstance(target, Mapping):
            found = {**target, **found}
    return found


def _order(field: Mapping[str, Any]) -> float:
    order = field.get("x-order")
    return order if isinstance(order, int | float) and not isinstance(order, bool) else float("inf")


def _kind(field: Mapping[str, Any]) -> str:
    kind = field.get("type")
    if isinstance(kind, list):
        kind = next((word for word in kind if word != "null"), None)
    if field.get("format") == "uri":
        return "URL"
    return clip(one_line(kind), 40) if isinstance(kind, str) else ""


def _limits(field: Mapping[str, Any]) -> str:
    choices = field.get("enum")
    if isinstance(choices, list):
        shown = ", ".join(_value(choice) for choice in choices[:_MOST_CHOICES])
        return f"{shown}, …" if len(choices) > _MOST_CHOICES else shown
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        return f"{_value(low)} to {_value(high)}"
    if low is not None or high is not None:
        return f"at least {_value(low)}" if low is not None else f"at most {_value(high)}"
    longest = field.get("maxLength")
    return f"up to {longest:,} characters" if isinstance(longest, int) else ""


def _value(value: object) -> str:
    if isinstance(value, str):
        return clip(one_line(value), 60)
    try:
        return clip(one_line(json.dumps(value, ensure_ascii=False)), 60)
    except (TypeError, ValueError):
        return clip(one_line(str(value)), 60)
