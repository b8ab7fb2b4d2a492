"""Which of a model's prices an input meets: its criteria, and what holds when none matches.

Neither the order of evaluation nor the case that nothing matches is documented (skytells-api.md
section 8.1). The first match is taken, else the base price, and wherever another reading would give
another price the result says so instead of calling itself exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ..models import Criterion, Pricing
from .told import Told, numeric, shown

__all__ = ["Choice", "Rate", "choose"]

_EQUALS: Final = frozenset({"equals", "equal", "eq", "==", "=", "is"})


@dataclass(frozen=True, slots=True)
class Rate:
    """A price and the unit it is for, as they are listed."""

    price: Decimal | None
    unit: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """The prices that may hold, the likeliest of them, and why.

    ``likely`` is None where nothing speaks for one of them; ``sure`` where no other can hold.
    """

    rates: tuple[Rate, ...]
    likely: Rate | None
    because: str = ""
    sure: bool = True


def choose(pricing: Pricing, told: Told) -> Choice:
    """Find the price that an input meets."""
    base = Rate(pricing.amount, pricing.unit)
    if not pricing.criteria:
        return Choice((base,), base)
    verdicts = [(rule, _applies(rule, told)) for rule in pricing.criteria]
    matching = [rule for rule, applies in verdicts if applies]
    open_rules = [rule for rule, applies in verdicts if applies is None]
    first = next((rule for rule, applies in verdicts if applies is not False), None)
    rate = {id(rule): Rate(rule.amount, rule.unit or pricing.unit) for rule in pricing.criteria}
    if first is None:
        others = tuple(dict.fromkeys(rate.values()))
        because = f"no rule matches {_values(pricing, told)}, so the base price is taken"
        return Choice((base, *others), base, because, sure=False)
    if first in open_rules:
        last = [rate[id(matching[0])]] if matching else [] if _all_covered(first, pricing, told) else [base]
        rates = tuple(dict.fromkeys([*(rate[id(rule)] for rule in open_rules), *last]))
        because = _open_because(open_rules[0], told)
        return Choice(rates, rates[0] if len(rates) == 1 else None, because, sure=len(rates) == 1)
    mine = rate[id(first)]
    rates = tuple(dict.fromkeys([mine, *(rate[id(rule)] for rule in (*matching, *open_rules))]))
    because = _because(first, told)
    if len(rates) > 1:
        because += f", the first of {len(matching) + len(open_rules)} rules that may match"
    return Choice(rates, mine, because, sure=len(rates) == 1)


def _applies(rule: Criterion, told: Told) -> bool | None:
    """Whether a rule holds; None where that cannot be told."""
    if rule.field is None or (rule.operator or "equals").strip().lower() not in _EQUALS:
        return None
    found = told.find(rule.field)
    return None if found is None else _same(found.value, rule.value)


def _all_covered(rule: Criterion, pricing: Pricing, told: Told) -> bool:
    """Whether the rules on one field name every value that it can have, so the base price cannot hold."""
    named = [other.value for other in pricing.criteria if other.field == rule.field]
    choices = told.choices(rule.field or "") or ([True, False] if isinstance(rule.value, bool) else [])
    return bool(choices) and all(any(_same(choice, value) for value in named) for choice in choices)


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return str(value).strip().lower() == str(wanted).strip().lower()
    numbers = numeric(value), numeric(wanted)
    if None not in numbers:
        return numbers[0] == numbers[1]
    if isinstance(value, str) and isinstance(wanted, str):
        return value.strip().casefold() == wanted.strip().casefold()
    return bool(value == wanted)


def _because(rule: Criterion, told: Told) -> str:
    found = told.find(rule.field or "")
    return "" if found is None else f"{rule.field} is {shown(found.value)}{found.aside}"


def _open_because(rule: Criterion, told: Told) -> str:
    if rule.field is None:
        return "a rule names no input that it looks at"
    if told.find(rule.field) is None:
        return f"{rule.field} is not given and has no known default"
    return f"a rule on {rule.field} uses {shown(rule.operator)!r}, which this version does not know"


def _values(pricing: Pricing, told: Told) -> str:
    fields = dict.fromkeys(rule.field for rule in pricing.criteria if rule.field)
    found = [told.find(name) for name in fields]
    return " and ".join(f"{one.name} {shown(one.value)!r}" for one in found if one is not None)
