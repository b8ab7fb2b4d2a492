"""The API itself, without a socket: a request goes in, a response comes out, and the clock is an option.

Everything the sandbox promises about the wire is decided here or below; `_app` and `_inprocess` only carry
it. Nothing runs in the background: jobs end by the clock, and webhooks are handed over when somebody asks for
those that are due. One lock makes it safe to ask from any thread.

Source: skytells-api.md, sections 2 to 6.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from email.utils import formatdate
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import parse_qs

from . import _errors as errors
from . import _faults as faults
from . import _jobs as jobs
from ._accounts import Accounts, Call, UserAccount, enrol, fingerprint, parse_key, rate_headers, retry_after
from ._errors import Refusal
from ._faults import ActiveFault, Faults
from ._inference import Inference
from ._jobs import SECOND
from ._messages import (
    API_ROUTES,
    ROUTES,
    TEXT_ROUTES,
    UNKNOWN,
    Asset,
    HttpRequest,
    HttpResponse,
    Route,
    as_json,
    find_route,
)
from ._models import find_model, standard_catalogue
from ._options import Options
from ._predictions import Predictions
from ._rendering import Media, RenderCache, serve_file, standard_media
from ._state import State
from ._webhooks import RETRIES, Delivery, WebhookEvent

#: How many requests and deliveries the logs remember.
LOG_LENGTH: Final = 100_000
#: Seconds that a prediction has to run for its pictures to be drawn meanwhile.
AHEAD_FROM: Final = 0.2


class Received(NamedTuple):
    """One request in the log; `key` is a fingerprint, `status` is None when no answer was sent."""

    time: float
    method: str
    path: str
    key: str | None
    status: int | None
    route: str
    faults: tuple[str, ...] = ()


class Core:
    """The sandbox without its socket; `handlers` answer the routes that are not the API's, by their names."""

    def __init__(
        self,
        options: Options | None = None,
        *,
        state: State | None = None,
        faults: Faults | None = None,
        media: Media | None = None,
        handlers: Mapping[str, Callable[[Core, Call], HttpResponse]] | None = None,
    ) -> None:
        self.options = options or Options()
        self.state = state or State(seed=self.options.seed)
        self.faults = faults or Faults(self.options.clock)
        self.media = media or standard_media()
        enrol(self.state, self.options)
        #: Whether there is a class: learners with accounts of their own.
        self.has_class = bool(self.state.learners)
        self.accounts = Accounts(self.state, self.options)
        self.predictions = Predictions(self.state, self.options, self.media)
        self.inference = Inference(self.state, self.options)
        self.log: deque[Received] = deque(maxlen=LOG_LENGTH)
        self.deliveries: deque[Delivery] = deque(maxlen=LOG_LENGTH)
        #: Called whenever a webhook may have been scheduled.
        self.on_webhook: Callable[[], None] = lambda: None
        self._routes: dict[str, Callable[[Call], HttpResponse]] = {
            "create": self.predictions.create,
            "read": self.predictions.read,
            "list": self.predictions.list,
            "cancel": self.predictions.cancel,
            "delete": self.predictions.delete,
            "stream": self.predictions.show,
            "asset": self.predictions.asset,
            "models": self._models,
            "model": self._models,
            **dict.fromkeys(TEXT_ROUTES, self.inference.answer),
            **{name: partial(handler, self) for name, handler in (handlers or {}).items()},
        }
        self._lock = threading.RLock()

    @property
    def now(self) -> int:
        """The moment, in microseconds since the epoch."""
        return int(self.options.clock() * SECOND)

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer one request. Nothing is raised: what goes wrong is a response too."""
        route = find_route(request.method, request.target, self.options.paths)
        with self._lock:
            call = Call(request, route, self.now, self.accounts.anonymous)
            try:
                # In this order, so that no request without a key or beyond the rate uses up a fault.
                call.account = self._identify(route, request)
                call.faults = self._check_limits(call)
                early = faults.early_response(call.faults)
                response = early or faults.replace_response(call.faults, self._handle(call))
            except Refusal as refusal:
                response = self._refuse(refusal, route)
            faults.modify_response(call.faults, response)
            self._finish(response, route, call.account, call.now)
            self._record(call, response)
        if self.predictions.schedule.news:
            self.predictions.schedule.news = False
            self.on_webhook()
        return response

    def account_of(self, request: HttpRequest) -> UserAccount | None:
        """Return the account that a request's head opens; None where it will be refused whatever its body."""
        route = find_route(request.method, request.target, self.options.paths)
        with self._lock:
            try:
                return self._identify(route, request)
            except Refusal:
                return None

    def seconds_left(self, id: str) -> float:
        """Seconds until an awaited prediction ends; 0 when it has, or is gone."""
        with self._lock:
            job = self.state.jobs.get(id)
            return 0.0 if job is None else max(job.ends - self.now, 0) / SECOND

    def files_ahead(self, id: str) -> list[Asset]:
        """Return the pictures that a prediction will have, if it runs long enough to draw them meanwhile.

        A class draws what is fetched, in fair turns; nothing is drawn for nobody there.
        """
        with self._lock:
            job = self.state.jobs.get(id)
            if job is None or job.kind != "image" or self.has_class or job.outcome != "succeeded":
                return []
            long_enough = job.ends - self.now > AHEAD_FROM * SECOND
            return [self.predictions.file(job, n) for n in range(len(job.files))] if long_enough else []

    async def complete(
        self, request: HttpRequest, response: HttpResponse, drawn: RenderCache, *,
        pause: Callable[[str, float], Awaitable[bool]], work: Callable[..., Awaitable[bytes]],
    ) -> HttpResponse:  # fmt: skip
        """Wait, calculate and draw until a response can be sent.

        `pause` waits for some of the seconds until a prediction ends, and is False when more of that would
        change nothing; `work` calls what takes too long for an event loop.
        """
        if (id := response.hold) is not None:
            while (left := self.seconds_left(id)) and await pause(id, left):
                pass
            response = self._answer_held(id, request, response)
        if response.work is not None:
            response.body = await work(response.work)
        if response.asset is not None:
            response = serve_file(response, await drawn.find(response.asset), response.asset.range)
        return response

    def _answer_held(self, id: str, request: HttpRequest, early: HttpResponse) -> HttpResponse:
        """Answer an awaited create, now that its prediction has ended (section 4.7)."""
        with self._lock:
            call = Call(request, Route("create", id), self.now, self._owner_of(id))
            try:
                response = self.predictions.show(call)
            except Refusal as refusal:
                response = self._refuse(refusal)
            # What faults did to the answer that was held back, they do to this one.
            response.after, response.ending = early.after, early.ending
            if "date" not in early.headers:
                response.headers["date"] = ""
            self._finish(response, call.route, call.account, call.now)
            return response

    def note_size(self, id: str, name: str, size: int) -> None:
        with self._lock:
            job = self.state.jobs.get(id)
            if job is not None:
                job.sizes[name] = size
                job.rendered = None

    def refuse(self, refusal: Refusal, *, unread: bool = True) -> HttpResponse:
        """Answer a request that was not even read, in the documented envelope."""
        response = self._refuse(refusal)
        response.unread = unread
        self._finish(response, UNKNOWN, self.accounts.anonymous, self.now)
        return response

    def failure(self, error: BaseException) -> HttpResponse:
        """Answer for a mistake of the sandbox's own: 500."""
        failed = Refusal(500, "INTERNAL_ERROR", "The sandbox itself has failed", repr(error))
        return self.refuse(failed, unread=False)

    def due_webhook(self, origin: str) -> WebhookEvent | None:
        """Return the next webhook that is due, and take it off the schedule; None when none is.

        Its links begin with `origin`, or, when that is empty, as those did that its create was answered with.
        """
        with self._lock:
            return self.predictions.due_webhook(origin, self.now)

    def seconds_to_webhook(self) -> float | None:
        """Return in how many seconds the next webhook is due; None when there is none."""
        with self._lock:
            due = self.predictions.schedule.next
            return None if due is None else max(due - self.now, 0) / SECOND

    def delivered(self, event: WebhookEvent, status: int | None, error: str | None) -> None:
        """Log a delivery, and schedule a failed one again, twice at most."""
        with self._lock:
            id, name, attempt, url = event[:4]
            self.deliveries.append(Delivery(self.options.clock(), id, name, url, attempt, status, error))
            if status is not None and 200 <= status < 300:
                if (job := self.state.jobs.get(id)) is not None:
                    job.notified.append(name)
                    self.state.save(job)
            elif attempt <= len(RETRIES):
                due = self.now + int(RETRIES[attempt - 1] * SECOND)
                self.predictions.schedule.again(due, id, name, attempt + 1)

    def requeue(self, event: WebhookEvent) -> None:
        """Schedule an event that was not sent after all; it stays due."""
        with self._lock:
            self.predictions.schedule.again(self.now, event.id, event.event, event.attempt)

    def snapshot(self) -> list[dict[str, object]]:
        """Every prediction as the API shows it now, newest first, hidden ones too."""
        with self._lock:
            now, base = self.now, "http://sandbox"
            every = reversed(self.state.jobs.values())
            return [jobs.prediction_json(job, now, base, self.options) for job in every]

    @property
    def billed(self) -> dict[str, Decimal]:
        with self._lock:
            return dict(self.state.ledger)

    def _identify(self, route: Route, request: HttpRequest) -> UserAccount:
        """Check path and key, in this order; a file belongs to whoever made it, and needs no key."""
        if route is UNKNOWN:
            raise errors.endpoint_not_found(request.method, request.target)
        if route.name == "asset":
            return self._owner_of(route.argument)
        if route.name not in API_ROUTES:
            return self.accounts.anonymous
        return self.accounts.admit(parse_key(request.headers), route.name)

    def _check_limits(self, call: Call) -> Sequence[ActiveFault]:
        """Check the rate, and use up the faults that strike."""
        route, now = call.route.name, call.now
        if route not in ROUTES:
            return ()
        # Files need no key, so they count for nobody; text models have windows of their own (`Inference`).
        if route in API_ROUTES and route not in TEXT_ROUTES:
            window = call.account.bucket().requests
            if wait := window.wait(now):
                raise errors.rate_limited(retry_after=retry_after(wait, self.options.retry_after, now))
            window.count(now)
        return self.faults.take(route, call.account.name)

    def _owner_of(self, id: str) -> UserAccount:
        job = self.state.jobs.get(id)
        return self.accounts.anonymous if job is None else self.accounts.named(job.account)

    def _handle(self, call: Call) -> HttpResponse:
        try:
            if call.route.name not in self._routes:
                raise errors.endpoint_not_found(call.request.method, call.request.target)
            return self._routes[call.route.name](call)
        except Refusal as refusal:
            # a response already here, because a fault may replace that of a refusal, too
            return self._refuse(refusal, call.route)

    def _models(self, call: Call) -> HttpResponse:
        """Show one model, or all, with the schemas that the query asks for (section 5.2)."""
        asked = parse_qs(call.request.query).get("fields", [])
        wanted = {name.strip() for each in asked for name in each.split(",")}
        if call.route.name == "models":
            return as_json([entry.body(wanted) for entry in standard_catalogue().values()])
        return as_json(find_model(call.id).body(wanted))

    def _refuse(self, refusal: Refusal, route: Route = UNKNOWN) -> HttpResponse:
        request_id = f"req_sandbox_{len(self.log)}"
        shape: str = self.options.error_shape
        if route.name in TEXT_ROUTES:
            quirks = self.options.quirks
            shape = "A" if "envelope-a" in quirks else "course" if "course-errors" in quirks else "E"
        response = as_json(errors.body_of(refusal, shape, request_id), refusal.status)
        response.headers.update(refusal.headers)
        return response

    def _finish(self, response: HttpResponse, route: Route, account: UserAccount, now: int) -> None:
        headers = response.headers
        headers["x-skytells-sandbox"] = "1"
        headers.setdefault("date", formatdate(now // SECOND, usegmt=True))
        if not headers["date"]:  # the fault missing_date
            del headers["date"]
        if route.name in API_ROUTES:
            limit = self.options.concurrency
            running = 0 if limit is None else len(self.state.running(now, account.name))
            bucket = response.bucket or account.bucket()
            headers |= rate_headers(self.options.rate_headers, bucket, limit, running, now)

    def _record(self, call: Call, response: HttpResponse) -> None:
        request, key = call.request, parse_key(call.request.headers)
        self.log.append(
            Received(
                call.now / SECOND,
                request.method,
                f"{request.target}?{request.query}" if request.query else request.target,
                None if key is None else fingerprint(key),
                response.status if response.ending in ("send", "cut") else None,
                call.route.name,
                tuple(each.name for each in call.faults),
            )
        )
