"""A class: a key, a quota and a budget for each learner, and what the teacher reads at the start.

Keys are generated, and none is derived from a seed.
"""

from __future__ import annotations

import csv
import io
import os
import secrets
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ._accounts import Learner
from ._options import learner_names, parse_budget
from ._runfile import write_private

if TYPE_CHECKING:
    from ._options import Options
    from ._server import Server
    from ._state import State

#: Requests a minute of each learner: four a second, so that twenty pictures at once fit in.
USUAL_RATE: Final = 240
#: Credits of each learner: some three hundred pictures.
USUAL_BUDGET: Final = Decimal(10)


def enrol(state: State, options: Options) -> None:
    """Give a key to the teacher and to every learner who has none yet.

    Who was enrolled before, by the state file, keeps key, spending and predictions; a budget or a rate limit
    that is given now holds for all of them.
    """
    if options.learners is None and not state.learners:
        if options.budget is not None or options.gallery:
            raise ValueError("budget and gallery belong to a class; say how large it is with learners=")
        if options.exposed and not state.has_own_key:
            state.remember("key", "sk-sandbox-" + secrets.token_hex(16))
        return
    if not state.has_own_key:
        state.remember("key", "sk-sandbox-teacher-" + secrets.token_hex(16))
    if not state.gallery:
        state.remember("wall", secrets.token_urlsafe(18))
    budget = None if options.budget is None else parse_budget(options.budget)
    rate = options.rate_limit
    learners = [
        replace(
            each,
            budget=each.budget if budget is None else budget,
            rate_limit=rate or each.rate_limit,
        )
        for each in state.learners
    ]
    known = {each.name.lower() for each in learners}
    for name in learner_names(options.learners) if options.learners is not None else ():
        if name.lower() not in known:
            key = f"sk-sandbox-{name}-{secrets.token_hex(12)}"
            learners.append(
                Learner(name, key, USUAL_BUDGET if budget is None else budget, rate or USUAL_RATE)
            )
    if learners != state.learners:
        state.enrol(learners)


COLUMNS: Final = ("learner", "api_key", "base_url", "budget", "requests_per_minute")

PLAIN: Final = (
    "Traffic is plain HTTP: whoever shares the network can read keys, prompts and pictures. Use it on a "
    "network you trust, and no real key with it."
)
LOOPBACK: Final = "Only this computer can reach it. --host 0.0.0.0 opens it to the network."


class KeysFileError(RuntimeError):
    """A file for the keys that cannot be written; the message says why, and what to do."""


def write_keys(path: str | os.PathLike[str], learners: Sequence[Learner], url: str) -> None:
    """Write everybody's key as CSV, readable by the user alone; an earlier such file is replaced."""
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


def class_instructions(server: Server, keys: str | None = None) -> str:
    """Write what a teacher has to know about a running class."""
    learners, urls = server.learners, server.addresses
    first = learners[0]
    facts = [("base URL", urls[0]), *(("or", url) for url in urls[1:]), ("teacher's key", server.api_key)]
    gallery = server.gallery_url
    if gallery is not None:
        facts.append(("gallery", urls[0].removesuffix("/v1") + gallery[gallery.index("/class/") :]))
    if (votes := server.vote_urls) is not None:
        root = urls[0].removesuffix("/v1")
        words = ("vote", "your ranking")
        facts += [(name, root + url[url.index("/class/") :]) for name, url in zip(words, votes, strict=True)]
    facts.append(("each learner", f"{_credits(first)} credits, {first.rate_limit} requests a minute"))
    shown = f"Everybody's key is in {keys}, which only you can read."
    if keys is None:
        shown = _columns([("learner", "API key"), *((each.name, each.key) for each in learners)])
    text = files(__package__).joinpath("pages", "class.txt").read_text("utf-8")
    return text.rstrip().format(
        count=len(learners),
        facts=_columns(facts),
        warning=PLAIN if server.options.exposed else LOOPBACK,
        keys=shown,
        url=urls[0],
    )


def _columns(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in rows)


def exposure_notice(server: Server) -> str:
    """Write what to know about a sandbox without a class that other machines can reach."""
    return f"Reached at {', '.join(server.addresses)}, with the generated key only. {PLAIN}"


def _credits(learner: Learner) -> str:
    return "unlimited" if learner.budget is None else f"{learner.budget.normalize():f}"
