"""The fields of a form: a label, a control and a note each, in two columns; and controls that hold others.

A fieldset holds the value; its controls only show it. What somebody types in one of them replaces that one
key, and nothing else: a value that a control cannot show as it is stays what it is until it is typed over,
and so do keys that the schema does not know. An object inside the input is a fieldset inside the fieldset.

`CONTROLS` is the whole list of what one types into, a control for each kind of field.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import ipywidgets as w

from ..pictures import PictureError, encode, is_array, is_picture
from ..schema import UNSET, as_lists, is_same, to_plain
from . import _controls as plain
from ._codegen import Upload
from ._controls import Applies, Control, UnsupportedValueError, chooser
from ._fields import Field, FieldKind
from ._media import MediaInput
from ._views import Layouts, label_html, note_html

_ALL_AT_ONCE: Final = 40  # 150 fields take 0.22 s to make, and three widgets each that the page is sent


class Fieldset:
    """The fields of a form, or of an object in it; ``widgets`` is what stands there, top to bottom.

    ``changed`` is called when somebody changed something, and ``applies`` decides which fields are shown.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        layouts: Layouts,
        changed: Callable[[], None],
        applies: Applies,
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
        if field.source is None or not field.source.conditions:
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
            note.value = note_html(_help(control.field, control), problems.get(name, ""))

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


# --- controls that hold others --------------------------------------------------------------------------


class Group(Control):
    """An object: its fields, in a frame. One of which nothing is set is left out."""

    def build(self) -> None:
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
        self.edited_list(found, next(problems, ""))

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
        named = [(name, value) for name, value in values if name and value is not UNSET]
        found = dict(named)
        if len(found) < len(named):  # what is shown and not sent
            problem = problem or "A name stands here twice."
        self.edited_list(found, problem)

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
        fields = [replace(field, label=field.label or self.field.label) for field in self.field.fields]
        self.controls = [control_for(field, self.layouts, self._typed, self.applies) for field in fields]
        labels = _labels(self.field, fields)
        self._holder = w.VBox(layout=self.layouts.wide)
        self.chooser = chooser(self, labels, lambda _: self._chosen(), free=False)
        self.chooser.value = 0
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


CONTROLS: Final[Mapping[FieldKind, type[Control]]] = {
    "prose": plain.Prose,
    "text": plain.TextLine,
    "secret": plain.Password,
    "media": MediaInput,
    "choice": plain.Select,
    "choices": plain.MultiSelect,
    "suggestions": plain.Suggestions,
    "slider": plain.Number,
    "number": plain.Number,
    "seed": plain.Seed,
    "checkbox": plain.Checkbox,
    "colour": plain.Colour,
    "lines": plain.Lines,
    "fixed": Fixed,
    "group": Group,
    "rows": RowList,
    "pairs": Pairs,
    "places": Places,
    "variants": Variants,
    "json": plain.Json,
    "whole": plain.Json,
    "custom": plain.Custom,
}


def control_for(
    field: Field,
    layouts: Layouts,
    changed: Callable[[], None],
    applies: Applies,
) -> Control:
    """Make the control of a field; what has no other gets a JSON text area."""
    kind: FieldKind = "custom" if field.widget is not None else field.kind
    return CONTROLS.get(kind, plain.Json)(field, layouts, changed, applies)
