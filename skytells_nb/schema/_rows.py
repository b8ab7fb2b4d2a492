"""The inputs in a collection, whatever people have them in: dicts, prompts, the rows of a DataFrame.

Frames are known by their shape, so that nothing here imports pandas.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from ..exceptions import InvalidInputError

__all__ = ["is_frame", "labels_of", "rows_of"]


def is_frame(given: object) -> bool:
    """Whether something is a DataFrame."""
    return hasattr(given, "itertuples") and hasattr(given, "columns")


def labels_of(given: object) -> Any:
    """Return the index of a DataFrame or Series; None for anything else (a list's ``index`` is a method)."""
    index = getattr(given, "index", None)
    return None if index is None or callable(index) else index


def rows_of(given: object) -> Iterable[object]:
    """Return the inputs in a collection, which are the rows of a DataFrame, without their empty cells."""
    return _FrameRows(given) if is_frame(given) else cast("Iterable[object]", given)


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
            cells = zip(names, map(_python_value, row), strict=True)
            yield {name: value for name, value in cells if not _is_missing(value)}


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
