"""What an output is: a file at a URL, a file within a data URI, or a text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias

from ..models import Prediction
from ._serialize import is_data_uri

__all__ = ["Form", "form_of", "is_gone", "is_young"]

Form: TypeAlias = Literal["url", "data", "text"]

_URL: Final = re.compile(r"https?://\S+", re.IGNORECASE)
_TEXTUAL: Final = frozenset({"text", "code"})
_KEPT: Final = timedelta(minutes=5)


def form_of(prediction: Prediction, position: int) -> Form:
    """Return what one output of a prediction is.

    A text model may well answer with nothing but a URL; that is its text, unless the API lists the
    URL among the files it stores (skytells-api.md section 6, ``metadata.storage.files``).

    Examples
    --------
    >>> from skytells_nb import Prediction
    >>> form_of(Prediction.from_api({"id": "p1", "output": "Foxes are red."}), 0)
    'text'
    """
    output = (prediction.output or [])[position]
    textual = prediction.model_type in _TEXTUAL
    if _URL.fullmatch(output):
        return "text" if textual and output not in _stored_at(prediction) else "url"
    return "data" if not textual and is_data_uri(output) else "text"


def _stored_at(prediction: Prediction) -> set[str]:
    metadata = prediction.raw.get("metadata")
    storage = metadata.get("storage") if isinstance(metadata, Mapping) else None
    files = storage.get("files") if isinstance(storage, Mapping) else None
    return {
        str(file["url"])
        for file in (files if isinstance(files, list) else ())
        if isinstance(file, Mapping) and isinstance(file.get("url"), str)
    }


def is_gone(prediction: Prediction) -> bool:
    """Whether the API says that it has deleted the outputs (skytells-api.md section 12)."""
    metadata = prediction.raw.get("metadata")
    kept = metadata.get("data_available") if isinstance(metadata, Mapping) else None
    return prediction.raw.get("data_removed") is True or kept is False


def is_young(prediction: Prediction, margin: float = 60.0) -> bool:
    """Whether its outputs should still be at their URLs for at least ``margin`` seconds."""
    ended = prediction.completed_at
    if is_gone(prediction) or ended is None:
        return False
    return datetime.now(UTC) - ended < _KEPT - timedelta(seconds=margin)
