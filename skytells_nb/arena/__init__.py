"""``sky.Arena``: which model is worth it, by blind choices between what two of them made."""

from __future__ import annotations

from ._arena import Arena, Pair

__all__ = ["Arena", "Pair"]
