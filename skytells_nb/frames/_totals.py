"""Which rows of a frame count as money, and ``total`` and ``forecast``: what they add up to."""

from __future__ import annotations

import math
import statistics
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import pandas as pd

from ..checks import closest
from ..exceptions import InvalidInputError, SkytellsWarning
from ..formatting import CREDITS, format_cost, format_count, format_number
from ..models import parse_amount
from ..pricing import EXACT, Estimate, added, checked_count
from ._columns import as_numbers, require_distinct
from ._datasets import IMPOSSIBLE, KNOWN, TIMED, RowFilter, aggregate, is_dataset, split_costs
from ._predictions import impossible, pandas_frame, predictions_frame, sandbox_rows


@dataclass(slots=True)
class Billable:
    """Sums that may be added, in one currency, and what was left out of them."""

    sums: pd.DataFrame
    currency: str
    sandbox: bool
    notes: list[str]


def as_frame(given: Any) -> pd.DataFrame:
    """Return a frame as it is, also of polars or Arrow; make one of what `predictions_frame` takes."""
    frame = pandas_frame(given)
    if frame is None:
        return predictions_frame(given)
    require_distinct(frame)
    return frame


def require_columns(frame: pd.DataFrame, names: Iterable[str]) -> None:
    """Refuse a frame without these columns, and name the near ones."""
    for name in names:
        if name not in frame.columns:
            known = [str(column) for column in frame.columns]
            inputs = {column.removeprefix("input."): column for column in reversed(known)}
            near = closest(str(name), inputs)
            hint = "" if near is None else f" Did you mean {inputs[near]!r}?"
            raise InvalidInputError(
                f"This frame has no column {name!r}.{hint} Its columns are {', '.join(known)}."
            )


