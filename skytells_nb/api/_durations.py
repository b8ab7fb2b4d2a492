"""How long a model's predictions take, learnt as they end, so that waits look when it is worth it."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import Final

from ..models import Prediction

__all__ = ["Durations", "length", "next_read", "shared_durations"]

_EARLY: Final = 0.85
_STEP: Final = 1.045
_LATE: Final = 1.2


class Durations:
    """The last few durations of every model, by the API's base URL and the model's name."""

    def __init__(self, keep: int = 9) -> None:
        self._keep = keep
        self._seen: dict[tuple[str, str], deque[float]] = {}

    def remember(self, base_url: str, model: str | None, seconds: float) -> None:
        """Note that a prediction of this model took so long; a length of 0 is not a length."""
        if model and seconds > 0:
            self._seen.setdefault((base_url, model), deque(maxlen=self._keep)).append(seconds)

    def expected(self, base_url: str, model: str | None) -> float | None:
        """Return the seconds that one is likely to take: the median of the last few; None for a new model."""
        seen = self._seen.get((base_url, model or ""))
        return median(seen) if seen else None


def length(prediction: Prediction, observed: float, unfinished: float | None = None) -> float:
    """Return the seconds that a prediction took: by the API's figures if plausible, else as observed.

    ``observed`` is its age at the read that saw its end, so it is never too short; ``unfinished`` its age
    at the last read that did not, half of ``observed`` where that is not known. What lies between the two is
    plausible. Without that bound, one look that came late would teach a length that makes all later ones
    come as late.
    """
    least = 0.5 * observed if unfinished is None else unfinished
    told = [prediction.metrics.total_time]
    if prediction.created_at is not None and prediction.completed_at is not None:
        told.insert(0, (prediction.completed_at - prediction.created_at).total_seconds())
        whole = not (prediction.created_at.microsecond or prediction.completed_at.microsecond)
        if whole:
            told.reverse()
    return next((t for t in told if t is not None and t > 0 and least <= t <= observed), observed)


def next_read(age: float, expected: float | None, *, is_slow: bool = False) -> float:
    """Return the age at which to read a prediction next, in seconds, given its age at the last read.

    With an expected length: from 15 % before it, in steps of 4.5 %, so that a job within 15 % of it is
    seen at most 5 % late by eight reads. Without one, or well past it, in growing steps: a job of 10 s takes
    ten reads and one of 60 s fifteen, since a key may have 25 a minute. ``is_slow`` is for models that make
    clips and songs, which take a while: the first read comes late, and all lengths are seen within a fifth.
    No step is over 30 s: outputs live for five minutes.

    Examples
    --------
    >>> next_read(0, None), next_read(10, None), next_read(0, 20.0)
    (0.25, 14.2, 17.0)
    """
    if expected is not None:
        if age < _EARLY * expected:
            return _EARLY * expected
        if age < _LATE * expected:
            return max(age * _STEP, age + 0.02)
    if is_slow:
        return max(4.7, age + min(30.0, 0.2 * age))
    if age < 10:
        return 1.3 * age + 0.25
    return age + min(0.42 * age, max(18.5, min(0.2 * age, 30.0)))


shared_durations = Durations()
"""What this process has learnt; every connection shares it."""
