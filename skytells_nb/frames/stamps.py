"""Timestamps, a whole column at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from ..models import reading

__all__ = ["micros", "times"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SHAPE: Final = np.frombuffer(b"0000-00-00T00:00:00.000000", dtype=np.uint8)
_DIGITS: Final[Any] = ord("0") == _SHAPE


def times(given: Sequence[object]) -> Any:
    """Read timestamps as `reading.time` does: those of a documented style all at once.

    Columns of one style are looked at as a table of bytes, mixed ones value by value; whatever is of
    neither documented style (section 13, row 35) goes through the rule itself.
    """
    found = _of_one_style(given)
    if found is not None:
        return found
    plain = [_without_zone(value) for value in given]
    try:
        found = np.array(plain, dtype="datetime64[us]")
    except ValueError:
        return micros(map(reading.time, given))
    for at, value in enumerate(plain):
        if value is None and given[at] is not None:
            read = reading.time(given[at])
            if read is not None:
                found[at] = np.datetime64(_count(read), "us")
    return found


def micros(moments: Iterable[datetime | None]) -> Any:
    """Make a column of datetimes."""
    read = [None if each is None else np.datetime64(_count(each), "us") for each in moments]
    return np.array(read, dtype="datetime64[us]")


def _count(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _of_one_style(given: Sequence[Any]) -> Any:
    """Read a column whose every value is of the first one's style; None for any other column."""
    first = given[0] if given else None
    zone = "Z" if type(first) is str and first[-1:] == "Z" else "+00:00"
    width = len(first) if type(first) is str else 0
    length = width - len(zone)
    if length not in (19, 26) or set(map(type, given)) != {str} or set(map(len, given)) != {width}:
        return None
    joined = "".join(given)
    if not joined.isascii():
        return None
    table = np.frombuffer(joined.encode(), dtype=np.uint8).reshape(len(given), width)
    ending = np.frombuffer(zone.encode(), dtype=np.uint8)
    digits, shape = _DIGITS[:length], _SHAPE[:length]
    numbers, marks = table[:, :length][:, digits] - np.uint8(48), table[:, :length][:, ~digits]
    if (numbers > 9).any() or (marks != shape[~digits]).any() or (table[:, length:] != ending).any():
        return None
    try:
        return np.ascontiguousarray(table[:, :length]).view(f"S{length}").ravel().astype("datetime64[us]")
    except ValueError:
        return None


def _without_zone(value: object) -> str | None:
    """Cut the zone off a timestamp of a documented shape; None for any other."""
    if type(value) is not str:
        return None
    plain = value[:-1] if value[-1:] == "Z" else value[:-6] if value[-6:] == "+00:00" else ""
    return plain if len(plain) in (19, 26) and _is_plain(plain) else None


def _is_plain(value: str) -> bool:
    """Whether a timestamp of 19 or 26 characters is of the shape that numpy reads as Python does."""
    return (
        value[10] == "T"
        and value.isascii()
        and value[:4].isdecimal()
        and (len(value) == 19 or (value[19] == "." and value[20:].isdecimal()))
    )
