"""``plot_spend``: the spend as a chart, with its currency on the axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from ..exceptions import SkytellsError
from .grouped import spend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_spend"]

_MOST: Final = 12


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
        As for ``spend``. With more than twelve groups the smallest are drawn together as "other".
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
    label = f"cost ({table.attrs['currency']})"
    if ax is None:
        _, ax = plt.subplots()
    names = _fewer(_named(table), table["cost"])
    if freq is None:
        costs = table["cost"].groupby(names, sort=False).sum().sort_values()
        ax.barh([str(name) for name in costs.index], costs.to_numpy())
        ax.set_xlabel(label)
        return ax
    timed = table["period"].notna()
    when = table["period"].dt.tz_localize(None)
    wide = table["cost"].fillna(0.0)[timed].groupby([when[timed], names[timed]]).sum().unstack(fill_value=0)
    shown = [_moment(each) for each in wide.index]
    bottom = np.zeros(len(wide))
    for name in wide.sum().sort_values(ascending=False).index:
        ax.bar(shown, wide[name].to_numpy(), bottom=bottom, label=str(name))
        bottom = bottom + wide[name].to_numpy()
    ax.set_ylabel(label)
    ax.set_xlabel(f"{freq}, {table.attrs['timezone']}")
    ax.tick_params(axis="x", rotation=45)
    if len(wide.columns):
        ax.legend()
    return ax


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
    return names.where(names.isin(sums.nlargest(_MOST - 1).index), "other")


def _moment(period: Any) -> str:
    return str(period.strftime("%Y-%m-%d" if period == period.normalize() else "%Y-%m-%d %H:%M"))
