"""``sky.compare``: checked and priced first, then side by side, whatever fails."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from ..aio import gather, on_loop, one_call, run
from ..api import (
    Account,
    AsyncClient,
    Client,
    Connection,
    Observer,
    ask_for_prediction,
    client_of,
    create,
    find_reusable,
    prepare_input,
    reuse_wanted,
    watch_created,
)
from ..checks import check_texts, check_variations, meant_as
from ..exceptions import InvalidInputError, SkytellsError, UncertainCreateError
from ..models import Model, Prediction, slugs_of
from ..plaintext import encodable
from ..pricing import together
from ..schema import is_frame
from ..spending import estimate
from ._grid import Cell, Comparison
from ._plan import MOST, Plan, Slot, plan, plan_frame

if TYPE_CHECKING:
    from pandas import DataFrame


@meant_as("sky.compare({models}, {prompts}, inputs={inputs})", inputs="inputs")
def compare(
    models: str | Iterable[str],
    prompts: str | Iterable[str] | DataFrame,
    *,
    inputs: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    client: Client | AsyncClient | None = None,
    limit: int = 8,
    reuse: bool | None = None,
) -> Comparison:
    """Make every prompt, or every row of a frame, with every model, and lay the results out in a grid.

    Every input is checked against its model's schema first, and the count and the price are printed, before
    anything is sent. A cell that fails stays a cell, and the others go on.

    Parameters
    ----------
    models : str or list of str
        Which models.
    prompts : str, list of str or DataFrame
        What they are asked. Of a DataFrame, as ``sky.grid`` makes it, every row is an input. The first two
        levels of its index are laid out as rows and columns, further ones and several models as a grid of
        such grids; ``to_pandas()`` is on its index.
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
        An axis is empty, an input is not what its model takes, such as a misspelt name, or there would be
        over 1,000 cells.
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
    names = check_texts("models", slugs_of(models))
    if is_frame(prompts):
        count = len(cast("Any", prompts)) * len(names)
    else:
        texts, variations = check_texts("prompts", prompts), check_variations(inputs)
        count = len(texts) * len(variations) * len(names)
    used = client_of(client)
    known = run(gather(*(used.models.get(name) for name in names), progress=False))
    if count > MOST:
        raise _too_many(known, prompts, count, used)
    planned = plan_frame(known, prompts, inputs) if is_frame(prompts) else plan(known, texts, variations)
    with one_call():
        kept = run(on_loop(_look_up(used.connection, planned, reuse)))
        said = planned.text(kept)
        print(encodable(said, sys.stdout), flush=True)  # noqa: T201 - the price before the work is promised
        return run(_carry_out(used, planned, kept, limit))


def _too_many(models: Sequence[Model], given: Any, count: int, client: AsyncClient) -> InvalidInputError:
    """Refuse what nobody could look at, and say what it would have cost."""
    try:
        each = count // len(models)
        prices = [
            estimate(model, given, client=client)
            if is_frame(given)
            else estimate(model, {"prompt": check_texts("prompts", given)[0]}, count=each, client=client)
            for model in models
        ]
        price = f"{together(prices).price} in all"
    except InvalidInputError as error:
        price = f"of a price that is not known ({error.message})"
    return InvalidInputError(
        f"These would be {count:,} predictions, {price}, and a comparison shows {MOST:,} at most. Nothing "
        "was sent: leave some out, or use sky.batch.",
        charged=False,
    )


async def _look_up(connection: Connection, planned: Plan, reuse: bool | None) -> list[Prediction | None]:
    """Find what the archive has of each cell."""
    if not reuse_wanted(connection, reuse):
        return [None] * len(planned.slots)
    return [
        await find_reusable(
            connection, slot.model, await prepare_input(connection, slot.model, slot.input), reuse
        )
        for slot in planned.slots
    ]


async def _carry_out(
    client: AsyncClient, planned: Plan, kept: Sequence[Prediction | None], limit: int
) -> Comparison:
    made = await gather(
        *(
            _fill(client, planned, n, slot, found)
            for n, (slot, found) in enumerate(zip(planned.slots, kept, strict=True))
        ),
        limit=limit,
        label="compare",
    )
    cells: list[Cell | None] = [None] * (len(planned.rows) * len(planned.columns))
    for slot, cell in zip(planned.slots, made, strict=True):
        cells[slot.row * len(planned.columns) + slot.column] = cell
    return Comparison(
        planned.rows, planned.columns, cells, shape=planned.shape, given=made, index=planned.index
    )


async def _fill(client: AsyncClient, planned: Plan, place: int, slot: Slot, kept: Prediction | None) -> Cell:
    """Make one cell, whatever comes of it."""
    row, column = " · ".join(planned.rows[slot.row]), " · ".join(planned.columns[slot.column])
    if kept is not None:
        return Cell(row, column, kept, kept.seconds)
    input, began, seen = slot.input, time.monotonic(), _Created()
    raised: SkytellsError | None = None
    connection = client.connection
    try:
        made = await on_loop(_create(connection, slot, seen))
    except SkytellsError as error:
        known: Prediction | None = getattr(error, "prediction", None) or seen.prediction
        if known is None:
            doubtful = isinstance(error, UncertainCreateError)
            known = Prediction(
                id=f"{'uncertain' if doubtful else 'not-created'}-{place}",
                status="failed",
                model=slot.model,
                input=input,
                error=error.message,
                origin=client.base_url,
            )
        made = known if known.input else replace(known, input=input)
        raised = error
    took = made.seconds if made.seconds is not None else time.monotonic() - began
    return Cell(row, column, made, took if made.done else None, raised)


class _Created(Observer):
    """Remembers what was created: when the wait for it fails, it is not lost, and may be billed."""

    prediction: Prediction | None = None

    async def created(self, account: Account, ticket: object, prediction: Prediction) -> None:
        del account, ticket
        self.prediction = prediction


async def _create(connection: Connection, slot: Slot, seen: Observer) -> Prediction:
    if slot.route is not None:
        return await ask_for_prediction(connection, slot.route, slot.model, slot.input, watch_created([seen]))
    sent = await prepare_input(connection, slot.model, slot.input)
    return await create(connection, slot.model, sent, observers=watch_created([seen]))
