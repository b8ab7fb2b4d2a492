"""Whatever a person wants to look at, as a flat list of things to draw.

Predictions in any shape (values, the API's JSON, pages of a listing, results of the published SDK), models,
files, addresses, bytes and Pillow images, alone or in lists.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ..exceptions import InvalidInputError
from ..models import Model, Prediction
from .contents import Blob, Content, Remote, contents_of, is_there
from .escaping import clip, one_line
from .fetching import from_data_uri, png_bytes

__all__ = ["Entry", "entries_of", "things_in"]

_TAKEN: Final = (
    "show and gallery take predictions and models, lists of them, the API's JSON, results of the skytells "
    "package, URLs, paths, bytes and Pillow images"
)
_MODEL_KEYS: Final = ("namespace", "input_schema", "pricing", "capabilities")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to draw.

    Attributes
    ----------
    content : Content
        What there is of it.
    subject : object
        The prediction, path, URL, bytes or image it comes from.
    place, places : int
        Which of how many outputs of its subject it is, from 1.
    words : str, optional
        Its caption.
    """

    content: Content
    subject: object
    place: int = 1
    places: int = 1
    words: str | None = None

    @property
    def prediction(self) -> Prediction | None:
        """The prediction it comes from, where it comes from one."""
        return self.subject if isinstance(self.subject, Prediction) else None


def things_in(x: object) -> list[Prediction | Model | Entry]:
    """Read anything that can be shown as predictions, models and loose files, in order.

    Raises
    ------
    InvalidInputError
        When it is none of the things that can be shown; nothing was fetched.
    """
    if isinstance(x, Prediction | Model | Entry):
        return [x]
    if isinstance(x, Mapping):
        return _from_json(x)
    if isinstance(x, str):
        return [_from_string(x)]
    if isinstance(x, os.PathLike):
        return [_from_path(Path(x))]
    if isinstance(x, bytes | bytearray | memoryview):
        return [Entry(Blob(data=bytes(x)), x)]
    if _is_pillow_image(x):
        return [Entry(Blob(data=png_bytes(x)), x)]
    raw = _sdk_json(x)
    if raw is not None:
        return things_in(raw)
    if isinstance(x, Iterable):
        return [thing for item in x for thing in things_in(item)]
    raise InvalidInputError(
        f"A {type(x).__name__} cannot be shown: {_TAKEN}. Nothing was changed.", charged=False
    )


def entries_of(things: Iterable[Prediction | Entry], captions: Iterable[str | None]) -> list[Entry]:
    """List what there is to draw of predictions and loose files: one entry for every output."""
    found: list[Entry] = []
    for thing, words in zip(things, captions, strict=True):
        if isinstance(thing, Entry):
            found.append(replace(thing, words=words))
            continue
        contents = contents_of(thing)
        found += [Entry(item, thing, at, len(contents), words) for at, item in enumerate(contents, start=1)]
    return found


def _from_json(raw: Mapping[str, Any]) -> list[Prediction | Model | Entry]:
    rows = raw.get("data")
    if isinstance(rows, list) and "id" not in raw:
        return [thing for row in rows for thing in things_in(row)]
    if isinstance(rows, Mapping) and str(raw.get("type", "")).startswith("prediction."):
        return things_in(rows)  # a webhook's envelope, skytells-api.md section 7
    looks_like_model = any(key in raw for key in _MODEL_KEYS) and "output" not in raw
    return [Model.from_api(raw) if looks_like_model else Prediction.from_api(raw)]


def _from_string(value: str) -> Entry:
    start = value[:8].lower()
    if start.startswith(("http://", "https://")):
        shell = Prediction(id=value, status="succeeded", output=[value], origin=value)  # typed, so trusted
        return Entry(Remote(value, shell, 0), value)
    if start.startswith("data:"):
        return Entry(from_data_uri(value), value)
    return _from_path(Path(value))


def _from_path(path: Path) -> Entry:
    if not is_there(path):
        raise InvalidInputError(
            f"There is no file at {clip(one_line(str(path)), 200)!r}, and it is no URL. Nothing was changed. "
            "A text is shown by print.",
            charged=False,
        )
    return Entry(Blob(path=path), path)


def _is_pillow_image(x: object) -> bool:
    pillow = sys.modules.get("PIL.Image")  # nobody holds an image without having imported it
    return pillow is not None and isinstance(x, pillow.Image)


def _sdk_json(x: object) -> object:
    """Find the API's JSON inside a result of the published SDK, told by its shape and not by an import."""
    inside = getattr(x, "response", None)
    if isinstance(inside, Mapping) and "id" in inside:
        return inside
    page = getattr(x, "data", None)
    if isinstance(page, list) and hasattr(x, "pagination"):
        return page
    return None
