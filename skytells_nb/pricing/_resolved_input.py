"""An input over its schema: what will count, given or by default, and what else the schema would allow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..models import parse_amount
from ..schema import UNSET, InputSchema, Property, parse, to_plain


@dataclass(frozen=True, slots=True)
class InputValue:
    """A value of an input: under which name, and whether it was given or is the schema's default."""

    name: str
    value: Any
    given: bool

    @property
    def default_note(self) -> str:
        """A remark for a basis that rests on a default."""
        return "" if self.given else " (the default)"


class ResolvedInput:
    """An input over its schema. A value that is None counts as missing, as it does at the API."""

    def __init__(self, schema: object, input: Mapping[str, Any]) -> None:
        self.input: dict[str, Any] = to_plain(input)
        self.schema: InputSchema = schema if isinstance(schema, InputSchema) else parse(schema)
        self.schema_known = self.schema.stated

    def declares(self, name: str) -> bool:
        """Return whether the schema has such a property."""
        return name in self.schema

    def find(self, name: str) -> InputValue | None:
        """Return the value of one name, or its default; None when there is neither."""
        value = self.input.get(name)
        if value is not None:
            return InputValue(name, value, given=True)
        default = self.schema[name].default if name in self.schema else UNSET
        return None if default is UNSET or default is None else InputValue(name, default, given=False)

    def all_of(self, names: Iterable[str]) -> list[InputValue]:
        """Return those of several names that have a value; given ones first, then in the order of names."""
        found = [one for one in map(self.find, names) if one is not None]
        return sorted(found, key=lambda one: not one.given)

    def bounds(self, name: str) -> tuple[Decimal, Decimal] | None:
        """Return the smallest and largest number that the schema allows, where it bounds both."""
        return None if name not in self.schema else number_bounds(self.schema[name])


def number_bounds(field: Property) -> tuple[Decimal, Decimal] | None:
    """Return the smallest and largest number of a property, by its choices or its bounds."""
    numbers = [numeric(value) for value in (field.enum if field.closed else field.bounds)]
    found = [number for number in numbers if number is not None]
    if not found or len(found) < len(numbers) or (not field.closed and found[0] > found[1]):
        return None
    return min(found), max(found)


def numeric(value: object) -> Decimal | None:
    """Return a number, also one in a string such as ``"8"`` or ``"8s"``; a boolean is none."""
    if isinstance(value, str):
        value = value.strip().lower().removesuffix("seconds").removesuffix("sec").removesuffix("s").strip()
    return parse_amount(value)


def shown(value: object) -> str:
    """Format a value of an input as JSON people do, and not longer than a line bears."""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value) if isinstance(value, str | int | float) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= 40 else f"{text[:39]}…"
