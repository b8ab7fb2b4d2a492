"""The page of a cell: figures in a grid that is never wider than it needs to be, a head and a note."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from ..formatting import format_bytes
from ._html import ROOT, Frame, caption_html, facts_html, figure_html, text_html
from ._items import DisplayItem
from ._pipeline import draw, fetch, most_items, notebook_bytes

_GAP: Final = 16
_NARROWEST: Final = 72
_NOTE: Final = "opacity:0.65;font-size:12px;line-height:1.5;margin-top:12px"


class _Layout(NamedTuple):
    """Exactly so many columns, or None; the least width of one; the width of the whole, in CSS pixels."""

    columns: int | None
    least: int
    widest: int


def _layout_for(count: int, columns: int | None, size: int) -> _Layout:
    """Choose the columns for so many figures.

    Few figures stand in a square (four as two by two, nine as three by three); many in as many columns as the
    page has room for.
    """
    if columns is not None:
        width = size * columns + _GAP * (columns - 1)
        return _Layout(columns, max(96, min(size, 960 // columns)), width)
    least, most = next(
        (least, most)
        for limit, least, most in (
            (2, 260, 440),
            (4, 260, 400),
            (9, 220, 300),
            (30, 170, 230),
            (math.inf, 140, 190),
        )
        if count <= limit
    )
    least, most = min(least, size), min(most, size)
    if count > 9:
        return _Layout(None, least, 1200)
    across = math.ceil(math.sqrt(count))
    widest = across * most + (across - 1) * _GAP
    # One column more must not fit, or four figures would stand as three and one.
    return _Layout(None, max(least, (widest + _GAP) // (across + 1) - _GAP + 1), widest)


class Page(NamedTuple):
    """A page of HTML, and the items that are on it, as they were drawn."""

    html: str
    items: list[DisplayItem]


def page(
    items: Sequence[DisplayItem],
    *,
    columns: int | None = None,
    size: int = 512,
    budget: int | None = 1_000_000,
    reserve: int = 0,
    head: str = "",
    together: bool = False,
) -> Page:
    """Draw items as one page of HTML, in a cell of so many bytes of which some are reserved for others.

    ``head`` is a line above the figures. ``together``, all are outputs of one prediction: its caption and
    facts then stand once, under all of them.
    """
    limit = most_items(budget)
    fetched = fetch(items if limit is None else items[:limit])
    layout = _layout_for(len(fetched), columns, size)
    alone = len(fetched) == 1 and columns is None
    once = together and not alone and bool(fetched)
    frame = Frame(size, alone=True) if alone else Frame(layout.least, terse=once)

    def html(drawn: Sequence[DisplayItem], note: str = "") -> str:
        figures = [figure_html(item, frame) for item in drawn]
        body = (
            f'<div style="max-width:{max(size, 360)}px">{figures[0]}</div>'
            if alone
            else _grid(figures, layout)
        )
        under = ""
        if once:
            shared = Frame(layout.widest, alone=True)
            words = caption_html(drawn[0], shared) + facts_html(drawn[0], shared, shared=True)
            under = f'<div style="margin-top:10px;max-width:{layout.widest}px">{words}</div>'
        above = (
            f'<div style="opacity:0.65;font-size:12px;margin-bottom:10px">{text_html(head)}</div>'
            if head
            else ""
        )
        below = f'<div style="{_NOTE}">{text_html(note)}</div>' if note else ""
        return f"<div {ROOT}>{above}{body}{under}{below}</div>"

    drawing = draw(
        fetched,
        size=size,
        budget=None if budget is None else budget - reserve,
        page_length=lambda drawn: notebook_bytes(html(drawn)),
    )
    note = _note(len(fetched), len(items), drawing.squeezed, budget)
    return Page(html(drawing.items, note), drawing.items)


def _grid(figures: Sequence[str], layout: _Layout) -> str:
    room = f"gap:24px {_GAP}px;align-items:start;max-width:{layout.widest}px"
    if layout.columns is not None:
        # In a window too narrow for them, columns that were asked for are scrolled to and not crushed.
        least = min(_NARROWEST, (layout.widest + _GAP) // layout.columns - _GAP)
        across = f"repeat({layout.columns},minmax({least}px,1fr))"
        room += ";overflow-x:auto"
    else:
        across = f"repeat(auto-fill,minmax({layout.least}px,1fr))"
    style = f"display:grid;grid-template-columns:{across};{room}"
    return f'<div style="{style}">{"".join(figures)}</div>'


def _note(shown: int, count: int, squeezed: bool, budget: int | None) -> str:
    """Say what the budget took, and how to have it all."""
    if budget is None or not (squeezed or shown < count):
        return ""
    some = f"The first {shown:,} of {count:,} are shown" if shown < count else "Shown small"
    return (
        f"{some}, to keep this cell under {format_bytes(budget)} (sky.options.cell_budget); "
        "full=True shows everything whole."
    )
