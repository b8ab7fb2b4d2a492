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
from contextvars import Context, copy_context
from functools import partial
from typing import Final

from ..wire.conversation import note

__all__ = ["BACKGROUND", "Background"]

_THREADS: Final = 64
"""Fifty cancels go out at once, however far away the API is and whoever else is waited for."""

_LINGER: Final = 0.4
"""Seconds of quiet after which what was done is summed up; so long the last thread waits for more."""

Errand = Callable[[float], object]


class Background:
    """A queue of errands and the few threads that run them, started when there is one.

    Every errand is run, also one whose time is up already: it may have something to let go of. It runs
    with the context variables of whoever gave it, so that what it says lands in the right cell.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start afresh, as in a forked child, which has none of the threads."""
        self._lock = threading.Lock()
        self._errands: deque[tuple[Errand, float, Context]] = deque()
        self._afterwards: dict[Callable[[], object], Context] = {}
        self._threads = 0
        self._idle = threading.Condition(self._lock)
        self._news = threading.Condition(self._lock)

    def run(self, errand: Errand, seconds: float, *, afterwards: Callable[[], object] | None = None) -> None:
        """Run ``errand(deadline)`` soon; the deadline is monotonic seconds.

        ``afterwards`` is called once when all is quiet again, however many errands named it.
        """
        with self._lock:
            self._errands.append((errand, time.monotonic() + seconds, copy_context()))
            if afterwards is not None:
                self._afterwards[afterwards] = copy_context()
            self._news.notify()
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
        while (work := self._next()) is not None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - nobody is left to raise it to
                note(f"Something went wrong in the background: {error}")

    def _next(self) -> Callable[[], object] | None:
        """Give a thread its next errand; the last one waits a little for more, then sums up, then ends."""
        with self._lock:
            if not self._errands and self._threads == 1:
                self._news.wait_for(lambda: bool(self._errands), _LINGER)
            if self._errands:
                errand, deadline, context = self._errands.popleft()
                return partial(context.run, errand, deadline)
            if self._afterwards and self._threads == 1:
                last, context = self._afterwards.popitem()
                return partial(context.run, last)
            self._threads -= 1
            self._idle.notify_all()
            return None


BACKGROUND: Final = Background()
atexit.register(BACKGROUND.wait, 2.0)  # Python waits for its threads already, unless that is interrupted
