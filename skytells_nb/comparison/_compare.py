"""``sky.compare``: laid out, checked and priced first, then made side by side, whatever fails."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

from .. import api
from ..aio import gather, on_loop, one_call, run
from ..api import Account, AsyncClient, Client, Connection, Observer
from ..checks import check_texts, check_variations, meant_as
from ..display import REUSED
from ..exceptions import InvalidInputError, SkytellsError, UncertainCreateError
from ..formatting import format_count
from ..models import AnsweringRoute, Model, Prediction, slugs_of
from ..plaintext import encodable
from ..pricing import Estimate, together
from ..pricing import estimate as estimate_by_list
from ..schema import Checker, as_text, is_frame, labels_of, rows_of
from ..spending import estimate
from ._grid import Cell, Comparison, Label

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
    used = api.client_of(client)
    known = run(gather(*(used.models.get(name) for name in names), progress=False))
    if count > MOST:
        raise _too_many(known, prompts, count, used)
    planned = plan_frame(known, prompts, inputs) if is_frame(prompts) else plan(known, texts, variations)
    with one_call():  # cells of equal inputs take different predictions from the archive
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
        "was sent: leave some out, or use sky.batch."
    )


async def _look_up(connection: Connection, planned: Plan, reuse: bool | None) -> list[Prediction | None]:
    """Find what the archive has of each cell."""
    if not api.reuse_wanted(connection, reuse):
        return [None] * len(planned.slots)
    return [
        await api.find_reusable(
            connection, slot.model, await api.prepare_input(connection, slot.model, slot.input), reuse
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
        planned.rows,
        planned.columns,
        cells,
        shape=planned.shape,
        given=made,
        index=planned.index,
        sandbox=client.connection.account.sandbox,
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
    watching = api.watch_created([seen])
    if slot.route is not None:
        return await api.ask_for_prediction(connection, slot.route, slot.model, slot.input, watching)
    sent = await api.prepare_input(connection, slot.model, slot.input)
    return await api.create(connection, slot.model, sent, observers=watching)


MOST: Final = 1_000
"""Cells that one comparison shows."""

_TOLD: Final = 10
_WIDEST: Final = 8
_IN_A_ROW: Final = 6


@dataclass(frozen=True, slots=True)
class Slot:
    """One cell to be filled: where it stands, what is asked for it, and the route of a model that answers."""

    label: str  # what it is called where its input is refused
    row: int
    column: int
    model: str
    input: dict[str, Any]
    route: AnsweringRoute | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be created: slots in the order of what was given, each with its price; `shape` is in words.

    `index` is that of the frame that was given, a label for each slot.
    """

    rows: tuple[Label, ...]
    columns: tuple[Label, ...]
    slots: tuple[Slot, ...]
    prices: tuple[Estimate, ...]
    shape: str
    index: Any = None

    def text(self, kept: Sequence[Prediction | None]) -> str:
        """Say how many predictions that is, and what those will cost that the archive does not have."""
        whole = f"{format_count(len(self.prices), 'prediction')}: {self.shape}"
        new = [price for price, found in zip(self.prices, kept, strict=True) if found is None]
        if not new:
            return f"{whole}, all {REUSED}, at no cost"
        reused = f", {len(kept) - len(new)} {REUSED}" if len(new) < len(kept) else ""
        return f"{whole}{reused}, {together(new).price} in all"


def plan(models: Sequence[Model], prompts: Sequence[str], variations: Sequence[Mapping[str, Any]]) -> Plan:
    """Lay out prompts and models, check every input against its model's schema, and estimate the price.

    InvalidInputError names every input that is not what its model takes.
    """
    columns = [
        (model, _label(model.id, variation, variations), variation)
        for model in models
        for variation in variations
    ]
    slots = [
        _slot(label, row, column, model, {**variation, "prompt": prompt})
        for row, prompt in enumerate(prompts)
        for column, (model, label, variation) in enumerate(columns)
    ]
    return Plan(
        tuple((prompt,) for prompt in prompts),
        tuple((label,) for _, label, _ in columns),
        tuple(slots),
        _prices(models, slots),
        f"{format_count(len(prompts), 'prompt')} × {format_count(len(columns), 'column')}",
    )


