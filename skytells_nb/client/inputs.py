"""Inputs that are more than JSON: a prediction, a file or a picture becomes what the model takes.

How it is converted is the archive's to say, since it keeps the files; its room lies above this one and
is found by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any, Final

from ..exceptions import SkytellsError
from ..wire import flows
from ..wire.conversation import Conversation
from ..wire.steps import Do, Flow

__all__ = ["plain"]

_PREPARE: Final = "skytells_nb.archive:prepare"


def plain(conversation: Conversation, model: str, input: Mapping[str, Any]) -> Flow[Mapping[str, Any]]:
    """Give an input whose predictions, paths and pictures have become URLs or data URIs.

    The model's schema is read for it, since it says whether one picture or a list is wanted. An input that
    is JSON already is given back as it is, and nothing is read.
    """
    try:
        if not isinstance(input, Mapping) or _is_json(dict(input)):
            return input
    except RecursionError:
        return input  # it holds itself, and is refused before anything is sent
    schema = None
    try:
        schema = (yield from flows.model(conversation, model)).input_schema
    except SkytellsError:
        schema = None  # the create itself will say what is wrong with the model
    prepared: Mapping[str, Any] = yield Do(partial(_prepare(), input, schema, origin=conversation.origin))
    return prepared


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_json, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_json, value))
    return value is None or isinstance(value, str | int | float)


def _prepare() -> Callable[..., Mapping[str, Any]]:
    module, _, name = _PREPARE.partition(":")
    found: Callable[..., Mapping[str, Any]] = getattr(import_module(module), name)
    return found
