"""One run of a batch, from opening its journal to letting go of it, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, Final, cast

from .._options import options
from ..aio import Bar, bar, detach
from ..api import AsyncClient
from ..archive import Archive
from ..exceptions import SkytellsError
from ..models import Prediction
from ._inputs import Inputs
from ._journal import Journal
from ._lock import BatchLock, Hold
from ._runner import BatchRunner

__all__ = ["run_batch"]

_PATIENCE: Final = 3.0  # seconds for a run that was stopped just now to wind up
_LOOKS: Final = 60


async def run_batch(
    client: AsyncClient,
    archive: Archive,
    journal: Journal,
    hold: Hold,
    inputs: Inputs | None,
    *,
    limit: int,
    reuse: bool = False,
    budget: object = None,
    progress: bool = False,
    others: Callable[[Bar], Awaitable[str]] | None = None,
) -> tuple[list[Prediction], BatchRunner]:
    """Run a batch to its end; returns the results, and the runner, which knows how it went.

    Parameters
    ----------
    inputs : Inputs or None
        All read; None where the journal has them.
    budget : optional
        A wall of this process, for as long as it runs.
    others : callable, optional
        Lets others work it off, and returns why they stopped: this run only reports it then.
    """
    await _acquire(hold)
    try:
        with _budget(budget):
            await asyncio.to_thread(journal.open, inputs, hold.holder)
            if inputs is None:  # which also tells the API's time, and whether it is a sandbox
                await client.models.get(journal.model)
            runner = BatchRunner(client.connection, archive, journal, hold, limit=limit, reuse=reuse)
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
            await asyncio.to_thread(_let_go, journal, hold)
        raise
    except BaseException:
        hold.wind_up()
        journal.hurry()
        detach(asyncio.to_thread(_wind_up, journal, hold), 2.0)
        raise
    await asyncio.to_thread(hold.release)
    return results, runner


def _let_go(journal: Journal, hold: Hold) -> None:
    """Write what is still queued, and let the next run begin."""
    try:
        journal.close()
    finally:
        hold.release()


def _wind_up(journal: Journal, hold: Hold) -> None:
    """After an interrupt: stop the others too, and let go."""
    try:
        journal.stop()
    finally:
        _let_go(journal, hold)


async def _acquire(hold: Hold) -> None:
    for _ in range(_LOOKS):
        if hold.acquire():
            return
        await asyncio.sleep(_PATIENCE / _LOOKS)
    if isinstance(hold, BatchLock):
        raise hold.busy("it was stopped just now, and winds up")


def _budget(amount: object) -> AbstractContextManager[object]:
    if amount is None:
        return nullcontext()
    from ..spending import budget

    return budget(cast("Any", amount))
