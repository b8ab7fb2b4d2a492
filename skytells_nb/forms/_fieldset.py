"""Fields standing in a form: a label, a control and a note each, in two columns.

A fieldset has one state, ``value``: what its controls hold, what they cannot show but were given, and keys
that the schema does not know. An object inside the input is a fieldset inside the fieldset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import ipywidgets as w

from ._controls import Control, UnsupportedValue, control_for
from ._fields import UNSET, Field, Value
from ._views import Layouts, label_html, note_html

__all__ = ["Fieldset"]

_ALL_AT_ONCE: Final = 40


class Fieldset:
    """The fields of a form, or of an object in it.

    Parameters
    ----------
    fields : sequence of Field
        What to show, in order.
    layouts : Layouts
        The form's.
    changed : callable
        Called when somebody changed something.

    Attributes
    ----------
    widgets : list
        What stands in the form, top to bottom.
    """

    def __init__(self, fields: Sequence[Field], layouts: Layouts, changed: Callable[[], None]) -> None:
        self.fields = tuple(fields)
        self._layouts = layouts
        self._changed = changed
        self._controls: dict[str, Control] = {}
        self._groups: dict[str, Fieldset] = {}
        self._notes: dict[str, Any] = {}
        self._problems: dict[str, str] = {}
        self._held: dict[str, Any] = {}
        self._pending: list[Field] = []
        self._lid: Any = None
        self._under_lid: frozenset[str] = frozenset()
        self._silent = 1
        self.widgets: list[Any] = []
        self._build()
        self._silent = 0

    @property
    def required(self) -> tuple[str, ...]:
        """Which of its fields must be filled in; none where one field stands for the whole input."""
        if any(not field.name for field in self.fields):
            return ()
        return tuple(field.name for field in self.fields if field.required)

    def _build(self) -> None:
        shown = [field for field in self.fields if field.place != "hidden"]
        prompts = [field for field in shown if field.place == "prompt"]
        middle = [field for field in shown if field.place in ("media", "main")]
        rest = [field for field in shown if field.place == "advanced"]
        for field in prompts:
            label = self._layouts.html(label_html(field.label, field.required), classes=("sky-label",))
            self.widgets += [label, *self._row(field)[1:]]
        if middle:
            self.widgets.append(self._grid(middle))
        if rest:
            self.widgets.append(self._advanced(rest))

    def _grid(self, fields: Sequence[Field]) -> Any:
        children = [widget for field in fields for widget in self._row(field)]
        layout = w.Layout(width="100%", margin="6px 0 0")
        grid = w.GridBox(children, layout=layout, _dom_classes=("sky-grid",))
        return w.VBox([grid], layout=self._layouts.wide, _dom_classes=("sky-container",))

    def _advanced(self, fields: Sequence[Field]) -> Any:
        """Put the rest behind a lid; a great many of them are made only when it is opened."""
        inside = w.VBox(layout=self._layouts.wide)
        lid = w.Accordion(
            children=[inside],
            titles=(f"Advanced ({len(fields)})",),
            selected_index=None,
            layout=self._layouts.wide,
        )
        self._lid, self._under_lid = lid, frozenset(field.name for field in fields)
        if len(fields) <= _ALL_AT_ONCE:
            inside.children = [self._grid(fields)]
            return lid
        self._pending = list(fields)

        def opened(_: Any) -> None:
            if self._pending:
                pending, self._pending = self._pending, []
                self._silent += 1
                try:
                    inside.children = [self._grid(pending)]
                    for field in pending:
                        if field.name in self._held:
                            self._put(field.name, self._held.pop(field.name))
                finally:
                    self._silent -= 1
                self.show(self._problems)

        lid.observe(opened, "selected_index")
        return lid

    def _row(self, field: Field) -> list[Any]:
        layouts = self._layouts
        words = label_html(field.label, field.required, field.deprecated)
        label = layouts.html(words, classes=("sky-label",), layout=layouts.natural)
        if field.kind == "group" and field.widget is None:
            group = Fieldset(field.fields, layouts, self._heard(field.name))
            self._groups[field.name] = group
            widget = w.VBox(group.widgets, layout=layouts.wide, _dom_classes=("sky-group",))
            help = field.help
        else:
            control = control_for(field, layouts, self._heard(field.name))
            self._controls[field.name] = control
            widget = control.widget
            help = self._help(field)
        note = layouts.html(note_html(help), classes=("sky-note",), layout=layouts.wide)
        self._notes[field.name] = note
        return [label, widget, note]

    def _help(self, field: Field) -> str:
        told = "" if field.kind == "checkbox" else field.help
        return " ".join(word for word in (told, self._controls[field.name].remark) if word)

    def _heard(self, name: str) -> Callable[[], None]:
        def heard() -> None:
            if not self._silent:
                self._held.pop(name, None)
                self._changed()

        return heard

    @property
    def value(self) -> dict[str, Any]:
        """What is set, in the order of the fields; what is not set is missing."""
        found: dict[str, Any] = {}
        for field in self.fields:
            if field.name:
                value = self._value_of(field)
                if value is not UNSET:
                    found[field.name] = value
                elif field.required and field.nullable:
                    found[field.name] = None
            else:
                whole = self._controls[""].get()
                found.update(whole if isinstance(whole, Mapping) else {})
        return {**found, **self._held}

    def _value_of(self, field: Field) -> Value:
        if field.name in self._held:
            return self._held[field.name]
        if field.name in self._controls:
            return self._controls[field.name].get()
        if field.name in self._groups:
            return self._groups[field.name].value or ({} if field.required else UNSET)
        return field.default if field.kind == "fixed" or field.place == "hidden" or self._pending else UNSET

    def assign(self, value: Mapping[str, Any]) -> None:
        """Show a value; fields that it does not have go back to their defaults."""
        self._silent += 1
        try:
            self._held.clear()
            for control in self._controls.values():
                control.reset()
            for group in self._groups.values():
                group.assign({})
            if "" in self._controls:
                self._put("", dict(value))
                return
            for name, item in value.items():
                self._put(str(name), item)
        finally:
            self._silent -= 1

    def _put(self, name: str, value: Any) -> None:
        group, control = self._groups.get(name), self._controls.get(name)
        if group is not None and isinstance(value, Mapping):
            group.assign(value)
            return
        try:
            if control is None:
                raise UnsupportedValue
            if value is None and control.field.nullable:
                control.clear()
                if control.field.default is not UNSET:  # which the API would take, were null left out
                    self._held[name] = None
            else:
                control.set(value)
        except UnsupportedValue:
            if control is not None:
                control.clear()
            self._held[name] = value

    @property
    def problems(self) -> dict[str, str]:
        """What was typed that can be no value, by the name of its field."""
        found = {name: control.problem for name, control in self._controls.items() if control.problem}
        whole = self._controls.get("")
        if whole is not None and not whole.problem and not isinstance(whole.get(), Mapping | type(UNSET)):
            found[""] = "The input is an object, so it begins with { and ends with }."
        for name, group in self._groups.items():
            inside = group.problems
            if inside:
                found[name] = "; ".join(f"{at}: {words}" for at, words in inside.items())
        return found

    def show(self, problems: Mapping[str, str], *, reveal: bool = False) -> None:
        """Put each problem under its field, and take away those that are gone.

        Parameters
        ----------
        problems : mapping
            What is wrong, in words, by the name of the field.
        reveal : bool
            Whether to open *Advanced* where a problem stands in it.
        """
        self._problems = dict(problems)
        if reveal and self._under_lid & problems.keys() and self._lid.selected_index is None:
            self._lid.selected_index = 0
        for field in self.fields:
            note = self._notes.get(field.name)
            if note is None:
                continue
            help = self._help(field) if field.name in self._controls else field.help
            words = note_html(help, problems.get(field.name, ""))
            if note.value != words:
                note.value = words

    def unplaced(self, problems: Mapping[str, str]) -> dict[str, str]:
        """Give the problems that stand under no field that can be seen."""
        return {name: words for name, words in problems.items() if name not in self._notes}

    @property
    def unknown(self) -> list[str]:
        """Keys of the value that nobody can see: of no field, or hidden and changed."""
        known = {field.name: field for field in self.fields}
        waiting = {field.name for field in self._pending}
        return [
            name
            for name, value in self._held.items()
            if name not in self._controls
            and name not in self._groups
            and name not in waiting
            and (name not in known or known[name].default != value)
        ]

    def named(self, names: Iterable[str]) -> list[Field]:
        """Give the fields of these names."""
        wanted = set(names)
        return [field for field in self.fields if field.name in wanted]
