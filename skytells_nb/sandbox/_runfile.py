"""Remembers where sandboxes run, in files that only their user can read, so that others find them.

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
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from ._errors import StateInUseError

if TYPE_CHECKING:
    from ._server import Server

#: Seconds in which a sandbox of another process has to answer.
PATIENCE: Final = 3.0


class RunningSandbox(NamedTuple):
    """A sandbox of some process: base URL, key, when it started (Unix time, 0 for unknown), and process."""

    url: str
    api_key: str
    started: float = 0
    pid: int = 0

    def answers(self) -> bool:
        """Return whether it is still there, and lets this key in."""
        parts = urlsplit(self.url)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
        with contextlib.closing(connection), contextlib.suppress(OSError, HTTPException):
            connection.request("GET", "/__sandbox__/class", headers={"x-api-key": self.api_key})
            return connection.getresponse().status == 200
        return False


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
    """Remember a sandbox while it runs; yields whether that was possible, for it does not depend on it."""
    path = folder() / f"sandbox-{os.getpid()}-{secrets.token_hex(4)}.json"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, url, api_key)
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
    """Return the sandboxes that were started and not stopped, the last one first."""
    found = []
    with contextlib.suppress(OSError):
        found = [each for path in folder().glob("sandbox-*.json") if (each := _read(path)) is not None]
    return sorted(found, key=lambda each: each.started, reverse=True)


AnyServer = TypeVar("AnyServer", bound="Server")


def start_or_join(home: Path, make: Callable[..., AnyServer]) -> AnyServer | RunningSandbox:
    """Start the sandbox whose state is kept in a folder, or find it running in another process.

    Its key, port, predictions and bills are those of last time, so a batch that a dead kernel left goes on.
    The state file's own lock decides who serves; the operating system lets go of it when a process dies.
    `make` makes the server, given ``state=``.

    Raises
    ------
    OSError
        If the folder cannot be written, or the port cannot be had.
    StateError
        If the state file cannot be used, or its sandbox runs elsewhere and does not answer from here.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    note, until = home / "running", time.monotonic() + PATIENCE
    while True:
        try:
            server = make(state=home / "state.db").start()
        except StateInUseError:
            running = _read(note)
            if running is not None and running.answers():
                return running
            if time.monotonic() > until:
                raise
            continue  # it has only just started, or just ended; opening the file waits half a second
        _write(note, server.url, server.api_key)
        return server


def _write(path: Path, url: str, api_key: str) -> None:
    write_private(path, json.dumps(RunningSandbox(url, api_key, time.time(), os.getpid())._asdict()))


def _read(path: Path) -> RunningSandbox | None:
    with contextlib.suppress(OSError, ValueError, TypeError):
        return RunningSandbox(**json.loads(path.read_text("utf-8")))
    return None


def write_private(path: Path, text: str) -> None:
    """Write a file whole, so that at no moment anybody but the user can read it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # for its owner alone: 0600
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
