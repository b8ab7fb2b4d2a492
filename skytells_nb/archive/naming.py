"""How archived files are called: readable by people, safe on every system, never the server's choice."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import datetime
from typing import TYPE_CHECKING, Final

from ..filetypes import extension

if TYPE_CHECKING:
    from ..models import Prediction

__all__ = ["SIDECAR", "day_and_stem", "file_name", "slug"]

SIDECAR: Final = ".json"
"""What a record beside an output adds to the output's own name."""

_SLUG_WIDTH: Final = 40
_FOLDED: Final = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "þ": "th", "ð": "d"})


def slug(text: str | None, width: int = _SLUG_WIDTH) -> str:
    """Fold a text into lower-case ASCII words joined by hyphens, at most ``width`` characters.

    Examples
    --------
    >>> slug("Ein Röter Fuchs, im Schnee!")
    'ein-roter-fuchs-im-schnee'
    """
    folded = unicodedata.normalize("NFKD", (text or "")[:400].casefold().translate(_FOLDED))
    words = re.findall(r"[a-z0-9]+", folded.encode("ascii", "ignore").decode("ascii"))
    found = "-".join(words)
    if len(found) > width:
        cut = found[: width + 1].rpartition("-")[0]
        found = cut or found[:width]
    return found


def day_and_stem(
    prediction: Prediction, now: datetime, *, account: str = "", apart: bool = False
) -> tuple[str, str]:
    """Name the folder and the stem of a prediction's files, by its local time of creation.

    Parameters
    ----------
    prediction : Prediction
        What is to be stored.
    now : datetime
        Taken where the prediction says no usable time itself.
    account : str
        Whose it is; only used to tell two predictions apart.
    apart : bool
        Another prediction bears the plain name already.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> from skytells_nb import Prediction
    >>> p = Prediction.from_api({"id": "3b0c1f0a-5f0e", "input": {"prompt": "A red fox"}})
    >>> day_and_stem(p, datetime(2026, 11, 22, 14, 31))
    ('2026-11-22', '1431-a-red-fox-3b0c1f0a')
    """
    moment = now
    for found in (prediction.created_at, prediction.started_at, prediction.completed_at):
        if found is not None and 1971 < found.year < 9000:
            moment = found.astimezone()
            break
    identity = f"{prediction.origin}\n{account}\n{prediction.id}".encode("utf-8", "surrogatepass")
    mark = re.sub(r"[^a-z0-9]", "", re.sub(r"^(pred|sandbox)[_-]", "", prediction.id.lower()))[:8]
    if len(mark) < 4 or apart:
        mark += hashlib.sha256(identity).hexdigest()[:8]
    words = slug(prediction.prompt) or slug(prediction.model) or "prediction"
    return moment.strftime("%Y-%m-%d"), f"{moment:%H%M}-{words}-{mark}"


def file_name(stem: str, position: int, media_type: str | None) -> str:
    """Name one output: the first bears the plain stem, further ones ``-2``, ``-3`` and so on.

    Examples
    --------
    >>> file_name("1431-fox-3b0c1f0a", 1, "image/png")
    '1431-fox-3b0c1f0a-2.png'
    """
    return f"{stem}{f'-{position + 1}' if position else ''}{extension(media_type)}"
