"""Processes that can be killed, and cost little: one has imported everything, and forks for each of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Forks"]

_FIRST = """
import json, os, sys, traceback

def say(word="…"):
    os.write(1, f"{word}\\n".encode())  # in one piece, whoever else is writing

"""
_REST = """
for line in sys.stdin:
    process, arguments, environment = json.loads(line)
    if process:
        process, code = os.waitpid(process, 0)
        say(os.waitstatus_to_exitcode(code))
        continue
    process = os.fork()
    if process:
        say(process)
        continue
    os.environ.update(environment)
    try:
        work(*arguments)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
"""


class Forks:
    """Forks processes that call the ``work`` of some code, which may call ``say()``."""

    def __init__(self, code: str) -> None:
        if not hasattr(os, "fork"):
            pytest.skip("there is no fork here")
        root = Path(__file__).parents[1]
        paths = os.pathsep.join([str(root), str(root / "tests")])
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _FIRST + textwrap.dedent(code) + _REST],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        self._said: deque[str] = deque()

    def begin(self, *arguments: Any, **environment: str) -> int:
        """Fork one, with these arguments; returns its process id."""
        return self._ask(0, arguments, environment)

    def hear(self) -> None:
        """Wait until any of them says something."""
        line = self._said.popleft() if self._said else self._read()
        assert line == "…\n"

    def end(self, process: int) -> int:
        """Wait for one's end, and forget what was said until then; returns its exit code."""
        code = self._ask(process, (), {})
        self._said.clear()
        return code

    def kill(self, process: int) -> None:
        """Kill one, and wait until it is dead."""
        os.kill(process, signal.SIGKILL)
        assert self.end(process) == -signal.SIGKILL

    def close(self) -> None:
        """End, and all that is left of them."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.stdout.close()

    def _ask(self, *what: Any) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        while (line := self._read()) == "…\n":
            self._said.append(line)
        return int(line)

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process that forks has ended"
        return line
