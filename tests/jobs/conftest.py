"""A sandbox that writes short texts at once, an archive in an empty folder, and a client of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import skytells_nb as sky
from skytells_nb.api._pending import CreateRegistry
from skytells_nb.archive import Archive
from skytells_nb.jobs import BatchResult, _runner, batch

TEXTER = "sandbox-scribe"
"""A model whose output is text, so that nothing has to be drawn."""

INPUTS = ["a fox", "an owl", "a fox", "a bear"]
MANY = [f"fox {n}" for n in range(24)]


def of_another_process(sandbox: sky.Sandbox) -> sky.Client:
    """Make a client that shares nothing with those here: what it made, nobody here knows of."""
    client = sandbox.client()
    client.connection.creates = CreateRegistry()
    return client


def statuses(made: sky.PredictionList) -> list[str]:
    return [prediction.status for prediction in made]


@pytest.fixture
def sandbox() -> Iterator[sky.Sandbox]:
    with sky.Sandbox(seconds=0, retry_after="fraction") as running:
        yield running


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive(tmp_path / "out") as archive:
        yield archive


@pytest.fixture
def client(sandbox: sky.Sandbox, archive: Archive) -> Iterator[sky.Client]:
    with sandbox.client(archive=archive) as client:
        yield client


@pytest.fixture
def run(client: sky.Client) -> Callable[..., BatchResult]:
    """Run a batch of the texter."""

    def run(inputs: Any, **options: Any) -> BatchResult:
        return batch(TEXTER, inputs, client=options.pop("client", client), **options)

    return run


@pytest.fixture
def creates(sandbox: sky.Sandbox) -> Callable[[], int]:
    """Count the creates that have arrived."""
    return lambda: sum(request.route == "create" for request in sandbox.log)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask often for work, and look again soon."""
    monkeypatch.setattr(_runner, "_PAUSE", 0.05)
    monkeypatch.setattr(_runner, "_AGAIN", 0.1)
    monkeypatch.setattr(_runner, "_PULSE", 0.1)


@pytest.fixture
def night(journal: str, client: sky.Client) -> Callable[..., BatchResult]:
    """Run the batch called night."""

    def run(inputs: Any = None, **options: Any) -> BatchResult:
        model = None if inputs is None else TEXTER
        given: dict[str, Any] = {"name": "night", "journal": journal, "client": client, **options}
        return batch(model, inputs, **given)

    return run
