"""Which client is used where none is given: the newest that is open, else a new one."""

from __future__ import annotations

from typing import Any

from .. import _lazy
from ..exceptions import InvalidInputError
from .clients import AsyncClient, Client
from .registry import latest

__all__ = ["client_of"]


def client_of(given: Client | AsyncClient | None) -> AsyncClient:
    """Give the asyncio face of a client; of the newest open connection, or a new one, where none is given.

    Raises
    ------
    InvalidInputError
        It is no client.
    """
    if given is None:
        connection = latest()
        if connection is not None:
            return AsyncClient.of(connection)
        made: Any = _lazy.connect()
        given = made
    if not isinstance(given, Client | AsyncClient):
        raise InvalidInputError(
            f"client must be a Client or an AsyncClient, not {type(given).__name__}. Nothing was sent.",
            charged=False,
        )
    return given.as_async()
