"""An input over its schema, and how much of its unit it asks for: outputs, seconds, megapixels, tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from functools import reduce
from typing import Any, Final, Self

from ..formatting import format_number
from ..models import BilledQuantity, Unit, parse_amount
from ..plaintext import clip
from ..schema import LENGTH_NAMES, UNSET, InputSchema, Property, count_names, is_count, parse, to_plain


@dataclass(frozen=True, slots=True)
class InputValue:
    """A value of an input: under which name, and whether it was given or is the schema's default."""

    name: str
    value: Any
    given: bool

    @property
    def default_note(self) -> str:
        """A remark for a basis that rests on a default."""
        return "" if self.given else " (the default)"


class ResolvedInput:
    """An input over its schema. A value that is None counts as missing, as it does at the API."""

    def __init__(self, schema: object, input: Mapping[str, Any]) -> None:
        self.input: dict[str, Any] = to_plain(input)
        self.schema: InputSchema = schema if isinstance(schema, InputSchema) else parse(schema)
        self.schema_known = self.schema.stated

    def declares(self, name: str) -> bool:
        return name in self.schema

    def find(self, name: str) -> InputValue | None:
        """Return the value of one name, or its default; None when there is neither."""
        value = self.input.get(name)
        if value is not None:
            return InputValue(name, value, given=True)
        default = self.schema[name].default if name in self.schema else UNSET
        return None if default is UNSET or default is None else InputValue(name, default, given=False)

    def all_of(self, names: Iterable[str]) -> list[InputValue]:
        """Return those of several names that have a value; given ones first, then in the order of names."""
        found = [one for one in map(self.find, names) if one is not None]
        return sorted(found, key=lambda one: not one.given)

    def bounds(self, name: str) -> tuple[Decimal, Decimal] | None:
        """Return the smallest and largest number that the schema allows, where it bounds both."""
        return None if name not in self.schema else number_bounds(self.schema[name])


def number_bounds(field: Property) -> tuple[Decimal, Decimal] | None:
    """Return the smallest and largest number of a property, by its choices or its bounds."""
    numbers = [numeric(value) for value in (field.enum if field.closed else field.bounds)]
    found = [number for number in numbers if number is not None]
    if not found or len(found) < len(numbers) or (not field.closed and found[0] > found[1]):
        return None
    return min(found), max(found)


def numeric(value: object) -> Decimal | None:
    """Return a number, also one in a string such as ``"8"`` or ``"8s"``; a boolean is none."""
    if isinstance(value, str):
        value = value.strip().lower().removesuffix("seconds").removesuffix("sec").removesuffix("s").strip()
    return parse_amount(value)


def shown(value: object) -> str:
    """Format a value of an input as JSON people do, and not longer than a line bears."""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value) if isinstance(value, str | int | float) else repr(value)
    return clip(" ".join(text.split()), 40)


EXACT: Final = Context(prec=200)
"""Arithmetic that does not round on the way, whatever precision a notebook has set for itself."""

_ONE: Final = Decimal(1)
_LEAST_SECONDS: Final = {"truefusion-video-pro": Decimal(5)}
"""Lengths that the documentation says are billed at least; no price list has them (section 8.2)."""

