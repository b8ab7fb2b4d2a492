"""What an input costs by a model's listed price: pure arithmetic, with no network and no guesses."""

from __future__ import annotations

from ._estimate import PLAUSIBLE, Estimate, added, checked_count, cost_of_usage, estimate, together
from ._quantity import EXACT, TOKEN_COUNTS
from ._rules import list_price, list_price_rules

__all__ = [
    "EXACT",
    "PLAUSIBLE",
    "TOKEN_COUNTS",
    "Estimate",
    "added",
    "checked_count",
    "cost_of_usage",
    "estimate",
    "list_price",
    "list_price_rules",
    "together",
]
