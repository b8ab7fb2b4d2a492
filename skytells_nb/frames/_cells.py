"""Columns as the cells of a csv file or a workbook, and columns of those cells again.

Such a file knows text, and a workbook numbers and dates too. So a cell shows text as it is, and stands in
quotes, as JSON, only where it would be read as something else: a number, a truth value, a time, a list, or a
formula, which a spreadsheet would run.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, Final, Literal
from uuid import UUID

import numpy as np
import pandas as pd

from ..exceptions import InvalidInputError
from ..plaintext import FORMULA
from . import _dtypes as dtypes
from ._columns import COLUMNS
from ._dtypes import Kind
from ._predictions import PRICING_COLUMNS, RULE_COLUMNS
from ._spend import FIGURES

KindOfCell = Kind | Literal["any"]
"""The kind of a documented column, or ``any`` for one whose cells say what they are."""

_SPEND_COLUMNS: Final[Mapping[str, Kind]] = {
    "period": "time",
    **dict.fromkeys(FIGURES, "number"),
    "count": "integer",
    "unknown": "integer",
}
_BY_DTYPE: Final[Mapping[str, Kind]] = {
    "float64": "number",
    "Int64": "integer",
    "object": "object",
    dtypes.TEXT: "text",
}
_DTYPES: Final[Mapping[Kind, tuple[str, ...]]] = {
    **dict.fromkeys(("category", "status"), ("category",)),
    "time": ("datetime64[us, UTC]",),
    "text": ("str", "string"),
    "number": ("float64",),
    "integer": ("Int64",),
    "object": ("object",),
}
_AS_TEXT: Final = (date, time, timedelta, Decimal, UUID, PurePath, pd.Period, pd.Interval)
_FORMULA_IN_JSON: Final = re.compile(r"(;\s*)([=+\-@\uff1d\uff0b\uff0d\uff20])")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?")
_GERMAN: Final = re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4})(?: (\d\d?:\d\d(?::\d\d)?))?")
_DECIMAL_COMMA: Final = re.compile(r"-?(\d+|\d{1,3}(\.\d{3})+),\d+")


def kind_of(name: str, names: Collection[str], types: Mapping[str, str]) -> KindOfCell:
    """Return what a column holds: by what the file says of it, else by its name and those beside it."""
    recorded = types.get(name)
    known: Kind | None = COLUMNS.get(name)
    if "per_prediction" in names:
        known = PRICING_COLUMNS.get(name) or RULE_COLUMNS.get(name)
    elif {"count", "cost", "mean", "share"} <= set(names):
        known = _SPEND_COLUMNS.get(name) or known
    if known is None:
        return _BY_DTYPE.get(recorded or "", "any")
    return known if recorded is None or recorded in _DTYPES[known] else _BY_DTYPE.get(recorded, "any")


def is_plain(kind: KindOfCell) -> bool:
    """Whether a column holds nothing but text, so that only what begins with a quote is JSON."""
    return kind in ("text", "category", "status")


# To cells.


def cells(values: pd.Series, kind: KindOfCell) -> list[str]:
    """Return a column as text: a gap is empty, and JSON is all that is not plain text."""
    plain = is_plain(kind)
    try:
        return [_cell(value, plain) for value in values.astype(object)]
    except TypeError as error:
        raise InvalidInputError(
            f"Column {str(values.name)!r} {error}, which csv and xlsx cannot hold. Use .parquet, or drop it."
        ) from None


def _cell(value: Any, plain: bool) -> str:
    if isinstance(value, str):
        if plain:
            quoted = not value or value[0] == '"' or FORMULA.search(value)
        else:
            quoted = (
                not value or parse_json(value) != value or _TIME.fullmatch(value) or FORMULA.search(value)
            )
        return to_json(value) if quoted or not _is_writable(value) else value
    if isinstance(value, list | tuple | dict | np.ndarray):
        return to_json(value)
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int | float | np.number | np.bool_):
        return to_json(value)
    return str(_jsonable(value))


def to_json(value: Any) -> str:
    """Return a value as JSON that any file can hold, and in which no spreadsheet sees a formula.

    Raises TypeError where it holds something that JSON cannot, such as bytes.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, default=_jsonable)
    except TypeError:  # keys that are no text, such as numpy's numbers; or what really cannot be written
        text = json.dumps(_with_text_keys(value), ensure_ascii=False, default=_jsonable)
    text = text if _is_writable(text) else json.dumps(_with_text_keys(value), default=_jsonable)
    return _FORMULA_IN_JSON.sub(lambda found: f"{found[1]}\\u{ord(found[2]):04x}", text)


