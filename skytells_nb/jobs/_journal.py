"""What a batch writes as it goes, and what it asks for: one interface of two databases.

An item is written before its create is sent, its prediction's id as soon as that is known, and its end. So a
process may be killed at any moment: the next one finds what was finished, what is under way, and what was
perhaps sent. Writes of many tasks that come together are one transaction.

`LocalJournal` keeps it in the index of an archive, for one run at a time; `SharedJournal` in PostgreSQL,
where any number of workers on any machine take what is left.
"""

# ruff: noqa: ARG002, B027 - an observer hears more than each one needs, and one journal has less to do

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Final, Literal, NamedTuple

from ..api import Account, Connection, Observer
from ..archive import replace_surrogates, to_micros
from ..exceptions import InvalidInputError, SkytellsError, UncertainCreateError
from ..models import Prediction
from ..pricing import Estimate
from ._inputs import Inputs, ItemKey

CHUNK: Final = 250  # items at a time: older SQLites take 999 values in a statement, and an item is two
HEAVY: Final = 16_000_000
"""Characters of inputs, such as pictures, that are held at a time."""


class Row(NamedTuple):
    """What is written of one item.

    ``state`` is ``sent`` (perhaps), ``running``, ``succeeded``, ``failed``, ``canceled`` or ``uncertain``; in
    a shared journal also ``waiting`` or ``claimed``. ``since`` is the API's time in microseconds, before
    which it cannot have been accepted.
    """

    state: str
    id: str | None
    since: int | None
    cost: str | None
    error: str | None


@dataclass(slots=True, eq=False)
class Item:
    """One item of a batch, its `row` being what was written of it before; None where it is to be created.

    It is `is_held` where it is this run's to bring to its end, else only to be reported. `resend` says that
    it is sent again, on the user's word, where it was perhaps sent and is not found. `id` is of the
    prediction that an earlier run made, `doubt` what one perhaps sent.
    """

    position: int
    key: ItemKey
    input: dict[str, Any]
    row: Row | None = None
    is_held: bool = True
    resend: bool = False
    id: str | None = None
    doubt: UncertainCreateError | None = None


class Counts(NamedTuple):
    """How far a shared batch is, and who has stopped it, if anybody has."""

    done: int
    failed: int
    canceled: int
    stopped_by: str | None


Operation = Literal["sent", "withdrawn", "again", "reused", "found", "running", "ended", "settled"]


@dataclass(slots=True, eq=False)
class Write:
    """One thing to be written of one item; ``refused`` says why it was not, once that was tried."""

    operation: Operation
    key: ItemKey
    values: dict[str, Any]
    number: int = 0
    refused: Literal["taken", "budget"] | None = None


_unwritten: Final[dict[tuple[Any, ...], list[Write]]] = {}
"""What runs of this process could not write, by batch; its next run writes that first."""


