"""Many awaitables at once: in order, bounded, with a bar, and stopped for good when stopped.

Whatever is awaited here may cost money, which decides what happens when something goes wrong. What
has not begun is never begun; what is under way is paid for already, so after an error it may finish;
and after an interrupt everything is cancelled, and the prompt is back within 0.4 s.

A kernel's interrupt of an ``await`` takes hold only when its event loop next wakes, so there is a
heartbeat while nothing else happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final, Literal, TypeVar, overload

from .._options import options
from ..checks import check_whole
from ..progress import Bar, bar
from .awaitables import Awaitables
from .background import GRACE

__all__ = ["gather"]

T = TypeVar("T")

HEARTBEAT: Final = 0.08
"""Seconds after which the loop wakes at the latest, so that an interrupt lands. With `GRACE` after it,
the prompt is back within 0.4 s."""

_unresponsive: set[asyncio.Future[Any]] = set()
"""What was cancelled and did not react in time: held here until it ends, as the loop does not."""


@overload
async def gather(
    *aws: Awaitable[T] | Iterable[Awaitable[T]],
    limit: int | None = None,
    progress: bool | None = None,
    return_exceptions: Literal[False] = False,
    cancel_on_error: bool = False,
) -> list[T]: ...
@overload
async def gather(
    *aws: Awaitable[T] | Iterable[Awaitable[T]],
    limit: int | None = None,
    progress: bool | None = None,
    return_exceptions: bool,
    cancel_on_error: bool = False,
) -> list[T | BaseException]: ...
async def gather(
    *aws: Awaitable[Any] | Iterable[Awaitable[Any]],
    limit: int | None = None,
    progress: bool | None = None,
    return_exceptions: bool = False,
    cancel_on_error: bool = False,
) -> list[Any]:
    """Await many at once; the results come in the order in which they were given.

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
    work = Awaitables(aws)
    try:
        room = None if limit is None else check_whole("limit", limit, 1, none="all at once")
        work.check()
    except BaseException:
        work.close()
        raise
    crowd = _Crowd(work, room, stop_on_error=not return_exceptions, cancel_on_error=cancel_on_error)
    wanted = options.progress if progress is None else progress
    with bar(work.total, "gather", enabled=bool(wanted), delay=0.0 if wanted is True else 1.0) as shown:
        await crowd.see_through(shown)
    return crowd.results


class _Crowd:
    """Those under way, and what became of them."""

    def __init__(
        self, work: Awaitables, room: int | None, *, stop_on_error: bool, cancel_on_error: bool
    ) -> None:
        self.results: list[Any] = []
        self._work = work
        self._room = room
        self._stop_on_error = stop_on_error
        self._cancel_on_error = cancel_on_error
        self._under_way: dict[asyncio.Future[Any], list[int]] = {}
        self._first: BaseException | None = None
        self._wake: asyncio.Future[None] | None = None
        self._exhausted = False
        self._done = self._failed = 0
        self._spent: Decimal | None = None
        self._sandbox = False

    async def see_through(self, shown: Bar) -> None:
        """Start, wait and collect until nothing is left; raise what went wrong first."""
        loop = asyncio.get_running_loop()

        heartbeat: asyncio.TimerHandle

        def beat() -> None:
            nonlocal heartbeat
            self._show(shown)
            heartbeat = loop.call_later(HEARTBEAT, beat)

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
            self._note_results(first, self._work.close())
            try:
                raise first
            finally:
                del first  # else its traceback would hold this frame, and this frame the exception

    def _start_what_fits(self) -> None:
        while not self._exhausted and (self._room is None or len(self._under_way) < self._room):
            try:
                future = self._work.take()
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
            self._failed += 1
            if self._stop_on_error or isinstance(error, KeyboardInterrupt | SystemExit):
                self._end_with(error)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _end_with(self, error: BaseException) -> None:
        self._exhausted = True
        if self._first is not None:
            return
        self._first = error
        if self._cancel_on_error:
            for future in self._under_way:
                future.cancel()

    async def _stop(self, interrupt: BaseException) -> None:
        self._exhausted, self._first = True, interrupt  # so no later error cancels anything a second time
        under_way = tuple(self._under_way)
        for future in under_way:
            future.cancel()
        never = self._work.close(cancel=True)
        try:
            if under_way:
                await asyncio.wait(under_way, timeout=GRACE)
        finally:
            for future in under_way:
                if not future.done():
                    _unresponsive.add(future)
                    future.add_done_callback(_unresponsive.discard)
            self._note_results(interrupt, never)

    def _note_results(self, error: BaseException, never: list[Any]) -> None:
        with suppress(AttributeError, TypeError):
            error.results = [*self.results, *(None for _ in never)]  # type: ignore[attr-defined]

    def _count_money(self, result: object) -> None:
        made = getattr(result, "prediction", result) if isinstance(result, BaseException) else result
        cost = getattr(made, "cost", None)
        if isinstance(cost, Decimal) and cost.is_finite():
            self._spent = cost if self._spent is None else self._spent + cost
            billed = getattr(made, "prediction", made)  # which a cell of a comparison holds
            self._sandbox = self._sandbox or str(getattr(billed, "id", "")).startswith("sandbox-")

    def _show(self, shown: Bar) -> None:
        shown.update(
            running=len(self._under_way),
            done=self._done,
            failed=self._failed,
            spent=self._spent,
            sandbox=self._sandbox,
        )
