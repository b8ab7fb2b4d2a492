"""What one types into: a control for each kind of field. The table below is the whole list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from .._fields import Field, FieldKind
from .._views import Layouts
from . import nested, plain
from .media import MediaInput
from .plain import Control

__all__ = ["CONTROLS", "Control", "control_for"]

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
    "fixed": nested.Fixed,
    "group": nested.Group,
    "rows": nested.RowList,
    "pairs": nested.Pairs,
    "places": nested.Places,
    "variants": nested.Variants,
    "json": plain.Json,
    "whole": plain.Json,
    "custom": plain.Custom,
}


def control_for(
    field: Field,
    layouts: Layouts,
    changed: Callable[[], None],
    applies: Callable[[Field, Mapping[str, Any]], bool] | None = None,
) -> Control:
    """Make the control of a field; what has no other gets a JSON text area."""
    kind: FieldKind = "custom" if field.widget is not None else field.kind
    return CONTROLS.get(kind, plain.Json)(field, layouts, changed, applies)
