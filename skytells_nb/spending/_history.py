"""What earlier predictions cost and how long they took, from a connection's archive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from threading import Lock
from typing import Any, Final

from ..api import Connection
from ..models import Model, parse_amount, parse_number
from ..pricing import PLAUSIBLE, added

_MOST: Final = 200
_AGE: Final = 30.0

_lock = Lock()
_known: dict[tuple[str, str, str], tuple[float, Past]] = {}


@dataclass(frozen=True, slots=True)
class Past:
    """Costs in US dollars, and seconds of work, of a model's newest successes."""

    costs: tuple[Decimal, ...] = ()
    durations: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Day:
    """What was spent, and of how many predictions that is not known."""

    spent: Decimal = Decimal(0)
    unknown: int = 0


def _rows(archive: object, origin: str) -> Iterable[Mapping[str, Any]]:
    read = getattr(archive, "rows", None)
    found: Iterable[Mapping[str, Any]] = read(origin) if callable(read) else ()
    return found


def past(connection: Connection, model: Model) -> Past:
    """Read what the archive knows of a model at this origin; remembered for half a minute."""
    archive = connection.archive
    if archive is None:
        return Past()
    key = (str(getattr(archive, "path", id(archive))), connection.origin, model.id)
    with _lock:
        known = _known.get(key)
    if known is not None and known[0] > time.monotonic():
        return known[1]
    names = {name.casefold() for name in (model.id, model.name) if name}
    costs: list[Decimal] = []
    durations: list[float] = []
    for row in _rows(archive, connection.origin):
        if row["status"] != "succeeded" or str(row["model"]).casefold() not in names:
            continue
        cost, seconds = parse_amount(row["cost"]), parse_number(row["predict_s"])
        if cost is not None:
            costs.append(cost)
        if seconds is not None:
            durations.append(seconds)
        if max(len(costs), len(durations)) >= _MOST:
            break
    found = Past(tuple(costs), tuple(durations))
    with _lock:
        _known[key] = (time.monotonic() + _AGE, found)
    return found


def spent_since(connection: Connection, moment: datetime, known: Callable[[], frozenset[str]]) -> Day:
    """Add up what the archive has of this origin since a moment, but for ids that are known otherwise.

    Those are asked for once the rows are read: what ended meanwhile must not be counted twice.
    """
    rows = _rows(connection.archive, connection.origin)
    without = known()
    costs: list[Decimal] = []
    unknown = 0
    for row in rows:
        made = row["created_at"] or row["completed_at"]
        if made is None or row["id"] in without:
            continue
        if made < moment:
            break
        cost = parse_amount(row["cost"])
        if cost is not None and 0 <= cost <= PLAUSIBLE:
            costs.append(cost)
        elif row["status"] == "succeeded":
            unknown += 1
    return Day(added(costs), unknown)
