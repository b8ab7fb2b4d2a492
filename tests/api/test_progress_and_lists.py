"""Being told how it goes, and reading long lists."""

from __future__ import annotations

import asyncio
import inspect
import io
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import skytells_nb as sky
from skytells_nb.exceptions import NotFoundError, WaitTimeoutError
from skytells_nb.models import Prediction
from skytells_nb.sandbox import HttpRequest

INPUT = {"prompt": "a lighthouse"}


def finished(called: object) -> object:
    """Give what a call of either client comes to."""
    return asyncio.run(called) if inspect.iscoroutine(called) else called


def fill(sandbox: sky.Sandbox, count: int) -> list[str]:
    """Let a sandbox hold many, without a thousand trips over its socket; gives ids, newest first."""
    headers = {"x-api-key": sandbox.api_key, "content-type": "application/json"}
    for number in range(count):
        body = b'{"model":"truefusion","input":{"prompt":"number %d"}}' % number
        answer = sandbox.core.answer(HttpRequest("POST", "/v1/predictions", "", headers, body, "http://x"))
        assert answer.status == 200
    return [each["id"] for each in sandbox.predictions]


@pytest.fixture(scope="module", params=["page", "array"])
def full_sandbox(request: pytest.FixtureRequest) -> Iterator[tuple[sky.Sandbox, list[str]]]:
    with sky.Sandbox(seconds=0, listing=request.param) as sandbox:
        yield sandbox, fill(sandbox, 1_120)


@pytest.mark.parametrize("face", ["Client", "AsyncClient"])
def test_a_list_without_a_limit_is_all_of_them_in_order(
    full_sandbox: tuple[sky.Sandbox, list[str]], face: str
) -> None:
    sandbox, ids = full_sandbox
    before = len(sandbox.log)
    with sandbox.client() as client:
        if face == "Client":
            listed = client.predictions.list(limit=None)
        else:
            listed = asyncio.run(client.as_async().predictions.list(limit=None))
    assert [prediction.id for prediction in listed] == ids
    reads = len(sandbox.log) - before
    assert 23 <= reads <= 23 + 16, "pages of 50, and none that cannot be there"


class Counting(httpx.HTTPTransport):
    """Real sockets, and how many requests were under way at once."""

    under_way = most = 0
    lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self.lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        try:
            return super().handle_request(request)
        finally:
            with self.lock:
                self.under_way -= 1


def test_pages_are_read_several_at_once(full_sandbox: tuple[sky.Sandbox, list[str]]) -> None:
    sandbox, ids = full_sandbox
    sandbox.faults.always("slow", on="list", seconds=0.05)
    try:
        for face in ("Client", "AsyncClient"):
            with Counting() as counting, sandbox.client(transport=counting) as client:
                calls = client if face == "Client" else client.as_async()
                assert len(finished(calls.predictions.list(limit=None))) == len(ids)
            assert 4 <= counting.most <= 23, face
    finally:
        sandbox.faults.clear()


