"""`PromptForm.as_anywidget`: the same form where there are no Jupyter widgets, as in marimo.

The page (``_skin.js``) draws what it is told and tells what was typed, as custom messages; all else is the
form's. It asks again while something runs, and nothing is pushed: other threads than the one that runs cells
have no way to a page of marimo. And since no trait changes from the page, no cell runs again by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anywidget
import traitlets

from ..exceptions import SkytellsError
from ..schema import UNSET, is_same, to_plain
from ._controls import lines_of, read_number, text_of_lines
from ._fields import Field

if TYPE_CHECKING:
    from ._form import PromptForm

_PLAIN: Final = frozenset({"prose", "text", "secret", "suggestions", "colour", "media"})
_NUMBERS: Final = frozenset({"slider", "number", "seed"})
_PICKED: Final = frozenset({"choice", "choices"})


class FormSkin(anywidget.AnyWidget):
    """A form as HTML controls; what an object holds stands in a row each, and lists of objects are JSON.

    ``fields`` describe the controls, ``shown`` is what stands in them, and ``view`` is the rest of the page.
    """

    _esm = Path(__file__).with_name("_skin.js")

    fields: Any = traitlets.List().tag(sync=True)
    shown: Any = traitlets.Dict().tag(sync=True)
    view: Any = traitlets.Dict().tag(sync=True)

    def __init__(self, form: PromptForm) -> None:
        self._form = form
        self._fields = {".".join(path): (path, field) for path, field in _rows(form.fieldset.fields)}
        self._misread: dict[str, str] = {}
        self._error, self._is_pressed = "", False
        super().__init__(fields=[_described(name, field) for name, (_, field) in self._fields.items()])
        self._refresh()
        self.on_msg(self._heard)

    def _heard(self, _: object, message: dict[str, Any], __: object) -> None:
        """Do what the page asks for; what is refused is shown, and raised nowhere."""
        match message.get("do"), message.get("name"):
            case "type", str(name) if name in self._fields:
                self._error = ""
                self._type(name, message.get("to"))
            case "generate", _:
                self._is_pressed, self._error = True, ""
                self._try(self._form.submit)
                if self._form.errors:
                    self._error = ""  # which stands under its field
            case "cancel", _:
                self._form.cancel()
        self._refresh()

    def _type(self, name: str, typed: object) -> None:
        path, field = self._fields[name]
        self._misread.pop(name, None)
        try:
            value = _read(field, typed, _value_at(self._form.value, path))
        except (ValueError, TypeError, IndexError, RecursionError) as error:
            self._misread[name] = f"This cannot be read: {error}."
            return
        top, *inner = path
        if inner:  # an object: what its other fields hold stays
            held = self._form.value.get(top)
            rest = {key: each for key, each in (held or {}).items() if key != inner[0]}
            value = (rest if value is UNSET else {**rest, inner[0]: value}) or UNSET
        if field.kind == "whole":
            self._try(lambda: setattr(self._form, "value", {} if value is UNSET else value))
        elif value is UNSET:
            self._form.value.pop(top, None)
        else:
            self._try(lambda: self._form.value.update({top: value}))

    def _try(self, action: Any) -> None:
        try:
            action()
        except SkytellsError as error:
            self._error = error.message

    def _refresh(self) -> None:
        form = self._form
        state, value = form.controller.state, form.value
        self.shown = {
            name: _written(field, value if field.kind == "whole" else _value_at(value, path))
            for name, (path, field) in self._fields.items()
            if name not in self._misread and field.kind != "secret"  # which no widget's state may hold
        }
        price = form.controller.price(value)
        refused = "" if state.error is None else f"{state.error.title}. {state.error.text}"
        problems = form.errors if state.reveal or self._is_pressed else state.problems
        rows = {path[0]: name for name, (path, _) in reversed(self._fields.items())}
        placed = {rows.get(top, ""): text for top, text in problems.items()}
        self.view = {
            "title": f"{form.model.name or form.model.id}{' on the sandbox' if form.is_sandbox else ''}",
            "names": [name for name, (_, field) in self._fields.items() if form.applies(field)],
            "running": state.running,
            "status": "" if state.status == "idle" else f"{state.status} · {state.seconds:.0f} s",
            "price": "" if price is None or not price.known else price.price,
            "problems": {**placed, **self._misread},
            "error": self._error or refused,
            "result": "" if state.newest is None else state.newest[1].large,
        }


def _rows(fields: Sequence[Field]) -> Iterator[tuple[tuple[str, ...], Field]]:
    """Yield what stands in a row each, with where its value is: an input, or one inside of an object."""
    for field in fields:
        if field.place == "hidden":
            continue
        if field.kind != "group":
            yield (field.name,), field
            continue
        for inner in field.fields:
            label = f"{field.label or field.name}: {inner.label or inner.name}"
            needed = field.required and inner.required
            yield (field.name, inner.name), replace(inner, label=label, required=needed, place=field.place)


def _value_at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name, UNSET) if isinstance(value, dict) else UNSET
    return value


def _example(field: Field | None) -> Any:
    """Return a value of the shape that a field wants, to be read in a box where nothing was typed."""
    if field is None or field.default not in (UNSET, None, [], {}):
        return "…" if field is None else field.default
    if field.kind in _PICKED and field.choices:
        return field.choices[0][1]
    if field.kind in _NUMBERS:
        return field.low or 1
    match field.kind:
        case "group":
            return {each.name: _example(each) for each in field.fields}
        case "places":
            return [_example(each) for each in field.fields]
        case "rows":
            return [_example(field.item)]
        case "pairs":
            return {"name": _example(field.item)}
        case "checkbox":
            return True
        case _:
            return "https://…" if field.kind == "media" else "…"


def _described(name: str, field: Field) -> dict[str, Any]:
    """Return what the page has to know of a field, as JSON."""
    kind = "json" if field.kind not in {*_PLAIN, *_NUMBERS, *_PICKED, "checkbox", "lines"} else field.kind
    default = "" if field.default is UNSET else _text(field.default)
    if not default and kind in ("json", "lines"):
        default = "one a line" if kind == "lines" else f"such as {_text(_example(field))}"
    return {
        "name": name,
        "kind": kind,
        "label": field.label or field.name,
        "help": field.help,
        "required": field.required,
        "placeholder": f"{default} ({field.placeholder})"
        if default and field.placeholder
        else default or field.placeholder,
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
    if field.kind == "lines" and isinstance(value, list) and all(isinstance(each, str) for each in value):
        return text_of_lines(value)
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
    if field.kind == "lines":
        return lines_of(typed) or UNSET
    if field.kind in _NUMBERS:
        value, problem = read_number(field, str(typed).strip())
        if problem:
            raise ValueError(problem.removesuffix("."))
        return value
    return typed if field.kind in _PLAIN else json.loads(typed)