_TOKENS_IN: Final = ("input_tokens", "prompt_tokens")
_TOKENS_OUT: Final = ("output_tokens", "completion_tokens")
TOKEN_COUNTS: Final = (*_TOKENS_IN, *_TOKENS_OUT)
"""Names by which an estimate is told numbers of tokens that no model takes as inputs."""
_TOKEN_LIMITS: Final = ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens")
_TEXTS: Final = frozenset(
    {"text", "content", "prompt", "system", "system_prompt", "messages", "input", "instructions", "output"}
)
_SCHEMAS: Final = frozenset({"tools", "response_format", "tool_calls"})
_MARKUP: Final = 16
"""Tokens that a message's frame may add to its words; more than any chat format is known to take."""
_MAY_MAKE_ONE_EACH: Final = re.compile(
    r"(?:prompt|seed|text|caption|request|job|quer(?:y|ie))s?", re.IGNORECASE
)
_LONGEST: Final = 16
"""Characters that one token may stand for, and no more in ordinary text."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A quantity that is known exactly, within bounds, or not at all: then both bounds are None.

    `likely` is the value that speaks for itself, if one does; `text` is how a basis shows it, and `note` why
    it is not exact, or unknown.
    """

    low: Decimal | None
    high: Decimal | None
    likely: Decimal | None
    text: str
    note: str = ""
    exact: bool = False

    @classmethod
    def exactly(cls, value: Decimal, text: str) -> Self:
        return cls(value, value, value, text, exact=True)

    @classmethod
    def unknown(cls, why: str) -> Self:
        return cls(None, None, None, "", note=why)

    def times(self, other: Interval, *, note: str = "") -> Interval:
        text = self.text if other.high == 1 else f"{other.text} × {self.text}"
        return self._with(other, EXACT.multiply, text, note)

    def plus(self, other: Interval) -> Interval:
        return self._with(other, EXACT.add, f"{self.text} + {other.text}")

    def _with(
        self, other: Interval, operation: Callable[[Decimal, Decimal], Decimal], text: str, note: str = ""
    ) -> Interval:
        """Apply an operation that never falls as its arguments grow; unknown where either one is."""
        if self.low is None or self.high is None:
            return self
        if other.low is None or other.high is None:
            return other
        return Interval(
            operation(self.low, other.low),
            operation(self.high, other.high),
            None if self.likely is None or other.likely is None else operation(self.likely, other.likely),
            text,
            note="; ".join(dict.fromkeys(part for part in (self.note, other.note, note) if part)),
            exact=self.exact and other.exact and not note,
        )

    def mapped(self, change: Callable[[Decimal], Decimal], text: str) -> Interval:
        """Apply a function that never falls as its argument grows."""
        low, high, likely = (
            None if value is None else change(value) for value in (self.low, self.high, self.likely)
        )
        return Interval(low, high, likely, text, self.note, self.exact)


def quantity(slug: str, unit: Unit, input: ResolvedInput) -> Interval:
    match unit.quantity:
        case BilledQuantity.PREDICTION:
            return Interval.exactly(_ONE, "1")
        case BilledQuantity.OUTPUT:
            return _outputs(input, unit.name, unit.plural)
        case BilledQuantity.LENGTH:
            return _lengths(slug, unit, input)
        case BilledQuantity.PIXELS:
            return megapixels(input).times(_outputs(input, "image", "images"))
        case BilledQuantity.TOKENS:
            return _tokens(input, unit)
        case BilledQuantity.COMPUTING:
            return Interval.unknown("it is billed by the time it computes, which no input tells")


def _outputs(input: ResolvedInput, one: str, many: str) -> Interval:
    """Count the outputs that an input asks for, under whatever names; one where nothing says a number."""

    def text(number: Decimal) -> str:
        return f"{format_number(number)} {one if number == 1 else many}"

    found = _numbered(input, text)
    for name in [*input.schema, *(name for name in input.input if name not in input.schema)]:
        each = _listed(name, input)
        if each > 1 and found.low is not None and found.high is not None:
            low, high = found.low, EXACT.multiply(found.high, each)
            note = "; ".join(
                filter(None, (found.note, f"whether each of {name} makes one is not documented"))
            )
            found = Interval(low, high, None, f"{format_number(low)} to {text(high)}", note=note)
    return found


def _listed(name: str, input: ResolvedInput) -> Decimal:
    """Return how many outputs a list of prompts, seeds or requests may ask for."""
    found, field = input.find(name), input.schema.get(name)
    if found is None or not isinstance(found.value, list) or not _MAY_MAKE_ONE_EACH.fullmatch(name):
        return _ONE
    counts = [part.name for part in (field.item.properties if field and field.item else ()) if is_count(part)]
    total = Decimal(0)
    for item in found.value:
        given = [numeric(item.get(count)) for count in counts] if isinstance(item, dict) else []
        total += max([_ONE, *filter(None, given)])
    return total


