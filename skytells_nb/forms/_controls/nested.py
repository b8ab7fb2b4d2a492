"""Controls that hold other controls: objects, lists, places of a list, and one of several kinds of value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import ipywidgets as w

from ...schema import UNSET, is_same
from .._fields import Field
from .._views import label_html, note_html
from .plain import Control, UnsupportedValueError, chooser


class Group(Control):
    """An object: its fields, in a frame. One of which nothing is set is left out."""

    def build(self) -> None:
        from .._fieldset import Fieldset

        self.fieldset = Fieldset(self.field.fields, self.layouts, self._typed, self.applies)
        self.widget = w.VBox(self.fieldset.widgets, layout=self.layouts.wide, _dom_classes=("sky-group",))

    def _typed(self) -> None:
        problems = "; ".join(f"{name}: {text}" for name, text in self.fieldset.problems.items())
        value = self.fieldset.value if self.fieldset.is_set else self.field.implied
        self.edited(value, problems)

    def display(self, value: Any) -> None:
        if value is not UNSET and not isinstance(value, Mapping):
            self.fieldset.show({})
            raise UnsupportedValueError
        # A default of the object as a whole stands in its fields; nothing of it is set.
        self.fieldset.show({} if value is UNSET else value)


class Fixed(Control):
    """The one value of a variant: choosing the variant is all that there is to do."""

    def build(self) -> None:
        self.widget = self.layouts.html()

    def display(self, value: Any) -> None:
        pass


class RowList(Control):
    """A list: a control for each of its items, with a button for one more."""

    def build(self) -> None:
        self._rows: list[tuple[Control, Any]] = []
        self.more = self.layouts.make_button(
            self.add, ("sky-quiet", "sky-add"), description="Add", icon="plus"
        )
        self.widget = w.VBox([self.more], layout=self.layouts.wide, _dom_classes=("sky-rows",))

    def add(self) -> None:
        self._add_row()
        self._arrange()
        self._typed()

    def _add_row(self) -> Control:
        from . import control_for

        assert self.field.item is not None  # noqa: S101 - for the type checker
        item = replace(self.field.item, label=f"{self.field.item.label} {len(self._rows) + 1}")
        control = control_for(item, self.layouts, self._typed, self.applies)
        less = self.layouts.make_button(
            lambda: self.remove(self.controls.index(control)), icon="minus", tooltip=f"Remove {item.label}"
        )
        row = w.HBox([control.widget, less], layout=self.layouts.wide, _dom_classes=("sky-row", "sky-item"))
        self._rows.append((control, row))
        return control

    def remove(self, at: int) -> None:
        del self._rows[at]
        self._arrange()
        self._typed()

    @property
    def controls(self) -> list[Control]:
        return [control for control, _ in self._rows]

    def _arrange(self) -> None:
        self.widget.children = (*(row for _, row in self._rows), self.more)

    def _typed(self) -> None:
        found = [value for value in map(_item, self.controls) if value is not UNSET]
        problems = (
            f"{at}: {control.problem}" for at, control in enumerate(self.controls, 1) if control.problem
        )
        kept = found or self.field.required or self.field.default is not UNSET
        self.edited(found if kept else UNSET, next(problems, ""))

    def display(self, value: Any) -> None:
        if value is not UNSET and not isinstance(value, list):
            self._rows.clear()
            self._arrange()
            raise UnsupportedValueError
        items = [] if value is UNSET else value
        del self._rows[len(items) :]
        for at, item in enumerate(items):
            (self._rows[at][0] if at < len(self._rows) else self._add_row()).show(item)
        self._arrange()


def _item(control: Control) -> Any:
    """Return what one control adds to a list: an object that is yet to be filled in, nothing for the rest."""
    if control.value is not UNSET:
        return control.value
    return control.field.implied if control.field.kind == "group" else control.field.default


class Pairs(RowList):
    """An object of any names: a row for each, with its name and the control of its value."""

    def build(self) -> None:
        self._names: list[Any] = []
        super().build()

    def _add_row(self, name: str = "") -> Control:
        control = super()._add_row()
        box = w.Text(
            name,
            placeholder="name",
            description=f"Name {len(self._rows)}",
            style=self.layouts.text_style,
            layout=self.layouts.narrow,
            _dom_classes=("sky-labelled",),
        )
        box.observe(lambda _: self._typed(), "value")
        self._names.append(box)
        row = self._rows[-1][1]
        row.children = (box, *row.children)
        return control

    def remove(self, at: int) -> None:
        del self._names[at]
        super().remove(at)

    def _typed(self) -> None:
        values = [
            (box.value, _item(control)) for box, control in zip(self._names, self.controls, strict=True)
        ]
        problem = next((control.problem for control in self.controls if control.problem), "")
        if any(not name and value is not UNSET for name, value in values):
            problem = problem or "Each value needs a name."
        found = {name: value for name, value in values if name and value is not UNSET}
        kept = found or self.field.required or self.field.default is not UNSET
        self.edited(found if kept else UNSET, problem)

    def display(self, value: Any) -> None:
        self._rows.clear()
        self._names.clear()
        if value is not UNSET and not isinstance(value, Mapping):
            self._arrange()
            raise UnsupportedValueError
        for name, item in {} if value is UNSET else value.items():
            self._add_row(name).show(item)
        self._arrange()


class Places(Control):
    """A list whose places differ, such as a width and a height: a control for each."""

    def build(self) -> None:
        from . import control_for

        self.controls = [
            control_for(field, self.layouts, self._typed, self.applies) for field in self.field.fields
        ]
        rows = []
        for control in self.controls:
            label = self.layouts.html(label_html(control.field.label, False), classes=("sky-label",))
            note = self.layouts.html(note_html(control.field.help), classes=("sky-note",))
            rows += [label, control.widget, note]
        grid = w.GridBox(rows, layout=self.layouts.wide, _dom_classes=("sky-grid",))
        self.widget = w.VBox([grid], layout=self.layouts.wide, _dom_classes=("sky-group",))

    def _typed(self) -> None:
        problem = next((control.problem for control in self.controls if control.problem), "")
        values = [each.field.default if each.value is UNSET else each.value for each in self.controls]
        if all(control.value is UNSET for control in self.controls):
            self.edited(UNSET, problem)
        elif UNSET in values:
            self.edited(UNSET, problem or f"All {len(values)} are needed.")
        else:
            self.edited(values, problem)

    def display(self, value: Any) -> None:
        fits = isinstance(value, list) and len(value) == len(self.controls)
        items = value if fits else [UNSET] * len(self.controls)
        for control, item in zip(self.controls, items, strict=True):
            control.show(item)
        if not fits and value is not UNSET:
            raise UnsupportedValueError


class Variants(Control):
    """One of several kinds of value, such as a preset or an object: which of them, and its control."""

    def build(self) -> None:
        from . import control_for

        fields = [replace(field, label=field.label or self.field.label) for field in self.field.fields]
        self.controls = [control_for(field, self.layouts, self._typed, self.applies) for field in fields]
        labels = _labels(self.field, fields)
        self.chooser = chooser(self, labels, free=False)
        self.chooser.value = 0
        self.chooser.observe(lambda _: self._chosen(), "value")
        self._holder = w.VBox(layout=self.layouts.wide)
        self.widget = w.VBox(
            [self.chooser, self._holder], layout=self.layouts.wide, _dom_classes=("sky-variants",)
        )

    @property
    def control(self) -> Control:
        at: int = self.chooser.value
        return self.controls[at]

    def _chosen(self) -> None:
        self._holder.children = [self.control.widget]
        self._typed()

    def _typed(self) -> None:
        field = self.control.field
        value = field.default if field.kind == "fixed" else self.control.value
        chosen = self.chooser.value != self._place_of(self.field.default)
        if value is UNSET and field.kind == "group" and chosen:
            value = replace(field, required=True).implied
        self.edited(value, self.control.problem)

    def _place_of(self, value: Any) -> int | None:
        fitting = (at for at, field in enumerate(self.field.fields) if _may_be(field, value))
        return 0 if value is UNSET else next(fitting, None)

    def display(self, value: Any) -> None:
        at = self._place_of(value)
        if at is None:
            raise UnsupportedValueError
        self.chooser.value = at
        for number, control in enumerate(self.controls):
            control.show(value if number == at else UNSET)
        self._holder.children = [self.control.widget]


_KIND_LABELS = {
    "choice": "Preset",
    "suggestions": "Text",
    "prose": "Text",
    "text": "Text",
    "media": "File",
    "slider": "Number",
    "number": "Number",
    "seed": "Number",
    "checkbox": "Yes or no",
    "choices": "Several",
    "lines": "List",
    "rows": "List",
    "places": "List",
    "group": "Custom",
}


def _labels(whole: Field, fields: list[Field]) -> list[str]:
    """Name the kinds: by their titles, the constant that tells them apart, or what they are."""
    labels = []
    for field in fields:
        title = field.source.text("title") if field.source is not None else ""
        if field.kind == "group" and (not title or title == whole.label):
            constants = (inner.default for inner in field.fields if inner.kind == "fixed")
            title = str(next(constants, "")).replace("_", " ").capitalize()
        if field.kind == "fixed" and not title:
            title = str(field.default)
        labels.append(title if title and title != whole.label else _KIND_LABELS.get(field.kind, "JSON"))
    if len(set(labels)) < len(labels):
        labels = [f"{label} {at}" for at, label in enumerate(labels, 1)]
    return labels


def _may_be(field: Field, value: Any) -> bool:
    """Whether a value is of the kind that a field shows; an object is known by its constants and keys."""
    if field.kind == "choice":
        return any(is_same(known, value) for _, known in field.choices)
    if field.kind == "fixed":
        return bool(field.default == value)
    if field.kind == "pairs":
        return isinstance(value, Mapping)
    if field.kind == "group":
        return isinstance(value, Mapping) and all(
            (not inner.required or inner.name in value)
            and (inner.kind != "fixed" or value.get(inner.name, inner.default) == inner.default)
            for inner in field.fields
        )
    match field.kind:
        case "slider" | "number" | "seed":
            kinds = int if field.integer else int | float
            return isinstance(value, kinds) and not isinstance(value, bool)
        case "checkbox":
            return isinstance(value, bool)
        case "lines" | "choices":
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
        case "rows" | "places":
            return isinstance(value, list)
        case "media":
            return not isinstance(value, list | Mapping)
    return field.kind in ("json", "custom") or isinstance(value, str)
