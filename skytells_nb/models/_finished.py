"""Results of the blocking client, which one ``await`` too many must not lose: some are paid for."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Self

from ..exceptions import warn_user


class Finished:
    """A value that is there, and that awaits to itself."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, Self]:
        """Return itself, with a note."""
        warn_user(f"This {type(self).__name__} was here already: a blocking client's calls need no `await`.")
        yield from ()  # nothing to wait for
        return self
