"""How much of its unit an input asks for: outputs, seconds, megapixels, tokens."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from ..formatting import format_number as plain
from .amounts import EXACT
from .sizes import megapixels
from .spans import Span
from .tokens import tokens
from .told import Told, numeric, shown
from .units import Kind, Unit

__all__ = ["quantity"]

_COUNTS: Final = ("num_outputs", "number_of_images")
_LENGTHS: Final = ("duration_seconds", "seconds", "duration")
_LEAST_SECONDS: Final = {"truefusion-video-pro": Decimal(5)}
"""Lengths that the documentation says are billed at least; no price list has them (section 8.2)."""


def quantity(slug: str, unit: Unit, told: Told) -> Span:
    """Count what one prediction makes, in the unit's own measure."""
    match unit.kind:
        case Kind.PREDICTION:
            return Span.sure_of(Decimal(1), "1")
        case Kind.OUTPUT:
            return _outputs(told, unit.sign, unit.plural)
        case Kind.LENGTH:
            return _lengths(slug, unit, told)
        case Kind.PIXELS:
            return megapixels(told).times(_outputs(told, "image", "images"))
        case Kind.TOKENS:
            return tokens(told, unit)
        case Kind.COMPUTING:
            return Span.unknown("it is billed by the time it computes, which no input tells")


def _outputs(told: Told, one: str, many: str) -> Span:
    """Count the outputs that an input asks for; one where neither it nor the schema says a number."""

    def words(number: Decimal) -> str:
        return f"{plain(number)} {one if number == 1 else many}"

    found = told.all_of(_COUNTS)
    for entry in found:
        number = numeric(entry.value)
        if number is None or number < 1 or number != number.to_integral_value():
            return Span.unknown(f"{entry.name} is {shown(entry.value)!r}, which is no number of outputs")
    numbers = [numeric(entry.value) or Decimal(1) for entry in found]
    if not numbers:
        return (
            Span.sure_of(Decimal(1), words(Decimal(1)))
            if told.schema_known
            else Span(Decimal(1), Decimal(1), Decimal(1), words(Decimal(1)), note="its schema is not at hand")
        )
    stray = [entry.name for entry in found if told.schema_known and not told.declares(entry.name)]
    if stray and len(stray) == len(found):
        numbers.append(Decimal(1))
    if len(set(numbers)) == 1:
        default = "" if found[0].given or numbers[0] == 1 else " (the default)"
        return Span.sure_of(numbers[0], words(numbers[0]) + default)
    low, high = min(numbers), max(numbers)
    note = f"{stray[0]} is not in its schema" if stray else "its inputs name several numbers of outputs"
    return Span(low, high, None, f"{plain(low)} to {words(high)}", note=note)


def _lengths(slug: str, unit: Unit, told: Told) -> Span:
    seconds = _seconds(slug, told)
    if seconds.low is None or seconds.high is None:
        return seconds
    if told.all_of(_COUNTS):
        outputs = _outputs(told, "output", "outputs")
        if outputs.high != 1:
            seconds = seconds.times(
                outputs, note="whether every output's seconds are billed is not documented"
            )
            if seconds.low is None or seconds.high is None:
                return seconds
            seconds = Span(
                EXACT.divide(seconds.low, outputs.low or Decimal(1)),
                seconds.high,
                seconds.likely,
                seconds.words,
                note=seconds.note,
            )
    if unit.size == 1:
        return seconds
    return seconds.mapped(lambda length: _in_units(length, unit), _in_words(seconds, unit))


def _in_units(length: Decimal, unit: Unit) -> Decimal:
    if unit.blocks:
        return (length / unit.size).to_integral_value("ROUND_CEILING")
    return EXACT.divide(length, unit.size)


def _in_words(seconds: Span, unit: Unit) -> str:
    if not unit.blocks:
        return f"{seconds.words} ÷ {unit.size:,}"
    if seconds.low is None or seconds.high is None or seconds.low != seconds.high:
        return f"{seconds.words} in blocks of {plain(unit.size)} s"
    blocks = _in_units(seconds.high, unit)
    return f"{plain(blocks)} block{'' if blocks == 1 else 's'} of {plain(unit.size)} s for {seconds.words}"


def _seconds(slug: str, told: Told) -> Span:
    found = told.all_of(_LENGTHS)
    if not found:
        return _possible_seconds(told)
    lengths = [numeric(entry.value) for entry in found]
    for entry, length in zip(found, lengths, strict=True):
        if length is None or length <= 0:
            return Span.unknown(f"{entry.name} is {shown(entry.value)!r}, which is no length")
    if told.schema_known and not any(told.declares(entry.name) for entry in found):
        return Span.unknown(
            f"{found[0].name} is not in its schema, and nothing else says how long it will be"
        )
    numbers = [length for length in lengths if length is not None]
    low, high = min(numbers), max(numbers)
    if low != high:
        names = " and ".join(entry.name for entry in found)
        return Span(low, high, None, f"{plain(low)} to {plain(high)} s", note=f"{names} differ")
    least = _LEAST_SECONDS.get(slug)
    if least is not None and low < least:
        note = f"the documentation bills at least {plain(least)} s, and its price list does not say so"
        return Span(low, least, least, f"{plain(least)} s", note=note)
    return Span.sure_of(low, f"{plain(low)} s{found[0].aside}")


def _possible_seconds(told: Told) -> Span:
    for name in _LENGTHS:
        bounds = told.bounds(name)
        if bounds is not None and bounds[0] > 0:
            low, high = bounds
            note = f"{name} is not given and has no default"
            return Span(low, high, None, f"{plain(low)} to {plain(high)} s", note=note)
    return Span.unknown("neither its input nor its schema says how long it will be")
