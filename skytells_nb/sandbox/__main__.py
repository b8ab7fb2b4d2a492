"""Runs the sandbox in a process of its own: ``python -m skytells_nb.sandbox --port 0 --seconds 0.2``.

One JSON line with the base URL and the key goes to standard output; then it serves until it is told to stop
(SIGINT, SIGTERM). Its log, its bill and its faults are reached over HTTP (`control`).
For a class (``--class 30``) the keys are written instead, for a teacher to read.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from . import _accounts as accounts
from ._errors import StateError
from ._options import QUIRKS, choices, learner_names, parse_budget
from ._server import Server, registered


def _listed(text: str) -> list[str]:
    """Parse ``a,b``."""
    return [each.strip() for each in text.split(",") if each.strip()]


#: Every plain option of the server: what it is read as, how its value is called, and what it does.
_PLAIN: Final[dict[str, tuple[Callable[[str], object], str, str]]] = {
    "host": (
        str,
        "HOST",
        "the address to listen on; 0.0.0.0 for everyone on the network (default: this computer alone)",
    ),
    "port": (int, "PORT", "0 takes a free one (default), or with --state the one used last time"),
    "state": (str, "FILE", "keep keys, predictions and bills in this file over a restart"),
    "retention": (float, "SECONDS", "after its end a prediction's files are gone (default: 300)"),
    "speed": (float, "TIMES", "how many times faster than usual jobs run"),
    "seconds": (float, "SECONDS", "one length for every job"),
    "delay": (float, "SECONDS", "hold every answer back, as a distant network would"),
    "rate-limit": (int, "N", "requests a minute; beyond it 429"),
    "token-limit": (int, "N", "tokens a minute of each text model; beyond it 429"),
    "concurrency": (int, "N", "jobs at a time; beyond it 429"),
    "seed": (int, "N", "make ids and lengths the same each time"),
    "names": (_listed, "NAME,NAME", "host names under which it may be reached, besides this machine's own"),
    "quirks": (_listed, "WORD,WORD", f"what text models do otherwise than usual: {', '.join(QUIRKS)}"),
    "storage": (int, "BYTES", "inputs that each learner may keep here (default: 64 MB)"),
    "webhook-secret": (str, "SECRET", "sign webhooks with this instead of the API key"),
}


_CLASS: Final = "how many learners, or their names with commas between them"


def parser() -> argparse.ArgumentParser:
    """Make the command's parser; every option of the server is one of its flags."""
    made = argparse.ArgumentParser(
        prog="skytells-nb sandbox",
        usage="%(prog)s [--class 30] [--host HOST] [--port PORT] [--state FILE] [option ...]",
        description="Serve a Skytells sandbox until it is interrupted. Nothing in it is real or costs money.",
    )
    made.add_argument(
        "--with-parent", action="store_true", help="stop when the process that started this one ends"
    )
    for name, (type, metavar, what) in _PLAIN.items():
        made.add_argument(f"--{name}", type=type, metavar=metavar, help=what, default=argparse.SUPPRESS)
    group = made.add_argument_group(
        "a class",
        "Everybody has a key, a quota, a budget and predictions of their own; no other key will do.",
    )
    names, credits = _explained(_learners), _explained(parse_budget)
    spend = f"what each learner may spend (default: {accounts.USUAL_BUDGET}); --rate-limit is of each, too"
    pictures = "serve a page with everybody's latest pictures"
    unset: Any = argparse.SUPPRESS
    group.add_argument("--class", dest="learners", type=names, metavar="30", default=unset, help=_CLASS)
    group.add_argument("--budget", type=credits, metavar="CREDITS", default=unset, help=spend)
    group.add_argument("--gallery", action="store_true", default=unset, help=pictures)
    group.add_argument("--keys", metavar="FILE", help="write the keys to a CSV file instead of showing them")
    forms = made.add_argument_group(
        "forms of the answers",
        "The API's documents contradict each other. These choose which to follow; the first is usual.",
    )
    for name, words in choices().items():
        forms.add_argument(f"--{name.replace('_', '-')}", choices=words, default=argparse.SUPPRESS)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; returns the process's exit status."""
    options = vars(parser().parse_args(arguments))
    with_parent, keys = options.pop("with_parent"), options.pop("keys")
    if "learners" not in options and "state" not in options:
        for name in ("budget", "gallery"):
            if name in options:
                parser().error(f"--{name} belongs to a class; say how large it is with --class")
    parent = os.getppid() if with_parent else None
    stopped = threading.Event()
    try:
        with contextlib.ExitStack() as stack:
            for number in (signal.SIGINT, signal.SIGTERM):
                stack.callback(signal.signal, number, signal.signal(number, lambda *_: stopped.set()))
            server = stack.enter_context(Server(**options))
            if not with_parent:
                stack.enter_context(registered(server.url, server.api_key))
            _announce(server, keys)
            # A process whose parent has ended has another one, which no signal tells.
            while not stopped.wait(None if parent is None else 1.0) and os.getppid() == parent:
                pass
    except (OSError, StateError, ValueError) as error:
        sys.stderr.write(f"The sandbox did not start: {error}\n")
        return 1
    return 0


def _announce(server: Server, keys: str | None) -> None:
    """Write where it is: for a teacher in words, for a program as a line of JSON."""
    if keys is not None and not server.learners:
        raise ValueError("--keys is for a class; say how large it is with --class")
    if keys is not None:
        accounts.write_keys(keys, server.learners, server.addresses[0])
    if server.learners:
        sys.stdout.write(accounts.class_instructions(server, keys) + "\n")
    else:
        sys.stdout.write(json.dumps({"url": server.url, "api_key": server.api_key}) + "\n")
        if server.options.exposed:
            where = ", ".join(server.addresses)
            sys.stderr.write(f"Reached at {where}, with the generated key only. {accounts.PLAIN}\n")
            sys.stderr.flush()
    sys.stdout.flush()


def _learners(text: str) -> int | list[str]:
    """Parse ``30``, or ``ada,grace``."""
    try:
        wanted: int | list[str] = int(text)
    except ValueError:
        wanted = [name.strip() for name in text.split(",")]
    learner_names(wanted)
    return wanted


def _explained(parse: Callable[[str], object]) -> Callable[[str], object]:
    """Let argparse show what a ValueError says, of which it would only show that there was one."""

    def parsed(text: str) -> object:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parsed


if __name__ == "__main__":
    sys.exit(main())
