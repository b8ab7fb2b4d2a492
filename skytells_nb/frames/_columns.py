"""The columns of a predictions frame, and how each is read from whatever rows come from.

To add a column, add it to `COLUMNS` and to the functions ``from_…``; an archive's rows bring theirs by name.

Rows are read some thousand at a time into a `Chunk`: one list or array per column, without a `Prediction` for
each row. That is why a listing of 100,000 becomes a frame in under a second. What is documented takes a short
way through a column; whatever else comes takes the rule of `skytells_nb.models.reading`, value by value, so
both ways always agree (a property test holds them together).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, repeat
from operator import contains, itemgetter
from typing import Any, Final

import numpy as np
import pandas as pd

from ..exceptions import InvalidInputError
from ..formatting import CREDITS
from ..models import (
    Prediction,
    Status,
    TextAnswer,
    Usage,
    find_outputs,
    parse_amount,
    parse_billing,
    parse_error,
    parse_model_name,
    parse_model_type,
    parse_number,
    parse_outputs,
    status_from_wire,
)
from ..plaintext import printable
from ._dtypes import Array, Kind, concatenate, infer, objects, plain_values, read_times, to_micros, utc_times

COLUMNS: Final[Mapping[str, Kind]] = {
    "id": "text",
    "model": "category",
    "model_type": "category",
    "status": "status",
    "created_at": "time",
    "started_at": "time",
    "completed_at": "time",
    "queue_s": "number",
    "predict_s": "number",
    "total_s": "number",
    "cost": "number",
    "currency": "category",
    "n_outputs": "integer",
    "output": "object",
    "error": "text",
    "prompt": "text",
    "source": "category",
    "origin": "text",
}

RATED: Final[Mapping[str, Kind]] = {"rating": "integer", "tags": "object", "note": "text"}
"""What an archive's frame has beside `COLUMNS`: what somebody thought of each prediction."""

COUNTED: Final[Mapping[str, Kind]] = {"tokens_in": "integer", "tokens_out": "integer"}
"""What a frame has beside `COLUMNS` where text models were asked: what they read and wrote."""

Chunk = dict[str, Any]
"""Some rows: a list or array for each of `COLUMNS`, and ``input``: a list of dicts, or of None.

``rated`` may hold columns of `RATED`, ``counted`` those of `COUNTED`. ``sandbox_origins`` may name origins
that are known to be sandboxes; ``inputs`` holds columns, not dicts.
"""

_NO_TIME: Final = np.iinfo(np.int64).min
_FIELDS: Final = (
    "id", "status", "model", "input", "output", "created_at", "started_at", "completed_at", "source",
    "metrics", "metadata",
)  # fmt: skip
_PICK: Final = itemgetter(*_FIELDS)
_CACHED: Final = 500
"""Raw objects that are read at a time, as many as a processor's own cache holds: each look into one waits for
the memory. By the 4,000 a frame takes a tenth longer, by the 125 a sixth."""
_TIMES: Final = ("created_at", "started_at", "completed_at")
_UNCHANGED: Final = (
    "id", "model", "model_type", "status", "output", "error", "prompt", "origin", "input"
)  # fmt: skip
"""What a `Prediction` has under a column's own name, and as the column holds it."""
_OF_ARCHIVE: Final = frozenset({"account", "sandbox", "input"})
_OF_FRAME: Final = frozenset({"queue_s", "predict_s", "total_s", "cost", "currency", "n_outputs", "prompt"})
"""Names that a row of a frame has and the API's own objects never do."""


def read_rows(rows: Sequence[Any], before: int) -> Iterable[Chunk]:
    """Read rows of any kinds; those next to each other and of one kind together.

    ``before`` is how many were read earlier, for the error over a row that is no prediction.
    """
    parts = []
    for at in range(0, len(rows), _CACHED):
        part = _read_listed(rows[at : at + _CACHED])
        if part is None:
            break
        parts.append(part)
    else:
        yield _completed(_joined(parts))
        return
    readers = [_reader(row, before + at) for at, row in enumerate(rows)]
    begin = 0
    for end in range(1, len(rows) + 1):
        if end == len(rows) or readers[end] is not readers[begin]:
            yield _completed(readers[begin](rows[begin:end]))
            begin = end


