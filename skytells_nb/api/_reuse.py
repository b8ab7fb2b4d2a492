"""Taking from the archive what an equal input has made, in the place of a new create."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .._options import options
from ..aio import reused_together
from ..exceptions import InvalidInputError, SkytellsError
from ..models import Prediction
from ..schema import UNSET
from ._connection import Connection
from ._model_list import get_model

__all__ = ["find_reusable"]


async def find_reusable(
    connection: Connection, model: str, input: Mapping[str, Any], reuse: bool | None
) -> Prediction | None:
    """Return what the archive has of an equal input, where that is wanted; None where it is to be created.

    Equal creates of one `gather` take different predictions, oldest first, as far as there are any.
    """
    archive: Any = connection.archive
    given: tuple[Any, Any] = (model, input)
    if not isinstance(given[0], str) or not isinstance(given[1], Mapping):
        return None  # which the create itself refuses
    if not (options.reuse if reuse is None else reuse):
        if model in connection.input_schemas and hasattr(archive, "learn_defaults"):
            archive.learn_defaults(connection.account, model, await _defaults(connection, model))
        return None
    if not hasattr(archive, "equal_inputs"):
        if reuse:
            raise InvalidInputError(
                "reuse=True needs an archive to look in: use connect(), or Client(archive=True).",
                charged=False,
            )
        return None
    archive.learn_defaults(connection.account, model, await _defaults(connection, model))
    found: list[Prediction] = await asyncio.to_thread(archive.equal_inputs, connection.account, model, input)
    taken = reused_together.get()
    if taken is None:
        return replace(found[0], reused=True) if found else None
    for kept in reversed(found):
        if kept.id not in taken:
            taken.add(kept.id)
            return replace(kept, reused=True)
    return None


async def _defaults(connection: Connection, model: str) -> dict[str, Any]:
    """Return the defaults of a model's schema, which is read once; none where it cannot be."""
    if model not in connection.input_schemas:
        try:
            await get_model(connection, model)
        except SkytellsError:
            return {}  # the create itself will say what is wrong with the model
    rules = connection.input_schemas.get(model)
    if rules is None:
        return {}
    return {name: rule.default for name, rule in rules.items() if rule.default is not UNSET}
