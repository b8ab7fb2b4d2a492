"""``budget``: a wall for everything that is created while it stands, in whatever thread or task.

It listens to every client of the process, since context variables reach neither threads nor the
clicks on a form. Each create reserves the most that it may cost before it is sent, in one transaction, so
concurrent ones cannot slip past; the real cost takes the reservation's place when it is known. A child
spends from the same books as its parent, whose open budgets it finds announced in the ledgers' folder; other
processes do where the budget has a name.
"""

from __future__ import annotations

import asyncio
import json
import os
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any, Final, Literal, Self
from uuid import uuid4

from .._storage import replacing
from ..api import Account, Connection, Observer, announced_as, connection_for, global_observers, latest
from ..checks import check_amount, check_choice, check_flag, check_text
from ..exceptions import (
    AuthenticationError,
    BudgetExceeded,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    SkytellsError,
    warn_user,
)
from ..formatting import CREDITS, DOLLARS, money_unit
from ..formatting import format_cost as money
from ..models import Prediction
from ..pricing import EXACT, PLAUSIBLE, Estimate
from ._estimate import PRICES, estimate_on_loop, spent_since
from ._ledger import Balance, Entry, Ledger, discard

_REFRESH: Final = 5.0
_doors, _joining = Lock(), Lock()


def budget(
    amount: Decimal | float | str,
    *,
    per: Literal["day"] | None = None,
    allow_unknown: bool = False,
    shared: str | None = None,
) -> Budget:
    """Set a limit to what may be spent while a ``with`` block runs, by the whole process.

    Processes that this one starts, or has started before, such as a pool's workers, spend from the same
    budget, and on Linux those that they start in turn. Others know of it where they open one that is
    ``shared``.

    Parameters
    ----------
    amount : Decimal, float or str
        US dollars. Credits are taken as US dollars, one for one: an assumption, since no source says so.
        On a sandbox the same number of its credits, so that a budget can be rehearsed.
    per : "day", optional
        Count as well what the client's archive knows to have been spent on the same origin since local
        midnight. Without an archive that cannot be known, and creates are refused.
    allow_unknown : bool
        Let creates through whose price cannot be known beforehand. Their cost counts once it is known. Text
        calls with pictures in their messages are among them: no source says how many tokens a picture is, or
        how many at most, nor how long a model's context is, which would bound them, too.
    shared : str, optional
        A name. What all processes of this user on this machine spend under budgets of this name counts
        together, as long as one of them lives; each keeps its own limit.

    Returns
    -------
    Budget
        With ``spent``, ``reserved``, ``estimated`` and ``remaining``. Budgets nest, and every one of them
        must agree: the tightest wins.

    Raises
    ------
    InvalidInputError
        ``amount`` is no amount of zero or more, ``per`` another word, or ``shared`` no name.
    BudgetExceeded
        Raised by a create that would cross it, before anything is sent.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox() as sandbox, sandbox.client() as client, sky.budget(0.02) as b:
    ...     for prompt in ("a fox", "a hen", "a pig"):
    ...         try:
    ...             made = client.predictions.create("truefusion-edge", {"prompt": prompt})
    ...         except sky.exceptions.BudgetExceeded as error:
    ...             print(error.remaining, b.spent)
    0.00 0.02
    """
    made = Budget(amount, per=per, allow_unknown=allow_unknown, shared=shared)
    reminder = _Reminder(made)
    made._reminder = reminder  # noqa: SLF001 - one idea in two classes
    with _doors:
        global_observers.append(reminder)
    return made


def _now() -> datetime:
    return datetime.now(UTC).astimezone()


