"""Creates that are stopped at random instants, over a real socket: nothing that was billed is lost.

``python -m tests.wire.instants 500`` tries so many of each client, and says what came of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import skytells_nb as sky
from skytells_nb.exceptions import SkytellsError

from .server import KEY, RawApi

MODEL = "truefusion"
LONGEST = 0.6
"""Seconds: a create of this server takes some 0.4 s, half of it for reads, a quarter for its output."""


class StopSignal(Exception):
    """What a signal handler raises, as Celery's soft time limit does."""


@dataclass
class Tally:
    """What the server billed, and everything in which an id may stand."""

    billed: list[str] = field(default_factory=list)
    told: str = ""
    ends: Counter[str] = field(default_factory=Counter)
    without_files: list[str] = field(default_factory=list)

    @property
    def lost(self) -> list[str]:
        """What was billed and named nowhere."""
        return [identifier for identifier in self.billed if identifier not in self.told]


def _pace(route: str) -> str | None:
    return "drips" if route == "file" else "late"


@contextlib.contextmanager
def alarm(error: type[BaseException], seconds: float) -> Iterator[None]:
    """Let a signal handler raise an exception so many seconds from now, if the block lasts so long."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise error

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def stop_sync(client: sky.Client, dice: random.Random, number: int, tally: Tally) -> None:
    error = dice.choice([KeyboardInterrupt, SystemExit, StopSignal])
    try:
        with alarm(error, dice.uniform(0.001, LONGEST)):
            made = client.predictions.create(MODEL, {"prompt": f"a fox, number {number}"})
        tally.told += made.id
        tally.ends["made"] += 1
    except (KeyboardInterrupt, SystemExit, StopSignal) as struck:
        tally.told += " ".join(getattr(struck, "__notes__", ()))
        tally.ends[type(struck).__name__] += 1
    except SkytellsError as said:
        tally.told += repr(said) + repr(getattr(said, "prediction", ""))
        tally.ends[type(said).__name__] += 1


async def stop_async(client: sky.AsyncClient, dice: random.Random, number: int, tally: Tally) -> None:
    seconds, how = dice.uniform(0.001, LONGEST), dice.choice(["cancel", "timeout", "deadline"])
    coro = client.predictions.create(
        MODEL, {"prompt": f"a hare, number {number}"}, timeout=seconds if how == "deadline" else None
    )
    task = asyncio.ensure_future(coro)
    try:
        if how == "timeout":
            async with asyncio.timeout(seconds):
                made = await task
        else:
            if how == "cancel":
                asyncio.get_running_loop().call_later(seconds, task.cancel)
            made = await task
        tally.told += made.id
        tally.ends["made"] += 1
    except (asyncio.CancelledError, TimeoutError) as struck:
        tally.ends[type(struck).__name__] += 1
    except SkytellsError as said:
        tally.told += repr(said) + repr(getattr(said, "prediction", ""))
        tally.ends[type(said).__name__] += 1


async def stop_many(client: sky.AsyncClient, dice: random.Random, count: int, tally: Tally) -> None:
    for begun in range(0, count, 20):
        numbers = range(begun, min(begun + 20, count))
        await asyncio.gather(*(stop_async(client, dice, number, tally) for number in numbers))


def try_instants(count: int, folder: Path, seed: int = 1) -> Tally:
    """Stop ``count`` creates of each client, let what goes on end, and gather what was told."""
    dice, tally = random.Random(seed), Tally()
    with RawApi(seconds=0.1) as api, warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        api.choose = _pace
        options: dict[str, Any] = {"base_url": api.url, "archive": sky.Archive(folder)}
        with sky.Client(KEY, **options) as client:
            for number in range(count):
                stop_sync(client, dice, number, tally)
            asyncio.run(stop_many(client.as_async(), dice, count, tally))
            sky.run(_quiet())
            tally.billed = list(api.billed)
            tally.told += " ".join(str(note.message) for note in notes)
            tally.told += " ".join(each.id for each in options["archive"].predictions(limit=None))
            options["archive"].adopt(client)
        kept = {each.id: each for each in options["archive"].predictions(limit=None)}
        made = [id for id, job in api.jobs.items() if not job.get("canceled")]
        tally.without_files = [id for id in made if id not in kept or not kept[id].files]
        options["archive"].close()
    return tally


async def _quiet() -> None:
    """Wait until nothing goes on in the background of the toolkit's loop any more."""
    while rest := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(rest)


def main() -> int:
    count = int(sys.argv[1]) if sys.argv[1:] else 500
    with tempfile.TemporaryDirectory() as folder:
        tally = try_instants(count, Path(folder), seed=int(sys.argv[2]) if sys.argv[2:] else 1)
    print(f"{2 * count} creates: {dict(tally.ends)}")
    print(f"{len(tally.billed)} billed, {len(tally.lost)} named nowhere: {tally.lost}")
    print(f"{len(tally.without_files)} of those not canceled are without their output after archive.adopt")
    return len(tally.lost) + len(tally.without_files)


if __name__ == "__main__":
    sys.exit(main())
