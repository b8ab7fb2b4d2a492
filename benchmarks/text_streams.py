"""How soon and how fast a text arrives that a model writes: the first piece, 10,000 of them, 100 at once.

    python benchmarks/text_streams.py

A server in another process writes chunks of the chat route; all that is compared reads the same stream, in
turns, so that a busy machine slows all alike. "Plain" is httpx's own client, reading lines and decoding JSON.
Promised: a piece within 20 ms of its arrival, 10,000 in at most 1.3 times as long as plain httpx, and of 100
streams at once none that waits for the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

HOUSE = Path(__file__).parents[1]
sys.path.insert(0, str(HOUSE))

import skytells_nb as sky  # noqa: E402 - from this checkout

KEY = "sk-benchmark-0123456789"
PIECES = 10_000
ROUNDS = 5


def chunk(number: int, **choice: Any) -> bytes:
    """Write one piece as the API does; its text is the time at which it was sent, and its number."""
    delta = {"content": f"{time.time():.6f} {number} "}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": "gpt-5",
        "choices": [{"index": 0, "delta": delta, "finish_reason": None, **choice}],
        "obfuscation": "Zq0w",
    }
    return b"data: " + json.dumps(body).encode() + b"\n\n"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection: ``max_tokens`` pieces, with the pause between two that ``temperature`` says."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
            body = await reader.readexactly(int(length[0].split(b":")[1]) if length else 0)
            if not head.startswith(b"POST"):
                writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}")
                continue
            asked = json.loads(body)
            kind = b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            writer.write(b"HTTP/1.1 200 OK\r\n" + kind)
            for number in range(asked["max_tokens"]):
                if asked.get("temperature"):
                    await asyncio.sleep(asked["temperature"])
                data = chunk(number)
                writer.write(b"%x\r\n%b\r\n" % (len(data), data))
                if number % 100 == 0:
                    await writer.drain()
            data = chunk(-1, finish_reason="stop") + b"data: [DONE]\n\n"
            writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))
            await writer.drain()


async def serve() -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def served() -> Iterator[str]:
    with subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        finally:
            process.kill()


def body(pieces: int, pause: float = 0.0) -> dict[str, Any]:
    return {"max_tokens": pieces, "temperature": pause}


def plain(url: str, pieces: int) -> int:
    """Read a stream with httpx alone."""
    count = 0
    asked = {"model": "gpt-5", "messages": [{"role": "user", "content": "x"}], "stream": True, **body(pieces)}
    with (
        httpx.Client(timeout=60) as client,
        client.stream("POST", url + "/chat/completions", json=asked) as reply,
    ):
        for line in reply.iter_lines():
            if line.startswith("data: {"):
                count += bool(json.loads(line[6:])["choices"][0]["delta"]["content"])
    return count


async def plain_awaited(url: str, pieces: int) -> int:
    count = 0
    asked = {"model": "gpt-5", "messages": [{"role": "user", "content": "x"}], "stream": True, **body(pieces)}
    async with (
        httpx.AsyncClient(timeout=60) as client,
        client.stream("POST", url + "/chat/completions", json=asked) as reply,
    ):
        async for line in reply.aiter_lines():
            if line.startswith("data: {"):
                count += bool(json.loads(line[6:])["choices"][0]["delta"]["content"])
    return count


def ours(url: str, pieces: int) -> int:
    with (
        sky.Client(KEY, base_url=url) as client,
        client.chat.completions.create("gpt-5", "x", stream=True, **body(pieces)) as stream,
    ):
        return sum(bool(piece.text) for piece in stream)


async def ours_awaited(url: str, pieces: int) -> int:
    async with sky.AsyncClient(KEY, base_url=url) as client:
        asked = client.chat.completions.create("gpt-5", "x", stream=True, **body(pieces))
        async with await asked as stream:
            return sum([bool(piece.text) async for piece in stream])


def timed(read: Callable[[], int], pieces: int) -> float:
    begun = time.perf_counter()
    count = read()
    took = time.perf_counter() - begun
    assert count == pieces + 1, count
    return took


def throughput(url: str) -> None:
    ways: dict[str, Callable[[], int]] = {
        "plain httpx": lambda: plain(url, PIECES),
        "Client": lambda: ours(url, PIECES),
        "plain httpx, awaited": lambda: asyncio.run(plain_awaited(url, PIECES)),
        "AsyncClient": lambda: asyncio.run(ours_awaited(url, PIECES)),
    }
    for way in ways.values():
        way()
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            found[name].append(timed(way, PIECES))
    for name, base in (("Client", "plain httpx"), ("AsyncClient", "plain httpx, awaited")):
        ratios = [mine / theirs for mine, theirs in zip(found[name], found[base], strict=True)]
        print(
            f"{PIECES:,} pieces, {name}: {statistics.median(found[name]):.2f} s, {base} "
            f"{statistics.median(found[base]):.2f} s; {statistics.median(ratios):.2f} times "
            f"({min(ratios):.2f} to {max(ratios):.2f}); promised: 1.3"
        )


def lateness(url: str) -> None:
    """How long after it was sent each of 100 pieces is handed over, 20 ms apart."""
    late = []
    with (
        sky.Client(KEY, base_url=url) as client,
        client.chat.completions.create("gpt-5", "x", stream=True, **body(100, 0.02)) as stream,
    ):
        for piece in stream:
            now = time.time()
            late.append(now - float(piece.text.split()[0]))
    late = sorted(late[:-1])
    print(
        f"a piece is handed over {1000 * statistics.median(late):.2f} ms after it was sent, the first "
        f"{1000 * late[0]:.2f}, 99 of 100 within {1000 * late[98]:.2f}; promised: 20 ms"
    )


async def plain_lateness(client: httpx.AsyncClient, url: str) -> float:
    worst = 0.0
    asked = {"model": "gpt-5", "messages": [], "stream": True, **body(50, 0.05)}
    async with client.stream("POST", url + "/chat/completions", json=asked) as reply:
        async for line in reply.aiter_lines():
            if line.startswith("data: {"):
                text = json.loads(line[6:])["choices"][0]["delta"]["content"]
                worst = max(worst, time.time() - float(text.split()[0]))
    return worst


async def our_lateness(client: sky.AsyncClient) -> float:
    worst = 0.0
    asked = client.chat.completions.create("gpt-5", "x", stream=True, **body(50, 0.05))
    async with await asked as stream:
        async for piece in stream:
            worst = max(worst, time.time() - float(piece.text.split()[0]))
    return worst


def at_once(url: str, number: int = 100) -> None:
    """How late the latest piece of each of many streams is that share one client, 50 ms apart."""

    async def ours() -> list[float]:
        async with sky.AsyncClient(KEY, base_url=url) as client:
            return list(await asyncio.gather(*(our_lateness(client) for _ in range(number))))

    async def plain() -> list[float]:
        async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=number)) as client:
            return list(await asyncio.gather(*(plain_lateness(client, url) for _ in range(number))))

    for name, read in (("AsyncClient", ours), ("plain httpx, awaited", plain)):
        begun = time.perf_counter()
        worst = sorted(asyncio.run(read()))
        took = time.perf_counter() - begun
        print(
            f"{number} streams at once, 50 pieces each, 50 ms apart, {name}: {took:.2f} s; the latest piece "
            f"of each {1000 * worst[0]:.0f} to {1000 * worst[-1]:.0f} ms after it was sent"
        )


def main() -> None:
    with served() as url:
        lateness(url)
        at_once(url)
        throughput(url)


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
    else:
        main()
