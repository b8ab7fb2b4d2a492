"""Controls for choosing among what there is: buttons, a list, checkboxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as w

from ...schema import UNSET, is_same
from .base import Control, UnsupportedValueError

_NOT_SET = "not set"


def chooser(control: Control, labels: Sequence[str], *, free: bool) -> Any:
    """Make a widget to choose one of several by position, -1 for none: a few buttons, or a drop-down.

    Widgets are given positions, since values may be of any type and equal across types (1 and True).
    """
    options = [(label, at) for at, label in enumerate(labels)]
    options = [(_NOT_SET, -1), *options] if free else options
    first = -1 if free else None
    layouts = control.layouts
    if len(labels) <= 4 and sum(len(label) + 3 for label in labels) <= 44:
        return w.ToggleButtons(
            options=options,
            value=first,
            layout=layouts.wide,
            style=layouts.buttons_style,
            tooltip=control.field.label,
        )
    return w.Dropdown(options=options, value=first, **control.accessible_traits(layout=layouts.natural))


def _position(values: Sequence[Any], value: Any) -> int:
    at = next((at for at, known in enumerate(values) if is_same(known, value)), None)
    if at is None:
        raise UnsupportedValueError
    return at


def is_among(values: Sequence[Any], value: Any) -> bool:
    """Whether a value is one of others."""
    return any(is_same(known, value) for known in values)


class Select(Control):
    """One of a list."""

    def build(self) -> None:
        field = self.field
        free = field.default is UNSET and not field.required
        self.widget = chooser(self, [label for label, _ in field.choices], free=free)
        self._nothing = self.widget.value
        self.widget.observe(lambda change: self._chosen(change["new"]), "value")

    def _chosen(self, at: int | None) -> None:
        self.edited(UNSET if at is None or at < 0 else self.field.choices[at][1])

    def display(self, value: Any) -> None:
        values = [each for _, each in self.field.choices]
        self.widget.value = self._nothing if value is UNSET else _position(values, value)


class Checkbox(Control):
    """Yes or no, where the schema says which of them is the default."""

    def build(self) -> None:
        self.widget = w.Checkbox(
            description=self.field.help or self.field.label,
            indent=False,
            layout=self.layouts.wide,
            style=self.layouts.checkbox_style,
        )
        self.widget.observe(lambda change: self.edited(bool(change["new"])), "value")

    def display(self, value: Any) -> None:
        if not isinstance(value, bool) and value is not UNSET:
            raise UnsupportedValueError
        self.widget.value = value is True


class MultiSelect(Control):
    """Several of a list: checkboxes, or a list to select in.

    They show which values there are, not their order or how often each is there. Both are kept: what is
    chosen anew comes last, and what is no longer chosen goes.
    """

    def build(self) -> None:
        choices = self.field.choices
        self._boxes: list[Any] = []
        if len(choices) > 6:
            options = [(label, at) for at, (label, _) in enumerate(choices)]
            self.widget = w.SelectMultiple(
                options=options,
                rows=min(8, len(options)),
                **self.accessible_traits(layout=self.layouts.wide),
            )
            self.widget.observe(lambda _: self._chosen(), "value")
            return
        for label, _ in choices:
            box = w.Checkbox(description=label, indent=False, layout=self.layouts.button)
            box.observe(lambda _: self._chosen(), "value")
            self._boxes.append(box)
        self.widget = w.HBox(self._boxes, layout=w.Layout(flex_flow="row wrap"), _dom_classes=("sky-row",))

    def _chosen(self) -> None:
        if self._showing:
            return
        marked = [at for at, box in enumerate(self._boxes) if box.value] if self._boxes else self.widget.value
        before = self._positions(self.field.default if self.value is UNSET else self.value)
        kept = [at for at in before if at in marked]
        chosen = [*kept, *(at for at in marked if at not in kept)]
        if not chosen and not self.field.required and self.field.default is UNSET:
            self.edited(UNSET)
        else:
            self.edited([self.field.choices[at][1] for at in chosen])
            self._explain()

    def _positions(self, value: Any) -> list[int]:
        try:
            known = [each for _, each in self.field.choices]
            return [_position(known, item) for item in value] if isinstance(value, list) else []
        except UnsupportedValueError:
            return []

    def _explain(self) -> None:
        """Say in which order they are sent, where that is not the one in which they stand."""
        positions = self._positions(self.value)
        if positions != sorted(set(positions)):
            self.remark = f"In this order: {', '.join(self.field.choices[at][0] for at in positions)}."

    def display(self, value: Any) -> None:
        positions = [] if value is UNSET else self._positions(value)
        if value is not UNSET and not (isinstance(value, list) and len(positions) == len(value)):
            raise UnsupportedValueError
        if self._boxes:
            for at, box in enumerate(self._boxes):
                box.value = at in positions
        else:
            self.widget.value = tuple(sorted(set(positions)))
        self._explain()
