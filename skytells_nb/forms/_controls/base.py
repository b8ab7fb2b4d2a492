"""What every control is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from ...schema import UNSET
from .._codegen import literal
from .._fields import Field
from .._views import Layouts


class UnsupportedValueError(ValueError):
    """A control cannot show this value as it is; the form keeps it all the same."""


class Control(ABC):
    """The widgets of one field. It shows a value that the form holds, and says what was typed instead.

    Subclasses have two methods: ``build`` makes the widgets, and ``display`` shows a value in them. What
    happens in a widget ends in `edited`.
    """

    widget: Any
    hint = ""  # what is worth saying under it, whatever its value is

    def __init__(
        self,
        field: Field,
        layouts: Layouts,
        changed: Callable[[], None],
        applies: Callable[[Field, Mapping[str, Any]], bool] | None = None,
    ) -> None:
        self.field = field
        self.layouts = layouts
        self.applies = applies
        self.value: Any = UNSET  # what was last shown or typed
        self.problem = ""  # what is wrong with what was typed
        self.remark = ""  # what is worth saying of its value
        self._changed = changed
        self._showing = 1
        self.build()
        self._showing = 0
        self.show(UNSET)

    @abstractmethod
    def build(self) -> None:
        """Make the widgets; ``widget`` is what stands in the form."""

    @abstractmethod
    def display(self, value: Any) -> None:
        """Show a value, or with `UNSET` that there is none; `UnsupportedValueError` where that cannot be."""

    def show(self, value: Any) -> None:
        """Show a value that was set from elsewhere, or with `UNSET` the schema's default."""
        self.value, self.problem, self.remark = value, "", ""
        self._showing += 1
        try:
            self.display(self.field.default if value is UNSET else value)
        except UnsupportedValueError:
            self.display(UNSET)
            if value is not UNSET:
                text = "null" if value is None else literal(value)
                self.remark = f"Set to {text if len(text) <= 60 else text[:59] + '…'}."
        finally:
            self._showing -= 1

    def edited(self, value: Any, problem: str = "") -> None:
        if not self._showing:
            self.value, self.problem, self.remark = value, problem, ""
            self._changed()

    def accessible_traits(self, **more: Any) -> dict[str, Any]:
        """Return the traits by which assistive technology knows the name of a control."""
        return {
            "description": self.field.label,
            "style": self.layouts.text_style,
            "_dom_classes": ("sky-labelled", *more.pop("classes", ())),
            **more,
        }
