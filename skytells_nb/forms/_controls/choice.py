"""Controls for choosing among what there is: buttons, a list, checkboxes, suggestions."""

from __future__ import annotations

from typing import Any

import ipywidgets as w

from .._fields import UNSET, Value
from ..kinds import short
from .base import Control, UnsupportedValue

__all__ = ["Checkbox", "Choice", "Choices", "Suggestions"]

_NOT_SET = "not set"


class Choice(Control):
    """One of a list: a few short ones as buttons, more as a drop-down."""

    def build(self) -> None:
        field = self.field
        # Widgets are given positions, since values may be of any type and equal across types (1 and True).
        free = field.default is UNSET and not field.required
        options = [(label, at) for at, (label, _) in enumerate(field.choices)]
        options = [(_NOT_SET, -1), *options] if free else options
        self._nothing = -1 if free else None
        if short([label for label, _ in field.choices]):
            self.widget = w.ToggleButtons(
                options=options,
                value=self._nothing,
                layout=self.layouts.wide,
                style=self.layouts.buttons_style,
                tooltip=field.label,
            )
        else:
            self.widget = w.Dropdown(
                options=options, value=self._nothing, **self.accessible_traits(layout=self.layouts.natural)
            )
        self.watch(self.widget)

    def get(self) -> Value:
        at = self.widget.value
        return UNSET if at is None or at < 0 else self.field.choices[at][1]

    def set(self, value: Any) -> None:
        if value is None and self.field.nullable:
            self.clear()
            return
        for at, (_, known) in enumerate(self.field.choices):
            if known == value and isinstance(known, bool) == isinstance(value, bool):
                self.widget.value = at
                return
        raise UnsupportedValue

    def clear(self) -> None:
        self.widget.value = self._nothing


class Checkbox(Control):
    """Yes or no, where the schema says which of them is the default."""

    def build(self) -> None:
        self.widget = w.Checkbox(
            description=self.field.help or self.field.label,
            indent=False,
            layout=self.layouts.wide,
            style=self.layouts.checkbox_style,
        )
        self.watch(self.widget)

    def get(self) -> Value:
        return bool(self.widget.value)

    def set(self, value: Any) -> None:
        if not isinstance(value, bool):
            raise UnsupportedValue
        self.widget.value = value

    def clear(self) -> None:
        self.widget.value = False


class Choices(Control):
    """Several of a list: checkboxes, or a list to select in."""

    def build(self) -> None:
        choices = self.field.choices
        self._boxes: list[Any] = []
        if len(choices) > 6:
            options = [(label, at) for at, (label, _) in enumerate(choices)]
            self.widget = w.SelectMultiple(
                options=options, rows=min(8, len(options)), **self.accessible_traits(layout=self.layouts.wide)
            )
            self.watch(self.widget)
            return
        for label, _ in choices:
            box = w.Checkbox(description=label, indent=False, layout=self.layouts.button)
            self.watch(box)
            self._boxes.append(box)
        self.widget = w.HBox(self._boxes, layout=w.Layout(flex_flow="row wrap"), _dom_classes=("sky-row",))

    def get(self) -> Value:
        if self._boxes:
            chosen = [at for at, box in enumerate(self._boxes) if box.value]
        else:
            chosen = list(self.widget.value)
        if not chosen and not self.field.required and self.field.default is UNSET:
            return UNSET
        return [self.field.choices[at][1] for at in chosen]

    def set(self, value: Any) -> None:
        known = [each for _, each in self.field.choices]
        if not isinstance(value, list | tuple) or any(item not in known for item in value):
            raise UnsupportedValue
        self._mark([at for at, each in enumerate(known) if each in value])

    def clear(self) -> None:
        self._mark([])

    def _mark(self, chosen: list[int]) -> None:
        if self._boxes:
            for at, box in enumerate(self._boxes):
                box.value = at in chosen
        else:
            self.widget.value = tuple(chosen)


class Suggestions(Control):
    """A text with suggestions."""

    def build(self) -> None:
        self.widget = w.Combobox(
            options=[label for label, _ in self.field.choices],
            ensure_option=False,
            **self.accessible_traits(
                placeholder=self.field.placeholder, layout=self.layouts.wide, continuous_update=True
            ),
        )
        self.watch(self.widget)

    def get(self) -> Value:
        return self.widget.value or UNSET

    def set(self, value: Any) -> None:
        if not isinstance(value, str):
            raise UnsupportedValue
        self.widget.value = value

    def clear(self) -> None:
        self.widget.value = ""
