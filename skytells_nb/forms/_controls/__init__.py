"""What one types into: a control for each kind of field. The table below is the whole list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from .._fields import Field, FieldKind
from .._views import Layouts
from .base import Control
from .media import MediaInput
from .nested import Fixed, Group, Pairs, Places, RowList, Variants
from .plain import (
    Checkbox,
    Colour,
    Custom,
    Json,
    Lines,
    MultiSelect,
    Number,
    Password,
    Prose,
    Seed,
    Select,
    Suggestions,
    TextLine,
)

__all__ = ["CONTROLS", "Control", "control_for"]

CONTROLS: Final[Mapping[FieldKind, type[Control]]] = {
    "prose": Prose,
    "text": TextLine,
    "secret": Password,
    "media": MediaInput,
    "choice": Select,
    "choices": MultiSelect,
    "suggestions": Suggestions,
    "slider": Number,
    "number": Number,
    "seed": Seed,
    "checkbox": Checkbox,
    "colour": Colour,
    "lines": Lines,
    "fixed": Fixed,
    "group": Group,
    "rows": RowList,
    "pairs": Pairs,
    "places": Places,
    "variants": Variants,
    "json": Json,
    "whole": Json,
    "custom": Custom,
}


def control_for(
    field: Field,
    layouts: Layouts,
    changed: Callable[[], None],
    applies: Callable[[Field, Mapping[str, Any]], bool] | None = None,
) -> Control:
    """Make the control of a field; what has no other gets a JSON text area."""
    kind: FieldKind = "custom" if field.widget is not None else field.kind
    return CONTROLS.get(kind, Json)(field, layouts, changed, applies)
