"""`batch` and `abatch`: many predictions of one model, journalled as they go, and never paid for twice.

The journal is the archive's own, or one in PostgreSQL that several machines share (``journal=``). Which of
the two it is decides who may run the batch at once, and what a budget holds for; the run is the same.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Sized
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeVar, cast

from .._options import options
from ..aio import on_loop, run
from ..api import AsyncClient, Client, client_of
from ..archive import Archive
from ..checks import check_amount, check_choice, check_text, check_whole, expected, meant_as
from ..exceptions import InvalidInputError, warn_user
from ..formatting import format_cost, money_unit
from ..models import AnsweringRoute, Model, slugs_of
from ._inputs import Inputs
from ._journal import Journal
from ._local_journal import LocalJournal
from ._postgres import Address
from ._results import BatchResult
from ._session import Executor, run_batch, run_workers
from ._shared_journal import SharedJournal

_AT_ONCE: Final = 256  # inputs that are read before others on the loop have their turn
_LONGEST_NAME: Final = 200
_F = TypeVar("_F", bound=Callable[..., object])


@meant_as("sky.batch({model}, {inputs})", inputs="inputs", many=True)
def batch(
    model: str | Model | None = None,
    inputs: Iterable[Any] | None = None,
    *,
    limit: int = 8,
    budget: Decimal | float | str | None = None,
    name: str | None = None,
    client: Client | AsyncClient | None = None,
    progress: bool = True,
    retry_failed: bool = False,
    retry_uncertain: bool = False,
    reuse: bool | None = None,
    journal: str | None = None,
    executor: Executor | None = None,
) -> BatchResult:
    """Create a prediction for every input, and wait until all have ended.

    Everything is checked before anything is sent. A journal in the archive records each item before it
    is sent, so a batch that was stopped or killed goes on where it was when it is run again: under the
    same name, or with the same model and inputs, at the same API with the same key. What is finished
    comes from the archive, what is under way is followed, and only the rest is created.

    Parameters
    ----------
    model : str or Model
        The model's slug, such as ``"truefusion-pro"``. A batch in a shared ``journal`` knows its own.
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
    journal : str, optional
        The URL of a PostgreSQL database, such as ``"postgresql://ann@db/night"``, to share the batch: it
        holds the inputs too, so ``batch(name="night", journal=…)`` goes on with it on any machine that has
        the key. Any number of them may do so at once; what one has stopped, all stop. ``limit`` is each
        one's own, ``budget`` is for all of them together, from the batch's beginning.
    executor : object, optional
        Anything with ``submit``, such as a Dask client or a process pool, whose workers work a shared batch
        off. Each needs the key in its environment. They keep what they make where ``SKYTELLS_ARCHIVE`` says,
        else in the same bucket or a folder of the same path as here.
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
        Inputs that the model does not take (each is listed), a limit below 1, a name that another model has,
        or a batch that a shared journal does not have.
    AuthenticationError
        A batch of that name in the shared journal was begun with another key.
    NotFoundError
        There is no such model.
    SkytellsError
        This batch is running already, or its journal cannot be reached or written. What is finished stays
        finished. A shared journal that goes away while a batch runs is waited for, for ten minutes.

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
    job = _Batch(**locals())
    del journal  # else a traceback could show its password
    if inputs is None:
        return run(job.run(None))
    schema = job.take(job.client.as_sync().models.get(job.model)) if _is_many(inputs) else None
    given = Inputs(job.model, inputs, schema, job.client.base_url, route=job.route)
    try:
        while given.read(_AT_ONCE):
            continue
        return run(job.run(given))
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
    model: str | Model | None = None,
    inputs: Iterable[Any] | None = None,
    *,
    limit: int = 8,
    budget: Decimal | float | str | None = None,
    name: str | None = None,
    client: Client | AsyncClient | None = None,
    progress: bool = True,
    retry_failed: bool = False,
    retry_uncertain: bool = False,
    reuse: bool | None = None,
    journal: str | None = None,
    executor: Executor | None = None,
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
    job = _Batch(**locals())
    del journal
    if inputs is None:
        return await on_loop(job.run(None))
    schema = job.take(await job.client.models.get(job.model)) if _is_many(inputs) else None
    given = Inputs(job.model, inputs, schema, job.client.base_url, route=job.route)
    try:
        more = True
        while more:
            more = given.read(_AT_ONCE)
            await asyncio.sleep(0)
        return await on_loop(job.run(given))
    finally:
        given.close()


