"""What people think of what was made: stars, tags and a note for each, or which of two is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _lazy

if TYPE_CHECKING:
    from ._arena import Arena, Pair
    from ._rater import Rater, rate

__all__ = ["Arena", "Pair", "Rater", "rate"]

__getattr__ = _lazy.on_demand(__name__, "_rater", "_arena")  # an arena brings pandas, which stars do without