def _jsonable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, np.datetime64 | np.timedelta64):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, _AS_TEXT):
        return str(value)
    raise TypeError(f"holds a value of type {type(value).__name__}")


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            str(key.item() if isinstance(key, np.generic) else key): _with_text_keys(inner)
            for key, inner in value.items()
        }
    return [_with_text_keys(inner) for inner in value] if isinstance(value, list | tuple) else value


def _is_writable(text: str) -> bool:
    """Whether a file can hold a text: half a surrogate pair it cannot."""
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def encode_name(name: str) -> str:
    plain = name and _is_writable(name) and not FORMULA.search(name) and not set(name) & set('";')
    plain = plain and min(name) >= " "
    return name if plain else to_json(name)


# From cells.


def decode_name(cell: Any) -> str:
    text = parse_json(cell) if isinstance(cell, str) and cell[:1] == '"' else cell
    return text if isinstance(text, str) else str(cell)


def parse_json(cell: Any) -> Any:
    """Return what a cell of any kind holds."""
    if not isinstance(cell, str):
        return cell
    if cell in ("TRUE", "FALSE", "True", "False"):  # as spreadsheets and pandas write them
        return cell.upper() == "TRUE"
    try:
        return json.loads(cell) if cell else None
    except (ValueError, RecursionError):
        return cell


def column(
    name: str, kind: KindOfCell, given: Sequence[Any], *, dtype: str = "", decimal_comma: bool = False
) -> Any:
    """Return a column of cells, of the type that it had.

    Cells are text, and of a workbook numbers, booleans and datetimes too. ``kind`` is as `kind_of` has it; of
    a column of any kind ``dtype`` is the type that the file says it had. With ``decimal_comma`` numbers may
    be written as ``1.234,5``.
    """
    if decimal_comma and kind in ("number", "integer", "any"):
        given = _with_points(given, kind == "any")
    match kind:
        case "text":
            return _text_column(name, _texts(given))
        case "category" | "status":
            return dtypes.column_of(kind, _texts(given))
        case "number":
            return _checked(name, given, (int, float), dtypes.numbers)
        case "integer":
            return _checked(name, given, (int,), dtypes.integers)
        case "time":
            return _times(name, given)
        case "object":
            return object_column(name, [_plain(parse_json(cell)) for cell in given])
    restored = _of_dtype(given, dtype)
    return _inferred(given, name) if restored is None else restored


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _texts(given: Sequence[Any]) -> list[str | None]:
    def text_of(cell: Any) -> str | None:
        if cell is None or cell == "":
            return None
        unquoted = parse_json(cell) if isinstance(cell, str) and cell[0] == '"' else _plain(cell)
        return unquoted if isinstance(unquoted, str) else str(cell)

    return [text_of(cell) for cell in given]


def _checked(name: str, given: Sequence[Any], kinds: tuple[type, ...], make: Any) -> Any:
    values = [parse_json(cell) for cell in given]
    for row, value in enumerate(values):
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds)):
            whole = kinds == (int,) and isinstance(value, float) and value.is_integer()
            if not whole:  # a spreadsheet may write 3 as 3.0
                raise _misfit(row, name, value, "number")
            values[row] = int(value)
    try:
        return make(values)
    except OverflowError:
        row = next(at for at, value in enumerate(values) if isinstance(value, int) and abs(value) >= 2**63)
        raise _misfit(row, name, values[row], "number of 64 bits") from None


def _times(name: str, given: Sequence[Any]) -> Any:
    texts: Any = [_plain(cell) or None for cell in given]
    try:
        return pd.Series(pd.to_datetime(texts, format="ISO8601", utc=True)).dt.as_unit("us")
    except (ValueError, TypeError, OverflowError):
        texts = [_german(cell) for cell in texts]
    read = pd.to_datetime(pd.Series(texts, dtype=object), format="ISO8601", utc=True, errors="coerce")
    odd = [at for at, cell in enumerate(texts) if cell and pd.isna(read.iloc[at])]
    if odd:
        raise _misfit(odd[0], name, given[odd[0]], "time in ISO 8601")
    return pd.Series(read).dt.as_unit("us")


def _german(cell: Any) -> Any:
    """Return a date as a spreadsheet with semicolons writes it, such as 28.04.2026 05:00, as ISO 8601."""
    found = _GERMAN.fullmatch(cell) if isinstance(cell, str) else None
    if found is None:
        return cell if isinstance(cell, str) else str(cell) if cell is not None else None
    return f"{found[3]}-{int(found[2]):02d}-{int(found[1]):02d}T{(found[4] or '00:00').zfill(5)}"


