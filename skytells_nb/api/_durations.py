"""How long a model's predictions take, learnt as they end, so that waits look when it is worth it."""

from __future__ import annotations

from math import inf
from statistics import median
from typing import Final, TypeAlias

from ..models import Prediction

Window: TypeAlias = tuple[float, float]
"""The ages, in seconds, between which a prediction is likely to end."""

_EARLY: Final = 0.85
_LATE: Final = 1.2
_STEPS: Final = 7.8
"""Steps from one end of a window to the other: eight reads show all that lies within 15 % of the usual."""

_WIDEST: Final = 2.5
"""How many times its beginning a window's end may be: a wider one keeps short jobs waiting."""

_OUTLIERS: Final = 5
"""From so many lengths on, the shortest and the longest are left out: a cold start is no rule."""


class Durations:
    """The lengths of the last few predictions of every model, by the API's base URL and the model's name."""

    def __init__(self, keep: int = 9) -> None:
        self._keep = keep
        self._seen: dict[tuple[str, str], list[tuple[float, float]]] = {}

    def remember(self, base_url: str, model: str | None, seconds: float, started: float = -inf) -> None:
        """Note that a prediction took so long, that was ``started`` then; a length of 0 is not a length.

        Those that started last are kept, not those that ended last: of many that start together the longest
        end last, and would teach that all are long.
        """
        if model and seconds > 0:
            seen = self._seen.setdefault((base_url, model), [])
            seen.append((started, seconds))
            seen.sort(key=lambda each: each[0])
            del seen[: -self._keep]

    def window(self, base_url: str, model: str | None) -> Window | None:
        """Return when one is likely to end; None for a new model, or where lengths differ too much to say."""
        seen = sorted(seconds for _, seconds in self._seen.get((base_url, model or ""), ()))
        if not seen:
            return None
        usual = seen[1:-1] if len(seen) >= _OUTLIERS else seen
        middle = median(seen)
        first, last = min(_EARLY * middle, usual[0]), max(_LATE * middle, usual[-1])
        return (first, last) if last <= _WIDEST * first else None


def length(prediction: Prediction, observed: float, unfinished: float | None = None) -> float:
    """Return the seconds that a prediction took: by the API's figures if plausible, else as observed.

    ``observed`` is its age at the read that saw its end, so it is never too short; ``unfinished`` its age
    at the last read that did not, half of ``observed`` where that is not known. What lies between the two is
    plausible. Without that bound, one look that came late would teach a length that makes all later ones
    come as late.
    """
    least = 0.5 * observed if unfinished is None else unfinished
    lengths = [prediction.metrics.total_time]
    if prediction.created_at is not None and prediction.completed_at is not None:
        lengths.insert(0, (prediction.completed_at - prediction.created_at).total_seconds())
        whole = not (prediction.created_at.microsecond or prediction.completed_at.microsecond)
        if whole:
            lengths.reverse()
    return next((t for t in lengths if t is not None and t > 0 and least <= t <= observed), observed)


def next_read(age: float, window: Window | None, *, is_slow: bool = False) -> float:
    """Return the age at which to read a prediction next, in seconds, given its age at the last read.

    With a window: eight reads from its beginning to its end, so that a job within 15 % of the usual
    length is seen at most 5 % late. Without one, or past it, in steps that grow by a fifth and a second: a
    job is noticed within a fifth of its length and a second, one of 10 s by seven reads and one of 60 s by
    fifteen, since a key may have 25 a minute. ``is_slow`` is for models that make clips and songs, which
    take a while: the first read comes late, and all lengths are seen within a fifth.
    No step is over 30 s: outputs live for five minutes.
    """
    if window is not None:
        first, last = window
        if age < first:
            return first
        if age < last:
            step: float = (last / first) ** (1 / _STEPS)
            return max(age * step, age + 0.02)
    if is_slow:
        return max(4.7, age + min(30.0, 0.2 * age))
    return age + min(30.0, 0.2 * age + 1.0) if age else 0.25


shared_durations = Durations()
"""What this process has learnt; every connection shares it."""
