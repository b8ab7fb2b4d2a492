"""``sky.gallery``: predictions side by side, as HTML for a notebook and as one image for anything else."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .._options import options
from ..exceptions import InvalidInputError
from ..models import Model, Prediction
from .figures import name_of
from .pages import page
from .plain import things_text
from .sheets import contact_sheet
from .sources import Entry, entries_of, things_in
from .wording import cost_told

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Captions", "Gallery", "caption_of", "gallery"]

Captions = str | None | Sequence[str | None] | Callable[[Any], str | None]
"""What stands under a picture: "prompt", "model", "cost", "none", a function of the prediction, or a list."""

_WORDS: Final = ("prompt", "model", "cost", "none")
_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp")
_LONGEST_SIDES: Final = {".webp": 16_383, ".jpg": 65_500, ".jpeg": 65_500}


class Gallery:
    """Predictions side by side; as a cell's last line it shows itself.

    Made by ``sky.gallery``. Nothing is fetched or decoded before it is looked at.

    Attributes
    ----------
    html : str
        The whole gallery as a piece of HTML that needs no script and no style sheet.
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
        self,
        entries: Sequence[Entry],
        *,
        columns: int | None,
        size: int,
        budget: int | None,
        text: str,
    ) -> None:
        self._entries = tuple(entries)
        self._columns = columns
        self._size = size
        self._budget = budget
        self.text = text

    @cached_property
    def html(self) -> str:
        """The whole gallery as a piece of HTML that needs no script and no style sheet."""
        if not self._entries:
            return "<div>Nothing to show.</div>"
        made = page(self._entries, columns=self._columns, size=self._size, budget=self._budget)
        return made.html

    def to_image(self) -> Image.Image:
        """Draw a contact sheet: all pictures and their captions as one Pillow image."""
        return contact_sheet(self._entries, columns=self._columns, size=self._size)

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
        elif suffix in _SUFFIXES:
            data = self._sheet_as(suffix)
        else:
            raise InvalidInputError(
                f"A gallery cannot be saved as {target.name!r}: give a name that ends in .html, .png, .jpg "
                "or .webp. Nothing was written.",
                charged=False,
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return target

    def _sheet_as(self, suffix: str) -> bytes:
        sheet, file = self.to_image(), io.BytesIO()
        most = _LONGEST_SIDES.get(suffix)
        if most is not None and max(sheet.size) > most:
            raise InvalidInputError(
                f"The sheet has {sheet.width:,} × {sheet.height:,} pixels, and {suffix} takes {most:,} a "
                "side. Nothing was written. Save it as .png, or make the gallery with more columns.",
                charged=False,
            )
        sheet.save(file, "PNG" if suffix == ".png" else "WEBP" if suffix == ".webp" else "JPEG")
        return file.getvalue()

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<Gallery of {len(self._entries)}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        del include, exclude
        try:
            return {"text/html": self.html, "text/plain": self.text}
        except Exception as error:  # noqa: BLE001 - a cell must not fail for being looked at
            return {"text/plain": f"{self.text}\n(it could not be drawn: {type(error).__name__}: {error})"}


def gallery(
    predictions: object,
    *,
    columns: int | None = None,
    captions: Captions = "prompt",
    size: int = 512,
    full: bool = False,
) -> Gallery:
    """Put predictions side by side: images, clips, songs and texts.

    Parameters
    ----------
    predictions : object
        Predictions, or anything else that ``sky.show`` takes, in a list.
    columns : int, optional
        How many columns, 1 to 24; None takes as many as look well and fit.
    captions : str, callable, list or None
        ``"prompt"``, ``"model"``, ``"cost"``; ``"none"`` or None for no caption; a function of the prediction
        (or of the path, URL, bytes or image that was passed) that returns the caption; or a list of them.
    size : int
        Longest side of a picture, in pixels, 16 to 4096. Many are drawn smaller, to stay within
        ``sky.options.cell_budget``.
    full : bool
        Embed the originals, whatever they take.

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
    if columns is not None and not _is_whole(columns, 1, 24):
        raise _refused(f"columns cannot be {columns!r}: it takes a whole number from 1 to 24, or None")
    if not _is_whole(size, 16, 4096):
        raise _refused(f"size cannot be {size!r}: it takes a whole number of pixels from 16 to 4096")
    things = things_in(predictions)
    drawable = [thing for thing in things if not isinstance(thing, Model)]
    if len(drawable) != len(things):
        raise _refused("A gallery shows what models made, not models: sky.show takes those")
    return Gallery(
        entries_of(drawable, _captions(captions, drawable)),
        columns=columns,
        size=size,
        budget=None if full else options.cell_budget,
        text=things_text(drawable),
    )


def caption_of(thing: Prediction | Entry, kind: str = "prompt") -> str | None:
    """Give the caption that a word asks for; of a loose file, its name."""
    if isinstance(thing, Entry):
        return None if kind == "none" else name_of(thing) or None
    if kind == "prompt":
        return thing.prompt
    if kind == "model":
        return thing.model
    return cost_told(thing.cost) or "cost unknown" if kind == "cost" else None


def _captions(captions: Captions, things: Sequence[Prediction | Entry]) -> list[str | None]:
    if captions is None:
        return [None] * len(things)
    if isinstance(captions, str):
        if captions not in _WORDS:
            raise _refused(
                f"captions cannot be {captions!r}: it takes {', '.join(_WORDS)}, a function or a list"
            )
        return [caption_of(thing, captions) for thing in things]
    if callable(captions):
        said = [captions(thing.subject if isinstance(thing, Entry) else thing) for thing in things]
    else:
        said = list(captions)
        if len(said) != len(things):
            raise _refused(f"There are {len(said)} captions for {len(things)} predictions; give one for each")
    return [None if words is None else str(words) for words in said]


def _is_whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _refused(message: str) -> InvalidInputError:
    return InvalidInputError(f"{message}. Nothing was drawn.", charged=False)


_DOCUMENT: Final = (
    '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
    '<meta name="viewport" content="width=device-width"><title>Gallery</title></head>\n'
    '<body style="font-family:system-ui,sans-serif;margin:24px">{}</body></html>\n'
)
