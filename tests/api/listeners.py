"""Observers for tests: one that writes down what it is told, and some that misbehave."""

from __future__ import annotations

import asyncio
from typing import Any

from skytells_nb.api._observers import Account, Observer
from skytells_nb.models import Prediction


class Scribe(Observer):
    """Writes down every call, and waits in each of them as a real one would."""

    def __init__(self, name: str = "scribe", told: list[tuple[Any, ...]] | None = None) -> None:
        self.name = name
        self.told = [] if told is None else told
        self.tickets = 0

    async def before_create(self, account: Account, model: str, input: dict[str, Any]) -> Any:
        await asyncio.sleep(0)
        self.tickets += 1
        ticket = f"{self.name}-{self.tickets}"
        self.told.append(("before", ticket))
        return ticket

    async def created(self, account: Account, ticket: object, prediction: Prediction) -> None:
        self.told.append(("created", ticket, prediction.id))
        await asyncio.sleep(0)

    async def not_created(self, account: Account, ticket: object, error: BaseException, sent: bool) -> None:
        self.told.append(("not_created", ticket, type(error).__name__, sent))
        await asyncio.sleep(0)

    async def ended(self, account: Account, prediction: Prediction) -> Prediction:
        self.told.append(("ended", self.name, prediction.id, prediction.status))
        await asyncio.sleep(0)
        return prediction

    def words(self) -> list[str]:
        return [told[0] for told in self.told]

    def outcomes(self, ticket: str) -> list[str]:
        """What a ticket was told became of its create."""
        return [told[0] for told in self.told if told[0] in ("created", "not_created") and told[1] == ticket]


class Broken(Observer):
    """Fails in everything but ``before_create``."""

    async def created(self, account: Account, ticket: object, prediction: Prediction) -> None:
        await asyncio.sleep(0)
        raise OSError("disk full")

    async def not_created(self, account: Account, ticket: object, error: BaseException, sent: bool) -> None:
        await asyncio.sleep(0)
        raise OSError("disk full")

    async def ended(self, account: Account, prediction: Prediction) -> Prediction:
        await asyncio.sleep(0)
        raise OSError("disk full")


class Refusing(Observer):
    """Refuses every create."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def before_create(self, account: Account, model: str, input: dict[str, Any]) -> Any:
        await asyncio.sleep(0)
        raise self.error
