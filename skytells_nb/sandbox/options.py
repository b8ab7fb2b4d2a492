"""Everything that can be set on a sandbox, checked once, so that a typo is not a silent default."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from skytells_nb.sandbox import classroom
from skytells_nb.sandbox.dialect import Dialect
from skytells_nb.sandbox.listening import is_loopback


@dataclass(frozen=True, kw_only=True, slots=True)
class Options(Dialect):
    """The options of `skytells_nb.sandbox.Server`; those of the dialect are inherited.

    Attributes
    ----------
    host : str
        The address to listen on; loopback unless given. On any other only generated keys are accepted.
    port : int
        0 takes a free one (with `state`, the one used last time, if it is free).
    state : path or None
        A file that keeps predictions, ids, the key and what was billed from one process to the next.
    retention : float or None
        Seconds after its end at which a prediction's files are gone (section 12: five minutes); None keeps
        them.
    speed : float
        How many times faster than the catalogue says jobs run.
    seconds : float or None
        One fixed duration for every job; 0 means that the first answer is already the last.
    delay : float
        Seconds added to every answer, as a distant network would.
    rate_limit : int or None
        Requests a minute, of all keys together; beyond it 429. In a class: of each learner, 240 unless given.
    concurrency : int or None
        Jobs that may run at a time; beyond it a create is refused with 429. In a class: of each learner.
    seed : int or None
        Makes ids, the key and durations the same each time; the keys of a class are random all the same.
    webhook_secret : str or None
        Signs webhooks with this instead of the API key ("enterprise" mode, section 7).
    learners : int or sequence of str or None
        A class: how many learners, or their names. Each has a key, a quota, a budget and predictions of their
        own, and no other key is accepted.
    budget : Decimal or None
        Credits that each learner may spend, 10 unless given; beyond them 402.
    wall : bool
        Whether a page shows everybody's latest pictures, under an address that nobody can guess.
    clock : callable
        Seconds since the epoch; `time.time` unless a test brings its own.
    """

    host: str = "127.0.0.1"
    port: int = 0
    state: str | os.PathLike[str] | None = None
    retention: float | None = 300.0
    speed: float = 1.0
    seconds: float | None = None
    delay: float = 0.0
    rate_limit: int | None = None
    concurrency: int | None = None
    seed: int | None = None
    webhook_secret: str | None = None
    learners: int | Sequence[str] | None = None
    budget: Decimal | float | str | None = None
    wall: bool = False
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        Dialect.__post_init__(self)
        _at_least_zero("retention", self.retention)
        _at_least_zero("seconds", self.seconds)
        _at_least_zero("delay", self.delay)
        if not _is_number(self.speed) or not self.speed > 0:
            raise ValueError(f"speed={self.speed!r}: a number above zero is needed")
        if not _is_whole(self.port) or not 0 <= self.port <= 65535:
            raise ValueError(f"port={self.port!r}: ports are whole numbers and go from 0 to 65535")
        for name in ("rate_limit", "concurrency"):
            value = getattr(self, name)
            if value is not None and (not _is_whole(value) or value < 1):
                raise ValueError(f"{name}={value!r}: a whole number, at least 1, or None for no limit")
        if self.learners is not None:
            classroom.names_of(self.learners)
        if self.budget is not None:
            classroom.read_budget(self.budget)
        if self.exposed and self.seed is not None:
            raise ValueError(
                f"seed={self.seed!r} and host={self.host!r}: anybody can work out the links to "
                "everybody's pictures when the seed is known. Leave one of the two out."
            )

    @property
    def exposed(self) -> bool:
        """Whether other machines can reach it."""
        return not is_loopback(self.host)

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Options:
        """Make options of keywords, and name the existing ones when a keyword is unknown.

        Raises
        ------
        TypeError
            If an option does not exist.
        ValueError
            If its value is not one of those allowed.
        """
        known = [each.name for each in fields(cls)]
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise TypeError(
                f"the sandbox has no option {', '.join(map(repr, unknown))}; "
                f"it has {', '.join(sorted(known))}"
            )
        return cls(**given)


def _at_least_zero(name: str, value: float | None) -> None:
    if value is not None and not (_is_number(value) and value >= 0 and math.isfinite(value)):
        raise ValueError(f"{name}={value!r}: seconds, zero or more, are needed")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
