"""The books of a budget: whatever happens in whatever order, what is out never exceeds the limit."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from skytells_nb.spending.ledger import Entry, Ledger

TODAY = date(2026, 11, 22)
CENTS = st.integers(0, 300).map(lambda n: Decimal(n) / 100)


class Books(RuleBasedStateMachine):
    """A ledger against a list that is added up from scratch each time."""

    entries = Bundle("entries")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(Decimal(5))
        self.taken: list[Entry] = []
        self.made = 0

    @rule(target=entries, cost=CENTS, sandbox=st.booleans())
    def reserve(self, cost: Decimal, sandbox: bool):
        entry = Entry("https://a.example/v1", TODAY, sandbox, cost)
        fits = cost <= Decimal(5) - self._out(sandbox)
        assert self.ledger.reserve(entry, daily=True) == fits
        if not fits:
            return multiple()
        self.taken.append(entry)
        self.made += 1
        self.ledger.tie(entry, f"p{self.made}")
        return entry

    @rule(entry=entries)
    def give_back(self, entry: Entry):
        if not entry.settled:
            self.taken.remove(entry)
        self.ledger.give_back(entry)
        self.ledger.give_back(entry)

    @rule(entry=entries, share=st.integers(0, 100))
    def settle_for_less(self, entry: Entry, share: int):
        if entry in self.taken and entry.paid is None:
            self.ledger.settle(entry.origin, str(entry.id), entry.reserved * share / 100)

    @rule(entry=entries)
    def end_without_a_cost(self, entry: Entry):
        if entry in self.taken:
            self.ledger.settle(entry.origin, str(entry.id), None)

    def _out(self, sandbox: bool) -> Decimal:
        amounts = [e.reserved if e.paid is None else e.paid for e in self.taken if e.sandbox == sandbox]
        return sum(amounts, Decimal(0))

    @invariant()
    def the_sums_are_those_of_the_entries(self):
        for sandbox in (False, True):
            standing = self.ledger.standing(sandbox, TODAY)
            assert standing.spent + standing.reserved == self._out(sandbox)
            assert standing.spent + standing.reserved <= self.ledger.limit
            assert 0 <= standing.estimated <= standing.reserved


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_a_day_counts_what_was_spent_without_the_budget():
    ledger = Ledger(Decimal(1))
    ledger.earlier("https://a.example/v1", False, TODAY, Decimal("0.9"))
    entry = Entry("https://a.example/v1", TODAY, False, Decimal("0.2"))
    assert not ledger.reserve(entry, daily=True)
    assert ledger.reserve(entry, daily=False)


def test_yesterday_does_not_count_today():
    ledger = Ledger(Decimal(1))
    yesterday = Entry("https://a.example/v1", date(2026, 11, 21), False, Decimal(1))
    today = Entry("https://a.example/v1", TODAY, False, Decimal(1))
    assert ledger.reserve(yesterday, daily=True)
    assert ledger.reserve(today, daily=True)
    assert ledger.standing(False, TODAY).reserved == 1
    assert ledger.standing(False, None).reserved == 2