def plan_frame(models: Sequence[Model], frame: Any, inputs: object) -> Plan:
    """Lay out the rows of a frame by the levels of its index; see `plan`."""
    if inputs is not None and not isinstance(inputs, Mapping):
        raise InvalidInputError("With a DataFrame, inputs is one dict for all of its rows. Nothing was sent.")
    rows: list[Any] = [{**(inputs or {}), **row} for row in rows_of(frame) if isinstance(row, dict)]
    if not rows:
        raise InvalidInputError("The DataFrame has no rows. Nothing was sent.")
    index = labels_of(frame)
    names = [] if index is None else [str(name) for name in index.names if name is not None]
    if index is None or len(names) < len(index.names) or not index.is_unique:  # each row stands for itself
        names, keys = ["row"], [(f"{n}: {row.get('prompt', '')}",) for n, row in enumerate(rows)]
    else:
        keys = [key if isinstance(key, tuple) else (key,) for key in index]
    several = len(models) > 1
    axes = [_Axis(name, [*dict.fromkeys(key[n] for key in keys)]) for n, name in enumerate(names)]
    if several:
        axes.append(_Axis("model", [model.id for model in models]))
    down, across = _lay_out(axes)
    slots = []
    for key, row in zip(keys, rows, strict=True):
        for model in models:
            place = (*key, model.id) if several else key
            at = _place(axes, down, place), _place(axes, across, place)
            slots.append(_slot(f"{model.id} · {', '.join(map(str, key))}", *at, model, row))
    return Plan(
        _labels(axes, down),
        _labels(axes, across),
        tuple(slots),
        _prices(models, slots),
        " × ".join(f"{axis.name} {len(axis.values)}" for axis in axes),
        None if index is None else index.repeat(len(models)),
    )


@dataclass(frozen=True, slots=True)
class _Axis:
    name: str
    values: list[Any]

    def word(self, at: int) -> str:
        """Return the label of a value: a number says what it is of."""
        value = self.values[at]
        return value if isinstance(value, str) else f"{self.name} {value}"


def _lay_out(axes: Sequence[_Axis]) -> tuple[list[int], list[int]]:
    """Choose which axes go down and which across, each from the outermost to the innermost.

    The first two are rows and columns; the others make a grid of such grids, as wide as can be read.
    """
    several = [n for n, axis in enumerate(axes) if len(axis.values) > 1] or [0]
    if len(several) == 1:
        short = len(axes[several[0]].values) <= _IN_A_ROW
        return ([], several) if short else (several, [])
    down, across = several[:1], several[1:2]
    if len(several) == 2 and len(axes[across[0]].values) > _WIDEST >= len(axes[down[0]].values):
        down, across = across, down
    for outer in several[2:]:
        wide = math.prod(len(axes[n].values) for n in (*across, outer))
        if wide <= _WIDEST:
            across = [outer, *across]
        else:
            down = [outer, *down]
    return down, across


def _place(axes: Sequence[_Axis], chosen: Sequence[int], key: Sequence[Any]) -> int:
    place = 0
    for n in chosen:
        place = place * len(axes[n].values) + axes[n].values.index(key[n])
    return place


def _labels(axes: Sequence[_Axis], chosen: Sequence[int]) -> tuple[Label, ...]:
    labels: list[Label] = [()]
    for n in chosen:
        labels = [(*label, axes[n].word(at)) for label in labels for at in range(len(axes[n].values))]
    return tuple(labels)


def _prices(models: Sequence[Model], slots: Sequence[Slot]) -> tuple[Estimate, ...]:
    """Check the inputs and price them, or refuse with everything that is wrong."""
    known = {model.id: model for model in models}
    checkers = {model.id: Checker(model.input_schema) for model in models}
    prices: list[Estimate] = []
    problems: dict[str, None] = {}
    for slot in slots:
        # a text model's route takes more than its schema says
        found = checkers[slot.model].problems(slot.input) if slot.route is None else {}
        problems |= {f"{slot.label}: {as_text({name: words})}": None for name, words in found.items()}
        if not found:
            prices.append(estimate_by_list(known[slot.model], slot.input))
    if problems:
        named = [*problems][:_TOLD]
        more = f" … and {len(problems) - _TOLD:,} more." if len(problems) > _TOLD else ""
        raise InvalidInputError(
            f"Some inputs are not what their models take: {' '.join(named)}{more} Nothing was sent; "
            "client.models.get(model).input_schema says what it takes."
        )
    return tuple(prices)


def _slot(label: str, row: int, column: int, model: Model, input: dict[str, Any]) -> Slot:
    """Return a cell with its input as its model's route takes it: one that answers is sent messages."""
    route = model.text_route
    if route == "embeddings":
        raise InvalidInputError(
            f"A comparison does not ask {model.id!r}. Use client.embeddings.create. Nothing was sent."
        )
    asked = input if route is None else api.as_text_input(route, input)
    if route is not None:
        api.check_text_input(route, model.id, asked)
    return Slot(label, row, column, model.id, asked, route)


def _label(model: str, variation: Mapping[str, Any], variations: Sequence[Mapping[str, Any]]) -> str:
    """Name a column by its model, and by how it differs from the model's other columns."""
    if len(variations) == 1:
        return model
    own = [f"{k}={v}" for k, v in variation.items() if any(other.get(k) != v for other in variations)]
    return f"{model} · {', '.join(own)}" if own else model
