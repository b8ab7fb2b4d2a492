"""Coroutines from anywhere: a cell, a script, a thread, whatever loop is already running.

A notebook's kernel runs an event loop of its own, so a cell can ``await``, but ordinary code in it
cannot call ``asyncio.run``. `run` and `submit` use one private loop in a daemon thread instead,
which is there for everybody and stands in nobody's way. `gather` runs on whatever loop awaits it.
"""

from __future__ import annotations

from ._gather import gather
from ._nested import enable_nested_asyncio
from ._progress import Bar, Tally, bar
from .background import run, submit

__all__ = ["Bar", "Tally", "bar", "enable_nested_asyncio", "gather", "run", "submit"]
