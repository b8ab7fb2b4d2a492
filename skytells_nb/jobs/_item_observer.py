"""Writes what becomes of one item's create, before anything is sent and as soon as anything is known."""

# ruff: noqa: ARG002 - an observer hears more than each one needs

from __future__ import annotations

import asyncio
from typing import Any

from ..api import Account, Connection, Observer
from ..exceptions import SkytellsError, UncertainCreateError
from ..models import Prediction
from ..pricing import Estimate
from ._inputs import ItemKey
from ._journal import Journal, Write


class TakenError(SkytellsError):
    """Another worker has the item by now, because this one was not heard of for too long."""


class ItemObserver(Observer):
    """Writes into the journal what becomes of one item's create."""

    def __init__(self, journal: Journal, connection: Connection, key: ItemKey, made: set[str]) -> None:
        self._journal = journal
        self._connection = connection
        self._key = key
        self._made = made
        self.id: str | None = None
        """Of the prediction that was made, once that is known."""
        self.refusal: SkytellsError | None = None
        """Why the journal could not be written; nothing was sent then."""

    async def before_create(self, account: Account, model: str, input: dict[str, Any]) -> object:
        """Write the item before anything is sent."""
        connection, journal = self._connection, self._journal
        price: Estimate | None = None
        while True:
            if journal.budget is not None and price is None:
                from ..spending import require_price

                price = await require_price(connection, model, input)
            since = connection.earliest(connection.now(), connection.wall())
            most = None if price is None else price.high
            try:
                write = await asyncio.to_thread(journal.sent, self._key, since, most)
            except BaseException as error:
                journal.withdrawn(self._key)
                self.refusal = error if isinstance(error, SkytellsError) else None
                raise
            if write.refused == "taken":
                raise TakenError("Another worker has this item by now.", charged=False)
            if write.refused is None:
                break
            if price is not None and journal.budget is not None:  # else that has changed just now
                from ..spending import over_budget

                raise over_budget(model, price, *journal.budget, sandbox=account.sandbox)
        journal.begin_create()
        return None

    async def created(self, account: Account, ticket: object, prediction: Prediction) -> None:
        """Write the id."""
        self.id = prediction.id
        self._made.add(prediction.id)
        await self._flush(self._journal.running(self._key, prediction.id))

    async def not_created(self, account: Account, ticket: object, error: BaseException, sent: bool) -> None:
        """Write that it was not accepted, or that nobody knows."""
        write: Write | None = None
        if not sent:
            write = self._journal.withdrawn(self._key)
        elif isinstance(error, UncertainCreateError):
            write = self._journal.settled(self._key, "uncertain", error.message)
        await self._flush(write)

    async def _flush(self, write: Write | None) -> None:
        try:
            if write is not None:
                await asyncio.to_thread(self._journal.flush, write)
        finally:
            if self._journal.end_create():
                await asyncio.to_thread(self._journal.release)