class Journal(ABC):
    """The journal of one batch of one account. Its methods block, but for those that only queue a write.

    A rehearsal on the sandbox is another batch than the real thing. ``retry_failed`` and ``retry_uncertain``
    say whether what failed is created anew, and what was perhaps sent and is not found is sent again.
    """

    elsewhere: ClassVar[str]
    """What to say of what was finished earlier and is not in the archive here."""

    def __init__(
        self,
        account: Account,
        *,
        name: str,
        model: str,
        retry_failed: bool = False,
        retry_uncertain: bool = False,
    ) -> None:
        self.account = account
        self.name = name
        self.model = model
        self.total = 0
        """How many items there are, once it is open."""
        self.positions: Sequence[int] | None = None
        """Where the inputs of this run stand in the batch; None for all of it, once it was reported."""
        self.budget: tuple[Decimal, Decimal] | None = None
        """What all runs together may spend, and what of it is left; None where the journal has no say."""
        self.lost_since: datetime | None = None
        """Where it was begun earlier, and what was written then is gone: when what ran last was begun at the
        earliest. Known once it is open."""
        self._retry_failed = retry_failed
        self._retry_uncertain = retry_uncertain
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._pending: deque[Write] = deque()
        self._queued = self._written = 0
        self._creates = 0
        self._is_over = False

    def acquire(self) -> bool:
        """Take the right to run the batch; False while a run that was stopped in this process winds up.

        Raises where another run has it, or it cannot be taken here.
        """
        return True

    def open(self, inputs: Inputs | None = None, holder: str = "") -> None:
        """Find the batch, or begin it, and write who runs it now; refuses a name that another model has."""
        model = self._begin(inputs, holder)
        left = _unwritten.pop(self._place, [])
        with self._lock:
            self._pending.extend(left)
            self._queued += len(left)
        self.flush()
        if model != replace_surrogates(self.model or model):
            raise InvalidInputError(
                f"There is a batch {self.name!r} of {model!r} already. Choose another name for the one "
                f"of {self.model!r}.",
                effect="Nothing was sent.",
            )
        self.model = self.model or model

    @abstractmethod
    def take(self, *, more: bool) -> list[Item] | None:
        """Return some more items, none where others have them all for now, and None when that was all.

        ``more`` says whether any may still be created.
        """

    @abstractmethod
    def ids(self, since: int, *, own: bool = False) -> frozenset[str]:
        """Return the ids that items of this account have, in whichever batch, or in this one alone.

        Those that were sent long before a time, in microseconds, may be left out.
        """

    # Where there is one run at a time, on one machine, there is nothing to do for the others:

    def begin_look(self) -> None:
        """Wait until nobody else looks for what this account perhaps sent."""

    def end_look(self) -> None:
        """Let the next one look."""

    def beat(self) -> Counts | None:
        """Keep what this run holds, and return how far all of them are; None where it is the only one."""
        return None

    def hurry(self) -> None:
        """Wait no longer than a moment for a database that is away."""

    def stop(self) -> None:
        """Stop all runs of the batch."""

    def wind_up(self) -> None:
        """Let the next run in this process know that this one ends in a moment."""

    @abstractmethod
    def release(self) -> None:
        """Give back what this run holds, now."""

    def leave(self) -> None:
        """Give it back as soon as it is known what became of every create: one may be on the wire still."""
        with self._lock:
            self._is_over = True
            is_last = not self._creates
        if is_last:
            self.release()
        else:
            self.wind_up()

    def begin_create(self) -> None:
        """Count a create of which somebody will be told what became of it."""
        with self._lock:
            self._creates += 1

    def end_create(self) -> bool:
        """Count it out; returns whether `release` is due: it was the last one, and the run is over."""
        with self._lock:
            self._creates -= 1
            return self._is_over and not self._creates

    def busy(self, holder: str) -> SkytellsError:
        """Return the error that says that another run has the batch."""
        by = f" ({holder})" if holder else ""
        return SkytellsError(
            f"Batch {self.name!r} is running already{by}. Wait for it, stop it, or use another name=.",
            charged=False,
            effect="Nothing was sent.",
        )

    # What becomes of an item

    def sent(self, key: ItemKey, since: datetime, most: Decimal | None = None) -> Write:
        """Write that an item is about to be sent. It must not be where that is refused.

        ``most`` is what it may cost at most, which is set aside from the batch's budget.
        """
        return self._written_now("sent", key, since=to_micros(since), reserved=most)

    def found(self, key: ItemKey, identifier: str) -> Write:
        """Write an id that was found in the listing; refused where another item has it."""
        return self._written_now("found", key, id=replace_surrogates(identifier))

    def withdrawn(self, key: ItemKey) -> Write:
        """Queue that an item was certainly not accepted."""
        return self._put("withdrawn", key)

    def again(self, key: ItemKey) -> Write:
        """Queue that an item is about to be created anew, whatever was made of it before."""
        return self._put("again", key)

    def reused(self, key: ItemKey, identifier: str) -> Write:
        """Write that an item was taken from the archive; this batch has paid nothing for it."""
        return self._put("reused", key, id=replace_surrogates(identifier))

    def running(self, key: ItemKey, identifier: str) -> Write:
        """Queue an item's id. Another item that took it from the listing by mistake gives it back."""
        return self._put("running", key, id=replace_surrogates(identifier))

    def ended(self, key: ItemKey, prediction: Prediction) -> Write:
        identifier, error = map(replace_surrogates, (prediction.id, prediction.error))
        return self._put(
            "ended", key, state=prediction.status, id=identifier, cost=prediction.cost, error=error
        )

    def settled(self, key: ItemKey, state: str, error: str) -> Write:
        """Queue that an item failed without a prediction, or that its outcome is unknown."""
        return self._put("settled", key, state=state, error=replace_surrogates(error))

    def flush(self, upto: Write | None = None) -> None:
        """Write what is queued, up to one at least; whoever comes meanwhile finds it done.

        What cannot be written stays queued, for the next try, and the error is raised.
        """
        with self._lock:
            wanted = self._queued if upto is None else upto.number
        with self._writing:
            if self._written >= wanted:
                return
            with self._lock:
                queued = list(self._pending)
            self._write(queued)
            with self._lock:
                for _ in queued:
                    self._pending.popleft()
            self._written += len(queued)

    def close(self) -> None:
        """Write what is still queued; what cannot be written is kept for the next run in this process."""
        try:
            self.flush()
        except SkytellsError:
            with self._lock:
                _unwritten[self._place] = list(self._pending)
            raise

    def _put(self, operation: Operation, key: ItemKey, **values: Any) -> Write:
        write = Write(operation, key, values)
        with self._lock:
            self._pending.append(write)
            self._queued += 1
            write.number = self._queued
        return write

    def _written_now(self, operation: Operation, key: ItemKey, **values: Any) -> Write:
        write = self._put(operation, key, **values)
        self.flush(write)
        return write

    @property
    @abstractmethod
    def _place(self) -> tuple[Any, ...]:
        """Where it is, and whose: what tells batches of this process apart."""

    @abstractmethod
    def _begin(self, inputs: Inputs | None, holder: str) -> str:
        """Find the batch or begin it; return its model."""

    @abstractmethod
    def _write(self, queued: Sequence[Write]) -> None:
        """Write all of them in one transaction, in order."""


