"""``write_frame`` and ``read_frame``: a table as a parquet, csv or xlsx file, and the same types back."""

from __future__ import annotations

import csv
import io
import json
import math
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from importlib import import_module
from itertools import compress, takewhile
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import numpy as np
import pandas as pd

from .._storage import replacing
from ..checks import check_path, require_package
from ..exceptions import InvalidInputError, SkytellsWarning, warn_user
from ..filetypes import HEAD, file_type, sniff
from ..models import STATUSES
from . import _dtypes as dtypes
from ._cells import (
    cells,
    column,
    decode_name,
    encode_name,
    is_plain,
    kind_of,
    lost_types,
    object_column,
    parse_json,
    to_json,
    written_as_text,
)
from ._predictions import pandas_frame

_ENDINGS: Final = (".parquet", ".csv", ".xlsx")
_MOST_COLUMNS: Final = 16_384
_MOST_ROWS: Final = 50_000_000  # a parquet file of one kilobyte can claim 2 billion
_NATIVE: Final = (bytes, Decimal, date, time)
"""What parquet has types for beside pandas' own."""


def write_frame(frame: Any, path: Any) -> Path:
    """Write a table to a parquet, csv or xlsx file, so that ``read_frame`` gives the same types back.

    parquet keeps every type, also arrays, bytes and decimals. csv and xlsx keep those of this package's
    tables, and numbers, text, truth values, times and nested values of your own columns; csv has no place for
    other types (categories, durations), and a warning names the columns that it changes. Nothing is cut in
    silence, and nothing in a cell is run as a formula.

    A cell of csv and xlsx shows text as it is, and in quotes only where it could be taken for something else;
    lists and objects are JSON. Times are ISO 8601 in csv, and real dates in xlsx, in UTC.

    Parameters
    ----------
    frame : DataFrame
        As ``predictions_frame``, ``pricing_frame`` or ``spend`` make it, or one of your own; of polars and
        Arrow too. An index that holds more than row numbers becomes columns in front.
    path : path
        Ends in ``.parquet``, ``.csv`` or ``.xlsx``. A file that is there is replaced once the new one is
        whole; when something goes wrong it stays as it was.

    Returns
    -------
    Path
        Where it is.

    Raises
    ------
    InvalidInputError
        It is no table, the ending is another, there is no such folder, two columns have one name, or a
        cell holds what such a file cannot.
    SkytellsError
        The package that writes such files is not installed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import skytells_nb as sky
    >>> frame = sky.predictions_frame([{"id": "p1", "input": {"seed": 7}}])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = sky.write_frame(frame, pathlib.Path(folder) / "spend.csv")
    ...     sky.read_frame(path).dtypes.equals(frame.dtypes)
    True
    """
    target = check_path("path", path)
    ending, table = _ending(target), _flat(frame)
    if ending != ".csv":
        _require("pyarrow" if ending == ".parquet" else "openpyxl", target)
    place = target.resolve()
    if not place.parent.is_dir():
        raise InvalidInputError(f"There is no folder {place.parent}.")
    # A table that is written over an older one must not lose both.
    with replacing(place) as part:
        if ending == ".parquet":
            _write_parquet(table, part)
        else:
            written = _encoded(table, ending)
            if ending == ".csv":
                with part.open("w", encoding="utf-8", newline="") as file:
                    writer = csv.writer(file)
                    writer.writerow(map(encode_name, written))
                    writer.writerows(zip(*written.values(), strict=True))
            else:
                _write_workbook(table, written, part)
    return target


