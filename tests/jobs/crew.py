"""Workers of one shared batch, which can be killed: imports everything once, and forks for each of them.

    python crew.py URL KEY FOLDER JOURNAL

Each line on standard input forks a worker; it holds the options of `batch` as JSON. Answered are lines of
the worker's process id and a word: "begun", a dot for every create that is about to be sent, what came of it
if it lived to tell, and at last its exit status.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

import jsonschema  # noqa: F401 - so that no worker has to load it
import psycopg  # noqa: F401

import skytells_nb as sky
from skytells_nb.api import _observers as observers
from skytells_nb.jobs import _runner, _shared_journal, batch

MODEL = "sandbox-scribe"
TIMEOUT = 2.0
TWINS = 2
"""How many inputs are equal to the one before them."""


def inputs(total: int) -> list[str]:
    return [f"a red fox, take {max(n, TWINS)}" for n in range(total)]


class Dots(observers.Observer):
    """Tells the parent of every create, before it is sent."""

    async def before_create(self, *_: Any) -> None:
        say(".")


def say(word: Any, process: int | None = None) -> None:
    os.write(1, json.dumps([process or os.getpid(), word]).encode() + b"\n")


def hurry() -> None:
    """Let leases run out soon, and look often."""
    _shared_journal.MARGIN = 2.0
    _runner._PULSE = 0.2
    _runner._PAUSE = 0.1


def work(url: str, key: str, folder: str, journal: str, options: dict[str, Any]) -> None:
    hurry()
    observers.global_observers.append(Dots())
    given = {"model": MODEL, "inputs": inputs(options.pop("total"))} if "total" in options else {}
    with sky.Client(key, base_url=url, archive=f"{folder}-{os.getpid()}", timeout=TIMEOUT) as client:
        made = batch(**given, client=client, name="foxes", journal=journal, progress=False, **options)
    say(
        {
            "statuses": [p.status for p in made],
            "ids": [p.id for p in made],
            "prompts": [p.prompt for p in made],
        }
    )


def main() -> None:
    for line in sys.stdin:
        process = os.fork()
        if not process:
            say("begun")
            work(*sys.argv[1:5], json.loads(line))
            os._exit(0)
        tell = threading.Thread(
            target=lambda p=process: say(os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]), p)
        )
        tell.start()


if __name__ == "__main__":
    main()
