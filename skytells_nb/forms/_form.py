"""`PromptForm`: type a prompt, press *Generate*, see the picture."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import ipywidgets as w
import traitlets

from ..aio import run
from ..api import AsyncClient, Client, client_of
from ..checks import UnknownNameError, check_choice, closest, expected, meant_as, require_package
from ..exceptions import InvalidInputError
from ..formatting import format_cost, money_unit
from ..models import Model, Prediction, PredictionList
from ..pricing import Estimate, estimate
from ..schema import Checker, as_record, as_text, is_same
from ..spending import Budget, own_budget
from . import _views as views
from ._codegen import connect_line, to_json, to_python
from ._controller import FormController, FormState, unavailable
from ._fields import Field, Rule, fields_from_schema, select_fields
from ._fieldset import Fieldset
from ._views import NOT_SENT, Results, Summarized

if TYPE_CHECKING:
    from ._skin import FormSkin

_log: Final = logging.getLogger(__name__)


class _Value(traitlets.Dict):
    """A dict, or the row of a DataFrame; what is none of them is refused in the toolkit's own words."""

    def validate(self, obj: Any, value: Any) -> Any:
        value = as_record(value)
        if not isinstance(value, Mapping):
            raise expected("A form's value", 'a dict, such as {"prompt": "a fox"}', value)
        return super().validate(obj, dict(value))


