"""How much of a notebook one cell may take, and how that is shared out: arithmetic only.

A cell's budget is counted in the bytes that the saved notebook grows by: base64 takes four bytes for three,
and JSON a second one for every quotation mark. The side of the thumbnails is chosen from their number before
anything is encoded; when the pictures still come out too large, the largest of them are made to give way.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

__all__ = [
    "base64_length",
    "ceiling",
    "most_entries",
    "notebook_bytes",
    "planned_side",
    "raw_length",
    "share",
]

_BYTES_PER_PIXEL: Final = 0.15
"""Base64 bytes that a grainy photograph takes per pixel as WebP at quality 80, measured at 512 pixels."""

_CEILING: Final = 55_000
"""Base64 bytes that one 512-pixel thumbnail may take, so that one prediction stays under 60 kB."""

_LEAST: Final = 5_000
"""Bytes below which a figure and its words cannot be had."""

_SMALLEST: Final = 96
_STEP: Final = 16


def planned_side(count: int, size: int, budget: int | None) -> int:
    """Choose the longest side of so many thumbnails, in pixels.

    Examples
    --------
    >>> from skytells_nb.display.planning import planned_side
    >>> planned_side(1, 512, 1_000_000), planned_side(100, 512, 1_000_000)
    (512, 256)
    """
    if budget is None or count < 1:
        return size
    side = int((budget / count / _BYTES_PER_PIXEL) ** 0.5) // _STEP * _STEP
    return min(size, max(_SMALLEST, side))


def ceiling(side: int) -> int:
    """Give the base64 bytes that one thumbnail of this side may take, whatever the budget."""
    return max(4_000, int(_CEILING * (side / 512) ** 2))


def most_entries(budget: int | None) -> int | None:
    """Give how many figures fit a budget at all; None where there is none."""
    return None if budget is None else max(1, budget // _LEAST)


def share(sizes: Sequence[int], budget: int) -> int:
    """Find the cap under which all sizes together meet the budget: small pictures keep what they need.

    Examples
    --------
    >>> from skytells_nb.display.planning import share
    >>> share([10, 100, 100], 110)
    50
    """
    left = max(0, budget)
    for done, size in enumerate(ordered := sorted(sizes)):
        even = left // (len(ordered) - done)
        if size > even:
            return even
        left -= size
    return max(sizes, default=0)


def base64_length(count: int) -> int:
    """Give how long so many bytes are in base64."""
    return (count + 2) // 3 * 4


def raw_length(count: int) -> int:
    """Give how many bytes fit into so much base64."""
    return max(0, count // 4 * 3)


def notebook_bytes(html: str) -> int:
    """Count the bytes a string takes in a saved notebook."""
    return len(json.dumps(html, ensure_ascii=False).encode("utf-8", "replace"))