def _reader(row: object, position: int) -> Callable[[Sequence[Any]], Chunk]:
    if isinstance(row, Prediction):
        return from_predictions
    if isinstance(row, TextAnswer):
        return _from_answers
    if isinstance(row, Mapping):
        identifier = row.get("id")
        if isinstance(identifier, str) and identifier:
            if row.keys().isdisjoint(_OF_FRAME):
                return from_raws
            return from_archive if row.keys() >= _OF_ARCHIVE else from_records
        found = "it has no 'id'"
    else:
        found = f"it is of type {type(row).__name__}"
    raise InvalidInputError(
        f"Row {position} is no prediction: {found}. Pass predictions, or the API's prediction JSON; "
        "models go to pricing_frame."
    )


def _completed(chunk: Chunk) -> Chunk:
    created, started, completed = chunk["created_at"], chunk["started_at"], chunk["completed_at"]
    if "queue_s" not in chunk:
        chunk["queue_s"] = _seconds_between(created, started)
    if "n_outputs" not in chunk:
        chunk["n_outputs"] = [None if each is None else len(each) for each in chunk["output"]]
    missing = np.isnan(chunk["total_s"])
    if missing.any():  # as Prediction.seconds does: measured, else by the times, else of work
        between = _seconds_between(created, completed)
        known = np.where(np.isnan(between), chunk["predict_s"], between)
        chunk["total_s"] = np.where(missing, known, chunk["total_s"])
    return chunk


def _seconds_between(begin: Array, end: Array) -> Array:
    seconds = (end - begin).astype("float64") / 1e6
    seconds[np.isnat(begin) | np.isnat(end)] = np.nan
    return seconds


# From the API's own objects. Nearly all of a listing's have one shape, so a column is first asked as a whole,
# by `map`, whether its values are as documented: that takes a tenth of the time of asking each in a loop.


