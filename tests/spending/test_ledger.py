"""The books of a budget: whatever happens in whatever order, what is out never exceeds the limit."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from skytells_nb.exceptions import SkytellsError
from skytells_nb.spending._ledger import Entry, Ledger

TODAY = date(2026, 11, 22)
ORIGIN = "https://a.example/v1"
CENTS = st.integers(0, 300).map(lambda n: Decimal(n) / 100)


class Books(RuleBasedStateMachine):
    """A ledger against a dict that is added up from scratch each time."""

    entries = Bundle("entries")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(Decimal(5))
        self.paid: dict[str, Decimal | None] = {}
        self.known: dict[str, Entry] = {}
        self.ended: set[str] = set()

    @rule(target=entries, cost=CENTS, sandbox=st.booleans())
    def reserve(self, cost: Decimal, sandbox: bool):
        entry = Entry(ORIGIN, TODAY, sandbox, cost)
        fits = cost <= Decimal(5) - self._out(sandbox)
        assert self.ledger.reserve(entry, daily=True) == fits
        if not fits:
            return multiple()
        self.paid[entry.key], self.known[entry.key] = None, entry
        self.ledger.tie(entry, entry.key)
        return entry

    @rule(entry=entries)
    def give_back(self, entry: Entry):
        if entry.key in self.paid and entry.key not in self.ended:
            del self.paid[entry.key]
        self.ledger.give_back(entry)
        self.ledger.give_back(entry)

    @rule(entry=entries, share=st.integers(0, 100))
    def settle_for_less(self, entry: Entry, share: int):
        if entry.key in self.paid and self.paid[entry.key] is None:
            self.paid[entry.key] = entry.reserved * share / 100
            self.ended.add(entry.key)
            self.ledger.settle(entry.origin, entry.key, self.paid[entry.key])

    @rule(entry=entries)
    def end_without_a_cost(self, entry: Entry):
        if entry.key in self.paid:
            self.ended.add(entry.key)
            self.ledger.settle(entry.origin, entry.key, None)

    def _out(self, sandbox: bool) -> Decimal:
        amounts = [
            self.known[key].reserved if paid is None else paid
            for key, paid in self.paid.items()
            if self.known[key].sandbox == sandbox
        ]
        return sum(amounts, Decimal(0))

    @invariant()
    def the_sums_are_those_of_the_entries(self):
        for sandbox in (False, True):
            balance = self.ledger.balance(sandbox, TODAY)
            assert balance.spent + balance.reserved == self._out(sandbox)
            assert balance.spent + balance.reserved <= self.ledger.limit
            assert 0 <= balance.estimated <= balance.reserved


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=30, stateful_step_count=30)


def test_a_day_counts_what_was_spent_without_the_budget():
    ledger = Ledger(Decimal(1))
    ledger.earlier(ORIGIN, False, TODAY, Decimal("0.9"))
    entry = Entry(ORIGIN, TODAY, False, Decimal("0.2"))
    assert not ledger.reserve(entry, daily=True)
    assert ledger.reserve(entry, daily=False)


def test_yesterday_does_not_count_today():
    ledger = Ledger(Decimal(1))
    assert ledger.reserve(Entry(ORIGIN, date(2026, 11, 21), False, Decimal(1)), daily=True)
    assert ledger.reserve(Entry(ORIGIN, TODAY, False, Decimal(1)), daily=True)
    assert ledger.balance(False, TODAY).reserved == 1
    assert ledger.balance(False, None).reserved == 2


def test_two_that_have_one_file_have_one_sum_and_one_that_is_gone_is_no_empty_ledger():
    ledger = Ledger(Decimal(1))
    other = Ledger(Decimal(1), file=ledger.file)
    entry = Entry(ORIGIN, TODAY, False, Decimal("0.75"))
    assert ledger.reserve(entry, daily=False)
    ledger.tie(entry, "p1")
    assert not other.reserve(Entry(ORIGIN, TODAY, False, Decimal("0.5")), daily=False)
    other.settle(ORIGIN, "p1", Decimal("0.25"))
    assert ledger.balance(False, None).spent == Decimal("0.25")
    file = ledger.file
    del ledger
    assert not file.exists()
    with pytest.raises(SkytellsError, match="cannot be used"):
        other.balance(False, None)


def test_an_id_that_is_given_twice_is_one_bill():
    ledger = Ledger(Decimal(1))
    entries = [Entry(ORIGIN, TODAY, False, Decimal("0.25")) for _ in range(2)]
    for entry in entries:
        assert ledger.reserve(entry, daily=False)
        ledger.tie(entry, "p1")
    ledger.settle(ORIGIN, "p1", Decimal("0.25"))
    assert (ledger.balance(False, None).spent, ledger.balance(False, None).reserved) == (Decimal("0.25"), 0)


def test_threads_cannot_slip_past_in_a_file_either():
    ledger = Ledger(Decimal("0.10"), str(uuid4()))

    def take(_: int) -> bool:
        return ledger.reserve(Entry(ORIGIN, TODAY, False, Decimal("0.01")), daily=False)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(40))) == 10


SPEND = """
import sys
from datetime import date
from decimal import Decimal
from skytells_nb.spending._ledger import Entry, Ledger
ledger = Ledger(Decimal(1), sys.argv[1])
entries = [Entry("o", date(2026, 11, 22), False, Decimal("0.3")) for _ in range(5)]
print(sum(ledger.reserve(entry, daily=False) for entry in entries))
"""


def spend(name: str) -> int:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SPEND, name], capture_output=True, text=True, check=True, cwd=root
    )
    return int(done.stdout)


def test_a_name_is_one_ledger_for_all_processes_and_begins_anew_after_the_last():
    name = str(uuid4())
    assert spend(name) == 3
    assert spend(name) == 3  # nobody uses it any more
    ledger = Ledger(Decimal(1), name)
    assert ledger.balance(False, None).reserved == 0
    assert spend(name) == 3
    assert ledger.balance(False, None).reserved == Decimal("0.9")
    assert spend(name) == 0
