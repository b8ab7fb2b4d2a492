"""Reading the API's models, one or all of them (skytells-api.md section 5)."""

from __future__ import annotations

from typing import Any

from ..exceptions import ServerError
from ..models import Model, ModelList
from . import exchange, requests
from .conversation import Conversation
from .steps import Flow

__all__ = ["list_models", "model", "models_in"]


def list_models(conversation: Conversation) -> Flow[ModelList]:
    """List every model that the key may use."""
    body = yield from exchange.ask(conversation, requests.models(), "the list of models")
    models = models_in(body)
    if models is None:
        raise ServerError(
            "The list of models cannot be read: it is no list. This call bills nothing. Check the base URL, "
            "then try again.",
            detail="unreadable list of models",
            charged=False,
        )
    for found in models:
        conversation.saw_model(found)
    return models


def model(conversation: Conversation, slug: str) -> Flow[Model]:
    """Read one model with its input and output schemas."""
    body = yield from exchange.ask(conversation, requests.model(slug), f"model {slug!r}")
    if isinstance(body, dict) and isinstance(body.get("data"), dict) and not _is_model(body):
        body = body["data"]
    if not _is_model(body):
        raise ServerError(
            f"The API's answer for model {slug!r} cannot be read: it names no model. This call bills "
            "nothing. Try again.",
            detail="answer without a model",
            charged=False,
        )
    found = Model.from_api(body)
    conversation.saw_model(found)
    return found


def models_in(body: Any) -> ModelList | None:
    """Read a list of models, bare or wrapped; None when it is none."""
    if isinstance(body, dict):
        body = next((body[key] for key in ("data", "models") if isinstance(body.get(key), list)), None)
    if not isinstance(body, list):
        return None
    return ModelList(Model.from_api(item) for item in body if _is_model(item))


def _is_model(item: object) -> bool:
    return isinstance(item, dict) and any(
        isinstance(item.get(key), str) and item[key] for key in ("namespace", "id", "slug")
    )
