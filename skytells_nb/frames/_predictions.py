"""``predictions_frame``: one row per prediction, the same columns whatever it is made from.

Then ``pricing_frame``: one row per model with its price, or one row per rule of its price. And where rows
come from: a client's listing, an archive, a frame, a list, or anything that can be iterated.
"""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import numpy as np
import pandas as pd

from .._options import options
from ..aio import bar, run
from ..api import AsyncClient, Client, list_predictions
from ..checks import did_you_mean, require_package
from ..exceptions import InvalidInputError, SkytellsWarning
from ..formatting import CREDITS, format_count
from ..models import (
    SANDBOX_ID,
    STATUSES,
    Criterion,
    Model,
    ModelList,
    Prediction,
    Pricing,
    TextAnswer,
    is_done,
)
from ..plaintext import clip
from ..pricing import PLAUSIBLE, list_price
from . import _dtypes as dtypes
from ._columns import COLUMNS, COUNTED, RATED, Chunk, InputColumns, from_frame, from_index, read_rows
from ._datasets import RowFilter, is_dataset, parse_filter, read_dataset
from ._dtypes import Categories, Kind, column_of

_FURTHER = {**RATED, **COUNTED}


def predictions_frame(
    source: object,
    *,
    columns: Sequence[str] | None = None,
    since: object = None,
    until: object = None,
    model: str | None = None,
) -> pd.DataFrame:
    """Tabulate predictions: one row each, the same columns whatever they come from, also when empty.

    Parameters
    ----------
    source : Client, Archive, DataFrame, dataset, list or iterable
        A client is asked for everything it can list, page after page. Else predictions, raw objects of
        the API, an archive's rows, or the records of such a frame, also mixed; or a frame of pandas,
        polars or Arrow with these columns. A dataset that ``Archive.to_parquet`` made is given by its
        folder, a glob or a URL, and only what is asked for is read of it.
    columns : sequence of str, optional
        Only these, in this order; ``input.*`` by their full names.
    since, until : date, datetime or str, optional
        Bounds of ``created_at``, inclusive. A day alone means the whole day in UTC.
    model : str, optional
        Only this model's.

    Returns
    -------
    pandas.DataFrame
        ``id, model, model_type, status, created_at, started_at, completed_at, queue_s, predict_s,
        total_s, cost, currency, n_outputs, output, error, prompt, source, origin``, of an archive also
        ``rating, tags, note``, where text models were asked ``tokens_in, tokens_out``, then ``input.*`` as
        they come. Times are in UTC, lengths in seconds, ``cost`` in major units of ``currency``; one credit
        of the API is taken as one US dollar, and a sandbox's ``currency`` is ``credits``, which are no
        money. A missing cost is unknown, which is not zero.

        ``attrs`` hold ``source``, ``fetched_at``, ``currency``, ``truncated``, ``package_version``,
        ``sandbox`` (whether every row is a sandbox's), ``sandbox_origins`` and ``notes`` (what was odd,
        and what was made of it).

    Raises
    ------
    InvalidInputError
        The source holds no predictions, or one without an id; or there is no such column.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> frame = sky.predictions_frame([{"id": "p1", "status": "succeeded", "input": {"width": 512}}])
    >>> frame.loc[0, "status"], frame.loc[0, "input.width"], frame["cost"].isna().all()
    ('succeeded', np.int64(512), np.True_)
    """
    wanted = parse_filter(since, until, model)
    columns = [columns] if isinstance(columns, str) else columns
    known = [*COLUMNS, *_FURTHER]
    for name in columns or ():
        if name not in known and not str(name).startswith("input."):
            raise InvalidInputError(
                f"There is no column {name!r}.{did_you_mean(str(name), known)} There are {', '.join(known)}, "
                "and input.* by their full names."
            )
    table = _Table()
    if is_dataset(source):
        for chunk in read_dataset(source, columns, wanted):
            table.add(chunk)
        return _picked(_finished(table, RowSource(f"dataset {source}", [])), columns)
    opened = open_source(source, "predictions_frame")
    if isinstance(opened.rows, pd.DataFrame):
        table.add(from_frame(opened.rows))
    elif opened.columns is not None:
        for part in opened.columns:
            with _no_collector():
                table.add(from_index(part))
    else:
        left = iter(opened.rows)
        while rows := list(islice(left, _SIZE)):
            with _no_collector():
                for chunk in read_rows(rows, table.length):
                    table.add(chunk)
    return _picked(_filtered(_finished(table, opened), wanted), columns)