@pytest.mark.parametrize("limit", [0, 1, 20, 50, 51, 130])
def test_a_limit_is_kept_and_no_more_is_read_than_it_needs(
    full_sandbox: tuple[sky.Sandbox, list[str]], limit: int
) -> None:
    sandbox, ids = full_sandbox
    before = len(sandbox.log)
    with sandbox.client() as client:
        assert [p.id for p in client.predictions.list(limit)] == ids[:limit]
    assert len(sandbox.log) - before <= max(1, -(-limit // 50) + 1) if limit else len(sandbox.log) == before


def test_a_list_that_takes_over_a_second_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with sky.Sandbox(seconds=0) as sandbox, sandbox.client() as client:
        fill(sandbox, 120)
        client.predictions.list(limit=None)
        assert terminal.getvalue() == "", "a quick one shows nothing"
        sandbox.faults.next("slow", on="list", seconds=1.1, times=3)
        client.predictions.list(limit=None)
        assert "predictions read: 120 of 120" in terminal.getvalue()
        terminal.truncate(0)
        sandbox.faults.next("slow", on="list", seconds=1.1)
        with sky.options(progress=False):
            client.predictions.list()
        assert terminal.getvalue().strip("\0") == ""
        with sky.options(progress=True):
            client.predictions.list(limit=10)
        assert "predictions read: 10 of 10" in terminal.getvalue()


def test_on_progress_sees_every_read_and_the_end_last() -> None:
    with sky.Sandbox(seconds=1.0) as sandbox, sandbox.client() as client:
        seen: list[Prediction] = []
        made = client.predictions.create("truefusion", INPUT, on_progress=seen.append)
        assert [each.id for each in seen] == [made.id] * len(seen)
        assert seen[-1].status == "succeeded"
        assert not any(each.done for each in seen[:-1])
        assert len(seen) == len([received for received in sandbox.log if received.route == "read"])


def test_on_progress_may_be_a_coroutine_function_with_both_clients() -> None:
    with sky.Sandbox(seconds=0.5) as sandbox, sandbox.client() as client:
        seen: list[str] = []

        async def progress(prediction: Prediction) -> None:
            await asyncio.sleep(0)
            seen.append(prediction.status)

        client.predictions.create("truefusion", INPUT, on_progress=progress)
        assert seen[-1] == "succeeded"
        seen.clear()
        asyncio.run(client.as_async().predictions.create("truefusion", INPUT, on_progress=progress))
        assert seen[-1] == "succeeded"


@pytest.mark.parametrize("face", ["Client", "AsyncClient"])
@pytest.mark.parametrize("kind", ["plain", "coroutine"])
def test_what_on_progress_raises_is_raised_and_says_that_the_prediction_is_not_lost(
    slow_sandbox: sky.Sandbox, face: str, kind: str
) -> None:
    def plain(prediction: Prediction) -> None:
        raise ZeroDivisionError("a mistake of one's own")

    async def coroutine(prediction: Prediction) -> None:
        plain(prediction)

    progress: Any = plain if kind == "plain" else coroutine
    client = slow_sandbox.client()
    face_of_it: Any = client if face == "Client" else client.as_async()
    create = face_of_it.predictions.create
    with pytest.raises(ZeroDivisionError, match="of one's own") as caught:
        finished(create("truefusion", INPUT, on_progress=progress))
    [note] = caught.value.__notes__
    assert slow_sandbox.predictions[0]["id"] in note
    assert "goes on" in note
    assert slow_sandbox.billed == 1
    client.close()


def test_a_callback_of_one_wait_does_not_disturb_another_s(slow_sandbox: sky.Sandbox) -> None:
    async def main() -> tuple[object, object]:
        async with slow_sandbox.async_client() as client:
            made = await client.predictions.create("truefusion", INPUT, wait=False)

            def mistaken(_: Prediction) -> None:
                raise ZeroDivisionError

            seen = asyncio.Event()
            broken = asyncio.ensure_future(client.predictions.wait(made, on_progress=mistaken))
            whole = asyncio.ensure_future(client.predictions.wait(made, on_progress=lambda _: seen.set()))
            await asyncio.wait([broken])
            seen.clear()
            await seen.wait()
            assert not whole.done()
            await client.predictions.cancel(made.id)
            await asyncio.wait([whole])
            return type(broken.exception()), type(whole.exception())

    assert asyncio.run(main()) == (ZeroDivisionError, sky.exceptions.PredictionError)


@pytest.mark.parametrize("face", ["Client", "AsyncClient"])
def test_a_wait_that_is_over_too_soon_leaves_the_prediction_to_be_waited_for(face: str) -> None:
    with sky.Sandbox(seconds=1.0) as sandbox, sandbox.client() as client:
        face_of_it: Any = client if face == "Client" else client.as_async()
        create = face_of_it.predictions.create
        with pytest.raises(WaitTimeoutError) as caught:
            finished(create("truefusion", INPUT, timeout=0.2))
        last = caught.value.prediction
        assert last is not None
        assert last.status in ("queued", "processing")
        assert client.predictions.wait(last).output
        assert sandbox.billed == 1


def test_a_wait_for_nothing_that_is_known_is_an_error(sandbox: sky.Sandbox) -> None:
    with sandbox.client() as client:
        for face in (client, client.as_async()):
            wait: Any = face.predictions.wait
            with pytest.raises(NotFoundError, match="no-such-id"):
                finished(wait("no-such-id"))
