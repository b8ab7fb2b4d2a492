"""``write_frame`` and ``read_frame``: a table as a file, and the same types back."""

from __future__ import annotations

import csv
import json
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pandas as pd

from ..exceptions import InvalidInputError, SkytellsError
from ..types.reading import STATUSES
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
        As ``predictions_frame``, ``pricing_frame`` or ``spend`` make it.
    path : path
        Ends in ``.parquet``, ``.csv`` or ``.xlsx``. A file that is there is replaced.

    Returns
    -------
    Path
        Where it is.

    Raises
    ------
    InvalidInputError
        The ending is another, or a cell is too long for a workbook. Nothing is cut in silence.
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
    match _ending(target):
        case ".parquet":
            _needed("pyarrow", target)
            packed = frame.assign(**{name: _as_json(frame[name]) for name in _untyped(frame)})
            packed.attrs = {**frame.attrs, "json_columns": _untyped(frame)}
            packed.to_parquet(target, index=False)
        case ".csv":
            with target.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                names = [str(name) for name in frame.columns]
                writer.writerow(names)
                columns = [cells(frame[name], kind_of(name, names, {})) for name in names]
                writer.writerows(zip(*columns, strict=True))
        case _:
            _needed("openpyxl", target)
            write_workbook(frame, target)
    return target


def read_frame(path: Any) -> pd.DataFrame:
    """Read a table that ``write_frame`` wrote, with the types that it had.

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
        The ending is another, or the file holds no table.
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
    match _ending(source):
        case ".parquet":
            _needed("pyarrow", source)
            frame = pd.read_parquet(source)
            for name in frame.attrs.pop("json_columns", []):
                frame[name] = dtypes.objects([parsed(v) if isinstance(v, str) else None for v in frame[name]])
            return _settled(frame)
        case ".csv":
            with source.open(encoding="utf-8-sig", newline="") as file:
                csv.field_size_limit(_LARGEST)
                rows: list[Any] = list(csv.reader(file))
            attrs: dict[str, Any] = {}
            types: dict[str, str] = {}
        case _:
            _needed("openpyxl", source)
            rows, attrs, types = read_workbook(source)
    if not rows:
        raise InvalidInputError(
            f"{source} holds no table: its first row is missing. Nothing was changed.", charged=False
        )
    names = [str(name) for name in rows[0]]
    for row in rows[1:]:
        if len(row) != len(names):
            raise InvalidInputError(
                f"{source} holds no table: a row has {len(row)} cells where there are {len(names)} columns. "
                "Nothing was changed.",
                charged=False,
            )
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
    """Put the categories of parquet back as they were."""
    attrs = frame.attrs
    for name in frame.columns:
        if isinstance(frame[name].dtype, pd.CategoricalDtype):
            words: Any = pd.Index(dtypes.text(list(frame[name].cat.categories)), dtype=dtypes.TEXT)
            frame[name] = frame[name].cat.rename_categories(words)
            if kind_of(str(name), map(str, frame.columns), {}) == "status":
                frame[name] = frame[name].cat.set_categories(dtypes.text(STATUSES))
    frame.attrs.update(attrs)
    return frame
