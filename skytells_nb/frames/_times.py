"""Times as a frame has them: a thousand at a time, in UTC, whatever a file or a notebook made of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd

from ..exceptions import InvalidInputError
from ..models import parse_time
from ._dtypes import Array, plain_values

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SHAPE: Final = np.frombuffer(b"0000-00-00T00:00:00.000000", dtype=np.uint8)
_IS_DIGIT: Final[Any] = ord("0") == _SHAPE
_ZONES: Final = (b"Z", b"+00:00")


def read_times(values: Sequence[Any]) -> Array:
    """Read timestamps as microseconds, each as `parse_time` reads it (section 13, row 35).

    Those of one length are looked at as a table of bytes: 100,000 times take 30 ms so, and 1.2 s one by one.
    """
    found = np.full(len(values), "NaT", dtype="datetime64[us]")
    by_length: dict[int, list[int]] = {}
    alike = set(map(type, values)) == {str} and len(set(map(len, values))) == 1
    if alike:
        by_length[len(values[0])] = list(range(len(values)))
    for at, value in enumerate(values if not alike else ()):
        if type(value) is str:
            by_length.setdefault(len(value), []).append(at)
    for length, places in by_length.items():
        texts = [values[at] for at in places]
        read, plain = _of_one_length(texts, length)
        found[places] = read
        if not plain.all():
            for at in np.flatnonzero(~plain).tolist():
                found[places[at]] = to_micros(parse_time(texts[at]))
    return found


def _of_one_length(texts: Sequence[Any], length: int) -> tuple[Array, Array]:
    """Read what is ISO 8601 in UTC, with up to six decimals; also return which of them that were."""
    read = np.full(len(texts), "NaT", dtype="datetime64[us]")
    plain = np.zeros(len(texts), dtype=bool)
    joined = "".join(texts)
    if not joined.isascii():
        return read, plain
    table = np.frombuffer(joined.encode(), dtype=np.uint8).reshape(len(texts), length)
    for zone in _ZONES:
        size = length - len(zone)
        if size != 19 and not 21 <= size <= 26:
            continue
        digits = _IS_DIGIT[:size]
        fits = (table[:, :size][:, digits] - np.uint8(48) <= 9).all(axis=1)
        fits &= (table[:, :size][:, ~digits] == _SHAPE[:size][~digits]).all(axis=1)
        fits &= (table[:, size:] == np.frombuffer(zone, dtype=np.uint8)).all(axis=1)
        fits &= (table[:, :4] != 48).any(axis=1)  # numpy has a year 0, Python has not
        try:
            stamps = np.ascontiguousarray(table[fits, :size]).view(f"S{size}").ravel()
            read[fits] = stamps.astype("datetime64[us]")
            plain |= fits
        except ValueError:  # such as a month 13: these go one by one
            pass
    return read, plain


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
                    f"Column {name!r} holds {value!r}. Expected times, such as 2026-01-31T12:00:00Z.",
                    charged=False,
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
