"""Workbooks: the table on one sheet, what is known of it on another."""

from __future__ import annotations

import json
import math
import re
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pandas as pd

from ..exceptions import InvalidInputError
from .cells import cells, is_plain, kind_of, parsed

__all__ = ["read_workbook", "write_workbook"]

_ABOUT: Final = "about"
_LONGEST: Final = 32_767
"""Characters that a cell of a workbook holds."""
_CHANGED: Final = re.compile("[\r\ufffe\uffff]|^=")
"""What XML would change or refuse, and what would become a formula."""


def write_workbook(frame: pd.DataFrame, target: Path) -> None:
    """Write a table as the first sheet of a workbook; numbers are numbers there.

    Raises
    ------
    InvalidInputError
        A text does not fit into a cell.
    """
    illegal = import_module("openpyxl.cell.cell").ILLEGAL_CHARACTERS_RE
    names = [str(name) for name in frame.columns]
    columns = [_cells(frame[name], kind_of(name, names, {})) for name in names]
    for name, column in zip(names, columns, strict=True):
        for row, cell in enumerate(column):
            if isinstance(cell, str) and (len(cell) > _LONGEST or illegal.search(cell)):
                why = f"has {len(cell)} characters, and a workbook's cell holds {_LONGEST}"
                if len(cell) <= _LONGEST:
                    why = "holds control characters, which a workbook cannot"
                raise InvalidInputError(
                    f"Row {row} of column {name!r} {why}. Nothing was written. Use .parquet or .csv.",
                    charged=False,
                )
    book = import_module("openpyxl").Workbook(write_only=True)
    sheet = book.create_sheet("data")
    sheet.append(names)
    for cells_of_row in zip(*columns, strict=True):
        sheet.append(cells_of_row)
    about = book.create_sheet(_ABOUT)
    about.append([json.dumps(frame.attrs, default=str)])
    about.append([json.dumps({name: str(frame[name].dtype) for name in names})])
    book.save(target)


def _cells(values: pd.Series, kind: str) -> list[Any]:
    if pd.api.types.is_numeric_dtype(values.dtype):
        return [_number(value) for value in values.astype(object)]
    return [_safe(cell, kind) for cell in cells(values, kind)]


def _number(value: Any) -> Any:
    if value is None or pd.isna(value):
        return None
    plain = value.item() if hasattr(value, "item") else value
    held = isinstance(plain, bool) or (math.isfinite(plain) and abs(plain) <= 2**53)
    return plain if held else json.dumps(plain)


def _safe(cell: str, kind: str) -> str | None:
    """Keep a text from being changed: one that is JSON already is only escaped, any other is quoted."""
    if not _CHANGED.search(cell):
        return cell or None
    return json.dumps(cell if is_plain(kind) and cell[0] != '"' else parsed(cell))


def read_workbook(source: Path) -> tuple[list[tuple[Any, ...]], dict[str, Any], dict[str, str]]:
    """Read the first sheet's rows, and from the second the attrs and types, where there is one."""
    with source.open("rb") as file:
        book = import_module("openpyxl").load_workbook(file, read_only=True)
        rows = [tuple(row) for row in book.worksheets[0].iter_rows(values_only=True)]
        width = len(rows[0]) if rows else 0
        rows = [row + (None,) * (width - len(row)) for row in rows]
        told: list[Any] = []
        if _ABOUT in book.sheetnames:
            told = [parsed(row[0]) for row in book[_ABOUT].iter_rows(values_only=True)]
    attrs, types = (each if isinstance(each, dict) else {} for each in (*told, None, None)[:2])
    return rows, attrs, types
