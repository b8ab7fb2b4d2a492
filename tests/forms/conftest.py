"""A sandbox, a client of it, and forms that stand on them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import skytells_nb as sky
from skytells_nb.aio import submit
from skytells_nb.forms import PromptForm

PATIENCE = 20.0


@pytest.fixture
def sandbox() -> Iterator[sky.Sandbox]:
    with sky.Sandbox(transport="inprocess", seconds=0.05, seed=1) as running:
        yield running


@pytest.fixture
def client(sandbox: sky.Sandbox) -> Iterator[sky.Client]:
    with sandbox.client(max_retries=0) as open:
        yield open


@pytest.fixture
def form_of(client: sky.Client) -> Callable[..., PromptForm]:
    """Make a form of a schema that no model has; what it sends goes to the sandbox's ``truefusion-edge``."""

    def make(schema: Any, **options: Any) -> PromptForm:
        return PromptForm(sky.Model(id="truefusion-edge", input_schema=schema), client=client, **options)

    return make


def until(condition: Callable[[], object], what: str) -> None:
    """Wait until a condition holds, letting the private loop work meanwhile."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{PATIENCE:g} s passed before {what}"
        submit(_breath()).result(PATIENCE)


async def _breath() -> None:
    import asyncio

    await asyncio.sleep(0.01)


def said(form: PromptForm) -> str:
    return str(form._status.message.value)


def control(form: PromptForm, name: str) -> Any:
    return form.fieldset._controls[name]


def note(form: PromptForm, name: str) -> str:
    return str(form.fieldset._notes[name].value)
