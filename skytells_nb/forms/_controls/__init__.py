"""What one types into: a control for each kind of field, all with the same four verbs.

``get`` gives what is set or `UNSET`, ``set`` shows a value, ``reset`` goes back to the schema's default, and
``problem`` says what is wrong with what was typed, where that cannot even be a value. The table below is
the whole list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from .._fields import Field
from .._views import Layouts
from .base import Control, UnsupportedValue
from .choice import Checkbox, Choice, Choices, Suggestions
from .media import Media, MediaList
from .number import Number, Seed
from .text import Colour, Custom, Json, Lines, Password, Prose, Text

__all__ = ["CONTROLS", "Control", "UnsupportedValue", "control_for"]

CONTROLS: Final[Mapping[str, type[Control]]] = {
    "prose": Prose,
    "text": Text,
    "secret": Password,
    "media": Media,
    "medias": MediaList,
    "choice": Choice,
    "choices": Choices,
    "suggestions": Suggestions,
    "slider": Number,
    "number": Number,
    "seed": Seed,
    "checkbox": Checkbox,
    "colour": Colour,
    "lines": Lines,
    "json": Json,
    "custom": Custom,
}


def control_for(field: Field, layouts: Layouts, changed: Callable[[], None]) -> Control:
    """Make the control of a field; what has no other gets a JSON text area."""
    kind = "custom" if field.widget is not None else field.kind
    return CONTROLS.get(kind, Json)(field, layouts, changed)
