"""Tables for pandas: what was made and what it cost, what models cost, what was spent.

The only room that imports pandas; the façade loads it when a table is first asked for.
"""

from __future__ import annotations

from .files import read_frame, write_frame
from .grouped import spend
from .plots import plot_spend
from .predicted import predictions_frame
from .priced import pricing_frame
from .printing import models_table, spend_table
from .sums import forecast, total

__all__ = [
    "forecast",
    "models_table",
    "plot_spend",
    "predictions_frame",
    "pricing_frame",
    "read_frame",
    "spend",
    "spend_table",
    "total",
    "write_frame",
]
