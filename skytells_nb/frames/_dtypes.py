"""The types that columns have, and how plain Python values become arrays of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from ..models import STATUSES
from ..plaintext import printable

Array = Any
Kind = Literal["text", "category", "status", "time", "number", "integer", "object"]
"""What a column of a documented name holds; each has one dtype, by `column_of`."""

TEXT: Final = "str" if int(pd.__version__.split(".", maxsplit=1)[0]) >= 3 else "string"
"""Text with gaps: what pandas itself makes of strings, by its version."""

_LARGEST: Final = 2**53
"""Integers beyond this are not all floats."""


def column_of(kind: Kind, values: Any) -> Array:
    """Return a column of plain values; times are `numpy.datetime64` or datetimes."""
    match kind:
        case "text":
            return text(values)
        case "category" | "status":
            words = Categories(STATUSES if kind == "status" else ())
            return words.column(words.codes(values))
        case "time":
            return utc(np.array(values, dtype="datetime64[us]"))
        case "number":
            return numbers(values)
        case "integer":
            return integers(values)
        case "object":
            return mixed(values)


def text(values: Sequence[str | None]) -> Array:
    """Return a column of text; half a surrogate pair, which no file can hold, becomes a question mark.

    So do terminal escapes and overrides of direction: a server wrote the text, and people print frames.
    """
    values = printable(values)
    try:
        if TEXT == "string":  # pandas 2 would keep the half
            "".join(filter(None, values)).encode()
        return pd.array(objects(values), dtype=TEXT)
    except UnicodeEncodeError:
        tidy = [None if v is None else v.encode("utf-8", "replace").decode("utf-8") for v in values]
        return pd.array(objects(tidy), dtype=TEXT)


def objects(values: Sequence[Any]) -> Array:
    """Return a column of anything, lists too."""
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made


def mixed(values: Sequence[Any]) -> Array:
    """Return a column of lists, or of whatever else has no type of its own, neutralised as `text` is."""
    return objects([_neutralised(value) for value in values])


def _neutralised(value: Any) -> Any:
    if isinstance(value, str):
        return printable([value])[0]
    if isinstance(value, list):
        return [_neutralised(item) for item in value]
    if isinstance(value, dict):
        return {_neutralised(name): _neutralised(item) for name, item in value.items()}
    return value


def numbers(values: Sequence[float | None]) -> Array:
    """Return a column of floats; None becomes NaN."""
    return np.array(values, dtype="float64")


def integers(values: Sequence[int | None]) -> Array:
    """Return a column of integers with gaps; raises OverflowError for one beyond 64 bits."""
    if None not in values:
        return pd.arrays.IntegerArray(np.array(values, dtype="int64"), np.zeros(len(values), dtype=bool))
    gaps = np.array([value is None for value in values])
    filled = np.array([value or 0 for value in values], dtype="int64")
    return pd.arrays.IntegerArray(filled, gaps)


def utc(times: Array) -> Array:
    """Return a column of times in UTC, of `numpy.datetime64` microseconds."""
    return pd.DatetimeIndex(times).tz_localize("UTC").array


class Categories:
    """The words of a category column that grows: known ones first, others as they come."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._codes: dict[str | None, int] = {None: -1}
        self.codes(list(known))

    def codes(self, words: Sequence[str | None]) -> Array:
        """Return the number of each word; new ones are counted on."""
        known, words = self._codes, printable(words)
        for word in dict.fromkeys(words):
            known.setdefault(word, len(known) - 1)
        return np.array([known[word] for word in words], dtype="int32")

    def column(self, codes: Array) -> pd.Categorical:
        """Return the column of all the numbers so far."""
        words = [word for word in self._codes if word is not None]
        return pd.Categorical.from_codes(codes, categories=pd.Index(text(words), dtype=TEXT))


def infer(values: Sequence[Any]) -> Array:
    """Return a column of the narrowest type that holds all values unchanged.

    Text, integers, floats and booleans have columns of their own; whatever is mixed, or a list, stays as
    it is.
    """
    kinds = {type(value) for value in values}
    kinds.discard(type(None))
    if kinds == {str}:
        return text(values)
    if kinds == {bool}:
        return pd.array(objects(values), dtype="boolean")
    if kinds == {int}:
        try:
            return integers(values)
        except OverflowError:
            return objects(values)
    small = kinds == {int, float} and all(abs(value) <= _LARGEST for value in values if type(value) is int)
    return numbers(values) if kinds == {float} or small else mixed(values)


def concatenate(parts: list[Array]) -> Array:
    """Put the parts of one column under each other, in a type that holds every one unchanged."""
    if len(parts) == 1:
        return parts[0]
    full = {str(part.dtype) for part in parts if part.dtype != object or any(v is not None for v in part)}
    if len(full) > 1:
        return infer([value for part in parts for value in _plain(part)])
    if len(full) == 1:
        kind = full.pop()
        parts = [part if str(part.dtype) == kind else _gaps(len(part), kind) for part in parts]
    return pd.concat([pd.Series(part, copy=False) for part in parts], ignore_index=True).array


def _gaps(length: int, kind: str) -> Array:
    if kind == "float64":
        return np.full(length, np.nan)
    return objects([None] * length) if kind == "object" else pd.array(objects([None] * length), dtype=kind)


def _plain(part: Array) -> Iterable[Any]:
    missing = pd.isna(part) if part.dtype != object else np.array([value is None for value in part])
    values = part.tolist() if hasattr(part, "tolist") else list(part)
    return (None if gap else value for value, gap in zip(values, missing, strict=True))


def plain_values(values: pd.Series) -> list[Any]:
    """Return a column's plain values, None for its gaps."""
    return [_value(each) for each in values.astype(object)]


def _value(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list | dict | str):
        return value
    if value is None or pd.isna(value):
        return None
    return value.item() if isinstance(value, np.generic) else value
