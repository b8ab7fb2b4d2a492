"""`Comparison`, the grid that `compare` returns: it shows itself, becomes an image or a DataFrame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from .. import display
from .._options import options
from ..exceptions import InvalidInputError, SkytellsError
from ..formatting import format_bytes, format_cost, format_count, money_unit
from ..models import Drawn, Finished, Prediction, is_sandbox_id
from ..plaintext import clip, encodable, one_line

if TYPE_CHECKING:
    from pandas import DataFrame
    from PIL import Image

Label = tuple[str, ...]
"""What stands at a row or a column: a word for each of its axes, the outermost first."""

_TABLE: Final = "border-collapse:collapse;margin:0;white-space:normal"
_HEAD: Final = "text-align:left;vertical-align:bottom;font-weight:600;padding:6px 8px;max-width:260px"
_SIDE: Final = (
    "text-align:left;vertical-align:top;font-weight:400;padding:8px;min-width:110px;max-width:180px"
)
_CELL: Final = "text-align:left;vertical-align:top"
_LEFT: Final = ";border-left:1px solid rgba(128,128,128,0.45)"
_ABOVE: Final = ";border-top:1px solid rgba(128,128,128,0.45)"
_NARROWEST: Final = 104
_MANY: Final = 5
_STACK: Final = '<div style="height:8px"></div>'
_LONGEST_LABEL: Final = 240


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a comparison.

    Attributes
    ----------
    prompt, column : str
        Its row and its column, as they are labelled.
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


class Comparison(Finished, Drawn):
    """A grid of predictions: a row for every prompt, a column for every model and variation.

    Of a frame with more than two axes it is a grid of grids, whose labels stand once over all that they are
    of.

    Parameters
    ----------
    rows, columns : sequence of str, or of tuple of str
        Their labels; a tuple has a word for each axis, the outermost first.
    cells : sequence of Cell or None
        Row by row; None where nothing was asked.
    shape : str
        The axes in words.
    given : sequence of Cell, optional
        The cells in the order of the frame that was given.
    index : Index, optional
        That frame's own.
    sandbox : bool, optional
        Whether it was asked of a sandbox, although perhaps nothing was created there.

    Attributes
    ----------
    cells : tuple of Cell
        Row by row.
    prompts, columns : tuple of str
        The labels of its rows and its columns.
    """

    def __init__(
        self,
        rows: Sequence[str | Label],
        columns: Sequence[str | Label],
        cells: Sequence[Cell | None],
        *,
        shape: str = "",
        given: Sequence[Cell] | None = None,
        index: Any = None,
        sandbox: bool = False,
    ) -> None:
        self._sandbox = sandbox
        self._rows = [(row,) if isinstance(row, str) else row for row in rows]
        self._columns = [(column,) if isinstance(column, str) else column for column in columns]
        self.prompts = tuple(" · ".join(row) for row in self._rows)
        self.columns = tuple(" · ".join(column) for column in self._columns)
        self.cells = tuple(cell for cell in cells if cell is not None)
        self._places = tuple(cells)
        self._shape = shape or f"{len(rows)} × {len(columns)}"
        self._given, self._index = self.cells if given is None else tuple(given), index

    def __getitem__(self, place: tuple[int, int]) -> Cell:
        deep, wide = len(self.prompts), len(self.columns)
        try:
            row, column = place
            found = self._places[range(deep)[row] * wide + range(wide)[column]]
        except (TypeError, ValueError, IndexError):
            raise InvalidInputError(
                f"There is no cell [{place!r:.60}]. It takes a row below {deep} and a column below {wide}."
            ) from None
        if found is None:
            raise InvalidInputError("Nothing was asked for this row and column.")
        return found

    def __iter__(self) -> Iterator[Prediction]:
        """Yield its predictions, as they were asked for: for a gallery, a frame, or to rate them."""
        return iter([cell.prediction for cell in self._given])

    def __len__(self) -> int:
        return len(self._given)

    def __repr__(self) -> str:
        failed = f", {self._failed} failed" if self._failed else ""
        return encodable(f"<Comparison of {self._shape}{failed}>")

    @property
    def _failed(self) -> int:
        return sum(cell.error is not None for cell in self.cells)

    @property
    def _unit(self) -> str:
        return money_unit(self._sandbox or any(is_sandbox_id(cell.prediction.id) for cell in self.cells))

    @property
    def cost(self) -> Decimal | None:
        """What it cost in all, without what came from the archive; None when some cell's cost is unknown."""
        costs = [cell.cost for cell in self.cells if not cell.prediction.reused]
        return None if None in costs else sum((c for c in costs if c is not None), Decimal(0))

    @property
    def _width(self) -> int:
        """Of a column, in CSS pixels: two to eight of them fit a notebook, with the prompts beside them."""
        wide = len(self.columns)
        return max(_NARROWEST, min(320, 900 // wide - 8 if wide > _MANY else 810 // wide - 16))

    @property
    def html(self) -> str:
        """The grid as HTML that needs no script and no style sheet."""
        return self._drawn[0]

    @cached_property
    def _drawn(self) -> tuple[str, list[display.DisplayItem]]:
        shown = [_items(cell) for cell in self.cells]
        frame = display.Frame(self._width)
        budget = options.cell_budget

        def html(items: Sequence[display.DisplayItem], note: str = "") -> str:
            pieces = iter([display.media_html(item, frame) for item in items])
            inside = [_STACK.join(islice(pieces, len(outputs))) for outputs in shown]
            drawn = iter(
                [
                    part + _muted(" · ".join(self._facts(cell)))
                    for cell, part in zip(self.cells, inside, strict=True)
                ]
            )
            return self._table([next(drawn) if cell else "" for cell in self._places], note)

        drawing = display.draw(
            display.fetch([item for outputs in shown for item in outputs]),
            size=frame.width,
            budget=budget - display.png_budget(budget),
            page=html,
        )
        small = f"Shown small, to keep this cell under {format_bytes(budget)} (sky.options.cell_budget)."
        return html(drawing.items, small if drawing.squeezed else ""), drawing.items

    def to_image(self, size: int = 320) -> Image.Image:
        """Draw the grid as one Pillow image, with the labels of its rows and columns.

        Parameters
        ----------
        size : int
            Side of a cell, in pixels; less where the image would have over 16 million. Of several outputs
            the first is drawn.
        """
        items = [None if cell is None else _items(cell)[0] for cell in self._places]
        return display.labelled_sheet(items, self._rows, self._columns, size=size)

    def to_pandas(self) -> DataFrame:
        """Return a DataFrame with a row for every cell, failed ones too; on the index of a frame's rows."""
        from ..frames import predictions_frame

        frame = predictions_frame(list(self))
        return frame if self._index is None else frame.set_axis(self._index, axis=0)

    def _table(self, cells: Sequence[str], note: str) -> str:
        wide, deep = len(self.columns), len(self._rows[0])
        across, down = display.spans(self._columns), display.spans(self._rows)
        breaks = {start for level in across[:-1] for start, _, _ in level} - {0}  # where another grid begins
        breaks_down = {start for level in down[:-1] for start, _, _ in level} - {0}
        cell = f"{_CELL};padding:{4 if wide > _MANY else 8}px;min-width:{self._width}px"
        lines = []
        for n, level in enumerate(across):
            corner = f'<th colspan="{deep}" rowspan="{len(across)}"></th>' if deep and not n else ""
            heads = "".join(
                f'<th scope="col" colspan="{length}"{_label(words, _HEAD + _LEFT * (start in breaks))}</th>'
                for start, length, words in level
            )
            lines.append(corner + heads)
        for row in range(len(self._rows)):
            above = _ABOVE * (row in breaks_down)
            sides = "".join(
                f'<th scope="row" rowspan="{length}"{_label(words, _SIDE + above)}</th>'
                for level in down
                for start, length, words in level
                if start == row
            )
            inside = "".join(
                f'<td style="{cell}{above}{_LEFT * (at in breaks)}">{cells[row * wide + at]}</td>'
                for at in range(wide)
            )
            lines.append(sides + inside)
        rows = "".join(f'<tr style="background:none">{line}</tr>' for line in lines)
        return (
            f'<div {display.ROOT}><div style="overflow-x:auto"><table style="{_TABLE}">{rows}</table></div>'
            f'<div style="padding:0 8px">{_muted(self._foot())}{_muted(note)}</div></div>'
        )

    def _facts(self, cell: Cell) -> list[str]:
        cost = "" if cell.cost is None else format_cost(cell.cost, self._unit)
        reused = display.REUSED if cell.prediction.reused else ""
        return [fact for fact in (display.seconds_text(cell.seconds), cost, reused) if fact]

    def _foot(self) -> str:
        cost = (
            "cost not wholly known" if self.cost is None else f"{format_cost(self.cost, self._unit)} in all"
        )
        failed = f"{self._failed} failed" if self._failed else ""
        kept = sum(cell.prediction.reused for cell in self.cells)
        reused = f"{kept} {display.REUSED}" if kept else ""
        parts = (format_count(len(self.cells), "prediction"), failed, reused, cost)
        return ", ".join(part for part in parts if part)

    def _text(self) -> str:
        lines = [repr(self)]
        for cell in self.cells:
            facts = [cell.error or cell.prediction.status, *self._facts(cell)]
            lines.append("  " + one_line(f"{cell.column} | {cell.prompt} | {', '.join(facts)}"))
        return "\n".join(lines)

    def _draw(self) -> dict[str, str]:
        html, items = self._drawn
        return display.bundle_of(html, self._text(), items, display.png_budget(options.cell_budget))


def _items(cell: Cell) -> list[display.DisplayItem]:
    """List what there is to draw of a cell; never empty."""
    made, error = cell.prediction, cell.raised
    if made.id.startswith("not-created"):
        return [display.DisplayItem(display.Message("Not created", made.error or ""), made)]
    if made.id.startswith("uncertain"):
        return [display.DisplayItem(display.Message("In doubt", made.error or ""), made)]
    if error is not None and not made.done:
        return [display.DisplayItem(display.Message("Not followed to its end", error.message), made)]
    return display.prediction_items(made)


def _label(words: str, style: str) -> str:
    """Return the style and the words of an axis; a long label is cut, and whole in its tooltip."""
    line = one_line(words)
    shown = clip(line, _LONGEST_LABEL)
    whole = f' title="{display.text_html(clip(line, 1_000))}"' if shown != line else ""
    return f' dir="auto"{whole} style="{style}">{display.text_html(shown)}'


def _muted(words: str) -> str:
    style = "opacity:0.65;font-size:12px;margin-top:4px"
    return f'<div style="{style}">{display.text_html(words)}</div>' if words else ""
