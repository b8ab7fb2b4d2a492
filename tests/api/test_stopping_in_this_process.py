"""What is stopped here is stopped at the API, and the client goes on being useful."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import httpx
import pytest
from background import settled

import skytells_nb as sky
from skytells_nb.api import connection_for, latest
from skytells_nb.api._credentials import Key, ProxyRoute
from skytells_nb.api._http import _IN_FLIGHT, HttpSession, as_async_transport
from skytells_nb.api._observers import Account
from skytells_nb.api._requests import Request
from skytells_nb.api._responses import Response, TransportFailure
from skytells_nb.models import Prediction

INPUT = {"prompt": "a lighthouse"}
READ = Request("GET", "/models")


def statuses(sandbox: sky.Sandbox) -> list[str]:
    return [each["status"] for each in sandbox.predictions]


@contextmanager
def interrupted_when(condition: Callable[[], object]) -> Iterator[None]:
    """Press Ctrl-C, as the terminal does, once a condition holds; the block must end in KeyboardInterrupt."""

    def press() -> None:
        while not condition():
            over.wait(0.005)
        signal.pthread_kill(main, signal.SIGINT)

    main, over = threading.get_ident(), threading.Event()
    thread = threading.Thread(target=press)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        thread.join()


def asked(sandbox: sky.Sandbox, route: str) -> Callable[[], bool]:
    return lambda: any(received.route == route for received in sandbox.log)


@pytest.mark.filterwarnings("ignore::skytells_nb.exceptions.SkytellsWarning")
@pytest.mark.parametrize("moment", ["create", "read"])
def test_a_blocking_create_that_is_interrupted_is_canceled(slow_sandbox: sky.Sandbox, moment: str) -> None:
    if moment == "create":
        slow_sandbox.faults.next("slow", on="create", seconds=0.4)
    client = slow_sandbox.client()
    with interrupted_when(asked(slow_sandbox, moment)):
        client.predictions.create("truefusion", INPUT)
    client.close()
    assert settled(10)
    assert statuses(slow_sandbox) == ["cancelled"]
    assert slow_sandbox.billed == 0
    assert client.connection._http is None, "the socket of the cancel is closed too"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_child_of_multiprocessing_cancels_what_it_leaves_under_way(slow_sandbox: sky.Sandbox) -> None:
    """Such a child ends without atexit's functions, as a pool's worker does that Ctrl-C ends."""
    client = slow_sandbox.client()

    def work() -> None:
        seen = threading.Event()
        create = partial(client.predictions.create, on_progress=lambda _: seen.set())
        threading.Thread(target=create, args=("truefusion", INPUT), daemon=True).start()
        seen.wait(10)

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join()
    assert statuses(slow_sandbox) == ["cancelled"]


def test_a_client_is_as_good_as_new_after_an_interrupt(slow_sandbox: sky.Sandbox) -> None:
    with slow_sandbox.client() as client:
        ids = [client.predictions.create("truefusion", INPUT, wait=False).id for _ in range(2)]
        with interrupted_when(asked(slow_sandbox, "read")):
            client.predictions.wait(ids[0])
        client.predictions.cancel(ids[0])
        with pytest.raises(sky.exceptions.PredictionError):
            client.predictions.wait(ids[0])
        assert client.predictions.get(ids[1]).status in ("queued", "processing")


def test_an_interrupt_from_a_callback_is_an_interrupt(slow_sandbox: sky.Sandbox) -> None:
    def stop(prediction: Prediction) -> None:
        raise KeyboardInterrupt

    client = slow_sandbox.client()
    with pytest.raises(KeyboardInterrupt):
        client.predictions.create("truefusion", INPUT, on_progress=stop)
    assert settled(10)
    assert statuses(slow_sandbox) == ["cancelled"]


@pytest.mark.parametrize("moment", ["create", "read"])
def test_a_task_that_is_cancelled_cancels_what_it_made(slow_sandbox: sky.Sandbox, moment: str) -> None:
    if moment == "create":
        slow_sandbox.faults.next("slow", on="create", seconds=0.4)

    async def main() -> None:
        async with slow_sandbox.async_client() as client:
            creating = asyncio.ensure_future(client.predictions.create("truefusion", INPUT))
            while not asked(slow_sandbox, moment)():
                await asyncio.sleep(0.005)
            creating.cancel()
            with pytest.raises(asyncio.CancelledError):
                await creating
            await asyncio.to_thread(settled, 10)

    asyncio.run(main())
    assert statuses(slow_sandbox) == ["cancelled"]
    assert slow_sandbox.billed == 0


def test_a_time_limit_of_one_s_own_cancels_too(slow_sandbox: sky.Sandbox) -> None:
    async def main() -> None:
        async with slow_sandbox.async_client() as client, asyncio.timeout(0.3):
            await client.predictions.create("truefusion", INPUT)

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert settled(10)
    assert statuses(slow_sandbox) == ["cancelled"]


def test_a_coroutine_that_is_thrown_away_sends_nothing_more(slow_sandbox: sky.Sandbox) -> None:
    async def main() -> None:
        async with slow_sandbox.async_client() as client:
            creating: Any = client.predictions.create("truefusion", INPUT)
            creating.close()
            waiting = client.predictions.wait("p1")
            waiting.send(None)  # type: ignore[attr-defined]
            waiting.close()

    asyncio.run(main())
    assert slow_sandbox.billed == 0


def test_forty_predictions_are_canceled_within_the_two_seconds_there_are(slow_sandbox: sky.Sandbox) -> None:
    async def main() -> None:
        client = slow_sandbox.async_client()
        await asyncio.gather(
            *(client.predictions.create("truefusion", {"prompt": str(n)}) for n in range(40))
        )

    with interrupted_when(lambda: slow_sandbox.billed == 40 and asked(slow_sandbox, "list")()):
        asyncio.run(main())
    assert settled(20)
    assert statuses(slow_sandbox).count("cancelled") == 40
    assert slow_sandbox.billed == 0


@pytest.mark.filterwarnings("ignore::skytells_nb.exceptions.SkytellsWarning")
def test_an_api_that_is_gone_holds_nobody_back(slow_sandbox: sky.Sandbox) -> None:
    """The cancel is tried, and given up after two seconds."""
    client = slow_sandbox.client()

    def stop(prediction: Prediction) -> None:
        slow_sandbox.stop()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.predictions.create("truefusion", INPUT, on_progress=stop)
    assert settled(10)
    client.close()


def test_an_answer_that_trickles_does_not_outlast_the_time_there_is() -> None:
    closed = threading.Event()

    class Trickle(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                threading.Event().wait(0.02)
                yield b" "

        def close(self) -> None:
            closed.set()

    reply = exchanged(httpx.MockTransport(lambda request: httpx.Response(200, stream=Trickle())), 0.1)
    assert reply == TransportFailure("timeout", sent=True, message="no answer within 0.1 s")
    assert closed.wait(30), "nobody reads it any longer"


class Many(httpx.SyncByteStream):
    """A body of more than an answer of the API may have, made as it is read."""

    def __init__(self) -> None:
        self.left, self.closed = 70, threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        while self.left:
            self.left -= 1
            yield bytes(2**20)

    def close(self) -> None:
        self.closed.set()


def test_a_blocking_transport_brings_whole_outputs_and_no_more_of_an_answer_than_may_be() -> None:
    body = Many()
    reply = exchanged(httpx.MockTransport(lambda request: httpx.Response(200, stream=body)), 60)
    assert reply == TransportFailure("dropped", sent=True, message="the answer is larger than 64 MiB")
    assert body.closed.wait(30)
    assert body.left >= 70 - 66, "no more of it was read"

    async def read() -> int:
        transport = as_async_transport(httpx.MockTransport(lambda _: httpx.Response(200, stream=Many())))
        assert transport is not None
        response = await transport.handle_async_request(httpx.Request("GET", "https://a.example/clip.mp4"))
        size = sum([len(piece) async for piece in response.aiter_raw()])
        await response.aclose()
        return size

    assert asyncio.run(read()) == 70 * 2**20


def exchanged(transport: object, seconds: float = 1.0, *, closed: bool = False) -> object:
    """Exchange one request over a transport of the user's."""

    async def exchange() -> object:
        session = HttpSession(
            "http://127.0.0.1:9", Key("sk-test"), seconds, ProxyRoute(), as_async_transport(transport)
        )
        if closed:
            await session.aclose()
        return await session.exchange(READ)

    return asyncio.run(exchange())


