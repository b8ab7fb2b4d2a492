"""Which rows of a frame count as money, and in which currency."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

import pandas as pd

from ..exceptions import InvalidInputError, SkytellsWarning
from ..models import STATUSES, is_done, reading
from .predicted import impossible, predictions_frame, sandboxes

__all__ = ["SANDBOX_CREDITS", "Counted", "as_frame", "counted", "require", "sandbox_rows", "tell"]

SANDBOX_CREDITS: Final = "sandbox credits"
_OPEN: Final = [each for each in STATUSES if not is_done(each)]


@dataclass(slots=True)
class Counted:
    """The rows that may be added, what their costs are in, and what was left out."""

    frame: pd.DataFrame
    currency: str
    sandbox: bool
    notes: list[str]


def as_frame(given: Any) -> pd.DataFrame:
    """Take a frame as it is, and make one of anything else that `predictions_frame` takes."""
    return given if isinstance(given, pd.DataFrame) else predictions_frame(given)


def require(frame: pd.DataFrame, names: Iterable[str]) -> None:
    """Refuse a frame without these columns, and name the near ones."""
    for name in names:
        if name not in frame.columns:
            near = get_close_matches(str(name), [str(column) for column in frame.columns], n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise InvalidInputError(
                f"This frame has no column {name!r}.{hint} Nothing was added up. Its columns are "
                f"{', '.join(map(str, frame.columns))}.",
                charged=False,
            )


def sandbox_rows(frame: pd.DataFrame) -> pd.Series:
    """Say of each row whether a sandbox made it, so that its cost is no money."""
    played = frame["id"].astype(str).str.startswith("sandbox-")
    if "origin" in frame.columns:
        played |= frame["origin"].isin(sandboxes(frame, frame.attrs.get("sandbox_origins") or ()))
    return played.astype(bool)


def counted(frame: pd.DataFrame, rates: Mapping[str, float] | None = None, *, apart: bool = False) -> Counted:
    """Pick the rows whose costs may be added: each prediction once, money and play money never mixed.

    Parameters
    ----------
    frame : DataFrame
        As `predictions_frame` makes it; perhaps filtered, or put together of several.
    rates : mapping, optional
        How many US dollars one unit of another currency is worth.
    apart : bool
        Whether currencies will stay apart by themselves, as groups of their own.
    """
    require(frame, ["id", "cost"])
    worth = _checked_rates(rates)
    notes: list[str] = []
    keys = [name for name in ("origin", "id") if name in frame.columns]
    repeated = frame.duplicated(keys)
    if repeated.any():
        frame = frame[~repeated]
        notes.append(f"{int(repeated.sum())} repeated rows left out")
    played = sandbox_rows(frame)
    sandbox = bool(len(frame)) and bool(played.all())
    if sandbox:
        notes.append("sandbox rows: their costs are sandbox credits, not money")
    elif played.any():
        frame = frame[~played]
        notes.append(f"{int(played.sum())} sandbox rows left out: they cost no money")
    frame = frame.assign(cost=_costs(frame["cost"], notes))
    frame, currency = _one_currency(frame, worth, notes, apart=apart)
    unknown = int(frame["cost"].isna().sum())
    if unknown:
        still = int(frame["status"].isin(_OPEN).sum()) if "status" in frame.columns else 0
        running = f", {still} of them not ended yet" if still else ""
        notes.append(f"{unknown} of {len(frame)} rows without a known cost{running}: not in the sums")
    if frame.attrs.get("truncated"):
        notes.append("the frame lacks rows that its source has")
    return Counted(frame, SANDBOX_CREDITS if sandbox else currency, sandbox, notes)


def _checked_rates(rates: Mapping[str, float] | None) -> dict[str, float]:
    """Read exchange rates: a wrong one would make a wrong sum that looks right."""
    read: dict[str, float] = {}
    for code, rate in (rates or {}).items():
        worth = reading.amount(rate)
        name = str(code).strip().upper()
        if worth is None or worth <= 0 or (name == "USD" and worth != 1):
            raise InvalidInputError(
                f"rates tell how many US dollars one unit of another currency is worth, and {code!r}: "
                f'{rate!r} cannot. Nothing was added up. Pass a number above 0, such as {{"EUR": 1.08}}.',
                charged=False,
            )
        read[name] = float(worth)
    return read


def _costs(given: pd.Series, notes: list[str]) -> pd.Series:
    """Read a cost column, which may come from a file or a notebook: what can be no cost is unknown."""
    costs: Any = pd.to_numeric(given, errors="coerce").astype("float64")
    odd = given[costs.isna() & given.notna()]
    if len(odd):
        raise InvalidInputError(
            f"The column cost holds {odd.iloc[0]!r}, which is no number. Nothing was added up. Costs are "
            "numbers, or gaps where they are unknown.",
            charged=False,
        )
    wrong = impossible(costs)
    if wrong.any():
        notes.append(f"{int(wrong.sum())} costs are negative or absurd, so they count as unknown")
    known: pd.Series = costs.mask(wrong)
    return known


def _one_currency(
    frame: pd.DataFrame, rates: dict[str, float], notes: list[str], *, apart: bool
) -> tuple[pd.DataFrame, str]:
    if "currency" not in frame.columns:
        return frame, "USD"
    paid = frame.loc[frame["cost"].notna(), "currency"].astype(object)
    named = sorted(paid.dropna().unique())
    if len(named) <= 1 and not (named and named[0] in rates):
        return frame, named[0] if named else "USD"
    if apart:
        return frame, "mixed"
    missing = [code for code in named if code != "USD" and code not in rates]
    if missing:
        raise InvalidInputError(
            f"This frame holds costs in {' and '.join(named)}, which cannot be added. Nothing was added up. "
            f'Pass rates={{"{missing[0]}": …}} with the US dollars that one is worth, group by "currency", '
            "or pick the rows of one currency.",
            charged=False,
        )
    factors = frame["currency"].astype(object).map({"USD": 1.0, **rates}).astype("float64").fillna(1.0)
    used = ", ".join(f"{code} at {rates[code]:g}" for code in named if code != "USD")
    notes.append(f"converted to USD: {used}")
    return frame.assign(cost=frame["cost"] * factors, currency="USD"), "USD"


def tell(notes: list[str]) -> None:
    """Warn of what a bare number cannot say."""
    said = [note for note in notes if "without a known cost" in note or "lacks rows" in note]
    if said:
        warnings.warn("; ".join(said), SkytellsWarning, stacklevel=3)
