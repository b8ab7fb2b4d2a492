"""An estimate: what a create will cost, as far as that can be known, and how that was reckoned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from ..exceptions import InvalidInputError
from ..formatting import format_cost, format_range
from .amounts import added, tidy

__all__ = ["Estimate", "together"]


@dataclass(frozen=True, slots=True, repr=False)
class Estimate:
    """What something will cost, and how that was reckoned. None is unknown, which is not zero.

    Attributes
    ----------
    amount : Decimal or None
        What it most likely costs; None where nothing speaks for one figure.
    low, high : Decimal or None
        Between which it lies; None when no bound can be given.
    currency : str
        ``USD``, or whatever the price is listed in.
    basis : str
        The arithmetic in one line, or why it cannot be known.
    exact : bool
        Whether the listed price, the input and the schema leave nothing open.

    Examples
    --------
    >>> from skytells_nb import Model
    >>> from skytells_nb.pricing import estimate
    >>> model = Model.from_api({"namespace": "lumo", "pricing": {"amount": 1.12, "unit": "prediction",
    ...                         "currency": "USD"}})
    >>> estimate(model, {"prompt": "waves"}, 3)
    Estimate($3.36: 3 predictions × $1.12)
    """

    amount: Decimal | None
    low: Decimal | None
    high: Decimal | None
    currency: str
    basis: str
    exact: bool = False

    @property
    def known(self) -> bool:
        """Whether it cannot cost more than ``high``, as far as price list and history tell."""
        return self.high is not None

    @property
    def price(self) -> str:
        """The figures alone, such as ``$1.04``, ``$0.07 to $0.10`` or ``unknown``."""
        if self.low is None or self.high is None:
            return "unknown"
        # What is not exact is not written as if it were: three digits that say something.
        digits = None if self.exact else 3
        span = format_range(self.low, self.high, self.currency, digits=digits)
        if self.low == self.high:
            return span if self.exact else f"about {span}"
        if self.amount is None:
            return span
        return f"about {format_cost(self.amount, self.currency, digits=digits)} ({span})"

    def __str__(self) -> str:
        return f"{self.price}: {self.basis}"

    def __repr__(self) -> str:
        return f"Estimate({self})"


def together(estimates: Iterable[Estimate]) -> Estimate:
    """Add estimates up; the sum is unknown as soon as one of them is.

    Parameters
    ----------
    estimates : iterable of Estimate
        All in one currency.

    Raises
    ------
    InvalidInputError
        There are none, or they are in several currencies.

    Examples
    --------
    >>> from decimal import Decimal
    >>> from skytells_nb.pricing import Estimate, together
    >>> cent = Estimate(Decimal("0.01"), Decimal("0.01"), Decimal("0.01"), "USD", "1 image × $0.01", True)
    >>> together([cent, cent, cent]).price
    '$0.03'
    """
    parts = list(estimates)
    currencies = sorted({part.currency for part in parts})
    if len(currencies) != 1:
        what = f"in {' and '.join(currencies)}" if currencies else "none at all"
        raise InvalidInputError(
            f"These estimates cannot be added: they are {what}. Nothing was sent. Add those of one currency.",
            charged=False,
        )
    unknown = [part for part in parts if part.high is None]
    if unknown:
        basis = f"{len(unknown)} of {len(parts)} cannot be known beforehand, such as: {unknown[0].basis}"
        return Estimate(None, None, None, currencies[0], basis)
    bases = list(dict.fromkeys(part.basis for part in parts))
    basis = bases[0] if len(bases) == 1 else f"{bases[0]}; and {len(bases) - 1} more"
    return Estimate(
        amount=_sum(part.amount for part in parts),
        low=_sum(part.low for part in parts),
        high=_sum(part.high for part in parts),
        currency=currencies[0],
        basis=basis if len(parts) == 1 else f"{len(parts)} estimates: {basis}",
        exact=all(part.exact for part in parts),
    )


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    found = list(amounts)
    if any(amount is None for amount in found):
        return None
    return tidy(added(amount for amount in found if amount is not None))