class Budget(Observer):
    """A limit, and how far it is used up; ``budget`` makes one and documents its parameters.

    Attributes
    ----------
    limit : Decimal
        The whole of it.
    per : "day" or None
        Whether it is each day's.
    allow_unknown : bool
        Whether creates go out whose price nobody knows beforehand.
    shared : str or None
        The name under which other processes spend from it too.

    Examples
    --------
    >>> from skytells_nb.spending import Budget
    >>> with Budget("2.50") as b:
    ...     b
    <budget of $2.50: $0.00 spent, $0.00 reserved, $2.50 left>
    """

    def __init__(
        self,
        amount: Decimal | float | str,
        *,
        per: Literal["day"] | None = None,
        allow_unknown: bool = False,
        shared: str | None = None,
        now: Callable[[], datetime] = _now,
        ledger: Path | None = None,
    ) -> None:
        self._reminder: _Reminder | None = None
        self.limit = check_amount("amount", amount)
        self.per = check_choice("per", per, ("day", None))
        self.allow_unknown = check_flag("allow_unknown", allow_unknown)
        self.shared = None if shared is None else check_text("shared", shared, what="a name")
        self._now = now
        self._ledger = Ledger(self.limit, self.shared, ledger)
        self.announcement: Path | None = None
        self.announced_by = 0
        self._real: set[str] = set()
        self._read: dict[str, tuple[float, datetime]] = {}
        self._uncounted: dict[str, int] = {}

    @property
    def spent(self) -> Decimal:
        """What was paid, as far as the API says; with ``per="day"`` since local midnight."""
        return _cents(self._balance().spent)

    @property
    def reserved(self) -> Decimal:
        """What is set aside: for what is under way, in doubt, or ended without a known cost."""
        return _cents(self._balance().reserved)

    @property
    def estimated(self) -> Decimal:
        """The part of ``reserved`` that stays an estimate, since the API names no cost."""
        return _cents(self._balance().estimated)

    @property
    def remaining(self) -> Decimal:
        """What is left; below zero only when something cost more than it was estimated to."""
        return _cents(self._left(self.sandbox))

    @property
    def sandbox(self) -> bool:
        """Whether only a sandbox was used, so that these figures are no money."""
        return self._ledger.only_sandbox

    @property
    def ledger_file(self) -> Path:
        """The books of this budget, in which those count who share it."""
        return self._ledger.file

    @property
    def is_open(self) -> bool:
        """True while the budget is active."""
        return any(observer is self for observer in global_observers)

    def open(self) -> Self:
        """Activate it for every client of this process; best with ``with``."""
        with _doors:
            if self.is_open:
                raise SkytellsError("This budget is open already. Make another to nest one.", charged=False)
            _remove(self._reminder)
            self._reminder = None
            if self.announcement is None:
                self._announce()
                # A child may open by name what it has joined already: it counts once.
                for each in _open_budgets():
                    if each.ledger_file == self.ledger_file and each.announced_by != os.getpid():
                        _remove(each)
            global_observers.append(self)
        return self

    def _announce(self) -> None:
        """Write down for the children of this process, also those it has already, that they spend from it."""
        terms = {"ledger": str(self._ledger.file), "amount": str(self.limit), "per": self.per}
        terms |= {"allow_unknown": self.allow_unknown, "shared": self.shared}
        made = self._ledger.file.with_name(f"{announced_as(os.getpid())}{uuid4().hex}.json")
        with replacing(made) as draft:
            draft.write_text(json.dumps(terms), encoding="utf-8")
        self.announcement, self.announced_by = made, os.getpid()
        self._withdraw = weakref.finalize(self, discard, made, os.getpid())

    def close(self) -> None:
        """Deactivate it. What is still under way is no longer followed, and stays reserved."""
        with _doors:
            _remove(self)
            if self.announced_by == os.getpid():
                self._withdraw()
                self.announcement = None

    def __del__(self) -> None:
        reminder: _Reminder | None = getattr(self, "_reminder", None)
        if reminder is not None:
            _remove(reminder)
            reminder.warn()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        played = self.sandbox
        if not (played or self.spent or self.reserved):  # nothing yet: what is connected to is what it is for
            played = (connection := latest()) is not None and connection.account.sandbox
        unit = money_unit(played)
        daily = f" a day, since {self._midnight():%Y-%m-%d %H:%M %z}" if self.per else ""
        parts = [f"{money(self.spent, unit)} spent", f"{money(self.reserved, unit)} reserved"]
        if self.estimated:
            parts.append(f"{money(self.estimated, unit)} of that estimated")
        parts.append(f"{money(self.remaining, unit)} left")
        unpriced = self._balance().unpriced + sum(self._uncounted.values())
        if unpriced:
            parts.append(f"{unpriced} of unknown cost not counted")
        name = "" if self.shared is None else f" shared as {self.shared!r}"
        idle = "" if self._reminder is None else "; it limits nothing yet: use it in a with block"
        return f"<budget of {money(self.limit, unit)}{daily}{name}: {', '.join(parts)}{idle}>"

    # What an observer does.

    async def before_create(self, account: Account, model: str, input: dict[str, Any]) -> object:
        connection = connection_for(account)
        estimate = await self._estimate(connection, model, input)
        known = account if connection is None else connection.account
        # Whoever was billed in dollars stays so: a server that begins to call itself a sandbox would open a
        # second wall of the same height.
        sandbox = (known.sandbox or PRICES.is_sandbox(known.origin)) and known.origin not in self._real
        known = replace(known, sandbox=sandbox)
        if not sandbox:
            self._real.add(known.origin)
        if self.per is not None:
            await self._count_today(connection, known)
        return self._reserve(known, model, estimate)

    async def created(self, account: Account, ticket: object, prediction: Prediction) -> None:  # noqa: ARG002 - as Observer has it
        if isinstance(ticket, Entry):
            self._ledger.tie(ticket, prediction.id)

    async def not_created(
        self,
        account: Account,  # noqa: ARG002 - as Observer has it
        ticket: object,
        error: BaseException,  # noqa: ARG002 - as Observer has it
        sent: bool,
    ) -> None:
        if isinstance(ticket, Entry):
            if sent:
                self._ledger.doubt(ticket)
            else:
                self._ledger.give_back(ticket)

    async def ended(self, account: Account, prediction: Prediction) -> Prediction:
        if self._ledger.settle(account.origin, prediction.id, _paid(prediction)):
            PRICES.doubt()  # it was raised, perhaps, since it was read: the next create shall know
        return prediction

    async def _estimate(self, connection: Connection | None, model: str, input: dict[str, Any]) -> Estimate:
        if connection is None:
            return _unknown("its client is closed, so there is no price list to read")
        try:
            return await _price(connection, model, input)
        except (NotFoundError, AuthenticationError, PermissionDeniedError):
            if not self.allow_unknown:
                raise
            return _unknown("the API shows no such model")

    def _reserve(self, account: Account, model: str, estimate: Estimate) -> Entry | None:
        if estimate.high is None and not self.allow_unknown:
            raise self._refusal(
                _UNPRICED.format(model=model, basis=estimate.basis),
                estimate,
                account.sandbox,
                "pass allow_unknown=True to budget to let such creates through.",
            )
        entry = Entry(
            account.origin,
            self._now().date(),
            account.sandbox,
            estimate.high or Decimal(0),
            priced=estimate.high is not None,
        )
        # One of the same name that is open here as well, and was asked before, has set it aside already.
        sharers = (each for each in _open_budgets() if each.ledger_file == self.ledger_file)
        is_set_aside = next(sharers, self) is not self
        if is_set_aside:
            fits = self._left(account.sandbox) >= 0
        else:
            fits = self._ledger.reserve(entry, daily=self.per is not None)
        if not fits:
            raise self._refusal(
                _priced(model, estimate, account.sandbox),
                estimate,
                account.sandbox,
                "raise the budget, or ask for less.",
            )
        return None if is_set_aside else entry

    def _refusal(self, what: str, estimate: Estimate, sandbox: bool, advice: str) -> BudgetExceeded:
        unit = money_unit(sandbox)
        balance = self._balance(sandbox)
        left = balance.left(self.limit)
        others = [o._left(sandbox) for o in global_observers if isinstance(o, Budget)]  # noqa: SLF001 - another budget, of this class
        daily = f" since midnight, {self._midnight():%Y-%m-%d %H:%M %z}" if self.per else ""
        return BudgetExceeded(
            f"{what}, and the budget of {money(self.limit, unit)} has {money(left, unit)} left: "
            f"{money(balance.spent, unit)} is spent{daily}, {money(balance.reserved, unit)} reserved. "
            f"Nothing was sent: {advice}",
            estimate=estimate,
            remaining=_cents(min([left, *others])),
            charged=False,
        )

    async def _count_today(self, connection: Connection | None, account: Account) -> None:
        """Ask the archive what was spent today without this budget; at most every few seconds."""
        if connection is None or connection.archive is None:
            if self.allow_unknown:
                return
            raise InvalidInputError(
                "A budget per day counts what an archive knows of today, and this client has none. Nothing "
                "was sent. Make the client with archive=True, or the budget without per=."
            )
        midnight = self._midnight()
        read = self._read.get(account.origin)
        if read is not None and read[0] > monotonic() and read[1] == midnight:
            return
        spent, unknown = await asyncio.to_thread(
            lambda: spent_since(connection, midnight, lambda: self._ledger.ids(account.origin))
        )
        self._ledger.earlier(account.origin, account.sandbox, midnight.date(), spent)
        self._uncounted[account.origin] = unknown
        self._read[account.origin] = (monotonic() + _REFRESH, midnight)

    def _midnight(self) -> datetime:
        """Return today's midnight by this machine's clock, whatever the offset was then."""
        naive = self._now().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        return naive.astimezone() if self._now is _now else naive.replace(tzinfo=self._now().tzinfo)

    def _balance(self, sandbox: bool | None = None) -> Balance:
        played = self.sandbox if sandbox is None else sandbox
        return self._ledger.balance(played, self._now().date() if self.per else None)

    def _left(self, sandbox: bool) -> Decimal:
        return self._balance(sandbox).left(self.limit)


