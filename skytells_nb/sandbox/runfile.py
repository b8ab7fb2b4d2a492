"""Remembers where sandboxes run, in files that only their user can read, so that a second command finds one.

Each running sandbox has a file of its own; it goes when the sandbox stops. One that was killed leaves it
behind, and whoever reads it finds nobody there.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class RunningSandbox(NamedTuple):
    """A sandbox that was started: its base URL, its owner's key, and when, in seconds since the epoch."""

    url: str
    api_key: str
    find_running: float


def folder() -> Path:
    """Where the files are: the user's runtime folder, or else the folder of programs' state."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and Path(runtime).is_dir():
        return Path(runtime) / "skytells-nb"
    if sys.platform == "win32":
        state = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "skytells-nb"


@contextlib.contextmanager
def registered(url: str, api_key: str) -> Iterator[bool]:
    """Remember a sandbox while it runs; gives whether that was possible, for it does not depend on it."""
    path = folder() / f"sandbox-{os.getpid()}-{secrets.token_hex(4)}.json"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, json.dumps(RunningSandbox(url, api_key, time.time())._asdict()))
        written = True
    except OSError:
        written = False
    try:
        yield written
    finally:
        if written:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def find_running() -> list[RunningSandbox]:
    """Find the sandboxes that were started and not stopped, the last one first."""
    found = []
    with contextlib.suppress(OSError):
        for path in folder().glob("sandbox-*.json"):
            with contextlib.suppress(OSError, ValueError, TypeError):
                found.append(RunningSandbox(**json.loads(path.read_text("utf-8"))))
    return sorted(found, key=lambda place: place.find_running, reverse=True)


def write_private(path: Path, text: str) -> None:
    """Write a file whole, so that at no moment anybody but the user can read it.

    Raises
    ------
    OSError
        If it cannot be written; what was there is as it was.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # for its owner alone: 0600
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
