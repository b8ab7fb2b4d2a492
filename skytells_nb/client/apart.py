"""The blocking httpx client of what goes on in the background, apart from whatever was interrupted."""

from __future__ import annotations

import threading

import httpx

from . import http

__all__ = ["Apart"]


class Apart:
    """An httpx client that is open while somebody has it on loan.

    A hundred predictions may have to be canceled within two seconds, which is too short for a hundred new
    connections; and whoever was interrupted may close the client that there was.
    """

    def __init__(self, base_url: str, transport: httpx.BaseTransport | None) -> None:
        self._origin = base_url
        self._transport = transport
        self._lock = threading.Lock()
        self._loans = 0
        self._client: httpx.Client | None = None

    def lend(self) -> None:
        """Count somebody who may use the client."""
        with self._lock:
            self._loans += 1

    def give_back(self) -> None:
        """Count them out; the last one closes it."""
        with self._lock:
            self._loans -= 1
            client = None if self._loans else self._client
            if client is not None:
                self._client = None
        if client is not None and self._transport is None:
            client.close()

    @property
    def client(self) -> httpx.Client:
        """The client, made when it is first needed."""
        with self._lock:
            if self._client is None:
                self._client = http.blocking_client(self._origin, self._transport)
            return self._client
