"""uvicorn's HTTP protocol, with a way to break a connection and without a log of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

LOG = logging.getLogger("skytells_nb.sandbox.http")
LOG.addHandler(logging.NullHandler())
LOG.propagate = False


class BreakableProtocol(H11Protocol):
    """Hands its transport to the application, as ``scope["state"]["transport"]``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = LOG
        self.access_log = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def break_off(transport: asyncio.Transport, *, reset: bool) -> None:
    """Close a connection without another byte: orderly, or by a TCP reset."""
    if reset:
        connection: socket.socket | None = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
