"""A transport that asks a coroutine function instead of the network: the sandbox in this process is one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

import httpx

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
        """Answer one request."""
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
    """Raise what a network's transport would."""
    try:
        yield
    except TimeoutError as error:
        raise httpx.ReadTimeout(str(error), request=request) from error
    except ConnectionError as error:
        raise httpx.RemoteProtocolError(str(error), request=request) from error
