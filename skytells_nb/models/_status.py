"""The statuses that a prediction can have: one closed list, with what is to be known of each.

Every place that must know them all, here and elsewhere, ends in ``assert_never``, so a new member of `Status`
makes mypy name each place that has not heard of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal, assert_never, get_args

Status = Literal["queued", "processing", "succeeded", "failed", "canceled", "not_sent"]
"""``not_sent`` is ours: an item of a batch that was stopped before its turn came, so nothing was billed."""

STATUSES: Final[tuple[Status, ...]] = get_args(Status)


def count_statuses(statuses: Iterable[Status]) -> str:
    """Count statuses in words; those that do not occur are left out."""
    counts = Counter(statuses)
    return ", ".join(f"{counts[each]:,} {each.replace('_', ' ')}" for each in STATUSES if counts[each])


def is_done(status: Status) -> bool:
    """Return whether nothing more will come of a prediction, well or not."""
    match status:
        case "queued" | "processing":
            return False
        case "succeeded" | "failed" | "canceled" | "not_sent":
            return True
        case _:
            assert_never(status)


def words_of(status: Status) -> tuple[str, ...]:
    """Return the words on the wire that mean a status (skytells-api.md section 4.8)."""
    match status:
        case "queued":
            return ("queued", "pending", "starting")
        case "processing":
            return ("processing", "started")
        case "succeeded":
            return ("succeeded",)
        case "failed":
            return ("failed",)
        case "canceled":
            return ("canceled", "cancelled")
        case "not_sent":
            return ()
        case _:
            assert_never(status)


_BY_WORD: Final = {word: status for status in STATUSES for word in words_of(status)}
_ELSEWHERE: Final[dict[str, Status]] = {
    **dict.fromkeys(("success", "completed", "complete", "done", "finished"), "succeeded"),
    **dict.fromkeys(("failure", "error", "errored"), "failed"),
}
"""Words that nobody documents, but other APIs use, and that mean an end: who waited for another would lose an
output, which lives for five minutes."""


def parse_status(word: str) -> Status | None:
    """Return the status that a documented word means; None when it is none of them."""
    return _BY_WORD.get(word.strip().lower())


def status_from_wire(value: object) -> Status:
    """Return the status that any value on the wire means.

    A word that nobody documents is not finished. So is what is no word, such as the boolean of
    ``status: false`` (skytells-api.md section 4.1).
    """
    if isinstance(value, str):
        return parse_status(value) or _ELSEWHERE.get(value.strip().lower(), "processing")
    return "queued"
