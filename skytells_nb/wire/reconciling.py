"""Looking for the prediction of a create whose answer was lost, in the listing of the newest ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from ..exceptions import ServerError, SkytellsError, UncertainCreateError
from ..models import Prediction
from . import exchange, requests
from .claims import BUSY, Attempt
from .conversation import Conversation
from .likeness import carries, may_carry
from .models import models_in
from .requests import Order
from .steps import Flow, Sleep
from .watch import page_items

__all__ = ["begun", "look_again", "look_for", "search", "search_once", "uncertain"]

LOOKS: Final = (0.0, 1.0, 2.0)
"""Seconds before each look of a search."""

_TURN: Final = 0.1
_PAGES: Final = 40
_UNCLEAR: Final = 10
_SKEW: Final = timedelta(seconds=2)


def begun(conversation: Conversation, order: Order) -> Flow[Attempt]:
    """Put a create on the wire, as soon as none that could be mistaken for it looks for its own."""
    while True:
        attempt = Attempt(order.key, order.model, order.input, conversation.now(), conversation.wall())
        if conversation.claims.begin(attempt):
            return attempt
        yield Sleep(_TURN)


def search(conversation: Conversation, order: Order, attempt: Attempt) -> Flow[Prediction | None]:
    """Look for the prediction that an unanswered create made; None when several looks found none.

    Raises
    ------
    UncertainCreateError
        It could not look twice, the last time included; or what is listed does not say enough.
    """
    conversation.claims.look(attempt)
    looks, unclear = 0, False
    trouble: SkytellsError | None = None
    for number, pause in enumerate(LOOKS, start=1):
        if pause:
            yield Sleep(pause)
        try:
            found, unclear = yield from _look(conversation, order, attempt, last=number == len(LOOKS))
        except SkytellsError as error:
            trouble = error
            continue
        if found is not None:
            return found
        looks, trouble = looks + 1, None
    if trouble is not None or looks < 2:
        raise _blind(conversation, order, attempt, trouble)
    if unclear:
        raise _unclear(conversation, order, attempt)
    return None


def search_once(conversation: Conversation, order: Order, attempt: Attempt) -> Flow[Prediction | None]:
    """Look a last time, just before a create is sent again."""
    conversation.claims.look(attempt)
    try:
        found, unclear = yield from _look(conversation, order, attempt, last=True)
    except SkytellsError as error:
        raise _blind(conversation, order, attempt, error) from None
    if found is None and unclear:
        raise _unclear(conversation, order, attempt)
    return found


def _look(
    conversation: Conversation, order: Order, attempt: Attempt, *, last: bool
) -> Flow[tuple[Prediction | None, bool]]:
    """Look once: what is found, and whether something listed may be it without saying so."""
    claims, names = conversation.claims, conversation.names
    while True:
        while not claims.quiet(attempt):
            yield Sleep(_TURN)
        listed = yield from _newest(conversation, conversation.since(attempt.started, attempt.wall) - _SKEW)
        since = conversation.since(attempt.started, attempt.wall)
        found = claims.claim(attempt, _matching(conversation, order, listed, since), names, last=last)
        if found is None:
            unclear = [
                p
                for p in listed
                if claims.free(attempt, p.id) and _may_be(conversation, order, p, since - _SKEW)
            ]
            if not unclear:
                return None, False
            clearer = yield from _clear_up(conversation, order, unclear[-_UNCLEAR:])
            since = conversation.since(attempt.started, attempt.wall)
            found = claims.claim(attempt, _matching(conversation, order, clearer, since), names, last=last)
            if found is None:
                rest = [*unclear[:-_UNCLEAR], *clearer]
                return None, any(_may_be(conversation, order, p, since - _SKEW) for p in rest)
        if found is not BUSY:
            return (yield from _complete(conversation, order, found)), False


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


def _may_be(conversation: Conversation, order: Order, prediction: Prediction, since: datetime) -> bool:
    """Whether a listed prediction may be the one, as far as its time, model and input tell."""
    if prediction.created_at is not None and prediction.created_at < since:
        return False
    return may_carry(prediction, order.model, order.input, conversation.names)


def _clear_up(conversation: Conversation, order: Order, unclear: list[Prediction]) -> Flow[list[Prediction]]:
    """Read by id what the listing shows in a short form, and learn what its models are called."""
    try:
        if order.model not in conversation.names and any(
            p.model is not None and not carries(p, order.model, {}, conversation.names) for p in unclear
        ):
            body = yield from exchange.ask(conversation, requests.models(), "the list of models")
            for model in models_in(body) or ():
                conversation.saw_model(model)
        calls = [requests.get(p.id) for p in unclear]
        bodies = yield from exchange.ask_all(conversation, calls, "the newest predictions")
    except SkytellsError:
        return unclear
    return [
        Prediction.from_api(body, origin=conversation.origin).remembering(p)
        if isinstance(body, dict) and body.get("id") == p.id
        else p
        for p, body in zip(unclear, bodies, strict=True)
    ]


def _complete(conversation: Conversation, order: Order, found: Prediction) -> Flow[Prediction]:
    """Give what was found with what was asked; read by id where the listing has its end but no output.

    When it is interrupted nobody has heard of what was found, so that it can be found again.
    """
    if found.status == "succeeded" and found.output is None:
        try:
            body = yield from exchange.ask(conversation, requests.get(found.id), f"prediction {found.id!r}")
        except SkytellsError:
            body = None
        except BaseException:
            conversation.claims.give_up(found.id)
            raise
        if isinstance(body, dict) and body.get("id") == found.id:
            found = Prediction.from_api(body, origin=conversation.origin).remembering(found)
        else:
            found = replace(found, status="processing")  # whoever waits for it will read it whole
    asked = Prediction(id=found.id, status=found.status, model=order.model, input=order.input)
    conversation.created(found, just_now=False)
    return found.remembering(asked)


def _newest(conversation: Conversation, since: datetime) -> Flow[list[Prediction]]:
    """Read the listing back to ``since``."""
    listed: dict[str, Prediction] = {}
    for number in range(1, _PAGES + 1):
        body = yield from exchange.ask(conversation, requests.page(number), "the newest predictions")
        items = page_items(body)
        if items is None:
            raise ServerError("The listing cannot be read.", detail="the listing cannot be read")
        page = {
            item["id"]: Prediction.from_api(item, origin=conversation.origin)
            for item in items
            if isinstance(item.get("id"), str) and item["id"]
        }
        fresh = page.keys() - listed.keys()
        listed |= page
        times = [p.created_at for p in page.values() if p.created_at is not None]
        if not fresh or _is_last(body) or (times and min(times) < since):
            return list(listed.values())
    raise ServerError(
        "Too many newer predictions to look through.", detail=f"over {_PAGES * requests.PAGE_SIZE} newer ones"
    )


def _is_last(body: Any) -> bool:
    """Whether a page says that it is the last; a bare array never does (skytells-api.md section 4.3)."""
    told = body.get("pagination") if isinstance(body, dict) else None
    if not isinstance(told, dict):
        return False
    current, last = told.get("current_page"), told.get("last_page")
    return isinstance(current, int) and isinstance(last, int) and current >= last


def _blind(
    conversation: Conversation, order: Order, attempt: Attempt, trouble: SkytellsError | None
) -> UncertainCreateError:
    words = trouble.detail if trouble is not None else "no answer"
    return uncertain(conversation, order, attempt, f"the newest predictions could not be read ({words})")


def _unclear(conversation: Conversation, order: Order, attempt: Attempt) -> UncertainCreateError:
    why = "the API lists predictions that do not say what was asked, and one of them may be it"
    return uncertain(conversation, order, attempt, why)


def uncertain(conversation: Conversation, order: Order, attempt: Attempt, why: str) -> UncertainCreateError:
    """Make the error of a create of which nobody knows what became."""
    return UncertainCreateError(
        f"A create of {order.model!r} was sent, and nobody knows what became of it: {why}. It may have been "
        "billed, so it was not sent again. Look again in a minute with "
        "client.predictions.reconcile(error); send it again only if that finds nothing.",
        detail=why,
        charged=None,
        model=order.model,
        input=order.input,
        since=conversation.since(attempt.started, attempt.wall),
        known=conversation.claims.known_before(attempt),
    )


def look_for(
    conversation: Conversation, errors: Sequence[UncertainCreateError]
) -> Flow[list[Prediction | UncertainCreateError | None]]:
    """Look once more for the predictions of several creates, in a listing that is read once for all.

    Whoever comes first has the first choice, so equal creates get one each while there are enough. What
    the API lists and does not say enough about leaves an error in its place. When it is interrupted, what
    was found until then can be found again, since nobody has heard of it.
    """
    claims = conversation.claims
    begun = [error.since for error in errors if error.since is not None]
    listed = (yield from _newest(conversation, min(begun) - _SKEW)) if begun else []
    found: list[Prediction | UncertainCreateError | None] = []
    try:
        for error in errors:
            try:
                found.append((yield from look_again(conversation, error, listed)))
            except UncertainCreateError as doubt:
                found.append(doubt)
    except BaseException:
        for each in found:
            if isinstance(each, Prediction):
                claims.give_up(each.id)
        raise
    finally:
        for error in errors:
            claims.forget(error.attempt)
    return found


def look_again(
    conversation: Conversation, error: UncertainCreateError, read: list[Prediction] | None = None
) -> Flow[Prediction | None]:
    """Look once more for the prediction of a create that was left in doubt; None when there is none.

    Parameters
    ----------
    read : list of Prediction, optional
        The listing, where it was read just before this.

    Raises
    ------
    UncertainCreateError
        Once more, when something listed may be it and does not say enough.
    """
    claims, names = conversation.claims, conversation.names
    before = claims.found(error.attempt)
    if before is not None or error.since is None or error.input is None:
        return before
    order, since = requests.order(error.model, error.input), error.since
    anew = Attempt(order.key, order.model, order.input, conversation.now(), conversation.wall())
    claims.look(anew)
    try:
        while True:
            while not claims.quiet(anew):
                read = None
                yield Sleep(_TURN)
            newest, read = (yield from _newest(conversation, since - _SKEW)) if read is None else read, None
            listed = [p for p in newest if p.id not in error.known]
            found = claims.claim(anew, _matching(conversation, order, listed, since), names, last=True)
            if found is None:
                doubts = [p for p in listed if claims.free(anew, p.id)]
                doubts = [p for p in doubts if _may_be(conversation, order, p, since - _SKEW)]
                doubts = yield from _clear_up(conversation, order, doubts[-_UNCLEAR:])
                matching = _matching(conversation, order, doubts, since - _SKEW)
                found = claims.claim(anew, matching, names, last=True)
                doubts = [p for p in doubts if _may_be(conversation, order, p, since - _SKEW)]
                if found is None and doubts:
                    raise _once_more(error, doubts)
                if found is None:
                    return claims.found(error.attempt)
            if found is not BUSY:
                claims.found(error.attempt, found)
                try:
                    found = yield from _complete(conversation, order, found)
                except BaseException:
                    claims.forget(error.attempt)
                    raise
                claims.found(error.attempt, found)
                return found
    finally:
        claims.close(anew)


def _once_more(error: UncertainCreateError, doubts: list[Prediction]) -> UncertainCreateError:
    ids = ", ".join(p.id for p in doubts)
    return UncertainCreateError(
        f"Nobody can tell yet whether the create of {error.model!r} was accepted: the API does not show what "
        f"was asked of {ids}, and one of them may be it. It may have been billed. Look at them with "
        "client.predictions.get(id); send it again only if none of them is what you asked for.",
        detail=f"one of these may be it: {ids}",
        charged=None,
        model=error.model,
        input=error.input,
        since=error.since,
        known=error.known,
        attempt=error.attempt,
    )
