"""What values of the API have in common: a notebook draws them, and one ``await`` too many loses none."""

from __future__ import annotations

from collections.abc import Collection, Generator
from typing import Any, Self

from .. import _lazy
from ..exceptions import warn_user


class Drawn:
    """A value that a notebook draws, and shows as text where that fails: no cell is to fail for it."""

    __slots__ = ()

    def _draw(self) -> dict[str, Any]:
        bundle: dict[str, Any] = _lazy.display_mimebundle(self)
        return bundle

    def _text(self) -> str:
        return repr(self)

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        try:
            bundle = self._draw()
        except Exception as error:  # noqa: BLE001 - whatever fails here, the value itself is still good
            words = f"{self._text()}\n(it could not be drawn: {type(error).__name__}: {error})"
            bundle = {"text/plain": words}
        return {
            mime: drawn
            for mime, drawn in bundle.items()
            if (not include or mime in include) and not (exclude and mime in exclude)
        }


class Finished:
    """A value that is there, and that awaits to itself."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, Self]:
        """Return itself, with a note."""
        warn_user(f"This {type(self).__name__} was here already: a blocking client's calls need no `await`.")
        yield from ()  # nothing to wait for
        return self
