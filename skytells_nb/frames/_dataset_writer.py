"""Appending to a dataset: what is new, and of what is there what is known better now.

A file is put whole, and once: who comes second to a number reads what the first one wrote, and takes the
next. So two that write at the same time write no prediction twice, and one that is killed leaves no half
file. A row that is known better by now (its cost, its end, its outputs, a rating) is written anew, to a file
of such rows alone, and the newest row of a prediction counts.
"""

from __future__ import annotations

import io
import json
import os
import secrets
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import numpy as np

from .._storage import Listed, Storage, as_text, open_storage, require_write_once
from ..checks import check_path
from ..exceptions import InvalidInputError
from ..models import is_sandbox_id
from ._columns import RATED, Chunk, from_index
from ._datasets import (
    FURTHER,
    INPUT,
    MARK,
    SANDBOX,
    UNDATED,
    arrow_schema,
    best_rows,
    is_ended,
    keys_of,
    load_arrow,
    typed_errors,
)
from ._dtypes import mixed
from ._predictions import impossible

_ABOUT: Final = ".skytells_nb/dataset.json"
_ROWS_PER_GROUP: Final = 250_000
_REPEATED: Final = ["model", "model_type", "status", "cost", "currency", "error", "source", "origin"]
"""What is written as a dictionary. Where values differ, trying it takes half the time and saves nothing."""

_LEARNT: Final = ("cost", "completed_at", "n_outputs")
_COMPARED: Final = ("origin", "id", "status", "created_at", *_LEARNT, *RATED)


def append_dataset(archive: Any, path: Any) -> int:
    """Append an archive's predictions to a dataset, those that are not in it; return how many were new."""
    arrow, tables = load_arrow(), []
    for columns in archive.columns():
        chunk = from_index(columns)
        chunk["rated"]["tags"] = columns["tags"]  # None where nobody ever said anything
        tables.append(table_of(arrow, chunk))
    return append_table(arrow.concat_tables(tables), path) if tables else 0


def append_table(table: Any, path: Any) -> int:
    """Append the rows of an Arrow table with the columns of a dataset; return how many were new."""
    load_arrow()
    compute = import_module("pyarrow.compute")
    check_path("path", path, what="a folder, or a URL such as s3://bucket/prefix")
    url = os.path.expanduser(as_text(path))
    store = open_storage(url)
    # Of two keys of one account an archive has a prediction twice.
    best = best_rows(table)
    table = table if best.all() else table.filter(best)
    months = compute.floor_temporal(table["created_at"], unit="month")
    if len(compute.unique(months)) > 1:
        order = compute.sort_indices(months)
        table, months = table.take(order), months.take(order)
    new = begun = 0
    with typed_errors(url, "written"):
        dataset = _dataset_id(store, "://" in url)
        undated = list(store.list(UNDATED))
        for month in compute.value_counts(months).to_pylist():
            name = UNDATED if month["values"] is None else f"month={month['values']:%Y-%m}"
            earlier = undated if name != UNDATED else []  # its time may have been unknown
            new += _append_month(store, dataset, name, table.slice(begun, month["counts"]), earlier)
            begun += month["counts"]
    return new


def _dataset_id(store: Storage, is_bucket: bool) -> str:
    """Return the dataset's own id, which each of its files bears: it is made with the first of them."""
    about = json.dumps({"skytells_nb_dataset": 1, "id": secrets.token_hex(8)}).encode()
    if is_bucket:
        require_write_once(store, _ABOUT, about)
    elif not store.exists(_ABOUT):
        store.put(_ABOUT, about)
    with store.open(_ABOUT) as file:
        try:
            return str(json.load(file).get("id"))
        except (ValueError, AttributeError):
            return "None"  # as one without an id: its rows are looked through each time


def _append_month(store: Storage, dataset: str, month: str, rows: Any, earlier: Sequence[Listed]) -> int:
    compute = import_module("pyarrow.compute")
    looked = list[str]()
    there = arrow_schema().empty_table().select(_COMPARED)
    while rows.num_rows:
        for each in (*earlier, *store.list(month)):
            if each.name.endswith(".parquet") and each.name not in looked:
                looked.append(each.name)
                found = _read(store, each.name, _COMPARED, rows)
                there = load_arrow().concat_tables([found, there])  # the newest rows come first
        changed = rows.slice(0, 0)
        if there.num_rows:
            at = compute.index_in(keys_of(rows), keys_of(there))
            changed = rows.filter(_is_news(rows, there.take(at)))
            fresh = rows.filter(compute.is_null(at))
        else:
            fresh = rows
        if changed.num_rows:
            parts = [_read(store, name, arrow_schema().names, changed) for name in reversed(looked)]
            old = load_arrow().concat_tables(parts)
            old = old.take(compute.index_in(keys_of(changed), keys_of(old)))
            if _put(store, dataset, month, looked, _joined(changed, old), changes=True):
                rows = fresh
        else:
            rows = fresh
            if rows.num_rows and _put(store, dataset, month, looked, rows):
                return int(rows.num_rows)
    return 0


