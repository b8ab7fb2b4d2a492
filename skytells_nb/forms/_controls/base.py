"""What every control is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._fields import UNSET, Field, Value
from .._views import Layouts

__all__ = ["Control", "UnsupportedValue"]


class UnsupportedValue(ValueError):
    """A control cannot show this value; the form keeps it all the same."""


class Control:
    """The widgets of one field.

    Attributes
    ----------
    field : Field
        What it is for.
    widget : ipywidgets.Widget
        What stands in the form.
    problem : str
        What is wrong with what was typed; empty when it is a value.
    remark : str
        What else is worth saying under it.
    """

    widget: Any

    def __init__(self, field: Field, layouts: Layouts, changed: Callable[[], None]) -> None:
        self.field = field
        self.layouts = layouts
        self.problem = ""
        self.remark = ""
        self._changed = changed
        self.build()
        self.reset()

    def build(self) -> None:
        """Make the widgets."""
        raise NotImplementedError

    def get(self) -> Value:
        """Give what is set, or `UNSET`."""
        raise NotImplementedError

    def set(self, value: Any) -> None:
        """Show a value; `UnsupportedValue` when this control cannot."""
        raise NotImplementedError

    def clear(self) -> None:
        """Show that nothing is set."""
        raise NotImplementedError

    def reset(self) -> None:
        """Go back to the schema's default, or to nothing."""
        if self.field.default is UNSET:
            self.clear()
        else:
            try:
                self.set(self.field.default)
            except UnsupportedValue:
                self.clear()

    def watch(self, widget: Any) -> None:
        """Let the form hear of a widget's changes."""
        widget.observe(lambda _: self._changed(), "value")

    def accessible_traits(self, **more: Any) -> dict[str, Any]:
        """Give the traits by which assistive technology knows the name of a control."""
        return {
            "description": self.field.label,
            "style": self.layouts.text_style,
            "_dom_classes": ("sky-labelled", *more.pop("classes", ())),
            **more,
        }
