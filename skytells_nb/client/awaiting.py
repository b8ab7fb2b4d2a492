"""The asyncio driver: carries a flow's steps out on the running event loop.

While anything is under way a pulse wakes the loop four times a second. Without it an interrupt of a
notebook cell lands only when the loop next wakes by itself, which may be many seconds later.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..models import Prediction
from ..wire.steps import (
    Detach,
    Do,
    Fetch,
    Flow,
    NoAnswer,
    Reply,
    Request,
    Send,
    SendAll,
    Sleep,
    Step,
    Watch,
)
from ..wire.watch import Broken, Event
from . import fetch, http
from .blocking import SLICE, bare, closed_meanwhile, detach, over

if TYPE_CHECKING:
    from .connection import Connection
    from .sides import LoopSide

__all__ = ["LoopWatch", "Pulse", "drive"]

T = TypeVar("T")

_LOST: Final = NoAnswer("dropped", sent=True, words="the event loop ended first")


class Pulse:
    """Wakes one event loop every 0.25 s while anything is under way on it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._under_way = 0
        self._beat: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        self._under_way += 1
        if self._beat is None:
            self._again()

    def __exit__(self, *_: object) -> None:
        self._under_way -= 1
        if not self._under_way and self._beat is not None:
            self._beat.cancel()
            self._beat = None

    def _again(self) -> None:
        self._beat = self._loop.call_later(SLICE, self._again)


async def drive(connection: Connection, flow: Flow[T]) -> T:
    """Run a flow to its end on the running loop."""
    value: Any = None
    error: BaseException | None = None
    try:
        side = await connection.side()
        with side.pulse:
            while True:
                try:
                    step = flow.send(value) if error is None else flow.throw(error)
                    value = error = None
                    value = await _perform(connection, side, step)
                except BaseException as raised:
                    if over(flow):  # by itself, or with this error
                        raise
                    error = bare(raised)  # the flow decides what an interrupt means
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        error = None
        flow.close()


async def _perform(connection: Connection, side: LoopSide, step: Step) -> Any:
    match step:
        case Send(survives=True):
            return await _send_surviving(connection, side, step)
        case Send(request=request):
            return await exchange(connection, side, request)
        case SendAll(requests=requests):
            return await asyncio.gather(*(exchange(connection, side, request) for request in requests))
        case Sleep(seconds=seconds):
            return await asyncio.sleep(seconds)
        case Watch():
            return await side.watch.wait(step)
        case Fetch():
            return await fetch.afetch(step, side.downloads, pin=connection.async_transport is None)
        case Do(function=function):
            return await asyncio.to_thread(function)
        case Detach():
            detach(connection, step)
            return None


async def exchange(connection: Connection, side: LoopSide, request: Request) -> Reply:
    """Exchange one request through the loop's gate."""
    return await _exchange_inside(connection, side, side.gate(), request)


async def _exchange_inside(
    connection: Connection, side: LoopSide, place: AbstractAsyncContextManager[object], request: Request
) -> Reply:
    """Exchange one request in a place at the gate, which may be taken already, and give the place back."""
    async with place:
        connection.require_open()
        return await http.async_exchange(
            side.client, connection.origin, request, connection.key, connection.timeout
        )


async def _send_surviving(connection: Connection, side: LoopSide, send: Send) -> Reply:
    """Exchange a request that goes on when its caller is cancelled, as long as the loop lives.

    Its caller waits at the gate itself, so a cancellation there means that nothing is ever sent.
    """
    known = connection.on_wire.get(send)
    if known is not None:
        return await asyncio.wrap_future(known)
    place = AsyncExitStack()
    await place.enter_async_context(side.gate())
    future: concurrent.futures.Future[Reply] = concurrent.futures.Future()
    connection.on_wire[send] = future
    task = side.loop.create_task(_exchange_inside(connection, side, place, send.request))

    def settle(ended: asyncio.Task[Reply]) -> None:
        lost = ended.cancelled() or ended.exception() is not None
        future.set_result(_LOST if lost else ended.result())

    task.add_done_callback(settle)
    return await asyncio.shield(task)


