"""Values as people have them, as the plain JSON that they mean: numpy's and pandas', enums, decimals, dates.

One conversion for ``create``, ``batch``, ``compare``, forms and the code that they write. What becomes a file
(a path, a picture, bytes, a prediction) is left alone: that is the upload's to convert.

And the inputs in a collection, whatever it is: dicts, prompts, the rows of a DataFrame. Frames are known by
their shape, so that nothing here imports pandas, polars or Arrow.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections import deque
from collections.abc import Iterable, Iterator, KeysView, Mapping, ValuesView
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, cast
from uuid import UUID

from ..exceptions import InvalidInputError

_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_LIBRARIES: Final = ("numpy", "pandas")
_DEEPEST: Final = 250


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

    A missing value of pandas (``NA``, ``NaT``) becomes None; dates and times become ISO 8601, durations
    seconds; a list of numpy becomes a list, a picture of it stays; a dataclass or a model of pydantic becomes
    an object. One that holds itself, or is nested too deep, is refused here: where somebody has raised
    Python's limit, to follow it would end the process.
    """
    return _plain(value, _DEEPEST)


def _plain(value: Any, room: int) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if room == 0:
        raise InvalidInputError(
            f"An input holds itself, or is nested more than {_DEEPEST} deep: pass plain lists and dicts."
        )
    if isinstance(value, enum.Enum):
        return _plain(value.value, room - 1)
    if isinstance(value, Mapping):
        # A tuple would become a list, which can be no key: whoever sends it says so.
        return {
            name if isinstance(name, tuple | frozenset) else _plain(name, room - 1): _plain(item, room - 1)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset | range | deque | KeysView | ValuesView):
        return [_plain(item, room - 1) for item in value]
    if isinstance(value, Decimal):
        # 1E+999 would fill the memory
        whole = value.is_finite() and value == value.to_integral_value() and value.adjusted() < 30
        return int(value) if whole else float(value)
    if isinstance(value, Fraction):
        return float(value)
    if kind.__module__.partition(".")[0] in _LIBRARIES:
        return _of_a_library(value, room - 1)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if hasattr(kind, "model_dump"):  # pydantic's
        return _plain(value.model_dump(), room - 1)
    if dataclasses.is_dataclass(kind) and kind.__module__.partition(".")[0] != __name__.partition(".")[0]:
        return {
            field.name: _plain(getattr(value, field.name), room - 1) for field in dataclasses.fields(kind)
        }
    return str(value) if isinstance(value, UUID) else value


def as_lists(value: Any, wanted: Any) -> Any:
    """Return an array as lists where its `Property` takes those: points are no picture."""
    listed = wanted is not None and wanted.is_only("array") and not (wanted.item and wanted.item.media)
    return value.tolist() if listed and hasattr(value, "ndim") and hasattr(value, "tolist") else value


def _of_a_library(value: Any, room: int) -> Any:
    """Convert what numpy or pandas made; recognised by its shape, so that neither is imported here."""
    name = type(value).__name__
    if name in ("NAType", "NaTType") or (name in ("datetime64", "timedelta64") and str(value) == "NaT"):
        return None
    if name == "timedelta64":
        return float(value / type(value)(1, "s"))
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, datetime.date):  # a Timestamp
        return value.isoformat()
    if name in ("datetime64", "Period", "Interval"):
        return str(value)
    shape = getattr(value, "shape", None)
    if shape == ():
        return _plain(value.item(), room)
    if isinstance(shape, tuple) and len(shape) == 1 and hasattr(value, "tolist"):
        return [_plain(item, room) for item in value.tolist()]
    return value  # a picture


# Rows of tables


def is_frame(given: object) -> bool:
    """Whether something is a table: a DataFrame of pandas or polars, or Arrow's."""
    # The class is asked: a lazy frame of polars warns where its own columns are.
    ways = ("itertuples", "to_dicts", "to_pylist")
    return hasattr(type(given), "columns") and any(hasattr(given, way) for way in ways)


def as_record(row: Any) -> Any:
    """Return a row of a DataFrame (of ``iterrows`` or ``itertuples``) as a dict, and anything else as it is.

    Empty cells are left out, as `rows_of` does.
    """
    if isinstance(row, tuple) and hasattr(row, "_asdict"):
        cells = row._asdict()
        if type(row).__name__ == "Pandas":
            cells.pop("Index", None)
    elif type(row).__name__ == "Series" and (labels := labels_of(row)) is not None and len(labels):
        if not all(isinstance(label, str) for label in labels):
            return row
        cells = row.to_dict()
    else:
        return row
    return _filled(cells.items())


def labels_of(given: object) -> Any:
    """Return the index of a DataFrame or Series; None for anything else (a list's ``index`` is a method)."""
    index = getattr(given, "index", None)
    return None if index is None or callable(index) else index


def rows_of(given: object) -> Iterable[object]:
    """Return the inputs in a collection, which are the rows of a table, without their empty cells."""
    if not is_frame(given):
        return cast("Iterable[object]", given)
    table: Any = given
    if hasattr(table, "itertuples"):
        return _FrameRows(table)
    rows = table.to_dicts() if hasattr(table, "to_dicts") else table.to_pylist()
    return [_filled(row.items()) for row in rows]


class _FrameRows:
    def __init__(self, frame: Any) -> None:
        twice = frame.columns[frame.columns.duplicated()]
        if len(twice):
            raise InvalidInputError(
                f"The DataFrame has several columns {twice[0]!r}. Rename or drop one of them."
            )
        self._frame = frame

    def __iter__(self) -> Iterator[dict[Any, Any]]:
        names = list(self._frame.columns)
        for row in self._frame.itertuples(index=False, name=None):
            yield _filled(zip(names, row, strict=True))


def _filled(cells: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """Return the cells that are not empty, with numpy's values as Python's own."""
    found = {}
    for name, value in cells:
        if type(value).__module__.partition(".")[0] == "numpy":
            value = value.tolist()
        if not _is_missing(value):  # and a whole float is an int, since a gap makes a column float
            found[name] = int(value) if isinstance(value, float) and value.is_integer() else value
    return found


def _is_missing(value: Any) -> bool:
    """Whether a cell is empty: None, NaN, NaT or pandas' NA; of them all but None differ from themselves."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except TypeError:  # NA, which neither equals itself nor does not
        return True
    except ValueError:
        return False