def _filtered(frame: pd.DataFrame, wanted: RowFilter) -> pd.DataFrame:
    if wanted == RowFilter():
        return frame
    kept = pd.Series(True, index=frame.index)
    if wanted.since is not None:
        kept &= frame["created_at"] >= wanted.since
    if wanted.until is not None:
        kept &= frame["created_at"] <= wanted.until
    if wanted.model is not None:
        kept &= frame["model"].astype(object).eq(wanted.model)
    return frame[kept].reset_index(drop=True)


def _picked(frame: pd.DataFrame, columns: Sequence[str] | None) -> pd.DataFrame:
    if columns is None:
        return frame
    for name in columns:
        if name not in frame.columns:  # no input has it, or it is no archive's
            frame[name] = dtypes.column_of(_FURTHER.get(name, "object"), [None] * len(frame))
    return frame[list(dict.fromkeys(columns))]


class _Table:
    """Columns that grow chunk by chunk, each kept as compact as it will be in the end."""

    def __init__(self) -> None:
        self.length = 0
        self.sandbox_origins: set[str] = set()
        self.left_out: dict[str, None] = {}
        self._parts: dict[str, list[Any]] = {name: [] for name in COLUMNS}
        self._inputs = InputColumns()
        self._further: dict[str, list[Any]] = {}
        self._words = {
            name: Categories(STATUSES if kind == "status" else ())
            for name, kind in COLUMNS.items()
            if kind in ("category", "status")
        }

    def add(self, chunk: Chunk) -> None:
        for name, kind in COLUMNS.items():
            values = chunk[name]
            if name in self._words:
                part = self._words[name].codes(values)
            else:
                part = values if kind == "time" else dtypes.column_of(kind, values)
            self._parts[name].append(part)
        length = len(chunk["id"])
        if "inputs" in chunk:
            self._inputs.add_columns(chunk["inputs"], length)
        else:
            self._inputs.add(chunk["input"])
        further = {**chunk.get("rated", {}), **chunk.get("counted", {})}
        for name in {*self._further, *further}:
            known = self._further.setdefault(name, [None] * self.length)
            known.extend(further.get(name, [None] * length))
        self.sandbox_origins |= chunk.get("sandbox_origins", set())
        self.left_out.update(dict.fromkeys(chunk.get("left_out", ())))
        self.length += length

    def frame(self) -> pd.DataFrame:
        if not self.length:
            self.add(from_frame(pd.DataFrame({"id": dtypes.text([])})))
        columns: dict[str, Any] = {}
        for name, kind in COLUMNS.items():
            parts = self._parts.pop(name)
            if name in self._words:
                columns[name] = self._words[name].column(np.concatenate(parts))
            elif kind == "time":
                columns[name] = dtypes.utc(np.concatenate(parts))
            elif kind in ("number", "object"):
                columns[name] = np.concatenate(parts)
            else:
                columns[name] = dtypes.concatenate(parts)
        for name, kind in _FURTHER.items():
            if name in self._further:
                columns[name] = dtypes.column_of(kind, self._further[name])
        columns.update(self._inputs.columns())
        return pd.DataFrame(columns, copy=False)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Pause the cycle collector: thousands of new lists would make it walk every raw object again.

    Only while a chunk is read, or an archive's columns are, which makes no cycles.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _finished(table: _Table, opened: RowSource) -> pd.DataFrame:
    """Correct what can be corrected, and note it."""
    frame = table.frame()
    notes: list[str] = []
    frame = _once_each(frame, notes)
    for name in ("queue_s", "predict_s", "total_s"):
        _unknown_where(frame, name, frame[name] < 0, f"{name} would be negative: times out of order", notes)
    odd = impossible(frame["cost"])
    _unknown_where(frame, "cost", odd, "cost is negative or absurd, so it counts as unknown", notes)
    origins = sandboxes(frame, table.sandbox_origins | opened.sandbox_origins)
    frame.attrs["sandbox_origins"] = origins
    sandbox = sandbox_rows(frame)
    if sandbox.any():  # or a groupby would add dollars that nobody paid
        words = frame["currency"].astype(object).mask(sandbox & frame["cost"].notna(), CREDITS)
        frame["currency"] = dtypes.column_of("category", [None if pd.isna(each) else each for each in words])
    if table.left_out:
        notes.append(f"columns that are no prediction's were left out: {', '.join(table.left_out)}")
    truncated = opened.missing > 0
    if truncated:
        rows = format_count(opened.missing, "row")
        notes.append(f"{rows} of the source are not here")
        _warn(f"{rows} could not be listed; totals of this frame are too low.")
    frame.attrs = {
        **_attrs(frame, opened.name, truncated),
        "sandbox": bool(len(frame)) and bool(sandbox.all()),
        "sandbox_origins": origins,
        "notes": notes,
    }
    return frame


