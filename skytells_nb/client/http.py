"""httpx, and what of it the toolkit relies on: clients without a key, exchanges that never raise.

An exchange gives an `Answer` or a `NoAnswer`. httpx's own exceptions stay in here, and with them the
request objects that hold the key.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from functools import cache
from typing import Final
from urllib.request import getproxies

import httpx

from .. import __version__
from ..wire.steps import Answer, NoAnswer, Reply, Request
from . import origin
from .lanes import Lanes

__all__ = ["async_client", "async_exchange", "blocking_client", "exchange"]

_LIMITS: Final = httpx.Limits(max_connections=100, max_keepalive_connections=12, keepalive_expiry=5.0)
"""As many as the gate lets in, since those between two requests count as idle; and not for long, since the
pool looks at all of them, several times, for every request."""

_HEADERS: Final = (
    ("accept", "application/json"),
    ("accept-encoding", "gzip, deflate"),
    ("content-type", "application/json"),
    ("user-agent", f"skytells-nb/{__version__}"),
)

_CLOSED: Final = NoAnswer("refused", sent=False, words="the client was closed meanwhile")


@cache
def _trust() -> ssl.SSLContext:
    """Load the trust store once for all clients: it takes some 50 ms."""
    return httpx.create_ssl_context()


@cache
def _no_trust() -> ssl.SSLContext:
    """Make a context that trusts nobody, for an origin that needs none."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _tls(base_url: str) -> ssl.SSLContext:
    return _trust() if base_url.startswith("https:") else _no_trust()


def blocking_client(base_url: str, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """Make a client for one origin, for threads to share."""
    return httpx.Client(
        verify=_tls(base_url),
        limits=_LIMITS,
        transport=transport,
        trust_env=not origin.is_loopback(base_url),
    )


def async_client(base_url: str, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """Make a client for one origin and one event loop; proxies of the environment are httpx's own affair."""
    direct = origin.is_loopback(base_url) or not getproxies()
    if transport is None and direct:
        transport = Lanes(_tls(base_url))
    return httpx.AsyncClient(verify=_tls(base_url), limits=_LIMITS, transport=transport, trust_env=not direct)


def exchange(client: httpx.Client, base_url: str, request: Request, key: origin.Key, timeout: float) -> Reply:
    """Exchange one request, within ``timeout`` seconds in all."""
    seconds = request.timeout or timeout
    until = time.monotonic() + seconds
    try:
        response = client.send(_written(base_url, request, key, seconds), auth=None, stream=True)
        try:
            chunks = []
            for chunk in response.iter_bytes():
                chunks.append(chunk)
                if time.monotonic() > until:
                    return _late(seconds)
            return _answer(response, b"".join(chunks))
        finally:
            response.close()
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return _no_answer(error, seconds)
    except RuntimeError:
        if client.is_closed:
            return _CLOSED
        raise


async def async_exchange(
    client: httpx.AsyncClient, base_url: str, request: Request, key: origin.Key, timeout: float
) -> Reply:
    """Exchange one request under asyncio, within ``timeout`` seconds in all."""
    seconds = request.timeout or timeout
    try:
        async with asyncio.timeout(seconds):
            response = await client.send(_written(base_url, request, key, seconds), auth=None)
            return _answer(response, response.content)
    except TimeoutError:
        return _late(seconds)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return _no_answer(error, seconds)
    except RuntimeError:
        if client.is_closed:
            return _CLOSED
        raise


def _written(base_url: str, request: Request, key: origin.Key, seconds: float) -> httpx.Request:
    """Write a request whole: nothing that the client may have picked up, such as a cookie, is added."""
    return httpx.Request(
        request.method,
        base_url + request.target,
        headers=[*_HEADERS, ("x-api-key", key.reveal())],
        content=request.body,
        extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), seconds)},
    )


def _answer(response: httpx.Response, body: bytes) -> Answer:
    headers = {n.decode("latin-1").lower(): v.decode("latin-1") for n, v in response.headers.raw}
    return Answer(response.status_code, headers, body)


def _late(seconds: float) -> NoAnswer:
    return NoAnswer("timeout", sent=True, words=f"no answer within {seconds:g} s")


def _no_answer(error: Exception, seconds: float) -> NoAnswer:
    """Sort a failure by whether the API may have received the request."""
    words = f"{type(error).__name__}: {error}".rstrip(": ")
    unsent = (
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.PoolTimeout,
        httpx.ProxyError,
        httpx.UnsupportedProtocol,
        httpx.LocalProtocolError,
        httpx.InvalidURL,
    )
    if isinstance(error, unsent):
        return NoAnswer("refused", sent=False, words=words)
    if isinstance(error, httpx.TimeoutException):
        return _late(seconds)
    return NoAnswer("dropped", sent=True, words=words)
