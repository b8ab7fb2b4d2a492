"""What it will cost, before it is sent, and a wall that spending does not get over."""

from __future__ import annotations

from ._budget import Budget, budget
from ._estimate import estimate

__all__ = ["Budget", "budget", "estimate"]
