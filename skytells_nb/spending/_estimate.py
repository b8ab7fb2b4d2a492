"""``estimate``: what a create would cost, by the live price list and by what earlier ones cost.

Each model is read once for all that ask, and again after ten minutes: two hundred creates that start at once
under a budget ask for one price. The first reads it, the others wait; all of them get its failure, too, so
that an API that is down is not asked by each.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from math import inf
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import WeakKeyDictionary

from .. import pricing
from ..aio import run
from ..api import AsyncClient, Client, Connection, get_model, latest
from ..checks import expected, meant_as
from ..exceptions import InvalidInputError, SkytellsError
from ..formatting import CREDITS, DOLLARS
from ..models import Model, parse_amount, parse_number
from ..pricing import PLAUSIBLE, Estimate, added, checked_count
from ..schema import PROMPT_NAMES, Checker, as_record, as_text, is_frame, parse, rows_of

if TYPE_CHECKING:
    from pandas import DataFrame

_MOST: Final = 200
_AGE: Final = 600.0
_AGE_OF_AN_ERROR: Final = 2.0
_AGE_OF_HISTORY: Final = 30.0

_known: dict[tuple[str, str, str], tuple[float, Past]] = {}


@dataclass(frozen=True, slots=True)
class Past:
    """Costs in US dollars, and seconds of work, of a model's newest successes."""

    costs: tuple[Decimal, ...] = ()
    durations: tuple[float, ...] = ()


def _rows(archive: object, origin: str) -> Iterable[Mapping[str, Any]]:
    read = getattr(archive, "rows", None)
    found: Iterable[Mapping[str, Any]] = read(origin) if callable(read) else ()
    return found


def past(connection: Connection, model: Model) -> Past:
    """Read what the archive knows of a model at this origin; remembered for half a minute."""
    archive = connection.archive
    if archive is None:
        return Past()
    key = (str(getattr(archive, "path", id(archive))), connection.origin, model.id)
    known = _known.get(key)
    if known is not None and known[0] > time.monotonic():
        return known[1]
    names = {name.casefold() for name in (model.id, model.name) if name}
    costs: list[Decimal] = []
    durations: list[float] = []
    for row in _rows(archive, connection.origin):
        if row["status"] != "succeeded" or str(row["model"]).casefold() not in names:
            continue
        cost, seconds = parse_amount(row["cost"]), parse_number(row["predict_s"])
        if cost is not None:
            costs.append(cost)
        if seconds is not None:
            durations.append(seconds)
        if max(len(costs), len(durations)) >= _MOST:
            break
    found = Past(tuple(costs), tuple(durations))
    _known[key] = (time.monotonic() + _AGE_OF_HISTORY, found)
    return found


def spent_since(
    connection: Connection, moment: datetime, known: Callable[[], frozenset[str]]
) -> tuple[Decimal, int]:
    """Add up what the archive has of this origin since a moment, but for ids that are known otherwise.

    Those are asked for once the rows are read: what ended meanwhile must not be counted twice. Returned are
    what was spent, and of how many predictions that is not known.
    """
    rows = _rows(connection.archive, connection.origin)
    without = known()
    costs: list[Decimal] = []
    unknown = 0
    for row in rows:
        made = row["created_at"] or row["completed_at"]
        if made is None or row["id"] in without:
            continue
        if made < moment:
            break
        cost = parse_amount(row["cost"])
        if cost is not None and 0 <= cost <= PLAUSIBLE:
            costs.append(cost)
        elif row["status"] == "succeeded":
            unknown += 1
    return added(costs), unknown


@dataclass(slots=True, eq=False)
class _Known:
    """What was read of one model, or the error in its place, and until when that holds."""

    loop: asyncio.AbstractEventLoop
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    until: float = -inf
    found: Model | SkytellsError | None = None
    is_doubted: bool = False


