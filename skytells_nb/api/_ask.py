"""Asking a text model once, and never paying twice for one answer.

Such a call has no id to look for, and nothing lists it. So it is sent again only when it was certainly not
accepted: not written whole, or refused with a 429 that says when to come back. Everything else is raised,
with what it may have cost; a stream is never asked for again once it has begun (skytells-api-text.md
sections 5 and 8).
"""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ..exceptions import (
    InvalidInputError,
    NotFoundError,
    SkytellsError,
    UncertainCreateError,
    reword,
    warn_user,
)
from ..models import AnsweringRoute, Prediction, Pricing, Status
from ..pricing import cost_of_usage
from ._connection import Connection, pause_before, rate_limit_wait
from ._http import Exchange, OpenAnswer
from ._models import explain_route, get_model, slug_meant
from ._observers import Observer, tell
from ._responses import (
    ErrorBody,
    Reply,
    Response,
    TransportFailure,
    failure_in,
    may_be_accepted,
    parse,
    to_exception,
)
from ._stream import TextSource, failed, says_failed
from ._text_requests import TextRequest, Value, chat, responses

_UNLISTED: Final = "It may have been billed; nothing lists such calls, so it was not sent again."
_PRICE_AGE: Final = 600.0

_log = logging.getLogger("skytells_nb")


async def ask(connection: Connection, request: TextRequest, observers: Sequence[Observer] = ()) -> Value:
    """Send a request, and return its whole answer; ``observers`` hear of this call alone."""
    call = TextCall(connection, request, observers)
    with connection.creating():
        answer = await call.send()
        if not isinstance(answer, Mapping):  # a stream, though nobody asked for one
            source = TextSource(call, answer)
            source.start()
            whole: Value = await source.whole()
            return whole
        return await call.answered(answer)


async def ask_for_prediction(
    connection: Connection,
    route: AnsweringRoute,
    model: str,
    input: Mapping[str, Any],
    observers: Sequence[Observer] = (),
) -> Prediction:
    """Ask a text model, and return its answer as archives and batches keep it.

    `UncertainCreateError` says that it may have been billed; nothing lists such calls, so nobody can look.
    """
    request = (chat if route == "chat" else responses)(model, **input)
    try:
        answer = await ask(connection, request, observers)
    except SkytellsError as error:
        if error.charged is not None or isinstance(error, UncertainCreateError):
            raise
        raise UncertainCreateError(
            error.message, detail=error.detail, charged=None, model=model, input=dict(input)
        ) from error
    made = answer.to_prediction()
    if not made.done:
        words = f"Answer {made.id} is still {made.status}, and the API has no route to fetch it later."
        raise UncertainCreateError(words, charged=None, model=model, input=dict(input))
    return made


async def ask_for_stream(
    connection: Connection, request: TextRequest, observers: Sequence[Observer] = ()
) -> TextSource:
    """Send a request for a stream; returns as soon as its first bytes may come."""
    call = TextCall(connection, request, observers)
    source = TextSource(call, await call.send())
    source.start()
    return source


