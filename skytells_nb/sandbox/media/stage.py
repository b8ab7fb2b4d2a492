"""Where a place leaves room for its subject."""

from __future__ import annotations

from typing import NamedTuple


class Stage(NamedTuple):
    """Where a subject may stand: the middle of its feet, and how tall a fox would be there, in pixels."""

    x: float
    foot: float
    tall: float