def _read(store: Storage, name: str, columns: Sequence[str], wanted: Any) -> Any:
    """Read of a file the rows of the predictions that are wanted."""
    arrow, compute = load_arrow(), import_module("pyarrow.compute")
    schema = arrow.schema([arrow_schema().field(each) for each in columns])
    parts = [schema.empty_table()]
    with store.open(name) as opened:
        file = import_module("pyarrow.parquet").ParquetFile(opened)
        if "id" not in file.schema_arrow.names:
            raise InvalidInputError(f"{name} holds no predictions: it has no column id.")
        for number in range(file.num_row_groups):
            found = file.read_row_group(number, columns)
            for field in schema:
                if field.name not in found.column_names:
                    found = found.append_column(field, arrow.nulls(len(found), field.type))
            found = found.select(columns).cast(schema)
            parts.append(found.filter(compute.is_in(keys_of(found), keys_of(wanted))))
    return arrow.concat_tables(parts)


def _put(store: Storage, dataset: str, month: str, looked: Sequence[str], rows: Any, **about: Any) -> bool:
    """Write the next file of a month; returns False where another has just written one."""
    numbers = [int(name[-14:-8]) for name in looked if name[-14:-8].isdecimal()]
    name = f"{month}/{max(numbers, default=0) + 1:06d}.parquet"
    rows = rows.replace_schema_metadata({MARK: json.dumps({"dataset": dataset, "file": name, **about})})
    into = io.BytesIO()
    import_module("pyarrow.parquet").write_table(
        rows, into, compression="zstd", row_group_size=_ROWS_PER_GROUP, use_dictionary=_REPEATED
    )
    return store.put(name, into.getvalue()) is not None


def _is_news(rows: Any, old: Any) -> Any:
    """Say of each row whether it tells what an older one does not; that less is known is no news."""
    compute = import_module("pyarrow.compute")

    def known(table: Any, name: str) -> Any:
        return compute.is_valid(table[name])

    def differ(name: str) -> Any:
        one, other = rows[name], old[name]
        if name == "tags":
            one, other = (compute.binary_join(each, "\n") for each in (one, other))
        return compute.or_(
            compute.fill_null(compute.not_equal(one, other), False),
            compute.xor(compute.is_valid(one), compute.is_valid(other)),
        )

    news = compute.and_not(is_ended(rows), is_ended(old))
    news = compute.or_(news, compute.and_not(known(rows, "created_at"), known(old, "created_at")))
    for name in _LEARNT:
        news = compute.or_(news, compute.and_(known(rows, name), differ(name)))
    for name in RATED:
        news = compute.or_(news, compute.and_(known(rows, "tags"), differ(name)))
    return compute.and_(news, known(old, "id"))


def _joined(rows: Any, old: Any) -> Any:
    """Return rows with what only older rows of their predictions know."""
    compute = import_module("pyarrow.compute")
    gone_back = compute.and_not(is_ended(old), is_ended(rows))
    for at, field in enumerate(rows.schema):
        one, other = rows[field.name], old[field.name]
        is_newer = compute.is_valid(rows["tags"] if field.name in RATED else one)
        if field.name == "status":
            is_newer = compute.invert(gone_back)
        rows = rows.set_column(at, field, compute.if_else(is_newer, one, other))
    return rows


def table_of(arrow: Any, chunk: Chunk) -> Any:
    """Return a chunk as an Arrow table; gaps are null, since one NaN makes every sum one."""
    origins = chunk.get("sandbox_origins", set())
    cost = np.array(chunk["cost"], dtype="float64")
    cost[impossible(cost)] = np.nan  # what cannot be is unknown, as in a frame
    chunk = {
        **dict.fromkeys(FURTHER, [None] * len(cost)),
        **chunk,
        **chunk.get("rated", {}),
        **chunk.get("counted", {}),
        **{
            name: np.where(chunk[name] < 0, np.nan, chunk[name])
            for name in ("queue_s", "predict_s", "total_s")
        },
        "cost": cost,
        INPUT: [None if each is None else json.dumps(each, default=str) for each in chunk["input"]],
        SANDBOX: [
            is_sandbox_id(id) or origin in origins
            for id, origin in zip(chunk["id"], chunk["origin"], strict=True)
        ],
    }
    schema = arrow_schema()
    columns = []
    for field in schema:
        values = chunk[field.name]
        try:
            columns.append(arrow.array(values, field.type, from_pandas=True))
        except UnicodeEncodeError:  # half a surrogate pair, from a server or a user
            columns.append(arrow.array(mixed(values), field.type, from_pandas=True))
    return arrow.Table.from_arrays(columns, schema=schema)
