"""The types that columns have, and how plain Python values become arrays of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

__all__ = [
    "TEXT",
    "TIME",
    "Categories",
    "moments",
    "narrowed",
    "numbers",
    "objects",
    "stacked",
    "text",
    "whole",
]

TEXT: Final = "str" if int(pd.__version__.split(".", maxsplit=1)[0]) >= 3 else "string"
"""Text with gaps: what pandas itself makes of strings, by its version."""

TIME: Final = pd.DatetimeTZDtype("us", "UTC")

_LARGEST: Final = 2**53
"""Whole numbers beyond this are not all floats."""
Array = Any


def text(values: Sequence[str | None]) -> Array:
    """Make a column of text; half a surrogate pair, which no file can hold, becomes a question mark."""
    try:
        if TEXT == "string":  # pandas 2 would keep the half
            "".join(filter(None, values)).encode()
        return pd.array(objects(values), dtype=TEXT)
    except UnicodeEncodeError:
        tidy = [None if v is None else v.encode("utf-8", "replace").decode("utf-8") for v in values]
        return pd.array(objects(tidy), dtype=TEXT)


def objects(values: Sequence[Any]) -> Array:
    """Make a column of anything, lists too."""
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made


def numbers(values: Sequence[float | None]) -> Array:
    """Make a column of floats; None becomes NaN."""
    return np.array(values, dtype="float64")


def whole(values: Sequence[int | None]) -> Array:
    """Make a column of whole numbers with gaps; an OverflowError tells of one beyond 64 bits."""
    if None not in values:
        return pd.arrays.IntegerArray(np.array(values, dtype="int64"), np.zeros(len(values), dtype=bool))
    gaps = np.array([value is None for value in values])
    filled = np.array([value or 0 for value in values], dtype="int64")
    return pd.arrays.IntegerArray(filled, gaps)


def moments(micros: Array) -> Array:
    """Make a column of times in UTC from `numpy.datetime64` microseconds."""
    return pd.DatetimeIndex(micros).tz_localize("UTC").array


class Categories:
    """A category column that grows: known states first, others as they come."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._codes: dict[str | None, int] = {None: -1}
        for word in known:
            self.code(word)

    def code(self, word: str | None) -> int:
        """Give the number of a word, a new one where it is new."""
        return self._codes.setdefault(word, len(self._codes) - 1)

    def codes(self, words: Sequence[str | None]) -> Array:
        """Give the numbers of many words."""
        for word in dict.fromkeys(words):
            self.code(word)
        known = self._codes
        return np.array([known[word] for word in words], dtype="int32")

    def column(self, codes: Array) -> pd.Categorical:
        """Make the column of all the numbers given so far."""
        words = [word for word in self._codes if word is not None]
        index = pd.Index(text(words), dtype=TEXT)
        return pd.Categorical.from_codes(codes, categories=index)


def narrowed(values: Sequence[Any]) -> Array:
    """Make a column of passed-through values, of the narrowest type that holds them all unchanged.

    Text, whole numbers, floats and truth values have columns of their own; whatever is mixed, or a
    list, stays as it is.
    """
    kinds = {type(value) for value in values}
    kinds.discard(type(None))
    if kinds == {str}:
        return text(values)
    if kinds == {bool}:
        return pd.array(objects(values), dtype="boolean")
    if kinds == {int}:
        try:
            return whole(values)
        except OverflowError:
            return objects(values)
    if kinds == {float} or (kinds == {int, float} and _float_holds(values)):
        return numbers(values)
    return objects(values)


def _float_holds(values: Sequence[Any]) -> bool:
    return all(abs(value) <= _LARGEST for value in values if type(value) is int)


def stacked(parts: list[Array]) -> Array:
    """Put the parts of one column under each other, in a type that holds every one unchanged."""
    if len(parts) == 1:
        return parts[0]
    kinds = {str(part.dtype) for part in parts if not _is_empty(part)}
    if len(kinds) > 1:
        return narrowed([value for part in parts for value in _plain(part)])
    if len(kinds) == 1:
        kind = next(iter(kinds))
        parts = [part if str(part.dtype) == kind else _gap(len(part), kind) for part in parts]
    return pd.concat([pd.Series(part, copy=False) for part in parts], ignore_index=True).array


def _is_empty(part: Array) -> bool:
    return part.dtype == object and all(value is None for value in part)


def _gap(length: int, kind: str) -> Array:
    if kind == "float64":
        return np.full(length, np.nan)
    return objects([None] * length) if kind == "object" else pd.array(objects([None] * length), dtype=kind)


def _plain(part: Array) -> Iterable[Any]:
    missing = pd.isna(part) if part.dtype != object else np.array([value is None for value in part])
    values = part.tolist() if hasattr(part, "tolist") else list(part)
    return (None if gap else value for value, gap in zip(values, missing, strict=True))
