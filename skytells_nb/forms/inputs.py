"""A form's value: a dict in which single inputs can be set, too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

__all__ = ["Inputs"]


class Inputs(dict[str, Any]):
    """What a form will send. Whatever changes it shows in the form, so that what is shown is what is sent.

    Parameters
    ----------
    items : mapping
        What is in it.
    changed : callable
        Called with what will be in it, before it is.

    Examples
    --------
    >>> from skytells_nb.forms.inputs import Inputs
    >>> value = Inputs({"prompt": "a red fox"}, print)
    >>> value["seed"] = 7
    {'prompt': 'a red fox', 'seed': 7}
    >>> value |= {"width": 512}
    {'prompt': 'a red fox', 'seed': 7, 'width': 512}
    """

    __slots__ = ("_changed",)

    def __init__(self, items: Mapping[str, Any], changed: Callable[[dict[str, Any]], object]) -> None:
        super().__init__(items)
        self._changed = changed

    def _become(self, items: Mapping[str, Any]) -> None:
        self._changed(dict(items))
        super().clear()
        super().update(items)

    def __setitem__(self, name: str, value: Any) -> None:
        self._become({**self, name: value})

    def __delitem__(self, name: str) -> None:
        self.pop(name)

    def __ior__(self, other: Any) -> Self:  # type: ignore[override,misc]
        self.update(other)
        return self

    def clear(self) -> None:
        """Go back to the defaults."""
        self._become({})

    def pop(self, name: str, *default: Any) -> Any:
        """Take one input out, and give it."""
        items = dict(self)
        value = items.pop(name, *default)
        self._become(items)
        return value

    def popitem(self) -> tuple[str, Any]:
        """Take the last input out, and give its name and value."""
        items = dict(self)
        last = items.popitem()
        self._become(items)
        return last

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Give an input, after setting it where it is not set."""
        if name not in self:
            self[name] = default
        return self[name]

    def update(self, *others: Any, **more: Any) -> None:
        """Set several inputs at once."""
        self._become({**self, **dict(*others, **more)})

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)
