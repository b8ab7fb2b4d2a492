"""Carries out the faults that strike a request: before it is handled, on its job, and on its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from skytells_nb.sandbox import errors
from skytells_nb.sandbox.exchange import Answer, as_json
from skytells_nb.sandbox.faults import Hit
from skytells_nb.sandbox.job import SECOND, Job

GATEWAY_PAGE = b"""<html><head><title>502 Bad Gateway</title></head>
<body><center><h1>502 Bad Gateway</h1></center></body></html>
"""

_REFUSALS: dict[str, Callable[[], errors.Refusal]] = {
    "no_credit": errors.no_credit,
    "forbidden": errors.forbidden,
    "unauthorized": errors.unauthorized,
    "content_policy": errors.content_policy,
}


def before(hits: Iterable[Hit]) -> Answer | None:
    """Answer in place of the API, or raise a refusal, where a fault strikes before the request is handled."""
    for name, details in hits:
        if name in _REFUSALS:
            raise _REFUSALS[name]()
        if name == "rate_limit":
            wait = details["retry_after"]
            raise errors.rate_limited(retry_after=None if wait is None else str(wait))
        if name == "suspended":
            raise errors.suspended(details["status"])
        if name == "drop_before":
            return Answer(ending="drop", reset=details["reset"])
        if name == "server_error" and not details["accepted"]:
            raise errors.server_error(details["status"])
        if name == "html_gateway" and not details["accepted"]:
            return _gateway(details["status"])
    return None


def bend_job(job: Job, hits: Iterable[Hit], now: int) -> None:
    """Change the job that a create has just made, before it is kept."""
    for name, details in hits:
        if name in ("failed", "failed_as_502"):
            job.outcome, job.reason = "failed", details["reason"]
            job.failure_shape = details.get("shape", "error")
            job.failed_as_502 = name == "failed_as_502"
        elif name == "expired":
            job.purged_at_end = True
        elif name == "hidden":
            job.hidden_until = now + int(details["seconds"] * SECOND)


def replace(hits: Iterable[Hit], answer: Answer) -> Answer:
    """Put what a fault makes of it in the place of the answer to a request that has been handled."""
    for name, details in hits:
        answer = _replaced(name, details, answer)
    return answer


def bend_answer(hits: Iterable[Hit], answer: Answer) -> None:
    """Delay an answer, or take its Date header away, whatever it says."""
    for name, details in hits:
        if name == "slow":
            answer.after += details["seconds"]
        elif name == "missing_date":
            answer.headers["date"] = ""


def _replaced(name: str, details: Any, answer: Answer) -> Answer:
    match name:
        case "drop_after":
            return Answer(ending="drop", reset=details["reset"])
        case "hang_after":
            return Answer(ending="hang")
        case "cut_short":
            answer.ending = "cut"
        case "error_after" | "server_error":
            raise errors.server_error(details["status"])
        case "html_gateway":
            return _gateway(details["status"])
        case "queued_false" if answer.about is not None:
            return as_json({"id": answer.about, "status": False, "error": {"message": "still queued"}})
        case "broken_json":
            answer.body, answer.hold = answer.body[: max(len(answer.body) // 2, 1)], None
        case "empty_body":
            return as_json({}, details["status"])
    return answer


def _gateway(status: int) -> Answer:
    return Answer(status, GATEWAY_PAGE, {"content-type": "text/html"})