def unwritten(why: SkytellsError) -> SkytellsError:
    """Return the error of a batch that ends since its journal cannot be written."""
    what = why.message.partition(". ")[0].removesuffix(".")  # without the archive's own remedy
    return SkytellsError(
        f"Batch stopped, since its journal cannot be written: {what}. Put that right and run it again; "
        "nothing is paid for twice.",
        detail=why.detail,
    )


class TakenError(SkytellsError):
    """Another worker has the item by now, because this one was not heard of for too long."""


@dataclass(eq=False, repr=False)
class ItemObserver(Observer):
    """Writes into the journal what becomes of one item's create.

    `id` is that of the prediction that was made, once it is known, and `refusal` why the journal could not be
    written; nothing was sent then.
    """

    journal: Journal
    connection: Connection
    key: ItemKey
    made: set[str]
    id: str | None = None
    refusal: SkytellsError | None = None

    async def before_create(self, account: Account, model: str, input: dict[str, Any]) -> object:
        """Write the item before anything is sent."""
        connection, journal = self.connection, self.journal
        price: Estimate | None = None
        while True:
            if journal.budget is not None and price is None:
                from ..spending import require_price

                price = await require_price(connection, model, input)
            since = connection.earliest(connection.now(), connection.wall())
            most = None if price is None else price.high
            try:
                write = await asyncio.to_thread(journal.sent, self.key, since, most)
            except BaseException as error:
                journal.withdrawn(self.key)
                self.refusal = error if isinstance(error, SkytellsError) else None
                raise
            if write.refused == "taken":
                raise TakenError("Another worker has this item by now.", charged=False)
            if write.refused is None:
                break
            if price is not None and journal.budget is not None:  # else that has changed just now
                from ..spending import over_budget

                raise over_budget(model, price, *journal.budget, sandbox=account.sandbox)
        journal.begin_create()
        return None

    async def created(self, account: Account, ticket: object, prediction: Prediction) -> None:
        self.id = prediction.id
        self.made.add(prediction.id)
        await self._flush(self.journal.running(self.key, prediction.id))

    async def not_created(self, account: Account, ticket: object, error: BaseException, sent: bool) -> None:
        """Write that it was not accepted, or that nobody knows."""
        write: Write | None = None
        if not sent:
            write = self.journal.withdrawn(self.key)
        elif isinstance(error, UncertainCreateError):
            write = self.journal.settled(self.key, "uncertain", error.message)
        await self._flush(write)

    async def _flush(self, write: Write | None) -> None:
        try:
            if write is not None:
                await asyncio.to_thread(self.journal.flush, write)
        finally:
            if self.journal.end_create():
                await asyncio.to_thread(self.journal.release)
