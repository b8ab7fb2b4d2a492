"""What a press of *Generate* does, and where a form stands meanwhile.

A `FormController` has one trait, ``state``, which views observe: a frozen `FormState`, replaced as a whole.
Everything that changes it runs on the toolkit's own loop, one thing after the other. So a click is over at
once on whatever thread it arrives, no lock is needed, and an interrupt, which only reaches the main thread,
never finds a press half done. A press ends in `_ended`, the done callback of its task, which asyncio calls
however the task ends, also when it was cancelled before its first step.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final, Literal

import traitlets

from ..aio import Together, run, submit, together
from ..api import AsyncClient, cancel_remotely, create_or_reuse, prepare_input, session_costs
from ..exceptions import PredictionError, SkytellsError
from ..models import Model, Prediction, PredictionList, Status
from ..pricing import Estimate, estimate
from ..schema import NEEDED
from ..spending import Budget, as_observers
from ._views import NOT_SENT, Drawings, ErrorMessage, describe, draw

_DEBOUNCE: Final = 0.06  # seconds: every key in a box is a change, and a large schema is long to check
_log: Final = logging.getLogger(__name__)

FormStatus = Literal["idle", "sending"] | Status


@dataclass(frozen=True, slots=True, kw_only=True)
class FormState:
    """Where a form stands."""

    status: FormStatus = "idle"  # of what runs or ran last; idle before the first, and after a refusal
    running: bool = False
    canceling: bool = False
    prediction: Prediction | None = None  # what runs, as last seen; None until the API has answered
    seconds: float = 0.0  # for which it has been running
    waiting: int = 0  # presses behind it
    predictions: PredictionList = field(default_factory=PredictionList)  # all that was made, newest first
    # the last that ended, how it looks, and what was sent for it
    newest: tuple[Prediction, Drawings, dict[str, Any]] | None = None
    error: ErrorMessage | None = None  # what the last press ended with, until something is changed
    retry_in: float | None = None  # seconds until the API takes requests again
    note: str = ""  # something worth saying that is no error
    problems: Mapping[str, str] = field(default_factory=dict)  # by field; under "" what concerns none
    reveal: bool = False  # whether fields that are folded away are opened where they have a problem
    estimate: Estimate | None = None
    spent: Decimal = Decimal(0)  # by this session, in this form and everywhere else


def unavailable(model: Model) -> str:
    """Say why a model cannot be run as a prediction, and what to do; empty where it can."""
    if model.status == "offline":
        return "This model is offline. Choose another one, or come back later."
    route = model.text_route
    if route is None:
        return ""
    use = f"client.embeddings.create({model.id!r}, …)" if route == "embeddings" else f"sky.Chat({model.id!r})"
    return f"This model answers at once, not as a prediction: use {use}."


@dataclass(eq=False, slots=True)
class _Submission:
    """One press of *Generate*."""

    input: dict[str, Any]
    prediction: Prediction | None = None
    began: float = 0.0
    task: Future[dict[str, Any]] | None = None


class FormController(traitlets.HasTraits):
    """Checks, prices and sends a form's inputs, one press after the other.

    ``check`` tells what is wrong with an input, by the name of the field. With ``queue`` a press while
    something runs waits for its turn; else it is ignored. With ``reuse`` the archive is asked first, and each
    press of an equal input takes another prediction from it. Observers of ``state`` are called on the
    toolkit's loop; one that fails stops nothing.
    """

    state = traitlets.Instance(FormState)

    def __init__(
        self,
        client: AsyncClient,
        model: Model,
        check: Callable[[Mapping[str, Any]], dict[str, str]],
        *,
        names: tuple[str, ...] = (),
        budget: Budget | None = None,
        queue: bool = False,
        reuse: bool | None = None,
    ) -> None:
        super().__init__(state=FormState())
        self.budget = budget
        self._reuse = reuse
        self._together = Together()
        self._client = client
        self._model = model
        self._check = check
        self._names = names
        self._queues = queue
        self._queue: deque[_Submission] = deque()
        self._current: _Submission | None = None
        self._resting = asyncio.Event()
        self._resting.set()
        self._settling: asyncio.Task[Any] | None = None
        self._counting: asyncio.Task[None] | None = None

    # Which thread a click arrives in depends on ipykernel and the front end: the
    # main one in 6.31 and 7.4, a subshell's own in 7.0 to 7.3 under JupyterLab
    # (measured). So a click only hands over, and nothing here blocks.
    # --- from any thread -----------------------------------------------------------------------------------

    def press(self, input: Mapping[str, Any]) -> None:
        """Send an input, let it wait for its turn, or do nothing while something runs; returns at once."""
        submit(self._press(_Submission(dict(input))))

    def cancel(self) -> None:
        """Cancel what runs, remotely, and forget what waits behind it; returns at once."""
        submit(self._cancel())

    def inputs_changed(self, input: Mapping[str, Any]) -> None:
        """Show what follows from the inputs, a moment after the last change: price and problems."""
        submit(self._settle(dict(input)))

    def refuse(self, problems: Mapping[str, str]) -> None:
        """Show problems that keep an input from being sent."""
        submit(self._refuse(problems))

    def wait(self, timeout: float | None = None) -> None:
        """Wait until nothing runs any more, at most so many seconds."""
        run(self._rest(timeout))

    def price(self, input: Mapping[str, Any]) -> Estimate | None:
        """Estimate what an input will cost; None where that is impossible."""
        try:
            return estimate(self._model, dict(input))
        except SkytellsError:
            return None

    # --- on the toolkit's loop -----------------------------------------------------------------------------

    def _update(self, **changes: Any) -> None:
        changes["spent"] = session_costs.spent(self._client.connection.account.origin)
        if "error" in changes:
            error = changes["error"]
            if self._counting is not None:
                self._counting.cancel()
                self._counting = None
            changes["retry_in"] = None if error is None else error.retry_after
            if changes["retry_in"]:
                self._counting = asyncio.get_running_loop().create_task(self._count_down(error))
        try:
            self.state = replace(self.state, **changes)
        except Exception:  # noqa: BLE001 - a view that fails must not stop what is paid for
            _log.warning("A view of the form failed; the form goes on.", exc_info=True)

    async def _press(self, submission: _Submission) -> None:
        if self._current is None:
            self._start(submission)
        elif self._queues:
            self._queue.append(submission)
            self._update(waiting=len(self._queue))

    def _start(self, submission: _Submission) -> None:
        loop = asyncio.get_running_loop()
        if self._settling is not None:
            self._settling.cancel()  # what follows from an earlier change must not wipe out what is shown now
        self._current = submission
        self._resting.clear()
        submission.began = loop.time()
        submission.task = submit(self._run(submission))  # which is cancelled when Python exits
        # Not a `finally` in `_run`: a task that is cancelled before its
        # first step runs none, and the form would stay at "sending".
        submission.task.add_done_callback(self._ended)
        self._update(
            status="sending",
            running=True,
            canceling=False,
            prediction=None,
            seconds=0.0,
            waiting=len(self._queue),
            note="",
        )

    def _ended(self, task: Future[dict[str, Any]]) -> None:
        """Take what a press came to, and start the next; nothing else ends a press."""
        if task.cancelled():
            self._queue.clear()
            changes: dict[str, Any] = {"status": "canceled", "error": None}
            changes["note"] = "Canceled before the API responded."
        elif (error := task.exception()) is not None:
            changes = {"status": "failed", **self._complaint(error)}
        else:
            changes = task.result()
        self._current = None
        following = self._queue.popleft() if self._queue else None
        self._update(**changes, running=False, canceling=False, prediction=None, waiting=len(self._queue))
        if following is not None:
            self._start(following)
        else:
            self._resting.set()

    async def _run(self, submission: _Submission) -> dict[str, Any]:
        """Check and send an input, follow it to its end, and return what changes in the state."""
        # In threads: a large schema would hold up every wait on this loop while it is checked.
        priced = await asyncio.to_thread(self.price, submission.input)
        problems = await asyncio.to_thread(self._check, submission.input)
        self._update(estimate=priced, problems=problems, reveal=True, error=None)
        if problems:
            return {"status": "idle", "error": NOT_SENT}
        ticking = asyncio.get_running_loop().create_task(self._tick(submission))
        try:
            prediction, error = await self._predict(submission)
        except BaseException as error:
            if submission.prediction is None or not isinstance(error, Exception):
                raise
            # What the API had accepted all the same is not lost: it is shown with its id.
            return {
                **await self._made(submission, submission.prediction),
                "status": "failed",
                **self._complaint(error),
            }
        finally:
            ticking.cancel()
        made = await self._made(submission, prediction)
        if prediction.status == "failed":
            made |= self._complaint(
                error or SkytellsError(prediction.error or "The API gives no reason.", charged=None)
            )
        return {"error": None, **made}

    async def _predict(self, submission: _Submission) -> tuple[Prediction, PredictionError | None]:
        def see(prediction: Prediction) -> None:
            submission.prediction = prediction
            self._update(status=prediction.status, prediction=prediction)

        try:
            connection, model = self._client.connection, self._model.id
            input = await prepare_input(connection, model, submission.input)
            together.set(self._together)  # in this press's own task
            prediction = await create_or_reuse(
                connection, model, input, reuse=self._reuse, wait=False, observers=as_observers(self.budget)
            )
            see(prediction)
            if prediction.reused:
                return prediction, None
            if not prediction.done:
                try:
                    prediction = await self._client.predictions.wait(prediction, on_progress=see)
                except asyncio.CancelledError:  # a kernel that is restarted: nobody would hear of its end
                    connection.in_background(cancel_remotely(connection, prediction))
                    raise
            failure = None
        except PredictionError as error:
            if error.prediction is None:
                raise
            prediction, failure = error.prediction, error
        for observer in as_observers(self.budget):
            await observer.ended(connection.account, prediction)
        return prediction, failure

    async def _made(self, submission: _Submission, prediction: Prediction) -> dict[str, Any]:
        drawings = await asyncio.to_thread(draw, prediction)
        predictions = PredictionList([prediction, *self.state.predictions])
        newest = (prediction, drawings, submission.input)
        return {"status": prediction.status, "newest": newest, "predictions": predictions}

    def _complaint(self, error: BaseException) -> dict[str, Any]:
        message = describe(error, self._names)
        if message.field is None:
            return {"error": message}
        return {"error": message, "problems": {message.field: message.detail or message.text}, "reveal": True}

    async def _tick(self, submission: _Submission) -> None:
        while True:
            await asyncio.sleep(1)
            self._update(seconds=asyncio.get_running_loop().time() - submission.began)

    async def _cancel(self) -> None:
        self._queue.clear()
        submission = self._current
        if submission is None or submission.task is None or self.state.canceling:
            return
        self._update(canceling=True, waiting=0)
        if submission.prediction is None:
            submission.task.cancel()  # what the API may have accepted is then canceled in the background
            return
        if submission.prediction.done:
            return
        try:
            canceled = await self._client.predictions.cancel(submission.prediction.id)
        except Exception as error:  # noqa: BLE001 - shown in the form
            if self._current is submission:
                self._update(canceling=False, **self._complaint(error))
            return
        # The wait that is under way hears of it now, and not with its next read.
        self._client.connection.tell(canceled)

    async def _refuse(self, problems: Mapping[str, str]) -> None:
        self._update(problems=problems, reveal=True)

    async def _settle(self, input: dict[str, Any]) -> None:
        if self._settling is not None:
            self._settling.cancel()
        self._settling = asyncio.current_task()
        await asyncio.sleep(_DEBOUNCE)
        try:
            priced = await asyncio.to_thread(self.price, input)
            problems = await asyncio.to_thread(self._check, input)
        except Exception:  # noqa: BLE001 - most likely the interpreter is on its way out
            _log.debug("What follows from a form's inputs could not be found out.", exc_info=True)
            return
        changes: dict[str, Any] = {} if self.state.retry_in else {"error": None}
        self._update(
            estimate=priced,
            problems={name: text for name, text in problems.items() if text != NEEDED},
            reveal=False,
            note="",
            **changes,
        )

    async def _rest(self, timeout: float | None) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._resting.wait(), timeout)

    async def _count_down(self, error: ErrorMessage) -> None:
        """Hold *Generate* back until the API takes requests again, and say how long that is."""
        loop = asyncio.get_running_loop()
        until = loop.time() + (error.retry_after or 0.0)
        while (left := until - loop.time()) > 0:
            self._update(retry_in=left)
            await asyncio.sleep(min(left, 1.0))
        self._counting = None
        self._update(error=None, note="The API accepts requests again.")
