"""What it will cost, before it is sent, and a wall that spending does not get over."""

from __future__ import annotations

from ._budget import Budget, budget, join_budgets, over_budget, require_price
from ._estimate import estimate

__all__ = ["Budget", "budget", "estimate", "join_budgets", "over_budget", "require_price"]
