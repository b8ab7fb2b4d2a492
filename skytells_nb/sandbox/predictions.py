"""Predictions: accepting them, showing them, ending them before their time.

Source: skytells-api.md, section 4.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, NoReturn

from skytells_nb.sandbox import billing, bodies, drawing, errors, limits, listing, mishaps, notices
from skytells_nb.sandbox.accounts import Account, Caller
from skytells_nb.sandbox.catalogue import Catalogue, Entry
from skytells_nb.sandbox.exchange import Answer, Asset, Request, as_json
from skytells_nb.sandbox.faults import Hit
from skytells_nb.sandbox.job import ENDED, SECOND, Job, moments
from skytells_nb.sandbox.keys import fingerprint
from skytells_nb.sandbox.options import Options
from skytells_nb.sandbox.state import State
from skytells_nb.sandbox.validation import problems

#: Every further file of a prediction takes this share of the first one's time.
FURTHER_FILE = 0.3
#: How far the length of a job strays from the catalogue's.
SPREAD = 0.1


class Predictions:
    """The handlers of the prediction routes; each raises a refusal or returns an answer.

    A prediction of another account does not exist for who asks.

    Parameters
    ----------
    state : State
        What there is.
    options : Options
        How to behave.
    catalogue : Catalogue
        The models.
    media : Media
        Names files, and answers for text models.
    """

    def __init__(self, state: State, options: Options, catalogue: Catalogue, media: drawing.Media) -> None:
        self.state = state
        self.options = options
        self.catalogue = catalogue
        self.media = media
        self.agenda = notices.Agenda()
        self._keys = {
            fingerprint(key): key for key in (state.api_key, *(each.key for each in state.learners))
        }
        for job in state.jobs.values():
            self.agenda.add(job)

    def create(self, request: Request, caller: Caller, hits: Sequence[Hit], now: int) -> Answer:
        """Accept a prediction: check it, plan its life, bill it, keep it (section 4.1).

        Ours: a job is billed when it is accepted, and taken off the bill again if it is cancelled before
        its end.
        """
        body = read_body(request.body)
        entry, input = self._asked(body)
        webhook, wanted = notices.read_webhook(body, request.asker if self.options.exposed else None)
        account = caller.account
        self._refuse_if_busy(account, now)
        job = self._plan(entry, input, self.state.moment(now))
        self._refuse_if_too_dear(account, job)
        job.stream = body.get("stream") is True
        job.webhook, job.notices = webhook, wanted
        if wanted:
            job.asker, job.origin = request.asker, request.origin
        job.key, job.account = fingerprint(caller.key), account.name
        mishaps.bend_job(job, hits, now)
        self.state.add(job, job.amount if job.outcome == "succeeded" else None)
        if wanted:
            self._keys[job.key] = caller.key
            self.agenda.add(job)
        answer = self._show(job, max(now, job.created), request, int(self.options.create_status))
        if body.get("await") is True and job.type != "video" and job.ends > now:
            answer.hold = job.id
        return answer

    def read(self, id: str, request: Request, caller: Caller, hits: Sequence[Hit], now: int) -> Answer:
        """Show one prediction (section 4.2)."""
        job = self.find(id, caller)
        for name, details in hits:
            if name == "failed_as_502":
                self._fail(job, details["reason"], now)
        if job.failed_as_502 and job.phase(now) == "failed":
            raise errors.prediction_failed(job.reason)
        return self._show(job, now, request)

    def list(self, request: Request, caller: Caller, now: int) -> Answer:
        """Show a page of predictions, newest first (section 4.3)."""
        query = listing.read_query(request.query, self.catalogue)
        if self.options.filters == "ignored":
            query = listing.Query(query.page, query.per_page)
        jobs, size = self.state.newest_first(now, caller.account.name)
        page, total = listing.choose(jobs, query, now, size)
        rendered = (bodies.render(job, now, request.origin, self.options, self.catalogue) for job in page)
        body = listing.frame(query, total, rendered, self.options.listing)
        return Answer(200, body, {"content-type": "application/json"})

    def cancel(self, id: str, request: Request, caller: Caller, now: int) -> Answer:
        """Cancel a running prediction; cancelling twice is no error, so that it can be retried (section 4.4).

        Ours: cancelled predictions are not billed, and finished ones are refused politely.
        """
        job = self.find(id, caller)
        phase = job.phase(now)
        if phase in ("succeeded", "failed"):
            raise errors.already_finished(id, phase)
        if phase != "canceled":
            self._stop(job, now)
            self.state.save(job)
            if "canceled" in job.notices:
                self.agenda.again(now, job.id, "canceled", 1)
        return self._confirm(job, request, now)

    def delete(self, id: str, request: Request, caller: Caller, now: int) -> Answer:
        """Forget a prediction and its files; one that runs is cancelled first (section 4.5)."""
        job = self.find(id, caller)
        if job.phase(now) not in ENDED:
            self._stop(job, now)
        answer = self._confirm(job, request, now)
        self.state.remove(job)
        return answer

    def show(self, id: str, request: Request, now: int, caller: Caller | None = None) -> Answer:
        """Show one prediction as stream information, or as an awaited create's end (section 4.6)."""
        return self._show(self.find(id, caller), now, request)

    def asset(self, id: str, name: str, request: Request, hits: Sequence[Hit], now: int) -> Answer:
        """Find an output file (section 12); it is drawn by whoever sends the answer."""
        job = self.state.jobs.get(id)
        if job is not None and any(hit.name == "expired" for hit in hits):
            job.purged = now
            self.state.save(job)
        names = [each for each, _ in job.files] if job is not None else []
        if job is None or name not in names or not job.has_files(now, self.options.retention):
            raise errors.file_gone(name)
        file = self.file(job, names.index(name), request.headers.get("range", ""))
        return Answer(asset=file, headers={"content-type": file.mime})

    def file(self, job: Job, index: int, wanted: str = "", *, edge: int = 0) -> Asset:
        """Say what one of a prediction's files is drawn from."""
        chance = int.from_bytes(self.state.digest("picture", job.number)[:4], "big")
        entry = self.catalogue.get(job.model)
        input = drawing.drawn_from(entry, job.input, chance) if entry is not None else job.input
        name, mime = job.files[index]
        return Asset(job.id, name, mime, job.kind, input, index, wanted, edge)

    def find(self, id: str, caller: Caller | None = None) -> Job:
        """Find a prediction that the caller may see, or refuse as the dialect says."""
        job = self.state.jobs.get(id)
        if job is None or (caller is not None and job.account != caller.account.name):
            raise errors.missing_prediction(id, self.options.missing_prediction)
        return job

    def due_notice(self, origin: str, now: int) -> notices.Notice | None:
        """Take the next webhook that is due off the agenda, written and signed."""
        while taken := self.agenda.take(now):
            id, event, attempt = taken
            job = self.state.jobs.get(id)
            secret = self.options.webhook_secret or (self._keys.get(job.key) if job is not None else None)
            if job is None or secret is None or not notices.still_wanted(job, event):
                continue
            body = bodies.render(job, now, origin or job.origin, self.options, self.catalogue)
            if self.options.webhook_payload == "envelope":
                stamp = bodies.stamp(now)
                head = f'{{"type":"{notices.TYPES[event]}","created_at":"{stamp}","data":'
                body = head.encode("ascii") + body + b"}"
            asker = job.asker if self.options.exposed else None
            url, signature = job.webhook["url"], notices.sign(body, secret)
            return notices.Notice(id, event, attempt, url, body, signature, asker)
        return None

    def notified(self, id: str, event: str) -> None:
        """Keep that a webhook has arrived."""
        job = self.state.jobs.get(id)
        if job is not None:
            job.notified.append(event)
            self.state.save(job)

    def _asked(self, body: dict[str, Any]) -> tuple[Entry, dict[str, Any]]:
        model, input = body.get("model"), body.get("input")
        if model is None or model == "":
            raise errors.required("model")
        if not isinstance(model, str):
            raise errors.invalid_field("The model field must be a string.")
        if input is None:
            raise errors.required("input")
        if not isinstance(input, dict):
            raise errors.invalid_field("The input field must be an object.")
        entry = self.catalogue.get(model)
        if entry is None:
            raise errors.model_not_found(model)
        if entry.inference_only:
            raise errors.model_not_supported(entry.slug)
        wrong = problems(entry.input_schema, input)
        if wrong:
            raise errors.invalid_input("; ".join(wrong))
        return entry, input

    def _refuse_if_too_dear(self, account: Account, job: Job) -> None:
        """Refuse what the account's budget does not allow; 402 as without credit, for it is the same."""
        if account.budget is None:
            return
        left = account.budget - self.state.spent[account.name]
        if job.amount > left:
            raise errors.no_credit(
                f"This would cost {job.amount.normalize():f} credits, and {left.normalize():f} of "
                f"{account.budget.normalize():f} are left; nothing was billed."
            )

    def _refuse_if_busy(self, account: Account, now: int) -> None:
        limit, name = self.options.concurrency, account.name
        if limit is not None and self.state.running(now, name) >= limit:
            wait = (self.state.next_end(now, name) - now) / SECOND
            raise errors.rate_limited(
                f"Too many predictions are running: {limit} at a time",
                limits.retry_after(wait, self.options.retry_after, now),
            )

    def _plan(self, entry: Entry, input: dict[str, Any], created: int) -> Job:
        starting, processing, end = moments(created, self._seconds(entry, input))
        text = self.media.write_text(input) if entry.kind == "text" else None
        price = billing.price(entry, input, computing=(end - processing) / SECOND, text=text)
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
            files=drawing.file_names(self.media, entry, input) if text is None else [],
            text=text,
            listed=entry.listed,
            credits=str(price),
        )

    def _seconds(self, entry: Entry, input: dict[str, Any]) -> float:
        if self.options.seconds is not None:
            return self.options.seconds
        chance = self.state.digest("seconds", self.state.number + 1)[0] / 255
        stray = 1 + SPREAD * (2 * chance - 1)
        further = 1 + FURTHER_FILE * (billing.count(entry, input) - 1)
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

    def _show(self, job: Job, now: int, request: Request, status: int = 200) -> Answer:
        body = bodies.render(job, now, request.origin, self.options, self.catalogue)
        return Answer(status, body, {"content-type": "application/json"}, about=job.id)

    def _confirm(self, job: Job, request: Request, now: int) -> Answer:
        if self.options.cancel_answer == "success":
            return as_json({"success": True})
        return self._show(job, now, request)


def read_body(raw: bytes) -> dict[str, Any]:
    """Read a request's JSON object, refusing what JSON does not have (NaN, numbers beyond a float)."""
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
