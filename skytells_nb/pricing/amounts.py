"""Amounts of money: added exactly, kept tidy, and in which currency. `formatting` writes them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal
from typing import Final

from ..formatting import format_number

__all__ = ["EXACT", "PLAUSIBLE", "added", "currency_of", "tidy"]

EXACT: Final = Context(prec=200)
"""Arithmetic that does not round on the way, whatever precision a notebook has set for itself."""

PLAUSIBLE: Final = Decimal(1_000_000)
"""A price or a cost above this is taken for a mistake."""

_SMALLEST: Final = Decimal(1).scaleb(-12)


def added(amounts: Iterable[Decimal]) -> Decimal:
    """Add amounts up, exactly."""
    whole = Decimal(0)
    for amount in amounts:
        whole = EXACT.add(whole, amount)
    return whole


def tidy(amount: Decimal) -> Decimal:
    """Drop what lies beyond the twelfth decimal, and zeros that say nothing."""
    return Decimal(format_number(amount.quantize(_SMALLEST, context=EXACT)))


def currency_of(listed: str | None) -> tuple[str | None, str]:
    """Read a currency; gives its code, or None when it can be none, and a note where one is due.

    Credits, and prices without a currency, are taken as US dollars: an assumption, so it is said
    (skytells-api.md section 8.4).
    """
    word = (listed or "").strip()
    code = word.upper()
    if not word:
        return "USD", "no currency is listed, so US dollars are assumed"
    if code in ("CREDIT", "CREDITS"):
        return "USD", "a credit is taken as one US dollar"
    if len(code) == 3 and code.isascii() and code.isalpha():
        return code, ""
    return None, f"its currency is listed as {word!r}, which is none"
