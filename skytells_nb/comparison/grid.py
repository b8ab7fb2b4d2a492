"""The grid that `compare` gives: it shows itself, becomes an image or a DataFrame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from ..display.contents import Notice, contents_of
from ..display.drawn import Drawn
from ..display.escaping import text
from ..display.figures import Frame, media
from ..display.fitting import draw
from ..display.planning import notebook_bytes
from ..display.preparing import resolve
from ..display.sheets import contact_sheet
from ..display.sources import Entry
from ..display.wording import cost_told, seconds_told
from ..settings import options
from ..types import Prediction

if TYPE_CHECKING:
    from pandas import DataFrame
    from PIL import Image

__all__ = ["Cell", "Comparison"]

_FRAME: Final = "skytells_nb.frames:predictions_frame"
_TABLE: Final = "border-collapse:collapse;margin:0;white-space:normal"
_HEAD: Final = "text-align:left;vertical-align:bottom;font-weight:600;padding:6px 8px;max-width:260px"
_SIDE: Final = (
    "text-align:left;vertical-align:top;font-weight:400;padding:8px;min-width:110px;max-width:180px"
)
_CELL: Final = "text-align:left;vertical-align:top;padding:8px;min-width:120px"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a comparison.

    Attributes
    ----------
    prompt, column : str
        Its row and its column.
    prediction : Prediction
        What came of it. Where nothing was created its id starts with ``not-created`` and ``error`` says why.
    seconds : float or None
        How long it took.
    """

    prompt: str
    column: str
    prediction: Prediction
    seconds: float | None = None

    @property
    def cost(self) -> Decimal | None:
        """What it cost, in credits; None is unknown."""
        return self.prediction.cost

    @property
    def error(self) -> str | None:
        """Why it failed; None when it did not."""
        return self.prediction.error if self.prediction.status != "succeeded" else None


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
        return f"<Comparison of {len(self.prompts)} prompts × {len(self.columns)} columns{told}>"

    @property
    def cost(self) -> Decimal | None:
        """What it cost in all; None when some cell's cost is unknown."""
        costs = [cell.cost for cell in self.cells]
        return None if None in costs else sum((c for c in costs if c is not None), Decimal(0))

    @cached_property
    def html(self) -> str:
        """The grid as HTML that needs no script and no style sheet."""
        entries = resolve(self._entries())
        width = max(140, min(320, 960 // max(1, len(self.columns))))
        frame = Frame(width)

        def written(drawn: Sequence[Drawn]) -> str:
            cells = [self._cell(*pair, frame) for pair in zip(self.cells, entries, drawn, strict=True)]
            return self._table(cells)

        made = draw(
            entries,
            size=width,
            budget=options.cell_budget,
            page_length=lambda drawn: notebook_bytes(written(drawn)),
        )
        return written(made.drawn)

    def to_image(self, size: int = 320) -> Image.Image:
        """Draw the grid as one Pillow image, every picture with its column and prompt under it."""
        entries = [
            replace(entry, words=f"{cell.column}: {cell.prompt}")
            for entry, cell in zip(self._entries(), self.cells, strict=True)
        ]
        return contact_sheet(entries, columns=len(self.columns), size=size)

    def to_pandas(self) -> DataFrame:
        """Give a DataFrame with a row for every cell, failed ones too."""
        module, _, name = _FRAME.partition(":")
        frame: DataFrame = getattr(import_module(module), name)([cell.prediction for cell in self.cells])
        return frame

    def _entries(self) -> list[Entry]:
        return [Entry(_content(cell.prediction), cell.prediction) for cell in self.cells]

    def _cell(self, cell: Cell, entry: Entry, drawn: Drawn, frame: Frame) -> str:
        told = [seconds_told(cell.seconds), cost_told(cell.cost)]
        under = " · ".join(part for part in told if part)
        return f'<td style="{_CELL}">{media(entry, drawn, frame)}{_muted(under)}</td>'

    def _table(self, cells: Sequence[str]) -> str:
        wide = len(self.columns)
        heads = "".join(f'<th scope="col" style="{_HEAD}">{text(column)}</th>' for column in self.columns)
        rows = "".join(
            f'<tr style="background:none"><th scope="row" style="{_SIDE}">{text(prompt)}</th>'
            f"{''.join(cells[i * wide : (i + 1) * wide])}</tr>"
            for i, prompt in enumerate(self.prompts)
        )
        total = cost_told(self.cost) or "cost not wholly known"
        foot = f"{len(self.cells)} predictions, {total} in all"
        return (
            f'<div style="overflow-x:auto"><table style="{_TABLE}">'
            f'<tr style="background:none"><th style="{_HEAD}"></th>{heads}</tr>{rows}</table>'
            f"{_muted(foot)}</div>"
        )

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


def _muted(told: str) -> str:
    style = "opacity:0.65;font-size:12px;margin-top:4px"
    return f'<div style="{style}">{text(told)}</div>' if told else ""


def _content(prediction: Prediction) -> Any:
    if prediction.id.startswith("not-created"):
        return Notice("Not created", prediction.error or "")
    return contents_of(prediction)[0]
