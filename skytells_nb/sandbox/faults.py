"""Everything that can go wrong on the wire, put in order by name: ``faults.next("rate_limit", times=2)``.

A fault either takes the place of an answer (at most one per request) or bends the request that goes through
(any number at once). This module only keeps the order book; `skytells_nb.sandbox.mishaps` carries the
orders out.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from skytells_nb.sandbox.fault_kinds import FAILURE_SHAPES, KINDS, Kind
from skytells_nb.sandbox.routes import API_ROUTES


class Hit(NamedTuple):
    """A fault that strikes this request."""

    name: str
    details: Mapping[str, Any]


@dataclass(slots=True)
class Order:
    """A fault that was ordered: where it strikes, how often yet (None: always), how many it lets pass.

    `until` is the moment at which it ends by itself, and `learner` the one it strikes; None for no end, and
    for everybody.
    """

    name: str
    on: frozenset[str]
    left: int | None
    skip: int
    details: dict[str, Any] = field(default_factory=dict)
    until: float | None = None
    learner: str | None = None


class Faults:
    """The order book of faults, first come, first served; every method may be called from any thread.

    Parameters
    ----------
    clock : callable
        Seconds since the epoch; ends what was ordered for a time.

    Examples
    --------
    >>> faults = Faults()
    >>> faults.next("rate_limit", times=2, retry_after=1)
    >>> [hit.name for hit in faults.take("create")]
    ['rate_limit']
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._orders: list[Order] = []

    def next(
        self,
        name: str,
        *,
        times: int = 1,
        after: int = 0,
        on: str | Iterable[str] | None = None,
        lasting: float | None = None,
        learner: str | None = None,
        **details: Any,
    ) -> None:
        """Order a fault for the next requests.

        Parameters
        ----------
        name : str
            One of `skytells_nb.sandbox.fault_kinds.KINDS`.
        times : int
            How many requests it strikes.
        after : int
            How many matching requests it lets pass first.
        on : str or iterable of str, optional
            The routes it strikes: create, read, list, cancel, delete, stream, models, model, asset, or any.
        lasting : float, optional
            Seconds after which it ends by itself.
        learner : str, optional
            The one learner of a class whom it strikes; everybody, unless given.
        **details
            What this fault can be told, such as ``retry_after=1`` or ``seconds=3``.

        Raises
        ------
        ValueError
            If there is no such fault, route or detail; the message names those there are.
        """
        if not isinstance(times, int) or times < 1:
            raise ValueError(f"times={times!r}: a fault strikes at least once")
        self._order(name, times, after, on, lasting, learner, details)

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
        """Order a fault for every request until its time is over, or until `clear`; see `next`."""
        self._order(name, None, after, on, lasting, learner, details)

    def clear(self, name: str | None = None) -> None:
        """Take back the orders of one fault, or all of them."""
        with self._lock:
            self._orders = [order for order in self._orders if name is not None and order.name != name]

    @property
    def waiting(self) -> list[dict[str, Any]]:
        """The orders that are neither used up nor over, as plain values."""
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
                for each in self._orders
            ]

    def take(self, route: str, learner: str = "") -> tuple[Hit, ...]:
        """Use up and return what strikes a request: any number that bend it, one that replaces its answer.

        Parameters
        ----------
        route : str
            The route of the request, such as ``create``; see `next`.
        learner : str
            Whose request it is, in a class.

        Returns
        -------
        tuple of Hit
            In the order in which they were ordered; empty where nothing strikes.
        """
        if not self._orders:
            return ()
        with self._lock:
            self._end(self._clock())
            hits, replaced = [], False
            for order in list(self._orders):
                bends = KINDS[order.name].bends
                if route not in order.on or (replaced and not bends):
                    continue
                if order.learner is not None and order.learner != learner:
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
        lasting: float | None,
        learner: str | None,
        details: dict[str, Any],
    ) -> None:
        kind = KINDS.get(name)
        if kind is None:
            raise ValueError(f"there is no fault {name!r}; there are {', '.join(sorted(KINDS))}")
        if not isinstance(after, int) or after < 0:
            raise ValueError(f"after={after!r}: a number of requests, zero or more, is needed")
        if lasting is not None and not (_is_amount(lasting) and lasting):
            raise ValueError(f"lasting={lasting!r}: seconds, more than zero, are needed")
        unknown = sorted(set(details) - set(kind.details))
        if unknown:
            known = ", ".join(sorted(kind.details)) or "nothing"
            raise ValueError(
                f"the fault {name!r} cannot be told {', '.join(unknown)}; it can be told {known}"
            )
        for detail, value in details.items():
            _check(name, detail, value, kind.details[detail])
        until = None if lasting is None else self._clock() + lasting
        told = {**kind.details, **details}
        order = Order(name, _routes(name, kind, on), times, after, told, until, learner)
        with self._lock:
            self._orders.append(order)

    def _end(self, now: float) -> None:
        self._orders = [each for each in self._orders if each.until is None or each.until > now]


def _routes(name: str, kind: Kind, on: str | Iterable[str] | None) -> frozenset[str]:
    if on is None:
        return frozenset(kind.on)
    if on == "any":
        return frozenset(API_ROUTES) & frozenset(kind.allowed)
    wanted = frozenset([on] if isinstance(on, str) else on)
    wrong = sorted(wanted - frozenset(kind.allowed))
    if wrong or not wanted:
        raise ValueError(
            f"the fault {name!r} cannot strike {', '.join(wrong) or 'nothing'}; "
            f"it strikes any of {', '.join(kind.allowed)}"
        )
    return wanted


def _check(name: str, detail: str, value: Any, usual: Any) -> None:
    """Refuse a detail that could not be carried out, while whoever ordered it is still there to be told."""
    if detail == "retry_after":
        good = value is None or isinstance(value, str) or _is_amount(value)
    elif isinstance(usual, bool | str):
        good = isinstance(value, type(usual)) and (detail != "shape" or value in FAILURE_SHAPES)
    elif detail == "status":
        good = isinstance(value, int) and 200 <= value <= 599
    else:
        good = _is_amount(value)
    if not good:
        raise ValueError(f"the fault {name!r} cannot be told {detail}={value!r}; usually it is {usual!r}")


def _is_amount(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    )
