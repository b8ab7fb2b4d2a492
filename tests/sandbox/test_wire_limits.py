"""What would harm the machine a sandbox runs on: foreign names, endless bodies, one greedy learner."""

import asyncio
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import pytest

from skytells_nb.sandbox import Server
from skytells_nb.sandbox import _app as app
from skytells_nb.sandbox._app import is_own_name, own_names
from skytells_nb.sandbox._messages import Asset
from skytells_nb.sandbox._rendering import RenderCache

CREATE = b"POST /v1/predictions HTTP/1.1\r\nhost: localhost\r\nx-api-key: sk-a\r\ncontent-length: %d\r\n\r\n"
FOX = {"model": "truefusion", "input": {"prompt": "a fox"}}


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch):
    """Give a refused client a moment instead of two seconds to stop sending."""
    monkeypatch.setattr(app, "LINGER", 0.2)


def connection_to(server):
    return socket.create_connection(("127.0.0.1", int(server.url.split(":")[2].removesuffix("/v1"))), 10)


def exchange(server, head, body=b""):
    """Send raw bytes, and return the status and what came."""
    with connection_to(server) as wire:
        wire.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        with wire.makefile("rb") as answer:
            return int(answer.readline().split()[1]), answer.read()


def is_closed(wire):
    try:
        return wire.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example", "2130706433"],
)
@pytest.mark.parametrize("path", ["/v1/predictions", "/", "/assets/a/b", "/__sandbox__/log", "/class/x"])
def test_under_a_foreign_name_nothing_is_served(serve, host, path):
    server = serve()
    httpx.post(f"{server.url}/predictions", json=FOX, headers={"x-api-key": server.api_key})
    status, text = exchange(server, f"GET {path} HTTP/1.1\nhost: {host}\nx-api-key: {server.api_key}")
    assert status == 421
    assert b"fox" not in text
    assert server.log[-1].route == "create"


@pytest.mark.parametrize(
    "host", ["127.0.0.1:1", "localhost", "LOCALHOST.", "[::1]:80", "sandbox.localhost:9"]
)
def test_under_an_address_or_localhost_it_is(serve, host):
    assert exchange(serve(), f"GET / HTTP/1.1\nhost: {host}\nconnection: close")[0] == 200


def test_a_name_that_was_given_is_its_own(serve):
    server = serve(names=["sandbox.school"])
    assert exchange(server, "GET / HTTP/1.1\nhost: Sandbox.School:80\nconnection: close")[0] == 200
    assert exchange(server, "GET / HTTP/1.1\nhost: school")[0] == 421


def test_a_server_that_others_reach_has_the_machines_names():
    names = frozenset(name.lower() for name in own_names("0.0.0.0"))
    assert is_own_name(f"{socket.gethostname()}:80".lower(), names)
    assert not is_own_name("evil.example", names)


def test_without_a_key_a_large_body_is_not_even_read(serve):
    server = serve()
    head = "POST /v1/predictions HTTP/1.1\nhost: localhost\ncontent-length: 60000000"
    status, text = exchange(server, head, b"x" * 1000)
    assert status == 401
    assert b"connection: close" in text


@pytest.mark.parametrize("size", [app.LARGEST_BODY + 1, 10**15])
def test_a_body_that_is_too_large_is_refused_unread(serve, size):
    head = f"POST /v1/predictions HTTP/1.1\nhost: localhost\nx-api-key: sk-a\ncontent-length: {size}"
    status, text = exchange(serve(), head)
    assert status == 413
    assert b"PAYLOAD_TOO_LARGE" in text


def test_a_learners_body_is_smaller(serve):
    server = serve(learners=1)
    key = server.learners[0].key
    head = f"POST /v1/predictions HTTP/1.1\nhost: localhost\nx-api-key: {key}\ncontent-length: 20000000"
    assert exchange(server, head)[0] == 413


def test_a_body_in_pieces_that_never_ends_is_cut_off(serve, monkeypatch):
    monkeypatch.setattr(app, "LARGEST_BODY", 200_000)
    head = "POST /v1/predictions HTTP/1.1\nhost: localhost\nx-api-key: sk-a\ntransfer-encoding: chunked"
    chunk = b"%x\r\n" % 60_000 + b"x" * 60_000 + b"\r\n"
    assert exchange(serve(), head, chunk * 5)[0] == 413


