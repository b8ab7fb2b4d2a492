"""How many requests may be in flight: few, however many predictions are.

httpx's connection pool costs more with every request in flight, so requests queue here, cheaply, in
front of it. The width follows the quickest of the last round trips (`gate_width`). A request that
takes much longer than that, such as a create whose answer is slow, gives its place up to the next one.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ..wire.pace import gate_width

__all__ = ["AsyncGate", "Gate", "RoundTrips"]

_PATIENCE: Final = 0.1
_HARD_LIMIT: Final = 64


class RoundTrips:
    """The last few round trips of one connection, and the gate's width that follows from them."""

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=16)
        self.width = gate_width(0.0)

    def took(self, seconds: float) -> None:
        """Note one exchange that was answered."""
        self._last.append(seconds)
        self.width = gate_width(min(self._last))


class Gate:
    """The gate for threads."""

    def __init__(self, trips: RoundTrips) -> None:
        self._trips = trips
        self._changed = threading.Condition()
        self._inside: dict[object, float] = {}

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Enter when there is room; what is measured inside sets the width."""
        ticket = object()
        try:
            with self._changed:
                while not self._room(time.monotonic()):
                    self._changed.wait(_PATIENCE / 2)
                began = self._inside[ticket] = time.monotonic()
            yield
            self._trips.took(time.monotonic() - began)
        finally:
            with self._changed:
                self._inside.pop(ticket, None)
                self._changed.notify(self._trips.width)

    def _room(self, now: float) -> bool:
        young = sum(now - since < _PATIENCE for since in self._inside.values())
        return young < self._trips.width and len(self._inside) < _HARD_LIMIT


class AsyncGate:
    """The gate for one event loop; those who wait enter in the order in which they came."""

    def __init__(self, trips: RoundTrips) -> None:
        self.trips = trips
        self.young = 0
        self.inside = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    def __call__(self) -> _Place:
        """Give a place to enter with ``async with``; what is measured inside sets the width."""
        return _Place(self)

    async def enter(self) -> None:
        """Take a place, once there is one."""
        if not self._queue and self._room():
            self._take()
            return
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.young -= 1
                self.leave()
            raise

    def leave(self) -> None:
        """Give a place back that has aged."""
        self.inside -= 1
        self.let_in()

    def let_in(self) -> None:
        """Give a place to as many of those who wait as there is room for; the place is theirs at once."""
        while self._queue and self._room():
            turn = self._queue.popleft()
            if not turn.done():
                self._take()
                turn.set_result(None)

    def _room(self) -> bool:
        return self.young < self.trips.width and self.inside < _HARD_LIMIT

    def _take(self) -> None:
        self.young += 1
        self.inside += 1


class _Place:
    """One request inside the gate; it counts against the width while it is young."""

    __slots__ = ("_ageing", "_began", "_gate", "_young")

    def __init__(self, gate: AsyncGate) -> None:
        self._gate = gate

    async def __aenter__(self) -> None:
        await self._gate.enter()
        loop = asyncio.get_running_loop()
        self._young = True
        self._began = loop.time()
        self._ageing = loop.call_later(_PATIENCE, self._age)

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._gate.trips.took(asyncio.get_running_loop().time() - self._began)
        self._ageing.cancel()
        if self._young:
            self._gate.young -= 1
        self._gate.leave()

    def _age(self) -> None:
        self._young = False
        self._gate.young -= 1
        self._gate.let_in()
