"""What a teacher reads at the start of a class: addresses, keys, limits, and what to be careful about."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from skytells_nb.sandbox.accounts import Learner
from skytells_nb.sandbox.whereabouts import write_private

if TYPE_CHECKING:
    from skytells_nb.sandbox.server import Server

COLUMNS = ("learner", "api_key", "base_url", "budget", "requests_per_minute")

PLAIN = (
    "Traffic is plain HTTP: whoever shares the network can read keys, prompts and pictures. Use it in a room "
    "you trust, and no real key with it."
)
LOOPBACK = "Only this computer can reach it. --host 0.0.0.0 lets the room in."


class KeysFileError(RuntimeError):
    """A file for the keys that cannot be written; the message says why, and what to do."""


def write_keys(path: str | os.PathLike[str], learners: Sequence[Learner], url: str) -> None:
    """Write everybody's key as CSV, readable by the user alone; an earlier such file is replaced.

    Raises
    ------
    KeysFileError
        If it cannot be written, or something else is there.
    """
    place = Path(path)
    file = io.StringIO()
    rows = csv.writer(file)
    rows.writerow(COLUMNS)
    for each in learners:
        rows.writerow((each.name, each.key, url, _credits(each), each.rate_limit))
    head = ",".join(COLUMNS).encode()
    try:
        if place.exists():
            with place.open("rb") as there:
                if there.read(len(head)) != head:
                    raise KeysFileError(
                        f"{place} is there already, and holds no keys of a class. Nothing was changed; "
                        "choose another file."
                    )
        write_private(place, file.getvalue())
    except OSError as error:
        raise KeysFileError(
            f"the keys cannot be written to {place} ({error.strerror or error}). Choose another file, or "
            "leave --keys out to see them here."
        ) from error


def for_a_class(server: Server, keys: str | None = None) -> str:
    """Write what a teacher has to know about a running class.

    Parameters
    ----------
    server : Server
        Runs, with a class.
    keys : str, optional
        The file that holds the learners' keys; without one they are listed.
    """
    learners, urls = server.learners, server.addresses
    first = learners[0]
    facts = [("base URL", urls[0]), *(("or", url) for url in urls[1:]), ("teacher's key", server.api_key)]
    wall = server.wall_url
    if wall is not None:
        facts.append(("wall", urls[0].removesuffix("/v1") + wall[wall.index("/class/") :]))
    facts.append(("each learner", f"{_credits(first)} credits, {first.rate_limit} requests a minute"))
    width = max(len(name) for name, _ in facts)
    lines = [f"Sandbox for a class of {len(learners)}: nothing here is real, and nothing costs money.", ""]
    lines += [f"  {name:<{width}}  {value}" for name, value in facts]
    lines += ["", PLAIN if server.options.exposed else LOOPBACK, ""]
    if keys is None:
        width = max(len("learner"), *(len(each.name) for each in learners))
        lines += [f"  {'learner':<{width}}  API key"]
        lines += [f"  {each.name:<{width}}  {each.key}" for each in learners]
    else:
        lines += [f"Everybody's key is in {keys}, which only you can read."]
    lines += [
        "",
        "A learner begins with",
        "",
        "  import skytells_nb as sky",
        f'  client = sky.connect("<key>", base_url="{urls[0]}")',
        "",
        "or opens the notebooks with",
        "",
        f"  SKYTELLS_API_KEY=<key> SKYTELLS_BASE_URL={urls[0]} skytells-nb lab",
        "",
        "Something goes wrong for a minute: skytells-nb faults rate_limit --for 60",
        "Stop with Ctrl+C.",
    ]
    return "\n".join(lines)


def for_others(server: Server) -> str:
    """Write what to know about a sandbox without a class that other machines can reach."""
    return f"Reached at {', '.join(server.addresses)}, with the generated key only. {PLAIN}"


def _credits(learner: Learner) -> str:
    return "unlimited" if learner.budget is None else f"{learner.budget.normalize():f}"
