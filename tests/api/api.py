"""A tiny API: it bills what it accepts, ends jobs by the clock, and goes wrong as it is told to."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, unquote

from skytells_nb.api._requests import Request
from skytells_nb.api._responses import Reply, Response, TransportFailure

from .stage import EPOCH

HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"

LOST: dict[str, Callable[[], tuple[Reply, float]]] = {
    "drop": lambda: (TransportFailure("dropped", sent=True, message="connection reset"), 0.0),
    "timeout": lambda: (TransportFailure("timeout", sent=True, message="no answer within 60 s"), 60.0),
    "error": lambda: (envelope(500, "INTERNAL_ERROR", "Something broke"), 0.0),
    "unavailable": lambda: (Response(503, {}, b"<h1>Service Unavailable</h1>"), 0.0),
    "gateway": lambda: (Response(502, {"content-type": "text/html"}, HTML), 0.0),
    "late408": lambda: (envelope(408, "REQUEST_TIMEOUT", "Took too long"), 0.0),
    "gone": lambda: (envelope(499, "CLIENT_CLOSED_REQUEST", "The client went away"), 0.0),
    "moved": lambda: (Response(302, {"location": "/v1/predictions/p1?new=1"}, b""), 0.0),
    "conflict": lambda: (Response(409, {}, b'{"id": "p1", "status": "queued", "model": "m"}'), 0.0),
    "unreadable": lambda: (Response(200, {}, b'{"id": "p'), 0.0),
    "empty": lambda: (Response(200, {}, b"{}"), 0.0),
}
"""Answers that leave a create in doubt; each may come before or after the job was accepted."""


def envelope(status: int, error_id: str, message: str, details: object = None, **headers: str) -> Response:
    body = {
        "status": False,
        "response": message,
        "error": {"http_status": status, "message": message, "details": details, "error_id": error_id},
    }
    return Response(status, headers, json.dumps(body).encode())


def good(body: object, **headers: str) -> Response:
    return Response(200, headers, json.dumps(body).encode())


@dataclass
class Job:
    id: str
    model: str
    input: dict[str, Any]
    made: float
    ends: float
    hidden_until: float = 0.0
    outcome: str = "succeeded"
    extra: dict[str, Any] = field(default_factory=dict)


class Api:
    """The API as its clients see it, with a list of what it billed.

    ``faults`` are taken by creates, first come first served: ``"ok"``, ``"refused"``, ``"limited"``, or one
    of `LOST` with ``_before`` or ``_after``. ``upset`` may answer any other request in the API's place.
    """

    def __init__(self, faults: Iterable[str] = (), *, seconds: float = 2.0) -> None:
        self.faults = deque(faults)
        self.seconds: Callable[[int], float] = lambda _: seconds
        self.jobs: dict[str, Job] = {}
        self.canceled: list[str] = []
        self.upset: Callable[[Request, float], Reply | tuple[Reply, float] | None] = lambda request, now: None
        self.skew = 0.0
        self.ahead = 0.0  # the clock of its answers, before the one that dates predictions
        self.dates = True
        self.hidden = 0.0
        self.listing = "pages"
        self.page_cap = 50
        self.shows_input = True
        self.shows_input_by_id = True
        self.shows_output_in_list = True
        self.whole_seconds = False
        self.display: dict[str, str] = {}
        self.object_model = True
        self.defaults: dict[str, Any] = {}
        self.limit: int | None = None
        self.older_headers = False
        self.requests: list[tuple[float, Request]] = []

    @property
    def billed(self) -> list[str]:
        return list(self.jobs)

    def handle(self, request: Request, now: float) -> tuple[Reply, float]:
        self.requests.append((now, request))
        upset = self.upset(request, now)
        if upset is not None:
            reply, seconds = upset if isinstance(upset, tuple) else (upset, 0.0)
        else:
            reply, seconds = self._reply(request, now)
        if isinstance(reply, Response):
            headers = dict(reply.headers)
            if self.dates:
                headers.setdefault(
                    "date", format_datetime(self.clock(now + seconds + self.ahead), usegmt=True)
                )
            reply = Response(reply.status, headers | self._limits(), reply.body)
        return reply, seconds

    def clock(self, now: float) -> datetime:
        return datetime.fromtimestamp(EPOCH + now + self.skew, UTC)

    def accept(self, model: str, input: dict[str, Any], now: float) -> Job:
        number = len(self.jobs) + 1
        job = Job(f"p{number}", model, input, now, now + self.seconds(number), now + self.hidden)
        self.jobs[job.id] = job
        return job

    def _limits(self) -> dict[str, str]:
        if self.limit is None:
            return {}
        if self.older_headers:
            return {"x-ratelimit-limit-rpm": str(self.limit)}
        return {
            "x-skytells-ratelimit-limit-requests": str(self.limit),
            "x-skytells-ratelimit-window": "60",
        }

    def _reply(self, request: Request, now: float) -> tuple[Reply, float]:
        if request.method == "POST" and request.path in ("/predictions", "/predict"):
            return self._create(request, now)
        if request.path == "/predictions":
            return self._list(request, now), 0.0
        if request.path == "/models":
            return good([{"namespace": slug, "name": name} for slug, name in self.display.items()]), 0.0
        parts = [unquote(part) for part in request.path.split("/")]
        job = self.jobs.get(parts[2]) if len(parts) > 2 and parts[1] == "predictions" else None
        if job is None:
            return envelope(502, "PREDICTION_NOT_FOUND", "The prediction does not exist."), 0.0
        if request.method == "POST" and parts[-1] == "cancel":
            self.canceled.append(job.id)
            job.ends, job.outcome = min(job.ends, now), "canceled"
        if request.method == "DELETE":
            del self.jobs[job.id]
            return good({"success": True}), 0.0
        if job.outcome == "failed_as_502" and now >= job.ends:
            return envelope(502, "PREDICTION_FAILED", "Prediction serving returned an error.", {}), 0.0
        return good(self.view(job, now)), 0.0

    def _create(self, request: Request, now: float) -> tuple[Reply, float]:
        fault = self.faults.popleft() if self.faults else "ok"
        if fault == "refused":
            return TransportFailure("refused", sent=False, message="connection refused"), 0.0
        if fault == "limited":
            return envelope(429, "RATE_LIMIT_EXCEEDED", "Slow down", **{"retry-after": "1"}), 0.0
        body = json.loads(request.body or b"{}")
        kind, _, when = fault.rpartition("_")
        job = None
        if when != "before":
            job = self.accept(body["model"], {**self.defaults, **body["input"]}, now)
        if fault == "ok" and job is not None:
            return good(self.view(job, now)), 0.0
        return LOST[kind]()

    def view(self, job: Job, now: float, *, listed: bool = False) -> dict[str, Any]:
        done = now >= job.ends
        outcome = "failed" if job.outcome == "failed_as_502" else job.outcome
        made = self.clock(job.made)
        name = self.display.get(job.model, job.model)
        shows = self.shows_input if listed else self.shows_input_by_id
        raw: dict[str, Any] = {
            "id": job.id,
            "status": outcome if done else "processing",
            "model": {"name": name, "type": "image"} if self.object_model else name,
            "input": job.input if shows else {},
            "output": None,
            "created_at": made.strftime(
                "%Y-%m-%dT%H:%M:%SZ" if self.whole_seconds else "%Y-%m-%dT%H:%M:%S.%fZ"
            ),
            **job.extra,
        }
        if done and outcome == "succeeded" and (self.shows_output_in_list or not listed):
            raw["output"] = [f"https://cdn.example/{job.id}.png"]
            raw["completed_at"] = self.clock(job.ends).isoformat()
        if done and outcome == "failed":
            raw["error"] = "NSFW content detected."
        return raw

    def _list(self, request: Request, now: float) -> Reply:
        query = {key: values[0] for key, values in parse_qs(request.query).items()}
        page, size = int(query.get("page", 1)), min(int(query.get("per_page", 20)), self.page_cap)
        seen = [job for job in self.jobs.values() if now >= job.hidden_until]
        seen.sort(key=lambda job: job.made, reverse=True)
        part = [self.view(job, now, listed=True) for job in seen[(page - 1) * size : page * size]]
        if self.listing == "array":
            return good(part)
        last = max(1, -(-len(seen) // size))
        pagination = {"current_page": page, "per_page": size, "total": len(seen), "last_page": last}
        return good({"data": part, "pagination": pagination})
