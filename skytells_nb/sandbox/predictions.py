"""Predictions: accepting them, showing them, ending them before their time.

Source: skytells-api.md, section 4.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from . import errors, listing, webhooks
from .accounts import OWNER, Account, Caller, fingerprint, retry_after
from .faults import ActiveFault, modify_job
from .jobs import ENDED, SECOND, Job, format_time, plan_times, prediction_bytes
from .messages import UNKNOWN, Asset, Request, Response, as_json, find_route
from .models import Catalogue, Model, count, price, schema_errors, spell
from .options import Options
from .rendering import Media, drawn_from, file_names, picture_links
from .state import State

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

    def __init__(self, state: State, options: Options, catalogue: Catalogue, media: Media) -> None:
        self.state = state
        self.options = options
        self.catalogue = catalogue
        self.media = media
        self.schedule = webhooks.Schedule()
        self._keys = {
            fingerprint(key): key for key in (state.api_key, *(each.key for each in state.learners))
        }
        for job in state.jobs.values():
            self.schedule.add(job)

    def create(self, request: Request, caller: Caller, active: Sequence[ActiveFault], now: int) -> Response:
        """Accept a prediction: check it, plan its life, bill it, keep it (section 4.1).

        Ours: a job is billed when it is accepted, and taken off the bill again if it is cancelled before
        its end.
        """
        body = parse_body(request.body)
        entry, input = self._asked(body)
        webhook, wanted = webhooks.parse_webhook(body, request.asker if self.options.exposed else None)
        account = caller.account
        self._refuse_if_busy(account, now)
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
        job.key, job.account = fingerprint(caller.key), account.name
        modify_job(job, active, now)
        self.state.add(job, job.amount if job.outcome == "succeeded" else None)
        if wanted:
            self._keys[job.key] = caller.key
            self.schedule.add(job)
        response = self._show(job, max(now, job.created), request, int(self.options.create_status))
        if body.get("await") is True and job.type != "video" and job.ends > now:
            response.hold = job.id
        return response

    def read(
        self, id: str, request: Request, caller: Caller, active: Sequence[ActiveFault], now: int
    ) -> Response:
        """Show one prediction (section 4.2)."""
        job = self.find(id, caller)
        for name, details in active:
            if name == "failed_as_502":
                self._fail(job, details["reason"], now)
        if job.failed_as_502 and job.phase(now) == "failed":
            raise errors.prediction_failed(job.reason)
        return self._show(job, now, request)

    def list(self, request: Request, caller: Caller, now: int) -> Response:
        """Show a page of predictions, newest first (section 4.3)."""
        query = listing.parse_query(request.query, self.catalogue)
        if self.options.filters == "ignored":
            query = listing.Query(query.page, query.per_page)
        jobs, size = self.state.newest_first(now, caller.account.name)
        page, total = listing.select_page(jobs, query, now, size)
        rendered = (prediction_bytes(job, now, request.origin, self.options, self.catalogue) for job in page)
        body = listing.page_json(query, total, rendered, self.options.listing)
        return Response(200, body, {"content-type": "application/json"})

    def cancel(self, id: str, request: Request, caller: Caller, now: int) -> Response:
        """Cancel a running prediction; cancelling twice is no error, so that it can be retried (section 4.4).

        Ours: cancelled predictions are not billed, and finished ones are refused politely.
        """
        job = self.find(id, caller)
        phase = job.phase(now)
        if phase in ("succeeded", "failed"):
            # ours: no source documents the answer
            said = f"'{id}' is {phase}; nothing was changed."
            raise errors.Refusal(400, "INVALID_REQUEST", "The prediction has already finished", said)
        if phase != "canceled":
            self._stop(job, now)
            self.state.save(job)
            if "canceled" in job.notices:
                self.schedule.again(now, job.id, "canceled", 1)
        return self._confirm(job, request, now)

    def delete(self, id: str, request: Request, caller: Caller, now: int) -> Response:
        """Forget a prediction and its files; one that runs is cancelled first (section 4.5)."""
        job = self.find(id, caller)
        if job.phase(now) not in ENDED:
            self._stop(job, now)
        response = self._confirm(job, request, now)
        self.state.remove(job)
        return response

    def show(self, id: str, request: Request, now: int, caller: Caller | None = None) -> Response:
        """Show one prediction as stream information, or as an awaited create's end (section 4.6)."""
        return self._show(self.find(id, caller), now, request)

    def asset(
        self, id: str, name: str, request: Request, active: Sequence[ActiveFault], now: int
    ) -> Response:
        """Return an output file (section 12); it is drawn by whoever sends the response."""
        job = self.state.jobs.get(id)
        if job is not None and any(hit.name == "expired" for hit in active):
            job.purged = now
            self.state.save(job)
        names = [each for each, _ in job.files] if job is not None else []
        if job is None or name not in names or not job.has_files(now, self.options.retention):
            raise errors.file_gone(name)
        file = self.file(job, names.index(name), request.headers.get("range", ""))
        return Response(asset=file, headers={"content-type": file.mime})

    def file(self, job: Job, index: int, wanted: str = "", *, edge: int = 0, depth: int = 0) -> Asset:
        """Return what one of a prediction's files is drawn from; `depth` counts edits of edits."""
        chance = int.from_bytes(self.state.digest("picture", job.number)[:4], "big")
        entry = self.catalogue.get(job.model)
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
            earlier = self.state.jobs.get(place.argument) if place.name == "asset" else None
            if earlier is not None and earlier.account == job.account:
                for index, (name, mime) in enumerate(earlier.files):
                    if name == place.rest and mime.startswith("image/") and earlier.number < job.number:
                        return self.file(earlier, index, depth=depth)
        return ""

    def find(self, id: str, caller: Caller | None = None) -> Job:
        """Return a prediction that the caller may see, or refuse as the dialect says."""
        job = self.state.jobs.get(id)
        if job is None or (caller is not None and job.account != caller.account.name):
            raise errors.missing_prediction(id, self.options.missing_prediction)
        return job

    def due_webhook(self, origin: str, now: int) -> webhooks.WebhookEvent | None:
        """Return the next webhook that is due, written and signed."""
        while taken := self.schedule.take(now):
            id, event, attempt = taken
            job = self.state.jobs.get(id)
            secret = self.options.webhook_secret or (self._keys.get(job.key) if job is not None else None)
            if job is None or secret is None or not webhooks.still_wanted(job, event):
                continue
            body = prediction_bytes(job, now, origin or job.origin, self.options, self.catalogue)
            if self.options.webhook_payload == "envelope":
                moment = format_time(now)
                word = "cancelled" if event == "canceled" else event  # that of output is ours
                head = f'{{"type":"prediction.{word}","created_at":"{moment}","data":'
                body = head.encode("ascii") + body + b"}"
            asker = job.asker if self.options.exposed else None
            url, signature = job.webhook["url"], webhooks.sign(body, secret)
            return webhooks.WebhookEvent(id, event, attempt, url, body, signature, asker)
        return None

    def notified(self, id: str, event: str) -> None:
        """Record that a webhook has arrived."""
        job = self.state.jobs.get(id)
        if job is not None:
            job.notified.append(event)
            self.state.save(job)

    def _asked(self, body: dict[str, Any]) -> tuple[Model, dict[str, Any]]:
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
        entry = self.catalogue.get(model)
        if entry is None:
            raise errors.model_not_found(model)
        if entry.inference_only:
            said = "Use POST /v1/chat/completions, /v1/responses or /v1/embeddings."
            name = f"The model '{entry.slug}' cannot be used on this route"
            raise errors.Refusal(422, "MODEL_NOT_SUPPORTED", name, said)
        wrong = [f"{spell(path)}: {words}" for path, words in schema_errors(entry.input_schema, input)]
        if wrong:
            raise errors.invalid_input("; ".join(wrong))
        return entry, input

    def _refuse_if_busy(self, account: Account, now: int) -> None:
        limit, name = self.options.concurrency, account.name
        if limit is not None and self.state.running(now, name) >= limit:
            wait = (self.state.next_end(now, name) - now) / SECOND
            raise errors.rate_limited(
                f"Too many predictions are running: {limit} at a time",
                retry_after(wait, self.options.retry_after, now),
            )

    def _plan(self, entry: Model, input: dict[str, Any], created: int) -> Job:
        starting, processing, end = plan_times(created, self._seconds(entry, input))
        text = self.media.write_text(input) if entry.kind == "text" else None
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
            files=file_names(self.media, entry, input) if text is None else [],
            text=text,
            listed=entry.listed,
            credits=str(amount),
        )

    def _seconds(self, entry: Model, input: dict[str, Any]) -> float:
        if self.options.seconds is not None:
            return self.options.seconds
        chance = self.state.digest("seconds", self.state.number + 1)[0] / 255
        stray = 1 + SPREAD * (2 * chance - 1)
        further = 1 + FURTHER_FILE * (count(entry, input) - 1)
        return entry.seconds * stray * further / self.options.speed

    def _stop(self, job: Job, now: int) -> None:
        job.canceled = now
        self.state.uncharge(job)
        self.state.settle(job)

    def _fail(self, job: Job, reason: str, now: int) -> None:
        job.outcome, job.reason, job.failed_as_502 = "failed", reason, True
        job.end = min(job.end, now)
        self.state.uncharge(job)
        self.state.settle(job)
        self.state.save(job)

    def _show(self, job: Job, now: int, request: Request, status: int = 200) -> Response:
        body = prediction_bytes(job, now, request.origin, self.options, self.catalogue)
        return Response(status, body, {"content-type": "application/json"}, about=job.id)

    def _confirm(self, job: Job, request: Request, now: int) -> Response:
        if self.options.cancel_answer == "success":
            return as_json({"success": True})
        return self._show(job, now, request)


def refuse_beyond_budget(account: Account, amount: Decimal, spent: Decimal) -> None:
    """Refuse what the account's budget does not allow; 402 as without credit, for it is the same."""
    if account.budget is not None and amount > (left := account.budget - spent):
        raise errors.no_credit(
            details=f"This would cost {amount.normalize():f} credits, and {left.normalize():f} of "
            f"{account.budget.normalize():f} are left; nothing was billed."
        )


def parse_body(raw: bytes) -> dict[str, Any]:
    """Parse a request's JSON object, refusing what JSON does not have (NaN, numbers beyond a float)."""
    try:
        body = json.loads(raw, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise errors.malformed(str(error)) from None
    if not isinstance(body, dict):
        raise errors.malformed("The request body must be a JSON object.")
    return body


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large a number")
    return value
