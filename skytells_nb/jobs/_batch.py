"""`batch` and `abatch`: many predictions of one model, journalled as they go, and never paid for twice.

The journal is the archive's own, or one in PostgreSQL that several machines share (``journal=``). Which of
the two it is decides who may run the batch at once, and what a budget holds for; the run is the same.

An executor is anything with ``submit``: a Dask client, a process pool. It is given whole runs and never
items, so a scheduler that does one again, as Dask does when a worker dies, harms nothing: the journal alone
says what may be sent. A worker makes its client with the key of its own environment: a key is never sent.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Sized
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final, Protocol, TypeVar, cast
from uuid import uuid4

from .._options import options
from ..aio import Bar, bar, detach, on_loop, run
from ..api import Account, AsyncClient, Client, client_of
from ..archive import Archive
from ..checks import check_amount, check_choice, check_flag, check_text, check_whole, expected, meant_as
from ..exceptions import AuthenticationError, InvalidInputError, SkytellsError, warn_user
from ..formatting import format_cost, money_unit
from ..models import Model, Prediction, slugs_of
from ._inputs import Inputs
from ._journal import Journal
from ._local_journal import LocalJournal
from ._postgres import Address
from ._results import BatchResult
from ._runner import BatchRunner
from ._shared_journal import SharedJournal

_AT_ONCE: Final = 256  # inputs that are read before others on the loop have their turn
_LONGEST_NAME: Final = 200
_PATIENCE: Final = 3.0  # seconds for a run that was stopped just now to wind up
_LOOKS: Final = 60
_TURN: Final = 0.5
_USUAL: Final = 4
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
    found = job.client.as_sync().models.get(job.model) if _is_many(inputs) else None
    with closing(job.take(inputs, found)) as given:
        while given.read(_AT_ONCE):
            continue
        return run(job.run(given))


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
    found = await job.client.models.get(job.model) if _is_many(inputs) else None
    with closing(job.take(inputs, found)) as given:
        while given.read(_AT_ONCE):  # noqa: ASYNC110 - it waits for nothing, but lets others have their turn
            await asyncio.sleep(0)
        return await on_loop(job.run(given))


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
        self.model = "" if goes_on else check_text("model", model, what="a model's name")
        self.limit = check_whole("limit", limit, 1)
        self.budget = budget
        self.reuse = options.reuse if check_choice("reuse", reuse, (True, False, None)) is None else reuse
        self.progress = progress
        self.retry_failed = check_flag("retry_failed", retry_failed)
        self.retry_uncertain = check_flag("retry_uncertain", retry_uncertain)
        self.executor = cast("Executor | None", executor)
        self.client = client_of(client)
        connection = self.client.connection
        own = connection.archive if isinstance(connection.archive, Archive) else None
        self.archive = own or cast("Archive", Archive.resolve(True))

    def take(self, inputs: Iterable[Any], model: Model | None) -> Inputs:
        """Take the model that was meant, whose name may be what people call it, and the inputs for it."""
        route, schema = None, None
        if model is not None:
            self.model, known = model.id, model.text_route
            if known == "embeddings":
                raise InvalidInputError(
                    f"A batch does not ask {self.model!r}. client.embeddings.create takes a whole list of "
                    "texts."
                )
            route, schema = known, model.input_schema if known is None else None
        return Inputs(
            self.model, inputs, schema, self.client.base_url, route=route, kept=self.address is not None
        )

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


async def run_batch(
    client: AsyncClient,
    archive: Archive,
    journal: Journal,
    inputs: Inputs | None,
    *,
    limit: int,
    reuse: bool = False,
    budget: object = None,
    progress: bool = False,
    others: Callable[[Bar], Awaitable[str]] | None = None,
) -> tuple[list[Prediction], BatchRunner]:
    """Run a batch to its end; returns the results, and the runner, which knows how it went.

    ``inputs`` are all read; None where the journal has them. ``budget`` is a wall of this process, for as
    long as it runs. ``others`` lets others work it off, and returns why they stopped: this run only reports
    it then.
    """
    for _ in range(_LOOKS):
        if journal.acquire():
            break
        await asyncio.sleep(_PATIENCE / _LOOKS)
    else:
        raise journal.busy("it was stopped just now, and winds up")
    try:
        with _budget(budget):
            await asyncio.to_thread(journal.open, inputs, _holder())
            if inputs is None:  # which also tells the API's time, and whether it is a sandbox
                await client.models.get(journal.model)
            is_lost = journal.lost_since is not None
            if is_lost:
                warn_user(
                    f"The journal of batch {journal.name!r} was lost with the archive's index. What the "
                    "archive has of equal inputs is taken for its results, and what ran last is looked for "
                    "in the API's listing."
                )
            reuse = reuse or is_lost
            runner = BatchRunner(client.connection, archive, journal, limit=limit, reuse=reuse)
            shows = options.progress if progress else False
            delay = 0.0 if shows is True else 1.0
            with bar(journal.total, journal.name, enabled=bool(shows), delay=delay) as shown:
                if others is not None:
                    runner.only_report(await others(shown))
                results = await runner.run(shown)
        await asyncio.to_thread(journal.close)
    except Exception:
        journal.hurry()
        with suppress(SkytellsError):  # what stopped the batch is raised already
            await asyncio.to_thread(_let_go, journal)
        raise
    except BaseException:
        journal.wind_up()
        journal.hurry()
        # Whoever interrupted it has the prompt back at once; a script's end waits so long for this.
        detach(asyncio.to_thread(_stop, journal), 2.0)
        raise
    await asyncio.to_thread(journal.leave)
    return results, runner


def _let_go(journal: Journal) -> None:
    try:
        journal.close()
    finally:
        journal.leave()


def _stop(journal: Journal) -> None:
    """After an interrupt: stop the others too, and let go."""
    try:
        journal.stop()
    finally:
        _let_go(journal)


def _holder() -> str:
    """Return who runs it, in words for those who want it, too."""
    return f"process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}"


def _budget(amount: object) -> AbstractContextManager[object]:
    if amount is None:
        return nullcontext()
    from ..spending import budget

    return budget(cast("Any", amount))


class Executor(Protocol):
    """What runs a function elsewhere: `concurrent.futures` executors, Dask clients and their like."""

    def submit(self, function: Any, /, *args: Any, **options: Any) -> Any:
        """Begin a call; returns a future with ``done``, ``result`` and ``cancel``."""


def run_worker(
    options: dict[str, Any],
    begun_by: Account,
    archive: Archive,
    reuse: bool,
    token: str,  # noqa: ARG001 - by which a scheduler tells equal calls apart
) -> str:
    """Run a batch in a worker's process; returns why it stopped early, or nothing.

    ``options`` are those of the worker's own journal.
    """
    archive = (Archive.resolve(True) if os.environ.get("SKYTELLS_ARCHIVE") else None) or archive
    with Client(base_url=begun_by.origin, timeout=options["timeout"], archive=archive) as client:
        account = client.connection.account
        if account.fingerprint != begun_by.fingerprint:
            raise AuthenticationError(
                f"The key in the environment of process {os.getpid()} is another than batch "
                f"{options['name']!r} was begun with. Set SKYTELLS_API_KEY for the executor's workers.",
                charged=False,
                effect="It sent nothing.",
            )
        journal = SharedJournal(account=account, model="", reports=False, **options)
        work = run_batch(client.as_async(), archive, journal, None, limit=options["claims"], reuse=reuse)
        _, runner = run(work)
        return runner.reason


async def run_workers(
    executor: Executor, journal: SharedJournal, archive: Archive, reuse: bool, bar: Bar
) -> str:
    """Let an executor's workers run a batch, and show how far they are; returns why they stopped early.

    What the last of the workers failed of is raised where something is left to do.
    """
    given = (journal.for_workers(), journal.account, archive, reuse)
    workers: Any = getattr(executor, "_max_workers", None)  # of concurrent.futures and its kin
    if not isinstance(workers, int):
        threads = getattr(executor, "nthreads", None)  # of Dask: those of every worker, by its address
        workers = max(1, len(threads())) if callable(threads) else _USUAL
    futures = [executor.submit(run_worker, *given, uuid4().hex) for _ in range(workers)]
    try:
        while True:
            counts = await asyncio.to_thread(journal.beat)
            bar.update(**counts._asdict() | {"stopped_by": None})
            if all(future.done() for future in futures):
                break
            await asyncio.sleep(_TURN)
    finally:
        for future in futures:
            future.cancel()
    reasons: list[str] = []
    trouble: Exception | None = None
    for future in futures:
        try:
            reasons.append(await asyncio.to_thread(future.result))
        except Exception as error:  # noqa: BLE001 - others may have done its part
            trouble = error
    if trouble is not None and journal.is_open():
        if isinstance(trouble, SkytellsError):
            raise trouble
        raise SkytellsError(
            f"The executor's workers failed before batch {journal.name!r} was done ({trouble!r}). Run it "
            "again to go on from here; nothing is paid for twice."
        ) from trouble
    return next((reason for reason in reasons if reason), "")
