"""Whose a request is: one account answers to every key, or, in a class, each learner's key to its own.

An account has predictions that nobody else sees, a quota of requests a minute, and a budget. The account
named ``""`` is the owner's: everybody's in an open sandbox, the teacher's in a class.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from skytells_nb.sandbox import errors, keys
from skytells_nb.sandbox.limits import Window

OWNER = ""


@dataclass(frozen=True, slots=True)
class Learner:
    """One member of a class, as the state file keeps it.

    Attributes
    ----------
    name : str
        Also part of the key.
    key : str
        The API key, ``sk-sandbox-<name>-<random>``.
    budget : Decimal or None
        Credits that may be spent in all; None for no limit.
    rate_limit : int
        Requests a minute.
    """

    name: str
    key: str = field(repr=False)
    budget: Decimal | None
    rate_limit: int


@dataclass(slots=True)
class Account:
    """What belongs to one account besides its predictions."""

    name: str
    window: Window
    budget: Decimal | None = None


class Caller(NamedTuple):
    """Who asks: the key as it was sent, and the account it opens."""

    key: str
    account: Account


class Accounts:
    """The accounts there are, and the keys that open them.

    Parameters
    ----------
    api_key : str
        The owner's key.
    rate_limit : int or None
        The owner's requests a minute.
    learners : iterable of Learner
        Who else has an account.
    closed : bool
        Whether only these keys open anything; otherwise every ``sk-…`` key opens the owner's account.
    """

    def __init__(
        self, api_key: str, rate_limit: int | None, learners: Iterable[Learner] = (), *, closed: bool
    ) -> None:
        self.owner = Account(OWNER, Window(rate_limit))
        self.learners = {each.name: each for each in learners}
        self._closed = closed
        self._by_name = {OWNER: self.owner}
        self._by_key = {api_key: self.owner}
        for each in self.learners.values():
            account = Account(each.name, Window(each.rate_limit), each.budget)
            self._by_name[each.name] = self._by_key[each.key] = account
        #: Whose limits are told to somebody whose key opens nothing.
        self.stranger = Account(OWNER, Window(None)) if closed else self.owner

    def admit(self, key: str | None, route: str) -> Caller:
        """Find the account that a key opens.

        Raises
        ------
        Refusal
            401 for a key that opens none, or the error that a key stands for (`keys.FORCED`).
        """
        if not self._closed:
            return Caller(keys.admit(key, route), self.owner)
        account = self._by_key.get(key or "")
        if key is None or account is None:
            raise errors.unauthorized()
        return Caller(key, account)

    def named(self, name: str) -> Account:
        """Find an account by its name; the stranger's when there is none."""
        return self._by_name.get(name, self.stranger)