def _attrs(frame: pd.DataFrame, source: str, truncated: bool = False) -> dict[Hashable | None, Any]:
    from .. import __version__

    currencies = sorted(frame["currency"].dropna().unique())
    return {
        "source": source,
        "fetched_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "currency": currencies[0] if len(currencies) == 1 else "mixed" if currencies else None,
        "truncated": truncated,
        "package_version": __version__,
    }


def impossible(amounts: Any) -> Any:
    """Return which costs or prices of a column or an array cannot be; a gap can."""
    return (amounts < 0) | (amounts > float(PLAUSIBLE))


def sandboxes(frame: pd.DataFrame, known: Iterable[str] = ()) -> list[str]:
    """Return the origins that are sandboxes: known ones, and those of an id that only a sandbox gives.

    What a batch could not create has an origin and no id of the API's, and is no money either.
    """
    made = frame["id"].astype(str).str.match(SANDBOX_ID)
    return sorted({*known, *frame.loc[made, "origin"].dropna()})


def sandbox_rows(frame: pd.DataFrame) -> pd.Series:
    """Return which rows a sandbox made, so that their costs are no money."""
    made = frame["id"].astype(str).str.match(SANDBOX_ID)
    if "origin" in frame.columns:
        made |= frame["origin"].isin(sandboxes(frame, frame.attrs.get("sandbox_origins") or ()))
    if "currency" in frame.columns:
        made |= frame["currency"].astype(object).eq(CREDITS)
    return made.astype(bool)


