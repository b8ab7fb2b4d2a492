"""Listing predictions: page after page, several at once, filtered by the API and again here.

Not every version of the API honours every filter (skytells-api.md section 4.3), so what is asked for is
also looked for in what comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from math import inf
from typing import Any, Final, cast

from ..checks import check_whole
from ..exceptions import InvalidInputError, NotFoundError, ServerError
from ..models import STATUSES, Prediction, PredictionList, Status, parse_status, slugs_of
from . import _requests
from ._connection import Connection, send_all_with_retry
from ._models import slug_meant
from ._pending import same_model
from ._poller import page_items

_SENT_STATUSES: Final = frozenset({"succeeded", "failed", "processing"})
_WAVE: Final = 48
_GUESS: Final = 4
_MOST: Final = 50_000
"""Predictions that are read where the API names no last page; where it does, a million. A listing that has no
end would fill the memory."""

Moment = date | datetime | str | None


async def list_predictions(
    connection: Connection,
    *,
    limit: int | None = 20,
    status: str | None = None,
    model: str | None = None,
    since: Moment = None,
    until: Moment = None,
    on_page: Callable[[int, int | None], object] | None = None,
) -> PredictionList:
    """List predictions, newest first, filtered here as well as by the API.

    ``on_page`` is told how many were read, and how many there are in all where the API says.
    """
    limit = check_limit(limit)
    keep = _ListingFilter(connection, status, slugs_of(model), since, until)
    found: dict[str, Prediction] = {}
    if limit == 0:
        return PredictionList()
    size = _requests.PAGE_SIZE if limit is None or keep.partial else min(_requests.PAGE_SIZE, limit)
    number, last = 0, None
    total: int | None = None
    read: set[str] = set()
    while True:
        ahead = 1 if number == 0 else _ahead(number, last, limit, len(found), size)
        calls = [keep.page(number + n + 1, size) for n in range(ahead)]
        if not calls:
            break
        try:
            bodies = await send_all_with_retry(connection, calls, "the list of predictions")
        except NotFoundError as error:
            if keep.model is None:
                raise
            keep.model = await slug_meant(connection, keep.model, error)  # or raises
            continue
        number += len(calls)
        already, tail = len(read), False
        for body in bodies:
            items = page_items(body)
            if items is None:
                raise ServerError(
                    "The list of predictions cannot be read: it is neither a list nor pages of one. "
                    "Check the base URL, then try again.",
                    detail="unreadable listing",
                    charged=False,
                )
            pages = body.get("pagination") if isinstance(body, dict) else None
            if isinstance(pages, dict):
                total = pages["total"] if isinstance(pages.get("total"), int) else None
                last = pages["last_page"] if isinstance(pages.get("last_page"), int) else last
            before = len(read)
            read |= _keep(connection, keep, items, found)
            tail = len(read) > before
            if on_page is not None:
                on_page(len(read), total)
        ended = number >= last if last is not None else not tail
        if ended or len(read) == already or (limit is not None and len(found) >= limit):
            break
        most, least = (_MOST, size) if last is None else (20 * _MOST, 10)
        # Pages with ever one new one are no listing, either.
        if max(len(read), least * number) > most or (
            limit is None and max(total or 0, last or 0) > 20 * _MOST
        ):
            raise ServerError(
                f"The API lists over {max(total or 0, len(read)):,} predictions. Narrow the list with since= "
                "and until=.",
                detail="endless listing",
                charged=False,
            )

    def made(prediction: Prediction) -> float:
        return prediction.created_at.timestamp() if prediction.created_at is not None else -inf

    newest = sorted(found.values(), key=made, reverse=True)
    return PredictionList(newest if limit is None else newest[:limit])


def _keep(
    connection: Connection, keep: _ListingFilter, items: list[dict[str, Any]], found: dict[str, Prediction]
) -> set[str]:
    """Keep what of a page is asked for; returns the ids of all of it."""
    predictions = [Prediction.from_api(item, origin=connection.origin) for item in items]
    connection.creates.mark_seen(p.id for p in predictions)
    for prediction in predictions:
        if keep(prediction):
            found.setdefault(prediction.id, prediction)
    return {p.id for p in predictions}


def _ahead(number: int, last: int | None, limit: int | None, found: int, size: int) -> int:
    """How many pages to ask for at once: those that are known to be there and wanted."""
    wanted = _WAVE if limit is None else max(1, -(-(limit - found) // size))
    return min(_WAVE, wanted, last - number if last is not None else _GUESS)


def check_limit(limit: object) -> int | None:
    """Return how many of a listing are wanted at most, None for all; refuse what cannot be that."""
    try:
        return None if limit is None else check_whole("limit", limit, 0, none="all")
    except InvalidInputError as error:
        raise InvalidInputError(f"{error.message} Nothing was sent or changed.") from None


def check_status(status: object) -> Status | None:
    """Return the status that a listing is asked for; refuse a misspelt one, which would find nothing."""
    found = parse_status(status) if isinstance(status, str) else None
    if status is not None and found is None:
        raise InvalidInputError(
            f"status must be one of {', '.join(STATUSES)}, not {status!r}. Nothing was sent."
        )
    return found


class _ListingFilter:
    """What a listing keeps; sent to the API as far as every version of it understands."""

    def __init__(
        self, connection: Connection, status: object, model: object, since: Moment, until: Moment
    ) -> None:
        if model is not None and (not isinstance(model, str) or not model.strip()):
            raise InvalidInputError(f"model must be a word or None, not {model!r}. Nothing was sent.")
        self._names = connection.display_names
        self.status = check_status(status)
        self.model = model if isinstance(model, str) else None
        self.since, self.until = parse_bounds(since, until)
        if self.since and self.until and self.since > self.until:
            raise InvalidInputError("since lies after until. Nothing was sent.")

        # Whether it may leave out some of what a page brings.
        chosen = (self.status, self.model, self.since, self.until)
        self.partial = any(value is not None for value in chosen)

    def page(self, number: int, size: int) -> _requests.Call:
        return _requests.page(
            number,
            size=size,
            status=self.status if self.status in _SENT_STATUSES else None,
            model=self.model,
            since=self.since.date() if self.since else None,
            until=self.until.date() if self.until else None,
        )

    def __call__(self, prediction: Prediction) -> bool:
        made = prediction.created_at
        return (
            (self.status is None or prediction.status == self.status)
            and (
                self.model is None
                or prediction.model is None
                or same_model(prediction.model, self.model, self._names)
            )
            and (self.since is None or made is None or made >= self.since)
            and (self.until is None or made is None or made <= self.until)
        )


def parse_bounds(since: Moment, until: Moment) -> tuple[datetime | None, datetime | None]:
    """Read bounds of a time, both inclusive; a day alone means the whole of it, in UTC as the API counts."""
    return _parse_bound("since", since, time.min), _parse_bound("until", until, time.max)


def _parse_bound(name: str, value: Moment, of_day: time) -> datetime | None:
    read: object = value
    if type(value).__name__ == "datetime64":  # numpy's, which need not be there
        read = cast("Any", value).astype("datetime64[us]").item()
    if isinstance(value, str):
        try:
            read = date.fromisoformat(value) if len(value) <= 10 else datetime.fromisoformat(value)
        except ValueError:
            read = value
    if isinstance(read, datetime):
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    if isinstance(read, date):
        return datetime.combine(read, of_day, UTC)
    if read is None:
        return None
    raise InvalidInputError(
        f'{name} must be a date, a datetime or "YYYY-MM-DD", not {value!r}. Nothing was sent or changed.'
    )