class PromptForm(Summarized, w.VBox):  # type: ignore[misc]  # ipywidgets has no types
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
        Rules of your own for which property gets which control; see `skytells_nb.forms.Rule`.
    budget : amount or Budget, optional
        What this form may spend in all. What would cross it is refused before it is sent. Forms that are
        given one `Budget` share it.
    on_busy : str
        What a press of *Generate* does while something runs: ``"ignore"``, or ``"queue"``.
    reuse : bool, optional
        Whether *Generate* looks in the client's archive first, for what was made of an equal input, at no
        cost; each press takes another, oldest first. None leaves it to ``sky.options.reuse``.
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
        What was made, newest first.
    fieldset : Fieldset
        Its fields, and their controls.
    controller : FormController
        What sends, and the whole of where that stands.

    Raises
    ------
    NotFoundError
        There is no such model.
    InvalidInputError
        An argument that makes no sense.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox(seconds=0.1) as sandbox, sandbox.client() as client:
    ...     form = sky.PromptForm("truefusion", client=client)
    ...     form.value = {"prompt": "a lighthouse at dusk", "number_of_images": 2}
    ...     form.estimate.price
    ...     form.submit()
    ...     form.wait().status
    '0.06 credits'
    'succeeded'
    """

    value = _Value(help="What will be sent.")
    status = traitlets.Unicode("idle", help="Where the prediction stands.")
    predictions = traitlets.Any(help="What was made, newest first.")

    @meant_as("form = sky.PromptForm({model}), then form.value = {value}", inputs="value")
    def __init__(
        self,
        model: str | Model,
        *,
        client: Client | AsyncClient | None = None,
        fields: Sequence[str] | None = None,
        rules: Iterable[Rule] = (),
        budget: Budget | Decimal | float | str | None = None,
        on_busy: Literal["ignore", "queue"] = "ignore",
        reuse: bool | None = None,
        results: Results | None = None,
    ) -> None:
        check_choice("reuse", reuse, (True, False, None))
        check_choice("on_busy", on_busy, ("ignore", "queue"))
        self._ready = False
        self._typing = False
        self._lock = threading.RLock()  # typing comes on the main thread or a subshell's
        self._client = client_of(client)
        self.model = self._with_schema(model)
        self._unavailable = unavailable(self.model)
        priced_by = [rule.field for rule in self.model.pricing.criteria if rule.field]
        schema = fields_from_schema(self.model.input_schema, rules=rules, important=priced_by)
        layouts = views.Layouts()
        self._checker = Checker(self.model.input_schema)
        self.fieldset = Fieldset(select_fields(schema.fields, fields), layouts, self._typed, self.applies)
        self._results = Results(layouts) if results is None else results
        self._static = self._results.static
        super().__init__(_dom_classes=("sky-form",), predictions=PredictionList())
        self.controller = FormController(
            self._client,
            self.model,
            self._check,
            names=tuple(field.name for field in self.fieldset.fields),
            budget=own_budget(budget),
            queue=on_busy == "queue",
            reuse=reuse,
        )
        note = f'<div class="sky-muted">{schema.note}</div>' if schema.note else ""
        style = views.style_sheet() + self._static.style
        self._unplaced = layouts.html()
        self._actions = views.ActionBar(
            layouts,
            self._generate,
            self.cancel,
            {
                "Code": lambda: views.code_html(self.code, "python"),
                "Request": lambda: views.code_html(to_json(self.model.id, self.value), "json"),
            },
            queue=on_busy == "queue",
            unavailable=self._unavailable,
        )
        unit = money_unit(self.is_sandbox)
        self._status = views.StatusBar(layouts, unit, views.click_hint(views.ipykernel_version()))
        self.children = [
            layouts.html(style + views.heading_html(self.model, self.is_sandbox) + note, layout=layouts.wide),
            *self.fieldset.widgets,
            self._unplaced,
            self._actions.row,
            self._status.widget,
            self._actions.panels,
            *([self._results.widget] if results is None else []),
        ]
        self._ready = True
        self.set_trait("value", self.fieldset.value)
        self.controller.state = FormState(estimate=self.controller.price(self.value))
        self._actions.render(self.controller.state, self._budget_left())
        self.controller.observe(lambda change: self._render(change["old"], change["new"]), "state")

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "value" and name[0] != "_" and (name in ("input", "inputs") or closest(name, ["value"])):
            raise UnknownNameError(f"A form has no {name!r}. Did you mean 'value'?", charged=False)
        # Widgets set attributes of their own before there is a fieldset to look into.
        fields = self.fieldset.fields if self.__dict__.get("_ready") else ()
        if any(field.name == name for field in fields) and not hasattr(self, name):
            said = f"A form has no {name!r}. Write form.value[{name!r}] = …, which is shown and sent."
            raise UnknownNameError(said, charged=False)
        super().__setattr__(name, value)

    def _with_schema(self, model: str | Model) -> Model:
        """Return the model with its schema, priced as the account is: a sandbox's credits are no money."""
        if not isinstance(model, Model) or model.input_schema is None:
            found = run(self._client.models.get(model.id if isinstance(model, Model) else model))
            model = model if found.input_schema is None and isinstance(model, Model) else found
        return replace(model, pricing=model.pricing.in_credits()) if self.is_sandbox else model

    @property
    def is_sandbox(self) -> bool:
        """Whether what it makes is a sandbox's, and costs credits."""
        return self._client.connection.account.sandbox

    # --- what is set -------------------------------------------------------------------------------------

    @traitlets.validate("value")
    def _show_value(self, proposal: Any) -> FormValue:
        with self._lock:
            # What is being typed stands where it is typed, and would be written anew there: 1_000 as 1000.
            if self._ready and not self._typing:
                self.fieldset.show(proposal["value"])
            return FormValue(self.fieldset.value, lambda value: setattr(self, "value", value))

    @traitlets.observe("value")
    def _value_was_set(self, _: Any) -> None:
        if self._ready:
            self.controller.inputs_changed(self.value)

    def _typed(self) -> None:
        """Take what somebody typed; called on whatever thread the front end's message came."""
        # A front end's messages come on a subshell's thread, the
        # toolkit's on its own loop's, and both change the value.
        with self._lock:
            self._typing = True
            try:
                self._set("value", self.fieldset.value)
            finally:
                self._typing = False
        self.controller.inputs_changed(self.value)  # also where it is no value yet, and so none has changed

    @property
    def estimate(self) -> Estimate:
        """What these inputs will cost, from the model's price list."""
        return estimate(self.model, self.value)

    @property
    def errors(self) -> dict[str, str]:
        """What stands in the way, by the name of the input; under ``""`` what concerns none of them.

        Also what the API said to the last press of *Generate*, until something is changed.
        """
        found = self._check(self.value)
        if self._unavailable:
            found[""] = self._unavailable
        error = self.controller.state.error
        if error is not None and error is not NOT_SENT:
            found.setdefault(error.field or "", f"{error.title}. {error.text}")
        return found

    @property
    def code(self) -> str:
        """The Python that does what *Generate* does; secrets are read from the environment."""
        return to_python(self.model.id, self.value, connect=connect_line(self._client.connection))

    @property
    def changed_values(self) -> dict[str, Any]:
        """What is set, and is not the schema's default."""
        defaults = {name: p.default for name, p in self._checker.inputs.items()}
        return {name: value for name, value in self.value.items() if not is_same(defaults.get(name), value)}

    def understood(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of another form's values that this one understands as well."""
        known = {field.name for field in self.fieldset.fields if field.kind not in ("fixed", "secret")}
        shared = {name: value for name, value in values.items() if name in known}
        refused = self._checker.problems(shared)
        return {name: value for name, value in shared.items() if name not in refused}

    def applies(self, field: Field, value: Mapping[str, Any] | None = None) -> bool:
        """Whether a field is asked for: some are only under a condition.

        Parameters
        ----------
        field : Field
            One of the form's own.
        value : dict, optional
            The input that decides; what stands in the form when None.
        """
        return field.source is None or self._checker.applies(
            field.source, self.value if value is None else value
        )

    def _check(self, value: Mapping[str, Any]) -> dict[str, str]:
        """Return what is wrong with an input, by the name of the field."""
        return {**self._checker.problems(value), **self.fieldset.problems}

    # --- what is done ------------------------------------------------------------------------------------

    def submit(self) -> None:
        """Do what *Generate* does, and return at once; `wait` waits for what comes of it.

        Raises
        ------
        InvalidInputError
            The inputs cannot be sent as they are; they are marked in the form too.
        """
        if self._unavailable:
            raise InvalidInputError(self._unavailable)
        problems = self._check(self.value)
        if problems:
            self.controller.refuse(problems)
            raise InvalidInputError(
                f"{as_text(problems)} Nothing was sent. Set form.value, or fill the form in."
            )
        self._generate()

    def cancel(self) -> None:
        """Cancel what runs, remotely and at once, and forget what waits behind it."""
        self.controller.cancel()

    def wait(self, timeout: float | None = None) -> Prediction | None:
        """Wait until nothing runs any more, and return the newest prediction.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Returns
        -------
        Prediction or None
            The newest, succeeded or not; None when there is none.
        """
        self.controller.wait(timeout)
        return self.predictions[0] if self.predictions else None

    def _generate(self) -> None:
        self.controller.press(self.value)

    def as_anywidget(self) -> FormSkin:
        """Return the same form as an anywidget, for front ends without Jupyter widgets, such as marimo.

        It shows and changes this form; lists of objects are typed as JSON in it. It needs anywidget, which
        the ``marimo`` extra brings.

        Returns
        -------
        anywidget.AnyWidget
            Let it be a cell's last line.

        Raises
        ------
        SkytellsError
            anywidget is not installed.

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox(transport="inprocess") as sandbox, sandbox.client() as client:
        ...     skin = sky.PromptForm("truefusion-edge", client=client).as_anywidget()
        ...     [field["name"] for field in skin.fields]
        ['prompt', 'width', 'height', 'num_outputs', 'seed']
        """
        require_package("anywidget", "This form", extra="marimo")
        from ._skin import FormSkin

        return FormSkin(self)

    # --- what is shown -----------------------------------------------------------------------------------

    def _render(self, old: FormState, new: FormState) -> None:
        """Show a new state, on the toolkit's loop. Traits first: who sees a widget finds them as they are."""
        if new.predictions is not old.predictions:
            self._set("predictions", new.predictions)
        self._set("status", new.status)
        self._actions.render(new, self._budget_left())
        self._status.render(new)
        if new.problems != old.problems or new.reveal:
            with self._lock:
                self.fieldset.mark(new.problems, reveal=new.reveal)
        self._unplaced.value = views.unplaced_html(
            self.fieldset.unplaced(new.problems), self.fieldset.unknown
        )
        if new.estimate is not old.estimate:
            self._actions.render_panels()
        if new.newest is not None and new.newest is not old.newest:
            prediction, drawings, input = new.newest
            self._results.add(prediction, drawings, lambda: self._set("value", input))

    def _set(self, trait: str, value: object) -> None:
        """Set a trait; an observer of it that fails is logged, and stops nothing."""
        try:
            self.set_trait(trait, value)
        except Exception:  # noqa: BLE001 - somebody else's code
            _log.warning("What observes the form's %s failed; the form goes on.", trait, exc_info=True)

    def _budget_left(self) -> str:
        budget = self.controller.budget
        return "" if budget is None else format_cost(budget.remaining, money_unit(self.is_sandbox))

    def __repr__(self) -> str:
        made = f", {self.predictions!r}" if self.predictions else ""
        return f"PromptForm({self.model.id!r}, {self.status}{made})"

    def _summary(self, *, whole: bool) -> str:
        priced = self.controller.price(self.value)
        known = priced is not None and priced.known and not self._unavailable
        price = priced.price if priced is not None and known else ""
        return views.summary_html(self.model, self.value, price, self._results.newest if whole else "")


def _through(method: Callable[..., Any]) -> Any:
    """Return a method of a dict that changes the form first: an observer that refuses leaves all as is."""

    @wraps(method)
    def change(self: FormValue, *args: Any, **named: Any) -> Any:
        items = dict(self)
        found = method(items, *args, **named)
        self._replace(items)
        return found

    return change


class FormValue(dict[str, Any]):
    """A form's value: a dict that shows in the form whatever changes it, so that what is shown is sent.

    ``changed`` is called with what will be in it, before it is.
    """

    __slots__ = ("_changed",)

    def __init__(self, items: Mapping[str, Any], changed: Callable[[dict[str, Any]], object]) -> None:
        super().__init__(items)
        self._changed = changed

    def _replace(self, items: Mapping[str, Any]) -> None:
        self._changed(dict(items))
        super().clear()
        super().update(items)

    __setitem__, __delitem__ = _through(dict.__setitem__), _through(dict.__delitem__)
    clear, pop, popitem = _through(dict.clear), _through(dict.pop), _through(dict.popitem)
    setdefault, update = _through(dict.setdefault), _through(dict.update)

    def __ior__(self, other: Any) -> Self:  # type: ignore[override,misc]  # dict's __or__ makes a plain dict
        self.update(other)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)  # without the form, whose widgets and client cannot be pickled
