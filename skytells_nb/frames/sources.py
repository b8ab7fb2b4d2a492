"""Where rows come from: a client's listing, an archive, a list, or anything that can be gone through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from .._options import options
from ..client import AsyncClient, Client
from ..client.blocking import drive
from ..exceptions import InvalidInputError
from ..models import Model, ModelList, Prediction
from ..progress import bar
from ..wire import listing

__all__ = ["Source", "chunks", "models", "open_source"]

SIZE: Final = 1_000
"""Rows that are read at a time, so that what an iterator gives can be let go of."""


@dataclass(slots=True)
class Source:
    """Rows, and what is known of where they come from.

    Attributes
    ----------
    name : str
        In words, for ``attrs["source"]``.
    rows : iterable
        Predictions, models, raw objects or an archive's rows.
    sandbox_origins : set of str
        Origins that are known to be sandboxes.
    missing : int
        How many rows the source has that it did not give.
    """

    name: str
    rows: Iterable[Any]
    sandbox_origins: set[str] = field(default_factory=set)
    missing: int = 0


def open_source(given: object, what: str) -> Source:
    """Find out what was given, and start to read it.

    Raises
    ------
    InvalidInputError
        It holds no rows.
    """
    if isinstance(given, Client | AsyncClient):
        return _listed(given)
    if isinstance(given, Prediction | Model):
        return Source("list", [given])
    if isinstance(given, Mapping):
        return _body(given)
    rows = getattr(given, "rows", None)
    if callable(rows):
        return Source(f"archive {getattr(given, 'path', '')}".strip(), rows())
    if isinstance(given, str | bytes) or hasattr(given, "columns") or not isinstance(given, Iterable):
        raise InvalidInputError(
            f"{what} takes a client, an archive, or a list of what the API gave, not "
            f"{type(given).__name__}. Nothing was read. A file is read with read_frame(path), a folder with "
            "Archive(path).",
            charged=False,
        )
    return Source("list" if isinstance(given, list | tuple) else "iterable", given)


def _body(given: Mapping[str, Any]) -> Source:
    """Take one answer of the API: a page of a listing, or a single object."""
    for key in ("data", "models", "predictions"):
        if isinstance(given.get(key), list):
            pages = given.get("pagination")
            total = pages.get("total") if isinstance(pages, Mapping) else None
            rows = given[key]
            return Source("list", rows, missing=total - len(rows) if isinstance(total, int) else 0)
    return Source("list", [given])


def _listed(client: Client | AsyncClient) -> Source:
    """Read every page of a client's listing, several at a time, with a bar when it takes a while."""
    connection = client.connection
    connection.require_open()
    heard: list[int | None] = [None]
    with bar(None, "predictions", enabled=bool(options.progress)) as shown:

        def on_page(read: int, total: int | None) -> None:
            heard[0] = total if heard[0] is None or (total or 0) > heard[0] else heard[0]
            shown.update(done=read, total=total)

        found = drive(
            connection, listing.list_predictions(connection.conversation, limit=None, on_page=on_page)
        )
    sandboxes = {connection.origin} if connection.conversation.account.sandbox else set()
    missing = (heard[0] or 0) - len(found)
    return Source(f"client {connection.origin}", found, sandboxes, missing=max(0, missing))


def models(given: object) -> tuple[str, Iterable[Any]]:
    """Give the models of a client, or those that were given, and where they come from."""
    if isinstance(given, Client | AsyncClient):
        return f"client {given.base_url}", given.as_sync().models.list()
    if isinstance(given, ModelList):
        return "list", given
    source = open_source(given, "pricing_frame")
    return source.name, source.rows


def chunks(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """Give rows a few thousand at a time."""
    going = iter(rows)
    while chunk := list(islice(going, SIZE)):
        yield chunk
