"""What may listen to a prediction's life: the archive, a budget, a batch's journal.

`api` knows no listener by name. They are handed to it, for one create, one client or the whole process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..models import Prediction


@dataclass(frozen=True, slots=True)
class Account:
    """Whose predictions these are: one API origin and one key, without the key.

    Attributes
    ----------
    origin : str
        The base URL of the API, such as ``https://api.skytells.ai/v1``.
    fingerprint : str
        Twelve hex digits that tell keys apart and reveal nothing of them.
    sandbox : bool
        Whether the API said that it is a sandbox; what it bills is no money.
    """

    origin: str
    fingerprint: str
    sandbox: bool = False


class Observer:
    """Base of what listens; every method may be left as it is.

    All of them run on the toolkit's loop and must not block it. What ``before_create`` raises stops that
    create before anything is sent. Whatever else goes wrong in an observer becomes a warning, never a lost
    prediction. After an interrupt a method that has begun goes on while something ends every two
    seconds, ten at most.
    """

    async def before_create(self, account: Account, model: str, input: dict[str, Any]) -> object:
        """Hear of a create just before it is sent; what is returned comes back as ``ticket``."""
        return None

    async def created(self, account: Account, ticket: object, prediction: Prediction) -> None:
        """Hear of a prediction as soon as its id is known.

        Also after a ``not_created`` that left a doubt, when ``reconcile`` finds what was made.
        """

    async def not_created(self, account: Account, ticket: object, error: BaseException, sent: bool) -> None:
        """Hear that a create came to nothing; ``sent`` says whether it may have been accepted."""

    async def ended(self, account: Account, prediction: Prediction) -> Prediction | None:
        """Hear of a prediction that has ended, each time it is seen; may return it with its files."""
        return prediction

    async def listed(self, account: Account, predictions: Sequence[Prediction]) -> Mapping[str, Prediction]:
        """Hear of a listing; may return those of it that have more files now, by their ids."""
        return {}


global_observers: list[Observer] = []
"""Observers of every client in this process, such as an active budget."""


class SessionCosts(Observer):
    """What this process has spent so far; what others created, or earlier sessions did, is not counted."""

    def __init__(self) -> None:
        self._under_way: set[tuple[str, str]] = set()
        self._spent: dict[str, Decimal] = {}

    async def created(self, account: Account, ticket: object, prediction: Prediction) -> None:
        """Note a prediction whose cost will count."""
        self._under_way.add((account.origin, prediction.id))

    async def ended(self, account: Account, prediction: Prediction) -> Prediction:
        """Count its cost, the first time that it is seen to have ended."""
        key = (account.origin, prediction.id)
        if key in self._under_way:
            self._under_way.remove(key)
            if prediction.cost is not None:
                self._spent[account.origin] = self.spent(account.origin) + prediction.cost
        return prediction

    def spent(self, origin: str) -> Decimal:
        """Return what was spent at one API, as far as it told."""
        return self._spent.get(origin, Decimal(0))


session_costs = SessionCosts()
"""It hears of every prediction of this process."""