def test_whatever_a_cancellation_cuts_off_the_next_request_is_answered() -> None:
    """Also in the steps in which httpcore closes an answer, and forgets that its connection is free."""

    async def cancelled_after(steps: int) -> bool:
        answering: set[asyncio.Task[None] | None] = set()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            answering.add(asyncio.current_task())
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while await reader.readuntil(b"\r\n\r\n"):
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]")
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            session = HttpSession(f"http://127.0.0.1:{port}", Key("sk-test"), 2, ProxyRoute())
            exchange = session.begin(READ)
            for _ in range(steps):
                await asyncio.sleep(0)
            exchange.task.cancel()
            await asyncio.wait((exchange.task,))
            assert isinstance(await session.exchange(READ), Response), steps
            await session.aclose()
            await asyncio.gather(*filter(None, answering))
            return exchange.task.cancelled()

    steps = 0
    while asyncio.run(cancelled_after(steps)):
        steps += 1
    assert steps > 10, "as many as it has, from before it connects until it is closed"


@pytest.mark.parametrize(
    ("error", "reason", "sent"),
    [
        (httpx.ConnectError("refused"), "refused", False),
        (httpx.ConnectTimeout("late"), "refused", False),
        (httpx.PoolTimeout("late"), "refused", False),
        (httpx.ReadTimeout("late"), "timeout", True),
        (httpx.WriteTimeout("late"), "timeout", True),
        (httpx.ReadError("reset"), "dropped", True),
        (httpx.RemoteProtocolError("nonsense"), "dropped", True),
        (httpx.DecodingError("not gzip"), "dropped", True),
        (OSError("bad file descriptor"), "dropped", True),
    ],
)
def test_an_exchange_never_raises_what_is_httpx_s(error: Exception, reason: str, sent: bool) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error

    async def awaiting(request: httpx.Request) -> httpx.Response:
        raise error

    for each in (handler, awaiting):
        reply = exchanged(httpx.MockTransport(each))
        assert isinstance(reply, TransportFailure)
        assert (reply.reason, reply.sent) == (reason, sent)


