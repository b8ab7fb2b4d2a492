"""`PromptForm`: type a prompt, press *Generate*, see the picture."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final, Literal

import ipywidgets as w
import traitlets

from ..aio import run, submit
from ..client import AsyncClient, Client, client_of
from ..exceptions import InvalidInputError, SkytellsError
from ..models import Model, Prediction, PredictionList
from ..pricing import Estimate
from ..pricing import estimate as reckon
from ..validation import NEEDED, Checker, as_text, warm_up
from . import panels, standing, writing
from .actions import Actions
from .allowance import Allowance
from .fields import UNSET
from .fieldset import Fieldset
from .inputs import Inputs
from .look import Look
from .report import Host, Report
from .results import Results
from .schema import Rule, chosen, read
from .style import STYLE
from .summary import summary

__all__ = ["PromptForm"]

_DEBOUNCE: Final = 0.06
_log: Final = logging.getLogger(__name__)
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
        What this form may spend in all. What would cross it is refused before it is sent. Forms that are
        given one `skytells_nb.forms.allowance.Allowance` share it.
    on_busy : str
        What a press of *Generate* does while something runs: ``"ignore"``, or ``"queue"``.
    results : Results, optional
        The pane in which to show what is made, when that stands elsewhere; one of its own unless given.

    Attributes
    ----------
    value : dict
        What will be sent. It can be set as a whole, and what is left out goes back to its default; or one
        input at a time, as in ``form.value["seed"] = 7``.
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
        self._queues = on_busy == "queue"
        self.model = (
            model if isinstance(model, Model) and model.input_schema is not None else self._model(model)
        )
        self._settling: Future[None] | None = None
        self._taking = False
        reading = read(self.model.input_schema, rules=rules, important=self._priced_by())
        self._look = Look()
        self.fieldset = Fieldset(chosen(reading.fields, fields), self._look, self._changed)
        self._checker = Checker(self.model.input_schema, self.fieldset.needed)
        self._results = Results(self._look) if results is None else results
        super().__init__(_dom_classes=("sky-form",), predictions=PredictionList())
        self.children = self._parts(
            reading.note,
            own_results=results is None,
            allowance=budget if budget is None or isinstance(budget, Allowance) else Allowance(budget),
        )
        self._ready = True
        self.set_trait("value", self.fieldset.value)
        self._report.price()
        warm_up()

    def _model(self, model: str | Model) -> Model:
        slug = model.id if isinstance(model, Model) else model
        found = run(self._client.models.get(slug))
        return found if found.input_schema is not None or not isinstance(model, Model) else model

    def _priced_by(self) -> list[str]:
        return [rule.field for rule in self.model.pricing.criteria if rule.field]

    def _parts(self, note: str, *, own_results: bool, allowance: Allowance | None) -> list[Any]:
        look = self._look
        sandbox = self._client.connection.conversation.account.sandbox
        said = f'<div class="sky-muted">{note}</div>' if note else ""
        style = STYLE + self._results.keepsake.style
        head = look.html(style + panels.heading(self.model, sandbox) + said, layout=look.wide)
        extra = look.html()
        self._actions = Actions(look, self._generate, self.cancel, self._show_panels)
        bar = standing.Standing(look, standing.clicks_wait(standing.ipykernel()))
        host = Host(
            model=self.model,
            fieldset=self.fieldset,
            lock=self._lock,
            price=self._price,
            problems=self._problems,
            tell=self._tell,
            made=self._made,
        )
        self._report = Report(
            host,
            self._client,
            actions=self._actions,
            bar=bar,
            extra=extra,
            results=self._results,
            allowance=allowance,
            queue=self._queues,
        )
        pane = [self._results.widget] if own_results else []
        return [
            head,
            *self.fieldset.widgets,
            extra,
            self._actions.row,
            bar.widget,
            self._actions.panels,
            *pane,
        ]

    # --- what is set -------------------------------------------------------------------------------------

    @traitlets.validate("value")
    def _check_value(self, proposal: Any) -> Inputs:
        with self._lock:
            if self._ready and not self._taking:
                self.fieldset.assign(proposal["value"])
            return Inputs(self.fieldset.value, lambda value: setattr(self, "value", value))

    @traitlets.observe("value")
    def _value_was_set(self, _: Any) -> None:
        if self._ready and not self._taking:
            self._settle_soon()

    def _changed(self) -> None:
        """Take what somebody typed; called on whatever thread the front end's message came."""
        with self._lock:
            self._taking = True
            try:
                self._tell("value", self.fieldset.value)
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
        self._report.price()
        self._show_panels()
        value = self.value
        problems = await asyncio.to_thread(self._problems, value)
        if value is self.value:
            self._report.forget()
            self._report.problems({name: words for name, words in problems.items() if words != NEEDED})

    @property
    def estimate(self) -> Estimate:
        """What exactly these inputs will cost, from the model's price list."""
        return reckon(self.model, self.value)

    def _price(self) -> Estimate | None:
        """Give the estimate, or None where nobody can say anything of the price."""
        try:
            return self.estimate
        except SkytellsError:
            return None

    @property
    def errors(self) -> dict[str, str]:
        """What stands in the way, by the name of the input; under ``""`` what concerns none of them.

        Also what the API said to the last press of *Generate*, until something is changed.
        """
        found = self._problems(self.value)
        trouble = self._report.trouble
        if trouble is not None:
            found.setdefault(trouble.field or "", f"{trouble.title}. {trouble.words}")
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
            self._report.problems(problems, reveal=True)
            raise InvalidInputError(
                f"{as_text(problems)} Nothing was sent. Set form.value, or fill the form in.", charged=False
            )
        self._generate()

    def cancel(self) -> None:
        """Cancel what runs, remotely and at once, and forget what waits behind it."""
        self._report.work.cancel()

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
        self._report.work.wait(timeout)
        return self.predictions[0] if self.predictions else None

    def _generate(self) -> None:
        if self._settling is not None:
            self._settling.cancel()  # what follows from an earlier change must not wipe out what is said now
        self._report.price()
        self._show_panels()
        self._report.generate(self.value)

    # --- what its report asks and tells ------------------------------------------------------------------

    def _problems(self, value: Mapping[str, Any]) -> dict[str, str]:
        """Tell what is wrong with an input, by the name of the field; see `errors` for what is set now."""
        return {**self._checker.problems(value), **self.fieldset.problems}

    def _tell(self, trait: str, value: object) -> None:
        """Set a trait; an observer that fails is logged, and stops nothing."""
        try:
            self.set_trait(trait, value)
        except Exception:  # noqa: BLE001 - somebody else's code
            _log.warning("What observes the form's %s failed; the form goes on.", trait, exc_info=True)

    def _made(self, prediction: Prediction) -> None:
        """Put a prediction in front of `predictions`."""
        self._tell("predictions", PredictionList([prediction, *self.predictions]))

    # --- how it looks ------------------------------------------------------------------------------------

    def _show_panels(self) -> None:
        written = {
            "Code": lambda: panels.code_html(self.code, "python"),
            "Request": lambda: panels.code_html(writing.request_of(self.model.id, self.value), "json"),
        }
        self._actions.show({name: written[name]() for name in self._actions.open})

    def __repr__(self) -> str:
        made = f", {self.predictions!r}" if self.predictions else ""
        return f"PromptForm({self.model.id!r}, {self.status}{made})"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any] | None:
        return self._bundle(self._results.newest)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self._bundle(""), raw=True)  # type: ignore[no-untyped-call]
        self._results.keepsake.display()

    def _bundle(self, newest: str) -> dict[str, Any] | None:
        bundle: dict[str, Any] | None = super()._repr_mimebundle_()
        if bundle is not None:
            estimate = self._price()
            price = estimate.price if estimate is not None and estimate.known else ""
            bundle["text/html"] = summary(self.model, self.value, price, newest)
        return bundle
