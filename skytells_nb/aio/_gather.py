"""Many awaitables at once: in order, bounded, with a bar, and stopped for good when stopped.

Whatever is awaited here may cost money, which decides what happens when something goes wrong. What has not
begun is never begun. What is under way is paid for already, so after an error it may finish. After an
interrupt everything is cancelled, and the prompt is back within 0.4 s.

Coroutines that nobody awaits complain when they are collected, and a generator must not be read ahead of the
limit. So a list is checked whole before anything starts, a generator item by item, and whatever was never
started is closed.
"""

from __future__ import annotations

import asyncio
import inspect
import operator
from collections.abc import Awaitable, Generator, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, TypeVar, overload

from .._options import options
from ..checks import check_flag, check_whole
from ..exceptions import InvalidInputError
from ..models import Finished, Prediction
from ._loop import GRACE, HEARTBEAT, require_asyncio
from ._progress import Bar, bar

T = TypeVar("T")


@dataclass(slots=True)
class Together:
    """The ids that creates of one call made, or took from the archive: equal ones take different ones."""

    ids: set[str] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


together: ContextVar[Together | None] = ContextVar("skytells_together", default=None)
"""The call whose creates belong together; a `gather` within a `gather` belongs to the outer one."""


@contextmanager
def one_call() -> Iterator[None]:
    begun = together.set(Together()) if together.get() is None else None
    try:
        yield
    finally:
        if begun is not None:
            together.reset(begun)


_unresponsive: set[asyncio.Future[Any]] = set()
"""What was cancelled and did not react in time: held here until it ends, as the loop does not."""


@overload
async def gather(
    *aws: Awaitable[T] | Iterable[Awaitable[T]],
    limit: int | None = None,
    progress: bool | None = None,
    return_exceptions: Literal[False] = False,
    cancel_on_error: bool = False,
    label: str = "gather",
    reuse: bool | None = None,
) -> list[T]: ...
@overload
async def gather(
    *aws: Awaitable[T] | Iterable[Awaitable[T]],
    limit: int | None = None,
    progress: bool | None = None,
    return_exceptions: bool,
    cancel_on_error: bool = False,
    label: str = "gather",
    reuse: bool | None = None,
) -> list[T | BaseException]: ...
async def gather(
    *aws: Awaitable[Any] | Iterable[Awaitable[Any]],
    limit: int | None = None,
    progress: bool | None = None,
    return_exceptions: bool = False,
    cancel_on_error: bool = False,
    label: str = "gather",
    reuse: bool | None = None,
) -> list[Any]:
    """Await many at once; the results come in the order of the arguments.

    Parameters
    ----------
    *aws : awaitable, or one iterable of them
        Such as ``client.predictions.create(...)`` of an `AsyncClient`. A generator is read only as
        fast as there is room, so a long one does not fill the memory.
    limit : int, optional
        How many may be under way at once; None is all of them.
    progress : bool, optional
        Whether to show a bar; None leaves it to ``sky.options.progress``, which shows one when it takes
        over a second.
    return_exceptions : bool
        Whether an error is a result like any other, instead of ending the rest.
    cancel_on_error : bool
        Whether the first error cancels what is under way. Else that finishes: it is paid for. It has
        no meaning together with ``return_exceptions``.
    label : str
        What the bar is called.
    reuse : bool, optional
        Whether the creates among them look in their client's archive first, each for an equal input that
        was paid for already; None leaves it to each, and to ``sky.options.reuse``. Equal creates take
        different predictions, oldest first, as far as there are any.

    Returns
    -------
    list
        The results; with ``return_exceptions`` an exception in the place of each failure.

    Raises
    ------
    InvalidInputError
        When ``limit`` is no whole number above zero, or something given cannot be awaited. Nothing is
        started then.
    Exception
        The first error. Nothing more is started; what is under way ends first. The exception
        carries ``results``: a list in order of results and exceptions, None for what never began.
    asyncio.CancelledError
        When the caller is cancelled or interrupted: everything under way is cancelled, nothing more is
        started, and it raises within 0.4 s. It carries ``results`` too.

    Examples
    --------
    >>> import asyncio
    >>> import skytells_nb as sky
    >>> async def double(n):
    ...     return 2 * n
    >>> asyncio.run(sky.gather(*(double(n) for n in range(3)), limit=2))
    [0, 2, 4]
    """
    source = _Source(aws)
    try:
        most = None if limit is None else check_whole("limit", limit, 1, none="all at once")
        stops = not check_flag("return_exceptions", return_exceptions)
        cancels = check_flag("cancel_on_error", cancel_on_error)
        require_asyncio()
        source.check()
    except BaseException:
        source.close()
        raise
    run = _Gather(source, most, stops, cancels)
    shows = options.progress if progress is None else progress
    reusing = nullcontext() if reuse is None else options(reuse=reuse)
    shown_from = 0.0 if shows is True else 1.0
    with one_call(), reusing, bar(source.total, label, enabled=bool(shows), delay=shown_from) as shown:
        await run.until_done(shown)
    return run.results


