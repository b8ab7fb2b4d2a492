"""Creating a prediction, and never being billed twice for one.

The API knows no idempotency key, so a create that is sent again is billed again (skytells-api.md
section 9.4). Hence one question sorts every failure: may the API have accepted it? If certainly not
(refused, unresolved, 429), it is sent again. If it may have, the newest predictions are read first, for
one that carries what was sent; only when there is none, and the API itself said that it failed, is it
sent again. Whatever stays in doubt is raised as `UncertainCreateError`.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..exceptions import InvalidInputError, SkytellsError, UncertainCreateError
from ..models import Prediction
from ..observers import Observer
from . import answers, exchange, reconciling, requests
from .answers import Problem
from .claims import Attempt
from .conversation import Conversation, note
from .requests import Order
from .steps import Answer, Detach, Flow, NoAnswer, Reply, Send, Sleep

__all__ = ["accept", "cancel_in_background", "tell_what_was_made"]


def accept(conversation: Conversation, order: Order, observers: Sequence[Observer] = ()) -> Flow[Prediction]:
    """Send a create until the API has accepted it once; gives the prediction as it was then.

    When it is interrupted, what may have been accepted is found and canceled in the background.
    ``observers`` of this one create are asked and told before those of the conversation.
    """
    create = _Create(conversation, order)
    try:
        yield from create.announce(observers)
        try:
            prediction = yield from create.send_until_accepted()
        except Exception as error:
            create.failure = error
            yield from create.tell()
            raise
        yield from create.tell()
    except (KeyboardInterrupt, CancelledError):
        if create.unfinished:
            yield from create.leave()
        raise
    finally:
        create.release()
    return prediction


@dataclass(slots=True)
class _Create:
    """One create on its way, and whoever has to be told what became of it.

    Attributes
    ----------
    tickets : list
        Observers that announced it and have not been told yet, with what each of them noted.
    attempt : Attempt or None
        Its entry among the connection's claims, while it is on the wire or looked for.
    send : Send or None
        The exchange that may have been accepted, while nobody knows.
    doubted : bool
        Whether an earlier try may have been accepted, though it was not found.
    made, failure
        What came of it.
    """

    conversation: Conversation
    order: Order
    tickets: list[tuple[Observer, object]] = field(default_factory=list)
    attempt: Attempt | None = None
    send: Send | None = None
    doubted: bool = False
    made: Prediction | None = None
    failure: BaseException | None = None

    @property
    def unfinished(self) -> bool:
        """Whether an interrupt leaves something to do: someone to tell, or something to cancel."""
        return bool(self.tickets) or self.send is not None or self.made is not None

    def announce(self, observers: Sequence[Observer]) -> Flow[None]:
        """Ask every observer before anything is sent; a refusal ends the create, and the others are told."""
        account, order = self.conversation.account, self.order
        for observer in (*observers, *self.conversation.listeners()):
            try:
                ticket = yield from observer.before_create(account, order.model, order.input)
            except Exception as error:
                self.failure = error
                yield from self.tell()
                raise
            self.tickets.append((observer, ticket))

    def send_until_accepted(self) -> Flow[Prediction]:
        """Send the create, and again where that can bill nothing twice."""
        conversation, order, tries = self.conversation, self.order, 0
        while True:
            if self.attempt is None:
                self.attempt = yield from reconciling.begun(conversation, order)
            request = conversation.spelled(order.call)
            self.send = Send(request, survives=True)
            reply = yield self.send
            conversation.heard(reply)
            if (made := self._take(reply)) is not None:
                return made
            found = _problem(reply)
            if exchange.older_spelling(conversation, order.call, request, found):
                self.send = None
                continue
            if _may_be_accepted(found):
                self.made = yield from reconciling.search(conversation, order, self.attempt)
                if self.made is not None:
                    return self.made
                self._require_own_words(found, self.attempt)
                self.doubted, self.send = True, None
                pause = self._pause_before_resend(reply, found, tries)
            else:
                self.send = None
                pause = self._pause_before_retry(reply, found, tries)
            conversation.claims.close(self.attempt)
            tries += 1
            yield Sleep(pause)
            if not self.doubted:
                self.attempt = None
                continue
            self.made = yield from reconciling.search_once(conversation, order, self.attempt)
            if self.made is not None:
                return self.made
            conversation.claims.resume(self.attempt)

    def _take(self, reply: Reply) -> Prediction | None:
        """Take the prediction that an answer names, if it names one."""
        made = _prediction(self.conversation, reply, self.order)
        if made is not None:
            self.made = made
            if self.attempt is not None:
                self.conversation.claims.answered(self.attempt, made.id)
            self.conversation.created(made)
        return made

    def _pause_before_retry(self, reply: Reply, found: Problem | NoAnswer, tries: int) -> float:
        """Seconds before a create that was certainly not accepted is sent again, or what ends it."""
        pause = exchange.pause_before(self.conversation, reply, found, tries)
        if pause is None:
            raise self._refused(reply, found)
        return pause

    def _refused(self, reply: Reply, found: Problem | NoAnswer) -> SkytellsError:
        wait = exchange.seconds_asked(self.conversation, reply) if isinstance(reply, Answer) else None
        subject = f"a prediction of {self.order.model!r}"
        if self.doubted:
            return answers.error(found, subject=subject, billed=_MOST_LIKELY_NOT, charged=None, wait=wait)
        return answers.error(found, subject=subject, wait=wait)

    def _require_own_words(self, found: Problem | NoAnswer, attempt: Attempt) -> None:
        """Raise, where nothing was found, unless the API itself said that it failed."""
        if isinstance(found, NoAnswer):
            told, known = found.words or found.reason, False
        else:
            told = found.message
            known = found.readable and found.status != 408 and (found.enveloped or found.status == 503)
        if not known:
            why = f"no prediction of it is listed ({told})"
            raise reconciling.uncertain(self.conversation, self.order, attempt, why)

    def _pause_before_resend(self, reply: Reply, found: Problem | NoAnswer, tries: int) -> float:
        """Seconds before a create is sent again of which nothing was found, or the error that ends it."""
        asked, policy = self.conversation.asked_wait(reply), self.conversation.policy
        again = isinstance(found, Problem) and found.status >= 500 and found.transient
        if not again or tries >= policy.max_retries or not policy.bears(asked):
            raise self._refused(reply, found)
        return policy.pause(tries, asked, self.conversation.chance)

    def release(self) -> None:
        """Leave the claims: nothing is on the wire and nothing is looked for any more."""
        attempt, self.attempt = self.attempt, None
        if attempt is not None:
            self.conversation.claims.close(attempt)

    def tell(self) -> Flow[None]:
        """Tell every observer that has not been told yet what became of the create."""
        account = self.conversation.account
        while self.tickets:
            observer, ticket = self.tickets.pop(0)
            if self.made is not None:
                yield from _told(observer, observer.created(account, ticket, self.made))
                continue
            error = self.failure or SkytellsError("Interrupted before anything was accepted.", charged=False)
            sent = self.send is not None or self.doubted
            if isinstance(error, UncertainCreateError) and observer in self.conversation.listeners():
                self.conversation.claims.leave_in_doubt(error.attempt, observer, ticket)
            yield from _told(observer, observer.not_created(account, ticket, error, sent))

    def leave(self) -> Flow[None]:
        """After an interrupt: hand what is left to do to the background, and go on at once."""
        rest = _Create(
            self.conversation,
            self.order,
            self.tickets,
            self.attempt,
            self.send,
            self.doubted,
            self.made,
            self.failure,
        )
        try:
            yield Detach(rest.abandon())
        except BaseException:
            rest.release()
            raise
        finally:
            self.attempt = None

    def abandon(self) -> Flow[None]:
        """Learn what became of a create that was interrupted, tell it, and cancel what it made."""
        try:
            if self.made is None and self.failure is None and self.send is not None:
                yield from self._learn()
            self.release()
            yield from self.tell()
        except GeneratorExit:
            raise
        except BaseException:
            yield from self._out_of_time()
            raise
        finally:
            self.release()
        if self.made is None:
            return
        if self.made.done:
            self.conversation.stopped.ended(self.made)
            yield from self.conversation.ended(self.made)
        else:
            yield from _cancel(self.conversation, self.made)

    def _learn(self) -> Flow[None]:
        """Hear the answer of the exchange that was interrupted, or look for what it made."""
        if self.send is None or self.attempt is None:
            return
        reply = yield self.send
        if self._take(reply):
            return
        if not _may_be_accepted(_problem(reply)):
            self.send = None
            return
        try:
            self.made = yield from reconciling.search(self.conversation, self.order, self.attempt)
        except SkytellsError as error:
            self.failure = error
            self._note_a_doubt(f" ({error.detail})")
        else:
            self.doubted = True

    def _note_a_doubt(self, why: str = "") -> None:
        """Say what nobody else can: there is no error any more that somebody could reconcile."""
        note(
            f"Interrupted while a create of {self.order.model!r} was under way{why}. It may have been "
            "accepted and billed, and was not canceled; client.predictions.list() shows it then."
        )

    def _out_of_time(self) -> Flow[None]:
        """Say what can still be said when the background's time is up."""
        if self.made is not None:
            self.conversation.stopped.goes_on(self.made.id, _NO_TIME)
        elif self.send is not None:
            self._note_a_doubt()
            self.failure = SkytellsError("Interrupted before the API answered.", charged=None)
        while self.tickets:
            try:
                yield from self.tell()
            except GeneratorExit:
                raise
            except BaseException as error:  # noqa: BLE001 - the others must be told all the same
                note(f"An observer was not told of a create of {self.order.model!r}: {error!r}")


