"""What may listen to a prediction's life: the archive, a budget, a batch's journal.

The client knows no listener by name. Listeners are handed to it, for one client or for the whole
process, and each of their methods is a flow of steps like the client's own, so they work the
same under blocking and asyncio drivers.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .models import Prediction

__all__ = ["Account", "Observer", "everywhere"]


@dataclass(frozen=True, slots=True)
class Account:
    """Whose predictions these are: one API origin and one key, without the key.

    Attributes
    ----------
    origin : str
        The base URL of the API, such as ``https://api.skytells.ai/v1``.
    fingerprint : str
        Twelve hex digits that tell keys apart and give nothing away.
    sandbox : bool
        Whether the API said that it is a sandbox; what it bills is no money.
    """

    origin: str
    fingerprint: str
    sandbox: bool = False


class Observer:
    """Base of what listens; every method may be left as it is.

    A refusal raised by ``before_create`` stops that create before anything is sent. Whatever else
    goes wrong in an observer becomes a warning, never a lost prediction.
    """

    def before_create(
        self, account: Account, model: str, input: dict[str, Any]
    ) -> Generator[Any, Any, object]:
        """Just before a create is sent; what is returned comes back as ``ticket``."""
        yield from ()
        return None

    def created(self, account: Account, ticket: object, prediction: Prediction) -> Generator[Any, Any, None]:
        """As soon as the prediction's id is known.

        Also after a ``not_created`` that left a doubt, when ``reconcile`` finds what was made.
        """
        yield from ()

    def not_created(
        self, account: Account, ticket: object, error: BaseException, sent: bool
    ) -> Generator[Any, Any, None]:
        """When a create came to nothing; ``sent`` says whether it may have been accepted."""
        yield from ()

    def ended(self, account: Account, prediction: Prediction) -> Generator[Any, Any, Prediction]:
        """Whenever a prediction is seen that has ended; returns it, perhaps with its files."""
        yield from ()
        return prediction


everywhere: list[Observer] = []
"""Observers of every client in this process, such as an open budget."""
