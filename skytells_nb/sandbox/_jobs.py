"""A prediction's life, read off the clock, and the JSON that shows it in the words of the dialect.

Nothing ticks. Everything is fixed when a prediction is accepted: a job knows the moments at which it starts,
works and ends, and asked at any time it says what it is then. Moments are whole microseconds since the epoch,
so that no two predictions share one.

Source: skytells-api.md, sections 4.8 and 6.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal
from urllib.parse import quote

from ._messages import dump
from ._models import standard_catalogue
from ._options import Options

SECOND: Final = 1_000_000
Phase = Literal["pending", "starting", "processing", "succeeded", "failed", "canceled"]
ENDED: Final[frozenset[str]] = frozenset({"succeeded", "failed", "canceled"})

#: Which share of a job is spent waiting and which starting, and the most seconds of each.
WAITING, STARTING = (0.10, 0.6), (0.06, 0.4)


@dataclass(slots=True)
class Job:
    """One accepted prediction, as the state file keeps it."""

    id: str
    number: int
    model: str
    type: str
    kind: str
    input: dict[str, Any]
    created: int
    starting: int
    processing: int
    end: int
    files: list[tuple[str, str]] = field(default_factory=list)
    text: str | None = None
    listed: bool = True
    credits: str = "0"
    outcome: Literal["succeeded", "failed"] = "succeeded"
    reason: str = ""
    failure_shape: str = "error"
    failed_as_502: bool = False
    canceled: int | None = None
    purged: int | None = None
    purged_at_end: bool = False
    hidden_until: int = 0
    stream: bool = False
    webhook: dict[str, Any] = field(default_factory=lambda: {"url": None, "events": []})
    notices: list[str] = field(default_factory=list)
    notified: list[str] = field(default_factory=list)
    key: str = ""
    account: str = ""
    #: Of a webhook, where its create came from, and under which address that reached the sandbox.
    asker: str = ""
    origin: str = ""
    sizes: dict[str, int] = field(default_factory=dict)
    #: The finished body, kept because a finished prediction is read and listed many times.
    rendered: tuple[str, tuple[bool, bool], bytes] | None = None

    def phase(self, now: int) -> Phase:
        """Return the phase of the job at a moment; before its acceptance that of its acceptance."""
        now = max(now, self.created)
        if self.canceled is not None and now >= self.canceled:
            return "canceled"
        if now >= self.end:
            return self.outcome
        if now >= self.processing:
            return "processing"
        return "starting" if now >= self.starting else "pending"

    @property
    def ends(self) -> int:
        """The moment of its end, cancelled or not."""
        return self.end if self.canceled is None else self.canceled

    def is_kept(self, now: int, retention: float | None) -> bool:
        """Return whether its retention lasts, which failed and cancelled jobs have too (section 12)."""
        return retention is None or now < self.ends + int(retention * SECOND)

    def has_files(self, now: int, retention: float | None) -> bool:
        """Return whether its files can be fetched: it succeeded, and its retention has not passed."""
        purged = self.purged_at_end or (self.purged is not None and now >= self.purged)
        return self.phase(now) == "succeeded" and not purged and self.is_kept(now, retention)

    @property
    def amount(self) -> Decimal:
        return Decimal(self.credits)

    def to_record(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _KEPT}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Job:
        record["files"] = [(name, mime) for name, mime in record["files"]]
        return cls(**record)


_KEPT: Final = tuple(each.name for each in fields(Job) if each.name != "rendered")


def plan_times(created: int, seconds: float) -> tuple[int, int, int]:
    """Return when a job of that length starts, works and ends."""
    waiting = min(seconds * WAITING[0], WAITING[1])
    starting = min(seconds * STARTING[0], STARTING[1])
    return (
        created + int(waiting * SECOND),
        created + int((waiting + starting) * SECOND),
        created + int(seconds * SECOND),
    )


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def prediction_bytes(job: Job, now: int, origin: str, options: Options) -> bytes:
    """Write a prediction as JSON; a finished one is written once and remembered until its files expire."""
    if now < job.ends:
        return dump(prediction_json(job, now, origin, options))
    # all that may still change about it, but for the sizes of its files, which forget the body themselves
    stage = (job.has_files(now, options.retention), job.is_kept(now, options.retention))
    remembered = job.rendered
    if remembered is not None and remembered[0] == origin and remembered[1] == stage:
        return remembered[2]
    body = dump(prediction_json(job, now, origin, options))
    job.rendered = (origin, stage, body)
    return body


def prediction_json(job: Job, now: int, origin: str, options: Options) -> dict[str, Any]:
    """Return the prediction object as it is at a moment."""
    phase, base = job.phase(now), f"{origin}/v1/predictions/{quote(job.id, safe='')}"
    # times, the first status and the word for cancelled: contradictions 35, 7 and 6
    early, late = ("zulu", "offset") if options.timestamps == "mixed" else (options.timestamps,) * 2
    first = options.first_status
    words = {"pending": first, "starting": "queued" if first == "queued" else "starting"}
    words["canceled"] = options.canceled
    begun = {"starting": job.starting, "processing": job.processing}.get(phase, job.created)
    links = [job.text] if job.text is not None else [file_url(job, name, origin) for name, _ in job.files]
    listed = options.output == "array" or (options.output == "model" and job.listed) or len(links) > 1
    body: dict[str, Any] = {
        "id": job.id,
        "status": words.get(phase, phase),
        "type": "inference",
        "stream": job.stream,
        "input": job.input if options.inputs == "echoed" else {},
        "output": (links if listed else links[0]) if phase == "succeeded" else None,
        "created_at": format_time(job.created, early),
        "updated_at": format_time(job.ends if phase in ENDED else begun, early),
        "started_at": None,
        "completed_at": None,
        "privacy": "private",
        "source": "api",
        "model": _model(job, options),
        "webhook": job.webhook,
        "metrics": {},
        "urls": {
            "get": base,
            "cancel": f"{base}/cancel",
            "stream": f"{base}/stream",
            "delete": f"{base}/delete",
        },
    }
    # one that was cancelled while it waited has never started
    if now >= job.starting and job.starting <= job.ends:
        body["started_at"] = format_time(job.starting, late)
    if phase == "processing":
        whole = max(job.end - job.processing, 1)
        body["metrics"] = {"progress": round(100 * (now - job.processing) / whole, 1)}
    if phase in ENDED:
        body["completed_at"] = format_time(job.ends, late)
        _add_end(body, job, now, origin, options)
    return body


def format_time(moment: int, style: str = "zulu") -> str:
    """Format a moment in one of the two styles that occur."""
    when = _EPOCH + timedelta(microseconds=moment)
    if style == "offset":
        return when.replace(microsecond=0).isoformat()
    return when.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def file_url(job: Job, name: str, origin: str) -> str:
    """Return where one of its files is; the address stays when the file has gone."""
    return f"{origin}/assets/{quote(job.id, safe='')}/{quote(name, safe='')}"


def _model(job: Job, options: Options) -> Any:
    if options.model == "string":
        return job.model
    name, entry = job.model, standard_catalogue().get(job.model)
    if options.model == "display" and entry is not None:
        name = str(entry.public["name"])
    return {"name": name, "type": job.type}


def _add_end(body: dict[str, Any], job: Job, now: int, origin: str, options: Options) -> None:
    """Add what only a finished prediction has: measures, bill, files, and why it failed where it did."""
    succeeded = body["output"] is not None
    available = job.has_files(now, options.retention)
    metrics: dict[str, Any] = {
        "predict_time": max(job.ends - job.processing, 0) / SECOND,
        "total_time": (job.ends - job.created) / SECOND,
    }
    if succeeded and job.files:
        if job.kind == "image":
            metrics["image_count"] = len(job.files)
        metrics["asset_count"] = len(job.files)
    billing = {"credits_used": float(job.amount) if succeeded else 0.0}
    # the size is known once a file has been drawn, and null before
    stored = [
        {"name": name, "type": mime, "size": job.sizes.get(name), "url": file_url(job, name, origin)}
        for name, mime in job.files
    ]
    metadata: dict[str, Any] = {
        "storage": {"files": stored if succeeded else []},
        "data_available": available,
    }
    (metrics if options.billing == "metrics" else metadata)["billing"] = billing
    body["metrics"], body["metadata"] = metrics, metadata
    kept = job.is_kept(now, options.retention)
    if not kept or (succeeded and not available and job.files):
        body["data_removed"] = True  # beside `data_available`, which other clients look at (contradiction 37)
    if body["status"] == "failed":  # in `error` and `response`, or a rarer form (contradiction 10)
        said: dict[str, Any] = {"error": job.reason, "response": job.reason}
        if job.failure_shape == "response":
            said["error"] = None
        elif job.failure_shape == "error_message":
            said = {"error": None, "error_id": "INFERENCE_ERROR", "error_message": job.reason}
        body |= said
        if not kept:
            body["urls"] = {}
