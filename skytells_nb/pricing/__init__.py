"""What an input costs by a model's listed price: pure arithmetic, with no network and no guesses."""

from __future__ import annotations

from ._list_price import list_price, list_price_rules
from .amounts import EXACT, PLAUSIBLE, added
from .estimates import Estimate, together
from .reckoning import checked_count, estimate

__all__ = [
    "EXACT",
    "PLAUSIBLE",
    "Estimate",
    "added",
    "checked_count",
    "estimate",
    "list_price",
    "list_price_rules",
    "together",
]
