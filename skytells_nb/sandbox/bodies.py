"""The prediction object as it goes over the wire, in the words of the dialect.

Source: skytells-api.md, section 6.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from skytells_nb.sandbox.catalogue import Catalogue
from skytells_nb.sandbox.exchange import dump
from skytells_nb.sandbox.job import ENDED, SECOND, Job
from skytells_nb.sandbox.options import Options

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def render(job: Job, now: int, origin: str, options: Options, catalogue: Catalogue) -> bytes:
    """Write a prediction as JSON; a finished one is written once and remembered until its files expire."""
    if now < job.ends:
        return dump(view(job, now, origin, options, catalogue))
    stage = (job.has_files(now, options.retention), _kept(job, now, options))
    remembered = job.rendered
    if remembered is not None and remembered[0] == origin and remembered[1] == stage:
        return remembered[2]
    body = dump(view(job, now, origin, options, catalogue))
    job.rendered = (origin, stage, body)
    return body


def view(job: Job, now: int, origin: str, options: Options, catalogue: Catalogue) -> dict[str, Any]:
    """Make the prediction object as it is at a moment.

    Parameters
    ----------
    job : Job
        The prediction.
    now : int
        Microseconds since the epoch.
    origin : str
        Scheme, host and port for the absolute URLs.
    options : Options
        The dialect, and how long files are kept.
    catalogue : Catalogue
        For the model's display name, where the dialect shows it.
    """
    phase = job.phase(now)
    body: dict[str, Any] = {
        "id": job.id,
        "status": word(phase, options),
        "type": "inference",
        "stream": job.stream,
        "input": job.input,
        "output": _output(job, origin, options) if phase == "succeeded" else None,
        "created_at": stamp(job.created),
        "updated_at": stamp(_changed(job, phase)),
        "started_at": None,
        "completed_at": None,
        "privacy": "private",
        "source": "api",
        "model": _model(job, options, catalogue),
        "webhook": job.webhook,
        "metrics": {},
        "urls": _urls(job, origin),
    }
    if options.timestamps == "offset":
        body["created_at"], body["updated_at"] = (
            stamp(job.created, "offset"),
            stamp(_changed(job, phase), "offset"),
        )
    style = "zulu" if options.timestamps == "zulu" else "offset"
    if now >= job.starting and job.starting <= job.ends:
        body["started_at"] = stamp(job.starting, style)
    if phase == "processing":
        body["metrics"] = {"progress": job.progress(now)}
    if phase in ENDED:
        body["completed_at"] = stamp(job.ends, style)
        _add_end(body, job, now, origin, options)
    return body


def word(phase: str, options: Options) -> str:
    """Say a phase in the dialect's word for it."""
    if phase == "canceled":
        return options.canceled
    if options.first_status == "queued" and phase in ("pending", "starting"):
        return "queued"
    return "starting" if options.first_status == "starting" and phase == "pending" else phase


def stamp(moment: int, style: str = "zulu") -> str:
    """Write a moment in one of the two styles that occur.

    Examples
    --------
    >>> stamp(1_000_000), stamp(1_500_000, "offset")
    ('1970-01-01T00:00:01.000000Z', '1970-01-01T00:00:01+00:00')
    """
    when = _EPOCH + timedelta(microseconds=moment)
    if style == "offset":
        return when.replace(microsecond=0).isoformat()
    return when.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def file_url(job: Job, name: str, origin: str) -> str:
    """Where one of its files is; the address stays when the file has gone."""
    return f"{origin}/assets/{quote(job.id, safe='')}/{quote(name, safe='')}"


def _changed(job: Job, phase: str) -> int:
    if phase in ENDED:
        return job.ends
    return {"starting": job.starting, "processing": job.processing}.get(phase, job.created)


def _model(job: Job, options: Options, catalogue: Catalogue) -> Any:
    if options.model == "string":
        return job.model
    name = job.model
    if options.model == "display" and job.model in catalogue:
        name = str(catalogue[job.model].public["name"])
    return {"name": name, "type": job.type}


def _urls(job: Job, origin: str) -> dict[str, str]:
    base = f"{origin}/v1/predictions/{quote(job.id, safe='')}"
    return {"get": base, "cancel": f"{base}/cancel", "stream": f"{base}/stream", "delete": f"{base}/delete"}


def _output(job: Job, origin: str, options: Options) -> Any:
    links = [job.text] if job.text is not None else [file_url(job, name, origin) for name, _ in job.files]
    listed = options.output == "array" or (options.output == "model" and job.listed) or len(links) > 1
    return links if listed else links[0]


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
    metadata: dict[str, Any] = {
        "storage": {"files": _files(job, origin) if succeeded else []},
        "data_available": available,
    }
    (metrics if options.billing == "metrics" else metadata)["billing"] = billing
    body["metrics"], body["metadata"] = metrics, metadata
    kept = _kept(job, now, options)
    if not kept or (succeeded and not available and job.files):
        body["data_removed"] = True
    if body["status"] == "failed":
        body.update(_failure(job))
        if not kept:
            body["urls"] = {}


def _kept(job: Job, now: int, options: Options) -> bool:
    """Whether its retention has not passed; the clock runs for failed and cancelled jobs too (section 12)."""
    return options.retention is None or now < job.ends + int(options.retention * SECOND)


def _files(job: Job, origin: str) -> list[dict[str, Any]]:
    """List the stored files; the size is told once the file has been drawn, and null before."""
    return [
        {"name": name, "type": mime, "size": job.sizes.get(name), "url": file_url(job, name, origin)}
        for name, mime in job.files
    ]


def _failure(job: Job) -> dict[str, Any]:
    """Say why it failed: in ``error`` and ``response``, or in one of the rarer forms (contradiction 10)."""
    if job.failure_shape == "response":
        return {"error": None, "response": job.reason}
    if job.failure_shape == "error_message":
        return {"error": None, "error_id": "INFERENCE_ERROR", "error_message": job.reason}
    return {"error": job.reason, "response": job.reason}
