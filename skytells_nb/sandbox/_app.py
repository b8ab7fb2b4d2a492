"""The ASGI application: carries requests to the core and responses back, or breaks the connection instead.

It also keeps out what would harm a machine on which it runs: pages that reach it under a name of their own,
bodies that are too large, too many or never end, and connections that say nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
import struct
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from functools import lru_cache, partial
from typing import Any, Final, TypeVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from . import _errors as errors
from ._accounts import OWNER
from ._core import Core
from ._messages import HttpRequest, HttpResponse
from ._options import WILDCARDS
from ._rendering import RenderCache

#: The largest body of a request; of a learner's, in a class.
LARGEST_BODY: Final = 64 * 1024 * 1024
LARGEST_OF_A_LEARNER: Final = 16 * 1024 * 1024
#: Bytes of unfinished bodies that are held together, and of one learner's; a further one waits its turn
#: unread. Bodies of at most `SMALL` bytes, which nearly all are, never wait.
UNFINISHED: Final = 96 * 1024 * 1024
UNFINISHED_OF_A_LEARNER: Final = 16 * 1024 * 1024
SMALL: Final = 64 * 1024
#: Seconds without a byte of a request after which its connection is closed, and bytes a second that a whole
#: body has to come with, beside as many seconds.
SILENCE: Final = 15.0
SLOWEST: Final = 256 * 1024
#: Seconds in which a client may go on sending a body that was refused unread, so that it sees the refusal.
LINGER: Final = 2.0
#: Connections at a time; further ones are closed.
CONNECTIONS: Final = 4096
#: Seconds after which a waiting request looks again whether its prediction was cancelled, or the clock moved.
LOOK_AGAIN: Final = 0.1

T = TypeVar("T")
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

log = logging.getLogger(__name__)
HTTP_LOG: Final = logging.getLogger("skytells_nb.sandbox.http")
HTTP_LOG.addHandler(logging.NullHandler())
HTTP_LOG.propagate = False


class BreakableProtocol(H11Protocol):
    """uvicorn's HTTP protocol without a log of its own, and with a limit to silence and to connections.

    Hands its transport to the application, as ``scope["state"]["transport"]``, to be broken.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = HTTP_LOG
        self.access_log = False
        self._head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        super().connection_made(transport)
        # a new one, for uvicorn gives all connections the same
        self.app_state = {**self.app_state, "transport": transport}
        if len(self.connections) > CONNECTIONS:
            transport.abort()
        else:
            self._expect_head(True)

    def data_received(self, data: bytes) -> None:
        """Take bytes; a request's head has to be there in time (uvicorn itself waits for it for ever)."""
        super().data_received(data)
        self._expect_head(self.cycle is None or self.cycle.response_complete)

    def on_response_complete(self) -> None:
        """End a request; the next one's head has its own time."""
        super().on_response_complete()
        self._expect_head(False)

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_head(False)
        super().connection_lost(exc)

    def _expect_head(self, expected: bool) -> None:
        if self._head is not None and not expected:
            self._head.cancel()
            self._head = None
        elif self._head is None and expected:
            self._head = self.loop.call_later(SILENCE, self.transport.abort)


