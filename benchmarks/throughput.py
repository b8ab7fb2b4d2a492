"""How long do many short predictions take, and how many requests does each cost?

    python benchmarks/throughput.py            # 4 and 100 predictions of 0.2 s
    python benchmarks/throughput.py 4 100 1000 --seconds 0.2 --runs 5

A sandbox runs in a process of its own. In this one three contestants take turns: this toolkit's
`AsyncClient` under `gather`, the published SDK's async client (skytells 1.0.0), and a plain httpx loop
that polls every 50 ms. All numbers are of one run on one machine; the ratios carry further than the seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
import skytells

import skytells_nb as sky

MODEL = "truefusion"
POLL = 0.05

Contestant = Callable[["Place", int], Awaitable[None]]


class Place(NamedTuple):
    """Where the sandbox is."""

    url: str
    api_key: str

    def control(self, name: str) -> Any:
        """Read one of the sandbox's own routes."""
        url = self.url.removesuffix("/v1") + f"/__sandbox__/{name}"
        request = urllib.request.Request(url, headers={"x-api-key": self.api_key})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


@contextmanager
def sandbox(seconds: float) -> Iterator[Place]:
    """Run a sandbox in another process."""
    command = [sys.executable, "-m", "skytells_nb.sandbox", "--with-parent", "--seconds", str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Place(**json.loads(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def prompts(count: int) -> list[dict[str, Any]]:
    return [{"prompt": f"a red fox in snow, take {number}"} for number in range(count)]


def toolkit() -> Contestant:
    """Give this toolkit's contestant: one client for all its turns, as in a notebook."""
    client: sky.AsyncClient | None = None

    async def take_a_turn(place: Place, count: int) -> None:
        nonlocal client
        if client is None or client.base_url != place.url:
            client = sky.AsyncClient(place.api_key, base_url=place.url)
        made = await sky.gather(
            (client.predictions.create(MODEL, input) for input in prompts(count)), progress=False
        )
        assert all(prediction.output for prediction in made)
        assert len({prediction.id for prediction in made}) == count

    return take_a_turn


def one_after_another() -> Contestant:
    """Give what the course compares with: the same client, one prediction at a time."""
    client: sky.AsyncClient | None = None

    async def take_a_turn(place: Place, count: int) -> None:
        nonlocal client
        if client is None or client.base_url != place.url:
            client = sky.AsyncClient(place.api_key, base_url=place.url)
        for input in prompts(count):
            await client.predictions.create(MODEL, input)

    return take_a_turn


async def published_sdk(place: Place, count: int) -> None:
    """The SDK's default way: each of its 8 threads holds one long request."""
    client = skytells.AsyncSkytellsClient(place.api_key, base_url=place.url)
    made = await asyncio.gather(*(client.run(MODEL, input) for input in prompts(count)))
    assert all(prediction.output for prediction in made)
    client._executor.shutdown()


async def published_sdk_polling(place: Place, count: int) -> None:
    """The SDK's create and wait, which is how a long job is followed, every 50 ms."""
    client = skytells.AsyncSkytellsClient(place.api_key, base_url=place.url)

    async def one(input: dict[str, Any]) -> Any:
        created = await client.predictions.create({"model": MODEL, "input": input})
        return await client.wait(created, {"interval": POLL * 1000})

    made = await asyncio.gather(*(one(input) for input in prompts(count)))
    assert all(prediction["output"] for prediction in made)
    client._executor.shutdown()


async def plain_httpx(place: Place, count: int) -> None:
    """What one writes by hand: create, then read every 50 ms until it has ended."""
    limits = httpx.Limits(max_connections=100)
    headers = {"x-api-key": place.api_key}
    async with httpx.AsyncClient(base_url=place.url, headers=headers, limits=limits, timeout=60) as client:

        async def one(input: dict[str, Any]) -> Any:
            answer = await client.post("/predictions", json={"model": MODEL, "input": input})
            prediction = answer.raise_for_status().json()
            while prediction["status"] not in ("succeeded", "failed", "cancelled", "canceled"):
                await asyncio.sleep(POLL)
                answer = await client.get(f"/predictions/{prediction['id']}")
                prediction = answer.raise_for_status().json()
            return prediction

        made = await asyncio.gather(*(one(input) for input in prompts(count)))
    assert all(prediction["output"] for prediction in made)


class Result(NamedTuple):
    """The median turn of a contestant."""

    seconds: float
    quickest: float
    requests: float


def measure(place: Place, contestants: dict[str, Contestant], count: int, runs: int) -> dict[str, Result]:
    """Let every contestant take its turns, in alternation; the first turn of each is not counted."""
    took: dict[str, list[float]] = {name: [] for name in contestants}
    sent: dict[str, list[int]] = {name: [] for name in contestants}
    with asyncio.Runner() as runner:
        for _ in range(runs + 1):
            for name, turn in contestants.items():
                before = len(place.control("log")["requests"])
                begun = time.perf_counter()
                runner.run(_awaited(turn, place, count))
                took[name].append(time.perf_counter() - begun)
                sent[name].append(len(place.control("log")["requests"]) - before - 1)
    return {
        name: Result(
            statistics.median(took[name][1:]), min(took[name][1:]), statistics.median(sent[name][1:]) / count
        )
        for name in contestants
    }


async def _awaited(turn: Contestant, place: Place, count: int) -> None:
    await turn(place, count)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("counts", nargs="*", type=int, default=[4, 100])
    parser.add_argument("--seconds", type=float, default=0.2, help="length of one prediction")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--alone", action="store_true", help="this toolkit only")
    given = parser.parse_args()
    for count in given.counts:
        contestants: dict[str, Contestant] = {"skytells_nb, gather": toolkit()}
        if count <= 8:
            contestants["skytells_nb, one after another"] = one_after_another()
        if not given.alone:
            contestants["skytells 1.0.0, run"] = published_sdk
            if count <= 100:
                contestants["skytells 1.0.0, create and wait"] = published_sdk_polling
            contestants["plain httpx loop"] = plain_httpx
        runs = given.runs if count <= 100 else min(given.runs, 2)
        with sandbox(given.seconds) as place:
            results = measure(place, contestants, count, runs)
        own = next(iter(results.values()))
        print(f"\n{count} predictions of {given.seconds:g} s, median of {runs} turns")
        print(f"{'':34} {'seconds':>8} {'quickest':>9} {'ratio':>7} {'requests each':>14}")
        for name, result in results.items():
            print(
                f"{name:34} {result.seconds:8.3f} {result.quickest:9.3f} "
                f"{result.seconds / own.seconds:6.1f}x {result.requests:14.2f}"
            )


if __name__ == "__main__":
    main()
