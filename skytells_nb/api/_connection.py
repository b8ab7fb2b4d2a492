"""One key's connection to one API: everything that its two clients share, and how each asks through it.

It knows the key, the origin and the policy; which predictions belong to which create; what it has learnt of
the API; who listens. Everything of it runs on the toolkit's loop, so nothing here needs a lock.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
import weakref
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import update_wrapper
from typing import Any, Concatenate, Final, NoReturn, ParamSpec, TypeVar

from ..aio import close_at_exit, is_toolkit_thread, on_loop, run, spawn, submit
from ..checks import check_seconds
from ..exceptions import InvalidInputError, SkytellsError, warn_user
from ..models import Model, Prediction, PredictionList, Pricing
from ..schema import InputSchema, parse
from . import _observers
from ._credentials import Key, make_route, resolve_api_key, resolve_base_url
from ._download import Downloader, downloader
from ._http import HttpSession, as_async_transport
from ._observers import Account, CancelSummary, Observer, tell
from ._pending import CreateRegistry, forget_pending, registry_of
from ._requests import Call, Request
from ._responses import (
    ErrorBody,
    Reply,
    Response,
    TransportFailure,
    is_missing_prediction,
    parse_reply,
    to_exception,
)
from ._retry import Durations, Policy, RateLimit, answered_at, retry_after, shared_durations
from ._wait import Watch

P = ParamSpec("P")
T = TypeVar("T")

BACKGROUND_SECONDS: Final = 2.0
"""Seconds that what goes on after an interrupt has: to hear of a create, cancel it, archive what ended."""

_LINGER: Final = 0.4
"""Seconds of quiet after which what an interrupt stopped is summed up in one sentence."""

_DAY: Final = 86_400.0

_log = logging.getLogger("skytells_nb")


class ServerClock:
    """The API's clock, as far as its ``Date`` headers tell it, against a monotonic one here."""

    def __init__(self) -> None:
        self._offset: float | None = None

    def learn(self, date: datetime, now: float) -> None:
        """Learn from a ``Date`` header of an answer that arrived at ``now``.

        A ``Date`` is cut to whole seconds and a little old on arrival, so each one bounds the clock from
        below, and the latest bound is the best.
        """
        # More than two seconds back is no rounding: that clock was set, and earlier bounds are worth nothing.
        bound = date.timestamp() - now
        self._offset = bound if self._offset is None or bound < self._offset - 2 else max(self._offset, bound)

    def at(self, moment: float) -> datetime | None:
        """Return the API's time at a monotonic moment, never later than it truly was; None until it told."""
        if self._offset is None:
            return None
        return datetime.fromtimestamp(self._offset + moment, UTC)


