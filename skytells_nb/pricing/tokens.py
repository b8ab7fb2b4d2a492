"""How many tokens a text model will read and write: bounds, for only the API's tokenizer counts them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from ..formatting import format_number as plain
from .amounts import EXACT
from .spans import Span
from .told import Told, numeric, shown
from .units import Unit

__all__ = ["tokens"]

_READ: Final = ("input_tokens", "prompt_tokens")
_WRITTEN: Final = ("output_tokens", "completion_tokens")
_LIMITS: Final = ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens")
_TEXTS: Final = frozenset({"text", "content", "prompt", "system", "system_prompt", "messages", "input"})
_MARKUP: Final = 16
"""Tokens that a message's frame may add to its words; more than any chat format is known to take."""
_LONGEST: Final = 16
"""Characters that one token may stand for, and no more in ordinary text."""


def tokens(told: Told, unit: Unit) -> Span:
    """Bound the tokens read and written by one prediction, in the unit's own measure."""
    read, written = _read(told), _written(told)
    if read.low is None or read.high is None:
        return read
    if written.low is None or written.high is None:
        return written
    both = None if read.likely is None or written.likely is None else read.likely + written.likely
    span = Span(
        read.low + written.low,
        read.high + written.high,
        both,
        f"({read.words} + {written.words})" + (f" ÷ {unit.size:,}" if unit.size != 1 else ""),
        note="; ".join(part for part in (read.note, written.note) if part),
        sure=read.sure and written.sure,
    )
    return span.mapped(lambda number: EXACT.divide(number, unit.size), span.words)


def _read(told: Told) -> Span:
    stated = _stated(told, _READ, "in")
    if stated is not None:
        return stated
    pieces = list(_texts(told.input, 0))
    if any(piece is None for piece in pieces):
        return Span.unknown("its input holds media, and how many tokens those are is not documented")
    letters = sum(len(piece) for piece in pieces if piece)
    octets = sum(len(piece.encode("utf-8", "replace")) for piece in pieces if piece)
    low, high = Decimal(-(-letters // _LONGEST)), Decimal(octets + _MARKUP * len(pieces))
    return Span(
        low, high, None, f"{plain(low)} to {plain(high)} tokens in", note="tokens are counted by the API"
    )


def _written(told: Told) -> Span:
    stated = _stated(told, _WRITTEN, "out")
    if stated is not None:
        return stated
    for name in _LIMITS:
        found = told.find(name)
        if found is None:
            continue
        limit = numeric(found.value)
        if limit is None or limit < 1:
            return Span.unknown(f"{name} is {shown(found.value)!r}, which is no number of tokens")
        return Span(
            Decimal(0),
            limit,
            None,
            f"0 to {plain(limit)} tokens out{found.aside}",
            note=f"it may write fewer than {name} allows",
        )
    return Span.unknown("nothing bounds how many tokens it may write, such as max_tokens")


def _stated(told: Told, names: tuple[str, ...], way: str) -> Span | None:
    """Read a number of tokens that is stated outright, as in a what-if."""
    for name in names:
        value = told.input.get(name)
        number = None if value is None or told.declares(name) else numeric(value)
        if number is not None and number >= 0:
            return Span.sure_of(number, f"{plain(number)} tokens {way}")
    return None


def _texts(value: Any, depth: int) -> Iterator[str | None]:
    """Give every text that a model will read, and None for what is no text."""
    if isinstance(value, str):
        yield (
            None
            if value.startswith(("data:", "http://", "https://")) and depth and " " not in value
            else value
        )
    elif isinstance(value, list) and depth < 6:
        for item in value:
            yield from _texts(item, depth + 1)
    elif isinstance(value, dict) and depth < 6:
        for key, item in value.items():
            if isinstance(key, str) and (key in _TEXTS or isinstance(item, list | dict)):
                yield from _texts(item, depth + 1)
            elif isinstance(item, str) and item.startswith(("data:", "http://", "https://")):
                yield None
