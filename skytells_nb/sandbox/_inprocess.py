"""A sandbox that can be looked into, and the one inside this process: a request goes in, an answer comes out.

The latter has no socket and no thread. It is for tests and doctests, and for places without sockets, such as
a browser. What the wire alone can do, a dropped connection or an answer that never comes, is an exception
here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Self

from ._accounts import Learner
from ._core import Core, Received
from ._faults import Faults
from ._messages import HttpRequest, HttpResponse
from ._options import Options
from ._own_routes import OWN_ROUTES, teachers_word
from ._rendering import Media, RenderCache
from ._state import State, StateFile
from ._webhooks import Delivery


class Sandbox:
    """A sandbox that can be looked into; `options` are those of `skytells_nb.sandbox.Options`.

    What shall go wrong is said to `faults`: ``sandbox.faults.next("rate_limit", times=2, retry_after=1)``.
    """

    def __init__(self, *, media: Media | None = None, **options: Any) -> None:
        self.options = Options.read(options)
        self.faults = Faults(self.options.clock)
        self._media = media
        self._core: Core | None = None
        self._origin = ""

    def start(self) -> Self:
        """Return the sandbox itself, ready to answer."""
        return self

    def stop(self) -> None:
        """Let go of everything; what was logged and billed can still be read."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def core(self) -> Core:
        """The API without a socket; for tests that ask it directly."""
        if self._core is None:
            raise RuntimeError(
                "this sandbox has not been started; use `with Server() as server:` or server.start()"
            )
        return self._core

    @property
    def url(self) -> str:
        """The base URL for clients; ends in ``/v1``."""
        _ = self.core  # says what to do when it was never started
        return f"{self._origin}/v1"

    @property
    def api_key(self) -> str:
        """The sandbox's own key, ``sk-sandbox-…``; in a class, the teacher's.

        Any other that starts with ``sk-`` is accepted too, unless there is a class or others can reach it.
        """
        return self.core.state.api_key

    @property
    def learners(self) -> list[Learner]:
        """The class, with everybody's key; empty when there is none."""
        return list(self.core.state.learners)

    @property
    def gallery_url(self) -> str | None:
        """The page with everybody's latest pictures, for who knows its address; None when it is off."""
        secret = self.core.state.gallery
        return f"{self._origin}/class/{secret}" if self.options.gallery and secret else None

    @property
    def vote_urls(self) -> tuple[str, str] | None:
        """Where a class votes, and where its teacher sees the ranking; None without a class."""
        state = self.core.state
        words = (state.gallery, teachers_word(state))
        return (
            (f"{self._origin}/class/{words[0]}/vote", f"{self._origin}/class/{words[1]}/vote")
            if state.learners
            else None
        )

    @property
    def log(self) -> list[Received]:
        """Every request received, oldest first; keys are shown as fingerprints."""
        return list(self.core.log)

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
        """Every prediction as the API would show it now, newest first; a snapshot for tests."""
        return self.core.snapshot()

    @property
    def deliveries(self) -> list[Delivery]:
        """Every webhook delivery that was tried, oldest first."""
        return list(self.core.deliveries)

    def _make_core(self) -> Core:
        path = self.options.state
        if path is None and self._core is not None:
            return self._core
        state = None if path is None else State(StateFile(path), self.options.seed)
        try:
            return Core(self.options, state=state, faults=self.faults, media=self._media, handlers=OWN_ROUTES)
        except BaseException:
            if state is not None:
                state.close()
            raise


#: Where its URLs point: to this machine, and to a port where nobody listens, should one meet a real socket.
ORIGIN: Final = "http://127.0.0.1:9"


class ConnectionDroppedError(ConnectionError):
    """The connection broke before an answer, or in the midst of one, because a fault said so.

    ``reset`` tells a TCP reset from an orderly close.
    """

    def __init__(self, message: str, *, reset: bool = False) -> None:
        super().__init__(message)
        self.reset = reset


class NeverAnsweredError(TimeoutError):
    """A request to which no answer will ever come, because a fault said so: the caller's limit is next."""


async def _at_once(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


class InProcess(Sandbox):
    """A sandbox without a socket; `media` draws the files.

    `sleep` waits out the seconds by which an answer comes later (``slow``, ``delay``, ``await: true``): with
    an event loop on virtual time nothing is waited. The `options` are those of `skytells_nb.sandbox.Options`;
    ``clock`` moves jobs and webhooks along.
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
        """Answer one request: its status, its headers with names in lower case, and its body.

        `target` is path and query, percent-encoded: ``/v1/predictions?page=2``, or the path of an output's
        URL. A body that comes in pieces is an iterator.

        Raises
        ------
        ConnectionDroppedError
            A fault dropped the connection; from the iterator, where it was cut in the midst of the body.
        NeverAnsweredError
            A fault swallowed the answer.
        """
        target, _, query = target.partition("?")
        lower = {name.lower(): value for name, value in (headers or {}).items()}
        request = HttpRequest(method.upper(), target, query, lower, body, ORIGIN, "127.0.0.1")
        core = self.core

        async def pause(id: str, left: float) -> bool:
            await self._sleep(left)
            return core.seconds_left(id) < left  # or else the clock stands still

        try:
            early = core.answer(request)
            response = await core.complete(request, early, self._files, pause=pause, work=_at_once)
            late = response.after + self.options.delay
        except Exception as error:  # noqa: BLE001 - answered as on the wire: 500 in the documented envelope
            response, late = core.failure(error), 0.0
        if late:
            await self._sleep(late)
        return self._sent(response, request.method)

    async def deliver(self, post: Callable[[str, dict[str, str], bytes], Awaitable[int]]) -> int:
        """Deliver the webhooks that are due by the clock, and return how many were tried.

        `post` is given URL, headers and body, and returns the receiver's status.
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
        self, response: HttpResponse, method: str
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
        self, response: HttpResponse, pieces: Sequence[tuple[float, bytes]]
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
