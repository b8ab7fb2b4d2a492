"""What a prediction costs: the model's price times what was made, by the rules of skytells-api.md, section 8.

Where the documentation is silent the rule is ours: the first criterion that matches wins; a missing input
takes the schema's default; blocks of five seconds are rounded up and nothing else is; a token is four
characters; failed and cancelled jobs cost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from skytells_nb.sandbox.catalogue import Entry

COUNTS = ("num_outputs", "number_of_images")
LENGTHS = ("duration_seconds", "seconds", "duration")
SMALLEST_UNIT = Decimal("0.000001")
#: A picture whose size the input leaves open has 1024 by 1024 pixels.
OPEN_SIDE = 1024


def values(entry: Entry, input: Mapping[str, Any]) -> dict[str, Any]:
    """Read what the model understands: its schema's fields, by default where the input says nothing."""
    known = entry.input_schema["properties"]
    given = {name: value for name, value in input.items() if name in known and value is not None}
    return {**entry.defaults(), **given}


def count(entry: Entry, input: Mapping[str, Any]) -> int:
    """How many files the prediction makes."""
    told = values(entry, input)
    found = next((told[name] for name in COUNTS if _is_number(told.get(name))), 1)
    return max(1, int(found))


def length(entry: Entry, input: Mapping[str, Any]) -> float:
    """How many seconds its clip or its sound has."""
    told = values(entry, input)
    found = next((told[name] for name in LENGTHS if _is_number(told.get(name))), entry.plays)
    return float(found)


def megapixels(entry: Entry, input: Mapping[str, Any]) -> Decimal:
    """How many megapixels (of a million pixels) it makes, all pictures together."""
    told = values(entry, input)
    width, height = (told[name] if _is_number(told.get(name)) else OPEN_SIDE for name in ("width", "height"))
    return _decimal(width) * _decimal(height) * count(entry, input) / 1_000_000


def price(entry: Entry, input: Mapping[str, Any], *, computing: float, text: str | None = None) -> Decimal:
    """Work out the price of one prediction in the pricing's currency.

    Parameters
    ----------
    entry : Entry
        The model.
    input : Mapping
        The prediction's input.
    computing : float
        Seconds the job computes, as ``metrics.predict_time`` will say.
    text : str, optional
        What a text model answered.

    Returns
    -------
    Decimal
        To the sixth decimal; no source tells how the real API rounds.
    """
    pricing = entry.public["pricing"]
    if pricing.get("formula"):
        return _formula(entry, input, pricing["formula"]).quantize(SMALLEST_UNIT)
    amount, unit = _rate(entry, input, pricing)
    return (amount * _quantity(entry, input, unit, computing, text)).quantize(SMALLEST_UNIT)


def _rate(entry: Entry, input: Mapping[str, Any], pricing: Mapping[str, Any]) -> tuple[Decimal, str]:
    told = values(entry, input)
    for criterion in pricing.get("criterias") or []:
        if told.get(criterion["field"]) == criterion["value"]:
            return _decimal(criterion["billable_price"]), criterion["unit"]
    return _decimal(pricing["amount"]), pricing["unit"]


def _quantity(
    entry: Entry, input: Mapping[str, Any], unit: str, computing: float, text: str | None
) -> Decimal:
    seconds = max(_decimal(length(entry, input)), _decimal(entry.least_seconds))
    match unit:
        case "image" | "video" | "audio":
            return Decimal(count(entry, input))
        case "second" | "video_second" | "audio_second":
            return seconds
        case "5 seconds":
            return Decimal(math.ceil(seconds / 5))
        case "minute":
            return seconds / 60
        case "megapixel" | "image_megapixel":
            return megapixels(entry, input)
        case "gpu" | "computing_second":
            return _decimal(computing)
        case "token" | "million_token":
            tokens = Decimal(_tokens(str(input.get("prompt", ""))) + _tokens(text or ""))
            return tokens if unit == "token" else tokens / 1_000_000
        case _:  # prediction
            return Decimal(1)


def _formula(entry: Entry, input: Mapping[str, Any], formula: Mapping[str, Any]) -> Decimal:
    """Sum megapixels times rate over the terms; a picture that is read counts as one megapixel (ours)."""
    read = values(entry, input).get("input_images")
    amounts = {
        "input_megapixels": Decimal(len(read) if isinstance(read, list) else 0),
        "output_megapixels": megapixels(entry, input),
    }
    rates = formula["variables"]
    terms = (amounts[term["megapixels_key"]] * _decimal(rates[term["rate_key"]]) for term in formula["terms"])
    return sum(terms, Decimal(0))


def _tokens(text: str) -> int:
    return math.ceil(len(text) / 4)


def _decimal(value: float) -> Decimal:
    return Decimal(str(value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
