"""Which prediction belongs to which create, so that none is billed twice and none is shared.

The API has no idempotency key (skytells-api.md section 9.4). After a create whose answer was lost, the only
proof is the listing, and in it creates of like input look alike. So every id belongs to one attempt at most,
and an attempt takes an id from the listing only while no create that could be mistaken for it is on the wire.

All connections of a process that talk as one account share their claims: two clients that lose the answers of
two equal creates find one prediction each. Another process has claims of its own.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from math import inf
from typing import Any, Final, Literal, TypeAlias

from ..models import Prediction
from ..observers import Account, Observer
from .likeness import carries, compatible

__all__ = ["BUSY", "Attempt", "Busy", "Claims", "shared", "start_afresh"]

Key = tuple[str, str]


class Busy(Enum):
    """A create that could be mistaken for this one went on the wire meanwhile: look again later."""

    BUSY = "busy"


BUSY: Final = Busy.BUSY
Claim: TypeAlias = Prediction | Literal[Busy.BUSY] | None


@dataclass(slots=True, eq=False, weakref_slot=True)
class Attempt:
    """One create, from its first try that may have been accepted to its end.

    Attributes
    ----------
    key : tuple of str
        What two creates share when the API could not tell them apart.
    model, input
        What is asked for.
    started, wall
        When it was first sent: monotonic seconds, and the local wall clock.
    number : float
        Its place in the order in which this connection came to know of things.
    """

    key: Key
    model: str
    input: Mapping[str, Any]
    started: float
    wall: datetime
    number: float = field(default=-inf)


class Claims:
    """A ledger of creates under way, of ids, and of who waits for news of a create in doubt, under one lock.

    It holds attempts weakly: one whose flow was dropped somewhere stands in nobody's way.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: weakref.WeakSet[Attempt] = weakref.WeakSet()
        self._looking: weakref.WeakSet[Attempt] = weakref.WeakSet()
        self._claimed: set[str] = set()
        self._known: dict[str, int] = {}
        self._found: dict[str, Prediction] = {}
        self._in_doubt: dict[str, list[tuple[Observer, object]]] = {}
        self._count = 0

    def start_afresh(self) -> None:
        """Forget what is under way, as a forked child must: the threads that it belongs to are not in it."""
        self._lock = threading.Lock()
        self._sent, self._looking = weakref.WeakSet(), weakref.WeakSet()

    def begin(self, attempt: Attempt) -> bool:
        """Put an attempt on the wire; False while one that could be mistaken for it looks for its own."""
        with self._lock:
            if any(_alike(attempt, other) for other in self._looking):
                return False
            attempt.number = self._next()
            self._sent.add(attempt)
            return True

    def resume(self, attempt: Attempt) -> None:
        """Put an attempt on the wire again, of which nothing was found."""
        with self._lock:
            self._looking.discard(attempt)
            self._sent.add(attempt)

    def answered(self, attempt: Attempt, identifier: str) -> None:
        """Close an attempt that was answered: the id is its own from here on."""
        with self._lock:
            self._claimed.add(identifier)
            self._drop(attempt)

    def look(self, attempt: Attempt) -> None:
        """Take an attempt off the wire, unanswered: it looks for its prediction now."""
        with self._lock:
            self._sent.discard(attempt)
            self._looking.add(attempt)

    def close(self, attempt: Attempt) -> None:
        """Forget an attempt, however it ended."""
        with self._lock:
            self._drop(attempt)

    def quiet(self, attempt: Attempt) -> bool:
        """Whether a look can tell something: nothing alike is on the wire, and nothing stricter looks.

        Of two creates that one prediction could carry, the one that says more looks first.
        """
        with self._lock:
            return self._quiet(attempt)

    def saw(self, identifiers: Iterable[str]) -> None:
        """Remember ids: what was known before an attempt is not its own."""
        with self._lock:
            for identifier in identifiers:
                if identifier not in self._known:
                    self._known[identifier] = self._next()

    def claim(
        self, attempt: Attempt, candidates: Iterable[Prediction], names: Mapping[str, str], *, last: bool
    ) -> Claim:
        """Give an attempt the oldest candidate that is nobody's and was not known before it.

        What another create that looks now may own as well is left alone until the ``last`` look.
        """
        with self._lock:
            if not self._quiet(attempt):
                return BUSY
            rivals = [a for a in self._looking if a.key != attempt.key and _alike(attempt, a)]
            ranked = sorted(
                (p for p in candidates if self._free(attempt, p.id)),
                key=lambda p: (sum(carries(p, a.model, a.input, names) for a in rivals), *_age(p)),
            )
            if not ranked:
                return None
            first = ranked[0]
            if not last and any(carries(first, a.model, a.input, names) for a in rivals):
                return None
            self._claimed.add(first.id)
            self._drop(attempt)
            return first

    def free(self, attempt: Attempt, identifier: str) -> bool:
        """Whether an id is nobody's and was not known before the attempt."""
        with self._lock:
            return self._free(attempt, identifier)

    def known_before(self, attempt: Attempt) -> frozenset[str]:
        """List the ids that cannot be this attempt's own."""
        with self._lock:
            return frozenset(self._claimed) | {i for i, at in self._known.items() if at < attempt.number}

    def give_up(self, identifier: str) -> None:
        """Let go of an id that was claimed for somebody who never heard of it."""
        with self._lock:
            self._claimed.discard(identifier)

    def found(self, attempt: str, prediction: Prediction | None = None) -> Prediction | None:
        """Give, or note, what a create left in doubt turned out to have made: asking twice finds it twice."""
        with self._lock:
            if prediction is not None:
                self._found[attempt] = prediction
            return self._found.get(attempt)

    def forget(self, attempt: str) -> None:
        """Forget what a create in doubt made: whoever asked has it, and will not ask again."""
        with self._lock:
            self._found.pop(attempt, None)

    def leave_in_doubt(self, attempt: str, observer: Observer, ticket: object) -> None:
        """Note who was told that nobody knows what became of a create."""
        with self._lock:
            self._in_doubt.setdefault(attempt, []).append((observer, ticket))

    def left_in_doubt(self, attempt: str) -> list[tuple[Observer, object]]:
        """Give, once, those who have yet to hear what a create in doubt has made."""
        with self._lock:
            return self._in_doubt.pop(attempt, [])

    def _quiet(self, attempt: Attempt) -> bool:
        return not any(other is not attempt and _alike(attempt, other) for other in self._sent) and not any(
            _rank(other) > _rank(attempt) and _alike(attempt, other) for other in self._looking
        )

    def _free(self, attempt: Attempt, identifier: str) -> bool:
        return identifier not in self._claimed and self._known.get(identifier, inf) > attempt.number

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _drop(self, attempt: Attempt) -> None:
        self._sent.discard(attempt)
        self._looking.discard(attempt)


_everywhere: dict[tuple[str, str], Claims] = {}
_lock = threading.Lock()


def shared(account: Account) -> Claims:
    """Give the claims of an account, which all of this process's connections share for as long as it runs.

    Examples
    --------
    >>> account = Account("https://api.skytells.ai/v1", "0123456789ab")
    >>> shared(account) is shared(Account("https://api.skytells.ai/v1", "0123456789ab", sandbox=True))
    True
    """
    with _lock:
        return _everywhere.setdefault((account.origin, account.fingerprint), Claims())


def start_afresh() -> None:
    """Forget what is under way for any account, as a forked child must."""
    global _lock
    _lock = threading.Lock()
    for claims in _everywhere.values():
        claims.start_afresh()


def _alike(one: Attempt, other: Attempt) -> bool:
    return one.key == other.key or compatible(one.model, one.input, other.model, other.input)


def _rank(attempt: Attempt) -> tuple[int, Key]:
    return len(attempt.input), attempt.key


def _age(prediction: Prediction) -> tuple[float, str]:
    made = prediction.created_at
    return inf if made is None else made.timestamp(), prediction.id
