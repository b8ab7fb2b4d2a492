"""`PromptForm`: type a prompt, press *Generate*, see the picture."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final, Literal

import ipywidgets as w
import traitlets

from ..client import AsyncClient, Client, client_of
from ..exceptions import InvalidInputError, SkytellsError
from ..loops import run, submit
from ..pricing import Estimate, money
from ..pricing import estimate as reckon
from ..types import Model, Prediction, PredictionList
from ..validation import NEEDED, Checker, as_text, warm_up
from . import panels, standing, writing
from .actions import Actions
from .allowance import Allowance
from .fields import UNSET
from .fieldset import Fieldset
from .look import Look
from .results import Drawings, Results
from .schema import Rule, chosen, read
from .style import STYLE
from .summary import summary
from .troubles import Trouble, trouble_of
from .working import Job, Work

__all__ = ["PromptForm"]

_DEBOUNCE: Final = 0.06
_BUSY: Final = ("ignore", "queue")


class PromptForm(w.VBox):  # type: ignore[misc]
    """A form for a model's inputs, made from the model's own input schema.

    It is a widget: as a cell's last line it shows itself, and it can stand inside other widgets.
    *Generate* returns at once and works in the background, so other cells can be run, and this object can be
    asked, meanwhile.

    Parameters
    ----------
    model : str or Model
        The model's slug, or a model that has its input schema.
    client : Client or AsyncClient, optional
        The newest open client, or else ``sky.connect()``, unless given.
    fields : sequence of str, optional
        Show only these inputs, in this order. The others keep the model's defaults.
    rules : iterable of Rule
        Rules of your own for what stands for what; see `skytells_nb.forms.schema`.
    budget : amount, optional
        What this form may spend in all. What would cross it is refused before it is sent.
    on_busy : str
        What a press of *Generate* does while something runs: ``"ignore"``, or ``"queue"``.

    Attributes
    ----------
    value : dict
        What will be sent. It can be set; inputs that are left out go back to their defaults.
    status : str
        ``idle``, ``sending``, ``queued``, ``processing``, ``succeeded``, ``failed`` or ``canceled``.
    predictions : PredictionList
        What came of it, newest first.
    fieldset : Fieldset
        Its fields: what the schema asked for, their controls and what is in them.

    Raises
    ------
    NotFoundError
        There is no such model.
    InvalidInputError
        An argument that makes no sense. Nothing was sent.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> from skytells_nb.forms import PromptForm
    >>> with sky.Sandbox(seconds=0.1) as sandbox, sandbox.client() as client:
    ...     form = PromptForm("truefusion", client=client)
    ...     form.value = {"prompt": "a lighthouse at dusk", "number_of_images": 2}
    ...     form.estimate.price
    ...     form.submit()
    ...     form.wait().status
    '$0.06'
    'succeeded'
    """

    value = traitlets.Dict(help="What will be sent.")
    status = traitlets.Unicode("idle", help="How the work stands.")
    predictions = traitlets.Any(help="What came of it, newest first.")

    def __init__(
        self,
        model: str | Model,
        *,
        client: Client | AsyncClient | None = None,
        fields: Sequence[str] | None = None,
        rules: Iterable[Rule] = (),
        budget: object = None,
        on_busy: Literal["ignore", "queue"] = "ignore",
        results: Results | None = None,
    ) -> None:
        if on_busy not in _BUSY:
            raise InvalidInputError(
                f'on_busy must be "ignore" or "queue", not {on_busy!r}. Nothing was sent.', charged=False
            )
        self._ready = False
        self._lock = threading.RLock()
        self._client = client_of(client)
        self._allowance = None if budget is None else Allowance(budget)
        self._on_busy = on_busy
        self.model = (
            model if isinstance(model, Model) and model.input_schema is not None else self._model(model)
        )
        self._work = Work(self._client, self.model.id, self)
        self._trouble: Trouble | None = None
        self._settling: Future[None] | None = None
        self._taking = False
        reading = read(self.model.input_schema, rules=rules, important=self._priced_by())
        self._look = Look()
        self.fieldset = Fieldset(chosen(reading.fields, fields), self._look, self._changed)
        self._checker = Checker(self.model.input_schema, self.fieldset.needed)
        self._results = Results(self._look) if results is None else results
        super().__init__(_dom_classes=("sky-form",), predictions=PredictionList())
        self.children = self._parts(reading.note, own_results=results is None)
        self._ready = True
        self.set_trait("value", self.fieldset.value)
        self._show_price()
        warm_up()

    def _model(self, model: str | Model) -> Model:
        slug = model.id if isinstance(model, Model) else model
        found = run(self._client.models.get(slug))
        return found if found.input_schema is not None or not isinstance(model, Model) else model

    def _priced_by(self) -> list[str]:
        return [rule.field for rule in self.model.pricing.criteria if rule.field]

    def _parts(self, note: str, *, own_results: bool) -> list[Any]:
        look = self._look
        sandbox = self._client.connection.conversation.account.sandbox
        said = f'<div class="sky-muted">{note}</div>' if note else ""
        head = look.html(STYLE + panels.heading(self.model, sandbox) + said, layout=look.wide)
        self._extra = look.html()
        self._actions = Actions(look, self._generate, self.cancel, self._show_panels)
        self._standing = standing.Standing(look, standing.clicks_wait(standing.ipykernel()))
        pane = [self._results.widget] if own_results else []
        fields = self.fieldset.widgets
        under = [self._actions.row, self._standing.widget, self._actions.panels]
        return [head, *fields, self._extra, *under, *pane]

    # --- what is set -------------------------------------------------------------------------------------

    @traitlets.validate("value")
    def _check_value(self, proposal: Any) -> dict[str, Any]:
        with self._lock:
            if not self._ready or self._taking:
                return dict(proposal["value"])
            self.fieldset.assign(proposal["value"])
            return self.fieldset.value

    @traitlets.observe("value")
    def _value_was_set(self, _: Any) -> None:
        if self._ready and not self._taking:
            self._settle_soon()

    def _changed(self) -> None:
        """Take what somebody typed; called on whatever thread the front end's message came."""
        with self._lock:
            value = self.fieldset.value
            self._taking = True
            try:
                self.set_trait("value", value)
            finally:
                self._taking = False
        self._settle_soon()

    def _settle_soon(self) -> None:
        earlier, self._settling = self._settling, submit(self._settle())
        if earlier is not None:
            earlier.cancel()

    async def _settle(self) -> None:
        """Show what follows from the inputs, a moment after the last change: price, code, problems."""
        await asyncio.sleep(_DEBOUNCE)
        self._show_price()
        self._show_panels()
        value = dict(self.value)
        problems = await asyncio.to_thread(self._problems, value)
        if value == self.value:
            self._forget_trouble()
            self._show_problems({name: words for name, words in problems.items() if words != NEEDED})

    def _problems(self, value: Mapping[str, Any]) -> dict[str, str]:
        return {**self._checker.problems(value), **self.fieldset.problems}

    def _show_problems(self, problems: Mapping[str, str]) -> None:
        self.fieldset.show(problems)
        self._extra.value = panels.extra_html(self.fieldset.homeless(problems), self.fieldset.unknown)

    @property
    def estimate(self) -> Estimate:
        """What exactly these inputs will cost, from the model's price list."""
        return reckon(self.model, self.value)

    @property
    def errors(self) -> dict[str, str]:
        """What stands in the way, by the name of the input; under ``""`` what concerns none of them.

        Also what the API said to the last press of *Generate*, until something is changed.
        """
        found = self._problems(self.value)
        if self._trouble is not None:
            found.setdefault(self._trouble.field or "", f"{self._trouble.title}. {self._trouble.words}")
        return found

    @property
    def code(self) -> str:
        """The Python that does what *Generate* does; secrets are read from the environment."""
        return writing.code_of(self.model.id, self.value, connect=writing.connecting(self._client.connection))

    @property
    def touched(self) -> dict[str, Any]:
        """What is set, and is not the schema's default."""
        defaults = {field.name: field.default for field in self.fieldset.fields}
        return {name: item for name, item in self.value.items() if defaults.get(name, UNSET) != item}

    # --- what is done ------------------------------------------------------------------------------------

    def submit(self) -> None:
        """Do what *Generate* does, and return at once; `wait` waits for what comes of it.

        Raises
        ------
        InvalidInputError
            The inputs cannot be sent as they are; they are marked in the form too. Nothing was sent.
        """
        problems = self._problems(self.value)
        if problems:
            self._show_problems(problems)
            raise InvalidInputError(
                f"{as_text(problems)} Nothing was sent. Set form.value, or fill the form in.", charged=False
            )
        self._generate()

    def cancel(self) -> None:
        """Cancel what runs, remotely and at once, and forget what waits behind it."""
        self._work.cancel()

    def wait(self, timeout: float | None = None) -> Prediction | None:
        """Wait until nothing runs any more, and give the newest prediction.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Returns
        -------
        Prediction or None
            The newest, succeeded or not; None when there is none.
        """
        self._work.wait(timeout)
        return self.predictions[0] if self.predictions else None

    def _generate(self) -> None:
        if self._settling is not None:
            self._settling.cancel()  # what follows from an earlier change must not wipe out what is said now
        self._show_price()
        self._show_panels()
        if not self._work.start(self.value, queue=self._on_busy == "queue"):
            return
        job = self._work.job
        if job is not None:
            self.stands(job)

    def check(self, job: Job) -> bool:
        """Whether a job may be sent; what speaks against it is shown."""
        problems = self._problems(job.input)
        self._forget_trouble()
        self._show_problems(problems)
        if problems:
            words = "Something above is missing or wrong. Nothing was sent."
            self._standing.complain(Trouble("Not sent", words))
            self.set_trait("status", "idle")
            return False
        if self._allowance is not None:
            self._allowance.set_aside(job, reckon(self.model, job.input))
        return True

    def stands(self, job: Job) -> None:
        """Show how a job stands."""
        with self._lock:  # with `idle`, which may come from another thread while this is on its way
            if self._work.job is not job:
                return
            prediction = job.prediction
            line = standing.sentence(prediction, job.seconds, self._work.waiting)
            percent = None if prediction is None else prediction.metrics.progress
            self._standing.work(f"Canceling · {line}" if job.stopping else line, percent)
            self._actions.working(more=self._on_busy == "queue", stopping=job.stopping)
            self.set_trait("status", "sending" if prediction is None else prediction.status)

    def ended(self, job: Job, prediction: Prediction, drawings: Drawings, error: Exception | None) -> None:
        """Show what came of a job."""
        if self._allowance is not None:
            self._allowance.settle(job, prediction)
        self._results.add(prediction, drawings, lambda given: self.set_trait("value", given))
        self.set_trait("status", prediction.status)
        if prediction.status == "failed":
            self.complain(error or SkytellsError(prediction.error or "The API gives no reason."))
        self.set_trait("predictions", PredictionList([prediction, *self.predictions]))

    def failed(self, job: Job, error: BaseException) -> None:
        """Show why nothing came of a job."""
        if self._allowance is not None:
            self._allowance.settle(job, None, billed=getattr(error, "charged", None))
        if isinstance(error, asyncio.CancelledError):
            self.set_trait("status", "canceled")
            self._standing.say("Canceled before the API had answered; what it accepted is canceled too.")
            return
        self.set_trait("status", "failed")
        self.complain(error)

    def idle(self) -> None:
        """Show that nothing runs any more."""
        with self._lock:
            if self._work.job is not None:
                return
            self._standing.rest()
            self._actions.resting()
            self._show_price()
            if self.status in ("sending", "queued", "processing"):
                self.set_trait("status", "idle")
        wait = None if self._trouble is None else self._trouble.wait
        if wait:
            submit(self._count_down(self._trouble, wait))

    def complain(self, error: BaseException) -> None:
        """Show what went wrong, under the field that it names where it names one."""
        names = [field.name for field in self.fieldset.fields]
        self._trouble = trouble = trouble_of(error, names)
        self._standing.complain(trouble)
        if trouble.field is not None:
            self._show_problems({trouble.field: trouble.detail or trouble.words})

    def _forget_trouble(self) -> None:
        if self._trouble is not None and not self._trouble.wait:
            self._trouble = None
        if self._trouble is None:
            self._standing.complain(None)

    async def _count_down(self, trouble: Trouble | None, seconds: float) -> None:
        """Hold *Generate* back until the API takes requests again, and say how long that is."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while trouble is self._trouble and (left := until - loop.time()) > 0:
            self._actions.holding(left)
            await asyncio.sleep(min(left, 1.0))
        if trouble is self._trouble:
            self._trouble = None
            self._standing.say("The API takes requests again.")
        if self._work.job is None:
            self._actions.resting()

    # --- how it looks ------------------------------------------------------------------------------------

    def _show_price(self) -> None:
        try:
            estimate: Estimate | None = self.estimate
        except SkytellsError:
            estimate = None
        left = "" if self._allowance is None else money(self._allowance.remaining, "USD")
        self._actions.price(panels.price_html(estimate, left))

    def _show_panels(self) -> None:
        written = {
            "Code": lambda: panels.code_html(self.code, "python"),
            "Request": lambda: panels.code_html(writing.request_of(self.model.id, self.value), "json"),
        }
        self._actions.show({name: written[name]() for name in self._actions.open})

    def __repr__(self) -> str:
        made = f", {self.predictions!r}" if self.predictions else ""
        return f"PromptForm({self.model.id!r}, {self.status}{made})"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any] | None:
        bundle: dict[str, Any] | None = super()._repr_mimebundle_(**options)
        if bundle is not None:
            estimate = self.estimate
            price = estimate.price if estimate.known else ""
            bundle["text/html"] = summary(self.model, self.value, price, self._results.newest)
        return bundle
