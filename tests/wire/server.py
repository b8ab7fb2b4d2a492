"""An API on a bare socket, written for these tests alone: it shares no code with the toolkit or its sandbox.

It parses requests by hand, bills what it accepts, and does to a connection what no web framework would: half
a header, a reset, silence. Each fault is a function of `Wire`; `FAULTS` names them.
"""

from __future__ import annotations

import itertools
import json
import socket
import struct
import threading
import time
import zlib
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

KEY = "sk-live-0123456789abcdef"


_ids = itertools.count(1)
"""No id is ever used twice, as by the API: a port may be."""


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


PICTURE = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
    + _chunk(b"IEND", b"")
)
"""One red pixel."""


class Wire:
    """One connection that has brought a request whole; a fault decides what becomes of it."""

    def __init__(self, api: RawApi, sock: socket.socket, method: str, path: str, body: bytes) -> None:
        self.api, self.sock = api, sock
        self.method, self.path, self.body = method, path, body

    def handle(self) -> bytes:
        """Do what is asked, and return the answer as bytes."""
        return self.api.answer(self.method, self.path, self.body)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def hold(self) -> None:
        """Say nothing until the client goes away."""
        while self.sock.recv(4096):
            pass

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def http(status: int, body: bytes, kind: str = "application/json", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", f"content-type: {kind}", f"content-length: {len(body)}"]
    lines += [f"date: {format_datetime(datetime.now(UTC), usegmt=True)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def envelope(status: int, error_id: str) -> bytes:
    error = {"http_status": status, "message": "Said so", "details": None, "error_id": error_id}
    body = {"status": False, "response": "Said so", "error": error}
    return http(status, json.dumps(body).encode(), retry_after="0")


def _says(answer: Callable[[], bytes], *, first: bool = False) -> Callable[[Wire], None]:
    """Return a fault that says something else, perhaps after what was asked has been done."""

    def fault(wire: Wire) -> None:
        if first:
            wire.handle()
        wire.send(answer())

    return fault


def _close(wire: Wire) -> None:
    wire.sock.close()


def _close_after(wire: Wire) -> None:
    wire.handle()
    wire.sock.close()


def _reset(wire: Wire) -> None:
    wire.reset()
    wire.sock.close()


def _reset_after(wire: Wire) -> None:
    wire.handle()
    _reset(wire)


def _cut(share: float) -> Callable[[Wire], None]:
    def fault(wire: Wire) -> None:
        answer = wire.handle()
        head, _, _ = answer.partition(b"\r\n\r\n")
        wire.send(answer[: int(len(head) * share)] if share < 1 else answer[:-2])
        wire.sock.close()

    return fault


def _silent(wire: Wire) -> None:
    wire.handle()
    wire.hold()


def _drip(wire: Wire) -> None:
    for byte in wire.handle():
        wire.send(bytes([byte]))
        time.sleep(0.004)  # a server's pace, not a wait of the test


def _torn(wire: Wire) -> None:
    wire.handle()
    wire.send(b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"id"\r\nzz\r\n')
    wire.sock.close()


def _late(wire: Wire) -> None:
    time.sleep(0.02)  # a server's pace, not a wait of the test
    wire.send(wire.handle())


def _stale(wire: Wire) -> None:
    """Answer well, promise to stay open, and close."""
    wire.send(wire.handle())
    wire.sock.close()


def _twice(wire: Wire) -> None:
    """Answer twice: the second answer belongs to no request."""
    answer = wire.handle()
    wire.send(answer + http(200, b'{"id": "of-nobody", "status": "succeeded"}'))


def _early(wire: Wire) -> None:
    wire.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + wire.handle())


PAGE = b"<html><title>Log in</title><h1>Log in to the network</h1></html>"

FAULTS: dict[str, Callable[[Wire], None]] = {
    "closes": _close,
    "resets": _reset,
    "closes after": _close_after,
    "resets after": _reset_after,
    "half a header": _cut(0.5),
    "half a body": _cut(1),
    "silent": _silent,
    "drips": _drip,
    "torn chunks": _torn,
    "no http": _says(lambda: b"SSH-2.0-OpenSSH_9.6\r\n", first=True),
    "late": _late,
    "stale": _stale,
    "answers twice": _twice,
    "early hints": _early,
    "login page": _says(lambda: http(200, PAGE, "text/html"), first=True),
    "nothing in it": _says(lambda: http(200, b"{}"), first=True),
    "another kind": _says(lambda: http(200, b'["no", 1]'), first=True),
    "gateway": _says(lambda: http(502, PAGE, "text/html"), first=True),
    "429": _says(lambda: envelope(429, "RATE_LIMIT_EXCEEDED")),
    "500": _says(lambda: envelope(500, "INTERNAL_ERROR")),
    "503": _says(lambda: envelope(503, "SERVICE_UNAVAILABLE")),
    "401": _says(lambda: envelope(401, "UNAUTHORIZED")),
    "402": _says(lambda: envelope(402, "INSUFFICIENT_CREDITS")),
    "403": _says(lambda: envelope(403, "ACCOUNT_SUSPENDED")),
    "422": _says(lambda: envelope(422, "INVALID_INPUT")),
    "451": _says(lambda: envelope(451, "CONTENT_POLICY_VIOLATION")),
    "elsewhere": _says(lambda: http(307, b"", location="http://127.0.0.1:9/stolen")),
}


class RawApi:
    """Listens on loopback; ``upset(route, fault, times)`` says what becomes of the next requests.

    Routes are ``create``, ``get``, ``list``, ``cancel``, ``delete``, ``models``, ``model``, ``text`` and
    ``file``.
    """

    def __init__(self, *, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.jobs: dict[str, dict[str, Any]] = {}
        self.billed: list[str] = []
        self.signature = ""
        self.asked: list[str] = []
        self.leaks: list[str] = []
        self.choose: Callable[[str], str | None] = self._upsets
        self._faults: dict[str, deque[str]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._idle = threading.Condition(self._lock)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> RawApi:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_listening()
        self._listener.close()
        with self._lock:
            for sock in self._open:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def stop_listening(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        # The port stays taken, and refuses: another test's server might have it otherwise.
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.port))

    def upset(self, route: str, fault: str, times: int = 1) -> None:
        self._faults[route].extend([fault] * times)

    def wait_until_idle(self, seconds: float = 10.0) -> bool:
        """Wait until no client holds a connection."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._open, seconds)

    def add(self, model: str, input: Any, *, seconds: float | None = None) -> str:
        """Accept a job, and bill it."""
        with self._lock:
            identifier = f"raw-{next(_ids):06d}"
            ends = time.time() + (self.seconds if seconds is None else seconds)
            job = {"id": identifier, "model": model, "input": input, "made": time.time(), "ends": ends}
            self.jobs[identifier] = job
            self.billed.append(identifier)
        return identifier

    def _upsets(self, route: str) -> str | None:
        waiting = self._faults[route]
        return waiting.popleft() if waiting else None

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            with suppress(OSError, ValueError):
                while self._one(sock):
                    pass
        finally:
            sock.close()
            with self._idle:
                self._open.discard(sock)
                self._idle.notify_all()

    def _one(self, sock: socket.socket) -> bool:
        head = b""
        while b"\r\n\r\n" not in head:
            data = sock.recv(65536)
            if not data:
                return False
            head += data
        head, _, body = head.partition(b"\r\n\r\n")
        start, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while len(body) < int(headers.get("content-length", 0)):
            data = sock.recv(65536)
            if not data:
                return False
            body += data
        method, path, _ = start.split(" ")
        route = self._route(method, path)
        with self._lock:
            self.asked.append(route)
            if (route == "file") == (headers.get("x-api-key") == KEY):
                self.leaks.append(f"{method} {path}")
            fault = self.choose(route)
        wire = Wire(self, sock, method, path, body)
        FAULTS[fault](wire) if fault else wire.send(wire.handle())
        return sock.fileno() >= 0 and headers.get("connection") != "close"

    def _route(self, method: str, path: str) -> str:
        parts = path.partition("?")[0].strip("/").split("/")
        if parts[0] == "files":
            return "file"
        if parts[1:2] == ["models"]:
            return "model" if len(parts) > 2 else "models"
        if method == "DELETE":
            return "delete"
        if parts[1:2] in (["chat"], ["responses"], ["embeddings"]):
            return "text"
        if method == "POST":
            return "cancel" if parts[-1] == "cancel" else "create"
        return "get" if len(parts) > 2 else "list"

    def answer(self, method: str, path: str, body: bytes) -> bytes:
        route, identifier = self._route(method, path), path.partition("?")[0].strip("/").split("/")[-1]
        if route == "file":
            return http(200, PICTURE, "image/png")
        if route == "create":
            asked = json.loads(body)
            identifier = self.add(asked["model"], asked["input"])
            return self._shown(identifier)
        if route == "text":
            self.billed.append("text")
            words = {"role": "assistant", "content": "A fox."}
            said = {"type": "message", "content": [{"type": "output_text", "text": "A fox."}]}
            both = {"choices": [{"index": 0, "message": words}], "output": [said], "status": "completed"}
            return http(
                200, json.dumps({"id": "t1", "data": [{"index": 0, "embedding": [0.5]}], **both}).encode()
            )
        if route in ("models", "model"):
            model = {
                "name": "TrueFusion",
                "namespace": "truefusion",
                "type": "image",
                "vendor": {"slug": "raw"},
            }
            return http(200, json.dumps([model] if route == "models" else model).encode())
        if route == "list":
            asked = dict(pair.split("=") for pair in path.partition("?")[2].split("&"))
            number, size = int(asked["page"]), int(asked["per_page"])
            with self._lock:
                newest = list(reversed(self.jobs.values()))
            data = [self._view(job) for job in newest[(number - 1) * size : number * size]]
            pages = {"current_page": number, "last_page": max(1, -(-len(newest) // size))}
            return http(200, json.dumps({"data": data, "pagination": pages}).encode())
        if route == "cancel":
            identifier = path.split("/")[-2]
        job = self.jobs.get(identifier)
        if job is None:
            return envelope(502, "PREDICTION_NOT_FOUND")
        if route == "cancel":
            if job["ends"] <= time.time():
                return envelope(400, "INVALID_PARAMETER")
            job["canceled"] = True
        if route == "delete":
            del self.jobs[identifier]
            return http(200, b'{"success": true}')
        return self._shown(identifier)

    def _shown(self, identifier: str) -> bytes:
        return http(200, json.dumps(self._view(self.jobs[identifier])).encode())

    def _view(self, job: dict[str, Any]) -> dict[str, Any]:
        done = time.time() >= job["ends"]
        status = "canceled" if job.get("canceled") else "succeeded" if done else "processing"
        shown = {
            "id": job["id"],
            "status": status,
            "model": {"name": job["model"], "type": "image"},
            "input": job["input"],
            "output": None,
            "created_at": datetime.fromtimestamp(job["made"], UTC).isoformat(),
        }
        if status == "succeeded":
            shown["output"] = [f"http://127.0.0.1:{self.port}/files/{job['id']}.png{self.signature}"]
            shown["completed_at"] = datetime.fromtimestamp(job["ends"], UTC).isoformat()
        return shown