def _each(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    try:
        return list(map(itemgetter(name), rows))
    except KeyError:
        return [row.get(name) for row in rows]


def _have(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    return any(map(contains, rows, repeat(name)))


def _all_are(kind: type, values: Iterable[object]) -> bool:
    return set(map(type, values)) == {kind}


def _read_listed(rows: Sequence[Any]) -> Chunk | None:
    """Read raw objects together, as those of a listing are; None where one of them is something else."""
    if not _all_are(dict, rows):
        return None
    try:
        fields: dict[str, Any] = dict(zip(_FIELDS, zip(*map(_PICK, rows), strict=True), strict=True))
    except KeyError:
        if any(_have(rows, name) for name in _OF_FRAME):
            return None
        fields = {name: _each(rows, name) for name in _FIELDS}
    ids = fields["id"]
    return _read_fields(rows, fields) if _all_are(str, ids) and all(ids) else None


def _joined(parts: Sequence[Chunk]) -> Chunk:
    columns = {name: [part[name] for part in parts] for name in parts[0]}
    return {
        name: np.concatenate(each) if isinstance(each[0], np.ndarray) else list(chain.from_iterable(each))
        for name, each in columns.items()
    }


def from_raws(raws: Sequence[Mapping[str, Any]]) -> Chunk:
    return _read_fields(raws, {name: [raw.get(name) for raw in raws] for name in _FIELDS})


def _read_fields(raws: Sequence[Mapping[str, Any]], fields: Mapping[str, Sequence[Any]]) -> Chunk:
    field = fields.__getitem__
    metrics = [found if type(found) is dict else {} for found in field("metrics")]
    inputs = [found if type(found) is dict else None for found in field("input")]
    prompts = [None if each is None else each.get("prompt") for each in inputs]
    cost, currency = _bills(raws, metrics, field("metadata"))
    model, model_type = _models(raws, field("model"))
    status = _statuses(field("status"))
    return {
        "id": list(field("id")),
        "model": model,
        "model_type": model_type,
        "status": status,
        **{name: read_times(field(name)) for name in _TIMES},
        "predict_s": _numbers(_each(metrics, "predict_time")),
        "total_s": _numbers(_each(metrics, "total_time")),
        "cost": cost,
        "currency": currency,
        "output": _outputs(raws, field("output"), status),
        "error": _errors(raws, status),
        "prompt": _texts(prompts),
        "source": _texts(field("source")),
        "origin": [None] * len(raws),
        "input": inputs,
    }


def _statuses(values: Sequence[Any]) -> list[Status]:
    if not _all_are(str, values):
        return [status_from_wire(each) for each in values]
    words = {each: status_from_wire(each) for each in set(values)}
    return [words[each] for each in values]


def _bills(
    raws: Sequence[Mapping[str, Any]], metrics: Sequence[dict[str, Any]], metadata: Sequence[Any]
) -> tuple[list[float | None], list[str | None]]:
    """Read costs and currencies, whether the bill is under ``metadata`` or ``metrics`` (section 6)."""
    outer = [found if type(found) is dict else {} for found in metadata]
    for place, other in ((outer, metrics), (metrics, outer)):
        if not (_have(other, "billing") or _have(other, "credits_used")):
            bills = _each(place, "billing")
            break
    else:
        bills = [None] * len(raws)
    if not _all_are(dict, bills):
        pairs = zip(bills, raws, strict=True)
        bills = [bill if type(bill) is dict else parse_billing(raw) for bill, raw in pairs]
    amounts = _each(bills, "credits_used")
    costs = [each if type(each) is float and 1e-9 < each < 1e9 else _cost(each) for each in amounts]
    return costs, _currencies(bills, costs)


def _cost(value: object) -> float | None:
    amount = parse_amount(value)
    return None if amount is None else float(amount)


def _currencies(bills: Sequence[Mapping[str, Any]], costs: Sequence[float | None]) -> list[str | None]:
    """Return the currencies as billed, else US dollars, as one credit is taken (section 8.4)."""
    if not _have(bills, "currency"):
        return [None if cost is None else "USD" for cost in costs]
    named = _each(bills, "currency")
    codes = {each: each.strip().upper() for each in {each for each in named if type(each) is str}}
    codes |= {each: "USD" for each, code in codes.items() if code in ("", "CREDIT", "CREDITS")}
    return [
        None if cost is None else codes[each] if type(each) is str else "USD"
        for each, cost in zip(named, costs, strict=True)
    ]


def _models(
    raws: Sequence[Mapping[str, Any]], given: Sequence[Any]
) -> tuple[list[str | None], list[str | None]]:
    if _all_are(dict, given) and set(map(len, given)) == {2}:  # as documented: a name and a type
        named, typed = _each(given, "name"), _each(given, "type")
        if _all_are(str, named) and _all_are(str, typed) and all(typed):
            return named, typed
    names: list[str | None] = []
    kinds: list[str | None] = []
    for raw, model in zip(raws, given, strict=True):
        name = kind = None
        if type(model) is dict and len(model) == 2:
            name, kind = model.get("name"), model.get("type")
        if not (type(name) is str and type(kind) is str and kind):
            name, kind = parse_model_name(model), parse_model_type(raw)
        names.append(name)
        kinds.append(kind)
    return names, kinds


def _texts(values: Sequence[object]) -> list[Any]:
    return [each if isinstance(each, str) else None for each in values]


def _numbers(values: Sequence[object]) -> Array:
    if not _all_are(float, values):
        values = [each if type(each) is float else parse_number(each) for each in values]
    found = np.array(values, dtype="float64")
    found[~np.isfinite(found)] = np.nan
    return found


def _outputs(
    raws: Sequence[Mapping[str, Any]], values: Sequence[Any], statuses: Sequence[Status]
) -> list[list[str] | None]:
    given = [value for value in values if value is not None]
    read: Iterable[list[str] | None] = map(parse_outputs, given)
    if _all_are(list, given) and set(map(len, given)) == {1}:  # one address each, as most models give
        addresses = [value[0] for value in given]
        if _all_are(str, addresses):
            joined = "".join(f"\0{address}" for address in addresses)
            count = joined.count("\0")
            if count == len(given) == joined.count("\0http") and joined.split() == [joined]:
                read = ([address] for address in addresses)
    made = iter(read)
    outputs = [None if value is None else next(made) for value in values]
    return [
        find_outputs(raw) if output is None and status == "succeeded" else output
        for raw, output, status in zip(raws, outputs, statuses, strict=True)
    ]


def _errors(raws: Sequence[Mapping[str, Any]], statuses: Sequence[Status]) -> list[str | None]:
    if set(statuses) == {"succeeded"} and not _have(raws, "error"):
        return [None] * len(raws)
    return [
        None if word == "succeeded" and not raw.get("error") else parse_error(raw)
        for raw, word in zip(raws, statuses, strict=True)
    ]


# From predictions, and from an archive.


def from_predictions(predictions: Sequence[Prediction]) -> Chunk:
    cost = [None if p.cost is None else float(p.cost) for p in predictions]
    answers = (p.raw.get("usage") if p.model_type == "text" else None for p in predictions)
    usages = [Usage.from_api(each) or Usage() for each in answers]
    return {
        **_counted([each.input_tokens for each in usages], [each.output_tokens for each in usages]),
        **{name: [getattr(p, name) for p in predictions] for name in _UNCHANGED},
        **{name: _moments([getattr(p, name) for p in predictions]) for name in _TIMES},
        "predict_s": np.array([p.metrics.predict_time for p in predictions], dtype="float64"),
        "total_s": np.array([p.metrics.total_time for p in predictions], dtype="float64"),
        "cost": cost,
        "currency": _currencies([p.metrics.billing for p in predictions], cost),
        "source": _texts([p.raw.get("source") for p in predictions]),
    }


def _from_answers(answers: Sequence[TextAnswer]) -> Chunk:
    return from_predictions([answer.to_prediction() for answer in answers])


def _moments(times: Sequence[Any]) -> Array:
    return np.array([to_micros(moment) for moment in times], dtype="datetime64[us]")


def _counted(read: Sequence[int | None], written: Sequence[int | None]) -> Chunk:
    known = any(each is not None for each in (*read, *written))
    return {"counted": {"tokens_in": list(read), "tokens_out": list(written)}} if known else {}


def from_archive(rows: Sequence[Mapping[str, Any]]) -> Chunk:
    """Read an archive's rows, which hold plain values under the columns' own names."""
    chunk: Chunk = {
        name: [row.get(name) for row in rows] for name in (*COLUMNS, "input") if name != "queue_s"
    }
    for name in _TIMES:
        chunk[name] = _moments(chunk[name])
    for name in ("predict_s", "total_s"):
        chunk[name] = np.array(chunk[name], dtype="float64")
    chunk["cost"] = [None if cost is None else float(cost) for cost in chunk["cost"]]
    chunk["sandbox_origins"] = {row["origin"] for row in rows if row["sandbox"] and row["origin"]}
    chunk |= _counted([row.get("tokens_in") for row in rows], [row.get("tokens_out") for row in rows])
    return chunk


def from_index(columns: Mapping[str, Sequence[Any]]) -> Chunk:
    """Read some thousand rows of an archive, which gives them as columns; see `Archive.columns`."""
    chunk: Chunk = {name: columns[name] for name in (*COLUMNS, "input") if name in columns}
    for name in ("created", "started", "completed"):
        micros = columns[name]
        if None in micros:
            micros = [_NO_TIME if each is None else each for each in micros]
        chunk[f"{name}_at"] = np.array(micros, dtype="int64").view("datetime64[us]")
    for name in ("predict_s", "total_s"):
        chunk[name] = np.array(columns[name], dtype="float64")
    costs = {each: None if each is None else float(each) for each in set(columns["cost"])}
    chunk["cost"] = [costs[each] for each in columns["cost"]]
    chunk["currency"] = [
        None if cost is None else CREDITS if sandbox else "USD"
        for cost, sandbox in zip(columns["cost"], columns["sandbox"], strict=True)
    ]
    pairs = zip(columns["origin"], columns["sandbox"], strict=True)
    chunk["sandbox_origins"] = {origin for origin, sandbox in pairs if sandbox and origin}
    chunk["rated"] = {
        "rating": columns["rating"],
        "tags": [each or [] for each in columns["tags"]],
        "note": columns["note"],
    }
    chunk |= _counted(columns["tokens_in"], columns["tokens_out"])
    return _completed(chunk)


# From a frame, and from the records of one.


def from_records(rows: Sequence[Mapping[str, Any]]) -> Chunk:
    """Read rows of a predictions frame, as ``to_dict("records")`` or a JSON file of it gives them."""
    names = dict.fromkeys(name for row in rows for name in row)
    return from_frame(pd.DataFrame({name: objects([row.get(name) for row in rows]) for name in names}))


def from_frame(frame: pd.DataFrame) -> Chunk:
    """Read a frame with the documented columns; those it lacks are unknown, but for ``id``."""
    if "id" not in frame.columns:
        raise InvalidInputError(
            "This frame has no column 'id', so its rows are no predictions. Pass a frame as "
            "predictions_frame makes it; models go to pricing_frame."
        )
    require_distinct(frame)
    chunk: Chunk = {}
    for name, kind in COLUMNS.items():
        if name in frame.columns:
            chunk[name] = _column_of_frame(frame[name], name, kind)
        elif name not in ("queue_s", "n_outputs"):
            chunk[name] = _missing(kind, len(frame))
    if any(not each for each in chunk["id"]):
        row = next(at for at, each in enumerate(chunk["id"]) if not each)
        raise InvalidInputError(f"Row {row} is no prediction: it has no 'id'.")
    if all(each is None for each in chunk["output"]) and "n_outputs" in chunk:
        chunk["n_outputs"] = _whole(chunk["n_outputs"])
    else:
        chunk.pop("n_outputs", None)
    chunk["currency"] = [
        each if each is None or each == CREDITS else each.upper() for each in chunk["currency"]
    ]
    chunk["inputs"] = {
        str(name).removeprefix("input."): plain_values(frame[name])
        for name in frame.columns
        if str(name).startswith("input.")
    }
    if RATED.keys() <= set(frame.columns):
        chunk["rated"] = {
            "rating": _whole(as_numbers(frame["rating"], "rating")),
            "tags": [each if isinstance(each, list) else [] for each in plain_values(frame["tags"])],
            "note": [None if each is None else str(each) for each in plain_values(frame["note"])],
        }
    if COUNTED.keys() <= set(frame.columns):
        chunk |= _counted(*(_whole(as_numbers(frame[name], name)) for name in COUNTED))
    known = {*COLUMNS, *(RATED if "rated" in chunk else ()), *COUNTED}
    chunk["left_out"] = [
        str(name) for name in frame.columns if name not in known and not str(name).startswith("input.")
    ]
    return _completed(chunk)


def _whole(figures: Iterable[float]) -> list[int | None]:
    return [None if np.isnan(each) else int(each) for each in figures]


def require_distinct(frame: pd.DataFrame) -> None:
    """Refuse a frame that has a documented column twice, as frames joined side by side do."""
    twice = frame.columns[frame.columns.duplicated()].intersection(list(COLUMNS))
    if len(twice):
        raise InvalidInputError(f"This frame has several columns {twice[0]!r}. Rename or drop one of them.")


def _missing(kind: Kind, length: int) -> Any:
    if kind == "time":
        return np.full(length, "NaT", dtype="datetime64[us]")
    if kind == "number":
        return np.full(length, np.nan)
    return ["queued"] * length if kind == "status" else [None] * length


def _column_of_frame(values: pd.Series, name: str, kind: Kind) -> Any:
    match kind:
        case "time":
            return utc_times(values, name).to_numpy(dtype="datetime64[us]")
        case "number" | "integer":
            return as_numbers(values, name).to_numpy()
        case "object":
            return [parse_outputs(each) for each in plain_values(values)]
        case "status":
            return [status_from_wire(each) for each in plain_values(values)]
    return [None if each is None else str(each) for each in plain_values(values)]


def as_numbers(values: pd.Series, name: str) -> pd.Series:
    """Return a column as floats; refuses what is neither a number nor a gap."""
    read: Any = pd.to_numeric(values.astype(object), errors="coerce").astype("float64")
    odd = values[read.isna() & values.notna()]
    if len(odd):
        raise InvalidInputError(
            f"Column {name!r} holds {odd.iloc[0]!r}. Expected numbers, and gaps where they are unknown."
        )
    return pd.Series(read)


# ``input.*``: what each model was given, one column per name.


class InputColumns:
    """Columns that appear as their names do; rows without a name have a gap there."""

    _DEPTH = 16

    def __init__(self) -> None:
        self._parts: dict[str, list[Array]] = {}
        self._lengths: list[int] = []

    def add(self, inputs: Sequence[Mapping[str, Any] | None]) -> None:
        """Append the inputs of some more rows; objects in them become ``name.inner``."""
        columns = _of_one_model(inputs)
        if columns is None:
            columns = {}
            for row, given in enumerate(inputs):
                if given:
                    self._flatten(columns, "", given, row, 0)
        self.add_columns(columns, len(inputs))

    def add_columns(self, columns: dict[str, list[Any]], length: int) -> None:
        for name, values in columns.items():
            values.extend([None] * (length - len(values)))
            known = self._parts.get(name)
            if known is None:
                known = self._parts[name] = [objects([None] * size) for size in self._lengths]
            known.append(infer(values))
        for name, parts in self._parts.items():
            if name not in columns:
                parts.append(objects([None] * length))
        self._lengths.append(length)

    def columns(self) -> dict[str, Array]:
        """Return the columns of all rows; lets go of what they were made from."""
        made: dict[str, Array] = {}
        while self._parts:
            name = next(iter(self._parts))
            [shown] = printable([f"input.{name}"])
            made[shown or ""] = concatenate(self._parts.pop(name))
        return made

    def _flatten(
        self, columns: dict[str, list[Any]], prefix: str, given: Mapping[str, Any], row: int, depth: int
    ) -> None:
        for key, value in given.items():
            name = f"{prefix}{key}"
            if type(value) is dict and value and depth < self._DEPTH:
                self._flatten(columns, f"{name}.", value, row, depth + 1)
                continue
            column = columns.get(name)
            while column is not None and len(column) > row:  # the row has "a.b" and an "a" with a "b" in it
                name += "_"
                column = columns.get(name)
            if column is None:
                column = columns[name] = []
            column.extend([None] * (row - len(column)))
            column.append(value)


def _of_one_model(inputs: Sequence[Any]) -> dict[str, list[Any]] | None:
    """Return the columns of inputs with the same names and no objects in them; None for any others."""
    if not inputs or not inputs[0]:
        return None
    names = list(inputs[0])
    if set(map(type, inputs)) != {dict} or set(map(len, inputs)) != {len(names)}:
        return None
    try:
        columns = {name: list(map(itemgetter(name), inputs)) for name in names}
    except KeyError:
        return None
    if set(map(type, names)) != {str} or any(dict in set(map(type, values)) for values in columns.values()):
        return None
    return columns