def test_a_body_that_stops_coming_is_given_up(serve, monkeypatch):
    monkeypatch.setattr(app, "SILENCE", 0.2)
    server = serve()
    for size in (1000, 1_000_000):
        head = f"POST /v1/predictions HTTP/1.1\nhost: localhost\nx-api-key: sk-a\ncontent-length: {size}"
        assert exchange(server, head, b"{")[0] == 408


def test_a_connection_that_says_nothing_is_closed(serve, monkeypatch):
    monkeypatch.setattr(app, "SILENCE", 0.2)
    server = serve()
    for start in (b"", b"GET /v1/mod"):
        with connection_to(server) as wire:
            wire.sendall(start)
            assert is_closed(wire)


def test_connections_have_a_limit(serve, monkeypatch):
    monkeypatch.setattr(app, "CONNECTIONS", 2)
    server = serve()
    with connection_to(server) as one, connection_to(server) as two, connection_to(server) as third:
        assert is_closed(third)
        for wire in (one, two):
            wire.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert wire.recv(12) == b"HTTP/1.1 200"


def test_unfinished_bodies_wait_for_room_and_hold_up_no_small_one(serve, monkeypatch):
    monkeypatch.setattr(app, "UNFINISHED", 1_500_000)
    server = serve(seconds=0)
    body = json.dumps(
        {"model": "truefusion-ultra", "input": {"prompt": "x", "image": "data:image/png,A" + "A" * 900_000}}
    ).encode()
    head = (
        f"POST /v1/predictions HTTP/1.1\r\nhost: localhost\r\nx-api-key: sk-a\r\ncontent-length: {len(body)}"
    )
    with connection_to(server) as first, ThreadPoolExecutor(1) as pool:
        first.sendall(head.encode() + b"\r\n\r\n" + body[:500_000])
        with httpx.Client(headers={"x-api-key": "sk-a"}) as client:
            while client.get(f"{server.url}/models").status_code != 200:
                pass
            second = pool.submit(client.post, f"{server.url}/predictions", content=body)
            assert client.post(f"{server.url}/predictions", json=FOX).status_code == 200
            assert not second.done()
            first.sendall(body[500_000:])
            assert first.recv(12) == b"HTTP/1.1 200"
            assert second.result(10).status_code == 200


def test_a_learner_keeps_so_many_bytes_and_no_more(talk):
    api = talk(learners=2, storage=2_000, seconds=0)
    one, two = ({"x_api_key": each.key} for each in api.core.state.learners)
    create = {"model": "truefusion", "input": {"prompt": "x" * 800}}
    made = [api.ask("POST", "/v1/predictions", create, **one) for _ in range(3)]
    assert [each.status for each in made] == [200, 200, 413]
    assert "delete predictions" in made[2].details
    assert len(api.core.billed) == 2
    assert api.ask("POST", "/v1/predictions", create, **two).status == 200
    api.ask("DELETE", f"/v1/predictions/{made[0].json['id']}", **one)
    assert api.ask("POST", "/v1/predictions", create, **one).status == 200


def test_a_greedy_learner_does_not_keep_the_others_waiting_for_their_pictures():
    order, free = [], threading.Event()

    class Painter:
        def draw(self, kind, input, **_):
            if input["who"] == "greedy":
                free.wait(10)
            order.append(input["who"])
            return b"x", "image/png"

    def file(who, number):
        return Asset(f"{who}-{number}", "a.png", "image/png", "image", {"who": who}, 0, who)

    async def run():
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(2) as threads:
            files = RenderCache(Painter(), lambda *_: None, partial(loop.run_in_executor, threads), at_once=1)
            greedy = [asyncio.create_task(files.find(file("greedy", number))) for number in range(20)]
            await asyncio.sleep(0)
            await files.find(file("modest", 0))
            free.set()
            await asyncio.gather(*greedy)

    asyncio.run(run())
    assert order[0] == "modest"
    assert len(order) == 21


def test_what_a_request_says_stands_escaped_on_the_front_page(serve):
    server = serve(host="0.0.0.0", names=['"><script>'])
    head = 'GET / HTTP/1.1\nhost: "><script>\naccept: text/html\nconnection: close'
    assert b"<script>" not in exchange(server, head)[1]


def test_a_server_stops_although_a_body_is_unfinished(painter):
    before = set(threading.enumerate())
    server = Server(media=painter).start()
    with connection_to(server) as wire:
        wire.sendall(CREATE % 9 + b"{")
        server.stop()
    assert set(threading.enumerate()) <= before
