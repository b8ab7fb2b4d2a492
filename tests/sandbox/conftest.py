"""A sandbox without a socket and with a clock that stands still until it is told to move."""

import hmac
import json
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from skytells_nb.sandbox import Core, HttpRequest, Options, Server
from skytells_nb.sandbox._messages import HttpResponse
from skytells_nb.sandbox._own_routes import OWN_ROUTES

NOON = 1_790_000_000.0


class Clock:
    """Seconds since the epoch, as the test says."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


class Painter:
    """Draws words instead of pictures, and counts how often it was asked."""

    def __init__(self) -> None:
        self.drawn: list[tuple[str, dict[str, Any], int]] = []

    def file_type(self, kind: str) -> tuple[str, str]:
        return {"image": ("image/png", "png"), "video": ("video/mp4", "mp4")}.get(kind, ("audio/wav", "wav"))

    def draw(self, kind: str, input: dict[str, Any], *, index: int = 0, **_: Any) -> tuple[bytes, str]:
        self.drawn.append((kind, dict(input), index))
        return f"{kind} {index} of {input.get('prompt')} seed {input.get('seed')}".encode(), "any/thing"


@dataclass
class Reply:
    """An answer, read."""

    answer: HttpResponse
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.status, self.headers = self.answer.status, self.answer.headers

    @property
    def json(self) -> Any:
        return json.loads(self.answer.work() if self.answer.work is not None else self.answer.body)

    @property
    def error_id(self) -> str:
        return str(self.json["error"]["error_id"])

    @property
    def details(self) -> Any:
        return self.json["error"]["details"]


class Talk:
    """Asks the core as a client would."""

    def __init__(self, clock: Clock, **options: Any) -> None:
        self.clock = clock
        self.painter = Painter()
        self.core = Core(Options(clock=clock, **options), media=self.painter, handlers=OWN_ROUTES)
        self.faults = self.core.faults

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        target, _, query = path.partition("?")
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {
            "x-api-key": "sk-anyone",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        origin = "http://sandbox.test"
        return Reply(self.core.answer(HttpRequest(method, target, query, sent, raw, origin)))

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, **headers)

    def create(self, model: str = "truefusion", prompt: str = "a fox", **rest: Any) -> Reply:
        input = {"prompt": prompt, **rest.pop("input", {})}
        return self.ask("POST", "/v1/predictions", {"model": model, "input": input, **rest})

    def made(self, model: str = "truefusion", prompt: str = "a fox", **rest: Any) -> dict[str, Any]:
        reply = self.create(model, prompt, **rest)
        assert reply.status == 200, reply.json
        body: dict[str, Any] = reply.json
        return body

    def read(self, id: str) -> dict[str, Any]:
        body: dict[str, Any] = self.get(f"/v1/predictions/{id}").json
        return body


@pytest.fixture(scope="session", autouse=True)
def started_nowhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let no sandbox that a test starts be taken for one that somebody has started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        yield


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def talk(clock: Clock) -> Callable[..., Talk]:
    """Make a core with options, and someone to talk to it."""
    return lambda **options: Talk(clock, **options)


@pytest.fixture
def painter() -> Painter:
    return Painter()


@pytest.fixture
def serve(painter: Painter) -> Iterator[Callable[..., Server]]:
    """Start servers that are stopped when the test ends."""
    servers: list[Server] = []

    def start(**options: Any) -> Server:
        server = Server(media=painter, **options).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@dataclass(frozen=True)
class Delivered:
    """A webhook as it arrived."""

    body: bytes
    signature: str

    def signature_by(self, key: str) -> str:
        return hmac.new(key.encode(), self.body, "sha256").hexdigest()


class Receiver:
    """A small web server that takes webhooks and answers with the statuses it was told, then with 200."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self._arrived: queue.Queue[Delivered] = queue.Queue()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver._arrived.put(Delivered(body, self.headers["X-Skytells-Signature"]))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def next(self) -> Delivered:
        return self._arrived.get(timeout=5)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()
