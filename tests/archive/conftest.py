"""A small asset server, real pictures, and an archive that sees predictions end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from archive.scenery import Assets, Carry, Keep

from skytells_nb.api import Account
from skytells_nb.archive import Archive
from skytells_nb.models import Prediction


@pytest.fixture
def assets() -> Iterator[Assets]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            here.asked.append(self.path)
            here.before_answer(self.path)
            first = here.statuses.get(self.path) or []
            data = here.files.get(self.path)
            status = first.pop(0) if first else 200 if data is not None else 404
            body = (data if status == 200 else b"sorry") or b""
            with suppress(ConnectionError):  # whoever asked was cancelled
                self._send(status, body)

        def _send(self, status: int, body: bytes) -> None:
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
def slept(archive: Archive) -> list[float]:
    """How long the archive wanted to wait between two tries; nobody waits."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    archive._writer.sleep = sleep
    return pauses


@pytest.fixture
def carry() -> Carry:
    """Run a coroutine of the archive's to its end, with real disk and real sockets."""
    return asyncio.run


@pytest.fixture
def keep(archive: Archive, account: Account, carry: Carry, slept: list[float]) -> Keep:
    """Let the archive see a prediction end."""

    def run(prediction: Prediction, **options: Any) -> Prediction:
        found: Prediction = carry(archive.ended(options.pop("account", account), prediction))
        return found

    return run
