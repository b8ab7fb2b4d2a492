"""Workbooks: the table on one sheet, with real dates and a frozen header; its types and attrs on another."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import pandas as pd

from ..exceptions import InvalidInputError
from ._cells import encode_name, is_plain, kind_of, parse_json, to_json

_ABOUT: Final = "about"
_LONGEST: Final = 32_767  # characters that a cell holds
_LARGEST: Final = 1_000_000_000  # bytes of all parts; a hostile file of 1 MB unpacks to 1 GB and more
_CHANGED: Final = ("\r", "\ufffe", "\uffff")
"""Characters that XML changes or refuses, so they are written as JSON."""
_DAY: Final = 86_400_000_000  # microseconds
_1970: Final = 25_569  # days after a workbook's day 0
_PLACES: Final = Decimal("1e-11")


def write(frame: pd.DataFrame, columns: Mapping[str, Sequence[str]], target: Path) -> None:
    """Write a table as the first sheet of a workbook; numbers are numbers there, and times are dates.

    ``columns`` are the table's as cells of text.
    """
    openpyxl: Any = import_module("openpyxl")
    illegal = import_module("openpyxl.cell.cell").ILLEGAL_CHARACTERS_RE
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("data")
    sheet.freeze_panes = "A2"
    new_cell = import_module("openpyxl.cell").WriteOnlyCell
    types = {name: str(frame[name].dtype) for name in columns}
    written: list[list[Any]] = []
    for at, (name, texts) in enumerate(columns.items()):
        values = frame[name]
        if pd.api.types.is_datetime64_any_dtype(values.dtype):
            letter = import_module("openpyxl.utils").get_column_letter(at + 1)
            sheet.column_dimensions[letter].width = 20  # or a spreadsheet shows ##### for a date
            written.append([_date(new_cell, sheet, value) for value in _on_the_wall(values, texts)])
        elif pd.api.types.is_numeric_dtype(values.dtype):
            written.append([_number(value) for value in values.astype(object)])
        else:
            plain = is_plain(kind_of(name, columns, types))
            written.append([_text(illegal, name, row, text, plain=plain) for row, text in enumerate(texts)])
    sheet.append([encode_name(name) for name in columns])
    for row in zip(*written, strict=True):
        sheet.append(row)
    about = book.create_sheet(_ABOUT)
    about.append([to_json(frame.attrs)])
    about.append([json.dumps(types)])
    book.save(target)


def _on_the_wall(values: pd.Series, texts: Sequence[str]) -> Iterator[int | str | None]:
    """Yield times as microseconds by the clock of their zone, and as text where that would be ambiguous."""
    wall = values.dt.tz_localize(None)
    zone = values.dt.tz
    plain = pd.Series(True, index=values.index)
    if zone is not None and str(zone) != "UTC":
        plain = wall.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT") == values
    for moment, fits, text in zip(wall, plain, texts, strict=True):
        if moment is pd.NaT or not text:
            yield None
        else:
            yield int(moment.asm8.view("i8")) if fits and moment.unit == "us" else text


def _date(new_cell: Any, sheet: Any, value: int | str | None) -> Any:
    """Return a cell with a date: days since 1899, as the fraction that openpyxl's 16 digits keep exactly.

    Eleven decimals of a day are 0.86 µs, so the nearest is less than half a microsecond off. What does not
    come back as it was (before 1989 and after 2079 the digits do not suffice) is text.
    """
    if not isinstance(value, int):
        return value
    serial = float((Decimal(value) / _DAY).quantize(_PLACES) + _1970)
    if _microseconds(float(f"{serial:.16g}")) != value:
        return pd.Timestamp(value, unit="us").isoformat()
    cell = new_cell(sheet, serial)
    cell.number_format = "yyyy-mm-dd hh:mm:ss"
    return cell


def _microseconds(serial: float) -> int:
    return round((Decimal(serial).quantize(_PLACES) - _1970) * _DAY)


def _number(value: Any) -> Any:
    if value is None or pd.isna(value):
        return None
    plain = value.item() if hasattr(value, "item") else value
    held = isinstance(plain, bool) or (
        isinstance(plain, int | float) and math.isfinite(plain) and abs(plain) <= 2**53
    )
    return plain if held else to_json(plain) if isinstance(plain, int | float) else str(plain)


def _text(illegal: Any, name: str, row: int, text: str, *, plain: bool) -> str | None:
    if any(each in text for each in _CHANGED):
        text = json.dumps(text if plain and text[0] != '"' else parse_json(text))
    if len(text) > _LONGEST or illegal.search(text):
        why = "holds control characters, which a workbook cannot"
        if len(text) > _LONGEST:
            why = f"has {len(text)} characters, and a workbook's cell holds {_LONGEST}"
        raise InvalidInputError(f"Row {row} of column {name!r} {why}. Use .parquet or .csv.")
    return text or None


def read(source: Path) -> tuple[list[tuple[Any, ...]], dict[str, Any], dict[str, str]]:
    """Return the first sheet's rows, and from the second the attrs and types, where there is one."""
    with ZipFile(source) as parts:
        size = sum(each.file_size for each in parts.infolist())
    if size > _LARGEST:
        raise ValueError(f"it unpacks to {size / 1e9:.0f} GB")
    openpyxl: Any = import_module("openpyxl")
    with source.open("rb") as file:
        book = openpyxl.load_workbook(file, read_only=True)
        about: list[Any] = []
        if _ABOUT in book.sheetnames:
            about = [parse_json(row[0]) for row in book[_ABOUT].iter_rows(max_row=2, values_only=True) if row]
        rows = _rows(book)
        attrs, types = (each if isinstance(each, dict) else {} for each in (*about, None, None)[:2])
        types = {name: kind for name, kind in types.items() if isinstance(kind, str)}
        names = rows[0] if rows else ()
        dates = {
            at: types[name] for at, name in enumerate(names) if types.get(name, "").startswith("datetime64")
        }
        if dates:
            # openpyxl rounds a date to milliseconds. Without its formats it yields the number that is there.
            book._date_formats = set()  # noqa: SLF001 - there is no public way
            exact = _rows(book)
            for place, (row, number) in enumerate(zip(rows, exact, strict=True)):
                found = {
                    at: _exact(number[at], kind)
                    for at, kind in dates.items()
                    if isinstance(number[at], float | int)
                }
                if place and found:
                    rows[place] = tuple(found.get(at, cell) for at, cell in enumerate(row))
    return rows, attrs, types


def _exact(serial: float, dtype: str) -> Any:
    moment = pd.Timestamp(_microseconds(serial), unit="us")
    zone = dtype.partition(",")[2].strip(" ]")
    return (moment.tz_localize(zone) if zone else moment).isoformat()


def _rows(book: Any) -> list[tuple[Any, ...]]:
    """Return the rows that hold something: a file may claim a million that do not."""
    sheet = book.worksheets[0]
    sheet.reset_dimensions()
    rows = [row for row in sheet.iter_rows(values_only=True) if any(cell is not None for cell in row)]
    width = len(rows[0]) if rows else 0
    return [row + (None,) * (width - len(row)) for row in rows]
