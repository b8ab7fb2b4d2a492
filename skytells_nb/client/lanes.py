"""A transport of several connections that costs the same however many there are.

httpx's pool looks at every connection it has, several times, for every request: with twelve of them that
takes longer than the request. So each connection here is a transport of its own, a lane, and a request takes
the lane that was used last. How many there are is the gate's to say, in front of it.
"""

from __future__ import annotations

import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

import httpx

__all__ = ["Lanes"]

_ONE: Final = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=15.0)
_IDLE: Final = 15.0


class Lanes(httpx.AsyncBaseTransport):
    """Connections for one origin and one event loop, opened as they are needed.

    Parameters
    ----------
    context : ssl.SSLContext
        Whom to trust.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._free: deque[tuple[httpx.AsyncHTTPTransport, float]] = deque()
        self._busy: set[httpx.AsyncHTTPTransport] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request down the lane that was used last, or a new one."""
        lane = self._free.pop()[0] if self._free else self._open()
        self._busy.add(lane)
        try:
            response = await lane.handle_async_request(request)
        except BaseException:
            self._release(lane)
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - for mypy
        response.stream = _Stream(response.stream, lambda: self._release(lane))
        if self._free and self._free[0][1] < time.monotonic() - _IDLE:
            await self._free.popleft()[0].aclose()
        return response

    async def aclose(self) -> None:
        """Close every connection, also those in use."""
        lanes = [*(lane for lane, _ in self._free), *self._busy]
        self._free.clear()
        self._busy.clear()
        for lane in lanes:
            await lane.aclose()

    def _open(self) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(verify=self._context, limits=_ONE)

    def _release(self, lane: httpx.AsyncHTTPTransport) -> None:
        if lane in self._busy:
            self._busy.remove(lane)
            self._free.append((lane, time.monotonic()))


class _Stream(httpx.AsyncByteStream):
    """An answer's body; its lane is free once it has been read or given up."""

    def __init__(self, stream: httpx.AsyncByteStream, released: Callable[[], None]) -> None:
        self._stream = stream
        self._released = released

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._released()
