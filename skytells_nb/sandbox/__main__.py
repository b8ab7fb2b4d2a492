"""Runs the sandbox in a process of its own: ``python -m skytells_nb.sandbox --port 0 --seconds 0.2``.

One JSON line with the base URL and the key goes to standard output; then it serves until it is told to stop
(SIGINT, SIGTERM). Its log, its bill and its faults are reached over HTTP (`skytells_nb.sandbox.control`).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any

from skytells_nb.sandbox.dialect import choices
from skytells_nb.sandbox.errors import StateError
from skytells_nb.sandbox.server import Server

_NUMBERS: dict[str, Any] = {
    "port": int,
    "retention": float,
    "speed": float,
    "seconds": float,
    "delay": float,
    "rate-limit": int,
    "concurrency": int,
    "seed": int,
}


def parser() -> argparse.ArgumentParser:
    """Make the command's parser; every option of the server is one of its flags."""
    made = argparse.ArgumentParser(
        prog="python -m skytells_nb.sandbox", description="Serve a Skytells sandbox."
    )
    made.add_argument(
        "--with-parent", action="store_true", help="stop when the process that started this one ends"
    )
    for name in ("host", "state", "webhook-secret"):
        made.add_argument(f"--{name}", default=argparse.SUPPRESS)
    for name, type in _NUMBERS.items():
        made.add_argument(f"--{name}", type=type, default=argparse.SUPPRESS)
    for name, words in choices().items():
        made.add_argument(f"--{name.replace('_', '-')}", choices=words, default=argparse.SUPPRESS)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; returns the process's exit status."""
    options = vars(parser().parse_args(arguments))
    parent = os.getppid() if options.pop("with_parent") else None
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        with Server(**options) as server:
            line = json.dumps({"url": server.url, "api_key": server.api_key})
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
            while not stopped.wait(None if parent is None else 1.0) and os.getppid() == parent:
                pass
    except (OSError, StateError, ValueError) as error:
        sys.stderr.write(f"The sandbox did not start: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
