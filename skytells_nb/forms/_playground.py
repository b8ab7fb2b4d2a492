"""`Playground`: find a model, fill in its form, look at what every model made, newest first."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from dataclasses import replace
from decimal import Decimal
from html import escape
from typing import Any, Final

import ipywidgets as w
import traitlets

from ..aio import run, submit
from ..api import AsyncClient, Client, client_of
from ..checks import UnknownNameError, check_choice
from ..exceptions import InvalidInputError
from ..models import Model, ModelList, PredictionList
from ..pricing import list_price
from ..schema import closest_model
from ..spending import Budget, own_budget
from ._chat import Chat
from ._controller import unavailable
from ._form import PromptForm
from ._views import Layouts, Results, Summarized, describe, style_sheet

_ROWS: Final = 14


class Playground(Summarized, w.HBox):  # type: ignore[misc]  # ipywidgets has no types
    """A picker for all models, and the form of the one that is picked.

    Switching to another model keeps what both of them understand: the prompt, the seed, the sizes that were
    set. Results of all models stand in one place, and what runs goes on.

    Parameters
    ----------
    client : Client or AsyncClient, optional
        The newest open client, or else ``sky.connect()``, unless given.
    model : str, optional
        The slug of the model to begin with; the first of the list unless given.
    budget : amount or Budget, optional
        What all models together may spend, those one talks with, too.
    reuse : bool, optional
        Whether *Generate* looks in the client's archive first, as for a `PromptForm`.

    Attributes
    ----------
    model : str
        The slug of the model that is picked; it can be set.
    form : PromptForm or None
        Its form; None while it is on its way, for a text model, or when the model is gone.
    chat : Chat or None
        The conversation with it, where it is a text model.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> from skytells_nb.forms import Playground
    >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
    ...     playground = Playground(client=client, model="truefusion")
    ...     playground.form.value = {"prompt": "a red fox"}
    ...     playground.model = "truefusion-edge"
    ...     playground.wait_for_form().value["prompt"]
    'a red fox'
    """

    model = traitlets.Unicode(help="The slug of the model that is picked.")

    def __init__(
        self,
        client: Client | AsyncClient | None = None,
        *,
        model: str | None = None,
        budget: Budget | Decimal | float | str | None = None,
        reuse: bool | None = None,
    ) -> None:
        self._reuse = check_choice("reuse", reuse, (True, False, None))
        self._client = client_of(client)
        self._budget = own_budget(budget)
        self.models: ModelList = run(self._client.models.list())
        if self._client.connection.account.sandbox:
            self.models[:] = [replace(each, pricing=each.pricing.in_credits()) for each in self.models]
        slugs = [each.id for each in self.models]
        if model is not None and model not in slugs:
            raise InvalidInputError(f"There is no model {model!r}. {self._nearest(model)}")
        self._layouts = Layouts()
        self._results = Results(self._layouts)
        self._static = self._results.static
        self._style = style_sheet() + self._static.style
        self._forms: dict[str, PromptForm | Chat] = {}
        self._lock = threading.RLock()
        self._coming: Future[None] | None = None
        self.form: PromptForm | None = None
        self.chat: Chat | None = None
        self._before: PromptForm | None = None
        super().__init__(_dom_classes=("sky-form", "sky-playground"), layout=w.Layout(max_width="1080px"))
        self._search = w.Text(placeholder="Search models", layout=self._layouts.wide, tooltip="Search models")
        self._list = w.Select(
            options=self._options(""), value=None, rows=_ROWS, layout=self._layouts.wide, tooltip="Models"
        )
        self._about = self._layouts.html(layout=self._layouts.wide)
        self._holder = w.VBox(layout=self._layouts.wide)
        picker = w.VBox([self._search, self._list, self._about], _dom_classes=("sky-picker",))
        right = w.VBox([self._holder, self._results.widget], _dom_classes=("sky-picked",))
        self.children = [picker, right]
        self._search.observe(lambda change: self._filter(change["new"]), "value")
        self._list.observe(lambda change: self._picked(change["new"]), "value")
        if slugs:
            self.model = model or slugs[0]
            self._wait_for_picked()
        else:
            self._about.value = self._style + '<div class="sky-muted">This key may use no models.</div>'

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("value", "prompt", "input", "inputs"):
            raise UnknownNameError(f"A playground has no {name!r}. Set playground.form.value.", charged=False)
        super().__setattr__(name, value)

    def _nearest(self, slug: str) -> str:
        _, near = closest_model(slug, self.models)
        return f"Did you mean {near.id!r}?" if near else "Set playground.model to one of playground.models."

    @property
    def predictions(self) -> PredictionList:
        """What all models made, newest first."""
        return self._results.predictions

    def wait_for_form(self) -> PromptForm:
        """Wait until the picked model's form is there, and give it.

        Raises
        ------
        NotFoundError
            The model is no longer there.
        InvalidInputError
            It is a text model, which has a chat and no form.
        """
        picked = self._wait_for_picked()
        if isinstance(picked, Chat):
            raise InvalidInputError(f"{self.model!r} is a text model: use playground.chat.")
        return picked

    def _wait_for_picked(self) -> PromptForm | Chat:
        slug, coming = self.model, self._coming
        if slug not in self._forms and coming is not None:
            coming.result()
        if slug not in self._forms:
            self._arrived(slug, run(self._client.models.get(slug)))
        return self._forms[slug]

    def _options(self, words: str) -> list[tuple[str, str]]:
        return [(_line(model), model.id) for model in find_models(self.models, words)]

    def _filter(self, words: str) -> None:
        options = self._options(words)
        self._list.value = None  # else ipywidgets picks the first that is found, which nobody has picked
        self._list.options = options
        self._list.value = self.model if self.model in [slug for _, slug in options] else None

    def _picked(self, slug: str | None) -> None:
        if slug:
            self.model = slug

    @traitlets.validate("model")
    def _check_model(self, proposal: Any) -> str:
        slug = str(proposal["value"])
        if slug not in [each.id for each in self.models]:
            raise InvalidInputError(f"There is no model {slug!r}. {self._nearest(slug)}")
        return slug

    @traitlets.observe("model")
    def _switch(self, change: Any) -> None:
        slug = change["new"]
        if self._list.value != slug and slug in [value for _, value in self._list.options]:
            self._list.value = slug
        self._about.value = self._style + _card(self.models[slug])
        if slug in self._forms:
            self._show(self._forms[slug])
        else:
            # A press in code meanwhile must not make, and be billed for, what the last form would.
            self.form = self.chat = None
            self._coming = submit(self._fetch(slug))

    async def _fetch(self, slug: str) -> None:
        try:
            model = await self._client.models.get(slug)
            # In a thread: a form of a model without a schema asks for it once more, and waits.
            await asyncio.to_thread(self._arrived, slug, model)
        except Exception as error:  # noqa: BLE001 - shown where the form would stand
            if slug == self.model:
                self.form = self.chat = None
                self._holder.children = [self._layouts.html(describe(error).html, layout=self._layouts.wide)]

    def _arrived(self, slug: str, model: Model) -> None:
        with self._lock:
            if slug not in self._forms:
                shared: dict[str, Any] = {"client": self._client, "budget": self._budget}
                chats = model.text_route in ("chat", "responses")
                self._forms[slug] = (
                    Chat(model, **shared)
                    if chats
                    else PromptForm(model, **shared, reuse=self._reuse, results=self._results)
                )
            if slug == self.model:
                self._show(self._forms[slug])

    def _show(self, form: PromptForm | Chat) -> None:
        with self._lock:
            self._holder.children = [form]
            if isinstance(form, Chat):
                self.chat, self.form = form, None
                return
            self.chat, self.form = None, form
            before, self._before = self._before, form
            if before is not None and before is not form:
                form.value = {**form.value, **form.understood(before.changed_values)}

    def _summary(self, *, whole: bool) -> str:
        newest = self._results.newest if whole else ""
        return f"<div>A playground of {len(self.models)} models; run this cell to use it.{newest}</div>"

    def __repr__(self) -> str:
        return f"Playground({self.model!r} of {len(self.models)} models)"


def find_models(models: ModelList, words: str) -> list[Model]:
    """Return the models in which every one of the words occurs: in name, slug, kind, vendor or abilities."""
    wanted = words.lower().split()
    matching = []
    for model in models:
        facts = (model.id, model.name, model.type, model.vendor, model.status, *model.capabilities)
        text = " ".join(fact for fact in facts if fact).lower()
        if all(word in text for word in wanted):
            matching.append(model)
    return matching


def _line(model: Model) -> str:
    status = "" if model.status in (None, "operational") else f" ({model.status})"
    price = "" if unavailable(model) else list_price(model).partition(",")[0]
    return " · ".join(part for part in ((model.name or model.id) + status, model.type or "", price) if part)


def _card(model: Model) -> str:
    rows = [
        ("kind", model.type),
        ("price", "" if unavailable(model) else list_price(model) or "unknown"),
        ("status", model.status),
        ("slug", model.id),
    ]
    lines = "".join(f"<div>{name}: <b>{escape(value)}</b></div>" for name, value in rows if value)
    return f'<div class="sky-muted" style="padding-top:2px">{lines}</div>'
