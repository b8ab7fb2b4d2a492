"""What a table's cell looks like in a file that knows only text, and what it was."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import pandas as pd

from ..exceptions import InvalidInputError
from ..models import STATUSES
from . import dtypes

__all__ = ["cells", "column", "is_plain", "kind_of", "parsed"]

# How the columns that have a name of their own are typed; whatever else there is says so by its values.
_KINDS: Final = {
    **dict.fromkeys(("id", "error", "prompt", "origin", "name", "formula", "capabilities"), "text"),
    **dict.fromkeys(("field", "operator", "description"), "text"),
    **dict.fromkeys(("model_type", "source", "currency", "type", "vendor", "unit"), "category"),
    **dict.fromkeys(("created_at", "started_at", "completed_at", "period"), "time"),
    **dict.fromkeys(("queue_s", "predict_s", "total_s", "cost"), "number"),
    **dict.fromkeys(("amount", "per_prediction", "base_amount", "mean", "share"), "number"),
    **dict.fromkeys(("failed_cost", "cost_per_second"), "number"),
    **dict.fromkeys(("n_outputs", "n_criteria", "count", "unknown"), "whole"),
    **dict.fromkeys(("output", "value"), "object"),
}
_BY_DTYPE: Final = {"float64": "number", "Int64": "whole", "object": "object", dtypes.TEXT: "text"}


def kind_of(name: str, names: Iterable[str], types: Mapping[str, str]) -> str:
    """Tell how a column is typed: by its name and those beside it, else by what the file says of it."""
    known = set(names)
    if name == "status":
        return "category" if "n_criteria" in known else "status"
    if name == "model":
        return "text" if "per_prediction" in known else "category"
    return _KINDS.get(name) or _BY_DTYPE.get(types.get(name, ""), "any")


def cells(values: pd.Series, kind: str) -> list[str]:
    """Write a column as text: a gap is nothing, and JSON is all that is not plain text."""
    plain = is_plain(kind)
    return [_cell(value, plain) for value in values.astype(object)]


def is_plain(kind: str) -> bool:
    """Whether a column holds nothing but text, so that only what begins with a quote is JSON."""
    return kind in ("text", "category", "status")


def _cell(value: Any, plain: bool) -> str:
    if isinstance(value, str):
        quoted = not value or value[0] == '"' if plain else _ambiguous(value)
        return _in_json(value) if quoted or not _is_writable(value) else value
    if isinstance(value, list | tuple | dict):
        return _in_json(value)
    if value is None or pd.isna(value):
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    return json.dumps(value.item() if hasattr(value, "item") else value, default=str)


def _in_json(value: Any) -> str:
    """Write a value as JSON that any file can hold: half a surrogate pair, which none can, is escaped."""
    written = json.dumps(value, ensure_ascii=False, default=str)
    return written if _is_writable(written) else json.dumps(value, default=str)


def _is_writable(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def _ambiguous(value: str) -> bool:
    """Whether a text, left as it is, would be read as something else."""
    return value == "" or parsed(value) != value


def parsed(cell: Any) -> Any:
    """Read a cell that may be anything."""
    if not isinstance(cell, str):
        return cell
    try:
        return json.loads(cell) if cell else None
    except (ValueError, RecursionError):
        return cell


def column(name: str, kind: str, given: Sequence[Any]) -> Any:
    """Make a column of cells, of the type that it had.

    Raises
    ------
    InvalidInputError
        A cell of a column of numbers or times holds something else.
    """
    match kind:
        case "text":
            return dtypes.text(_texts(given))
        case "category" | "status":
            words = dtypes.Categories(STATUSES if kind == "status" else ())
            return words.column(words.codes(_texts(given)))
        case "number":
            return dtypes.numbers(_checked(name, given, (int, float)))
        case "whole":
            return dtypes.whole(_checked(name, given, (int,)))
        case "time":
            return _times(name, given)
        case "object":
            return dtypes.objects([parsed(cell) for cell in given])
    return dtypes.narrowed([parsed(cell) for cell in given])


def _texts(given: Sequence[Any]) -> list[str | None]:
    def read(cell: Any) -> str | None:
        if cell is None or cell == "":
            return None
        unquoted = parsed(cell) if isinstance(cell, str) and cell[0] == '"' else cell
        return unquoted if isinstance(unquoted, str) else str(cell)

    return [read(cell) for cell in given]


def _checked(name: str, given: Sequence[Any], kinds: tuple[type, ...]) -> list[Any]:
    values = [parsed(cell) for cell in given]
    for row, value in enumerate(values):
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds)):
            raise _misfit(row, name, value, "number")
    return values


def _times(name: str, given: Sequence[Any]) -> Any:
    texts: Any = [cell or None for cell in given]
    try:
        return pd.Series(pd.to_datetime(texts, format="ISO8601", utc=True)).dt.as_unit("us")
    except (ValueError, TypeError):
        read = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
        row = next((at for at, cell in enumerate(texts) if cell and pd.isna(read[at])), 0)
        raise _misfit(row, name, texts[row], "time in ISO 8601") from None


def _misfit(row: int, name: str, value: Any, wanted: str) -> InvalidInputError:
    return InvalidInputError(
        f"Row {row} of column {name!r} holds {value!r}, which is no {wanted}. Nothing was changed. "
        "Put it right in the file, or read the file with pandas itself.",
        charged=False,
    )
