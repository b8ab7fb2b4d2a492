"""The sandbox inside this process: a request goes in, an answer comes out, with no socket and no thread.

For tests and doctests, and for places without sockets, such as a browser. What the wire alone can do, a
dropped connection or an answer that never comes, is an exception here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from .base import Sandbox
from .messages import Request, Response
from .rendering import Media, RenderCache, serve_file

#: Where its URLs point: to this machine, and to a port where nobody listens, should one meet a real socket.
ORIGIN: Final = "http://127.0.0.1:9"


class ConnectionDroppedError(ConnectionError):
    """The connection broke before an answer, or in the midst of one, because a fault said so.

    Attributes
    ----------
    reset : bool
        Whether it ended with a TCP reset instead of an orderly close.
    """

    def __init__(self, message: str, *, reset: bool = False) -> None:
        super().__init__(message)
        self.reset = reset


class NeverAnsweredError(TimeoutError):
    """A request to which no answer will ever come, because a fault said so: the caller's limit is next."""


async def _at_once(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


class InProcess(Sandbox):
    """A sandbox without a socket.

    Parameters
    ----------
    media : Media, optional
        Draws the files; `skytells_nb.sandbox.media`, unless given.
    sleep : callable, optional
        A coroutine function that waits out the seconds by which an answer comes later (``slow``, ``delay``,
        ``await: true``); `asyncio.sleep` unless given. With an event loop on virtual time nothing is waited.
    **options
        See `skytells_nb.sandbox.Options`; `clock` moves jobs and webhooks along.

    Examples
    --------
    >>> sandbox = InProcess(seconds=0)
    >>> status, headers, body = asyncio.run(
    ...     sandbox.handle("GET", "/v1/models", {"x-api-key": sandbox.api_key})
    ... )
    >>> status, headers["content-type"], headers["x-skytells-sandbox"]
    (200, 'application/json', '1')
    """

    def __init__(
        self,
        *,
        media: Media | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        **options: Any,
    ) -> None:
        super().__init__(media=media, **options)
        self._core = self._make_core()
        self._origin = ORIGIN
        self._sleep = sleep
        self._files = RenderCache(self.core.media, self.core.note_size, _at_once)

    def stop(self) -> None:
        """Close its state file, if it has one."""
        self.core.state.close()

    async def handle(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> tuple[int, dict[str, str], bytes | AsyncIterator[bytes]]:
        """Answer one request.

        Parameters
        ----------
        method : str
            In capitals.
        target : str
            Path and query, percent-encoded: ``/v1/predictions?page=2``, or the path of an output's URL.
        headers : Mapping[str, str], optional
            In any case.
        body : bytes
            The raw body.

        Returns
        -------
        tuple of (int, dict of str to str, bytes or async iterator of bytes)
            Status, headers with names in lower case, and the body; an iterator where it comes in pieces.

        Raises
        ------
        ConnectionDroppedError
            A fault dropped the connection; from the iterator, where it was cut in the midst of the body.
        NeverAnsweredError
            A fault swallowed the answer.
        """
        target, _, query = target.partition("?")
        lower = {name.lower(): value for name, value in (headers or {}).items()}
        request = Request(method.upper(), target, query, lower, body, ORIGIN, "127.0.0.1")
        core = self.core
        try:
            response = core.answer(request)
            late = response.after + self.options.delay
            if response.hold is not None:
                while left := core.seconds_left(response.hold):
                    await self._sleep(left)
                    if core.seconds_left(response.hold) >= left:
                        break  # the clock stands still: waiting longer changes nothing
                response = core.answer_held(response.hold, request)
            if response.work is not None:
                response.body = response.work()
            if response.asset is not None:
                response = serve_file(response, await self._files.find(response.asset), response.asset.range)
        except Exception as error:  # noqa: BLE001 - answered as on the wire: 500 in the documented envelope
            response, late = core.failure(error), 0.0
        if late:
            await self._sleep(late)
        return self._sent(response, request.method)

    async def deliver(self, post: Callable[[str, dict[str, str], bytes], Awaitable[int]]) -> int:
        """Deliver the webhooks that are due by the clock, and return how many were tried.

        Parameters
        ----------
        post : callable
            Coroutine function that is given URL, headers and body, and returns the receiver's status.
        """
        tried = 0
        while (event := self.core.due_webhook(ORIGIN)) is not None:
            tried += 1
            status, failure = None, None
            try:
                status = await post(event.url, event.headers, event.body)
            except OSError as error:
                failure = str(error) or type(error).__name__
            self.core.delivered(event, status, failure)
        return tried

    def _sent(
        self, response: Response, method: str
    ) -> tuple[int, dict[str, str], bytes | AsyncIterator[bytes]]:
        if response.ending == "drop":
            raise ConnectionDroppedError("the connection closed without an answer", reset=response.reset)
        if response.pieces is not None:
            return response.status, response.headers, self._pieces(response, response.pieces)
        if response.ending == "hang":
            raise NeverAnsweredError("no answer will come")
        headers = {**response.headers, "content-length": str(len(response.body))}
        if response.ending == "cut":
            half = response.body[: len(response.body) // 2]
            return response.status, headers, self._pieces(response, [(0.0, half)])
        return response.status, headers, b"" if method == "HEAD" else response.body

    async def _pieces(
        self, response: Response, pieces: Sequence[tuple[float, bytes]]
    ) -> AsyncIterator[bytes]:
        for late, piece in pieces:
            if late:
                await self._sleep(late)
            yield piece
        if response.ending == "cut":
            raise ConnectionDroppedError(
                "the connection closed in the midst of the body", reset=response.reset
            )
        if response.ending == "hang":
            raise NeverAnsweredError("the body has no end")