async def require_price(connection: Connection, model: str, input: dict[str, Any]) -> Estimate:
    """Estimate the most that a create may cost; BudgetExceeded where nobody can know it beforehand."""
    found = await _price(connection, model, input)
    if found.high is None:
        raise BudgetExceeded(
            f"{_UNPRICED.format(model=model, basis=found.basis)}, and a batch with a budget sends nothing "
            "without a price. Run it without budget=.",
            estimate=found,
            charged=False,
            effect="Nothing was sent.",
        )
    return found


def own_budget(given: Budget | Decimal | float | str | None) -> Budget | None:
    """Return the budget of a widget of its own: one for an amount, or one that it shares."""
    return given if given is None or isinstance(given, Budget) else Budget(given)


def as_observers(own: Budget | None) -> tuple[Budget, ...]:
    """Return who hears of a widget's creates: its own budget, unless that is open and hears of all anyway."""
    return () if own is None or own.is_open else (own,)


def over_budget(
    model: str, estimate: Estimate, limit: Decimal, left: Decimal, *, sandbox: bool
) -> BudgetExceeded:
    """Return the error of a create that a budget which several workers share does not cover."""
    unit = money_unit(sandbox)
    return BudgetExceeded(
        f"{_priced(model, estimate, sandbox)}, and the batch's budget of {money(limit, unit)} has "
        f"{money(left, unit)} left for all its workers. Raise it, or ask for less.",
        estimate=estimate,
        remaining=_cents(left),
        charged=False,
        effect="Nothing was sent.",
    )


