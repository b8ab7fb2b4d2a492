"""Creating a prediction, and never being billed twice for one.

The API knows no idempotency key, so a create that is sent again is billed again (skytells-api.md
section 9.4). Hence one question sorts every failure: may the API have accepted it? If certainly not
(refused, never written whole, 429), it is sent again. If it may have, the newest predictions are read first,
for one that matches what was sent; only when there is none, and the API itself said that it failed, is it
sent again. Whatever stays in doubt is raised as `UncertainCreateError`.

In the place of a new create, what the archive has of an equal input may be taken (`find_reusable`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from .._options import options
from ..aio import Together, together
from ..checks import check_callable, check_choice, check_flag
from ..exceptions import InvalidInputError, SkytellsError, UncertainCreateError, warn_user
from ..models import Prediction, lacks_output
from . import _requests
from ._connection import Connection, is_older_spelling, pause_before, rate_limit_wait, send_with_retry
from ._http import Exchange
from ._models import get_model
from ._observers import Account, Observer, tell
from ._pending import PendingCreate
from ._reconcile import Search, start_when_clear
from ._requests import CreateRequest
from ._responses import (
    ErrorBody,
    Reply,
    TransportFailure,
    as_shown,
    failure_in,
    may_be_accepted,
    parse_reply,
    to_exception,
)
from ._wait import conclude, follow, patience

_LISTEN: Final = 1.2
"""Seconds of the two after an interrupt in which the create's own answer is waited for; the rest is left to
search the listing and to cancel."""

_NO_TIME: Final = "there was no time left."
_NOT_FOUND: Final = "No prediction of it is listed, so most likely nothing was billed."
_NO_PREDICTION: Final = "the answer names no prediction"

_log = logging.getLogger("skytells_nb")


async def create(
    connection: Connection,
    model: str,
    input: Mapping[str, Any],
    *,
    wait: bool = True,
    webhook: str | Mapping[str, Any] | None = None,
    webhook_events_filter: Sequence[str] | None = None,
    timeout: float | None = None,
    on_progress: Callable[[Prediction], object] | None = None,
    extra: Mapping[str, Any] | None = None,
    observers: Sequence[Observer] = (),
) -> Prediction:
    """Create a prediction and, unless told otherwise, wait until it ends.

    When it is cancelled, what the API accepted is canceled remotely in the background. ``observers`` hear of
    this create alone, before those of the connection do.
    """
    wait = check_flag("wait", wait)
    deadline = connection.now() + patience(timeout)
    if on_progress is not None:
        check_callable("on_progress", on_progress, takes="a Prediction")
    request = _requests.create(model, input, webhook=webhook, events=webhook_events_filter, extra=extra)
    with connection.creating():
        prediction = await _accept(connection, request, observers, deadline)
    if wait and (not prediction.done or lacks_output(prediction)):
        going = replace(prediction, status="processing") if prediction.done else prediction
        try:
            prediction = await follow(connection, going, deadline, on_progress)
        except asyncio.CancelledError:
            # Nobody waits for it any more, and it goes on costing money. In the background,
            # because the prompt is promised within 0.4 s and an exchange may take longer.
            connection.in_background(cancel_remotely(connection, prediction))
            raise
    if wait:
        return await conclude(connection, prediction)
    return await connection.ended(prediction) if prediction.done else prediction


async def _accept(
    connection: Connection, request: CreateRequest, observers: Sequence[Observer], deadline: float
) -> Prediction:
    """Send a create until the API has accepted it once; returns the prediction as it was then."""
    attempt = _Attempt(connection, request, deadline)
    try:
        await attempt.announce(observers)
        try:
            prediction = await attempt.send_until_accepted()
        except Exception as error:
            attempt.failure = error
            await attempt.tell()
            raise
        await attempt.tell()
    except asyncio.CancelledError:
        if attempt.exchange is not None and attempt.made is None and attempt.exchange.withdraw():
            attempt.exchange = None  # not one byte of it was sent
        # There is someone to tell, or something to cancel.
        if attempt.tickets or attempt.exchange is not None or attempt.made is not None:
            attempt.is_abandoned = True
            connection.in_background(attempt.abandon())
        raise
    finally:
        if not attempt.is_abandoned:
            attempt.release()
    return prediction


@dataclass(eq=False, repr=False)
class _Attempt:
    """One create under way, and who has yet to be told what became of it (`tickets`, with their notes).

    `pending` is its entry in the registry, while it is on the wire or searched for; `exchange` the one that
    may have been accepted, while nobody knows. It `is_doubtful` where an earlier try may have been accepted,
    though it was not found. `made` or `failure` is what came of it.
    """

    connection: Connection
    request: CreateRequest
    deadline: float
    tickets: list[tuple[Observer, object]] = field(default_factory=list)
    pending: PendingCreate | None = None
    exchange: Exchange | None = None
    is_doubtful: bool = False
    is_abandoned: bool = False
    made: Prediction | None = None
    failure: BaseException | None = None

    async def announce(self, observers: Sequence[Observer]) -> None:
        """Ask every observer before anything is sent; a refusal ends the create, and the others are told."""
        for observer in (*observers, *self.connection.listeners()):
            try:
                ticket = await observer.before_create(
                    self.connection.account, self.request.model, self.request.input
                )
            except Exception as error:
                self.failure = error
                await self.tell()
                raise
            self.tickets.append((observer, ticket))

    async def send_until_accepted(self) -> Prediction:
        """Send the create, and again where that can bill nothing twice."""
        connection, tries = self.connection, 0
        while True:
            if connection.closed and self.is_doubtful and self.pending is not None:
                raise Search(connection, self.pending).uncertain("the client was closed meanwhile")
            connection.require_open()
            if self.pending is None:
                self.pending = await start_when_clear(connection, self.request)
            request = connection.request_for(self.request.call)
            # A task of its own: an interrupt that cut it off half-way would leave unknown what the API has.
            self.exchange = connection.http.begin(request)
            reply = await self.exchange.reply()
            connection.learn_from(reply)
            if (made := self._take(reply)) is not None:
                return made
            error = failure_in(reply, _NO_PREDICTION)
            # Refused for its path, so nothing was made: its older spelling is tried at once (section 3).
            if is_older_spelling(connection, self.request.call, request, error):
                self.exchange = None
                continue
            if may_be_accepted(error):
                _log.debug("create of %s: in doubt (%s); searching", self.request.model, error)
                self.made = await Search(connection, self.pending).run()
                if self.made is not None:
                    _log.debug("create of %s: found as %s", self.request.model, self.made.id)
                    return self.made
                # Not listed proves little, since a listing may be
                # late: it takes an error of the API's own as well.
                self._require_failure_of_the_api(error, self.pending)
                self.is_doubtful, self.exchange = True, None
                failed = isinstance(error, ErrorBody) and error.status >= 500
                pause = pause_before(connection, reply, error, tries) if failed else None
            else:
                self.exchange = None
                pause = pause_before(connection, reply, error, tries)
            # The API may ask for a longer pause than its caller has time.
            if pause is None or connection.now() + pause > self.deadline:
                doubt: dict[str, Any] = {"billed": _NOT_FOUND, "charged": None} if self.is_doubtful else {}
                subject, wait = f"a prediction of {self.request.model!r}", rate_limit_wait(connection, reply)
                raise to_exception(error, subject=subject, wait=wait, **doubt)
            # During the pause it is neither on the wire nor
            # searched for, so equal creates need not wait for it.
            connection.creates.close(self.pending)
            tries += 1
            _log.debug("create of %s: not accepted; try %d in %.2f s", self.request.model, tries + 1, pause)
            await asyncio.sleep(pause)
            if not self.is_doubtful:
                self.pending = None
                continue
            self.made = await Search(connection, self.pending).once()
            if self.made is not None:
                return self.made
            connection.creates.resume(self.pending)

    def _take(self, reply: Reply) -> Prediction | None:
        body, error = parse_reply(reply)
        if error or not isinstance(body, dict) or not isinstance(body.get("id"), str) or not body["id"]:
            return None
        request, connection = self.request, self.connection
        asked = Prediction(id=body["id"], status="queued", model=request.model, input=request.input)
        self.made = made = Prediction.from_api(body, origin=connection.origin).remembering(asked)
        if self.pending is not None:
            connection.creates.answered(self.pending, made.id)
            connection.note_lag(made, connection.earliest(self.pending.started, self.pending.wall))
        connection.note_created(made)
        return made

    def _require_failure_of_the_api(
        self, error: ErrorBody | TransportFailure, pending: PendingCreate
    ) -> None:
        """Raise, where nothing was found, unless the API itself said that it failed."""
        if isinstance(error, TransportFailure):
            message, is_known = error.message or error.reason, False
        else:
            message = error.message
            is_known = error.tells_outcome and (error.enveloped or error.status == 503)
        if not is_known:
            raise Search(self.connection, pending).uncertain(message)
        if pending.older:
            raise Search(self.connection, pending).ambiguous(pending.older)

    def release(self) -> None:
        """Leave the registry: nothing is on the wire and nothing is searched for any more."""
        pending, self.pending = self.pending, None
        if pending is not None:
            self.connection.creates.close(pending)

    async def tell(self) -> None:
        """Tell every observer that has not been told yet what became of the create."""
        connection = self.connection
        while self.tickets:
            # Taken off first: when an interrupt comes in between
            # the telling goes on, and must not begin again.
            observer, ticket = self.tickets.pop(0)
            if self.made is not None:
                await connection.to_the_end(
                    tell(observer, observer.created(connection.account, ticket, self.made))
                )
                continue
            error = self.failure or SkytellsError("Interrupted before anything was accepted.", charged=False)
            sent = self.exchange is not None or self.is_doubtful
            if isinstance(error, UncertainCreateError) and observer in connection.listeners():
                connection.creates.leave_in_doubt(error.attempt, observer, ticket)
            hear = observer.not_created(connection.account, ticket, error, sent)
            await connection.to_the_end(tell(observer, hear))

    async def abandon(self) -> None:
        """Learn what became of a create that was interrupted, tell it, and cancel what it made."""
        _log.debug("create of %s: interrupted; seeing what became of it", self.request.model)
        try:
            if self.made is None and self.failure is None and self.exchange is not None:
                await self._learn()
            self.release()
            await self.tell()
        # The background's time is up, or the script ends: what may have been billed is said at least.
        except BaseException:
            await self._out_of_time()
            raise
        finally:
            self.release()
        if self.made is None:
            return
        if self.made.done:
            self.connection.cancel_summary.ended(self.made)
            await self.connection.ended(self.made)
        else:
            await cancel_remotely(self.connection, self.made)

    async def _learn(self) -> None:
        """Hear the answer of the exchange that was interrupted, or search for what it made."""
        if self.exchange is None or self.pending is None:
            return
        await asyncio.wait((self.exchange.task,), timeout=_LISTEN)
        # Taken for sent until its answer says otherwise: to search in vain costs nothing.
        reply: Reply = TransportFailure("timeout", sent=True, message="no answer yet")
        if self.exchange.task.done() and not self.exchange.task.cancelled():
            reply = self.exchange.task.result()
        if self._take(reply):
            return
        if not may_be_accepted(failure_in(reply, _NO_PREDICTION)):
            self.exchange = None
            return
        try:
            self.made = await Search(self.connection, self.pending).run()
        except SkytellsError as error:
            self.failure = error
            self._warn_of_doubt(f" ({error.detail})")
        else:
            self.is_doubtful = True

    def _warn_of_doubt(self, why: str = "") -> None:
        """Say what nobody else can: there is no error any more that somebody could reconcile."""
        warn_user(
            f"Interrupted while a create of {self.request.model!r} was under way{why}. You may have been "
            "billed; client.predictions.list() shows it then."
        )

    async def _out_of_time(self) -> None:
        """Say what can still be said when the background's time is up."""
        if self.made is not None:
            self.connection.cancel_summary.goes_on(self.made.id, _NO_TIME)
        elif self.exchange is not None:
            self._warn_of_doubt()
            self.failure = SkytellsError("Interrupted before the API answered.", charged=None)
        while self.tickets:
            try:
                await self.tell()
            except BaseException as error:  # noqa: BLE001 - the others must be told all the same
                warn_user(f"An observer was not told of a create of {self.request.model!r}: {error!r}")


