"""The grid that `compare` gives: it shows itself, becomes an image or a DataFrame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Final

from .._options import options
from ..display.contents import Content, Notice, contents_of
from ..display.drawn import Drawn
from ..display.escaping import clip, one_line, text
from ..display.figures import Frame, media
from ..display.fitting import draw
from ..display.pages import ROOT
from ..display.planning import notebook_bytes
from ..display.preparing import resolve
from ..display.sheets import contact_sheet
from ..display.sources import Entry
from ..display.wording import bytes_told, cost_told, seconds_told
from ..exceptions import SkytellsError
from ..models import Prediction

if TYPE_CHECKING:
    from pandas import DataFrame
    from PIL import Image

__all__ = ["Cell", "Comparison"]

_TABLE: Final = "border-collapse:collapse;margin:0;white-space:normal"
_HEAD: Final = "text-align:left;vertical-align:bottom;font-weight:600;padding:6px 8px;max-width:260px"
_SIDE: Final = (
    "text-align:left;vertical-align:top;font-weight:400;padding:8px;min-width:110px;max-width:180px"
)
_CELL: Final = "text-align:left;vertical-align:top;padding:8px;min-width:120px"
_STACK: Final = '<div style="height:8px"></div>'
_LONGEST_LABEL: Final = 240


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a comparison.

    Attributes
    ----------
    prompt, column : str
        Its row and its column.
    prediction : Prediction
        What came of it. Where nothing was created its id starts with ``not-created``; with ``uncertain``,
        where a create was sent and nobody knows what became of it.
    seconds : float or None
        How long it took.
    raised : SkytellsError or None
        The error that came in its place; ``client.predictions.reconcile`` takes that of an uncertain one.
    """

    prompt: str
    column: str
    prediction: Prediction
    seconds: float | None = None
    raised: SkytellsError | None = None

    @property
    def cost(self) -> Decimal | None:
        """What it cost, in credits: zero where it was refused and not billed; None is unknown."""
        refused = self.raised is not None and self.raised.charged is False
        return Decimal(0) if refused and self.prediction.cost is None else self.prediction.cost

    @property
    def error(self) -> str | None:
        """Why it failed, or could not be followed to its end; None when all is well."""
        if self.prediction.status == "succeeded":
            return None
        if self.prediction.error or self.raised is None:
            return self.prediction.error or (self.prediction.status if self.prediction.done else None)
        return self.raised.message


