"""What a property looks like: the predicates and the small sums that the table of rules is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from ._fields import UNSET, Number, Property

__all__ = [
    "PROMPTS",
    "accept",
    "bounds",
    "choices",
    "fitting_default",
    "is_closed",
    "is_colour",
    "is_long",
    "is_media",
    "is_numeric",
    "is_promptlike",
    "is_secret",
    "is_seed",
    "is_slider",
    "items",
    "range_told",
    "short",
    "stops",
]

PROMPTS: Final = ("prompt", "text", "lyrics", "script", "instruction", "instructions", "question", "message")
_LONG_NAMES: Final = frozenset({*PROMPTS, "negative_prompt", "system", "system_prompt", "description"})
_LINKS: Final = frozenset({"uri", "url", "uri-reference", "iri", "binary", "data-url", "data-uri", "base64"})
_SECRETS: Final = frozenset({("password",), ("secret",), ("token",), ("passphrase",)})
_PICTURES: Final = frozenset({"image", "images", "mask", "masks", "photo", "picture", "frame", "face"})
_SOUNDS: Final = frozenset({"audio", "voice", "song", "speech", "sound", "vocals"})
_CLIPS: Final = frozenset({"video", "videos", "clip"})
_MEDIA: Final = _PICTURES | {"audio", "video", "videos"}
_NO_MEDIA: Final = frozenset({"webhook", "callback", "website", "homepage", "notify"})

_EXACT_STOPS: Final = 200
_SLIDER_RANGE: Final = 5_000


def is_secret(p: Property) -> bool:
    """Whether it is a credential: said so, or named so."""
    if not p.is_only("string"):
        return False
    marked = p.schema.get("x-cog-secret") is True or p.schema.get("format") == "password"
    return marked or p.words[-1:] in _SECRETS or p.words[-2:] == ("api", "key")


def is_media(p: Property) -> bool:
    """Whether it takes a link to a file: by its format, a hint, or its name."""
    if not (p.is_only("string") or (not p.types and p.text("format"))) or p.enum:
        return False
    if _NO_MEDIA & set(p.words):
        return False
    if p.text("format").lower() in _LINKS or p.text("contentMediaType") or p.text("contentEncoding"):
        return True
    if p.ui.get("field") in ("image", "audio", "video", "file"):
        return True
    last = p.words[-1:] and p.words[-1]
    return (last in ("url", "uri") and len(p.words) > 1) or last in _MEDIA


def accept(p: Property) -> str:
    """Give the kind of file that a media field takes, such as ``image/*``; empty for any."""
    stated = p.text("contentMediaType") or str(p.ui.get("field") or "")
    words = {*p.words, *stated.replace("/", " ").split()}
    for kind, names in (("image/*", _PICTURES), ("audio/*", _SOUNDS), ("video/*", _CLIPS)):
        if words & names:
            return kind
    return ""


def is_promptlike(p: Property) -> bool:
    """Whether it is what a person has to say to the model."""
    return bool(p.types <= {"string"} and not p.enum and p.name.lower() in PROMPTS and not is_media(p))


def is_long(p: Property) -> bool:
    """Whether a text wants several lines."""
    if not p.is_only("string") and not (not p.types and is_promptlike(p)):
        return False
    longest = p.number("maxLength")
    return p.name.lower() in _LONG_NAMES or is_promptlike(p) or (longest is not None and longest >= 200)


def is_numeric(p: Property) -> bool:
    """Whether it is a number, and nothing else."""
    return p.is_only("integer") or p.is_only("number")


def is_seed(p: Property) -> bool:
    """Whether it is the seed of a draw."""
    return p.is_only("integer") and not p.enum and p.words[-1:] == ("seed",)


def is_slider(p: Property) -> bool:
    """Whether it is a number whose range is small enough to be slid through."""
    return is_numeric(p) and stops(p) is not None


def is_colour(p: Property) -> bool:
    """Whether it is a colour."""
    return p.is_only("string") and p.text("format") == "color"


def is_closed(p: Property) -> bool:
    """Whether it is one of a list: of an enum, or yes and no where neither is the default."""
    if p.enum and p.schema.get("x-open") is not True:
        return True
    return p.is_only("boolean") and not isinstance(p.schema.get("default"), bool)


def items(p: Property) -> Property:
    """Give what an array holds, as a property of its own."""
    from ..validation.folding import fold

    inside = fold(p.schema.get("items", True), p.root)
    return Property(p.name, inside, False, p.root, p.depth + 1)


def choices(p: Property) -> tuple[tuple[str, Any], ...]:
    """List the labels and values of a closed list; values keep their types."""
    values = p.enum or [True, False]
    given = p.schema.get("x-enum-labels", p.schema.get("enumNames"))
    if isinstance(given, list) and len(given) == len(values):
        labels = [str(label) for label in given]
    else:
        labels = [_label(value) for value in values]
        if len(set(labels)) < len(labels):
            labels = [repr(value) for value in values]
    if len(set(labels)) < len(labels):
        labels = [f"{label} ({at})" for at, label in enumerate(labels, 1)]
    return tuple(zip(labels, values, strict=True))


def _label(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(value).split())[:80] or "(empty)"


def bounds(p: Property) -> tuple[Number | None, Number | None]:
    """Give the smallest and the largest number allowed, as far as it says."""
    low, high = p.number("minimum"), p.number("maximum")
    above, below = p.number("exclusiveMinimum"), p.number("exclusiveMaximum")
    whole = p.is_only("integer")
    if above is not None:
        above = math.floor(above) + 1 if whole else above
        low = above if low is None else max(low, above)
    if below is not None:
        below = math.ceil(below) - 1 if whole else below
        high = below if high is None else min(high, below)
    return low, high


def stops(p: Property) -> Number | None:
    """Choose the distance between two stops of a slider; None where a slider would be a bad control.

    Up to two hundred stops are exact. Beyond, the slider is coarse, and what lies between is typed.
    """
    low, high = bounds(p)
    if low is None or high is None or not low < high:
        return None
    span, least = high - low, p.number("multipleOf")
    if least is not None and 0 < least <= span:
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
    default = p.schema.get("default", UNSET)
    if default is UNSET or default is None:
        return UNSET, ""
    low, high = bounds(p)
    wrong = bool(p.enum) and p.schema.get("x-open") is not True and default not in p.enum
    if is_numeric(p):
        wrong = wrong or isinstance(default, bool) or not isinstance(default, int | float)
        wrong = wrong or (low is not None and default < low) or (high is not None and default > high)
        wrong = wrong or (p.is_only("integer") and float(default) != int(default))
    if p.is_only("string"):
        wrong = wrong or not isinstance(default, str)
    if p.is_only("array"):
        wrong = wrong or not isinstance(default, list)
    if not wrong:
        return int(default) if p.is_only("integer") and isinstance(default, float) else default, ""
    return (
        UNSET,
        f"The model's own default, {_label(default)}, is not among what it allows; left to the model.",
    )


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
