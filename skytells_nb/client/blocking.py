"""The blocking driver: carries a flow's steps out in the calling thread."""

from __future__ import annotations

import concurrent.futures
import inspect
import threading
import time
from asyncio import CancelledError
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..aio import run
from ..exceptions import SkytellsError
from ..models import Prediction
from ..wire.conversation import Conversation
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
from . import fetch
from .background import BACKGROUND

if TYPE_CHECKING:
    from .connection import Connection

__all__ = [
    "SLICE",
    "BlockingWatch",
    "bare",
    "closed_meanwhile",
    "detach",
    "drive",
    "outcome",
    "over",
    "settle",
]

T = TypeVar("T")

SLICE: Final = 0.25
"""Seconds: the longest sleep, so that an interrupt lands soon."""

_THREADS: Final = 12


class _OutOfTime(BaseException):
    """A background flow has used its time up."""


def drive(connection: Connection, flow: Flow[T], *, until: float | None = None) -> T:
    """Run a flow to its end; ``until`` (monotonic) ends it early with `_OutOfTime`."""
    value: Any = None
    error: BaseException | None = None
    try:
        while True:
            try:
                step = flow.send(value) if error is None else flow.throw(error)
                value = error = None
                value = _perform(connection, step, until)
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


def over(flow: Flow[Any]) -> bool:
    """Whether a flow has ended."""
    return inspect.getgeneratorstate(flow) == inspect.GEN_CLOSED


def bare(raised: BaseException) -> BaseException:
    """Take an error out of the frames it came from; those of an exchange hold the key."""
    if isinstance(raised, KeyboardInterrupt | CancelledError):
        raised.__context__ = None
    return raised.with_traceback(None)


def detach(connection: Connection, step: Detach) -> None:
    """Carry a flow out in the background, on sockets of its own, for as long as its step allows."""
    connection.apart.lend()

    def errand(deadline: float) -> None:
        try:
            drive(connection, step.flow, until=deadline)
        except _OutOfTime:
            return
        finally:
            connection.apart.give_back()

    BACKGROUND.run(errand, step.seconds, afterwards=connection.conversation.say_what_stopped)


def _perform(connection: Connection, step: Step, until: float | None) -> Any:
    left = None if until is None else until - time.monotonic()
    if left is not None and left <= 0:
        raise _OutOfTime
    match step:
        case Send():
            return _send(connection, step, left)
        case SendAll(requests=requests):
            return _send_all(connection, requests)
        case Sleep(seconds=seconds):
            _sleep(seconds if left is None else min(seconds, left))
            return None
        case Watch():
            return connection.blocking_watch.wait(connection, step)
        case Fetch():
            return fetch.fetch(step, connection.downloads, pin=connection.transport is None)
        case Do(function=function):
            return function()
        case Detach():
            detach(connection, step)
            return None


def _send(connection: Connection, send: Send, left: float | None) -> Reply:
    if left is not None:
        return connection.exchange_apart(send, left)
    if send.survives:
        return connection.exchange_surviving(send)
    return connection.exchange(send.request)


def _sleep(seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(SLICE, left))


def _send_all(connection: Connection, requests: tuple[Request, ...]) -> list[Reply]:
    """Exchange several requests, each in a thread; nobody waits for those when this is interrupted."""
    if len(requests) == 1:
        return [connection.exchange(requests[0])]
    futures: list[Future[Reply]] = [Future() for _ in requests]
    work = deque(zip(requests, futures, strict=True))

    def exchange_some() -> None:
        with suppress(IndexError):
            while True:
                request, future = work.popleft()
                settle(future, connection.exchange, request)

    for _ in range(min(len(requests), _THREADS)):
        threading.Thread(target=exchange_some, name="skytells-pages", daemon=True).start()
    try:
        return [outcome(future) for future in futures]
    finally:
        work.clear()


def settle(future: Future[Reply], exchange: Callable[[Request], Reply], request: Request) -> None:
    """Exchange a request for whoever waits for its future; nobody waits for ever, whatever goes wrong."""
    try:
        future.set_result(exchange(request))
    except SkytellsError as error:
        future.set_exception(error)
    except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it was
        future.set_result(NoAnswer("dropped", sent=True, words=f"{type(error).__name__}: {error}"))


def outcome(future: Future[Reply]) -> Reply:
    """Wait for a reply in slices, so that an interrupt lands on every system."""
    while not concurrent.futures.wait((future,), timeout=SLICE).done:
        continue
    return future.result()


