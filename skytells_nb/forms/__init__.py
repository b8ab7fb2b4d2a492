"""Forms: a prompt form made from a model's own input schema, and a playground for all models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._fields import Field, FieldKind, Property, Rule, fields_from_schema

if TYPE_CHECKING:
    from ._chat import Chat
    from ._form import PromptForm
    from ._playground import Playground

__all__ = ["Chat", "Field", "FieldKind", "Playground", "PromptForm", "Property", "Rule", "fields_from_schema"]

_WIDGETS = {"Chat": "_chat", "Playground": "_playground", "PromptForm": "_form"}


def __getattr__(name: str) -> Any:
    if name in _WIDGETS:
        from importlib import import_module

        try:
            return getattr(import_module(f"{__name__}.{_WIDGETS[name]}"), name)
        except ModuleNotFoundError as error:
            if error.name != "ipywidgets":
                raise
            raise ModuleNotFoundError(
                "Forms need ipywidgets, which this kernel's Python does not have. Run %pip install "
                "ipywidgets, and restart the kernel; all else works without it.",
                name=error.name,
            ) from None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
