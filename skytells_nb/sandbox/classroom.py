"""Enrols a class: a key, a quota and a budget for each learner, all generated, none derived from a seed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from skytells_nb.sandbox.accounts import Learner

if TYPE_CHECKING:
    from skytells_nb.sandbox.options import Options
    from skytells_nb.sandbox.state import State

#: The most learners of one class.
LARGEST = 500
#: Requests a minute of each learner: four a second, so that twenty pictures at once fit in.
USUAL_RATE = 240
#: Credits of each learner: some three hundred pictures.
USUAL_BUDGET = Decimal(10)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_TAKEN = ("teacher",)


def names_of(learners: int | Sequence[str]) -> list[str]:
    """Name the learners of a class: those given, or numbered ones.

    Raises
    ------
    ValueError
        If there are none or too many, or a name is not possible; the message says so in one sentence.

    Examples
    --------
    >>> names_of(2), names_of(["ada", "grace"])
    (['learner-01', 'learner-02'], ['ada', 'grace'])
    """
    count = learners if isinstance(learners, int) else len(learners)
    if isinstance(learners, bool | str) or not 1 <= count <= LARGEST:
        raise ValueError(f"a class has 1 to {LARGEST} learners, not {learners!r}")
    if isinstance(learners, int):
        return [f"learner-{number:02d}" for number in range(1, count + 1)]
    for name in learners:
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name.lower() in _TAKEN:
            raise ValueError(
                f"{name!r} cannot be a learner's name; letters, digits, - _ and . can, 40 at most"
            )
    if len({name.lower() for name in learners}) < count:
        raise ValueError("two learners of a class have the same name")
    return list(learners)


def read_budget(value: object) -> Decimal:
    """Read a budget in credits.

    Raises
    ------
    ValueError
        If it is no amount of zero or more.
    """
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"a budget is a number of credits, zero or more, not {value!r}")
    return amount


def enrol(state: State, options: Options) -> None:
    """Give a key to the teacher and to every learner who has none yet.

    Who was enrolled before, by the state file, keeps key, spending and predictions; a budget or a rate limit
    that is given now holds for all of them.
    """
    if options.learners is None and not state.learners:
        if options.budget is not None or options.wall:
            raise ValueError("budget and wall belong to a class; say how large it is with learners=")
        if options.exposed and not state.has_own_key:
            state.use_key("sk-sandbox-" + secrets.token_hex(16))
        return
    if not state.has_own_key:
        state.use_key("sk-sandbox-teacher-" + secrets.token_hex(16))
    if not state.wall:
        state.use_wall(secrets.token_urlsafe(18))
    budget = None if options.budget is None else read_budget(options.budget)
    rate = options.rate_limit
    learners = [
        replace(
            each,
            budget=each.budget if budget is None else budget,
            rate_limit=rate or each.rate_limit,
        )
        for each in state.learners
    ]
    known = {each.name.lower() for each in learners}
    for name in names_of(options.learners) if options.learners is not None else ():
        if name.lower() not in known:
            key = f"sk-sandbox-{name}-{secrets.token_hex(12)}"
            learners.append(
                Learner(name, key, USUAL_BUDGET if budget is None else budget, rate or USUAL_RATE)
            )
    if learners != state.learners:
        state.enrol(learners)
