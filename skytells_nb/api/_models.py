"""``client.models``: reading the API's models (skytells-api.md section 5), and what a wrong name meant."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from .._options import options
from ..exceptions import InvalidInputError, NotFoundError, ServerError, SkytellsError, reword
from ..models import Model, ModelList, Prediction
from ..schema import as_text, closest_model, misspelt, unknown_inputs
from . import _requests
from ._connection import Connection, Resource, blocking, send_with_retry
from ._observers import Account, Observer
from ._responses import NAMED_BY

if TYPE_CHECKING:
    from ._text_requests import TextRoute


class AsyncModels(Resource):
    """List models, and read one with its schemas; every method is a coroutine."""

    async def list(self) -> ModelList:
        """List the models that the key may use, with live pricing: a list that also finds one by its slug.

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
        ...     client.models.list()["truefusion"].type
        'image'
        """
        return await self._on_loop(list_models(self._connection))

    async def get(self, slug: str) -> Model:
        """Read one model by its slug, with its input and output schemas.

        Raises
        ------
        NotFoundError
            There is no such model.

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
        ...     client.models.get("truefusion").input_schema["required"]
        ['prompt']
        """
        return await self._on_loop(get_model(self._connection, slug))


class Models(Resource):
    """List models, and read one with its schemas; every call returns when it is done."""

    list = blocking(AsyncModels.list)
    get = blocking(AsyncModels.get)


async def list_models(connection: Connection) -> ModelList:
    body = await send_with_retry(connection, _requests.models(), "the list of models")
    models = models_in(body)
    if models is None:
        raise ServerError(
            "The list of models cannot be read: it is no list. Check the base URL.",
            detail="unreadable list of models",
            charged=False,
        )
    models = ModelList(_priced_as_billed(connection, model) for model in models)
    for model in models:
        connection.note_model(model)
    return models


async def get_model(connection: Connection, slug: str) -> Model:
    """Read one model with its schemas; also by its display name, or with its vendor's.

    Where there is none, `NotFoundError` says which one was probably meant.
    """
    try:
        return await _read(connection, slug)
    except NotFoundError as error:
        return await _read(connection, await slug_meant(connection, slug, error))


async def slug_meant(connection: Connection, name: str, error: NotFoundError) -> str:
    """Return the slug of the model that a name means: its display name, or its slug after a vendor's.

    Where it means none, the API's own error is raised, with the one that the name is near to.
    """
    if (error.error_id or "").upper() != "MODEL_NOT_FOUND" or "Did you mean" in error.message:
        raise error
    try:
        meant, near = closest_model(name, await list_models(connection))
    except SkytellsError:
        raise error from None
    if meant is not None and meant.id != name:
        return meant.id
    if near is not None:
        reword(error, f"There is no model {name!r}. Did you mean {near.id!r}?")
    raise error


async def _read(connection: Connection, slug: str) -> Model:
    body = await send_with_retry(connection, _requests.model(slug), f"model {slug!r}")
    if not _is_model(body):
        raise ServerError(
            f"The answer for model {slug!r} names no model. Try again.",
            detail="answer without a model",
            charged=False,
        )
    model = _priced_as_billed(connection, Model.from_api(body))
    connection.note_model(model)
    return model


def _priced_as_billed(connection: Connection, model: Model) -> Model:
    """Return a model with a price in the unit that is billed: a sandbox bills credits, which are no money."""
    return replace(model, pricing=model.pricing.in_credits()) if connection.account.sandbox else model


def models_in(body: Any) -> ModelList | None:
    """Parse a list of models, bare or wrapped; None when it is none, or nothing in it is a model."""
    if isinstance(body, dict):
        body = next((body[key] for key in ("data", "models") if isinstance(body.get(key), list)), None)
    if not isinstance(body, list):
        return None
    models = ModelList(Model.from_api(item) for item in body if _is_model(item))
    return models if models or not body else None


def _is_model(item: object) -> bool:
    return isinstance(item, dict) and any(isinstance(item.get(key), str) and item[key] for key in NAMED_BY)


async def explain_route(
    connection: Connection, slug: str, asked: TextRoute | None, error: InvalidInputError
) -> None:
    """Say which call a model is for, where a text model's route, or predictions (None), has refused it."""
    with suppress(SkytellsError):
        route = (await get_model(connection, slug)).text_route
        if route != asked and (None in (route, asked) or "embeddings" in (route, asked)):
            meant = {None: "predictions", "chat": "chat.completions"}.get(route, route)
            reword(error, f"{slug} is not for this call: use client.{meant}.create({slug!r}, …).")


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
        """Warn, or refuse where the option says so, before anything is sent, if the schema is known."""
        given: tuple[Any, Any] = (self._model, self._input)
        if not isinstance(given[0], str) or not isinstance(given[1], Mapping):
            return  # which the create itself refuses
        known = self._connection.input_schemas.get(self._model)
        if known is not None and (found := unknown_inputs(known, self._input, policy=self._policy)):
            raise InvalidInputError(as_text(found))

    async def created(self, account: Account, ticket: object, prediction: Prediction) -> None:  # noqa: ARG002 - as Observer has it
        """Begin to read the schema, now that the create is on its way."""
        wanted = self._may_read and self._policy != "send" and not self._input.keys() <= {"prompt"}
        if wanted and self._is_new():
            self._reading = asyncio.get_running_loop().create_task(self._read())

    async def finish(self) -> None:
        if self._reading is not None:
            await asyncio.wait([self._reading], timeout=_PATIENCE)
            self.stop()

    def stop(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    async def explain(self, error: InvalidInputError) -> None:
        """Add to a refusal by the API which of the input's names the model does not have, or its call."""
        if "/chat/completions" in error.message or error.param == "model":
            await explain_route(self._connection, self._model, None, error)
            return
        given: Any = self._input
        if not isinstance(given, Mapping) or given.keys() <= {"prompt"} or "no input" in error.message:
            return
        with suppress(SkytellsError):
            if self._is_new():
                await get_model(self._connection, self._model)
        known = self._connection.input_schemas.get(self._model)
        if known is not None and (found := misspelt(known, self._input)):
            reword(error, f"{error.message} {as_text(found)}")

    def _is_new(self) -> bool:
        return self._model not in self._connection.input_schemas

    async def _read(self) -> None:
        with suppress(SkytellsError):
            await get_model(self._connection, self._model)
            known = self._connection.input_schemas.get(self._model)
            if known is not None:
                unknown_inputs(known, self._input, policy="warn")
