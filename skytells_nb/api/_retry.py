"""Which answers are worth another try, and how fast to ask: by the rate limit, and by how long models take.

It never sleeps, nor rolls dice.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from math import inf, isfinite
from statistics import median
from typing import Final, TypeAlias

from ..checks import check_whole, expected
from ..models import Prediction

_MINUTE: Final = 60.0
_LONGEST: Final = 10.0
"""Seconds that reads are held back where the limit is said to be set anew later than in a minute: outputs
live five minutes, so a job must not go unseen until a day's quota is."""


class RateLimit:
    """What is known of a rate limit, and when the next read may go without using over half of it.

    Limits are read from both documented forms of the headers (skytells-api.md section 11). All
    times are monotonic seconds that the caller passes in; ``wall`` is the unix time of the answer.
    """

    def __init__(self) -> None:
        self.limit: float | None = None  # requests allowed in a window, once the API has said
        self._window = _MINUTE
        self._reads: deque[float] = deque(maxlen=4096)
        self._not_before = 0.0

    def read(self, now: float) -> None:
        self._reads.append(now)

    def hold(self, until: float) -> None:
        """Let no read go before this time: the API asked for it."""
        self._not_before = max(self._not_before, until)

    def learn(self, headers: Mapping[str, str], now: float, wall: float) -> None:
        limit = _figure(headers, "x-skytells-ratelimit-limit-requests", "x-ratelimit-limit-rpm")
        if limit is None or limit <= 0:
            return
        window = min(_figure(headers, "x-skytells-ratelimit-window") or _MINUTE, _MINUTE)
        remaining = _figure(headers, "x-skytells-ratelimit-remaining-requests", "x-ratelimit-remaining-rpm")
        reset = _figure(headers, "x-ratelimit-reset")
        self.limit, self._window = limit, window
        if remaining is not None and remaining <= 0:
            left = max(0.0, reset - wall) if reset is not None else window / limit
            self._not_before = max(self._not_before, now + (left if left <= _MINUTE else _LONGEST))

    def ready(self, now: float) -> float:
        """When the next read may go: now, or later.

        In any window at most half the limit is read: the first quarter at once, so that short jobs
        are seen to end, the second quarter evenly spread.
        """
        at = max(now, self._not_before)
        if self.limit is None:
            return at
        while self._reads and self._reads[0] <= now - self._window:
            self._reads.popleft()
        allowed = max(1, int(self.limit / 2))
        used = len(self._reads)
        if used >= allowed:
            return max(at, self._reads[-allowed] + self._window)
        if used >= allowed / 2:
            return max(at, self._reads[-1] + 2 * self._window / self.limit)
        return at


def _figure(headers: Mapping[str, str], *names: str) -> float | None:
    for name in names:
        try:
            figure = float(headers[name])
        except (KeyError, ValueError):
            continue
        if isfinite(figure):
            return figure
    return None


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


RETRIED_STATUSES: Final = frozenset({408, 425, 429})
"""Below 500, the statuses of what may well succeed a little later; of 500 and above all are (section 9)."""


def is_retried(status: int) -> bool:
    """Return whether the same request may well succeed a little later, by the status of its answer alone."""
    return status in RETRIED_STATUSES or status >= 500


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and how patiently a failed exchange is tried again; all but `max_retries` are seconds.

    The n-th pause is drawn evenly from 0 to ``min(cap, base * 2**n)`` (full jitter). A ``Retry-After`` beyond
    `longest` is an error at once. A wait bears a run of reads that all fail for `patience`.
    """

    max_retries: int = 2
    base: float = 0.5
    cap: float = 8.0
    longest: float = 120.0
    patience: float = 120.0

    def __post_init__(self) -> None:
        check_whole("max_retries", self.max_retries, 0)
        for name in ("base", "cap", "longest", "patience"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
                raise expected(name, "seconds, 0 or more", value)
        if self.base > self.cap:
            raise expected("base", f"at most cap ({self.cap})", self.base)

    def pause(self, attempt: int, asked: float | None, chance: Callable[[], float]) -> float:
        """Return the seconds before try ``attempt + 1``: what the API asked for and a little more, or jitter.

        ``chance`` returns a number from 0 to 1.
        """
        backoff = min(self.cap, self.base * 2.0 ** min(attempt, 30))
        if asked is not None:
            # "Retry-After: 0", or a date in the past, must not become a storm of requests
            return max(asked, backoff / 2) + 0.25 * chance()
        return chance() * backoff

    def accepts(self, asked: float | None) -> bool:
        """Return whether a pause that the API asks for is short enough to be waited for here."""
        return asked is None or asked <= self.longest


def http_date(value: str | None) -> datetime | None:
    """Parse an HTTP date, such as a ``Date`` header, as an aware datetime; None where it is none.

    One beside all reason is none either: with the year 9999 a time plus something is no time any more.
    """
    try:
        read = parsedate_to_datetime(value) if value else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if read is None or not 1970 <= read.year < 2200:
        return None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read


def answered_at(headers: Mapping[str, str]) -> datetime | None:
    """Return the server's time when an answer left it: its ``Date``, plus its ``Age`` from a cache."""
    date = http_date(headers.get("date"))
    age = headers.get("age", "").strip()
    if date is None or not (age.isascii() and age.isdigit() and len(age) < 8):
        return date
    return date + timedelta(seconds=int(age))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that an answer asks to wait: whole, fractional, or until a date; else None.

    A date is counted from the answer's own ``Date`` where it has one, else from ``now``.
    """
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        until = http_date(value)
        if until is None:
            return None
        seconds = (until - (http_date(headers.get("date")) or now)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
