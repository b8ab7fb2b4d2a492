"""What the sandbox knows: its keys, its predictions and its bill, in memory and perhaps in a journal."""

from __future__ import annotations

import hashlib
import heapq
import secrets
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID

from skytells_nb.sandbox.accounts import OWNER, Learner
from skytells_nb.sandbox.job import Job
from skytells_nb.sandbox.journal import Journal


class State:
    """Predictions in the order they were accepted, and the ledger.

    Parameters
    ----------
    journal : Journal or None
        Where changes are kept; None keeps them in memory only.
    seed : int or None
        Makes ids and the key the same each time; with a journal, its own seed wins.

    Attributes
    ----------
    jobs : dict of str to Job
        Every prediction by its id, oldest first.
    ledger : dict of str to Decimal
        What is billed, by prediction; also of those that were deleted.
    spent : dict of str to Decimal
        The same by account.
    learners : list of Learner
        The class; empty when there is none.
    wall : str
        The word in the path of the class's page that nobody can guess.
    """

    def __init__(self, journal: Journal | None = None, seed: int | None = None) -> None:
        self.journal = journal
        self.jobs: dict[str, Job] = {}
        self.ledger: dict[str, Decimal] = {}
        self.spent: dict[str, Decimal] = defaultdict(Decimal)
        self.learners: list[Learner] = []
        self.wall = ""
        self.number = 0
        self.port = 0
        self._last = 0
        self._shelves: dict[str, dict[str, Job]] = defaultdict(dict)
        self._running: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self._hidden: set[str] = set()
        self._own_key = ""
        self.seed = secrets.token_hex(16) if seed is None else str(seed)
        if journal is not None:
            self._load(journal)

    @property
    def api_key(self) -> str:
        """The owner's key: the one that was generated for it, else one that the seed decides."""
        return self._own_key or "sk-sandbox-" + self.digest("key").hex()

    @property
    def has_own_key(self) -> bool:
        """Whether the owner's key is a generated one, which no seed gives away."""
        return bool(self._own_key)

    def use_key(self, key: str) -> None:
        """Give the owner another key."""
        self._own_key = key
        self._remember("key", key)

    def use_wall(self, word: str) -> None:
        """Set the word that leads to the class's page."""
        self.wall = word
        self._remember("wall", word)

    def enrol(self, learners: list[Learner]) -> None:
        """Keep a class."""
        self.learners = list(learners)
        if self.journal is not None:
            self.journal.enrol(learners)

    def digest(self, *parts: object) -> bytes:
        """Sixteen bytes that depend on the seed and on nothing else but `parts`."""
        text = ":".join(map(str, (self.seed, *parts)))
        return hashlib.blake2b(text.encode(), digest_size=16).digest()

    def new_id(self, form: str) -> str:
        """Name the next prediction."""
        uuid = UUID(bytes=self.digest("prediction", self.number + 1), version=4)
        return str(uuid) if form == "uuid" else f"sandbox-{uuid.hex}"

    def moment(self, now: int) -> int:
        """Find a moment that no earlier prediction was accepted at, so that newest first is one order."""
        return max(now, self._last + 1)

    def add(self, job: Job, amount: Decimal | None) -> None:
        """Accept a prediction; `amount` is what it is billed, None when it is not."""
        if self.journal is not None:
            self.journal.add(job, amount)
        self.number, self._last = job.number, job.created
        self._take_in(job)
        if amount is not None:
            self.ledger[job.id] = amount
            self.spent[job.account] += amount

    def save(self, job: Job) -> None:
        """Keep a change to a prediction."""
        job.rendered = None
        if self.journal is not None:
            self.journal.save(job)

    def uncharge(self, job: Job) -> None:
        """Take a prediction off the bill."""
        amount = self.ledger.pop(job.id, None)
        if amount is None:
            return
        self.spent[job.account] -= amount
        if self.journal is not None:
            self.journal.uncharge(job.id)

    def remove(self, job: Job) -> None:
        """Forget a prediction; what it cost stays on the bill."""
        if self.journal is not None:
            self.journal.remove(job)
        del self.jobs[job.id]
        del self._shelves[job.account][job.id]
        self._hidden.discard(job.id)

    def running(self, now: int, account: str = OWNER) -> int:
        """How many jobs of an account have not ended."""
        heap = self._running[account]
        while heap and (heap[0][0] <= now or self._over(heap[0][1], now)):
            heapq.heappop(heap)
        return len(heap)

    def next_end(self, now: int, account: str = OWNER) -> int:
        """When the first of an account's running jobs ends."""
        return self._running[account][0][0] if self.running(now, account) else now

    def newest_first(self, now: int, account: str = OWNER) -> tuple[Iterator[Job], int]:
        """Go through the predictions of an account that can be listed, and say how many they are."""
        self._hidden = {id for id in self._hidden if self.jobs[id].hidden_until > now}
        shelf = self._shelves[account]
        hidden = self._hidden & shelf.keys()
        everything = reversed(shelf.values())
        if not hidden:
            return everything, len(shelf)
        return (job for job in everything if job.id not in hidden), len(shelf) - len(hidden)

    def settle(self, job: Job) -> None:
        """Take a cancelled or deleted job out of those that run."""
        heap = [each for each in self._running[job.account] if each[1] != job.id]
        heapq.heapify(heap)
        self._running[job.account] = heap

    def use_port(self, port: int) -> None:
        """Remember the port, so that links to files hold after a restart."""
        self.port = port
        self._remember("port", str(port))

    def close(self) -> None:
        """Close the journal."""
        if self.journal is not None:
            self.journal.close()

    def _remember(self, name: str, value: str) -> None:
        if self.journal is not None:
            self.journal.remember(name, value)

    def _load(self, journal: Journal) -> None:
        kept = journal.load()
        self.seed = kept.facts.get("seed", self.seed)
        self.port = int(kept.facts.get("port", "0"))
        self.number, self.ledger, self.learners = kept.number, kept.ledger, kept.learners
        self._own_key, self.wall = kept.facts.get("key", ""), kept.facts.get("wall", "")
        self.spent.update(kept.spent)
        journal.remember("seed", self.seed)
        for job in kept.jobs:
            self._take_in(job)
            self._last = job.created

    def _take_in(self, job: Job) -> None:
        self.jobs[job.id] = self._shelves[job.account][job.id] = job
        if job.canceled is None:
            heapq.heappush(self._running[job.account], (job.end, job.id))
        if job.hidden_until:
            self._hidden.add(job.id)

    def _over(self, id: str, now: int) -> bool:
        job = self.jobs.get(id)
        return job is None or job.ends <= now
