"""Which connections are open in this process, for rooms that are handed an account or nothing at all."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from ..observers import Account

if TYPE_CHECKING:
    from .connection import Connection

__all__ = ["connection_for", "everything", "latest", "register"]

_lock = threading.Lock()
_made: list[weakref.ref[Connection]] = []


def register(connection: Connection) -> None:
    """Remember a connection for as long as somebody holds it."""
    with _lock:
        _made[:] = [made for made in _made if made() is not None]
        _made.append(weakref.ref(connection))


def everything() -> list[Connection]:
    """Give every connection that somebody holds, the newest first."""
    return [connection for made in reversed(_made) if (connection := made()) is not None]


def _open() -> list[Connection]:
    with _lock:
        return [connection for connection in everything() if not connection.closed]


def connection_for(account: Account) -> Connection | None:
    """Give the newest open connection of an account; None when there is none."""
    for connection in _open():
        known = connection.conversation.account
        if (known.origin, known.fingerprint) == (account.origin, account.fingerprint):
            return connection
    return None


def latest() -> Connection | None:
    """Give the newest open connection; None when there is none."""
    return next(iter(_open()), None)
