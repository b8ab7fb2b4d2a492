"""A server that speaks S3 (moto's), and what a bucket of it is asked and may refuse."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

__all__ = ["Bucket", "bucket", "bucket_server"]


@dataclass
class Bucket:
    """A bucket of its own for each test.

    ``refuse`` is given each request's method and path with query, and returns a status and an error code
    in the place of an answer, or None.
    """

    endpoint: str
    name: str
    refuse: Callable[[str, str], tuple[int, str] | None] = lambda method, path: None
    asked: list[tuple[str, str]] = field(default_factory=list)
    overwrites: bool = False
    """Whether it ignores that a name is to be put only where there is none, as some stores do."""

    @property
    def url(self) -> str:
        return f"s3://{self.name}/team"

    def objects(self) -> dict[str, bytes]:
        """What is in it, by name."""
        kept = _backend().buckets[self.name].keys
        return {name.removeprefix("team/"): kept[name].value for name in sorted(kept)}

    def put(self, name: str, data: bytes) -> None:
        """Put what no archive would."""
        _backend().put_object(self.name, f"team/{name}", data)

    def empty(self) -> None:
        """Delete everything in it."""
        for name in self.objects():
            _backend().delete_object(self.name, f"team/{name}")


def _backend() -> Any:
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    return s3_backends[DEFAULT_ACCOUNT_ID]["aws"]


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[tuple[str, dict[str, Bucket]]]:
    """The server; it knows which bucket a request is for, and lets that one refuse it."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    inner = DomainDispatcherApplication(create_backend_app)
    buckets: dict[str, Bucket] = {}
    one_at_a_time = threading.Lock()

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        here = buckets.get(path.split("/")[1])
        if here is not None:
            whole = f"{path}?{environ['QUERY_STRING']}"
            if here.overwrites:
                environ.pop("HTTP_IF_NONE_MATCH", None)
            here.asked.append((environ["REQUEST_METHOD"], whole))
            if refused := here.refuse(environ["REQUEST_METHOD"], whole):
                status, code = refused
                start(f"{status} Refused", [("Content-Type", "application/xml")])
                return [f"<Error><Code>{code}</Code><Message>{code} it is</Message></Error>".encode()]
        # moto looks whether there is one and puts later: of two at once both would, as in no real store.
        with one_at_a_time if "HTTP_IF_NONE_MATCH" in environ else nullcontext():
            answer: Iterable[bytes] = inner(environ, start)
        return answer

    class Silent(WSGIRequestHandler):
        def log(self, type: str, message: str, *args: Any) -> None:
            pass

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Silent)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", buckets
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def bucket(bucket_server: tuple[str, dict[str, Bucket]], monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A bucket, and an environment as Amazon's own tools would want it."""
    endpoint, buckets = bucket_server
    made = Bucket(endpoint, f"pictures-{uuid4().hex[:12]}")
    _backend().create_bucket(made.name, "us-east-1")
    buckets[made.name] = made
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    yield made
    del buckets[made.name]
