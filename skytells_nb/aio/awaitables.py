"""What `gather` is given: arguments or one iterable, checked, started one by one, and closed.

Coroutines that nobody awaits complain when they are collected, and a generator must not be read
ahead of the room there is. So a list is checked whole before anything starts, a generator item by
item, and whatever was never started is closed.
"""

from __future__ import annotations

import asyncio
import inspect
import operator
from collections.abc import Generator, Iterable, Iterator
from typing import Any

from ..exceptions import InvalidInputError
from ..models import Prediction

__all__ = ["Awaitables"]


class Awaitables:
    """What is to be awaited, handed out one by one; what is never handed out gets closed.

    Parameters
    ----------
    given : tuple
        The arguments of a call: awaitables, or one iterable of them.
    """

    def __init__(self, given: tuple[Any, ...]) -> None:
        source = _one_source(given)
        self._known = list(source) if _is_finite(source) else None
        self._left: Iterator[Any] = iter(source if self._known is None else self._known)
        self._source = source
        self._taken = 0

    @property
    def total(self) -> int | None:
        """How many there are; None when that shows only at the end."""
        return None if self._known is None else len(self._known)

    def check(self) -> None:
        """Refuse what cannot be awaited, and a coroutine that is there twice, before anything starts."""
        seen: set[int] = set()
        made = [item for item in self._known or () if isinstance(item, Prediction)]
        if made:
            raise _made_already(made)
        for item in self._known or ():
            _require_awaitable(item)
            if inspect.iscoroutine(item):
                if id(item) in seen:
                    raise InvalidInputError(
                        "The same coroutine was given twice, and a coroutine runs only once. Nothing was "
                        "started, nothing was billed. Call the function once for each result you want.",
                        charged=False,
                    )
                seen.add(id(item))

    def take(self) -> asyncio.Future[Any] | None:
        """Start the next; None when there is no more."""
        for item in self._left:
            self._taken += 1
            _require_awaitable(item)
            future: asyncio.Future[Any] = asyncio.ensure_future(item)
            return future
        return None

    def close(self, *, cancel: bool = False) -> list[Any]:
        """Close what was never started; ``cancel`` also those that run by themselves. Gives them back."""
        if self._known is None:
            if isinstance(self._source, Generator):
                self._source.close()
            return []
        never = self._known[self._taken :]
        for item in never:
            if inspect.iscoroutine(item):
                item.close()
            elif cancel and asyncio.isfuture(item):
                item.cancel()
        return never


def _one_source(aws: tuple[Any, ...]) -> Iterable[Any]:
    if len(aws) == 1 and not inspect.isawaitable(aws[0]) and isinstance(aws[0], Iterable):
        return aws[0]
    return aws


def _is_finite(source: Iterable[Any]) -> bool:
    try:
        return operator.length_hint(source, -1) >= 0
    except TypeError:  # itertools.repeat without a number
        return False


def _made_already(made: list[Prediction]) -> InvalidInputError:
    """Make the error for what a blocking client has made before anybody could gather it."""
    more = f" and {len(made) - 1} more" if len(made) > 1 else ""
    error = InvalidInputError(
        f"gather() was given what is made already, {made[0].id}{more}: a blocking client makes one "
        "prediction after another, before gather sees them. Nothing is lost: this error has them as "
        ".results, and what they cost stays billed. For several at once take client.as_async(), whose "
        "creates can be awaited."
    )
    error.made = error.results = made  # type: ignore[attr-defined]
    return error


def _require_awaitable(item: object) -> None:
    if asyncio.isfuture(item) and item.get_loop() is not asyncio.get_running_loop():
        raise InvalidInputError(
            "gather() was given a task of another event loop, which cannot be awaited here. It goes on. "
            "Await it on its own loop, or pass the coroutine instead of the task.",
            charged=False,
        )
    if isinstance(item, Prediction):
        raise _made_already([item])
    if inspect.isawaitable(item):
        return
    hint = "Call it." if inspect.iscoroutinefunction(item) else "Methods of an AsyncClient give awaitables."
    raise InvalidInputError(
        f"gather() was given {type(item).__name__}, which cannot be awaited. It was not started, and costs "
        f"nothing. {hint}",
        charged=False,
    )
