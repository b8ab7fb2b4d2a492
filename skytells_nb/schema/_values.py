"""Values as people have them, as the plain JSON that they mean: numpy's and pandas', enums, decimals, dates.

One conversion for ``create``, ``batch``, ``compare``, forms and the code that they write. What becomes a file
(a path, a picture, bytes, a prediction) is left alone: that is the upload's to convert.
"""

from __future__ import annotations

import datetime
import enum
from collections import deque
from collections.abc import KeysView, Mapping, ValuesView
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_LIBRARIES: Final = ("numpy", "pandas")


def is_same(one: object, other: object) -> bool:
    """Return whether two JSON values are equal: 1 and 1.0 are, 1 and true are not."""
    if one is None or other is None:
        return one is other
    if isinstance(one, str) or isinstance(other, str):
        return isinstance(one, str) and isinstance(other, str) and one == other
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(value, other[key]) for key, value in one.items())
    return False


def to_plain(value: Any) -> Any:
    """Return a value with whatever stands for plain JSON replaced by it; the rest, such as a path, as it is.

    Parameters
    ----------
    value : object
        An input, or anything in one. A missing value of pandas (``NA``, ``NaT``) becomes None; dates and
        times become ISO 8601, durations seconds; a list of numpy becomes a list, a picture of it stays.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, enum.Enum):
        return to_plain(value.value)
    if isinstance(value, Mapping):
        return {name if type(name) is str else to_plain(name): to_plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | range | deque | KeysView | ValuesView):
        return [to_plain(item) for item in value]
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, Fraction):
        return float(value)
    if kind.__module__.partition(".")[0] in _LIBRARIES:
        return _of_a_library(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return str(value) if isinstance(value, UUID) else value


def as_lists(value: Any, wanted: Any) -> Any:
    """Return an array as lists where its `Property` takes those: points are no picture."""
    listed = wanted is not None and wanted.is_only("array") and not (wanted.item and wanted.item.media)
    return value.tolist() if listed and hasattr(value, "ndim") and hasattr(value, "tolist") else value


def _number(value: Decimal) -> int | float | Decimal:
    if not value.is_finite():
        return float(value)
    whole = value == value.to_integral_value()
    return int(value) if whole and value.adjusted() < 30 else float(value)  # 1E+999 would fill the memory


def _of_a_library(value: Any) -> Any:
    """Convert what numpy or pandas made; recognised by its shape, so that neither is imported here."""
    name = type(value).__name__
    if name in ("NAType", "NaTType"):
        return None
    if name == "datetime64":
        return None if str(value) == "NaT" else str(value)
    if name == "timedelta64":
        return None if str(value) == "NaT" else float(value / type(value)(1, "s"))
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, datetime.date):  # a Timestamp
        return value.isoformat()
    if name in ("Period", "Interval"):
        return str(value)
    shape = getattr(value, "shape", None)
    if shape == ():
        return to_plain(value.item())
    if isinstance(shape, tuple) and len(shape) == 1 and hasattr(value, "tolist"):
        return [to_plain(item) for item in value.tolist()]
    return value  # a picture
