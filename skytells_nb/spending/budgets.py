"""``budget``: a wall for everything that is created while it stands, in whatever thread or task.

It listens to every client of the process, since context variables reach neither threads nor the
clicks on a form. Each create reserves the most that it may cost before it is sent, under one lock, so
concurrent ones cannot slip past; the real cost takes the reservation's place when it is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from threading import Lock
from time import monotonic
from types import TracebackType
from typing import Any, Final, Literal, Self

from .. import observers
from ..client import Connection, connection_for
from ..exceptions import (
    AuthenticationError,
    BudgetExceeded,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    SkytellsError,
)
from ..formatting import format_cost as money
from ..models import Prediction, reading
from ..observers import Account, Observer
from ..pricing import EXACT, PLAUSIBLE, Estimate
from ..wire.steps import Do, Flow
from .asking import asked
from .history import Day, spent_since
from .ledger import Balance, Entry, Ledger
from .prices import PRICES

__all__ = ["Budget", "budget"]

_REFRESH: Final = 5.0
_doors = Lock()


def budget(
    amount: Decimal | float | str, *, per: Literal["day"] | None = None, allow_unknown: bool = False
) -> Budget:
    """Set a limit to what may be spent while a ``with`` block runs, by the whole process.

    Parameters
    ----------
    amount : Decimal, float or str
        US dollars. Credits are taken as US dollars, one for one: an assumption, since no source says so.
        On a sandbox the same number of sandbox credits, so that a budget can be rehearsed.
    per : "day", optional
        Count as well what the client's archive knows to have been spent on the same origin since local
        midnight. Without an archive that cannot be known, and creates are refused.
    allow_unknown : bool
        Let creates through whose price cannot be known beforehand. Their cost counts once it is known.

    Returns
    -------
    Budget
        With ``spent``, ``reserved``, ``estimated`` and ``remaining``. Budgets nest, and every one of them
        must agree: the tightest wins.

    Raises
    ------
    InvalidInputError
        ``amount`` is no amount of zero or more, or ``per`` another word.
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
    return Budget(amount, per=per, allow_unknown=allow_unknown)


def _now() -> datetime:
    return datetime.now(UTC).astimezone()


