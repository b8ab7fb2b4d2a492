"""What an interrupt stopped: counted while it is being canceled, then said in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from ..formatting import format_cost, money_unit
from ..models import Prediction

_PLAIN = ("", "")


class CancelSummary:
    """A tally of predictions that nobody waits for any more; it names every one of them."""

    def __init__(self) -> None:
        self._reset()

    def canceled(self, prediction: Prediction) -> None:
        """Count one that the API has canceled."""
        self._canceled[prediction.id] = prediction.cost

    def ended(self, prediction: Prediction) -> None:
        """Count one that had ended before it could be canceled: it is paid for."""
        self._ended[prediction.id] = prediction.cost

    def goes_on(self, identifier: str, why: str) -> None:
        """Count one that could not be canceled, as far as is known here."""
        self._running[identifier] = why

    def sentence(self, *, sandbox: bool = False) -> str | None:
        """Return what was counted since the last time, as text; None when that is nothing."""
        parts: list[str] = []
        if self._canceled:
            parts.append(f"{_count(self._canceled)} canceled at the API ({', '.join(self._canceled)}).")
        if self._ended:
            parts.append(f"{_count(self._ended, ('', ''))} finished before that ({', '.join(self._ended)}).")
        if self._canceled or self._ended:
            parts.append(self._price(money_unit(sandbox)))
        if self._running:
            verb = "goes" if len(self._running) == 1 else "go"
            parts.append(
                f"{_count(self._running)} perhaps not canceled, and {verb} on ({', '.join(self._running)}): "
                f"{next(iter(self._running.values()))}"
            )
        self._reset()
        return f"Stopped: {' '.join(parts)}" if parts else None

    def _reset(self) -> None:
        self._canceled: dict[str, Decimal | None] = {}
        self._ended: dict[str, Decimal | None] = {}
        self._running: dict[str, str] = {}

    def _price(self, unit: str) -> str:
        costs = [*self._canceled.values(), *self._ended.values()]
        known = [cost for cost in costs if cost is not None]
        if not known:
            return "Cost: unknown."
        partly = (
            "" if len(known) == len(costs) else f", as far as the API said ({len(known)} of {len(costs)})"
        )
        return f"Cost: {format_cost(sum(known, Decimal(0)), unit)}{partly}."


def _count(counted: Mapping[str, object], verbs: tuple[str, str] = (" was", " were")) -> str:
    return f"1 prediction{verbs[0]}" if len(counted) == 1 else f"{len(counted)} predictions{verbs[1]}"