@dataclass(slots=True, eq=False)
class _Waiter:
    id: str
    outcome: Prediction | BaseException | None = None
    news: list[Prediction] = field(default_factory=list)


class BlockingWatch:
    """The watch of a connection's threads: one of those that wait leads, the others wait on it."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._watch = conversation.watch()
        self._changed = threading.Condition()
        self._waiters: dict[str, list[_Waiter]] = {}
        self._led = False

    def wait(self, connection: Connection, step: Watch) -> Prediction:
        """Wait until a prediction ends; as last seen when the deadline passes first."""
        conversation = self._conversation
        waiter = _Waiter(step.prediction.id)
        try:
            with self._changed:
                self._waiters.setdefault(waiter.id, []).append(waiter)
                number = conversation.numbers.get(waiter.id, 0)
                self._watch.add(step.prediction, conversation.now(), number=number)
                self._changed.notify_all()
            last = step.prediction
            while True:
                for last in self._turn(connection, waiter, step.deadline):
                    if step.on_progress is not None:
                        told = step.on_progress(last)
                        if inspect.iscoroutine(told):
                            run(told)
                if isinstance(waiter.outcome, BaseException):
                    raise waiter.outcome
                if waiter.outcome is not None:
                    return waiter.outcome
                if conversation.now() >= step.deadline:
                    return last
        finally:
            self._leave(waiter)

    def tell(self, prediction: Prediction) -> None:
        """Take news that came by itself, such as a webhook's."""
        with self._changed:
            self._distribute(self._watch.tell(prediction, self._conversation.now()))

    def close(self) -> None:
        """End every wait with a word, because the client was closed."""
        with self._changed:
            for identifier, waiters in self._waiters.items():
                for waiter in waiters:
                    waiter.outcome = waiter.outcome or closed_meanwhile(identifier)
            self._changed.notify_all()

    def _turn(self, connection: Connection, waiter: _Waiter, deadline: float) -> list[Prediction]:
        """Wait a slice, leading if nobody does; gives what was seen of this waiter's prediction."""
        led = False
        requests: tuple[Request, ...] = ()
        replies: list[Reply] = []
        try:
            with self._changed:
                now = self._conversation.now()
                if waiter.outcome is None and not waiter.news:
                    pause = min(SLICE, max(0.0, deadline - now))
                    if not self._led:
                        led = self._led = True
                        requests = self._watch.requests(now)
                        due = self._watch.due(now)
                        pause = pause if due is None else min(pause, max(0.0, due - now))
                    if not requests:
                        self._changed.wait(pause)
            if requests:
                replies = _send_all(connection, requests)
        except SkytellsError:
            if connection.closed:
                raise closed_meanwhile(waiter.id) from None
            raise
        finally:
            if led:
                self._hear(requests, replies)
        with self._changed:
            news, waiter.news = waiter.news, []
            return news

    def _hear(self, requests: tuple[Request, ...], replies: list[Reply]) -> None:
        """End the lead: take the replies, and tell everybody; requests without one were interrupted."""
        conversation = self._conversation
        lost = NoAnswer("dropped", sent=True, words="interrupted")
        with self._changed:
            self._led = False
            for request, reply in zip(requests, [*replies, *[lost] * len(requests)], strict=False):
                conversation.heard(reply)
                wait = conversation.asked_wait(reply)
                self._distribute(self._watch.feed(request, reply, conversation.now(), wait=wait))
            if requests:
                self._changed.notify_all()

    def _distribute(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Broken):
                for waiter in self._waiters.get(event.id, ()):
                    waiter.outcome = event.error
                continue
            for waiter in self._waiters.get(event.prediction.id, ()):
                waiter.news.append(event.prediction)
                if event.prediction.done:
                    waiter.outcome = event.prediction
        if events:
            self._changed.notify_all()

    def _leave(self, waiter: _Waiter) -> None:
        with self._changed:
            others = self._waiters.get(waiter.id, [])
            if waiter in others:
                others.remove(waiter)
            if not others:
                self._waiters.pop(waiter.id, None)
                self._watch.remove(waiter.id)
            self._changed.notify_all()


def closed_meanwhile(identifier: str) -> SkytellsError:
    """Make the error of a wait whose client was closed."""
    return SkytellsError(
        f"This client was closed while it waited for prediction {identifier!r}, which goes on and may be "
        f"billed. Another client takes the wait up again: client.predictions.wait({identifier!r})."
    )
