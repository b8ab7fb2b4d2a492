"""``input.*``: what each model was given, one column per name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from .dtypes import Array, narrowed, objects, stacked

__all__ = ["Inputs"]

_DEPTH = 16


class Inputs:
    """Columns that appear as their names do; rows without a name have a gap there."""

    def __init__(self) -> None:
        self._parts: dict[str, list[Array]] = {}
        self._lengths: list[int] = []

    def add(self, inputs: Sequence[Mapping[str, Any] | None]) -> None:
        """Take the inputs of some more rows."""
        columns = _alike(inputs)
        if columns is None:
            columns = {}
            for row, given in enumerate(inputs):
                if given:
                    _put(columns, "", given, row, 0)
        length = len(inputs)
        for name, values in columns.items():
            if len(values) < length:
                values.extend([None] * (length - len(values)))
            known = self._parts.get(name)
            if known is None:
                known = self._parts[name] = [_nothing(size) for size in self._lengths]
            known.append(narrowed(values))
        for name, parts in self._parts.items():
            if name not in columns:
                parts.append(_nothing(length))
        self._lengths.append(length)

    def columns(self) -> dict[str, Array]:
        """Make the columns of all rows; lets go of what they were made from."""
        made: dict[str, Array] = {}
        while self._parts:
            name = next(iter(self._parts))
            made[f"input.{name}"] = stacked(self._parts.pop(name))
        return made


def _alike(inputs: Sequence[Any]) -> dict[str, list[Any]] | None:
    """Take inputs that all have the same names and no objects in them, as those of one model do."""
    if not inputs or not inputs[0]:
        return None
    names = list(inputs[0])
    if set(map(type, inputs)) != {dict} or set(map(len, inputs)) != {len(names)}:
        return None
    try:
        rows = map(itemgetter(*names), inputs)
        columns = dict(zip(names, zip(*rows, strict=True) if len(names) > 1 else [tuple(rows)], strict=True))
    except KeyError:
        return None
    if set(map(type, names)) != {str} or any(dict in set(map(type, values)) for values in columns.values()):
        return None
    return {name: list(values) for name, values in columns.items()}


def _put(columns: dict[str, list[Any]], prefix: str, given: Mapping[str, Any], row: int, depth: int) -> None:
    for key, value in given.items():
        name = prefix + key if type(key) is str else f"{prefix}{key}"
        if type(value) is dict and value and depth < _DEPTH:
            _put(columns, f"{name}.", value, row, depth + 1)
            continue
        column = columns.get(name)
        while column is not None and len(column) > row:  # this row has both "a.b" and an "a" with a "b" in it
            name += "_"
            column = columns.get(name)
        if column is None:
            columns[name] = [None] * row + [value]
            continue
        column.extend([None] * (row - len(column)))
        column.append(value)


def _nothing(length: int) -> Array:
    return objects([None] * length)
