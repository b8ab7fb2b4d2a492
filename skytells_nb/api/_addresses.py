"""Which addresses an output may be fetched from: public ones, and those the API itself is on.

The URL of an output comes from a server, so it is not trusted: it must not lead into the private
network of whoever runs the notebook.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

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
    """Say which non-public kind of address this is, also where IPv6 wraps an IPv4 one.

    Returns
    -------
    str or None
        ``loopback``, ``private``, ``link-local``, ``shared`` (carrier NAT), ``multicast``,
        ``unspecified`` or ``reserved``; None for a public address.
    """
    try:
        read = ip_address(address.partition("%")[0])
    except ValueError:
        return "reserved"
    return _kind(read)


def _kind(address: IPv4Address | IPv6Address) -> str | None:
    if address.is_unspecified:
        return "unspecified"
    if address.is_loopback:
        return "loopback"
    if isinstance(address, IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return _kind(inner)
        if address in _SITE_LOCAL or address in _NAT64_LOCAL:
            return "private"
    if address.is_multicast:
        return "multicast"
    if address.is_link_local:
        return "link-local"
    if any(address in block for block in _PRIVATE):
        return "private"
    if address in _SHARED:
        return "shared"
    return None if address.is_global and not address.is_reserved else "reserved"


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
    url: str,
    addresses: Sequence[str] = (),
    origin: str | None = None,
    origin_addresses: Sequence[str] = (),
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
    """Return the host of a URL, or the empty string."""
    try:
        return (urlsplit(url).hostname or "") if url else ""
    except ValueError:
        return ""
