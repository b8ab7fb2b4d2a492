"""Where rows come from: a client's listing, an archive, a frame, a list, or anything that can be iterated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import pandas as pd

from .._options import options
from ..aio import bar, run
from ..api import AsyncClient, Client, list_predictions
from ..checks import require_package
from ..exceptions import InvalidInputError
from ..models import Model, ModelList, Prediction
from ._columns import COLUMNS

_LISTS: Final = ("data", "models", "predictions")
SIZE: Final = 1_000
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
    """Find out what was given, and start to read it."""
    if isinstance(given, Client | AsyncClient):
        return _listed(given)
    if isinstance(given, Prediction | Model):
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
        return RowSource(name, rows(), columns=columns() if callable(columns) else None)
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


def chunks(rows: Iterable[Any]) -> Iterator[list[Any]]:
    going = iter(rows)
    while chunk := list(islice(going, SIZE)):
        yield chunk
