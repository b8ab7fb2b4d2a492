"""``client.models``, and reading the API's models, one or all of them (skytells-api.md section 5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..exceptions import NotFoundError, ServerError, SkytellsError
from ..models import Model, ModelList
from ..schema import closest_model
from . import _requests
from ._connection import Connection
from ._resource import Resource, blocking
from ._send import send_with_retry


class AsyncModels(Resource):
    """List models, and read one with its schemas; every method is a coroutine."""

    async def list(self) -> ModelList:
        """List the models that the key may use, with live pricing.

        Returns
        -------
        ModelList
            A real list, which also finds a model by its slug.

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
        ...     client.models.list()["truefusion"].type
        'image'
        """
        return await self._on_loop(list_models(self._connection))

    async def get(self, slug: str) -> Model:
        """Read one model, with its input and output schemas.

        Parameters
        ----------
        slug : str
            The model's slug, such as ``"truefusion-pro"``.

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
    """List every model that the key may use."""
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
    """Read one model with its input and output schemas; also by its display name, or with its vendor's.

    Raises
    ------
    NotFoundError
        There is none; the error says which one was probably meant.
    """
    try:
        return await _read(connection, slug)
    except NotFoundError as error:
        return await _read(connection, await slug_meant(connection, slug, error))


async def slug_meant(connection: Connection, name: str, error: NotFoundError) -> str:
    """Return the slug of the model that a name means: its display name, or its slug after a vendor's.

    Raises
    ------
    NotFoundError
        The API's own, where the name means none, with the one that it is near to.
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
        error.message = f"There is no model {name!r}. Did you mean {near.id!r}?"
        error.args = (error.message, *error.args[1:])
    raise error


async def _read(connection: Connection, slug: str) -> Model:
    body = await send_with_retry(connection, _requests.model(slug), f"model {slug!r}")
    if isinstance(body, dict) and isinstance(body.get("data"), dict) and not _is_model(body):
        body = body["data"]
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
    return isinstance(item, dict) and any(
        isinstance(item.get(key), str) and item[key] for key in ("namespace", "id", "slug")
    )
