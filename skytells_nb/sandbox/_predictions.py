"""Predictions: accepting them, showing them, ending them before their time; and their listing, newest first.

Source: skytells-api.md, section 4.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from . import _errors as errors
from . import _webhooks as webhooks
from ._accounts import OWNER, Call, UserAccount, fingerprint, parse_key, retry_after
from ._faults import modify_job
from ._jobs import ENDED, SECOND, Job, format_time, plan_times, prediction_bytes
from ._language import write_text
from ._messages import UNKNOWN, Asset, HttpResponse, as_json, dump, find_route
from ._models import CatalogueEntry, count, find_model, price, schema_errors, spell, standard_catalogue
from ._options import Options
from ._rendering import Media, drawn_from, picture_links
from ._state import State

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


def parse_query(text: str, now: int) -> tuple[int, int, list[Callable[[Job], bool]]]:
    """Parse and check a listing's query: which page, how long a page is, and what its predictions have to be.

    Unknown parameters are let through, as servers do.
    """
    given = dict(parse_qsl(text, keep_blank_values=True))
    page = _whole(given, "page", 1, None)
    per_page = _whole(given, "per_page", USUAL_PAGE, LARGEST_PAGE)
    since, until = _day(given, "from"), _day(given, "to")
    filters: list[Callable[[Job], bool]] = []
    if since is not None and until is not None and since > until:
        raise errors.Refusal(400, "INVALID_DATE_RANGE", "Invalid date range", "'from' is after 'to'.")
    if since is not None:
        filters.append(lambda job: job.created >= since)
    if until is not None:  # the last day is part of it (section 4.3)
        filters.append(lambda job: job.created < until + 86_400 * SECOND)
    if given.get("model"):
        slug = find_model(given["model"]).slug
        filters.append(lambda job: job.model == slug)
    if status := given.get("status"):
        if status not in STATUS_WORDS:
            raise errors.invalid_parameter(f"'status' must be one of {', '.join(STATUS_WORDS)}.")
        filters.append(lambda job: job.phase(now) in STATUS_WORDS[status])
    return page, per_page, filters


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


#: Every further file of a prediction takes this share of the first one's time.
FURTHER_FILE: Final = 0.3
#: How far the length of a job strays from the catalogue's.
SPREAD: Final = 0.1
#: How many edits of edits are followed back to where the picture came from.
DEEPEST_EDIT: Final = 20


class Predictions:
    """The handlers of the prediction routes; each raises a refusal or returns an answer.

    A prediction of another account does not exist for who asks.
    """

    def __init__(self, state: State, options: Options, media: Media) -> None:
        self.state = state
        self.options = options
        self.media = media
        self.schedule = webhooks.Schedule()
        self._keys = {
            fingerprint(key): key for key in (state.api_key, *(each.key for each in state.learners))
        }
        for job in state.jobs.values():
            self.schedule.add(job)

    def create(self, call: Call) -> HttpResponse:
        """Accept a prediction: check it, plan its life, bill it, keep it (section 4.1).

        Ours: a job is billed when it is accepted, and taken off the bill again if it is cancelled before
        its end.
        """
        request, account, now = call.request, call.account, call.now
        body = parse_body(request.body)
        entry, input = self._asked(body)
        webhook, wanted = webhooks.parse_webhook(body, request.asker if self.options.exposed else None)
        limit = self.options.concurrency
        if limit is not None and len(running := self.state.running(now, account.name)) >= limit:
            wait = (min(job.ends for job in running) - now) / SECOND
            after = retry_after(wait, self.options.retry_after, now)
            raise errors.rate_limited(f"Too many predictions are running: {limit} at a time", after)
        # Nothing is kept or billed before the last check: who is refused can simply ask again.
        job = self._plan(entry, input, self.state.moment(now))
        refuse_beyond_budget(account, job.amount, self.state.spent[account.name])
        if (
            account.name != OWNER
            and self.state.stored[account.name] + len(request.body) > self.options.storage
        ):
            kept = f"{self.options.storage / 2**20:.3g} MB are kept for each learner"
            raise errors.Refusal(
                413,
                "PAYLOAD_TOO_LARGE",
                "The inputs of your predictions take too much storage",
                f"{kept}; delete predictions, or send links, not files.",
            )
        job.stream = body.get("stream") is True
        job.webhook, job.notices = webhook, wanted
        if wanted:
            job.asker, job.origin = request.asker, request.origin
        key = parse_key(request.headers) or ""
        job.key, job.account = fingerprint(key), account.name
        modify_job(job, call.faults, now)
        # Whether failed jobs cost is in no source (section 8.4). Ours: they do not.
        self.state.add(job, job.amount if job.outcome == "succeeded" else None)
        if wanted:
            self._keys[job.key] = key
            self.schedule.add(job)
        accepted = replace(call, now=max(now, job.created))
        response = self._show(job, accepted, int(self.options.create_status))
        # Videos are not waited for (section 4.7).
        if body.get("await") is True and job.type != "video" and job.ends > now:
            response.hold = job.id
        return response

    def read(self, call: Call) -> HttpResponse:
        """Show one prediction (section 4.2)."""
        job = self.find(call)
        for name, details in call.faults:
            if name == "failed_as_502":  # contradiction 20
                job.outcome, job.reason, job.failed_as_502 = "failed", details["reason"], True
                job.end = min(job.end, call.now)
                self.state.end_early(job)
                self.state.save(job)
        if job.failed_as_502 and job.phase(call.now) == "failed":
            raise errors.prediction_failed(job.reason)
        return self._show(job, call)

    def list(self, call: Call) -> HttpResponse:
        """Show a page of predictions, newest first (section 4.3)."""
        request, now = call.request, call.now
        number, each, filters = parse_query(request.query, now)
        jobs, total = self.state.newest_first(now, call.account.name)
        if filters and self.options.filters == "honoured":
            matching = [job for job in jobs if all(fits(job) for fits in filters)]
            jobs, total = iter(matching), len(matching)
        page = islice(jobs, (number - 1) * each, number * each)
        shown = (prediction_bytes(job, now, request.origin, self.options) for job in page)
        body = b"[" + b",".join(shown) + b"]"
        if self.options.listing == "page":
            last = max(1, -(-total // each))
            pagination = {"current_page": number, "per_page": each, "total": total, "last_page": last}
            body = b'{"data":' + body + b',"pagination":' + dump(pagination) + b"}"
        return HttpResponse(200, body, {"content-type": "application/json"})

    def cancel(self, call: Call) -> HttpResponse:
        """Cancel a running prediction; cancelling twice is no error, so that it can be retried (section 4.4).

        Ours: cancelled predictions are not billed, and finished ones are refused politely.
        """
        job = self.find(call)
        phase = job.phase(call.now)
        if phase in ("succeeded", "failed"):
            # ours: no source documents the answer
            said = f"'{job.id}' is {phase}; nothing was changed."
            raise errors.Refusal(400, "INVALID_REQUEST", "The prediction has already finished", said)
        if phase != "canceled":
            self._stop(job, call.now)
            self.state.save(job)
            if "canceled" in job.notices:
                self.schedule.again(call.now, job.id, "canceled", 1)
        return self._confirm(job, call)

    def delete(self, call: Call) -> HttpResponse:
        """Forget a prediction and its files; one that runs is cancelled first (section 4.5)."""
        job = self.find(call)
        if job.phase(call.now) not in ENDED:
            self._stop(job, call.now)
        response = self._confirm(job, call)
        self.state.remove(job)
        return response

    def show(self, call: Call) -> HttpResponse:
        """Show one prediction as stream information, or as an awaited create's end (section 4.6)."""
        return self._show(self.find(call), call)

    def asset(self, call: Call) -> HttpResponse:
        """Return an output file (section 12); it is drawn by whoever sends the response."""
        job, name = self.state.jobs.get(call.id), call.route.rest
        if job is not None and any(hit.name == "expired" for hit in call.faults):
            job.purged = call.now
            self.state.save(job)
        names = [each for each, _ in job.files] if job is not None else []
        if job is None or name not in names or not job.has_files(call.now, self.options.retention):
            raise errors.file_gone(name)
        file = self.file(job, names.index(name), call.request.headers.get("range", ""))
        return HttpResponse(asset=file, headers={"content-type": file.mime})

    def file(self, job: Job, index: int, wanted: str = "", *, edge: int = 0, depth: int = 0) -> Asset:
        """Return what one of a prediction's files is drawn from; `depth` counts edits of edits."""
        chance = int.from_bytes(self.state.digest("picture", job.number)[:4], "big")
        entry = standard_catalogue().get(job.model)
        input = drawn_from(entry, job.input, chance) if entry is not None else job.input
        name, mime = job.files[index]
        source = self._source(job, depth + 1) if depth < DEEPEST_EDIT else ""
        return Asset(job.id, name, mime, job.kind, input, index, job.account, wanted, edge, job.model, source)

    def _source(self, job: Job, depth: int) -> str | Asset:
        """Find the picture that an input names: in the input itself, or among the account's own files."""
        for link in picture_links(job.input):
            if link.startswith("data:"):
                return link
            try:
                place = find_route("GET", urlsplit(link).path)
            except ValueError:
                place = UNKNOWN
            # Only of an earlier one: two that were drawn from each other would never be drawn.
            earlier = self.state.jobs.get(place.argument) if place.name == "asset" else None
            if earlier is not None and earlier.account == job.account:
                for index, (name, mime) in enumerate(earlier.files):
                    if name == place.rest and mime.startswith("image/") and earlier.number < job.number:
                        return self.file(earlier, index, depth=depth)
        return ""

    def find(self, call: Call) -> Job:
        """Return a prediction that who asks may see, or refuse as the dialect says."""
        job = self.state.jobs.get(call.id)
        if job is None or job.account != call.account.name:
            raise errors.missing_prediction(call.id, self.options.missing_prediction)
        return job

    def due_webhook(self, origin: str, now: int) -> webhooks.WebhookEvent | None:
        """Return the next webhook that is due, written and signed."""
        while taken := self.schedule.take(now):
            id, event, attempt = taken
            job = self.state.jobs.get(id)
            secret = self.options.webhook_secret or (self._keys.get(job.key) if job is not None else None)
            # It may have been cancelled or deleted meanwhile. And the state file has fingerprints, no keys of
            # users: after a restart nothing is sent for those, because nobody could check the signature.
            if job is None or secret is None or all(event != each for _, each in webhooks.due_times(job)):
                continue
            body = prediction_bytes(job, now, origin or job.origin, self.options)
            if self.options.webhook_payload == "envelope":
                moment = format_time(now)
                word = "cancelled" if event == "canceled" else event  # that of output is ours
                head = f'{{"type":"prediction.{word}","created_at":"{moment}","data":'
                body = head.encode("ascii") + body + b"}"
            asker = job.asker if self.options.exposed else None
            url, signature = job.webhook["url"], webhooks.sign(body, secret)
            return webhooks.WebhookEvent(id, event, attempt, url, body, signature, asker)
        return None

    def _asked(self, body: dict[str, Any]) -> tuple[CatalogueEntry, dict[str, Any]]:
        model: Any = body.get("model")
        input: Any = body.get("input")
        for name, value, kind, words in (
            ("model", model, str, "a string"),
            ("input", input, dict, "an object"),
        ):
            if value is None or value == "":
                raise errors.invalid_field(f"The {name} field is required.")
            if not isinstance(value, kind):
                raise errors.invalid_field(f"The {name} field must be {words}.")
        entry = find_model(model)
        if entry.inference_only:
            said = "Use POST /v1/chat/completions, /v1/responses or /v1/embeddings."
            name = f"The model '{entry.slug}' cannot be used on this route"
            raise errors.Refusal(422, "MODEL_NOT_SUPPORTED", name, said)
        wrong = [f"{spell(path)}: {words}" for path, words in schema_errors(entry.input_schema, input)]
        if wrong:
            raise errors.invalid_input("; ".join(wrong))
        return entry, input

    def _plan(self, entry: CatalogueEntry, input: dict[str, Any], created: int) -> Job:
        seconds = self.options.seconds
        if seconds is None:
            chance = self.state.digest("seconds", self.state.number + 1)[0] / 255
            further = 1 + FURTHER_FILE * (count(entry, input) - 1)
            seconds = entry.seconds * (1 + SPREAD * (2 * chance - 1)) * further / self.options.speed
        starting, processing, end = plan_times(created, seconds)
        text, files = None, []
        if entry.kind == "text":
            text = write_text(input)
        else:
            mime, extension = self.media.file_type(entry.kind)
            files = [(f"output_{index}.{extension}", mime) for index in range(count(entry, input))]
        amount = price(entry, input, computing=(end - processing) / SECOND, text=text)
        return Job(
            id=self.state.new_id(self.options.ids),
            number=self.state.number + 1,
            model=entry.slug,
            type=entry.type,
            kind=entry.kind,
            input=input,
            created=created,
            starting=starting,
            processing=processing,
            end=end,
            files=files,
            text=text,
            listed=entry.listed,
            credits=str(amount),
        )

    def _stop(self, job: Job, now: int) -> None:
        job.canceled = now
        self.state.end_early(job)

    def _show(self, job: Job, call: Call, status: int = 200) -> HttpResponse:
        body = prediction_bytes(job, call.now, call.request.origin, self.options)
        return HttpResponse(status, body, {"content-type": "application/json"}, about=job.id)

    def _confirm(self, job: Job, call: Call) -> HttpResponse:
        success = self.options.cancel_answer == "success"
        return as_json({"success": True}) if success else self._show(job, call)


def refuse_beyond_budget(account: UserAccount, amount: Decimal, spent: Decimal) -> None:
    """Refuse what the account's budget does not allow; 402 as without credit, for it is the same."""
    if account.budget is not None and amount > (left := account.budget - spent):
        raise errors.no_credit(
            details=f"This would cost {amount.normalize():f} credits, and {left.normalize():f} of "
            f"{account.budget.normalize():f} are left; nothing was billed."
        )


def parse_body(raw: bytes) -> dict[str, Any]:
    """Parse a request's JSON object, refusing what JSON does not have (NaN, numbers beyond a float)."""
    try:
        body = json.loads(raw, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise errors.malformed(str(error)) from None
    if not isinstance(body, dict):
        raise errors.malformed("The request body must be a JSON object.")
    return body


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no finite number")
    return value
