"""``sky.compare``: one grid of models and prompts, with each cell's time and cost."""

from __future__ import annotations

from ._compare import compare
from ._grid import Cell, Comparison

__all__ = ["Cell", "Comparison", "compare"]
