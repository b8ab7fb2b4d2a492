"""Webhooks: what was asked for in any documented spelling, when notices are due, and how they are signed.

Source: skytells-api.md, section 7.
"""

from __future__ import annotations

import hashlib
import heapq
import hmac
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from skytells_nb.sandbox import addressees, errors
from skytells_nb.sandbox.job import Job

#: What each spelling of an event stands for. In the filter form ``completed`` means every end.
EVENTS: dict[str, tuple[str, ...]] = {
    "prediction.started": ("started",),
    "prediction.succeeded": ("succeeded",),
    "prediction.failed": ("failed",),
    "prediction.cancelled": ("canceled",),
    "prediction.canceled": ("canceled",),
    "started": ("started",),
    "completed": ("succeeded",),
    "succeeded": ("succeeded",),
    "failed": ("failed",),
    "canceled": ("canceled",),
    "cancelled": ("canceled",),
}
FILTER: dict[str, tuple[str, ...]] = {
    "start": ("started",),
    "output": ("output",),
    "logs": (),
    "completed": ("succeeded", "failed", "canceled"),
}
ENDS = ("succeeded", "failed", "canceled")

#: The ``type`` of an envelope; that of ``output`` is ours.
TYPES = {
    "started": "prediction.started",
    "output": "prediction.output",
    "succeeded": "prediction.succeeded",
    "failed": "prediction.failed",
    "canceled": "prediction.cancelled",
}


class Notice(NamedTuple):
    """One delivery that is due; `asker` is the address it was ordered from, None when it may go anywhere."""

    id: str
    event: str
    attempt: int
    url: str
    body: bytes
    signature: str
    asker: str | None = None


class Delivery(NamedTuple):
    """One delivery that was tried; `status` is None when nobody answered."""

    time: float
    id: str
    event: str
    url: str
    attempt: int
    status: int | None
    error: str | None


def read_webhook(body: dict[str, Any], asker: str | None = None) -> tuple[dict[str, Any], list[str]]:
    """Read the webhook of a create: what its prediction will show, and the events it wants.

    Parameters
    ----------
    body : dict
        The create's own.
    asker : str, optional
        The address it came from, in a sandbox that others can reach; anything may be named, unless given.

    Raises
    ------
    Refusal
        422 when it has no usable URL, one that nothing is delivered to, or names an event there is not.
    """
    hook = body.get("webhook")
    if isinstance(hook, str):
        names = body.get("webhook_events_filter")
        wanted = _events(names, {**EVENTS, **FILTER}, ("completed",))
        url: Any = hook
    elif isinstance(hook, dict):
        names = hook.get("events")
        wanted = _events(names, {**FILTER, **EVENTS}, tuple(EVENTS))
        url = hook.get("url")
        if url is None and not names:
            return {"url": None, "events": []}, []
    elif hook is None:
        return {"url": None, "events": []}, []
    else:
        raise errors.invalid_field("The webhook must be a URL, or an object with url and events.")
    if not _is_url(url):
        raise errors.invalid_field("The webhook url must be an absolute http or https URL.")
    if asker is not None:
        try:
            addressees.check(url, asker)
        except addressees.NotAllowedError as error:
            raise errors.invalid_field(f"The webhook url cannot be used here: {error}.") from None
    return {"url": url, "events": list(names or [])}, wanted


def due_times(job: Job) -> list[tuple[int, str]]:
    """When each notice of a job is due, as things stand: ends that will not come are left out."""
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
    """Lower-case hex of HMAC-SHA256 over the raw body.

    Examples
    --------
    >>> sign(b'{"id":"p1","status":"succeeded"}', "sk-test")[:16]
    '9bd8b63f50664a79'
    """
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


class Agenda:
    """Which notices are due when; it knows neither clocks nor sockets."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, str, str, int]] = []
        self._order = 0
        #: Whether something was put on it since this was last set to False.
        self.news = False

    def add(self, job: Job) -> None:
        """Put a job's notices on the agenda."""
        for due, event in due_times(job):
            self.again(due, job.id, event, 1)

    def again(self, due: int, id: str, event: str, attempt: int) -> None:
        """Put one notice on the agenda, the first time or once more."""
        self.news = True
        self._order += 1
        heapq.heappush(self._heap, (due, self._order, id, event, attempt))

    def take(self, now: int) -> tuple[str, str, int] | None:
        """Take the id, event and attempt of one notice that is due; None when none is."""
        if self._heap and self._heap[0][0] <= now:
            _, _, id, event, attempt = heapq.heappop(self._heap)
            return id, event, attempt
        return None

    @property
    def next(self) -> int | None:
        """When the next notice is due."""
        return self._heap[0][0] if self._heap else None


def still_wanted(job: Job | None, event: str) -> bool:
    """Say whether a notice is still true: the job may have been cancelled or deleted meanwhile."""
    return job is not None and any(event == each for _, each in due_times(job))


def _events(names: Any, known: dict[str, tuple[str, ...]], usual: tuple[str, ...]) -> list[str]:
    if names is None:
        names = usual
    if isinstance(names, str) or not isinstance(names, list | tuple):
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
