"""Which prediction belongs to which create, so that none is billed twice and none is shared.

The API has no idempotency key (skytells-api.md section 9.4). After a create whose answer was lost, the only
proof is the listing, and in it creates of like input look alike. So every id belongs to one create at most,
and a create takes an id from the listing only while no other that could be mistaken for it is on the wire.

All connections of a process that talk as one account share a registry: two clients that lose the answers of
two equal creates find one prediction each. Another process has a registry of its own.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from math import inf
from typing import Any, Final, Literal, TypeAlias

from ..models import Prediction
from ._matching import could_both_match, matches
from ._observers import Account, Observer

Key = tuple[str, str]


class Busy(Enum):
    """A create that could be mistaken for this one went on the wire meanwhile: search again later."""

    BUSY = "busy"


BUSY: Final = Busy.BUSY
Claim: TypeAlias = Prediction | Literal[Busy.BUSY] | None


@dataclass(slots=True, eq=False, weakref_slot=True)
class PendingCreate:
    """One create, from its first try that may have been accepted to its end.

    Two creates share a `key` when the API could not tell them apart. It was first sent at `started`
    (monotonic seconds) and `wall` (the local clock); `number` is its place in the order in which this
    registry came to know of things.
    """

    key: Key
    model: str
    input: Mapping[str, Any]
    started: float
    wall: datetime
    number: float = field(default=-inf)


class CreateRegistry:
    """Creates under way, the ids that are taken, and who waits for news of a create in doubt.

    It is used on the toolkit's loop alone, so it needs no lock. Creates are held weakly: one that was
    dropped somewhere stands in nobody's way.
    """

    def __init__(self) -> None:
        self._on_wire: weakref.WeakSet[PendingCreate] = weakref.WeakSet()
        self._searching: weakref.WeakSet[PendingCreate] = weakref.WeakSet()
        self._claimed: set[str] = set()
        self._known: dict[str, int] = {}
        self._found: dict[str, Prediction] = {}
        self._in_doubt: dict[str, list[tuple[Observer, object]]] = {}
        self._count = 0

    def forget_pending(self) -> None:
        """Forget what is under way, as a forked child must: the loop that it belongs to is not in it."""
        self._on_wire, self._searching = weakref.WeakSet(), weakref.WeakSet()

    def start(self, create: PendingCreate) -> bool:
        """Put a create on the wire; returns False while one that could be mistaken for it is searched for."""
        if any(_confusable(create, other) for other in self._searching):
            return False
        create.number = self._next()
        self._on_wire.add(create)
        return True

    def resume(self, create: PendingCreate) -> None:
        """Put a create on the wire again, of which nothing was found."""
        self._searching.discard(create)
        self._on_wire.add(create)

    def answered(self, create: PendingCreate, identifier: str) -> None:
        """Close a create that was answered: the id is its own from here on."""
        self._claimed.add(identifier)
        self.close(create)

    def start_search(self, create: PendingCreate) -> None:
        """Take a create off the wire, unanswered: it is searched for now."""
        self._on_wire.discard(create)
        self._searching.add(create)

    def close(self, create: PendingCreate) -> None:
        """Forget a create, however it ended."""
        self._on_wire.discard(create)
        self._searching.discard(create)

    def can_search(self, create: PendingCreate) -> bool:
        """Return whether a search can prove something: nothing confusable is on the wire or goes first.

        Of two creates that one prediction could match, the one that says more is searched for first.
        """
        if any(other is not create and _confusable(create, other) for other in self._on_wire):
            return False
        return not any(
            _strictness(other) > _strictness(create) and _confusable(create, other)
            for other in self._searching
        )

    def mark_seen(self, identifiers: Iterable[str]) -> None:
        """Remember ids: what was known before a create is not its own."""
        for identifier in identifiers:
            if identifier not in self._known:
                self._known[identifier] = self._next()

    def claim(
        self, create: PendingCreate, candidates: Iterable[Prediction], names: Mapping[str, str], *, last: bool
    ) -> Claim:
        """Return, and take, the oldest candidate that is nobody's and was not known before the create.

        What another create that is searched for may own as well is left alone until the ``last`` look.
        """
        # Asked again, because one that could be mistaken for it may have gone out while the listing was read.
        if not self.can_search(create):
            return BUSY
        rivals = [
            other for other in self._searching if other.key != create.key and _confusable(create, other)
        ]

        def claims_of_rivals(prediction: Prediction) -> int:
            return sum(matches(prediction, rival.model, rival.input, names) for rival in rivals)

        # The oldest first: of several equal creates each takes one, in the order in which they were made.
        free = (p for p in candidates if self.is_free(create, p.id))
        first = min(free, key=lambda p: (claims_of_rivals(p), *_creation(p)), default=None)
        if first is None or (not last and claims_of_rivals(first)):
            return None
        self._claimed.add(first.id)
        self.close(create)
        return first

    def is_free(self, create: PendingCreate, identifier: str) -> bool:
        """Return whether an id is nobody's and was not known before the create."""
        return identifier not in self._claimed and self._known.get(identifier, inf) > create.number

    def known_before(self, create: PendingCreate) -> frozenset[str]:
        """Return the ids that cannot be this create's own."""
        return frozenset(self._claimed) | {i for i, at in self._known.items() if at < create.number}

    def release(self, identifier: str) -> None:
        """Release an id that was claimed for somebody who never heard of it."""
        self._claimed.discard(identifier)

    def found(self, attempt: str, prediction: Prediction | None = None) -> Prediction | None:
        """Return, or note, what a create left in doubt has made: asking twice finds it twice."""
        if prediction is not None:
            self._found[attempt] = prediction
        return self._found.get(attempt)

    def forget(self, attempt: str) -> None:
        """Forget what a create in doubt made: whoever asked has it, and will not ask again."""
        self._found.pop(attempt, None)

    def leave_in_doubt(self, attempt: str, observer: Observer, ticket: object) -> None:
        """Note who was told that the outcome of a create is unknown."""
        self._in_doubt.setdefault(attempt, []).append((observer, ticket))

    def left_in_doubt(self, attempt: str) -> list[tuple[Observer, object]]:
        """Return, once, those who have yet to hear what a create in doubt has made."""
        return self._in_doubt.pop(attempt, [])

    def _next(self) -> int:
        self._count += 1
        return self._count


_by_account: dict[tuple[str, str], CreateRegistry] = {}


def registry_of(account: Account) -> CreateRegistry:
    """Return an account's registry, which all connections of this process share."""
    return _by_account.setdefault((account.origin, account.fingerprint), CreateRegistry())


def forget_pending() -> None:
    """Forget what is under way for any account, as a forked child must."""
    for registry in _by_account.values():
        registry.forget_pending()


def _confusable(one: PendingCreate, other: PendingCreate) -> bool:
    return one.key == other.key or could_both_match(one.model, one.input, other.model, other.input)


def _strictness(create: PendingCreate) -> tuple[int, Key]:
    # The more an input says, the fewer predictions match it. The key only makes the order total.
    return len(create.input), create.key


def _creation(prediction: Prediction) -> tuple[float, str]:
    made = prediction.created_at
    return inf if made is None else made.timestamp(), prediction.id
