"""Draws files in processes of their own, so that drawing hundreds of them holds up no answer of the API.

Under Python's one lock two threads that draw leave the event loop a third of a core. A class therefore has
an easel for each core: a child process that reads what to draw from its standard input, yields the processor
to everybody else (`os.nice`), and ends when its input does. `Easels` looks like the painter itself
(`skytells_nb.sandbox.drawing.Media`), and is called from as many threads as it has easels.

    python -m skytells_nb.sandbox.easel        # the child: one JSON line in, one JSON line and a file out
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skytells_nb.sandbox.drawing import Media

#: How much an easel stands back when the processor is wanted by others; 19 is the most.
NICE = 5
#: Seconds an easel has to end by itself.
PATIENCE = 2.0


class EaselError(RuntimeError):
    """A file that could not be drawn."""


class Easels:
    """A painter that has others draw; safe to call from any thread.

    Parameters
    ----------
    media : Media
        Tells types and writes texts, which costs nothing.
    """

    def __init__(self, media: Media) -> None:
        self._media = media
        self._lock = threading.Lock()
        self._idle: list[subprocess.Popen[bytes]] = []
        self._closed = False

    def file_type(self, kind: str, input: Mapping[str, Any]) -> tuple[str, str]:
        """Tell the MIME type and the extension of a file without drawing it."""
        return self._media.file_type(kind, input)

    def write_text(self, input: Mapping[str, Any]) -> str:
        """Write what a text model answers."""
        return self._media.write_text(input)

    def draw(self, kind: str, input: Mapping[str, Any], *, index: int = 0) -> tuple[bytes, str]:
        """Have one file drawn; on another easel when the first one broke.

        Raises
        ------
        EaselError
            If it cannot be drawn.
        """
        task = json.dumps({"kind": kind, "input": input, "index": index}).encode() + b"\n"
        for _ in range(2):
            easel = self._take()
            try:
                head, content = _drawn(easel, task)
            except (OSError, ValueError):
                _end(easel)
                continue
            self._give_back(easel)
            if "error" in head:
                raise EaselError(head["error"])
            return content, head["mime"]
        raise EaselError(f"the process that draws ended while it drew {kind!r}, twice")

    def close(self) -> None:
        """End every easel that is not drawing; one that is ends when it has drawn."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for easel in idle:
            _end(easel)

    def _take(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _start()

    def _give_back(self, easel: subprocess.Popen[bytes]) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(easel)
                return
        _end(easel)


def easels_at_most() -> int:
    """How many easels keep this machine busy and not more: one for each core, four at most."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(max(cores, 1), 4)


def _start() -> subprocess.Popen[bytes]:
    # -P: a random.py in the folder somebody stands in is not Python's; so the package has to be named
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(  # noqa: S603 - its own interpreter
        [sys.executable, "-P", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,  # Ctrl+C in the terminal is for the server
    )


def _drawn(easel: subprocess.Popen[bytes], task: bytes) -> tuple[dict[str, Any], bytes]:
    """Hand a task to an easel, and wait for its file.

    Raises
    ------
    OSError, ValueError
        If the easel has ended.
    """
    stdin, stdout = easel.stdin, easel.stdout
    assert stdin is not None and stdout is not None  # noqa: S101, PT018 - both are pipes
    stdin.write(task)
    stdin.flush()
    head = json.loads(stdout.readline())
    size = head.get("size", 0)
    content = stdout.read(size)
    if len(content) < size:
        raise BrokenPipeError
    return head, content


def _end(easel: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        if easel.stdin is not None:
            easel.stdin.close()
    try:
        easel.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        easel.kill()
        easel.wait()
    if easel.stdout is not None:
        easel.stdout.close()


def main() -> None:
    """Draw what standard input asks for, until it ends."""
    from skytells_nb.sandbox import media

    stdin, stdout = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library that prints does not break a file
    with contextlib.suppress(AttributeError, OSError):
        os.nice(NICE)
    for line in stdin:
        task = json.loads(line)
        content = b""
        try:
            content, mime = media.draw(task["kind"], task["input"], index=task["index"])
            head = {"size": len(content), "mime": mime}
        except Exception as error:  # noqa: BLE001 - it is told to whoever asked
            head = {"error": f"{type(error).__name__}: {error}"}
        with contextlib.suppress(BrokenPipeError):
            stdout.write(json.dumps(head).encode() + b"\n" + content)
            stdout.flush()


if __name__ == "__main__":
    main()
