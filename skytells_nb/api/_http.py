"""One request, one answer, over httpx; and what of the request was certainly not sent.

An exchange returns a `Response` or a `TransportFailure` and raises nothing for a bad network. httpx's own
exceptions stay in here, and with them the request objects that hold the key. Transports are used without
httpx's clients: those would log every URL, keep cookies, and follow the environment in their own way.

Money asks whether the API may have received a request. That is read from the transport's own trace: a
request whose last byte was not handed to the network cannot have been accepted. So connecting has its own
limit and eats nothing of the answer's time, and a whole answer is never thrown away as late.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import ssl
import time
import weakref
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, Final, TypeAlias

import httpx

from .. import __version__
from ._credentials import Key, ProxyRoute
from ._requests import Request
from ._responses import Reply, Response, TransportFailure

CONNECT_SECONDS: Final = 10.0
"""At most so long for a connection, and as long again for its TLS, but neither longer than for the answer.
Addresses are raced (RFC 8305)."""

MAX_BODY: Final = 64 * 2**20
"""Bytes of a decoded body: the largest documented listing has some 300 kB, data URIs a few MB. Without a cap
1.5 MB of gzip became 3 GB."""

_IN_FLIGHT: Final = 64
"""Requests at once, besides streams of text; the others queue here."""

_KEPT_OPEN: Final = 4.0
"""Seconds that an idle connection is kept for: many servers close what is idle for 5, and a request that
meets that is in doubt."""

_ONE: Final = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEPT_OPEN)

_GRACE: Final = 0.05
"""Seconds for an answer that lies in the socket already when the time is up, as after a busy moment."""

_HEADERS: Final = (
    ("accept", "application/json"),
    ("accept-encoding", "gzip, deflate"),
    ("content-type", "application/json"),
    ("user-agent", f"skytells-nb/{__version__}"),
)

_STREAM_HEADERS: Final = (
    ("accept", "application/json, text/event-stream"),
    ("accept-encoding", "identity"),  # whoever compresses a stream holds its first words back
    *_HEADERS[2:],
)

_TOO_LARGE: Final = f"the answer is larger than {MAX_BODY // 2**20} MiB"

_CLOSED: Final = TransportFailure("refused", sent=False, message="the client was closed meanwhile")

_log = logging.getLogger("skytells_nb")


class Exchange:
    """One request under way, as a task of its own: whoever waits for it may be cancelled, it is not.

    Until it is `begun` no byte may have left, and it can be withdrawn; until all of it (`whole`) was handed
    to the network it cannot have been accepted. A transport of the user's own may not tell (`traced`), and
    then all of it counts as sent. `opened` is the body still to come of a request that is ``streamed``;
    whoever began it closes it.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.begun = self.whole = self.traced = False
        self.deadline: float | None = None
        self.seconds = 0.0
        self.opened: OpenAnswer | None = None
        self.task: asyncio.Task[Reply]

    async def reply(self) -> Reply:
        """Wait for the answer; a caller that is cancelled leaves the exchange running."""
        return await asyncio.shield(self.task)

    @property
    def sent(self) -> bool:
        """Whether the API may have received it whole."""
        return self.whole if self.traced else self.begun

    def withdraw(self) -> bool:
        """Cancel a request of which nothing was sent; returns False where that is too late."""
        if self.begun:
            return False
        self.task.cancel()
        return True

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Hear from httpcore how far the request is (its ``trace`` extension)."""
        self.traced = True
        if not event.startswith(("http11.send_request", "http2.send_request")):
            return
        if getattr(info.get("request"), "method", b"") == b"CONNECT":
            return  # to a proxy, which has nothing of the request yet
        if event.endswith("send_request_headers.started"):
            self.begun = True
            self.deadline = asyncio.get_running_loop().time() + self.seconds
        elif event.endswith("send_request_body.complete"):
            self.whole = self.begun  # it names no request: a CONNECT's comes before ours has begun


class _KeyFilter(logging.Filter):
    """Blanks keys in httpcore's own records: at DEBUG they hold every header that a server sends."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: weakref.WeakSet[Key] = weakref.WeakSet()
        for name in ("connection", "http11", "http2", "proxy", "socks"):
            logging.getLogger(f"httpcore.{name}").addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        for key in self.keys:
            text = key.blank(text.encode("utf-8", "replace")).decode()
        record.msg, record.args = text, None
        return True


