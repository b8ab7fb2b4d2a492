"""``sky.gallery``: predictions side by side, as HTML for a notebook and as one image for anything else."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from .._options import options
from ..archive import Rating, rating_of
from ..checks import check_choice, check_whole
from ..exceptions import InvalidInputError
from ..models import Drawn, Model, Prediction
from ..pictures import FORMATS, PictureError, encode
from ._contact_sheet import contact_sheet, png_budget, png_within
from ._items import DisplayItem, items_of, things_in
from ._layout import Page, page
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
        return self._page.html

    @cached_property
    def _page(self) -> Page:
        if not self._items:
            return Page("<div>Nothing to show.</div>", [])
        return page(
            self._items, columns=self._columns, size=self._size, budget=self._budget, reserve=self._reserve
        )

    def mimebundle(self) -> dict[str, str]:
        """Return its HTML, its text and, where it has pictures, a PNG for exports without HTML."""
        bundle = {"text/html": self.html, "text/plain": self.text}
        png = png_within(self._page.items, self._reserve) if self._reserve else None
        return bundle if png is None else {**bundle, "image/png": png}

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

    def _draw(self) -> dict[str, str]:
        return self.mimebundle()

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
    """Format a rating as stars and tags.

    Examples
    --------
    >>> from skytells_nb.archive import Rating
    >>> rating_text(Rating(4, ("cover", "snow"))), rating_text(Rating(0)), rating_text(Rating())
    ('★★★★☆ cover, snow', 'rejected', 'not rated')
    """
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
    if isinstance(captions, str):
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
