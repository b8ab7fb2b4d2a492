"""One client on any number of event loops and threads, blocking or awaited."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

import skytells_nb as sky
from skytells_nb.exceptions import SkytellsError
from skytells_nb.models import Prediction

INPUT = {"prompt": "a lighthouse"}


def test_an_async_client_works_in_one_asyncio_run_after_another(sandbox: sky.Sandbox) -> None:
    client = sandbox.async_client()

    async def four() -> list[Prediction]:
        return await asyncio.gather(*(client.predictions.create("truefusion", INPUT) for _ in range(4)))

    made = [*asyncio.run(four()), *asyncio.run(four(), debug=True)]
    assert len({prediction.id for prediction in made}) == 8
    assert sandbox.billed == 8


def test_an_async_client_works_on_two_loops_at_once(sandbox: sky.Sandbox) -> None:
    """As in a notebook: a cell awaits on the kernel's loop while a form works on the private one."""
    client = sandbox.async_client()

    async def in_a_cell() -> list[Prediction]:
        behind = asyncio.to_thread(sky.run, client.predictions.create("truefusion", INPUT))
        return list(await asyncio.gather(client.predictions.create("truefusion", INPUT), behind))

    made = asyncio.run(in_a_cell())
    assert len({prediction.id for prediction in made}) == 2
    with pytest.raises(SkytellsError, match="closed"):
        sky.run(close_and_go_on(client))


async def close_and_go_on(client: sky.AsyncClient) -> None:
    await client.close()
    await client.models.list()


def test_all_loops_and_threads_share_one_set_of_sockets(sandbox: sky.Sandbox) -> None:
    client = sandbox.async_client()
    asyncio.run(client.models.list())
    first = client.connection._http
    assert first is not None
    asyncio.run(client.models.list())
    client.as_sync().models.list()
    assert client.connection._http is first


def test_one_client_serves_many_threads_both_ways(sandbox: sky.Sandbox) -> None:
    client = sandbox.client()

    def create(number: int) -> Prediction:
        input = {"prompt": f"lighthouse {number}"}
        if number % 2:
            return asyncio.run(client.as_async().predictions.create("truefusion", input))
        return client.predictions.create("truefusion", input)

    with client, ThreadPoolExecutor(12) as pool:
        made = list(pool.map(create, range(24)))
    assert [prediction.input for prediction in made] == [{"prompt": f"lighthouse {n}"} for n in range(24)]
    assert sandbox.billed == 24


def test_threads_that_wait_share_their_reads(sandbox: sky.Sandbox) -> None:
    """One of them reads for all; which one it is may change at any time."""
    with sky.Sandbox(seconds=0.5) as sandbox, sandbox.client() as client:
        ids = [client.predictions.create("truefusion", INPUT, wait=False).id for _ in range(12)]
        with ThreadPoolExecutor(13) as pool:
            waits = [pool.submit(client.predictions.wait, id) for id in [*ids, ids[0]]]
            ended = [wait.result() for wait in waits]
        assert [prediction.id for prediction in ended] == [*ids, ids[0]]
        assert all(prediction.output for prediction in ended)
        reads = [received for received in sandbox.log if received.route in ("read", "list")]
        assert len(reads) < 24


def test_both_faces_are_one_connection(sandbox: sky.Sandbox) -> None:
    client = sandbox.client()
    other = client.as_async()
    assert other.connection is client.connection is other.as_sync().connection
    assert other.base_url == client.base_url == sandbox.url
    assert other.archive is None
    made = client.predictions.create("truefusion", INPUT, wait=False)
    assert asyncio.run(other.predictions.wait(made)).id == made.id
    other.as_sync().close()
    assert client.closed


def test_a_blocking_client_works_where_a_loop_runs(sandbox: sky.Sandbox) -> None:
    """A plain cell in a notebook: it blocks, and it works."""

    async def cell() -> Prediction:
        with sandbox.client() as client:
            return client.predictions.create("truefusion", INPUT)

    assert asyncio.run(cell()).status == "succeeded"


def test_blocking_calls_of_a_thread_do_not_stop_another_s(sandbox: sky.Sandbox) -> None:
    sandbox.faults.next("slow", on="models", seconds=1.5)
    with sandbox.client() as client, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(client.models.list)
        assert client.predictions.create("truefusion", INPUT).status == "succeeded"
        assert not slow.done(), "the others are served while one answer is late"
        assert slow.result()


def test_a_read_that_hangs_in_one_task_does_not_stop_a_create_in_another(sandbox: sky.Sandbox) -> None:
    sandbox.faults.next("slow", on="models", seconds=1.5)

    async def both() -> tuple[bool, Prediction]:
        async with sandbox.async_client() as client:
            slow = asyncio.ensure_future(client.models.list())
            made = await client.predictions.create("truefusion", INPUT)
            early = not slow.done()
            await slow
            return early, made

    early, made = asyncio.run(both())
    assert early
    assert made.status == "succeeded"


