"""How an output is downloaded: what is checked, what is followed, when to give up.

Every host is resolved first, its addresses are checked, and the connection goes to an address that
was checked, so a name that changes its mind in between gains nothing. `fetching` holds the whole
conversation as a generator; ``skytells_nb.client.fetch`` carries it out, blocking or under asyncio.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Any, Final, TypeAlias
from urllib.parse import SplitResult, urljoin, urlsplit

from ..filetypes import sniff
from .addresses import check_url, host_of, kind_of_address, literal, split
from .steps import Do, Fetch, Fetched

__all__ = [
    "MAX_REDIRECTS",
    "Ask",
    "Open",
    "Opened",
    "Read",
    "Resolve",
    "Unreachable",
    "check_url",
    "fetching",
    "kind_of_address",
]

MAX_REDIRECTS: Final = 5
_HEAD: Final = 4096
_ADDRESSES_TRIED: Final = 4


class Unreachable(Exception):
    """A driver's word for an exchange that broke: unresolved, refused, dropped or timed out."""


@dataclass(frozen=True, slots=True)
class Resolve:
    """Look a host up; sent its addresses, or () where somebody else resolves it (a proxy)."""

    host: str
    port: int | None
    scheme: str


@dataclass(frozen=True, slots=True)
class Open:
    """Send one GET with exactly these headers and leave the body unread; sent an `Opened`.

    ``server_name`` is the name that the certificate must bear, where the URL holds an address.
    """

    url: str
    headers: Mapping[str, str]
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """Status and headers of an answer, names in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Read:
    """Give the next bytes of the open answer; b"" at its end."""


Ask: TypeAlias = Resolve | Open | Read | Do


def fetching(
    step: Fetch, *, clock: Callable[[], float] = time.monotonic, seconds: float = 1800.0
) -> Generator[Ask, Any, Fetched]:
    """Carry out one `Fetch`: check, open, follow, stream to disk. Nothing is raised for a bad server.

    A file is left at ``step.path`` only when the whole output is in it; it is made anew, so an
    existing file is never written to. At most ``seconds`` by ``clock`` are spent on reading.
    """
    url = step.url
    try:
        for _ in range(MAX_REDIRECTS + 1):
            parts = split(url)
            if isinstance(parts, str):
                return Fetched(problem=parts, final=True)
            problem, addresses = yield from _checked(url, parts, step.origin)
            if problem is not None:
                return Fetched(problem=problem, final=True)
            opened: Opened = yield from _open(parts, addresses)
            if opened.status in (301, 302, 303, 307, 308) and "location" in opened.headers:
                target = urljoin(url, opened.headers["location"])
                if parts.scheme == "https" and target.lower().startswith("http:"):
                    return Fetched(problem="it redirects from https to http", final=True)
                url = target
                continue
            return (yield from _store(step, opened, clock, clock() + seconds))
        return Fetched(problem=f"it redirects more than {MAX_REDIRECTS} times", final=True)
    except Unreachable as error:
        return Fetched(problem=str(error) or "no answer")


def _checked(
    url: str, parts: SplitResult, origin: str | None
) -> Generator[Ask, Any, tuple[str | None, tuple[str, ...]]]:
    host, found = parts.hostname or "", ()
    if not literal(host):
        found = tuple((yield Resolve(host, parts.port, parts.scheme)))
    problem = check_url(url, found, origin)
    if problem is not None and origin and not literal(host_of(origin)):
        home = urlsplit(origin)
        try:
            at_home = yield Resolve(host_of(origin), home.port, home.scheme)
        except Unreachable:
            at_home = ()
        problem = check_url(url, found, origin, at_home)
    return problem, found


def _open(parts: SplitResult, addresses: Sequence[str]) -> Generator[Ask, Any, Opened]:
    host = parts.hostname or ""
    try:
        name = host if ":" in host else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise Unreachable("its host has no valid name") from None
    shown = f"[{name}]" if ":" in name else name
    headers = {
        "Host": f"{shown}:{parts.port}" if parts.port else shown,
        "User-Agent": "skytells-nb",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    failure: Unreachable | None = None
    for address in addresses[:_ADDRESSES_TRIED] or (name,):
        place = f"[{address}]" if ":" in address else address
        netloc = f"{place}:{parts.port}" if parts.port else place
        pinned = parts._replace(netloc=netloc, path=parts.path or "/", fragment="").geturl()
        try:
            opened: Opened = yield Open(pinned, headers, name if addresses else None)
        except Unreachable as error:
            failure = error
        else:
            return opened
    raise failure or Unreachable("no answer")


def _store(
    step: Fetch, opened: Opened, clock: Callable[[], float], deadline: float
) -> Generator[Ask, Any, Fetched]:
    status, limit = opened.status, step.limit
    if not 200 <= status < 300:
        words = "the API has deleted it" if status in (404, 410) else "its server refused it"
        again = status in (408, 425, 429) or status >= 500
        return Fetched(problem=f"{words} ({status})", final=not again, expired=status in (404, 410))
    announced = opened.headers.get("content-length", "")
    plain = opened.headers.get("content-encoding", "identity").lower() in ("", "identity")
    expected = int(announced) if announced.isdecimal() and len(announced) < 19 and plain else None
    if expected is not None and expected > limit:
        return _too_large(expected, limit)
    head, size = bytearray(), 0
    try:
        file: IO[bytes] = open(step.path, "xb")  # noqa: SIM115 - closed below, also when interrupted
    except OSError as error:
        return _unwritten(error)
    try:
        while data := (yield Read()):
            size += len(data)
            if size > limit:
                return _too_large(None, limit)
            if clock() > deadline:
                return Fetched(problem="it came too slowly", final=True)
            if len(head) < _HEAD:
                head += data[: _HEAD - len(head)]
            try:
                yield Do(partial(file.write, data))
            except OSError as error:
                return _unwritten(error)
        if size == 0:
            return Fetched(problem="its server sent nothing")
        if expected is not None and size < expected:
            return Fetched(problem=f"it broke off after {size:,} of {expected:,} bytes")
        try:
            yield Do(partial(_settle, file))
        except OSError as error:
            return _unwritten(error)
        done = Fetched(size=size, media_type=sniff(bytes(head)))
        head.clear()
        size = -1
        return done
    finally:
        try:
            file.close()
        except OSError:
            size = 0
        if size >= 0:
            step.path.unlink(missing_ok=True)


def _settle(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _too_large(size: int | None, limit: int) -> Fetched:
    told = f"it has {size / 2**20:,.0f} MiB" if size else "it is larger than announced"
    return Fetched(problem=f"{told}; at most {limit / 2**20:,.0f} MiB are fetched", final=True)


def _unwritten(error: OSError) -> Fetched:
    return Fetched(problem=f"it could not be written to disk: {error.strerror or error}", final=True)
