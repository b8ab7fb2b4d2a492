"""Downloads: what carries the fetching conversation out, blocking or under asyncio, and a one-call download.

No key ever goes out with a download: each request is built from nothing but the headers that the
conversation asks for, and is sent without the client's own headers, cookies or credentials.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from ..exceptions import NetworkError, OutputExpiredError, SkytellsError
from ..wire.fetching import Open, Opened, Read, Resolve, Unreachable, fetching
from ..wire.steps import Do, Fetch, Fetched

__all__ = ["afetch", "download", "fetch", "make_async_client", "make_client"]

_CHUNK: Final = 256 * 1024
_TIMEOUT: Final = {"connect": 10.0, "read": 30.0, "write": 30.0, "pool": 30.0}


def make_client(transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """Make a client for downloads: no key, no redirects of its own, proxies from the environment."""
    return httpx.Client(transport=transport, follow_redirects=False)


def make_async_client(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """Make the asyncio twin of `make_client`."""
    return httpx.AsyncClient(transport=transport, follow_redirects=False)


def fetch(step: Fetch, client: httpx.Client, *, pin: bool = True) -> Fetched:
    """Stream one URL into a file, blocking.

    Parameters
    ----------
    step : Fetch
        What to fetch and where to put it.
    client : httpx.Client
        Its connections are used; its headers, cookies and credentials are not.
    pin : bool
        Resolve and check host names here and connect to the checked address. False leaves names to
        the transport, for one that does not open sockets of its own.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from skytells_nb.wire.steps import Fetch
    >>> with make_client() as client, tempfile.TemporaryDirectory() as folder:
    ...     step = Fetch("http://127.0.0.1/a.png", pathlib.Path(folder) / "a")
    ...     fetch(step, client).problem
    'its host is at the loopback address 127.0.0.1'
    """
    return _at_once(_carry_out(step, _Threads(client), pin=pin))


async def afetch(step: Fetch, client: httpx.AsyncClient, *, pin: bool = True) -> Fetched:
    """Stream one URL into a file under asyncio; disk and name lookup run in threads.

    See `fetch` for the parameters.

    Examples
    --------
    >>> import asyncio, pathlib
    >>> from skytells_nb.wire.steps import Fetch
    >>> async def main():
    ...     async with make_async_client() as client:
    ...         return await afetch(Fetch("file:///etc/passwd", pathlib.Path("x")), client)
    >>> asyncio.run(main()).problem
    'its address is file: and not http'
    """
    return await _carry_out(step, _Tasks(client), pin=pin)


async def _carry_out(step: Fetch, hands: _Threads | _Tasks, *, pin: bool) -> Fetched:
    """Do what the conversation asks for, one thing after another, with whichever hands there are."""
    talk = fetching(step)
    reply: Any = None
    failure: Exception | None = None
    try:
        while True:
            try:
                ask = talk.send(reply) if failure is None else talk.throw(failure)
            except StopIteration as stop:
                return _result(stop.value)
            reply, failure = None, None
            try:
                if isinstance(ask, Read):
                    reply = await hands.read()
                elif isinstance(ask, Do):
                    reply = await hands.do(ask.function)
                elif isinstance(ask, Resolve):
                    direct = pin and not _proxied(ask, hands.client.trust_env)
                    reply = await hands.do(partial(_resolve, ask)) if direct else ()
                else:
                    reply = _opened(await hands.open(_request(ask)))
            except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
                failure = _unreachable(error)
            except OSError as error:
                failure = error if isinstance(ask, Do) else _unreachable(error)
    finally:
        talk.close()
        await hands.let_go()


class _Threads:
    """Does everything in the calling thread, at once: its coroutines never wait for an event loop."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self._response: httpx.Response | None = None
        self._chunks: Iterator[bytes] = iter(())

    async def open(self, request: httpx.Request) -> httpx.Response:
        await self.let_go()
        self._response = self.client.send(request, stream=True, auth=None, follow_redirects=False)
        self._chunks = self._response.iter_bytes(_CHUNK)
        return self._response

    async def read(self) -> bytes:
        return next(self._chunks, b"")

    async def do(self, function: Callable[[], Any]) -> Any:
        return function()

    async def let_go(self) -> None:
        if self._response is not None:
            self._response.close()


