"""``spend``: what was spent, by model, by day, or by whatever column there is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from ..exceptions import InvalidInputError
from .counted import Counted, as_frame, counted, require
from .dtypes import Categories

__all__ = ["FIGURES", "local_zone", "spend"]

_MOST: Final = 1_000_000
FIGURES: Final = ("count", "cost", "mean", "share", "failed_cost", "cost_per_second", "unknown")


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
        and says so.
    by : str or list of str
        Columns to group by, ``input.*`` too; ``[]`` for one row of everything.
    freq : str, optional
        A pandas offset such as ``"D"``, ``"W"``, ``"MS"`` or ``"h"``: one row per period as well.
    rates : mapping, optional
        US dollars per unit of another currency. Costs in several currencies are refused without it,
        unless ``by`` has ``"currency"``.
    tz : str or tzinfo, optional
        Whose midnight parts the days; this machine's own time zone unless given.

    Returns
    -------
    pandas.DataFrame
        The columns of ``by``, ``period`` with a ``freq``, then ``count``, ``cost``, ``mean`` (per
        prediction of known cost), ``share`` of the whole (of its currency, where there are several),
        ``failed_cost``, ``cost_per_second`` (of work), and ``unknown``: how many have no known cost and
        so are in no sum. A cost is NaN where none is known. ``attrs`` tell ``currency``, ``sandbox``,
        ``timezone`` and ``notes``.

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
    table = as_frame(frame)
    names = _names(by, "period" if freq is not None else "cost")
    require(table, names)
    found = counted(table, rates, apart="currency" in names)
    zone = _zone(tz)
    keys = {name: _groupable(found.frame[name]) for name in dict.fromkeys(names)}
    if freq is not None:
        keys = {"period": _periods(found, freq, zone), **keys}
    result = _figures(found.frame, keys)
    order = ["period", "cost"] if freq is not None else ["cost"]
    result = result.sort_values(order, ascending=[each == "period" for each in order], kind="stable")
    result = result.reset_index(drop=True)
    for name in names:
        if isinstance(result[name].dtype, pd.CategoricalDtype) and name != "status":
            result[name] = _seen(result[name])
    result.attrs.update(
        currency=found.currency, sandbox=found.sandbox, timezone=str(zone), notes=found.notes, by=names
    )
    return result


def _figures(rows: pd.DataFrame, keys: dict[str, pd.Series]) -> pd.DataFrame:
    failed = pd.Series(False, index=rows.index)
    if "status" in rows.columns:
        failed = rows["status"].astype(object).eq("failed")
    seconds = rows["predict_s"].astype("float64") if "predict_s" in rows.columns else rows["cost"] * np.nan
    timed = rows["cost"].notna() & seconds.notna()
    cost = rows["cost"].astype("float64")
    parts = pd.DataFrame(
        {
            "_rows": 1,
            "_cost": cost,
            "_failed": cost.where(failed, 0.0).fillna(0.0),
            "_known": cost.notna().astype("int64"),
            "_timed_cost": cost.where(timed),
            "_seconds": seconds.where(timed),
        },
        index=rows.index,
    )
    if keys:
        table = pd.concat([pd.DataFrame(keys, index=rows.index), parts], axis=1)
        groups = table.groupby(list(keys), observed=True, dropna=False, sort=True)
        sums = groups[list(parts.columns)].sum(min_count=1).reset_index()
    else:
        sums = parts.sum(min_count=1).to_frame().T
    apart = sums["currency"].astype(object) if "currency" in keys else pd.Series(0, index=sums.index)
    whole = sums["_cost"].groupby(apart, dropna=False).transform("sum")
    working = sums["_seconds"].where(sums["_seconds"] > 0)
    known = sums["_known"].fillna(0).astype("int64")
    count = sums["_rows"].fillna(0).astype("int64")
    return pd.DataFrame(
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


def _groupable(values: pd.Series) -> pd.Series:
    """Make a column that can be grouped by: lists and objects by what they hold."""
    if values.dtype != object:
        return values

    def key(value: Any) -> Any:
        if isinstance(value, list | tuple | dict):
            return json.dumps(value, default=str)
        missing = value is None or (isinstance(value, float) and value != value)
        return None if missing else value

    keyed: Any = values.map(key).astype(object)
    if len({type(value) for value in keyed if value is not None}) > 1:
        keyed = keyed.map(lambda value: None if value is None else str(value))
    return pd.Series(keyed, dtype=object)


def _seen(values: pd.Series) -> Any:
    """Keep the categories that there are, in the order of the rows."""
    words = Categories()
    return words.column(words.codes([None if pd.isna(value) else str(value) for value in values]))


def _periods(found: Counted, freq: str, zone: tzinfo) -> pd.Series:
    """Give the start of each row's period, by local time; rows without a time have none."""
    require(found.frame, ["created_at"])
    times = found.frame["created_at"].dt.tz_convert(zone)
    try:
        offset = pd.tseries.frequencies.to_offset(freq)
        starts = pd.Series(pd.NaT, index=times.index, dtype=times.dtype)
        there = times.dropna().sort_values()
        if len(there):
            _require_few(there, offset)
            grouped = pd.Series(1, index=pd.DatetimeIndex(there)).groupby(pd.Grouper(freq=offset))
            labels = grouped.size().index
            starts.loc[there.index] = labels[grouped.ngroup().to_numpy()]
    except (ValueError, TypeError, ArithmeticError) as error:
        raise InvalidInputError(
            f"freq {freq!r} cannot part these predictions: {error}. Nothing was added up. "
            'Try "D", "W", "MS" or "h".',
            charged=False,
        ) from None
    missing = int(times.isna().sum())
    if missing:
        found.notes.append(f"{missing} rows without a time: in no period")
    return pd.Series(starts)