class App:
    """One running sandbox, as an ASGI application on one event loop."""

    def __init__(self, core: Core, files: RenderCache, origin: str, names: Sequence[str] = ()) -> None:
        self._core = core
        self._files = files
        self._origin = origin
        self._names = frozenset(name.lower() for name in names)
        #: Bytes of unfinished bodies that are held, by account, and who waits for there to be fewer.
        self._held: defaultdict[str, int] = defaultdict(int)
        self._held_less = asyncio.Condition()
        #: Set when the server stops: whoever waits lets go of its connection.
        self.stopping = asyncio.Event()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        transport: asyncio.Transport = scope["state"]["transport"]
        head = partial(
            HttpRequest,
            scope["method"],
            scope["raw_path"].decode("ascii"),
            scope["query_string"].decode("latin-1"),
            headers,
            origin=self._origin or f"http://{headers.get('host', 'localhost')}",
            asker=(scope.get("client") or ("",))[0],
        )
        try:
            response = await self._answer(head, headers, receive)
        except Exception as error:
            log.exception("the sandbox failed on %s %r", scope["method"], scope["raw_path"])
            response = self._core.failure(error)
        if response is None:
            transport.abort()
            return
        await self._send(response, transport, receive, send)

    async def _answer(
        self, head: Callable[[bytes], HttpRequest], headers: dict[str, str], receive: Receive
    ) -> HttpResponse | None:
        """Read and answer; None when the body did not come."""
        if not is_own_name(headers.get("host", ""), self._names):
            # DNS rebinding: a page of evil.example whose name was made to mean this machine
            return self._core.refuse(errors.foreign_host())
        length = headers.get("content-length", "0")
        chunked = "transfer-encoding" in headers
        size = int(length) if length.isascii() and length.isdigit() else 0
        try:
            if size <= SMALL and not chunked:
                body = await _read(receive, SMALL, SILENCE * 2)
                if body is None:
                    return None
                response = self._core.answer(head(body))
            else:
                async with self._large_body(head(b""), receive, None if chunked else size) as large:
                    if large is None or isinstance(large, HttpResponse):
                        return large
                    response = self._core.answer(head(large))
        except TimeoutError:
            return self._core.refuse(errors.too_slow())
        if response.about is not None and head(b"").method == "POST":
            # Half-way: most of what is canceled has been by then, and is drawn for nobody.
            id, half = response.about, self._core.seconds_left(response.about) / 2
            ahead = self._files.draw_ahead
            asyncio.get_running_loop().call_later(half, lambda: ahead(self._core.files_ahead(id)))
        if response.ending in ("drop", "hang") or not (response.hold or response.work or response.asset):
            return response
        whole = self._core.complete(
            head(b""), response, self._files, pause=_look_again, work=asyncio.to_thread
        )
        return await self._unless_stopped(whole) or HttpResponse(ending="drop")

    @contextlib.asynccontextmanager
    async def _large_body(
        self, request: HttpRequest, receive: Receive, size: int | None
    ) -> AsyncIterator[bytes | HttpResponse | None]:
        """Read a body of so many bytes, or of nobody knows how many, when there is room for it.

        Yields a refusal where it is not read at all, and None when the client left before its end.
        """
        account = self._core.account_of(request)
        if account is None:  # refused whatever it brings
            refused = self._core.answer(request)
            refused.unread = True
            yield refused
            return
        most = LARGEST_BODY if account.name == OWNER else LARGEST_OF_A_LEARNER
        if size is not None and size > most:
            yield self._core.refuse(errors.too_large(most))
            return
        size = most if size is None else size
        limit = SILENCE * 2 + size / SLOWEST
        # It holds for waiting in line, too: who was not read by then is told so (408), and may come again.
        async with asyncio.timeout(limit), self._room_for(account.name, size):
            body = await _read(receive, size, limit)
            yield self._core.refuse(errors.too_large(most)) if body is not None and len(body) > size else body

    @contextlib.asynccontextmanager
    async def _room_for(self, account: str, size: int) -> AsyncIterator[None]:
        """Wait until there is room for a whole body, and keep it: one that was begun can always end."""

        def fits() -> bool:
            own = account == OWNER or self._held[account] + size <= UNFINISHED_OF_A_LEARNER
            return own and sum(self._held.values()) + size <= UNFINISHED

        async with self._held_less:
            await self._held_less.wait_for(fits)
            self._held[account] += size
        try:
            yield
        finally:
            async with self._held_less:
                self._held[account] -= size
                self._held_less.notify_all()

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Wait for something; None when the server stops meanwhile."""
        working, stopping = asyncio.create_task(work), asyncio.create_task(self.stopping.wait())
        try:
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
            return None if self.stopping.is_set() else working.result()
        finally:
            for each in (working, stopping):
                each.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    async def _send(
        self, response: HttpResponse, transport: asyncio.Transport, receive: Receive, send: Send
    ) -> None:
        late, ending = response.after + self._core.options.delay, response.ending
        pieces = response.pieces
        if pieces is None:
            pieces = [(0.0, response.body[: len(response.body) // 2] if ending == "cut" else response.body)]
        if ending == "hang" and response.pieces is None:
            await self._unless_stopped(_gone(receive))
        elif (not late or await self._pause(late)) and ending != "drop":
            if response.unread:
                response.headers["connection"] = "close"
            if response.pieces is None:
                response.headers["content-length"] = str(len(response.body))
            headers = [
                (name.encode(), text.encode("latin-1", "replace")) for name, text in response.headers.items()
            ]
            await send({"type": "http.response.start", "status": response.status, "headers": headers})
            if await self._send_pieces(pieces, transport, send):
                if ending == "send":
                    if response.unread:
                        # an immediate close would be a reset, which takes the refusal out of the client's
                        # hands; so what is still sent is thrown away for a while
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(LINGER):
                                while (await receive()).get("more_body"):
                                    pass
                    await send({"type": "http.response.body", "body": b""})
                    return
                if ending == "hang":
                    await self._unless_stopped(_gone(receive))
                await _flushed(transport)
        if response.reset:
            # Linger for no time: the kernel sends a TCP reset, and throws away what has not been sent.
            connection: socket.socket | None = transport.get_extra_info("socket")
            if connection is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        # uvicorn answers 500 itself for an application that returns before the connection is known to be lost
        await _gone(receive)

    async def _send_pieces(
        self, pieces: Sequence[tuple[float, bytes]], transport: asyncio.Transport, send: Send
    ) -> bool:
        """Send a body piece by piece; whether all of it was sent."""
        for late, piece in pieces:
            if (late and not await self._pause(late)) or transport.is_closing():
                return False
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        return True

    async def _pause(self, seconds: float) -> bool:
        """Wait; False when the server stops meanwhile."""
        if self.stopping.is_set():
            return False
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return True
        return False


@lru_cache(maxsize=256)
def is_own_name(host: str, names: frozenset[str] = frozenset()) -> bool:
    """Return whether a Host header names this machine: an address, ``localhost``, or one of its names.

    An address is enough, since rebinding needs a name that somebody else's DNS answers for.
    """
    name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if colon and not (port.isascii() and port.isdecimal()):
        return False
    name = name if colon else host
    name = name.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost") or name in names:
        return True
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def own_names(host: str) -> list[str]:
    """Return the names under which other machines reach a server that listens on `host`."""
    if host not in WILDCARDS:
        return [host]
    name = socket.gethostname()
    short = name.partition(".")[0]
    return [name, short, f"{short}.local"]


async def _read(receive: Receive, most: int, seconds: float) -> bytes | None:
    """Read a body of so many bytes, or the first that are too many; None when the client left before."""
    now = asyncio.get_running_loop().time
    end = now() + seconds
    async with asyncio.timeout(SILENCE) as limit:
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            whole: bytes = message["body"]
            return whole
        parts = bytearray()
        while message["type"] == "http.request":
            parts += message["body"]
            if len(parts) > most or not message.get("more_body"):
                return bytes(parts)
            limit.reschedule(min(end, now() + SILENCE))
            message = await receive()
    return None


async def _look_again(_: str, left: float) -> bool:
    await asyncio.sleep(min(left, LOOK_AGAIN))
    return True


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _flushed(transport: asyncio.Transport) -> None:
    """Wait, a second at most, until what was written is with the kernel."""
    for _ in range(100):
        if not transport.get_write_buffer_size() or transport.is_closing():
            return
        await asyncio.sleep(0.01)
