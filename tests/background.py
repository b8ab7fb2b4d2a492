"""Waiting for what goes on after an interrupt, as a script does at its end."""

from __future__ import annotations

import threading
import time

from skytells_nb.aio import _loop


def settled(seconds: float = 10.0) -> bool:
    """Wait until nothing is left in the background of the toolkit's loop; returns whether that came about."""
    pause, until = threading.Event(), time.monotonic() + seconds
    while (loop := _loop._current) is not None and (loop.submitted or loop.spawned):
        if time.monotonic() > until:
            return False
        pause.wait(0.01)
    return True