async def _price(connection: Connection, model: str, input: dict[str, Any]) -> Estimate:
    try:
        found = await estimate_on_loop(connection, model, input)
    except (NotFoundError, AuthenticationError, PermissionDeniedError):
        raise
    except SkytellsError as error:
        return _unknown(f"its price could not be read ({error.detail or error})")
    if found.high is not None and found.currency not in (DOLLARS, CREDITS):
        return _unknown(f"it is priced in {found.currency}, and budgets are in US dollars")
    return found


_UNPRICED: Final = "What a create of {model!r} costs is unknown ({basis})"


def _priced(model: str, estimate: Estimate, sandbox: bool) -> str:
    upto = "" if estimate.exact else "up to "
    most = money(estimate.high, money_unit(sandbox))
    return f"A create of {model!r} would cost {upto}{most} ({estimate.basis})"


class _Reminder(Observer):
    """Warns at the first create that a budget was made and never opened."""

    def __init__(self, made: Budget) -> None:
        self._limit, self._done = made.limit, False

    async def before_create(self, account: Account, model: str, input: dict[str, Any]) -> object:  # noqa: ARG002 - as Observer has it
        self.warn()
        return None

    def warn(self) -> None:
        if not self._done:
            self._done = True
            made = f"sky.budget({self._limit})"
            warn_user(f"{made} limits nothing yet. Write `with {made}:`, and create inside the block.")


def _remove(observer: Observer | None) -> None:
    global_observers[:] = [other for other in global_observers if other is not observer]


def _open_budgets() -> list[Budget]:
    return [observer for observer in global_observers if isinstance(observer, Budget)]


def join_budgets(announced: Sequence[Path]) -> None:
    """Open the budgets that the process which started this one has open, and close those it has closed."""
    with _joining:
        for each in _open_budgets():
            source = each.announcement
            if source is not None and each.announced_by != os.getpid() and not source.exists():
                each.close()
        known = {each.announcement for each in _open_budgets()}
        for file in (file for file in announced if file not in known):
            with suppress(FileNotFoundError):  # closed meanwhile
                terms = json.loads(file.read_text(encoding="utf-8"))
                joined = Budget(terms.pop("amount"), ledger=Path(terms.pop("ledger")), **terms)
                if all(joined.ledger_file != each.ledger_file for each in _open_budgets()):
                    joined.announcement = file
                    joined.open()


def _after_fork() -> None:
    global _doors, _joining
    _doors, _joining = Lock(), Lock()
    for each in _open_budgets():
        each._ledger.after_fork()  # noqa: SLF001 - the budget's own module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _unknown(why: str) -> Estimate:
    return Estimate(None, None, None, DOLLARS, why)


def _paid(prediction: Prediction) -> Decimal | None:
    """Read what a prediction cost, where that can be a cost in US dollars."""
    currency = prediction.metrics.billing.get("currency")
    foreign = isinstance(currency, str) and currency.strip().upper() not in ("", "USD", "CREDIT", "CREDITS")
    cost = prediction.cost
    return None if foreign or cost is None or not 0 <= cost <= PLAUSIBLE else cost


def _cents(amount: Decimal) -> Decimal:
    exponent = amount.as_tuple().exponent
    short = isinstance(exponent, int) and exponent > -2
    return amount.quantize(Decimal("0.01"), context=EXACT) if short else amount