_key_filter: Final = _KeyFilter()


class HttpSession:
    """The sockets of one connection, on one event loop.

    The `key` is sent to `base_url` alone, and whatever echoes it is blanked here, before anything else sees
    it. `timeout` is the seconds for one exchange, from its first byte; `transport` replaces the network.
    """

    def __init__(
        self,
        base_url: str,
        key: Key,
        timeout: float,
        route: ProxyRoute,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.closed = False
        self._base_url = base_url
        self._key = key
        _key_filter.keys.add(key)
        self._timeout = timeout
        self._route = route
        self._own = transport is None
        self._pool = _ConnectionPool(route, base_url, transport)
        # One of the user's may not tell how far a request is; then it counts as sent as soon as it has it.
        self._is_traced = self._own or bool(getattr(transport, "is_traced", False))
        self._places = asyncio.Semaphore(_IN_FLIGHT)

    def begin(self, request: Request) -> Exchange:
        exchange = Exchange(request)
        exchange.task = self.loop.create_task(self._carry_out(exchange))
        return exchange

    async def exchange(self, request: Request) -> Reply:
        """Exchange one request; a caller that is cancelled cancels it."""
        return await self._carry_out(Exchange(request))

    async def aclose(self) -> None:
        """Close every socket; what is under way ends as not answered."""
        self.closed = True
        await self._pool.aclose()

    async def _carry_out(self, exchange: Exchange) -> Reply:
        # A text takes as long as a model writes it, and is not to keep others from asking.
        async with nullcontext() if exchange.request.streamed else self._places:
            if self.closed:
                return _CLOSED
            began = self.loop.time()
            reply = await self._in_time(exchange)
        _log.debug(
            "%s %s: %s in %.3f s",
            exchange.request.method,
            exchange.request.path,
            reply.status if isinstance(reply, Response) else f"{reply.reason}, sent: {reply.sent}",
            self.loop.time() - began,
        )
        return reply

    async def _in_time(self, exchange: Exchange) -> Reply:
        """Send and receive within the time; the clock of the answer starts with the request's first byte."""
        exchange.seconds = exchange.request.timeout or self._timeout
        connecting = 2 * min(CONNECT_SECONDS, exchange.seconds) if self._own else 0.0
        # `trace` sets it anew with the first byte: a slow connect takes nothing of the answer's time.
        exchange.deadline = self.loop.time() + connecting + exchange.seconds
        task = self.loop.create_task(self._send(exchange))
        try:
            while not task.done():
                left = exchange.deadline - self.loop.time()
                if left <= 0:
                    # Not `asyncio.timeout`: it would cancel a task whose answer has just become whole.
                    await asyncio.wait((task,), timeout=_GRACE)
                    break
                await asyncio.wait((task,), timeout=left)
        # Until the task has unwound its trace may still tell that the request was
        # written whole, and whether it was sent decides whether it may be sent again.
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait((task,))
        if not task.cancelled():
            return task.result()
        return self._failed(exchange, "timeout", f"no answer within {exchange.seconds:g} s")

    async def _send(self, exchange: Exchange) -> Reply:
        exchange.begun = not self._is_traced
        connection, whole = await self._pool.acquire(), False
        try:
            response = await connection.handle_async_request(self._encode(exchange))
            if exchange.request.streamed and not unasked_encoding(response):
                exchange.opened = OpenAnswer(self, exchange, response, connection)
                return Response(response.status_code, self.headers_of(response))
            try:
                reply = await self._receive(response)
            finally:
                await _close(response)
            whole = True
            return reply
        except _WIRE_ERRORS as error:
            return self.failure(exchange, error)
        except Exception as error:  # noqa: BLE001 - raised again, without its frames
            if self.closed and isinstance(error, RuntimeError):
                return _CLOSED
            raise error.with_traceback(None) from None  # its frames hold the request, and with it the key
        finally:
            if exchange.opened is None:
                self._pool.release(connection, whole=whole)

    def failure(self, exchange: Exchange, error: Exception) -> TransportFailure:
        """Sort what the network raised by whether the API may have received the request whole."""
        said = self._key.blank(
            str(error).encode("utf-8", "replace")
        ).decode()  # it quotes a header that is none
        message = f"{type(error).__name__}: {said}".rstrip(": ")
        if isinstance(error, httpx.ConnectTimeout):
            message = f"no connection within {min(CONNECT_SECONDS, exchange.seconds):g} s"
        if isinstance(error, _NEVER_SENT):
            is_here = httpx.URL(self._base_url).host in ("127.0.0.1", "localhost", "::1")
            is_sandbox = is_here and self._key.reveal().startswith("sk-sandbox-")
            ended = self._base_url if is_sandbox and isinstance(error, httpx.ConnectError) else ""
            return TransportFailure("refused", sent=False, message=message, ended_sandbox=ended)
        if isinstance(error, httpx.TimeoutException):
            return self._failed(exchange, "timeout", f"no answer within {exchange.seconds:g} s")
        return self._failed(exchange, "dropped", message)

    async def _receive(self, response: httpx.Response) -> Reply:
        if encoding := unasked_encoding(response):
            return TransportFailure("dropped", sent=True, message=f"the answer came as {encoding}")
        parts, size = [], 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > MAX_BODY:
                return TransportFailure("dropped", sent=True, message=_TOO_LARGE)
            parts.append(part)
        return Response(response.status_code, self.headers_of(response), self._key.blank(b"".join(parts)))

    def headers_of(self, response: httpx.Response) -> dict[str, str]:
        return {
            name.decode("latin-1").lower(): self._key.blank(value).decode("latin-1")
            for name, value in response.headers.raw
        }

    def _failed(self, exchange: Exchange, reason: Any, message: str) -> TransportFailure:
        """Sort a failure by whether the API may have received the request whole."""
        # A server has no whole request yet that it could act on, so this may be sent again.
        if exchange.traced and not exchange.whole:
            return TransportFailure("refused", sent=False, message=message)
        return TransportFailure(reason, sent=True, message=message)

    def _encode(self, exchange: Exchange) -> httpx.Request:
        request, seconds = exchange.request, exchange.seconds
        headers = _STREAM_HEADERS if request.streamed else _HEADERS
        limits = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)).as_dict()
        return httpx.Request(
            request.method,
            self._base_url + request.target,
            headers=[*headers, *self._route.headers, ("x-api-key", self._key.reveal())],
            content=request.body,
            extensions={"timeout": limits, "trace": exchange.trace},
        )


