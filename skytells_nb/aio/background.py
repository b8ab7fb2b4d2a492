"""One private event loop in a daemon thread: started on first use, rebuilt after a fork.

The hard part is leaving. A blocked cell that is interrupted must give the prompt back at once, and
the coroutine it waited for must hear of it, since it may be spending money. So an interrupt cancels
the task, allows it `GRACE` seconds to react, and goes on its way.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextvars
import inspect
import os
import threading
from collections.abc import Coroutine
from typing import Any, Final, Generic, TypeVar

from ..exceptions import InvalidInputError, SkytellsError

__all__ = ["GRACE", "THREAD_NAME", "run", "submit"]

T = TypeVar("T")

GRACE: Final = 0.3
"""Seconds that what was cancelled has to react before its caller goes on without it."""

THREAD_NAME: Final = "skytells-loop"

_SLICE: Final = 0.25


class _PrivateLoop:
    """A running event loop and the daemon thread that runs it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._leaving = False
        self.thread = threading.Thread(target=self._main, name=THREAD_NAME, daemon=True)
        self.thread.start()

    def _main(self) -> None:
        try:
            while not self._leaving:
                try:
                    self.loop.run_forever()
                except (KeyboardInterrupt, SystemExit):
                    continue  # raised by somebody's task: their future has it, the loop stays for the others
        finally:
            self._wind_up()

    def _wind_up(self) -> None:
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        if left:
            self.loop.run_until_complete(asyncio.wait(left, timeout=GRACE))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def leave(self) -> None:
        """End the loop and its thread, as far as they let themselves be ended in a second."""
        self._leaving = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(1.0)


_lock = threading.Lock()
_current: _PrivateLoop | None = None
_registered = False
_of_parents: list[_PrivateLoop | None] = []


def _forget_after_fork() -> None:
    """Let a forked child start its own loop: the parent's thread is not in it."""
    global _lock, _current
    _of_parents.append(_current)  # kept, so that the child never closes what the parent still uses
    _lock, _current = threading.Lock(), None


def _leave_at_exit() -> None:
    if _current is not None:
        _current.leave()


def _private() -> _PrivateLoop:
    global _current, _registered
    with _lock:
        if _current is None:
            if not _registered:
                _registered = True
                atexit.register(_leave_at_exit)
                if hasattr(os, "register_at_fork"):
                    os.register_at_fork(after_in_child=_forget_after_fork)
            _current = _PrivateLoop()
        return _current


class _Errand(Generic[T]):
    """One coroutine on its way over the private loop; ``ended`` is set when its task really is over."""

    def __init__(self, coro: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> None:
        self.future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self.ended = threading.Event()
        self._coro = coro
        self._loop = loop
        self._task: asyncio.Task[T] | None = None
        # Before it starts, since an interrupt may come as soon as it does.
        self.future.add_done_callback(self._pass_cancellation_on)

    def start(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._begin, context=contextvars.copy_context())
        except RuntimeError:  # closed: the interpreter is on its way out
            self._coro.close()
            raise

    def _begin(self) -> None:
        if self.future.cancelled():
            self._coro.close()
            self.ended.set()
            self.future.set_running_or_notify_cancel()
            return
        self._task = self._loop.create_task(self._coro)
        self._task.add_done_callback(self._settle)

    def _settle(self, task: asyncio.Task[T]) -> None:
        error = None if task.cancelled() else task.exception()
        self.ended.set()
        if task.cancelled():
            self.future.cancel()
        if not self.future.set_running_or_notify_cancel():
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(task.result())

    def _pass_cancellation_on(self, future: concurrent.futures.Future[T]) -> None:
        if future.cancelled() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._cancel_task)

    def _cancel_task(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()


def submit(coro: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
    """Start a coroutine on the private loop, and go on at once.

    Context variables go along, so what it prints lands in the cell that called. Cancelling the
    future cancels the coroutine.

    Parameters
    ----------
    coro : coroutine
        What calling an ``async def`` function gives.

    Returns
    -------
    concurrent.futures.Future
        Its result, or the exception it raised, as it is.

    Raises
    ------
    InvalidInputError
        When it is no coroutine.

    Examples
    --------
    >>> import asyncio
    >>> from skytells_nb.aio import submit
    >>> submit(asyncio.sleep(0, "done")).result()
    'done'
    """
    _require_coroutine(coro)
    errand = _Errand(coro, _private().loop)
    errand.start()
    return errand.future


def run(coro: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end from ordinary code, whether or not a loop runs in this thread.

    It runs on one private loop in the background, with this code's context variables. An interrupt
    cancels it, and raises KeyboardInterrupt within 0.4 s even when it does not react.

    Parameters
    ----------
    coro : coroutine
        What calling an ``async def`` function gives.

    Returns
    -------
    object
        What the coroutine returns; what it raises is raised as it is.

    Raises
    ------
    InvalidInputError
        When it is no coroutine.
    SkytellsError
        When it is called on the private loop itself, where it would wait for ever. The coroutine is
        closed; nothing of it has run.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> async def add(a, b):
    ...     return a + b
    >>> sky.run(add(1, 2))
    3
    """
    _require_coroutine(coro)
    private = _private()
    if threading.current_thread() is private.thread:
        coro.close()
        raise SkytellsError(
            "run() was called from a coroutine that itself runs on the toolkit's private loop, and would "
            "wait for itself for ever. Nothing of it was started, nothing was billed. Use `await` here.",
            charged=False,
        )
    errand = _Errand(coro, private.loop)
    try:
        errand.start()
        while not concurrent.futures.wait((errand.future,), timeout=_SLICE).done:
            pass  # in slices, because an endless wait cannot be interrupted on every system
    except BaseException:
        errand.future.cancel()
        errand.ended.wait(GRACE)
        raise
    try:
        if errand.future.cancelled():
            raise asyncio.CancelledError
        return errand.future.result()
    finally:
        del errand  # else its exception's traceback would hold this frame, and this frame the exception


def _require_coroutine(coro: object) -> None:
    if isinstance(coro, Coroutine):
        return
    if inspect.iscoroutinefunction(coro):
        hint = "That is the function itself: call it."
    elif inspect.isawaitable(coro):
        hint = "It belongs to a loop already: `await` it there."
    else:
        hint = "Pass what calling an `async def` function gives."
    raise InvalidInputError(
        f"This needs a coroutine, and was given {type(coro).__name__}. Nothing was started, nothing was "
        f"billed. {hint}",
        charged=False,
    )
