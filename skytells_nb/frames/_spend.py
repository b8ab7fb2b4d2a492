"""``spend``: what was spent, by model, by day, or by whatever column there is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pandas as pd

from ..checks import did_you_mean
from ..exceptions import InvalidInputError
from ._columns import COLUMNS, RATED
from ._datasets import RowFilter, aggregate, is_dataset
from ._dtypes import Categories, column_of, utc, utc_times
from ._predictions import predictions_frame
from ._totals import as_frame, billable, require_columns, row_sums

FIGURES: Final = ("count", "cost", "mean", "share", "failed_cost", "cost_per_second", "unknown")
_MOST_PERIODS: Final = 1_000_000
_HOUR: Final = pd.Timedelta(hours=1)
_QUARTER: Final = pd.Timedelta(minutes=15)


def spend(
    frame: Any,
    by: str | Sequence[str] = "model",
    freq: str | None = None,
    *,
    rates: Mapping[str, float] | None = None,
    tz: str | tzinfo | None = None,
) -> pd.DataFrame:
    """Sum up what predictions cost.

    Parameters
    ----------
    frame : DataFrame, or anything that ``predictions_frame`` takes
        Sandbox rows are left out, since they cost no money; a frame of sandbox rows alone is summed up
        in ``credits``. A dataset (``"dataset/"``) is added up without loading it, unless by ``input.*``.
    by : str or list of str
        Columns to group by, ``input.*`` too; ``[]`` for one row of everything.
    freq : str, optional
        A pandas offset such as ``"D"``, ``"W"``, ``"MS"`` or ``"h"``: one row per period as well.
    rates : mapping, optional
        US dollars per unit of another currency. Costs in several currencies are refused without it,
        unless ``by`` has ``"currency"``.
    tz : str or tzinfo, optional
        Whose midnight parts the days; this machine's own time zone unless given. Times without a zone
        are taken as UTC, and a note says so.

    Returns
    -------
    pandas.DataFrame
        The columns of ``by``, ``period`` with a ``freq``, then ``count``, ``cost``, ``mean`` (per
        prediction of known cost), ``share`` of the whole (of its currency, where there are several),
        ``failed_cost``, ``cost_per_second`` (of work), and ``unknown``: how many have no known cost and
        so are in no sum. A cost is NaN where none is known. ``attrs`` hold ``currency``, ``sandbox``,
        ``timezone``, ``by``, ``freq`` and ``notes``.

    Raises
    ------
    InvalidInputError
        There is no such column, offset or time zone, or the costs are in several currencies.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> paid = {"metadata": {"billing": {"credits_used": 0.5}}, "model": "lumo", "status": "succeeded"}
    >>> frame = sky.predictions_frame([{"id": "a", **paid}, {"id": "b", **paid}])
    >>> sky.spend(frame)[["model", "count", "cost", "share"]].values.tolist()
    [['lumo', 2, 1.0, 1.0]]
    """
    names, zone = checked_names(by, freq), zone_of(tz)
    keys, parts = list(dict.fromkeys(names)), dict[str, Any]()
    kinds = {**COLUMNS, **RATED}
    if is_dataset(frame) and _adds_up(map(kinds.get, keys), freq):

        def periods(quarters: Any) -> Any:
            times: Any = pd.Series(utc(quarters.view("datetime64[us]")))
            return period_starts(times.dt.tz_convert(zone), str(freq)).astype("int64").to_numpy()

        sums = aggregate(frame, keys, RowFilter(), periods=None if freq is None else periods)
        found = billable(sums, rates, by_currency="currency" in names)
        sums, notes = found.sums, found.notes
        if freq is not None:
            micros = [None if pd.isna(each) else int(each) for each in sums["period"]]
            starts: Any = pd.Series(column_of("time", micros), index=sums.index)
            parts["period"] = starts.dt.tz_convert(zone)
        for name in keys:
            values = [None if pd.isna(each) else each for each in sums[name]]
            parts[name] = pd.Series(column_of(kinds[name], values), index=sums.index)
    else:
        if is_dataset(frame):
            columns = ["id", "cost", "status", "currency", "origin", "created_at", "predict_s", *keys]
            frame = predictions_frame(frame, columns=list(dict.fromkeys(columns)))
        rows = as_frame(frame)
        require_columns(rows, [*keys, *(["created_at"] if freq is not None else [])])
        rows, sums, notes = row_sums(rows)
        found = billable(sums, rates, notes, by_currency="currency" in names)
        sums, notes = found.sums, found.notes
        rows = rows.loc[sums.index].assign(currency=sums["currency"])
        if freq is not None:
            times = utc_times(rows["created_at"], "created_at", notes).dt.tz_convert(zone)
            parts["period"] = period_starts(times, freq)
        parts |= {name: _groupable(rows[name]) for name in keys}
    if freq is not None and (undated := int(sums.loc[parts["period"].isna(), "rows"].sum())):
        notes.append(f"{undated} rows without a time: in no period")
    money = sums[["cost", "failed", "timed_cost"]].astype("float64").mul(sums["factor"], axis=0)
    table = _added(parts, money.join(sums[["rows", "known", "seconds"]].astype("float64")))
    attrs = {
        "currency": found.currency,
        "sandbox": found.sandbox,
        "timezone": str(zone),
        "notes": notes,
        "by": names,
        "freq": freq,
    }
    return _figures(table, parts, attrs)


def _adds_up(kinds: Iterable[str | None], freq: str | None) -> bool:
    """Whether a dataset can be added up without loading it: not by inputs, nor by minutes."""
    length = None if freq is None else _length(to_offset(freq))
    is_long = length is None or length >= _QUARTER
    return is_long and all(kind in ("text", "category", "status", "integer") for kind in kinds)


def _added(keys: Mapping[str, pd.Series], parts: pd.DataFrame) -> pd.DataFrame:
    """Add up the parts of each group; all rows are one where there are no keys."""
    parts = parts.add_prefix("_")
    if not keys:
        return parts.sum(min_count=1).to_frame().T
    table = pd.concat([pd.DataFrame(dict(keys), index=parts.index), parts], axis=1)
    groups = table.groupby(list(keys), observed=True, dropna=False, sort=True)
    return groups[list(parts.columns)].sum(min_count=1).reset_index()


def _figures(sums: pd.DataFrame, keys: Iterable[str], attrs: dict[str, Any]) -> pd.DataFrame:
    """Return the table of `spend` from the sums of each group, in its order and with these attrs."""
    keys = list(keys)
    currency = sums["currency"].astype(object) if "currency" in keys else pd.Series(0, index=sums.index)
    whole = sums["_cost"].groupby(currency, dropna=False).transform("sum")
    working = sums["_seconds"].where(sums["_seconds"] > 0)
    known = sums["_known"].fillna(0).astype("int64")
    count = sums["_rows"].fillna(0).astype("int64")
    result = pd.DataFrame(
        {
            **{name: sums[name] for name in keys},
            "count": count.astype("Int64"),
            "cost": sums["_cost"].astype("float64"),
            "mean": (sums["_cost"] / known.where(known > 0)).astype("float64"),
            "share": (sums["_cost"] / whole.where(whole > 0)).astype("float64"),
            "failed_cost": sums["_failed"].fillna(0.0).astype("float64"),
            "cost_per_second": (sums["_timed_cost"] / working).astype("float64"),
            "unknown": (count - known).astype("Int64"),
        }
    )
    order = ["period", "cost"] if "period" in keys else ["cost"]
    result = result.sort_values(order, ascending=[each == "period" for each in order], kind="stable")
    result = result.reset_index(drop=True)
    for name in keys:
        is_word = isinstance(result[name].dtype, pd.CategoricalDtype) or name == "currency"
        if is_word and name != "status":
            words = Categories()  # those that there are, in the order of the rows
            values = [None if pd.isna(value) else str(value) for value in result[name]]
            result[name] = words.column(words.codes(values))
    result.attrs.update(attrs)
    return result


def _groupable(values: pd.Series) -> pd.Series:
    """Return a column that can be grouped by: lists and objects by what they hold."""
    if values.dtype != object:
        return values

    def key(value: Any) -> Any:
        if isinstance(value, list | tuple | dict):
            return json.dumps(value, ensure_ascii=False, default=str)
        missing = value is None or (isinstance(value, float) and value != value)
        return None if missing else value if isinstance(value, str | int | float) else str(value)

    keyed = [key(value) for value in values]  # `map` would make a gap among texts NaN, which is no text
    if len({type(value) for value in keyed if value is not None}) > 1:
        keyed = [None if value is None else str(value) for value in keyed]
    return pd.Series(keyed, index=values.index, dtype=object)


def period_starts(times: pd.Series, freq: str) -> pd.Series:
    """Return the start of each time's period.

    Periods are those of the clock on the wall, so a day is a day also where the clock changes: one that
    has no midnight (Cairo, Santiago) begins at 1 a.m., and an hour that comes twice is two.
    """
    starts = pd.Series(pd.NaT, index=times.index, dtype=times.dtype)
    there = times[times.notna()].reset_index(drop=True)
    if not len(there):
        return starts
    offset = to_offset(freq)
    try:
        wall = there.dt.tz_localize(None)
        length = _length(offset)
        if length is not None and (wall.max() - wall.min()) / length > _MOST_PERIODS:
            raise ValueError(f"there would be more than {_MOST_PERIODS:,} periods")
        order = wall.sort_values()  # where the clock goes back, that is not the order of the times
        groups = pd.Series(1, index=pd.DatetimeIndex(order)).groupby(pd.Grouper(freq=offset))
        labels = pd.Series(groups.size().index[groups.ngroup().to_numpy()], index=order.index).sort_index()
        if length is not None and length <= _HOUR:
            local = there - (wall - labels)
        else:
            local = pd.Series(_localized(pd.DatetimeIndex(labels), times.dt.tz))
        starts.iloc[np.flatnonzero(times.notna())] = local.dt.as_unit(times.dt.unit).array
    except (ValueError, TypeError, ArithmeticError, AttributeError) as error:
        raise _no_period(freq, f": {error}") from None
    return starts


def to_offset(freq: str) -> Any:
    try:  # pandas has taken back what many still write for a month, a quarter and a year
        return pd.tseries.frequencies.to_offset({"M": "MS", "Q": "QS", "Y": "YS"}.get(freq, freq))
    except (ValueError, TypeError):
        raise _no_period(freq) from None


def _no_period(freq: str, why: str = "") -> InvalidInputError:
    return InvalidInputError(f'freq {freq!r} cannot part these predictions{why}. Try "D", "W", "MS" or "h".')


def periods_between(first: Any, last: Any, freq: str) -> pd.DatetimeIndex:
    """Return the starts of all periods from one to another, as `period_starts` has them."""
    offset = to_offset(freq)
    length = _length(offset)
    if length is not None and length <= _HOUR:
        return pd.date_range(first, last, freq=offset, unit="us")
    begin, end = first.tz_localize(None), last.tz_localize(None)
    if length is None or length >= 24 * _HOUR:  # a day without a midnight begins later
        begin, end = begin.normalize(), end.normalize()
    return _localized(pd.date_range(begin, end, freq=offset, unit="us"), first.tzinfo)


def _localized(wall: pd.DatetimeIndex, zone: Any) -> pd.DatetimeIndex:
    """Return times of a zone: the first of one that comes twice, and the next of one that does not come."""
    first = np.ones(len(wall), dtype=bool)
    return wall.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")


def _length(offset: Any) -> pd.Timedelta | None:
    """Return how long every period is; None for those of the calendar, such as months."""
    try:
        return pd.Timedelta(offset.nanos, "ns")
    except ValueError:
        return None


def format_period(period: Any, freq: str | None) -> str:
    """Format the start of a period as short as it is plain: a day is written without a time."""
    if pd.isna(period):
        return "unknown"
    unit = (freq or "").lstrip("0123456789").partition("-")[0]
    if unit in ("h", "min", "s", "ms", "us", "ns", "H", "T", "S"):
        return str(period.strftime("%Y-%m-%d %H:%M"))
    if unit in ("MS", "ME", "M", "BMS", "BME", "QS", "QE"):
        return str(period.strftime("%Y-%m"))
    return str(period.strftime("%Y" if unit in ("YS", "YE", "Y") else "%Y-%m-%d"))


def checked_names(by: object, freq: str | None) -> list[str]:
    given: list[Any] = [by] if isinstance(by, str) else list(by) if isinstance(by, Iterable) else [by]
    if not all(isinstance(name, str) for name in given):
        raise InvalidInputError(f"by must be a column's name, or a list of names, not {by!r}.")
    for name in given:
        if name in FIGURES or (freq is not None and name == "period"):
            raise InvalidInputError(
                f"by cannot be {name!r}: the result has a column of that name. Rename the frame's column."
            )
    return given


def zone_of(tz: object) -> tzinfo:
    """Return a time zone by its name; this machine's own for None."""
    try:
        if tz is None:
            return local_zone()
        if isinstance(tz, tzinfo):
            return tz
        return ZoneInfo(tz)  # type: ignore[arg-type]  # whatever it is: a TypeError is answered below
    except (KeyError, ValueError, TypeError, OSError):
        meant = did_you_mean(str(tz), (zone for zone in available_timezones() if "/" in zone))
        raise InvalidInputError(
            f'tz must be a time zone such as "Europe/Berlin" or "UTC", not {tz!r}.{meant}'
        ) from None


def local_zone() -> tzinfo:
    """Return this machine's time zone with its summer times, not only today's offset."""
    named = os.environ.get("TZ", "").removeprefix(":")
    for name in (named, os.path.realpath("/etc/localtime").partition("zoneinfo/")[2]):
        if name and not Path(name).is_absolute():
            try:
                return ZoneInfo(name)
            except (KeyError, ValueError, OSError):
                continue
    zone: tzinfo = import_module("dateutil.tz").tzlocal()
    return zone
