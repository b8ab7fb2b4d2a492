"""What the sandbox knows: its key, its predictions and its bill, in memory and perhaps in a journal."""

from __future__ import annotations

import hashlib
import heapq
import secrets
from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID

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
    """

    def __init__(self, journal: Journal | None = None, seed: int | None = None) -> None:
        self.journal = journal
        self.jobs: dict[str, Job] = {}
        self.ledger: dict[str, Decimal] = {}
        self.number = 0
        self.port = 0
        self._last = 0
        self._running: list[tuple[int, str]] = []
        self._hidden: set[str] = set()
        self.seed = secrets.token_hex(16) if seed is None else str(seed)
        if journal is not None:
            self._load(journal)
        self.api_key = "sk-sandbox-" + self.digest("key").hex()

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

    def save(self, job: Job) -> None:
        """Keep a change to a prediction."""
        job.rendered = None
        if self.journal is not None:
            self.journal.save(job)

    def uncharge(self, job: Job) -> None:
        """Take a prediction off the bill."""
        if self.ledger.pop(job.id, None) is not None and self.journal is not None:
            self.journal.uncharge(job.id)

    def remove(self, job: Job) -> None:
        """Forget a prediction; what it cost stays on the bill."""
        if self.journal is not None:
            self.journal.remove(job)
        del self.jobs[job.id]
        self._hidden.discard(job.id)

    def running(self, now: int) -> int:
        """How many jobs have not ended."""
        heap = self._running
        while heap and (heap[0][0] <= now or self._over(heap[0][1], now)):
            heapq.heappop(heap)
        return len(heap)

    def next_end(self, now: int) -> int:
        """When the first of the running jobs ends."""
        self.running(now)
        return self._running[0][0] if self._running else now

    def newest_first(self, now: int) -> tuple[Iterator[Job], int]:
        """Go through the predictions that can be listed, and say how many they are."""
        self._hidden = {id for id in self._hidden if self.jobs[id].hidden_until > now}
        everything = reversed(self.jobs.values())
        if not self._hidden:
            return everything, len(self.jobs)
        return (job for job in everything if job.id not in self._hidden), len(self.jobs) - len(self._hidden)

    def settle(self, job: Job) -> None:
        """Take a cancelled or deleted job out of those that run."""
        self._running = [each for each in self._running if each[1] != job.id]
        heapq.heapify(self._running)

    def use_port(self, port: int) -> None:
        """Remember the port, so that links to files hold after a restart."""
        self.port = port
        if self.journal is not None:
            self.journal.remember("port", str(port))

    def close(self) -> None:
        """Close the journal."""
        if self.journal is not None:
            self.journal.close()

    def _load(self, journal: Journal) -> None:
        kept = journal.load()
        self.seed = kept.facts.get("seed", self.seed)
        self.port = int(kept.facts.get("port", "0"))
        self.number, self.ledger = kept.number, kept.ledger
        journal.remember("seed", self.seed)
        for job in kept.jobs:
            self._take_in(job)
            self._last = job.created

    def _take_in(self, job: Job) -> None:
        self.jobs[job.id] = job
        if job.canceled is None:
            heapq.heappush(self._running, (job.end, job.id))
        if job.hidden_until:
            self._hidden.add(job.id)

    def _over(self, id: str, now: int) -> bool:
        job = self.jobs.get(id)
        return job is None or job.ends <= now
