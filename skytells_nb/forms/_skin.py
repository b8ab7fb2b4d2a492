"""`PromptForm.as_anywidget`: the same form where there are no Jupyter widgets, as in marimo.

The page (``_skin.js``) draws what it is told and tells what was typed, as custom messages; all else is the
form's. It asks again while something runs, and nothing is pushed: other threads than the one that runs cells
have no way to a page of marimo. And since no trait changes from the page, no cell runs again by itself.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anywidget
import traitlets

from ..exceptions import SkytellsError
from ..schema import UNSET, is_same, to_plain
from ._fields import Field

if TYPE_CHECKING:
    from ._form import PromptForm

_PLAIN: Final = frozenset({"prose", "text", "secret", "suggestions", "colour", "media"})
_NUMBERS: Final = frozenset({"slider", "number", "seed"})
_PICKED: Final = frozenset({"choice", "choices"})


class FormSkin(anywidget.AnyWidget):
    """A form as HTML controls; lists and objects are typed as JSON.

    ``fields`` describe the controls, ``shown`` is what stands in them, and ``view`` is the rest of the page.
    """

    _esm = Path(__file__).with_name("_skin.js")

    fields: Any = traitlets.List().tag(sync=True)
    shown: Any = traitlets.Dict().tag(sync=True)
    view: Any = traitlets.Dict().tag(sync=True)

    def __init__(self, form: PromptForm) -> None:
        self._form = form
        self._fields = {field.name: field for field in form.fieldset.fields if field.place != "hidden"}
        self._misread: dict[str, str] = {}
        self._error = ""
        super().__init__(fields=[_described(field) for field in self._fields.values()])
        self._refresh()
        self.on_msg(self._heard)

    def _heard(self, _: object, message: dict[str, Any], __: object) -> None:
        """Do what the page asks for; what is refused is shown, and raised nowhere."""
        match message.get("do"), self._fields.get(message.get("name", "")):
            case "type", Field() as field:
                self._error = ""
                self._type(field, message.get("to"))
            case "generate", _:
                self._try(self._form.submit)
            case "cancel", _:
                self._form.cancel()
        self._refresh()

    def _type(self, field: Field, typed: object) -> None:
        self._misread.pop(field.name, None)
        try:
            value = _read(field, typed, self._form.value.get(field.name))
        except (ValueError, TypeError, IndexError) as error:
            self._misread[field.name] = f"This cannot be read: {error}."
            return
        if field.kind == "whole":
            self._try(lambda: setattr(self._form, "value", {} if value is UNSET else value))
        elif value is UNSET:
            self._form.value.pop(field.name, None)
        else:
            self._try(lambda: self._form.value.update({field.name: value}))

    def _try(self, action: Any) -> None:
        try:
            action()
        except SkytellsError as error:
            self._error = error.message

    def _refresh(self) -> None:
        form = self._form
        state, value = form.controller.state, form.value
        self.shown = {
            name: _written(field, value if field.kind == "whole" else value.get(name, UNSET))
            for name, field in self._fields.items()
            if name not in self._misread and field.kind != "secret"  # which no widget's state may hold
        }
        price = form.controller.price(value)
        refused = "" if state.error is None else f"{state.error.title}. {state.error.text}"
        problems = {**(form.errors if state.reveal or self._error else state.problems), **self._misread}
        self.view = {
            "title": f"{form.model.name or form.model.id}{' on the sandbox' if form.is_sandbox else ''}",
            "names": [name for name, field in self._fields.items() if form.applies(field)],
            "running": state.running,
            "status": "" if state.status == "idle" else f"{state.status} · {state.seconds:.0f} s",
            "price": "" if price is None or not price.known else price.price,
            "problems": problems,
            "error": self._error or refused,
            "result": "" if state.newest is None else state.newest[1].large,
        }


def _described(field: Field) -> dict[str, Any]:
    """Return what the page has to know of a field, as JSON."""
    kind = "json" if field.kind not in {*_PLAIN, *_NUMBERS, *_PICKED, "checkbox"} else field.kind
    default = "" if field.default is UNSET else _text(field.default)
    return {
        "name": field.name,
        "kind": kind,
        "label": field.label or field.name,
        "help": field.help,
        "required": field.required,
        "placeholder": field.placeholder or default,
        "choices": [label for label, _ in field.choices],
        "low": field.low,
        "high": field.high,
        "accept": field.accept,
        "advanced": field.place == "advanced" and not field.required,
    }


def _written(field: Field, value: Any) -> Any:
    """Return what stands in a field's control: a text, the places of what is picked, or a truth."""
    if field.kind in _PICKED:
        picked = [] if value is UNSET else (value if field.kind == "choices" else [value])
        return [at for at, (_, each) in enumerate(field.choices) if any(is_same(each, one) for one in picked)]
    if field.kind == "checkbox":
        return bool(field.default is not UNSET and field.default if value is UNSET else value)
    return "" if value is UNSET or (field.kind == "whole" and not value) else _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(to_plain(value), ensure_ascii=False, default=str)


def _read(field: Field, typed: Any, held: Any) -> Any:
    """Return what was typed or picked, `UNSET` for nothing; what was picked before keeps its order."""
    if field.kind in _PICKED:
        values = [field.choices[at][1] for at in typed]
        if field.kind == "choices" and held:
            values.sort(key=lambda each: held.index(each) if each in held else len(held))
        return values if field.kind == "choices" and values else values[0] if values else UNSET
    if field.kind == "checkbox":
        return bool(typed)
    if typed == "":
        return UNSET
    if field.kind in _NUMBERS:
        return int(typed) if field.integer else float(typed)
    return typed if field.kind in _PLAIN else json.loads(typed)
