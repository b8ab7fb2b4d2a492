"""An arena's tables and chart, its votes and its models with their scores; and vectors of texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from ..models import Embeddings
from ..plaintext import clip, one_line
from ._dtypes import column_of
from ._plots import INK, PALETTE, blend_in, pyplot, show_alone

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
_LONGEST: Final = 32


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
    plt = pyplot()
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
    labels = [
        f"{clip(one_line(str(row.model)), _LONGEST)}\n{row.wins:g} of {row.games} won"
        for row in drawn.itertuples()
    ]
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
    return pd.DataFrame(list(embeddings.vectors), index=index, dtype=float)
