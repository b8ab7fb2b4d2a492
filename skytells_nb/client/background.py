"""What goes on after an interrupt: remote cancels, for two seconds at most, and before the script exits.

A few threads that Python waits for at exit, each with a deadline. They share no socket and no event loop
with what was interrupted, since those may be closing.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from ..wire.conversation import note

__all__ = ["BACKGROUND", "Background"]

_THREADS: Final = 16

Errand = Callable[[float], object]


class Background:
    """A queue of errands and the few threads that run them, started when there is one.

    Every errand is run, also one whose time is up already: it may have something to let go of.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start afresh, as in a forked child, which has none of the threads."""
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
            thread = threading.Thread(target=self._work, name="skytells-afterwards", daemon=False)
            self._threads += 1
        try:
            thread.start()
        except RuntimeError:  # the interpreter is on its way out, and lets no thread begin
            self._work()

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
            try:
                errand(deadline)
            except Exception as error:  # noqa: BLE001 - nobody is left to raise it to
                note(f"Something went wrong in the background: {error}")


BACKGROUND: Final = Background()
atexit.register(BACKGROUND.wait, 2.0)  # Python waits for its threads already, unless that is interrupted