def _numbered(input: ResolvedInput, text: Callable[[Decimal], str]) -> Interval:
    """Count the outputs that numbers among the inputs ask for."""
    names = count_names(input.schema, input.input)
    counts = {name: _count(name, input.find(name), input.schema.get(name), text) for name in names}
    counts |= _nested_counts(input, text)
    unknown = next((count for count in counts.values() if count.high is None), None)
    if unknown is not None:
        return unknown
    if not counts:
        single = Interval.exactly(_ONE, text(_ONE))
        return (
            single if input.schema_known else replace(single, note="its schema is not at hand", exact=False)
        )
    stray = [name for name in names if input.schema_known and not input.declares(name)]
    declared = [count for name, count in counts.items() if name not in stray]
    alternatives = [counts[name] for name in stray]
    # Four batches of four pictures are sixteen, perhaps; and two variations of two as many.
    product = reduce(Interval.times, declared, Interval.exactly(_ONE, text(_ONE)))
    alternatives += declared if product.high in {count.high for count in declared} else [product, *declared]
    if not declared:
        alternatives.append(product)
    found = _between(alternatives, text)
    if stray and not found.exact:
        return replace(found, note=f"{stray[0]} is not in its schema")
    return found


def _between(counts: Sequence[Interval], text: Callable[[Decimal], str]) -> Interval:
    first = counts[0]
    if all((count.low, count.high) == (first.low, first.high) for count in counts):
        return first
    low = min(count.low for count in counts if count.low is not None)
    high = max(count.high for count in counts if count.high is not None)
    note = next((count.note for count in counts if count.note), "its inputs name several numbers of outputs")
    return Interval(low, high, None, f"{format_number(low)} to {text(high)}", note=note)


def _nested_counts(input: ResolvedInput, text: Callable[[Decimal], str]) -> dict[str, Interval]:
    """Count what an object among the inputs asks for, such as ``{"options": {"n": 4}}``."""
    counts = {}
    for name, field in input.schema.items():
        within = input.find(name)
        given = within.value if within is not None and isinstance(within.value, Mapping) else {}
        for part in filter(is_count, field.properties):
            value, label = given.get(part.name), f"{name}.{part.name}"
            is_given = value is not None
            value = value if is_given else part.default
            missing = value is None or value is UNSET
            found = None if missing else InputValue(label, value, given=is_given)
            counts[label] = _count(label, found, part, text)
    return counts


def _count(
    name: str, found: InputValue | None, field: Property | None, text: Callable[[Decimal], str]
) -> Interval:
    if found is None:
        return _count_left_out(name, field, text)
    number = numeric(found.value)
    if number is None or number < 1 or number != number.to_integral_value():
        return Interval.unknown(f"{name} is {shown(found.value)!r}, which is no number of outputs")
    if number > 1 and "max" in name.lower():
        note = f"it may make fewer than {name} allows"
        return Interval(_ONE, number, None, f"1 to {text(number)}{found.default_note}", note=note)
    return Interval.exactly(number, text(number) + ("" if number == 1 else found.default_note))


def _count_left_out(name: str, field: Property | None, text: Callable[[Decimal], str]) -> Interval:
    """Return how many there may be where the input leaves a count out, and its schema has no default."""
    bounds = None if field is None else number_bounds(field)
    most = None if field is None or bounds is not None else numeric(field.bounds[1])
    low = max(_ONE, bounds[0]) if bounds is not None else _ONE
    high = max(low, bounds[1] if bounds is not None else most or low)
    note = f"{name} is not given and has no default"
    shown_as = text(low) if low == high else f"{format_number(low)} to {text(high)}"
    return Interval(low, high, _ONE if low == 1 else None, shown_as, note=note)


