"""What an input costs by a model's price list, as far as that can be known, and the arithmetic."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any, Final

from ..checks import check_whole, expected
from ..exceptions import InvalidInputError
from ..formatting import CREDITS, DOLLARS, format_cost, format_number, format_price, format_range
from ..models import BilledQuantity, Finished, Model, Pricing, parse_amount, parse_unit
from ..plaintext import encodable, one_line
from ._quantity import EXACT, Interval, ResolvedInput, quantity, tokens_in, tokens_out
from ._rules import Rate, TokenKind, match_rates, token_rates, unit_name

if TYPE_CHECKING:
    from ..models import Usage

PLAUSIBLE: Final = Decimal(1_000_000)
"""A price or a cost above this is taken for a mistake."""

_MOST: Final = 1_000_000_000
_SMALLEST: Final = Decimal(1).scaleb(-12)
_SHOWN: Final = 3  # parts of a sum that are written out
_FEWEST: Final = 3
"""Earlier predictions that it takes before their costs mean anything."""


@dataclass(frozen=True, slots=True, repr=False)
class Estimate(Finished):
    """What something will cost, and the arithmetic. None is unknown, which is not zero.

    Attributes
    ----------
    amount : Decimal or None
        What it most likely costs; None where nothing speaks for one figure.
    low, high : Decimal or None
        Between which it lies; None when no bound can be given.
    currency : str
        ``USD``, or whatever the price is listed in; ``credits`` on a sandbox.
    basis : str
        The arithmetic in one line, or why it cannot be known.
    exact : bool
        Whether the listed price, the input and the schema leave nothing open.

    Examples
    --------
    >>> from skytells_nb import Model
    >>> from skytells_nb.pricing import estimate
    >>> model = Model.from_api({"namespace": "lumo", "pricing": {"amount": 1.12, "unit": "prediction",
    ...                         "currency": "USD"}})
    >>> estimate(model, {"prompt": "waves"}, 3)
    Estimate($3.36: 3 predictions × $1.12)
    """

    amount: Decimal | None
    low: Decimal | None
    high: Decimal | None
    currency: str
    basis: str
    exact: bool = False

    @property
    def known(self) -> bool:
        """Whether it cannot cost more than ``high``, as far as price list and history say."""
        return self.high is not None

    @property
    def price(self) -> str:
        """The figures alone, such as ``$1.04``, ``$0.07 to $0.10`` or ``unknown``."""
        if self.low is None or self.high is None:
            return "unknown"
        # What is not exact is not written as if it were: three digits that say something.
        digits = None if self.exact else 3
        bounds = format_range(self.low, self.high, self.currency, digits=digits)
        if self.low == self.high:
            return bounds if self.exact else f"about {bounds}"
        if self.amount is None:
            return bounds
        return f"about {format_cost(self.amount, self.currency, digits=digits)} ({bounds})"

    def __str__(self) -> str:
        return encodable(one_line(f"{self.price}: {self.basis}"))  # people print it

    def __repr__(self) -> str:
        return f"Estimate({self})"


def estimate(
    model: Model,
    input: Mapping[str, Any] | None = None,
    count: int = 1,
    *,
    costs: Iterable[object] = (),
    durations: Iterable[object] = (),
) -> Estimate:
    """Estimate what ``count`` predictions of one input will cost, from the model's own price list.

    Defaults of its ``input_schema`` stand in for missing inputs. ``costs`` are what earlier predictions of it
    cost, in its currency, and ``durations`` the seconds that they computed, for models billed by computing
    time. Where it cannot be known, ``amount``, ``low`` and ``high`` are None, and ``basis`` says why.
    """
    if input is not None and not isinstance(input, Mapping):
        raise expected("input", "a dict", input)
    resolved, number = ResolvedInput(model.input_schema, input or {}), checked_count(count)
    with localcontext(EXACT):
        return _estimate(model, resolved, number, _stats_of(costs), _stats_of(durations))


def checked_count(count: object) -> int:
    return check_whole("count", count, 0, _MOST)


def together(estimates: Iterable[Estimate]) -> Estimate:
    """Add estimates up, all in one currency; the sum is unknown as soon as one of them is."""
    parts = list(estimates)
    currencies = sorted({part.currency for part in parts})
    if len(currencies) != 1:
        what = f"in {' and '.join(currencies)}" if currencies else "none at all"
        raise InvalidInputError(
            f"These estimates cannot be added: they are {what}. Add those of one currency."
        )
    unknown = [part for part in parts if part.high is None]
    if unknown:
        basis = f"{len(unknown)} of {len(parts)} cannot be known beforehand, such as: {unknown[0].basis}"
        return Estimate(None, None, None, currencies[0], basis)
    bases = [f"{n} × ({basis})" if n > 1 else basis for basis, n in Counter(p.basis for p in parts).items()]
    more = len(bases) - _SHOWN
    amount, low, high = (
        None if None in found else _tidy(added(value for value in found if value is not None))
        for found in ([p.amount for p in parts], [p.low for p in parts], [p.high for p in parts])
    )
    return Estimate(
        amount=amount,
        low=low,
        high=high,
        currency=currencies[0],
        basis=" + ".join([*bases[:_SHOWN], *([f"{more} more"] if more > 0 else [])]),
        exact=all(part.exact for part in parts),
    )


def added(amounts: Iterable[Decimal]) -> Decimal:
    """Add amounts up, exactly."""
    whole = Decimal(0)
    for amount in amounts:
        whole = EXACT.add(whole, amount)
    return whole


@dataclass(frozen=True, slots=True)
class _Stats:
    """The lowest, the middle and the highest of what earlier predictions cost, or took."""

    low: Decimal
    median: Decimal
    high: Decimal
    number: int

    @property
    def source(self) -> str:
        return f"from {self.number} earlier predictions"


def _stats_of(figures: Iterable[object]) -> _Stats | None:
    """Sum up figures; None when fewer than three of them are numbers of zero or more."""
    found = [figure for figure in map(parse_amount, figures) if figure is not None and figure >= 0]
    if len(found) < _FEWEST:
        return None
    return _Stats(min(found), statistics.median(found), max(found), len(found))


def _estimate(
    model: Model, input: ResolvedInput, count: int, costs: _Stats | None, durations: _Stats | None
) -> Estimate:
    currency, remark = _currency_of(model.pricing)
    if currency is None:
        return Estimate(None, None, None, DOLLARS, remark)
    if count == 0:
        return Estimate(Decimal(0), Decimal(0), Decimal(0), currency, "nothing is asked for", exact=True)
    if model.pricing.formula:
        words = model.pricing.formula.get("description")
        described = f" ({words})" if isinstance(words, str) and words else ""
        why = f"it is priced by a formula{described} that is not documented"
        return _from_history(currency, count, costs, why)
    by_token = token_rates(model.pricing)
    if by_token:
        return _by_token(by_token, input, count, currency, remark, costs)
    choice = match_rates(model.pricing, input)
    found = {rate: _cost_of_one(model.id, rate, input, currency, durations) for rate in choice.rates}
    unknown = next((cost for cost in found.values() if cost.high is None), None)
    if unknown is not None:
        return _from_history(currency, count, costs, unknown.note)
    low = min(cost.low for cost in found.values() if cost.low is not None)
    high = max(cost.high for cost in found.values() if cost.high is not None)
    lead = None if choice.likely is None else found[choice.likely]
    note = lead.note if lead is not None else found[choice.rates[0]].note
    basis = _basis(lead, list(found.values()), low, high, currency, count)
    if choice.because:
        basis += f", because {choice.because}"
    likely, exact = (None, False) if lead is None else (lead.likely, choice.exact and lead.exact)
    return _of_all(Interval(low, high, likely, basis, note, exact), count, currency, remark, costs)


def _of_all(one: Interval, count: int, currency: str, remark: str, costs: _Stats | None) -> Estimate:
    """Estimate a number of predictions from what one of them costs; its text is the basis for them all."""
    low, high, likely = one.low or Decimal(0), one.high or Decimal(0), one.likely
    notes = [one.note, remark]
    if likely is None and costs is not None:
        likely = max(low, min(high, costs.median))
        notes.append(f"the likeliest {costs.source}")
    remarks = "; ".join(note for note in dict.fromkeys(notes) if note)
    return Estimate(
        None if likely is None else _times(likely, count),
        _times(low, count),
        _times(high, count),
        currency,
        one.text + (f" ({remarks})" if remarks else ""),
        exact=one.exact and not remark,
    )


_TOKENS_BY_WAY: Final[tuple[tuple[TokenKind, TokenKind], ...]] = (
    ("input", "cached"),
    ("output", "reasoning"),
)


def _by_token(
    rates: Mapping[TokenKind, Rate],
    input: ResolvedInput,
    count: int,
    currency: str,
    remark: str,
    costs: _Stats | None,
) -> Estimate:
    """Estimate tokens that have a price each way: from the prompt alone to all that it may write."""
    ways: dict[TokenKind, Interval] = {"input": tokens_in(input), "output": tokens_out(input)}
    priced: list[Interval] = []
    for kinds in _TOKENS_BY_WAY:
        found = [_token_price(rates[kind]) for kind in kinds if kind in rates]
        tokens, prices = ways[kinds[0]], [price for price in found if price is not None]
        if tokens.low is None or tokens.high is None:
            return _from_history(currency, count, costs, tokens.note)
        if len(prices) < len(found):
            return _from_history(currency, count, costs, "a price of its tokens is not understood")
        # How many of them are cached, or reasoning, nobody knows beforehand.
        rate = rates[kinds[0]]
        one = format_price(rate.price, unit_name(rate.unit), currency)
        likely = (
            None if tokens.likely is None or len(prices) > 1 else EXACT.multiply(tokens.likely, prices[0])
        )
        low, high = EXACT.multiply(tokens.low, min(prices)), EXACT.multiply(tokens.high, max(prices))
        exact = tokens.exact and len(prices) == 1
        priced.append(Interval(low, high, likely, f"{tokens.text} × {one}", tokens.note, exact))
    total = priced[0].plus(priced[1])
    basis = total.text if count == 1 else f"{count} predictions × ({total.text})"
    return _of_all(replace(total, text=basis), count, currency, remark, costs)


def _token_price(rate: Rate) -> Decimal | None:
    unit = parse_unit(rate.unit)
    if rate.price is None or unit is None or unit.quantity is not BilledQuantity.TOKENS:
        return None
    return EXACT.divide(rate.price, unit.size) if 0 <= rate.price <= PLAUSIBLE else None


def cost_of_usage(pricing: Pricing, usage: Usage) -> Decimal | None:
    """Return what the tokens of one answer cost by the price list; None where it cannot be known."""
    read, written = usage.input_tokens, usage.output_tokens
    rates = token_rates(pricing)
    if read is None or written is None or pricing.formula or (pricing.criteria and not rates):
        return None
    cached, reasoning = min(usage.cached_tokens or 0, read), min(usage.reasoning_tokens or 0, written)
    base = Rate(pricing.amount, pricing.unit)
    each = {kind: _token_price(rate) for kind, rate in (rates or {"input": base, "output": base}).items()}
    per_input, per_output = each["input"], each["output"]
    cheap, thought = each.get("cached", per_input), each.get("reasoning", per_output)
    if per_input is None or per_output is None or cheap is None or thought is None:
        return None
    with localcontext(EXACT):
        return _tidy(
            (read - cached) * per_input
            + cached * cheap
            + (written - reasoning) * per_output
            + reasoning * thought
        )


def _currency_of(pricing: Pricing) -> tuple[str | None, str]:
    """Return the currency that is billed, None when it can be none, and a note where one is due.

    Credits, and prices without a currency, are taken as US dollars: an assumption, so the estimate says it
    (skytells-api.md section 8.4). A sandbox's credits are no money, and stay credits.
    """
    if pricing.sandbox:
        return CREDITS, ""
    word = (pricing.currency or "").strip()
    code = word.upper()
    if not word:
        return DOLLARS, "no currency is listed, so US dollars are assumed"
    if code in ("CREDIT", "CREDITS"):
        return DOLLARS, "a credit is taken as one US dollar"
    if len(code) == 3 and code.isascii() and code.isalpha():
        return code, ""
    return None, f"its currency is listed as {word!r}, which is none"


def _cost_of_one(
    slug: str, rate: Rate, input: ResolvedInput, currency: str, durations: _Stats | None
) -> Interval:
    if rate.price is None:
        return Interval.unknown("no price is listed for it")
    if not 0 <= rate.price <= PLAUSIBLE:
        return Interval.unknown(f"its listed price of {format_number(rate.price)} {currency} can be none")
    unit = parse_unit(rate.unit)
    if unit is None:
        named = f"by {rate.unit!r}, a unit that this version does not know" if rate.unit else "without a unit"
        return Interval.unknown(f"it is priced {named}")
    measured = quantity(slug, unit, input)
    if unit.quantity is BilledQuantity.COMPUTING and durations is not None:
        took = f"{format_number(durations.low)} to {format_number(durations.high)} s"
        measured = Interval(
            durations.low,
            durations.high,
            durations.median,
            f"{format_number(_tidy(durations.median))} s of computing",
            note=f"the median {durations.source}, which took {took}",
        )
    if measured.high is None:
        return measured
    flat = unit.quantity is BilledQuantity.PREDICTION
    price = rate.price
    each = format_cost(price, currency) if flat else format_price(price, unit.name, currency)
    text = each if flat else f"{measured.text} × {each}"
    return measured.mapped(lambda number: EXACT.multiply(number, price), text)


def _basis(
    lead: Interval | None, costs: list[Interval], low: Decimal, high: Decimal, currency: str, count: int
) -> str:
    one = format_range(_tidy(low), _tidy(high), currency) if lead is None else lead.text
    if lead is None and len(costs) <= 3:
        one = " or ".join(dict.fromkeys(cost.text for cost in costs))
        one = f"({one})" if count > 1 else one
    if count == 1:
        return one if "×" in one else f"1 prediction × {one}"
    return f"{count} predictions × {one}"


def _from_history(currency: str, count: int, costs: _Stats | None, why: str) -> Estimate:
    if costs is None:
        return Estimate(None, None, None, currency, f"cannot be known beforehand, because {why}")
    median, bounds = format_cost(_tidy(costs.median), currency), format_range(costs.low, costs.high, currency)
    times = "" if count == 1 else f"{count} predictions × "
    basis = f"{times}{median}, the median {costs.source}, which cost {bounds} ({why})"
    amount, low, high = (_times(value, count) for value in (costs.median, costs.low, costs.high))
    return Estimate(amount, low, high, currency, basis)


def _times(value: Decimal, count: int) -> Decimal:
    return _tidy(EXACT.multiply(value, Decimal(count)))


def _tidy(amount: Decimal) -> Decimal:
    """Drop what lies beyond the twelfth decimal, and zeros that say nothing."""
    return Decimal(format_number(amount.quantize(_SMALLEST, context=EXACT)))