class Budget(Observer):
    """A limit, and how far it is used up; ``budget`` makes one, and tells of its parameters.

    Attributes
    ----------
    limit : Decimal
        The whole of it.
    per : "day" or None
        Whether it is each day's.
    allow_unknown : bool
        Whether creates go out whose price nobody knows beforehand.

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
        now: Callable[[], datetime] = _now,
    ) -> None:
        limit = reading.amount(amount)
        if limit is None or limit < 0:
            raise InvalidInputError(
                f"A budget must be US dollars, 0 or more, such as 2.50, not {amount!r}. Nothing is limited.",
                charged=False,
            )
        if per not in (None, "day"):
            raise InvalidInputError(
                f'per must be "day" or None, not {per!r}. Nothing is limited.', charged=False
            )
        self.limit = limit
        self.per = per
        self.allow_unknown = allow_unknown
        self._now = now
        self._ledger = Ledger(limit)
        self._read: dict[str, tuple[float, datetime]] = {}
        self._uncounted: dict[str, int] = {}

    @property
    def spent(self) -> Decimal:
        """What was paid, as far as the API told; with ``per="day"`` since local midnight."""
        return _cents(self._standing().spent)

    @property
    def reserved(self) -> Decimal:
        """What is set aside: for what is under way, in doubt, or ended without telling its cost."""
        return _cents(self._standing().reserved)

    @property
    def estimated(self) -> Decimal:
        """The part of ``reserved`` that stays an estimate, since the cost was never told."""
        return _cents(self._standing().estimated)

    @property
    def remaining(self) -> Decimal:
        """What is left; below zero only when something cost more than it was reckoned to."""
        return _cents(self._left(self.sandbox))

    @property
    def sandbox(self) -> bool:
        """Whether only a sandbox was used, so that these figures are no money."""
        return self._ledger.only_sandbox

    @property
    def is_open(self) -> bool:
        """Whether it stands."""
        return any(observer is self for observer in observers.everywhere)

    def open(self) -> Self:
        """Put it up, for every client of this process; best with ``with``."""
        with _doors:
            if self.is_open:
                raise SkytellsError("This budget is open already. Make another to nest one.", charged=False)
            observers.everywhere.append(self)
        return self

    def close(self) -> None:
        """Take it down. What is still under way is no longer followed, and stays reserved."""
        with _doors:
            observers.everywhere[:] = [other for other in observers.everywhere if other is not self]

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        unit = self._unit(self.sandbox)
        daily = f" a day, since {self._midnight():%Y-%m-%d %H:%M %z}" if self.per else ""
        told = [f"{money(self.spent, unit)} spent", f"{money(self.reserved, unit)} reserved"]
        if self.estimated:
            told.append(f"{money(self.estimated, unit)} of that estimated")
        told.append(f"{money(self.remaining, unit)} left")
        unpriced = self._standing().unpriced + sum(self._uncounted.values())
        if unpriced:
            told.append(f"{unpriced} of unknown cost not counted")
        return f"<budget of {money(self.limit, unit)}{daily}: {', '.join(told)}>"

    # What an observer does.

    def before_create(self, account: Account, model: str, input: dict[str, Any]) -> Flow[object]:
        """Reserve the most that a create may cost, or refuse it."""
        connection = connection_for(account)
        reckoned = yield from self._reckon(connection, model, input)
        known = account if connection is None else connection.conversation.account
        if PRICES.is_sandbox(known.origin):
            known = replace(known, sandbox=True)
        if self.per is not None:
            yield from self._count_today(connection, known)
        return self._reserve(known, model, reckoned)

    def created(self, account: Account, ticket: object, prediction: Prediction) -> Flow[None]:  # noqa: ARG002
        """Tie the reservation to the prediction."""
        yield from ()
        if isinstance(ticket, Entry):
            self._ledger.tie(ticket, prediction.id)

    def not_created(
        self,
        account: Account,  # noqa: ARG002
        ticket: object,
        error: BaseException,  # noqa: ARG002
        sent: bool,
    ) -> Flow[None]:
        """Give the reservation back, unless the prediction may have been made after all."""
        yield from ()
        if isinstance(ticket, Entry):
            if sent:
                self._ledger.doubt(ticket)
            else:
                self._ledger.give_back(ticket)

    def ended(self, account: Account, prediction: Prediction) -> Flow[Prediction]:
        """Put the real cost in the place of the reservation."""
        yield from ()
        self._ledger.settle(account.origin, prediction.id, _paid(prediction))
        return prediction

    def _reckon(self, connection: Connection | None, model: str, input: dict[str, Any]) -> Flow[Estimate]:
        if connection is None:
            return _unknown("its client is closed, so there is no price list to read")
        try:
            found = yield from asked(connection, model, input)
        except (NotFoundError, AuthenticationError, PermissionDeniedError):
            if not self.allow_unknown:
                raise
            return _unknown("the API shows no such model")
        except SkytellsError as error:
            return _unknown(f"its price could not be read ({error.detail or error})")
        if found.high is not None and found.currency != "USD":
            return _unknown(f"it is priced in {found.currency}, and budgets are in US dollars")
        return found

    def _reserve(self, account: Account, model: str, reckoned: Estimate) -> Entry:
        if reckoned.high is None and not self.allow_unknown:
            raise self._refusal(
                f"What a create of {model!r} costs is unknown: {reckoned.basis}.",
                reckoned,
                account.sandbox,
                "Pass allow_unknown=True to budget to let such creates through.",
            )
        entry = Entry(
            account.origin,
            self._now().date(),
            account.sandbox,
            reckoned.high or Decimal(0),
            priced=reckoned.high is not None,
        )
        if not self._ledger.reserve(entry, daily=self.per is not None):
            unit = self._unit(account.sandbox)
            upto = "" if reckoned.exact else "up to "
            raise self._refusal(
                f"A create of {model!r} would cost {upto}{money(entry.reserved, unit)} ({reckoned.basis}).",
                reckoned,
                account.sandbox,
                "Raise the budget, or ask for less.",
            )
        return entry

    def _refusal(self, what: str, reckoned: Estimate, sandbox: bool, advice: str) -> BudgetExceeded:
        unit = self._unit(sandbox)
        standing = self._standing(sandbox)
        left = standing.left(self.limit)
        others = [o._left(sandbox) for o in observers.everywhere if isinstance(o, Budget)]  # noqa: SLF001
        daily = f" since midnight, {self._midnight():%Y-%m-%d %H:%M %z}" if self.per else ""
        return BudgetExceeded(
            f"{what} The budget of {money(self.limit, unit)} has {money(left, unit)} left: "
            f"{money(standing.spent, unit)} is spent{daily}, {money(standing.reserved, unit)} reserved. "
            f"Nothing was sent, and nothing was billed. {advice}",
            estimate=reckoned,
            remaining=_cents(min([left, *others])),
            charged=False,
        )

    def _count_today(self, connection: Connection | None, account: Account) -> Flow[None]:
        """Ask the archive what was spent today without this budget; at most every few seconds."""
        if connection is None or connection.archive is None:
            if self.allow_unknown:
                return
            raise InvalidInputError(
                "A budget per day counts what an archive knows of today, and this client has none. Nothing "
                "was sent. Make the client with archive=True, or the budget without per=.",
                charged=False,
            )
        midnight = self._midnight()
        read = self._read.get(account.origin)
        if read is not None and read[0] > monotonic() and read[1] == midnight:
            return
        day: Day = yield Do(
            lambda: spent_since(connection, midnight, lambda: self._ledger.ids(account.origin))
        )
        self._ledger.earlier(account.origin, account.sandbox, midnight.date(), day.spent)
        self._uncounted[account.origin] = day.unknown
        self._read[account.origin] = (monotonic() + _REFRESH, midnight)

    def _midnight(self) -> datetime:
        """Give today's midnight by this machine's clock, whatever the offset was then."""
        naive = self._now().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        return naive.astimezone() if self._now is _now else naive.replace(tzinfo=self._now().tzinfo)

    def _standing(self, sandbox: bool | None = None) -> Balance:
        played = self.sandbox if sandbox is None else sandbox
        return self._ledger.balance(played, self._now().date() if self.per else None)

    def _left(self, sandbox: bool) -> Decimal:
        return self._standing(sandbox).left(self.limit)

    @staticmethod
    def _unit(sandbox: bool) -> str:
        return "sandbox credits" if sandbox else "USD"


def _unknown(why: str) -> Estimate:
    return Estimate(None, None, None, "USD", why)


def _paid(prediction: Prediction) -> Decimal | None:
    """Read what a prediction cost, where that can be a cost in US dollars."""
    currency = prediction.metrics.billing.get("currency")
    foreign = isinstance(currency, str) and currency.strip().upper() not in ("", "USD", "CREDIT", "CREDITS")
    cost = prediction.cost
    return None if foreign or cost is None or not 0 <= cost <= PLAUSIBLE else cost


def _cents(amount: Decimal) -> Decimal:
    """Show at least two decimals."""
    exponent = amount.as_tuple().exponent
    short = isinstance(exponent, int) and exponent > -2
    return amount.quantize(Decimal("0.01"), context=EXACT) if short else amount
