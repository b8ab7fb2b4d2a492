"""`batch` and `abatch`: many predictions of one model, written down as they go, and never paid for twice."""

from __future__ import annotations

import asyncio
import inspect
import operator
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from typing import Any, Final, TypeVar, cast

from .._options import options
from ..aio import Bar, bar, detach, on_loop, run
from ..api import AsyncClient, Client, client_of
from ..archive import Archive
from ..exceptions import InvalidInputError, SkytellsError, warn_user
from ..models import Model
from .inputs import Inputs
from .journal import Journal
from .planning import Plan
from .results import BatchResult
from .turns import Turn
from .working import Run

__all__ = ["abatch", "batch"]

_SOME: Final = 256
_PATIENCE: Final = 3.0
_LOOKS: Final = 60
_LONGEST_NAME: Final = 200
_F = TypeVar("_F", bound=Callable[..., object])


def batch(
    model: str | Model,
    inputs: Iterable[Any],
    *,
    limit: int = 8,
    budget: Decimal | float | str | None = None,
    name: str | None = None,
    client: Client | AsyncClient | None = None,
    progress: bool = True,
    retry_failed: bool = False,
    retry_uncertain: bool = False,
) -> BatchResult:
    """Create a prediction for every input, and wait until all have ended.

    Everything is checked before anything is sent. A journal in the archive records each item before it
    is sent, so a batch that was stopped or killed goes on where it was when it is run again: under the
    same name, or with the same model and inputs, at the same API with the same key. What is finished
    comes from the archive, what is under way is followed, and only the rest is created.

    Parameters
    ----------
    model : str or Model
        The model's slug, such as ``"truefusion-pro"``.
    inputs : iterable
        Dicts; or strings, which are prompts; or a DataFrame, whose columns are inputs and whose empty
        cells are left out. Equal inputs make a prediction each. A generator is read to its end first,
        into a temporary file.
    limit : int
        How many are under way at most. A rate limit lowers it for a while.
    budget : Decimal, float or str, optional
        Dollars that it may cost at most, as in ``with sky.budget(...)``. What would cross it is not sent.
    name : str, optional
        What to call it. A batch without a name is known by its model and inputs. To add inputs to a
        batch, give it a name.
    client : Client or AsyncClient, optional
        The newest open one when None; ``sky.connect()`` when there is none.
    progress : bool
        False never shows a bar; else ``sky.options.progress`` decides.
    retry_failed : bool
        Whether what failed in an earlier run is created anew.
    retry_uncertain : bool
        Whether to send again, on your word, what an earlier run perhaps sent: it may be billed twice.

    Returns
    -------
    BatchResult
        A `PredictionList` in the order of the inputs. A failure is a result with its ``error``. It holds
        about 3 kB for each item.

    Raises
    ------
    InvalidInputError
        Inputs that the model does not take (all of them are told), a limit below 1, a name that another
        model has. Nothing was sent.
    NotFoundError
        There is no such model. Nothing was sent.
    SkytellsError
        This batch is running already, or the archive cannot be written. What is finished stays finished.

    Examples
    --------
    >>> import tempfile
    >>> import skytells_nb as sky
    >>> from skytells_nb.jobs import batch
    >>> with tempfile.TemporaryDirectory() as folder, sky.Sandbox(seconds=0.05) as sandbox:
    ...     with sky.Archive(folder) as archive, sandbox.client(archive=archive) as client:
    ...         foxes = batch("truefusion", ["a red fox", "an arctic fox"], name="foxes", client=client)
    ...         again = batch("truefusion", ["a red fox", "an arctic fox"], name="foxes", client=client)
    ...         foxes, again[0].id == foxes[0].id, sandbox.billed
    (PredictionList of 2: 2 succeeded, True, 2)
    """
    job = _Job(model, limit, name, client, progress)
    schema = job.client.as_sync().models.get(job.model).input_schema if _is_many(inputs) else None
    given = Inputs(job.model, inputs, schema, job.client.base_url)
    try:
        while given.read(_SOME):
            continue
        return run(job.carried_out(given, budget, retry_failed, retry_uncertain))
    finally:
        given.close()


def _explained_by(twin: Callable[..., object]) -> Callable[[_F], _F]:
    """Put into a docstring, before its examples, what that of its twin says of parameters and errors."""

    def explain(function: _F) -> _F:
        own, more = inspect.cleandoc(function.__doc__ or ""), inspect.cleandoc(twin.__doc__ or "")
        told = more[more.find("Parameters\n") : more.find("Examples\n")]
        function.__doc__ = own.replace("Examples\n", f"{told}Examples\n", 1)
        return function

    return explain


