"""``plot_spend``: the spend as a chart, with its currency on the axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from ..exceptions import InvalidInputError, SkytellsError
from .grouped import spend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_spend"]

_MOST: Final = 10
"""Groups that a style has colours for."""
_LABELS: Final = 14
_PERIODS: Final = 1_000
_OTHER: Final = "other"
_GREY: Final = "0.6"


def plot_spend(
    frame: Any,
    by: str | Sequence[str] = "model",
    freq: str | None = None,
    *,
    ax: Axes | None = None,
    rates: Mapping[str, float] | None = None,
) -> Axes:
    """Draw what predictions cost: a bar for each group, or a stack of them for each period.

    Parameters
    ----------
    frame : DataFrame, or anything that ``predictions_frame`` takes
    by, freq, rates
        As for ``spend``. With more than ten groups the smallest are drawn together as "other".
        Periods without any spend are gaps.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given. Nothing is shown by itself.

    Returns
    -------
    matplotlib.axes.Axes
        To change as you like.

    Raises
    ------
    SkytellsError
        matplotlib is not installed.
    InvalidInputError
        As ``spend``, and costs in several currencies, which have no common axis.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> bill = {"metadata": {"billing": {"credits_used": 0.5}}, "model": "lumo"}
    >>> axes = sky.plot_spend([{"id": "a", **bill}])
    >>> axes.get_xlabel()
    'cost (USD)'
    >>> import matplotlib.pyplot; matplotlib.pyplot.close(axes.figure)
    """
    try:
        import matplotlib.pyplot as plt
    except ModuleNotFoundError:
        raise SkytellsError(
            "Drawing needs matplotlib, which is not installed. No data is lost. "
            'pip install "skytells-nb[analysis]"',
            charged=False,
        ) from None
    table = spend(frame, by, freq, rates=rates)
    if table.attrs["currency"] == "mixed":
        raise InvalidInputError(
            "Costs in several currencies have no common axis. Nothing was drawn. Pass rates=…, or draw the "
            "rows of one currency.",
            charged=False,
        )
    own = ax is None
    if ax is None:
        _, ax = plt.subplots(layout="constrained")
    label = f"cost ({table.attrs['currency']})"
    names = _fewer(_named(table), table["cost"])
    known = table["cost"].groupby(names, sort=False).sum(min_count=1)
    if not known.notna().any():
        ax.text(0.5, 0.5, "no known cost", ha="center", va="center", transform=ax.transAxes)
    if freq is None:
        _bars(ax, known)
        ax.set_xlabel(label)
        return ax
    timed = table["period"].notna()
    wide = table["cost"].fillna(0.0)[timed].groupby([table["period"][timed], names[timed]]).sum()
    _stacks(ax, _without_gaps(wide.unstack(fill_value=0), freq))
    ax.set_ylabel(label)
    ax.set_xlabel(f"{freq}, {table.attrs['timezone']}")
    if len(wide):
        place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)} if own else {}
        ax.legend(reverse=True, **place)
    return ax


def _bars(ax: Axes, costs: pd.Series) -> None:
    """Draw a bar for each group, the largest on top; a group of unknown cost has none, and says so."""
    drawn = costs.fillna(0.0).sort_values()
    drawn = drawn.reindex(sorted(drawn.index, key=lambda name: name != _OTHER))
    labels = [f"{name} (unknown)" if pd.isna(costs[name]) else str(name) for name in drawn.index]
    for bar, name in zip(ax.barh(labels, drawn.to_numpy()), drawn.index, strict=True):
        if name == _OTHER:
            bar.set_color(_GREY)
    ax.set_xlim(left=0)


def _stacks(ax: Axes, wide: pd.DataFrame) -> None:
    """Draw a stack for each period, the largest group at the bottom."""
    places = np.arange(len(wide))
    bottom = np.zeros(len(wide))
    largest_first = wide.sum().sort_values(ascending=False, kind="stable").index
    order = sorted(largest_first, key=lambda name: name == _OTHER)
    for name in order:
        color = _GREY if name == _OTHER else None
        ax.bar(places, wide[name].to_numpy(), bottom=bottom, label=str(name), color=color)
        bottom = bottom + wide[name].to_numpy()
    step = max(1, -(-len(wide) // _LABELS))
    ax.set_xticks(places[::step], [_moment(each) for each in wide.index[::step]], rotation=45, ha="right")
    ax.set_ylim(bottom=0)


def _without_gaps(wide: pd.DataFrame, freq: str) -> pd.DataFrame:
    """Put in the periods in which nothing was spent, where that does not make too many to draw."""
    if not len(wide):
        return wide
    unit: Any = getattr(wide.index, "unit", "ns")
    every = pd.date_range(wide.index[0], wide.index[-1], freq=freq, unit=unit)
    whole = len(every) <= _PERIODS and wide.index.isin(every).all()
    return wide.reindex(every, fill_value=0.0) if whole else wide


def _named(table: pd.DataFrame) -> pd.Series:
    """Name each group in words."""
    keys = [table[name] for name in table.attrs["by"]]
    words = [", ".join("unknown" if pd.isna(v) else str(v) for v in row) for row in zip(*keys, strict=True)]
    return pd.Series(words if keys else ["all"] * len(table), index=table.index, name="group", dtype=object)


def _fewer(names: pd.Series, costs: pd.Series) -> pd.Series:
    """Draw the smallest together where there are too many to tell apart."""
    sums = costs.groupby(names).sum()
    if len(sums) <= _MOST:
        return names
    return names.where(names.isin(sums.nlargest(_MOST - 1).index), _OTHER)


def _moment(period: Any) -> str:
    return str(period.strftime("%Y-%m-%d" if period == period.normalize() else "%Y-%m-%d %H:%M"))
