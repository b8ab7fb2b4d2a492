"""Every way in which the wire is known to go wrong, ordered by name: ``faults.next("rate_limit", times=2)``.

A fault either takes the place of a response (at most one per request) or modifies what goes through (any
number at once).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final, NamedTuple

from . import _errors as errors
from ._jobs import SECOND, Job
from ._messages import API_ROUTES, ROUTES, TEXT_ROUTES, HttpResponse, as_json
from ._options import QUIRKS, is_amount

#: Words of ``faults.json`` for several routes.
_SETS: Final[dict[str, Sequence[str]]] = {"api": API_ROUTES, "all": ROUTES, "text": TEXT_ROUTES}


class FaultKind(NamedTuple):
    """One kind of fault: what it does, its usual routes, its settings, whether it only modifies, its routes.

    Routes are named, or a word for several of them is (`_SETS`).
    """

    says: str
    on: str
    details: Mapping[str, Any]
    modifies: bool = False
    allowed: str = "all"


FAULT_KINDS: Final = {
    name: FaultKind(**kind)
    for name, kind in json.loads(files(__package__).joinpath("faults.json").read_text("utf-8")).items()
}
#: Where the reason of a failed job is written (contradiction 10); ``error`` writes ``response`` too.
FAILURE_SHAPES: Final = ("error", "response", "error_message")
#: Details that are one of a few words.
_WORDS: Final[dict[str, tuple[str, ...]]] = {"shape": FAILURE_SHAPES, "quirk": tuple(QUIRKS)}


class ActiveFault(NamedTuple):
    """A fault of this request."""

    name: str
    details: Mapping[str, Any]


@dataclass(slots=True)
class FaultRule:
    """A fault that was asked for: on which routes, how often yet (None: always), how many pass before.

    `until` is the moment at which it ends by itself, and `learner` the only one it is for; None for no end,
    and for everybody.
    """

    name: str
    on: frozenset[str]
    left: int | None
    skip: int
    details: dict[str, Any] = field(default_factory=dict)
    until: float | None = None
    learner: str | None = None


class Faults:
    """The faults to come, first come, first served; every method may be called from any thread.

    Parameters
    ----------
    clock : callable
        Seconds since the epoch; ends what was asked for a time.

    Examples
    --------
    >>> faults = Faults()
    >>> faults.next("rate_limit", times=2, retry_after=1)
    >>> [each.name for each in faults.take("create")]
    ['rate_limit']
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rules: list[FaultRule] = []

    def next(
        self,
        name: str,
        *,
        times: int | None = 1,
        after: int = 0,
        on: str | Iterable[str] | None = None,
        lasting: float | None = None,
        learner: str | None = None,
        **details: Any,
    ) -> None:
        """Let a fault happen to the next requests.

        Parameters
        ----------
        name : str
            One of `FAULT_KINDS`.
        times : int or None
            To how many requests it happens; None for all, as `always` does.
        after : int
            How many matching requests it lets pass first.
        on : str or iterable of str, optional
            The routes it happens on, of `API_ROUTES` and ``asset``, or ``any``.
        lasting : float, optional
            Seconds after which it ends by itself.
        learner : str, optional
            The one learner of a class it is for; everybody, unless given.
        **details
            Settings of this fault, such as ``retry_after=1`` or ``seconds=3``.

        Raises
        ------
        ValueError
            If there is no such fault, route or detail; the message names those there are.
        """
        kind = FAULT_KINDS.get(name)
        if kind is None:
            raise ValueError(f"there is no fault {name!r}; there are {', '.join(sorted(FAULT_KINDS))}")
        if times is not None and (not isinstance(times, int) or times < 1):
            raise ValueError(f"times={times!r}: a fault happens at least once")
        if not isinstance(after, int) or after < 0:
            raise ValueError(f"after={after!r}: a number of requests, zero or more, is needed")
        if lasting is not None and not (is_amount(lasting) and lasting):
            raise ValueError(f"lasting={lasting!r}: seconds, more than zero, are needed")
        unknown = sorted(set(details) - set(kind.details))
        if unknown:
            known = ", ".join(sorted(kind.details)) or "nothing"
            raise ValueError(f"the fault {name!r} has no setting {', '.join(unknown)}; it has {known}")
        for detail, value in details.items():
            _check(name, detail, value, kind.details[detail])
        until = None if lasting is None else self._clock() + lasting
        settings = {**kind.details, **details}
        rule = FaultRule(name, _routes(name, kind, on), times, after, settings, until, learner)
        with self._lock:
            self._rules.append(rule)

    def always(
        self,
        name: str,
        *,
        after: int = 0,
        on: str | Iterable[str] | None = None,
        lasting: float | None = None,
        learner: str | None = None,
        **details: Any,
    ) -> None:
        """Let a fault happen to every request until its time is over, or until `clear`; see `next`."""
        self.next(name, times=None, after=after, on=on, lasting=lasting, learner=learner, **details)

    def clear(self, name: str | None = None) -> None:
        """Remove one fault, or all of them."""
        with self._lock:
            self._rules = [rule for rule in self._rules if name is not None and rule.name != name]

    @property
    def waiting(self) -> list[dict[str, Any]]:
        """The faults that are neither used up nor over, as plain values."""
        with self._lock:
            now = self._clock()
            self._end(now)
            return [
                {
                    "name": each.name,
                    "on": sorted(each.on),
                    "times": each.left,
                    "after": each.skip,
                    **({} if each.until is None else {"ends_in": round(each.until - now, 3)}),
                    **({} if each.learner is None else {"learner": each.learner}),
                    **each.details,
                }
                for each in self._rules
            ]

    def take(self, route: str, learner: str = "") -> tuple[ActiveFault, ...]:
        """Use up and return the faults of a request: all that modify it, and one that replaces its response.

        `route` is that of the request, such as ``create``, and `learner` whose it is, in a class.
        """
        if not self._rules:  # without the lock: every request asks, and nearly none is struck
            return ()
        with self._lock:
            self._end(self._clock())
            active, replaced = [], False
            for rule in list(self._rules):
                modifies = FAULT_KINDS[rule.name].modifies
                if route not in rule.on or (replaced and not modifies):
                    continue
                if rule.learner is not None and rule.learner != learner:
                    continue
                if rule.skip:
                    rule.skip -= 1
                    continue
                replaced = replaced or not modifies
                active.append(ActiveFault(rule.name, rule.details))
                if rule.left is not None:
                    rule.left -= 1
                    if not rule.left:
                        self._rules.remove(rule)
            return tuple(active)

    def _end(self, now: float) -> None:
        self._rules = [each for each in self._rules if each.until is None or each.until > now]


