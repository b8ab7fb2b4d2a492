"""The sandbox without a socket: every answer of the wire, and what only the wire does as an exception."""

import asyncio
import json
import threading

import pytest

from skytells_nb.sandbox import ConnectionDroppedError, InProcess, NeverAnsweredError

FOX = json.dumps({"model": "truefusion", "input": {"prompt": "a fox"}}).encode()


class Waits:
    """A clock that moves only when somebody sleeps."""

    def __init__(self):
        self.now, self.slept = 1_790_000_000.0, []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Waits()


@pytest.fixture
def sandbox(clock, painter):
    with InProcess(media=painter, sleep=clock.sleep, clock=clock, seconds=2) as sandbox:
        yield sandbox


def ask(sandbox, method, target, body=b"", **headers):
    sent = {"X-API-Key": sandbox.api_key, **headers}
    status, told, content = asyncio.run(sandbox.handle(method, target, sent, body))
    assert isinstance(content, bytes)
    return status, told, content


def made(sandbox):
    return json.loads(ask(sandbox, "POST", "/v1/predictions", FOX)[2])


def test_a_prediction_ends_by_the_clock_and_its_output_is_served(sandbox, clock):
    threads = threading.active_count()
    first = made(sandbox)
    path = first["urls"]["get"].removeprefix("http://127.0.0.1:9")
    assert json.loads(ask(sandbox, "GET", path)[2])["status"] == "pending"
    clock.now += 2
    ended = json.loads(ask(sandbox, "GET", path)[2])
    output = ended["output"][0].removeprefix("http://127.0.0.1:9")
    for _ in range(2):
        assert ask(sandbox, "GET", output)[2].startswith(b"image 0 of a fox")
    assert ask(sandbox, "HEAD", output)[2] == b""
    assert ask(sandbox, "GET", output, Range="bytes=0-4")[::2] == (206, b"image")
    assert len(sandbox.core.media.drawn) == 1
    assert (sandbox.billed, str(sandbox.billed_amount), len(sandbox.log)) == (1, "0.030000", 7)
    assert clock.slept == []
    assert threading.active_count() == threads


def test_a_query_is_part_of_the_target(sandbox):
    for _ in range(3):
        made(sandbox)
    listed = json.loads(ask(sandbox, "GET", "/v1/predictions?per_page=2&page=2")[2])
    assert len(listed["data"]) == 1


def test_a_dropped_connection_is_an_exception(sandbox):
    for name, billed in (("drop_before", 0), ("drop_after", 1)):
        sandbox.faults.next(name, reset=True)
        with pytest.raises(ConnectionDroppedError) as dropped:
            ask(sandbox, "POST", "/v1/predictions", FOX)
        assert dropped.value.reset
        assert sandbox.billed == billed


def test_an_answer_that_never_comes_is_a_timeout(sandbox):
    sandbox.faults.next("hang_after")
    with pytest.raises(NeverAnsweredError):
        ask(sandbox, "POST", "/v1/predictions", FOX)
    assert sandbox.billed == 1


def test_a_body_cut_in_the_midst_raises_after_its_first_half(sandbox, clock):
    id = made(sandbox)["id"]
    clock.now += 2
    sandbox.faults.next("cut_short")

    got = []

    async def read():
        status, headers, pieces = await sandbox.handle("GET", f"/assets/{id}/output_0.png")
        got.extend([status, int(headers["content-length"])])
        async for piece in pieces:
            got.append(piece)

    with pytest.raises(ConnectionDroppedError):
        asyncio.run(read())
    status, length, piece = got
    assert status == 200
    assert 0 < len(piece) < length


def test_late_answers_wait_by_the_sleep_that_was_given(sandbox, clock):
    sandbox.faults.next("slow", on="models", seconds=3)
    assert ask(sandbox, "GET", "/v1/models")[0] == 200
    assert clock.slept == [3]


def test_an_awaited_create_ends_with_its_job(sandbox, clock):
    body = json.dumps({**json.loads(FOX), "await": True}).encode()
    assert json.loads(ask(sandbox, "POST", "/v1/predictions", body)[2])["status"] == "succeeded"
    assert sum(clock.slept) == pytest.approx(2, abs=0.001)


def test_an_awaited_answer_is_cut_late_or_undated_as_a_fault_says(sandbox, clock):
    body = json.dumps({**json.loads(FOX), "await": True}).encode()
    sandbox.faults.next("slow", seconds=3)
    sandbox.faults.next("missing_date", on="create")
    _, told, content = ask(sandbox, "POST", "/v1/predictions", body)
    assert ("date" in told, json.loads(content)["status"]) == (False, "succeeded")
    assert sum(clock.slept) == pytest.approx(5, abs=0.001)

    async def read():
        _, _, pieces = await sandbox.handle("POST", "/v1/predictions", {"x-api-key": sandbox.api_key}, body)
        return [piece async for piece in pieces]

    sandbox.faults.next("cut_short", on="create")
    with pytest.raises(ConnectionDroppedError):
        asyncio.run(read())


def test_webhooks_are_handed_over_when_they_are_due(sandbox, clock):
    body = json.dumps({**json.loads(FOX), "webhook": "http://hook.test/"}).encode()
    id = json.loads(ask(sandbox, "POST", "/v1/predictions", body)[2])["id"]
    posted = []

    async def post(url, headers, body):
        posted.append((url, headers["x-skytells-signature"], json.loads(body)["id"]))
        return 500 if len(posted) == 1 else 200

    assert asyncio.run(sandbox.deliver(post)) == 0
    clock.now += 2
    assert asyncio.run(sandbox.deliver(post)) == 1
    clock.now += 1
    assert asyncio.run(sandbox.deliver(post)) == 1
    assert {(url, id) for url, _, id in posted} == {("http://hook.test/", id)}
    assert [each.status for each in sandbox.deliveries] == [500, 200]


def test_what_fails_inside_is_answered_with_500(sandbox, clock):
    id = made(sandbox)["id"]
    clock.now += 2
    sandbox.core.media.draw = lambda *_, **__: 1 / 0
    status, _, body = ask(sandbox, "GET", f"/assets/{id}/output_0.png")
    assert (status, json.loads(body)["error"]["error_id"]) == (500, "INTERNAL_ERROR")


def test_it_keeps_its_state_in_a_file(tmp_path, clock, painter):
    path = tmp_path / "state.db"
    with InProcess(media=painter, state=path, clock=clock) as first:
        id, key = made(first)["id"], first.api_key
    with InProcess(media=painter, state=path, clock=clock) as second:
        assert second.api_key == key
        assert ask(second, "GET", f"/v1/predictions/{id}")[0] == 200