def row_sums(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Return a frame's rows, each prediction once, what `aggregate` would say of each, and notes.

    The frame may be filtered, or put together of several.
    """
    require_columns(frame, ["id", "cost"])
    notes: list[str] = []
    repeated = frame.duplicated([name for name in ("origin", "id") if name in frame.columns])
    if repeated.any():
        notes.append(f"{format_count(int(repeated.sum()), 'repeated row')} left out")
    if frame.attrs.get("truncated"):
        notes.append("the frame lacks rows that its source has")
    rows = frame[~repeated].reset_index(drop=True)
    rows.attrs.update(frame.attrs)
    # From a file or a notebook, perhaps: what can be no cost is unknown.
    costs = as_numbers(rows["cost"], "cost").astype("float64")
    wrong = impossible(costs)
    missing = pd.Series(None, index=rows.index, dtype=object)
    seconds = rows.get("predict_s", missing).astype("float64")
    kind = pd.Series(TIMED, index=rows.index).mask(seconds.isna(), KNOWN).mask(wrong, IMPOSSIBLE)
    sums = {
        "sandbox": sandbox_rows(rows),
        "currency": rows.get("currency", missing).astype(object),
        "status": rows.get("status", missing).astype(object),
        "kind": kind.mask(costs.isna(), 0),
        "rows": 1,
        "cost": costs,
        "seconds": seconds,
        "mean": costs,
        "variance": 0.0,
    }
    return rows, split_costs(pd.DataFrame(sums)), notes


def billable(
    sums: pd.DataFrame,
    rates: Mapping[str, float] | None = None,
    notes: Iterable[str] = (),
    *,
    by_currency: bool = False,
) -> Billable:
    """Pick what may be added of sums, a dataset's or of a frame's rows: never money and credits together.

    ``rates`` says how many US dollars one unit of another currency is worth: each of the sums has its
    ``factor``. With ``by_currency`` currencies become groups of their own, so several are no matter.
    """
    worth = checked_rates(rates)
    notes = [*notes]
    on_sandbox = sums["sandbox"].astype(bool)
    sandbox = bool(len(sums)) and bool(on_sandbox.all())
    if sandbox:
        notes.append("sandbox rows: their costs are credits, not money")
        sums = sums.assign(currency=sums["currency"].astype(object).mask(sums["known"] > 0, CREDITS))
    elif played := int(sums.loc[on_sandbox, "rows"].sum()):
        notes.append(f"{format_count(played, 'sandbox row')} left out: they cost no money")
        sums = sums[~on_sandbox]
    if wrong := int(sums["impossible"].sum()):
        notes.append(f"{format_count(wrong, 'cost')} negative or absurd, so unknown")
    named = sorted(sums.loc[sums["known"] > 0, "currency"].dropna().unique())
    currency = CREDITS if sandbox else single_currency(named, worth, notes, by_currency=by_currency)
    factor = pd.Series(1.0, index=sums.index)
    if currency == "USD" and set(named) - {"USD"}:
        factor = sums["currency"].astype(object).map({"USD": 1.0, **worth}).astype("float64").fillna(1.0)
        sums = sums.assign(currency="USD")
    rows, known = int(sums["rows"].sum()), int(sums["known"].sum())
    if rows > known:
        running = int(sums["running"].sum())
        still = f", {running:,} of them not ended yet" if running else ""
        lacking = f"{rows - known:,} of {format_count(rows, 'row')}"
        notes.append(f"{lacking} without a known cost{still}: not in the sums")
    return Billable(sums.assign(factor=factor), currency, sandbox, notes)


def checked_rates(rates: Mapping[str, float] | None) -> dict[str, float]:
    """Return exchange rates by currency code: a wrong one would make a wrong sum that looks right."""
    read: dict[str, float] = {}
    for code, rate in (rates or {}).items():
        worth = parse_amount(rate)
        name = str(code).strip().upper()
        if worth is None or worth <= 0 or (name == "USD" and worth != 1):
            raise InvalidInputError(
                f"rates has {code!r}: {rate!r}. Expected how many US dollars one unit of another currency is "
                'worth, such as {"EUR": 1.08}.'
            )
        read[name] = float(worth)
    return read


def single_currency(
    named: list[str], rates: Mapping[str, float], notes: list[str], *, by_currency: bool
) -> str:
    """Return the currency that costs in these add up to; ``USD`` for others means: by their rates."""
    if len(named) <= 1 and not (named and named[0] in rates):
        return named[0] if named else "USD"
    if by_currency:
        return "mixed"
    missing = [code for code in named if code != "USD" and code not in rates]
    if missing:
        raise InvalidInputError(
            f"This frame holds costs in {' and '.join(named)}, which cannot be added. Pass "
            f'rates={{"{missing[0]}": …}} with the US dollars that one is worth, or group by "currency".'
        )
    used = ", ".join(f"{code} at {rates[code]:g}" for code in named if code != "USD")
    if used:
        notes.append(f"converted to USD: {used}")
    return "USD"


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
    short = [note for note in found.notes if "without a known cost" in note or "lacks rows" in note]
    if short:  # which a bare number cannot say
        warnings.warn("; ".join(short), SkytellsWarning, stacklevel=2)
    return _tidy(found.total.quantize(Decimal(1).scaleb(-places), "ROUND_HALF_UP", EXACT))


@dataclass(slots=True)
class _Costs:
    rows: int
    known: int
    total: Decimal
    mean: float
    spread: float
    currency: str
    notes: list[str]


def _costs_of(source: Any, model: str | None, rates: Mapping[str, float] | None) -> _Costs:
    notes, wanted = list[str](), RowFilter(model=model)
    if is_dataset(source):
        sums = aggregate(source, [], wanted, spread=True)
    else:
        table = as_frame(source)
        if model is not None:
            require_columns(table, ["model"])
            attrs = table.attrs
            table = table[table["model"].astype(object) == model]
            table.attrs.update(attrs)
        _, sums, notes = row_sums(table)
    found = billable(sums, rates, notes)
    groups = found.sums[found.sums["known"] > 0]
    factors, counts = groups["factor"].tolist(), groups["known"].astype(int).tolist()
    known = sum(counts)
    whole = added(
        EXACT.multiply(Decimal(str(cost)), Decimal(repr(factor)))
        for cost, factor in zip(groups["cost"], factors, strict=True)
    )
    mean = float(whole) / known if known else 0.0
    # The variance of groups put together: that within each, and that between their means.
    figures = zip(
        factors,
        counts,
        groups["mean"].astype(float),
        groups["variance"].astype(float).fillna(0.0),
        strict=True,
    )
    squares = math.fsum(
        factor**2 * (n - 1) * variance + n * (factor * own - mean) ** 2
        for factor, n, own, variance in figures
    )
    spread = math.sqrt(squares / (known - 1)) if known > 1 else 0.0
    return _Costs(int(found.sums["rows"].sum()), known, whole, mean, spread, found.currency, found.notes)


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
    """Return Student's two-sided 95 % quantile; exact below three degrees.

    Above, by the expansion of Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5.
    """
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