class _Source:
    """What is to be awaited, started one by one; what is never started gets closed."""

    def __init__(self, aws: tuple[Any, ...]) -> None:
        one = len(aws) == 1 and not _is_awaitable(aws[0]) and isinstance(aws[0], Iterable)
        source: Iterable[Any] = aws[0] if one else aws
        self._source = source
        self._known = list(source) if _is_finite(source) else None
        self._left: Iterator[Any] = iter(source if self._known is None else self._known)
        self._taken = 0

    @property
    def total(self) -> int | None:
        """How many there are; None when that shows only at the end."""
        return None if self._known is None else len(self._known)

    def check(self) -> None:
        """Refuse what cannot be awaited, and a coroutine that is there twice, before anything starts."""
        known = self._known or ()
        made = [item for item in known if isinstance(item, Prediction)]
        if made:
            raise _made_already(made)
        seen: set[int] = set()
        for item in known:
            _require_awaitable(item)
            if inspect.iscoroutine(item):
                if id(item) in seen:
                    raise InvalidInputError(
                        "The same coroutine was given twice, and a coroutine runs only once. Call the "
                        "function once for each result."
                    )
                seen.add(id(item))

    def start_next(self) -> asyncio.Future[Any] | None:
        for item in self._left:
            self._taken += 1
            _require_awaitable(item)
            future: asyncio.Future[Any] = asyncio.ensure_future(item)
            return future
        return None

    def close(self, *, cancel: bool = False) -> int:
        """Close what was never started, and return how many that were; ``cancel`` also tasks among them."""
        if self._known is None:
            if isinstance(self._source, Generator):
                self._source.close()
            return 0
        never = self._known[self._taken :]
        for item in never:
            if inspect.iscoroutine(item):
                item.close()
            elif cancel and asyncio.isfuture(item):
                item.cancel()
        return len(never)


def _is_finite(source: Iterable[Any]) -> bool:
    try:
        return operator.length_hint(source, -1) >= 0
    except TypeError:  # itertools.repeat without a number
        return False


def _made_already(made: list[Prediction]) -> InvalidInputError:
    more = f" and {len(made) - 1} more" if len(made) > 1 else ""
    error = InvalidInputError(
        f"gather() was given finished predictions, {made[0].id}{more}: a blocking client makes one after "
        "another. They are in this error's .results; for several at once use client.as_async().",
        charged=None,
    )
    error.made = error.results = made  # type: ignore[attr-defined]  # whatever it is, it carries them
    return error


def _is_awaitable(item: object) -> bool:
    return inspect.isawaitable(item) and not isinstance(item, Finished)


def _require_awaitable(item: object) -> None:
    if asyncio.isfuture(item) and item.get_loop() is not asyncio.get_running_loop():
        raise InvalidInputError(
            "gather() was given a task of another event loop. Await it there, or pass the coroutine instead."
        )
    if isinstance(item, Prediction):
        raise _made_already([item])
    if _is_awaitable(item):
        return
    hint = "Call it." if inspect.iscoroutinefunction(item) else "Methods of an AsyncClient return awaitables."
    raise InvalidInputError(f"gather() was given {type(item).__name__}, which cannot be awaited. {hint}")


