"""``write_frame`` and ``read_frame``: a table as a file, and the same types back."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile
from zoneinfo import ZoneInfo

import pandas as pd

from ..exceptions import InvalidInputError, SkytellsError
from ..models import STATUSES
from . import dtypes
from .cells import cells, column, kind_of, parsed
from .workbooks import read_workbook, write_workbook

__all__ = ["read_frame", "write_frame"]

_ENDINGS: Final = (".parquet", ".csv", ".xlsx")
_LARGEST: Final = 2**31 - 1


def write_frame(frame: pd.DataFrame, path: Any) -> Path:
    """Write a table to a parquet, csv or xlsx file, so that ``read_frame`` gives the same types back.

    A cell of csv and xlsx shows text as it is. Only where it could be taken for a number, a truth value
    or JSON does it stand in quotes; lists and objects are JSON, times are ISO 8601 in UTC. A workbook
    keeps sixteen digits of a number, the others keep all.

    Parameters
    ----------
    frame : DataFrame
        As ``predictions_frame``, ``pricing_frame`` or ``spend`` make it. An index that holds more than row
        numbers becomes columns in front.
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
        cell is too long for a workbook. Nothing is cut in silence.
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
    target = Path(path)
    ending, table = _ending(target), _flat(frame)
    if ending != ".csv":
        _needed("pyarrow" if ending == ".parquet" else "openpyxl", target)
    with _replacing(target) as part:
        match ending:
            case ".parquet":
                packed = table.assign(**{name: _as_json(table[name]) for name in _untyped(table)})
                packed.attrs = {**table.attrs, "json_columns": _untyped(table)}
                packed.to_parquet(part, index=False)
            case ".csv":
                _write_csv(table, part)
            case _:
                write_workbook(table, part)
    return target


def read_frame(path: Any) -> pd.DataFrame:
    """Read a table that ``write_frame`` wrote, with the types that it had; periods of csv are in UTC.

    Parameters
    ----------
    path : path
        Ends in ``.parquet``, ``.csv`` or ``.xlsx``.

    Returns
    -------
    pandas.DataFrame
        With its ``attrs``, but from csv, which has no place for them: there they tell ``source`` alone.

    Raises
    ------
    InvalidInputError
        The ending is another, or the file holds no such table.
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
    source = Path(path)
    ending = _ending(source)
    if ending != ".csv":
        _needed("pyarrow" if ending == ".parquet" else "openpyxl", source)
    attrs: dict[str, Any] = {}
    types: dict[str, str] = {}
    try:
        match ending:
            case ".parquet":
                return _settled(pd.read_parquet(source))
            case ".csv":
                rows: list[Any] = _read_csv(source)
            case _:
                rows, attrs, types = read_workbook(source)
    except (ValueError, KeyError, SyntaxError, csv.Error, BadZipFile) as error:
        raise _no_table(source, f"it cannot be read as {ending} ({error})") from None
    if not rows:
        raise _no_table(source, "its first row is missing")
    names = [str(name) for name in rows[0]]
    if len(set(names)) < len(names):
        raise _no_table(source, f"{_twice(names)} names several columns")
    for row in rows[1:]:
        if len(row) != len(names):
            raise _no_table(source, f"a row has {len(row)} cells where there are {len(names)} columns")
    columns = list(zip(*rows[1:], strict=True)) if len(rows) > 1 else [()] * len(names)
    made = {n: column(n, kind_of(n, names, types), c) for n, c in zip(names, columns, strict=True)}
    frame = pd.DataFrame(made, copy=False)
    if "period" in made and "timezone" in attrs:
        with suppress(KeyError, ValueError, OSError):
            frame["period"] = frame["period"].dt.tz_convert(ZoneInfo(attrs["timezone"]))
    frame.attrs.update(attrs or {"source": str(source)})
    return frame


def _ending(path: Path) -> str:
    ending = path.suffix.lower()
    if ending not in _ENDINGS:
        raise InvalidInputError(
            f"{path.name!r} ends in none of .parquet, .csv and .xlsx. Nothing was read or written.",
            charged=False,
        )
    return ending


def _no_table(source: Path, why: str) -> InvalidInputError:
    return InvalidInputError(f"{source} holds no table: {why}. Nothing was changed.", charged=False)


def _twice(names: list[str]) -> str:
    return ", ".join(repr(name) for name in dict.fromkeys(names) if names.count(name) > 1)


def _flat(frame: object) -> pd.DataFrame:
    """Give a table whose every cell is in a column of its own name: no file has a place for an index."""
    if not isinstance(frame, pd.DataFrame):
        raise InvalidInputError(
            f"write_frame takes a DataFrame, not {type(frame).__name__}. Nothing was written. "
            "predictions_frame makes one of predictions, a client or an archive.",
            charged=False,
        )
    index = frame.index
    names = [str(name) for name in frame.columns]
    if index.nlevels > 1 or index.name is not None or not pd.api.types.is_integer_dtype(index.dtype):
        own = [str(name or f"index_{level}") for level, name in enumerate(index.names)]
        own = own if index.nlevels > 1 or index.name is not None else ["index"]
        names = [*own, *names]
    if len(set(names)) < len(names):
        raise InvalidInputError(
            f"The table has {_twice(names)} more than once among its columns and index. Nothing was written. "
            "Rename one of them.",
            charged=False,
        )
    table = frame if len(names) == len(frame.columns) else frame.reset_index()
    table = table.set_axis(names, axis=1)
    table.attrs.update(frame.attrs)
    return table


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """Give a place to write to, which takes the target's when all went well."""
    place = target.resolve()
    if not place.parent.is_dir():
        raise InvalidInputError(f"There is no folder {place.parent}. Nothing was written.", charged=False)
    part = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)


