"""``sky.compare``: checked and priced first, then side by side, whatever fails."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..aio import gather, on_loop, one_call, run
from ..api import (
    Account,
    AsyncClient,
    Client,
    Connection,
    Observer,
    client_of,
    create,
    find_reusable,
    prepare_input,
    reuse_wanted,
    watch_created,
)
from ..checks import meant_as
from ..exceptions import SkytellsError, UncertainCreateError
from ..models import Model, Prediction
from ..plaintext import encodable
from ._grid import Cell, Comparison
from ._plan import Column, Plan, check_axis, check_variations, plan

__all__ = ["compare"]


@meant_as("sky.compare({models}, {prompts}, inputs={inputs})", inputs="inputs")
def compare(
    models: str | Iterable[str],
    prompts: str | Iterable[str],
    *,
    inputs: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    client: Client | AsyncClient | None = None,
    limit: int = 8,
    reuse: bool | None = None,
) -> Comparison:
    """Make every prompt with every model, and lay the results out in a grid.

    Every input is checked against its model's schema first, and the count and the price are printed, before
    anything is sent. A cell that fails stays a cell, and the others go on.

    Parameters
    ----------
    models, prompts : str or list of str
        The axes.
    inputs : dict or list of dict, optional
        What cells get besides their prompt: one dict for all, or several, each of which makes a column of
        its own for every model, such as ``[{"seed": 1}, {"seed": 2}]``.
    client : Client or AsyncClient, optional
        The newest open one when None; ``sky.connect()`` when there is none.
    limit : int
        How many run at a time.
    reuse : bool, optional
        Whether to take what was made of equal inputs from the client's archive, at no cost; cells of equal
        inputs take different ones, oldest first. None leaves it to ``sky.options.reuse``.

    Returns
    -------
    Comparison
        It shows itself as a cell's last line, and has ``.to_pandas()`` and ``.to_image()``.

    Raises
    ------
    InvalidInputError
        An axis is empty, or an input is not what its model takes, such as a misspelt name.
    NotFoundError
        There is no such model.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox(seconds=0.05) as sandbox, sandbox.client() as client:
    ...     sky.compare(["truefusion", "truefusion-edge"], "a fox", client=client)
    2 predictions: 1 prompt × 2 columns, 0.04 credits in all
    <Comparison of 1 prompt × 2 columns>
    """
    names, texts = check_axis("models", models), check_axis("prompts", prompts)
    variations = check_variations(inputs)
    used = client_of(client)
    known = run(_models(used, names))
    planned = plan(known, texts, variations)
    with one_call():
        kept = run(on_loop(_look_up(used.connection, planned, reuse)))
        said = planned.text(kept)
        print(encodable(said, sys.stdout), flush=True)  # noqa: T201 - the price before the work is promised
        return run(_carry_out(used, planned, kept, limit))


async def _models(client: AsyncClient, names: Sequence[str]) -> list[Model]:
    return await gather(*(client.models.get(name) for name in names), progress=False)


async def _look_up(connection: Connection, planned: Plan, reuse: bool | None) -> list[Prediction | None]:
    """Find what the archive has of each cell."""
    if not reuse_wanted(connection, reuse):
        return [None] * len(planned.places)
    return [
        await find_reusable(
            connection,
            column.model,
            await prepare_input(connection, column.model, planned.input(prompt, column)),
            reuse,
        )
        for prompt, column in planned.places
    ]


async def _carry_out(
    client: AsyncClient, planned: Plan, kept: Sequence[Prediction | None], limit: int
) -> Comparison:
    cells = await gather(
        *(
            _fill(client, planned, n, prompt, column, found)
            for n, ((prompt, column), found) in enumerate(zip(planned.places, kept, strict=True))
        ),
        limit=limit,
        label="compare",
    )
    return Comparison(planned.prompts, [column.label for column in planned.columns], cells)


async def _fill(
    client: AsyncClient, planned: Plan, place: int, prompt: str, column: Column, kept: Prediction | None
) -> Cell:
    """Make one cell, whatever comes of it."""
    if kept is not None:
        return Cell(prompt, column.label, kept, kept.seconds)
    input, began, seen = planned.input(prompt, column), time.monotonic(), _Created()
    raised: SkytellsError | None = None
    connection = client.connection
    try:
        made = await on_loop(_create(connection, column.model, input, seen))
    except SkytellsError as error:
        known: Prediction | None = getattr(error, "prediction", None) or seen.prediction
        if known is None:
            doubtful = isinstance(error, UncertainCreateError)
            known = Prediction(
                id=f"{'uncertain' if doubtful else 'not-created'}-{place}",
                status="failed",
                model=column.model,
                input=input,
                error=error.message,
                origin=client.base_url,
            )
        made = known if known.input else replace(known, input=input)
        raised = error
    took = made.seconds if made.seconds is not None else time.monotonic() - began
    return Cell(prompt, column.label, made, took if made.done else None, raised)


class _Created(Observer):
    """Remembers what was created: when the wait for it fails, it is not lost, and may be billed."""

    prediction: Prediction | None = None

    async def created(self, account: Account, ticket: object, prediction: Prediction) -> None:
        del account, ticket
        self.prediction = prediction


async def _create(connection: Connection, model: str, input: Mapping[str, Any], seen: Observer) -> Prediction:
    sent = await prepare_input(connection, model, input)
    return await create(connection, model, sent, observers=watch_created([seen]))
