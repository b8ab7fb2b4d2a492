"""How figures are shown: the spend as a chart, and with the prices as lines of text; an arena's ranking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from decimal import Decimal
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from ..checks import require_package
from ..exceptions import InvalidInputError
from ..formatting import format_cost
from ..models import Embeddings
from ..plaintext import align, clip, one_line
from ..pricing import added
from ._dtypes import column_of
from ._predictions import pricing_frame
from ._spend import format_period, periods_between, spend
from ._totals import rounded

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PALETTE: Final = (
    "#3f90da", "#ffa90e", "#bd1f01", "#92dadd", "#832db6", "#e76300", "#b9ac70", "#a96b59", "#717581",
)  # fmt: skip
"""Petroff's colours, also for those who cannot tell red from green (arXiv:2107.02270); his grey is _GREY."""

_GREY: Final = "#94a4a2"  # of "other": the tenth of them
INK: Final = "#7a7a7a"  # text and axes: 4.3 to 1 on white, and 4.4 to 1 on JupyterLab's dark #111111
_MOST_GROUPS: Final = len(PALETTE) + 1
_MOST_LABELS: Final = 14
_MOST_PERIODS: Final = 1_000
_LONGEST: Final = 32  # characters of a label
_OTHER: Final = "other"
_WORDS: Final = {
    "D": "day",
    "W": "week",
    "MS": "month",
    "ME": "month",
    "h": "hour",
    "QS": "quarter",
    "YS": "year",
}


def plot_spend(
    frame: Any,
    by: str | Sequence[str] = "model",
    freq: str | None = None,
    *,
    ax: Axes | None = None,
    rates: Mapping[str, float] | None = None,
    tz: str | tzinfo | None = None,
) -> Axes:
    """Draw what predictions cost: a bar for each group, or a stack of them for each period.

    Parameters
    ----------
    frame : DataFrame, or anything that ``predictions_frame`` takes
    by, freq, rates, tz
        As for ``spend``. With more than ten groups the smallest are drawn together as "other".
        Periods without any spend are gaps.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given, which is transparent and is read on a light page and on
        a dark one.

    Returns
    -------
    matplotlib.axes.Axes
        To change as you like. As a cell's last line it prints nothing beside its chart.

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
    >>> axes.get_title(), axes.get_xlabel()
    ('Spend by model: $0.50', 'cost (USD)')
    >>> import matplotlib.pyplot; matplotlib.pyplot.close(axes.figure)
    """
    plt = require_package("matplotlib.pyplot", "Drawing")
    table = spend(frame, by, freq, rates=rates, tz=tz)
    currency = table.attrs["currency"]
    if currency == "mixed":
        raise InvalidInputError(
            "Costs in several currencies have no common axis. Pass rates=…, or the rows of one currency."
        )
    own = ax is None
    if ax is None:
        _, ax = plt.subplots(layout="constrained")
    names = _fewer(_named(table), table["cost"])
    known = table["cost"].groupby(names, sort=False).sum(min_count=1)
    if not known.notna().any():
        ax.text(0.5, 0.5, "no known cost", ha="center", va="center", transform=ax.transAxes, color=INK)
    label = f"cost ({currency})" if known.notna().any() else "cost"
    if freq is None:
        _bars(ax, known, currency)
        ax.set_xlabel(label)
    else:
        timed = table["period"].notna()
        wide = table["cost"].fillna(0.0)[timed].groupby([table["period"][timed], names[timed]]).sum()
        _stacks(ax, _without_gaps(wide.unstack(fill_value=0), freq), freq, currency, legend_aside=own)
        ax.set_ylabel(label)
        ax.set_xlabel(f"{_unit(freq)}, {table.attrs['timezone']} time")
    by = [str(name).removeprefix("input.") for name in table.attrs["by"]]
    title = "Spend" + (f" per {_unit(freq)}" if freq else "") + (f" by {' and '.join(by)}" if by else "")
    paid = table["cost"].dropna()
    title += f": {_money(paid.sum(), currency, 3)}" if len(paid) else ""
    ax.set_title(title, parse_math=False)
    if own:
        blend_in(ax)
    return show_alone(ax)


def show_alone(ax: Axes) -> Axes:
    """Let a cell whose last line is a chart show the chart, without "<Axes: title=…>" above it."""
    setattr(ax, "_ipython_display_", _print_nothing)  # noqa: B010 - no attribute that matplotlib declares
    return ax


def _print_nothing() -> None:
    """Print nothing; a function with a name, so that the figure can still be pickled."""


def _unit(freq: str) -> str:
    return _WORDS.get(freq.partition("-")[0], freq)


