"""The real coroutines on an event loop with virtual time, over a transport in this process.

Nothing here sleeps and nothing opens a socket: where nothing is ready, the loop's clock jumps to what is
next. The API is an object with ``handle(request, now)``, which returns a reply and the seconds that it takes.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Protocol

import httpx

from skytells_nb.api._connection import Connection
from skytells_nb.api._observers import Observer
from skytells_nb.api._requests import Request
from skytells_nb.api._responses import Reply, TransportFailure
from skytells_nb.api._retry import Durations, Policy
from skytells_nb.api._wait import Watch

EPOCH = 1_770_000_000.0
"""Unix time at which the stage's monotonic clock stands at 0."""

ORIGIN = "https://api.skytells.ai/v1"


class Answering(Protocol):
    def handle(self, request: Request, now: float) -> tuple[Reply, float]: ...


class _Selector(selectors.DefaultSelector):
    """Never waits: it moves the loop's clock instead, and stops the loop where nothing is left to come."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found and timeout is None:
            self.loop.stop()
        elif not found and timeout:
            self.loop.now += timeout
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its clock stands still while anything is ready, and jumps to what is next otherwise."""

    def __init__(self) -> None:
        selector = _Selector()
        super().__init__(selector)
        selector.loop = self
        self.now = 100.0
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self.now


@dataclass(eq=False)
class Part:
    """One coroutine on the stage, and what came of it.

    ``points`` counts where it was suspended. ``interrupt`` names one of them at which it is cancelled: at
    once, before anything that it began has run, or a moment later, when its request is on the wire.
    """

    coro: Coroutine[Any, Any, Any]
    connection: Connection
    points: int = 0
    done: bool = False
    value: Any = None
    error: BaseException | None = None
    ended: float = 0.0
    interrupt: tuple[int, bool] | None = None
    struck: float | None = None
    task: asyncio.Task[Any] | None = None

    @property
    def result(self) -> Any:
        assert self.done, "it has not ended"
        if self.error is not None:
            raise self.error
        return self.value


@dataclass(eq=False)
class _Steps:
    """Drives a coroutine step by step, so that it can be interrupted at each."""

    part: Part
    stage: Stage

    def __await__(self) -> Generator[Any, Any, Any]:
        part, inner = self.part, self.part.coro.__await__()
        error: BaseException | None = None
        while True:
            try:
                waited = inner.send(None) if error is None else inner.throw(error)
            except StopIteration as stop:
                return stop.value
            part.points += 1
            if part.interrupt is not None and part.interrupt[0] == part.points - 1 and part.struck is None:
                delay = self.stage.latency / 4 if part.interrupt[1] else 0.0
                self.stage.loop.call_at(self.stage.time + delay, self.stage.strike, part)
            error = None
            try:
                yield waited
            except BaseException as raised:
                error = raised


