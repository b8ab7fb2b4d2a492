"""A bell that the toolkit's loop rings, and somebody in a thread, or on another event loop, waits for."""

from __future__ import annotations

import asyncio
import threading
from typing import Final

from ._loop import heartbeat

_SLICE: Final = 0.25
"""Seconds: an endless wait of a thread cannot be interrupted on every system, so it waits in slices."""


class Bell:
    """Rings until it is hushed. Hush it, look whether there is something, and wait only if there is not."""

    def __init__(self) -> None:
        self._rung = threading.Event()
        self._listener: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def ring(self) -> None:
        """Wake whoever waits; from any thread."""
        if self._rung.is_set():
            return
        self._rung.set()
        listener = self._listener
        if listener is not None:
            loop, heard = listener
            try:
                loop.call_soon_threadsafe(heard.set)
            except RuntimeError:
                return  # that loop has ended, and nobody waits any more

    def hush(self) -> None:
        self._rung.clear()

    def wait(self) -> None:
        """Wait in this thread until it rings."""
        while not self._rung.wait(_SLICE):
            continue

    async def heard(self) -> None:
        """Wait on this event loop until it rings."""
        loop, heard = asyncio.get_running_loop(), asyncio.Event()
        self._listener = (loop, heard)
        try:
            if not self._rung.is_set():  # else it rang before anybody listened
                with heartbeat(loop):
                    await heard.wait()
        finally:
            self._listener = None
