"""`run`, `gather` and nested loops where they are used: in cells, with the next ones queued."""

from __future__ import annotations

from .harness import Cell, Kernel

SETUP = """
import asyncio
import skytells_nb as sky

async def work(n, pause=0.0):
    await asyncio.sleep(pause)
    return n

async def talk(words):
    await asyncio.sleep(0.05)
    print(words)

stopped = []

async def endless(n):
    print("begun", n)
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        stopped.append(n)
        raise
"""


def ready(kernel: Kernel) -> None:
    assert kernel.run(SETUP).ok


def test_gather_is_awaited_in_a_cell(kernel: Kernel):
    ready(kernel)
    cell, queued = kernel.run_all("await sky.gather(*(work(n, 0.01) for n in range(4)), limit=2)", "'queued'")
    kernel.finish(cell, queued)
    assert (cell.result, queued.result) == ("[0, 1, 2, 3]", "'queued'")


def test_run_needs_no_await_in_a_cell(kernel: Kernel):
    ready(kernel)
    cell, queued = kernel.run_all("sky.run(sky.gather(work(1), work(2)))", "'queued'")
    kernel.finish(cell, queued)
    assert (cell.result, queued.result) == ("[1, 2]", "'queued'")


def test_what_a_coroutine_prints_lands_in_the_cell_that_started_it(kernel: Kernel):
    ready(kernel)
    cells = kernel.run_all(
        "sky.run(talk('from run'))",
        "await sky.gather(talk('from gather'))",
        "from skytells_nb.aio import submit; left_behind = submit(talk('from what was left behind'))",
        "left_behind.result()",
    )
    kernel.finish(*cells)
    kernel.until(lambda: cells[2].stdout != "", "what was left behind has spoken")
    assert [cell.stdout for cell in cells] == [
        "from run\n",
        "from gather\n",
        "from what was left behind\n",
        "",
    ]


def assert_it_stopped(kernel: Kernel, cell: Cell, queued: Cell, *names: str) -> None:
    kernel.finish(cell, queued)
    assert cell.error is not None
    assert cell.error["ename"] in names
    assert queued.ok
    assert queued.result == "[0, 1]"  # two were under way and heard of it; no third was begun


def test_an_interrupt_stops_a_quiet_await(kernel: Kernel):
    """A cell that awaits: a signal takes hold only when the loop wakes, hence the heartbeat."""
    ready(kernel)
    cell, queued = kernel.run_all(
        "await sky.gather((endless(n) for n in range(9)), limit=2)", "sorted(stopped)"
    )
    kernel.until(lambda: cell.stdout == "begun 0\nbegun 1\n", "both have begun")
    kernel.interrupt()
    kernel.until(lambda: cell.ended, "the interrupted cell has ended", patience=5)
    assert_it_stopped(kernel, cell, queued, "CancelledError", "KeyboardInterrupt")


def test_an_interrupt_stops_a_blocking_run(kernel: Kernel):
    ready(kernel)
    cell, queued = kernel.run_all(
        "sky.run(sky.gather((endless(n) for n in range(9)), limit=2))", "sorted(stopped)"
    )
    kernel.until(lambda: cell.stdout == "begun 0\nbegun 1\n", "both have begun")
    kernel.interrupt()
    kernel.until(lambda: cell.ended, "the interrupted cell has ended", patience=5)
    assert_it_stopped(kernel, cell, queued, "KeyboardInterrupt")


def test_a_coroutine_that_ignores_the_interrupt_does_not_keep_the_cell(kernel: Kernel):
    ready(kernel)
    cell, queued = kernel.run_all(
        "async def stubborn():\n"
        "    print('begun')\n"
        "    while True:\n"
        "        try:\n"
        "            await asyncio.sleep(60)\n"
        "        except asyncio.CancelledError:\n"
        "            pass\n"
        "sky.run(stubborn())",
        "'queued'",
    )
    kernel.until(lambda: cell.stdout == "begun\n", "it has begun")
    kernel.interrupt()
    kernel.until(lambda: cell.ended and queued.ended, "the cells have ended", patience=5)
    assert cell.error is not None
    assert cell.error["ename"] == "KeyboardInterrupt"
    assert queued.result == "'queued'"


def test_nested_asyncio_loses_no_queued_cell(kernel: Kernel):
    """The archived nest_asyncio does, on recent kernels: cells stay at [*] for ever."""
    ready(kernel)
    cells = kernel.run_all(
        "sky.enable_nested_asyncio()",
        "asyncio.run(work('first', 0.3))",
        "'between'",
        "asyncio.run(sky.gather(work(1, 0.1), work(2, 0.1)))",
        "await work('awaited', 0.1)",
        "sky.run(work('run', 0.1))",
        "asyncio.run(talk('spoken'))",
    )
    kernel.finish(*cells)
    assert [cell.result for cell in cells] == [
        None,
        "'first'",
        "'between'",
        "[1, 2]",
        "'awaited'",
        "'run'",
        None,
    ]
    assert cells[-1].stdout == "spoken\n"
    assert {cell.stderr for cell in cells} == {""}


def test_the_bar_is_one_display_that_is_updated(kernel: Kernel):
    ready(kernel)
    cell = kernel.run("await sky.gather(*(work(n, 0.3) for n in range(4)), limit=2, progress=True)")
    assert cell.result == "[0, 1, 2, 3]"
    bar, _result = cell.displayed
    assert '<progress max="4" value="4">' in bar["text/html"]
    assert bar["text/plain"].startswith("gather: 4 of 4 · took")


def test_the_bar_works_from_the_private_loop_while_the_cell_blocks(kernel: Kernel):
    ready(kernel)
    cell = kernel.send("sky.run(sky.gather(work(0), endless(1), progress=True))")

    def one_is_done() -> bool:
        return any('value="1"' in shown.get("text/html", "") for shown in cell.displayed)

    kernel.until(one_is_done, "the bar tells of the first")
    assert not cell.ended
    kernel.interrupt()
    kernel.finish(cell)
    assert len(cell.displayed) == 1
    assert "1 canceled" in cell.displayed[0]["text/plain"]
