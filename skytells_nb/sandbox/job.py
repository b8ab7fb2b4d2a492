"""A prediction's life: everything about it is fixed when it is accepted, and its state is read off the clock.

Nothing ticks. A job knows the moments at which it starts, works and ends; asked at any time, it says what
it is then. Moments are whole microseconds since the epoch, so that no two predictions share one.

Source: skytells-api.md, section 4.8.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, Literal

SECOND = 1_000_000
Phase = Literal["pending", "starting", "processing", "succeeded", "failed", "canceled"]
ENDED: frozenset[str] = frozenset({"succeeded", "failed", "canceled"})

#: Which share of a job is spent waiting and which starting, and the most seconds of each.
WAITING, STARTING = (0.10, 0.6), (0.06, 0.4)


@dataclass(slots=True)
class Job:
    """One accepted prediction, as the state file keeps it."""

    id: str
    number: int
    model: str
    type: str
    kind: str
    input: dict[str, Any]
    created: int
    starting: int
    processing: int
    end: int
    files: list[tuple[str, str]] = field(default_factory=list)
    text: str | None = None
    listed: bool = True
    credits: str = "0"
    outcome: Literal["succeeded", "failed"] = "succeeded"
    reason: str = ""
    failure_shape: str = "error"
    failed_as_502: bool = False
    canceled: int | None = None
    purged: int | None = None
    purged_at_end: bool = False
    hidden_until: int = 0
    stream: bool = False
    webhook: dict[str, Any] = field(default_factory=lambda: {"url": None, "events": []})
    notices: list[str] = field(default_factory=list)
    notified: list[str] = field(default_factory=list)
    key: str = ""
    account: str = ""
    #: Of a webhook, where its create came from, and under which address that reached the sandbox.
    asker: str = ""
    origin: str = ""
    sizes: dict[str, int] = field(default_factory=dict)
    #: The finished body, kept because a finished prediction is read and listed many times.
    rendered: tuple[str, tuple[bool, bool], bytes] | None = None

    def phase(self, now: int) -> Phase:
        """Say what the job is at a moment; before its acceptance it is what it was then."""
        now = max(now, self.created)
        if self.canceled is not None and now >= self.canceled:
            return "canceled"
        if now >= self.end:
            return self.outcome
        if now >= self.processing:
            return "processing"
        return "starting" if now >= self.starting else "pending"

    @property
    def ends(self) -> int:
        """The moment of its end, cancelled or not."""
        return self.end if self.canceled is None else self.canceled

    def progress(self, now: int) -> float:
        """Per cent of the work done, one decimal, while it is processing."""
        whole = max(self.end - self.processing, 1)
        return round(100 * (now - self.processing) / whole, 1)

    def has_files(self, now: int, retention: float | None) -> bool:
        """Say whether its files can be fetched: it succeeded, its retention has not passed (section 12)."""
        if self.phase(now) != "succeeded" or self.purged_at_end:
            return False
        if self.purged is not None and now >= self.purged:
            return False
        return retention is None or now < self.end + int(retention * SECOND)

    @property
    def amount(self) -> Decimal:
        """What it costs when it succeeds."""
        return Decimal(self.credits)

    def to_record(self) -> dict[str, Any]:
        """Everything that has to survive a restart."""
        return {name: getattr(self, name) for name in _KEPT}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Job:
        """Read what `to_record` wrote."""
        record["files"] = [(name, mime) for name, mime in record["files"]]
        return cls(**record)


_KEPT = tuple(each.name for each in fields(Job) if each.name != "rendered")


def moments(created: int, seconds: float) -> tuple[int, int, int]:
    """When a job of that length starts, works and ends.

    Examples
    --------
    >>> moments(0, 2.0)
    (200000, 320000, 2000000)
    """
    waiting = min(seconds * WAITING[0], WAITING[1])
    starting = min(seconds * STARTING[0], STARTING[1])
    return (
        created + int(waiting * SECOND),
        created + int((waiting + starting) * SECOND),
        created + int(seconds * SECOND),
    )
