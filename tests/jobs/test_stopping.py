"""A batch that is stopped: no further create, what runs is canceled, and the next run goes on at once."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from background import settled

import skytells_nb as sky
from skytells_nb.aio import _progress
from skytells_nb.archive import Archive
from skytells_nb.jobs import abatch, batch, batches

from .conftest import TEXTER

INPUTS = [f"fox {n}" for n in range(40)]


@pytest.fixture
def hurry() -> list[float]:
    """How many times faster the sandbox's clock goes."""
    return [1.0]


@pytest.fixture
def sandbox(hurry: list[float]) -> Iterator[sky.Sandbox]:
    """Give a sandbox whose jobs take a minute, until its clock goes faster."""
    began = time.time()
    with sky.Sandbox(seconds=60, clock=lambda: began + (time.time() - began) * hurry[0]) as running:
        yield running


def statuses(sandbox: sky.Sandbox) -> list[str]:
    return sorted(prediction["status"] for prediction in sandbox.predictions)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        settled(0.01)


def press_stop_when(condition: Callable[[], bool]) -> threading.Thread:
    """Interrupt the main thread as soon as something has come about."""

    def watch() -> None:
        wait_until(condition)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


@pytest.mark.filterwarnings("ignore:Stopped:skytells_nb.exceptions.SkytellsWarning")
def test_an_interrupt_cancels_what_runs_and_begins_nothing_more(
    client, sandbox, creates, archive, monkeypatch
):
    drawn = []
    view = SimpleNamespace(draw=lambda tally: drawn.append(tally.text.partition(" · took")[0]))
    monkeypatch.setattr(_progress, "_view", lambda stream: view)
    pressed = press_stop_when(lambda: creates() == 8)
    with pytest.raises(KeyboardInterrupt), sky.options(progress=True):
        batch(TEXTER, INPUTS, name="foxes", client=client)
    pressed.join()
    assert drawn[-1] == "foxes: 8 of 40 · 8 canceled"
    wait_until(lambda: statuses(sandbox) == ["cancelled"] * 8)
    assert settled(5)
    assert creates() == 8
    assert sandbox.billed == 0
    (told,) = batches(archive)
    assert (told.canceled, told.waiting) == (8, 32)


def test_one_note_says_how_many_and_what_they_had_cost(client, sandbox, creates):
    pressed = press_stop_when(lambda: creates() == 8)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        with pytest.raises(KeyboardInterrupt):
            batch(TEXTER, INPUTS, client=client)
        pressed.join()
        assert settled(5)
    (note,) = [str(each.message) for each in told]
    assert note.startswith("Stopped: 8 predictions were canceled at the API")
    assert "cost: 0 " in note.lower()


@pytest.mark.filterwarnings("ignore:Stopped:skytells_nb.exceptions.SkytellsWarning")
def test_a_task_that_is_canceled_does_the_same(sandbox, creates, archive):
    async def main() -> None:
        async with sandbox.async_client(archive=archive) as client:
            task = asyncio.ensure_future(abatch(TEXTER, INPUTS, limit=5, client=client))
            while creates() < 5:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    wait_until(lambda: statuses(sandbox) == ["cancelled"] * 5)
    assert settled(5)
    assert creates() == 5


@pytest.mark.filterwarnings("ignore:Stopped:skytells_nb.exceptions.SkytellsWarning")
def test_a_create_on_the_wire_is_written_down_and_canceled(client, sandbox, creates, archive):
    sandbox.faults.next("slow", on="create", times=3, seconds=1.0)
    pressed = press_stop_when(lambda: creates() == 3)
    with pytest.raises(KeyboardInterrupt):
        batch(TEXTER, INPUTS, limit=3, client=client)
    pressed.join()
    wait_until(lambda: statuses(sandbox) == ["cancelled"] * 3)
    assert settled(5)
    assert creates() == 3
    (told,) = batches(archive)
    assert (told.uncertain, told.running, told.canceled) == (0, 0, 3)


@pytest.mark.filterwarnings("ignore:Stopped:skytells_nb.exceptions.SkytellsWarning")
def test_run_again_at_once_it_creates_what_was_canceled_and_the_rest(client, sandbox, creates, hurry):
    sandbox.faults.next("slow", on="create", after=7, seconds=0.5)
    pressed = press_stop_when(lambda: creates() == 8)
    with pytest.raises(KeyboardInterrupt):
        batch(TEXTER, INPUTS[:12], name="foxes", client=client)
    pressed.join()
    faster = hurry_up_when(sandbox, hurry, lambda: creates() >= 16)
    made = batch(TEXTER, INPUTS[:12], name="foxes", client=client)
    faster.join()
    assert {prediction.status for prediction in made} == {"succeeded"}
    assert sandbox.billed == 12
    assert creates() == 8 + 12


def hurry_up_when(
    sandbox: sky.Sandbox, hurry: list[float], condition: Callable[[], bool]
) -> threading.Thread:
    """Let the sandbox's clock go faster, so that whatever runs has ended soon."""

    def watch() -> None:
        wait_until(condition)
        hurry[0] = 2000.0

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


@pytest.mark.filterwarnings("ignore:Stopped:skytells_nb.exceptions.SkytellsWarning")
def test_what_an_earlier_run_left_running_is_canceled_too(client, sandbox, creates, archive: Archive):
    from datetime import UTC, datetime

    from .test_again import journal_of, keys_of

    made = client.predictions.create(TEXTER, {"prompt": "fox 0"}, wait=False)
    journal = journal_of(client, archive, name="foxes", total=40)
    key = keys_of(INPUTS)[0]
    journal.sent(key, datetime.now(UTC))
    journal.running(key, made.id)
    journal.flush()
    pressed = press_stop_when(lambda: creates() == 3)
    with pytest.raises(KeyboardInterrupt):
        batch(TEXTER, INPUTS, limit=3, name="foxes", client=client)
    pressed.join()
    wait_until(lambda: statuses(sandbox) == ["cancelled"] * 3)
    assert settled(5)
