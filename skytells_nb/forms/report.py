"""What a form shows of its work, under its fields: how it stands, what came of it, what went wrong.

A `Report` is the `Listener` of a form's `Work`. It hears news on the private loop's thread, and changes
widgets and the form's traits; what the form's own observers make of that never stops the work.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..aio import submit
from ..client import AsyncClient
from ..exceptions import SkytellsError
from ..formatting import format_cost as money
from ..models import Model, Prediction
from ..pricing import Estimate
from ..pricing import estimate as reckon
from . import panels, standing
from .actions import Actions
from .allowance import Allowance
from .fieldset import Fieldset
from .results import Drawings, Results, draw
from .troubles import Trouble, trouble_of
from .working import Job, Work

__all__ = ["Host", "Report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a report needs of its form.

    Attributes
    ----------
    model : Model
        What it sends to.
    fieldset : Fieldset
        Its fields.
    lock : threading.RLock
        Held while what is set or shown changes, on whatever thread.
    price : callable
        Gives what its inputs will cost; None where nobody can say anything.
    problems : callable
        Tells what is wrong with an input, by the name of the field.
    tell : callable
        Sets one of its traits, by name.
    made : callable
        Takes a prediction that was made.
    """

    model: Model
    fieldset: Fieldset
    lock: threading.RLock
    price: Callable[[], Estimate | None]
    problems: Callable[[Mapping[str, Any]], dict[str, str]]
    tell: Callable[[str, object], None]
    made: Callable[[Prediction], None]


class Report:
    """Everything under the fields of a form.

    Parameters
    ----------
    host : Host
        The form.
    client : AsyncClient
        What it sends with.
    actions : Actions
        Its buttons and its price.
    bar : Standing
        Its bar, the line beside it, and what went wrong.
    extra : ipywidgets.HTML
        Where problems stand that concern no field one can see.
    results : Results
        Where what it makes is shown.
    allowance : Allowance or None
        Its own budget.
    queue : bool
        Whether a press while something runs waits for its turn.

    Attributes
    ----------
    trouble : Trouble or None
        What the last press of *Generate* ended with, until something is changed.
    work : Work
        The work it tells of.
    """

    def __init__(
        self,
        host: Host,
        client: AsyncClient,
        *,
        actions: Actions,
        bar: standing.Standing,
        extra: Any,
        results: Results,
        allowance: Allowance | None,
        queue: bool,
    ) -> None:
        self._host = host
        self._actions = actions
        self._bar = bar
        self._extra = extra
        self._results = results
        self._allowance = allowance
        self._queue = queue
        self._counted: Trouble | None = None
        self.trouble: Trouble | None = None
        self.work = Work(client, host.model.id, self)

    def generate(self, value: Mapping[str, Any]) -> None:
        """Start on an input, or let it wait for its turn, or do nothing while something runs."""
        if self.work.start(value, queue=self._queue) and (job := self.work.job) is not None:
            self.stands(job)

    def price(self) -> None:
        """Show what the inputs will cost, and what is left of the budget."""
        left = "" if self._allowance is None else money(self._allowance.remaining, "USD")
        self._actions.price(panels.price_html(self._host.price(), left))

    def problems(self, found: Mapping[str, str], *, reveal: bool = False) -> None:
        """Show problems under their fields; ``reveal`` opens *Advanced* where one of them stands there."""
        fieldset = self._host.fieldset
        fieldset.show(found, reveal=reveal)
        self._extra.value = panels.extra_html(fieldset.homeless(found), fieldset.unknown)

    # --- what it hears of the work -----------------------------------------------------------------------

    def check(self, job: Job) -> bool:
        """Whether a job may be sent; what speaks against it is shown."""
        found = self._host.problems(job.input)
        self.forget()
        self.problems(found, reveal=True)
        if found:
            words = "Something above is missing or wrong. Nothing was sent."
            self._bar.complain(Trouble("Not sent", words))
            self._host.tell("status", "idle")
            return False
        if self._allowance is not None:
            self._allowance.set_aside(job, reckon(self._host.model, job.input))
        return True

    def stands(self, job: Job) -> None:
        """Show how a job stands."""
        with self._host.lock:  # with `idle`, which may come from another thread while this is on its way
            if self.work.job is not job:
                return
            prediction = job.prediction
            self._host.tell("status", "sending" if prediction is None else prediction.status)
            line = standing.sentence(prediction, job.seconds, self.work.waiting)
            percent = None if prediction is None else prediction.metrics.progress
            self._bar.work(f"Canceling · {line}" if job.stopping else line, percent)
            self._actions.working(more=self._queue, stopping=job.stopping)

    def ended(self, job: Job, prediction: Prediction, drawings: Drawings, error: Exception | None) -> None:
        """Show what came of a job."""
        if self._allowance is not None:
            self._allowance.settle(job, prediction)
        self.trouble = None
        self.forget()
        self._add(prediction, drawings)
        if prediction.status == "failed":
            self.complain(error or SkytellsError(prediction.error or "The API gives no reason."))
        self._host.tell("status", prediction.status)

    def failed(self, job: Job, error: BaseException) -> None:
        """Show why nothing came of a job; what the API had accepted all the same is not lost."""
        if self._allowance is not None:
            self._allowance.settle(job, None, billed=getattr(error, "charged", None))
        if job.prediction is not None:
            self._add(job.prediction, draw(job.prediction))
        if isinstance(error, asyncio.CancelledError):
            self._bar.say("Canceled before the API had answered; what it accepted is canceled too.")
            self._host.tell("status", "canceled")
            return
        self.complain(error)
        self._host.tell("status", "failed")

    def idle(self) -> None:
        """Show that nothing runs any more."""
        with self._host.lock:
            if self.work.job is not None:
                return
            self._bar.rest()
            self._actions.resting()
            self.price()
        trouble = self.trouble
        if trouble is not None and trouble.wait and trouble is not self._counted:
            self._counted = trouble
            submit(self._count_down(trouble, trouble.wait))

    def complain(self, error: BaseException) -> None:
        """Show what went wrong, under the field that it names where it names one."""
        names = [field.name for field in self._host.fieldset.fields]
        self.trouble = trouble = trouble_of(error, names)
        self._bar.complain(trouble)
        if trouble.field is not None:
            self.problems({trouble.field: trouble.detail or trouble.words}, reveal=True)

    def forget(self) -> None:
        """Take back what went wrong, but for a rate limit that still holds."""
        if self.trouble is not None and not self.trouble.wait:
            self.trouble = None
        if self.trouble is None:
            self._bar.complain(None)

    def _add(self, prediction: Prediction, drawings: Drawings) -> None:
        self._results.add(prediction, drawings, lambda given: self._host.tell("value", given))
        self._host.made(prediction)

    async def _count_down(self, trouble: Trouble, seconds: float) -> None:
        """Hold *Generate* back until the API takes requests again, and say how long that is."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while trouble is self.trouble and (left := until - loop.time()) > 0:
            if self.work.job is None:
                self._actions.holding(left)
            await asyncio.sleep(min(left, 1.0))
        if trouble is self.trouble:
            self.trouble = None
            self._bar.say("The API takes requests again.")
        with self._host.lock:
            if self.work.job is None and (self.trouble is None or not self.trouble.wait):
                self._actions.resting()
