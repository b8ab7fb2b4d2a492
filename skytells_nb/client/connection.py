"""One key's connection to one API: what its blocking and its asyncio face share."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
import weakref
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from typing import Any, Final, NoReturn

import httpx

from ..exceptions import InvalidInputError, SkytellsError
from ..models import Prediction
from ..observers import Account, Observer
from ..wire import claims, flows
from ..wire.conversation import Conversation
from ..wire.retry import Policy
from ..wire.steps import NoAnswer, Reply, Request, Send
from . import fetch, http, origin, registry
from .apart import Apart
from .background import BACKGROUND
from .blocking import BlockingWatch, drive, outcome, settle
from .gate import Gate, RoundTrips
from .sides import LoopSide

__all__ = ["Connection"]

_ARCHIVE = "skytells_nb.archive:Archive"
_DAY = 86_400.0
_LISTEN: Final = 1.2


class Connection:
    """Key, origin, policy, claims, watch and listeners, and the sockets that go with them.

    Parameters are those of `skytells_nb.Client`; everything is checked before anything is sent.
    """

    def __init__(
        self,
        api_key: str | origin.Key | origin.Given | None = None,
        *,
        base_url: str | None = None,
        timeout: float | None = 60.0,
        max_retries: int = 2,
        archive: object = None,
        transport: object = None,
        observers: tuple[Observer, ...] = (),
    ) -> None:
        api_key = origin.hidden(api_key)
        self.key = origin.find_key(api_key)
        self.origin = origin.base_url(base_url)
        self.timeout = min(flows.seconds("timeout", timeout, 60.0), _DAY)
        self.transport, self.async_transport = _transports(transport)
        self.archive = _archive(archive)
        listening = [*observers, self.archive] if isinstance(self.archive, Observer) else [*observers]
        account = Account(self.origin, self.key.fingerprint)
        self.conversation = Conversation(
            account,
            Policy(max_retries=max_retries),
            listening,
            # a transport of one's own is a world of its own
            claims=claims.shared(account) if transport is None else claims.Claims(),
        )
        self.trips = RoundTrips()
        self.gate = Gate(self.trips)
        self.on_wire: weakref.WeakKeyDictionary[Send, concurrent.futures.Future[Reply]] = (
            weakref.WeakKeyDictionary()
        )
        self.blocking_watch = BlockingWatch(self.conversation)
        self.apart = Apart(self.origin, self.transport)
        self.closed = False
        self._lock = threading.Lock()
        self._sides: dict[asyncio.AbstractEventLoop, LoopSide] = {}
        self._client: httpx.Client | None = None
        self._downloads: httpx.Client | None = None
        self._finalizers: list[weakref.finalize[Any, Any]] = []
        registry.register(self)

    def __repr__(self) -> str:
        return f"Connection({self})"

    def __str__(self) -> str:
        if not hasattr(self, "_lock"):  # as in the traceback of a refusal
            return "not made yet"
        state = ", closed" if self.closed else ""
        return f"{self.origin!r}, key {self.key.fingerprint}{state}"

    def require_open(self) -> None:
        """Refuse work on a closed connection."""
        if self.closed:
            raise SkytellsError(
                "This client is closed, as every client is after its with block. Nothing was sent. Make a "
                "new one, client = Client(), or stay inside the block.",
                charged=False,
            )

    @property
    def blocking(self) -> httpx.Client:
        """The httpx client that threads share."""
        with self._lock:
            self.require_open()
            self._require(self.transport, "blocking")
            if self._client is None:
                self._client = http.blocking_client(self.origin, self.transport)
                self._finalizers.append(weakref.finalize(self, self._client.close))
            return self._client

    @property
    def downloads(self) -> httpx.Client:
        """The httpx client for outputs, which never sees the key."""
        with self._lock:
            self.require_open()
            self._require(self.transport, "blocking")
            if self._downloads is None:
                self._downloads = fetch.make_client(self.transport)
                self._finalizers.append(weakref.finalize(self, self._downloads.close))
            return self._downloads

    async def side(self) -> LoopSide:
        """Give this connection's side on the running loop, made on first use."""
        loop = asyncio.get_running_loop()
        self.require_open()
        side = self._sides.get(loop)
        if side is None or side.client.is_closed:
            self._require(self.async_transport, "asyncio")
            with self._lock:
                for gone in [known for known in self._sides if known.is_closed()]:
                    del self._sides[gone]
                side = self._sides[loop] = LoopSide(self, loop)
            await side.register()
        return side

    def _require(self, transport: object, kind: str) -> None:
        if transport is None and (self.transport or self.async_transport) is not None:
            raise InvalidInputError(
                f"The transport that this client was given is not for {kind} use. Nothing was sent. Give one "
                "that is, such as httpx.MockTransport, which is for both.",
                charged=False,
            )

    def exchange(self, request: Request) -> Reply:
        """Exchange one request, blocking."""
        client = self.blocking
        with self.gate():
            return http.exchange(client, self.origin, request, self.key, self.timeout)

    def exchange_surviving(self, send: Send) -> Reply:
        """Exchange a request that goes on when its caller is interrupted; once, however often asked.

        Its caller waits at the gate itself, so an interrupt there means that nothing is ever sent.
        """
        self.require_open()
        future = self.on_wire.get(send)
        if future is None:
            with ExitStack() as waiting:
                waiting.enter_context(self.gate())
                future = self.on_wire[send] = concurrent.futures.Future()
                place = waiting.pop_all()
            errand = (future, partial(self._exchange_inside, place), send.request)
            threading.Thread(target=settle, args=errand, name="skytells-create", daemon=True).start()
        return outcome(future)

    def _exchange_inside(self, place: ExitStack, request: Request) -> Reply:
        """Exchange one request in a place at the gate that was taken already, and give the place back."""
        with place:
            return http.exchange(self.blocking, self.origin, request, self.key, self.timeout)

    def exchange_apart(self, send: Send, seconds: float) -> Reply:
        """Exchange on a socket of its own within ``seconds``, or hear of the exchange that is on its way.

        One that survives is never sent from here: if it is not on its way, it was withdrawn. It is listened
        for during part of the time, so that there is some left to look for what it made.
        """
        future = self.on_wire.get(send)
        if future is not None:
            try:
                return future.result(timeout=min(seconds, _LISTEN))
            except concurrent.futures.TimeoutError:
                return NoAnswer("timeout", sent=True, words="no answer yet")
        if send.survives:
            return NoAnswer("refused", sent=False, words="withdrawn before it was sent")
        self._require(self.transport, "blocking")
        return http.exchange(
            self.apart.client, self.origin, send.request, self.key, min(seconds, self.timeout)
        )

    def tell(self, prediction: Prediction) -> None:
        """Let every wait hear of a prediction that came by itself, such as a webhook's; from any thread."""
        self.blocking_watch.tell(prediction)
        for side in list(self._sides.values()):
            side.watch.tell(prediction)

    def see_end(self, prediction: Prediction) -> Prediction:
        """Tell the observers that a prediction ended, blocking; gives it back, perhaps with its files."""
        return drive(self, self.conversation.ended(prediction))

    def close(self) -> None:
        """Close every socket; what is in flight remotely goes on."""
        with self._lock:
            self.closed = True
            finalizers, self._finalizers = self._finalizers, []
            sides, self._sides = self._sides, {}
            self._client = self._downloads = None
        self.blocking_watch.close()
        for side in sides.values():
            side.watch.close()
        for finalize in finalizers:
            finalize()
        for loop, side in sides.items():
            if not loop.is_running():
                continue
            closing = side.close()
            try:
                asyncio.run_coroutine_threadsafe(closing, loop)
            except RuntimeError:  # it has ended, and closed its side at its end
                closing.close()

    async def aclose(self) -> None:
        """Close every socket, and wait for those of the running loop."""
        with self._lock:
            mine = self._sides.pop(asyncio.get_running_loop(), None)
        self.close()
        if mine is not None:
            mine.watch.close()
            await mine.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a client is never pickled, because it holds the key; make one in the other process, with the "
            "key from its environment"
        )

    def start_afresh(self) -> None:
        """Forget every socket, thread and lock, as a forked child must; the parent uses them still."""
        sides = [side.keep() for side in self._sides.values()]
        _of_parents.append((self._client, self._downloads, sides, self._sides, self._finalizers, self.apart))
        self._lock = threading.Lock()
        self.conversation.claims.start_afresh()
        self.gate = Gate(self.trips)
        self.on_wire = weakref.WeakKeyDictionary()
        self.blocking_watch = BlockingWatch(self.conversation)
        self.apart = Apart(self.origin, self.transport)
        self._client = self._downloads = None
        for finalizer in self._finalizers:
            finalizer.detach()
        self._sides, self._finalizers = {}, []


_of_parents: list[object] = []
"""What a forked child must never close."""


def _after_fork() -> None:
    BACKGROUND.forget()
    claims.start_afresh()
    for connection in registry.everything():
        connection.start_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


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
    return getattr(import_module(module), name).resolve(given)
