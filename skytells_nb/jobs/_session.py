"""One run of a batch, from opening its journal to letting go of it; here, or in the workers of an executor.

An executor is anything with ``submit``: a Dask client, a process pool. It is given whole runs and never
items, so a scheduler that does one again, as Dask does when a worker dies, harms nothing: the journal alone
says what may be sent. A worker makes its client with the key of its own environment: a key is never sent.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, Final, Protocol, cast
from uuid import uuid4

from .._options import options
from ..aio import Bar, bar, detach, run
from ..api import Account, AsyncClient, Client
from ..archive import Archive
from ..exceptions import AuthenticationError, SkytellsError, warn_user
from ..models import Prediction
from ._inputs import Inputs
from ._journal import Journal
from ._runner import BatchRunner
from ._shared_journal import SharedJournal

_PATIENCE: Final = 3.0  # seconds for a run that was stopped just now to wind up
_LOOKS: Final = 60


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


_TURN: Final = 0.5
_USUAL: Final = 4


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
