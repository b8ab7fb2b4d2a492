"""A small asset server, real pictures, and a driver of ten lines for the archive's flow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from archive.scenery import Assets, Carry, Keep

from skytells_nb.archive import Archive
from skytells_nb.client.fetch import fetch, make_client
from skytells_nb.models import Prediction
from skytells_nb.observers import Account
from skytells_nb.wire.steps import Do, Fetch, Fetched, Flow, Sleep


@pytest.fixture
def assets() -> Iterator[Assets]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            here.asked.append(self.path)
            first = here.statuses.get(self.path) or []
            data = here.files.get(self.path)
            status = first.pop(0) if first else 200 if data is not None else 404
            body = (data if status == 200 else b"sorry") or b""
            self.send_response(status)
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Assets(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield here
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def account(assets: Assets) -> Account:
    return Account(assets.url + "/v1", "0123456789ab")


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive(tmp_path / "out") as archive:
        yield archive


@pytest.fixture
def slept() -> list[float]:
    """How long flows wanted to sleep; nobody does."""
    return []


@pytest.fixture
def carry(slept: list[float]) -> Carry:
    """Carry a flow out with real disk and real sockets, and no waiting."""

    def run(flow: Flow[Any], fetched: Callable[[Fetch], Fetched] | None = None) -> Any:
        value: Any = None
        error: BaseException | None = None
        with make_client() as client:
            while True:
                try:
                    step = flow.send(value) if error is None else flow.throw(error)
                except StopIteration as stop:
                    return stop.value
                value = error = None
                try:
                    if isinstance(step, Do):
                        value = step.function()
                    elif isinstance(step, Fetch):
                        value = fetch(step, client) if fetched is None else fetched(step)
                    else:
                        assert isinstance(step, Sleep)
                        slept.append(step.seconds)
                except Exception as raised:
                    error = raised

    return run


@pytest.fixture
def keep(archive: Archive, account: Account, carry: Carry) -> Keep:
    """Let the archive see a prediction end."""

    def run(prediction: Prediction, **options: Any) -> Prediction:
        found: Prediction = carry(archive.ended(options.pop("account", account), prediction), **options)
        return found

    return run
