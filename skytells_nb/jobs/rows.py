"""Rows of a DataFrame as inputs, without pandas: columns are inputs, and empty cells are left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from ..exceptions import InvalidInputError

__all__ = ["labels_of", "rows_of"]


def labels_of(given: object) -> Any:
    """Give the index of a DataFrame or Series; None for anything else (a list's ``index`` is a method)."""
    index = getattr(given, "index", None)
    return None if index is None or callable(index) else index


def rows_of(given: object) -> Iterable[object]:
    """Give the inputs in a collection, one by one; those of a DataFrame are its rows.

    Raises
    ------
    InvalidInputError
        Two columns have one name. Nothing was sent.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"prompt": ["a fox", "an owl"], "seed": [1, None]})
    >>> list(rows_of(frame))
    [{'prompt': 'a fox', 'seed': 1}, {'prompt': 'an owl'}]
    """
    if hasattr(given, "itertuples") and hasattr(given, "columns"):
        return _Rows(given)
    return cast("Iterable[object]", given)


class _Rows:
    """The rows of a frame, which can be read more than once."""

    def __init__(self, frame: Any) -> None:
        twice = frame.columns[frame.columns.duplicated()]
        if len(twice):
            raise InvalidInputError(
                f"The DataFrame has several columns {twice[0]!r}, and an input takes one. Nothing was sent. "
                "Rename or drop one of them.",
                charged=False,
            )
        self._frame = frame

    def __iter__(self) -> Iterator[dict[Any, Any]]:
        names = list(self._frame.columns)
        for row in self._frame.itertuples(index=False, name=None):
            cells = zip(names, map(_plain, row), strict=True)
            yield {name: value for name, value in cells if not _is_missing(value)}


def _plain(value: Any) -> Any:
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