def _routes(name: str, kind: FaultKind, on: str | Iterable[str] | None) -> frozenset[str]:
    usual, allowed = (_SETS.get(each, each.split()) for each in (kind.on, kind.allowed))
    if on is None:
        return frozenset(usual)
    if on == "any":
        return frozenset(API_ROUTES).intersection(allowed)
    wanted = frozenset([on] if isinstance(on, str) else on)
    wrong = sorted(wanted.difference(allowed))
    if wrong or not wanted:
        raise ValueError(
            f"the fault {name!r} cannot happen on {', '.join(wrong) or 'nothing'}; "
            f"it can on {', '.join(allowed)}"
        )
    return wanted


def _check(name: str, detail: str, value: Any, default: Any) -> None:
    """Refuse a setting that could not be carried out, where whoever asked for it still sees why."""
    if detail == "retry_after":
        good = value is None or isinstance(value, str) or is_amount(value)
    elif isinstance(default, bool | str):
        good = isinstance(value, type(default)) and (value in _WORDS.get(detail, (value,)))
    elif detail == "status":
        good = isinstance(value, int) and 200 <= value <= 599
    else:
        good = is_amount(value)
    if not good:
        raise ValueError(f"the fault {name!r} cannot have {detail}={value!r}; usually it is {default!r}")


GATEWAY_PAGE: Final = b"""<html><head><title>502 Bad Gateway</title></head>
<body><center><h1>502 Bad Gateway</h1></center></body></html>
"""

_REFUSALS: Final[dict[str, Callable[[], errors.Refusal]]] = {
    "no_credit": errors.no_credit,
    "forbidden": errors.forbidden,
    "unauthorized": errors.unauthorized,
    "content_policy": errors.content_policy,
}


def early_response(active: Iterable[ActiveFault]) -> HttpResponse | None:
    """Return or raise what a fault answers before the request is handled; None where none does."""
    for name, details in active:
        if name in _REFUSALS:
            raise _REFUSALS[name]()
        if name == "rate_limit":
            wait = details["retry_after"]
            raise errors.rate_limited(retry_after=None if wait is None else str(wait))
        if name == "suspended":
            raise errors.suspended(details["status"])
        if name == "drop_before":
            return HttpResponse(ending="drop", reset=details["reset"])
        if name == "server_error" and not details["accepted"]:
            raise errors.server_error(details["status"])
        if name == "html_gateway" and not details["accepted"]:
            return _gateway(details["status"])
    return None


def modify_job(job: Job, active: Iterable[ActiveFault], now: int) -> None:
    """Change the job that a create has just made, before it is kept."""
    for name, details in active:
        if name in ("failed", "failed_as_502"):
            job.outcome, job.reason = "failed", details["reason"]
            job.failure_shape = details.get("shape", "error")
            job.failed_as_502 = name == "failed_as_502"
        elif name == "expired":
            job.purged_at_end = True
        elif name == "hidden":
            job.hidden_until = now + int(details["seconds"] * SECOND)


def replace_response(active: Sequence[ActiveFault], response: HttpResponse) -> HttpResponse:
    """Replace the response to a request that has been handled by what a fault makes of it."""
    # A fault cuts or replaces bytes, so they have to be there, although that holds others up.
    if active and response.work is not None:
        response.body, response.work = response.work(), None
    for name, details in active:
        response = _replaced(name, details, response)
    return response


def modify_response(active: Iterable[ActiveFault], response: HttpResponse) -> None:
    """Delay an answer, or take its Date header away, whatever it says."""
    for name, details in active:
        if name == "slow":
            response.after += details["seconds"]
        elif name == "missing_date":
            response.headers["date"] = ""


def _replaced(name: str, details: Any, response: HttpResponse) -> HttpResponse:
    match name:
        case "drop_after":
            return HttpResponse(ending="drop", reset=details["reset"])
        case "hang_after":
            return HttpResponse(ending="hang")
        case "cut_short":
            response.ending = "cut"
        case "error_after" | "server_error":
            raise errors.server_error(details["status"])
        case "html_gateway":
            return _gateway(details["status"])
        case "queued_false" if response.about is not None:
            return as_json({"id": response.about, "status": False, "error": {"message": "still queued"}})
        case "broken_json":
            response.body, response.hold = response.body[: max(len(response.body) // 2, 1)], None
            response.pieces = response.pieces and response.pieces[: len(response.pieces) // 2]
        case "empty_body":
            return as_json({}, details["status"])
    return response


def _gateway(status: int) -> HttpResponse:
    return HttpResponse(status, GATEWAY_PAGE, {"content-type": "text/html"})