class Connection:
    """Key, origin, policy, creates under way, watch and observers, and the sockets that go with them.

    Parameters are those of `skytells_nb.Client`; everything is checked before anything is sent. All
    connections of one account share `creates`. `display_names` holds slugs and the names under which the API
    may list them, `prices` what was read of their prices and when, `legacy_endpoints` those that this API
    knows in their older spelling only.
    """

    def __init__(
        self,
        api_key: str | Key | None = None,
        *,
        base_url: str | None = None,
        timeout: float | None = 60.0,
        max_retries: int = 2,
        archive: object = None,
        transport: object = None,
        verify: object = True,
        proxy: object = None,
        headers: object = None,
        observers: tuple[Observer, ...] = (),
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.key = resolve_api_key(api_key)
        self.origin = resolve_base_url(base_url)
        self.timeout = 60.0 if timeout is None else min(check_seconds("timeout", timeout, none="60 s"), _DAY)
        self.route = make_route(verify, proxy, headers)
        self.transport = as_async_transport(transport)
        if transport is not None and self.transport is None:
            raise InvalidInputError(f"transport must be an httpx transport, not {type(transport).__name__}.")
        self.archive = archive if isinstance(archive, Observer) else None
        self.observers = [*observers, *([self.archive] if self.archive is not None else [])]
        self.policy = Policy(max_retries=max_retries)
        self.now, self.wall, self.chance = now, wall, chance
        self.account = Account(self.origin, self.key.fingerprint)
        # A transport of one's own is a world of its own.
        self.creates = registry_of(self.account) if transport is None else CreateRegistry()
        self.durations: Durations = shared_durations
        self.rate_limit = RateLimit()
        self.server_clock = ServerClock()
        self.cancel_summary = CancelSummary()
        self.display_names: dict[str, str] = {}
        self.input_schemas: dict[str, InputSchema] = {}
        self.prices: dict[str, tuple[float, Pricing | None]] = {}
        self.legacy_endpoints: set[str] = set()
        self.create_order: dict[str, int] = {}
        self.created_at: dict[str, float] = {}
        self.clock_lag = timedelta(0)
        self.watch = Watch(self)
        self.closed = False
        self._http: HttpSession | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._creating = 0
        _made[:] = [*(made for made in _made if made() is not None), weakref.ref(self)]

    def __repr__(self) -> str:
        return f"Connection({self})"

    def __str__(self) -> str:
        if not hasattr(self, "closed"):  # as in the traceback of a refusal
            return "not made yet"
        state = ", closed" if self.closed else ""
        return f"{'sandbox at ' if self.account.sandbox else ''}{self.origin!r}{state}"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a client is never pickled, because it holds the key; make one in the other process, with the "
            "key from its environment"
        )

    def require_open(self) -> None:
        if self.closed:
            raise SkytellsError(
                "Client is closed. Create a new Client(), or make the call inside its `with` block.",
                charged=False,
            )

    # What is sent, and what is learnt from the answers

    @property
    def http(self) -> HttpSession:
        """The sockets on the running loop, made on first use, and anew in a forked child."""
        # Remote cancels of a client that was closed may still be on their way, and need a socket.
        if self._is_over:
            self.require_open()
        session = self._http
        # A pool of httpx belongs to one event loop; used from another it
        # fails with "bound to a different event loop" (measured, httpx 0.28).
        if session is None or session.closed or session.loop is not asyncio.get_running_loop():
            session = HttpSession(self.origin, self.key, self.timeout, self.route, self.transport)
            self._http = session
            close_at_exit(session)
            # At exit `close_at_exit` closes it, and finalizers may run when its loop has gone.
            weakref.finalize(self, _close_soon, session).atexit = False
        return session

    def request_for(self, call: Call) -> Request:
        """Return a call in the spelling that this API is known to understand."""
        return (
            call.older if call.older is not None and call.endpoint in self.legacy_endpoints else call.newest
        )

    async def exchange(self, request: Request) -> Reply:
        """Exchange one request that may be given up with its caller, and learn from its answer."""
        reply = await self.http.exchange(request)
        self.learn_from(reply)
        return reply

    def learn_from(self, reply: Reply) -> None:
        """Learn from an answer's headers: the API's clock, its rate limit, whether it is a sandbox."""
        if not isinstance(reply, Response):
            return
        moment = self.now()
        date = answered_at(reply.headers)
        if date is not None:
            self.server_clock.learn(date, moment)
        self.rate_limit.learn(reply.headers, moment, (date or self.wall()).timestamp())
        if "x-skytells-sandbox" in reply.headers:
            self.note_sandbox()

    def note_sandbox(self) -> None:
        """Know from now on that this is a sandbox, whose prices are credits."""
        if not self.account.sandbox:
            self.account = Account(self.account.origin, self.account.fingerprint, sandbox=True)

    def asked_wait(self, reply: Reply) -> float | None:
        """Return the seconds that an answer asks to wait, if it does."""
        return retry_after(reply.headers, self.wall()) if isinstance(reply, Response) else None

    # What is known of predictions

    def earliest(self, moment: float, wall: datetime) -> datetime:
        """Return the earliest API time at which something sent then, by both clocks here, can have been made.

        Without any ``Date`` of the API's: the local time less two minutes. Cut to whole seconds, as
        some of its timestamps are. Where this computer slept meanwhile, its monotonic clock stood
        still, so the wall clock counts too.
        """
        now, here = self.now(), self.wall()
        passed = timedelta(seconds=max(now - moment, (here - wall).total_seconds()))
        server = self.server_clock.at(now) or here - timedelta(minutes=2)
        return (server - passed - self.clock_lag).replace(microsecond=0)

    def note_lag(self, prediction: Prediction, since: datetime) -> None:
        """Learn from a create's own answer by how much `earliest` was too late, if it was.

        Those who date predictions need not be those who date answers: with five seconds between their clocks
        a create whose answer was lost was taken for older than its request, and sent again.
        """
        if prediction.created_at is not None:
            self.clock_lag += max(timedelta(0), since - prediction.created_at)

    def note_created(self, prediction: Prediction, *, just_now: bool = True) -> None:
        """Count a prediction made here, so that the watch knows how deep in the listing it lies."""
        self.create_order[prediction.id] = len(self.create_order) + 1
        if just_now:
            self.created_at[prediction.id] = self.now()

    def age(self, prediction: Prediction, now: float) -> float | None:
        """Return the seconds since a prediction was made, by its create here or the API's clock, if known."""
        created = self.created_at.get(prediction.id)
        if created is not None:
            return now - created
        server = self.server_clock.at(now)
        if server is None or prediction.created_at is None:
            return None
        return max(0.0, (server - self.clock_lag - prediction.created_at).total_seconds())

    def note_model(self, model: Model) -> None:
        """Remember what it takes and costs, and its display name, by which the API may list it."""
        self.prices[model.id] = (self.now(), model.pricing)
        if model.name:
            self.display_names[model.id] = model.name
        if model.input_schema is not None:
            self.input_schemas[model.id] = parse(model.input_schema)

    # Who listens

    def listeners(self) -> list[Observer]:
        """Return everyone who listens now: this connection's observers and the process-wide ones."""
        return [_observers.session_costs, *self.observers, *_observers.everywhere()]

    async def ended(self, prediction: Prediction) -> Prediction:
        """Tell every observer that a prediction ended, to the end also after an interrupt.

        Returns it, perhaps with its files. An observer that fails becomes a warning.
        """
        return await self.to_the_end(self._tell_ended(prediction))

    async def _tell_ended(self, prediction: Prediction) -> Prediction:
        downloader.set(Downloader(self.route, self.transport))  # for this task alone
        for observer in self.listeners():
            hear = observer.ended(self.account, prediction)
            kept = await tell(observer, hear, f" on prediction {prediction.id}")
            prediction = kept if isinstance(kept, Prediction) else prediction
        return prediction

    async def listed(self, predictions: PredictionList) -> PredictionList:
        """Tell every observer of a listing: the archive fetches what it still owes of it."""
        return await self.to_the_end(self._tell_listed(predictions))

    async def _tell_listed(self, predictions: PredictionList) -> PredictionList:
        downloader.set(Downloader(self.route, self.transport))
        for observer in self.listeners():
            if kept := await tell(observer, observer.listed(self.account, predictions), " on a listing"):
                predictions = PredictionList(kept.get(each.id, each) for each in predictions)
        return predictions

    def tell(self, prediction: Prediction) -> None:
        """Let every wait hear of a prediction that came by itself, such as a webhook's; from any thread."""
        if is_toolkit_thread():
            self.watch.tell(prediction, self.now())
        elif self._http is not None:
            with suppress(RuntimeError):  # that loop has ended, and nobody waits any more
                self._http.loop.call_soon_threadsafe(self.watch.tell, prediction, self.now())

    def see_end(self, prediction: Prediction) -> Prediction:
        """Tell the observers of an end, from any thread but the toolkit's own."""
        return run(self.ended(prediction))

    # What goes on after an interrupt

    async def to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Await what must not be cut short: when its caller is cancelled it goes on in the background."""
        task = asyncio.ensure_future(work)
        try:
            # What was paid for is counted and archived also when its cell is interrupted.
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.done():
                self.in_background(task)
            raise

    def in_background(self, work: Coroutine[Any, Any, Any] | asyncio.Task[Any]) -> None:
        """Let work go on while something ends every two seconds; sum up what was stopped once all is quiet.

        A script that ends waits for it. The sockets stay open for it, also when the client is closed.
        """
        task = spawn(work, BACKGROUND_SECONDS)
        self._background.add(task)
        task.add_done_callback(self._left_background)

    def _left_background(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not self._background:
            spawn(self._sum_up(), BACKGROUND_SECONDS)

    async def _sum_up(self) -> None:
        await asyncio.sleep(_LINGER)
        if self._background:
            return
        sentence = self.cancel_summary.sentence(sandbox=self.account.sandbox)
        if sentence is not None:
            warn_user(sentence)
        if self._is_over:
            await self._close_sockets()

    # The end

    @property
    def _is_over(self) -> bool:
        return self.closed and not self._background and not self._creating

    @contextmanager
    def creating(self) -> Iterator[None]:
        """Keep the sockets while something that is paid for is asked for, also where the client is closed."""
        self._creating += 1
        try:
            yield
        finally:
            self._creating -= 1
            if self._is_over:
                spawn(self._close_sockets(), BACKGROUND_SECONDS)

    def close(self) -> None:
        """Close every socket, from any thread; what runs remotely goes on."""
        if not self.closed:
            self.closed = True
            if self._http is None:
                return
            if is_toolkit_thread():
                submit(self.aclose())
            else:
                run(self.aclose())

    async def aclose(self) -> None:
        self.closed = True
        self.watch.close()
        # Else the last of the background closes them (`_sum_up`), or of the creates.
        if self._is_over:
            await self._close_sockets()

    async def _close_sockets(self) -> None:
        session, self._http = self._http, None
        if session is not None:
            await session.aclose()

    def start_afresh(self) -> None:
        """Forget every socket and task, as a forked child must; the parent uses them still."""
        # Kept, because collecting them here would shut down sockets that the parent still uses.
        _of_parents.append((self._http, self.watch, self._background))
        self.watch, self._http, self._background, self._creating = Watch(self), None, set(), 0


_of_parents: list[object] = []
"""What a forked child must never close."""


def _close_soon(session: HttpSession) -> None:
    """Close the sockets of a connection that was forgotten while the loop runs on."""
    if session.closed or session.loop.is_closed():
        return
    with suppress(RuntimeError):
        session.loop.call_soon_threadsafe(lambda: spawn(session.aclose(), BACKGROUND_SECONDS))


_made: list[weakref.ref[Connection]] = []


def connections() -> list[Connection]:
    """Return every connection that somebody holds, the newest first."""
    return [connection for made in reversed(_made) if (connection := made()) is not None]


def connection_for(account: Account) -> Connection | None:
    """Return the newest open connection of an account; None when there is none."""
    wanted = (account.origin, account.fingerprint)
    still_open = (connection for connection in connections() if not connection.closed)
    return next((c for c in still_open if (c.account.origin, c.account.fingerprint) == wanted), None)


def latest() -> Connection | None:
    return next((connection for connection in connections() if not connection.closed), None)


def _after_fork() -> None:
    forget_pending()
    for connection in connections():
        connection.start_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Resource:
    """What can be asked through one connection: each method is defined once, as a coroutine.

    Every one runs on the toolkit's loop. `AsyncClient` awaits it from whatever loop its caller is on,
    `Client` waits for the same coroutine in the caller's thread (`blocking`).
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __repr__(self) -> str:
        can = [name for name in (*vars(type(self)), *vars(self)) if not name.startswith("_")]
        return f"<{type(self).__name__} of {self._connection}: {', '.join(can)}>"

    async def _on_loop(self, operation: Coroutine[Any, Any, T]) -> T:
        try:
            self._connection.require_open()
        except BaseException:
            operation.close()
            raise
        return await on_loop(operation)