class Stage:
    """Plays coroutines against an API until nothing is left to do."""

    def __init__(self, api: Answering, *, latency: float = 0.05, seed: int = 0) -> None:
        self.api = api
        self.latency = latency
        self.local_skew = 0.0
        self.dice = random.Random(seed)
        self.log: list[tuple[float, Request]] = []
        self.reads: list[float] = []
        self.background: list[Any] = []
        self.connections: list[Connection] = []
        self.loop = VirtualLoop()

        _made.append(self)

    def close(self) -> None:
        """End what is still under way, and the loop."""
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.call_soon(lambda: None)
        self.play()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
        for connection in self.connections:  # else downloads of later tests would go through its transport
            connection.closed = True

    @property
    def time(self) -> float:
        return self.loop.now

    @time.setter
    def time(self, now: float) -> None:
        self.loop.now = now

    def connection(
        self, *observers: Observer, policy: Policy | None = None, durations: Durations | None = None
    ) -> Connection:
        connection = Connection(
            "sk-0123456789",
            base_url=ORIGIN,
            observers=observers,
            transport=_Transport(self),
            now=self.loop.time,
            wall=lambda: datetime.fromtimestamp(EPOCH + self.time + self.local_skew, UTC),
            chance=self.dice.random,
        )
        connection.policy = policy or Policy()
        connection.durations = durations or Durations()
        connection.watch = Watch(connection)
        own = connection.in_background

        def in_background(work: Any) -> None:
            self.background.append(work)
            own(work)

        connection.in_background = in_background  # type: ignore[method-assign]
        self.connections.append(connection)
        return connection

    def begin(self, connection: Connection, coro: Coroutine[Any, Any, Any], *, after: float = 0.0) -> Part:
        part = Part(coro, connection)

        async def play() -> None:
            try:
                part.value = await _Steps(part, self)
            except BaseException as error:
                part.error = error
            part.done, part.ended = True, self.time

        def start() -> None:
            part.task = self.loop.create_task(play())

        self.loop.call_at(self.time + after, start)
        return part

    def run(self, connection: Connection, coro: Coroutine[Any, Any, Any]) -> Any:
        part = self.begin(connection, coro)
        self.play_while(lambda: not part.done)
        return part.result

    def play(self, until: float = float("inf")) -> None:
        """Let time pass until nothing happens any more, or until a moment."""
        alarm = self.loop.call_at(until, self.loop.stop) if until != float("inf") else None
        self.loop.run_forever()
        if alarm is not None:
            alarm.cancel()
            self.time = max(self.time, until)

    def play_while(self, condition: Callable[[], bool]) -> None:
        """Let time pass for as long as something is so, or until nothing happens any more."""
        rounds = 0
        while condition() and (self.loop._ready or self.loop._scheduled):  # type: ignore[attr-defined]
            self.loop.call_soon(self.loop.stop) if self.loop._ready else None  # type: ignore[attr-defined]
            if not self.loop._ready:  # type: ignore[attr-defined]
                self.loop.call_at(self.loop._scheduled[0]._when, self.loop.stop)  # type: ignore[attr-defined]
            self.loop.run_forever()
            rounds += 1
            assert rounds < 2_000_000, "the play does not end"

    def at(self, moment: float, action: Callable[[], object]) -> None:
        self.loop.call_at(moment, action)

    def strike(self, part: Part) -> None:
        if not part.done and part.task is not None:
            part.struck = self.time
            part.task.cancel()

    def interrupt_at(self, part: Part, moment: float) -> None:
        self.at(moment, lambda: self.strike(part))

    @property
    def pauses(self) -> list[float]:
        """Seconds between one answer and the next request, when all were answered at once."""
        times = [at for at, _ in self.log]
        return [later - at - self.latency for at, later in pairwise(times)]

    def requests(self, method: str, path: str = "") -> list[Request]:
        return [r for _, r in self.log if r.method == method and r.path.startswith(path)]


_made: list[Stage] = []


def close_stages() -> None:
    """Close the stages that a test has made."""
    while _made:
        _made.pop().close()


class _Transport(httpx.AsyncBaseTransport):
    """Carries requests to the stage's API, and tells how far they are, as httpcore does."""

    is_traced = True

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        stage, trace = self.stage, request.extensions["trace"]
        if request.method == "GET":
            stage.reads.append(stage.time)
        await asyncio.sleep(stage.latency / 8)  # to connect
        await trace("http11.send_request_headers.started", {})
        await asyncio.sleep(stage.latency * 3 / 8)
        path, _, query = request.url.raw_path.decode().removeprefix("/v1").partition("?")
        asked = Request(request.method, path, query, request.content or None)
        stage.log.append((stage.time, asked))
        reply, seconds = stage.api.handle(asked, stage.time)
        if isinstance(reply, TransportFailure) and not reply.sent:
            raise httpx.ConnectError(reply.message)
        await trace("http11.send_request_body.complete", {})
        await asyncio.sleep(seconds + stage.latency / 2)
        if isinstance(reply, TransportFailure):
            raise (httpx.ReadTimeout if reply.reason == "timeout" else httpx.ReadError)(reply.message)
        return httpx.Response(reply.status, headers=dict(reply.headers), content=reply.body)
