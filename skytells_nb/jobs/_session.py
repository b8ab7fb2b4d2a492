"""One run of a batch, from opening its journal to letting go of it, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import os
import socket
import time
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
from ._runner import BatchRunner

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
    await _acquire(journal)
    try:
        with _budget(budget):
            await asyncio.to_thread(journal.open, inputs, _holder())
            if inputs is None:  # which also tells the API's time, and whether it is a sandbox
                await client.models.get(journal.model)
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
    """Write what is still queued, and let the next run begin."""
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


async def _acquire(journal: Journal) -> None:
    for _ in range(_LOOKS):
        if journal.acquire():
            return
        await asyncio.sleep(_PATIENCE / _LOOKS)
    raise journal.busy("it was stopped just now, and winds up")


def _holder() -> str:
    """Return who runs it, in words for those who want it, too."""
    return f"process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}"


def _budget(amount: object) -> AbstractContextManager[object]:
    if amount is None:
        return nullcontext()
    from ..spending import budget

    return budget(cast("Any", amount))