def blocking(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Any, P], T]:
    """Return the blocking twin of a coroutine method, with its name, signature and docstring.

    In a notebook Shift-Tab is the documentation.
    """

    def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return run(method(self, *args, **kwargs))

    update_wrapper(call, method)
    call.__qualname__ = method.__qualname__.removeprefix("Async")
    return call


# Asking for something that may safely be asked for twice: reads, cancels, deletes.


async def send_with_retry(connection: Connection, call: Call, subject: str) -> Any:
    """Exchange a call, again where that may help; returns its decoded body.

    Raised is the typed error of its last answer, ``subject`` named in it.
    """
    attempt, asked_before = 0, False
    while True:
        request = connection.request_for(call)
        reply = await connection.exchange(request)
        body, error = parse_reply(reply)
        is_empty = isinstance(reply, Response) and 200 <= reply.status < 300 and not reply.body.strip()
        # A cancel or delete may be answered well without a body.
        if error is None or (is_empty and call.newest.method != "GET"):
            return body
        if is_older_spelling(connection, call, request, error):
            continue
        is_missing = isinstance(error, ErrorBody) and is_missing_prediction(error)
        if asked_before and is_missing and call.endpoint == "delete":
            return None  # the try before has deleted it
        asked_before = asked_before or not isinstance(error, TransportFailure) or error.sent
        pause = pause_before(connection, reply, error, attempt)
        if pause is None:
            wait = rate_limit_wait(connection, reply)
            raise to_exception(error, subject=subject, billed=None, wait=wait)
        attempt += 1
        _log.debug("%s: %s; try %d in %.2f s", subject, error, attempt + 1, pause)
        await asyncio.sleep(pause)


