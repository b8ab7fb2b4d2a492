"""`run` and `submit`: a coroutine from ordinary code, whatever loop is running, and out again at once."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import os
import re
import signal
import subprocess
import sys
import threading
import types
from contextlib import closing
from typing import NamedTuple

import pytest

import skytells_nb as sky
from skytells_nb.aio import _loop, submit
from skytells_nb.exceptions import InvalidInputError, SkytellsError
from tests.api.stage import VirtualLoop

who = contextvars.ContextVar("who", default="nobody")


async def answer(value: object = 42) -> object:
    await asyncio.sleep(0)
    return value


def interrupt_the_main_thread() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def test_run_gives_what_the_coroutine_returns():
    assert sky.run(answer("done")) == "done"


def test_run_works_where_a_loop_is_running_already():
    async def cell() -> object:
        return sky.run(answer())

    assert asyncio.run(cell()) == 42


def test_run_works_in_any_thread():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda n: sky.run(answer(n)), range(20))) == list(range(20))


def test_run_raises_what_the_coroutine_raises_as_it_is():
    error = ValueError("as it is")

    async def fail() -> None:
        raise error

    with pytest.raises(ValueError, match="as it is") as caught:
        sky.run(fail())
    assert caught.value is error


@pytest.mark.parametrize("kind", [TimeoutError, asyncio.CancelledError, concurrent.futures.CancelledError])
def test_errors_that_look_like_those_of_waiting_are_told_apart(kind: type[BaseException]):
    async def fail() -> None:
        raise kind

    with pytest.raises(kind) as caught:
        sky.run(fail())
    assert type(caught.value) is kind


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_a_coroutine_that_wants_to_leave_does_not_take_the_loop_with_it(kind: type[BaseException]):
    async def leave() -> None:
        raise kind

    before = sky.run(loop_it_runs_on())
    with pytest.raises(kind):
        sky.run(leave())
    assert sky.run(loop_it_runs_on()) is before


async def loop_it_runs_on() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def test_all_runs_share_one_loop_in_one_named_daemon_thread():
    async def thread_it_runs_on() -> threading.Thread:
        return threading.current_thread()

    assert sky.run(loop_it_runs_on()) is sky.run(loop_it_runs_on())
    thread = sky.run(thread_it_runs_on())
    assert thread.daemon
    assert thread.name == _loop.THREAD_NAME


def test_context_variables_go_along():
    async def ask() -> str:
        return who.get()

    token = who.set("the third cell")
    try:
        assert sky.run(ask()) == "the third cell"
        assert submit(ask()).result() == "the third cell"
    finally:
        who.reset(token)
    assert sky.run(ask()) == "nobody"


def test_run_on_the_private_loop_itself_says_so_instead_of_hanging():
    inner = answer()

    async def outer() -> object:
        return sky.run(inner)

    with pytest.raises(SkytellsError, match="deadlock") as caught:
        sky.run(outer())
    assert caught.value.charged is False
    with pytest.raises(RuntimeError, match="cannot reuse already awaited"):
        inner.send(None)


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (answer, "call it"),
        (42, "async def"),
        (None, "async def"),
        ((n for n in range(3)), "async def"),
        ([], "async def"),
    ],
)
@pytest.mark.parametrize("start", [sky.run, submit])
def test_what_is_no_coroutine_is_refused_with_a_hint(start, given: object, hint: str):
    with pytest.raises(InvalidInputError, match=hint):
        start(given)


def test_a_task_of_another_loop_is_refused():
    async def cell() -> None:
        task = asyncio.ensure_future(answer())
        with pytest.raises(InvalidInputError, match="await"):
            sky.run(task)
        assert await task == 42

    asyncio.run(cell())


def test_an_interrupt_cancels_the_coroutine_and_comes_out():
    heard = threading.Event()

    async def quiet() -> None:
        interrupt_the_main_thread()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.set()
            raise

    with pytest.raises(KeyboardInterrupt):
        sky.run(quiet())
    assert heard.wait(10)


def test_an_interrupt_comes_out_even_when_the_coroutine_does_not_react():
    release, over = threading.Event(), threading.Event()

    async def stubborn() -> None:
        interrupt_the_main_thread()
        while not release.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue
        over.set()

    with pytest.raises(KeyboardInterrupt):
        sky.run(stubborn())
    assert not over.is_set()
    release.set()
    assert over.wait(10)


def test_the_loop_goes_on_after_an_interrupt():
    async def quiet() -> None:
        interrupt_the_main_thread()
        await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        sky.run(quiet())
    assert sky.run(answer()) == 42


def test_submit_goes_on_at_once():
    release = threading.Event()

    async def wait_for_release() -> str:
        while not release.is_set():
            await asyncio.sleep(0.001)
        return "released"

    future = submit(wait_for_release())
    assert not future.done()
    release.set()
    assert future.result(10) == "released"


def test_cancelling_what_was_submitted_cancels_the_coroutine():
    started, heard = threading.Event(), threading.Event()

    async def quiet() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.set()
            raise

    future = submit(quiet())
    assert started.wait(10)
    assert future.cancel()
    assert heard.wait(10)
    assert concurrent.futures.wait([future], timeout=10).done == {future}


def test_what_is_cancelled_before_it_begins_never_begins():
    began: list[str] = []

    async def begin() -> None:
        began.append("began")

    async def submit_and_cancel() -> concurrent.futures.Future[None]:
        future = submit(begin())  # from the loop itself, so it cannot have begun
        assert future.cancel()
        return future

    future = sky.run(submit_and_cancel())
    assert concurrent.futures.wait([future], timeout=10).done == {future}
    assert began == []


def run_a_script(code: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-W", "ignore::DeprecationWarning", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # a loop in debug mode also names what took it long, which a busy machine makes of anything
    done.stderr = re.sub(r"^Executing <.*\n", "", done.stderr, flags=re.M)
    return done


def test_nothing_is_started_by_importing():
    done = run_a_script("import threading\nimport skytells_nb.aio\nprint(threading.active_count())")
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_a_script_ends_without_a_word_though_something_is_under_way():
    done = run_a_script(
        "import asyncio\n"
        "from skytells_nb.aio import submit\n"
        "async def quiet():\n"
        "    try:\n"
        "        await asyncio.Event().wait()\n"
        "    finally:\n"
        "        print('heard of it')\n"
        "async def begun():\n"
        "    return asyncio.ensure_future(quiet())\n"
        "kept = submit(begun()).result()\n"  # else it is garbage, whenever the collector comes
        "submit(asyncio.sleep(0)).result()\n"
        "print('end')\n"
    )
    assert (done.stdout, done.stderr, done.returncode) == ("end\nheard of it\n", "", 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_starts_its_own_loop():
    done = run_a_script(
        "import asyncio, os\n"
        "import skytells_nb as sky\n"
        "assert sky.run(asyncio.sleep(0, 'parent')) == 'parent'\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    os._exit(7 if sky.run(asyncio.sleep(0, 'child')) == 'child' else 1)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "print(sky.run(asyncio.sleep(0, 'parent still')))\n"
    )
    assert (done.stdout, done.stderr) == ("7\nparent still\n", "")


class Ends(NamedTuple):
    """What became of work in the background: how much of it ended by itself, and when all was over."""

    finished: int
    seconds: float


def left_behind(*durations: float, seconds: float) -> Ends:
    """Spawn work that takes so long each, in virtual time."""
    loop = VirtualLoop()
    began = loop.time()
    finished: list[float] = []

    async def work(duration: float) -> None:
        await asyncio.sleep(duration)
        finished.append(duration)

    async def everything() -> None:
        toolkit = types.SimpleNamespace(latest_end=0.0)
        await asyncio.gather(*(_loop._bounded(work(each), seconds, toolkit) for each in durations))

    with closing(loop):
        loop.run_until_complete(everything())
        return Ends(len(finished), round(loop.time() - began, 3))


def test_what_is_spawned_is_given_up_when_its_time_is_over():
    assert left_behind(60.0, seconds=2.0) == (0, 2.0)


def test_a_queue_that_moves_is_not_given_up():
    assert left_behind(*(1.5 * n for n in range(1, 7)), seconds=2.0) == (6, 9.0)


def test_a_queue_that_moves_for_ever_is_given_up_after_five_times_as_long():
    assert left_behind(*(1.5 * n for n in range(1, 41)), seconds=2.0).seconds == 10.0
