"""What may listen to a prediction's life: the archive, a budget, a batch's journal.

`api` knows no listener by name. They are handed to it, for one create, one client or the whole process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..models import Prediction

__all__ = ["Account", "Observer", "global_observers"]


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
    prediction. After an interrupt a method that has begun goes on for at most two seconds.
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
