"""Which prediction belongs to which create, so that none is billed twice and none is shared.

The API has no idempotency key (skytells-api.md section 9.4). After a create whose answer was lost,
the only proof is the listing, and in it identical creates look alike. So every id belongs to one
attempt at most, and an attempt looks for its id only while no identical create is on the wire.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Any

from ..types import Prediction

__all__ = ["Attempt", "Claims", "carries", "same_model"]

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """One create on its way, begun at ``started`` (monotonic seconds)."""

    key: Key
    started: float


class Claims:
    """A connection's ledger of creates on the wire and of ids, under one lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[Key, set[Attempt]] = {}
        self._looking: dict[Key, set[Attempt]] = {}
        self._claimed: set[str] = set()
        self._known: dict[str, float] = {}

    def begin(self, key: Key, now: float) -> Attempt | None:
        """Open an attempt; None while an identical one is looking for its prediction."""
        with self._lock:
            if self._looking.get(key):
                return None
            attempt = Attempt(key, now)
            self._open.setdefault(key, set()).add(attempt)
            return attempt

    def answered(self, attempt: Attempt, identifier: str, now: float) -> None:
        """Close an attempt that was answered: the id is its own from here on."""
        with self._lock:
            self._claimed.add(identifier)
            self._known.setdefault(identifier, now)
            self._drop(attempt)

    def gave_up(self, attempt: Attempt) -> None:
        """Take an attempt off the wire, unanswered: it looks for its prediction now."""
        with self._lock:
            self._drop(attempt)
            self._looking.setdefault(attempt.key, set()).add(attempt)

    def close(self, attempt: Attempt) -> None:
        """Forget an attempt, however it ended."""
        with self._lock:
            self._drop(attempt)

    def quiet(self, key: Key) -> bool:
        """Whether no identical create is on the wire, so that a look can tell something."""
        with self._lock:
            return not self._open.get(key)

    def saw(self, identifiers: Iterable[str], now: float) -> None:
        """Remember when ids were first seen: what was known before an attempt is not its own."""
        with self._lock:
            for identifier in identifiers:
                self._known.setdefault(identifier, now)

    def claim(self, attempt: Attempt, candidates: Iterable[Prediction]) -> Prediction | None:
        """Give an attempt the oldest candidate that is nobody's and was not known before it."""
        with self._lock:
            for prediction in sorted(candidates, key=_age):
                if self._free(attempt, prediction.id):
                    self._claimed.add(prediction.id)
                    self._drop(attempt)
                    return prediction
            return None

    def free(self, attempt: Attempt, identifier: str) -> bool:
        """Whether an id is nobody's and was not known before the attempt."""
        with self._lock:
            return self._free(attempt, identifier)

    def known_before(self, attempt: Attempt) -> frozenset[str]:
        """List the ids that cannot be this attempt's own."""
        with self._lock:
            return frozenset(self._claimed) | {i for i, at in self._known.items() if at < attempt.started}

    def _free(self, attempt: Attempt, identifier: str) -> bool:
        return identifier not in self._claimed and self._known.get(identifier, inf) >= attempt.started

    def _drop(self, attempt: Attempt) -> None:
        for shelf in (self._open, self._looking):
            group = shelf.get(attempt.key)
            if group is not None:
                group.discard(attempt)
                if not group:
                    del shelf[attempt.key]


def _age(prediction: Prediction) -> tuple[bool, datetime | None, str]:
    return prediction.created_at is None, prediction.created_at, prediction.id


def carries(prediction: Prediction, model: str, input: Mapping[str, Any], names: Mapping[str, str]) -> bool:
    """Whether a listed prediction is what a create asked for.

    The API may echo more keys than were sent, and name the model by its slug or its display name;
    ``names`` maps slugs to the display names that this connection has seen.
    """
    if prediction.model is not None and not same_model(prediction.model, model, names):
        return False
    echoed = prediction.input or {}
    return all(key in echoed and _same(echoed[key], value) for key, value in input.items())


def same_model(one: str, other: str, names: Mapping[str, str]) -> bool:
    """Whether two names mean one model: slug, vendor-prefixed slug or display name."""
    return bool(_spellings(one, names) & _spellings(other, names))


def _spellings(name: str, names: Mapping[str, str]) -> set[str]:
    bare = name.rsplit("/", 1)[-1]
    known = {names[slug] for slug in (name, bare) if slug in names}
    known |= {slug for slug, shown in names.items() if shown == name}
    return {re.sub(r"[\W_]+", "", spelling).casefold() for spelling in {bare, *known}}


def _same(one: object, other: object) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
