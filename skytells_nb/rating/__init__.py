"""``sky.rate``: stars, tags and a note for what was made, one after the other, by keyboard."""

from __future__ import annotations

from ._rater import Rater, rate

__all__ = ["Rater", "rate"]
