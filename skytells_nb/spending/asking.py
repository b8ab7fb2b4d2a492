"""``estimate``: what a create would cost, by the live price list and by what earlier ones cost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from .. import pricing
from ..aio import run
from ..api import AsyncClient, Client, Connection, latest
from ..checks import expected
from ..exceptions import InvalidInputError, SkytellsError
from ..formatting import CREDITS, DOLLARS
from ..models import Model
from ..pricing import Estimate
from ..schema import Checker, as_text
from .history import past
from .prices import PRICES

__all__ = ["asked", "estimate"]

_T = TypeVar("_T")


def estimate(
    model: str | Model,
    input: Mapping[str, Any] | None = None,
    *,
    count: int = 1,
    client: Client | AsyncClient | None = None,
) -> Estimate:
    """Say what a create would cost, before anything is sent that costs money.

    Parameters
    ----------
    model : str or Model
        A slug, whose price list and schema are read from the API and kept for ten minutes; or a model
        as the API gave it.
    input : dict, optional
        What would be sent; the schema's defaults stand in for what is missing.
    count : int
        How many times.
    client : Client or AsyncClient, optional
        Whose API to ask; the one that was made last unless given. With an archive, what it knows of
        earlier predictions of the same origin sharpens what no price list tells.

    Returns
    -------
    Estimate
        ``basis`` shows the arithmetic. Where the price cannot be known beforehand ``amount``, ``low`` and
        ``high`` are None, which is not zero, and ``basis`` says why.

    Raises
    ------
    SkytellsError
        ``model`` is a slug, and there is no client to ask.
    NotFoundError
        There is no such model.
    InvalidInputError
        ``input`` is no dict, or not what the model takes; what is missing is no fault. Or ``count`` is no
        whole number.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
    ...     print(sky.estimate("truefusion", {"prompt": "a fox", "number_of_images": 3}, client=client))
    0.09 credits: 3 images × 0.03 credits/image
    """
    if not isinstance(model, str | Model) or (isinstance(model, str) and not model.strip()):
        raise expected("model", "a slug or a Model", model)
    connection = latest() if client is None else client.connection
    if isinstance(model, Model) and (client is None or connection is None):
        _require_possible(model, input)
        return pricing.estimate(model, input, count)
    if connection is None:
        raise SkytellsError(
            f"There is no client to ask for the price of {model!r}. Pass client=…, or make one first: "
            "skytells_nb.connect().",
            charged=False,
        )
    connection.require_open()
    known = run(_model(connection, model))
    _require_possible(known, input)
    return run(asked(connection, known, input, count))


def _require_possible(model: Model, input: Mapping[str, Any] | None) -> None:
    """Refuse an input that the model would: a price for what cannot be had misleads."""
    if not isinstance(input, Mapping):
        return  # which the estimate refuses
    what_if = {name: value for name, value in input.items() if name not in pricing.TOKEN_COUNTS}
    problems = Checker(model.input_schema).problems(what_if, partial=True)
    if problems:
        raise InvalidInputError(f"{model.id} does not take this. {as_text(problems)}", charged=False)


async def asked(
    connection: Connection, model: str | Model, input: Mapping[str, Any] | None, count: int = 1
) -> Estimate:
    """Estimate as a coroutine, on the toolkit's loop."""
    found = await _model(connection, model)
    first = pricing.estimate(found, input, count)
    if first.exact or connection.archive is None:
        return first
    earlier = await asyncio.to_thread(past, connection, found)
    costs = earlier.costs if first.currency in (DOLLARS, CREDITS) else ()
    return pricing.estimate(found, input, count, costs=costs, durations=earlier.durations)


async def _model(connection: Connection, model: str | Model) -> Model:
    """Give a model with its schema: the price of one that was given stays as it is."""
    if isinstance(model, str):
        found = await PRICES.model(connection, model.strip())
    else:
        found = model
        if model.input_schema is None:
            with suppress(SkytellsError):  # the price that is known is better than none
                read = await PRICES.model(connection, model.id)
                found = replace(model, input_schema=read.input_schema)
    sandbox = connection.account.sandbox
    return replace(found, pricing=found.pricing.in_credits()) if sandbox else found