def tell_what_was_made(
    conversation: Conversation, error: UncertainCreateError, made: Prediction
) -> Flow[None]:
    """Tell every observer that a create left in doubt what it has made, once; also after an interrupt.

    An observer of that create alone is not told: whoever brought it looks for itself.
    """
    left = conversation.claims.left_in_doubt(error.attempt)
    try:
        yield from _tell_made(conversation, left, made)
    except (KeyboardInterrupt, CancelledError):
        if left:
            yield Detach(_tell_made(conversation, left, made))
        raise


def _tell_made(
    conversation: Conversation, left: list[tuple[Observer, object]], made: Prediction
) -> Flow[None]:
    while left:
        observer, ticket = left.pop(0)
        yield from _told(observer, observer.created(conversation.account, ticket, made))


_NO_TIME = "there was no time left."
_MOST_LIKELY_NOT = "No prediction was found that it made, so most likely nothing was billed."


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
    """Whether the API may have accepted a create that it answered so.

    A redirect sends it elsewhere, except 303, which comes after it was handled.
    """
    if isinstance(found, NoAnswer):
        return found.sent
    if found.refuses:
        return False
    return not found.readable or found.status in (303, 408) or not 300 <= found.status < 500


def cancel_in_background(conversation: Conversation, prediction: Prediction) -> Detach:
    """Give the step that cancels a prediction remotely while its caller goes on at once."""
    return Detach(_cancel(conversation, prediction))