def _lengths(slug: str, unit: Unit, input: ResolvedInput) -> Interval:
    seconds = _seconds(slug, input)
    if seconds.low is None or seconds.high is None:
        return seconds
    outputs = _outputs(input, "output", "outputs")
    if outputs.high is None or outputs.low is None:
        return outputs
    if outputs.high != 1:
        # Whether every output's seconds are billed is not documented: once at least, each at most.
        each = seconds.times(outputs, note="whether every output's seconds are billed is not documented")
        if each.low is None:
            return each
        seconds = replace(each, low=EXACT.divide(each.low, outputs.low))
    if unit.size == 1:
        return seconds
    if unit.rounds_up:
        blocks = seconds.mapped(lambda s: (s / unit.size).to_integral_value("ROUND_CEILING"), "")
        size = f"{format_number(unit.size)} s"
        if blocks.high is None or seconds.low != seconds.high:
            return replace(blocks, text=f"{seconds.text} in blocks of {size}")
        number = f"{format_number(blocks.high)} block{'' if blocks.high == 1 else 's'}"
        return replace(blocks, text=f"{number} of {size} for {seconds.text}")
    return seconds.mapped(lambda s: EXACT.divide(s, unit.size), f"{seconds.text} ÷ {unit.size:,}")


def _seconds(slug: str, input: ResolvedInput) -> Interval:
    found = input.all_of(LENGTH_NAMES)
    if not found:
        for name in LENGTH_NAMES:
            bounds = input.bounds(name)
            if bounds is not None and bounds[0] > 0:
                low, high = bounds
                text = f"{format_number(low)} to {format_number(high)} s"
                return Interval(low, high, None, text, note=f"{name} is not given and has no default")
        return Interval.unknown("neither its input nor its schema says how long it will be")
    lengths = [numeric(value.value) for value in found]
    for value, length in zip(found, lengths, strict=True):
        if length is None or length <= 0:
            return Interval.unknown(f"{value.name} is {shown(value.value)!r}, which is no length")
    if input.schema_known and not any(input.declares(value.name) for value in found):
        return Interval.unknown(
            f"{found[0].name} is not in its schema, and nothing else says how long it will be"
        )
    numbers = [length for length in lengths if length is not None]
    low, high = min(numbers), max(numbers)
    if low != high:
        names = " and ".join(value.name for value in found)
        text = f"{format_number(low)} to {format_number(high)} s"
        return Interval(low, high, None, text, note=f"{names} differ")
    least = _LEAST_SECONDS.get(slug)
    if least is not None and low < least:
        asked, billed = format_number(low), format_number(least)
        text = f"{billed} s instead of {asked} s"
        note = f"by the documentation at least {billed} s are billed, and the price list does not say so"
        return Interval(low, least, least, text, note=note)
    return Interval.exactly(low, f"{format_number(low)} s{found[0].default_note}")


def _tokens(input: ResolvedInput, unit: Unit) -> Interval:
    """Bound the tokens read and written by one prediction, which one price is for."""
    read, written = tokens_in(input), tokens_out(input)
    if read.high is None or written.high is None:
        return read if read.high is None else written
    total = read.plus(written)
    text = f"({total.text})" + (f" ÷ {unit.size:,}" if unit.size != 1 else "")
    return total.mapped(lambda number: EXACT.divide(number, unit.size), text)


