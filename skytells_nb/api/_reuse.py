"""Taking from the archive what an equal input has made, in the place of a new create."""

# ruff: noqa: ARG002 - an observer hears more than each one needs

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from .._options import options
from ..aio import Together, together
from ..checks import check_choice
from ..exceptions import InvalidInputError, SkytellsError
from ..models import Prediction
from ._connection import Connection
from ._create import create
from ._models import get_model
from ._observers import Account, Observer


async def create_or_reuse(
    connection: Connection,
    model: str,
    input: Mapping[str, Any],
    *,
    reuse: bool | None = None,
    observers: Sequence[Observer] = (),
    **options: Any,
) -> Prediction:
    """Return what the archive has of an equal input, where that is wanted; else do what `create` does."""
    kept = await find_reusable(connection, model, input, reuse)
    if kept is not None:
        return kept
    return await create(connection, model, input, observers=watch_created(observers), **options)


def reuse_wanted(connection: Connection, reuse: bool | None) -> bool:
    """Whether to look in the archive: as an argument says, else as ``sky.options.reuse`` does."""
    check_choice("reuse", reuse, (True, False, None))
    if not (options.reuse if reuse is None else reuse):
        return False
    if hasattr(connection.archive, "equal_inputs"):
        return True
    if reuse:
        raise InvalidInputError(
            "reuse=True needs an archive to look in: use connect(), or Client(archive=True)."
        )
    return False


async def find_reusable(
    connection: Connection, model: str, input: Mapping[str, Any], reuse: bool | None
) -> Prediction | None:
    """Return what the archive has of an equal input, where that is wanted; None where it is to be created.

    Equal inputs of one call, such as a `gather`, take different predictions, the oldest first, and never one
    that this call has made itself.
    """
    given: tuple[Any, Any] = (model, input)
    if not isinstance(given[0], str) or not isinstance(given[1], Mapping):
        return None  # which the create itself refuses
    if not reuse_wanted(connection, reuse):
        return None
    slug = model
    if model not in connection.input_schemas:  # whose defaults count as given
        with suppress(SkytellsError):  # the create itself will say what is wrong with the model
            slug = (await get_model(connection, model)).id
    call = together.get()
    if call is None:
        return await _look_up(connection, slug, input, Together(), oldest_first=False)
    async with call.lock:
        return await _look_up(connection, slug, input, call, oldest_first=True)


async def _look_up(
    connection: Connection, model: str, input: Mapping[str, Any], call: Together, *, oldest_first: bool
) -> Prediction | None:
    archive: Any = connection.archive
    equal = archive.equal_inputs(
        connection.account, model, input, without=call.ids, oldest_first=oldest_first
    )
    kept: Prediction | None = await asyncio.to_thread(next, equal, None)
    if kept is None:
        return None
    call.ids.add(kept.id)
    return replace(kept, reused=True)


def watch_created(observers: Sequence[Observer] = ()) -> Sequence[Observer]:
    """Return observers, and one that keeps what this call makes from being reused by it."""
    call = together.get()
    return observers if call is None else (*observers, _Created(call))


class _Created(Observer):
    def __init__(self, call: Together) -> None:
        self._call = call

    async def created(self, account: Account, ticket: object, prediction: Prediction) -> None:
        """Note an id as soon as it is known."""
        self._call.ids.add(prediction.id)
