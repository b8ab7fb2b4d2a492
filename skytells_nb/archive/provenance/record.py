"""What is written down about an output: enough to make it again, nothing that is secret."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from ...models import Prediction
from ..documents import noted, without_keys

__all__ = ["FORMAT", "INDEXED", "Broken", "record_of"]

FORMAT: Final = 1
INDEXED: Final = ("account", "sandbox", "prediction")
"""What a JSON file beside an output says besides, from which an index can be made anew."""


class Broken(Exception):
    """An image file that stops before its end, or contradicts itself."""


def record_of(prediction: Prediction, position: int | None = None) -> dict[str, Any]:
    """Collect what is worth knowing about one output, as plain JSON values.

    Data URIs in the input are cut to a note; webhooks and keys are left out.

    Parameters
    ----------
    prediction : Prediction
        Whose output it is.
    position : int, optional
        Which of its outputs, counted from 0.

    Examples
    --------
    >>> from skytells_nb import Prediction
    >>> record_of(Prediction.from_api({"id": "p1", "input": {"prompt": "fox", "seed": 7}}))["seed"]
    7
    """
    given: dict[str, Any] = noted(without_keys(prediction.input or {}))

    def told(moment: datetime | None) -> str | None:
        return None if moment is None else moment.isoformat()

    seed = given.get("seed")
    if seed is None:
        seed = prediction.raw.get("seed")
    return {
        "skytells_nb": FORMAT,
        "id": prediction.id,
        "origin": prediction.origin,
        "model": prediction.model,
        "model_type": prediction.model_type,
        "prompt": given.get("prompt") if isinstance(given.get("prompt"), str) else None,
        "seed": seed if isinstance(seed, int | str | float) else None,
        "input": given,
        "status": prediction.status,
        "error": prediction.error,
        "output_index": position,
        "cost": None if prediction.cost is None else str(prediction.cost),
        "created_at": told(prediction.created_at),
        "started_at": told(prediction.started_at),
        "completed_at": told(prediction.completed_at),
        "seconds": prediction.seconds,
    }
