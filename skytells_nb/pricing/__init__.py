"""What an input costs by a model's listed price: pure arithmetic, with no network and no guesses."""

from __future__ import annotations

from .amounts import money
from .estimates import Estimate, together
from .reckoning import estimate

__all__ = ["Estimate", "estimate", "money", "together"]