def read_frame(path: Any) -> pd.DataFrame:
    """Read a table that ``write_frame`` wrote, with the types that it had; or one that people made.

    A csv may have commas, semicolons (with decimal commas), tabs or bars between its cells, as spreadsheets
    write them. Times without a zone are taken as UTC.

    Parameters
    ----------
    path : path
        Ends in ``.parquet``, ``.csv`` or ``.xlsx``.

    Returns
    -------
    pandas.DataFrame
        With its ``attrs``, but from csv, which has no place for them: there they hold ``source`` alone.

    Raises
    ------
    InvalidInputError
        There is no such file, the ending is another, or it holds no such table.
    SkytellsError
        The package that reads such files is not installed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import skytells_nb as sky
    >>> frame = sky.predictions_frame([{"id": "p1", "created_at": "2026-01-01T00:00:00Z"}])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = sky.write_frame(frame, pathlib.Path(folder) / "all.parquet")
    ...     str(sky.read_frame(path)["created_at"].dtype)
    'datetime64[us, UTC]'
    """
    source = check_path("path", path)
    ending = _ending(source)
    if not source.is_file():
        raise InvalidInputError(f"There is no file {source}.")
    if ending == ".csv":
        lines, comma = _read_csv(source)
        return _table(source, _Cells(lines, decimal_comma=not comma))
    _require("pyarrow" if ending == ".parquet" else "openpyxl", source)
    if ending == ".parquet":
        with _typed_errors(source):
            return _read_parquet(source)
    with _typed_errors(source):
        rows, attrs, types = _read_workbook(source)
    return _table(source, _Cells(rows, attrs, types))


@dataclass(slots=True)
class _Cells:
    rows: Sequence[Sequence[Any]]
    attrs: dict[str, Any] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    decimal_comma: bool = False


def _table(source: Path, found: _Cells) -> pd.DataFrame:
    if not found.rows:
        raise _no_table(source, "its first row is missing")
    names = [decode_name(name) for name in found.rows[0]]
    if None in found.rows[0]:
        raise _no_table(source, "a column has values and no name")
    if len(set(names)) < len(names):
        raise _no_table(source, f"{_twice(names)} names several columns")
    if len(names) > _MOST_COLUMNS:
        raise _no_table(source, f"it has more than {_MOST_COLUMNS:,} columns")
    for row in found.rows[1:]:
        if len(row) != len(names):
            raise _no_table(source, f"a row has {len(row)} cells where there are {len(names)} columns")
    columns = list(zip(*found.rows[1:], strict=True)) if len(found.rows) > 1 else [()] * len(names)
    frame = _decoded(dict(zip(names, columns, strict=True)), found)
    frame.attrs.update(found.attrs or {"source": str(source)})
    return frame


def _decoded(columns: Mapping[str, Sequence[Any]], found: _Cells) -> pd.DataFrame:
    made: dict[str, Any] = {}
    for name, given in columns.items():
        kind, dtype = kind_of(name, columns, found.types), found.types.get(name, "")
        values = column(name, kind, given, dtype=dtype, decimal_comma=found.decimal_comma)
        if (
            kind == "any" and not dtype and not name.startswith("input.")
        ):  # pandas' own types, where no gap is
            plain = {"Int64": "int64", "boolean": "bool"}.get(str(values.dtype))
            values = values.astype(plain) if plain and len(values) and not values.isna().any() else values
        made[name] = values
    return pd.DataFrame(made, copy=False)


def _encoded(table: pd.DataFrame, ending: str) -> dict[str, list[str]]:
    """Return every column as cells; warn of types that this kind of file has no place for."""
    names = [str(name) for name in table.columns]
    types = {} if ending == ".csv" else {name: str(table[name].dtype) for name in names}
    written = {name: cells(table[name], kind_of(name, names, types)) for name in names}
    own = [name for name in names if not name.startswith("input.")]
    read = _decoded(written, _Cells((), types=types))
    _warn_of(ending, lost_types(table, read, own))
    return written


def _warn_of(ending: str, lost: list[str]) -> None:
    if lost:
        better = "" if ending == ".parquet" else "; .parquet has"
        warnings.warn(
            f"{ending} has no place for the type of {', '.join(lost)}{better}.", SkytellsWarning, stacklevel=4
        )


