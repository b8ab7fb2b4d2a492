"""What it will cost, before it is sent, and a wall that spending does not get over."""

from __future__ import annotations

from ._budget import Budget, as_observers, budget, join_budgets, over_budget, own_budget, require_price
from ._estimate import estimate

__all__ = [
    "Budget",
    "as_observers",
    "budget",
    "estimate",
    "join_budgets",
    "over_budget",
    "own_budget",
    "require_price",
]
