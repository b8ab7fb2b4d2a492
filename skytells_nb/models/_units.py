"""Billing units: what a price is for, in every spelling that was seen (skytells-api.md section 8.1).

One table. To add a unit, add a line; a new kind of quantity is a member of `BilledQuantity`, and mypy names
the places that must know it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Final


class BilledQuantity(Enum):
    """What has to be counted to apply a price."""

    PREDICTION = "prediction"
    OUTPUT = "output"
    LENGTH = "length"
    PIXELS = "pixels"
    TOKENS = "tokens"
    COMPUTING = "computing"


@dataclass(frozen=True, slots=True)
class Unit:
    """A billing unit: `name` stands after a price's slash, as in ``$0.13/second``, `plural` after a number.

    `size` is how many seconds or tokens one holds; where it `rounds_up` a begun unit is billed whole.
    """

    quantity: BilledQuantity
    name: str
    plural: str
    size: Decimal = Decimal(1)
    rounds_up: bool = False


_Q = BilledQuantity
_SECOND: Final = Unit(_Q.LENGTH, "second", "s")
_TABLE: Final[tuple[tuple[Unit, tuple[str, ...]], ...]] = (
    # Spellings are singular, lower case, with single spaces; `parse_unit` brings every spelling there.
    (
        Unit(_Q.PREDICTION, "prediction", "predictions"),
        ("prediction", "call", "request", "run", "generation"),
    ),
    (Unit(_Q.OUTPUT, "image", "images"), ("image", "picture")),
    (Unit(_Q.OUTPUT, "video", "videos"), ("video",)),
    (Unit(_Q.OUTPUT, "clip", "clips"), ("clip",)),
    (Unit(_Q.OUTPUT, "audio", "audios"), ("audio",)),
    (Unit(_Q.OUTPUT, "song", "songs"), ("song",)),
    (Unit(_Q.OUTPUT, "track", "tracks"), ("track",)),
    (Unit(_Q.OUTPUT, "output", "outputs"), ("output",)),
    (_SECOND, ("second", "sec", "s", "video second", "audio second", "output second")),
    (Unit(_Q.LENGTH, "minute", "min", Decimal(60)), ("minute", "min", "video minute", "audio minute")),
    (Unit(_Q.PIXELS, "megapixel", "MP"), ("megapixel", "mp", "image megapixel", "output megapixel")),
    (Unit(_Q.TOKENS, "token", "tokens"), ("token",)),
    (
        Unit(_Q.TOKENS, "thousand tokens", "thousand tokens", Decimal(1_000)),
        ("thousand token", "1k token", "1000 token"),
    ),
    (
        Unit(_Q.TOKENS, "million tokens", "million tokens", Decimal(1_000_000)),
        ("million token", "1m token", "1000000 token", "mtok"),
    ),
    (
        Unit(_Q.COMPUTING, "computing second", "s of computing"),
        ("gpu", "gpu second", "computing second", "compute second"),
    ),
)
_UNITS: Final = {spelling: unit for unit, spellings in _TABLE for spelling in spellings}
_BLOCK: Final = re.compile(r"(\d{1,4}(?:\.\d{1,3})?) ?(?:(?:video |audio )?seconds?|secs?|s)")
_SPACE: Final = re.compile(r"[\s_-]+")
_PER: Final = re.compile(r"^(?:/ ?|per (?=\S)|a (?=\S))")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def parse_unit(listed: str | None) -> Unit | None:
    """Parse a unit in any of its spellings; None when it is none that is known."""
    word = _SPACE.sub(" ", _CAMEL.sub(" ", listed or "")).strip().lower()
    word = _PER.sub("", word).replace(",", "")
    known = _UNITS.get(word) or _UNITS.get(word.removesuffix("s"))
    if known is not None:
        return known
    block = _BLOCK.fullmatch(word)
    if block is None or not Decimal(block[1]):
        return None
    size = Decimal(block[1])
    return _SECOND if size == 1 else Unit(_Q.LENGTH, f"{block[1]} seconds", f"× {block[1]} s", size, True)
