"""What it will cost, before it is sent, and a wall that spending does not get over."""

from __future__ import annotations

from .asking import estimate
from .budgets import Budget, budget

__all__ = ["Budget", "budget", "estimate"]
