"""The listing of predictions: pages, dates and filters, newest first.

Source: skytells-api.md, section 4.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from . import errors
from .jobs import SECOND, Job
from .messages import dump
from .models import Catalogue

LARGEST_PAGE: Final = 50
USUAL_PAGE: Final = 20

#: Every documented word for a status, and the phases it stands for (section 4.8).
STATUS_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "pending": ("pending",),
    "queued": ("pending", "starting"),
    "starting": ("starting",),
    "started": ("starting",),
    "processing": ("processing",),
    "succeeded": ("succeeded",),
    "failed": ("failed",),
    "canceled": ("canceled",),
    "cancelled": ("canceled",),
}


class Query(NamedTuple):
    """A listing that was asked for; moments are microseconds, `until` is the first that is too late."""

    page: int = 1
    per_page: int = USUAL_PAGE
    model: str | None = None
    phases: tuple[str, ...] | None = None
    since: int | None = None
    until: int | None = None

    @property
    def filters(self) -> bool:
        """Whether anything narrows the listing."""
        return any(each is not None for each in self[2:])


def parse_query(text: str, catalogue: Catalogue) -> Query:
    """Parse and check a listing's query string; unknown parameters are let through, as servers do."""
    given = dict(parse_qsl(text, keep_blank_values=True))
    page = _whole(given, "page", 1, None)
    per_page = _whole(given, "per_page", USUAL_PAGE, LARGEST_PAGE)
    since, until = _day(given, "from"), _day(given, "to")
    if since is not None and until is not None and since > until:
        raise errors.Refusal(400, "INVALID_DATE_RANGE", "Invalid date range", "'from' is after 'to'.")
    model = given.get("model") or None
    if model is not None:
        if model not in catalogue:
            raise errors.model_not_found(model)
        model = catalogue[model].slug
    status = given.get("status") or None
    if status is not None and status not in STATUS_WORDS:
        raise errors.invalid_parameter(f"'status' must be one of {', '.join(STATUS_WORDS)}.")
    return Query(
        page,
        per_page,
        model,
        STATUS_WORDS[status] if status else None,
        since,
        None if until is None else until + 86_400 * SECOND,
    )


def select_page(jobs: Iterable[Job], query: Query, now: int, size: int) -> tuple[list[Job], int]:
    """Return one page of all predictions, given newest first."""
    start = (query.page - 1) * query.per_page
    if not query.filters:
        return list(islice(jobs, start, start + query.per_page)), size
    matching = [job for job in jobs if _matches(job, query, now)]
    return matching[start : start + query.per_page], len(matching)


def page_json(query: Query, total: int, rendered: Iterable[bytes], form: str) -> bytes:
    """Write a page of predictions in one of the two documented forms."""
    items = b"[" + b",".join(rendered) + b"]"
    if form == "array":
        return items
    last = max(1, -(-total // query.per_page))
    pagination = {"current_page": query.page, "per_page": query.per_page, "total": total, "last_page": last}
    return b'{"data":' + items + b',"pagination":' + dump(pagination) + b"}"


def _matches(job: Job, query: Query, now: int) -> bool:
    return (
        (query.model is None or job.model == query.model)
        and (query.since is None or job.created >= query.since)
        and (query.until is None or job.created < query.until)
        and (query.phases is None or job.phase(now) in query.phases)
    )


def _whole(given: dict[str, str], name: str, usual: int, largest: int | None) -> int:
    text = given.get(name)
    if text is None:
        return usual
    value = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0
    if value < 1 or (largest is not None and value > largest):
        limits = f"from 1 to {largest}" if largest else "1 or more"
        raise errors.invalid_parameter(f"'{name}' must be a whole number {limits}.")
    return value


def _day(given: dict[str, str], name: str) -> int | None:
    """Parse a date; returns its midnight in microseconds."""
    text = given.get(name)
    if not text:
        return None
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise ValueError
        return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND
    except ValueError:
        raise errors.Refusal(
            400, "INVALID_DATE_FORMAT", "Invalid date format", f"'{name}' must be a date like 2026-01-31."
        ) from None