class _Tasks:
    """Does everything on the running event loop, and what would block it in threads."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self._response: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None

    async def open(self, request: httpx.Request) -> httpx.Response:
        await self.let_go()
        self._response = await self.client.send(request, stream=True, auth=None, follow_redirects=False)
        self._chunks = self._response.aiter_bytes(_CHUNK)
        return self._response

    async def read(self) -> bytes:
        return b"" if self._chunks is None else await anext(self._chunks, b"")

    async def do(self, function: Callable[[], Any]) -> Any:
        return await asyncio.to_thread(function)

    async def let_go(self) -> None:
        if self._response is not None:
            await self._response.aclose()


def _at_once(coro: Coroutine[Any, Any, Fetched]) -> Fetched:
    """Run a coroutine that waits for nothing, without any event loop."""
    try:
        coro.send(None)
    except StopIteration as stop:
        done: Fetched = stop.value
        return done
    coro.close()
    raise RuntimeError("a blocking download waited for an event loop")


def download(url: str, origin: str | None = None, *, limit: int = 512 * 2**20) -> bytes:
    """Download one output into memory, with a client of its own and without a key.

    Raises
    ------
    OutputExpiredError
        When its server says that it is gone.
    NetworkError
        When it cannot be had just now; the message says why.
    SkytellsError
        When it must not be fetched.

    Examples
    --------
    >>> from skytells_nb.exceptions import SkytellsError
    >>> try:
    ...     download("http://10.0.0.1/a.png")
    ... except SkytellsError as error:
    ...     print(error)
    The output cannot be fetched: its host is at the private address 10.0.0.1. It is paid for already.
    """
    with tempfile.TemporaryDirectory(prefix="skytells-") as folder, make_client() as client:
        path = Path(folder) / "output"
        result = fetch(Fetch(url, path, limit, origin), client)
        if result.problem is None:
            return path.read_bytes()
    words = f"The output cannot be fetched: {result.problem}. It is paid for already."
    if result.expired:
        raise OutputExpiredError(f"{words} The API keeps outputs for about 5 minutes only.")
    if result.final:
        raise SkytellsError(words)
    raise NetworkError(f"{words} Try again at once: the API keeps outputs for about 5 minutes only.")


def _result(value: object) -> Fetched:
    return value if isinstance(value, Fetched) else Fetched(problem="no answer")


def _request(ask: Open) -> httpx.Request:
    extensions: dict[str, Any] = {"timeout": _TIMEOUT}
    if ask.server_name is not None:
        extensions["sni_hostname"] = ask.server_name
    return httpx.Request("GET", ask.url, headers=dict(ask.headers), extensions=extensions)


def _opened(response: httpx.Response) -> Opened:
    return Opened(response.status_code, {name.lower(): value for name, value in response.headers.items()})


def _resolve(ask: Resolve) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(
            ask.host, ask.port or (443 if ask.scheme == "https" else 80), type=socket.SOCK_STREAM
        )
    except UnicodeError as error:
        raise OSError(f"{ask.host[:80]} is no host name") from error
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def _proxied(ask: Resolve, trust_env: bool) -> bool:
    if not trust_env:
        return False
    proxies = getproxies()
    found = proxies.get(ask.scheme) or proxies.get("all")
    return bool(found and urlsplit(found).scheme) and not proxy_bypass(ask.host)


def _unreachable(error: Exception) -> Unreachable:
    if isinstance(error, httpx.TimeoutException):
        return Unreachable("its server did not answer in time")
    if isinstance(error, socket.gaierror):
        return Unreachable("its host name cannot be resolved")
    return Unreachable(f"the connection failed: {str(error) or type(error).__name__}")