class _ConnectionPool:
    """The connections to one origin: each a pool of one, and whoever sends takes the one that was used last.

    In one pool httpcore looks at every connection several times for each request, gives one that is idle to
    all who begin at that moment, and keeps none while more are open than may stay idle: a thousand creates at
    once took twice the CPU. A transport of the user's is the same for all.
    """

    def __init__(self, route: ProxyRoute, url: str, given: httpx.AsyncBaseTransport | None) -> None:
        self._given = given
        if given is None:
            self._trust, self._proxy = route.trust(url), route.proxy_for(url)
        self._busy: set[httpx.AsyncBaseTransport] = set()
        self._idle: deque[tuple[httpx.AsyncBaseTransport, float]] = deque()

    async def acquire(self) -> httpx.AsyncBaseTransport:
        """Return an idle connection or a new one, and close those that were idle for too long."""
        if self._given is not None:
            return self._given
        while self._idle and time.monotonic() - self._idle[0][1] > _KEPT_OPEN:
            await self._idle.popleft()[0].aclose()
        if self._idle:
            connection, _ = self._idle.pop()
        else:
            connection = httpx.AsyncHTTPTransport(verify=self._trust, proxy=self._proxy, limits=_ONE)
        self._busy.add(connection)
        return connection

    def release(self, connection: httpx.AsyncBaseTransport, *, whole: bool) -> None:
        """Let others use a connection whose answer was closed to the end, and have any other closed.

        Whoever is cancelled while httpcore closes an answer leaves its connection busy there for ever.
        """
        if connection in self._busy:
            self._busy.remove(connection)
            if whole:
                self._idle.append((connection, time.monotonic()))
            else:
                self._idle.appendleft((connection, -math.inf))

    async def aclose(self) -> None:
        connections = [*self._busy, *(connection for connection, _ in self._idle)]
        self._busy.clear()
        self._idle.clear()
        for connection in connections:
            await connection.aclose()


