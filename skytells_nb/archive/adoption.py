"""Taking over what the API still has: every prediction it lists, every output still to be had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..aio import gather, run
from ..api import AsyncClient, Client
from ..models import Prediction, PredictionList

if TYPE_CHECKING:
    from ._archive import Archive

__all__ = ["adopt"]

_AT_ONCE: Final = 4


def adopt(archive: Archive, client: Client | AsyncClient) -> PredictionList:
    """See `skytells_nb.archive.Archive.adopt`."""
    listed = client.as_sync().predictions.list(limit=None)
    account = client.connection.account

    async def take(prediction: Prediction) -> Prediction | None:
        known = archive.get(prediction.id, account.origin)
        kept = await archive.ended(account, prediction)
        return kept if known is None or set(kept.files) - set(known.files) else None

    ended = (take(prediction) for prediction in listed if prediction.done)
    taken = run(gather(ended, limit=_AT_ONCE, progress=False))
    return PredictionList(prediction for prediction in taken if prediction is not None)
