"""Closing is good manners; forgetting it warns nothing and leaks nothing, and a fork starts afresh."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from background import settled

import skytells_nb as sky

from .conftest import Served

INPUT = {"prompt": "a lighthouse"}
FDS = Path("/proc/self/fd")
linux_only = pytest.mark.skipif(not FDS.exists(), reason="counts open files the Linux way")


def sockets() -> int:
    """How many sockets this process has open."""
    return sum(os.readlink(each).startswith("socket:") for each in FDS.iterdir() if each.is_symlink())


def test_with_closes(sandbox: sky.Sandbox) -> None:
    with sandbox.client() as client:
        assert client.__enter__() is client
        client.models.list()
        session = client.connection._http
    assert client.closed
    assert session is not None
    assert session.closed


def test_async_with_closes(sandbox: sky.Sandbox) -> None:
    async def main() -> bool:
        async with sandbox.async_client() as client:
            await client.models.list()
            session = client.connection._http
        assert client.closed
        assert session is not None
        return session.closed

    assert asyncio.run(main())


def test_closing_from_another_thread_closes_what_a_running_loop_holds(sandbox: sky.Sandbox) -> None:
    async def main() -> bool:
        client = sandbox.async_client()
        await client.models.list()
        session = client.connection._http
        await asyncio.to_thread(client.as_sync().close)
        assert session is not None
        assert session.closed
        return client.closed

    assert asyncio.run(main())


def test_what_is_paid_for_when_a_client_is_closed_is_heard_to_the_end(sandbox: sky.Sandbox) -> None:
    """A picture's create and a text's call are on the wire: closing waits for neither, and loses neither."""

    async def closed_during(on: str) -> None:
        client = sandbox.async_client()
        sandbox.faults.next("slow", on=on, seconds=0.1)
        if on == "create":
            asked: Any = asyncio.ensure_future(client.predictions.create("truefusion", INPUT, wait=False))
        else:
            asked = asyncio.ensure_future(client.chat.completions.create("gpt-5", "hi"))
        while not any(request.route == on for request in sandbox.log):
            await asyncio.sleep(0.005)
        await client.aclose()
        assert not asked.done()
        assert (await asked).id
        assert await asyncio.to_thread(settled)
        assert client.connection._http is None

    for each in ("create", "chat"):
        asyncio.run(closed_during(each))
    assert sandbox.billed == 2


def test_closing_after_the_loop_has_ended_is_fine(sandbox: sky.Sandbox) -> None:
    client = sandbox.async_client()
    asyncio.run(client.models.list())
    client.as_sync().close()
    asyncio.run(sandbox.async_client().aclose())


@linux_only
def test_a_blocking_client_that_goes_out_of_sight_closes_its_sockets_by_itself(sandbox: sky.Sandbox) -> None:
    gc.collect()
    before = sockets()
    gc.disable()  # it needs no sweep: nothing of a blocking client holds itself
    try:
        client = sandbox.client()
        client.predictions.create("truefusion", INPUT)
        client.predictions.list()
        known = weakref.ref(client.connection)
        assert sockets() > before
        del client
        assert known() is None
    finally:
        gc.enable()
    sky.run(asyncio.sleep(0))  # they are closed on the toolkit's loop, in a task of its own
    sky.run(asyncio.sleep(0.05))
    assert sockets() <= before + 1, "the server may not have noticed yet"


@linux_only
def test_async_clients_that_nobody_closes_leave_nothing_open(sandbox: sky.Sandbox) -> None:
    async def main() -> None:
        client = sandbox.async_client()
        await client.models.list()

    asyncio.run(main())
    gc.collect()
    before = sockets()
    for _ in range(10):
        asyncio.run(main())
    gc.collect()
    assert sockets() <= before + 2


FORGETFUL = """
import asyncio, gc, os, sys
import skytells_nb as sky

def blocking():
    client = sky.Client()
    client.predictions.create("truefusion", {"prompt": "x"})
    client.predictions.create("truefusion", {"prompt": "x"}, wait=False)

async def awaited():
    client = sky.AsyncClient()
    await asyncio.gather(*(client.predictions.create("truefusion", {"prompt": "x"}) for _ in range(4)))

kept = sky.AsyncClient()
blocking()
asyncio.run(awaited())
asyncio.run(awaited())
sky.run(awaited())
sky.run(kept.models.list())
asyncio.run(kept.models.list())
gc.collect()
last = sky.Client()
last.models.list()
print("done")
"""


def test_forgetting_to_close_says_nothing_even_when_every_warning_is_an_error(
    served: Callable[..., Served],
) -> None:
    sandbox = served(seconds=0.02)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", FORGETFUL],
        env=sandbox.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("Executing <")]
    assert complaints == [], "but for asyncio's, that a machine is slow"
    assert done.stdout == "done\n"
    assert sandbox.billed == 14


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_child_starts_afresh_and_the_parent_goes_on(sandbox: sky.Sandbox) -> None:
    client = sandbox.client()
    client.models.list()
    mine = client.connection._http
    child = os.fork()
    if child == 0:  # only what matters, and out: this is pytest twice over
        code = 1
        try:
            made = client.predictions.create("truefusion", INPUT)
            fresh = client.connection._http is not mine
            awaited = asyncio.run(client.as_async().predictions.create("truefusion", INPUT))
            code = 0 if fresh and (made.status, awaited.status) == ("succeeded", "succeeded") else 2
            client.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert client.predictions.create("truefusion", INPUT).status == "succeeded"
    assert client.connection._http is mine
    assert sandbox.billed == 3
    client.close()
