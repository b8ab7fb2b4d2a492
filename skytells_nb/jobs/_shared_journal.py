"""The journal of a batch in PostgreSQL: any number of workers, on any machine, work it off together.

A worker claims items with a lease, and renews it while it lives. The step to `sent` is fenced: it is written
only where the item is claimed, by this worker, and its lease has not run out. So what was only claimed when a
worker died was certainly not sent, and others take it. What was sent and has no id is in doubt: one at a time
looks for it in the account's listing, and what is not found stays uncertain. Leases are by the database's
clock, whatever those of the machines say.

A budget is a wall for all workers: a create sets aside the most that it may cost in the transaction that
writes it as sent. Where there is one, each transaction locks the batch's row first, so none waits for another
that waits for it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, ClassVar, Final
from uuid import uuid4

from ..api import Account
from ..checks import did_you_mean
from ..exceptions import AuthenticationError, InvalidInputError, SkytellsError
from ._inputs import Inputs, ItemKey
from ._journal import CHUNK, HEAVY, Counts, Item, Journal, Row, Write
from ._postgres import STATEMENTS, Address, Database, Postgres, require_tables

MARGIN: Final = 30.0
"""Seconds that a lease is longer than one exchange with the API may take."""

_HOUR: Final = 3_600_000_000  # microseconds; no create takes so long that it could still be looked for
_RARELY: Final = 20.0  # counting a large batch takes a while: at most a twentieth of the time
_TAKEN_OVER: Final = 100
_TURN: Final = 0.5
_MOMENT: Final = 1.5


class SharedJournal(Journal):
    """The journal of one batch, in PostgreSQL; further options are those of `Journal`.

    ``timeout`` is the seconds that one exchange with the API may take, ``claims`` how many items are claimed
    at a time, ``budget`` what the batch may cost (None leaves it as it was). A worker that helps another run
    is told when that began, by the database (``begun``), and how often the batch had been stopped by then
    (``stops``). With ``reports`` it reports all items at the end.
    """

    elsewhere: ClassVar[str] = "It was made by another worker, in whose archive its files are."

    def __init__(
        self,
        address: Address,
        account: Account,
        *,
        timeout: float,
        claims: int,
        budget: Decimal | None = None,
        begun: datetime | None = None,
        stops: int | None = None,
        reports: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(account, **options)
        self.begun = begun
        self.stops = stops
        self.address = address
        self._lease = timeout + MARGIN
        self._claims = claims
        self._reports = reports
        self._reported = -1
        self._places: dict[ItemKey, int] = {}
        self._renewed = time.monotonic()
        self._count_at = 0.0
        self._counts = (0, 0, 0)
        self._holder = ""
        self._new_budget = budget
        self._database = Postgres(address)
        self._looker: Postgres | None = None
        self._values: dict[str, Any] = {
            "origin": account.origin,
            "account": account.fingerprint,
            "name": _text(self.name),
            "batch": 0,
            "worker": uuid4().hex,
            "lease": self._lease,
            "retry_failed": self._retry_failed,
        }

    def for_workers(self) -> dict[str, Any]:
        """Return the options of the journals of workers that help this run, in plain values."""
        return {
            "address": self.address,
            "name": self.name,
            "timeout": self._lease - MARGIN,
            "claims": self._claims,
            "begun": self.begun,
            "stops": self.stops,
            "retry_uncertain": self._retry_uncertain,
        }

    # What is to be done

    def take(self, *, more: bool) -> list[Item] | None:
        """Claim what was left by the dead, then what waits; at the end report all there is."""
        self.flush()
        if more:
            items = self._database.run(self._claim)
            if items or self.is_open():
                self._places.update((item.key, item.position) for item in items)
                return items
        else:
            self._database.run(lambda db: db.execute(STATEMENTS["hand_back"], self._values))
        items = self._database.run(self._report) if self._reports else []
        if items:
            self._reported = items[-1].position
        return items or None

    def _claim(self, db: Database) -> list[Item]:
        found = db.execute(
            STATEMENTS["take_over"], {**self._values, "most": _TAKEN_OVER, "begun": self.begun}
        ).fetchall()
        items = [_item(row) for row in found]
        for item, (*_, until) in zip(items, found, strict=True):
            item.resend = self._retry_uncertain and until <= self.begun
        if len(items) < self._claims:
            claim = {**self._values, "most": self._claims - len(items)}
            items += [_item(row) for row in db.execute(STATEMENTS["claim"], claim)]
        for item in items:
            if item.row is not None and item.row.state in ("waiting", "claimed"):
                item.row = None
        return items

    def _report(self, db: Database) -> list[Item]:
        page = {**self._values, "after": self._reported, "most": CHUNK, "heavy": HEAVY}
        items = [_item(row) for row in db.execute(STATEMENTS["report"], page)]
        for item in items:
            item.is_held = False
        return items

    def ids(self, since: int, *, own: bool = False) -> frozenset[str]:
        """Return the ids that items of this account have, but for those sent an hour before a time."""
        values = {**self._values, "since": since - _HOUR, "own": own}
        found = self._database.run(lambda db: db.execute(STATEMENTS["ids"], values).fetchall())
        return frozenset(identifier for (identifier,) in found)

    def reused(self, key: ItemKey, identifier: str) -> Write:
        """Write that an item was taken from the archive; refused where another item of the batch has it."""
        return self._written_now("reused", key, id=identifier)

    def begin_look(self) -> None:
        """Wait until nobody else looks for what this account perhaps sent.

        The lock is a transaction's own: it is gone as soon as its connection is, whatever becomes of this
        process, also behind a pooler that keeps sessions.
        """
        looker = self._looker = Postgres(self.address, holds=True)
        mine = "SELECT pg_try_advisory_xact_lock(hashtextextended(%(origin)s || %(account)s, 0))"
        while not looker.run(lambda db: db.execute(mine, self._values).fetchone() == (True,)):
            time.sleep(_TURN)

    def end_look(self) -> None:
        looker, self._looker = self._looker, None
        if looker is not None:
            looker.close()

    # What becomes of the whole

    def beat(self) -> Counts:
        """Renew the leases, and return how far all workers are."""
        if time.monotonic() - self._renewed > self._lease / 4:
            self._renewed = time.monotonic()
            self._database.run(lambda db: db.execute(STATEMENTS["renew"], self._values))
        now = time.monotonic()
        if now >= self._count_at:
            done, failed, canceled = self._ask("count")
            self._counts = (done, failed, canceled)
            self._count_at = now + _RARELY * (time.monotonic() - now)
        stops, stopped_by = self._ask("stops")
        return Counts(*self._counts, stopped_by if stops != self.stops else None)

    def hurry(self) -> None:
        self._database.hurry(_MOMENT)

    def is_open(self) -> bool:
        return bool(self._ask("open")[0])

    def _ask(self, question: str) -> tuple[Any, ...]:
        found = self._database.run(lambda db: db.execute(STATEMENTS[question], self._values).fetchone())
        if found is None:
            raise SkytellsError(
                f"Batch {self.name!r} was deleted from its journal. What it has made is in the archive."
            )
        return found

    def stop(self) -> None:
        """Stop all workers of the batch: they create nothing more, and cancel what is under way."""
        if not self._values["batch"]:
            return
        stop = {**self._values, "by": _text(self._holder)}
        self._database.run(lambda db: db.execute(STATEMENTS["stop"], stop))

    def release(self) -> None:
        """Give back what this worker holds, and go; where that fails, its leases run out."""
        self.hurry()
        try:
            if self._values["batch"]:
                self.flush()
                self._database.run(lambda db: db.execute(STATEMENTS["release"], self._values))
        finally:
            self.end_look()
            self._database.close()

    # Opening

    @property
    def _place(self) -> tuple[Any, ...]:
        return (str(self.address), self.account.origin, self.account.fingerprint, self.name)

    def _begin(self, inputs: Inputs | None, holder: str) -> str:
        self._holder = holder
        self._database.run(require_tables, patient=False)
        return self._database.run(lambda db: self._find(inputs, db), patient=False)

    def _find(self, inputs: Inputs | None, db: Database) -> str:
        values = self._values
        if inputs is not None:
            if self._is_of_another_key(db) and db.execute(STATEMENTS["find"], values).fetchone() is None:
                raise self._of_another_key()
            begin = {**values, "model": _text(self.model), "sandbox": self.account.sandbox}
            db.execute(STATEMENTS["begin"], begin)
        found = db.execute(STATEMENTS["find"], values).fetchone()
        if found is None:
            raise self._missing(db)
        values["batch"], model, self.total, now, stops, budget = found
        if self.model and model != _text(self.model):
            return str(model)  # which `open` refuses
        if inputs is not None:
            self.positions = self._list(inputs, db)
        if self.begun is None:
            self.begun, self.stops = now, stops
            db.execute(STATEMENTS["renew_waiting"], values)
        if self._new_budget is not None:
            budget = self._new_budget
            db.execute(STATEMENTS["set_budget"], {**values, "budget": budget})
        self.budget = None if budget is None else (budget, budget)
        return str(model)

    def _list(self, inputs: Inputs, db: Database) -> list[int]:
        """Write the inputs that are not there yet; return the place of each in the batch."""
        db.execute(STATEMENTS["given"])
        with db.cursor().copy(
            "COPY jobs_given (place, digest, number, input) FROM STDIN (FORMAT BINARY)"
        ) as copy:
            copy.set_types(["int8", "bytea", "int4", "text"])
            for place, input in enumerate(inputs.reread()):
                copy.write_row((place, *inputs.key(place), json.dumps(input)))
        before = self.total
        found = db.execute(STATEMENTS["list"], {**self._values, "total": before}).fetchone()
        self.total = int((found or (0,))[0])
        if self.total > before:
            db.execute(STATEMENTS["analyze"])
        places = db.execute(STATEMENTS["places"], self._values).fetchall()
        return [place for (place,) in places]

    def _is_of_another_key(self, db: Database) -> bool:
        others = db.execute(STATEMENTS["others"], self._values).fetchall()
        return any(origin == self.account.origin for origin, _ in others)

    def _missing(self, db: Database) -> SkytellsError:
        if self._is_of_another_key(db):
            return self._of_another_key()
        if others := db.execute(STATEMENTS["others"], self._values).fetchall():
            return InvalidInputError(
                f"Batch {self.name!r} in the journal at {self.address} belongs to {others[0][0]}, and this "
                f"client talks to {self.account.origin}. Pass client= of a client with that base_url=.",
                effect="Nothing was sent.",
            )
        names = [name for (name,) in db.execute(STATEMENTS["names"], self._values)]
        hint = did_you_mean(self.name, names) or " Pass its model and inputs to begin it."
        return InvalidInputError(
            f"There is no batch {self.name!r} in the journal at {self.address}.{hint}",
            effect="Nothing was sent.",
        )

    def _of_another_key(self) -> AuthenticationError:
        return AuthenticationError(
            f"Batch {self.name!r} in the journal at {self.address} was begun with another key. Use that "
            "key, or another name=.",
            charged=False,
            effect="Nothing was sent.",
        )

    # Writing

    def _write(self, queued: Sequence[Write]) -> None:
        for write in queued:
            write.refused = None
        self._database.run(lambda db: self._execute(queued, db))

    def _execute(self, queued: Sequence[Write], db: Database) -> None:
        """Write all, as one statement for each run of equal operations."""
        left = self._lock_sums(db)
        for digest, number in {write.key for write in queued} - self._places.keys():  # of an earlier run here
            found = db.execute(STATEMENTS["place"], {**self._values, "digest": digest, "number": number})
            self._places[digest, number] = int((found.fetchone() or (-1,))[0])
        for operation, group in groupby(queued, lambda write: write.operation):
            writes = list({write.key: write for write in group}.values())
            if operation == "sent":
                writes, left = self._within(writes, left)
            if not writes:
                continue
            columns: dict[str, Any] = {
                name: [
                    _text(v) if isinstance(v, str) else v for v in (write.values[name] for write in writes)
                ]
                for name in writes[0].values
            }
            columns["position"] = [self._places[write.key] for write in writes]
            cursor = db.execute(STATEMENTS[operation], {**self._values, **columns})
            if operation in ("sent", "found", "reused"):
                done = {position for (position,) in cursor}
                for write in writes:
                    write.refused = None if self._places[write.key] in done else "taken"
            if operation == "running":
                db.execute(STATEMENTS["own"], {**self._values, **columns})

    def _lock_sums(self, db: Database) -> Decimal | None:
        """Lock the sums of a batch with a budget, and return what that has left.

        Without one, workers write side by side; whoever gives it one waits for those that write.
        """
        if self.budget is None and db.execute(STATEMENTS["share"], self._values).fetchone() != (True,):
            return None
        budget, paid, reserved = db.execute(STATEMENTS["lock"], self._values).fetchone() or (Decimal(0),) * 3
        self.budget = budget, budget - paid - reserved
        return self.budget[1]

    def _within(self, writes: list[Write], left: Decimal | None) -> tuple[list[Write], Decimal | None]:
        if left is None:
            return writes, None
        kept = []
        for write in writes:
            most = write.values["reserved"]
            if most is None or most > left:
                write.refused = "budget"
            else:
                left -= most
                kept.append(write)
        return kept, left


def _item(row: Sequence[Any]) -> Item:
    position, digest, number, input, state, identifier, since, cost, error = row[:9]
    known = Row(state, identifier, since, None if cost is None else str(cost), error)
    return Item(position, (bytes(digest), number), json.loads(input), known)


def _text(value: str) -> str:
    """Return a text that PostgreSQL can hold: it knows no NUL, nor half a surrogate pair."""
    return value.replace("\0", "�").encode("utf-8", "replace").decode("utf-8")
