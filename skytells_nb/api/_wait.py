"""Waiting for a prediction's end: one task that reads for everyone who waits, and what the end means."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ..aio import in_caller
from ..checks import check_callable, check_seconds
from ..exceptions import PredictionError, SkytellsError, WaitTimeoutError
from ..formatting import format_cost, money_unit
from ..models import Prediction
from . import _requests
from ._poller import Broken, Event, Poller
from ._requests import Request
from ._responses import Reply, TransportFailure

if TYPE_CHECKING:
    from ._connection import Connection

_log = logging.getLogger("skytells_nb")

_LOST: Final = TransportFailure("dropped", sent=True, message="interrupted")


class Watch:
    """Who waits for which prediction on one connection, and the task that reads for all of them.

    It holds its connection weakly, so that a client that is forgotten closes its sockets at once.
    """

    def __init__(self, connection: Connection) -> None:
        owner = weakref.ref(connection)

        def age(prediction: Prediction, now: float) -> float | None:
            connection = owner()
            return None if connection is None else connection.age(prediction, now)

        self.poller = Poller(
            connection.origin,
            rate_limit=connection.rate_limit,
            durations=connection.durations,
            policy=connection.policy,
            age=age,
        )
        self._waiters: dict[str, list[_Waiter]] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def count(self) -> int:
        return sum(map(len, self._waiters.values()))

    async def wait(
        self,
        connection: Connection,
        prediction: Prediction,
        deadline: float,
        on_progress: Callable[[Prediction], object] | None = None,
    ) -> Prediction:
        """Wait until a prediction ends; returns it, or as last seen when the deadline passes first.

        ``deadline`` is in the connection's monotonic time. ``on_progress`` is called where the user waits.
        """
        waiter = _Waiter(prediction)
        self._waiters.setdefault(prediction.id, []).append(waiter)
        number = connection.create_order.get(prediction.id, 0)
        self.poller.add(prediction, connection.now(), number=number)
        self._changed.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._read(connection))
        left = max(0.0, deadline - connection.now())
        expiry = asyncio.get_running_loop().call_later(left, waiter.expire)
        try:
            if on_progress is None:
                return await waiter.outcome
            while True:
                await waiter.woken.wait()
                waiter.woken.clear()
                # Swapped before the callbacks, which may take their
                # time: what comes meanwhile is the next round's.
                news, waiter.news = waiter.news, []
                for seen in news:
                    await in_caller(on_progress, seen)
                if waiter.outcome.done():
                    return waiter.outcome.result()
        finally:
            expiry.cancel()
            others = self._waiters[prediction.id]
            others.remove(waiter)
            if not others:
                del self._waiters[prediction.id]
                self.poller.remove(prediction.id)
            self._changed.set()

    def tell(self, prediction: Prediction, now: float) -> None:
        self._distribute(self.poller.tell(prediction, now))

    def close(self) -> None:
        """End every wait, because the client was closed."""
        self._fail(None)

    async def _read(self, connection: Connection) -> None:
        """Read for everyone until nobody waits; one slow answer keeps nobody else waiting."""
        reads: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        try:
            while len(self.poller):
                now = connection.now()
                for request in self.poller.requests(now):
                    read = loop.create_task(self._exchange(connection, request))
                    reads.add(read)
                    read.add_done_callback(reads.discard)
                due = self.poller.due(now)
                if due is not None:
                    _log.debug("waiting for %d predictions; next read in %.2f s", len(self.poller), due - now)
                self._changed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if due is None else max(0.0, due - now)):
                        await self._changed.wait()
        except Exception as error:  # noqa: BLE001 - a mistake of ours: no wait must hang because of it
            self._fail(error)
        finally:
            for read in reads:
                read.cancel()

    async def _exchange(self, connection: Connection, request: Request) -> None:
        reply: Reply = _LOST
        try:
            reply = await connection.exchange(request)
        except Exception as error:  # noqa: BLE001 - no HTTP error but a mistake: everyone's to know
            self._fail(None if connection.closed else error)
        # Also when it was cancelled: the poller waits for the answer of every read that it has out.
        finally:
            now = connection.now()
            try:
                self._distribute(self.poller.feed(request, reply, now, wait=connection.asked_wait(reply)))
            except Exception as error:  # noqa: BLE001 - see above
                self._fail(error)
            self._changed.set()

    def _distribute(self, events: list[Event]) -> None:
        for event in events:
            for waiter in self._waiters.get(event.id, ()):
                waiter.take(event)

    def _fail(self, error: Exception | None) -> None:
        """End every wait: with an error, or because the client was closed."""
        for identifier, waiters in self._waiters.items():
            closed = (
                f"Client was closed while it waited for prediction {identifier!r}, which goes on and may be "
                f"billed. Resume with another client: client.predictions.wait({identifier!r})."
            )
            for waiter in waiters:
                waiter.fail(error or SkytellsError(closed))


class _Waiter:
    __slots__ = ("last", "news", "outcome", "woken")

    def __init__(self, prediction: Prediction) -> None:
        self.outcome: asyncio.Future[Prediction] = asyncio.get_running_loop().create_future()
        self.woken = asyncio.Event()
        self.news: list[Prediction] = []
        self.last = prediction

    def take(self, event: Event) -> None:
        if self.outcome.done():
            return
        if isinstance(event, Broken):
            self.fail(event.error)
            return
        self.last = event
        self.news.append(event)
        if event.done:
            self.outcome.set_result(event)
        self.woken.set()

    def fail(self, error: Exception) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)
            self.outcome.exception()  # else asyncio complains where nobody waits any more
            self.woken.set()

    def expire(self) -> None:
        if not self.outcome.done():
            self.outcome.set_result(self.last)
            self.woken.set()


_PATIENCE: Final = 1800.0


def patience(timeout: object) -> float:
    """Check the seconds that a wait may last; half an hour where nothing is said."""
    return _PATIENCE if timeout is None else check_seconds("timeout", timeout, none="30 minutes")


async def wait(
    connection: Connection,
    prediction: Prediction | str,
    *,
    timeout: float | None = None,
    on_progress: Callable[[Prediction], object] | None = None,
) -> Prediction:
    """Wait until a prediction ends. An interrupt leaves it running: it can be waited for again."""
    deadline = connection.now() + patience(timeout)
    if on_progress is not None:
        check_callable("on_progress", on_progress, takes="a Prediction")
    if not isinstance(prediction, Prediction):
        _requests.get(prediction)  # refuses what is no id
        prediction = Prediction(id=prediction.strip(), status="queued", origin=connection.origin)
    if not prediction.done:
        prediction = await follow(connection, prediction, deadline, on_progress)
    return await conclude(connection, prediction)


async def follow(
    connection: Connection,
    prediction: Prediction,
    deadline: float,
    on_progress: Callable[[Prediction], object] | None,
) -> Prediction:
    """Wait for the end of a prediction, well or not; raises `WaitTimeoutError` at the deadline."""
    began = connection.now()
    try:
        seen = await connection.watch.wait(connection, prediction, deadline, on_progress)
    except Exception as error:
        if not isinstance(error, SkytellsError):
            error.add_note(f"Prediction {prediction.id} goes on; client.predictions.wait takes it up again.")
        raise
    if not seen.done:
        waited = connection.now() - began
        # No read may have said anything: then it is not known whether it runs at all.
        state = "may still be running" if seen is prediction else f"is still {seen.status}"
        raise WaitTimeoutError(
            f"Timed out after {waited:.0f} s. Prediction {seen.id} {state}, and is billed if it succeeds: "
            f"resume with client.predictions.wait({seen.id!r}), or stop it with "
            f"client.predictions.cancel({seen.id!r}).",
            prediction=seen,
        )
    return seen


async def conclude(connection: Connection, prediction: Prediction) -> Prediction:
    """Tell the observers of an end; returns what succeeded, raises `PredictionError` for what did not."""
    try:
        prediction = await connection.ended(prediction)
    except asyncio.CancelledError:
        connection.cancel_summary.ended(prediction)  # its id must be told: nobody gets the prediction
        raise
    if prediction.status == "succeeded":
        return prediction
    what = "was canceled" if prediction.status == "canceled" else "failed"
    why = f": {prediction.error.rstrip('.')}" if prediction.error else ""
    remedy = (
        "Run it again if you still want it."
        if prediction.status == "canceled"
        else "Try another seed or prompt; the same input may fail again."
    )
    cost = format_cost(prediction.cost, money_unit(connection.account.sandbox))
    error_id = prediction.raw.get("error_id")
    raise PredictionError(
        f"Prediction {prediction.id} {what}{why} (cost: {cost}). {remedy}",
        prediction=prediction,
        detail=prediction.error,
        error_id=error_id if isinstance(error_id, str) else None,
        charged=None if prediction.cost is None else prediction.cost > 0,
    )
