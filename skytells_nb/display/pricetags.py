"""A model's price in words."""

from __future__ import annotations

from decimal import Decimal

from ..models import Pricing
from .escaping import clip, one_line

__all__ = ["price_told", "rules_told"]


def price_told(pricing: Pricing) -> str:
    """Tell a price with its currency and unit; an unknown price is empty, not zero.

    Examples
    --------
    >>> from decimal import Decimal
    >>> from skytells_nb.display.pricetags import price_told
    >>> from skytells_nb.models import Pricing
    >>> price_told(Pricing(Decimal("0.030"), "image", "USD"))
    '0.03 USD per image'
    """
    if pricing.amount is None:
        return "by formula" if pricing.formula else ""
    unit = f" per {_unit(pricing.unit)}" if pricing.unit else ""
    more = ", by its inputs" if pricing.criteria else ", by formula" if pricing.formula else ""
    return clip(one_line(_money(pricing.amount, pricing.currency) + unit + more), 80)


def rules_told(pricing: Pricing) -> list[str]:
    """Tell the rules by which inputs change a price, one line each."""
    told = []
    for rule in pricing.criteria:
        if rule.field is None or rule.amount is None:
            continue
        value = str(rule.value).lower() if isinstance(rule.value, bool) else str(rule.value)
        money = _money(rule.amount, pricing.currency)
        unit = rule.unit or pricing.unit
        told.append(
            one_line(
                f"{money}{f' per {_unit(unit)}' if unit else ''} where {rule.field} is {clip(value, 60)}"
            )
        )
    return told


def _unit(unit: str) -> str:
    return unit.replace("_", " ")


def _money(amount: Decimal, currency: str | None) -> str:
    """Write an amount with two decimals, or as many more as it has."""
    if not -20 < amount.adjusted() < 20:
        written = f"{amount:g}"
    elif amount == amount.quantize(Decimal("0.01")):
        written = f"{amount:.2f}"
    else:
        written = f"{amount.normalize():f}"
    return f"{written} {currency}" if currency else written
