"""What an input says, and what its model's schema says where the input is silent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ..models import reading

__all__ = ["Found", "Told", "numeric", "shown"]

_DEPTH: Final = 8


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

    def __init__(self, schema: Mapping[str, Any] | None, input: Mapping[str, Any]) -> None:
        self.input = {name: _plain(value) for name, value in input.items()}
        self.schema_known = isinstance(schema, Mapping)
        self._schema: Mapping[str, Any] = schema if isinstance(schema, Mapping) else {}
        properties = self._schema.get("properties")
        self._properties: Mapping[str, Any] = properties if isinstance(properties, Mapping) else {}

    def declares(self, name: str) -> bool:
        """Whether the schema has such a property."""
        return name in self._properties

    def find(self, name: str) -> Found | None:
        """Give the value of one name, or its default; None when there is neither."""
        value = self.input.get(name)
        if value is not None:
            return Found(name, value, given=True)
        default = next(
            (part["default"] for part in self._parts(name) if part.get("default") is not None), None
        )
        return None if default is None else Found(name, default, given=False)

    def all_of(self, names: Iterable[str]) -> list[Found]:
        """Give those of several names that are told; given ones first, then in the order of names."""
        found = [one for one in map(self.find, names) if one is not None]
        return sorted(found, key=lambda one: not one.given)

    def bounds(self, name: str) -> tuple[Decimal, Decimal] | None:
        """Give the smallest and largest number that the schema allows, where it bounds both."""
        low = high = None
        for part in self._parts(name):
            listed = part.get("enum")
            if isinstance(listed, list):
                numbers = [n for n in map(numeric, listed) if n is not None]
                if numbers and len(numbers) == len([one for one in listed if one is not None]):
                    return min(numbers), max(numbers)
            low = numeric(part.get("minimum")) if low is None else low
            high = numeric(part.get("maximum")) if high is None else high
        return None if low is None or high is None or low > high else (low, high)

    def choices(self, name: str) -> list[Any]:
        """Give every value that the schema allows, where it lists them."""
        for part in self._parts(name):
            if isinstance(part.get("enum"), list):
                return list(part["enum"])
            if part.get("type") == "boolean":
                return [True, False]
        return []

    def _parts(self, name: str) -> Iterator[Mapping[str, Any]]:
        """Give a property and whatever it refers to: enums often sit behind ``allOf`` and ``$ref``."""
        waiting: list[Any] = [self._properties.get(name)]
        for _ in range(_DEPTH):
            if not waiting:
                return
            part = waiting.pop(0)
            if not isinstance(part, Mapping):
                continue
            yield part
            merged = part.get("allOf")
            waiting += merged if isinstance(merged, list) else []
            if isinstance(part.get("$ref"), str):
                waiting.append(self._at(part["$ref"]))

    def _at(self, reference: str) -> Any:
        place: Any = self._schema
        for step in reference.removeprefix("#/").split("/"):
            place = place.get(step) if isinstance(place, Mapping) else None
        return place


def _plain(value: Any) -> Any:
    """Turn a number of numpy's, as what-if tables hold them, into Python's own."""
    from_numpy = type(value).__module__ == "numpy" and not getattr(value, "shape", None)
    return value.item() if from_numpy else value


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