def _ending(path: Path) -> str:
    ending = path.suffix.lower()
    if ending not in _ENDINGS:
        raise InvalidInputError(f"{path.name!r} ends in none of .parquet, .csv and .xlsx.")
    return ending


def _no_table(source: Path, why: str) -> InvalidInputError:
    return InvalidInputError(f"{source} holds no table: {why}.")


@contextmanager
def _typed_errors(source: Path) -> Iterator[None]:
    """Turn whatever pyarrow and openpyxl raise over a damaged file into one typed error.

    They have no errors of their own for it: fuzzing brought up a dozen built-in ones.
    """
    try:
        yield
    except InvalidInputError:
        raise
    except PermissionError as error:
        raise InvalidInputError(f"{source} cannot be read: {error.strerror or error}.") from None
    except (Exception, MemoryError) as error:  # noqa: BLE001 - see above
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise _no_table(source, f"it cannot be read as {source.suffix.lower()} ({why})") from None


def _twice(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name, count in Counter(names).items() if count > 1)


def _flat(given: object) -> pd.DataFrame:
    """Return a table whose every cell is in a column of its own name: no file has a place for an index."""
    frame = pandas_frame(given)
    if frame is None:
        raise InvalidInputError(
            f"write_frame takes a DataFrame, not {type(given).__name__}. predictions_frame makes one of "
            "predictions, a client or an archive."
        )
    index = frame.index
    columns: list[Any] = list(frame.columns)
    same = [
        level
        for level, name in enumerate(index.names)
        if columns.count(name) == 1 and index.get_level_values(level).equals(pd.Index(frame[name]))
    ]
    if same:  # as in a grid, whose axes are inputs, too
        frame = frame.reset_index(level=same, drop=True)
        index = frame.index
    names = [str(name) for name in frame.columns]
    if index.nlevels > 1 or index.name is not None or not pd.api.types.is_integer_dtype(index.dtype):
        own = [str(name or f"index_{level}") for level, name in enumerate(index.names)]
        own = own if index.nlevels > 1 or index.name is not None else ["index"]
        names = [*own, *names]
    if len(set(names)) < len(names):
        raise InvalidInputError(
            f"The table has {_twice(names)} more than once among its columns and index. Rename one of them."
        )
    table = frame if len(names) == len(frame.columns) else frame.reset_index()
    table = table.set_axis(names, axis=1)
    table.attrs.update(frame.attrs)
    # Of lists of Arrow's own type pandas writes a file that it cannot read, and of sparse columns none.
    others: dict[Any, Any] = {}
    for name, kind in table.dtypes.items():
        if isinstance(kind, pd.SparseDtype):
            others[name] = kind.subtype
        elif isinstance(kind, pd.ArrowDtype) and kind.type in (list, dict):
            others[name] = object
    return table.astype(others) if others else table


def _require(package: str, path: Path) -> None:
    require_package(package, f"A {path.suffix} file", otherwise=", or use .csv")


# csv.


def _read_csv(source: Path) -> tuple[list[list[str]], bool]:
    """Return the rows of a file but for empty lines, and whether commas are between its cells."""
    data = source.read_bytes()
    media_type = sniff(data[:HEAD])
    if media_type == "text/html" or f"{media_type}".startswith("application/"):  # as a server answers errors
        what = "JSON" if media_type == "application/json" else file_type(data[:HEAD]).name
        raise _no_table(source, f"it is {what}")
    # Spreadsheets write "Unicode text" as UTF-16, and csv with a byte order mark.
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        try:
            text = data.decode("utf-16" if wide else "utf-8-sig")
        except UnicodeDecodeError:
            if wide or b"\0" in data:
                raise
            text = data.decode("cp1252")
            warn_user(f"{source} is no UTF-8, and was read as Excel on Windows writes csv (cp1252).")
        lines = text.lstrip("\r\n").split("\n", 1)
        first = lines[0].strip()
        if first.lower().startswith("sep=") and len(first) == 5:  # as some spreadsheets want it
            delimiter, text = first[4], lines[1] if len(lines) > 1 else ""
        else:
            found = {each: len(next(csv.reader([first], delimiter=each), [])) for each in ",;\t|"}
            delimiter = max(found, key=lambda each: found[each])
        # A prompt or a data URI is longer than the 131,072 characters at which csv gives up.
        csv.field_size_limit(max(len(text), 131_072))
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    except (ValueError, csv.Error) as error:
        raise _no_table(source, f"it cannot be read as .csv ({error})") from None
    return rows, delimiter == ","


