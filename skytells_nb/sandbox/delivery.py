"""Delivers webhooks from threads of its own, one to a host, so that a slow receiver holds up itself alone."""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit, urlunsplit

from skytells_nb.sandbox import addressees
from skytells_nb.sandbox.core import Core
from skytells_nb.sandbox.notices import Notice

#: Seconds a receiver may take. Ours: section 7 documents no timeout.
PATIENCE = 5.0
#: To how many hosts it delivers at a time; those of further ones stand in a line with another's.
LANES = 16
#: Seconds between two looks at a clock that is not the system's.
LOOK_AGAIN = 0.02


class Courier:
    """Delivers what the core says is due; its thread starts with the first webhook.

    Parameters
    ----------
    core : Core
        Knows what is due.
    origin : str
        For the absolute URLs in what is delivered; empty to take the one under which each create came.
    steady : bool
        Whether the core's clock is the system's; another one may jump, so it is looked at more often.
    """

    def __init__(self, core: Core, origin: str, *, steady: bool) -> None:
        self._core = core
        self._origin = origin
        self._steady = steady
        self._news = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._lanes: dict[str, _Lane] = {}

    def wake(self) -> None:
        """Say that something may be due."""
        self._news.set()
        if self._thread is None:
            with self._lock:
                if self._thread is None and not self._stopped:
                    self._thread = threading.Thread(
                        target=self._run, name="skytells-sandbox-webhooks", daemon=True
                    )
                    self._thread.start()

    def stop(self) -> None:
        """Stop delivering; one that is under way is finished first, and what stands in line stays due."""
        with self._lock:
            self._stopped = True
        self._news.set()
        until = time.monotonic() + PATIENCE + 1
        if self._thread is not None:
            self._thread.join(PATIENCE + 1)
        for lane in self._lanes.values():
            lane.notices.put(None)
        for lane in self._lanes.values():
            lane.thread.join(max(until - time.monotonic(), 0))

    def _run(self) -> None:
        while not self._stopped:
            self._news.clear()
            notice = self._core.due_notice(self._origin)
            if notice is not None:
                self._lane(notice).notices.put(notice)
                continue
            wait = self._core.next_notice()
            self._news.wait(wait if self._steady or wait is None else LOOK_AGAIN)

    def _lane(self, notice: Notice) -> _Lane:
        """Find the line for a notice's host, which keeps the order of what goes there."""
        host = urlsplit(notice.url).netloc
        if len(self._lanes) >= LANES and host not in self._lanes:
            return list(self._lanes.values())[hash(host) % LANES]
        if host not in self._lanes:
            self._lanes[host] = _Lane(self._deliver)
        return self._lanes[host]

    def _deliver(self, notices: queue.SimpleQueue[Notice | None]) -> None:
        while (notice := notices.get()) is not None:
            if self._stopped:
                self._core.put_back(notice)
                continue
            outcome = self._post(notice)
            if not self._stopped:
                self._core.delivered(notice, *outcome)
                self._news.set()  # a failed one is due again

    def _post(self, notice: Notice) -> tuple[int | None, str | None]:
        """Send one; no redirect is followed, for a signed body goes to the address that was registered."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "skytells-sandbox",
            "X-Skytells-Signature": notice.signature,
            "Connection": "close",
        }
        try:
            parts = urlsplit(notice.url)
            line = self._line(parts.scheme, parts.hostname or "", parts.port, notice.asker)
            with contextlib.closing(line):
                path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
                line.request("POST", path, notice.body, headers)
                answer = line.getresponse()
                return answer.status, None if 200 <= answer.status < 300 else answer.reason
        except (OSError, HTTPException, ValueError) as error:
            return None, str(error) or type(error).__name__

    def _line(self, scheme: str, host: str, port: int | None, asker: str | None) -> HTTPConnection:
        if scheme == "https":
            return _SecureLine(host, port, asker, self._trust)
        return _Line(host, port, asker)

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context()


class _Lane:
    """The notices to one host, in order, and the thread that delivers them."""

    def __init__(self, deliver: Callable[[queue.SimpleQueue[Notice | None]], None]) -> None:
        self.notices: queue.SimpleQueue[Notice | None] = queue.SimpleQueue()
        self.thread = threading.Thread(
            target=deliver, args=(self.notices,), name="skytells-sandbox-webhook", daemon=True
        )
        self.thread.start()


class _Line(HTTPConnection):
    """A connection to where the asker may send something; to anywhere when there is no asker."""

    def __init__(self, host: str, port: int | None, asker: str | None) -> None:
        super().__init__(host, port, timeout=PATIENCE)
        self._asker = asker

    def connect(self) -> None:
        """Connect."""
        self.sock = _reached(self.host, self.port, self._asker)


class _SecureLine(HTTPSConnection):
    """The same under TLS; the certificate has to be the host's that was named."""

    def __init__(self, host: str, port: int | None, asker: str | None, trust: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=PATIENCE, context=trust)
        self._asker, self._trust = asker, trust

    def connect(self) -> None:
        """Connect, and shake hands."""
        line = _reached(self.host, self.port, self._asker)
        try:
            self.sock = self._trust.wrap_socket(line, server_hostname=self.host)
        except BaseException:
            line.close()
            raise


def _reached(host: str, port: int, asker: str | None) -> socket.socket:
    if asker is None:
        return socket.create_connection((host, port), PATIENCE)
    return addressees.connect(host, port, asker, PATIENCE)
