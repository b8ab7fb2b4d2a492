"""Reading the API's models, one or all of them (skytells-api.md section 5)."""

from __future__ import annotations

from typing import Any

from ..exceptions import ServerError
from ..models import Model, ModelList
from . import _requests
from ._connection import Connection
from ._send import send_with_retry

__all__ = ["get_model", "list_models", "models_in"]


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
    for model in models:
        connection.note_model(model)
    return models


async def get_model(connection: Connection, slug: str) -> Model:
    """Read one model with its input and output schemas."""
    body = await send_with_retry(connection, _requests.model(slug), f"model {slug!r}")
    if isinstance(body, dict) and isinstance(body.get("data"), dict) and not _is_model(body):
        body = body["data"]
    if not _is_model(body):
        raise ServerError(
            f"The answer for model {slug!r} names no model. Try again.",
            detail="answer without a model",
            charged=False,
        )
    model = Model.from_api(body)
    connection.note_model(model)
    return model


def models_in(body: Any) -> ModelList | None:
    """Parse a list of models, bare or wrapped; None when it is none."""
    if isinstance(body, dict):
        body = next((body[key] for key in ("data", "models") if isinstance(body.get(key), list)), None)
    if not isinstance(body, list):
        return None
    return ModelList(Model.from_api(item) for item in body if _is_model(item))


def _is_model(item: object) -> bool:
    return isinstance(item, dict) and any(
        isinstance(item.get(key), str) and item[key] for key in ("namespace", "id", "slug")
    )
