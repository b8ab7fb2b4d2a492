"""Webhooks: what was asked for in any documented spelling, when they are due, how they are signed and sent.

And to whom, once other machines can reach the sandbox: whoever asked, and the internet. A webhook is a
request that this machine sends wherever somebody says. With nobody but its own user that is harmless; from a
class it would carry a learner's word to the teacher's own programs and behind the school's firewall. So
addresses that only this machine or its network can reach are refused: at the create where the URL names one,
and again at the delivery, where a name is resolved once and the connection goes to what was checked.

Source: skytells-api.md, section 7.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import heapq
import hmac
import ipaddress
import socket
import ssl
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTP_PORT, HTTPS_PORT, HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self
from urllib.parse import SplitResult, urlsplit, urlunsplit

from . import _errors as errors
from ._jobs import Job

if TYPE_CHECKING:
    from ._core import Core

#: Seconds to the second and third try of a webhook; then it is given up. Ours: section 7 documents no
#: retries.
RETRIES: Final = (0.5, 2.0)
#: What each spelling of an event stands for. In the filter form ``completed`` means every end.
EVENTS: Final[dict[str, tuple[str, ...]]] = {
    **{
        f"{prefix}{event}": (event.replace("ll", "l"),)  # both spellings of an end (contradiction 6)
        for prefix in ("prediction.", "")
        for event in ("started", "succeeded", "failed", "cancelled", "canceled")
    },
    "completed": ("succeeded",),
}
FILTER: Final[dict[str, tuple[str, ...]]] = {
    "start": ("started",),
    "output": ("output",),
    "logs": (),
    "completed": ("succeeded", "failed", "canceled"),
}


class WebhookEvent(NamedTuple):
    """One delivery that is due; `asker` is the address it was ordered from, None when it may go anywhere."""

    id: str
    event: str
    attempt: int
    url: str
    body: bytes
    signature: str
    asker: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"content-type": "application/json", "x-skytells-signature": self.signature}


class Delivery(NamedTuple):
    """One delivery that was tried; `status` is None when nobody answered."""

    time: float
    id: str
    event: str
    url: str
    attempt: int
    status: int | None
    error: str | None


def parse_webhook(body: dict[str, Any], asker: str | None = None) -> tuple[dict[str, Any], list[str]]:
    """Parse the webhook of a create: what its prediction will show, and the events it wants.

    `asker` is the address that it came from, where others can reach the sandbox; else any URL may be named.
    """
    hook = {} if body.get("webhook") is None else body["webhook"]
    known, usual = {**FILTER, **EVENTS}, tuple(EVENTS)
    if isinstance(hook, str):
        # the other form, in which `completed` is every end (contradictions 11 and 12)
        hook = {"url": hook, "events": body.get("webhook_events_filter")}
        known, usual = {**EVENTS, **FILTER}, ("completed",)
    if not isinstance(hook, dict):
        raise errors.invalid_field("The webhook must be a URL, or an object with url and events.")
    url: Any = hook.get("url")
    names = hook.get("events")
    wanted = _events(names, known, usual)
    if url is None and not names:
        return {"url": None, "events": []}, []
    if not _is_url(url):
        raise errors.invalid_field("The webhook url must be an absolute http or https URL.")
    if asker is not None:
        try:
            check_target(url, asker)
        except NotAllowedError as error:
            raise errors.invalid_field(f"The webhook url cannot be used here: {error}.") from None
    return {"url": url, "events": list(names or [])}, wanted


def due_times(job: Job) -> list[tuple[int, str]]:
    """Return when each event of a job is due; ends that will not come are left out."""
    ending = job.outcome if job.canceled is None else "canceled"
    times = []
    for event in job.notices:
        if event in job.notified:
            continue
        if event == "started" and job.starting <= job.ends:
            times.append((job.starting, event))
        elif event == ending or (event == "output" and ending == "succeeded"):
            times.append((job.ends, event))
    return sorted(times, key=lambda each: each[0])


def sign(body: bytes, key: str) -> str:
    """Return the lower-case hex of HMAC-SHA256 over the raw body."""
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


class Schedule:
    """Which events are due when; it knows neither clocks nor sockets."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, str, str, int]] = []
        self._order = 0
        #: Whether something was scheduled since this was last set to False.
        self.news = False

    def add(self, job: Job) -> None:
        for due, event in due_times(job):
            self.again(due, job.id, event, 1)

    def again(self, due: int, id: str, event: str, attempt: int) -> None:
        """Schedule one event, the first time or once more."""
        self.news = True
        self._order += 1
        heapq.heappush(self._heap, (due, self._order, id, event, attempt))

    def take(self, now: int) -> tuple[str, str, int] | None:
        """Return the id, event and attempt of one that is due; None when none is."""
        if self._heap and self._heap[0][0] <= now:
            return heapq.heappop(self._heap)[2:]
        return None

    @property
    def next(self) -> int | None:
        return self._heap[0][0] if self._heap else None