def _cancel(conversation: Conversation, prediction: Prediction) -> Flow[None]:
    try:
        read, canceled = yield from _canceled(conversation, prediction)
    except GeneratorExit:
        raise
    except BaseException as error:
        conversation.stopped.goes_on(prediction.id, str(error) or _NO_TIME)
        if isinstance(error, SkytellsError):
            return
        raise
    if canceled:
        conversation.stopped.canceled(read)
    else:
        conversation.stopped.ended(read)
    if read.done:
        yield from conversation.ended(read)


def _canceled(conversation: Conversation, prediction: Prediction) -> Flow[tuple[Prediction, bool]]:
    """Cancel a prediction; False where it had ended already, and is paid for and worth keeping."""
    subject = f"canceling prediction {prediction.id!r}"
    try:
        body = yield from exchange.ask(conversation, requests.cancel(prediction.id), subject)
    except InvalidInputError:
        body = yield from exchange.ask(conversation, requests.get(prediction.id), subject)
        read = _reading(conversation, body, prediction)
        if not read.done:
            raise
        return read, False
    return _reading(conversation, body, prediction), True


def _reading(conversation: Conversation, body: Any, earlier: Prediction) -> Prediction:
    """Read an answer about a prediction; as it was known before, where it says nothing about it."""
    if not isinstance(body, dict) or body.get("id") != earlier.id:
        return earlier
    return Prediction.from_api(body, origin=conversation.origin).remembering(earlier)


def _told(observer: Observer, flow: Generator[Any, Any, None]) -> Flow[None]:
    try:
        yield from flow
    except Exception as error:  # noqa: BLE001 - an observer's failure must not lose the prediction
        note(f"{type(observer).__name__} failed: {error}")