def _once_each(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Keep one row of each prediction: the one that knows how it ended and what it cost."""
    if not frame["id"].duplicated().any():
        return frame
    better = pd.DataFrame(
        {
            "origin": frame["origin"],
            "id": frame["id"],
            "open": frame["status"].isin([each for each in STATUSES if not is_done(each)]),
            "unpriced": frame["cost"].isna(),
        }
    ).sort_values(["open", "unpriced"], kind="stable")
    kept = better.drop_duplicates(["origin", "id"]).index.sort_values()
    dropped = format_count(len(frame) - len(kept), "row")
    if len(kept) == len(frame):
        return frame
    notes.append(f"{dropped} repeated an id and were left out")
    _warn(f"{dropped} repeated the id of another: each prediction is in the frame once.")
    return frame.loc[kept].reset_index(drop=True)


def _unknown_where(frame: pd.DataFrame, name: str, odd: pd.Series, why: str, notes: list[str]) -> None:
    if odd.any():
        frame.loc[odd, name] = np.nan
        notes.append(f"{format_count(int(odd.sum()), 'row')} where {why}")


def _warn(text: str) -> None:
    warnings.warn(text, SkytellsWarning, stacklevel=4)


PRICING_COLUMNS: Final[Mapping[str, Kind]] = {
    "model": "text",
    "name": "text",
    "type": "category",
    "vendor": "category",
    "status": "category",
    "price": "text",
    "unit": "category",
    "amount": "number",
    "currency": "category",
    "per_prediction": "number",
    "n_criteria": "integer",
    "formula": "text",
    "capabilities": "text",
}
RULE_COLUMNS: Final[Mapping[str, Kind]] = {
    "field": "text",
    "operator": "text",
    "value": "object",
    "base_amount": "number",
    "description": "text",
}


def pricing_frame(source: object, criteria: bool = False) -> pd.DataFrame:
    """Tabulate what models cost, by the API's own price list.

    Parameters
    ----------
    source : Client, ModelList, list or iterable
        A client is asked for its models. Else models, or raw objects of the API.
    criteria : bool
        One row per rule by which an input changes the price; a model without rules keeps one row.

    Returns
    -------
    pandas.DataFrame
        ``model, name, type, vendor, status, price, unit, amount, currency, per_prediction, n_criteria,
        formula, capabilities``. ``price`` is in words, and covers all that inputs may make of it, where
        ``amount`` is the base price that is listed. ``per_prediction`` is NaN where the price of one call
        depends on its input. With ``criteria=True`` they are those of the rule, and ``field, operator,
        value, base_amount, description`` follow. ``attrs["notes"]`` tell which prices can be none.

    Raises
    ------
    InvalidInputError
        The source holds no models.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> listed = [{"namespace": "lumo", "pricing": {"amount": 1.12, "unit": "prediction", "currency": "USD"}}]
    >>> sky.pricing_frame(listed)[["model", "amount", "unit"]].values.tolist()
    [['lumo', 1.12, 'prediction']]
    """
    name, given = models(source)
    listed = [_model(row, at) for at, row in enumerate(given)]
    rows: list[dict[str, Any]] = []
    for model in listed:
        rules: tuple[Criterion | None, ...] = model.pricing.criteria if criteria else ()
        rows += [_row(model, rule) for rule in rules or (None,)]
    kinds = {**PRICING_COLUMNS, **(RULE_COLUMNS if criteria else {})}
    frame = pd.DataFrame({each: column_of(kind, [row[each] for row in rows]) for each, kind in kinds.items()})
    odd = frame.loc[impossible(frame["amount"]), "model"].unique()
    notes = [f"the listed price of {slug} can be none" for slug in odd]
    frame.attrs = {**_attrs(frame, name), "notes": notes}
    return frame


def _model(row: object, position: int) -> Model:
    if isinstance(row, Model):
        return row
    slugs = [row.get(key) for key in ("namespace", "id", "slug")] if isinstance(row, Mapping) else []
    if isinstance(row, Mapping) and any(isinstance(slug, str) and slug for slug in slugs):
        return Model.from_api(row)
    raise InvalidInputError(
        f"Row {position} is no model: it is of type {type(row).__name__} and has no slug. Pass models, or "
        "the API's model JSON; predictions go to predictions_frame."
    )


def _row(model: Model, rule: Criterion | None) -> dict[str, Any]:
    pricing = model.pricing
    applied = pricing
    if rule is not None:
        applied = Pricing(rule.amount, rule.unit or pricing.unit, pricing.currency, formula=pricing.formula)
    return {
        "model": model.id,
        "name": model.name,
        "type": model.type,
        "vendor": model.vendor,
        "status": model.status,
        "price": list_price(replace(model, pricing=applied)) or "unknown",
        "unit": applied.unit,
        "amount": applied.amount,
        "currency": pricing.currency,
        "per_prediction": applied.per_prediction,
        "n_criteria": len(pricing.criteria),
        "formula": _formula(pricing),
        "capabilities": ", ".join(model.capabilities) or None,
        "field": None if rule is None else rule.field,
        "operator": None if rule is None else rule.operator,
        "value": None if rule is None else rule.value,
        "base_amount": pricing.amount,
        "description": None if rule is None else rule.description,
    }


def _formula(pricing: Pricing) -> str | None:
    if pricing.formula is None:
        return None
    words = [pricing.formula.get(key) for key in ("description", "type")]
    return next((word for word in words if isinstance(word, str) and word), "undocumented")


_LISTS: Final = ("data", "models", "predictions")
_SIZE: Final = 4_000
"""Rows that are read at a time, so that what an iterator yields can be let go of."""


@dataclass(slots=True)
class RowSource:
    """Rows, and what is known of where they come from: `name` says that in words, for ``attrs["source"]``.

    `rows` are predictions, models, raw objects, an archive's rows, or a DataFrame; an archive's as `columns`
    take their place. `missing` is how many the source has that are not in them.
    """

    name: str
    rows: Iterable[Any] | pd.DataFrame
    sandbox_origins: set[str] = field(default_factory=set)
    missing: int = 0
    columns: list[Mapping[str, Sequence[Any]]] | None = None


def open_source(given: object, what: str) -> RowSource:
    if isinstance(given, Client | AsyncClient):
        return _listed(given)
    if isinstance(given, Prediction | Model | TextAnswer):
        return RowSource("list", [given])
    frame = pandas_frame(given)
    if frame is not None:
        origins = frame.attrs.get("sandbox_origins")
        known = {each for each in origins if isinstance(each, str)} if isinstance(origins, list) else set()
        return RowSource("frame", frame, known)
    if isinstance(given, Mapping):  # one answer of the API: a page of a listing, or a single object
        found = next((given[key] for key in _LISTS if isinstance(given.get(key), list)), None)
        if found is None:
            return RowSource("list", [given])
        pages = given.get("pagination")
        total = pages.get("total") if isinstance(pages, Mapping) else None
        return RowSource("list", found, missing=total - len(found) if isinstance(total, int) else 0)
    rows, columns = getattr(given, "rows", None), getattr(given, "columns", None)
    if callable(rows):
        name = f"archive {getattr(given, 'path', '')}".strip()
        with _no_collector():
            return RowSource(name, rows(), columns=columns() if callable(columns) else None)
    if isinstance(given, str) and given.lstrip().startswith(("{", "[{")):
        raise InvalidInputError(f"{what} does not read JSON as a text. Pass json.loads(…) of it.")
    if isinstance(given, str | os.PathLike) and not os.path.exists(given):
        raise InvalidInputError(
            f"There is nothing at {clip(repr(os.fspath(given)), 200)}. Check the path: a dataset is a "
            "folder, and a file is read with read_frame(path)."
        )
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InvalidInputError(
            f"{what} takes a client, an archive, a frame, or a list of what the API returned, not "
            f"{type(given).__name__}. A file is read with read_frame(path), a folder with Archive(path)."
        )
    return RowSource("list" if isinstance(given, list | tuple) else "iterable", given)


def pandas_frame(given: object) -> pd.DataFrame | None:
    """Return a DataFrame as it is, one of polars, Arrow and their like as pandas'; None for anything else."""
    if isinstance(given, pd.DataFrame):
        index = [name for name in given.index.names if name in COLUMNS and name not in given.columns]
        return given.reset_index(level=index) if index else given
    if hasattr(given, "__arrow_c_stream__") and hasattr(given, "columns"):
        maker = type(given).__module__.partition(".")[0]
        arrow: Any = require_package("pyarrow", f"Reading a {maker} frame")
        table = arrow.table(given)
        plain = [each.with_type(_without_views(arrow, each.type)) for each in table.schema]
        whole = {
            arrow.int64(): pd.Int64Dtype(),
            arrow.bool_(): pd.BooleanDtype(),
        }  # or gaps would make floats
        table = table.cast(arrow.schema(plain, metadata=table.schema.metadata))
        converted: pd.DataFrame = table.to_pandas(types_mapper=whole.get)
        return converted
    if hasattr(given, "__dataframe__"):
        return pd.api.interchange.from_dataframe(given)
    return None


def _without_views(arrow: Any, kind: Any) -> Any:
    """Return a type without string views, which polars writes and pyarrow cannot hand to pandas in lists."""
    types = arrow.types
    if types.is_string_view(kind):
        return arrow.large_string()
    if types.is_binary_view(kind):
        return arrow.large_binary()
    if types.is_list(kind) or types.is_large_list(kind):
        return arrow.large_list(_without_views(arrow, kind.value_type))
    if types.is_struct(kind):
        return arrow.struct([each.with_type(_without_views(arrow, each.type)) for each in kind])
    return kind


def _listed(client: Client | AsyncClient) -> RowSource:
    """Read every page of a client's listing, several at a time, with a bar when it takes a while."""
    connection = client.connection
    connection.require_open()
    totals: list[int | None] = [None]
    with bar(None, "predictions", enabled=bool(options.progress)) as shown:

        def on_page(read: int, total: int | None) -> None:
            totals[0] = total if totals[0] is None or (total or 0) > totals[0] else totals[0]
            shown.update(done=read, total=total)

        found = run(list_predictions(connection, limit=None, on_page=on_page))
    sandboxes = {connection.origin} if connection.account.sandbox else set()
    missing = (totals[0] or 0) - len(found)
    return RowSource(f"client {connection.origin}", found, sandboxes, missing=max(0, missing))


def models(given: object) -> tuple[str, Iterable[Any]]:
    """Return where models come from, and the models: a client's, or those that were given."""
    if isinstance(given, Client | AsyncClient):
        return f"client {given.base_url}", given.as_sync().models.list()
    if isinstance(given, ModelList):
        return "list", given
    source = open_source(given, "pricing_frame")
    return source.name, source.rows
