"""Whom to talk to, as whom and which way: key, base URL, trust, proxy and further headers, checked before.

The way is one rule for the API and for outputs. httpx reads the environment as it likes: an IPv6 network in
NO_PROXY or a SOCKS proxy in ALL_PROXY ends in a foreign error, and a sandbox on this machine is asked for
through a company's proxy. So it is read here.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import os
import re
import ssl
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache, wraps
from typing import Any, Final, NoReturn, ParamSpec, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from ..exceptions import AuthenticationError, InvalidInputError, NetworkError
from ..plaintext import hide_keys

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_BASE_URL: Final = "https://api.skytells.ai/v1"

BLANKED: Final = b"[key]"
"""What stands where a server has echoed the key."""

_ESCAPED: Final = re.compile(
    rb"(?:\\{1,4}[ux](?:00)?|%(?:25){0,2}|&#x0{0,4})([0-7][0-9A-Fa-f]);?|&#0{0,4}(\d{2,3});", re.IGNORECASE
)
"""A letter as JSON, JavaScript, a URL or a page may write it, also where one has quoted another."""

_UNSEEN: Final = re.compile(
    rb"\xe2\x80[\x8b-\x8f\xaa-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\xef\xbf[\xb9-\xbb]|\xd8\x9c|\xc2\xad"
    rb"|\\u(?:200[b-f]|202[a-e]|206[0-9a-f]|feff|fff[9ab]|061c|00ad)",
    re.IGNORECASE,
)
"""Letters that nobody sees, in UTF-8 or JSON: a text that is shown is rid of them, and a key put together."""


class Key:
    """An API key that shows itself to nobody: not in a repr, not in a pickle, not in a traceback."""

    __slots__ = ("__weakref__", "_echo", "_packed", "_value", "fingerprint")

    def __init__(self, value: str) -> None:
        self._value = value
        letter = rb"(?:%s|\\{1,4}[ux](?:00)?%02x|%%(?:25){0,2}%02x|&#x0{0,4}%02x;|&#0{0,4}%d;)"
        spellings = (letter % (re.escape(c.encode()), *[ord(c)] * 4) for c in value)
        self._echo = re.compile(b"".join(spellings), re.IGNORECASE)
        raw = value.encode()
        packed = [raw.hex().encode()]
        # As base64 writes it, wherever in a text it begins, without what its neighbours share.
        for before, start in enumerate((0, 2, 3)):
            packed.append(base64.b64encode(bytes(before) + raw)[start : (before + len(raw)) * 8 // 6])
        packed += [packed[0].upper(), *(each.translate(_FOR_URLS) for each in packed)]
        self._packed = dict.fromkeys([*packed, *(each.replace(b"/", rb"\/") for each in packed)])
        # Salted with a name of ours, so that it matches no
        # list of hashed keys, and short enough to be no key.
        self.fingerprint = hashlib.sha256(b"skytells_nb\0" + value.encode()).hexdigest()[:12]

    def reveal(self) -> str:
        """Return the key itself, for the header of a request to its own origin."""
        return self._value

    def blank(self, data: bytes) -> bytes:
        """Return bytes without the key: a server may echo it in any answer, and then it reaches nobody.

        A key of under eight characters is no secret, and may stand in any word.
        """
        if len(self._value) < 8:
            return data
        # To search for all spellings takes 0.1 s a megabyte, to look whether it is there a hundredth of that.
        plain = seen = data if data.isascii() and b"\\" not in data else _UNSEEN.sub(b"", data)
        if any(mark in seen for mark in (b"%", b"\\u", b"\\x", b"&#")):
            plain = _ESCAPED.sub(_unescaped, seen)
        if self._value.lower().encode() in plain.lower():
            data = self._echo.sub(BLANKED, seen)
        for packed in self._packed:
            data = data.replace(packed, BLANKED)
        return data

    def __repr__(self) -> str:
        return f"Key(fingerprint={self.fingerprint!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an API key is never pickled; give the key to the other process by its environment")


def _unescaped(found: re.Match[bytes]) -> bytes:
    return bytes((int(found[1], 16) if found[1] else min(int(found[2]), 255),))


_FOR_URLS: Final = bytes.maketrans(b"+/", b"-_")


def hides_arguments(call: Callable[P, R]) -> Callable[P, R]:
    """Let no traceback of a refusal show what was given: a key may stand in any place, also a wrong one."""

    @wraps(call)
    def guarded(*args: P.args, **options: P.kwargs) -> R:
        try:
            return call(*args, **options)
        except BaseException as error:  # noqa: BLE001 - whatever it is, its frames hold what was given
            refusal = error
        del args, options
        refusal.__traceback__ = refusal.__cause__ = refusal.__context__ = None
        raise refusal

    return guarded


def resolve_api_key(given: str | Key | None) -> Key:
    """Find the key: as given, else ``SKYTELLS_API_KEY``, else Colab's secret of that name.

    `AuthenticationError` says that there is none, or that it can be no key.
    """
    if isinstance(given, Key):
        return given
    if given is None:
        given = os.environ.get("SKYTELLS_API_KEY") or _colab_secret() or ""
    if not isinstance(given, str):
        raise _invalid_key(f"it must be a string, not {type(given).__name__}")
    value = given.strip()
    if not value:
        raise AuthenticationError(
            "No API key: set SKYTELLS_API_KEY or pass api_key=…. Without a key, skytells_nb.connect() "
            "works on the sandbox.",
            charged=False,
        )
    if any(not 33 <= ord(c) <= 126 for c in value):
        raise _invalid_key("it contains whitespace, a line break or a non-ASCII character")
    return Key(value)


def has_key() -> bool:
    return bool((os.environ.get("SKYTELLS_API_KEY") or _colab_secret() or "").strip())


def _invalid_key(why: str) -> AuthenticationError:
    return AuthenticationError(
        f"Invalid API key: {why}. Copy it again from the Skytells console; keys start with sk-.",
        charged=False,
    )


def _colab_secret() -> str | None:
    if "google.colab" not in sys.modules:
        return None
    # Colab raises its own errors where there is no such secret or no leave to read it: then there is no key.
    with suppress(Exception):
        from google.colab import userdata

        found = userdata.get("SKYTELLS_API_KEY")
        return found if isinstance(found, str) else None
    return None


def resolve_base_url(given: str | None) -> str:
    """Find the base URL: as given, else ``SKYTELLS_BASE_URL``, else the real API's; refuse what is none."""
    value = given if given is not None else os.environ.get("SKYTELLS_BASE_URL") or DEFAULT_BASE_URL
    if not isinstance(value, str):
        raise _bad_url(value, "it must be a string")
    value = value.strip().rstrip("/")
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _bad_url("…", "its host or port cannot be read") from None
    if parts.scheme not in ("http", "https") or not host:
        secret = "sk-" in value or "@" in value  # such as the key, given in the wrong place
        raise _bad_url("…" if secret else value, "it must start with https:// and name a host")
    if parts.username is not None or parts.query or parts.fragment or any(c.isspace() for c in value):
        raise _bad_url("…", "it must be a plain URL, without user, query, fragment or white space")
    if hide_keys(value, least=16) != value:
        raise _bad_url("…", "it holds a key, which is passed as api_key=")
    if not value.isascii() or not value.isprintable():
        raise _bad_url("…", "it holds a character that no URL has")
    # The key is a header, and goes along with every request.
    if parts.scheme == "http" and not is_private(host):
        raise _bad_url(value, "over plain http the key could be read on the way; use https")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path}"


