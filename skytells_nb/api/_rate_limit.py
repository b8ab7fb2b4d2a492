"""How fast to ask: the rate limit as the API tells it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Final

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
        self._limit: float | None = None
        self._window = _MINUTE
        self._reads: deque[float] = deque(maxlen=4096)
        self._not_before = 0.0

    @property
    def limit(self) -> float | None:
        """Requests allowed in a window, once the API has said."""
        return self._limit

    def read(self, now: float) -> None:
        """Count a read that is sent now."""
        self._reads.append(now)

    def hold(self, until: float) -> None:
        """Let no read go before this time: the API asked for it."""
        self._not_before = max(self._not_before, until)

    def learn(self, headers: Mapping[str, str], now: float, wall: float) -> None:
        """Read the rate headers of an answer."""
        limit = _figure(headers, "x-skytells-ratelimit-limit-requests", "x-ratelimit-limit-rpm")
        if limit is None or limit <= 0:
            return
        window = min(_figure(headers, "x-skytells-ratelimit-window") or _MINUTE, _MINUTE)
        remaining = _figure(headers, "x-skytells-ratelimit-remaining-requests", "x-ratelimit-remaining-rpm")
        reset = _figure(headers, "x-ratelimit-reset")
        self._limit, self._window = limit, window
        if remaining is not None and remaining <= 0:
            left = max(0.0, reset - wall) if reset is not None else window / limit
            self._not_before = max(self._not_before, now + (left if left <= _MINUTE else _LONGEST))

    def ready(self, now: float) -> float:
        """When the next read may go: now, or later.

        In any window at most half the limit is read: the first quarter at once, so that short jobs
        are seen to end, the second quarter evenly spread.
        """
        at = max(now, self._not_before)
        if self._limit is None:
            return at
        while self._reads and self._reads[0] <= now - self._window:
            self._reads.popleft()
        allowed = max(1, int(self._limit / 2))
        used = len(self._reads)
        if used >= allowed:
            return max(at, self._reads[-allowed] + self._window)
        if used >= allowed / 2:
            return max(at, self._reads[-1] + 2 * self._window / self._limit)
        return at


def _figure(headers: Mapping[str, str], *names: str) -> float | None:
    for name in names:
        try:
            figure = float(headers[name])
        except (KeyError, ValueError):
            continue
        if math.isfinite(figure):
            return figure
    return None
