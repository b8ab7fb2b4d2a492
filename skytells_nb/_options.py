"""``sky.options``: how things are shown, kept and checked, in one typed place.

An option is set for the whole process by assignment, or for a block by calling:

    sky.options.cell_budget = 200_000
    with sky.options(thumbnail_size=256, progress=False):
        ...

What a block sets is seen by that block alone: it lives in a context variable, so another thread or task is
not disturbed, and blocks nest. Another option is another line in `Options`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, Final, Generic, Literal, TypeVar, overload

from .checks import UnknownNameError, check_choice, check_path, check_whole, did_you_mean
from .exceptions import InvalidInputError

T = TypeVar("T")


class OptionValueError(InvalidInputError, TypeError, ValueError):
    """The option cannot take that value."""


_block: ContextVar[Mapping[str, Any]] = ContextVar("skytells_nb_options", default={})  # noqa: B039  never changed


class _Option(Generic[T]):
    """One option: its default, the check of what it is set to, and what it means."""

    def __init__(self, default: T, check: Callable[[str, object], object], meaning: str) -> None:
        self.default = default
        self.check = check
        self.__doc__ = meaning

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> _Option[T]: ...
    @overload
    def __get__(self, instance: Options, owner: type) -> T: ...
    def __get__(self, instance: Options | None, owner: type) -> _Option[T] | T:
        if instance is None:
            return self
        value: T = _block.get().get(self.name, vars(instance).get(self.name, self.default))
        return value

    def __set__(self, instance: Options, value: T) -> None:
        self.check(f"options.{self.name}", value)
        if self.name in _block.get():  # what a block has named is its own until it ends
            _block.set({**_block.get(), self.name: value})
        else:
            vars(instance)[self.name] = value

    def __delete__(self, instance: Options) -> None:
        vars(instance).pop(self.name, None)


_one_of = partial(check_choice, error=OptionValueError)
_whole = partial(check_whole, error=OptionValueError)


def _place(name: str, value: object) -> None:
    if value is not None and not isinstance(value, bool):
        check_path(name, value, what="None, True, False or a path", error=OptionValueError)


class Options:
    """The options, as attributes that refuse what makes no sense; ``del`` puts one back to its default.

    Raises
    ------
    UnknownNameError
        For a name that is no option; it is an ``AttributeError`` too.
    OptionValueError
        For a value an option cannot take; it is a ``TypeError`` and a ``ValueError`` too.

    Examples
    --------
    >>> from skytells_nb import options
    >>> with options(cell_budget=200_000):
    ...     options.cell_budget
    200000
    >>> options.cell_budget
    1000000
    """

    thumbnail_size = _Option(
        512, partial(_whole, low=16, high=4096), "longest side of a thumbnail, in pixels"
    )
    cell_budget = _Option(
        1_000_000, partial(_whole, low=10_000), "bytes of notebook that what one cell shows may take"
    )
    archive: _Option[bool | str | os.PathLike[str] | None] = _Option(
        None, _place, "where outputs are kept; None lets connect() decide, False keeps nothing"
    )
    progress: _Option[bool | Literal["auto"]] = _Option(
        "auto", partial(_one_of, choices=(True, False, "auto")), "bars; auto: where it takes over a second"
    )
    unknown_inputs: _Option[Literal["refuse", "warn", "send"] | None] = _Option(
        None,
        partial(_one_of, choices=("refuse", "warn", "send", None)),
        "inputs that a model does not have; None: create warns, all else refuses",
    )
    reuse = _Option(
        False,
        partial(_one_of, choices=(True, False)),
        "give back an equal prediction from the archive in place of a new create",
    )
    private_outputs = _Option(
        False,
        partial(_one_of, choices=(True, False)),
        "fetch outputs from private addresses too, as some VPNs invent them",
    )
    tracebacks: _Option[Literal["short", "full"]] = _Option(
        "short", partial(_one_of, choices=("short", "full")), "of our errors, in a notebook"
    )

    def __getattr__(self, name: str) -> Any:
        raise _unknown(name)  # what is known is found before this is asked

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _OPTIONS:
            raise _unknown(name)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        if name not in _OPTIONS:
            raise _unknown(name)
        super().__delattr__(name)

    def __call__(self, **changes: object) -> AbstractContextManager[Options]:
        """Set options for the length of a ``with`` block; all are checked before any is set.

        Examples
        --------
        >>> from skytells_nb import options
        >>> with options(thumbnail_size=256):
        ...     options.thumbnail_size
        256
        """
        for name, value in changes.items():
            if name not in _OPTIONS:
                raise _unknown(name)
            _OPTIONS[name].check(f"options.{name}", value)
        return self._for_a_block(changes)

    @contextmanager
    def _for_a_block(self, changes: Mapping[str, object]) -> Iterator[Options]:
        before = _block.get()
        _block.set({**before, **changes})
        try:
            yield self
        finally:
            _block.set(before)

    def __repr__(self) -> str:
        rows = [(name, _shown(getattr(self, name)), option.__doc__) for name, option in _OPTIONS.items()]
        names, values = (max(len(row[column] or "") for row in rows) for column in (0, 1))
        lines = [f"  {name:{names}} = {value:{values}}  # {meaning}" for name, value, meaning in rows]
        return "\n".join(["skytells_nb options", *lines])


_OPTIONS: Final[Mapping[str, _Option[Any]]] = {
    name: option for name, option in vars(Options).items() if isinstance(option, _Option)
}


def _shown(value: object) -> str:
    return f"{value:_}" if isinstance(value, int) and not isinstance(value, bool) else repr(value)


def _unknown(name: str) -> UnknownNameError:
    hint = did_you_mean(name, _OPTIONS) or f" The options are {', '.join(_OPTIONS)}."
    return UnknownNameError(f"There is no option {name!r}.{hint}")


options: Final = Options()
