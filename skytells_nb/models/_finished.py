"""Results of the blocking client, which one ``await`` too many must not lose: some are paid for."""

from __future__ import annotations

from collections.abc import Collection, Generator
from typing import Any, Self

from .. import _lazy
from ..exceptions import warn_user


class Drawn:
    """A value that a notebook draws."""

    __slots__ = ()

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        return _lazy.mimebundle(self, include, exclude)


class Finished:
    """A value that is there, and that awaits to itself."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, Self]:
        """Return itself, with a note."""
        warn_user(f"This {type(self).__name__} was here already: a blocking client's calls need no `await`.")
        yield from ()  # nothing to wait for
        return self
