"""Everything that can go wrong on the wire, put in order by name: ``faults.next("rate_limit", times=2)``.

A fault either takes the place of an answer (at most one per request) or bends the request that goes through (any
number at once). This module only keeps the order book; `skytells_nb.sandbox.mishaps` carries the orders out.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from skytells_nb.sandbox.routes import API_ROUTES, ROUTES


class Kind(NamedTuple):
    """A fault there is: what it does, where it strikes unless told, what it can be told, where it may strike."""

    says: str
    on: tuple[str, ...]
    details: Mapping[str, Any]
    bends: bool = False
    allowed: tuple[str, ...] = ROUTES


_CREATE, _READ, _ASSET = ("create",), ("read",), ("asset",)

KINDS: dict[str, Kind] = {
    "rate_limit": Kind(
        "429 with Retry-After (None: without; a string goes out as it is)", API_ROUTES, {"retry_after": 1}
    ),
    "server_error": Kind(
        "5xx in the API's envelope; accepted=True handles the request first",
        API_ROUTES,
        {"status": 500, "accepted": False},
    ),
    "html_gateway": Kind(
        "a gateway's HTML page; accepted=True handles the request first",
        API_ROUTES,
        {"status": 502, "accepted": False},
    ),
    "drop_before": Kind("the connection closes before the request is handled", _CREATE, {"reset": False}),
    "drop_after": Kind(
        "the request is handled, then the connection closes without an answer", _CREATE, {"reset": False}
    ),
    "hang_after": Kind("the request is handled, then nothing comes until the client gives up", _CREATE, {}),
    "error_after": Kind(
        "the request is handled, then answered with 5xx in the API's envelope", _CREATE, {"status": 500}
    ),
    "queued_false": Kind(
        "HTTP 200 with status false and the id of a job that runs (section 4.1)",
        _CREATE,
        {},
        allowed=("create", "read"),
    ),
    "no_credit": Kind("402", _CREATE, {}),
    "suspended": Kind("403, or 401 as another page has it", API_ROUTES, {"status": 403}),
    "forbidden": Kind("403", API_ROUTES, {}),
    "unauthorized": Kind("401 although the key is good", API_ROUTES, {}),
    "content_policy": Kind("451", _CREATE, {}),
    "broken_json": Kind(
        "the request is handled, half of the answer's JSON is sent as if it were all", API_ROUTES, {}
    ),
    "empty_body": Kind(
        "the request is handled, the answer is an empty JSON object", API_ROUTES, {"status": 200}
    ),
    "cut_short": Kind("the connection closes in the middle of the body", _ASSET, {}),
    "slow": Kind("the request is handled, its answer comes later", API_ROUTES, {"seconds": 2.0}, bends=True),
    "missing_date": Kind("the answer has no Date header", API_ROUTES, {}, bends=True),
    "failed": Kind(
        "the job fails; shape: error, response or error_message",
        _CREATE,
        {"reason": "Failed to generate image.", "shape": "error"},
        bends=True,
        allowed=_CREATE,
    ),
    "failed_as_502": Kind(
        "the job fails, and reads report that by a 502",
        _CREATE,
        {"reason": "Failed to generate image."},
        bends=True,
        allowed=("create", "read"),
    ),
    "expired": Kind(
        "the files are gone: those asked for, or those of the job created",
        _ASSET,
        {},
        bends=True,
        allowed=("asset", "create"),
    ),
    "hidden": Kind(
        "the job is missing from listings for so many seconds",
        _CREATE,
        {"seconds": 1.0},
        bends=True,
        allowed=_CREATE,
    ),
}


class Hit(NamedTuple):
    """A fault that strikes this request."""

    name: str
    details: Mapping[str, Any]


@dataclass(slots=True)
class Order:
    """A fault that was ordered: where it strikes, how often still (None: always), how many requests it lets pass."""

    name: str
    on: frozenset[str]
    left: int | None
    skip: int
    details: dict[str, Any] = field(default_factory=dict)


class Faults:
    """The order book of faults. Orders are taken in the order they were given; every method may be called from any thread.

    Examples
    --------
    >>> faults = Faults()
    >>> faults.next("rate_limit", times=2, retry_after=1)
    >>> [hit.name for hit in faults.take("create")]
    ['rate_limit']
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: list[Order] = []

    def next(
        self,
        name: str,
        *,
        times: int = 1,
        after: int = 0,
        on: str | Iterable[str] | None = None,
        **details: Any,
    ) -> None:
        """Order a fault for the next requests.

        Parameters
        ----------
        name : str
            One of `skytells_nb.sandbox.faults.KINDS`.
        times : int
            How many requests it strikes.
        after : int
            How many matching requests it lets pass first.
        on : str or iterable of str, optional
            The routes it strikes: create, read, list, cancel, delete, stream, models, model, asset, or any.
        **details
            What this fault can be told, such as ``retry_after=1`` or ``seconds=3``.

        Raises
        ------
        ValueError
            If there is no such fault, route or detail; the message names those there are.
        """
        if times < 1:
            raise ValueError(f"times={times!r}: a fault strikes at least once")
        self._order(name, times, after, on, details)

    def always(
        self, name: str, *, after: int = 0, on: str | Iterable[str] | None = None, **details: Any
    ) -> None:
        """Order a fault for every request until `clear`; the parameters are those of `next`."""
        self._order(name, None, after, on, details)

    def clear(self, name: str | None = None) -> None:
        """Take back the orders of one fault, or all of them."""
        with self._lock:
            self._orders = [order for order in self._orders if name is not None and order.name != name]

    @property
    def waiting(self) -> list[dict[str, Any]]:
        """The orders that have not been used up, as plain values."""
        with self._lock:
            return [
                {
                    "name": each.name,
                    "on": sorted(each.on),
                    "times": each.left,
                    "after": each.skip,
                    **each.details,
                }
                for each in self._orders
            ]

    def take(self, route: str) -> tuple[Hit, ...]:
        """Use up and return what strikes a request on a route: any number that bend it, one that replaces its answer."""
        if not self._orders:
            return ()
        with self._lock:
            hits, replaced = [], False
            for order in list(self._orders):
                bends = KINDS[order.name].bends
                if route not in order.on or (replaced and not bends):
                    continue
                if order.skip:
                    order.skip -= 1
                    continue
                replaced = replaced or not bends
                hits.append(Hit(order.name, order.details))
                if order.left is not None:
                    order.left -= 1
                    if not order.left:
                        self._orders.remove(order)
            return tuple(hits)

    def _order(
        self,
        name: str,
        times: int | None,
        after: int,
        on: str | Iterable[str] | None,
        details: dict[str, Any],
    ) -> None:
        kind = KINDS.get(name)
        if kind is None:
            raise ValueError(f"there is no fault {name!r}; there are {', '.join(sorted(KINDS))}")
        if after < 0:
            raise ValueError(f"after={after!r}: a number of requests, zero or more, is needed")
        unknown = sorted(set(details) - set(kind.details))
        if unknown:
            known = ", ".join(sorted(kind.details)) or "nothing"
            raise ValueError(
                f"the fault {name!r} cannot be told {', '.join(unknown)}; it can be told {known}"
            )
        order = Order(name, _routes(name, kind, on), times, after, {**kind.details, **details})
        with self._lock:
            self._orders.append(order)


def _routes(name: str, kind: Kind, on: str | Iterable[str] | None) -> frozenset[str]:
    if on is None:
        return frozenset(kind.on)
    if on == "any":
        return frozenset(API_ROUTES) & frozenset(kind.allowed)
    wanted = frozenset([on] if isinstance(on, str) else on)
    wrong = sorted(wanted - frozenset(kind.allowed))
    if wrong or not wanted:
        raise ValueError(
            f"the fault {name!r} cannot strike {', '.join(wrong) or 'nothing'}; it strikes any of {', '.join(kind.allowed)}"
        )
    return wanted
