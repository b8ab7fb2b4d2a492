"""The run of a batch: a few workers that take item after item, slow down when told to, and stop for good.

What goes wrong with one item is its result. What would go wrong with every further one (no credit, a key that
is refused, a budget that is used up, an API that cannot be reached) stops the rest before it is sent.

Items are read again beside the journal, some hundreds at a time. What was finished earlier comes from the
archive. What was created and did not end is followed. What was perhaps sent is looked for in the API's
listing, which is read once for all of them. The rest is created.
"""

# ruff: noqa: ARG002 - an observer hears more than each one needs

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, assert_never

from ..aio import Bar, gather
from ..api import Account, Connection, Observer, cancel_remotely, create, look_for, wait
from ..archive import Archive, elide_data_uris
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
from ..models import Prediction, Status, parse_status
from ..pricing import added
from ._inputs import Inputs, Key
from ._journal import Journal, Row
from ._lock import BatchLock
from ._rate_limiter import RateLimiter

__all__ = ["BatchRunner", "Item", "slim"]

CHUNK: Final = 250
HEAVY: Final = 16_000_000
"""Characters of inputs, such as pictures, that are held at a time."""

_AGAIN: Final = 2.0
"""Seconds between two looks for what was perhaps sent: a listing may be that late."""

_WORTH_SAYING: Final = 60.0
"""Seconds of standing still that look like an error when nobody explains them."""

_FOR_ALL: Final = (AuthenticationError, InsufficientCreditsError, PermissionDeniedError)
_KEPT: Final = ("source", "error_id", "data_removed")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Item:
    """One item that is still to be done.

    Attributes
    ----------
    position : int
        Its place among the inputs.
    key, input
        Which item it is, and what is asked.
    id : str or None
        Of the prediction that an earlier run made.
    doubt : UncertainCreateError or None
        What an earlier run perhaps sent.
    is_fresh : bool
        Whether nobody has looked for that yet.
    """

    position: int
    key: Key
    input: dict[str, Any]
    id: str | None = None
    doubt: UncertainCreateError | None = None
    is_fresh: bool = False


@dataclass(slots=True)
class _Chunk:
    """Some items: what is finished by position, what can be done now, and what has to be looked for."""

    finished: dict[int, Prediction] = field(default_factory=dict)
    ready: list[Item] = field(default_factory=list)
    lost: list[Item] = field(default_factory=list)


class _ItemObserver(Observer):
    """Writes into the journal what becomes of one item's create."""

    def __init__(
        self, journal: Journal, lock: BatchLock, connection: Connection, key: Key, made: set[str]
    ) -> None:
        self._journal = journal
        self._lock = lock
        self._connection = connection
        self._key = key
        self._made = made
        self.id: str | None = None
        """Of the prediction that was made, once that is known."""
        self.refusal: SkytellsError | None = None
        """Why the journal could not be written; nothing was sent then."""

    async def before_create(self, account: Account, model: str, input: dict[str, Any]) -> object:
        """Write the item before anything is sent."""
        connection = self._connection
        number = self._journal.sent(self._key, connection.earliest(connection.now(), connection.wall()))
        try:
            await asyncio.to_thread(self._journal.flush, number)
        except BaseException as error:
            self._journal.withdrawn(self._key)
            self.refusal = error if isinstance(error, SkytellsError) else None
            raise
        self._lock.count_create()
        return None

    async def created(self, account: Account, ticket: object, prediction: Prediction) -> None:
        """Write the id."""
        self.id = prediction.id
        self._made.add(prediction.id)
        await self._flush(self._journal.running(self._key, prediction.id))

    async def not_created(self, account: Account, ticket: object, error: BaseException, sent: bool) -> None:
        """Write that it was not accepted, or that nobody knows."""
        number: int | None = None
        if not sent:
            number = self._journal.withdrawn(self._key)
        elif isinstance(error, UncertainCreateError):
            number = self._journal.settled(self._key, "uncertain", error.message)
        await self._flush(number)

    async def _flush(self, number: int | None) -> None:
        try:
            if number is not None:
                await asyncio.to_thread(self._journal.flush, number)
        finally:
            self._lock.settle_create()