class PriceList:
    """What was read of models, by account and slug. All of it runs on the toolkit's loop."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._worlds: WeakKeyDictionary[object, dict[str, _Known]] = WeakKeyDictionary()
        self._sandboxes: set[str] = set()

    async def model(self, connection: Connection, slug: str) -> Model:
        """Return a model, from the API when it is not known or older than ten minutes."""
        # What accounts share: a transport of one's own is a world of its own.
        world, loop = self._worlds.setdefault(connection.creates, {}), asyncio.get_running_loop()
        known = world.get(slug)
        if known is None or known.loop is not loop:  # as in a forked child
            known = world[slug] = _Known(loop)
        async with known.lock:
            if known.until <= self._now():
                known.is_doubted = known.is_doubted and known.until == -inf
                try:
                    known.found = await get_model(connection, slug)
                except SkytellsError as error:
                    known.found = copy.copy(error)
                is_error = isinstance(known.found, SkytellsError)
                known.until = self._now() + (_AGE_OF_AN_ERROR if is_error else _AGE)
                if connection.account.sandbox:
                    self._sandboxes.add(connection.origin)
        if isinstance(known.found, Model):
            return known.found
        # A copy: an exception keeps the traceback of whoever raised it last, and with it their variables.
        raise cast("SkytellsError", copy.copy(known.found))

    def is_sandbox(self, origin: str) -> bool:
        """Return whether an origin called itself a sandbox, to whichever client."""
        return origin in self._sandboxes

    def doubt(self) -> None:
        """Read what is known once more, as something cost more than it was to: once until it is old."""
        for world in self._worlds.values():
            for known in world.values():
                known.until, known.is_doubted = (known.until if known.is_doubted else -inf), True

    def forget(self) -> None:
        self._worlds.clear()


PRICES: Final = PriceList()
"""The price list of this process."""


@meant_as("sky.estimate({model}, {input})")
def estimate(
    model: str | Model,
    input: Mapping[str, Any] | DataFrame | None = None,
    *,
    count: int = 1,
    client: Client | AsyncClient | None = None,
) -> Estimate:
    """Estimate what a create would cost, or one for each row of a frame, before anything is sent.

    Parameters
    ----------
    model : str or Model
        A slug, whose price list and schema are read from the API and kept for ten minutes; or a model
        as the API gave it.
    input : dict or DataFrame, optional
        What would be sent; the schema's defaults stand in for what is missing. Of a DataFrame, such as
        ``sky.grid`` makes, every row is an input, and the estimate is that of all of them.
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
    inputs: list[tuple[Any, int]] = _alike(input, count) if is_frame(input) else [(as_record(input), count)]
    if isinstance(model, Model) and (client is None or connection is None):
        _require_possible(model, inputs)
        return _summed([pricing.estimate(model, each, times) for each, times in inputs])
    if connection is None:
        raise SkytellsError(
            f"There is no client to ask for the price of {model!r}. Pass client=…, or make one first: "
            "skytells_nb.connect().",
            charged=False,
        )
    connection.require_open()
    known = run(_model_with_schema(connection, model))
    _require_possible(known, inputs)

    async def estimate_all() -> list[Estimate]:
        alike: dict[Estimate, tuple[Any, int]] = {}
        for each, times in inputs if len(inputs) > 1 else ():
            one = await estimate_on_loop(connection, known, each, 1)
            alike[one] = (each, times + alike.get(one, (each, 0))[1])
        counted = alike.values() or inputs
        return [await estimate_on_loop(connection, known, each, times) for each, times in counted]

    return _summed(run(estimate_all()))


def _alike(frame: Any, count: int) -> list[tuple[Any, int]]:
    """Count the rows of a frame that cost the same, since prompts differ in their length alone."""
    checked_count(count)
    found: dict[str, tuple[Any, int]] = {}
    for row in rows_of(frame):
        key = repr({name: _length(name, value) for name, value in cast("dict[str, Any]", row).items()})
        first, times = found.get(key, (row, 0))
        found[key] = (first, times + count)
    if not found:
        raise InvalidInputError("The frame has no rows, so there is nothing to estimate.")
    return list(found.values())


def _length(name: str, value: Any) -> Any:
    """Return what of a value may have a price: of a prompt how long it is, and of a seed nothing."""
    if name == "seed":
        return type(value).__name__
    is_prompt = name in PROMPT_NAMES and isinstance(value, str)
    return (len(value), len(value.encode("utf-8", "replace"))) if is_prompt else value


def _summed(estimates: list[Estimate]) -> Estimate:
    return estimates[0] if len(estimates) == 1 else pricing.together(estimates)


def _require_possible(model: Model, inputs: list[tuple[Any, int]]) -> None:
    """Refuse an input that the model would: a price for what cannot be had misleads."""
    checker, known = Checker(model.input_schema), parse(model.input_schema)
    for input, _ in inputs:
        if not isinstance(input, Mapping):
            return  # which the estimate refuses
        what_if = {name: value for name, value in input.items() if name not in pricing.TOKEN_COUNTS}
        if model.text_route is not None:  # its routes take more than its schema says
            from ..api import check_text_names  # which who asks no text model shall not wait for

            check_text_names(what_if)
            what_if = {name: value for name, value in what_if.items() if name in known and name != "input"}
            if isinstance(what_if.get("messages"), str):  # what the user says, as `create` takes it, too
                del what_if["messages"]
        if problems := checker.problems(what_if, partial=True):
            raise InvalidInputError(f"{model.id} does not take this. {as_text(problems)}")


async def estimate_on_loop(
    connection: Connection, model: str | Model, input: Mapping[str, Any] | None, count: int = 1
) -> Estimate:
    found = await _model_with_schema(connection, model)
    first = pricing.estimate(found, input, count)
    if first.exact or connection.archive is None:
        return first
    # In a thread: the archive may have to look through thousands of rows.
    earlier = await asyncio.to_thread(past, connection, found)
    costs = earlier.costs if first.currency in (DOLLARS, CREDITS) else ()
    return pricing.estimate(found, input, count, costs=costs, durations=earlier.durations)


async def _model_with_schema(connection: Connection, model: str | Model) -> Model:
    """Return a model with its schema: the price of one that was given stays as it is."""
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
