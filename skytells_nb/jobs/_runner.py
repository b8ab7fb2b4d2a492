"""The run of a batch: a few workers that take item after item, slow down when told to, and stop for good.

What goes wrong with one item is its result. What would go wrong with every further one (no credit, a key that
is refused, a budget that is used up, an API that cannot be reached) stops the rest before it is sent.

The journal says what is to be done, some items at a time. What was finished earlier comes from the archive.
What was created and did not end is followed. What was perhaps sent is looked for in the API's listing, which
is read once for all of them. The rest is created.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, Literal, assert_never

from ..aio import Bar, gather
from ..api import Connection, ask_for_prediction, cancel_remotely, create, get_model, look_for, newest, wait
from ..archive import Archive, from_micros
from ..exceptions import (
    AuthenticationError,
    BudgetExceededError,
    InsufficientCreditsError,
    NetworkError,
    NotFoundError,
    PermissionDeniedError,
    PredictionError,
    RateLimitError,
    SkytellsError,
    UncertainCreateError,
    WaitTimeoutError,
    warn_user,
)
from ..formatting import format_cost, money_unit
from ..models import AnsweringRoute, Prediction, Status, parse_status
from ..pricing import added
from ._journal import Counts, Item, ItemObserver, Journal, Row, TakenError, unwritten
from ._rate_limiter import RateLimiter
from ._results import slim

_AGAIN: Final = 2.0  # seconds between two looks for what was perhaps sent: a listing may be that late
_PAUSE: Final = 1.0  # and between two questions for work, while others have what is left of a shared batch
_PULSE: Final = 2.0  # and between two looks at how far the other runs of a batch are

_DAY: Final = timedelta(days=1)
"""After a journal was lost for longer, nobody looks for what ran then: the listing may be too long by now."""

_WORTH_SAYING: Final = 60.0  # seconds of standing still that look like an error when nobody explains them
_FOR_ALL: Final = (AuthenticationError, InsufficientCreditsError, PermissionDeniedError)
_OPEN: Final = ("claimed", "sent", "running")
_UNDER_WAY: Final = "It is under way. Run the batch again to follow it to its end."


@dataclass(slots=True)
class _Chunk:
    """Some items: what is finished by position, what can be done now, and what has to be looked for."""

    finished: dict[int, Prediction] = field(default_factory=dict)
    ready: list[Item] = field(default_factory=list)
    lost: list[Item] = field(default_factory=list)


class BatchRunner:
    """One run of one batch, whose journal is open, with ``limit`` under way at most.

    With ``reuse`` what was made of equal inputs is taken from the archive, each prediction for one item.
    """

    def __init__(
        self, connection: Connection, archive: Archive, journal: Journal, *, limit: int, reuse: bool = False
    ) -> None:
        self._connection = connection
        self._archive = archive
        self._journal = journal
        self._model = journal.model
        places = journal.positions
        self._workers = limit if places is None else min(limit, max(1, len(places)))
        self._reuse = reuse
        self._route: AnsweringRoute | Literal["unread"] | None = "unread"
        self._taken: set[str] = set()  # what items of this batch are, which no other of them can be
        self._limiter = RateLimiter(self._workers, connection.now)
        self._reading = asyncio.Lock()
        self._lost_since = journal.lost_since
        if self._lost_since is not None and connection.wall() - self._lost_since > _DAY:
            self._lost_since = None
        self._listed: list[Prediction] | None = None  # what that needs, read before this run made anything
        self._ready: deque[Item] = deque()
        self._answers = 0  # tries that ended in anything but a budget's refusal: each may have freed money
        self._answered = asyncio.Event()
        self._waiting_for_money = 0
        self._explained_wait = False
        self._gave_up = False
        self._fatal: BaseException | None = None
        self._team: asyncio.Future[Any] | None = None
        self._is_stopped_elsewhere = False
        self._bar: Bar | None = None
        self._counts = {"done": 0, "failed": 0, "canceled": 0, "reused": 0, "not_sent": 0}
        self._others = Counts(0, 0, 0, None)
        self.results: dict[int, Prediction] = {}  # what became of each item, by its place in the batch
        self.spent: Decimal | None = None  # by this run; None where the API did not say
        self.stopped_by: SkytellsError | None = None  # why not everything was created; None when it was

    @property
    def reason(self) -> str:
        """Why it stopped, in a sentence about the batch: a budget's own speaks of one create."""
        error = self.stopped_by
        if isinstance(error, BudgetExceededError) and isinstance(error.remaining, Decimal):
            left = format_cost(error.remaining, money_unit(self._connection.account.sandbox))
            return f"The budget has {left} left, which does not cover the next one."
        return "" if error is None else error.message

    @property
    def not_sent(self) -> int:
        """How many were not sent, because of what would stop every one."""
        return self._counts["not_sent"]

    async def run(self, bar: Bar) -> list[Prediction]:
        """Bring every item to its end; returns the results in order.

        Where the journal cannot be written any more what was under way has ended, and the error carries
        ``results``, with None for what was not begun.
        """
        self._bar = bar
        if self._reuse:
            self._taken.update(await asyncio.to_thread(self._journal.ids, 0, own=True))
        pulse = asyncio.ensure_future(self._beat())
        try:
            await self._run_workers()
        finally:
            pulse.cancel()
        places = self._journal.positions
        results = [self.results.get(place) for place in (sorted(self.results) if places is None else places)]
        if self._fatal is not None:
            self._fatal.results = results  # type: ignore[attr-defined]  # whatever it is, it carries them
            raise self._fatal
        return [made for made in results if made is not None]

    def only_report(self, reason: str) -> None:
        """Create nothing: others have worked the batch off, or have stopped for this reason."""
        self.stopped_by = SkytellsError(reason)

    async def _run_workers(self) -> None:
        for _ in range(2):  # where another run is stopped, the second time only reports what is left
            workers = (self._work() for _ in range(self._workers))
            self._team = asyncio.ensure_future(gather(workers, progress=False, cancel_on_error=True))
            try:
                await self._team
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not self._is_stopped_elsewhere or (task is not None and task.cancelling()):
                    raise
                self._ready.clear()
            else:
                return

    async def _beat(self) -> None:
        """Keep what this run holds, hear how far the others are, and stop when one of them was stopped."""
        while True:
            try:
                counts = await asyncio.to_thread(self._journal.beat)
            except SkytellsError as error:
                self._fatal = self._fatal or error
                self._answered.set()
                return
            if counts is None:
                return
            own = self._counts
            self._others = Counts(
                counts.done - own["done"],
                counts.failed - own["failed"],
                counts.canceled - own["canceled"],
                counts.stopped_by,
            )
            self._update_bar()
            if counts.stopped_by is not None:
                self.stopped_by = SkytellsError(f"It was stopped by {counts.stopped_by}.", charged=None)
                self._is_stopped_elsewhere = True
                self._answered.set()
                if self._team is not None:
                    self._team.cancel()
                return
            await asyncio.sleep(_PULSE)

    async def _work(self) -> None:
        while (item := await self._next_item()) is not None:
            again = True
            while again and self._fatal is None:
                await self._limiter.enter()
                self._update_bar()
                try:
                    if self.stopped_by is not None and item.id is None:
                        self._settle(item.position, self._not_sent(item))
                        again = False
                    else:
                        again = await self._try(item)
                except asyncio.CancelledError:
                    if not self._is_stopped_elsewhere:  # else it is reported when the rest is
                        self._counts["done"] += 1
                        self._counts["canceled"] += 1
                    raise
                except Exception as error:  # noqa: BLE001 - raised once everything under way has ended
                    self._fatal = self._fatal or error
                    self._answered.set()
                finally:
                    self._limiter.leave()
                    self._update_bar()

    # what is left to do

    async def _next_item(self) -> Item | None:
        async with self._reading:
            idle = False
            try:
                while not self._ready and self._fatal is None:
                    # What this run has given up waiting for is open as long as it holds it.
                    more = self.stopped_by is None and not (idle and self._gave_up)
                    items = await asyncio.to_thread(self._journal.take, more=more)
                    if items is None:
                        break
                    if not items:
                        idle = True
                        await asyncio.sleep(_PAUSE)
                        continue
                    chunk = await asyncio.to_thread(self._sort, items)
                    bare = [each for each in chunk.finished.values() if not each.files]
                    owed = await self._archive.listed(self._connection.account, bare) if bare else {}
                    for position, made in chunk.finished.items():
                        self._settle(position, owed.get(made.id, made))
                    self._update_bar()
                    self._ready.extend(chunk.ready)
                    await self._look_for([item for item in chunk.lost if item.row is not None])
                    await self._look_for_unwritten([item for item in chunk.lost if item.row is None])
            except Exception as error:  # noqa: BLE001 - raised once everything under way has ended
                self._fatal = self._fatal or error
            return self._ready.popleft() if self._ready and self._fatal is None else None

    def _sort(self, items: list[Item]) -> _Chunk:
        rows = [item.row for item in items if item.row is not None]
        ids = [row.id for row in rows if row.id is not None]
        kept = self._archive.by_ids(ids, self._connection.account) if ids else {}
        chunk = _Chunk()
        for item in items:
            row = item.row
            known = self.results.get(item.position)
            if row is None:
                made = self._take_from_archive(item) if self._reuse else None
                if made is not None:
                    chunk.finished[item.position] = made
                elif self._lost_since is not None and not item.resend:
                    chunk.lost.append(item)
                else:
                    chunk.ready.append(item)
            elif known is not None and (
                known.id == row.id or (row.state in _OPEN and known.status != "not_sent")
            ):
                continue  # brought to its end by this run, since the row was read too
            elif row.state in ("succeeded", "failed"):
                chunk.finished[item.position] = self._finished_earlier(item, row, kept)
            elif not item.is_held:
                chunk.finished[item.position] = self._left_to_others(item, row, kept)
            elif row.id is not None and row.state == "running":
                self._resume(chunk, item, row.id, kept.get(row.id))
            else:
                chunk.lost.append(item)
        return chunk

    def _take_from_archive(self, item: Item) -> Prediction | None:
        equal = self._archive.equal_inputs(
            self._connection.account, self._model, item.input, without=self._taken, oldest_first=True
        )
        kept = next(equal, None)
        if kept is None:
            return None
        self._taken.add(kept.id)
        if self._journal.reused(item.key, kept.id).refused:
            return None
        return replace(kept, reused=True)

    def _resume(self, chunk: _Chunk, item: Item, identifier: str, kept: Prediction | None) -> None:
        """Follow what an earlier run created: it may have ended, and been archived, before that run did."""
        if kept is not None and kept.done and kept.status != "canceled":
            self._journal.ended(item.key, kept)
            chunk.finished[item.position] = kept
            return
        if kept is None or kept.status != "canceled":
            item.id = identifier
        else:
            self._journal.again(item.key)
        chunk.ready.append(item)

    def _finished_earlier(self, item: Item, row: Row, kept: dict[str, Prediction]) -> Prediction:
        if row.id in kept:
            return kept[row.id]
        made = self._placeholder(
            item, row.id or f"not-created-{item.position}", parse_status(row.state) or "failed", row.error
        )
        made = replace(made, cost=None if row.cost is None else Decimal(row.cost))
        if row.id is None or row.error is not None:
            return made
        return replace(made, error=self._journal.elsewhere)

    def _left_to_others(self, item: Item, row: Row, kept: dict[str, Prediction]) -> Prediction:
        """Return what is known of an item that is not this run's to bring to its end."""
        if row.id in kept:
            return kept[row.id]
        if row.state == "waiting":
            return self._not_sent(item)
        if row.state == "uncertain":
            return self._placeholder(item, f"uncertain-{item.position}", "failed", row.error)
        status: Status = "canceled" if row.state == "canceled" else "processing"
        return self._placeholder(item, row.id or f"not-created-{item.position}", status, _UNDER_WAY)

    def _doubt(self, item: Item, known: frozenset[str]) -> UncertainCreateError:
        since = self._lost_since if item.row is None else from_micros(item.row.since)
        return UncertainCreateError(
            "Outcome unknown: an earlier run may have sent (and paid for) this item. Run the batch again in "
            "a minute, or pass retry_uncertain=True to send it again.",
            charged=None,
            model=self._model,
            input=item.input,
            since=since,
            known=known,
        )

    async def _look_for(self, lost: list[Item]) -> None:
        """Look for what was perhaps sent, twice where nobody has yet, since a listing may be late.

        What is found is followed. What is not stays in doubt, or is sent again on the user's word.
        """
        if not lost:
            return
        begun = [item.row.since for item in lost if item.row is not None and item.row.since is not None]
        try:
            await asyncio.to_thread(self._journal.begin_look)
            known = await asyncio.to_thread(self._journal.ids, min(begun, default=0))
            for item in lost:
                item.doubt = self._doubt(item, known)
            lost = await self._look_once(lost)
            fresh = [item for item in lost if item.row is not None and item.row.state == "sent"]
            if fresh:
                await asyncio.sleep(_AGAIN)
                lost = [item for item in lost if item not in fresh] + await self._look_once(fresh)
        finally:
            await asyncio.to_thread(self._journal.end_look)
        for item in lost:
            if item.resend:
                self._journal.again(item.key)
                item.doubt = None
                self._ready.append(item)
            elif item.doubt is not None:
                self._record_failure(item, item.doubt)

    async def _look_for_unwritten(self, items: list[Item]) -> None:
        """Look for items that ran when the journal was lost, perhaps; what is not listed is created."""
        since = self._lost_since
        if not items or since is None:
            return
        connection, journal = self._connection, self._journal
        known = await asyncio.to_thread(journal.ids, 0) | self._taken
        try:
            if self._listed is None:
                self._listed = await newest(connection, since)
            found = await look_for(connection, [self._doubt(item, known) for item in items], self._listed)
        except SkytellsError as error:
            raise SkytellsError(
                f"What ran when the batch's journal was lost cannot be looked for: {error.detail or error} "
                "Run it again, or with retry_uncertain=True to create all that the archive does not have."
            ) from error
        for item, outcome in zip(items, found, strict=True):
            if isinstance(outcome, UncertainCreateError):
                self._record_failure(item, outcome)
                continue
            if outcome is not None:
                await asyncio.to_thread(journal.sent, item.key, since)
                await asyncio.to_thread(journal.found, item.key, outcome.id)
                item.id = outcome.id
            self._ready.append(item)

    async def _look_once(self, lost: list[Item]) -> list[Item]:
        """Look for some items in one reading of the listing; returns those that were not found."""
        doubts = [item.doubt for item in lost if item.doubt is not None]
        try:
            found = await look_for(self._connection, doubts)
        except SkytellsError as error:  # the listing cannot be read: nothing is known, nothing is sent
            found = [UncertainCreateError(error.message, charged=None)] * len(lost)
        left: list[Item] = []
        for item, outcome in zip(lost, found, strict=True):
            if isinstance(outcome, Prediction):
                write = await asyncio.to_thread(self._journal.found, item.key, outcome.id)
                if not write.refused:
                    item.id, item.doubt = outcome.id, None
                    self._ready.append(item)
                    continue
            else:
                item.doubt = outcome or item.doubt
            left.append(item)
        return left

    # one item

    async def _try(self, item: Item) -> bool:
        """Create or follow an item once; returns whether to try it again."""
        answers = self._answers
        observer = ItemObserver(self._journal, self._connection, item.key, self._taken)
        try:
            ended = await self._run_item(item, observer)
        except TakenError:
            return False
        except SkytellsError as error:
            if observer.refusal is not None:
                raise unwritten(observer.refusal) from error
            return await self._on_error(item, observer.id or item.id, error, answers)
        self._note_answer()
        self._limiter.went_well()
        if ended.status == "canceled" and item.id is not None:
            item.id = None  # an earlier run was stopped, and had it canceled
            self._journal.again(item.key)
            return True
        if await self._is_kept(item, ended):
            self._journal.ended(item.key, ended)
        else:
            self._gave_up = True
        self._settle(item.position, ended, paid_now=True)
        return False

    async def _is_kept(self, item: Item, ended: Prediction) -> bool:
        """Return whether the archive has it; else, as with a full disk, the next run fetches it by its id."""
        if ended.files or ended.status != "succeeded" or await self._text_route(item) is not None:
            return True
        with suppress(SkytellsError):
            return bool(await asyncio.to_thread(self._archive.by_ids, [ended.id], self._connection.account))
        return False

    async def _run_item(self, item: Item, observer: ItemObserver) -> Prediction:
        """Bring one item to its end, well or not; returns it with its files."""
        connection = self._connection
        try:
            if item.id is None:
                given, route = (self._model, item.input), await self._text_route(item)
                if route is None:
                    ended = await create(connection, *given, observers=(observer,))
                else:
                    ended = await ask_for_prediction(connection, route, *given, observers=(observer,))
            else:
                made = self._placeholder(item, item.id, "queued", None)
                try:
                    ended = await wait(connection, made)
                except asyncio.CancelledError:
                    connection.in_background(cancel_remotely(connection, made))
                    raise
        except PredictionError as error:
            if error.prediction is None:
                raise
            ended = error.prediction
        if not any(isinstance(each, Archive) for each in connection.listeners()):
            try:
                ended = await self._archive.ended(connection.account, ended) or ended
            except SkytellsError as error:
                warn_user(f"Prediction {ended.id} could not be archived: {error.message}")
        return ended

    async def _text_route(self, item: Item) -> AnsweringRoute | None:
        """Return the route of a model that answers: its inputs have messages, as a few others' have."""
        if "messages" not in item.input and "input" not in item.input:
            return None
        if self._route == "unread":  # asked once a run, not once an item
            found = (await get_model(self._connection, self._model)).text_route
            self._route = None if found == "embeddings" else found
        return self._route

    async def _on_error(self, item: Item, made: str | None, error: SkytellsError, answers: int) -> bool:
        """Decide what an error means for its item and for all others; returns whether to try again."""
        if isinstance(error, BudgetExceededError) and made is None:
            if await self._wait_for_refund(answers):
                return True
            self._stop(item, error)
            return False
        self._note_answer()
        if made is not None:
            self._record_pending(item, made, error)
        elif isinstance(error, UncertainCreateError):
            # Of a text model's call no observer was told that it is one: left as sent, it kept a shared batch
            # waiting for itself.
            self._record_failure(item, error)
        elif isinstance(error, RateLimitError):
            self._limiter.limited(error.retry_after)
            if error.retry_after >= _WORTH_SAYING and not self._explained_wait:
                self._explained_wait = True
                warn_user(
                    f"The API asks to wait {error.retry_after:.0f} s for its rate limit. It goes on then."
                )
            return True
        elif isinstance(error, NetworkError) and error.charged is False:
            if self._limiter.unreachable():
                return True
            self._stop(item, error)
        elif isinstance(error, _FOR_ALL) or self._connection.closed:
            self._stop(item, error)
        else:
            self._limiter.went_well()
            self._record_failure(item, error)
        return False

    def _note_answer(self) -> None:
        """Wake those who wait for money: some may have come back."""
        self._answers += 1
        self._answered.set()

    async def _wait_for_refund(self, answers: int) -> bool:
        """Wait for one that is under way, which may turn out cheaper than was reserved for it.

        It may have ended between the refusal and this look: then there is nothing to wait for.
        """
        if self._answers != answers:
            return True
        if self._limiter.running - self._waiting_for_money <= 1:
            return False
        self._waiting_for_money += 1
        try:
            self._answered.clear()
            await self._answered.wait()
        finally:
            self._waiting_for_money -= 1
        return True

    # what becomes of it

    def _settle(self, position: int, made: Prediction, *, paid_now: bool = False) -> None:
        # Also what was not sent: a thousand pictures that nobody kept would fill the memory.
        made = slim(made)
        before = self.results.get(position)
        if before is not None:  # reported once more, after another worker had it
            self._count(before, -1)
        self.results[position] = made
        self._count(made, 1)
        if paid_now and made.cost is not None:
            self.spent = added((made.cost, self.spent or Decimal(0)))

    def _count(self, made: Prediction, by: int) -> None:
        self._counts["reused"] += by * made.reused
        match made.status:
            case "not_sent":
                self._counts["not_sent"] += by
            case "failed" | "canceled":
                self._counts["done"] += by
                self._counts[made.status] += by
            case "queued" | "processing" | "succeeded":
                self._counts["done"] += by
            case _:
                assert_never(made.status)

    def _record_pending(self, item: Item, made: str, error: SkytellsError) -> None:
        """Settle what cannot be waited for any longer as it is; the next run takes the wait up again."""
        seen = error.prediction if isinstance(error, WaitTimeoutError) else None
        known = seen or self._placeholder(item, made, "processing", error.message)
        gone = isinstance(error, NotFoundError)
        if gone:
            self._journal.settled(item.key, "failed", error.message)
        self._gave_up = self._gave_up or not gone
        status: Status = "failed" if gone else known.status
        self._settle(item.position, replace(known, error=error.message, status=status))

    def _record_failure(self, item: Item, error: SkytellsError) -> None:
        """Settle what has no prediction: it was refused, or nobody knows whether it was accepted."""
        in_doubt = isinstance(error, UncertainCreateError)
        self._journal.settled(item.key, "uncertain" if in_doubt else "failed", error.message)
        name = f"{'uncertain' if in_doubt else 'not-created'}-{item.position}"
        self._settle(item.position, self._placeholder(item, name, "failed", error.message))

    def _stop(self, item: Item, why: SkytellsError) -> None:
        """Create nothing more: every further one would fare alike."""
        self.stopped_by = self.stopped_by or why
        self._answered.set()
        self._settle(item.position, self._not_sent(item))

    def _not_sent(self, item: Item) -> Prediction:
        name = f"not-created-{item.position}"
        return self._placeholder(item, name, "not_sent", f"Not sent: {self.reason}")

    def _placeholder(self, item: Item, identifier: str, status: Status, error: str | None) -> Prediction:
        origin = self._connection.origin
        return Prediction(
            id=identifier, status=status, model=self._model, input=item.input, error=error, origin=origin
        )

    def _update_bar(self) -> None:
        if self._bar is not None:
            sandbox = self._connection.account.sandbox
            counts = dict(self._counts)
            for word in ("done", "failed", "canceled"):
                counts[word] += getattr(self._others, word)
            self._bar.update(running=self._limiter.running, spent=self.spent, sandbox=sandbox, **counts)
