"""What earlier predictions tell about the next: the median, the spread, and from how many."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ..models import reading

__all__ = ["FEWEST", "Spread", "spread"]

FEWEST: Final = 3
"""Earlier predictions that it takes before a spread means anything."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The lowest, the middle and the highest of several figures."""

    low: Decimal
    median: Decimal
    high: Decimal
    number: int

    @property
    def source(self) -> str:
        """From how many it is."""
        return f"from {self.number} earlier predictions"


def spread(figures: Iterable[object]) -> Spread | None:
    """Sum up figures; None when fewer than three of them are numbers of zero or more."""
    read = [figure for figure in map(reading.amount, figures) if figure is not None and figure >= 0]
    if len(read) < FEWEST:
        return None
    return Spread(min(read), statistics.median(read), max(read), len(read))