def _require_few(times: pd.Series, offset: Any) -> None:
    """Refuse periods so short that pandas would make more of them than the memory holds."""
    try:
        length = offset.nanos / 1e9
    except ValueError:  # a day or more, by the calendar
        return
    first, last = times.iloc[0], times.iloc[-1]
    if (last - first).total_seconds() > _MOST * length > 0:
        raise ValueError(f"there would be more than {_MOST:,} between {first} and {last}")


def _names(by: object, made: str) -> list[str]:
    given: list[Any] = [by] if isinstance(by, str) else list(by) if isinstance(by, Iterable) else [by]
    if not all(isinstance(name, str) for name in given):
        raise InvalidInputError(
            f"by must be the name of a column, or a list of names, not {by!r}. Nothing was added up.",
            charged=False,
        )
    for name in given:
        if name in (*FIGURES, made):
            raise InvalidInputError(
                f"by cannot be {name!r}, since the table has a column of that name for its own figures. "
                "Nothing was added up. Rename the frame's column first.",
                charged=False,
            )
    return given


def _zone(tz: object) -> tzinfo:
    try:
        if tz is None:
            return local_zone()
        if isinstance(tz, tzinfo):
            return tz
        return ZoneInfo(tz)  # type: ignore[arg-type]
    except (KeyError, ValueError, TypeError, OSError):
        raise InvalidInputError(
            f'tz must be a time zone such as "Europe/Berlin" or "UTC", not {tz!r}. Nothing was added up.',
            charged=False,
        ) from None


def local_zone() -> tzinfo:
    """Find this machine's time zone with its summer times, not only today's offset.

    Examples
    --------
    >>> from skytells_nb.frames.grouped import local_zone
    >>> local_zone() is not None
    True
    """
    named = os.environ.get("TZ", "").removeprefix(":")
    for name in (named, os.path.realpath("/etc/localtime").partition("zoneinfo/")[2]):
        if name and not Path(name).is_absolute():
            try:
                return ZoneInfo(name)
            except (KeyError, ValueError, OSError):
                continue
    zone: tzinfo = import_module("dateutil.tz").tzlocal()
    return zone
