"""The work behind *Generate*: one prediction at a time on the private loop, and nothing of any widget.

A click starts it and is over at once, so it never matters on which thread a click arrives, nor whether a cell
blocks the kernel meanwhile. News goes to a `Listener`, from the private loop's thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..aio import submit
from ..client import AsyncClient
from ..exceptions import PredictionError
from ..models import Prediction
from .results import Drawings, draw

__all__ = ["Job", "Listener", "Work"]


@dataclass(eq=False, slots=True)
class Job:
    """One press of *Generate*.

    Attributes
    ----------
    input : dict
        What is sent.
    prediction : Prediction or None
        As last seen; None until the API has answered.
    stopping : bool
        Whether somebody wants it canceled.
    """

    input: dict[str, Any]
    prediction: Prediction | None = None
    stopping: bool = False
    began: float = field(default_factory=time.monotonic)
    future: Future[None] | None = None

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self.began


class Listener(Protocol):
    """Who hears how a job goes; from the private loop's thread, except `check`, which has its own."""

    def check(self, job: Job) -> bool:
        """Tell whether it may be sent; whatever speaks against it is the listener's to show."""

    def stands(self, job: Job) -> None:
        """Hear that it has moved, or that a second has passed."""

    def ended(self, job: Job, prediction: Prediction, drawings: Drawings, error: Exception | None) -> None:
        """Hear that its prediction has ended, well or not."""

    def failed(self, job: Job, error: BaseException) -> None:
        """Hear that nothing came of it; ``error`` says why, `CancelledError` if it was given up."""

    def complain(self, error: Exception) -> None:
        """Hear what else went wrong, such as canceling; the job goes on."""

    def idle(self) -> None:
        """Hear that nothing is under way any more."""


class Work:
    """Jobs, one after the other.

    Parameters
    ----------
    client : AsyncClient
        What to send them with.
    model : str
        The model's slug.
    listener : Listener
        Who hears of them.
    """

    def __init__(self, client: AsyncClient, model: str, listener: Listener) -> None:
        self._client = client
        self._model = model
        self._listener = listener
        self._lock = threading.RLock()
        self._job: Job | None = None
        self._queue: deque[Job] = deque()
        self._at_rest = threading.Condition(self._lock)

    @property
    def job(self) -> Job | None:
        """What is under way."""
        return self._job

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._queue)

    def start(self, input: Mapping[str, Any], *, queue: bool = False) -> bool:
        """Start a job, or queue it behind what runs; False when it was neither."""
        job = Job(dict(input))
        with self._lock:
            if self._job is not None:
                if queue:
                    self._queue.append(job)
                return queue
            self._job = job
        self._begin(job)
        return True

    def _begin(self, job: Job) -> None:
        job.began = time.monotonic()
        job.future = submit(self._run(job))

    def cancel(self) -> bool:
        """Cancel what runs, remotely and at once, and forget what waits; False when nothing runs."""
        with self._lock:
            self._queue.clear()
            job = self._job
            if job is None:
                return False
            if job.stopping:
                return True
            job.stopping = True
        self._listener.stands(job)
        submit(self._stop(job))
        return True

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is under way; whether that came about."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._at_rest:
            while self._job is not None:
                left = 0.25 if deadline is None else min(0.25, deadline - time.monotonic())
                if left <= 0:
                    return False
                self._at_rest.wait(
                    left
                )  # in slices, because an endless wait cannot be interrupted everywhere
        return True

    async def _run(self, job: Job) -> None:
        try:
            if await asyncio.to_thread(self._listener.check, job):
                await self._make(job)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - shown in the form
            self._listener.failed(job, error)
        finally:
            self._next()

    def _next(self) -> None:
        with self._lock:
            self._job = following = self._queue.popleft() if self._queue else None
            self._at_rest.notify_all()
        if following is not None:
            self._begin(following)
        else:
            self._listener.idle()

    async def _make(self, job: Job) -> None:
        self._listener.stands(job)
        ticking = asyncio.get_running_loop().create_task(self._tick(job))
        error: Exception | None = None
        try:
            prediction = await self._client.predictions.create(self._model, job.input, wait=False)
            self._see(job, prediction)
            if not prediction.done:
                prediction = await self._client.predictions.wait(
                    prediction, on_progress=lambda seen: self._see(job, seen)
                )
        except PredictionError as raised:
            if raised.prediction is None:
                raise
            prediction, error = raised.prediction, raised
        finally:
            ticking.cancel()
        job.prediction = prediction
        drawings = await asyncio.to_thread(draw, prediction)
        self._listener.ended(job, prediction, drawings, error)

    def _see(self, job: Job, prediction: Prediction) -> None:
        job.prediction = prediction
        self._listener.stands(job)

    async def _tick(self, job: Job) -> None:
        while True:
            await asyncio.sleep(1)
            self._listener.stands(job)

    async def _stop(self, job: Job) -> None:
        prediction = job.prediction
        if prediction is None:
            if (
                job.future is not None
            ):  # whatever the API may have accepted is then canceled in the background
                job.future.cancel()
            return
        try:
            if prediction.done:
                return
            canceled = await self._client.predictions.cancel(prediction.id)
        except Exception as error:  # noqa: BLE001 - shown in the form
            job.stopping = False
            if self._job is job:
                self._listener.complain(error)
            return
        self._client.connection.tell(canceled)
