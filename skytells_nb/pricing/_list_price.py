"""A model's listed price as a text, the same wherever it stands: card, picker, table, command line."""

from __future__ import annotations

from decimal import Decimal

from ..formatting import format_price
from ..models import Model
from ..plaintext import clip, one_line
from ..schema import parse

__all__ = ["list_price", "list_price_rules"]


def list_price(model: Model) -> str:
    """Format what one unit of a model costs, covering all that may be charged; empty where it is unknown.

    Examples
    --------
    >>> from skytells_nb import Model
    >>> from skytells_nb.pricing import list_price
    >>> price = {"amount": 0.18, "unit": "second", "currency": "USD", "criterias": [
    ...     {"field": "sound", "value": value, "billable_price": amount, "unit": "second"}
    ...     for value, amount in ((True, 0.17), (False, 0.13))]}
    >>> list_price(Model.from_api({"namespace": "m", "pricing": price}))
    '$0.13 to $0.17/second, by its inputs'
    """
    pricing = model.pricing
    rules = [rule for rule in pricing.criteria if rule.amount is not None]
    amounts: list[Decimal] = [rule.amount for rule in rules if rule.amount is not None]
    if pricing.amount is not None and not _rules_cover_everything(model):
        amounts.append(pricing.amount)
    if not amounts:
        return "by formula" if pricing.formula else ""
    units = {rule.unit or pricing.unit for rule in rules} or {pricing.unit}
    unit = pricing.unit if pricing.unit in units or len(units) > 1 else units.pop()
    text = format_price(min(amounts), unit, pricing.currency or "", high=max(amounts)).strip()
    return clip(
        one_line(text + (", by its inputs" if rules else ", by formula" if pricing.formula else "")), 80
    )


def list_price_rules(model: Model) -> list[str]:
    """Format the rules by which inputs change a model's price, one line each."""
    pricing = model.pricing
    lines = []
    for rule in pricing.criteria:
        if rule.field is None or rule.amount is None:
            continue
        value = str(rule.value).lower() if isinstance(rule.value, bool) else str(rule.value)
        price = format_price(rule.amount, rule.unit or pricing.unit, pricing.currency or "").strip()
        lines.append(one_line(f"{price} where {rule.field} is {clip(value, 60)}"))
    return lines


def _rules_cover_everything(model: Model) -> bool:
    """Check whether some rule always applies, so that the price without a rule is never charged."""
    values: dict[str, list[object]] = {}
    for rule in model.pricing.criteria:
        if rule.field is not None and rule.amount is not None:
            values.setdefault(rule.field, []).append(rule.value)
    schema = parse(model.input_schema)
    for field, found in values.items():
        choices = schema[field].choices if field in schema and schema[field].closed else ()
        if (True in found and False in found) or (choices and all(c.value in found for c in choices)):
            return True
    return False
