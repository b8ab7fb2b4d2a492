"""One poller for everything in flight: when to read, what to read, and what was seen.

A pure state machine. ``due(now)`` returns when the next read is wanted, ``requests(now)`` which reads to
send, ``feed(request, reply, …)`` takes their replies and returns what they mean. It does no I/O, and its
clock is whatever the caller passes in; `Watch` carries it out.

One prediction in flight is read by its id. Several are read together from the listing, newest first, in
pages of 50: those pages on which one of several is due. By id are read those alone on their page, and those
that a sweep missed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs, unquote

from ..exceptions import SkytellsError
from ..models import Prediction, lacks_output
from . import _requests
from ._requests import Request
from ._responses import (
    ErrorBody,
    Reply,
    TransportFailure,
    failed_prediction,
    is_missing_prediction,
    parse_reply,
    to_exception,
)
from ._retry import Durations, Policy, RateLimit, Window, length, next_read


@dataclass(frozen=True, slots=True)
class Broken:
    """A wait that cannot go on, and why."""

    id: str
    error: SkytellsError


Event: TypeAlias = Prediction | Broken
"""A prediction as it was read, which may have ended; or a wait that has."""

_GRACE: Final = 10.0
_OUTPUT_IN: Final = (0.25, 0.5, 1.0)
"""Seconds before each further look at one that has succeeded and shows no output yet."""
_SLOW: Final = frozenset({"video", "audio", "music"})
_SWEEP_GAP: Final = 0.03
_ALIKE: Final = 1.5
_TOGETHER: Final = 1.2
"""Several are first looked at when a good part of them should have ended: so much after the window begins."""

_PAGES_DOWN: Final = 3

_GIVE_UP_LISTING: Final = 3
_LONGEST_HOLD: Final = 10.0
"""Seconds that an answer holds reads back at first, whatever it asks for; each further one twice as long."""


@dataclass(slots=True)
class _Watched:
    prediction: Prediction
    started: float
    number: int
    window: Window | None
    """When it is likely to end, by what was known as the wait began: of many that start together the short
    ones end first, and say nothing about the others."""
    aged: bool = True
    looked: float = 0.0
    again: float = 0.0
    failures: int = 0
    failing_since: float | None = None
    place: int = 0
    """Where in the listing it was, once this connection's newest create was ``below``."""
    below: int = 0
    unseen: int = 0
    """On how many pages in a row it was not seen."""
    missed: bool = False
    """Whether the last sweep did not show it, since newer creates moved it down the listing meanwhile."""
    delayed: bool = False
    """Whether its reads were held back: when it ended is then not known well enough to learn from."""
    empty: int = 0
    """How often it was read as succeeded without an output."""


