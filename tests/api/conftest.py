"""Sandboxes on real sockets, for clients in this process and in scripts."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import skytells_nb as sky

from .stage import close_stages

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Served:
    """A sandbox that other processes talk to; what it says about itself is asked by HTTP too."""

    url: str
    api_key: str

    def ask(self, name: str, order: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            self.url.removesuffix("/v1") + f"/__sandbox__/{name}",
            data=None if order is None else json.dumps(order).encode(),
            headers={"x-api-key": self.api_key, "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    @property
    def billed(self) -> int:
        return int(self.ask("billing")["count"])

    @property
    def routes(self) -> list[str]:
        return [each["route"] for each in self.ask("log")["requests"] if each["route"] != "control"]

    @property
    def statuses(self) -> list[str]:
        return [each["status"] for each in self.ask("predictions")]

    def fault(self, name: str, **details: Any) -> None:
        self.ask("faults", {"name": name, **details})

    @property
    def environment(self) -> dict[str, str]:
        """What a script needs to talk to it."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("SKYTELLS_")},
            "PYTHONPATH": str(PROJECT),
            "SKYTELLS_API_KEY": self.api_key,
            "SKYTELLS_BASE_URL": self.url,
        }


@pytest.fixture
def served() -> Iterator[Callable[..., Served]]:
    """Start sandboxes for scripts in other processes: ``served(seconds=60)``."""
    with ExitStack() as stack:

        def start(**options: Any) -> Served:
            running = stack.enter_context(sky.Sandbox(**options))
            return Served(running.url, running.api_key)

        yield start


@pytest.fixture
def sandbox() -> Iterator[sky.Sandbox]:
    with sky.Sandbox(seconds=0.05) as running:
        yield running


@pytest.fixture
def slow_sandbox() -> Iterator[sky.Sandbox]:
    """Whose jobs take a minute."""
    with sky.Sandbox(seconds=60) as running:
        yield running


@pytest.fixture(autouse=True)
def no_key_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have a real key; no test may find it."""
    for name in ("SKYTELLS_API_KEY", "SKYTELLS_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def routes() -> Callable[[sky.Sandbox], list[str]]:
    """Say which routes a sandbox was asked for, in order."""
    return lambda sandbox: [received.route for received in sandbox.log]


@pytest.fixture(autouse=True)
def stages_are_closed() -> Iterator[None]:
    yield
    close_stages()