_NEVER_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)


_WIRE_ERRORS: Final = (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError)  # a host that is no name


class OpenAnswer:
    """An answer whose body is still to come: what a model writes while we read."""

    def __init__(
        self,
        session: HttpSession,
        exchange: Exchange,
        response: httpx.Response,
        connection: httpx.AsyncBaseTransport,
    ) -> None:
        self._session, self._exchange = session, exchange
        self._response, self._connection = response, connection
        self.status = response.status_code
        self.headers = session.headers_of(response)
        self._key = session._key  # noqa: SLF001 - one idea in two classes
        self._secret = self._key.reveal().lower()

    async def read(self) -> Reply:
        """Read the body whole, and close; a body that breaks off is a failure."""
        try:
            return await self._session._receive(self._response)  # noqa: SLF001 - one idea in two classes
        except _WIRE_ERRORS as error:
            return self._session.failure(self._exchange, error)
        finally:
            await self.aclose()

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield its bytes as they arrive; raises `BrokenAnswerError` where the body breaks off."""
        plain = self.headers.get("content-encoding", "identity") == "identity"
        size = 0
        try:
            # Past `aiter_bytes`, which takes as long as all that is done here with a piece.
            async for part in self._response.stream if plain else self._response.aiter_bytes():  # type: ignore[union-attr]  # of an asynchronous transport
                size += len(part)
                if size > MAX_BODY:
                    raise httpx.ReadError(_TOO_LARGE)
                yield part
        except _WIRE_ERRORS as error:
            raise BrokenAnswerError(self._session.failure(self._exchange, error)) from None

    def blank(self, text: str, *, quick: bool = True) -> str:
        """Return a text of the answer without the key, should it echo it.

        A ``quick`` look at a piece sees nothing packed; what the pieces join to is looked at whole.
        """
        marks = (self._secret, "\\", "%", "&#")
        if quick and text.isascii():
            lowered = text.lower()
            if not any(mark in lowered for mark in marks):
                return text
        return self._key.blank(text.encode("utf-8", "replace")).decode()

    async def aclose(self) -> None:
        whole = False
        try:
            with suppress(*_WIRE_ERRORS, RuntimeError):
                await _close(self._response)
                whole = True
        finally:
            self._session._pool.release(self._connection, whole=whole)  # noqa: SLF001 - one idea in two classes


def unasked_encoding(response: httpx.Response) -> str:
    """Return how a body is packed, where that is not one layer of what we ask for; else the empty string.

    httpx unpacks each piece whole. One layer of gzip makes a thousand bytes of one; two make a million, and
    brotli and zstd as many: 5 kB of them filled 3 GB before any cap could be looked at.
    """
    layers = response.headers.get("content-encoding", "").lower().split(",")
    packed = [layer.strip() for layer in layers if layer.strip() in ("gzip", "deflate", "br", "zstd")]
    return ", ".join(packed) if packed not in ([], ["gzip"], ["deflate"]) else ""


async def _close(response: httpx.Response) -> None:
    """Close an answer; its connection is used again unless bytes lie on it that no request asked for.

    A server that answers twice would else answer the next request with what is of nobody, and a create would
    take that for its own. httpcore looks at the socket alone: what it has read already it gives to the next.
    """
    wire = response.extensions.get("network_stream")
    if wire is not None:
        body = getattr(getattr(response.stream, "_httpcore_stream", None), "_stream", None)
        parser = getattr(getattr(body, "_connection", None), "_h11_state", None)
        tls = wire.get_extra_info("ssl_object")
        with suppress(ssl.SSLError):  # nothing more lies there
            if (parser is not None and parser.trailing_data[0]) or (tls is not None and tls.read(1)):
                await wire.aclose()
    await response.aclose()


class BrokenAnswerError(Exception):
    """A body broke off while it was read."""

    def __init__(self, failure: TransportFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class _ThreadedTransport(httpx.AsyncBaseTransport):
    """A blocking transport of the user's, called in threads so that it holds up nobody else."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport
        self._threads = ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="skytells-transport")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        # httpx's blocking transports refuse an asynchronous trace; and a thread cannot be canceled: what it
        # has not sent in time it may send yet. So nothing is said to be unsent that may have begun.
        request.extensions = {name: each for name, each in request.extensions.items() if name != "trace"}
        asked = self._threads.submit(self._transport.handle_request, request)
        try:
            response = await asyncio.wrap_future(asked)
        except asyncio.CancelledError:
            asked.add_done_callback(_close_unread)
            raise
        stream = response.stream  # raw, since headers say how it is encoded
        if not isinstance(stream, httpx.AsyncByteStream):
            stream = _ThreadedStream(stream, self._threads)
        return httpx.Response(response.status_code, headers=response.headers.raw, stream=stream)


