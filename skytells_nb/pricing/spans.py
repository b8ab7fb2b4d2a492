"""A quantity that may be known exactly, within bounds, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from .amounts import EXACT

__all__ = ["Span"]


@dataclass(frozen=True, slots=True)
class Span:
    """A quantity between ``low`` and ``high``; both None where it is unknown.

    Attributes
    ----------
    low, high, likely : Decimal or None
        The bounds, and the value that speaks for itself, if one does.
    words : str
        How a basis shows it.
    note : str
        Why it is not sure, or why it is unknown.
    sure : bool
        Whether nothing is left open.
    """

    low: Decimal | None
    high: Decimal | None
    likely: Decimal | None
    words: str
    note: str = ""
    sure: bool = False

    @classmethod
    def sure_of(cls, value: Decimal, words: str) -> Self:
        """Make a quantity that is known exactly."""
        return cls(value, value, value, words, sure=True)

    @classmethod
    def unknown(cls, why: str) -> Self:
        """Make a quantity of which nothing is known."""
        return cls(None, None, None, "", note=why)

    def times(self, other: Span, *, note: str = "") -> Span:
        """Multiply two quantities."""
        if self.low is None or self.high is None:
            return self
        if other.low is None or other.high is None:
            return other
        both = (
            None if self.likely is None or other.likely is None else EXACT.multiply(self.likely, other.likely)
        )
        return Span(
            EXACT.multiply(self.low, other.low),
            EXACT.multiply(self.high, other.high),
            both,
            self.words if other.high == 1 else f"{other.words} × {self.words}",
            note="; ".join(dict.fromkeys(part for part in (self.note, other.note, note) if part)),
            sure=self.sure and other.sure and not note,
        )

    def mapped(self, change: Callable[[Decimal], Decimal], words: str) -> Span:
        """Apply a function that never falls as its argument grows."""
        low, high, likely = (
            None if value is None else change(value) for value in (self.low, self.high, self.likely)
        )
        return Span(low, high, likely, words, self.note, self.sure)
