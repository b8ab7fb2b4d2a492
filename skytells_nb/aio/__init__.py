"""Coroutines from anywhere: a cell, a script, a thread, whatever loop is already running.

A notebook's kernel runs an event loop of its own, so a cell can ``await``, but ordinary code in it
cannot call ``asyncio.run``. `run` and `submit` use the toolkit's own loop,
in a daemon thread, instead. `gather` runs on whatever loop awaits it.
"""

from __future__ import annotations

from ._course import enable_course_imports, enable_nested_asyncio
from ._gather import Together, gather, one_call, together
from ._loop import Bell, close_at_exit, detach, in_caller, is_toolkit_thread, on_loop, run, spawn, submit
from ._progress import Bar, Tally, bar

__all__ = [
    "Bar",
    "Bell",
    "Tally",
    "Together",
    "bar",
    "close_at_exit",
    "detach",
    "enable_course_imports",
    "enable_nested_asyncio",
    "gather",
    "in_caller",
    "is_toolkit_thread",
    "on_loop",
    "one_call",
    "run",
    "spawn",
    "submit",
    "together",
]
