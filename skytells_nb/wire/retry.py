"""When to try again, and how long to wait first. It never sleeps and never rolls dice itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from ..exceptions import InvalidInputError

__all__ = ["Policy", "answered_at", "http_date", "retry_after"]


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and how patiently a failed exchange is tried again.

    Attributes
    ----------
    max_retries : int
        Further tries after the first.
    base, cap : float
        Seconds: the n-th pause is drawn evenly from 0 to ``min(cap, base * 2**n)`` (full jitter).
    longest : float
        Seconds: a ``Retry-After`` beyond this is an error at once.
    patience : float
        Seconds for which a wait bears a run of reads that all fail.
    """

    max_retries: int = 2
    base: float = 0.5
    cap: float = 8.0
    longest: float = 120.0
    patience: float = 120.0

    def __post_init__(self) -> None:
        if isinstance(self.max_retries, bool) or not isinstance(self.max_retries, int):
            raise _misfit("max_retries", self.max_retries, "a whole number")
        if self.max_retries < 0:
            raise _misfit("max_retries", self.max_retries, "0 or more")
        for name in ("base", "cap", "longest", "patience"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
                raise _misfit(name, value, "seconds, 0 or more")
        if self.base > self.cap:
            raise _misfit("base", self.base, f"at most cap ({self.cap})")

    def pause(self, attempt: int, asked: float | None, chance: Callable[[], float]) -> float:
        """Seconds before try ``attempt + 1``: what the API asked for and a little more, else jitter.

        ``chance`` gives a number from 0 to 1.
        """
        if asked is not None:
            return asked + 0.25 * chance()
        return chance() * min(self.cap, self.base * 2.0 ** min(attempt, 30))

    def bears(self, asked: float | None) -> bool:
        """Whether a pause that the API asks for is short enough to be waited for here."""
        return asked is None or asked <= self.longest


def _misfit(name: str, value: object, wanted: str) -> InvalidInputError:
    return InvalidInputError(f"{name} must be {wanted}, not {value!r}. Nothing was sent.", charged=False)


def http_date(value: str | None) -> datetime | None:
    """Read an HTTP date, such as a ``Date`` header, as an aware datetime; None where it is none."""
    try:
        read = parsedate_to_datetime(value) if value else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if read is None:
        return None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read


def answered_at(headers: Mapping[str, str]) -> datetime | None:
    """Give the server's time when an answer left it: its ``Date``, and its ``Age`` where a cache kept it."""
    date = http_date(headers.get("date"))
    age = headers.get("age", "").strip()
    if date is None or not (age.isascii() and age.isdigit() and len(age) < 8):
        return date
    return date + timedelta(seconds=int(age))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that an answer asks to wait: whole, fractional, or until a date; None if it does not.

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
