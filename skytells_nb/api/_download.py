"""Downloading an output: what is checked, what is followed, when to give up.

The URL comes from a server, so it is not trusted. Every host is resolved first, its addresses are checked,
and the connection goes to an address that was checked, so a name that changes its mind in between gains
nothing. No key ever goes out with a download: a request has the headers below and no others.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import IO, Any, Final, TypeVar
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx

from .._options import options
from ..aio import is_toolkit_thread, run
from ..exceptions import NetworkError, OutputExpiredError, SkytellsError
from ..filetypes import sniff
from ._credentials import ProxyRoute
from ._http import unasked_encoding
from ._retry import is_retried

_NEVER: Final = frozenset({"multicast", "unspecified"})
_NAT64: Final = ip_network("64:ff9b::/96")
_NAT64_LOCAL: Final = ip_network("64:ff9b:1::/48")
_COMPATIBLE: Final = ip_network("::/96")
_SITE_LOCAL: Final = ip_network("fec0::/10")
_SHARED: Final = ip_network("100.64.0.0/10")
_PRIVATE: Final = tuple(
    ip_network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)


def kind_of_address(address: str) -> str | None:
    """Return which non-public kind of address this is, also where IPv6 wraps an IPv4 one; None if public."""
    try:
        read = ip_address(address.partition("%")[0])
    except ValueError:
        return "reserved"
    if read.is_unspecified:
        return "unspecified"
    if read.is_loopback:
        return "loopback"
    if isinstance(read, IPv6Address):
        inner = _embedded(read)
        if inner is not None:
            return kind_of_address(str(inner))
        if read in _SITE_LOCAL or read in _NAT64_LOCAL:
            return "private"
    if read.is_multicast:
        return "multicast"
    if read.is_link_local:
        return "link-local"
    if any(read in block for block in _PRIVATE):
        return "private"
    if read in _SHARED:
        return "shared"
    return None if read.is_global and not read.is_reserved else "reserved"


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or address in _COMPATIBLE:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def check_url(
    url: str, addresses: Sequence[str] = (), origin: str | None = None, origin_addresses: Sequence[str] = ()
) -> str | None:
    """Say in words why this URL must not be fetched; None when it may.

    `addresses` are what its host resolves to. A non-public one is allowed only where the API at `origin`
    itself is on one of the same kind (`origin_addresses`); the rest of the private network stays out of
    reach.
    """
    parts = split(url)
    if isinstance(parts, str):
        return parts
    host = parts.hostname or ""
    at_home = {kind_of_address(a) for a in (*origin_addresses, *literal(host_of(origin)))} - {None}
    for address in (*literal(host), *addresses):
        kind = kind_of_address(address)
        if kind is not None and (kind in _NEVER or kind not in at_home):
            return f"its host is at the {kind} address {address}"
    if not addresses and (host == "localhost" or host.endswith(".localhost")) and "loopback" not in at_home:
        return "its host is this computer"
    return None


def split(url: str) -> SplitResult | str:
    """Take a URL apart, or say in words why it is none that can be fetched."""
    if re.search(r"[\x00-\x20\x7f\\]", url):
        return "its address has characters that no URL has"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "its address cannot be read"
    if parts.scheme.lower() not in ("http", "https"):
        return f"its address is {parts.scheme or 'no'}: and not http"
    if parts.username is not None or parts.password is not None:
        return "its address carries a user name"
    return parts if parts.hostname else "its address names no host"


def literal(host: str) -> tuple[str, ...]:
    """Return the address that a host is by itself, if it is one."""
    try:
        return (str(ip_address(host.partition("%")[0])),) if host else ()
    except ValueError:
        return ()


def host_of(url: str | None) -> str:
    try:
        return (urlsplit(url).hostname or "") if url else ""
    except ValueError:
        return ""


T = TypeVar("T")

MAX_REDIRECTS: Final = 5
MAX_SIZE: Final = 512 * 2**20
"""Bytes of one output."""

_log = logging.getLogger("skytells_nb")

_CHUNK: Final = 256 * 1024
_HEAD: Final = 4096
_ADDRESSES_TRIED: Final = 4
_LIMITS: Final = httpx.Timeout(30.0, connect=10.0).as_dict()

_HEADERS_IN: Final = 20.0
"""Seconds in which a server must have sent its headers, however it drips them: one that makes the file only
when it is asked for, as a busy sandbox does, takes ten."""

_PATIENCE: Final = 30.0
_SLOWEST: Final = 16 * 1024
"""A body may take 30 s and as long again as it takes at 16 kB/s: what is slower never comes to an end."""


@dataclass(frozen=True, slots=True)
class Download:
    """What came of a download: a size in bytes, or a ``problem`` in words.

    ``final`` says that trying again soon is of no use; ``expired`` that the server has no such file;
    ``withheld`` that it has none or does not show it, as stores do until a new file has reached them.
    """

    size: int = 0
    media_type: str | None = None
    problem: str | None = None
    final: bool = False
    expired: bool = False
    withheld: bool = False


class _Unreachable(Exception):
    """An exchange that broke: unresolved, refused, dropped or (then it is final) timed out."""

    def __init__(self, problem: str, *, final: bool = False) -> None:
        super().__init__(problem)
        self.final = final


@dataclass(frozen=True, slots=True)
class Downloader:
    """How a client's outputs are fetched: its own route, and its own transport if it has one.

    A transport of the user's opens no sockets of ours, so names are left to it.
    """

    route: ProxyRoute = field(default_factory=ProxyRoute)
    transport: httpx.AsyncBaseTransport | None = None


_PLAIN: Final = Downloader()

downloader: ContextVar[Downloader] = ContextVar("skytells_downloader", default=_PLAIN)
"""That of the connection whose observers are being told; a plain one elsewhere."""


async def download(
    url: str,
    path: Path,
    *,
    origin: str | None = None,
    limit: int = MAX_SIZE,
    clock: Callable[[], float] = time.monotonic,
) -> Download:
    """Stream one URL into a new file: check, open, follow, store. Nothing is raised for a bad server.

    A file is left at ``path`` only when the whole output, at most `limit` bytes, is in it; an existing file
    is never written to. Non-public addresses are refused unless the API at `origin` is on one itself.
    """
    token = downloader.set(_of_a_connection(origin))
    try:
        found = await _follow(url, path, origin, limit, clock)
    except _Unreachable as error:
        found = Download(problem=str(error), final=error.final)
    except SkytellsError as error:  # a proxy or certificates that cannot be used
        found = Download(problem=error.message.rstrip("."))
    finally:
        downloader.reset(token)
    # The host alone: whoever has the whole URL, signed as it is, has the file.
    _log.debug("output from %s: %s", host_of(url), found.problem or f"{found.size:,} bytes")
    return found


async def _follow(
    url: str, path: Path, origin: str | None, limit: int, clock: Callable[[], float]
) -> Download:
    for _ in range(MAX_REDIRECTS + 1):
        parts = split(url)
        if isinstance(parts, str):
            return Download(problem=parts, final=True)
        problem, addresses = await _check(url, parts, origin)
        if problem is not None:
            return Download(problem=problem, final=True)
        transport, response = await _open(parts, addresses)
        try:
            location = response.headers.get("location")
            if response.status_code not in (301, 302, 303, 307, 308) or location is None:
                return await _store(response, path, limit, clock)
            target = urljoin(url, location.strip().replace(" ", "%20"))  # as browsers read it
            if parts.scheme == "https" and target.lower().startswith("http:"):
                return Download(problem="it redirects from https to http", final=True)
            url = target
        finally:
            await response.aclose()
            if downloader.get().transport is None:
                await transport.aclose()
    return Download(problem=f"it redirects more than {MAX_REDIRECTS} times", final=True)


async def _check(url: str, parts: SplitResult, origin: str | None) -> tuple[str | None, tuple[str, ...]]:
    """Return why a URL must not be fetched, or None, and the addresses that were checked."""
    host, found = parts.hostname or "", tuple[str, ...]()
    if not literal(host):
        found = await _resolve(url)
    problem = check_url(url, found, origin)
    # An API in a private network, such as a class's sandbox, may name outputs
    # that lie there. Where it is known by name, only its addresses show that.
    if problem is not None and origin and not literal(host_of(origin)):
        with suppress(_Unreachable):
            problem = check_url(url, found, origin, await _resolve(origin))
    if problem is not None and options.private_outputs:
        problem = check_url(url)  # what is no web address at all stays refused
    return problem, found


async def _resolve(url: str) -> tuple[str, ...]:
    """Look a URL's host up; () where somebody else resolves it: a proxy, or the user's own transport."""
    how, parts = downloader.get(), urlsplit(url)
    if how.transport is not None or how.route.proxy_for(url) is not None:
        return ()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            parts.hostname or "", port, type=socket.SOCK_STREAM
        )
    except UnicodeError:
        raise _Unreachable("its host has no valid name") from None
    except OSError:
        raise _Unreachable("its host name cannot be resolved") from None
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


async def _open(
    parts: SplitResult, addresses: Sequence[str]
) -> tuple[httpx.AsyncBaseTransport, httpx.Response]:
    """Send a GET to the first checked address that answers; returns the transport to close, too."""
    host = parts.hostname or ""
    try:
        name = host if ":" in host else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise _Unreachable("its host has no valid name") from None
    shown = f"[{name}]" if ":" in name else name
    headers = {
        "Host": f"{shown}:{parts.port}" if parts.port else shown,
        "User-Agent": "skytells-nb",
        "Accept": "*/*",
        # A compressed body's Content-Length would not be that
        # of the file, and a cut one would pass for whole.
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    how, failure = downloader.get(), _Unreachable("no answer")
    for address in addresses[:_ADDRESSES_TRIED] or (name,):
        # By the address that was checked: asked for by name, another could answer this time (DNS rebinding).
        place = f"[{address}]" if ":" in address else address
        netloc = f"{place}:{parts.port}" if parts.port else place
        url = parts._replace(netloc=netloc, path=parts.path or "/", fragment="").geturl()
        extensions: dict[str, Any] = {"timeout": _LIMITS}
        if addresses:
            extensions["sni_hostname"] = name  # the certificate must bear the name, not the address
        transport = how.transport or httpx.AsyncHTTPTransport(
            verify=how.route.trust(url), proxy=how.route.proxy_for(parts.geturl())
        )
        opened: httpx.Response | None = None
        try:
            request = httpx.Request("GET", url, headers=headers, extensions=extensions)
            async with asyncio.timeout(_HEADERS_IN):
                opened = await transport.handle_async_request(request)
            return transport, opened
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            failure = _describe(error)
        finally:
            if opened is None and how.transport is None:
                await transport.aclose()
    raise failure


def _describe(error: Exception) -> _Unreachable:
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return _Unreachable("its server did not answer in time", final=True)
    return _Unreachable(f"the connection failed: {str(error) or type(error).__name__}")


async def _store(response: httpx.Response, path: Path, limit: int, clock: Callable[[], float]) -> Download:
    status = response.status_code
    if status not in (200, 203) and not _is_whole_range(response):
        # 202 is "not ready", and what comes with it is no output.
        missing, is_ahead = status in (404, 410), status < 300
        problem = "the API has deleted it" if missing else "its server refused it"
        final, withheld = not (is_ahead or is_retried(status)), missing or is_ahead or status == 403
        return Download(problem=f"{problem} ({status})", final=final, expired=missing, withheld=withheld)
    announced = response.headers.get("content-length", "")
    plain = response.headers.get("content-encoding", "identity").lower() in ("", "identity")
    expected = int(announced) if announced.isdecimal() and len(announced) < 19 and plain else None
    if expected is not None and expected > limit:
        return _too_large(expected, limit)
    if encoding := unasked_encoding(response):
        return Download(problem=f"it came as {encoding}", final=True)
    try:
        file: IO[bytes] = path.open("xb")  # not in a thread: a cancellation would leave it open
    except OSError as error:
        return _unwritten(error)
    is_whole = False
    try:
        done = await _receive(response, file, expected, limit, clock)
        is_whole = done.problem is None
        return done
    except OSError as error:
        return _unwritten(error)
    finally:
        with suppress(OSError):
            file.close()
        if not is_whole:
            path.unlink(missing_ok=True)  # noqa: ASYNC240 - at once, also when cancelled


def _is_whole_range(response: httpx.Response) -> bool:
    """Return whether a 206, which nobody asked for, is of the whole file all the same."""
    found = re.fullmatch(r"bytes 0-(\d{1,18})/(\d{1,18})", response.headers.get("content-range", "").strip())
    return response.status_code == 206 and found is not None and int(found[1]) + 1 == int(found[2])


async def _receive(
    response: httpx.Response, file: IO[bytes], expected: int | None, limit: int, clock: Callable[[], float]
) -> Download:
    """Write a body into an open file; raises OSError for what the disk does not take."""
    began, size, head = clock(), 0, bytearray()
    parts = response.aiter_bytes(_CHUNK)
    while True:
        try:
            async with asyncio.timeout(_LIMITS["read"]):
                data = await anext(parts, b"")
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            raise _describe(error) from None
        if not data:
            break
        size += len(data)
        if size > limit:
            return _too_large(None, limit)
        if clock() - began > _PATIENCE + size / _SLOWEST:
            return Download(problem="it came too slowly", final=True)
        head += data[: max(0, _HEAD - len(head))]
        # A slow disk, or one in the network, must not hold up everyone else's predictions on this loop.
        await asyncio.to_thread(file.write, data)
    if size == 0:
        return Download(problem="its server sent nothing")
    if expected is not None and size < expected:
        return Download(problem=f"it broke off after {size:,} of {expected:,} bytes")
    await asyncio.to_thread(_flush, file)
    return Download(size=size, media_type=sniff(bytes(head)))


def _flush(file: IO[bytes]) -> None:
    file.flush()
    # The API deletes its own copy after five minutes (section 12): this one has to survive a power cut.
    os.fsync(file.fileno())


def _too_large(size: int | None, limit: int) -> Download:
    what = f"it has {size / 2**20:,.0f} MiB" if size else "it is larger than announced"
    return Download(problem=f"{what}; at most {limit / 2**20:,.0f} MiB are fetched", final=True)


def _unwritten(error: OSError) -> Download:
    return Download(problem=f"it could not be written to disk: {error.strerror or error}", final=True)


def download_bytes(url: str, origin: str | None = None) -> bytes:
    """Download one output into memory, without a key; raises what says whether trying again may help."""
    with tempfile.TemporaryDirectory(prefix="skytells-") as folder:
        path = Path(folder) / "output"
        result = _blocking(download(url, path, origin=origin))
        if result.problem is None:
            return path.read_bytes()
    message = f"The output cannot be fetched: {result.problem}."
    if result.expired:
        raise OutputExpiredError(f"{message} The API keeps outputs for about 5 minutes only.")
    if result.final:
        raise SkytellsError(message)
    raise NetworkError(f"{message} Try again at once: the API keeps outputs for about 5 minutes only.")


def _of_a_connection(origin: str | None) -> Downloader:
    """Return how an open connection to that API fetches, where it has a transport of its own."""
    from ._connection import connections  # it knows this module

    if downloader.get() is not _PLAIN:
        return downloader.get()
    for connection in connections():
        if connection.transport is not None and not connection.closed and connection.account.origin == origin:
            return Downloader(connection.route, connection.transport)
    return downloader.get()


def _blocking(coro: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine from any thread, also from the toolkit's own, which draws what forms made."""
    if not is_toolkit_thread():
        return run(coro)
    results: list[T] = []
    thread = threading.Thread(target=lambda: results.append(asyncio.run(coro)), name="skytells-download")
    thread.start()
    thread.join()
    return results[0]