# parquet.


def _write_parquet(table: pd.DataFrame, target: Path) -> None:
    packed = table.copy(deep=False)
    in_json: list[str] = []
    for name in table.columns:
        if table[name].dtype == object and not _is_native(table[name]):
            in_json.append(str(name))
            try:
                values = [None if _is_gap(value) else to_json(value) for value in table[name]]
            except TypeError as error:
                raise InvalidInputError(
                    f"Column {str(name)!r} {error} among others, which no file can hold. Drop the column, or "
                    "make it one of a single type."
                ) from None
            packed[name] = dtypes.text(values)
    lost = [f"{name} ({kind})" for name in in_json for kind in written_as_text(table[name])]
    categories = [name for name in table.columns if isinstance(table[name].dtype, pd.CategoricalDtype)]
    for name in categories:
        words = table[name].cat.categories
        if isinstance(words.dtype, pd.IntervalDtype | pd.PeriodDtype):  # as cut and qcut make them
            packed[name] = table[name].cat.rename_categories(list(words.astype(str)))
            lost.append(f"{name} (of {words.dtype})")
    _warn_of(".parquet", lost)
    own: dict[Any, Any] = {"json_columns": in_json, "category_columns": categories}
    packed.attrs = {**parse_json(to_json(table.attrs)), **own}
    try:
        packed.to_parquet(target, index=False)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise InvalidInputError(f"parquet cannot hold this table: {error}") from None


def _is_native(values: pd.Series) -> bool:
    """Whether a column of objects has a type in parquet: of bytes, say, or of arrays of one type."""
    full = [value for value in values if not _is_gap(value)]
    kinds = {type(value) for value in full}
    if kinds == {np.ndarray}:
        one = {value.dtype for value in full}
        return len(one) == 1 and one.pop().kind in "iufb" and all(value.ndim == 1 for value in full)
    return len(kinds) == 1 and kinds.pop() in _NATIVE