def tokens_in(input: ResolvedInput) -> Interval:
    """Bound the tokens that a text model will read: only the API's tokenizer counts them."""
    stated = _stated_tokens(input, _TOKENS_IN, "in")
    if stated is not None:
        return stated
    if input.input.get("previous_response_id"):
        return Interval.unknown(
            "it goes on from an earlier response, and how long that was is not known here"
        )
    pieces = list(_texts(input.input, 0))
    if any(piece is None for piece in pieces):
        return Interval.unknown("its input holds media, and how many tokens those are is not documented")
    letters = sum(len(piece) for piece in pieces if piece)
    octets = sum(len(piece.encode("utf-8", "replace")) for piece in pieces if piece)
    low, high = Decimal(-(-letters // _LONGEST)), Decimal(octets + _MARKUP * len(pieces))
    text = f"{format_number(low)} to {format_number(high)} tokens in"
    return Interval(low, high, None, text, note="tokens are counted by the API")


def tokens_out(input: ResolvedInput) -> Interval:
    """Bound the tokens that a text model will write, reasoning among them; an embedding writes none."""
    stated = _stated_tokens(input, _TOKENS_OUT, "out")
    if stated is not None:
        return stated
    found = next(iter(input.all_of(_TOKEN_LIMITS)), None)
    if found is None and input.declares("encoding_format"):
        return Interval.exactly(Decimal(0), "0 tokens out")
    if found is None:
        return Interval.unknown("nothing bounds how many tokens it may write, such as max_tokens")
    limit = numeric(found.value)
    if limit is None or limit < 1:
        return Interval.unknown(f"{found.name} is {shown(found.value)!r}, which is no number of tokens")
    answers = numeric(input.input.get("n"))
    if answers is not None and answers > 1:
        limit = EXACT.multiply(limit, answers)
    text = f"0 to {format_number(limit)} tokens out{found.default_note}"
    return Interval(Decimal(0), limit, None, text, note=f"it may write fewer than {found.name} allows")


def _stated_tokens(input: ResolvedInput, names: tuple[str, ...], way: str) -> Interval | None:
    """Read a number of tokens that is stated outright, as in a what-if."""
    for name in names:
        value = input.input.get(name)
        number = None if value is None or input.declares(name) else numeric(value)
        if number is not None and number >= 0:
            return Interval.exactly(number, f"{format_number(number)} tokens {way}")
    return None


def _texts(value: Any, depth: int) -> Iterator[str | None]:
    """Yield every text that a model will read, and None for what is no text."""
    if isinstance(value, str):
        is_link = value.startswith(("data:", "http://", "https://")) and depth and " " not in value
        yield None if is_link else value
    elif isinstance(value, list) and depth < 6:
        for item in value:
            yield from _texts(item, depth + 1)
    elif isinstance(value, dict) and depth < 6:
        for key, item in value.items():
            if key in _SCHEMAS:
                yield json.dumps(item, default=str)  # the model reads all of it
            elif isinstance(key, str) and (key in _TEXTS or isinstance(item, list | dict)):
                yield from _texts(item, depth + 1)
            elif isinstance(item, str) and item.startswith(("data:", "http://", "https://")):
                yield None
    elif isinstance(value, int) and not isinstance(value, bool) and depth > 1:
        yield "0"  # the id of a token


# How many megapixels one picture has: from width and height, a resolution, or a shape.

_PIXELS: Final = re.compile(r"(\d{1,5})\s*[x×*]\s*(\d{1,5})")
_LINES: Final = re.compile(r"(\d{3,4})\s*[pi]")
_KILO: Final = re.compile(r"(\d{1,2})\s*k")
_RATIO: Final = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*[:/x]\s*(\d{1,3}(?:\.\d+)?)")
_NAMED: Final = ("size", "image_size", "resolution")
_NO_SIZE: Final = "neither its input nor its schema says how many pixels it will have"


def megapixels(input: ResolvedInput) -> Interval:
    """Count the megapixels (of a million pixels) of one picture that an input asks for."""
    width, height = input.find("width"), input.find("height")
    shape = input.find("aspect_ratio")
    if width is not None and height is not None:
        if width.given or height.given:
            return _shaped(_measured(width, height), shape, fixed=width.given and height.given)
        for name in _NAMED:  # one that is given by name counts for more than default sides
            found = input.find(name)
            size = None if found is None or not found.given else _named(found, shape)
            if size is not None:
                is_known = not input.schema_known or input.declares(name)
                return size if is_known else _either(size, width, height, name)
        return _shaped(_measured(width, height), shape, fixed=False)
    for name in _NAMED:
        found = input.find(name)
        named = None if found is None else _named(found, shape)
        if named is not None:
            return named
    direct = input.find("megapixels")
    number = None if direct is None else numeric(direct.value)
    if direct is not None and number is not None and number > 0:
        return Interval.exactly(number, f"{format_number(number)} megapixels{direct.default_note}")
    side = width or height
    if side is not None and shape is not None:
        return _one_side(side, shape, tall=side is height)
    bounds = input.bounds("width"), input.bounds("height")
    if bounds[0] is not None and bounds[1] is not None and side is None:
        low, high = (_area(bounds[0][at], bounds[1][at]) for at in (0, 1))
        return _pixels_between(low, high, "no width and height are given")
    if shape is not None and shape.given:
        return Interval.unknown(f"aspect_ratio {shown(shape.value)} is a shape without a size")
    return Interval.unknown(_NO_SIZE)


def _shaped(size: Interval, shape: InputValue | None, *, fixed: bool) -> Interval:
    if fixed or shape is None or not shape.given:
        return size
    note = "whether aspect_ratio changes the default width and height is not documented"
    return replace(size, note=size.note or note, exact=False)


def _either(size: Interval, width: InputValue, height: InputValue, name: str) -> Interval:
    """Bound a size by the default sides and by a name that the schema does not have."""
    sides = _measured(width, height)
    if sides.low is None or sides.high is None or size.low is None or size.high is None:
        return size if sides.high is None else sides
    low, high = min(sides.low, size.low), max(sides.high, size.high)
    return _pixels_between(low, high, f"{name} is not in its schema")


def _pixels_between(low: Decimal, high: Decimal, note: str) -> Interval:
    return Interval(low, high, None, f"{format_number(low)} to {format_number(high)} megapixels", note=note)


def _measured(width: InputValue, height: InputValue) -> Interval:
    sides = numeric(width.value), numeric(height.value)
    for found, side in zip((width, height), sides, strict=True):
        if side is None or side <= 0:
            return Interval.unknown(f"{found.name} is {shown(found.value)!r}, which is no number of pixels")
    area = _area(sides[0] or Decimal(0), sides[1] or Decimal(0))
    return Interval.exactly(
        area, f"{format_number(area)} megapixels{'' if width.given or height.given else ' (the default)'}"
    )


def _area(width: Decimal, height: Decimal) -> Decimal:
    return EXACT.divide(EXACT.multiply(width, height), Decimal(1_000_000))


def _named(found: InputValue, shape: InputValue | None) -> Interval | None:
    """Read a size such as ``1920x1080``, ``720p`` or ``4K``, or an object of both sides.

    Lines and thousands fix no exact number of pixels: vendors differ in what they round, and in
    whether 4K is 3840 × 2160 or 4096 × 4096. So those give bounds.
    """
    if isinstance(found.value, Mapping) and {"width", "height"} <= found.value.keys():
        sides = (found.value[side] for side in ("width", "height"))
        return _measured(*(InputValue(found.name, side, found.given) for side in sides))
    word = str(found.value).strip().lower()
    exact = _PIXELS.fullmatch(word)
    if exact is not None:
        return _measured(
            InputValue(found.name, int(exact[1]), found.given),
            InputValue(found.name, int(exact[2]), found.given),
        )
    lines, kilo = _LINES.fullmatch(word), _KILO.fullmatch(word)
    if lines is not None:
        short = Decimal(lines[1])
        frame = _area(short, short * 16 / 9)
        shaped = _ratio(shape)
        areas = [frame] if shaped is None else [frame, _area(short, short * max(shaped, 1 / shaped))]
    elif kilo is not None:
        side = Decimal(kilo[1]) * 1024
        areas = [_area(side, side), _area(side * 15 / 16, side * 135 / 256)]
    else:
        return None
    low, high = min(areas), max(areas)
    likely = low if low == high else None
    text = _about(low) if likely is not None else f"{_about(low)[6:]} to {_about(high)[6:]}"
    text = f"{text} for {found.name} {found.value}{found.default_note}"
    return Interval(low, high, likely, text, note="a resolution does not fix the number of pixels")


def _about(area: Decimal) -> str:
    return f"about {format_number(area.quantize(Decimal('0.01')))} megapixels"


def _ratio(shape: InputValue | None) -> Decimal | None:
    match = None if shape is None else _RATIO.fullmatch(str(shape.value).strip().lower())
    if match is None or not Decimal(match[1]) or not Decimal(match[2]):
        return None
    return Decimal(match[1]) / Decimal(match[2])


def _one_side(side: InputValue, shape: InputValue, *, tall: bool) -> Interval:
    length, ratio = numeric(side.value), _ratio(shape)
    if length is None or length <= 0 or ratio is None:
        return Interval.unknown(_NO_SIZE)
    area = _area(length, length * ratio if tall else length / ratio)
    text = f"{_about(area)} for {side.name} {format_number(length)} at {shown(shape.value)}"
    return Interval(area, area, area, text, note=f"only the {side.name} and a shape are given")
