"""Billing units: what a price is for, in every spelling that was seen (skytells-api.md section 8.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Final

__all__ = ["Kind", "Unit", "read_unit"]


class Kind(Enum):
    """What has to be counted to apply a price."""

    PREDICTION = "prediction"
    OUTPUT = "output"
    LENGTH = "length"
    PIXELS = "pixels"
    TOKENS = "tokens"
    COMPUTING = "computing"


@dataclass(frozen=True, slots=True)
class Unit:
    """A billing unit, understood.

    Attributes
    ----------
    kind : Kind
        What is counted.
    size : Decimal
        How many seconds or tokens one unit holds.
    sign : str
        What stands after the price's slash, such as ``s`` in ``$0.13/s``.
    plural : str
        What stands after a number of them.
    blocks : bool
        Whether a begun unit is billed whole.
    """

    kind: Kind
    sign: str
    plural: str
    size: Decimal = Decimal(1)
    blocks: bool = False


def _output(name: str) -> Unit:
    return Unit(Kind.OUTPUT, name, f"{name}s")


_PREDICTION: Final = Unit(Kind.PREDICTION, "prediction", "predictions")
_SECOND: Final = Unit(Kind.LENGTH, "s", "s")
_MINUTE: Final = Unit(Kind.LENGTH, "min", "min", Decimal(60))
_MEGAPIXEL: Final = Unit(Kind.PIXELS, "MP", "MP")
_TOKEN: Final = Unit(Kind.TOKENS, "token", "tokens")
_THOUSAND: Final = Unit(Kind.TOKENS, "1k tokens", "thousand tokens", Decimal(1_000))
_MILLION: Final = Unit(Kind.TOKENS, "1M tokens", "million tokens", Decimal(1_000_000))
_COMPUTING: Final = Unit(Kind.COMPUTING, "s of computing", "s of computing")

# Keys are singular, lower case, with single spaces; `read_unit` brings every spelling there.
_UNITS: Final = {
    "prediction": _PREDICTION,
    "call": _PREDICTION,
    "request": _PREDICTION,
    "run": _PREDICTION,
    "generation": _PREDICTION,
    "image": _output("image"),
    "picture": _output("image"),
    "video": _output("video"),
    "clip": _output("clip"),
    "audio": Unit(Kind.OUTPUT, "audio", "audios"),
    "song": _output("song"),
    "track": _output("track"),
    "output": _output("output"),
    "second": _SECOND,
    "sec": _SECOND,
    "s": _SECOND,
    "video second": _SECOND,
    "audio second": _SECOND,
    "output second": _SECOND,
    "minute": _MINUTE,
    "min": _MINUTE,
    "video minute": _MINUTE,
    "audio minute": _MINUTE,
    "megapixel": _MEGAPIXEL,
    "mp": _MEGAPIXEL,
    "image megapixel": _MEGAPIXEL,
    "output megapixel": _MEGAPIXEL,
    "token": _TOKEN,
    "thousand token": _THOUSAND,
    "1k token": _THOUSAND,
    "1000 token": _THOUSAND,
    "million token": _MILLION,
    "1m token": _MILLION,
    "1000000 token": _MILLION,
    "mtok": _MILLION,
    "gpu": _COMPUTING,
    "gpu second": _COMPUTING,
    "computing second": _COMPUTING,
    "compute second": _COMPUTING,
}
_BLOCK: Final = re.compile(r"(\d{1,4}(?:\.\d{1,3})?) ?(?:(?:video |audio )?seconds?|secs?|s)")
_SPACE: Final = re.compile(r"[\s_-]+")
_PER: Final = re.compile(r"^(?:/ ?|per (?=\S)|a (?=\S))")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def read_unit(listed: str | None) -> Unit | None:
    """Read a unit in any of its spellings; None when it is none that is known.

    Examples
    --------
    >>> from skytells_nb.pricing.units import read_unit
    >>> read_unit("5 seconds").blocks, read_unit("image_megapixel") == read_unit("Megapixels")
    (True, True)
    """
    word = _SPACE.sub(" ", _CAMEL.sub(" ", listed or "")).strip().lower()
    word = _PER.sub("", word).replace(",", "")
    known = _UNITS.get(word) or _UNITS.get(word.removesuffix("s"))
    if known is not None:
        return known
    block = _BLOCK.fullmatch(word)
    if block is None or not Decimal(block[1]):
        return None
    size = Decimal(block[1])
    return _SECOND if size == 1 else Unit(Kind.LENGTH, f"{block[1]} s", f"× {block[1]} s", size, blocks=True)