def _is_gap(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def _read_parquet(source: Path) -> pd.DataFrame:
    about = import_module("pyarrow.parquet").read_metadata(source)
    if about.num_rows > _MOST_ROWS or about.num_columns > _MOST_COLUMNS:
        raise ValueError(
            f"{about.num_rows:,} rows and {about.num_columns:,} columns are too many for a frame"
        )
    try:
        frame = pd.read_parquet(source)
    except TypeError:  # pandas has written lists of Arrow's own type, and cannot read that name
        frame = import_module("pyarrow.parquet").read_table(source).to_pandas(ignore_metadata=True)
    attrs = dict(frame.attrs)
    frame.attrs = {}
    in_json, categories = attrs.pop("json_columns", []), attrs.pop("category_columns", [])
    for name in frame.columns:
        if isinstance(categories, list) and name in categories:
            frame[name] = frame[name].astype("category")  # arrow forgets those of numbers
        if isinstance(in_json, list) and name in in_json:
            values = [parse_json(v) if isinstance(v, str) else None for v in frame[name]]
            frame[name] = object_column(str(name), values)
    for name in frame.columns:
        kind = frame[name].dtype
        if isinstance(kind, pd.CategoricalDtype) and all(isinstance(each, str) for each in kind.categories):
            words: Any = pd.Index(dtypes.text(list(kind.categories)), dtype=dtypes.TEXT)
            frame[name] = frame[name].cat.rename_categories(words)
            if kind_of(str(name), list(map(str, frame.columns)), {}) == "status":
                known = [*STATUSES, *(each for each in words if each not in STATUSES)]
                frame[name] = frame[name].cat.set_categories(dtypes.text(known))
    frame.attrs = attrs
    return frame


# Workbooks: the table on one sheet, with real dates and a frozen header; its types and attrs on another.

_ABOUT: Final = "about"
_LONGEST: Final = 32_767  # characters that a cell holds
_LARGEST: Final = 1_000_000_000  # bytes of all parts; a hostile file of 1 MB unpacks to 1 GB and more
_CHANGED: Final = ("\r", "\ufffe", "\uffff")
"""Characters that XML changes, and so are written as JSON, as are those that openpyxl refuses."""
_DAY: Final = 86_400_000_000  # microseconds
_1970: Final = 25_569  # days after a workbook's day 0
_PLACES: Final = Decimal("1e-11")


def _write_workbook(frame: pd.DataFrame, columns: Mapping[str, Sequence[str]], target: Path) -> None:
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
    rows = list(zip(*written, strict=True))
    for row in rows:
        sheet.append(row)
    about = book.create_sheet(_ABOUT)
    about.append([to_json(frame.attrs)])
    about.append([json.dumps(types)])
    about.append([sum(1 for _ in takewhile(_is_empty, reversed(rows)))])  # which a sheet has no end for
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
    if illegal.search(text) or any(each in text for each in _CHANGED):
        text = json.dumps(text if plain and text[0] != '"' else parse_json(text))
    if len(text) > _LONGEST:
        raise InvalidInputError(
            f"Row {row} of column {name!r} has {len(text)} characters, and a workbook's cell holds "
            f"{_LONGEST}. Use .parquet or .csv."
        )
    return text or None


def _read_workbook(source: Path) -> tuple[list[tuple[Any, ...]], dict[str, Any], dict[str, str]]:
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
            about = [parse_json(row[0]) for row in book[_ABOUT].iter_rows(max_row=3, values_only=True) if row]
        gaps = about[2] if len(about) > 2 and isinstance(about[2], int) else None
        rows = _rows(book, gaps)
        attrs, types = (each if isinstance(each, dict) else {} for each in (*about, None, None)[:2])
        types = {name: kind for name, kind in types.items() if isinstance(kind, str)}
        names = rows[0] if rows else ()
        dates = {
            at: types[name] for at, name in enumerate(names) if types.get(name, "").startswith("datetime64")
        }
        if dates:
            # openpyxl rounds a date to milliseconds. Without its formats it yields the number that is there.
            book._date_formats = set()  # noqa: SLF001 - there is no public way
            exact = _rows(book, gaps)
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


def _rows(book: Any, gaps: int | None) -> list[tuple[Any, ...]]:
    """Return the rows that hold something: a file may claim a million that do not.

    One of ours has rows without a value, too: between the others, and ``gaps`` at its end.
    """
    sheet = book.worksheets[0]
    sheet.reset_dimensions()
    found = map(tuple, sheet.iter_rows(values_only=True))
    rows = [row for row in found if gaps is not None or not _is_empty(row)]
    while rows and _is_empty(rows[-1]):
        rows.pop()
    rows += [()] * min(gaps or 0, 2**20)
    width = len(rows[0]) if rows else 0
    rows = [row + (None,) * (width - len(row)) for row in rows]
    if rows and None in rows[0]:  # columns left empty between others
        used = [any(row[at] is not None for row in rows) for at in range(width)]
        rows = [tuple(compress(row, used)) for row in rows]
    return rows


def _is_empty(row: Sequence[Any]) -> bool:
    return all(cell is None for cell in row)
