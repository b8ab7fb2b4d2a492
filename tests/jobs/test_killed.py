"""A batch whose process is killed again and again pays for each of its items once.

The sandbox is a process of its own, which knows what it has accepted and billed. Every second kill comes
while creates are accepted and not yet answered, so that their ids are in no journal.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from .foreman import TWINS

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="its processes are forked")

TOTAL, KILLS = (1000, 20) if os.environ.get("SKYTELLS_NB_SOAK") else (240, 5)
LIMIT = 8
A_SHIFT = 35
"""How many creates one process begins before it is killed."""


class Remote:
    """The sandbox in its own process, and its own routes."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "skytells_nb.sandbox", "--with-parent", "--seconds", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.place: dict[str, str] = json.loads(self.process.stdout.readline())

    def control(self, name: str, method: str = "GET", body: Any = None) -> Any:
        url = self.place["url"].removesuffix("/v1") + f"/__sandbox__/{name}"
        data = None if body is None else json.dumps(body).encode()
        headers = {"x-api-key": self.place["api_key"]}
        request = urllib.request.Request(url, data=data, method=method, headers=headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    @property
    def billed(self) -> set[str]:
        return set(self.control("billing")["predictions"])

    def hold_answers(self, amount: int) -> None:
        """Let the next creates be accepted and not answered, and wait until they are accepted."""
        self.control("faults", "POST", {"name": "slow", "on": "create", "times": amount, "seconds": 30})
        while self.control("faults")["waiting"]:
            continue

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def remote() -> Iterator[Remote]:
    remote = Remote()
    yield remote
    remote.close()


class Foreman:
    """Begins shifts, and kills them."""

    def __init__(self, remote: Remote, folder: Path) -> None:
        script = str(Path(__file__).with_name("foreman.py"))
        command = [sys.executable, script, remote.place["url"], remote.place["api_key"], str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.shift = 0

    def begin(self, **options: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"total": TOTAL, "limit": LIMIT, **options}) + "\n")
        self._process.stdin.flush()
        self.shift = self.hear()

    def hear(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the foreman has ended"
        return json.loads(line)

    def hear_creates(self, amount: int) -> None:
        for _ in range(amount):
            assert self.hear() == "."

    def kill(self) -> None:
        os.kill(self.shift, signal.SIGKILL)
        word = self.hear()
        while word == ".":
            word = self.hear()
        assert word == -signal.SIGKILL

    def finish(self) -> Any:
        """Wait for the end of a shift; gives what it told, and how many creates it began."""
        word, creates = self.hear(), 0
        while word == ".":
            word, creates = self.hear(), creates + 1
        assert self.hear() == 0
        return word, creates

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture
def foreman(remote: Remote, tmp_path: Path) -> Iterator[Foreman]:
    foreman = Foreman(remote, tmp_path / "out")
    yield foreman
    foreman.close()


def journalled(folder: Path) -> dict[str, set[str]]:
    """Read the ids in the journal by state, as somebody else would."""
    found: dict[str, set[str]] = {}
    with closing(sqlite3.connect(folder / "out" / "index.sqlite")) as db:
        for state, identifier in db.execute("SELECT state, coalesce(id, '') FROM jobs_items"):
            found.setdefault(state, set()).add(identifier)
    return found


def test_each_is_billed_once_though_it_is_killed_again_and_again(
    remote: Remote, foreman: Foreman, tmp_path: Path
):
    unwritten = []
    for number in range(KILLS):
        foreman.begin()
        foreman.hear_creates(A_SHIFT)
        if number % 2:
            remote.hold_answers(LIMIT)
        foreman.kill()
        remote.control("faults", "DELETE")
        billed = remote.billed
        assert 0 < len(billed) < TOTAL, "killed between the first create and the last"
        unwritten.append(len(billed - set().union(*journalled(tmp_path).values())))
    assert sum(lost > 0 for lost in unwritten) >= KILLS // 4, "killed between 'accepted' and 'id written'"

    foreman.begin()
    told, _ = foreman.finish()
    doubts = told["statuses"].count("failed")
    assert told["statuses"].count("succeeded") == TOTAL - doubts == len(remote.billed)

    foreman.begin(retry_uncertain=True)
    told, creates = foreman.finish()
    assert creates == doubts, "only what was never accepted is sent again, on the user's word"
    assert told["statuses"] == ["succeeded"] * TOTAL
    assert told["ids"] == TOTAL
    assert len(set(told["twins"])) == len(TWINS)
    assert len(remote.billed) == TOTAL
    assert journalled(tmp_path) == {"succeeded": remote.billed}

    foreman.begin()
    assert foreman.finish()[1] == 0, "and one more run costs nothing"
    print(f"unwritten at each kill: {unwritten}; in doubt at the end: {doubts}")
