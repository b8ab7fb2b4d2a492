"""The fields of a form: a label, a control and a note each, in two columns.

A fieldset holds the value; its controls only show it. What somebody types in one of them replaces that one
key, and nothing else: a value that a control cannot show as it is stays what it is until it is typed over,
and so do keys that the schema does not know. An object inside the input is a fieldset inside the fieldset.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import ipywidgets as w

from ..pictures import PictureError, encode, is_array, is_picture
from ..schema import UNSET, as_lists, is_same, to_plain
from ._codegen import Upload
from ._controls import Control, control_for
from ._fields import Field
from ._views import Layouts, label_html, note_html

_ALL_AT_ONCE: Final = 40

Applies = Callable[[Field, Mapping[str, Any]], bool]
"""Decides whether a value asks for a field; some are asked for only under a condition."""


class Fieldset:
    """The fields of a form, or of an object in it; ``widgets`` is what stands there, top to bottom.

    ``changed`` is called when somebody changed something, and ``applies`` decides which fields are shown.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        layouts: Layouts,
        changed: Callable[[], None],
        applies: Applies | None = None,
    ) -> None:
        self.fields = tuple(fields)
        self.widgets: list[Any] = []
        self._layouts = layouts
        self._changed = changed
        self._applies = applies
        self._value: dict[str, Any] = {}
        self._controls: dict[str, Control] = {}
        self._notes: dict[str, Any] = {}
        self._rows: dict[str, list[Any]] = {}
        self._places: list[tuple[Any, list[Field]]] = []
        self._shown: set[str] = set()
        self._problems: dict[str, str] = {}
        self._pending: list[Field] = []
        self._lid: Any = None
        self._under_lid: frozenset[str] = frozenset()
        self._build()

    def _build(self) -> None:
        shown = [field for field in self.fields if field.place != "hidden"]
        prompts = [field for field in shown if field.place == "prompt"]
        middle = [field for field in shown if field.place in ("media", "main")]
        rest = [field for field in shown if field.place == "advanced"]
        if prompts:
            box = w.VBox(layout=self._layouts.wide)
            self.widgets.append(box)
            self._fill(box, prompts)
        if middle:
            self.widgets.append(self._grid(middle))
        if rest:
            self.widgets.append(self._advanced(rest))
        self._arrange()

    def _fill(self, container: Any, fields: list[Field]) -> None:
        for field in fields:
            self._rows[field.name] = self._row(field)
        self._places.append((container, fields))

    def _grid(self, fields: list[Field]) -> Any:
        grid = w.GridBox(layout=w.Layout(width="100%", margin="6px 0 0"), _dom_classes=("sky-grid",))
        self._fill(grid, fields)
        return w.VBox([grid], layout=self._layouts.wide, _dom_classes=("sky-container",))

    def _advanced(self, fields: list[Field]) -> Any:
        """Put the rest behind a lid; a great many of them are made only when it is opened."""
        inside = w.VBox(layout=self._layouts.wide)
        self._lid = w.Accordion(
            children=[inside],
            titles=(f"Advanced ({len(fields)})",),
            selected_index=None,
            layout=self._layouts.wide,
        )
        self._under_lid = frozenset(field.name for field in fields)
        if len(fields) <= _ALL_AT_ONCE:
            inside.children = [self._grid(fields)]
            return self._lid
        self._pending = fields

        def opened(_: Any) -> None:
            if self._pending:
                pending, self._pending = self._pending, []
                inside.children = [self._grid(pending)]
                for field in pending:
                    self._controls[field.name].show(self._value.get(field.name, UNSET))
                self._shown.clear()
                self._arrange()
                self.mark(self._problems)

        self._lid.observe(opened, "selected_index")
        return self._lid

    def _row(self, field: Field) -> list[Any]:
        layouts = self._layouts
        text = label_html(field.label, field.required, field.deprecated)
        label = layouts.html(text, classes=("sky-label",), layout=layouts.natural)
        control = control_for(field, layouts, lambda: self._typed(field.name), self._applies)
        self._controls[field.name] = control
        note = layouts.html(note_html(_help(field, control)), classes=("sky-note",), layout=layouts.wide)
        self._notes[field.name] = note
        return [label, control.widget, note]

    def _arrange(self) -> None:
        shown = {
            name
            for name in self._rows
            if name in self._value or self._applies_now(self._controls[name].field)
        }
        if shown == self._shown:
            return
        self._shown = shown
        for container, fields in self._places:
            rows = [self._rows[field.name] for field in fields if field.name in shown]
            container.children = [widget for row in rows for widget in row]

    def _applies_now(self, field: Field) -> bool:
        """Decide by what is set, and by the defaults of the rest, whether a field is asked for."""
        if self._applies is None or field.source is None or not field.source.conditions:
            return True
        plain = [each for each in self.fields if each.source is None or not each.source.conditions]
        defaults = {each.name: each.default for each in plain if each.default is not UNSET}
        return self._applies(field, {**defaults, **self.value})

    def _typed(self, name: str) -> None:
        """Take what somebody typed; what is no longer asked for because of it goes."""
        value = self._controls[name].value
        if self._whole is not None:
            self._value = {} if value is UNSET else dict(value)
        elif value is UNSET:
            self._value.pop(name, None)
        else:
            self._value[name] = value
        if self._applies is not None:
            for other, control in self._controls.items():
                if other in self._value and other != name and not self._applies_now(control.field):
                    del self._value[other]
                    control.show(UNSET)
            self._arrange()
        self._changed()

    @property
    def value(self) -> dict[str, Any]:
        """What is set, in the order of the fields, and then what no field knows; the rest is missing."""
        if self._whole is not None:
            return dict(self._value)
        found: dict[str, Any] = {}
        for field in self.fields:
            value = self._value.get(field.name, field.implied)
            if value is not UNSET:
                found[field.name] = value
        return {**found, **self._value}

    @property
    def is_set(self) -> bool:
        """Whether anything is set, be it what its default is."""
        return bool(self._value)

    @property
    def _whole(self) -> Control | None:
        only = self._controls.get("")
        return only if only is not None and only.field.kind == "whole" else None

    def show(self, value: Mapping[str, Any]) -> None:
        """Show a value; fields that it does not have show their defaults."""
        rules = {field.name: field.source for field in self.fields}
        self._value = {
            str(name): _as_upload(as_lists(to_plain(item), rules.get(name)), str(name))
            for name, item in value.items()
        }
        if self._whole is not None:
            self._whole.show(self._value or UNSET)
        else:
            for name, control in self._controls.items():
                control.show(self._value.get(name, UNSET))
        self._arrange()
        self.mark(self._problems)

    @property
    def problems(self) -> dict[str, str]:
        """What was typed that can be no value, by the name of its field."""
        return {name: control.problem for name, control in self._controls.items() if control.problem}

    def mark(self, problems: Mapping[str, str], *, reveal: bool = False) -> None:
        """Put each problem under its field, and take away those that are gone.

        ``reveal`` opens *Advanced* for them.
        """
        self._problems = dict(problems)
        if reveal and self._under_lid & problems.keys() and self._lid.selected_index is None:
            self._lid.selected_index = 0
        for name, note in self._notes.items():
            control = self._controls[name]
            html = note_html(_help(control.field, control), problems.get(name, ""))
            if note.value != html:
                note.value = html

    def unplaced(self, problems: Mapping[str, str]) -> dict[str, str]:
        """Return the problems that stand under no field that can be seen."""
        return {name: text for name, text in problems.items() if name not in self._shown}

    @property
    def unknown(self) -> list[str]:
        """Keys that are sent and have no field that can be seen."""
        if self._whole is not None:
            return []
        seen = {*self._controls, *(field.name for field in self._pending)}
        unseen = {field.name: field.default for field in self.fields if field.name not in seen}
        return [
            name
            for name, value in self._value.items()
            if name not in seen and not is_same(unseen.get(name), value)
        ]


def _help(field: Field, control: Control) -> str:
    help = "" if field.kind == "checkbox" else field.help
    return " ".join(part for part in (help, control.hint, control.remark) if part)


def _as_upload(value: Any, name: str) -> Any:
    """Turn a Pillow image into the upload that is sent: upright, whatever becomes of the image later."""
    if not is_picture(value) or is_array(value):
        return value
    try:
        data = encode(value, "PNG")
    except PictureError:
        return value  # the create says what is wrong with it
    upload = Upload.of(data, "image/png", f"{name}.png")
    width, height = struct.unpack_from(">II", data, 16)
    upload.caption = f"A picture · {width} × {height}"
    return upload
