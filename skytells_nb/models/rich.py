"""What a value on the ground floor looks up in the rooms above it, by name and only when it is asked.

A prediction must not import pandas or draw pictures to exist. It holds a ``"module:function"``
string instead, and the function is found when somebody looks at it or wants a table.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any, Final

__all__ = ["MIMEBUNDLE", "PREDICTIONS_FRAME", "PRICING_FRAME", "mimebundle", "resolve"]

MIMEBUNDLE: Final = "skytells_nb.display:mimebundle"
PREDICTIONS_FRAME: Final = "skytells_nb.frames:predictions_frame"
PRICING_FRAME: Final = "skytells_nb.frames:pricing_frame"


def resolve(target: str) -> Callable[..., Any]:
    """Find a function by its ``"module:function"`` name.

    Examples
    --------
    >>> from skytells_nb.models.rich import resolve
    >>> resolve("math:floor")(2.5)
    2
    """
    module, _, name = target.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found


def mimebundle(
    value: object, include: Collection[str] | None = None, exclude: Collection[str] | None = None
) -> dict[str, str]:
    """Draw a value for a notebook; it never raises, since a cell must not fail for being looked at.

    Parameters
    ----------
    value : object
        What is looked at.
    include, exclude : collection of str, optional
        MIME types that are wanted, or not, as IPython asks for them.
    """
    try:
        bundle: dict[str, str] = resolve(MIMEBUNDLE)(value)
    except Exception as error:  # noqa: BLE001 - whatever fails here, the value itself is still good
        bundle = {"text/plain": f"{value!r}\n(it could not be drawn: {type(error).__name__}: {error})"}
    return {
        mime: drawn
        for mime, drawn in bundle.items()
        if (not include or mime in include) and not (exclude and mime in exclude)
    }