async def tell_created(connection: Connection, error: UncertainCreateError, made: Prediction) -> None:
    """Tell every observer that a create left in doubt what it has made, once; also after an interrupt.

    An observer of that create alone is not told: whoever brought it looks for itself.
    """
    waiting = connection.creates.left_in_doubt(error.attempt)

    async def tell_all() -> None:
        for observer, ticket in waiting:
            await tell(observer, observer.created(connection.account, ticket, made))

    await connection.to_the_end(tell_all())


async def cancel_remotely(connection: Connection, prediction: Prediction) -> None:
    """Cancel a prediction that nobody waits for any more, and count what came of that."""
    subject = f"canceling prediction {prediction.id!r}"
    _log.debug("%s: nobody waits for it any more", subject)
    is_canceled = True
    try:
        try:
            body = await send_with_retry(connection, _requests.cancel(prediction.id), subject)
        except InvalidInputError:  # it had ended: paid for, and worth keeping
            body, is_canceled = (
                await send_with_retry(connection, _requests.get(prediction.id), subject),
                False,
            )
            if not as_shown(body, prediction, connection.origin).done:
                raise
    except BaseException as error:
        connection.cancel_summary.goes_on(prediction.id, str(error) or _NO_TIME)
        if isinstance(error, SkytellsError):
            return
        raise
    read = as_shown(body, prediction, connection.origin)
    if is_canceled:
        connection.cancel_summary.canceled(read)
    else:
        connection.cancel_summary.ended(read)
    if read.done:
        await connection.ended(read)


