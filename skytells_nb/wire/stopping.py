"""What an interrupt stopped: counted while it is being canceled, then told in one sentence."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Final

from ..models import Prediction

__all__ = ["Stopped"]

_NAMED: Final = 5


class Stopped:
    """A tally of predictions that nobody waits for any more; safe to use from any thread.

    Examples
    --------
    >>> from skytells_nb import Prediction
    >>> stopped = Stopped()
    >>> stopped.canceled(Prediction(id="p1", status="canceled", cost=Decimal("0.02")))
    >>> stopped.sentence()
    'Stopped: 1 prediction was canceled at the API. It had cost 0.02 credits.'
    >>> stopped.sentence() is None
    True
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forget()

    def canceled(self, prediction: Prediction) -> None:
        """Count one that the API has canceled."""
        with self._lock:
            self._canceled += 1
            self._count(prediction)

    def ended(self, prediction: Prediction) -> None:
        """Count one that had ended before it could be canceled."""
        with self._lock:
            self._ended += 1
            self._count(prediction)

    def goes_on(self, identifier: str, why: str) -> None:
        """Count one that could not be canceled, as far as is known here."""
        with self._lock:
            self._running[identifier] = why

    def sentence(self, *, sandbox: bool = False) -> str | None:
        """Say what was counted since the last time; None when that is nothing."""
        with self._lock:
            over, running = self._canceled + self._ended, dict(self._running)
            parts: list[str] = []
            if self._canceled:
                parts.append(f"{_predictions(self._canceled)} {_was(self._canceled)} canceled at the API.")
            if self._ended:
                parts.append(f"{_predictions(self._ended)} had ended before that.")
            if over:
                parts.append(self._price(over, "sandbox credits" if sandbox else "credits"))
            self._forget()
        if running:
            names = ", ".join(list(running)[:_NAMED]) + (", …" if len(running) > _NAMED else "")
            go = "goes" if len(running) == 1 else "go"
            parts.append(
                f"{_predictions(len(running))} {_was(len(running))} perhaps not canceled, and {go} on "
                f"({names}): {next(iter(running.values()))}"
            )
        return f"Stopped: {' '.join(parts)}" if parts else None

    def _forget(self) -> None:
        self._canceled = self._ended = self._priced = 0
        self._cost = Decimal(0)
        self._running: dict[str, str] = {}

    def _count(self, prediction: Prediction) -> None:
        if prediction.cost is not None:
            self._priced += 1
            self._cost += prediction.cost

    def _price(self, over: int, credits: str) -> str:
        who = "It" if over == 1 else "They"
        if not self._priced:
            return f"What {who.lower()} had cost, the API did not say."
        known = "" if self._priced == over else f", as far as the API said ({self._priced} of {over})"
        return f"{who} had cost {self._cost.normalize():f} {credits}{known}."


def _predictions(count: int) -> str:
    return "1 prediction" if count == 1 else f"{count} predictions"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