async def ask_sandbox(connection: Connection, name: str) -> Any:
    """Read one of a sandbox's own routes, which the API does not have, and which want its owner's key."""
    request = Request("GET", f"/../__sandbox__/{name}")  # beside the base URL, which ends in /v1
    return await send_with_retry(connection, Call("sandbox", request), f"the sandbox's {name}")


async def send_all_with_retry(connection: Connection, calls: list[Call], subject: str) -> list[Any]:
    """Exchange several reads at once; returns their decoded bodies in order."""
    tasks = [asyncio.ensure_future(send_with_retry(connection, call, subject)) for call in calls]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


def rate_limit_wait(connection: Connection, reply: Reply) -> float:
    """Return the seconds to wait after a rate limit: what the API asks, else what its limit suggests."""
    asked = connection.asked_wait(reply)
    if asked is not None:
        return asked
    moment = connection.now()
    return max(1.0, connection.rate_limit.ready(moment) - moment)


def is_older_spelling(
    connection: Connection, call: Call, request: Request, error: ErrorBody | TransportFailure
) -> bool:
    """Return whether the API does not know this spelling, and there is an older one to fall back to."""
    if isinstance(error, TransportFailure) or error.error_id != "ENDPOINT_NOT_FOUND" or call.older is None:
        return False
    if request is call.older:
        connection.legacy_endpoints.discard(call.endpoint)
        return False
    connection.legacy_endpoints.add(call.endpoint)
    return True


def pause_before(
    connection: Connection, reply: Reply, error: ErrorBody | TransportFailure, attempt: int
) -> float | None:
    """Return the seconds to wait before another try; None when there is to be none."""
    asked, policy = connection.asked_wait(reply), connection.policy
    if isinstance(error, ErrorBody):
        if not error.is_transient or (error.status == 502 and is_missing_prediction(error)):
            return None
        if error.status == 429 and asked is None:
            asked = rate_limit_wait(connection, reply)
    if attempt >= policy.max_retries or not policy.accepts(asked):
        return None
    return policy.pause(attempt, asked, connection.chance)
