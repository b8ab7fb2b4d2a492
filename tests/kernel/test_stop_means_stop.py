"""The stop button, with money under way: no further create, what runs is canceled, and one note says so.

One create is on the wire, answered a second late, fifty predictions run, fifty more wait for their turn,
and the next cell is queued already.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from skytells_nb.sandbox import Server

from .harness import Cell, Kernel

RUNNING, ALL = 51, 101

CONNECT = f"""
import asyncio, os
import skytells_nb as sky
client = sky.AsyncClient(os.environ["SANDBOX_KEY"], base_url=os.environ["SANDBOX_URL"])

def everything():
    inputs = ({{"prompt": f"a red fox, take {{n}}"}} for n in range({ALL}))
    return sky.gather(
        (client.predictions.create("truefusion", input) for input in inputs), limit={RUNNING}
    )
"""


@pytest.fixture
def sandbox() -> Iterator[Server]:
    with Server(seconds=300) as running:
        running.faults.next("slow", on="create", after=RUNNING - 1, seconds=1.0)
        yield running


def creates(sandbox: Server) -> int:
    return sum(request.route == "create" for request in sandbox.log)


def statuses(sandbox: Server) -> set[str]:
    return {prediction["status"] for prediction in sandbox.predictions}


def told(kernel: Kernel) -> str:
    """Everything on stderr, whichever cell it belongs to."""
    return "".join(
        content["text"]
        for kind, _, content in kernel.events
        if kind == "stream" and content["name"] == "stderr"
    )


def told_as_canceled(kernel: Kernel) -> int:
    """How many the note says were canceled; on a machine that stands still meanwhile it comes in parts."""
    counted = re.findall(r"Stopped: (\d+) predictions? (?:was|were) canceled at the API", told(kernel))
    return sum(int(number) for number in counted)


def wait_until(kernel: Kernel, condition: Callable[[], bool]) -> None:
    """Listen to the kernel in short turns until the server has seen something."""
    for _ in range(3000):
        if condition():
            return
        kernel._read(0.02)
    raise AssertionError(f"it never came about; the kernel said {kernel.events[-5:]}")


def connect(kernel: Kernel, sandbox: Server) -> None:
    kernel.run(f"import os; os.environ.update(SANDBOX_URL={sandbox.url!r}, SANDBOX_KEY={sandbox.api_key!r})")
    cell = kernel.run(CONNECT)
    assert cell.ok, cell.error


def stop_in_full_flight(kernel: Kernel, sandbox: Server, *cells: str) -> list[Cell]:
    """Send the cells at once, and press stop when the last create is on the wire."""
    sent = kernel.run_all(*cells)
    wait_until(kernel, lambda: creates(sandbox) == RUNNING)
    kernel.interrupt()
    kernel.finish(*sent)
    return sent


def assert_all_stopped(kernel: Kernel, sandbox: Server, running: int = RUNNING) -> None:
    kernel.until(lambda: told_as_canceled(kernel) >= running, "the note has come")
    assert creates(sandbox) == running, "no further create has arrived"
    assert statuses(sandbox) == {"cancelled"}
    assert sandbox.billed == 0
    assert told_as_canceled(kernel) == running
    assert "Cost: 0 credits." in told(kernel)
    after = kernel.run("await client.predictions.create('truefusion', {'prompt': 'x'}, wait=False)")
    assert after.ok, "the client is as good as before"
    assert creates(sandbox) == running + 1


def test_a_cell_that_awaits(kernel: Kernel, sandbox: Server):
    connect(kernel, sandbox)
    cell, queued = stop_in_full_flight(kernel, sandbox, "await everything()", "'queued'")
    assert cell.error is not None
    assert queued.result == "'queued'"
    assert_all_stopped(kernel, sandbox)


def test_a_blocking_call(kernel: Kernel, sandbox: Server):
    connect(kernel, sandbox)
    cell, queued = stop_in_full_flight(kernel, sandbox, "sky.run(everything())", "'queued'")
    assert cell.error is not None
    assert cell.error["ename"] == "KeyboardInterrupt"
    assert queued.result == "'queued'"
    assert_all_stopped(kernel, sandbox)


def test_a_task_that_is_canceled(kernel: Kernel, sandbox: Server):
    connect(kernel, sandbox)
    begin = kernel.run("task = asyncio.ensure_future(everything())")
    assert begin.ok
    wait_until(kernel, lambda: creates(sandbox) == RUNNING)
    stop, queued = kernel.run_all("task.cancel()", "await asyncio.wait([task]); task.cancelled()")
    kernel.finish(stop, queued)
    assert queued.result == "True"
    assert_all_stopped(kernel, sandbox)


@pytest.mark.parametrize("call", ["batch", "await abatch"])
def test_a_batch(kernel: Kernel, sandbox: Server, call: str):
    connect(kernel, sandbox)
    cell, queued = stop_in_full_flight(
        kernel,
        sandbox,
        "from skytells_nb.jobs import abatch, batch\n"
        f"prompts = [f'a red fox, take {{n}}' for n in range({ALL})]\n"
        f"{call}('truefusion', prompts, limit={RUNNING}, name='foxes', client=client)",
        "'queued'",
    )
    assert cell.error is not None
    assert queued.result == "'queued'"
    assert_all_stopped(kernel, sandbox)


def test_a_single_create_on_the_wire(kernel: Kernel, sandbox: Server):
    connect(kernel, sandbox)
    sandbox.faults.clear()
    sandbox.faults.next("slow", on="create", seconds=1.0)
    cell, queued = kernel.run_all(
        "client.as_sync().predictions.create('truefusion', {'prompt': 'a red fox'})", "'queued'"
    )
    wait_until(kernel, lambda: creates(sandbox) == 1)
    kernel.interrupt()
    kernel.finish(cell, queued)
    assert cell.error is not None
    assert cell.error["ename"] == "KeyboardInterrupt"
    assert queued.result == "'queued'"
    assert_all_stopped(kernel, sandbox, running=1)