@dataclass(slots=True, eq=False)
class Poller:
    """The predictions that one connection waits for.

    `age` returns the seconds since a prediction was made, at a moment, or None where that is not known.
    """

    base_url: str
    rate_limit: RateLimit
    durations: Durations
    policy: Policy
    age: Callable[[Prediction, float], float | None]
    _entries: dict[str, _Watched] = field(default_factory=dict)
    _queue: deque[Request] = field(default_factory=deque)
    _flying: set[Request] = field(default_factory=set)
    _wanted: set[str] = field(default_factory=set)
    _listing: bool = True
    _newest: int = 0
    _swept: float = -1.0
    _swept_to: int = 0
    _failures: int = 0
    _listing_failures: int = 0
    _not_before: float = 0.0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, identifier: str) -> bool:
        return identifier in self._entries

    def add(self, prediction: Prediction, now: float, *, number: int = 0) -> None:
        """Wait for a prediction; ``number`` counts this connection's creates."""
        self._newest = max(self._newest, number)  # that one may end: it stays where it is in the listing
        if prediction.id not in self._entries:
            age = self.age(prediction, now)
            window = self.durations.window(self.base_url, prediction.model)
            self._entries[prediction.id] = _Watched(
                prediction,
                now - (age or 0.0),
                number,
                window,
                below=number or self._newest,
                aged=age is not None,
            )

    def remove(self, identifier: str) -> Prediction | None:
        """Stop waiting for one; returns it as last seen."""
        entry = self._entries.pop(identifier, None)
        self._wanted.discard(identifier)
        if not self._entries:
            self._queue.clear()
        return entry.prediction if entry else None

    def tell(self, prediction: Prediction, now: float) -> list[Event]:
        return self._news(prediction, now) if prediction.id in self._entries else []

    def due(self, now: float) -> float | None:
        """When `requests` will have something to send; None while nothing waits or reads are out."""
        if not self._entries or (self._flying and not self._queue):
            return None
        at = now if self._queue else self._look()
        return max(at, self._not_before, self.rate_limit.ready(now))

    def requests(self, now: float) -> tuple[Request, ...]:
        at = self.due(now)
        if at is None or at > now:
            return ()
        if not self._queue:
            self._plan(now)
        sent: list[Request] = []
        while self._queue and self.rate_limit.ready(now) <= now:
            request = self._queue.popleft()
            if not request.query and _identifier(request) not in self._entries:
                continue
            self.rate_limit.read(now)
            self._flying.add(request)
            sent.append(request)
        return tuple(sent)

    def feed(self, request: Request, reply: Reply, now: float, *, wait: float | None = None) -> list[Event]:
        """Take the reply to one of `requests`; ``wait`` is what its ``Retry-After`` asks, in seconds."""
        self._flying.discard(request)
        body, found = parse_reply(reply)
        if found is None:
            self._failures = 0
            events = self._listed(request, body, now) if request.query else self._read(request, body, now)
        elif isinstance(found, TransportFailure) or self._may_pass(found, request):
            events = self._failed(found, request, now, wait)
        else:
            events = self._refused(found, request, now)
        if not self._flying and not self._queue:
            self._queue.extend(_requests.get(i).newest for i in self._missed(now))
        return events

    def _may_pass(self, found: ErrorBody, request: Request) -> bool:
        # What was made here is there: a gateway's page that says otherwise is borne like one that says 502.
        if found.is_transient:
            return not is_missing_prediction(found)
        entry = None if request.query else self._entries.get(_identifier(request))
        return entry is not None and bool(entry.number) and found.is_foreign and found.status in (403, 404)

    def _missed(self, now: float) -> list[str]:
        """List what a sweep did not show, and has to be read by id; not now what one could not show.

        Where creates went on during the sweep it may have moved to a page that was read before: the next
        sweep shows it then, and a hundred are not read one by one.
        """
        missed, self._wanted = self._wanted, set()
        has_moved = self._newest > self._swept_to
        read: list[str] = []
        for identifier in missed & self._entries.keys():
            entry = self._entries[identifier]
            if entry.again > now:
                continue
            # As others create, too, it may have moved a page down, or two; or it is not listed yet.
            entry.unseen = (entry.unseen + 1) % _PAGES_DOWN
            entry.place += _requests.PAGE_SIZE * (1 if entry.unseen else 1 - _PAGES_DOWN)
            if has_moved and not entry.missed:
                entry.missed = True
            else:
                read.append(identifier)
        return read

    def _look(self) -> float:
        """When the next round of reads is worth it: for one its own time, for several when half are due.

        For no one of them more than 0.5 s, or a fifth of its age, after its own time.
        """
        times = self._due_times()
        if not self._sweeps():
            return min(at for at, _ in times)
        half = sorted(at for at, _ in times)[(len(times) - 1) // 2]
        latest = min(at + max(0.5, 0.2 * (at - started)) for at, started in times)
        return max(min(half, latest), self._swept + _SWEEP_GAP)

    def _due_times(self) -> list[tuple[float, float]]:
        """Return, for each that is waited for, when it should be read next, and when it was started."""
        sweeps = self._sweeps()
        times = []
        for entry in self._entries.values():
            if entry.empty:
                times.append((entry.again, entry.started))
                continue
            window = entry.window
            if sweeps and window is not None and window[1] > _ALIKE * window[0]:
                window = None  # read step by step, as new ones are: one sweep serves all lengths
            if not entry.aged and not entry.looked:
                at = entry.started
            elif sweeps and window is not None and entry.looked < window[0]:
                at = entry.started + window[0] * _TOGETHER
            else:
                is_slow = entry.prediction.model_type in _SLOW
                at = entry.started + next_read(entry.looked, window, is_slow=is_slow)
            times.append((max(at, entry.again), entry.started))
        return times

    def _sweeps(self) -> bool:
        return self._listing and len(self._entries) > 1

    def _plan(self, now: float) -> None:
        entries = list(self._entries.values())
        times = list(zip(entries, self._due_times(), strict=True))
        if not self._sweeps():
            due = [entry for entry, (at, _) in times if at <= now]
            self._queue.extend(_requests.get(entry.prediction.id).newest for entry in due)
            return
        soon = {e.prediction.id for e, (at, started) in times if at <= now + max(0.25, 0.1 * (now - started))}
        self._swept, self._swept_to = now, self._newest
        pages: dict[int, list[str]] = {}
        for entry in entries:
            place = entry.place + self._newest - entry.below
            pages.setdefault(place // _requests.PAGE_SIZE, []).append(entry.prediction.id)
        for page, listed in sorted(pages.items()):
            if not soon.intersection(listed):
                continue
            if len(listed) > 1:
                self._wanted.update(listed)
                self._queue.append(_requests.page(page + 1).newest)
            else:
                self._queue.append(_requests.get(listed[0]).newest)

    def _listed(self, request: Request, body: Any, now: float) -> list[Event]:
        events: list[Event] = []
        first = (int(parse_qs(request.query)["page"][0]) - 1) * _requests.PAGE_SIZE
        items = page_items(body)
        if items is None:
            self._listing = False
            return events
        self._listing_failures = 0
        for place, item in enumerate(items, first):
            identifier = item.get("id")
            if identifier not in self._entries:
                continue
            entry = self._entries[identifier]
            entry.place, entry.below, entry.unseen = place, self._swept_to, 0
            prediction = self._newer(item)
            if lacks_output(prediction):
                continue  # a short form; by its id it is shown whole
            self._wanted.discard(prediction.id)
            events += self._news(prediction, now)
        return events

    def _read(self, request: Request, body: Any, now: float) -> list[Event]:
        identifier = _identifier(request)
        if identifier not in self._entries:
            return []
        if not isinstance(body, dict) or body.get("id") != identifier:
            self._entries[identifier].looked = now - self._entries[identifier].started
            return []
        return self._news(self._newer(body), now)

    def _newer(self, raw: dict[str, Any]) -> Prediction:
        read = Prediction.from_api(raw, origin=self.base_url)
        return read.remembering(self._entries[read.id].prediction)

    def _news(self, prediction: Prediction, now: float) -> list[Event]:
        entry = self._entries[prediction.id]
        if not entry.aged:
            entry.started, entry.aged = now - (self.age(prediction, now) or 0.0), True
        unfinished, entry.looked = entry.looked, now - entry.started
        if entry.prediction.model is None:  # waited for by its id alone
            entry.window = self.durations.window(self.base_url, prediction.model)
        entry.prediction = prediction
        entry.again, entry.failures, entry.failing_since, entry.missed = 0.0, 0, None, False
        if lacks_output(prediction) and entry.empty < len(_OUTPUT_IN):
            entry.again, entry.delayed = now + _OUTPUT_IN[entry.empty], True
            entry.empty += 1
            return []
        if prediction.done:
            self.remove(prediction.id)
            if prediction.status == "succeeded" and not entry.delayed:
                seconds = length(prediction, entry.looked, unfinished)
                self.durations.remember(self.base_url, prediction.model, seconds, entry.started)
        return [prediction]

    def _failed(
        self, found: ErrorBody | TransportFailure, request: Request, now: float, wait: float | None
    ) -> list[Event]:
        """Bear a read that failed for the moment: wait a little, and look again.

        A rate limit or a dead network holds everything up; a read that fails by itself only its own
        prediction, so that the others are not kept waiting.
        """
        # "Retry-After: 0", or a date in the past, must not become a storm of reads. As jobs go on meanwhile
        # and their outputs live five minutes, an hour's wait is asked about sooner.
        pause = _pause(self._failures, wait)
        if isinstance(found, ErrorBody) and found.status == 429:
            until = now + max(1.0, pause)
            self._failures += 1
            for held in self._entries.values():
                held.delayed = True
            entry = None if request.query else self._entries.get(_identifier(request))
            if entry is not None and len(self._entries) > 1:
                entry.again = until  # one read's trouble; the others are held back for a moment only
                until = min(until, now + _pause(self._failures))
            elif request not in self._queue:
                self._queue.append(request)
            self._not_before = max(self._not_before, until)
            self.rate_limit.hold(until)
            return []
        self._failures += 1
        if request.query:
            self._not_before = max(self._not_before, now + pause)
            self._listing_failures += not isinstance(found, TransportFailure)
            self._listing = self._listing and self._listing_failures < _GIVE_UP_LISTING
            return self._fail(sorted(self._wanted), found, now, None)
        if isinstance(found, TransportFailure):
            self._not_before = max(self._not_before, now + pause)
        return self._fail([_identifier(request)], found, now, wait)

    def _fail(
        self, identifiers: list[str], found: ErrorBody | TransportFailure, now: float, wait: float | None
    ) -> list[Event]:
        """Note that predictions could not be read; end the waits that this has lasted too long for."""
        broken: list[Event] = []
        for identifier in identifiers:
            entry = self._entries.get(identifier)
            if entry is None:
                continue
            entry.delayed = True
            entry.failing_since = now if entry.failing_since is None else entry.failing_since
            if now - entry.failing_since > self.policy.patience:
                broken.append(self._break(identifier, found))
            else:
                entry.again = now + _pause(entry.failures, wait)
                entry.failures += 1
        return broken

    def _refused(self, found: ErrorBody, request: Request, now: float) -> list[Event]:
        """Take an answer that no further try will change."""
        if request.query:
            if found.status == 401:
                return [self._break(i, found) for i in list(self._entries)]
            self._listing = False
            return []
        identifier = _identifier(request)
        entry = self._entries.get(identifier)
        if entry is None:
            return []
        entry.looked = now - entry.started
        if found.error_id == "PREDICTION_FAILED":
            failed = failed_prediction(
                identifier, found.text, found.error_id, last=entry.prediction, origin=self.base_url
            )
            return self._news(failed, now)
        if is_missing_prediction(found) and entry.number and entry.looked < _GRACE:
            return []
        return [self._break(identifier, found)]

    def _break(self, identifier: str, found: ErrorBody | TransportFailure) -> Broken:
        entry = self._entries[identifier]
        self.remove(identifier)
        return Broken(identifier, _lost_sight(found, identifier, made_here=bool(entry.number)))


def _pause(failures: int, wait: float | None = None) -> float:
    """Seconds before a read that failed is tried again: 0.25 at first, 5 at most, or what its answer asks."""
    doubled = 2.0 ** min(failures, 8)
    return max(min(5.0, 0.25 * doubled), min(wait or 0.0, _LONGEST_HOLD * doubled))


def _identifier(request: Request) -> str:
    return unquote(request.path.rsplit("/", 1)[-1])


def _lost_sight(found: ErrorBody | TransportFailure, identifier: str, *, made_here: bool) -> SkytellsError:
    missing = isinstance(found, ErrorBody) and is_missing_prediction(found)
    if missing and not made_here:
        billed = "Waiting bills nothing; what it had cost, if it was deleted, stays billed."
    else:
        billed = (
            "The prediction may go on, and may be billed; its id is not lost: "
            f"client.predictions.wait({identifier!r}) takes the wait up again."
        )
    error = to_exception(found, subject=f"prediction {identifier!r}", billed=billed, charged=None)
    if billed not in error.message:  # as of a refused key, whose own sentence says nothing of money
        error.add_note(billed)
    return error


def page_items(body: Any) -> list[dict[str, Any]] | None:
    """Return the predictions on a page of the listing, in either documented form; None if it is none.

    An empty page says that there are none; one of which nothing is a prediction says nothing, and whoever
    looks for a lost create must not take it for the first.
    """
    if isinstance(body, dict):
        body = next((body[key] for key in ("data", "predictions", "results") if key in body), None)
    if not isinstance(body, list):
        return None
    items = [
        item for item in body if isinstance(item, dict) and isinstance(item.get("id"), str) and item["id"]
    ]
    return items if items or not body else None