@dataclass(eq=False, repr=False)
class _Gather:
    source: _Source
    most: int | None
    stop_on_error: bool
    cancel_on_error: bool
    results: list[Any] = field(default_factory=list)
    _under_way: dict[asyncio.Future[Any], list[int]] = field(default_factory=dict)
    _first: BaseException | None = None
    _wake: asyncio.Future[None] | None = None
    _exhausted: bool = False
    _done: int = 0
    _failed: int = 0
    _canceled: int = 0
    _reused: int = 0
    _spent: Decimal | None = None
    _sandbox: bool = False

    async def until_done(self, shown: Bar) -> None:
        """Start, wait and collect until nothing is left; raise what went wrong first."""
        loop = asyncio.get_running_loop()

        heartbeat: asyncio.TimerHandle

        def beat() -> None:
            nonlocal heartbeat
            self._show(shown)
            heartbeat = loop.call_later(HEARTBEAT, beat)

        # Also what wakes the loop for an interrupt; see `HEARTBEAT`.
        beat()
        try:
            while True:
                self._start_what_fits()
                if not self._under_way:
                    break
                self._wake = loop.create_future()
                await self._wake
        except BaseException as interrupt:
            await self._stop(interrupt)
            raise
        finally:
            heartbeat.cancel()
            self._show(shown)
        first, self._first = self._first, None
        if first is not None:
            self._note_results(first, self.source.close())
            try:
                raise first
            finally:
                del first  # else its traceback would hold this frame, and this frame the exception

    def _start_what_fits(self) -> None:
        while not self._exhausted and (self.most is None or len(self._under_way) < self.most):
            try:
                future = self.source.start_next()
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # noqa: BLE001  the caller's own generator failed: the first error
                self.results += getattr(error, "made", ())
                self._end_with(error)
                return
            if future is None:
                self._exhausted = True
                return
            places = self._under_way.setdefault(future, [])
            if not places:
                future.add_done_callback(self._collect)
            places.append(len(self.results))
            self.results.append(None)

    def _collect(self, future: asyncio.Future[Any]) -> None:
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        result = future.result() if error is None else error
        for index in self._under_way.pop(future):
            self.results[index] = result
            self._done += 1
        self._count_money(result)
        if error is not None:
            # Stopped by somebody, which is no failure of the work.
            stopped = getattr(getattr(error, "prediction", None), "status", None) == "canceled"
            if stopped or isinstance(error, asyncio.CancelledError):
                self._canceled += 1
            else:
                self._failed += 1
            if self.stop_on_error or isinstance(error, KeyboardInterrupt | SystemExit):
                self._end_with(error)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _end_with(self, error: BaseException) -> None:
        self._exhausted = True
        if self._first is not None:
            return
        self._first = error
        if self.cancel_on_error:
            for future in self._under_way:
                future.cancel()

    async def _stop(self, interrupt: BaseException) -> None:
        self._exhausted, self._first = True, interrupt  # so no later error cancels anything a second time
        under_way = tuple(self._under_way)
        for future in under_way:
            future.cancel()
        never = self.source.close(cancel=True)
        try:
            # Bounded, as everywhere: the prompt comes back within
            # 0.4 s, and what does not react ends by itself.
            if under_way:
                await asyncio.wait(under_way, timeout=GRACE)
        finally:
            for future in under_way:
                if not future.done():
                    _unresponsive.add(future)
                    # Held until then, because an event loop holds its tasks weakly.
                    future.add_done_callback(_unresponsive.discard)
            self._note_results(interrupt, never)

    def _note_results(self, error: BaseException, never: int) -> None:
        with suppress(AttributeError, TypeError):
            error.results = [*self.results, *[None] * never]  # type: ignore[attr-defined]  # whatever it is, it carries them

    def _count_money(self, result: object) -> None:
        made = getattr(result, "prediction", result) if isinstance(result, BaseException) else result
        cost = getattr(made, "cost", None)
        billed = getattr(made, "prediction", made)  # which a cell of a comparison holds
        if getattr(billed, "reused", False) is True:
            self._reused += 1
        elif isinstance(cost, Decimal) and cost.is_finite():
            self._spent = cost if self._spent is None else self._spent + cost
            self._sandbox = self._sandbox or str(getattr(billed, "id", "")).startswith("sandbox-")

    def _show(self, shown: Bar) -> None:
        shown.update(
            running=len(self._under_way),
            done=self._done,
            failed=self._failed,
            canceled=self._canceled,
            reused=self._reused,
            spent=self._spent,
            sandbox=self._sandbox,
        )
