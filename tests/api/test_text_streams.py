"""Streams over a real socket: pieces as they arrive, and the connection closed by whoever leaves."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

import skytells_nb as sky
from skytells_nb.api import HandlerTransport


def event(text, finish=None):
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    chunk = {"id": "chatcmpl-1", "created": 1_790_000_000, "model": "gpt-5", "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


class Server:
    """Writes a stream piece by piece, each when it is told to, and hears when its reader has left."""

    def __init__(self):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}/v1"
        self.left = threading.Event()
        self.media_type = b"text/event-stream"
        self.requests = []
        self._next: list[socket.socket] = []
        self._asked = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += connection.recv(65536)
        self.requests.append(asked.split(b"\r\n")[0].decode())
        if not asked.startswith(b"POST"):
            connection.sendall(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
            connection.close()
            return
        head = b"HTTP/1.1 200 OK\r\ncontent-type: " + self.media_type + b"\r\nconnection: close\r\n\r\n"
        connection.sendall(head)
        self._next.append(connection)
        self._asked.set()
        try:
            while connection.recv(65536):
                pass
        except OSError:
            pass
        self.left.set()

    def send(self, data):
        assert self._asked.wait(20)
        self._next[-1].sendall(data)

    def end(self):
        self._next[-1].shutdown(socket.SHUT_WR)

    def close(self):
        self.listening.close()
        for connection in self._next:
            connection.close()


@pytest.fixture
def server():
    with closing(Server()) as server:
        yield server


@pytest.fixture
def client(server):
    with sky.Client("sk-test-0123456789", base_url=server.url) as client:
        yield client


def opened(client):
    return client.chat.completions.create("gpt-5", "hi", stream=True)


def test_a_piece_is_handed_over_before_the_next_is_written(client, server):
    with opened(client) as stream:
        for word in ("one", "two", "three"):
            server.send(event(word))
            assert next(stream).text == word  # nothing further has been sent
        server.send(event("", "stop") + b"data: [DONE]\n\n")
        assert [piece.finish_reason for piece in stream] == ["stop"]
        assert stream.completion.text == "onetwothree"


def test_events_that_are_not_said_to_be_a_stream_are_the_answer_all_the_same(client, server):
    server.media_type = b"text/plain"
    sending = threading.Thread(target=lambda: (server.send(event("one") + event("", "stop")), server.end()))
    sending.start()
    with opened(client) as stream:
        assert [piece.text for piece in stream] == ["one", ""]
    sending.join()


def test_a_stream_of_a_task_is_handed_over_as_soon(server):
    async def main():
        client = sky.AsyncClient("sk-test-0123456789", base_url=server.url)
        async with await client.chat.completions.create("gpt-5", "hi", stream=True) as stream:
            for word in ("one", "two"):
                server.send(event(word))
                assert (await anext(stream)).text == word
        await client.close()

    asyncio.run(main())
    assert server.left.wait(20)


def test_closing_closes_the_connection(client, server):
    stream = opened(client)
    server.send(event("one"))
    assert next(stream).text == "one"
    assert not server.left.is_set()
    stream.close()
    assert server.left.wait(20)
    assert stream.completion.text == "one"
    assert list(stream) == []


def test_leaving_the_block_closes_the_connection(client, server):
    def read():
        with opened(client) as stream:
            server.send(event("one"))
            for _ in stream:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read()
    assert server.left.wait(20)


def test_breaking_off_a_loop_over_a_stream_that_nobody_holds_closes_it(client, server):
    server_thread = threading.Thread(target=server.send, args=(event("one"),))
    server_thread.start()
    for _ in opened(client):
        break
    server_thread.join()
    gc.collect()
    assert server.left.wait(20)


@contextmanager
def interrupted_in(seconds: float) -> Iterator[None]:
    """Interrupt the main thread so long after the block has begun, as the stop button does."""
    threading.Timer(seconds, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)).start()
    yield


def test_an_interrupt_closes_the_connection(client, server):
    stream = opened(client)
    server.send(event("one"))
    assert next(stream).text == "one"
    with pytest.raises(KeyboardInterrupt), interrupted_in(0.05):
        next(stream)
    assert server.left.wait(20)


def test_a_cancelled_task_closes_the_connection(server):
    async def main():
        client = sky.AsyncClient("sk-test-0123456789", base_url=server.url)
        stream = await client.chat.completions.create("gpt-5", "hi", stream=True)
        server.send(event("one"))
        assert (await anext(stream)).text == "one"
        reader = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        assert await asyncio.to_thread(server.left.wait, 20)
        await client.close()

    asyncio.run(main())


def test_done_ends_it_though_the_connection_stays_open(client, server):
    with opened(client) as stream:
        server.send(event("one", "stop") + b"data: [DONE]\n\n")
        assert [piece.text for piece in stream] == ["one"]
        assert stream.completion.finish_reason == "stop"
    assert server.left.wait(20)


def test_a_body_that_ends_without_a_last_word_is_not_called_whole(client, server):
    with opened(client) as stream:
        server.send(event("one"))
        server.end()
        with pytest.raises(sky.StreamInterruptedError, match="without its last word") as caught:
            list(stream)
        assert caught.value.text == "one"
        assert sum(line.startswith("POST") for line in server.requests) == 1
        assert list(stream) == []


def test_a_last_word_without_done_is_whole(client, server):
    with opened(client) as stream:
        server.send(event("one") + event("", "stop"))
        server.end()
        assert [piece.text for piece in stream if piece.text] == ["one"]
    assert stream.completion.note is None


def test_a_line_that_cannot_be_read_is_left_out_with_a_warning(client, server):
    def read():
        with opened(client) as stream:
            server.send(event("one") + b"data: {nonsense\n\n" + event("two", "stop"))
            server.end()
            return [piece.text for piece in stream]

    with pytest.warns(sky.SkytellsWarning, match="left out"):
        assert read() == ["one", "two"]


def test_a_server_that_echoes_the_key_does_not_get_it_through(client, server):
    with opened(client) as stream:
        server.send(event("your key is sk-test-0123456789!", "stop"))
        server.end()
        text = "".join(piece.text for piece in stream)
    assert "0123456789" not in text + repr(stream.completion.raw)


def test_silence_longer_than_the_limit_ends_it_and_keeps_what_came(server):
    with sky.Client("sk-test-0123456789", base_url=server.url, timeout=1.0) as client:
        stream = opened(client)
        server.send(event("one"))
        with pytest.raises(sky.StreamInterruptedError) as caught:
            list(stream)
        assert caught.value.text == "one"
        assert caught.value.charged is None


def test_closing_the_client_ends_its_streams(server):
    client = sky.Client("sk-test-0123456789", base_url=server.url)
    stream = opened(client)
    server.send(event("one"))
    assert next(stream).text == "one"
    client.close()
    with pytest.raises(sky.SkytellsError):
        list(stream)
    assert server.left.wait(20)


def test_a_hundred_streams_at_once_have_each_a_piece_before_one_ends():
    begun, all_begun = [], asyncio.Event()

    async def pieces():
        begun.append(1)
        if len(begun) == 100:
            all_begun.set()
        yield event("one")
        await all_begun.wait()
        yield event("two", "stop")

    async def handle(method, target, headers, body):
        if method == "GET":
            return 404, {"content-type": "application/json"}, b"{}"
        return 200, {"content-type": "text/event-stream"}, pieces()

    async def main():
        async with sky.AsyncClient("sk-test-0123456789", transport=HandlerTransport(handle)) as client:

            async def read():
                async with await client.chat.completions.create("gpt-5", "hi", stream=True) as stream:
                    return [piece.text async for piece in stream]

            return await asyncio.gather(*(read() for _ in range(100)))

    assert sky.run(main()) == [["one", "two"]] * 100


@pytest.mark.parametrize("route", ["chat", "responses"])
def test_an_error_is_raised_in_whatever_form_it_comes(route):
    said = {"message": "overloaded", "status": 503}
    bodies = [
        b"event: message\ndata: " + json.dumps({"error": said}).encode() + b"\n\n",
        b'data: {"error": "overloaded"}\n\n',
        b"event: error\ndata: overloaded\n\n",
        b'data: {"choices": [{"finish_reason": "error"}], "error": {"message": "overloaded"}}\n\n',
        json.dumps({"status": "failed", "object": "response", "error": said}).encode(),
        json.dumps({"choices": [{"message": {}, "finish_reason": "error"}], "error": said}).encode(),
    ]

    async def handle(method, target, headers, body):
        if method == "GET":
            return 404, {"content-type": "application/json"}, b"{}"
        kind = "application/json" if answer.startswith(b"{") else "Text/Event-Stream; charset=UTF-8"
        return 200, {"content-type": kind}, answer

    with sky.Client("sk-test-0123456789", transport=HandlerTransport(handle)) as client:
        asked = client.chat.completions if route == "chat" else client.responses
        for answer in bodies:
            with pytest.raises(sky.ServerError, match="overloaded") as caught:
                list(asked.create("gpt-5", "hi", stream=True))
            assert caught.value.charged is None
            if answer.startswith(b"{"):
                with pytest.raises(sky.ServerError, match="overloaded"):
                    asked.create("gpt-5", "hi")
