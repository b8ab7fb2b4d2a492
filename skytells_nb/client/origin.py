"""Whom to talk to and as whom: the key and the base URL, checked before anything is sent."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import sys
from contextlib import suppress
from typing import Final, NoReturn
from urllib.parse import urlsplit

from ..exceptions import AuthenticationError, InvalidInputError

__all__ = ["DEFAULT_BASE_URL", "Key", "base_url", "find_key", "is_loopback"]

DEFAULT_BASE_URL: Final = "https://api.skytells.ai/v1"


class Key:
    """An API key that shows itself to nobody: not in a repr, not in a pickle, not in a traceback."""

    __slots__ = ("_value", "fingerprint")

    def __init__(self, value: str) -> None:
        self._value = value
        self.fingerprint = hashlib.sha256(b"skytells_nb\0" + value.encode()).hexdigest()[:12]

    def reveal(self) -> str:
        """Give the key itself, for the header of a request to its own origin."""
        return self._value

    def __repr__(self) -> str:
        return f"Key(fingerprint={self.fingerprint!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an API key is never pickled; give the key to the other process by its environment")


def find_key(given: str | None) -> Key:
    """Find the key: as given, else ``SKYTELLS_API_KEY``, else Colab's secret of that name.

    Raises
    ------
    AuthenticationError
        There is none, or it can be no key. Nothing was sent.
    """
    if given is not None and not isinstance(given, str):
        raise _bad_key(f"it must be a string, not {type(given).__name__}")
    value = given if given is not None else os.environ.get("SKYTELLS_API_KEY") or _colab_secret() or ""
    value = value.strip()
    if not value:
        raise AuthenticationError(
            "No API key: none was given, and SKYTELLS_API_KEY is not set. Nothing was sent. Set "
            "SKYTELLS_API_KEY or pass api_key=…; without a key, skytells_nb.connect() works on the sandbox.",
            charged=False,
        )
    if any(not 33 <= ord(c) <= 126 for c in value):
        raise _bad_key("it holds a space, a line break or another character that no key has")
    return Key(value)


def _bad_key(why: str) -> AuthenticationError:
    return AuthenticationError(
        f"This can be no API key: {why}. Nothing was sent. Copy it again from the Skytells console; keys "
        "start with sk-.",
        charged=False,
    )


def _colab_secret() -> str | None:
    if "google.colab" not in sys.modules:
        return None
    with suppress(Exception):
        from google.colab import userdata

        found = userdata.get("SKYTELLS_API_KEY")
        return found if isinstance(found, str) else None
    return None


def base_url(given: str | None) -> str:
    """Find the base URL: as given, else ``SKYTELLS_BASE_URL``, else the real API's.

    Raises
    ------
    InvalidInputError
        It is no http(s) URL of a host. Nothing was sent.
    """
    value = given if given is not None else os.environ.get("SKYTELLS_BASE_URL") or DEFAULT_BASE_URL
    if not isinstance(value, str):
        raise _bad_url(value, "it must be a string")
    value = value.strip().rstrip("/")
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise _bad_url(value, str(error)) from None
    if parts.scheme not in ("http", "https") or not host:
        raise _bad_url(value, "it must start with https:// and name a host")
    if parts.username is not None or parts.query or parts.fragment or any(c.isspace() for c in value):
        raise _bad_url("…", "it must be a plain URL, without user, query, fragment or white space")
    if parts.scheme == "http" and not is_private(host):
        raise _bad_url(value, "over plain http the key could be read on the way; use https")
    return value


def _bad_url(value: object, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"base_url {value!r} cannot be used: {why}. Nothing was sent. The real API is {DEFAULT_BASE_URL}.",
        charged=False,
    )


def is_loopback(url: str) -> bool:
    """Whether a URL is on this machine, where no proxy has any business."""
    host = urlsplit(url).hostname or ""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def is_private(host: str) -> bool:
    """Whether a host is on this machine or its own network, by its name alone."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_private
    return host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or "." not in host
