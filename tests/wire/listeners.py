"""Observers for tests: one that writes down what it is told, and some that misbehave."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from skytells_nb.models import Prediction
from skytells_nb.observers import Account, Observer
from skytells_nb.wire.steps import Do


class Scribe(Observer):
    """Writes down every call, and takes a step in each of them as a real one would."""

    def __init__(self, name: str = "scribe", told: list[tuple[Any, ...]] | None = None) -> None:
        self.name = name
        self.told = [] if told is None else told
        self.tickets = 0

    def before_create(self, account: Account, model: str, input: dict[str, Any]) -> Generator[Any, Any, Any]:
        yield Do(lambda: None)
        self.tickets += 1
        ticket = f"{self.name}-{self.tickets}"
        self.told.append(("before", ticket))
        return ticket

    def created(self, account: Account, ticket: object, prediction: Prediction) -> Generator[Any, Any, None]:
        self.told.append(("created", ticket, prediction.id))
        yield Do(lambda: None)

    def not_created(
        self, account: Account, ticket: object, error: BaseException, sent: bool
    ) -> Generator[Any, Any, None]:
        self.told.append(("not_created", ticket, type(error).__name__, sent))
        yield Do(lambda: None)

    def ended(self, account: Account, prediction: Prediction) -> Generator[Any, Any, Prediction]:
        self.told.append(("ended", self.name, prediction.id, prediction.status))
        yield Do(lambda: None)
        return prediction

    def words(self) -> list[str]:
        return [told[0] for told in self.told]

    def outcomes(self, ticket: str) -> list[str]:
        """What a ticket was told became of its create."""
        return [told[0] for told in self.told if told[0] in ("created", "not_created") and told[1] == ticket]


class Broken(Observer):
    """Fails in everything but ``before_create``."""

    def created(self, account: Account, ticket: object, prediction: Prediction) -> Generator[Any, Any, None]:
        yield Do(lambda: None)
        raise OSError("disk full")

    def not_created(
        self, account: Account, ticket: object, error: BaseException, sent: bool
    ) -> Generator[Any, Any, None]:
        yield Do(lambda: None)
        raise OSError("disk full")

    def ended(self, account: Account, prediction: Prediction) -> Generator[Any, Any, Prediction]:
        yield Do(lambda: None)
        raise OSError("disk full")


class Refusing(Observer):
    """Refuses every create."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def before_create(self, account: Account, model: str, input: dict[str, Any]) -> Generator[Any, Any, Any]:
        yield Do(lambda: None)
        raise self.error
