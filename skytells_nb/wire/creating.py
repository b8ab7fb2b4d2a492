"""Creating a prediction, and never being billed twice for one.

The API knows no idempotency key, so a create that is sent again is billed again (skytells-api.md
section 9.4). Hence one question sorts every failure: may the API have accepted it? If certainly not
(refused, unresolved, 429), it is sent again. If it may have, the newest predictions are read first, for
one that carries what was sent; only when there is none, and the API itself said that it failed, is it
sent again. Whatever stays in doubt is raised as `UncertainCreateError`.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Generator
from datetime import datetime
from typing import Any, Final

from ..exceptions import ServerError, SkytellsError, UncertainCreateError
from ..observers import Observer
from ..types import Prediction
from . import answers, exchange, requests
from .answers import Problem
from .claims import Attempt, carries
from .conversation import Conversation, note
from .requests import Order
from .steps import Answer, Detach, Flow, NoAnswer, Reply, Send, Sleep
from .watch import page_items

__all__ = ["accept", "cancel_in_background", "look_again"]

_LOOKS: Final = (0.0, 1.0, 2.0)
_TURN: Final = 0.1
_PAGES: Final = 40

Tickets = list[tuple[Observer, object]]


def accept(conversation: Conversation, order: Order) -> Flow[Prediction]:
    """Send a create until the API has accepted it once; gives the prediction as it was then.

    When it is interrupted, what may have been accepted is found and canceled in the background.
    """
    tickets = yield from _announce(conversation, order)
    try:
        prediction = yield from _send(conversation, order, tickets)
    except Exception as error:
        sent = not isinstance(error, SkytellsError) or error.charged is not False
        yield from _tell_failure(conversation, tickets, error, sent=sent)
        raise
    try:
        yield from _tell_success(conversation, tickets, prediction)
    except (KeyboardInterrupt, CancelledError):
        yield cancel_in_background(conversation, prediction)
        raise
    return prediction


def _send(conversation: Conversation, order: Order, tickets: Tickets) -> Flow[Prediction]:
    claims, tries = conversation.claims, 0
    attempt: Attempt | None = None
    send: Send | None = None
    doubtful = False
    try:
        while True:
            while (attempt := claims.begin(order.key, conversation.now())) is None:
                yield Sleep(_TURN)
            request = conversation.spelled(order.call)
            send, doubtful = Send(request, survives=True), True
            reply = yield send
            conversation.heard(reply)
            made = _prediction(conversation, reply, order)
            if made is not None:
                claims.answered(attempt, made.id, conversation.now())
                conversation.created(made)
                return made
            found = _problem(reply)
            if exchange.older_spelling(conversation, order.call, request, found):
                doubtful = False
                claims.close(attempt)
                continue
            if not _may_be_accepted(found):
                doubtful = False
                pause = exchange.pause_before(conversation, reply, found, tries)
                if pause is None:
                    raise _refused(conversation, reply, found, order)
            else:
                made = yield from _reconcile(conversation, order, attempt)
                if made is not None:
                    conversation.created(made)
                    return made
                pause = _pause_before_resend(conversation, reply, found, order, attempt, tries)
                doubtful = False
            claims.close(attempt)
            tries += 1
            yield Sleep(pause)
    except (KeyboardInterrupt, CancelledError):
        left, attempt = attempt, None
        yield Detach(_abandon(conversation, order, send if doubtful else None, left, tickets))
        raise
    finally:
        if attempt is not None:
            claims.close(attempt)


def _prediction(conversation: Conversation, reply: Reply, order: Order) -> Prediction | None:
    """Read an answer as the prediction that was made; None when it is anything else."""
    if isinstance(reply, NoAnswer) or answers.problem(reply) is not None:
        return None
    body = answers.decoded(reply)
    if isinstance(body, dict) and isinstance(body.get("data"), dict) and "id" not in body:
        body = body["data"]
    if not isinstance(body, dict) or not isinstance(body.get("id"), str) or not body["id"]:
        return None
    asked = Prediction(id=body["id"], status="queued", model=order.model, input=order.input)
    return Prediction.from_api(body, origin=conversation.origin).remembering(asked)


def _problem(reply: Reply) -> Problem | NoAnswer:
    """Say why an answer is no prediction, also when it is good JSON of another kind."""
    if isinstance(reply, NoAnswer):
        return reply
    words = "the answer names no prediction"
    return answers.problem(reply) or Problem(reply.status, words, words, readable=False)


def _may_be_accepted(found: Problem | NoAnswer) -> bool:
    if isinstance(found, NoAnswer):
        return found.sent
    return not found.readable or found.status == 408 or found.status >= 500 or found.status < 400


def _refused(
    conversation: Conversation, reply: Reply, found: Problem | NoAnswer, order: Order
) -> SkytellsError:
    wait = exchange.seconds_asked(conversation, reply) if isinstance(reply, Answer) else None
    return answers.error(found, subject=f"a prediction of {order.model!r}", wait=wait)


def _reconcile(conversation: Conversation, order: Order, attempt: Attempt) -> Flow[Prediction | None]:
    """Look for the prediction that an unanswered create made; None when two looks found none.

    It looks only while no identical create is on the wire: each of those is answered, or gives up and
    looks too, and then each takes the oldest that is nobody's.
    """
    claims = conversation.claims
    claims.gave_up(attempt)
    looked, ambiguous = 0, False
    trouble: SkytellsError | None = None
    for pause in _LOOKS:
        if pause:
            yield Sleep(pause)
        while not claims.quiet(order.key):
            yield Sleep(_TURN)
        try:
            listed = yield from _newest(conversation, conversation.since(attempt.started))
        except SkytellsError as error:
            trouble = error
            continue
        looked += 1
        since = conversation.since(attempt.started)
        found = claims.claim(attempt, _matching(conversation, order, listed, since))
        if found is not None:
            return found
        ambiguous = ambiguous or any(
            claims.free(attempt, p.id) and _cannot_tell(p, order, since) for p in listed
        )
    if looked < 2:
        why = f"the newest predictions could not be read ({trouble.detail if trouble else 'no answer'})"
        raise _uncertain(conversation, order, attempt, why)
    if ambiguous:
        why = "the API lists predictions that do not say what was asked, and one of them may be it"
        raise _uncertain(conversation, order, attempt, why)
    return None


def _matching(
    conversation: Conversation, order: Order, listed: list[Prediction], since: datetime
) -> list[Prediction]:
    return [
        p
        for p in listed
        if p.created_at is not None
        and p.created_at >= since
        and carries(p, order.model, order.input, conversation.names)
    ]


def _cannot_tell(prediction: Prediction, order: Order, since: datetime) -> bool:
    """Whether a listed prediction hides its input or its time, and so may be the one."""
    if prediction.created_at is None:
        return True
    return prediction.created_at >= since and bool(order.input) and not prediction.input


def _newest(conversation: Conversation, since: datetime) -> Flow[list[Prediction]]:
    """Read the listing back to ``since``."""
    listed: list[Prediction] = []
    for number in range(1, _PAGES + 1):
        body = yield from exchange.ask(conversation, requests.page(number), "the newest predictions")
        items = page_items(body)
        if items is None:
            raise ServerError("The listing cannot be read.", detail="The listing cannot be read.")
        page = [
            Prediction.from_api(item, origin=conversation.origin)
            for item in items
            if isinstance(item.get("id"), str) and item["id"]
        ]
        listed += page
        times = [p.created_at for p in page if p.created_at is not None]
        if len(items) < requests.PAGE_SIZE or (times and min(times) < since):
            return listed
    raise ServerError(
        "Too many newer predictions to look through.", detail=f"over {_PAGES * requests.PAGE_SIZE} newer ones"
    )


def _pause_before_resend(
    conversation: Conversation,
    reply: Reply,
    found: Problem | NoAnswer,
    order: Order,
    attempt: Attempt,
    tries: int,
) -> float:
    """Seconds before a create is sent again of which nothing was found, or the error that ends it."""
    own_words = isinstance(found, Problem) and found.readable and found.status != 408
    if isinstance(found, NoAnswer) or not own_words or not (found.enveloped or found.status == 503):
        told = found.words or found.reason if isinstance(found, NoAnswer) else found.message
        raise _uncertain(conversation, order, attempt, f"no prediction of it is listed ({told})")
    asked = conversation.asked_wait(reply)
    policy = conversation.policy
    if tries >= policy.max_retries or not policy.bears(asked):
        raise answers.error(
            found,
            subject=f"a prediction of {order.model!r}",
            billed="No prediction was found that it made, so most likely nothing was billed.",
            charged=None,
            wait=asked,
        )
    return policy.pause(tries, asked, conversation.chance)


def _uncertain(conversation: Conversation, order: Order, attempt: Attempt, why: str) -> UncertainCreateError:
    return UncertainCreateError(
        f"A create of {order.model!r} was sent, and nobody knows what became of it: {why}. It may have been "
        "billed, so it was not sent again. Look again in a minute with "
        "client.predictions.reconcile(error); send it again only if that finds nothing.",
        detail=why,
        charged=None,
        model=order.model,
        input=order.input,
        since=conversation.since(attempt.started),
        known=conversation.claims.known_before(attempt),
    )


def look_again(conversation: Conversation, error: UncertainCreateError) -> Flow[Prediction | None]:
    """Look once more for the prediction of a create that was left in doubt; None when there is none."""
    if error.since is None or error.input is None:
        return None
    order = requests.order(error.model, error.input)
    listed = yield from _newest(conversation, error.since)
    matching = _matching(conversation, order, listed, error.since)
    anew = Attempt(order.key, float("-inf"))
    found = conversation.claims.claim(anew, [p for p in matching if p.id not in error.known])
    if found is not None:
        conversation.created(found)
    return found


def _abandon(
    conversation: Conversation, order: Order, send: Send | None, attempt: Attempt | None, tickets: Tickets
) -> Flow[None]:
    """After an interrupt: if a create may have been accepted, learn its id and cancel it.

    ``send`` is the create that is in doubt, on the wire still or answered by nothing; None when none is.
    """
    made: Prediction | None = None
    gone: SkytellsError = SkytellsError("Interrupted before anything was accepted.", charged=False)
    try:
        if send is not None and attempt is not None:
            reply = yield send
            made = _prediction(conversation, reply, order)
            if made is not None:
                conversation.claims.answered(attempt, made.id, conversation.now())
            elif _may_be_accepted(_problem(reply)):
                made = yield from _reconcile(conversation, order, attempt)
    except SkytellsError as error:
        gone = error
        note(f"Interrupted: {error}")
    finally:
        if attempt is not None:
            conversation.claims.close(attempt)
    if made is None:
        yield from _tell_failure(conversation, tickets, gone, sent=gone.charged is not False)
        return
    yield from _tell_success(conversation, tickets, made)
    yield from _cancel(conversation, made)


def cancel_in_background(conversation: Conversation, prediction: Prediction) -> Detach:
    """Give the step that cancels a prediction remotely while its caller goes on at once."""
    return Detach(_cancel(conversation, prediction))


def _cancel(conversation: Conversation, prediction: Prediction) -> Flow[None]:
    try:
        body = yield from exchange.ask(
            conversation, requests.cancel(prediction.id), f"canceling prediction {prediction.id!r}"
        )
    except SkytellsError as error:
        note(f"Prediction {prediction.id} was not canceled, and goes on: {error}")
        return
    if isinstance(body, dict) and body.get("id") == prediction.id:
        read = Prediction.from_api(body, origin=conversation.origin)
        if read.done:
            yield from conversation.ended(read)


def _announce(conversation: Conversation, order: Order) -> Flow[Tickets]:
    """Ask every observer before anything is sent; a refusal ends the create, and the others are told."""
    tickets: Tickets = []
    for observer in conversation.listeners():
        try:
            ticket = yield from observer.before_create(conversation.account, order.model, order.input)
        except Exception as error:
            yield from _tell_failure(conversation, tickets, error, sent=False)
            raise
        tickets.append((observer, ticket))
    return tickets


def _tell_success(conversation: Conversation, tickets: Tickets, prediction: Prediction) -> Flow[None]:
    for observer, ticket in tickets:
        yield from _told(observer, observer.created(conversation.account, ticket, prediction))


def _tell_failure(
    conversation: Conversation, tickets: Tickets, error: BaseException, *, sent: bool
) -> Flow[None]:
    for observer, ticket in tickets:
        yield from _told(observer, observer.not_created(conversation.account, ticket, error, sent))


def _told(observer: Observer, flow: Generator[Any, Any, None]) -> Flow[None]:
    try:
        yield from flow
    except Exception as error:  # noqa: BLE001 - an observer's failure must not lose the prediction
        note(f"{type(observer).__name__} failed: {error}")
