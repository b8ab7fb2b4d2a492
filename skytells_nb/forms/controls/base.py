"""What every control is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..fields import UNSET, Field, Value
from ..look import Look

__all__ = ["Control", "Unfit"]


class Unfit(ValueError):
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

    def __init__(self, field: Field, look: Look, changed: Callable[[], None]) -> None:
        self.field = field
        self.look = look
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
        """Show a value; `Unfit` when this control cannot."""
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
            except Unfit:
                self.clear()

    def watch(self, widget: Any) -> None:
        """Let the form hear of a widget's changes."""
        widget.observe(lambda _: self._changed(), "value")

    def named(self, **more: Any) -> dict[str, Any]:
        """Give the traits by which assistive technology knows the name of a control."""
        return {
            "description": self.field.label,
            "style": self.look.text_style,
            "_dom_classes": ("sky-named", *more.pop("classes", ())),
            **more,
        }
