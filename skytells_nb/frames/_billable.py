"""Which rows of a frame count as money, and in which currency."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import pandas as pd

from ..exceptions import InvalidInputError, SkytellsWarning
from ..formatting import CREDITS, format_count
from ..models import STATUSES, is_done, parse_amount
from ._columns import as_numbers
from ._predictions import impossible, predictions_frame, sandbox_rows
from ._sources import pandas_frame


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
    return predictions_frame(given) if frame is None else frame


def require_columns(frame: pd.DataFrame, names: Iterable[str]) -> None:
    """Refuse a frame without these columns, and name the near ones."""
    for name in names:
        if name not in frame.columns:
            near = get_close_matches(str(name), [str(column) for column in frame.columns], n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise InvalidInputError(
                f"This frame has no column {name!r}.{hint} Its columns are "
                f"{', '.join(map(str, frame.columns))}.",
                charged=False,
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
    worth = checked_rates(rates)
    notes: list[str] = []
    keys = [name for name in ("origin", "id") if name in frame.columns]
    repeated = frame.duplicated(keys)
    if repeated.any():
        frame = frame[~repeated]
        notes.append(f"{format_count(int(repeated.sum()), 'repeated row')} left out")
    on_sandbox = sandbox_rows(frame)
    sandbox = bool(len(frame)) and bool(on_sandbox.all())
    if sandbox:
        notes.append(_SANDBOX_ALONE)
    elif on_sandbox.any():
        frame = frame[~on_sandbox]
        notes.append(_left_out(int(on_sandbox.sum())))
    frame = frame.assign(cost=_known_costs(frame["cost"], notes))
    currency = CREDITS
    if not sandbox:
        frame, currency = _one_currency(frame, worth, notes, by_currency=by_currency)
    elif "currency" in frame.columns:
        frame = frame.assign(currency=frame["currency"].astype(object).where(frame["cost"].isna(), CREDITS))
    unknown = int(frame["cost"].isna().sum())
    if unknown:
        still = 0
        if "status" in frame.columns:
            going = frame["status"].isin([each for each in STATUSES if not is_done(each)])
            still = int((going & frame["cost"].isna()).sum())
        notes.append(unknown_costs(unknown, len(frame), still))
    if frame.attrs.get("truncated"):
        notes.append("the frame lacks rows that its source has")
    return Billable(frame, currency, sandbox, notes)


def billable_sums(
    sums: pd.DataFrame, rates: Mapping[str, float] | None = None, *, by_currency: bool = False
) -> tuple[pd.DataFrame, str, bool, list[str]]:
    """Pick what may be added of the sums of a dataset, by the rules of `billable`.

    Returns the sums, each with its ``factor``, their currency, whether they are a sandbox's, and notes.
    """
    worth = checked_rates(rates)
    notes: list[str] = []
    on_sandbox = sums["sandbox"].astype(bool)
    sandbox = bool(len(sums)) and bool(on_sandbox.all())
    if sandbox:
        notes.append(_SANDBOX_ALONE)
    elif on_sandbox.any():
        notes.append(_left_out(int(sums.loc[on_sandbox, "rows"].sum())))
        sums = sums[~on_sandbox]
    if wrong := int(sums["impossible"].sum()):
        notes.append(_impossible(wrong))
    named = sorted(sums.loc[sums["known"] > 0, "currency"].dropna().unique())
    currency = CREDITS if sandbox else single_currency(named, worth, notes, by_currency=by_currency)
    factor = pd.Series(1.0, index=sums.index)
    if currency == "USD" and set(named) - {"USD"}:
        factor = sums["currency"].astype(object).map({"USD": 1.0, **worth}).astype("float64").fillna(1.0)
        sums = sums.assign(currency="USD")
    rows, known = int(sums["rows"].sum()), int(sums["known"].sum())
    if rows > known:
        notes.append(unknown_costs(rows - known, rows, int(sums["running"].sum())))
    return sums.assign(factor=factor), currency, sandbox, notes


_SANDBOX_ALONE = "sandbox rows: their costs are credits, not money"


def _left_out(rows: int) -> str:
    return f"{format_count(rows, 'sandbox row')} left out: they cost no money"


def _impossible(costs: int) -> str:
    return f"{format_count(costs, 'cost')} negative or absurd, so unknown"


def unknown_costs(unknown: int, rows: int, running: int) -> str:
    """Return the note on rows that are in no sum."""
    still = f", {running:,} of them not ended yet" if running else ""
    return f"{unknown:,} of {format_count(rows, 'row')} without a known cost{still}: not in the sums"


def checked_rates(rates: Mapping[str, float] | None) -> dict[str, float]:
    """Return exchange rates by currency code: a wrong one would make a wrong sum that looks right."""
    read: dict[str, float] = {}
    for code, rate in (rates or {}).items():
        worth = parse_amount(rate)
        name = str(code).strip().upper()
        if worth is None or worth <= 0 or (name == "USD" and worth != 1):
            raise InvalidInputError(
                f"rates has {code!r}: {rate!r}. Expected how many US dollars one unit of another currency is "
                'worth, such as {"EUR": 1.08}.',
                charged=False,
            )
        read[name] = float(worth)
    return read


def _known_costs(given: pd.Series, notes: list[str]) -> pd.Series:
    """Return a cost column, which may come from a file or a notebook: what can be no cost is unknown."""
    costs = as_numbers(given, "cost")
    wrong = impossible(costs)
    if wrong.any():
        notes.append(_impossible(int(wrong.sum())))
    return costs.mask(wrong)


def _one_currency(
    frame: pd.DataFrame, rates: dict[str, float], notes: list[str], *, by_currency: bool
) -> tuple[pd.DataFrame, str]:
    if "currency" not in frame.columns:
        return frame, "USD"
    paid = frame.loc[frame["cost"].notna(), "currency"].astype(object)
    named = sorted(paid.dropna().unique())
    currency = single_currency(named, rates, notes, by_currency=by_currency)
    if not (currency == "USD" and set(named) - {"USD"}):
        return frame, currency
    factors = frame["currency"].astype(object).map({"USD": 1.0, **rates}).astype("float64").fillna(1.0)
    return frame.assign(cost=frame["cost"] * factors, currency="USD"), "USD"


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
            f'rates={{"{missing[0]}": …}} with the US dollars that one is worth, or group by "currency".',
            charged=False,
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