@dataclass(eq=False, repr=False)
class TextCall:
    """One call of a text model, and who has yet to be told what became of it."""

    connection: Connection
    request: TextRequest
    observers: Sequence[Observer] = ()
    _tickets: list[tuple[Observer, object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._began = self.connection.now()

    async def send(self) -> Mapping[str, Any] | OpenAnswer | Response:
        """Ask the observers, and send until answered: with the body, or with a stream that has begun."""
        exchange: Exchange | None = None
        try:
            for observer in (*self.observers, *self.connection.listeners()):
                ticket = await observer.before_create(
                    self.connection.account, self.request.model, self.request.input
                )
                self._tickets.append((observer, ticket))
            request, tries = self.request.request, 0
            while True:
                self.connection.require_open()
                exchange = self.connection.http.begin(request)
                answer, reply = await self._answer(exchange)
                if answer is not None:
                    return answer
                error = failure_in(reply, "the answer is no JSON object")
                # None where it may have been accepted, or is refused.
                if isinstance(error, TransportFailure):
                    may_resend = not error.sent
                else:
                    may_resend = error.status == 429 and self.connection.asked_wait(reply) is not None
                pause = pause_before(self.connection, reply, error, tries) if may_resend else None
                plainer = self.request.plainer
                # Refused, and not billed, for ``stream_options``, which no source documents.
                if (
                    plainer not in (None, request)
                    and isinstance(error, ErrorBody)
                    and error.status in (400, 422)
                    and "stream_options" in f"{error.param} {error.message} {error.detail}"
                ):
                    request, pause = plainer, 0.0
                if pause is None:
                    raise await self._refusal(reply, error)
                tries += 1
                _log.debug("%s: %s; try %d in %.2f s", self.request.subject, error, tries + 1, pause)
                await asyncio.sleep(pause)
        except asyncio.CancelledError:
            await self._interrupted(exchange)
            raise
        except Exception as error:
            sent = getattr(error, "charged", None) is None
            await self.connection.to_the_end(self._not_created(error, sent=sent))
            raise

    async def _answer(
        self, exchange: Exchange
    ) -> tuple[Mapping[str, Any] | OpenAnswer | Response | None, Reply]:
        """Return what was answered, None where that is an error, and the reply."""
        reply = await exchange.reply()
        self.connection.learn_from(reply)
        opened = exchange.opened
        if opened is None:
            return None, reply
        kind = opened.headers.get("content-type", "").lower()
        if 200 <= opened.status < 300 and "text/event-stream" in kind:
            return opened, reply
        reply = await opened.read()
        if isinstance(reply, Response):
            body, error = parse(reply)
            if error is None and isinstance(body, dict):
                return body, reply
            # Events by another name, such as text/plain: they are what was paid for.
            if 200 <= reply.status < 300 and re.match(rb"\s*(data|event|id|retry)?:", reply.body):
                return reply, reply
        return None, reply

    async def _refusal(self, reply: Reply, error: ErrorBody | TransportFailure) -> SkytellsError:
        doubtful = may_be_accepted(error)
        raised = to_exception(
            error,
            subject=self.request.subject,
            billed=_UNLISTED if doubtful else "Nothing was billed.",
            charged=None if doubtful else False,
            wait=rate_limit_wait(self.connection, reply),
        )
        if raised.param == "model" and isinstance(raised, InvalidInputError):
            await explain_route(self.connection, self.request.model, self.request.route, raised)
        if isinstance(raised, NotFoundError):
            try:
                meant = await slug_meant(self.connection, self.request.model, raised)
            except NotFoundError as named:
                return named
            reword(raised, f"There is no model {self.request.model!r}. Did you mean {meant!r}?")
        return raised

    async def _interrupted(self, exchange: Exchange | None) -> None:
        """Close what is under way, and tell in the background what it may have cost."""
        sent = False
        if exchange is not None:
            exchange.task.cancel()
            sent = exchange.sent
            if exchange.opened is not None:
                await exchange.opened.aclose()
        if sent:
            warn_user(f"Interrupted while {self.request.subject} was under way. It may have been billed.")
        error = SkytellsError("Interrupted before the API answered.", charged=None if sent else False)
        self.connection.in_background(self._not_created(error, sent=sent))

    # What came of it

    async def answered(self, raw: Mapping[str, Any]) -> Value:
        """Return a whole answer with its cost, once every observer has heard of it."""
        value = await self.value(raw)
        if says_failed(raw):
            await self.tell(value, "failed", str(raw.get("error")))
            raise failed(raw, self.request.subject)
        await self.tell(value)
        return value

    async def value(self, raw: Mapping[str, Any]) -> Value:
        """Read an answer, whole or as far as it came, and price it."""
        found = self.read(raw)
        if found.usage is None:
            return found
        pricing = await self._pricing()
        return found if pricing is None else replace(found, cost=cost_of_usage(pricing, found.usage))

    def read(self, raw: Mapping[str, Any]) -> Value:
        """Read an answer; what the API leaves out (an id, a time) is put in."""
        found = self.request.parse(raw, self.connection.origin)
        mark = "sandbox-" if self.connection.account.sandbox else ""  # what it costs is no money
        return replace(
            found,
            id=found.id or f"{mark}{self.request.route}-{uuid.uuid4().hex}",
            created_at=found.created_at or self.connection.wall(),
            seconds=self.connection.now() - self._began,
        )

    async def tell(self, value: Value, status: Status | None = None, error: str | None = None) -> None:
        """Tell every observer what was made, to the end also after an interrupt."""
        await self.connection.to_the_end(self._tell(value.to_prediction(status, error)))

    async def _tell(self, prediction: Prediction) -> None:
        connection, own = self.connection, self.observers
        while self._tickets:
            observer, ticket = self._tickets.pop(0)
            hears = observer.created(connection.account, ticket, prediction)
            await tell(observer, hears)
            if any(observer is each for each in own):  # of whose end nobody else tells it
                await tell(observer, observer.ended(connection.account, prediction))
        await connection.ended(prediction)

    async def _not_created(self, error: BaseException, *, sent: bool) -> None:
        while self._tickets:
            observer, ticket = self._tickets.pop(0)
            await tell(observer, observer.not_created(self.connection.account, ticket, error, sent))

    async def _pricing(self) -> Pricing | None:
        """Return the prices of the model that was asked; a router's are its own, whoever answered."""
        connection, model = self.connection, self.request.model
        known = connection.prices.get(model)
        if known is not None and connection.now() - known[0] < _PRICE_AGE:
            return known[1]
        try:
            return (await get_model(connection, model)).pricing
        except SkytellsError as error:
            _log.debug("no price of %s: %s", model, error)
            connection.prices[model] = (connection.now(), None)
            return None
