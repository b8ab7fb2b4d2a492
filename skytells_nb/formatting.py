"""How figures are written, once for everybody: money, prices, seconds, bytes, counts.

`format_cost` writes an amount, `format_range` two of them, `format_price` an amount for each of something,
`format_seconds` how long something takes, `format_clock` how long it plays, `format_bytes` a size,
`format_count` how many, and `format_number` any other number. All of them take plain values and return plain
text; None, which is unknown, is never written as zero.

Money has one unit in one place: `DOLLARS` at the real API, `CREDITS` on a sandbox, whose bills are no money.
Whoever knows the account chooses with `money_unit`, and hands the unit down.
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Final

__all__ = [
    "CREDITS",
    "DOLLARS",
    "format_bytes",
    "format_clock",
    "format_cost",
    "format_count",
    "format_number",
    "format_price",
    "format_range",
    "format_seconds",
    "money_unit",
]

DOLLARS: Final = "USD"
CREDITS: Final = "credits"

_SIGNS: Final = {"USD": "$", "EUR": "€", "GBP": "£"}
_EXACT: Final = Context(prec=200)  # a notebook's own precision must not round what is shown
_DECIMALS: Final = 12  # beyond these an amount is noise of arithmetic, and unreadable
_WIDEST: Final = 30  # digits; a server can send 1E+999


def money_unit(sandbox: bool) -> str:
    """Return the unit that amounts are written in: a sandbox bills credits, the API dollars."""
    return CREDITS if sandbox else DOLLARS


def format_cost(amount: Decimal | float | None, unit: str = DOLLARS, *, digits: int | None = None) -> str:
    """Format an amount of money, or of a sandbox's credits; None, NaN and the infinities are ``unknown``.

    `unit` is a currency's code such as ``USD``, or ``credits``. The amount is exact to twelve decimals, or
    rounded to so many `digits` that say something, though never coarser than the cent.
    """
    number = _decimal(amount)
    if number is None:
        return "unknown"
    number = _rounded(number, digits)
    sign = _SIGNS.get(unit)
    # Credits are counted, money has cents: 3 credits, but $3.00.
    text = _grouped(number.copy_abs(), cents=unit != CREDITS and not unit.endswith(" credits"))
    minus = "-" if number < 0 else ""
    if sign is not None:
        return f"{minus}{sign}{text}"
    one = number == 1 and unit.endswith("credits")
    return f"{minus}{text} {unit.removesuffix('s') if one else unit}".rstrip()


def format_range(
    low: Decimal | float | None,
    high: Decimal | float | None,
    unit: str = DOLLARS,
    *,
    digits: int | None = None,
) -> str:
    """Format what lies between two amounts; equal ones are written once."""
    first, last = format_cost(low, unit, digits=digits), format_cost(high, unit, digits=digits)
    if first == last:
        return first
    if "unknown" in (first, last):
        return "unknown"
    return f"{first if unit in _SIGNS else first.partition(' ')[0]} to {last}"


def format_price(
    amount: Decimal | float | None,
    per: str | None = None,
    unit: str = DOLLARS,
    *,
    high: Decimal | float | None = None,
) -> str:
    """Format the price of one of something; the text of a price wherever it stands.

    `per` is what it is for, in any spelling: ``image``, ``image_megapixel``. `high` is the highest price,
    where an input decides.
    """
    text = format_range(amount, amount if high is None else high, unit)
    words = " ".join((per or "").replace("_", " ").split())
    return f"{text}/{words}" if words and text != "unknown" else text


def format_seconds(seconds: float | None, *, whole: bool = False) -> str:
    """Format how long something takes; None and what is below zero are ``unknown``.

    Only `whole` seconds, at least one, are for what is still to come.
    """
    if seconds is None or not 0 <= seconds < float("inf"):
        return "unknown"
    rounded = max(round(seconds), 1) if whole else round(seconds)
    if rounded < 60 if whole else seconds < 59.95:
        if whole or not seconds:
            return f"{rounded} s"
        return f"{max(seconds * 1000, 1):.0f} ms" if seconds < 0.05 else f"{_short(seconds)} s"
    large, small, words = (rounded // 60, rounded % 60, ("min", "s"))
    if rounded >= 3600:
        large, small, words = (rounded // 3600, rounded % 3600 // 60, ("h", "min"))
    return f"{large:,} {words[0]}" + (f" {small} {words[1]}" if small else "")


def format_clock(seconds: float) -> str:
    """Format how long a clip or a song plays, as players do."""
    whole = max(0, round(seconds))
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def format_bytes(size: float) -> str:
    """Format a size in bytes, in powers of a thousand as file managers do."""
    if size < 1_000:
        return format_count(round(size), "byte")
    if size < 999_500:
        return f"{size / 1e3:.0f} kB"
    return f"{_short(size / 1e6)} MB" if size < 999_950_000 else f"{_short(size / 1e9)} GB"


def format_count(number: int, noun: str = "", plural: str | None = None) -> str:
    """Format how many there are, with what they are."""
    if not noun:
        return f"{number:,}"
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def format_number(number: Decimal) -> str:
    """Format a number exactly: no exponent, no trailing zeros, no thousands separators."""
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


def _decimal(amount: Decimal | float | None) -> Decimal | None:
    if amount is None:
        return None
    # By its shortest text, so that a float64 of 0.1 is a tenth; float() since numpy's repr is not a number.
    number = amount if isinstance(amount, Decimal) else Decimal(str(float(amount)))
    return number if number.is_finite() else None


def _rounded(number: Decimal, digits: int | None) -> Decimal:
    if not number or abs(number.adjusted()) >= _WIDEST:
        return number
    if digits is not None:
        return number.quantize(Decimal(1).scaleb(min(-2, number.adjusted() + 1 - digits)), context=_EXACT)
    exact = number.quantize(Decimal(1).scaleb(-_DECIMALS), context=_EXACT)
    return exact if exact else number


def _grouped(number: Decimal, *, cents: bool) -> str:
    if number and abs(number.adjusted()) >= _WIDEST:
        return f"{number:.3g}"
    whole, _, fraction = format_number(number).partition(".")
    fraction = fraction.ljust(2, "0") if cents else fraction
    return f"{int(whole):,}" + (f".{fraction}" if fraction else "")


def _short(number: float) -> str:
    """One decimal, which is left out where it is zero."""
    return f"{number:.1f}".removesuffix(".0")
