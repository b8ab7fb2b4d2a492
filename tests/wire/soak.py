"""Many creates, waits, reads and downloads at once, at random faults, for as long as one likes.

``python -m tests.wire.soak 1200`` goes on for 20 minutes, and says what came of it.
"""

from __future__ import annotations

import asyncio
import random
import re
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

import skytells_nb as sky
from skytells_nb.exceptions import SkytellsError, UncertainCreateError

from .server import FAULTS, KEY, RawApi

MODEL = "truefusion"
FINAL = {"401", "402", "403", "422", "451", "elsewhere"}
PASSING = sorted(FAULTS.keys() - FINAL - {"answers twice"})
"""Whoever is answered twice has the next request answered by nobody's answer: HTTP/1.1 has no numbers."""

WORKERS = 6


@dataclass
class Soak:
    """One run: what was asked, what came of it, and what must never be."""

    seed: int
    ends: Counter[str] = field(default_factory=Counter)
    ids: list[str] = field(default_factory=list)
    doubts: list[UncertainCreateError] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    billed: list[str] = field(default_factory=list)
    without_files: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    left_open: int = 0

    @property
    def faults(self) -> list[str]:
        """What must never be, each in words."""
        lost = [f"{id} is named nowhere" for id in self.billed if id not in self.ids]
        twice = [f"{id} was given twice" for id, count in Counter(self.ids).items() if count > 1]
        bare = [f"{id} is without its output" for id in self.without_files]
        keys = [f"the key went along with {request}" for request in self.leaks]
        open_ = [f"{self.left_open} connections are left open"] if self.left_open > 0 else []
        return [*lost, *twice, *bare, *keys, *open_, *self.wrong]

    def choose(self, dice: random.Random, lock: threading.Lock, route: str) -> str | None:
        with lock:
            if dice.random() < 0.7:
                return None
            return dice.choice(sorted(FINAL) if dice.random() < 0.04 else PASSING)

    def note(self, name: str, error: Exception) -> None:
        if not isinstance(error, SkytellsError):
            self.wrong.append(f"{name}: {error!r}")
        if name == "create" and isinstance(error, UncertainCreateError):
            self.doubts.append(error)
        elif name == "create":
            self.ids += set(re.findall(r"raw-\d+", " ".join([str(error), *getattr(error, "__notes__", ())])))
        self.ends[f"{name}: {type(error).__name__}"] += 1


async def work(soak: Soak, client: sky.AsyncClient, dice: random.Random, name: str, until: Any) -> None:
    """Create one after the other; now and then read, list, cancel, or stop waiting."""
    number = 0
    while not until(number):
        number += 1
        if number % 25 == 0:  # before there are too many newer ones to look through
            for doubt in [each for each in soak.doubts if f"fox {name}-" in str(each.input)]:
                await settle(soak, client, doubt)
        try:
            made = await client.predictions.create(
                MODEL, {"prompt": f"fox {name}-{number}"}, wait=dice.random() < 0.7
            )
            soak.ids.append(made.id)
            soak.ends["create: " + made.status] += 1
        except Exception as error:
            soak.note("create", error)
            continue
        reads = {
            "get": client.predictions.get,
            "wait": lambda name: client.predictions.wait(name, timeout=30),
            "list": lambda _: client.predictions.list(5),
            "models": lambda _: client.models.list(),
            "cancel": client.predictions.cancel,
        }
        read = dice.choice(sorted(reads))
        try:
            await reads[read](made.id)
            soak.ends[read + ": good"] += 1
        except Exception as error:
            soak.note(read, error)


async def settle(soak: Soak, client: sky.AsyncClient, doubt: UncertainCreateError) -> None:
    """Look for what a create in doubt has made; it stays in doubt while that cannot be told."""
    try:
        found = await client.predictions.reconcile(doubt)
    except Exception as error:
        soak.note("reconcile", error)
        return
    soak.doubts.remove(doubt)
    soak.ids += [found.id] if found is not None else []


def run(seed: int, folder: Path, *, seconds: float = 0.0, creates: int = 0) -> Soak:
    """Soak for so many seconds, or so many creates of each worker; half of them use the blocking client."""
    soak, dice, lock = Soak(seed), random.Random(seed), threading.Lock()
    sky.run(asyncio.sleep(0))  # the toolkit's loop runs from here on
    process, ends_at = psutil.Process(), time.monotonic() + seconds
    open_before = len(process.net_connections())

    def until(number: int) -> bool:
        return number >= creates if creates else time.monotonic() >= ends_at

    with RawApi(seconds=0.05) as api, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        api.choose = lambda route: soak.choose(dice, lock, route)
        archive = sky.Archive(folder)
        options: dict[str, Any] = {"base_url": api.url, "archive": archive, "timeout": 1.0}

        def worker(name: str) -> None:
            own = random.Random(f"{seed}{name}")
            if int(name) % 2:
                asyncio.run(_awaited(soak, own, name, until, options))
            else:
                with sky.Client(KEY, **options) as client:
                    _blocking(soak, client, own, name, until)

        with ThreadPoolExecutor(WORKERS) as pool:
            for future in [pool.submit(worker, str(number)) for number in range(WORKERS)]:
                future.result()
        api.choose = lambda route: None
        with sky.Client(KEY, **options) as client:
            for doubt in soak.doubts:
                found = client.predictions.reconcile(doubt)
                soak.ids += [found.id] if found is not None else []
            with sky.Client(KEY, base_url=api.url) as onlooker:  # adopted is what has ended
                for prediction in onlooker.predictions.list(limit=None):
                    if not prediction.done:
                        onlooker.predictions.wait(prediction)
            archive.adopt(client)
        soak.billed = list(api.billed)
        ended = [id for id, job in api.jobs.items() if not job.get("canceled")]
        kept = {each.id: each for each in archive.predictions(limit=None)}
        soak.without_files = [id for id in ended if id not in kept or not kept[id].files]
        soak.leaks = api.leaks
        archive.close()
        api.wait_until_idle()
    soak.left_open = len(process.net_connections()) - open_before
    return soak


def _blocking(soak: Soak, client: sky.Client, dice: random.Random, name: str, until: Any) -> None:
    """The same work through the blocking client: each of its methods, as a coroutine that does not wait."""

    class Awaitable:
        def __init__(self, resource: Any) -> None:
            self.resource = resource

        def __getattr__(self, method: str) -> Any:
            async def call(*arguments: Any, **options: Any) -> Any:
                return getattr(self.resource, method)(*arguments, **options)

            return call

    class Face:
        predictions, models = Awaitable(client.predictions), Awaitable(client.models)

    asyncio.run(work(soak, Face, dice, name, until))  # type: ignore[arg-type]  # duck-typed on purpose


async def _awaited(soak: Soak, dice: random.Random, name: str, until: Any, options: dict[str, Any]) -> None:
    async with sky.AsyncClient(KEY, **options) as client:
        await work(soak, client, dice, name, until)


def main() -> int:
    seconds = float(sys.argv[1]) if sys.argv[1:] else 1200.0
    with tempfile.TemporaryDirectory() as folder:
        soak = run(int(sys.argv[2]) if sys.argv[2:] else 1, Path(folder), seconds=seconds)
    for end, count in sorted(soak.ends.items()):
        print(f"{count:6} {end}")
    print(f"{len(soak.billed)} billed; what must not be: {soak.faults or 'nothing'}")
    return len(soak.faults)


if __name__ == "__main__":
    sys.exit(main())
