"""The API itself, without a socket: a request goes in, an answer comes out, and the clock is an argument.

Everything the sandbox promises about the wire is decided here or below; `skytells_nb.sandbox.app` only
carries it. One lock makes it safe to ask from any thread.

Source: skytells-api.md, sections 2 to 6.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from email.utils import formatdate
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qs

from skytells_nb.sandbox import (
    bodies,
    classroom,
    control,
    errors,
    limits,
    mishaps,
    notices,
    pages,
    routes,
    wall,
)
from skytells_nb.sandbox.accounts import Account, Accounts, Caller
from skytells_nb.sandbox.catalogue import SCHEMAS, Catalogue, standard
from skytells_nb.sandbox.drawing import Media, standard_media
from skytells_nb.sandbox.errors import Refusal
from skytells_nb.sandbox.exchange import Answer, Request, as_json
from skytells_nb.sandbox.faults import Faults, Hit
from skytells_nb.sandbox.job import SECOND
from skytells_nb.sandbox.keys import fingerprint, read_key
from skytells_nb.sandbox.options import Options
from skytells_nb.sandbox.predictions import Predictions
from skytells_nb.sandbox.routes import Route
from skytells_nb.sandbox.state import State

#: How many requests and deliveries the logs remember.
LOG_LENGTH = 100_000
#: Seconds to the second and third try of a webhook; then it is given up. Ours: section 7 documents no
#: retries.
RETRY_WEBHOOK = (0.5, 2.0)


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
    """The sandbox without its socket.

    Parameters
    ----------
    options : Options, optional
        How to behave.
    state : State, optional
        What there is already; nothing, unless given.
    faults : Faults, optional
        The order book of faults.
    catalogue : Catalogue, optional
        The models.
    media : Media, optional
        Who draws.

    Examples
    --------
    >>> core = Core()
    >>> core.answer(Request("GET", "/v1/models", headers={"x-api-key": core.state.api_key})).status
    200
    """

    def __init__(
        self,
        options: Options | None = None,
        *,
        state: State | None = None,
        faults: Faults | None = None,
        catalogue: Catalogue | None = None,
        media: Media | None = None,
    ) -> None:
        self.options = options or Options()
        self.state = state or State(seed=self.options.seed)
        self.faults = faults or Faults(self.options.clock)
        self.catalogue = catalogue or standard()
        self.media = media or standard_media()
        classroom.enrol(self.state, self.options)
        #: Whether there is a class: learners with accounts of their own.
        self.has_class = bool(self.state.learners)
        self.accounts = Accounts(
            self.state.api_key,
            None if self.has_class else self.options.rate_limit,
            self.state.learners,
            closed=self.has_class or self.options.exposed,
        )
        self.predictions = Predictions(self.state, self.options, self.catalogue, self.media)
        self.log: deque[Received] = deque(maxlen=LOG_LENGTH)
        self.deliveries: deque[notices.Delivery] = deque(maxlen=LOG_LENGTH)
        #: Called whenever a webhook may have been put on the agenda.
        self.on_notice: Callable[[], None] = lambda: None
        self._lock = threading.RLock()

    @property
    def now(self) -> int:
        """The moment, in microseconds since the epoch."""
        return int(self.options.clock() * SECOND)

    def answer(self, request: Request) -> Answer:
        """Answer one request. Nothing is raised: what goes wrong is an answer too."""
        route = routes.find(request.method, request.target, self.options.paths)
        with self._lock:
            now = self.now
            hits: Sequence[Hit] = ()
            caller = Caller("", self.accounts.stranger)
            try:
                caller = self._identify(route, request)
                hits = self._let_in(route, caller.account, now)
                answer = self._strike(route, request, caller, hits, now)
            except Refusal as refusal:
                answer = self._refuse(refusal)
            mishaps.bend_answer(hits, answer)
            self._finish(answer, route, caller.account, now)
            self._note(request, route, answer, hits, now)
        if self.predictions.agenda.news:
            self.predictions.agenda.news = False
            self.on_notice()
        return answer

    def left(self, id: str) -> float:
        """Seconds until an awaited prediction ends; 0 when it has, or is gone."""
        with self._lock:
            job = self.state.jobs.get(id)
            return 0.0 if job is None else max(job.ends - self.now, 0) / SECOND

    def held(self, id: str, request: Request) -> Answer:
        """Answer an awaited create, now that its prediction has ended (section 4.7)."""
        with self._lock:
            now = self.now
            try:
                answer = self.predictions.show(id, request, now)
            except Refusal as refusal:
                answer = self._refuse(refusal)
            self._finish(answer, Route("create"), self._owner_of(id), now)
            return answer

    def drawn(self, id: str, name: str, size: int) -> None:
        """Take note of how large a file turned out."""
        with self._lock:
            job = self.state.jobs.get(id)
            if job is not None:
                job.sizes[name] = size
                job.rendered = None

    def failure(self, error: BaseException) -> Answer:
        """Answer for a mistake of the sandbox's own: 500, in the documented envelope."""
        answer = self._refuse(Refusal(500, "INTERNAL_ERROR", "The sandbox itself has failed", repr(error)))
        self._finish(answer, routes.UNKNOWN, self.accounts.stranger, self.now)
        return answer

    def due_notice(self, origin: str) -> notices.Notice | None:
        """Take the next webhook that is due; None when none is.

        Its links begin with `origin`, or, when that is empty, as those did that its create was answered with.
        """
        with self._lock:
            return self.predictions.due_notice(origin, self.now)

    def next_notice(self) -> float | None:
        """Say in how many seconds the next webhook is due; None when there is none."""
        with self._lock:
            due = self.predictions.agenda.next
            return None if due is None else max(due - self.now, 0) / SECOND

    def delivered(self, notice: notices.Notice, status: int | None, error: str | None) -> None:
        """Take note of a delivery, and try a failed one again, twice at most."""
        with self._lock:
            id, event, attempt, url = notice[:4]
            self.deliveries.append(
                notices.Delivery(self.options.clock(), id, event, url, attempt, status, error)
            )
            if status is not None and 200 <= status < 300:
                self.predictions.notified(id, event)
            elif attempt <= len(RETRY_WEBHOOK):
                due = self.now + int(RETRY_WEBHOOK[attempt - 1] * SECOND)
                self.predictions.agenda.again(due, id, event, attempt + 1)

    def put_back(self, notice: notices.Notice) -> None:
        """Take note that a notice was not sent after all; it stays due."""
        with self._lock:
            self.predictions.agenda.again(self.now, notice.id, notice.event, notice.attempt)

    def snapshot(self) -> list[dict[str, object]]:
        """Every prediction as the API shows it now, newest first, hidden ones too."""
        with self._lock:
            now, base = self.now, "http://sandbox"
            jobs = reversed(self.state.jobs.values())
            return [bodies.view(job, now, base, self.options, self.catalogue) for job in jobs]

    @property
    def billed(self) -> dict[str, Decimal]:
        """What is billed, by prediction."""
        with self._lock:
            return dict(self.state.ledger)

    @property
    def received(self) -> list[Received]:
        """The log of requests, oldest first."""
        with self._lock:
            return list(self.log)

    def _identify(self, route: Route, request: Request) -> Caller:
        """Check path and key, in this order; a file belongs to whoever made it, and needs no key."""
        if route is routes.UNKNOWN:
            raise self._no_such_endpoint(request)
        if route.name == "asset":
            return Caller("", self._owner_of(route.argument))
        if route.name not in routes.API_ROUTES:
            return Caller("", self.accounts.stranger)
        return self.accounts.admit(read_key(request.headers), route.name)

    def _let_in(self, route: Route, account: Account, now: int) -> Sequence[Hit]:
        """Check the rate, and take the faults that strike."""
        if route.name not in routes.ROUTES:
            return ()
        wait = account.window.admit(now) if route.name != "asset" else None
        if wait is not None:
            raise errors.rate_limited(retry_after=limits.retry_after(wait, self.options.retry_after, now))
        return self.faults.take(route.name, account.name)

    def _owner_of(self, id: str) -> Account:
        job = self.state.jobs.get(id)
        return self.accounts.stranger if job is None else self.accounts.named(job.account)

    def _strike(
        self, route: Route, request: Request, caller: Caller, hits: Sequence[Hit], now: int
    ) -> Answer:
        """Handle a request, unless a fault strikes before, and let a fault replace the answer."""
        early = mishaps.before(hits) if hits else None
        if early is not None:
            return early
        try:
            answer = self._handle(route, request, caller, hits, now)
        except Refusal as refusal:
            answer = self._refuse(refusal)
        return mishaps.replace(hits, answer) if hits else answer

    def _handle(
        self, route: Route, request: Request, caller: Caller, hits: Sequence[Hit], now: int
    ) -> Answer:
        id = route.argument
        match route.name:
            case "create":
                return self.predictions.create(request, caller, hits, now)
            case "read":
                return self.predictions.read(id, request, caller, hits, now)
            case "list":
                return self.predictions.list(request, caller, now)
            case "cancel":
                return self.predictions.cancel(id, request, caller, now)
            case "delete":
                return self.predictions.delete(id, request, caller, now)
            case "stream":
                return self.predictions.show(id, request, now, caller)
            case "models":
                wanted = _fields(request.query)
                return as_json([entry.body(wanted) for entry in self.catalogue.values()])
            case "model":
                return self._model(route.argument, request)
            case "asset":
                return self.predictions.asset(id, route.rest, request, hits, now)
            case "control":
                return control.answer(self, id, request)
            case "wall":
                return wall.answer(self, route, request, now)
            case _:
                return pages.home(
                    request.headers.get("accept", ""),
                    request.origin,
                    models=len(self.catalogue),
                    predictions=len(self.state.jobs),
                    billed=len(self.state.ledger),
                    closed=self.accounts.stranger is not self.accounts.owner,
                )

    def _model(self, slug: str, request: Request) -> Answer:
        entry = self.catalogue.get(slug)
        if entry is None:
            raise errors.model_not_found(slug)
        return as_json(entry.body(_fields(request.query)))

    def _no_such_endpoint(self, request: Request) -> Refusal:
        inference = request.target.removeprefix("/v1") in routes.INFERENCE
        details = (
            "The sandbox serves predictions and models, not the inference routes." if inference else None
        )
        return errors.endpoint_not_found(request.method, request.target, details)

    def _refuse(self, refusal: Refusal) -> Answer:
        request_id = f"req_sandbox_{len(self.log)}"
        answer = as_json(errors.body_of(refusal, self.options.error_shape, request_id), refusal.status)
        answer.headers.update(refusal.headers)
        return answer

    def _finish(self, answer: Answer, route: Route, account: Account, now: int) -> None:
        headers = answer.headers
        headers["x-skytells-sandbox"] = "1"
        headers.setdefault("date", _date(now // SECOND))
        if not headers["date"]:
            del headers["date"]
        if route.name in routes.API_ROUTES:
            running = 0 if self.options.concurrency is None else self.state.running(now, account.name)
            headers |= limits.headers(
                self.options.rate_headers, account.window, self.options.concurrency, running, now
            )

    def _note(self, request: Request, route: Route, answer: Answer, hits: Sequence[Hit], now: int) -> None:
        key = read_key(request.headers)
        self.log.append(
            Received(
                now / SECOND,
                request.method,
                f"{request.target}?{request.query}" if request.query else request.target,
                None if key is None else fingerprint(key),
                answer.status if answer.ending in ("send", "cut") else None,
                route.name,
                tuple(hit.name for hit in hits),
            )
        )


@lru_cache(maxsize=64)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def _fields(query: str) -> frozenset[str]:
    """Which schemas a query asks for (section 5.2)."""
    if not query:
        return frozenset()
    asked = parse_qs(query).get("fields", [])
    return frozenset(name.strip() for each in asked for name in each.split(",")) & frozenset(SCHEMAS)