async def create_or_reuse(
    connection: Connection,
    model: str,
    input: Mapping[str, Any],
    *,
    reuse: bool | None = None,
    observers: Sequence[Observer] = (),
    **options: Any,
) -> Prediction:
    """Return what the archive has of an equal input, where that is wanted; else do what `create` does."""
    kept = await find_reusable(connection, model, input, reuse)
    if kept is not None:
        return kept
    return await create(connection, model, input, observers=watch_created(observers), **options)


def reuse_wanted(connection: Connection, reuse: bool | None) -> bool:
    """Whether to look in the archive: as an argument says, else as ``sky.options.reuse`` does."""
    check_choice("reuse", reuse, (True, False, None))
    if not (options.reuse if reuse is None else reuse):
        return False
    if hasattr(connection.archive, "equal_inputs"):
        return True
    if reuse:
        raise InvalidInputError(
            "reuse=True needs an archive to look in: use connect(), or Client(archive=True)."
        )
    return False


async def find_reusable(
    connection: Connection, model: str, input: Mapping[str, Any], reuse: bool | None
) -> Prediction | None:
    """Return what the archive has of an equal input, where that is wanted; None where it is to be created.

    Equal inputs of one call, such as a `gather`, take different predictions, the oldest first, and never one
    that this call has made itself.
    """
    given: tuple[Any, Any] = (model, input)
    if not isinstance(given[0], str) or not isinstance(given[1], Mapping):
        return None  # which the create itself refuses
    if not reuse_wanted(connection, reuse):
        return None
    slug = model
    if model not in connection.input_schemas:  # whose defaults count as given
        with suppress(SkytellsError):  # the create itself will say what is wrong with the model
            slug = (await get_model(connection, model)).id
    call = together.get()
    if call is None:
        return await _look_up(connection, slug, input, Together(), oldest_first=False)
    async with call.lock:
        return await _look_up(connection, slug, input, call, oldest_first=True)


async def _look_up(
    connection: Connection, model: str, input: Mapping[str, Any], call: Together, *, oldest_first: bool
) -> Prediction | None:
    archive: Any = connection.archive
    equal = archive.equal_inputs(
        connection.account, model, input, without=call.ids, oldest_first=oldest_first
    )
    kept: Prediction | None = await asyncio.to_thread(next, equal, None)
    if kept is None:
        return None
    call.ids.add(kept.id)
    return replace(kept, reused=True)


def watch_created(observers: Sequence[Observer] = ()) -> Sequence[Observer]:
    """Return observers, and one that keeps what this call makes from being reused by it."""
    call = together.get()
    return observers if call is None else (*observers, _Created(call))


class _Created(Observer):
    def __init__(self, call: Together) -> None:
        self._call = call

    async def created(self, account: Account, ticket: object, prediction: Prediction) -> None:  # noqa: ARG002 - as Observer has it
        self._call.ids.add(prediction.id)
