"""Which way a request goes: trust, proxy and further headers, one rule for the API and for outputs.

httpx reads the environment in its own way: an IPv6 network in NO_PROXY or a SOCKS proxy in ALL_PROXY ends in
a foreign error, and a sandbox on this machine is asked for through a company's proxy. So it is read here.
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from ..exceptions import InvalidInputError, NetworkError
from ._credentials import is_loopback, is_private

_SCHEMES: Final = ("http", "https", "socks5", "socks5h")


@dataclass(frozen=True, slots=True)
class ProxyRoute:
    """How requests of one client leave this machine.

    `verify` is whom to trust: True for the usual authorities, a file or folder of certificates, a context, or
    False for anybody. A `proxy` of None leaves it to the environment. `headers` are sent to the API besides
    the toolkit's own, never with a download.
    """

    verify: bool | str | ssl.SSLContext = True
    proxy: str | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def trust(self, url: str) -> ssl.SSLContext:
        """Return the TLS context for a URL; plain http needs no certificates, so none are looked for."""
        if not url.lower().startswith("https:"):
            return _untrusting()
        if isinstance(self.verify, ssl.SSLContext):
            return self.verify
        return _context(self.verify, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))

    def proxy_for(self, url: str) -> httpx.Proxy | None:
        """Return the proxy that leads to a URL; None where it is reached directly."""
        if self.proxy is not None:
            return _parse_proxy(self.proxy, "proxy=", self)
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        # A private host over plain http holds the key in the clear: no proxy is to read it.
        if is_loopback(url) or (parts.scheme == "http" and is_private(host)):
            return None
        proxies = getproxies()
        port = parts.port or (443 if parts.scheme == "https" else 80)
        # The registry of Windows and the settings of macOS have a list of their own.
        if proxy_bypass(host) or _is_exempt(host, port, proxies.get("no", "")):
            return None
        for scheme in (parts.scheme, "all"):
            if proxies.get(scheme):
                return _parse_proxy(proxies[scheme], f"{scheme.upper()}_PROXY", self)
        return None


def make_route(verify: object = True, proxy: object = None, headers: object = None) -> ProxyRoute:
    """Check a client's ``verify``, ``proxy`` and ``headers``."""
    if not isinstance(verify, bool | str | os.PathLike | ssl.SSLContext):
        raise InvalidInputError("verify must be True, False, a path of certificates or an SSLContext.")
    if proxy is not None and not isinstance(proxy, str):
        raise InvalidInputError("proxy must be a URL such as 'http://127.0.0.1:8080', or None.")
    listed = headers if isinstance(headers, Mapping) else dict[Any, Any]() if headers is None else None
    if listed is None or not all(_is_header(name, value) for name, value in listed.items()):
        raise InvalidInputError("headers must be a dict of strings, without line breaks.")
    if any(name.lower() == "x-api-key" for name in listed):
        raise InvalidInputError("headers cannot hold the key. Pass it as api_key=.")
    route = ProxyRoute(
        os.fspath(verify) if isinstance(verify, os.PathLike) else verify, proxy, tuple(listed.items())
    )
    if proxy is not None:
        _parse_proxy(proxy, "proxy=", route)
    return route


def _is_header(name: object, value: object) -> bool:
    return all(isinstance(text, str) and text.isprintable() and text.isascii() for text in (name, value))


def _parse_proxy(value: str, source: str, route: ProxyRoute) -> httpx.Proxy:
    """Parse a proxy's URL; one without a scheme is an http proxy, as curl takes it."""
    value = value.strip()
    url = value if "://" in value else f"http://{value.lstrip('/')}"
    scheme = url.partition("://")[0].lower()
    if scheme not in _SCHEMES:
        raise NetworkError(
            f"{source} names a proxy of an unknown kind ({scheme}). Use {', '.join(_SCHEMES)}, or unset it.",
            charged=False,
        )
    if scheme.startswith("socks"):
        try:
            import socksio  # noqa: F401 - httpx needs it, and would raise an ImportError
        except ImportError:
            raise NetworkError(
                f"{source} names a SOCKS proxy, which needs socksio: `%pip install socksio`, or unset it.",
                charged=False,
            ) from None
    try:
        parts = urlsplit(url)
        if not parts.hostname or parts.port == 0:  # which fails for what is no port
            raise ValueError
        return httpx.Proxy(url, ssl_context=route.trust(url) if scheme == "https" else None)
    except (httpx.InvalidURL, ValueError):
        raise NetworkError(f"{source} is no URL of a proxy. Correct or unset it.", charged=False) from None


def _is_exempt(host: str, port: int, rules: str) -> bool:
    """Return whether NO_PROXY lists a host: by name, domain, pattern, address or network, perhaps a port."""
    for rule in re.split(r"[\s,]+", rules.lower()):
        rule = rule.rpartition("://")[2]
        with_port = re.fullmatch(r"(\[.*\]|[^:]*):(\d{1,5})", rule)
        name, number = with_port.groups() if with_port else (rule, "")
        name = name.strip("[]").removeprefix("*.").strip(".")
        if not name or (number and int(number) != port):
            continue
        if fnmatchcase(host, name) or host.endswith("." + name) or _is_within(host, name):
            return True
    return False


def _is_within(host: str, network: str) -> bool:
    with suppress(ValueError, TypeError):
        address = ipaddress.ip_address(host.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        return address in ipaddress.ip_network(network.partition("%")[0], strict=False)
    return False


@lru_cache(maxsize=1)
def _untrusting() -> ssl.SSLContext:
    """Return a context that trusts nobody, for an origin that needs none."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@lru_cache(maxsize=8)
def _context(verify: bool | str, cert_file: str | None, cert_dir: str | None) -> ssl.SSLContext:
    """Load a trust store once for all clients: it takes some 50 ms."""
    try:
        if isinstance(verify, str):
            is_folder = os.path.isdir(verify)
            return ssl.create_default_context(
                cafile=None if is_folder else verify, capath=verify if is_folder else None
            )
        return httpx.create_ssl_context(verify=verify)
    except (OSError, ssl.SSLError) as error:
        named = f"SSL_CERT_FILE={cert_file!r}" if cert_file else f"SSL_CERT_DIR={cert_dir!r}"
        source = f"verify={verify!r}" if isinstance(verify, str) else named
        raise NetworkError(
            f"The certificates of {source} cannot be read ({error.strerror or error}). Correct or unset it.",
            charged=False,
        ) from None
