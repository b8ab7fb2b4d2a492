"""Which answers are worth another try, when, and how long to wait first. It never sleeps, nor rolls dice."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from ..checks import check_whole, expected

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