def _with_points(given: Sequence[Any], only_if_all: bool) -> Sequence[Any]:
    """Write decimal commas as points; in a column of any kind only where every cell is such a number."""
    full = [str(cell) for cell in given if cell]
    if only_if_all and not all(
        _DECIMAL_COMMA.fullmatch(cell) or re.fullmatch(r"-?\d+", cell) for cell in full
    ):
        return given
    return [
        cell.replace(".", "").replace(",", ".")
        if isinstance(cell, str) and _DECIMAL_COMMA.fullmatch(cell)
        else cell
        for cell in given
    ]


def _of_dtype(given: Sequence[Any], dtype: Any) -> Any:
    """Return a column of a type that the file names; None where it names none that can be had."""
    if not dtype or dtype == "object":
        return None
    if dtype == "category":
        made: Any = pd.Categorical(pd.Series(_inferred(given)))
        whole = made.categories.dtype == pd.Int64Dtype()
        return made.rename_categories(made.categories.to_numpy(dtype="int64")) if whole else made
    try:
        if dtype.startswith(("datetime64", "timedelta64")):
            texts: Any = [_plain(cell) or None for cell in given]
            if dtype.startswith("timedelta64"):
                return pd.Series(pd.to_timedelta(texts)).astype(dtype)
            read = pd.Series(pd.to_datetime(texts, format="ISO8601", utc="," in dtype))
            zone = dtype.partition(",")[2].strip(" ]")
            return (read.dt.tz_convert(zone) if zone else read).astype(dtype)
        if dtype.startswith("period"):
            return pd.Series(_texts(given), dtype=dtype)
        kind: Any = pd.api.types.pandas_dtype(dtype)
        return pd.Series([parse_json(cell) for cell in given], dtype=kind)
    except (ValueError, TypeError, KeyError, OverflowError, OSError, AttributeError):
        return None


def object_column(name: str, values: Sequence[Any]) -> Any:
    """Return a column of lists, or of whatever has no type of its own; one that no server wrote as it is."""
    return dtypes.objects(values) if _is_own(name) else dtypes.mixed(values)


def _is_own(name: str) -> bool:
    """Whether somebody has put the column beside those of predictions, so that no server wrote it."""
    return name not in COLUMNS and not name.startswith("input.")


def _text_column(name: str, texts: Sequence[str | None]) -> Any:
    """Return a column of text; one that no server wrote as it is."""
    if _is_own(name):
        with suppress(UnicodeEncodeError):  # halves of surrogates
            return pd.array(dtypes.objects(texts), dtype=dtypes.TEXT)
    return dtypes.text(texts)


def _inferred(given: Sequence[Any], name: str = "") -> Any:
    full = [cell for cell in given if cell is not None and cell != ""]
    if full and all(
        isinstance(cell, datetime) or (isinstance(cell, str) and _TIME.fullmatch(cell)) for cell in full
    ):
        texts: Any = [_plain(cell) or None for cell in given]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # pandas 2, where a clock was put forward
                read = pd.Series(pd.to_datetime(texts, format="ISO8601"))
            if pd.api.types.is_datetime64_any_dtype(read.dtype):
                exact = read.dt.as_unit("us")
                return exact if (exact == read).eq(read.notna()).all() else read
        except (ValueError, TypeError, OverflowError):
            pass
    values = [_plain(parse_json(cell)) for cell in given]
    is_text = {type(value) for value in values} - {type(None)} == {str}
    return _text_column(name, values) if is_text else dtypes.infer(values)


def _misfit(row: int, name: str, value: Any, wanted: str) -> InvalidInputError:
    return InvalidInputError(
        f"Row {row} of column {name!r} holds {repr(value)[:80]}, which is no {wanted}. Correct it, "
        "or read the file with pandas itself."
    )


def lost_types(frame: pd.DataFrame, read: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Return the columns whose type is not kept, each with that type."""
    lost = []
    for name in names:
        if not _alike(frame[name].dtype, read[name].dtype):
            lost.append(f"{name} ({frame[name].dtype})")
        elif frame[name].dtype == object:
            lost += [f"{name} ({kind})" for kind in written_as_text(frame[name])]
    return lost


def written_as_text(values: pd.Series) -> list[str]:
    """Return the types of values that are written as what they stand for, such as a UUID or an Enum."""
    return sorted({type(value).__name__ for value in values.dropna() if isinstance(value, (*_AS_TEXT, Enum))})


def _alike(one: Any, other: Any) -> bool:
    if dtypes.TEXT == "string" and (str(one), str(other)) == ("object", "string"):
        return True  # pandas 2 keeps texts as objects
    kinds = [re.sub(r"\[(s|ms|us|ns)", "[", str(each)).lower() for each in (one, other)]
    return kinds[0] == kinds[1]
