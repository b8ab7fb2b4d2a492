"""An input, a model's price list, and what earlier predictions cost: the estimate."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any, Final, cast

from ..exceptions import InvalidInputError
from ..formatting import format_cost as money
from ..formatting import format_number as plain
from ..models import Model
from .amounts import EXACT, PLAUSIBLE, currency_of, tidy
from .earlier import Spread, spread
from .estimates import Estimate
from .quantities import quantity
from .rules import Rate, choose
from .spans import Span
from .told import Told
from .units import Kind, read_unit

__all__ = ["checked_count", "estimate"]

_MOST: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Cost:
    """What one prediction costs by one rate: bounds, the likeliest, the arithmetic, what is left open."""

    low: Decimal | None = None
    high: Decimal | None = None
    likely: Decimal | None = None
    words: str = ""
    note: str = ""
    sure: bool = False


def estimate(
    model: Model,
    input: Mapping[str, Any] | None = None,
    count: int = 1,
    *,
    costs: Iterable[object] = (),
    durations: Iterable[object] = (),
) -> Estimate:
    """Reckon what predictions of one input will cost, from the model's own price list.

    Parameters
    ----------
    model : Model
        With its ``pricing``, and its ``input_schema``, whose defaults stand in for missing inputs.
    input : mapping, optional
        What will be sent.
    count : int
        How many times it will be sent.
    costs : iterable of numbers, optional
        What earlier predictions of this model cost, in its currency.
    durations : iterable of numbers, optional
        Seconds that they computed, for models billed by computing time.

    Returns
    -------
    Estimate
        With ``amount``, ``low`` and ``high`` None, and the reason in ``basis``, where it cannot be known.

    Raises
    ------
    InvalidInputError
        ``input`` is no mapping, or ``count`` no whole number from zero to a billion.

    Examples
    --------
    >>> from skytells_nb import Model
    >>> from skytells_nb.pricing import estimate
    >>> veo = Model.from_api({"namespace": "veo-3.1-fast", "pricing": {
    ...     "amount": 0.18, "unit": "second", "currency": "USD", "criterias": [
    ...         {"field": "generate_audio", "operator": "equals", "value": False, "billable_price": 0.13}]}})
    >>> print(estimate(veo, {"duration_seconds": 8, "generate_audio": False}))
    $1.04: 8 s × $0.13/s, because generate_audio is false
    """
    told, number = Told(model.input_schema, _checked_input(input)), checked_count(count)
    with localcontext(EXACT):
        return _reckoned(model, told, number, costs, durations)


def _reckoned(
    model: Model, told: Told, count: int, costs: Iterable[object], durations: Iterable[object]
) -> Estimate:
    currency, remark = currency_of(model.pricing.currency)
    if currency is None:
        return _unknown("USD", remark)
    if count == 0:
        return Estimate(Decimal(0), Decimal(0), Decimal(0), currency, "nothing is asked for", exact=True)
    paid = spread(costs)
    if model.pricing.formula:
        words = model.pricing.formula.get("description")
        said = f" ({words})" if isinstance(words, str) and words else ""
        return _from_history(currency, count, paid, f"it is priced by a formula{said} that is not documented")
    choice = choose(model.pricing, told)
    computed = spread(durations)
    found = [(rate, _cost(model.id, rate, told, currency, computed)) for rate in choice.rates]
    unknown = next((cost for _, cost in found if cost.high is None), None)
    if unknown is not None:
        return _from_history(currency, count, paid, unknown.note)
    lows, highs = (
        [c.low for _, c in found if c.low is not None],
        [c.high for _, c in found if c.high is not None],
    )
    lead = next((cost for rate, cost in found if rate == choice.likely), None)
    low, high = min(lows), max(highs)
    likely = None if lead is None else lead.likely
    basis = _basis(lead, [cost for _, cost in found], low, high, currency, count)
    reasons = [choice.because] if choice.because else []
    notes = [note for note in dict.fromkeys([lead.note if lead else found[0][1].note, remark]) if note]
    if likely is None and paid is not None:
        likely = max(low, min(high, paid.median))
        notes.append(f"the likeliest {paid.source}")
    if reasons:
        basis += f", because {reasons[0]}"
    if notes:
        basis += f" ({'; '.join(notes)})"
    exact = choice.sure and lead is not None and lead.sure and not remark
    return Estimate(_times(likely, count), _times(low, count), _times(high, count), currency, basis, exact)


def _checked_input(input: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if input is not None and not isinstance(input, Mapping):
        raise InvalidInputError(
            f"input must be a dict, not {type(input).__name__}. Nothing was sent.", charged=False
        )
    return input or {}


def checked_count(count: object) -> int:
    """Read how many predictions are asked for; an InvalidInputError tells of what is no such number."""
    try:
        number = -1 if isinstance(count, bool) else operator.index(cast("Any", count))
    except TypeError:
        number = -1
    if not 0 <= number <= _MOST:
        raise InvalidInputError(
            f"count must be a whole number from 0 to {_MOST:,}, not {count!r}. Nothing was sent.",
            charged=False,
        )
    return number


def _cost(slug: str, rate: Rate, told: Told, currency: str, computed: Spread | None) -> _Cost:
    """Reckon one prediction by one rate."""
    if rate.price is None:
        return _Cost(note="no price is listed for it")
    if not 0 <= rate.price <= PLAUSIBLE:
        return _Cost(note=f"its listed price of {plain(rate.price)} {currency} can be none")
    unit = read_unit(rate.unit)
    if unit is None:
        named = f"by {rate.unit!r}, a unit that this version does not know" if rate.unit else "without a unit"
        return _Cost(note=f"it is priced {named}")
    span = quantity(slug, unit, told)
    if unit.kind is Kind.COMPUTING and computed is not None:
        words = f"{plain(tidy(computed.median))} s of computing"
        note = f"the median {computed.source}, which took {plain(computed.low)} to {plain(computed.high)} s"
        span = Span(computed.low, computed.high, computed.median, words, note=note)
    if span.low is None or span.high is None:
        return _Cost(note=span.note)
    price = money(rate.price, currency)
    each = f"{span.words} × {price}/{unit.sign}" if unit.kind is not Kind.PREDICTION else price
    low, high, likely = (
        None if value is None else EXACT.multiply(value, rate.price)
        for value in (span.low, span.high, span.likely)
    )
    return _Cost(low, high, likely, each, span.note, span.sure)


def _basis(
    lead: _Cost | None, costs: list[_Cost], low: Decimal, high: Decimal, currency: str, count: int
) -> str:
    one = lead.words if lead is not None else f"{money(tidy(low), currency)} to {money(tidy(high), currency)}"
    if lead is None and len(costs) <= 3:
        one = " or ".join(dict.fromkeys(cost.words for cost in costs))
        one = f"({one})" if count > 1 else one
    if count == 1:
        return one if "×" in one else f"1 prediction × {one}"
    return f"{count} predictions × {one}"


def _from_history(currency: str, count: int, paid: Spread | None, why: str) -> Estimate:
    if paid is None:
        return _unknown(currency, f"cannot be known beforehand, because {why}")
    span = f"{money(paid.low, currency)} to {money(paid.high, currency)}"
    times = "" if count == 1 else f"{count} predictions × "
    basis = (
        f"{times}{money(tidy(paid.median), currency)}, the median {paid.source}, which cost {span} ({why})"
    )
    amount, low, high = (_times(value, count) for value in (paid.median, paid.low, paid.high))
    return Estimate(amount, low, high, currency, basis)


def _unknown(currency: str, why: str) -> Estimate:
    return Estimate(None, None, None, currency, why)


def _times(value: Decimal | None, count: int) -> Decimal | None:
    return None if value is None else tidy(EXACT.multiply(value, Decimal(count)))