def _events(names: Any, known: dict[str, tuple[str, ...]], usual: tuple[str, ...]) -> list[str]:
    if names is None:
        names = usual
    if not isinstance(names, list | tuple):
        raise errors.invalid_field("The webhook events must be a list of names.")
    wrong = [name for name in names if not isinstance(name, str) or name not in known]
    if wrong:
        raise errors.invalid_field(f"Unknown webhook event {wrong[0]!r}; known are {', '.join(known)}.")
    return list(dict.fromkeys(event for name in names for event in known[name]))


def _is_url(url: Any) -> bool:
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


#: Seconds a receiver may take. Ours: section 7 documents no timeout.
PATIENCE: Final = 5.0
#: To how many hosts it delivers at a time.
AT_ONCE: Final = 16
#: Seconds between two looks at a clock that is not the system's.
LOOK_AGAIN: Final = 0.02


class WebhookSender:
    """Delivers what the core says is due: in order to each host, and side by side to several.

    It lives on the server's event loop, and posts from threads, so that a slow receiver holds up itself
    alone. Links begin with `origin`, or, when that is empty, as each create's answer did. `steady` says that
    the core's clock is the system's; another one may jump, so it is looked at more often.
    """

    def __init__(self, core: Core, origin: str, *, steady: bool) -> None:
        self._core, self._origin, self._steady = core, origin, steady
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._stopping = False
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="skytells-sandbox-webhook")
        self._hosts: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._sending: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Look for what is due; may be called from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop may be gone already
            self._loop.call_soon_threadsafe(self._news.set)

    async def __aenter__(self) -> Self:
        self._runner = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Finish the posts that are under way; what stands in line stays due."""
        self._stopping = True
        self._runner.cancel()
        await asyncio.gather(self._runner, *self._sending, return_exceptions=True)
        self._threads.shutdown()

    async def _run(self) -> None:
        while True:
            self._news.clear()
            event = self._core.due_webhook(self._origin)
            if event is not None:
                task = asyncio.create_task(self._send(event))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)
                continue
            wait = self._core.seconds_to_webhook()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait if self._steady or wait is None else LOOK_AGAIN):
                    await self._news.wait()

    async def _send(self, event: WebhookEvent) -> None:
        async with self._hosts[urlsplit(event.url).netloc]:
            if self._stopping:
                self._core.requeue(event)
                return
            outcome = await self._loop.run_in_executor(self._threads, post, event)
            self._core.delivered(event, *outcome)
            self._news.set()  # a failed one is due again


def post(event: WebhookEvent) -> tuple[int | None, str | None]:
    """Send one event, and return its status and what went wrong.

    No redirect is followed, for a signed body goes to the address that was registered.
    """
    headers = {**event.headers, "user-agent": "skytells-sandbox", "connection": "close"}
    try:
        parts = urlsplit(event.url)
        with contextlib.closing(_Connection(parts, event.asker)) as connection:
            connection.request(
                "POST", urlunsplit(("", "", parts.path or "/", parts.query, "")), event.body, headers
            )
            response = connection.getresponse()
            return response.status, None if 200 <= response.status < 300 else response.reason
    except (OSError, HTTPException, ValueError) as error:
        return None, str(error) or type(error).__name__


class _Connection(HTTPConnection):
    """A connection to where the asker may send something; to anywhere when there is no asker.

    Under TLS the certificate has to be the host's that was named.
    """

    def __init__(self, url: SplitResult, asker: str | None) -> None:
        self._asker, self._secure = asker, url.scheme == "https"
        self.default_port = HTTPS_PORT if self._secure else HTTP_PORT
        super().__init__(url.hostname or "", url.port, timeout=PATIENCE)

    def connect(self) -> None:
        if self._asker is None:
            plain = socket.create_connection((self.host, self.port), PATIENCE)
        else:
            plain = connect_target(self.host, self.port, self._asker, PATIENCE)
        try:
            context = ssl.create_default_context() if self._secure else None
            self.sock = context.wrap_socket(plain, server_hostname=self.host) if context else plain
        except BaseException:
            plain.close()
            raise


#: NAT64: its last four bytes are an address of IPv4.
_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotAllowedError(OSError):
    """An address that this sandbox delivers nothing to; the message says why, and where it would."""


def check_target(url: str, asker: str) -> None:
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


def connect_target(host: str, port: int, asker: str, timeout: float) -> socket.socket:
    """Connect to a host, at such of its addresses as a webhook may go to."""
    failure: OSError | None = None
    refused = ""
    # To the address that was checked, not to the name: its server may say another one next time.
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