class _ThreadedStream(httpx.AsyncByteStream):
    """A blocking transport's body, read in its threads piece by piece, for as long as somebody wants more."""

    def __init__(self, stream: httpx.SyncByteStream, threads: ThreadPoolExecutor) -> None:
        self._stream, self._threads = stream, threads
        self._reading: Future[bytes | None] | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = iter(self._stream)
        while True:
            self._reading = self._threads.submit(next, pieces, None)
            piece = await asyncio.wrap_future(self._reading)
            if piece is None:
                return
            yield piece

    async def aclose(self) -> None:
        if self._reading is None or self._reading.done():
            await asyncio.wrap_future(self._threads.submit(self._stream.close))
        else:  # not under a thread that reads from it
            self._reading.add_done_callback(lambda _: self._stream.close())


def _close_unread(asked: Future[httpx.Response]) -> None:
    """Close an answer that came when nobody waited for it any more."""
    if not asked.cancelled() and asked.exception() is None:
        asked.result().close()


def as_async_transport(transport: object) -> httpx.AsyncBaseTransport | None:
    """Return what the user gave as ``transport=`` as one for the toolkit's loop; None where it is none.

    `httpx.MockTransport` is of both kinds, with a handler that may be of either.
    """
    handler = getattr(transport, "handler", None)
    awaiting = isinstance(transport, httpx.AsyncBaseTransport)
    if isinstance(transport, httpx.BaseTransport) and not (awaiting and inspect.iscoroutinefunction(handler)):
        return _ThreadedTransport(transport)
    return transport if isinstance(transport, httpx.AsyncBaseTransport) else None


Handler: TypeAlias = Callable[
    [str, str, Mapping[str, str], bytes],
    Awaitable[tuple[int, Mapping[str, str], bytes | AsyncIterator[bytes]]],
]


class HandlerTransport(httpx.AsyncBaseTransport):
    """Carries requests to ``handle(method, path_and_query, headers, body)``.

    It returns status, headers and a body, whole or in pieces. A `ConnectionError` of it is a connection that
    broke after the request was sent, a `TimeoutError` an answer that does not come within any limit.
    """

    is_traced = True

    def __init__(self, handle: Handler) -> None:
        self._handle = handle

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        trace = request.extensions.get("trace")
        if trace is not None:  # as httpcore does: from here on it was sent whole
            await trace("http11.send_request_headers.started", {"request": request})
            await trace("http11.send_request_body.complete", {"request": request})
        target = request.url.raw_path.decode("ascii")
        with _wire_errors(request):
            status, headers, content = await self._handle(request.method, target, request.headers, body)
        stream = httpx.ByteStream(content) if isinstance(content, bytes) else _Pieces(content, request)
        return httpx.Response(status, headers=dict(headers), stream=stream, request=request)


class _Pieces(httpx.AsyncByteStream):
    """A body in pieces, which may break off."""

    def __init__(self, pieces: AsyncIterator[bytes], request: httpx.Request) -> None:
        self._pieces, self._request = pieces, request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _wire_errors(self._request):
            async for piece in self._pieces:
                yield piece


@contextmanager
def _wire_errors(request: httpx.Request) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise httpx.ReadTimeout(str(error), request=request) from error
    except ConnectionError as error:
        raise httpx.RemoteProtocolError(str(error), request=request) from error
