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
        with self._changed:
            while not self._room(time.monotonic()):
                self._changed.wait(_PATIENCE / 2)
            began = self._inside[ticket] = time.monotonic()
        try:
            yield
            self._trips.took(time.monotonic() - began)
        finally:
            with self._changed:
                del self._inside[ticket]
                self._changed.notify()

    def _room(self, now: float) -> bool:
        young = sum(now - since < _PATIENCE for since in self._inside.values())
        return young < self._trips.width and len(self._inside) < _HARD_LIMIT


class AsyncGate:
    """The gate for one event loop."""

    def __init__(self, trips: RoundTrips) -> None:
        self.trips = trips
        self.young = 0
        self.inside = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    def __call__(self) -> _Place:
        """Give a place to enter with ``async with``; what is measured inside sets the width."""
        return _Place(self)

    async def wait_for_room(self) -> None:
        """Wait, in order of arrival, until another request may go."""
        while not (self.young < self.trips.width and self.inside < _HARD_LIMIT):
            turn = asyncio.get_running_loop().create_future()
            self._queue.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self.call_next()
                raise

    def call_next(self) -> None:
        """Let the next one in line look whether there is room."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return


class _Place:
    """One request inside the gate; it counts against the width while it is young."""

    __slots__ = ("_ageing", "_began", "_gate", "_young")

    def __init__(self, gate: AsyncGate) -> None:
        self._gate = gate

    async def __aenter__(self) -> None:
        gate = self._gate
        await gate.wait_for_room()
        loop = asyncio.get_running_loop()
        gate.young += 1
        gate.inside += 1
        self._young = True
        self._began = loop.time()
        self._ageing = loop.call_later(_PATIENCE, self._age)

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._gate.trips.took(asyncio.get_running_loop().time() - self._began)
        self._ageing.cancel()
        self._gate.inside -= 1
        if self._young:
            self._age()
        else:
            self._gate.call_next()

    def _age(self) -> None:
        self._young = False
        self._gate.young -= 1
        self._gate.call_next()
