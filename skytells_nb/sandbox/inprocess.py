"""The sandbox inside this process: a request goes in, an answer comes out, with no socket and no thread.

For tests and doctests, and for places without sockets, such as a browser. Whatever the wire alone can do, a
dropped connection or an answer that never comes, is an exception here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Self
from urllib.parse import urlsplit

from skytells_nb.sandbox.assets import serve
from skytells_nb.sandbox.core import Core, Received
from skytells_nb.sandbox.drawing import Media
from skytells_nb.sandbox.exchange import Answer, Asset, Request
from skytells_nb.sandbox.faults import Faults
from skytells_nb.sandbox.journal import Journal
from skytells_nb.sandbox.notices import Delivery
from skytells_nb.sandbox.options import Options
from skytells_nb.sandbox.state import State
from skytells_nb.sandbox.thumbnails import shrink

#: Names under ``.localhost`` never leave the machine, should such a URL ever meet a real socket.
ORIGIN = "http://sandbox.localhost"


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


class InProcess:
    """A sandbox without a socket.

    Parameters
    ----------
    media : Media, optional
        Who draws the files; `skytells_nb.sandbox.media`, unless given.
    sleep : callable, optional
        A coroutine function that waits out the seconds by which an answer comes later (``slow``, ``delay``,
        ``await: true``); `asyncio.sleep` unless given. With an event loop on virtual time nothing is waited.
    **options
        See `skytells_nb.sandbox.options.Options`; `clock` moves jobs and webhooks along.

    Attributes
    ----------
    core : Core
        Answers.
    faults : Faults
        What shall go wrong.
    options : Options
        What it was made with.

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
        self.options = Options.read(options)
        self.faults = Faults(self.options.clock)
        path = self.options.state
        state = None if path is None else State(Journal(path), self.options.seed)
        self.core = Core(self.options, state=state, faults=self.faults, media=media)
        self._sleep = sleep
        self._files: dict[tuple[str, str, int], bytes] = {}

    @property
    def url(self) -> str:
        """The base URL for clients; ends in ``/v1``."""
        return f"{ORIGIN}/v1"

    @property
    def api_key(self) -> str:
        """The sandbox's own key, ``sk-sandbox-…``."""
        return self.core.state.api_key

    @property
    def log(self) -> list[Received]:
        """Every request received, oldest first; keys are shown as fingerprints."""
        return self.core.received

    @property
    def billed(self) -> int:
        """How many predictions are billed: accepted, and neither failed nor cancelled."""
        return len(self.core.billed)

    @property
    def billed_amount(self) -> Decimal:
        """What they cost together, in credits."""
        return sum(self.core.billed.values(), Decimal(0))

    @property
    def predictions(self) -> list[dict[str, Any]]:
        """Every prediction as the API would show it now, newest first."""
        return self.core.snapshot()

    @property
    def deliveries(self) -> list[Delivery]:
        """Every webhook delivery that was tried, oldest first."""
        return list(self.core.deliveries)

    def start(self) -> Self:
        """Return the sandbox itself: there is nothing to start."""
        return self

    def stop(self) -> None:
        """Close its state file, if it has one."""
        self.core.state.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

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
        parts = urlsplit(target)
        lower = {name.lower(): value for name, value in (headers or {}).items()}
        request = Request(method.upper(), parts.path, parts.query, lower, body, ORIGIN, "127.0.0.1")
        try:
            answer = self.core.answer(request)
            late = answer.after + self.options.delay
            if answer.hold is not None:
                while left := self.core.left(answer.hold):
                    await self._sleep(left)
                    if self.core.left(answer.hold) >= left:
                        break  # the clock stands still: waiting longer changes nothing
                answer = self.core.held(answer.hold, request)
            if answer.asset is not None:
                answer = serve(answer, self._drawn(answer.asset), answer.asset.range)
        except Exception as error:  # noqa: BLE001 - answered as on the wire: 500 in the documented envelope
            answer, late = self.core.failure(error), 0.0
        if late:
            await self._sleep(late)
        return _sent(answer, method)

    async def deliver(self, post: Callable[[str, dict[str, str], bytes], Awaitable[int]]) -> int:
        """Deliver the webhooks that are due by the clock, and return how many were tried.

        Parameters
        ----------
        post : callable
            Coroutine function that is given URL, headers and body, and returns the receiver's status.
        """
        tried = 0
        while (notice := self.core.due_notice(ORIGIN)) is not None:
            tried += 1
            headers = {"content-type": "application/json", "x-skytells-signature": notice.signature}
            status, failure = None, None
            try:
                status = await post(notice.url, headers, notice.body)
            except OSError as error:
                failure = str(error) or type(error).__name__
            self.core.delivered(notice, status, failure)
        return tried

    def _drawn(self, asset: Asset) -> bytes:
        key = (asset.job, asset.name, asset.edge)
        if key not in self._files:
            if asset.edge:
                content = shrink(self._drawn(replace(asset, edge=0)), asset.edge)
            else:
                content, _ = self.core.media.draw(asset.kind, asset.input, index=asset.index)
                self.core.drawn(asset.job, asset.name, len(content))
            self._files[key] = content
        return self._files[key]


def _sent(answer: Answer, method: str) -> tuple[int, dict[str, str], bytes | AsyncIterator[bytes]]:
    if answer.ending == "drop":
        raise ConnectionDroppedError("the connection closed without an answer", reset=answer.reset)
    if answer.ending == "hang":
        raise NeverAnsweredError("no answer will come")
    headers = {**answer.headers, "content-length": str(len(answer.body))}
    if answer.ending == "cut":
        return answer.status, headers, _cut(answer)
    return answer.status, headers, b"" if method.upper() == "HEAD" else answer.body


async def _cut(answer: Answer) -> AsyncIterator[bytes]:
    yield answer.body[: len(answer.body) // 2]
    raise ConnectionDroppedError("the connection closed in the midst of the body", reset=answer.reset)
