"""A connection's side on one event loop: its httpx client, its gate, its watch.

An httpx client belongs to the loop that first used it. When that loop ends in the usual way, as under
`asyncio.run`, it ends every open async generator, and one of ours closes the client. When the connection
is forgotten while the loop runs on, as in a notebook, the client is closed on the loop soon after. For that
it must not be garbage itself: an idle transport would complain before anybody could close it.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx

from . import fetch, http
from .awaiting import LoopWatch, Pulse
from .gate import AsyncGate

if TYPE_CHECKING:
    from .connection import Connection

__all__ = ["LoopSide"]


class LoopSide:
    """What a connection has on one event loop."""

    def __init__(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.gate = AsyncGate(connection.trips)
        self.pulse = Pulse(loop)
        self.watch = LoopWatch(connection, self)
        self._sockets = _Sockets(connection.origin, connection.async_transport)
        self._forgotten = weakref.finalize(self, _close_soon, loop, self._sockets)
        self._forgotten.atexit = False

    @property
    def client(self) -> httpx.AsyncClient:
        """The httpx client for the API."""
        return self._sockets.client

    @property
    def downloads(self) -> httpx.AsyncClient:
        """The httpx client for outputs, which never sees the key."""
        return self._sockets.downloads

    async def register(self) -> None:
        """Let the loop's own end close the sockets."""
        await self._sockets.end.__anext__()

    async def close(self) -> None:
        """Close the sockets, on their loop."""
        self._forgotten.detach()
        await self._sockets.end.aclose()

    def keep(self) -> object:
        """Give what a forked child must keep, so that nothing of the parent's is closed in it."""
        self._forgotten.detach()
        return self._sockets


class _Sockets:
    def __init__(self, base_url: str, transport: httpx.AsyncBaseTransport | None) -> None:
        self.client = http.async_client(base_url, transport)
        self.end: AsyncGenerator[None, None] = self._until_the_end()
        self._transport = transport
        self._downloads: httpx.AsyncClient | None = None

    @property
    def downloads(self) -> httpx.AsyncClient:
        if self._downloads is None:
            self._downloads = fetch.make_async_client(self._transport)
        return self._downloads

    async def _until_the_end(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await self.client.aclose()
            if self._downloads is not None:
                await self._downloads.aclose()


def _close_soon(loop: asyncio.AbstractEventLoop, sockets: _Sockets) -> None:
    async def close() -> None:
        await sockets.end.aclose()

    def begin() -> None:
        closing = loop.create_task(close())
        _closing.add(closing)
        closing.add_done_callback(_closing.discard)

    with suppress(RuntimeError):  # the loop has ended, and closed them at its end
        loop.call_soon_threadsafe(begin)


_closing: set[asyncio.Task[None]] = set()
