"""`Comparison`, the grid that `compare` returns: it shows itself, becomes an image or a DataFrame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Final

from .._options import options
from ..display import (
    REUSED,
    ROOT,
    DisplayItem,
    Frame,
    Message,
    contact_sheet,
    draw,
    fetch,
    media_html,
    notebook_bytes,
    outputs_of,
    png_budget,
    png_within,
    seconds_text,
    text_html,
)
from ..exceptions import SkytellsError
from ..formatting import format_bytes, format_cost, format_count, money_unit
from ..models import Prediction, is_sandbox_id
from ..plaintext import clip, encodable, one_line

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
        What it cost in all, without what came from the archive; None when some cell's cost is unknown.
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
        axes = f"{format_count(len(self.prompts), 'prompt')} × {format_count(len(self.columns), 'column')}"
        return encodable(f"<Comparison of {axes}{f', {self._failed} failed' if self._failed else ''}>")

    @property
    def _failed(self) -> int:
        return sum(cell.error is not None for cell in self.cells)

    @property
    def _unit(self) -> str:
        return money_unit(any(is_sandbox_id(cell.prediction.id) for cell in self.cells))

    @property
    def cost(self) -> Decimal | None:
        """What it cost in all, without what came from the archive; None when some cell's cost is unknown."""
        costs = [cell.cost for cell in self.cells if not cell.prediction.reused]
        return None if None in costs else sum((c for c in costs if c is not None), Decimal(0))

    @property
    def html(self) -> str:
        """The grid as HTML that needs no script and no style sheet."""
        return self._drawn[0]

    @cached_property
    def _drawn(self) -> tuple[str, list[DisplayItem]]:
        shown = [_items(cell) for cell in self.cells]
        frame = Frame(max(140, min(320, 960 // max(1, len(self.columns)))))
        budget = options.cell_budget

        def html(items: Sequence[DisplayItem], note: str = "") -> str:
            pieces = iter([media_html(item, frame) for item in items])
            inside = [_STACK.join(islice(pieces, len(outputs))) for outputs in shown]
            return self._table([self._cell(*pair) for pair in zip(self.cells, inside, strict=True)], note)

        drawing = draw(
            fetch([item for outputs in shown for item in outputs]),
            size=frame.width,
            budget=budget - png_budget(budget),
            page_length=lambda items: notebook_bytes(html(items)),
        )
        small = f"Shown small, to keep this cell under {format_bytes(budget)} (sky.options.cell_budget)."
        return html(drawing.items, small if drawing.squeezed else ""), drawing.items

    def to_image(self, size: int = 320) -> Image.Image:
        """Draw the grid as one Pillow image, every picture with its column and prompt under it.

        Parameters
        ----------
        size : int
            Side of a cell, in pixels. Of several outputs the first is drawn.
        """
        items = [replace(_items(cell)[0], caption=f"{cell.column}: {cell.prompt}") for cell in self.cells]
        return contact_sheet(items, columns=len(self.columns), size=size)

    def to_pandas(self) -> DataFrame:
        """Return a DataFrame with a row for every cell, failed ones too."""
        from ..frames import predictions_frame

        return predictions_frame([cell.prediction for cell in self.cells])

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

    def _cell(self, cell: Cell, inside: str) -> str:
        return f'<td style="{_CELL}">{inside}{_muted(" · ".join(self._facts(cell)))}</td>'

    def _facts(self, cell: Cell) -> list[str]:
        cost = "" if cell.cost is None else format_cost(cell.cost, self._unit)
        reused = REUSED if cell.prediction.reused else ""
        return [fact for fact in (seconds_text(cell.seconds), cost, reused) if fact]

    def _foot(self) -> str:
        cost = (
            "cost not wholly known" if self.cost is None else f"{format_cost(self.cost, self._unit)} in all"
        )
        failed = f"{self._failed} failed" if self._failed else ""
        kept = sum(cell.prediction.reused for cell in self.cells)
        reused = f"{kept} {REUSED}" if kept else ""
        parts = (format_count(len(self.cells), "prediction"), failed, reused, cost)
        return ", ".join(part for part in parts if part)

    def _text(self) -> str:
        lines = [repr(self)]
        for cell in self.cells:
            facts = [cell.error or cell.prediction.status, *self._facts(cell)]
            lines.append("  " + one_line(f"{cell.column} | {cell.prompt} | {', '.join(facts)}"))
        return "\n".join(lines)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        del include, exclude
        try:
            html, items = self._drawn
            bundle = {"text/html": html, "text/plain": self._text()}
            png = png_within(items, png_budget(options.cell_budget))
            return bundle if png is None else {**bundle, "image/png": png}
        except Exception as error:  # noqa: BLE001 - a cell must not fail for being looked at
            return {"text/plain": f"{self._text()}\n(it could not be drawn: {type(error).__name__}: {error})"}


def _items(cell: Cell) -> list[DisplayItem]:
    """List what there is to draw of a cell; never empty."""
    made, error = cell.prediction, cell.raised
    if made.id.startswith("not-created"):
        return [DisplayItem(Message("Not created", made.error or ""), made)]
    if made.id.startswith("uncertain"):
        return [DisplayItem(Message("In doubt", made.error or ""), made)]
    if error is not None and not made.done:
        return [DisplayItem(Message("Not followed to its end", error.message), made)]
    contents = outputs_of(made)
    return [DisplayItem(each, made, index, len(contents)) for index, each in enumerate(contents, start=1)]


def _label(words: str, style: str) -> str:
    """Return the style and the words of an axis; a long label is cut, and whole in its tooltip."""
    line = one_line(words)
    shown = clip(line, _LONGEST_LABEL)
    whole = f' title="{text_html(clip(line, 1_000))}"' if shown != line else ""
    return f' dir="auto"{whole} style="{style}">{text_html(shown)}'


def _muted(words: str) -> str:
    style = "opacity:0.65;font-size:12px;margin-top:4px"
    return f'<div style="{style}">{text_html(words)}</div>' if words else ""
