"""Models with their prices, each read once for all that ask, and again after ten minutes.

Two hundred creates that start at once under a budget ask for one price. The first reads it, the
others wait; a failure is told to all of them, so that an API that is down is not asked by each.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from ..api import Connection, get_model
from ..exceptions import SkytellsError
from ..models import Model

__all__ = ["PRICES", "PriceList"]

_AGE: Final = 600.0
_AGE_OF_FAILURE: Final = 2.0
_TURN: Final = 0.05

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _Kept:
    until: float
    model: Model | None = None
    error: SkytellsError | None = None


class PriceList:
    """What was read of models, by account and slug; safe to use from several threads and loops."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = Lock()
        self._kept: dict[Key, _Kept] = {}
        self._reading: set[Key] = set()
        self._sandboxes: set[str] = set()

    async def model(self, connection: Connection, slug: str) -> Model:
        """Give a model, from the API when it is not known or older than ten minutes."""
        account = connection.account
        key = (account.origin, account.fingerprint, slug)
        while True:
            with self._lock:
                kept = self._kept.get(key)
                fresh = kept is not None and kept.until > self._now()
                mine = not fresh and key not in self._reading
                if mine:
                    self._reading.add(key)
            if mine:
                return await self._read(connection, key)
            if kept is not None and fresh:
                if kept.model is not None:
                    return kept.model
                if kept.error is not None:
                    raise copy.copy(kept.error)
            await asyncio.sleep(_TURN)

    async def _read(self, connection: Connection, key: Key) -> Model:
        kept: _Kept | None = None
        try:
            model = await get_model(connection, key[2])
            kept = _Kept(self._now() + _AGE, model)
            return model
        except SkytellsError as error:
            kept = _Kept(self._now() + _AGE_OF_FAILURE, error=copy.copy(error))
            raise
        finally:
            with self._lock:
                self._reading.discard(key)
                if connection.account.sandbox:
                    self._sandboxes.add(key[0])
                if kept is not None:
                    self._kept[key] = kept

    def is_sandbox(self, origin: str) -> bool:
        """Whether an origin said that it is a sandbox, to whichever client."""
        with self._lock:
            return origin in self._sandboxes

    def forget(self) -> None:
        """Let the next question go to the API again."""
        with self._lock:
            self._kept.clear()


PRICES: Final = PriceList()
"""The price list of this process."""
