"""Workers of an executor, each of which works a shared batch off until nothing of it is left.

An executor is anything with ``submit``: a Dask client, a process pool. It is given whole drains and never
items, so a scheduler that runs one again, as Dask does when a worker dies, harms nothing: the journal alone
says what may be sent. A worker makes its client with the key of its own environment, for a key is never sent.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import uuid4

from ..aio import Bar, run
from ..api import Client
from ..archive import Archive
from ..exceptions import AuthenticationError, SkytellsError
from ._session import run_batch
from ._shared_journal import SharedJournal

_TURN: Final = 0.5
_USUAL: Final = 4


class Executor(Protocol):
    """What runs a function elsewhere: `concurrent.futures` executors, Dask clients and their like."""

    def submit(self, function: Any, /, *args: Any, **options: Any) -> Any:
        """Begin a call; returns a future with ``done``, ``result`` and ``cancel``."""


@dataclass(frozen=True, slots=True)
class Drain:
    """What a worker has to know to help with a batch; `journal` are the options of its own; no key."""

    journal: dict[str, Any]
    origin: str
    fingerprint: str
    archive: Archive
    reuse: bool


def work_off(drain: Drain, token: str) -> str:  # noqa: ARG001 - by which a scheduler tells equal drains apart
    """Work a batch off; returns why it stopped early, or nothing. It runs in the worker's process."""
    own = Archive.resolve(True) if os.environ.get("SKYTELLS_ARCHIVE") else None
    archive = own or drain.archive
    with Client(base_url=drain.origin, timeout=drain.journal["timeout"], archive=archive) as client:
        account = client.connection.account
        if account.fingerprint != drain.fingerprint:
            raise AuthenticationError(
                f"The key in the environment of process {os.getpid()} is another than batch "
                f"{drain.journal['name']!r} was begun with. Set SKYTELLS_API_KEY for the executor's workers.",
                charged=False,
                effect="It sent nothing.",
            )
        journal = SharedJournal(account=account, model="", reports=False, **drain.journal)
        work = run_batch(
            client.as_async(), archive, journal, None, limit=drain.journal["claims"], reuse=drain.reuse
        )
        _, runner = run(work)
        return runner.reason


async def run_drains(executor: Executor, drain: Drain, journal: SharedJournal, bar: Bar) -> str:
    """Let an executor's workers work a batch off, and show how far they are; returns why they stopped early.

    What the last of the workers failed of is raised where something is left to do.
    """
    futures = [executor.submit(work_off, drain, uuid4().hex) for _ in range(_workers_of(executor))]
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


def _workers_of(executor: Any) -> int:
    """Return how many workers an executor has, as the usual ones tell it."""
    if isinstance(most := getattr(executor, "_max_workers", None), int):  # concurrent.futures and its kin
        return most
    each = getattr(executor, "nthreads", None)  # of Dask: the threads of every worker, by its address
    return max(1, len(each())) if callable(each) else _USUAL
