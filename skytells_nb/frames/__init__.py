"""Tables for pandas: what was made and what it cost, what models cost, what was spent.

The only package that imports pandas; the façade loads it when a table is first asked for.
"""

from __future__ import annotations

from ._dataset_writer import append_dataset
from ._files import read_frame, write_frame
from ._grid import grid
from ._plots import (
    embeddings_frame,
    models_table,
    plot_ranking,
    plot_spend,
    ranking_frame,
    spend_table,
    votes_frame,
)
from ._predictions import predictions_frame, pricing_frame
from ._spend import spend
from ._totals import forecast, total

__all__ = [
    "append_dataset",
    "embeddings_frame",
    "forecast",
    "grid",
    "models_table",
    "plot_ranking",
    "plot_spend",
    "predictions_frame",
    "pricing_frame",
    "ranking_frame",
    "read_frame",
    "spend",
    "spend_table",
    "total",
    "votes_frame",
    "write_frame",
]
