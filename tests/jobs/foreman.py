"""Works a batch off in processes that can be killed: imports everything once, and forks for every shift.

    python foreman.py URL KEY FOLDER

Each line on standard input begins a shift; it holds the options of `batch` as JSON. Answered are, a line
each: the process's id, a dot for every create that is about to be sent, what came of it if it lived to
tell, and the exit status.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import jsonschema  # noqa: F401 - so that no shift has to load it

import skytells_nb as sky
from skytells_nb.api import _observers as observers
from skytells_nb.jobs import batch

MODEL = "sandbox-scribe"
TWINS = (100, 170)
"""Where the two equal inputs stand."""


def inputs(total: int) -> list[str]:
    prompts = [f"a red fox, take {n}" for n in range(total)]
    prompts[TWINS[1]] = prompts[TWINS[0]]
    return prompts


class Dots(observers.Observer):
    """Tells the parent of every create, before it is sent."""

    async def before_create(self, *_: Any) -> None:
        say(".")


def say(word: Any) -> None:
    os.write(1, json.dumps(word).encode() + b"\n")


def work(url: str, key: str, folder: str, options: dict[str, Any]) -> None:
    observers.global_observers.append(Dots())
    with sky.Client(key, base_url=url, archive=folder) as client:
        made = batch(MODEL, inputs(options.pop("total")), client=client, name="foxes", **options)
    twins = [made[n].id for n in TWINS]
    say({"statuses": [p.status for p in made], "ids": len({p.id for p in made}), "twins": twins})


def main() -> None:
    for line in sys.stdin:
        process = os.fork()
        if not process:
            work(*sys.argv[1:4], json.loads(line))
            os._exit(0)
        say(process)
        say(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))


if __name__ == "__main__":
    main()
