"""Rate limits: how many requests a minute, how many jobs at a time, and what the headers say about it.

Source: skytells-api.md, section 11. One rolling minute counts for the whole account.
"""

from __future__ import annotations

import math
from collections import deque
from email.utils import formatdate

from skytells_nb.sandbox.job import SECOND

WINDOW = 60


class Window:
    """A rolling minute of requests."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._seen: deque[int] = deque()

    def admit(self, now: int) -> float | None:
        """Count a request in, or say in how many seconds the next one will be let in."""
        if self.limit is None:
            return None
        while self._seen and self._seen[0] <= now - WINDOW * SECOND:
            self._seen.popleft()
        if len(self._seen) >= self.limit:
            return (self._seen[0] + WINDOW * SECOND - now) / SECOND
        self._seen.append(now)
        return None

    @property
    def remaining(self) -> int:
        """How many more requests this minute allows."""
        return 0 if self.limit is None else self.limit - len(self._seen)

    def resets_at(self, now: int) -> int:
        """Say at which Unix second the oldest request leaves the window."""
        return math.ceil((self._seen[0] if self._seen else now) / SECOND) + WINDOW


def headers(form: str, window: Window, concurrency: int | None, running: int, now: int) -> dict[str, str]:
    """Write the rate headers of one of the two documented forms; ``-`` stands for what is not limited."""
    if form == "old":
        return {
            "x-ratelimit-limit-rpm": _or_dash(window.limit),
            "x-ratelimit-remaining-rpm": _or_dash(window.limit and window.remaining, window.limit),
            "x-ratelimit-limit-concurrent": _or_dash(concurrency),
            "x-ratelimit-remaining-concurrent": _or_dash(
                concurrency and max(concurrency - running, 0), concurrency
            ),
            "x-ratelimit-reset": str(window.resets_at(now)),
        }
    return {
        "x-skytells-ratelimit-limit-requests": _or_dash(window.limit),
        "x-skytells-ratelimit-remaining-requests": _or_dash(window.limit and window.remaining, window.limit),
        "x-skytells-ratelimit-window": str(WINDOW),
        "x-skytells-ratelimit-limit-tokens-in": "-",
        "x-skytells-ratelimit-remaining-tokens-in": "-",
        "x-skytells-ratelimit-limit-tokens-out": "-",
        "x-skytells-ratelimit-remaining-tokens-out": "-",
    }


def retry_after(seconds: float, form: str, now: int) -> str:
    """Write a Retry-After header: whole seconds rounded up, a fraction, or an HTTP date.

    Examples
    --------
    >>> retry_after(1.2, "seconds", 0), retry_after(1.25, "fraction", 0)
    ('2', '1.25')
    """
    if form == "fraction":
        return f"{max(seconds, 0.01):.2f}"
    whole = max(math.ceil(seconds), 1)
    return formatdate(now / SECOND + whole, usegmt=True) if form == "date" else str(whole)


def _or_dash(value: int | None, limit: int | None = 0) -> str:
    return "-" if value is None or limit is None else str(value)
