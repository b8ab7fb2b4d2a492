"""Names that the API does not have: which model, and which of its inputs, was probably meant."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from .._options import options
from ..exceptions import InvalidInputError, SkytellsError
from ..models import Prediction
from ..schema import InputSchema, misspelt, unknown_inputs
from ._connection import Connection
from ._models import get_model
from ._observers import Account, Observer

_PATIENCE: Final = 2.0
"""Seconds that a create which is done waits for the schema, so that its warning stands in the same cell."""


class InputNames(Observer):
    """Warns of inputs that the model does not have, as ``sky.options.unknown_inputs`` wants it.

    A schema that some read has brought is asked before the create is sent. Of a model that nobody has read
    yet it is read once, while the create waits for its end: a create must not wait for that. Nothing is read
    for an input of a prompt alone, or when there is no time to (`read`).
    """

    def __init__(self, connection: Connection, model: str, input: Mapping[str, Any], *, read: bool) -> None:
        self._connection, self._model, self._input, self._may_read = connection, model, input, read
        self._policy = options.unknown_inputs or "warn"
        self._reading: asyncio.Task[None] | None = None

    def check(self) -> None:
        """Warn or refuse before anything is sent, where the schema is known.

        Raises
        ------
        InvalidInputError
            The option says ``refuse``.
        """
        given: tuple[Any, Any] = (self._model, self._input)
        if not isinstance(given[0], str) or not isinstance(given[1], Mapping):
            return  # which the create itself refuses
        known = self._connection.input_schemas.get(self._model)
        if known is not None:
            self._refuse_or_warn(known)

    async def created(self, account: Account, ticket: object, prediction: Prediction) -> None:  # noqa: ARG002 - as Observer has it
        """Begin to read the schema, now that the create is on its way."""
        wanted = self._may_read and self._policy != "send" and not self._input.keys() <= {"prompt"}
        if wanted and self._is_new():
            self._reading = asyncio.get_running_loop().create_task(self._read())

    async def finish(self) -> None:
        """Wait a moment for what is being read, and stop it then."""
        if self._reading is not None:
            await asyncio.wait([self._reading], timeout=_PATIENCE)
            self.stop()

    def stop(self) -> None:
        """Read no further."""
        if self._reading is not None:
            self._reading.cancel()

    async def explain(self, error: InvalidInputError) -> None:
        """Add to a refusal by the API which of the input's names the model does not have."""
        given: Any = self._input
        if not isinstance(given, Mapping) or given.keys() <= {"prompt"} or "no input" in error.message:
            return
        with suppress(SkytellsError):
            if self._is_new():
                await get_model(self._connection, self._model)
        known = self._connection.input_schemas.get(self._model)
        if known is not None and (found := misspelt(known, self._input)):
            error.message = f"{error.message} {' '.join(found.values())}"
            error.args = (error.message, *error.args[1:])

    def _is_new(self) -> bool:
        return self._model not in self._connection.input_schemas

    async def _read(self) -> None:
        with suppress(SkytellsError):
            await get_model(self._connection, self._model)
            known = self._connection.input_schemas.get(self._model)
            if known is not None:
                unknown_inputs(known, self._input, policy="warn")

    def _refuse_or_warn(self, known: InputSchema) -> None:
        found = unknown_inputs(known, self._input, policy=self._policy)
        if found:
            raise InvalidInputError(" ".join(found.values()), charged=False)