class LoopWatch:
    """The watch of one event loop: one task reads for everyone who waits on it."""

    def __init__(self, connection: Connection, side: LoopSide) -> None:
        self._connection = connection
        self._side = side
        self._watch = connection.conversation.watch()
        self._waiters: dict[str, list[_Waiter]] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def wait(self, step: Watch) -> Prediction:
        """Wait until a prediction ends; as last seen when the deadline passes first."""
        conversation, loop = self._connection.conversation, self._side.loop
        waiter = _Waiter(loop, step.prediction)
        identifier = step.prediction.id
        self._waiters.setdefault(identifier, []).append(waiter)
        number = conversation.numbers.get(identifier, 0)
        self._watch.add(step.prediction, conversation.now(), number=number)
        self._changed.set()
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._read())
        expiry = loop.call_later(max(0.0, step.deadline - conversation.now()), waiter.expire)
        try:
            if step.on_progress is None:
                return await waiter.outcome
            while True:
                await waiter.woken.wait()
                waiter.woken.clear()
                news, waiter.news = waiter.news, []
                for prediction in news:
                    told = step.on_progress(prediction)
                    if inspect.isawaitable(told):
                        await told
                if waiter.outcome.done():
                    return waiter.outcome.result()
        finally:
            expiry.cancel()
            self._leave(identifier, waiter)

    def tell(self, prediction: Prediction) -> None:
        """Take news that came by itself, such as a webhook's; from any thread."""

        def told() -> None:
            self._distribute(self._watch.tell(prediction, self._connection.conversation.now()))

        with suppress(RuntimeError):
            self._side.loop.call_soon_threadsafe(told)

    def close(self) -> None:
        """End every wait with a word, because the client was closed; from any thread."""
        with suppress(RuntimeError):
            self._side.loop.call_soon_threadsafe(self._fail, None)

    async def _read(self) -> None:
        """Read for everyone until nobody waits; what goes wrong here is everyone's to know."""
        try:
            await self._rounds()
        except Exception as error:  # noqa: BLE001 - raised by whoever waits
            self._fail(None if self._connection.closed else error)

    def _fail(self, error: Exception | None) -> None:
        """End every wait: with an error, or because the client was closed."""
        for identifier, waiters in self._waiters.items():
            for waiter in waiters:
                waiter.fail(error or closed_meanwhile(identifier))

    async def _rounds(self) -> None:
        conversation = self._connection.conversation
        while len(self._watch):
            now = conversation.now()
            requests = self._watch.requests(now)
            if requests:
                await asyncio.gather(*(self._exchange(request) for request in requests))
                continue
            due = self._watch.due(now)
            self._changed.clear()
            pause = SLICE if due is None else min(SLICE, max(0.0, due - now))
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    async def _exchange(self, request: Request) -> None:
        reply: Reply = _LOST
        try:
            reply = await exchange(self._connection, self._side, request)
        finally:
            conversation = self._connection.conversation
            conversation.heard(reply)
            wait = conversation.asked_wait(reply)
            self._distribute(self._watch.feed(request, reply, conversation.now(), wait=wait))

    def _distribute(self, events: list[Event]) -> None:
        for event in events:
            identifier = event.id if isinstance(event, Broken) else event.prediction.id
            for waiter in self._waiters.get(identifier, ()):
                waiter.take(event)

    def _leave(self, identifier: str, waiter: _Waiter) -> None:
        others = self._waiters[identifier]
        others.remove(waiter)
        if not others:
            del self._waiters[identifier]
            self._watch.remove(identifier)
        self._changed.set()


class _Waiter:
    """One wait for one prediction."""

    __slots__ = ("last", "news", "outcome", "woken")

    def __init__(self, loop: asyncio.AbstractEventLoop, prediction: Prediction) -> None:
        self.outcome: asyncio.Future[Prediction] = loop.create_future()
        self.woken = asyncio.Event()
        self.news: list[Prediction] = []
        self.last = prediction

    def take(self, event: Event) -> None:
        if self.outcome.done():
            return
        if isinstance(event, Broken):
            self.fail(event.error)
            return
        self.last = event.prediction
        self.news.append(event.prediction)
        if event.prediction.done:
            self.outcome.set_result(event.prediction)
        self.woken.set()

    def fail(self, error: Exception) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)
            self.outcome.exception()  # else asyncio complains where nobody waits any more
            self.woken.set()

    def expire(self) -> None:
        if not self.outcome.done():
            self.outcome.set_result(self.last)
            self.woken.set()
