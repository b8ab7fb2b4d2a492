"""Taking over what the API still has: every prediction it lists, every output still to be had."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from ..models import Prediction, PredictionList

if TYPE_CHECKING:
    from ..client import AsyncClient, Client
    from ._archive import Archive

__all__ = ["adopt"]

_AT_ONCE: Final = 4


def adopt(archive: Archive, client: Client | AsyncClient) -> PredictionList:
    """See `skytells_nb.archive.Archive.adopt`."""
    from ..client.blocking import drive

    blocking = client.as_sync()
    connection = blocking.connection
    listed = blocking.predictions.list(limit=None)
    account = connection.conversation.account

    def take(prediction: Prediction) -> Prediction | None:
        known = archive.get(prediction.id, account.origin)
        kept = drive(connection, archive.ended(account, prediction))
        news = known is None or set(kept.files) - set(known.files)
        return kept if news else None

    pool = ThreadPoolExecutor(_AT_ONCE, "skytells-adopt")
    try:
        taken: Iterator[Prediction | None] = pool.map(take, [p for p in listed if p.done])
        return PredictionList(p for p in taken if p is not None)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