@_explained_by(batch)
async def abatch(
    model: str | Model,
    inputs: Iterable[Any],
    *,
    limit: int = 8,
    budget: Decimal | float | str | None = None,
    name: str | None = None,
    client: Client | AsyncClient | None = None,
    progress: bool = True,
    retry_failed: bool = False,
    retry_uncertain: bool = False,
) -> BatchResult:
    """Create a prediction for every input on the running event loop: `batch`, to be awaited.

    Examples
    --------
    >>> import tempfile
    >>> import skytells_nb as sky
    >>> from skytells_nb.jobs import abatch
    >>> async def main(sandbox, folder):
    ...     async with sandbox.async_client(archive=folder) as client:
    ...         return await abatch("truefusion", ["a red fox", "an arctic fox"], client=client)
    >>> with tempfile.TemporaryDirectory() as folder, sky.Sandbox(seconds=0.05) as sandbox:
    ...     sky.run(main(sandbox, folder))
    PredictionList of 2: 2 succeeded
    """
    job = _Job(model, limit, name, client, progress)
    schema = (await job.client.models.get(job.model)).input_schema if _is_many(inputs) else None
    if schema is not None:  # the library that checks takes a second to load
        await asyncio.to_thread(import_module, "jsonschema")
    given = Inputs(job.model, inputs, schema, job.client.base_url)
    try:
        more = True
        while more:
            more = given.read(_SOME)
            await asyncio.sleep(0)
        return await on_loop(job.carried_out(given, budget, retry_failed, retry_uncertain))
    finally:
        given.close()


class _Job:
    """What a call of `batch` asks for, checked."""

    def __init__(
        self,
        model: object,
        limit: object,
        name: object,
        client: Client | AsyncClient | None,
        progress: bool,
    ) -> None:
        self.model = _checked_model(model)
        self.limit = _checked_limit(limit)
        self.name = _checked_name(name)
        self.progress = progress
        self.client = client_of(client)
        connection = self.client.connection
        own = connection.archive if isinstance(connection.archive, Archive) else None
        self.archive = own or cast("Archive", Archive.resolve(True))

    async def carried_out(
        self, given: Inputs, budget: object, retry_failed: bool, retry_uncertain: bool
    ) -> BatchResult:
        """Take the turn, open the journal, run; and leave everything written down, whatever happens."""
        name = self.name or f"{self.model}-{given.fingerprint}"
        if not len(given):
            return BatchResult(name=name, labels=given.labels)
        connection = self.client.connection
        account = connection.account
        journal = Journal(
            self.archive, account, name=name, model=self.model, total=len(given), now=datetime.now(UTC)
        )
        turn = Turn(self.archive, account, name)
        await _take(turn)
        try:
            with _budget(budget):
                await asyncio.to_thread(journal.open)
                plan = Plan(given, journal, self.archive, account, self.model, retry_failed=retry_failed)
                working = Run(
                    connection,
                    self.archive,
                    journal,
                    turn,
                    plan,
                    given,
                    name=name,
                    model=self.model,
                    limit=self.limit,
                    retry_uncertain=retry_uncertain,
                )
                with self._bar(len(given), name) as shown:
                    results = await working.see_through(shown)
            await asyncio.to_thread(journal.close)
        except Exception:
            with suppress(SkytellsError):  # what stopped the batch is told already
                journal.close()
            turn.give_back()
            raise
        except BaseException:
            turn.wind_up()
            detach(asyncio.to_thread(_wind_up, journal, turn), 2.0)
            raise
        turn.give_back()
        if working.left_out and working.stopped_by is not None:
            warn_user(
                f"Batch {name!r}: {working.left_out:,} of {len(given):,} were not sent. "
                f"{working.stopped_by.message} Running it again goes on from here."
            )
        return results

    def _bar(self, total: int, name: str) -> Bar:
        wanted = options.progress if self.progress else False
        return bar(total, name, enabled=bool(wanted), delay=0.0 if wanted is True else 1.0)


def _wind_up(journal: Journal, turn: Turn) -> None:
    """After an interrupt: write what is still listed, and let the next run begin."""
    try:
        journal.close()
    finally:
        turn.give_back()


async def _take(turn: Turn) -> None:
    """Take the turn; wait a moment for a run that was stopped just now."""
    for _ in range(_LOOKS):
        if turn.take():
            return
        await asyncio.sleep(_PATIENCE / _LOOKS)
    raise turn.busy("it was stopped just now, and winds up")


def _is_many(inputs: object) -> bool:
    """Whether it is worth asking for the schema: not for an empty list, and not for what is refused."""
    try:
        return len(inputs) > 0  # type: ignore[arg-type]
    except TypeError:
        return True


def _budget(amount: object) -> AbstractContextManager[object]:
    if amount is None:
        return nullcontext()
    from ..spending import budget

    return budget(cast("Any", amount))


def _checked_model(model: object) -> str:
    if isinstance(model, Model):
        return model.id
    if isinstance(model, str) and model.strip():
        return model.strip()
    raise InvalidInputError(
        f'model must be the name of a model, such as "truefusion-pro", not {model!r}. Nothing was sent.',
        charged=False,
    )


def _checked_limit(limit: object) -> int:
    try:
        room = 0 if isinstance(limit, bool) else operator.index(cast("Any", limit))
    except TypeError:
        room = 0
    if room < 1:
        raise InvalidInputError(
            f"limit={limit!r} would let nothing start. Nothing was sent. Give a whole number of 1 or more.",
            charged=False,
        )
    return room


def _checked_name(name: object) -> str | None:
    if name is None:
        return None
    if isinstance(name, str) and name.strip() and len(name) <= _LONGEST_NAME:
        return name.strip()
    raise InvalidInputError(
        f"name must be a word or two, of {_LONGEST_NAME} characters at most, not {name!r}. Nothing was sent.",
        charged=False,
    )