class Comparison:
    """A grid of predictions: a row for every prompt, a column for every model and variation.

    Attributes
    ----------
    cells : tuple of Cell
        Row by row.
    prompts, columns : tuple of str
        Its axes.
    cost : Decimal or None
        What it cost in all; None when some cell's cost is unknown.
    html : str
        The grid as HTML that needs no script and no style sheet.
    """

    def __init__(self, prompts: Sequence[str], columns: Sequence[str], cells: Sequence[Cell]) -> None:
        self.prompts = tuple(prompts)
        self.columns = tuple(columns)
        self.cells = tuple(cells)

    def __getitem__(self, place: tuple[int, int]) -> Cell:
        row, column = place
        return self.cells[
            range(len(self.prompts))[row] * len(self.columns) + range(len(self.columns))[column]
        ]

    def __repr__(self) -> str:
        failed = sum(cell.error is not None for cell in self.cells)
        told = f", {failed} failed" if failed else ""
        axes = f"{_count(len(self.prompts), 'prompt')} × {_count(len(self.columns), 'column')}"
        return f"<Comparison of {axes}{told}>"

    @property
    def cost(self) -> Decimal | None:
        """What it cost in all; None when some cell's cost is unknown."""
        costs = [cell.cost for cell in self.cells]
        return None if None in costs else sum((c for c in costs if c is not None), Decimal(0))

    @cached_property
    def html(self) -> str:
        """The grid as HTML that needs no script and no style sheet."""
        cells = [self._shown(cell) for cell in self.cells]
        entries = resolve([entry for shown in cells for entry in shown])
        width = max(140, min(320, 960 // max(1, len(self.columns))))
        frame = Frame(width)

        def written(drawn: Sequence[Drawn], note: str = "") -> str:
            pieces = iter([media(*pair, frame) for pair in zip(entries, drawn, strict=True)])
            inside = [_STACK.join(islice(pieces, len(shown))) for shown in cells]
            return self._table([*map(_cell, self.cells, inside)], note)

        made = draw(
            entries,
            size=width,
            budget=options.cell_budget,
            page_length=lambda drawn: notebook_bytes(written(drawn)),
        )
        small = f"Shown small, to keep this cell under {bytes_told(options.cell_budget)} "
        return written(made.drawn, f"{small}(sky.options.cell_budget)." if made.squeezed else "")

    def to_image(self, size: int = 320) -> Image.Image:
        """Draw the grid as one Pillow image, every picture with its column and prompt under it.

        Parameters
        ----------
        size : int
            Side of a cell, in pixels. Of several outputs the first is drawn.
        """
        firsts = [(cell, self._shown(cell)[0]) for cell in self.cells]
        entries = [replace(first, words=f"{cell.column}: {cell.prompt}") for cell, first in firsts]
        return contact_sheet(entries, columns=len(self.columns), size=size)

    def to_pandas(self) -> DataFrame:
        """Give a DataFrame with a row for every cell, failed ones too."""
        from ..frames import predictions_frame

        return predictions_frame([cell.prediction for cell in self.cells])

    def _shown(self, cell: Cell) -> list[Entry]:
        contents = _contents(cell)
        return [Entry(item, cell.prediction, at, len(contents)) for at, item in enumerate(contents, start=1)]

    def _table(self, cells: Sequence[str], note: str) -> str:
        wide = len(self.columns)
        heads = "".join(f'<th scope="col"{_label(column, _HEAD)}</th>' for column in self.columns)
        rows = "".join(
            f'<tr style="background:none"><th scope="row"{_label(prompt, _SIDE)}</th>'
            f"{''.join(cells[i * wide : (i + 1) * wide])}</tr>"
            for i, prompt in enumerate(self.prompts)
        )
        return (
            f'<div {ROOT}><div style="overflow-x:auto"><table style="{_TABLE}">'
            f'<tr style="background:none"><th style="{_HEAD}"></th>{heads}</tr>{rows}</table></div>'
            f'<div style="padding:0 8px">{_muted(self._foot())}{_muted(note)}</div></div>'
        )

    def _foot(self) -> str:
        failed = sum(cell.error is not None for cell in self.cells)
        cost = "cost not wholly known" if self.cost is None else f"{cost_told(self.cost)} in all"
        told = [_count(len(self.cells), "prediction"), f"{failed} failed" if failed else "", cost]
        return ", ".join(part for part in told if part)

    def _text(self) -> str:
        lines = [repr(self)]
        for cell in self.cells:
            told = [cell.error or cell.prediction.status, seconds_told(cell.seconds), cost_told(cell.cost)]
            lines.append(f"  {cell.column} | {cell.prompt} | {', '.join(part for part in told if part)}")
        return "\n".join(lines)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        del include, exclude
        try:
            return {"text/html": self.html, "text/plain": self._text()}
        except Exception as error:  # noqa: BLE001 - a cell must not fail for being looked at
            return {"text/plain": f"{self._text()}\n(it could not be drawn: {type(error).__name__}: {error})"}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _label(words: str, style: str) -> str:
    """Write the style and the words of an axis; a long label is cut, and whole in its tooltip."""
    line = one_line(words)
    shown = clip(line, _LONGEST_LABEL)
    whole = f' title="{text(clip(line, 1_000))}"' if shown != line else ""
    return f' dir="auto"{whole} style="{style}">{text(shown)}'


def _cell(cell: Cell, inside: str) -> str:
    told = [seconds_told(cell.seconds), cost_told(cell.cost)]
    return f'<td style="{_CELL}">{inside}{_muted(" · ".join(part for part in told if part))}</td>'


def _muted(told: str) -> str:
    style = "opacity:0.65;font-size:12px;margin-top:4px"
    return f'<div style="{style}">{text(told)}</div>' if told else ""


def _contents(cell: Cell) -> Sequence[Content]:
    made, raised = cell.prediction, cell.raised
    if made.id.startswith("not-created"):
        return [Notice("Not created", made.error or "")]
    if made.id.startswith("uncertain"):
        return [Notice("In doubt", made.error or "")]
    if raised is not None and not made.done:
        return [Notice("Not followed to its end", raised.message)]
    return contents_of(made)
