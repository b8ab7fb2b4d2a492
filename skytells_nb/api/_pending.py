"""Which prediction belongs to which create, so that none is billed twice and none is shared.

The API has no idempotency key (skytells-api.md section 9.4). After a create whose answer was lost, the only
proof is the listing, and in it creates of like input look alike. So every id belongs to one create at most,
and a create takes an id from the listing only while no other that could be mistaken for it is on the wire.

All connections of a process that talk as one account share a registry: two clients that lose the answers of
two equal creates find one prediction each. Another process has a registry of its own.

The API may echo more keys than were sent, name a model by its slug or its display name, and hide or rewrite
what it was given (section 6). What matches for certain is adopted; what only may match is never adopted, but
forbids to send the create again.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape
from math import inf
from typing import Any, Final, Literal, TypeAlias
from unicodedata import normalize

from ..models import Prediction
from ..schema import is_same
from ._observers import Account, Observer

# How a value is hidden by those who log it: stars or dots, or a word for it in brackets.
_MASK: Final = re.compile(
    r"\S{0,8}[*•]{3,}\S{0,8}|[\[<(*]+\s*(redacted|hidden|removed|filtered|secret)\s*[\])>*]+", re.I
)
_SHORTEST_STEM: Final = 20
_WORD: Final = re.compile(r"\w+")

Names = Mapping[str, str]


def matches(prediction: Prediction, model: str, input: Mapping[str, Any], names: Names) -> bool:
    """Return whether a listed prediction certainly matches what a create asked for.

    ``names`` maps slugs to the display names that this connection has seen.
    """
    if prediction.model is not None and not same_model(prediction.model, model, names):
        return False
    echoed = prediction.input or {}
    # What was sent as null may be left out of an echo; an echo that is empty may hide everything.
    return all(
        is_same(echoed[key], value) if key in echoed else value is None and bool(echoed)
        for key, value in input.items()
    )


def may_match(prediction: Prediction, model: str, input: Mapping[str, Any], names: Names) -> bool:
    """Return whether a listed prediction may be what was asked for, though it does not quite say so.

    Its model may go by a name that is not known here; its input may be hidden; values may be masked, cut,
    written in another way, or be files that the API has taken in.
    """
    if prediction.model is not None and not _may_be_model(prediction.model, model, names):
        return False
    echoed = prediction.input
    if not echoed or not input:
        return True
    if not echoed.keys() & input.keys():  # or all of it may lie within
        echoed = {
            name: each for part in echoed.values() if isinstance(part, dict) for name, each in part.items()
        }
    alike = [_alike(echoed[key], value) for key, value in input.items() if key in echoed]
    return bool(alike) and all(alike)


def could_both_match(
    model: str, input: Mapping[str, Any], other_model: str, other: Mapping[str, Any]
) -> bool:
    """Return whether one listed prediction could carry both of two creates, defaults filled in."""
    return same_model(model, other_model, {}) and all(
        is_same(value, other[key]) for key, value in input.items() if key in other
    )


def same_model(one: str, other: str, names: Names) -> bool:
    """Return whether two names mean one model: slug, vendor-prefixed slug or display name."""
    return one == other or bool(_spellings(one, names) & _spellings(other, names))


def _may_be_model(listed: str, asked: str, names: Names) -> bool:
    if same_model(re.split("[:@]", listed)[0], asked, names):  # whichever version of it ran
        return True
    if any(slug in names for slug in (asked, _bare(asked))):
        return False
    known = {_plain(name) for pair in names.items() for name in pair}
    return _plain(_bare(listed)) not in known


def _spellings(name: str, names: Names) -> set[str]:
    bare = _bare(name)
    known = {names[slug] for slug in (name, bare) if slug in names}
    known |= {slug for slug, shown in names.items() if shown == name}
    return {_plain(spelling) for spelling in {bare, *known}}


def _bare(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _alike(echoed: object, sent: object) -> bool:
    """Return whether one value may be what the API made of another."""
    if is_same(echoed, sent) or echoed is None or sent is None:
        return True
    if isinstance(sent, list) and isinstance(echoed, list):
        is_sorted = sorted(map(repr, sent)) == sorted(map(repr, echoed))
        return is_sorted or (len(sent) == len(echoed) and all(map(_alike, echoed, sent)))
    if isinstance(sent, dict) and isinstance(echoed, dict):
        return all(_alike(echoed[key], value) for key, value in sent.items() if key in echoed)
    # One picture may come back as a list of one, and the other way round.
    if isinstance(sent, dict | list) or isinstance(echoed, dict | list):
        return sent == [echoed] or echoed == [sent] or _plain(str(sent)) == _plain(str(echoed))
    if isinstance(sent, str) and isinstance(echoed, str):
        return _alike_text(echoed, sent)
    # Numbers come back as text, or rounded to the precision of another language's floats.
    one, other = _number(echoed), _number(sent)
    return one is not None and other is not None and abs(one - other) <= 1e-4 * max(abs(one), abs(other))


def _alike_text(echoed: str, sent: str) -> bool:
    one, other = (" ".join(unescape(normalize("NFKC", text)).split()).casefold() for text in (echoed, sent))
    if one == other or not one or _MASK.fullmatch(echoed.strip()):
        return True
    if other.startswith(("http://", "https://", "data:")) and one.startswith(("http://", "https://")):
        return True
    stem = one.rstrip(".… ")
    shortest = 1 if one.endswith(("...", "…")) else _SHORTEST_STEM
    if len(stem) >= shortest and other.startswith(stem):
        return True
    # A prompt that the API has made richer keeps what was asked for: every word of it, in its order.
    echoed_words = iter(_WORD.findall(one))
    sent_words = _WORD.findall(other)
    is_kept = bool(sent_words) and all(word in echoed_words for word in sent_words)
    return is_kept or (len(other) > 2 and other in one)  # some scripts have no space between words


def _number(value: object) -> float | None:
    """Parse a number however it is written; booleans as JSON, Python and forms write them."""
    words = str(value).strip().lower()
    try:
        return float({"true": "1", "false": "0"}.get(words, words))
    except ValueError:
        return None


Key = tuple[str, str]


BUSY: Final = "busy"
"""A create that could be mistaken for this one went on the wire meanwhile: search again later."""

Claim: TypeAlias = Prediction | Literal["busy"] | None


@dataclass(slots=True, eq=False, weakref_slot=True)
class PendingCreate:
    """One create, from its first try that may have been accepted to its end.

    Two creates share a `key` when the API could not tell them apart. It was first sent at `started`
    (monotonic seconds) and `wall` (the local clock); `number` is its place in the order in which this
    registry came to know of things. `older` are the ids of equal ones that would be too old to be its own, if
    the API's clocks agreed, of which nothing is known yet.
    """

    key: Key
    model: str
    input: dict[str, Any]
    started: float
    wall: datetime
    number: float = field(default=-inf)
    older: list[str] = field(default_factory=list)


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
        def in_order(prediction: Prediction) -> tuple[int, float, str]:
            made = prediction.created_at
            return claims_of_rivals(prediction), inf if made is None else made.timestamp(), prediction.id

        free = (p for p in candidates if self.is_free(create, p.id))
        first = min(free, key=in_order, default=None)
        if first is None or (not last and claims_of_rivals(first)):
            return None
        self._claimed.add(first.id)
        self.close(create)
        return first

    def is_free(self, create: PendingCreate, identifier: str) -> bool:
        """Return whether an id is nobody's and was not known before the create."""
        return identifier not in self._claimed and self._known.get(identifier, inf) > create.number

    def known_before(self, create: PendingCreate) -> frozenset[str]:
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
