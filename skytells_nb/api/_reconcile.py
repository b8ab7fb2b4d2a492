"""Looking for the prediction of a create whose answer was lost, in the listing of the newest ones."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ..exceptions import ServerError, SkytellsError, UncertainCreateError
from ..models import Prediction, lacks_output
from . import _requests
from ._connection import Connection, send_all_with_retry, send_with_retry
from ._models import models_in
from ._pending import Claim, PendingCreate, matches, may_match
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


@dataclass(frozen=True, slots=True)
class Search:
    """Looks for the prediction that one unanswered create made, and says what it cannot tell."""

    connection: Connection
    pending: PendingCreate

    @property
    def since(self) -> datetime:
        return self.connection.earliest(self.pending.started, self.pending.wall)

    async def run(self) -> Prediction | None:
        """Look several times; None when that found nothing.

        `UncertainCreateError` is raised where it could not look twice, the last time included, or where what
        is listed does not say enough.
        """
        self.connection.creates.start_search(self.pending)
        looks, unclear = 0, list[str]()
        trouble: SkytellsError | None = None
        for number, pause in enumerate(LOOKS, start=1):
            if pause:
                await asyncio.sleep(pause)
            try:
                found, unclear = await self._look(last=number == len(LOOKS))
            except SkytellsError as error:
                trouble = error
                continue
            if found is not None:
                return found
            looks, trouble = looks + 1, None
        # One look that finds nothing proves little, because a listing may be late.
        if trouble is not None or looks < 2:
            raise self._blind(trouble)
        if unclear:
            raise self.ambiguous(unclear)
        return None

    async def once(self) -> Prediction | None:
        """Look a last time, just before a create is sent again."""
        self.connection.creates.start_search(self.pending)
        try:
            found, unclear = await self._look(last=True)
        except SkytellsError as error:
            raise self._blind(error) from None
        if found is None and unclear:
            raise self.ambiguous(unclear)
        return found

    async def _look(self, *, last: bool) -> tuple[Prediction | None, list[str]]:
        """Look once: returns what is found, and the ids of what may be it without saying so."""
        connection, pending, creates = self.connection, self.pending, self.connection.creates
        while True:
            while not creates.can_search(pending):  # noqa: ASYNC110 - others' creates change it
                await asyncio.sleep(_TURN)
            # Read anew after every wait: what was listed while a rival was on the wire proves nothing.
            listed = await newest(connection, self.since - _DOUBT)
            since = self.since
            found = self.claim(listed, since, last=last)
            if found is None:
                unclear = self.unclear(listed, since)
                # Else a create's own answer has told how the API's clocks differ.
                if not connection.created_at:
                    equal = self.matching(listed, since - _DAY)
                    pending.older = [p.id for p in equal if creates.is_free(pending, p.id)]
                if not unclear:
                    return None, []
                clearer = await self.clear_up(unclear[-_UNCLEAR:])
                since = self.since
                found = self.claim(clearer, since, last=last)
                if found is None:
                    rest = [*unclear[:-_UNCLEAR], *clearer]
                    return None, [p.id for p in rest if self.may_be(p, since)]
            if isinstance(found, Prediction):
                return await self.complete(found), []

    def claim(self, listed: list[Prediction], since: datetime, *, last: bool) -> Claim:
        names = self.connection.display_names
        return self.connection.creates.claim(self.pending, self.matching(listed, since), names, last=last)

    def matching(self, listed: list[Prediction], since: datetime) -> list[Prediction]:
        pending, names = self.pending, self.connection.display_names
        recent = [p for p in listed if p.created_at is not None and p.created_at >= since]
        return [p for p in recent if matches(p, pending.model, pending.input, names)]

    def may_be(self, prediction: Prediction, since: datetime) -> bool:
        """Return whether a listed prediction may be the one, as far as its time, model and input tell."""
        if prediction.created_at is not None and prediction.created_at < since - _DOUBT:
            return False
        pending = self.pending
        return may_match(prediction, pending.model, pending.input, self.connection.display_names)

    def unclear(self, listed: list[Prediction], since: datetime) -> list[Prediction]:
        """Return those that nobody has, and that may be it."""
        creates = self.connection.creates
        return [p for p in listed if creates.is_free(self.pending, p.id) and self.may_be(p, since)]

    async def clear_up(self, unclear: list[Prediction]) -> list[Prediction]:
        """Read by id what the listing shows in a short form, and learn what its models are called."""
        connection, names = self.connection, self.connection.display_names
        try:
            if self.pending.model not in names and any(
                p.model is not None and not matches(p, self.pending.model, {}, names) for p in unclear
            ):
                body = await send_with_retry(connection, _requests.models(), "the list of models")
                for model in models_in(body) or ():
                    connection.note_model(model)
            calls = [_requests.get(p.id) for p in unclear]
            bodies = await send_all_with_retry(connection, calls, "the newest predictions")
        except SkytellsError:
            return unclear
        return [as_shown(body, p, connection.origin) for p, body in zip(unclear, bodies, strict=True)]

    async def complete(self, found: Prediction) -> Prediction:
        """Return what was found with what was asked; read by id where the listing has its end but no output.

        When it is interrupted nobody has heard of what was found, so that it can be found again.
        """
        connection, pending = self.connection, self.pending
        if lacks_output(found):
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

    def _blind(self, trouble: SkytellsError | None) -> UncertainCreateError:
        why = trouble.detail if trouble is not None else "no answer"
        return self.uncertain(f"the newest predictions could not be read: {why}")

    def ambiguous(
        self, candidates: list[str], earlier: UncertainCreateError | None = None
    ) -> UncertainCreateError:
        """Return the error of a create that may have made any of these, told ``earlier`` perhaps."""
        listed = ", ".join(candidates)
        return self.uncertain(
            f"one of these may be it: {listed}",
            f"Could not confirm the create of {self.pending.model!r}: of the predictions {listed} one may be "
            "it, but the API does not show enough of them. You may have been billed: check them with "
            "client.predictions.get(id) before creating it again.",
            earlier,
        )

    def uncertain(
        self, why: str, message: str = "", earlier: UncertainCreateError | None = None
    ) -> UncertainCreateError:
        """Return the error of a create whose outcome is unknown."""
        pending = self.pending
        return UncertainCreateError(
            message
            or f"No usable answer to the create of {pending.model!r} ({why}). You may have been billed, so "
            "it was not sent again: in a minute run client.predictions.reconcile(error), and create it again "
            "only if that returns None.",
            detail=why,
            charged=None,
            model=pending.model,
            input=pending.input,
            since=earlier.since if earlier else self.since,
            known=earlier.known if earlier else self.connection.creates.known_before(pending),
            attempt=earlier.attempt if earlier else None,
        )


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
    creates = connection.creates
    before = creates.found(error.attempt)
    if before is not None or error.since is None or error.input is None:
        return before
    since = error.since
    pending = _pending(connection, _requests.create(error.model, error.input))
    search = Search(connection, pending)
    creates.start_search(pending)
    try:
        while True:
            while not creates.can_search(pending):
                read = None
                await asyncio.sleep(_TURN)
            listed, read = (await newest(connection, since - _DOUBT)) if read is None else read, None
            listed = [p for p in listed if p.id not in error.known]
            found = search.claim(listed, since, last=True)
            if found is None:
                doubts = await search.clear_up(search.unclear(listed, since)[-_UNCLEAR:])
                found = search.claim(doubts, since - _SKEW, last=True)
                doubts = [p for p in doubts if search.may_be(p, since)]
                if found is None and doubts:
                    raise search.ambiguous([p.id for p in doubts], error)
                if found is None:
                    return creates.found(error.attempt)
            if isinstance(found, Prediction):
                creates.found(error.attempt, found)
                try:
                    found = await search.complete(found)
                except BaseException:
                    creates.forget(error.attempt)
                    raise
                creates.found(error.attempt, found)
                return found
    finally:
        creates.close(pending)