def test_a_cancelled_task_leaves_the_others_alone(slow_sandbox: sky.Sandbox) -> None:
    async def main() -> list[str]:
        async with slow_sandbox.async_client() as client:
            made = [await client.predictions.create("truefusion", INPUT, wait=False) for _ in range(3)]
            waits = [asyncio.ensure_future(client.predictions.wait(each)) for each in made]
            await asyncio.sleep(0)
            waits[0].cancel()
            await client.predictions.cancel(made[1].id)
            ended = await asyncio.wait(waits[:2])
            assert ended[0] == set(waits[:2])
            assert waits[0].cancelled()
            assert isinstance(waits[1].exception(), sky.exceptions.PredictionError)
            assert not waits[2].done()
            waits[2].cancel()
            return [(await client.predictions.get(each.id)).status for each in made]

    assert asyncio.run(main())[::2] != ["canceled", "canceled"], "a wait that is given up cancels nothing"
    assert slow_sandbox.billed == 2


def test_waits_hear_at_once_of_what_another_face_was_told(slow_sandbox: sky.Sandbox) -> None:
    """A webhook's news reach every wait, on whatever loop and thread."""
    client = slow_sandbox.client()
    made = client.predictions.create("truefusion", INPUT, wait=False)
    told = Prediction.from_api({**made.raw, "status": "succeeded", "output": ["x"]}, origin=client.base_url)

    with ThreadPoolExecutor(2) as pool:
        waits = [
            pool.submit(asyncio.run, client.as_async().predictions.wait(made, on_progress=print)),
            pool.submit(client.predictions.wait, made),
        ]
        until(lambda: client.connection.watch.count == 2)
        client.connection.tell(told)
        assert [wait.result(timeout=30).status for wait in waits] == ["succeeded"] * 2
    client.close()


def until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    while not condition():
        pause.wait(0.005)


def test_what_is_told_of_progress_is_told_where_the_user_waits(sandbox: sky.Sandbox) -> None:
    """In the caller's thread and on the caller's loop, so that it may print or block."""
    client = sandbox.client()
    here: list[object] = []
    client.predictions.create(
        "truefusion", INPUT, on_progress=lambda _: here.append(threading.current_thread())
    )
    assert set(here) == {threading.current_thread()}
    with pytest.raises(RuntimeError, match="StopIteration"):  # which no future takes
        client.predictions.create("truefusion", INPUT, on_progress=lambda _: next(iter(())))

    async def awaited() -> None:
        loops: list[object] = []

        async def seen(_: Prediction) -> None:
            await asyncio.sleep(0)
            loops.append(asyncio.get_running_loop())

        await client.as_async().predictions.create("truefusion", INPUT, on_progress=seen)
        assert set(loops) == {asyncio.get_running_loop()}

    asyncio.run(awaited())


def test_an_async_transport_that_breaks_breaks_every_wait_and_none_hangs() -> None:
    """An error that is no HTTP error is everybody's to know."""

    class Broken(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise ValueError("a mistake in the transport")

    client = sky.AsyncClient("sk-test", transport=Broken())

    async def main() -> list[object]:
        waits = (client.predictions.wait(f"p{n}") for n in range(3))
        return await asyncio.wait_for(asyncio.gather(*waits, return_exceptions=True), 20)

    assert [str(error) for error in asyncio.run(main())] == ["a mistake in the transport"] * 3


def test_a_blocking_transport_that_breaks_breaks_every_wait_and_none_hangs() -> None:
    class Broken(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            raise ValueError("a mistake in the transport")

    client = sky.Client("sk-test", transport=Broken())
    with ThreadPoolExecutor(3) as pool:
        waits = [pool.submit(client.predictions.wait, f"p{n}") for n in range(3)]
        errors = {type(wait.exception(timeout=20)) for wait in waits}
    assert errors == {ValueError}


def test_closing_a_client_ends_the_waits_of_other_threads_with_a_word(slow_sandbox: sky.Sandbox) -> None:
    client = slow_sandbox.client()
    ids = [client.predictions.create("truefusion", INPUT, wait=False).id for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        waits = [pool.submit(client.predictions.wait, id) for id in ids]
        until(lambda: client.connection.watch.count == 3)
        client.close()
        for wait in waits:
            error = wait.exception(timeout=30)
            assert isinstance(error, SkytellsError)
            assert "goes on" in str(error)
    assert slow_sandbox.billed == 3, "what runs remotely goes on"


def test_closing_an_async_client_ends_its_waits_with_a_word(slow_sandbox: sky.Sandbox) -> None:
    async def main() -> list[object]:
        client = slow_sandbox.async_client()
        made = [await client.predictions.create("truefusion", INPUT, wait=False) for _ in range(3)]
        waits = [asyncio.ensure_future(client.predictions.wait(each)) for each in made]
        await asyncio.sleep(0)
        await client.close()
        return await asyncio.wait_for(asyncio.gather(*waits, return_exceptions=True), 30)

    errors = asyncio.run(main())
    assert all(isinstance(error, SkytellsError) and "goes on" in str(error) for error in errors), errors
    assert slow_sandbox.billed == 3


def test_an_async_client_says_what_works_where_no_asyncio_runs(sandbox: sky.Sandbox) -> None:
    client = sandbox.async_client()
    with pytest.raises(sky.SkytellsError, match=r"trio\.to_thread\.run_sync") as raised:
        client.predictions.create("truefusion", {"prompt": "a fox"}).send(None)  # as trio does
    assert raised.value.charged is False
    assert sandbox.billed == 0
