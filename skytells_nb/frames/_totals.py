"""``total`` and ``forecast``: one figure for a whole frame, and one for what is to come."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ..formatting import format_cost, format_number
from ..pricing import EXACT, Estimate, added, checked_count
from ._billable import as_frame, billable, billable_sums, require_columns, warn_of
from ._datasets import RowFilter, aggregate, is_dataset

_FEWEST: Final = 3
_CONFIDENCE: Final = 0.95


def total(frame: Any, *, rates: Mapping[str, float] | None = None, places: int = 6) -> Decimal | None:
    """Add up what a frame's predictions cost: in Decimal, rounded once.

    Parameters
    ----------
    frame : DataFrame, or anything that ``predictions_frame`` takes
        Sandbox rows count only where there are no others.
    rates : mapping, optional
        US dollars per unit of another currency; several currencies are refused without it.
    places : int
        Decimals to round to, half up.

    Returns
    -------
    Decimal or None
        None where there are predictions and no cost of any is known: that is not zero.

    Warns
    -----
    SkytellsWarning
        Some have no known cost, so the sum falls short.

    Raises
    ------
    InvalidInputError
        The costs are in several currencies.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> bill = {"metadata": {"billing": {"credits_used": 0.1}}}
    >>> sky.total([{"id": "a", **bill}, {"id": "b", **bill}, {"id": "c", **bill}])
    Decimal('0.30')
    """
    found = _costs_of(frame, None, rates)
    if not found.known and found.rows:
        return None
    warn_of(found.notes)
    return _tidy(found.total.quantize(Decimal(1).scaleb(-places), "ROUND_HALF_UP", EXACT))


@dataclass(slots=True)
class _Costs:
    """The costs of some predictions, in figures."""

    rows: int
    known: int
    total: Decimal
    mean: float
    spread: float
    currency: str
    notes: list[str]


def _costs_of(source: Any, model: str | None, rates: Mapping[str, float] | None) -> _Costs:
    if is_dataset(source):
        return _costs_of_dataset(source, model, rates)
    table = as_frame(source)
    if model is not None:
        require_columns(table, ["model"])
        attrs = table.attrs
        table = table[table["model"].astype(object) == model]
        table.attrs.update(attrs)
    found = billable(table, rates)
    paid = [float(cost) for cost in found.frame["cost"].dropna()]
    mean, spread = statistics.fmean(paid) if paid else 0.0, statistics.stdev(paid) if len(paid) > 1 else 0.0
    total = added(Decimal(repr(cost)) for cost in paid)
    return _Costs(len(found.frame), len(paid), total, mean, spread, found.currency, found.notes)


def _costs_of_dataset(source: Any, model: str | None, rates: Mapping[str, float] | None) -> _Costs:
    sums = aggregate(source, [], RowFilter(model=model), spread=True)
    sums, currency, _, notes = billable_sums(sums, rates)
    groups = sums[sums["known"] > 0]
    known = int(groups["known"].sum())
    whole = added(
        cost * Decimal(repr(float(factor)))
        for cost, factor in zip(groups["cost"], groups["factor"], strict=True)
    )
    mean = float(whole) / known if known else 0.0
    # The variance of groups put together: that within each, and that between their means.
    squares = math.fsum(
        factor**2 * (n - 1) * (0.0 if math.isnan(variance) else variance) + n * (factor * own - mean) ** 2
        for factor, n, own, variance in zip(
            groups["factor"],
            groups["known"].astype(int),
            groups["mean"].astype(float),
            groups["variance"].astype(float),
            strict=True,
        )
    )
    spread = math.sqrt(squares / (known - 1)) if known > 1 else 0.0
    return _Costs(int(sums["rows"].sum()), known, whole, mean, spread, currency, notes)


def forecast(
    frame: Any, model: str | None, count: int, *, rates: Mapping[str, float] | None = None
) -> Estimate:
    """Estimate what more predictions would cost, from what earlier ones really did.

    Parameters
    ----------
    frame : DataFrame, or anything that ``predictions_frame`` takes
        The earlier predictions, failed ones too, at whatever they cost.
    model : str or None
        The model's slug; None for all models mixed as they were.
    count : int
        How many more.
    rates : mapping, optional
        US dollars per unit of another currency.

    Returns
    -------
    Estimate
        ``amount`` is ``count`` times the mean; ``low`` and ``high`` hold the sum in 95 of 100 cases, if the
        next inputs are like the earlier ones. All None from fewer than three paid predictions.

    Raises
    ------
    InvalidInputError
        ``count`` is no whole number, or the costs are in several currencies.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> bills = [{"metadata": {"billing": {"credits_used": cost}}} for cost in (0.2, 0.3, 0.4)]
    >>> earlier = [{"id": str(n), "model": "lumo", **bill} for n, bill in enumerate(bills)]
    >>> sky.forecast(earlier, "lumo", 10).amount
    Decimal('3.00')
    """
    count = checked_count(count)
    found = _costs_of(frame, model, rates)
    what = f"of {model}" if model else "of all models"
    if found.known < _FEWEST:
        basis = f"{found.known} earlier predictions {what} have a known cost, and it takes {_FEWEST}"
        return Estimate(None, None, None, found.currency, basis)
    number, mean, spread = found.known, found.mean, found.spread
    reach = _student_t(number - 1) * spread * math.sqrt(count + count * count / number)
    each = format_cost(rounded(mean), found.currency)
    basis = f"{count} predictions × {each}, the mean of {number} earlier predictions {what}; 95 of 100 cases"
    return Estimate(
        rounded(count * mean),
        rounded(max(0.0, count * mean - reach)),
        rounded(count * mean + reach),
        found.currency,
        basis,
    )


def rounded(value: float) -> Decimal:
    """Return a figure of a frame as money: to six decimals, and no fewer than two."""
    return _tidy(Decimal(repr(float(value))).quantize(Decimal("0.000001"), context=EXACT))


def _tidy(amount: Decimal) -> Decimal:
    shortest = Decimal(format_number(amount))
    exponent = shortest.as_tuple().exponent
    short = isinstance(exponent, int) and exponent > -2
    return shortest.quantize(Decimal("0.01"), context=EXACT) if short else shortest


def _student_t(degrees: int) -> float:
    """Return Student's two-sided 95 % quantile, by Hill's expansion; exact below three degrees."""
    level = (1 + _CONFIDENCE) / 2
    if degrees == 1:
        return math.tan(math.pi * (level - 0.5))
    if degrees == 2:
        doubled = 2 * level - 1
        return doubled * math.sqrt(2 / (1 - doubled * doubled))
    z = statistics.NormalDist().inv_cdf(level)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / float(degrees) ** (power + 1) for power, term in enumerate(terms))
