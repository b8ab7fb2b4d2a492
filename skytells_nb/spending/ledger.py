"""A budget's books: what is spent, what is reserved, and whether one more fits. No I/O, one lock.

Every sum is exact, whatever decimal precision the calling thread has set for itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from threading import Lock
from typing import Final

from ..pricing import EXACT, added

__all__ = ["Entry", "Ledger", "Standing"]

_NOTHING: Final = Decimal(0)


@dataclass(slots=True, eq=False)
class Entry:
    """One create under a budget.

    ``reserved`` is what it was reckoned to cost at most, ``paid`` what it did cost; ``settled`` says
    that it ended, though perhaps nobody told what it cost.
    """

    origin: str
    day: date
    sandbox: bool
    reserved: Decimal
    priced: bool = True
    id: str | None = None
    paid: Decimal | None = None
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How a ledger stands.

    Attributes
    ----------
    spent : Decimal
        Known costs.
    reserved : Decimal
        Set aside for what is under way, or ended without telling its cost.
    estimated : Decimal
        The part of ``reserved`` that will never be known better.
    unpriced : int
        Creates that were let through without a price, and have none yet.
    """

    spent: Decimal = _NOTHING
    reserved: Decimal = _NOTHING
    estimated: Decimal = _NOTHING
    unpriced: int = 0

    def left(self, limit: Decimal) -> Decimal:
        """Say what is left of a limit."""
        return added((limit, self.spent.copy_negate(), self.reserved.copy_negate()))


class Ledger:
    """Entries by create; money and sandbox credits are never added to each other."""

    def __init__(self, limit: Decimal) -> None:
        self.limit = limit
        self._lock = Lock()
        self._sums: dict[tuple[bool, date], Standing] = {}
        self._by_id: dict[tuple[str, str], Entry] = {}
        self._earlier: dict[tuple[str, bool], tuple[date, Decimal]] = {}

    def reserve(self, entry: Entry, *, daily: bool) -> bool:
        """Take an entry in, if it still fits; says whether it did. Nothing comes in between."""
        with self._lock:
            standing = self._standing(entry.sandbox, entry.day if daily else None)
            if entry.reserved > standing.left(self.limit):
                return False
            self._count(entry, 1)
            return True

    def tie(self, entry: Entry, identifier: str) -> None:
        """Note which prediction an entry became; one that was in doubt has its cost still to come."""
        with self._lock:
            self._count(entry, -1)
            entry.settled = False
            self._count(entry, 1)
            entry.id = identifier
            self._by_id[entry.origin, identifier] = entry

    def give_back(self, entry: Entry) -> None:
        """Take an entry out again: nothing was made."""
        with self._lock:
            if not entry.settled:
                self._count(entry, -1)
                entry.settled = True
                self._by_id.pop((entry.origin, entry.id or ""), None)

    def doubt(self, entry: Entry) -> None:
        """Keep an entry of which nobody knows whether it was made."""
        with self._lock:
            self._change(entry, None)

    def settle(self, origin: str, identifier: str, paid: Decimal | None) -> None:
        """Replace a reservation by the real cost; an unknown one keeps it."""
        with self._lock:
            entry = self._by_id.get((origin, identifier))
            if entry is not None:
                self._change(entry, paid)

    def earlier(self, origin: str, sandbox: bool, day: date, spent: Decimal) -> None:
        """Note what was spent on a day without this budget."""
        with self._lock:
            self._earlier[origin, sandbox] = (day, spent)

    def ids(self, origin: str) -> frozenset[str]:
        """Give the ids of an origin's predictions that are in these books."""
        with self._lock:
            return frozenset(identifier for where, identifier in self._by_id if where == origin)

    def standing(self, sandbox: bool, day: date | None) -> Standing:
        """Say how things stand, of one day or in all."""
        with self._lock:
            return self._standing(sandbox, day)

    @property
    def rehearsal(self) -> bool:
        """Whether everything in these books is a sandbox's."""
        with self._lock:
            return bool(self._sums) and all(sandbox for sandbox, _ in self._sums)

    def _change(self, entry: Entry, paid: Decimal | None) -> None:
        self._count(entry, -1)
        entry.settled = True
        entry.paid = entry.paid if paid is None else paid
        self._count(entry, 1)

    def _count(self, entry: Entry, sign: int) -> None:
        key = (entry.sandbox, entry.day)
        known = self._sums.get(key, Standing())
        add = EXACT.add if sign > 0 else EXACT.subtract
        if entry.paid is not None:
            self._sums[key] = replace(known, spent=add(known.spent, entry.paid))
            return
        self._sums[key] = Standing(
            known.spent,
            add(known.reserved, entry.reserved),
            add(known.estimated, entry.reserved) if entry.settled else known.estimated,
            known.unpriced + (0 if entry.priced else sign),
        )

    def _standing(self, sandbox: bool, day: date | None) -> Standing:
        sums = [s for (played, when), s in self._sums.items() if played == sandbox and day in (None, when)]
        earlier = [
            amount
            for (_, played), (when, amount) in self._earlier.items()
            if played == sandbox and day == when
        ]
        return Standing(
            added([*(each.spent for each in sums), *earlier]),
            added(each.reserved for each in sums),
            added(each.estimated for each in sums),
            sum(each.unpriced for each in sums),
        )