def _bars(ax: Axes, costs: pd.Series, currency: str) -> None:
    """Draw a bar for each group, the largest on top; a group of unknown cost has none, and says so."""
    drawn = costs.fillna(0.0).sort_values()
    drawn = drawn.reindex(sorted(drawn.index, key=lambda name: name != _OTHER))
    places = range(len(drawn))  # not the names: two that are alike when shortened would be one bar
    colours = [_GREY if name == _OTHER else PALETTE[0] for name in drawn.index]
    bars = ax.barh(places, drawn.to_numpy(), color=colours)
    labels = [f"{_short(name)} (unknown)" if pd.isna(costs[name]) else _short(name) for name in drawn.index]
    ax.set_yticks(places, labels, parse_math=False)
    amounts = ["" if pd.isna(costs[name]) else _money(drawn[name], currency, 3) for name in drawn.index]
    ax.bar_label(bars, amounts, padding=4, color=INK, parse_math=False)
    ax.margins(x=0.22)  # room for the amounts
    ax.set_xlim(left=0)


def _stacks(ax: Axes, wide: pd.DataFrame, freq: str, currency: str, *, legend_aside: bool) -> None:
    """Draw a stack for each period, the largest group at the bottom."""
    places = np.arange(len(wide))
    bottom = np.zeros(len(wide))
    largest_first = wide.sum().sort_values(ascending=False, kind="stable").index
    order = sorted(largest_first, key=lambda name: name == _OTHER)
    bars: list[Any] = []
    for colour, name in zip((*PALETTE, _GREY), order, strict=False):
        heights = wide[name].to_numpy()
        drawn = ax.bar(places, heights, bottom=bottom, label="_", color=_GREY if name == _OTHER else colour)
        bars.append(drawn)
        bottom = bottom + heights
    step = max(1, -(-len(wide) // _MOST_LABELS))
    labels = [format_period(each, freq) for each in wide.index[::step]]
    ax.set_xticks(places[::step], labels, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_ylim(bottom=0)
    if not order:
        return
    if len(wide) <= _MOST_LABELS:
        amounts = [_money(total, currency, 3) if total else "" for total in bottom]
        ax.bar_label(bars[-1], amounts, padding=3, color=INK, fontsize="small", parse_math=False)
        ax.margins(y=0.12)
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)} if legend_aside else {}
    # Labels are set afterwards: matplotlib leaves those out that begin with an underscore.
    legend = ax.legend(bars, ["…" for _ in order], reverse=True, frameon=False, **place)
    for text, name in zip(legend.get_texts(), reversed(order), strict=True):
        text.set_parse_math(False)
        text.set_text(_short(name))


def blend_in(ax: Axes) -> None:
    """Draw on whatever page there is, light or dark."""
    ax.figure.patch.set_alpha(0.0)
    ax.patch.set_alpha(0.0)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(INK)
    ax.tick_params(colors=INK)
    for text in (ax.title, ax.xaxis.label, ax.yaxis.label):
        text.set_color(INK)
    legend = ax.get_legend()
    for text in legend.get_texts() if legend else ():
        text.set_color(INK)


def _without_gaps(wide: pd.DataFrame, freq: str) -> pd.DataFrame:
    """Add the periods in which nothing was spent, where that does not make too many to draw."""
    if not len(wide):
        return wide
    every = periods_between(wide.index[0], wide.index[-1], freq)
    whole = len(every) <= _MOST_PERIODS and wide.index.isin(every).all()
    return wide.reindex(every, fill_value=0.0) if whole else wide


def _named(table: pd.DataFrame) -> pd.Series:
    keys = [table[name] for name in table.attrs["by"]]
    words = [", ".join(map(_word, row)) for row in zip(*keys, strict=True)]
    return pd.Series(words if keys else ["all"] * len(table), index=table.index, name="group", dtype=object)


def _fewer(names: pd.Series, costs: pd.Series) -> pd.Series:
    """Draw the smallest together where there are too many to tell apart."""
    sums = costs.groupby(names).sum()
    if len(sums) <= _MOST_GROUPS:
        return names
    return names.where(names.isin(sums.nlargest(_MOST_GROUPS - 1).index), _OTHER)


def _short(name: Any) -> str:
    return clip(one_line(str(name)), _LONGEST)


def _money(value: float, currency: str, digits: int | None = None) -> str:
    return "unknown" if pd.isna(value) else format_cost(rounded(float(value)), currency, digits=digits)


def models_table(source: Any, criteria: bool = False) -> str:
    """Format the price list as lines of text; ``criteria`` adds the rules by which inputs change it."""
    frame = pricing_frame(source, criteria=criteria)
    rows = [["model", "type", "price", "status", *(["when"] if criteria else [])]]
    for row in frame.to_dict("records"):
        cells = [str(row["model"]), _word(row["type"], ""), row["price"], _word(row["status"], "")]
        if criteria:
            value = row["value"]
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            cells.append("" if pd.isna(row["field"]) else f"{row['field']} is {shown}")
        rows.append(cells)
    if len(rows) == 1:
        return "No models."
    return "\n".join([*align(rows), *frame.attrs["notes"]])


def spend_table(
    source: Any,
    by: str | Sequence[str] = "model",
    freq: str | None = None,
    *,
    tz: str | tzinfo | None = None,
) -> str:
    """Format the spend as lines of text, with what is not in it below; see ``spend``."""
    table = spend(source, by, freq, tz=tz)
    currency, keys = table.attrs["currency"], [*(["period"] if freq else []), *table.attrs["by"]]
    several = currency == "mixed"
    rows = [[*keys, "count", "cost", "mean", "share"]]
    for row in table.to_dict("records"):
        code = str(row["currency"]) if several else currency
        share = "" if several or pd.isna(row["share"]) else f"{100 * row['share']:.0f} %"
        cells = [format_period(row[key], freq) if key == "period" else _word(row[key]) for key in keys]
        rows.append([*cells, str(row["count"]), _money(row["cost"], code), _money(row["mean"], code), share])
    if len(rows) == 1:
        return "\n".join(["No predictions.", *table.attrs["notes"]])
    if keys and not several:
        known = table["cost"].dropna()
        whole = added(Decimal(repr(float(cost))) for cost in known)
        text = _money(float(whole), currency) if len(known) else "unknown"
        rows.append(["total", *[""] * (len(keys) - 1), str(table["count"].sum()), text, "", ""])
    zone = [f"periods by {table.attrs['timezone']} time"] if freq else []
    notes = [f"note: {note}" for note in (*zone, *table.attrs["notes"])]
    return "\n".join([*align(rows, right=range(len(keys), len(rows[0]))), *notes])


def _word(value: Any, missing: str = "unknown") -> str:
    return missing if pd.isna(value) else str(value)


_RANKING: Final[Mapping[str, Any]] = {
    "model": "text",
    "score": "number",
    "low": "number",
    "high": "number",
    "wins": "number",
    "games": "integer",
    "mean_s": "number",
    "cost_each": "number",
    "cost_per_win": "number",
}
_VOTES: Final[Mapping[str, Any]] = {
    "voted_at": "time",
    "voter": "text",
    "vote": "category",
    "winner": "text",
    "left": "text",
    "right": "text",
    "prompt": "text",
    "left_id": "text",
    "right_id": "text",
}


def votes_frame(votes: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Tabulate votes: one row each, in the order they come; of a tie the winner is missing."""
    rows = [
        {
            **vote,
            "voted_at": vote["voted_at"].replace(tzinfo=None),
            "winner": {"left": vote["left"], "right": vote["right"]}.get(vote["vote"]),
        }
        for vote in votes
    ]
    return _frame(_VOTES, rows)


def ranking_frame(rows: Iterable[Mapping[str, Any]], **attrs: Any) -> pd.DataFrame:
    """Tabulate models with their scores; None is what nobody knows."""
    frame = _frame(_RANKING, list(rows))
    frame.attrs.update(attrs)
    return frame


def _frame(columns: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(
        {name: column_of(kind, [row[name] for row in rows]) for name, kind in columns.items()}
    )


def plot_ranking(ranking: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw a dot for each model's score, with its 95 % interval, best on top.

    ``ranking`` is what ``Arena.ranking`` returns; a new figure, unless ``ax`` is given, is transparent.
    """
    plt = require_package("matplotlib.pyplot", "Drawing")
    own = ax is None
    if ax is None:
        _, ax = plt.subplots(figsize=(6.4, 1.4 + 0.5 * len(ranking)), layout="constrained")
    drawn = ranking.iloc[::-1]
    places = range(len(drawn))
    ax.axvline(0, color=INK, linewidth=1, linestyle=(0, (2, 3)), zorder=0)
    reach = [drawn["score"] - drawn["low"], drawn["high"] - drawn["score"]]
    ax.errorbar(
        drawn["score"], places, xerr=reach, fmt="o", color=PALETTE[0], capsize=4, markersize=8, linewidth=2
    )
    labels = [f"{_short(row.model)}\n{row.wins:g} of {row.games} won" for row in drawn.itertuples()]
    ax.set_yticks(places, labels, parse_math=False)
    ax.set_ylim(-0.6, len(drawn) - 0.4)
    ax.set_xlabel("score (Bradley–Terry, with 95 % intervals)")
    longest = max(len(line) for label in labels for line in label.splitlines())
    verdict = str(ranking.attrs.get("verdict", ""))
    title = fill(verdict, max(1, 74 - longest), break_long_words=False, break_on_hyphens=False)
    ax.set_title(title, parse_math=False, fontsize="medium")
    if own:
        blend_in(ax)
    return show_alone(ax)


def embeddings_frame(embeddings: Embeddings) -> pd.DataFrame:
    """Return a row for each text, under its text where it is known, and a column for each dimension."""
    known = len(embeddings.texts) == len(embeddings.vectors)
    index = pd.Index(embeddings.texts, name="text", dtype=object) if known else None
    return pd.DataFrame(embeddings.to_numpy(), index=index)
