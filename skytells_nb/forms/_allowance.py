"""A budget of a form's own, or of several together: checked before anything is sent."""

from __future__ import annotations

import threading
from decimal import Decimal, InvalidOperation
from typing import Any

from ..exceptions import BudgetExceeded, InvalidInputError
from ..formatting import format_cost
from ..models import Prediction
from ..pricing import Estimate

__all__ = ["Allowance"]


class Allowance:
    """An amount, what was spent of it, and what is set aside for what runs.

    Parameters
    ----------
    limit : Decimal, int, float, str or Budget
        At most so much, in the currency of the price list; or an open ``sky.budget``, which is asked.

    Examples
    --------
    >>> from skytells_nb.forms.allowance import Allowance
    >>> Allowance("2.50").remaining
    Decimal('2.50')
    """

    def __init__(self, limit: object) -> None:
        self._other = limit if hasattr(limit, "remaining") else None
        if self._other is not None:
            limit = getattr(limit, "limit", 0)
        try:
            found = Decimal(str(limit))
        except InvalidOperation:
            found = Decimal("NaN")
        if isinstance(limit, bool) or not found.is_finite() or found < 0:
            raise InvalidInputError(
                f"budget cannot be {limit!r}: it takes an amount such as 2.50. Nothing was sent.",
                charged=False,
            )
        self.limit = found
        self.spent = Decimal(0)
        self._aside: dict[object, Decimal] = {}
        self._lock = threading.Lock()

    @property
    def remaining(self) -> Decimal:
        """What is neither spent nor set aside."""
        with self._lock:
            return self._remaining()

    def _remaining(self) -> Decimal:
        if self._other is not None:
            return Decimal(self._other.remaining)
        return self.limit - self.spent - sum(self._aside.values(), Decimal(0))

    def set_aside(self, key: object, estimate: Estimate) -> None:
        """Set aside the most that a prediction can cost.

        Raises
        ------
        BudgetExceeded
            It may cost more than is left, or nobody can say what it costs. Nothing was sent.
        """
        with self._lock:  # in one breath: two forms may share it
            left = self._remaining()
            if estimate.high is not None and estimate.high <= left:
                self._aside[key] = estimate.high
                return
        if estimate.high is None:
            raise BudgetExceeded(
                f"The form has a budget, and what this costs {estimate.basis}. Nothing was sent.",
                estimate=estimate,
                remaining=left,
                charged=False,
            )
        raise BudgetExceeded(
            f"This may cost {format_cost(estimate.high, estimate.currency)}, and the form's budget has "
            f"{format_cost(left, estimate.currency)} left. Choose something cheaper, or raise the budget.",
            estimate=estimate,
            remaining=left,
            charged=False,
        )

    def settle(self, key: object, prediction: Prediction | None, *, billed: bool | None = None) -> None:
        """Replace what was set aside by what it cost; by all of it where that is not known."""
        with self._lock:
            aside = self._aside.pop(key, Decimal(0))
            cost: Any = None if prediction is None else prediction.cost
            if cost is None:
                cost = Decimal(0) if billed is False else aside
            self.spent += cost
