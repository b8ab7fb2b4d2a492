"""The toolkit's own event loop, and the three ways onto it: `run` blocks, `on_loop` awaits, `submit` goes on.

One loop runs in one daemon thread, started on first use and rebuilt after a fork. Everything that speaks
to the API runs there, whoever asks: a cell, a script, a thread, another event loop.

The hard part is leaving. A cell that is interrupted must give the prompt back at once, and the coroutine
it waited for must hear of it, since it may be spending money. So whatever ends a caller's wait cancels
the coroutine, allows it `GRACE` seconds to react, and goes on its way. What the coroutine leaves behind,
such as a remote cancel, is a task of this loop too (`spawn`), and a script does not exit before it ended.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextvars
import inspect
import os
import queue
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

from ..exceptions import InvalidInputError, SkytellsError
from ..models import Finished
from ._executor import Executor

T = TypeVar("T")

GRACE: Final = 0.3
"""Seconds that what was cancelled has to react before its caller goes on without it."""

HEARTBEAT: Final = 0.08
"""Seconds after which a caller's loop wakes at the latest. ipykernel turns an interrupt into a cancellation
only when its loop next wakes; with `GRACE` after it, the prompt is back within 0.4 s."""

THREAD_NAME: Final = "skytells-loop"

_SLICE: Final = 0.25
"""Seconds: an endless wait of a thread cannot be interrupted on every system, so it waits in slices."""

_FAREWELL: Final = 2.5
"""Seconds without an end of anything spawned after which a script exits: a little more than a cancel has."""

_LONGEST: Final = 5
"""How many times its seconds spawned work may take while its like goes on ending. Sixty remote cancels of one
interrupt end one by one on a busy machine, and each that is given up is a bill."""


class Closable(Protocol):
    """What holds sockets of the toolkit's loop, and is closed before that loop ends."""

    async def aclose(self) -> None: ...


class _ToolkitLoop:
    """A running event loop and the daemon thread that runs it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(Executor())
        self.submitted: set[asyncio.Task[Any]] = set()
        self.spawned: set[asyncio.Task[Any]] = set()
        self.latest_end = 0.0
        self.closables: weakref.WeakSet[Closable] = weakref.WeakSet()
        self._leaving = False
        self._over = threading.Event()
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
            # A task that is dropped while it is pending runs
            # no `finally`, and complains into somebody's cell.
            left = asyncio.all_tasks(self.loop)
            for task in left:
                task.cancel()
            if left:
                self.loop.run_until_complete(asyncio.wait(left, timeout=GRACE))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()
            self._over.set()

    def leave(self) -> None:
        """Cancel what runs, wait for what that leaves behind, and end the loop and its thread."""

        def begin() -> None:
            self._last = self.loop.create_task(self._farewell())

        self.loop.call_soon_threadsafe(begin)
        for _ in range(3):  # Ctrl-C is often pressed twice; who insists on it goes
            with suppress(KeyboardInterrupt):
                # Bounded: a script has to end even where a server does not answer. Not `join`, which takes
                # a thread for ended once it was interrupted (Python 3.11).
                self._over.wait(GRACE + _FAREWELL * _LONGEST + 1.0)
                break

    async def _farewell(self) -> None:
        for task in self.submitted:
            task.cancel()
        if self.submitted:
            await asyncio.wait(set(self.submitted), timeout=GRACE)
        # The first silence of `_FAREWELL` seconds ends the waiting; a queue that moves is waited for.
        ended = self.spawned
        while self.spawned and ended:
            ended, _ = await asyncio.wait(
                set(self.spawned), timeout=_FAREWELL, return_when=asyncio.FIRST_COMPLETED
            )
        # Now, on their own loop: transports that are collected after it warn that they were never closed.
        for closable in list(self.closables):
            await closable.aclose()
        self._leaving = True
        self.loop.stop()


_lock = threading.Lock()
_current: _ToolkitLoop | None = None
_registered = False
_of_parents: list[_ToolkitLoop | None] = []


def _forget_after_fork() -> None:
    """Let a forked child start its own loop: the parent's thread is not in it."""
    global _lock, _current
    # A lock that another thread held at the fork is never released in the child.
    _of_parents.append(_current)  # kept, so that the child never closes what the parent still uses
    _lock, _current = threading.Lock(), None


def _leave_at_exit() -> None:
    if _current is not None:
        _current.leave()


