"""How many may be under way: as many as were asked for, and fewer after the API has asked for patience."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Final

_PATIENCE: Final = 120.0
_LONGEST: Final = 30.0


@dataclass(eq=False, repr=False)
class RateLimiter:
    """Lets creates begin: it halves their number after a rate limit, and adds one a round while all is well.

    ``limit`` is how many may be under way at most, ``now`` returns monotonic seconds.
    """

    limit: int
    now: Callable[[], float]
    running: int = 0
    _not_before: float = -inf
    _lowered: float = -inf
    _failing_since: float | None = None
    _failures: int = 0
    _freed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._room = float(self.limit)

    @property
    def room(self) -> int:
        return max(1, int(self._room))

    async def enter(self) -> None:
        while True:
            wait = self._not_before - self.now()
            if self.running < self.room and wait <= 0:
                self.running += 1
                return
            self._freed.clear()
            if self.running < self.room:
                await asyncio.sleep(wait)
            else:
                await self._freed.wait()

    def leave(self) -> None:
        self.running -= 1
        self._freed.set()

    def went_well(self) -> None:
        self._failures, self._failing_since = 0, None
        self._room = min(float(self.limit), self._room + 1 / self._room)
        self._freed.set()

    def limited(self, seconds: float) -> None:
        """Note a rate limit: nothing begins for so long, and fewer do after that.

        Refusals that come together count once.
        """
        now = self.now()
        if now >= self._lowered:
            # Half after a refusal, one more after each round that went well, as TCP
            # does: the limit is the account's, and other programs may use it, too.
            self._room = max(1.0, self._room / 2)
        self._lowered = self._not_before = max(self._not_before, now + seconds)

    def unreachable(self) -> bool:
        """Note that the API could not be reached; False when it has been so for two minutes."""
        now = self.now()
        if self._failing_since is None:
            self._failing_since = now
        if now - self._failing_since > _PATIENCE:
            return False
        self._failures += 1
        self._not_before = max(self._not_before, now + min(_LONGEST, 0.5 * 2.0 ** min(self._failures, 10)))
        return True
