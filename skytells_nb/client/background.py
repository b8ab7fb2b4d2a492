"""What goes on after an interrupt: remote cancels, for two seconds at most, and before the script exits.

A few threads that Python waits for at exit, each with a deadline. They share no socket and no event loop
with what was interrupted, since those may be closing.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

__all__ = ["BACKGROUND", "Background"]

_THREADS: Final = 6

Errand = Callable[[float], object]


class Background:
    """A queue of errands and the few threads that run them, started when there is one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._errands: deque[tuple[Errand, float]] = deque()
        self._threads = 0
        self._idle = threading.Condition(self._lock)

    def run(self, errand: Errand, seconds: float) -> None:
        """Run ``errand(deadline)`` soon; the deadline is monotonic seconds."""
        with self._lock:
            self._errands.append((errand, time.monotonic() + seconds))
            if self._threads >= _THREADS:
                return
            self._threads += 1
        threading.Thread(target=self._work, name="skytells-afterwards", daemon=False).start()

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is left to do; whether that came about."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._threads, seconds)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._errands:
                    self._threads -= 1
                    self._idle.notify_all()
                    return
                errand, deadline = self._errands.popleft()
            if time.monotonic() < deadline:
                errand(deadline)


BACKGROUND: Final = Background()
