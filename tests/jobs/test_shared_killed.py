"""Three workers share a batch, and one is killed: nothing is billed twice, and the others do the rest.

Each round has a batch and a database of its own. What a full proof takes is run by hand:

    SKYTELLS_NB_SOAK=1 python -m pytest tests/jobs/test_shared_killed.py -s

kills twenty times, at random instants, of 1,000 items each.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import skytells_nb as sky
from skytells_nb.jobs import batches

from .crew import MODEL, TWINS, inputs
from .test_killed import Remote, remote  # noqa: F401 - a fixture

pytest_plugins = ["postgres"]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="its processes are forked")

KILLS = 20 if os.environ.get("SKYTELLS_NB_SOAK") else 0
TOTAL = 1000 if KILLS else 120
LIMIT = 8
MOST_IN_DOUBT = 27


class Crew:
    """Begins workers, and kills them."""

    def __init__(self, remote: Remote, folder: Path, journal: str) -> None:  # noqa: F811
        script = str(Path(__file__).with_name("crew.py"))
        command = [sys.executable, script, remote.place["url"], remote.place["api_key"], str(folder), journal]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._heard: dict[int, deque[Any]] = defaultdict(deque)

    def begin(self, **options: Any) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"limit": LIMIT, **options}) + "\n")
        self._process.stdin.flush()
        while True:
            process, word = self._read()
            if word == "begun":
                return process

    def hear(self, worker: int) -> Any:
        while not self._heard[worker]:
            self._read()
        return self._heard[worker].popleft()

    def hear_creates(self, worker: int, amount: int) -> None:
        for _ in range(amount):
            assert self.hear(worker) == "."

    def finish(self, worker: int) -> Any:
        """Wait for a worker's end; gives what it told, and how many creates it began."""
        word, creates = self.hear(worker), 0
        while word == ".":
            word, creates = self.hear(worker), creates + 1
        assert self.hear(worker) == 0
        return word, creates

    def kill(self, worker: int) -> None:
        os.kill(worker, signal.SIGKILL)
        word = self.hear(worker)
        while word == ".":
            word = self.hear(worker)
        assert word == -signal.SIGKILL

    def _read(self) -> tuple[int, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the crew has ended"
        process, word = json.loads(line)
        if word != "begun":
            self._heard[process].append(word)
        return process, word

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture
def crew(remote: Remote, tmp_path: Path, journal: str) -> Iterator[Crew]:  # noqa: F811
    crew = Crew(remote, tmp_path / "out", journal)
    yield crew
    crew.close()


@pytest.mark.parametrize("round", range(KILLS or 1))
def test_of_three_workers_one_is_killed_and_nothing_is_billed_twice(
    round: int,
    crew: Crew,
    remote: Remote,  # noqa: F811
    journal: str,
):
    at = random.randrange(1, TOTAL // 4) if KILLS else 20
    victim = crew.begin(total=TOTAL)
    crew.hear_creates(victim, 1)
    others = [crew.begin() for _ in range(2)]
    crew.hear_creates(victim, at)
    if not round % 2:
        remote.hold_answers(LIMIT)
    crew.kill(victim)
    remote.control("faults", "DELETE")
    (told, began), (again, also_began) = (crew.finish(each) for each in others)

    statuses = Counter(told["statuses"])
    (state,) = batches(journal=journal)
    in_doubt = state.uncertain
    assert statuses == Counter(succeeded=TOTAL - in_doubt, failed=in_doubt)
    assert in_doubt <= MOST_IN_DOUBT
    assert sorted(told["ids"]) == sorted(again["ids"]), "each tells of all"
    assert told["prompts"] == inputs(TOTAL)
    assert min(began, also_began) > 0

    with sky.Client(remote.place["api_key"], base_url=remote.place["url"]) as client:
        made = Counter(p.prompt for p in client.predictions.list(limit=None, model=MODEL))
    asked = Counter(inputs(TOTAL))
    assert made <= asked, "never one twice"
    assert len(remote.billed) == made.total() == state.succeeded
    assert remote.billed == {
        i for i, s in zip(told["ids"], told["statuses"], strict=True) if s == "succeeded"
    }
    assert asked["a red fox, take 2"] == 1 + TWINS
    print(f"killed at {at}: {in_doubt} in doubt, {began} and {also_began} begun by the others")
