"""One definition of every method for both clients: a flow, bound to whichever driver the client has.

``@operation`` stands over a method that returns a flow. On a blocking face the method runs the flow and
returns its result; on an awaiting face it is a coroutine function. Both keep name, parameters,
annotations and docstring, because in a notebook Shift-Tab is the documentation.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from ..wire.steps import Flow
from . import awaiting, blocking
from .connection import Connection

__all__ = ["Awaiting", "Blocking", "Face", "operation"]

P = ParamSpec("P")
T = TypeVar("T")


class Face:
    """Something that shows a connection's operations to the user."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection


class Blocking(Face):
    """A face whose operations block until they are done."""


class Awaiting(Face):
    """A face whose operations are coroutines."""


class operation(Generic[P, T]):  # noqa: N801 - used as a decorator
    """Make a method of a flow: blocking on a `Blocking` face, a coroutine on an `Awaiting` one."""

    def __init__(self, write: Callable[Concatenate[Any, P], Flow[T]]) -> None:
        self._write = write
        self._name = write.__name__
        shown = inspect.signature(write)
        returned = str(shown.return_annotation).removeprefix("Flow[").removesuffix("]")
        self.__signature__ = shown.replace(
            parameters=list(shown.parameters.values())[1:], return_annotation=returned
        )
        update_wrapper(self, write)
        del self.__dict__["__wrapped__"]

    def __call__(self, face: Face, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Call it through its class, as any method may be."""
        return self.__get__(face)(*args, **kwargs)

    @overload
    def __get__(self, face: None, owner: type) -> Self: ...
    @overload
    def __get__(self, face: Blocking, owner: type | None = None) -> Callable[P, T]: ...
    @overload
    def __get__(self, face: Awaiting, owner: type | None = None) -> Callable[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, face: Face, owner: type | None = None) -> Callable[P, Any]: ...
    def __get__(self, face: Face | None, owner: type | None = None) -> Any:
        if face is None:
            return self
        bound: Any = self._awaited(face) if isinstance(face, Awaiting) else self._blocked(face)
        bound.__name__ = self._name
        bound.__qualname__ = f"{type(face).__name__}.{self._name}"
        bound.__doc__ = self._write.__doc__
        bound.__module__ = self._write.__module__
        bound.__signature__ = self.__signature__
        face.__dict__[self._name] = bound
        return bound

    def _blocked(self, face: Face) -> Callable[..., T]:
        write, apart = self._write, _without_cycle(face)
        connection = apart._connection  # noqa: SLF001

        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            connection.require_open()
            return blocking.drive(connection, write(apart, *args, **kwargs))

        return call

    def _awaited(self, face: Face) -> Callable[..., Coroutine[Any, Any, T]]:
        write, apart = self._write, _without_cycle(face)
        connection = apart._connection  # noqa: SLF001

        async def call(*args: P.args, **kwargs: P.kwargs) -> T:
            connection.require_open()
            return await awaiting.drive(connection, write(apart, *args, **kwargs))

        return call


def _without_cycle(face: Face) -> Face:
    """Give a twin for the bound method to hold: a cycle would keep sockets until Python looks for cycles."""
    return type(face)(face._connection)  # noqa: SLF001
