"""Which of a model's prices an input meets: its criteria, and what holds when none matches.

Neither the order of evaluation nor the case that nothing matches is documented (skytells-api.md
section 8.1). The first match is taken, else the base price, and wherever another reading would give
another price the result says so instead of calling itself exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

from ..formatting import format_price
from ..models import Criterion, Model, Pricing, parse_unit
from ..plaintext import clip, one_line
from ..schema import InputSchema, parse
from ._quantity import ResolvedInput, numeric, shown

TokenKind = Literal["input", "output", "cached", "reasoning"]

_EQUALS: Final = frozenset({"equals", "equal", "eq", "==", "=", "is"})


@dataclass(frozen=True, slots=True)
class Rate:
    """A price and the unit it is for, as they are listed."""

    price: Decimal | None
    unit: str | None


@dataclass(frozen=True, slots=True)
class MatchedRates:
    """The prices that may hold, the likeliest of them, and why.

    ``likely`` is None where nothing speaks for one of them; ``exact`` says that no other can hold.
    """

    rates: tuple[Rate, ...]
    likely: Rate | None
    because: str = ""
    exact: bool = True


def match_rates(pricing: Pricing, input: ResolvedInput) -> MatchedRates:
    base = Rate(pricing.amount, pricing.unit)
    if not pricing.criteria:
        return MatchedRates((base,), base)
    verdicts = [(rule, _applies(rule, input)) for rule in pricing.criteria]
    matching = [rule for rule, applies in verdicts if applies]
    open_rules = [rule for rule, applies in verdicts if applies is None]
    first = next((rule for rule, applies in verdicts if applies is not False), None)
    rate = {id(rule): Rate(rule.amount, rule.unit or pricing.unit) for rule in pricing.criteria}
    if first is None:
        others = tuple(dict.fromkeys(rate.values()))
        fields = dict.fromkeys(rule.field for rule in pricing.criteria if rule.field)
        met = [one for one in map(input.find, fields) if one is not None]
        values = " and ".join(f"{one.name} {shown(one.value)!r}" for one in met)
        because = f"no rule matches {values}, so the base price is taken"
        return MatchedRates((base, *others), base, because, exact=False)
    if first in open_rules:
        left_out = (
            input.find(first.field or "") is None
        )  # a value that only nearly matches meets the base price
        covered = left_out and _all_covered(first, pricing, input.schema)
        last = [rate[id(matching[0])]] if matching else [] if covered else [base]
        rates = tuple(dict.fromkeys([*(rate[id(rule)] for rule in open_rules), *last]))
        because = _open_because(open_rules[0], input)
        return MatchedRates(rates, rates[0] if len(rates) == 1 else None, because, exact=len(rates) == 1)
    mine = rate[id(first)]
    rates = tuple(dict.fromkeys([mine, *(rate[id(rule)] for rule in (*matching, *open_rules))]))
    found = input.find(first.field or "")
    because = "" if found is None else f"{first.field} is {shown(found.value)}{found.default_note}"
    if len(rates) > 1:
        because += f", the first of {len(matching) + len(open_rules)} rules that may match"
    return MatchedRates(rates, mine, because, exact=len(rates) == 1)


def _applies(rule: Criterion, input: ResolvedInput) -> bool | None:
    if rule.field is None or (rule.operator or "equals").strip().lower() not in _EQUALS:
        return None
    found = input.find(rule.field)
    return None if found is None else _same(found.value, rule.value)


def _all_covered(rule: Criterion, pricing: Pricing, schema: InputSchema) -> bool:
    """Return whether the rules on one field name every value of it, so that the base price cannot hold."""
    named = [other.value for other in pricing.criteria if other.field == rule.field]
    field = schema.get(rule.field or "")
    listed = field is not None and (field.closed or field.is_only("boolean"))
    choices = [choice.value for choice in field.choices] if field is not None and listed else []
    choices = choices or ([True, False] if isinstance(rule.value, bool) else [])
    return bool(choices) and all(any(_same(choice, value) for value in named) for choice in choices)


def _same(value: Any, wanted: Any) -> bool | None:
    """Return whether a value is what a rule names: as JSON, since the API compares so (section 8.1).

    None where it is so only by reading it kindly, such as ``"720P"``: the API may bill another price then.
    """
    if isinstance(value, bool) is isinstance(wanted, bool) and value == wanted:
        return True
    if str(value).strip().casefold() == str(wanted).strip().casefold():
        return None
    numbers = numeric(value), numeric(wanted)
    return None if None not in numbers and numbers[0] == numbers[1] else False


def _open_because(rule: Criterion, input: ResolvedInput) -> str:
    if rule.field is None:
        return "a rule names no input that it looks at"
    found = input.find(rule.field)
    if found is None:
        return f"{rule.field} is not given and has no known default"
    if (rule.operator or "equals").strip().lower() in _EQUALS:
        return f"{rule.field} is {shown(found.value)!r}, and the price list names {shown(rule.value)!r}"
    return f"a rule on {rule.field} uses {shown(rule.operator)!r}, which this version does not know"


_TOKEN_FIELDS: Final = frozenset({"token_type", "token_kind", "tokens", "direction"})
_TOKEN_KINDS: Final[Mapping[str, TokenKind]] = {
    **dict.fromkeys(("input", "prompt", "input_tokens", "prompt_tokens", "in"), "input"),
    **dict.fromkeys(("output", "completion", "output_tokens", "completion_tokens", "out"), "output"),
    **dict.fromkeys(("cached", "cached_input", "cached_tokens", "cached_input_tokens"), "cached"),
    **dict.fromkeys(("reasoning", "reasoning_tokens"), "reasoning"),
}


_WAYS: Final[tuple[tuple[TokenKind, str], ...]] = (("input", "in"), ("output", "out"))


def token_rates(pricing: Pricing) -> dict[TokenKind, Rate]:
    """Return the prices of tokens read and written where they differ; empty where one price is for all.

    No source says how one price list holds two (skytells-api-text.md section 6). A rule on a ``token_type``
    that no input has is the plainest way; one on ``output_tokens`` themselves is another, unless it names a
    number, from which on another price counts. What no rule names has the base price.
    """
    found: dict[TokenKind, Rate] = {}
    for rule in pricing.criteria:
        by_field = None if numeric(rule.value) is not None else _TOKEN_KINDS.get(rule.field or "")
        by_value = _TOKEN_KINDS.get(str(rule.value).strip().lower()) if rule.field in _TOKEN_FIELDS else None
        kind = by_value or by_field
        if kind is not None:
            found.setdefault(kind, Rate(rule.amount, rule.unit or pricing.unit))
    if "input" not in found and "output" not in found:
        return {}
    base = Rate(pricing.amount, pricing.unit)
    return {"input": base, "output": base, **found}


def list_price(model: Model) -> str:
    """Format what one unit of a model costs, covering all that may be charged; empty where it is unknown."""
    pricing = model.pricing
    by_token = token_rates(pricing)
    if by_token:
        rates = [(by_token[kind], way) for kind, way in _WAYS]
        currency = pricing.currency or ""
        return " + ".join(f"{format_price(r.price, unit_name(r.unit), currency)} {way}" for r, way in rates)
    by_unit: dict[str, list[Decimal]] = {}
    for rate in possible_rates(pricing, parse(model.input_schema)):
        if rate.price is not None:
            by_unit.setdefault(unit_name(rate.unit), []).append(rate.price)
    if not by_unit:
        return "by formula" if pricing.formula else ""
    text = " or ".join(
        format_price(min(prices), unit, pricing.currency or "", high=max(prices))
        for unit, prices in by_unit.items()
    )
    more = ", by its inputs" if pricing.criteria else ", by formula" if pricing.formula else ""
    return clip(one_line(text + more), 80)


def list_price_rules(model: Model) -> list[str]:
    """Format the rules by which inputs change a model's price, one line each."""
    pricing = model.pricing
    lines = []
    for rule in pricing.criteria:
        if rule.field is not None and rule.amount is not None:
            unit = unit_name(rule.unit or pricing.unit)
            price = format_price(rule.amount, unit, pricing.currency or "")
            lines.append(one_line(f"{price} where {rule.field} is {shown(rule.value)}"))
    return lines


def possible_rates(pricing: Pricing, schema: InputSchema) -> list[Rate]:
    """Return every price that some input can meet: the base price only where the rules leave room for it."""
    base = Rate(pricing.amount, pricing.unit)
    rates = [Rate(rule.amount, rule.unit or pricing.unit) for rule in pricing.criteria]
    covered = bool(token_rates(pricing)) or any(
        _all_covered(rule, pricing, schema) for rule in pricing.criteria
    )
    return rates if covered else [base, *rates]


def unit_name(listed: str | None) -> str:
    """Return a billing unit in words; one that is not known as it is listed."""
    unit = parse_unit(listed)
    return " ".join((listed or "").replace("_", " ").split()) if unit is None else unit.name
