"""Who may be sent a webhook, once other machines can reach the sandbox: whoever asked, and the internet.

A webhook is a request that this machine sends wherever somebody says. With nobody but its own user that is
harmless; from a class it would carry a learner's word to the teacher's own programs and behind the school's
firewall. So addresses that only this machine or its network can reach are refused: at the create where the
URL names one, and again at the delivery, where a name is resolved once and the connection goes to what was
checked.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from typing import Final
from urllib.parse import urlsplit

#: NAT64: its last four bytes are an address of IPv4.
_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotAllowedError(OSError):
    """An address that this sandbox delivers nothing to; the message says why, and where it would."""


def check(url: str, asker: str) -> None:
    """Refuse a URL that names an address which may not be sent to; a name is looked up at the delivery."""
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        host = "127.0.0.1"
    address = _read(host)
    if address is not None and not is_allowed(host, asker):
        raise NotAllowedError(_why(host, asker))


def is_allowed(address: str, asker: str) -> bool:
    """Return whether a webhook of one machine may go to an address."""
    target, own = _read(address), _read(asker)
    if target is None:
        return False
    if own is not None and (target == own or (_is_here(own) and _is_here(target))):
        return True
    return target.is_global and not target.is_multicast and not _is_here(target)


def connect(host: str, port: int, asker: str, timeout: float) -> socket.socket:
    """Connect to a host, at such of its addresses as a webhook may go to."""
    failure: OSError | None = None
    refused = ""
    for _, _, _, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        address = str(place[0])
        if not is_allowed(address, asker):
            refused = address
            continue
        try:
            return socket.create_connection((address, port), timeout)
        except OSError as error:
            failure = error
    raise failure or NotAllowedError(_why(refused, asker))


def _read(text: str) -> Address | None:
    """Parse an IP address; one of IPv4 that stands in one of IPv6 is that of IPv4."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    tunnelled = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or tunnelled or address


def _is_here(address: Address) -> bool:
    """Return whether an address is this machine's own; nothing is sent for that."""
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((str(address), 9))  # a datagram socket only looks up the route
        return _read(str(probe.getsockname()[0])) == address
    return False


def _why(address: str, asker: str) -> str:
    return (
        f"{address} is an address of this sandbox's machine or network; webhooks go to your own address, "
        f"{asker or 'which is not known'}, or to one on the internet"
    )
