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
from ..models import STATUSES, is_done, parse_amount
from ..pricing import EXACT, Estimate, added, checked_count
from ._columns import as_numbers, require_distinct
from ._datasets import RowFilter, aggregate, is_dataset
from ._predictions import impossible, pandas_frame, predictions_frame, sandbox_rows


@dataclass(slots=True)
class Billable:
    """The rows that may be added, what their costs are in, and what was left out."""

    frame: pd.DataFrame
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


def billable(
    frame: pd.DataFrame, rates: Mapping[str, float] | None = None, *, by_currency: bool = False
) -> Billable:
    """Pick the rows whose costs may be added: each prediction once, never money and credits together.

    The frame may be filtered, or put together of several. ``rates`` says how many US dollars one unit of
    another currency is worth; with ``by_currency`` currencies become groups of their own, so several are no
    matter.
    """
    require_columns(frame, ["id", "cost"])
    notes: list[str] = []
    keys = [name for name in ("origin", "id") if name in frame.columns]
    repeated = frame.duplicated(keys)
    if repeated.any():
        frame = frame[~repeated]
        notes.append(f"{format_count(int(repeated.sum()), 'repeated row')} left out")
    # From a file or a notebook, perhaps: what can be no cost is unknown.
    costs = as_numbers(frame["cost"], "cost")
    wrong = impossible(costs)
    frame = frame.assign(cost=costs.mask(wrong))
    known, attrs = frame["cost"].notna(), frame.attrs
    missing = pd.Series(None, index=frame.index, dtype=object)
    going = [each for each in STATUSES if not is_done(each)]
    sums = pd.DataFrame(
        {
            "sandbox": sandbox_rows(frame),
            "currency": frame.get("currency", missing).astype(object),
            "rows": 1,
            "known": known.astype(int),
            "impossible": wrong.astype(int),
            "running": (frame.get("status", missing).isin(going) & ~known).astype(int),
        }
    ).reset_index(drop=True)
    sums, currency, sandbox, more = billable_sums(sums, rates, by_currency=by_currency)
    frame = frame.iloc[sums.index]
    frame.attrs.update(attrs)
    factor = sums["factor"].to_numpy()
    frame = frame.assign(cost=frame["cost"] * factor)
    if "currency" in frame.columns and sandbox:
        frame = frame.assign(currency=frame["currency"].astype(object).where(frame["cost"].isna(), CREDITS))
    elif "currency" in frame.columns and sums["currency"].eq("USD").all():  # by their rates, perhaps
        frame = frame.assign(currency="USD")
    if attrs.get("truncated"):
        more.append("the frame lacks rows that its source has")
    return Billable(frame, currency, sandbox, [*notes, *more])


def billable_sums(
    sums: pd.DataFrame, rates: Mapping[str, float] | None = None, *, by_currency: bool = False
) -> tuple[pd.DataFrame, str, bool, list[str]]:
    """Pick what may be added of sums, a dataset's or of a frame's rows: never money and credits together.

    Returns the sums, each with its ``factor``, their currency, whether they are a sandbox's, and notes.
    """
    worth = checked_rates(rates)
    notes: list[str] = []
    on_sandbox = sums["sandbox"].astype(bool)
    sandbox = bool(len(sums)) and bool(on_sandbox.all())
    if sandbox:
        notes.append("sandbox rows: their costs are credits, not money")
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
    return sums.assign(factor=factor), currency, sandbox, notes


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


def warn_of(notes: list[str]) -> None:
    """Warn of what a bare number cannot say."""
    short = [note for note in notes if "without a known cost" in note or "lacks rows" in note]
    if short:
        warnings.warn("; ".join(short), SkytellsWarning, stacklevel=3)


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
    rows: int
    known: int
    total: Decimal
    mean: float
    spread: float
    currency: str
    notes: list[str]


def _costs_of(source: Any, model: str | None, rates: Mapping[str, float] | None) -> _Costs:
    wanted = RowFilter(model=model)
    if is_dataset(source):
        return _costs_of_dataset(source, wanted, rates)
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


def _costs_of_dataset(source: Any, wanted: RowFilter, rates: Mapping[str, float] | None) -> _Costs:
    sums = aggregate(source, [], wanted, spread=True)
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
