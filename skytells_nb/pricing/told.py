"""What an input says, and what its model's schema says where the input is silent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..models import reading
from ..schema import UNSET, InputSchema, parse, to_plain

__all__ = ["Found", "Told", "numeric", "shown"]


@dataclass(frozen=True, slots=True)
class Found:
    """A value of an input: under which name, and whether it was given or is the schema's default."""

    name: str
    value: Any
    given: bool

    @property
    def aside(self) -> str:
        """A remark for a basis that rests on a default."""
        return "" if self.given else " (the default)"


class Told:
    """An input over its schema. A value that is None counts as missing, as it does at the API.

    Examples
    --------
    >>> from skytells_nb.pricing.told import Told
    >>> told = Told({"properties": {"seconds": {"default": 4}}}, {})
    >>> told.find("seconds").value, told.find("width")
    (4, None)
    """

    def __init__(self, schema: object, input: Mapping[str, Any]) -> None:
        self.input: dict[str, Any] = to_plain(input)
        self._schema = schema if isinstance(schema, InputSchema) else parse(schema)
        self.schema_known = self._schema.stated

    def declares(self, name: str) -> bool:
        """Whether the schema has such a property."""
        return name in self._schema

    def find(self, name: str) -> Found | None:
        """Give the value of one name, or its default; None when there is neither."""
        value = self.input.get(name)
        if value is not None:
            return Found(name, value, given=True)
        default = self._schema[name].default if name in self._schema else UNSET
        return None if default in (UNSET, None) else Found(name, default, given=False)

    def all_of(self, names: Iterable[str]) -> list[Found]:
        """Give those of several names that are told; given ones first, then in the order of names."""
        found = [one for one in map(self.find, names) if one is not None]
        return sorted(found, key=lambda one: not one.given)

    def bounds(self, name: str) -> tuple[Decimal, Decimal] | None:
        """Give the smallest and largest number that the schema allows, where it bounds both."""
        if name not in self._schema:
            return None
        field = self._schema[name]
        numbers = (
            [numeric(value) for value in field.enum] if field.closed else list(map(numeric, field.bounds))
        )
        found = [number for number in numbers if number is not None]
        if not found or len(found) < len(numbers) or (found[0] > found[-1] and not field.closed):
            return None
        return min(found), max(found)

    def choices(self, name: str) -> list[Any]:
        """Give every value that the schema allows, where it lists them."""
        field = self._schema.get(name)
        return (
            []
            if field is None or not (field.closed or field.is_only("boolean"))
            else [choice.value for choice in field.choices]
        )


def numeric(value: object) -> Decimal | None:
    """Read a number, also one in a string such as ``"8"`` or ``"8s"``; a boolean is none."""
    if isinstance(value, str):
        value = value.strip().lower().removesuffix("seconds").removesuffix("sec").removesuffix("s").strip()
    return reading.amount(value)


def shown(value: object) -> str:
    """Write a value of an input as JSON people do, and not longer than a line bears."""
    if isinstance(value, bool):
        return str(value).lower()
    written = str(value) if isinstance(value, str | int | float) else repr(value)
    written = " ".join(written.split())
    return written if len(written) <= 40 else f"{written[:39]}…"
