"""``sky.options``: how outputs are shown and kept, in one typed place.

An option is set for the whole process by assignment, or for a block by calling:

    sky.options.cell_budget = 200_000
    with sky.options(thumbnail_size=256, progress=False):
        ...

What a block sets is seen by that block alone: it lives in a context variable, so another thread or task is
not disturbed, and blocks nest. A misspelt name and a value that makes no sense are refused at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from .exceptions import InvalidInputError

__all__ = ["OptionValueError", "Options", "UnknownOptionError", "options"]


class UnknownOptionError(InvalidInputError, AttributeError):
    """There is no option of that name. Nothing was changed."""


class OptionValueError(InvalidInputError, TypeError, ValueError):
    """The option cannot take that value. Nothing was changed."""


class _Rule(NamedTuple):
    default: object
    accepts: Callable[[object], bool]
    wanted: str
    meaning: str


def _whole(low: int, high: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_place(value: object) -> bool:
    return (
        value is None
        or isinstance(value, bool | os.PathLike)
        or (isinstance(value, str) and bool(value.strip()))
    )


_RULES: Final[Mapping[str, _Rule]] = MappingProxyType(
    {
        "thumbnail_size": _Rule(
            512, _whole(16, 4096), "a whole number from 16 to 4096", "longest side of a thumbnail, in pixels"
        ),
        "cell_budget": _Rule(
            1_000_000,
            _whole(10_000, 1_000_000_000),
            "a whole number of bytes, at least 10_000",
            "bytes of notebook that one cell's pictures may take",
        ),
        "archive": _Rule(
            None,
            _is_place,
            "None, True, False or a path",
            "where outputs are kept; None lets connect() decide",
        ),
        "progress": _Rule(
            "auto",
            lambda value: isinstance(value, bool) or value == "auto",
            'True, False or "auto"',
            "progress bars; auto shows one when it takes over a second",
        ),
    }
)

_overlay: ContextVar[Mapping[str, object]] = ContextVar("skytells_nb_options", default=MappingProxyType({}))


class Options:
    """The options, as attributes that refuse what makes no sense.

    Attributes
    ----------
    thumbnail_size : int
        Longest side of a thumbnail in pixels, 16 to 4096; 512 unless set.
    cell_budget : int
        Bytes of notebook that what one cell shows may take, base64 included; 1,000,000 unless set.
    archive : None, bool or path
        Where outputs are kept. None lets ``connect()`` decide, False keeps nothing.
    progress : bool or "auto"
        Progress bars: always, never, or when something takes over a second.

    Raises
    ------
    UnknownOptionError
        For a name that is no option; it is an ``AttributeError`` too.
    OptionValueError
        For a value an option cannot take; it is a ``TypeError`` and a ``ValueError`` too.

    Examples
    --------
    >>> from skytells_nb._options import options
    >>> with options(cell_budget=200_000):
    ...     options.cell_budget
    200000
    >>> options.cell_budget
    1000000
    """

    __slots__ = ("_base",)
    _base: dict[str, object]

    # Declared for editors and type checkers; the values live in `_base` and in the context.
    if TYPE_CHECKING:
        thumbnail_size: int
        cell_budget: int
        archive: bool | str | os.PathLike[str] | None
        progress: bool | Literal["auto"]

    def __init__(self) -> None:
        object.__setattr__(self, "_base", {name: rule.default for name, rule in _RULES.items()})

    def __getattr__(self, name: str) -> Any:
        if name not in _RULES:
            raise _unknown(name)
        here = _overlay.get()
        return here[name] if name in here else self._base[name]

    def __setattr__(self, name: str, value: object) -> None:
        _check(name, value)
        here = _overlay.get()
        if name in here:
            _overlay.set(MappingProxyType({**here, name: value}))
        else:
            self._base[name] = value

    def __delattr__(self, name: str) -> None:
        """Put an option back to what it is when nobody sets it."""
        if name not in _RULES:
            raise _unknown(name)
        setattr(self, name, _RULES[name].default)

    def __call__(self, **changes: object) -> AbstractContextManager[Options]:
        """Set options for the length of a ``with`` block.

        Parameters
        ----------
        **changes
            Options by name. All are checked before any is set.

        Examples
        --------
        >>> from skytells_nb._options import options
        >>> with options(thumbnail_size=256):
        ...     options.thumbnail_size
        256
        """
        for name, value in changes.items():
            _check(name, value)
        return self._block(changes)

    @contextmanager
    def _block(self, changes: Mapping[str, object]) -> Iterator[Options]:
        before = _overlay.get()
        _overlay.set(MappingProxyType({**before, **changes}))
        try:
            yield self
        finally:
            _overlay.set(before)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *_RULES]

    def __repr__(self) -> str:
        width = max(map(len, _RULES))
        values = {name: _spelt(getattr(self, name)) for name in _RULES}
        room = max(map(len, values.values()))
        lines = [f"  {n:{width}} = {values[n]:{room}}  # {rule.meaning}" for n, rule in _RULES.items()]
        return "\n".join(["skytells_nb options", *lines])


def _spelt(value: object) -> str:
    return f"{value:_}" if isinstance(value, int) and not isinstance(value, bool) else repr(value)


def _check(name: str, value: object) -> None:
    if name not in _RULES:
        raise _unknown(name)
    rule = _RULES[name]
    if not rule.accepts(value):
        raise OptionValueError(
            f"options.{name} cannot be {value!r}: it takes {rule.wanted}. Nothing was changed.", charged=False
        )


def _unknown(name: str) -> UnknownOptionError:
    near = get_close_matches(name, _RULES, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UnknownOptionError(
        f"There is no option {name!r}.{hint} The options are {', '.join(_RULES)}. Nothing was changed.",
        charged=False,
    )


options: Final = Options()