def _toolkit_loop() -> _ToolkitLoop:
    global _current, _registered
    with _lock:
        if _current is None:
            if not _registered:
                # Once for the process and its forks: a child inherits both registrations.
                _registered = True
                # The first finalizer registers what runs all of them at exit, and closes indexes and ledgers:
                # before ours, so as to run after it, since what is still under way needs them.
                weakref.finalize(_toolkit_loop, int)
                atexit.register(_leave_at_exit)
                if hasattr(os, "register_at_fork"):
                    os.register_at_fork(after_in_child=_forget_after_fork)
            _current = _ToolkitLoop()
            process = sys.modules.get("multiprocessing.process")
            if process is not None and process.parent_process() is not None:
                # Children of multiprocessing end without `atexit`, with finalizers of their own.
                multiprocessing_util: Any = sys.modules["multiprocessing.util"]
                multiprocessing_util.Finalize(None, _leave_at_exit, exitpriority=0)
        return _current


def call_soon(loop: asyncio.AbstractEventLoop, function: Callable[..., object]) -> bool:
    """Call a function on a loop, from any thread; False where that has ended, and nobody waits any more."""
    try:
        loop.call_soon_threadsafe(function)
    except RuntimeError:
        return False
    return True


_Caller: TypeAlias = "_BlockedCaller | _AwaitingCaller"
"""Whoever waits for a coroutine on the toolkit's loop: callbacks of theirs are called where they wait."""

_caller: contextvars.ContextVar[_Caller | None] = contextvars.ContextVar("skytells_caller", default=None)


async def in_caller(function: Callable[..., object], *args: object) -> object:
    """Call a user's function where the user waits: in the thread of `run`, on the loop of `on_loop`.

    There it may print, block, or touch its own loop's objects without holding up anybody else. What it
    raises is raised here; an awaitable that it returns is awaited.
    """
    caller = _caller.get()
    if caller is None:
        result = function(*args)
        return await result if inspect.isawaitable(result) else result

    def call() -> object:
        try:
            return function(*args)
        except StopIteration as error:  # which no future of asyncio takes: whoever awaits it would for ever
            raise RuntimeError("a callback raised StopIteration") from error

    outcome: concurrent.futures.Future[Any] = concurrent.futures.Future()
    caller.call(call, outcome)
    result = await asyncio.wrap_future(outcome)
    return await result if inspect.isawaitable(result) else result


class _LoopCall(Generic[T]):
    """One coroutine on its way over the toolkit's loop; ``ended`` is set when its task really is over."""

    def __init__(
        self, coro: Coroutine[Any, Any, T], toolkit: _ToolkitLoop, caller: _Caller | None = None
    ) -> None:
        self.future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self.ended = threading.Event()
        self._coro = coro
        self._loop = toolkit.loop
        self._submitted = toolkit.submitted
        self._caller = caller
        self._task: asyncio.Task[T] | None = None
        # Before it starts, since an interrupt may come as soon as it does.
        self.future.add_done_callback(self._pass_cancellation_on)

    def start(self) -> None:
        # ipykernel keeps in a context variable which cell is running. With it, what the coroutine prints
        # lands in the cell that called, also once the next cell has begun (measured, ipykernel 7.4).
        context = contextvars.copy_context()
        context.run(_caller.set, self._caller)
        try:
            self._loop.call_soon_threadsafe(self._begin, context=context)
        except RuntimeError:
            self._coro.close()
            raise SkytellsError(
                "Python is about to exit, and nothing more is sent. Call it before the script's end.",
                charged=False,
            ) from None

    def _begin(self) -> None:
        # Interrupted before the loop came to it: nothing may run, or a create is sent that nobody waits for.
        if self.future.cancelled():
            self._coro.close()
            self.ended.set()
            self.future.set_running_or_notify_cancel()
            return
        self._task = self._loop.create_task(self._coro)
        self._submitted.add(self._task)
        self._task.add_done_callback(self._settle)

    def _settle(self, task: asyncio.Task[T]) -> None:
        self._submitted.discard(task)
        # Read also where nobody is left to hear it, or asyncio logs an exception that was never retrieved.
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
        def cancel() -> None:
            if self._task is not None and not self._task.done():
                self._task.cancel()

        if future.cancelled() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(cancel)


def is_toolkit_thread() -> bool:
    """Return whether this code runs on the toolkit's loop, where `run` would wait for itself."""
    return _current is not None and threading.current_thread() is _current.thread


