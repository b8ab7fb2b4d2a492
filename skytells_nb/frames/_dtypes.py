"""The types that columns have, and how plain Python values, times among them, become arrays of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from ..exceptions import InvalidInputError
from ..models import STATUSES, parse_time
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
    """Return a column of text, without terminal escapes, overrides of direction and halves of surrogates.

    A server wrote it, people print frames, and no file can hold half of a pair.
    """
    return pd.array(objects(printable(values)), dtype=TEXT)


def objects(values: Sequence[Any]) -> Array:
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made


def mixed(values: Sequence[Any]) -> Array:
    """Return a column of lists, or of whatever else has no type of its own, neutralised as `text` is."""
    lists = [value for value in values if value is not None]
    if set(map(type, lists)) <= {list}:  # outputs, nearly always: looked at together
        texts = list(chain.from_iterable(lists))
        if set(map(type, texts)) <= {str} and printable(texts) is texts:
            return objects(values)
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
        self._words: list[str] = []
        self._codes: dict[str | None, int] = {None: -1}
        self.codes(list(known))

    def codes(self, words: Sequence[str | None]) -> Array:
        known = self._codes
        for word in dict.fromkeys(words):
            if word is not None and word not in known:
                shown = printable([word])[0] or ""
                if shown not in known:
                    known[shown] = len(self._words)
                    self._words.append(shown)
                known[word] = known[shown]
        return np.fromiter(map(known.__getitem__, words), dtype="int32", count=len(words))

    def column(self, codes: Array) -> pd.Categorical:
        """Return the column of all the numbers so far."""
        return pd.Categorical.from_codes(codes, categories=pd.Index(text(self._words), dtype=TEXT))


def infer(values: Sequence[Any]) -> Array:
    """Return a column of the narrowest type that holds all values unchanged.

    Text, integers, floats and booleans have columns of their own; whatever is mixed, or a list, stays as
    it is.
    """
    kinds = set(map(type, values))
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

        def gaps(length: int) -> Array:
            if kind == "float64":
                return np.full(length, np.nan)
            empty = objects([None] * length)
            return empty if kind == "object" else pd.array(empty, dtype=kind)

        parts = [part if str(part.dtype) == kind else gaps(len(part)) for part in parts]
    return pd.concat([pd.Series(part, copy=False) for part in parts], ignore_index=True).array


def _plain(part: Array) -> Iterable[Any]:
    missing = pd.isna(part) if part.dtype != object else np.array([value is None for value in part])
    values = part.tolist() if hasattr(part, "tolist") else list(part)
    return (None if gap else value for value, gap in zip(values, missing, strict=True))


def plain_values(values: pd.Series) -> list[Any]:
    return [_value(each) for each in values.astype(object)]


def _value(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list | dict | str):
        return value
    if value is None or pd.isna(value):
        return None
    return value.item() if isinstance(value, np.generic) else value


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SHAPE: Final = b"0000-00-00T00:00:00.000000"
_ZONES: Final = ("+00:00", "Z")


def read_times(values: Sequence[Any]) -> Array:
    """Read timestamps as microseconds, each as `parse_time` reads it (section 13, row 35).

    Those of one length are looked at as a table of bytes: 100,000 times take 30 ms so, and 1.2 s one by one.
    """
    if set(map(type, values)) == {str} and len(set(map(len, values))) == 1:
        return _of_one_length(values, len(values[0]))
    found = np.full(len(values), "NaT", dtype="datetime64[us]")
    by_length: dict[int, list[int]] = {}
    for at, value in enumerate(values):
        if type(value) is str:
            by_length.setdefault(len(value), []).append(at)
    for length, places in by_length.items():
        found[places] = _of_one_length([values[at] for at in places], length)
    return found


def _of_one_length(texts: Sequence[Any], length: int) -> Array:
    """Read together what is ISO 8601 in UTC, with up to six decimals, and the others one by one."""
    read = np.full(len(texts), "NaT", dtype="datetime64[us]")
    left = np.ones(len(texts), dtype=bool)
    joined = "".join(texts)
    table = np.frombuffer(joined.encode() if joined.isascii() else b"", dtype=np.uint8).reshape(
        -1, length or 1
    )
    for zone in sorted(_ZONES, key=lambda zone: not texts[0].endswith(zone)):
        size = length - len(zone)
        if not len(table) or not left.any() or (size != 19 and not 21 <= size <= 26):
            continue
        shape = np.frombuffer(_SHAPE[:size] + zone.encode(), dtype=np.uint8)
        is_digit = shape == ord("0")
        is_digit[size:] = False
        fits = np.where(is_digit, table - np.uint8(48) <= 9, table == shape).all(axis=1)
        fits &= (table[:, :4] != 48).any(axis=1)  # numpy has a year 0, Python has not
        try:
            stamps = np.ascontiguousarray(table[fits, :size]).view(f"S{size}").ravel()
            read[fits] = stamps.astype("datetime64[us]")
            left &= ~fits
        except ValueError:  # such as a month 13: these go one by one
            pass
    for at in np.flatnonzero(left).tolist():
        read[at] = to_micros(parse_time(texts[at]))
    return read


def to_micros(moment: datetime | None) -> Any:
    """Return a moment as numpy has it; None is no time."""
    return np.datetime64("NaT" if moment is None else (moment - _EPOCH) // _MICROSECOND, "us")


def utc_times(values: pd.Series, name: str, notes: list[str] | None = None) -> pd.Series:
    """Return a column of times in UTC, whatever a file or a notebook has made of it.

    Times without a zone are taken as UTC, text is read as ISO 8601, numbers as seconds since 1970, or as
    milli-, micro- or nanoseconds by their size; ``notes`` is told of zones that were missing.
    """
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return pd.Series(values.dt.tz_convert("UTC").dt.as_unit("us"))
    zoned = True
    if pd.api.types.is_datetime64_dtype(values.dtype):
        zoned, micros = False, values.to_numpy(dtype="datetime64[us]")
    else:
        plain = plain_values(values)
        micros = read_times(plain)
        for at, value in enumerate(plain):
            if not np.isnat(micros[at]) or value is None or value == "":
                continue
            moment = _moment(value)
            if moment is None:
                raise InvalidInputError(
                    f"Column {name!r} holds {value!r}. Expected times, such as 2026-01-31T12:00:00Z."
                )
            micros[at] = to_micros(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)
            zoned &= moment.tzinfo is not None
    if not zoned and notes is not None and len(values):
        notes.append(f"{name} has no time zone, so it is taken as UTC")
    read: Any = pd.Series(pd.DatetimeIndex(micros).tz_localize("UTC"), index=values.index)
    return pd.Series(read)


def _moment(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - whether it has a zone is noted
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        for unit in (1, 1e3, 1e6, 1e9):  # 1e11 seconds are the year 5138
            if value < 1e11 * unit:
                return _EPOCH + timedelta(seconds=value / unit)
    return None
