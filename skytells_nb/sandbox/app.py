"""The ASGI application: carries requests to the core and answers back, or breaks the connection instead."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from skytells_nb.sandbox.assets import Darkroom
from skytells_nb.sandbox.core import Core
from skytells_nb.sandbox.exchange import Answer, Asset, Request, as_json

LARGEST_BODY = 64 * 1024 * 1024
#: Seconds after which a waiting request looks again whether its prediction was cancelled, or the clock was
#: moved.
LOOK_AGAIN = 0.1

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

log = logging.getLogger(__name__)


class App:
    """One running sandbox, as an ASGI application on one event loop.

    Parameters
    ----------
    core : Core
        Answers.
    darkroom : Darkroom
        Draws files.
    origin : str
        Scheme, host and port for absolute URLs; empty to take the host a request names, as behind a
        wildcard address.
    """

    def __init__(self, core: Core, darkroom: Darkroom, origin: str) -> None:
        self._core = core
        self._darkroom = darkroom
        self._origin = origin
        #: Set when the server stops: whoever waits lets go of its connection.
        self.stopping = asyncio.Event()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        body = await _read(receive)
        if body is None:
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request = Request(
            scope["method"],
            scope["raw_path"].decode("ascii"),
            scope["query_string"].decode("latin-1"),
            headers,
            body,
            self._origin or f"http://{headers.get('host', 'localhost')}",
            (scope.get("client") or ("",))[0],
        )
        try:
            answer = await self._answer(request)
        except Exception as error:
            log.exception("the sandbox failed on %s %s", request.method, request.target)
            answer = self._core.failure(error)
        await self._send(answer, scope, receive, send)

    async def _answer(self, request: Request) -> Answer:
        if len(request.body) > LARGEST_BODY:
            return as_json({"error_id": "INVALID_REQUEST", "message": "The request body is too large"}, 413)
        answer = self._core.answer(request)
        if answer.ending in ("drop", "hang"):
            return answer
        if answer.hold is not None:
            late = answer.after
            while left := self._core.left(answer.hold):
                if not await self._pause(min(left, LOOK_AGAIN)):
                    return Answer(ending="drop")
            answer = self._core.held(answer.hold, request)
            answer.after += late
        if answer.asset is not None:
            answer = await self._developed(answer, answer.asset)
        return answer

    async def _developed(self, answer: Answer, asset: Asset) -> Answer:
        """Fill an answer with its file; a server that stops waits for no drawing."""
        stopping = asyncio.ensure_future(self.stopping.wait())
        developing = asyncio.ensure_future(self._darkroom.develop(answer, asset))
        try:
            await asyncio.wait((developing, stopping), return_when=asyncio.FIRST_COMPLETED)
            if self.stopping.is_set():
                return Answer(ending="drop")
            return developing.result()
        finally:
            for each in (developing, stopping):
                each.cancel()
            await asyncio.gather(developing, stopping, return_exceptions=True)

    async def _send(self, answer: Answer, scope: Message, receive: Receive, send: Send) -> None:
        transport: asyncio.Transport = scope["state"]["transport"]
        late = answer.after + self._core.options.delay
        if answer.ending == "hang":
            await self._until_left(receive)
        elif (late and not await self._pause(late)) or answer.ending == "drop":
            pass
        else:
            cut = answer.ending == "cut"
            await send({"type": "http.response.start", "status": answer.status, "headers": _headers(answer)})
            content = answer.body[: len(answer.body) // 2] if cut else answer.body
            await send({"type": "http.response.body", "body": content, "more_body": cut})
            if not cut:
                return
            await _flushed(transport)
        from skytells_nb.sandbox.protocol import break_off

        break_off(transport, reset=answer.reset)
        await _gone(receive)

    async def _pause(self, seconds: float) -> bool:
        """Wait; False when the server stops meanwhile."""
        if self.stopping.is_set():
            return False
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return True
        return False

    async def _until_left(self, receive: Receive) -> None:
        """Wait until the client gives up, or the server stops."""
        waits = {asyncio.ensure_future(_gone(receive)), asyncio.ensure_future(self.stopping.wait())}
        _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


async def _read(receive: Receive) -> bytes | None:
    """Read a body whole; None when the client left before it was."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message["body"]
        return body
    parts, size = [], 0
    while message["type"] == "http.request":
        size += len(message["body"])
        if size <= LARGEST_BODY + 1:
            parts.append(message["body"])
        if not message.get("more_body"):
            return b"".join(parts) if size <= LARGEST_BODY else b" " * (LARGEST_BODY + 1)
        message = await receive()
    return None


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _flushed(transport: asyncio.Transport) -> None:
    """Wait, a second at most, until what was written is with the kernel."""
    for _ in range(100):
        if not transport.get_write_buffer_size() or transport.is_closing():
            return
        await asyncio.sleep(0.01)


def _headers(answer: Answer) -> list[tuple[bytes, bytes]]:
    pairs = [
        (name.encode("ascii"), value.encode("latin-1", "replace")) for name, value in answer.headers.items()
    ]
    return [*pairs, (b"content-length", b"%d" % len(answer.body))]