def _bad_url(value: object, why: str) -> InvalidInputError:
    return InvalidInputError(f"base_url {value!r} cannot be used: {why}. The real API is {DEFAULT_BASE_URL}.")


def is_loopback(url: str) -> bool:
    """Return whether a URL is on this machine, where no proxy has any business."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    with suppress(ValueError):
        return _address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Parse an address, an IPv4 one also within IPv6; raises ValueError for any other host."""
    found = ipaddress.ip_address(host.partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found


def is_private(host: str) -> bool:
    """Return whether a host is on this machine or its own network, by its name alone."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_private
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    return "." not in host and not host[:1].isdigit()  # 0x8080808 is an address, and anybody's


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

    @hides_arguments
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
    if not isinstance(verify, bool | str | os.PathLike | ssl.SSLContext):
        raise InvalidInputError("verify must be True, False, a path of certificates or an SSLContext.")
    if proxy is not None and not isinstance(proxy, str):
        raise InvalidInputError("proxy must be a URL such as 'http://127.0.0.1:8080', or None.")
    listed = headers if isinstance(headers, Mapping) else dict[Any, Any]() if headers is None else None
    texts = () if listed is None else (text for pair in listed.items() for text in pair)
    if listed is None or not all(isinstance(t, str) and t.isprintable() and t.isascii() for t in texts):
        raise InvalidInputError("headers must be a dict of strings, without line breaks.")
    if any(name.lower() == "x-api-key" for name in listed):
        raise InvalidInputError("headers cannot hold the key. Pass it as api_key=.")
    route = ProxyRoute(
        os.fspath(verify) if isinstance(verify, os.PathLike) else verify, proxy, tuple(listed.items())
    )
    if proxy is not None:
        _parse_proxy(proxy, "proxy=", route)
    return route


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
        if fnmatchcase(host, name) or host.endswith("." + name):
            return True
        with suppress(ValueError, TypeError):
            if _address(host) in ipaddress.ip_network(name.partition("%")[0], strict=False):
                return True
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