def test_a_mistake_in_a_transport_is_raised_and_a_closed_client_sends_nothing() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise RuntimeError("of the transport")

    with pytest.raises(RuntimeError, match="of the transport"):
        exchanged(httpx.MockTransport(handler))
    assert exchanged(httpx.MockTransport(handler), closed=True) == TransportFailure(
        "refused", sent=False, message="the client was closed meanwhile"
    )


def test_an_answer_that_takes_too_long_is_given_up(sandbox: sky.Sandbox) -> None:
    sandbox.faults.next("slow", on="models", seconds=5)

    async def main() -> object:
        session = HttpSession(sandbox.url, Key(sandbox.api_key), 0.1, ProxyRoute())
        try:
            return await session.exchange(READ)
        finally:
            await session.aclose()

    assert asyncio.run(main()) == TransportFailure("timeout", sent=True, message="no answer within 0.1 s")


def test_an_answer_is_plain_values(sandbox: sky.Sandbox) -> None:
    async def main() -> object:
        session = HttpSession(sandbox.url, Key(sandbox.api_key), 5.0, ProxyRoute())
        try:
            return await session.exchange(READ)
        finally:
            await session.aclose()

    reply = asyncio.run(main())
    assert isinstance(reply, Response)
    assert reply.status == 200
    assert reply.headers["x-skytells-sandbox"] == "1"
    assert all(name == name.lower() for name in reply.headers)


def test_packages_above_find_the_connection_of_an_account(sandbox: sky.Sandbox) -> None:
    client = sandbox.client()
    account = client.connection.account
    assert latest() is client.connection
    assert connection_for(account) is client.connection
    newer = sandbox.client()
    assert connection_for(account) is latest() is newer.connection
    newer.close()
    assert connection_for(account) is client.connection
    assert connection_for(Account("https://api.skytells.ai/v1", account.fingerprint)) is None
    client.close()
    assert connection_for(account) is None


def test_a_connection_tells_its_observers_of_an_end_that_came_by_itself(sandbox: sky.Sandbox) -> None:
    with sandbox.client() as client:
        ended = Prediction(id="p1", status="succeeded", origin=client.base_url)
        assert client.connection.see_end(ended) == ended


def test_a_child_s_connection_is_made_anew_without_closing_the_parent_s(sandbox: sky.Sandbox) -> None:
    """What a fork calls in the child, called here: nothing of before is closed."""
    client = sandbox.client()
    client.models.list()
    before = client.connection._http
    assert before is not None
    client.connection.start_afresh()
    client.models.list()
    assert client.connection._http is not before
    assert not before.closed
    sky.run(before.aclose())
    client.close()


@pytest.mark.filterwarnings("ignore::skytells_nb.exceptions.SkytellsWarning")
def test_creates_that_still_queue_at_the_gate_are_withdrawn_when_they_are_canceled() -> None:
    with sky.Sandbox(seconds=3600, delay=0.02) as sandbox:

        async def many() -> int:
            async with sandbox.async_client() as client:
                creates = [
                    asyncio.create_task(client.predictions.create("truefusion", {"prompt": f"{n}"}))
                    for n in range(100)
                ]
                while len(sandbox.predictions) < 5:
                    await asyncio.sleep(0.005)
                for create in creates:
                    create.cancel()
                accepted = len(sandbox.predictions)
                ended = await asyncio.gather(*creates, return_exceptions=True)
                assert all(isinstance(each, asyncio.CancelledError) for each in ended)
                while not settled(0):
                    await asyncio.sleep(0.005)
                return accepted

        accepted = asyncio.run(many())
        assert len(sandbox.predictions) <= accepted + _IN_FLIGHT, (
            "no more than was on the wire when it stopped"
        )
        assert {*statuses(sandbox)} == {"cancelled"}
