"""The page of a cell: figures in a grid that is never wider than it needs to be, a head and a note."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from .drawn import Drawn
from .escaping import text
from .figures import Frame, caption, facts, figure
from .fitting import draw
from .planning import most_entries, notebook_bytes
from .preparing import resolve
from .sources import Entry
from .wording import bytes_told

__all__ = ["ROOT", "Layout", "Page", "layout_for", "page"]

_GAP: Final = 16
_NARROWEST: Final = 72
_NOTE: Final = "opacity:0.65;font-size:12px;line-height:1.5;margin-top:12px"
# MathJax would typeset a prompt with two dollar signs in it; both of its generations heed these names.
ROOT: Final = 'class="mathjax_ignore tex2jax_ignore" style="margin:2px 0 8px;line-height:1.4"'


@dataclass(frozen=True, slots=True)
class Layout:
    """How figures are laid out.

    Attributes
    ----------
    columns : int or None
        Exactly so many; None takes as many as fit, up to what looks well.
    least : int
        Width below which a column is not pressed, in CSS pixels.
    widest : int
        Width of the whole.
    """

    columns: int | None
    least: int
    widest: int

    @property
    def frame(self) -> Frame:
        """The room one figure has."""
        return Frame(self.least)


def layout_for(count: int, columns: int | None, size: int) -> Layout:
    """Choose the columns for so many figures.

    Few figures stand in a square (four as two by two, nine as three by three); many in as many columns as the
    page has room for.
    """
    if columns is not None:
        width = size * columns + _GAP * (columns - 1)
        return Layout(columns, max(96, min(size, 960 // columns)), width)
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
        return Layout(None, least, 1200)
    across = math.ceil(math.sqrt(count))
    widest = across * most + (across - 1) * _GAP
    # One column more must not fit, or four figures would stand as three and one.
    return Layout(None, max(least, (widest + _GAP) // (across + 1) - _GAP + 1), widest)


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and how many of its entries are on it."""

    html: str
    shown: int


def page(
    entries: Sequence[Entry],
    *,
    columns: int | None = None,
    size: int = 512,
    budget: int | None = 1_000_000,
    head: str = "",
    together: bool = False,
) -> Page:
    """Draw entries as one page of HTML.

    Parameters
    ----------
    entries : sequence of Entry
        What to draw, in order.
    columns : int, optional
        How many columns; None chooses.
    size : int
        Longest side of a thumbnail, in pixels.
    budget : int or None
        Bytes of notebook the page may take; None embeds the originals.
    head : str
        A line above the figures, as plain text.
    together : bool
        Whether all are outputs of one prediction: its caption and facts then stand once, under all of them.
    """
    limit = most_entries(budget)
    shown = resolve(entries if limit is None else entries[:limit])
    layout = layout_for(len(shown), columns, size)
    alone = len(shown) == 1 and columns is None
    once = together and not alone and bool(shown)
    frame = Frame(size, alone=True) if alone else replace(layout.frame, terse=once)

    def written(drawn: Sequence[Drawn], note: str = "") -> str:
        figures = [figure(entry, what, frame) for entry, what in zip(shown, drawn, strict=True)]
        body = _alone(figures[0], size) if alone else _grid(figures, layout)
        under = _once(shown[0], layout) if once else ""
        return f"<div {ROOT}>{_line(head)}{body}{under}{_noted(note)}</div>"

    drawing = draw(shown, size=size, budget=budget, page_length=lambda drawn: notebook_bytes(written(drawn)))
    return Page(written(drawing.drawn, _note(len(shown), len(entries), drawing.squeezed, budget)), len(shown))


def _alone(figure: str, size: int) -> str:
    return f'<div style="max-width:{max(size, 360)}px">{figure}</div>'


def _grid(figures: Sequence[str], layout: Layout) -> str:
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


def _once(entry: Entry, layout: Layout) -> str:
    frame = Frame(layout.widest, alone=True)
    said = caption(entry, frame) + facts(entry, None, frame)
    return f'<div style="margin-top:10px;max-width:{layout.widest}px">{said}</div>'


def _line(head: str) -> str:
    return f'<div style="opacity:0.65;font-size:12px;margin-bottom:10px">{text(head)}</div>' if head else ""


def _note(shown: int, count: int, squeezed: bool, budget: int | None) -> str:
    if budget is None or not (squeezed or shown < count):
        return ""
    some = f"The first {shown:,} of {count:,} are shown" if shown < count else "Shown small"
    return (
        f"{some}, to keep this cell under {bytes_told(budget)} (sky.options.cell_budget); "
        "full=True shows everything whole."
    )


def _noted(note: str) -> str:
    return f'<div style="{_NOTE}">{text(note)}</div>' if note else ""
