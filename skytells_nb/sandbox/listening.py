"""Where the sandbox listens: on which address and port, who can reach it there, and why it cannot be had."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket

WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound to


class ListenError(OSError):
    """An address or port that cannot be had; the message says why, and what to do."""


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach an address.

    Examples
    --------
    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "192.168.1.5", "")]
    [True, True, True, False, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def listen(host: str, port: int, last: int = 0) -> socket.socket:
    """Bind a socket: to the port asked for, else to the one used last time, else to a free one.

    Raises
    ------
    ListenError
        If there is no such address here, or the port is in use or not allowed.
    """
    if port == 0 and last:
        with contextlib.suppress(OSError):
            return _bind(host, last)
    try:
        return _bind(host, port)
    except OSError as error:
        raise ListenError(_explained(error, host, port)) from error


def addresses(host: str, port: int) -> list[str]:
    """Write the base URLs under which a socket bound to a host is reached, the likeliest first."""
    if host not in WILDCARDS:
        return [_url(host, port)]
    found = [_outward()]
    with contextlib.suppress(OSError):
        infos = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET, socket.SOCK_STREAM)
        found += [str(info[4][0]) for info in infos]
    others = [each for each in dict.fromkeys(found) if each and not is_loopback(each)]
    return [_url(each, port) for each in (*others, "127.0.0.1")]


def _url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"


def _outward() -> str:
    """Find the address this machine has on its network; nothing is sent for that."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # TEST-NET-1: a datagram socket only looks up the route
        return str(probe.getsockname()[0])
    return ""


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where a socket says it is TCP; left on, answers are 40 ms late
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except BaseException:
        listener.close()
        raise
    return listener


def _explained(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host or 'this machine'} is in use by another program. Stop that one, or choose "
            "another port; port 0 takes a free one."
        )
    if error.errno == errno.EACCES:
        return f"port {port} may not be opened by this user. Choose one above 1023; port 0 takes a free one."
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"this machine has no address {host!r}. 127.0.0.1 is always there; 0.0.0.0 means all it has."
    return f"{host}:{port} cannot be listened on ({error.strerror or error})."
