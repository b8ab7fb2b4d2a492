"""The inputs in a collection, whatever people have them in: dicts, prompts, the rows of a DataFrame.

Frames are known by their shape, so that nothing here imports pandas, polars or Arrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from ..exceptions import InvalidInputError


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
    """The rows of a frame, which can be read more than once."""

    def __init__(self, frame: Any) -> None:
        twice = frame.columns[frame.columns.duplicated()]
        if len(twice):
            raise InvalidInputError(
                f"The DataFrame has several columns {twice[0]!r}. Rename or drop one of them.",
                charged=False,
            )
        self._frame = frame

    def __iter__(self) -> Iterator[dict[Any, Any]]:
        names = list(self._frame.columns)
        for row in self._frame.itertuples(index=False, name=None):
            yield _filled(zip(names, row, strict=True))


def _filled(cells: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    values = ((name, _python_value(value)) for name, value in cells)
    return {name: value for name, value in values if not _is_missing(value)}


def _python_value(value: Any) -> Any:
    """Turn a numpy value into Python's own; a whole float is an int, since a gap makes a column float."""
    if type(value).__module__.partition(".")[0] == "numpy":
        value = value.tolist()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


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
