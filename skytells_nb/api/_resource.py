"""One definition of every method for both clients: a coroutine, and the same coroutine waited for.

Every operation runs on the toolkit's loop. `AsyncClient` awaits it from whatever loop its caller is on,
`Client` waits for it in the caller's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar

from ..aio import on_loop, run
from ._connection import Connection

P = ParamSpec("P")
T = TypeVar("T")


class Resource:
    """What can be asked through one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __repr__(self) -> str:
        can = [name for name in (*vars(type(self)), *vars(self)) if not name.startswith("_")]
        return f"<{type(self).__name__} of {self._connection}: {', '.join(can)}>"

    async def _on_loop(self, operation: Coroutine[Any, Any, T]) -> T:
        try:
            self._connection.require_open()
        except BaseException:
            operation.close()
            raise
        return await on_loop(operation)


def blocking(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Any, P], T]:
    """Return the blocking twin of a coroutine method, with its name, signature and docstring.

    In a notebook Shift-Tab is the documentation.
    """

    def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return run(method(self, *args, **kwargs))

    update_wrapper(call, method)
    call.__qualname__ = method.__qualname__.removeprefix("Async")
    return call
