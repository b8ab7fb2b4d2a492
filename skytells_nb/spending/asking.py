"""``estimate``: what a create would cost, by the live price list and by what earlier ones cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .. import pricing
from ..aio import run
from ..client import AsyncClient, Client, Connection, awaiting, blocking, latest
from ..exceptions import InvalidInputError, SkytellsError
from ..models import Model
from ..pricing import Estimate
from ..wire.steps import Do, Flow
from .history import Past, past
from .prices import PRICES

__all__ = ["asked", "estimate"]


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
        ``input`` is no dict, or ``count`` no whole number.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
    ...     print(sky.estimate("truefusion", {"prompt": "a fox", "number_of_images": 3}, client=client))
    $0.09: 3 images × $0.03/image
    """
    if not isinstance(model, str | Model) or (isinstance(model, str) and not model.strip()):
        raise InvalidInputError(
            f"model must be a slug or a Model, not {model!r}. Nothing was sent.", charged=False
        )
    connection = latest() if client is None else client.connection
    if isinstance(model, Model) and (client is None or connection is None):
        return pricing.estimate(model, input, count)
    if connection is None:
        raise SkytellsError(
            f"There is no client to ask for the price of {model!r}. Nothing was sent. Pass client=…, or the "
            "Model itself, or make a client first, such as skytells_nb.connect().",
            charged=False,
        )
    connection.require_open()
    return _driven(connection, asked(connection, model, input, count))


def asked(
    connection: Connection, model: str | Model, input: Mapping[str, Any] | None, count: int = 1
) -> Flow[Estimate]:
    """Estimate as a flow, for whichever driver the connection has."""
    found = yield from _model(connection, model)
    first = pricing.estimate(found, input, count)
    if first.exact or connection.archive is None:
        return first
    earlier: Past = yield Do(lambda: past(connection, found))
    costs = earlier.costs if first.currency == "USD" else ()
    return pricing.estimate(found, input, count, costs=costs, durations=earlier.durations)


def _model(connection: Connection, model: str | Model) -> Flow[Model]:
    """Give a model with its schema: the price of one that was given stays as it is."""
    slug = model if isinstance(model, str) else model.id
    if isinstance(model, Model) and model.input_schema is not None:
        return model
    try:
        found = yield from PRICES.model(connection.conversation, slug.strip())
    except SkytellsError:
        if isinstance(model, str):
            raise
        return model
    return found if isinstance(model, str) else replace(model, input_schema=found.input_schema)


def _driven(connection: Connection, flow: Flow[Estimate]) -> Estimate:
    if connection.transport is None and connection.async_transport is not None:
        return run(awaiting.drive(connection, flow))
    return blocking.drive(connection, flow)
