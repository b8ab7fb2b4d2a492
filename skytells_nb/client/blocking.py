"""The blocking driver: carries a flow's steps out in the calling thread."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..types import Prediction
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

__all__ = ["SLICE", "BlockingWatch", "detach", "drive"]

T = TypeVar("T")

SLICE: Final = 0.25
"""Seconds: the longest sleep, so that an interrupt lands soon."""


class _OutOfTime(BaseException):
    """A background flow has used its time up."""


def drive(connection: Connection, flow: Flow[T], *, until: float | None = None) -> T:
    """Run a flow to its end; ``until`` (monotonic) ends it early with `_OutOfTime`."""
    value: Any = None
    error: BaseException | None = None
    try:
        while True:
            step = flow.send(value) if error is None else flow.throw(error)
            value = error = None
            try:
                value = _perform(connection, step, until)
            except BaseException as raised:  # noqa: BLE001 - the flow decides what an interrupt means
                error = raised.with_traceback(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        error = None
        flow.close()


def detach(connection: Connection, step: Detach) -> None:
    """Carry a flow out in the background, on sockets of its own, for as long as its step allows."""

    def errand(deadline: float) -> None:
        try:
            drive(connection, step.flow, until=deadline)
        except _OutOfTime:
            return

    BACKGROUND.run(errand, step.seconds)


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
            return connection.blocking_watch.wait(step)
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
    if len(requests) == 1:
        return [connection.exchange(requests[0])]
    pool = concurrent.futures.ThreadPoolExecutor(min(len(requests), 12), "skytells-pages")
    try:
        return list(pool.map(connection.exchange, requests))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@dataclass(slots=True, eq=False)
class _Waiter:
    id: str
    outcome: Prediction | BaseException | None = None
    news: list[Prediction] = field(default_factory=list)


class BlockingWatch:
    """The watch of a connection's threads: one of those that wait leads, the others wait on it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._watch = connection.conversation.watch()
        self._changed = threading.Condition()
        self._waiters: dict[str, list[_Waiter]] = {}
        self._led = False

    def wait(self, step: Watch) -> Prediction:
        """Wait until a prediction ends; as last seen when the deadline passes first."""
        conversation = self._connection.conversation
        waiter = _Waiter(step.prediction.id)
        with self._changed:
            self._waiters.setdefault(waiter.id, []).append(waiter)
            number = conversation.numbers.get(waiter.id, 0)
            self._watch.add(step.prediction, conversation.now(), number=number)
            self._changed.notify_all()
        last = step.prediction
        try:
            while True:
                for last in self._turn(waiter, step.deadline):
                    if step.on_progress is not None:
                        step.on_progress(last)
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
            self._distribute(self._watch.tell(prediction, self._connection.conversation.now()))

    def _turn(self, waiter: _Waiter, deadline: float) -> list[Prediction]:
        """Wait a slice, leading if nobody does; gives what was seen of this waiter's prediction."""
        conversation = self._connection.conversation
        with self._changed:
            if waiter.outcome is None and not waiter.news:
                pause = min(SLICE, max(0.0, deadline - conversation.now()))
                if self._led:
                    self._changed.wait(pause)
                else:
                    self._lead(pause)
            news, waiter.news = waiter.news, []
            return news

    def _lead(self, pause: float) -> None:
        """Send the reads that are due, or wait until one is; the lock is held on entry and on return."""
        conversation = self._connection.conversation
        now = conversation.now()
        requests = self._watch.requests(now)
        if not requests:
            due = self._watch.due(now)
            self._led = True
            try:
                self._changed.wait(pause if due is None else min(pause, max(0.0, due - now)))
            finally:
                self._led = False
            return
        self._led = True
        replies: list[Reply] = [NoAnswer("dropped", sent=True, words="interrupted") for _ in requests]
        self._changed.release()
        try:
            replies = _send_all(self._connection, requests)
        finally:
            self._changed.acquire()
            self._led = False
            for request, reply in zip(requests, replies, strict=True):
                conversation.heard(reply)
                wait = conversation.asked_wait(reply)
                self._distribute(self._watch.feed(request, reply, conversation.now(), wait=wait))
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
            others = self._waiters[waiter.id]
            others.remove(waiter)
            if not others:
                del self._waiters[waiter.id]
                self._watch.remove(waiter.id)
            self._changed.notify_all()
