"""Looking for the prediction of a create whose answer was lost, in the listing of the newest ones."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from ..exceptions import ServerError, SkytellsError, UncertainCreateError
from ..models import Prediction
from . import _requests
from ._connection import Connection, send_all_with_retry, send_with_retry
from ._models import models_in
from ._pending import BUSY, PendingCreate, matches, may_match
from ._poller import page_items
from ._requests import CreateRequest
from ._responses import as_shown

LOOKS: Final = (0.0, 1.0, 2.0)
"""Seconds before each look of a search."""

_TURN: Final = 0.1
_PAGES: Final = 40
_UNCLEAR: Final = 10
_SKEW: Final = timedelta(seconds=2)
_DOUBT: Final = timedelta(minutes=2)
"""So much older than its request a prediction may seem, because clocks differ: it is not adopted then, but
forbids to send the create again."""
_DAY: Final = timedelta(days=1)
"""The same for an equal one where nothing is known of the clocks: one may tell the time of another zone."""


async def start_when_clear(connection: Connection, request: CreateRequest) -> PendingCreate:
    """Put a create on the wire, as soon as none that could be mistaken for it is searched for."""
    while True:
        pending = _pending(connection, request)
        if connection.creates.start(pending):
            return pending
        await asyncio.sleep(_TURN)


def _pending(connection: Connection, request: CreateRequest) -> PendingCreate:
    return PendingCreate(request.key, request.model, request.input, connection.now(), connection.wall())


async def search(connection: Connection, pending: PendingCreate) -> Prediction | None:
    """Look for the prediction that an unanswered create made; None when several looks found none.

    `UncertainCreateError` is raised where it could not look twice, the last time included, or where what is
    listed does not say enough.
    """
    connection.creates.start_search(pending)
    looks, unclear = 0, list[str]()
    trouble: SkytellsError | None = None
    for number, pause in enumerate(LOOKS, start=1):
        if pause:
            await asyncio.sleep(pause)
        try:
            found, unclear = await _look(connection, pending, last=number == len(LOOKS))
        except SkytellsError as error:
            trouble = error
            continue
        if found is not None:
            return found
        looks, trouble = looks + 1, None
    # One look that finds nothing proves little, because a listing may be late.
    if trouble is not None or looks < 2:
        raise _blind(connection, pending, trouble)
    if unclear:
        raise ambiguous(connection, pending, unclear)
    return None


async def search_once(connection: Connection, pending: PendingCreate) -> Prediction | None:
    """Look a last time, just before a create is sent again."""
    connection.creates.start_search(pending)
    try:
        found, unclear = await _look(connection, pending, last=True)
    except SkytellsError as error:
        raise _blind(connection, pending, error) from None
    if found is None and unclear:
        raise ambiguous(connection, pending, unclear)
    return found


async def _look(
    connection: Connection, pending: PendingCreate, *, last: bool
) -> tuple[Prediction | None, list[str]]:
    """Look once: returns what is found, and the ids of what may be it without saying so."""
    creates, names = connection.creates, connection.display_names
    while True:
        while not creates.can_search(pending):  # noqa: ASYNC110 - others' creates change it
            await asyncio.sleep(_TURN)
        # Read anew after every wait: what was listed while a rival was on the wire proves nothing.
        listed = await newest(connection, connection.earliest(pending.started, pending.wall) - _DOUBT)
        since = connection.earliest(pending.started, pending.wall)
        found = creates.claim(pending, _matching(connection, pending, listed, since), names, last=last)
        if found is None:
            unclear = [
                p
                for p in listed
                if creates.is_free(pending, p.id) and _may_be(connection, pending, p, since - _DOUBT)
            ]
            if not connection.created_at:  # else a create's own answer has told how the API's clocks differ
                equal = _matching(connection, pending, listed, since - _DAY)
                pending.older = [p.id for p in equal if creates.is_free(pending, p.id)]
            if not unclear:
                return None, []
            clearer = await _clear_up(connection, pending, unclear[-_UNCLEAR:])
            since = connection.earliest(pending.started, pending.wall)
            found = creates.claim(pending, _matching(connection, pending, clearer, since), names, last=last)
            if found is None:
                rest = [*unclear[:-_UNCLEAR], *clearer]
                return None, [p.id for p in rest if _may_be(connection, pending, p, since - _DOUBT)]
        if found is not BUSY:
            return await _complete(connection, pending, found), []


def _matching(
    connection: Connection, pending: PendingCreate, listed: list[Prediction], since: datetime
) -> list[Prediction]:
    return [
        p
        for p in listed
        if p.created_at is not None
        and p.created_at >= since
        and matches(p, pending.model, pending.input, connection.display_names)
    ]


def _may_be(connection: Connection, pending: PendingCreate, prediction: Prediction, since: datetime) -> bool:
    """Return whether a listed prediction may be the one, as far as its time, model and input tell."""
    if prediction.created_at is not None and prediction.created_at < since:
        return False
    return may_match(prediction, pending.model, pending.input, connection.display_names)


async def _clear_up(
    connection: Connection, pending: PendingCreate, unclear: list[Prediction]
) -> list[Prediction]:
    """Read by id what the listing shows in a short form, and learn what its models are called."""
    try:
        if pending.model not in connection.display_names and any(
            p.model is not None and not matches(p, pending.model, {}, connection.display_names)
            for p in unclear
        ):
            body = await send_with_retry(connection, _requests.models(), "the list of models")
            for model in models_in(body) or ():
                connection.note_model(model)
        calls = [_requests.get(p.id) for p in unclear]
        bodies = await send_all_with_retry(connection, calls, "the newest predictions")
    except SkytellsError:
        return unclear
    return [as_shown(body, p, connection.origin) for p, body in zip(unclear, bodies, strict=True)]


async def _complete(connection: Connection, pending: PendingCreate, found: Prediction) -> Prediction:
    """Return what was found with what was asked; read by id where the listing has its end but no output.

    When it is interrupted nobody has heard of what was found, so that it can be found again.
    """
    if found.status == "succeeded" and found.output is None:
        try:
            body = await send_with_retry(connection, _requests.get(found.id), f"prediction {found.id!r}")
        except SkytellsError:
            body = None
        except BaseException:
            connection.creates.release(found.id)
            raise
        shown = as_shown(body, found, connection.origin)
        # Whoever waits for it will read it whole.
        found = replace(found, status="processing") if shown is found else shown
    asked = Prediction(id=found.id, status=found.status, model=pending.model, input=pending.input)
    connection.note_created(found, just_now=False)
    return found.remembering(asked)


async def newest(connection: Connection, since: datetime) -> list[Prediction]:
    listed: dict[str, Prediction] = {}
    for number in range(1, _PAGES + 1):
        body = await send_with_retry(connection, _requests.page(number), "the newest predictions")
        items = page_items(body)
        if items is None:
            raise ServerError("The listing cannot be read.", detail="the listing cannot be read")
        page = {item["id"]: Prediction.from_api(item, origin=connection.origin) for item in items}
        fresh = page.keys() - listed.keys()
        listed |= page
        times = [p.created_at for p in page.values() if p.created_at is not None]
        said = body.get("pagination") if isinstance(body, dict) else None
        said = said if isinstance(said, dict) else {}
        current, last = said.get("current_page"), said.get("last_page")
        is_last = isinstance(current, int) and isinstance(last, int) and current >= last
        # A bare array never says that it is the last page (section 4.3): a page without a new id ends it.
        if not fresh or is_last or (times and min(times) < since):
            return list(listed.values())
    raise ServerError(
        "Too many newer predictions to look through.",
        detail=f"over {_PAGES * _requests.PAGE_SIZE} newer ones",
    )


def _blind(
    connection: Connection, pending: PendingCreate, trouble: SkytellsError | None
) -> UncertainCreateError:
    why = trouble.detail if trouble is not None else "no answer"
    return uncertain_error(connection, pending, f"the newest predictions could not be read: {why}")


def ambiguous(
    connection: Connection,
    pending: PendingCreate,
    candidates: list[str],
    earlier: UncertainCreateError | None = None,
) -> UncertainCreateError:
    """Return the error of a create that may have made any of these; ``earlier`` where it was told before."""
    listed = ", ".join(candidates)
    return uncertain_error(
        connection,
        pending,
        f"one of these may be it: {listed}",
        f"Could not confirm the create of {pending.model!r}: of the predictions {listed} one may be "
        "it, but the API does not show enough of them. You may have been billed: check them with "
        "client.predictions.get(id) before creating it again.",
        earlier,
    )


def uncertain_error(
    connection: Connection,
    pending: PendingCreate,
    why: str,
    message: str = "",
    earlier: UncertainCreateError | None = None,
) -> UncertainCreateError:
    """Return the error of a create whose outcome is unknown."""
    return UncertainCreateError(
        message
        or f"No usable answer to the create of {pending.model!r} ({why}). You may have been billed, so it "
        "was not sent again: in a minute run client.predictions.reconcile(error), and create it again only "
        "if that returns None.",
        detail=why,
        charged=None,
        model=pending.model,
        input=pending.input,
        since=earlier.since if earlier else connection.earliest(pending.started, pending.wall),
        known=earlier.known if earlier else connection.creates.known_before(pending),
        attempt=earlier.attempt if earlier else None,
    )


async def look_for(
    connection: Connection, errors: Sequence[UncertainCreateError], listed: list[Prediction] | None = None
) -> list[Prediction | UncertainCreateError | None]:
    """Look once more for the predictions of several creates, in a listing that is read once for all.

    ``listed`` is the listing, where it was read before.

    Whoever comes first has the first choice, so equal creates get one each while there are enough. What
    the API lists and does not say enough about leaves an error in its place. When it is interrupted, what
    was found until then can be found again, since nobody has heard of it.
    """
    creates = connection.creates
    begun = [error.since for error in errors if error.since is not None]
    if listed is None:
        listed = (await newest(connection, min(begun) - _DOUBT)) if begun else []
    found: list[Prediction | UncertainCreateError | None] = []
    try:
        for error in errors:
            try:
                found.append(await look_again(connection, error, listed))
            except UncertainCreateError as doubt:
                found.append(doubt)
    except BaseException:
        for each in found:
            if isinstance(each, Prediction):
                creates.release(each.id)
        raise
    finally:
        for error in errors:
            creates.forget(error.attempt)
    return found


async def look_again(
    connection: Connection, error: UncertainCreateError, read: list[Prediction] | None = None
) -> Prediction | None:
    """Look once more for the prediction of a create that was left in doubt; None when there is none.

    ``read`` is the listing, where it was read just before this. `UncertainCreateError` is raised once more
    when something listed may be it and does not say enough.
    """
    creates, names = connection.creates, connection.display_names
    before = creates.found(error.attempt)
    if before is not None or error.since is None or error.input is None:
        return before
    since = error.since
    pending = _pending(connection, _requests.create(error.model, error.input))
    creates.start_search(pending)
    try:
        while True:
            while not creates.can_search(pending):
                read = None
                await asyncio.sleep(_TURN)
            listed, read = (await newest(connection, since - _DOUBT)) if read is None else read, None
            listed = [p for p in listed if p.id not in error.known]
            found = creates.claim(pending, _matching(connection, pending, listed, since), names, last=True)
            if found is None:
                doubts = [p for p in listed if creates.is_free(pending, p.id)]
                doubts = [p for p in doubts if _may_be(connection, pending, p, since - _DOUBT)]
                doubts = await _clear_up(connection, pending, doubts[-_UNCLEAR:])
                matching = _matching(connection, pending, doubts, since - _SKEW)
                found = creates.claim(pending, matching, names, last=True)
                doubts = [p for p in doubts if _may_be(connection, pending, p, since - _DOUBT)]
                if found is None and doubts:
                    raise ambiguous(connection, pending, [p.id for p in doubts], error)
                if found is None:
                    return creates.found(error.attempt)
            if found is not BUSY:
                creates.found(error.attempt, found)
                try:
                    found = await _complete(connection, pending, found)
                except BaseException:
                    creates.forget(error.attempt)
                    raise
                creates.found(error.attempt, found)
                return found
    finally:
        creates.close(pending)
