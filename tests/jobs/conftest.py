"""A sandbox that writes short texts at once, an archive in an empty folder, and a client of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import skytells_nb as sky
from skytells_nb.archive import Archive
from skytells_nb.jobs import BatchResult, batch

TEXTER = "sandbox-scribe"
"""A model whose output is text, so that nothing has to be drawn."""


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