def submit(coro: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
    """Start a coroutine on the toolkit's loop, and go on at once; returns the future of its result.

    Context variables go along, so what it prints lands in the cell that called. Cancelling the future cancels
    the coroutine.
    """
    _require_coroutine(coro)
    call = _LoopCall(coro, _toolkit_loop())
    call.start()
    return call.future


class _BlockedCaller:
    """A thread that waits in `run`: it calls what it is handed, between two looks at the outcome."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[[], object], concurrent.futures.Future[Any]] | None] = (
            queue.SimpleQueue()
        )
        self._is_gone = False

    def call(self, function: Callable[[], object], outcome: concurrent.futures.Future[Any]) -> None:
        if self._is_gone:
            outcome.cancel()
        else:
            self._calls.put((function, outcome))

    def wake(self, _: object) -> None:
        self._calls.put(None)

    def wait_for(self, future: concurrent.futures.Future[Any]) -> None:
        while not future.done():
            try:
                call = self._calls.get(timeout=_SLICE)
            except queue.Empty:
                continue
            if call is None:
                continue
            function, outcome = call
            try:
                outcome.set_result(function())
            except Exception as error:  # noqa: BLE001 - raised where it is awaited
                outcome.set_exception(error)
            except BaseException:  # an interrupt in it is the caller's own
                outcome.cancel()
                raise

    def leave(self) -> None:
        """Call nothing more: whoever waits for a callback hears that nobody is here."""
        self._is_gone = True
        while not self._calls.empty():
            call = self._calls.get()
            if call is not None:
                call[1].cancel()


def run(coro: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end from ordinary code, whether or not a loop runs in this thread.

    It runs on the toolkit's own loop in the background, with this code's context variables. An interrupt
    cancels it, and raises KeyboardInterrupt within 0.4 s even when it does not react. What the coroutine
    returns is returned, and what it raises is raised as it is.

    Raises
    ------
    InvalidInputError
        When it is no coroutine.
    SkytellsError
        When it is called on the toolkit's loop itself, where it would wait for ever. The coroutine is
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
    toolkit = _toolkit_loop()
    if threading.current_thread() is toolkit.thread:
        coro.close()
        raise SkytellsError(
            "run() would deadlock here: in what it runs use client.as_async() and `await`.", charged=False
        )
    caller = _BlockedCaller()
    call = _LoopCall(coro, toolkit, caller)
    call.future.add_done_callback(caller.wake)
    try:
        call.start()
        caller.wait_for(call.future)
    # KeyboardInterrupt, a time limit, a signal handler's own: the coroutine has to hear of each. Without
    # this cancel it ran on to its end in the background, and spent money (measured, ipykernel 7.4).
    except BaseException:
        call.future.cancel()
        caller.leave()
        # Bounded: the prompt is promised within 0.4 s also where the coroutine does not react.
        call.ended.wait(GRACE)
        raise
    caller.leave()
    try:
        # Not the future's own CancelledError: that is an Exception, and `except Exception` would swallow it.
        if call.future.cancelled():
            raise asyncio.CancelledError
        return call.future.result()
    finally:
        del call  # else its exception's traceback would hold this frame, and this frame the exception


class _AwaitingCaller:
    """A task of another event loop that waits in `on_loop`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def call(self, function: Callable[[], object], outcome: concurrent.futures.Future[Any]) -> None:
        async def call() -> None:
            try:
                result = function()
                outcome.set_result(await result if inspect.isawaitable(result) else result)
            except Exception as error:  # noqa: BLE001 - raised where it is awaited
                outcome.set_exception(error)
            except BaseException:
                outcome.cancel()
                raise

        def begin() -> None:
            task = self._loop.create_task(call())
            _calls.add(task)
            task.add_done_callback(_calls.discard)

        if not call_soon(self._loop, begin):
            outcome.cancel()


# An event loop holds its tasks weakly; one that nobody else holds may vanish half-way.
_calls: set[asyncio.Task[None]] = set()


def require_asyncio() -> asyncio.AbstractEventLoop:
    """Return the event loop that runs here, uvloop's too; raises where it is none of asyncio's."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise SkytellsError(
            "AsyncClient, gather and abatch need asyncio, and it does not run here. Under trio call the "
            "blocking Client in a thread: `await trio.to_thread.run_sync(...)`.",
            charged=False,
        ) from None


async def on_loop(coro: Coroutine[Any, Any, T]) -> T:
    """Await a coroutine that runs on the toolkit's loop, from whatever event loop this is.

    A cancellation is passed on; the coroutine has `GRACE` seconds to react to it.
    """
    try:
        loop = require_asyncio()
    except SkytellsError:
        coro.close()
        raise
    toolkit = _toolkit_loop()
    if loop is toolkit.loop:
        return await coro
    call = _LoopCall(coro, toolkit, _AwaitingCaller(loop))
    over = asyncio.Event()
    call.future.add_done_callback(lambda _: call_soon(loop, over.set))
    # ipykernel's handler does not wake the loop: without a heartbeat an interrupt
    # of an `await` of 6 s took effect 5.1 s late (measured, ipykernel 7.4).
    with heartbeat(loop):
        try:
            call.start()
            await over.wait()
        except BaseException as error:
            call.future.cancel()
            # A coroutine that is being closed (GeneratorExit) must not await any more.
            until = loop.time() + GRACE
            if isinstance(error, asyncio.CancelledError):
                # It has a moment to react, and nobody else on the caller's loop is held up.
                while not call.ended.is_set() and loop.time() < until:  # noqa: ASYNC110 - a thread's event
                    await asyncio.sleep(0.002)
            raise
    try:
        if call.future.cancelled():
            raise asyncio.CancelledError
        return call.future.result()
    finally:
        del call


@dataclass(slots=True)
class _Heart:
    """Wakes one event loop every `HEARTBEAT` seconds while anything is under way on it."""

    under_way: int = 0
    beat: asyncio.TimerHandle | None = None


# Weak, because the loop of each `asyncio.run` ends with it.
_hearts: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Heart] = weakref.WeakKeyDictionary()


@contextmanager
def heartbeat(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Wake a loop a few times a second for as long as the block lasts, so that an interrupt lands soon."""
    heart = _hearts.setdefault(loop, _Heart())

    def again() -> None:
        heart.beat = loop.call_later(HEARTBEAT, again)

    heart.under_way += 1
    if heart.beat is None:
        again()
    try:
        yield
    finally:
        heart.under_way -= 1
        if not heart.under_way and heart.beat is not None:
            heart.beat.cancel()
            heart.beat = None


class Bell:
    """What the toolkit's loop rings, and somebody in a thread, or on another event loop, waits for.

    It rings until it is hushed. Hush it, look whether there is something, and wait only if there is not.
    """

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
            call_soon(listener[0], listener[1].set)

    def hush(self) -> None:
        self._rung.clear()

    def wait(self) -> None:
        while not self._rung.wait(_SLICE):
            continue

    async def heard(self) -> None:
        loop, heard = asyncio.get_running_loop(), asyncio.Event()
        self._listener = (loop, heard)
        try:
            if not self._rung.is_set():  # else it rang before anybody listened
                with heartbeat(loop):
                    await heard.wait()
        finally:
            self._listener = None


def close_at_exit(closable: Closable) -> None:
    """Close something before the toolkit's loop ends, if it is still there and belongs to that loop."""
    if _current is not None and _current.loop is asyncio.get_running_loop():
        _current.closables.add(closable)


def spawn(work: Coroutine[Any, Any, Any] | asyncio.Task[Any], seconds: float) -> asyncio.Task[None]:
    """Let a coroutine, or a task that is under way, go on by itself on the running loop for so long.

    The seconds count anew, five times at most, whenever other spawned work ends: a queue that moves is not
    given up. A script that ends waits for it.
    """
    loop = asyncio.get_running_loop()
    toolkit = _current if _current is not None and _current.loop is loop else None
    task = loop.create_task(_bounded(work, seconds, toolkit))
    if toolkit is not None:
        toolkit.spawned.add(task)
        task.add_done_callback(toolkit.spawned.discard)
    return task


def detach(coro: Coroutine[Any, Any, Any], seconds: float) -> None:
    """Let a coroutine go on by itself on the toolkit's loop for so long, from any thread or loop.

    A script that ends waits for it.
    """

    async def begin() -> None:
        spawn(coro, seconds)

    submit(begin())


async def _bounded(
    work: Coroutine[Any, Any, Any] | asyncio.Task[Any], seconds: float, toolkit: _ToolkitLoop | None
) -> None:
    under_way: asyncio.Future[Any] = asyncio.ensure_future(work)
    now = asyncio.get_running_loop().time
    began = now()
    left = seconds
    try:
        while left > 0 and not under_way.done():
            await asyncio.wait((under_way,), timeout=left)
            latest = max(began, toolkit.latest_end) if toolkit is not None else began
            left = min(latest + seconds, began + seconds * _LONGEST) - now()
    finally:
        if not under_way.done():
            under_way.cancel()
            await asyncio.wait((under_way,), timeout=GRACE)
        elif toolkit is not None:
            toolkit.latest_end = now()
    if under_way.done() and not under_way.cancelled():
        under_way.exception()  # whoever spawned it has no use for what it raised


def _require_coroutine(coro: object) -> None:
    if isinstance(coro, Coroutine):
        return
    if inspect.iscoroutinefunction(coro):
        hint = "That is the function itself: call it."
    elif isinstance(coro, Finished):
        hint = "It is there already: a blocking client's calls need no sky.run."
    elif inspect.isawaitable(coro):
        hint = "It belongs to a loop already: `await` it there."
    else:
        hint = "Pass what calling an `async def` function returns."
    raise InvalidInputError(f"This needs a coroutine, not {type(coro).__name__}. {hint}")
