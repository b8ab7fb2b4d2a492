"""``sky.gallery``: predictions side by side, as HTML for a notebook and as one image for anything else."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from .._options import options
from ..archive import Rating, rating_of
from ..checks import check_choice, check_whole
from ..exceptions import InvalidInputError
from ..formatting import format_bytes
from ..models import Drawn, Model, Prediction
from ..pictures import FORMATS, PictureError, encode
from ._contact_sheet import bundle_of, contact_sheet, png_budget
from ._html import ROOT, Frame, caption_html, facts_html, figure_html, text_html
from ._items import DisplayItem, items_of, things_in
from ._pipeline import draw, fetch, most_items
from ._text import cost_text, things_text

if TYPE_CHECKING:
    from PIL import Image

Captions = str | None | Sequence[str | None] | Callable[[Any], str | None]
"""What stands under a picture: "prompt", "model", "cost", "rating", "none", a function, or a list."""

_CAPTIONS: Final[dict[str, Callable[[Prediction], str | None]]] = {
    "prompt": lambda prediction: prediction.prompt,
    "model": lambda prediction: prediction.model,
    "cost": lambda prediction: cost_text(prediction) or "cost unknown",
    "rating": lambda prediction: rating_text(rating_of(prediction)),
    "none": lambda _: None,
}
_PICTURES: Final = (".png", ".jpg", ".jpeg", ".webp")
_GAP: Final = 16
_NARROWEST: Final = 72
_NOTE: Final = "opacity:0.65;font-size:12px;line-height:1.5;margin-top:12px"
_DOCUMENT: Final = (
    '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
    '<meta name="viewport" content="width=device-width"><title>Gallery</title></head>\n'
    '<body style="font-family:system-ui,sans-serif;margin:24px">{}</body></html>\n'
)


class Gallery(Drawn):
    """Predictions side by side; as a cell's last line it shows itself.

    Made by ``sky.gallery``. Nothing is fetched or decoded before it is looked at.

    Attributes
    ----------
    text : str
        What a terminal shows of it.

    Examples
    --------
    >>> from PIL import Image
    >>> from skytells_nb.display import gallery
    >>> g = gallery([Image.new("RGB", (64, 64), "teal"), Image.new("RGB", (64, 64), "navy")], size=64)
    >>> g
    <Gallery of 2>
    >>> g.to_image().mode
    'RGB'
    """

    def __init__(
        self, items: Sequence[DisplayItem], *, columns: int | None, size: int, budget: int | None, text: str
    ) -> None:
        self._items = tuple(items)
        self._columns = columns
        self._size = size
        self._budget = budget
        self._reserve = png_budget(options.cell_budget if budget is None else budget)
        self.text = text

    @property
    def html(self) -> str:
        """The whole gallery as a piece of HTML that needs no script and no style sheet."""
        return self._page[0]

    @cached_property
    def _page(self) -> tuple[str, list[DisplayItem]]:
        if not self._items:
            return "<div>Nothing to show.</div>", []
        return page(
            self._items, columns=self._columns, size=self._size, budget=self._budget, reserve=self._reserve
        )

    def mimebundle(self) -> dict[str, str]:
        """Return its HTML, its text and, where it has pictures, a PNG for exports without HTML."""
        return bundle_of(self.html, self.text, self._page[1], self._reserve)

    def to_image(self) -> Image.Image:
        """Draw a contact sheet: all pictures and their captions as one Pillow image."""
        return contact_sheet(self._items, columns=self._columns, size=self._size)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save it: a page for ``.html``, a contact sheet for ``.png``, ``.jpg`` or ``.webp``.

        Its folder is made where there is none. What is there is replaced.

        Raises
        ------
        InvalidInputError
            For any other ending, and for a sheet that is too long for its format; nothing was written.
        OSError
            When the file cannot be written.
        """
        target = Path(path).expanduser()
        suffix = target.suffix.lower()
        if suffix in (".html", ".htm"):
            data = _DOCUMENT.format(self.html).encode("utf-8", "replace")
        elif suffix in _PICTURES:
            try:
                data = encode(self.to_image(), FORMATS[suffix], quality=85)
            except PictureError as error:
                raise InvalidInputError(
                    f"The sheet cannot be saved: {error.detail} Or make the gallery with more columns."
                ) from error
        else:
            raise InvalidInputError(
                f"A gallery cannot be saved as {target.name!r}. Use a name that ends in .html, .png, .jpg or "
                ".webp."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return target

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"<Gallery of {len(self._items)}>"

    def _text(self) -> str:
        return self.text


def gallery(
    predictions: object,
    *,
    columns: int | None = None,
    captions: Captions = "prompt",
    size: int = 512,
    full: bool = False,
    min_rating: int | None = None,
    tag: str | None = None,
    sort: Literal["rating"] | None = None,
) -> Gallery:
    """Put predictions side by side: images, clips, songs and texts.

    Parameters
    ----------
    predictions : object
        Predictions, or anything else that ``sky.show`` takes, in a list.
    columns : int, optional
        How many columns, 1 to 24; None takes as many as look well and fit.
    captions : str, callable, list or None
        ``"prompt"``, ``"model"``, ``"cost"``, ``"rating"``; ``"none"`` or None for no caption; a function of
        the prediction (or of the path, URL, bytes or image that was passed) that returns the caption; or a
        list of them.
    size : int
        Longest side of a picture, in pixels, 16 to 4096. Many are drawn smaller, to stay within
        ``sky.options.cell_budget``.
    full : bool
        Embed the originals, whatever they take.
    min_rating, tag : int, str, optional
        Only predictions that an archive has with so many stars at least, or with this tag; see ``sky.rate``.
    sort : "rating", optional
        Those with the most stars first, those without any last.

    Returns
    -------
    Gallery
        It has ``.html``, ``.to_image()`` and ``.save(path)``, and shows itself as a cell's last line.

    Raises
    ------
    InvalidInputError
        For something that cannot be shown, or an argument that makes no sense.

    Examples
    --------
    >>> from PIL import Image
    >>> from skytells_nb.display import gallery
    >>> gallery([Image.new("RGB", (64, 64), "teal")], captions=["a teal square"])
    <Gallery of 1>
    """
    if columns is not None:
        columns = check_whole("columns", columns, 1, 24, none="as many as fit")
    size = check_whole("size", size, 16, 4096)
    things = things_in(predictions)
    drawable = [thing for thing in things if not isinstance(thing, Model)]
    if len(drawable) != len(things):
        raise InvalidInputError("gallery() takes predictions; use sky.show() for models.")
    if min_rating is not None or tag is not None or sort is not None:
        drawable = _rated(drawable, min_rating, tag, check_choice("sort", sort, ("rating", None)))
    items = items_of(drawable, _captions(captions, drawable))
    if captions == "cost":  # a prediction is billed once, however many outputs it has
        items = [replace(item, caption=None) if item.index > 1 else item for item in items]
    budget = None if full else options.cell_budget
    return Gallery(items, columns=columns, size=size, budget=budget, text=things_text(drawable))


def _rated(
    things: Sequence[Prediction | DisplayItem], least: int | None, tag: str | None, sort: str | None
) -> list[Prediction | DisplayItem]:
    """Choose and order by what somebody thought of them; a loose file has no rating."""
    least = None if least is None else check_whole("min_rating", least, 0, 5)
    rated = [(thing, rating_of(thing) if isinstance(thing, Prediction) else Rating()) for thing in things]
    chosen = [
        (thing, rating)
        for thing, rating in rated
        if (least is None or (rating.stars is not None and rating.stars >= least))
        and (tag is None or tag in rating.tags)
    ]
    if sort == "rating":
        chosen.sort(key=lambda pair: -1 if pair[1].stars is None else pair[1].stars, reverse=True)
    return [thing for thing, _ in chosen]


def rating_text(rating: Rating) -> str:
    """Format a rating as stars and tags."""
    stars = rating.stars
    shown = "not rated" if stars is None else "★" * stars + "☆" * (5 - stars) if stars else "rejected"
    return " ".join([shown, ", ".join(rating.tags)]).strip()


def caption_of(thing: Prediction | DisplayItem, kind: str = "prompt") -> str | None:
    """Return the caption that a word asks for; of a loose file, its name."""
    if isinstance(thing, DisplayItem):
        return None if kind == "none" else thing.name or None
    return _CAPTIONS[kind](thing)


def _captions(captions: Captions, things: Sequence[Prediction | DisplayItem]) -> list[str | None]:
    if captions is None:
        return [None] * len(things)
    if isinstance(captions, str) or not (callable(captions) or isinstance(captions, Iterable)):
        kind = check_choice("captions", captions, tuple(_CAPTIONS))
        return [caption_of(thing, kind) for thing in things]
    if callable(captions):
        made = [captions(thing.subject if isinstance(thing, DisplayItem) else thing) for thing in things]
    else:
        made = list(captions)
        if len(made) != len(things):
            raise InvalidInputError(
                f"There are {len(made)} captions for {len(things)} predictions. Pass one for each."
            )
    return [None if caption is None else str(caption) for caption in made]


# The page: figures in a grid that is never wider than it needs to be, a head and a note


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


def page(
    items: Sequence[DisplayItem],
    *,
    columns: int | None = None,
    size: int = 512,
    budget: int | None = 1_000_000,
    reserve: int = 0,
    head: str = "",
    together: bool = False,
) -> tuple[str, list[DisplayItem]]:
    """Draw items as one page of HTML, in a cell of so many bytes of which some are reserved for others.

    Returned with the page are the items that are on it, as they were drawn.

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

    drawing = draw(fetched, size=size, budget=None if budget is None else budget - reserve, page=html)
    note = _note(len(fetched), len(items), drawing.squeezed, budget)
    return html(drawing.items, note), drawing.items


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