class BatchRunner:
    """One run of one batch.

    Parameters
    ----------
    connection : Connection
        Through which everything is asked.
    archive : Archive
        Where everything is kept.
    journal, lock
        Of this batch, open and held.
    inputs : Inputs
        All read.
    model : str
        The batch's model.
    limit : int
        How many are under way at most.
    retry_failed, retry_uncertain : bool
        Whether to create anew what failed, and to send again what was perhaps sent.
    reuse : bool
        Whether to take what was made of equal inputs from the archive, each prediction for one item.
    """

    def __init__(
        self,
        connection: Connection,
        archive: Archive,
        journal: Journal,
        lock: BatchLock,
        inputs: Inputs,
        *,
        model: str,
        limit: int,
        retry_failed: bool,
        retry_uncertain: bool,
        reuse: bool,
    ) -> None:
        self._connection = connection
        self._archive = archive
        self._journal = journal
        self._lock = lock
        self._inputs = inputs
        self._model = model
        self._workers = min(limit, max(1, len(inputs)))
        self._retry_failed = retry_failed
        self._retry_uncertain = retry_uncertain
        self._reuse = reuse
        self._taken: set[str] = set()  # what items of this batch are, which no other of them can be
        self._limiter = RateLimiter(self._workers, connection.now)
        self._unread: Iterator[dict[str, Any]] = inputs.reread()
        self._position = 0
        self._reading = asyncio.Lock()
        self._ready: deque[Item] = deque()
        self._lost: list[Item] = []
        self._looked = 0.0
        self._answers = 0  # tries that ended in anything but a budget's refusal: each may have freed money
        self._answered = asyncio.Event()
        self._waiting_for_money = 0
        self._explained_wait = False
        self._fatal: BaseException | None = None
        self._bar: Bar | None = None
        self._counts = {"done": 0, "failed": 0, "canceled": 0, "reused": 0, "not_sent": 0}
        self.results: list[Prediction | None] = [None] * len(inputs)
        self.spent: Decimal | None = None
        """What this run has paid; None where the API did not say."""
        self.stopped_by: SkytellsError | None = None
        """Why not everything was created; None when it was."""

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

        Raises
        ------
        SkytellsError
            The journal cannot be written any more. What was under way has ended; the error carries
            ``results``, with None for what was not begun.
        """
        self._bar = bar
        if self._reuse:
            self._taken.update(await asyncio.to_thread(self._journal.ids, own=True))
        await self._run_workers()
        await self._look_again()
        if self._fatal is not None:
            self._fatal.results = self.results  # type: ignore[attr-defined]  # whatever it is, it carries them
            raise self._fatal
        return [made for made in self.results if made is not None]

    async def _run_workers(self) -> None:
        await gather((self._work() for _ in range(self._workers)), progress=False, cancel_on_error=True)

    async def _work(self) -> None:
        while (item := await self._next_item()) is not None:
            again = True
            while again and self._fatal is None:
                await self._limiter.enter()
                self._update_bar()
                try:
                    if self.stopped_by is not None and item.id is None:
                        self._skip(item)
                        again = False
                    else:
                        again = await self._try(item)
                except Exception as error:  # noqa: BLE001 - raised once everything under way has ended
                    self._fatal = self._fatal or error
                    self._answered.set()
                finally:
                    self._limiter.leave()
                    self._update_bar()

    # what is left to do

    async def _next_item(self) -> Item | None:
        async with self._reading:
            try:
                while not self._ready and self._fatal is None:
                    chunk = await asyncio.to_thread(self._next_chunk)
                    if chunk is None:
                        break
                    for position, made in chunk.finished.items():
                        self._settle(position, made)
                    self._ready.extend(chunk.ready)
                    await self._look_for(chunk.lost)
            except Exception as error:  # noqa: BLE001 - raised once everything under way has ended
                self._fatal = self._fatal or error
            return self._ready.popleft() if self._ready and self._fatal is None else None

    def _next_chunk(self) -> _Chunk | None:
        """Read some more inputs and what the journal knows of them; None when that was all. It blocks."""
        items: list[Item] = []
        size = 0
        for input in self._unread:
            items.append(Item(self._position, self._inputs.key(self._position), input))
            self._position += 1
            size += sum(len(value) for value in input.values() if isinstance(value, str))
            if len(items) == CHUNK or size > HEAVY:
                break
        if not items:
            return None
        rows = self._journal.rows([item.key for item in items])
        ids = [row.id for row in rows.values() if row.id is not None]
        kept = self._archive.by_ids(ids, self._connection.account) if ids else {}
        known: frozenset[str] | None = None
        chunk = _Chunk()
        for item in items:
            row = rows.get(item.key)
            if row is None or row.state == "canceled" or (row.state == "failed" and self._retry_failed):
                made = self._take_from_archive(item) if self._reuse else None
                if made is None:
                    chunk.ready.append(item)
                else:
                    chunk.finished[item.position] = made
            elif row.state in ("succeeded", "failed"):
                chunk.finished[item.position] = self._finished_earlier(item, row, kept)
            elif row.id is not None and row.state == "running":
                self._resume(chunk, item, row.id, kept.get(row.id))
            else:
                known = self._journal.ids() if known is None else known
                item.doubt, item.is_fresh = self._doubt(item, row, known), row.state == "sent"
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
        self._journal.reused(item.key, kept.id)
        return replace(slim(kept), reused=True)

    def _resume(self, chunk: _Chunk, item: Item, identifier: str, kept: Prediction | None) -> None:
        """Follow what an earlier run created: it may have ended, and been archived, before that run did."""
        if kept is not None and kept.done and kept.status != "canceled":
            self._journal.ended(item.key, kept)
            chunk.finished[item.position] = slim(kept)
            return
        if kept is None or kept.status != "canceled":
            item.id = identifier
        chunk.ready.append(item)

    def _finished_earlier(self, item: Item, row: Row, kept: dict[str, Prediction]) -> Prediction:
        if row.id in kept:
            return slim(kept[row.id])
        made = self._placeholder(
            item, row.id or f"not-created-{item.position}", parse_status(row.state) or "failed", row.error
        )
        made = replace(made, cost=None if row.cost is None else Decimal(row.cost))
        if row.id is None or row.error is not None:
            return made
        return replace(made, error="It was finished and paid for earlier, and has left the archive since.")

    def _doubt(self, item: Item, row: Row, known: frozenset[str]) -> UncertainCreateError:
        return UncertainCreateError(
            "Outcome unknown: an earlier run may have sent (and paid for) this item. Run the batch again in "
            "a minute, or pass retry_uncertain=True to send it again.",
            charged=None,
            model=self._model,
            input=item.input,
            since=None if row.since is None else _EPOCH + timedelta(microseconds=row.since),
            known=known,
        )

    async def _look_for(self, lost: list[Item]) -> None:
        """Look for what was perhaps sent; what is found is followed, the rest waits for the end."""
        if not lost:
            return
        doubts = [item.doubt for item in lost if item.doubt is not None]
        self._looked = self._connection.now()
        try:
            found = await look_for(self._connection, doubts)
        except SkytellsError as error:  # the listing cannot be read: nothing is known, nothing is sent
            found = [UncertainCreateError(error.message, charged=None)] * len(lost)
        for item, outcome in zip(lost, found, strict=True):
            if isinstance(outcome, Prediction):
                self._journal.running(item.key, outcome.id)
                item.id, item.doubt = outcome.id, None
                self._ready.append(item)
            else:
                item.doubt = outcome or item.doubt
                self._lost.append(item)
        await asyncio.to_thread(self._journal.flush)

    async def _look_again(self) -> None:
        """Look a last time for what the first look did not find; leave it in doubt, or send it again."""
        lost, self._lost = self._lost, []
        if not lost or self._fatal is not None:
            return
        fresh = [item for item in lost if item.is_fresh]
        if fresh:
            await asyncio.sleep(max(0.0, self._looked + _AGAIN - self._connection.now()))
            await self._look_for(fresh)
            lost = [item for item in lost if not item.is_fresh] + self._lost
            self._lost = []
        for item in lost:
            if self._retry_uncertain:
                item.doubt = None
                self._ready.append(item)
            elif item.doubt is not None:
                self._journal.settled(item.key, "uncertain", item.doubt.message)
                self._record_failure(item, item.doubt, kind="uncertain")
        await self._run_workers()

    # one item

    async def _try(self, item: Item) -> bool:
        """Create or follow an item once; returns whether to try it again."""
        answers = self._answers
        observer = _ItemObserver(self._journal, self._lock, self._connection, item.key, self._taken)
        try:
            ended = await self._run_item(item, observer)
        except SkytellsError as error:
            if observer.refusal is not None:
                raise _unwritten(observer.refusal) from error
            return await self._on_error(item, observer.id or item.id, error, answers)
        self._note_answer()
        self._limiter.went_well()
        if ended.status == "canceled" and item.id is not None:
            item.id = None  # an earlier run was stopped, and had it canceled
            return True
        self._journal.ended(item.key, ended)
        self._settle(item.position, slim(ended), paid_now=True)
        return False

    async def _run_item(self, item: Item, observer: _ItemObserver) -> Prediction:
        """Bring one item to its end, well or not; returns it with its files."""
        connection = self._connection
        try:
            if item.id is None:
                ended = await create(connection, self._model, item.input, observers=(observer,))
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
            self._record_failure(item, error, kind="uncertain")
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
        elif isinstance(error, _FOR_ALL):
            self._stop(item, error)
        else:
            self._limiter.went_well()
            self._journal.settled(item.key, "failed", error.message)
            self._record_failure(item, error, kind="not-created")
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
        self.results[position] = made
        self._counts["reused"] += made.reused
        match made.status:
            case "not_sent":
                self._counts["not_sent"] += 1
            case "failed" | "canceled":
                self._counts["done"] += 1
                self._counts[made.status] += 1
            case "queued" | "processing" | "succeeded":
                self._counts["done"] += 1
            case _:
                assert_never(made.status)
        if paid_now and made.cost is not None:
            self.spent = added((made.cost, self.spent or Decimal(0)))
        self._update_bar()

    def _record_pending(self, item: Item, made: str, error: SkytellsError) -> None:
        """Settle what cannot be waited for any longer as it is; the next run takes the wait up again."""
        seen = error.prediction if isinstance(error, WaitTimeoutError) else None
        known = seen or self._placeholder(item, made, "processing", error.message)
        gone = isinstance(error, NotFoundError)
        if gone:
            self._journal.settled(item.key, "failed", error.message)
        self._settle(
            item.position,
            slim(replace(known, error=error.message, status="failed" if gone else known.status)),
        )

    def _record_failure(self, item: Item, error: SkytellsError, *, kind: str) -> None:
        made = self._placeholder(item, f"{kind}-{item.position}", "failed", error.message)
        self._settle(item.position, made)

    def _stop(self, item: Item, why: SkytellsError) -> None:
        """Create nothing more: every further one would fare alike."""
        self.stopped_by = self.stopped_by or why
        self._answered.set()
        self._skip(item)

    def _skip(self, item: Item) -> None:
        name = f"not-created-{item.position}"
        self._settle(item.position, self._placeholder(item, name, "not_sent", f"Not sent: {self.reason}"))

    def _placeholder(self, item: Item, identifier: str, status: Status, error: str | None) -> Prediction:
        return Prediction(
            id=identifier,
            status=status,
            model=self._model,
            input=item.input,
            error=error,
            origin=self._connection.origin,
        )

    def _update_bar(self) -> None:
        if self._bar is not None:
            sandbox = self._connection.account.sandbox
            self._bar.update(running=self._limiter.running, spent=self.spent, sandbox=sandbox, **self._counts)


def slim(prediction: Prediction) -> Prediction:
    """Return a prediction without what only the archive need keep: the API's whole answer, and files sent.

    Ten thousand such predictions take some 25 MB.
    """
    kept: dict[str, Any] = {name: prediction.raw[name] for name in _KEPT if name in prediction.raw}
    return replace(prediction, raw=kept, urls=None, input=elide_data_uris(prediction.input))


def _unwritten(why: SkytellsError) -> SkytellsError:
    what = why.message.partition(". ")[0].removesuffix(".")  # without the archive's own remedy
    return SkytellsError(
        f"Batch stopped, since its journal cannot be written: {what}. Fix the folder and run it again; "
        "nothing is paid for twice.",
        detail=why.detail,
    )
