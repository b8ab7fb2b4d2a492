"""A whole class at once: is anything lost, and does the API answer while hundreds of pictures are drawn?

    python benchmarks/class_load.py                       # 30 learners, 20 pictures of 512 x 512 each
    python benchmarks/class_load.py --learners 10 --pictures 5 --state

The sandbox runs as a teacher starts it, ``skytells-nb sandbox --class 30``, in a process of its own. Here
every learner sends all creates at once, each over a connection of its own, follows them together by the
listing, and fetches every picture as soon as it is seen to be done. What is timed is what a learner's
client waits: from the request's first byte to the answer's last, the connection included. The client
speaks HTTP by hand, so that the time is the sandbox's; on a busy machine it is the others' as well.

Promised: nothing is lost, 95 % of the API's answers come within 1 s, everything is fetched within 60 s.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

#: Seconds between two looks at a learner's listing.
POLL = 1.0
PROMPTS = (
    "a red fox in snow",
    "a lighthouse at dusk",
    "portrait of an old sailor",
    "a city at night in the rain",
    "a bowl of ramen",
    "a mountain lake in autumn",
    "abstract shapes in five colours",
)


class Learner(NamedTuple):
    """Whose key, and where."""

    name: str
    key: str
    host: str
    port: int


class Answer(NamedTuple):
    """What came back, and how many seconds it took."""

    status: int
    body: bytes
    seconds: float


class Line:
    """A connection that is kept open."""

    def __init__(self, learner: Learner) -> None:
        self.learner = learner
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: Any = None) -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: {self.learner.host}:{self.learner.port}\r\n"
            f"x-api-key: {self.learner.key}\r\ncontent-length: {len(content)}\r\n\r\n"
        )
        begun = time.perf_counter()
        if self._streams is None:
            self._streams = await asyncio.open_connection(self.learner.host, self.learner.port)
        reader, writer = self._streams
        writer.write(head.encode() + content)
        status = int((await reader.readline()).split()[1])
        size = 0
        while (line := await reader.readline()) != b"\r\n":
            if line.startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        answer = await reader.readexactly(size)
        return Answer(status, answer, time.perf_counter() - begun)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


class Tally:
    """What happened."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {"create": [], "list": [], "picture": []}
        self.refused: Counter[int] = Counter()
        self.sizes: list[int] = []

    def note(self, what: str, answer: Answer) -> bool:
        self.seconds[what].append(answer.seconds)
        if answer.status != 200:
            self.refused[answer.status] += 1
        return answer.status == 200


async def learn(learner: Learner, pictures: int, side: int, tally: Tally) -> None:
    """Do what one learner does."""
    lines = [Line(learner) for _ in range(pictures)]
    watching = Line(learner)
    fetches: list[asyncio.Task[None]] = []

    async def create(number: int) -> str | None:
        prompt = f"{PROMPTS[number % len(PROMPTS)]}, take {number} of {learner.name}"
        input = {"prompt": prompt, "width": side, "height": side}
        answer = await lines[number].ask(
            "POST", "/v1/predictions", {"model": "truefusion-pro", "input": input}
        )
        return json.loads(answer.body)["id"] if tally.note("create", answer) else None

    async def fetch(number: int, url: str) -> None:
        answer = await lines[number].ask("GET", urlsplit(url).path)
        if tally.note("picture", answer) and answer.body.startswith(b"\x89PNG"):
            tally.sizes.append(len(answer.body))

    waiting = {id for id in await asyncio.gather(*map(create, range(pictures))) if id}
    while waiting:
        await asyncio.sleep(POLL)
        answer = await watching.ask("GET", "/v1/predictions?per_page=50")
        if not tally.note("list", answer):
            continue
        for each in json.loads(answer.body)["data"]:
            if each["id"] in waiting and each["status"] == "succeeded":
                waiting.remove(each["id"])
                output = each["output"]
                url = output[0] if isinstance(output, list) else output
                fetches.append(asyncio.create_task(fetch(len(fetches), url)))
    await asyncio.gather(*fetches)
    for line in (*lines, watching):
        line.close()


@contextmanager
def room(learners: int, *options: str) -> Iterator[list[Learner]]:
    """Start a class in another process, and read its keys."""
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys.csv"
        command = [
            sys.executable,
            "-m",
            "skytells_nb",
            "sandbox",
            "--class",
            str(learners),
            "--keys",
            str(keys),
        ]
        filled = [each.replace("{folder}", folder) for each in options]
        process = subprocess.Popen([*command, "--with-parent", *filled], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith("Stop with"):
                    break
            with keys.open(newline="") as file:
                rows = list(csv.DictReader(file))
            places = [urlsplit(row["base_url"]) for row in rows]
            yield [
                Learner(row["learner"], row["api_key"], str(place.hostname), place.port or 80)
                for row, place in zip(rows, places, strict=True)
            ]
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


async def load(learners: list[Learner], pictures: int, side: int, tally: Tally) -> float:
    begun = time.perf_counter()
    await asyncio.gather(*(learn(each, pictures, side, tally) for each in learners))
    return time.perf_counter() - begun


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--learners", type=int, default=30)
    parser.add_argument("--pictures", type=int, default=20)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--state", action="store_true", help="with a state file")
    given = parser.parse_args()
    options = ("--state", "{folder}/class.db") if given.state else ()
    tally = Tally()
    with room(given.learners, *options) as learners:
        took = asyncio.run(load(learners, given.pictures, given.side, tally))
    wanted = given.learners * given.pictures
    api = tally.seconds["create"] + tally.seconds["list"]
    print(
        f"{given.learners} learners, {given.pictures} pictures of {given.side} x {given.side} each, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}{', with a state file' if given.state else ''}"
    )
    print(f"lost: {wanted - len(tally.sizes)} of {wanted}; refused: {dict(tally.refused) or 'none'}")
    print(f"{'':10} {'answers':>8} {'median':>8} {'95 %':>8} {'slowest':>8}  seconds")
    for name, values in (("API", api), *tally.seconds.items()):
        if values:
            print(
                f"{name:10} {len(values):8} {statistics.median(values):8.3f} "
                f"{quantile(values, 0.95):8.3f} {max(values):8.3f}"
            )
    print(f"everything fetched after {took:.1f} s, {sum(tally.sizes) / 1e6:.0f} MB")
    kept = len(tally.sizes) == wanted and quantile(api, 0.95) <= 1 and took <= 60
    print("kept" if kept else "NOT kept: nothing lost, 95 % of the API's answers within 1 s, all within 60 s")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
