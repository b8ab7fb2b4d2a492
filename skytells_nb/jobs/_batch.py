"""`batch` and `abatch`: many predictions of one model, journalled as they go, and never paid for twice."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Sized
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from typing import Any, Final, TypeVar, cast

from .._options import options
from ..aio import bar, detach, on_loop, run
from ..api import AsyncClient, Client, client_of
from ..archive import Archive
from ..checks import check_choice, check_text, check_whole, meant_as
from ..exceptions import SkytellsError, warn_user
from ..formatting import format_cost, money_unit
from ..models import Model
from ._inputs import Inputs
from ._journal import Journal
from ._lock import BatchLock
from ._results import BatchResult
from ._runner import BatchRunner

__all__ = ["abatch", "batch"]

_AT_ONCE: Final = 256  # inputs that are read before others on the loop have their turn
_PATIENCE: Final = 3.0  # seconds for a run that was stopped just now to wind up
_LOOKS: Final = 60
_LONGEST_NAME: Final = 200
_F = TypeVar("_F", bound=Callable[..., object])


@meant_as("sky.batch({model}, {inputs})", inputs="inputs", many=True)
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
    reuse: bool | None = None,
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
    reuse : bool, optional
        Whether to take what was made of equal inputs from the archive, also outside of this batch, at no
        cost. Equal inputs take different predictions, oldest first, as far as there are any. None leaves it
        to ``sky.options.reuse``.

    Returns
    -------
    BatchResult
        A `PredictionList` in the order of the inputs. A failure is a result with its ``error``, and what was
        not sent one with the status ``not_sent``. It holds about 3 kB for each item.

    Raises
    ------
    InvalidInputError
        Inputs that the model does not take (each is listed), a limit below 1, a name that another model has.
    NotFoundError
        There is no such model.
    SkytellsError
        This batch is running already, or its journal cannot be written. What is finished stays finished.

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
    job = _Batch(model, limit, name, client, progress, reuse)
    schema = job.take(job.client.as_sync().models.get(job.model)) if _is_many(inputs) else None
    given = Inputs(job.model, inputs, schema, job.client.base_url)
    try:
        while given.read(_AT_ONCE):
            continue
        return run(job.run(given, budget, retry_failed, retry_uncertain))
    finally:
        given.close()


def _documented_as(twin: Callable[..., object]) -> Callable[[_F], _F]:
    """Copy parameters and errors from the docstring of its twin, to before the examples."""

    def document(function: _F) -> _F:
        own, more = inspect.cleandoc(function.__doc__ or ""), inspect.cleandoc(twin.__doc__ or "")
        shared = more[more.find("Parameters\n") : more.find("Examples\n")]
        function.__doc__ = own.replace("Examples\n", f"{shared}Examples\n", 1)
        return function

    return document


@meant_as("await sky.abatch({model}, {inputs})", inputs="inputs", many=True)
@_documented_as(batch)
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
    reuse: bool | None = None,
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
    job = _Batch(model, limit, name, client, progress, reuse)
    schema = job.take(await job.client.models.get(job.model)) if _is_many(inputs) else None
    if schema is not None:  # the library that checks takes a second to load
        await asyncio.to_thread(import_module, "jsonschema")
    given = Inputs(job.model, inputs, schema, job.client.base_url)
    try:
        more = True
        while more:
            more = given.read(_AT_ONCE)
            await asyncio.sleep(0)
        return await on_loop(job.run(given, budget, retry_failed, retry_uncertain))
    finally:
        given.close()


class _Batch:
    """What a call of `batch` asks for, checked."""

    def __init__(
        self,
        model: object,
        limit: object,
        name: object,
        client: Client | AsyncClient | None,
        progress: bool,
        reuse: bool | None,
    ) -> None:
        self.reuse = options.reuse if check_choice("reuse", reuse, (True, False, None)) is None else reuse
        self.model = (
            model.id if isinstance(model, Model) else check_text("model", model, what="a model's name")
        )
        self.limit = check_whole("limit", limit, 1)
        self.name = None if name is None else check_text("name", name, longest=_LONGEST_NAME)
        self.progress = progress
        self.client = client_of(client)
        connection = self.client.connection
        own = connection.archive if isinstance(connection.archive, Archive) else None
        self.archive = own or cast("Archive", Archive.resolve(True))

    def take(self, model: Model) -> dict[str, Any] | None:
        """Take the model that was meant, and return its schema; its name may be what people call it."""
        self.model = model.id
        return model.input_schema

    async def run(
        self, inputs: Inputs, budget: object, retry_failed: bool, retry_uncertain: bool
    ) -> BatchResult:
        """Lock, open the journal, run; and leave everything written, whatever happens."""
        name = self.name or f"{self.model}-{inputs.fingerprint}"
        result = BatchResult(name=name, labels=inputs.labels)
        total = len(inputs)
        if not total:
            return result
        connection = self.client.connection
        account = connection.account
        now = datetime.now(UTC)
        journal = Journal(self.archive, account, name=name, model=self.model, total=total, now=now)
        lock = BatchLock(self.archive, account, name, journal)
        await _acquire(lock)
        try:
            with _budget(budget):
                await asyncio.to_thread(journal.open, lock.holder)
                runner = BatchRunner(
                    connection,
                    self.archive,
                    journal,
                    lock,
                    inputs,
                    model=self.model,
                    limit=self.limit,
                    retry_failed=retry_failed,
                    retry_uncertain=retry_uncertain,
                    reuse=bool(self.reuse),
                )
                shows = options.progress if self.progress else False
                delay = 0.0 if shows is True else 1.0
                with bar(total, name, enabled=bool(shows), delay=delay) as shown:
                    result.extend(await runner.run(shown))
            await asyncio.to_thread(journal.close)
        except Exception:
            with suppress(SkytellsError):  # what stopped the batch is raised already
                journal.close()
            lock.release()
            raise
        except BaseException:
            lock.wind_up()
            detach(asyncio.to_thread(_wind_up, journal, lock), 2.0)
            raise
        lock.release()
        if runner.not_sent:
            cost = format_cost(runner.spent, money_unit(account.sandbox))
            billed = "" if runner.spent is None else f", {cost} spent"
            warn_user(
                f"Batch {name!r} stopped: {total - runner.not_sent:,} of {total:,} done{billed} · "
                f"{runner.not_sent:,} not sent. {runner.reason} Run it again to go on from here."
            )
        return result


def _wind_up(journal: Journal, lock: BatchLock) -> None:
    """After an interrupt: write what is still queued, and let the next run begin."""
    try:
        journal.close()
    finally:
        lock.release()


async def _acquire(lock: BatchLock) -> None:
    for _ in range(_LOOKS):
        if lock.acquire():
            return
        await asyncio.sleep(_PATIENCE / _LOOKS)
    raise lock.busy("it was stopped just now, and winds up")


def _is_many(inputs: object) -> bool:
    """Whether it is worth asking for the schema: not for an empty list, and not for what is refused."""
    try:
        return len(cast("Sized", inputs)) > 0
    except TypeError:
        return True


def _budget(amount: object) -> AbstractContextManager[object]:
    if amount is None:
        return nullcontext()
    from ..spending import budget

    return budget(cast("Any", amount))
