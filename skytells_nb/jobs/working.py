"""The run of a batch: a few workers that take item after item, slow down when told to, and stop for good.

What goes wrong with one item is its result. What would go wrong with every further one (no credit, a key
that is refused, a budget that is used up, an API that cannot be reached) stops the rest before it is sent.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from decimal import Decimal
from typing import Final

from ..aio import Bar, bar, gather
from ..api import Connection, look_for
from ..archive import Archive
from ..exceptions import (
    AuthenticationError,
    BudgetExceeded,
    InsufficientCreditsError,
    NetworkError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    SkytellsError,
    UncertainCreateError,
    WaitTimeoutError,
    warn_user,
)
from ..models import Prediction, Status
from ..pricing import added
from .entries import Entry, carried, light
from .inputs import Inputs
from .journal import Journal
from .pacing import Throttle
from .planning import Plan, Work
from .results import BatchResult
from .turns import Turn

__all__ = ["Run"]

_AGAIN: Final = 2.0
"""Seconds between two looks for what was perhaps sent: a listing may be that late."""

_WORTH_SAYING: Final = 60.0
"""Seconds of standing still that look like an error when nobody explains them."""

_FOR_ALL: Final = (AuthenticationError, InsufficientCreditsError, PermissionDeniedError)


class Run:
    """One run of one batch.

    Parameters
    ----------
    connection : Connection
        Through which everything is asked.
    archive : Archive
        Where everything is kept.
    journal, turn, plan
        Of this batch, open already.
    inputs : Inputs
        All read already.
    name, model : str
        Of the batch.
    limit : int
        How many are under way at most.
    retry_uncertain : bool
        Whether to send again what was perhaps sent.
    """

    def __init__(
        self,
        connection: Connection,
        archive: Archive,
        journal: Journal,
        turn: Turn,
        plan: Plan,
        inputs: Inputs,
        *,
        name: str,
        model: str,
        limit: int,
        retry_uncertain: bool,
    ) -> None:
        self._connection = connection
        self._archive = archive
        self._journal = journal
        self._turn = turn
        self._plan = plan
        self._model = model
        self._limit = min(limit, max(1, len(inputs)))
        self._retry_uncertain = retry_uncertain
        self._throttle = Throttle(self._limit, self._connection.now)
        self._results: list[Prediction | None] = [None] * len(inputs)
        self._shell = BatchResult(name=name, labels=inputs.labels)
        self._ready: deque[Work] = deque()
        self._lost: list[Work] = []
        self._looked = 0.0
        self._turnstile = asyncio.Lock()
        self._came_back = asyncio.Event()
        self._answers = 0
        """How many tries were answered by anything but the budget: each may have given money back."""
        self._no_more: SkytellsError | None = None
        self._fatal: BaseException | None = None
        self._done = self._failed = 0
        self._waiting_for_money = 0
        self._waits_told = False
        self._spent: Decimal | None = None
        self._shown = bar(None, name, enabled=False)
        self.left_out = 0
        """How many were not sent, because of what would stop every one."""

    async def see_through(self, shown: Bar) -> BatchResult:
        """Bring every item to its end; gives the results in order.

        Raises
        ------
        SkytellsError
            The journal cannot be written any more. What was under way has ended; the error carries
            ``results``, with None for what was not begun.
        """
        self._shown = shown
        await self._work_off()
        await self._look_again()
        if self._fatal is not None:
            self._fatal.results = self._results  # type: ignore[attr-defined]
            raise self._fatal
        self._shell.extend(made for made in self._results if made is not None)
        return self._shell

    @property
    def stopped_by(self) -> SkytellsError | None:
        """Why not everything was created; None when it was."""
        return self._no_more

    async def _work_off(self) -> None:
        await gather((self._worker() for _ in range(self._limit)), progress=False, cancel_on_error=True)

    async def _worker(self) -> None:
        while (work := await self._next()) is not None:
            if self._no_more is not None and work.id is None:
                self._leave_out(work, self._no_more)
            else:
                await self._carry(work)

    async def _next(self) -> Work | None:
        async with self._turnstile:
            try:
                while not self._ready and self._fatal is None:
                    chunk = await asyncio.to_thread(self._plan.next)
                    if chunk is None:
                        break
                    for position, made in chunk.finished.items():
                        self._settle(position, made)
                    self._ready.extend(chunk.ready)
                    await self._look_for(chunk.lost)
            except Exception as error:  # noqa: BLE001 - told once everything under way has ended
                self._fatal = self._fatal or error
            return self._ready.popleft() if self._ready and self._fatal is None else None

    async def _look_for(self, lost: list[Work]) -> None:
        """Look for what was perhaps sent; what is found is followed, the rest waits for the end."""
        if not lost:
            return
        doubts = [work.doubt for work in lost if work.doubt is not None]
        self._looked = self._connection.now()
        try:
            found = await look_for(self._connection, doubts)
        except SkytellsError as error:  # the listing cannot be read: nothing is known, nothing is sent
            found = [UncertainCreateError(f"{error.message}", charged=None)] * len(lost)
        for work, outcome in zip(lost, found, strict=True):
            if isinstance(outcome, Prediction):
                self._journal.running(work.key, outcome.id)
                work.id, work.doubt = outcome.id, None
                self._ready.append(work)
            else:
                work.doubt = outcome or work.doubt
                self._lost.append(work)
        await asyncio.to_thread(self._journal.flush)

    async def _look_again(self) -> None:
        """Look a last time for what the first look did not find, then leave it in doubt, or send it again."""
        lost, self._lost = self._lost, []
        if not lost or self._fatal is not None:
            return
        fresh = [work for work in lost if work.fresh]
        if fresh:
            await asyncio.sleep(max(0.0, self._looked + _AGAIN - self._connection.now()))
            await self._look_for(fresh)
            lost = [work for work in lost if not work.fresh] + self._lost
            self._lost = []
        for work in lost:
            if self._retry_uncertain:
                work.doubt = None
                self._ready.append(work)
            elif work.doubt is not None:
                self._journal.came_to_nothing(work.key, "uncertain", work.doubt.message)
                self._give_up(work, work.doubt, kind="uncertain")
        await self._work_off()

    async def _carry(self, work: Work) -> None:
        """Bring one item to its end, as often as it has to be tried."""
        again = True
        while again and self._fatal is None:
            await self._throttle.enter()
            self._tell()
            answers = self._answers
            try:
                if self._no_more is not None and work.id is None:
                    self._leave_out(work, self._no_more)
                    again = False
                else:
                    again = await self._try(work, answers)
            except Exception as error:  # noqa: BLE001 - told once everything under way has ended
                self._fatal = self._fatal or error
                self._came_back.set()
            finally:
                self._throttle.leave()
                self._tell()

    async def _try(self, work: Work, answers: int) -> bool:
        """Try once; whether to try again. ``answers``: how many there were when it began."""
        entry = Entry(self._journal, self._turn, self._connection, work.key)
        asked = Prediction(
            id=work.id or "new",
            status="queued",
            model=self._model,
            input=work.input,
            origin=self._connection.origin,
        )
        work_on = carried(self._connection, self._archive, entry, asked, made=work.id is not None)
        try:
            ended = await work_on
        except SkytellsError as error:
            if entry.refused is not None:
                raise _unwritten(entry.refused) from error
            return await self._went_wrong(work, entry.id or work.id, error, answers)
        self._answered()
        self._throttle.went_well()
        if ended.status == "canceled" and work.id is not None:
            work.id = None  # an earlier run was stopped, and had it canceled
            return True
        self._journal.ended(work.key, ended)
        self._settle(work.position, light(ended), paid_now=True)
        return False

    async def _went_wrong(self, work: Work, made: str | None, error: SkytellsError, answers: int) -> bool:
        """Decide what an error means for its item, and for all others; whether to try the item again."""
        if isinstance(error, BudgetExceeded) and made is None:
            if await self._money_may_come_back(answers):
                return True
            self._stop(work, error)
            return False
        self._answered()
        if made is not None:
            self._go_without(work, made, error)
        elif isinstance(error, UncertainCreateError):
            self._give_up(work, error, kind="uncertain")
        elif isinstance(error, RateLimitError):
            self._throttle.limited(error.retry_after)
            self._say_how_long(error.retry_after)
            return True
        elif isinstance(error, NetworkError) and error.charged is False:
            if self._throttle.unreachable():
                return True
            self._stop(work, error)
        elif isinstance(error, _FOR_ALL):
            self._stop(work, error)
        else:
            self._throttle.went_well()
            self._journal.came_to_nothing(work.key, "failed", error.message)
            self._give_up(work, error, kind="not-created")
        return False

    def _answered(self) -> None:
        """Wake those who wait for money: some may have come back."""
        self._answers += 1
        self._came_back.set()

    def _say_how_long(self, seconds: float) -> None:
        if seconds >= _WORTH_SAYING and not self._waits_told:
            self._waits_told = True
            warn_user(
                f"The API asks this batch to wait {seconds:.0f} s for its rate limit. It goes on after that."
            )

    async def _money_may_come_back(self, answers: int) -> bool:
        """Wait for one that is under way, which may turn out cheaper than was reserved for it.

        It may have ended between the refusal and this look: then there is nothing to wait for.
        """
        if self._answers != answers:
            return True
        if self._throttle.running - self._waiting_for_money <= 1:
            return False
        self._waiting_for_money += 1
        try:
            self._came_back.clear()
            await self._came_back.wait()
        finally:
            self._waiting_for_money -= 1
        return True

    def _settle(self, position: int, made: Prediction, *, paid_now: bool = False) -> None:
        self._results[position] = made
        self._done += 1
        self._failed += made.status in ("failed", "canceled")
        if paid_now and made.cost is not None:
            self._spent = added((made.cost, self._spent or Decimal(0)))
        self._tell()

    def _go_without(self, work: Work, made: str, error: SkytellsError) -> None:
        """Give what cannot be waited for any longer as it is; the next run takes the wait up again."""
        seen = error.prediction if isinstance(error, WaitTimeoutError) else None
        known = seen or self._stand_in(work, made, "processing", error.message)
        gone = isinstance(error, NotFoundError)
        if gone:
            self._journal.came_to_nothing(work.key, "failed", error.message)
        status = "failed" if gone else known.status
        self._settle(work.position, light(replace(known, error=error.message, status=status)))

    def _give_up(self, work: Work, error: SkytellsError, *, kind: str) -> None:
        self._settle(work.position, self._stand_in(work, f"{kind}-{work.position}", "failed", error.message))

    def _stop(self, work: Work, why: SkytellsError) -> None:
        """Create nothing more: every further one would fare alike."""
        self._no_more = self._no_more or why
        self._came_back.set()
        self._leave_out(work, why)

    def _leave_out(self, work: Work, why: SkytellsError) -> None:
        self.left_out += 1
        words = f"Not sent: {why.message}"
        self._settle(work.position, self._stand_in(work, f"not-created-{work.position}", "queued", words))

    def _stand_in(self, work: Work, identifier: str, status: Status, error: str) -> Prediction:
        return Prediction(
            id=identifier,
            status=status,
            model=self._model,
            input=work.input,
            error=error,
            origin=self._connection.origin,
        )

    def _tell(self) -> None:
        self._shown.update(
            running=self._throttle.running,
            done=self._done,
            failed=self._failed,
            spent=self._spent,
            sandbox=self._connection.account.sandbox,
        )


def _unwritten(why: SkytellsError) -> SkytellsError:
    return SkytellsError(
        f"The batch stopped, because its journal cannot be written: {why.message} Nothing was sent that is "
        "not in the journal, and nothing is paid for twice: run the batch again with the same archive, once "
        "it can be written.",
        detail=why.detail,
    )
