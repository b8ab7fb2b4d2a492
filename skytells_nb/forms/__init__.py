"""Forms: a prompt form made from a model's own input schema, and a playground for all models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .fields import Field, Property
    from .form import PromptForm
    from .playground import Playground
    from .schema import Rule

__all__ = ["Field", "Playground", "PromptForm", "Property", "Rule"]

_HOMES = {
    "Field": "fields",
    "Playground": "playground",
    "PromptForm": "form",
    "Property": "fields",
    "Rule": "schema",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        try:
            return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        except ModuleNotFoundError as error:
            if error.name != "ipywidgets":
                raise
            raise ModuleNotFoundError(
                "A form needs ipywidgets, which this kernel's Python does not have. Nothing was sent, and "
                "all but forms works without it. Run %pip install ipywidgets, and restart the kernel.",
                name=error.name,
            ) from None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