def _write_csv(frame: pd.DataFrame, target: Path) -> None:
    names = [str(name) for name in frame.columns]
    columns = [cells(frame[name], kind_of(name, names, {})) for name in names]
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(zip(*columns, strict=True))


def _read_csv(source: Path) -> list[Any]:
    """Read the rows of a file, but for empty lines, which are none."""
    csv.field_size_limit(_LARGEST)
    with source.open(encoding="utf-8-sig", newline="") as file:
        return [row for row in csv.reader(file) if row]


def _needed(package: str, path: Path) -> None:
    try:
        import_module(package)
    except ModuleNotFoundError:
        raise SkytellsError(
            f"{path.suffix} files need {package}, which is not installed. Nothing was read or written. "
            'pip install "skytells-nb[analysis]", or use .csv.',
            charged=False,
        ) from None


def _untyped(frame: pd.DataFrame) -> list[str]:
    """Name the columns of lists and mixed values: in parquet they travel as JSON."""
    return [str(name) for name in frame.columns if frame[name].dtype == object]


def _as_json(values: pd.Series) -> Any:
    gaps = [value is None or (isinstance(value, float) and value != value) for value in values]
    told = [None if gap else json.dumps(v, default=str) for v, gap in zip(values, gaps, strict=True)]
    return dtypes.text(told)


def _settled(frame: pd.DataFrame) -> pd.DataFrame:
    """Put the objects and categories of parquet back as they were."""
    attrs = frame.attrs
    for name in attrs.pop("json_columns", []):
        frame[name] = dtypes.objects([parsed(v) if isinstance(v, str) else None for v in frame[name]])
    for name in frame.columns:
        if isinstance(frame[name].dtype, pd.CategoricalDtype):
            words: Any = pd.Index(dtypes.text(list(frame[name].cat.categories)), dtype=dtypes.TEXT)
            frame[name] = frame[name].cat.rename_categories(words)
            if kind_of(str(name), map(str, frame.columns), {}) == "status":
                frame[name] = frame[name].cat.set_categories(dtypes.text(STATUSES))
    frame.attrs.update(attrs)
    return frame
