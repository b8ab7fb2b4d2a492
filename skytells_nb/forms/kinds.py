"""What a property looks like: the predicates and the small sums that the table of rules is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from ..schema import PROMPT_NAMES, UNSET, Number
from ._fields import Property

__all__ = [
    "fitting_default",
    "is_closed",
    "is_colour",
    "is_long",
    "is_promptlike",
    "is_secret",
    "is_seed",
    "is_slider",
    "range_told",
    "short",
    "stops",
]

_LONG_NAMES: Final = frozenset({*PROMPT_NAMES, "negative_prompt", "system", "system_prompt", "description"})
_SECRETS: Final = frozenset({("password",), ("secret",), ("token",), ("passphrase",)})
_EXACT_STOPS: Final = 200
_SLIDER_RANGE: Final = 5_000


def is_secret(p: Property) -> bool:
    """Whether it is a credential: said so, or named so."""
    if not p.is_only("string"):
        return False
    marked = p.schema.get("x-cog-secret") is True or p.schema.get("format") == "password"
    return marked or p.words[-1:] in _SECRETS or p.words[-2:] == ("api", "key")


def is_promptlike(p: Property) -> bool:
    """Whether it is what a person has to say to the model."""
    return bool(p.types <= {"string"} and not p.enum and p.name.lower() in PROMPT_NAMES and not p.media)


def is_long(p: Property) -> bool:
    """Whether a text wants several lines."""
    if not p.is_only("string") and not (not p.types and is_promptlike(p)):
        return False
    longest = p.number("maxLength")
    return p.name.lower() in _LONG_NAMES or is_promptlike(p) or (longest is not None and longest >= 200)


def is_seed(p: Property) -> bool:
    """Whether it is the seed of a draw."""
    return p.is_only("integer") and not p.enum and p.words[-1:] == ("seed",)


def is_slider(p: Property) -> bool:
    """Whether it is a number whose range is small enough to be slid through."""
    return p.is_number and stops(p) is not None


def is_colour(p: Property) -> bool:
    """Whether it is a colour."""
    return p.is_only("string") and p.text("format") == "color"


def is_closed(p: Property) -> bool:
    """Whether it is one of a list: of an enum, or yes and no where neither is the default."""
    return p.closed or (p.is_only("boolean") and not isinstance(p.default, bool))


def stops(p: Property) -> Number | None:
    """Choose the distance between two stops of a slider; None where a slider would be a bad control.

    Up to two hundred stops are exact. Beyond, the slider is coarse, and what lies between is typed.
    """
    low, high = p.bounds
    if low is None or high is None or not low < high:
        return None
    span, least = high - low, p.step
    if least is not None and least <= span:
        return least if span / least <= _EXACT_STOPS else None
    if p.is_only("integer"):
        whole = [1, *(2, 4, 8, 16, 32), *(2, 5, 10, 20, 25, 50, 100)]
        return (
            next((n for n in whole if span % n == 0 and span / n <= _EXACT_STOPS), None)
            if (span <= _SLIDER_RANGE)
            else None
        )
    power = 10.0 ** (math.floor(math.log10(span)) - 2)
    return next((round(power * n, 12) for n in (1, 5, 10, 50) if span / (power * n) <= _EXACT_STOPS), None)


def fitting_default(p: Property) -> tuple[Any, str]:
    """Give the schema's default where the schema itself allows it, else `UNSET` and a remark."""
    default = p.default
    if default is UNSET or default is None:
        return UNSET, ""
    low, high = p.bounds
    wrong = p.closed and default not in p.enum
    if p.is_number:
        wrong = wrong or isinstance(default, bool) or not isinstance(default, int | float)
        wrong = wrong or (low is not None and default < low) or (high is not None and default > high)
        wrong = wrong or (p.is_only("integer") and float(default) != int(default))
    if p.is_only("string"):
        wrong = wrong or not isinstance(default, str)
    if p.is_only("array"):
        wrong = wrong or not isinstance(default, list)
    if not wrong:
        return int(default) if p.is_only("integer") and isinstance(default, float) else default, ""
    shown = " ".join(str(default).split())[:80]
    return UNSET, f"The model's own default, {shown}, is not among what it allows; left to the model."


def range_told(low: Number | None, high: Number | None) -> str:
    """Tell a range in a few words."""
    least, most = (_edge(edge) for edge in (low, high))
    if least and most:
        return f"{least} to {most}"
    return f"at least {least}" if least else f"at most {most}" if most else ""


def _edge(edge: Number | None) -> str:
    return "" if edge is None else f"{edge:,}" if isinstance(edge, int) else f"{edge:,.10g}"


def short(labels: Sequence[str]) -> bool:
    """Whether so many words fit on buttons side by side."""
    return len(labels) <= 4 and sum(len(label) + 3 for label in labels) <= 44
