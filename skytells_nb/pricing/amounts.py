"""Amounts of money: how they are kept tidy, and how they are written."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal
from typing import Final

__all__ = ["EXACT", "PLAUSIBLE", "added", "brief", "currency_of", "money", "plain", "tidy"]

EXACT: Final = Context(prec=200)
"""Arithmetic that does not round on the way, whatever precision a notebook has set for itself."""

PLAUSIBLE: Final = Decimal(1_000_000)
"""A price or a cost above this is taken for a mistake."""

_SMALLEST: Final = Decimal(1).scaleb(-12)
_SIGNS: Final = {"USD": "$", "EUR": "€", "GBP": "£"}


def added(amounts: Iterable[Decimal]) -> Decimal:
    """Add amounts up, exactly."""
    whole = Decimal(0)
    for amount in amounts:
        whole = EXACT.add(whole, amount)
    return whole


def tidy(amount: Decimal) -> Decimal:
    """Drop what lies beyond the twelfth decimal, and zeros that say nothing."""
    return Decimal(plain(amount.quantize(_SMALLEST, context=EXACT)))


def plain(amount: Decimal) -> str:
    """Write a number without an exponent and without trailing zeros."""
    written = f"{amount:f}"
    if "." in written:
        written = written.rstrip("0").rstrip(".")
    return "0" if written in ("", "-0") else written


def brief(amount: Decimal) -> Decimal:
    """Round to three digits that say something, and never to less than the cent."""
    if not amount:
        return amount
    return tidy(amount.quantize(Decimal(1).scaleb(min(-2, amount.adjusted() - 2)), context=EXACT))


def money(amount: Decimal, currency: str = "USD") -> str:
    """Write an amount with its currency: two decimals, or as many more as it has.

    Parameters
    ----------
    amount : Decimal
        The amount.
    currency : str
        A code such as ``USD``, or words such as ``sandbox credits``.

    Examples
    --------
    >>> from decimal import Decimal
    >>> from skytells_nb.pricing import money
    >>> money(Decimal("0.5")), money(Decimal("0.0012")), money(Decimal(3), "sandbox credits")
    ('$0.50', '$0.0012', '3.00 sandbox credits')
    """
    if not amount.is_finite():
        return "unknown"
    digits = plain(amount.copy_abs())
    whole, _, fraction = digits.partition(".")
    written = f"{whole}.{fraction.ljust(2, '0')}"
    minus = "-" if amount < 0 and digits != "0" else ""
    sign = _SIGNS.get(currency)
    return f"{minus}{sign}{written}" if sign else f"{minus}{written} {currency}"


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