class _Batch:
    """What a call of `batch` asks for, checked; its parameters, by their names."""

    def __init__(
        self,
        *,
        model: object,
        inputs: object,
        limit: object,
        name: object,
        client: Client | AsyncClient | None,
        progress: bool,
        budget: object,
        retry_failed: bool,
        retry_uncertain: bool,
        reuse: bool | None,
        journal: object,
        executor: object,
    ) -> None:
        self.address = None if journal is None else Address.of(journal)
        del journal
        if self.address is None and executor is not None:
            raise InvalidInputError(
                'executor= needs a journal that its workers share: pass journal="postgresql://…" too.'
            )
        if executor is not None and not callable(getattr(executor, "submit", None)):
            raise expected("executor", "anything with submit, such as a process pool", executor)
        self.name = None if name is None else check_text("name", name, longest=_LONGEST_NAME)
        if inputs is None and (self.address is None or self.name is None):
            raise InvalidInputError(
                "There is nothing to run: pass a model and its inputs, or the name= and the journal= of a "
                "batch that was begun."
            )
        model = slugs_of(model)
        goes_on = model is None and inputs is None
        self.route: AnsweringRoute | None = None
        self.model = "" if goes_on else check_text("model", model, what="a model's name")
        self.limit = check_whole("limit", limit, 1)
        self.budget = budget
        self.reuse = options.reuse if check_choice("reuse", reuse, (True, False, None)) is None else reuse
        self.progress = progress
        self.retry_failed, self.retry_uncertain = retry_failed, retry_uncertain
        self.executor = cast("Executor | None", executor)
        self.client = client_of(client)
        connection = self.client.connection
        own = connection.archive if isinstance(connection.archive, Archive) else None
        self.archive = own or cast("Archive", Archive.resolve(True))

    def take(self, model: Model) -> dict[str, Any] | None:
        """Take the model that was meant, and return its schema; its name may be what people call it."""
        self.model = model.id
        route = model.text_route
        if route == "embeddings":
            raise InvalidInputError(
                f"A batch does not ask {model.id!r}. client.embeddings.create takes a whole list of texts."
            )
        self.route = route
        return model.input_schema if route is None else None

    async def run(self, inputs: Inputs | None) -> BatchResult:
        """Hold the batch, open its journal, run; and leave everything written, whatever happens."""
        name = self.name or f"{self.model}-{'' if inputs is None else inputs.fingerprint}"
        result = BatchResult(name=name, labels=None if inputs is None else inputs.labels)
        if inputs is not None and not len(inputs):
            return result
        journal = self._journal(name, inputs)
        others = None
        if self.executor is not None and isinstance(journal, SharedJournal):
            others = partial(run_workers, self.executor, journal, self.archive, bool(self.reuse))
        made, runner = await run_batch(
            self.client,
            self.archive,
            journal,
            inputs,
            limit=self.limit,
            reuse=bool(self.reuse),
            budget=None if self.address is not None else self.budget,
            progress=self.progress,
            others=others,
        )
        result.extend(made)
        if runner.not_sent:
            sandbox = self.client.connection.account.sandbox
            billed = (
                "" if runner.spent is None else f", {format_cost(runner.spent, money_unit(sandbox))} spent"
            )
            warn_user(
                f"Batch {name!r} stopped: {len(result) - runner.not_sent:,} of {len(result):,} done"
                f"{billed} · {runner.not_sent:,} not sent. {runner.reason} Run it again to go on from here."
            )
        return result

    def _journal(self, name: str, inputs: Inputs | None) -> Journal:
        connection = self.client.connection
        chosen: dict[str, Any] = {
            "name": name,
            "model": self.model,
            "retry_failed": self.retry_failed,
            "retry_uncertain": self.retry_uncertain,
        }
        if self.address is None:
            total, now = 0 if inputs is None else len(inputs), datetime.now(UTC)
            return LocalJournal(self.archive, connection.account, total=total, now=now, **chosen)
        return SharedJournal(
            self.address,
            connection.account,
            timeout=connection.timeout,
            claims=self.limit,
            budget=None if self.budget is None else check_amount("budget", self.budget),
            **chosen,
        )


def _is_many(inputs: object) -> bool:
    """Whether it is worth asking for the schema: not for an empty list, and not for what is refused."""
    try:
        return len(cast("Sized", inputs)) > 0
    except TypeError:
        return True
