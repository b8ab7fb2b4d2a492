"""One key's connection to one API: what its blocking and its asyncio face share."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import weakref
from collections.abc import AsyncGenerator, Callable
from importlib import import_module

import httpx

from ..exceptions import InvalidInputError, SkytellsError
from ..observers import Account, Observer
from ..wire import flows
from ..wire.conversation import Conversation
from ..wire.retry import Policy
from ..wire.steps import NoAnswer, Reply, Request, Send
from . import fetch, http, origin, registry
from .awaiting import LoopWatch, Pulse
from .blocking import SLICE, BlockingWatch
from .gate import AsyncGate, Gate, RoundTrips

__all__ = ["Connection", "LoopSide"]

_ARCHIVE = "skytells_nb.archive:Archive"


class LoopSide:
    """A connection's side on one event loop: an httpx client belongs to one loop and no other."""

    def __init__(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.client = http.async_client(connection.origin, connection.async_transport)
        self.gate = AsyncGate(connection.trips)
        self.pulse = Pulse(loop)
        self.watch = LoopWatch(connection, self)
        self._transport = connection.async_transport
        self._downloads: httpx.AsyncClient | None = None
        self._end: AsyncGenerator[None, None] = self._until_the_end()

    @property
    def downloads(self) -> httpx.AsyncClient:
        """The httpx client for outputs, which never sees the key."""
        if self._downloads is None:
            self._downloads = fetch.make_async_client(self._transport)
        return self._downloads

    async def register(self) -> None:
        """Let the loop's own end close the client: `asyncio.run` ends every open async generator."""
        await self._end.__anext__()

    async def close(self) -> None:
        """Close the connections of this loop."""
        await self._end.aclose()

    async def _until_the_end(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await self.client.aclose()
            if self._downloads is not None:
                await self._downloads.aclose()


class Connection:
    """Key, origin, policy, claims, watch and listeners, and the sockets that go with them.

    Parameters are those of `skytells_nb.Client`; everything is checked before anything is sent.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | None = 60.0,
        max_retries: int = 2,
        archive: object = None,
        transport: object = None,
        observers: tuple[Observer, ...] = (),
    ) -> None:
        self.key = origin.find_key(api_key)
        self.origin = origin.base_url(base_url)
        self.timeout = flows.seconds("timeout", timeout, 60.0)
        self.transport, self.async_transport = _transports(transport)
        self.archive = _archive(archive)
        listening = [*observers, self.archive] if isinstance(self.archive, Observer) else [*observers]
        self.conversation = Conversation(
            Account(self.origin, self.key.fingerprint), Policy(max_retries=max_retries), listening
        )
        self.trips = RoundTrips()
        self.gate = Gate(self.trips)
        self.on_wire: weakref.WeakKeyDictionary[Send, concurrent.futures.Future[Reply]] = (
            weakref.WeakKeyDictionary()
        )
        self.blocking_watch = BlockingWatch(self)
        self.closed = False
        self._lock = threading.Lock()
        self._sides: dict[asyncio.AbstractEventLoop, LoopSide] = {}
        self._client: httpx.Client | None = None
        self._downloads: httpx.Client | None = None
        self._finalizers: list[Callable[[], object]] = []
        registry.register(self)

    def __repr__(self) -> str:
        state = ", closed" if self.closed else ""
        return f"Connection({self.origin!r}, key {self.key.fingerprint}{state})"

    def require_open(self) -> None:
        """Refuse work on a closed connection."""
        if self.closed:
            raise SkytellsError(
                "This client is closed. Nothing was sent. Make a new one, or stay inside its with block.",
                charged=False,
            )

    @property
    def blocking(self) -> httpx.Client:
        """The httpx client that threads share."""
        with self._lock:
            if self._client is None:
                self._client = http.blocking_client(self.origin, self.transport)
                self._finalizers.append(weakref.finalize(self, self._client.close))
            return self._client

    @property
    def downloads(self) -> httpx.Client:
        """The httpx client for outputs, which never sees the key."""
        with self._lock:
            if self._downloads is None:
                self._downloads = fetch.make_client(self.transport)
                self._finalizers.append(weakref.finalize(self, self._downloads.close))
            return self._downloads

    async def side(self) -> LoopSide:
        """Give this connection's side on the running loop, made on first use."""
        loop = asyncio.get_running_loop()
        side = self._sides.get(loop)
        if side is None or side.client.is_closed:
            with self._lock:
                for gone in [known for known in self._sides if known.is_closed()]:
                    del self._sides[gone]
                side = self._sides[loop] = LoopSide(self, loop)
            await side.register()
        return side

    def exchange(self, request: Request) -> Reply:
        """Exchange one request, blocking."""
        with self.gate():
            return http.exchange(self.blocking, self.origin, request, self.key, self.timeout)

    def exchange_surviving(self, send: Send) -> Reply:
        """Exchange a request that goes on when its caller is interrupted; once, however often asked."""
        with self._lock:
            future = self.on_wire.get(send)
            if future is None:
                future = self.on_wire[send] = concurrent.futures.Future()
                threading.Thread(
                    target=_settle,
                    args=(future, self.exchange, send.request),
                    name="skytells-create",
                    daemon=True,
                ).start()
        while True:
            try:
                return future.result(timeout=SLICE)
            except concurrent.futures.TimeoutError:
                continue

    def exchange_apart(self, send: Send, seconds: float) -> Reply:
        """Exchange on a socket of its own within ``seconds``, or hear of the exchange that is on its way."""
        future = self.on_wire.get(send)
        if future is not None:
            try:
                return future.result(timeout=seconds)
            except concurrent.futures.TimeoutError:
                return NoAnswer("timeout", sent=True, words="no answer yet")
        with http.blocking_client(self.origin, self.transport) as client:
            timeout = min(seconds, self.timeout)
            return http.exchange(client, self.origin, send.request, self.key, timeout)

    def close(self) -> None:
        """Close every socket; what is in flight remotely goes on."""
        self.closed = True
        with self._lock:
            finalizers, self._finalizers = self._finalizers, []
            sides, self._sides = self._sides, {}
            self._client = self._downloads = None
        for finalize in finalizers:
            finalize()
        for loop, side in sides.items():
            if loop.is_running():
                asyncio.run_coroutine_threadsafe(side.close(), loop)

    async def aclose(self) -> None:
        """Close every socket, and wait for those of the running loop."""
        with self._lock:
            mine = self._sides.pop(asyncio.get_running_loop(), None)
        self.close()
        if mine is not None:
            await mine.close()


def _settle(
    future: concurrent.futures.Future[Reply], exchange: Callable[[Request], Reply], request: Request
) -> None:
    try:
        future.set_result(exchange(request))
    except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it was
        future.set_result(NoAnswer("dropped", sent=True, words=f"{type(error).__name__}: {error}"))


def _transports(
    given: object,
) -> tuple[httpx.BaseTransport | None, httpx.AsyncBaseTransport | None]:
    blocking = given if isinstance(given, httpx.BaseTransport) else None
    awaiting = given if isinstance(given, httpx.AsyncBaseTransport) else None
    if given is not None and blocking is None and awaiting is None:
        raise InvalidInputError(
            f"transport must be an httpx transport, not {type(given).__name__}. Nothing was sent.",
            charged=False,
        )
    return blocking, awaiting


def _archive(given: object) -> object:
    """Turn ``archive=`` into an observer; the archive's own room says how, and is found by name."""
    if given is None or given is False or isinstance(given, Observer):
        return given or None
    module, _, name = _ARCHIVE.partition(":")
    return getattr(import_module(module), name).at(given)
