"""What may listen to a prediction's life (the archive, a budget, a batch's journal), and two tallies of it.

`api` knows no listener by name. They are handed to it, for one create, one client or the whole process.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from .. import _lazy
from ..exceptions import SkytellsError, warn_user
from ..formatting import format_cost, money_unit
from ..models import Prediction

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Account:
    """Whose predictions these are: one API origin and one key, without the key.

    ``fingerprint`` are twelve hex digits that tell keys apart and reveal nothing of them. What a ``sandbox``
    bills is no money.
    """

    origin: str
    fingerprint: str
    sandbox: bool = False


class Observer:
    """Base of what listens; every method may be left as it is.

    All of them run on the toolkit's loop and must not block it. What ``before_create`` raises stops that
    create before anything is sent. Whatever else goes wrong in an observer becomes a warning, never a lost
    prediction. After an interrupt a method that has begun goes on while something ends every two
    seconds, ten at most.
    """

    async def before_create(self, account: Account, model: str, input: dict[str, Any]) -> object:
        """Hear of a create just before it is sent; what is returned comes back as ``ticket``."""
        return None

    async def created(self, account: Account, ticket: object, prediction: Prediction) -> None:
        """Hear of a prediction as soon as its id is known.

        Also after a ``not_created`` that left a doubt, when ``reconcile`` finds what was made.
        """

    async def not_created(self, account: Account, ticket: object, error: BaseException, sent: bool) -> None:
        """Hear that a create came to nothing; ``sent`` says whether it may have been accepted."""

    async def ended(self, account: Account, prediction: Prediction) -> Prediction | None:
        """Hear of a prediction that has ended, each time it is seen; may return it with its files."""
        return prediction

    async def listed(self, account: Account, predictions: Sequence[Prediction]) -> Mapping[str, Prediction]:
        """Hear of a listing; may return those of it that have more files now, by their ids."""
        return {}


async def tell(observer: Observer, hear: Awaitable[T], of: str = "") -> T | None:
    """Return what an observer answers on hearing something; where that fails it becomes a warning."""
    try:
        return await hear
    except Exception as error:  # noqa: BLE001 - an observer's failure must not lose the prediction
        warn_user(f"{type(observer).__name__} failed{of}: {error}")
        return None


global_observers: list[Observer] = []
"""Observers of every client in this process, such as an active budget."""


_announced: tuple[object, list[Path]] = (None, [])
"""When which folder was read for whom, and the announcements that were there."""


def everywhere() -> list[Observer]:
    """Return the observers of every client in this process, with the budgets of those that it comes from."""
    global _announced
    process = sys.modules.get("multiprocessing.process")
    parent = process.parent_process() if process is not None else None  # under forkserver, another
    pids = (os.getppid(), parent.pid if parent else os.getppid())
    files: list[Path] = []
    with suppress(OSError, SkytellsError):  # nobody of this user ever had a budget
        folder = ledger_folder(make=False)
        changed = folder.stat().st_mtime_ns
        if _announced[0] != (folder, changed, pids):
            heads = _heads(*pids)
            names = [name for name in os.listdir(folder) if name.startswith(heads) and name.endswith(".json")]
            files = list(map(folder.joinpath, names))
            # A folder's time moves in steps: what is of just now may change again within the same one.
            is_settled = time.time_ns() - changed > 1_000_000_000
            _announced = ((folder, changed, pids) if is_settled else None, files)
        files = _announced[1]
    if files or global_observers:
        _lazy.join_budgets(files)
    return global_observers


def announced_as(pid: int) -> str:
    """Return how the names of a process's announcements begin; a later one of the same number has others."""
    return f"open-{pid}-{_origin(pid)[1]}-"


def _origin(pid: int) -> tuple[int, str]:
    """Return who started a process, and when; nobody where there is no /proc."""
    with suppress(OSError):
        facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(facts[1]), facts[19]
    return 0, "0"


@lru_cache(maxsize=8)
def _heads(*pids: int) -> tuple[str, ...]:
    """Return how the announcements of these processes begin, and of all that those come from."""
    heads: dict[str, None] = {}
    for pid in pids:
        while pid > 0:
            heads[announced_as(pid)] = None
            pid = _origin(pid)[0]
    return tuple(heads)


def ledger_folder(*, make: bool = True) -> Path:
    """Return this user's own folder for the ledgers of budgets, which nobody else can read or replace."""
    owner = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    try:
        folder = Path(tempfile.gettempdir()) / f"skytells-budgets-{owner}"
        if make:
            folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise SkytellsError(
            f"A budget needs a temporary folder for its ledger: {error}. Set TMPDIR to one of yours.",
            charged=False,
        ) from error
    # The temporary folder is everybody's: another user may have laid one of this name ready.
    if hasattr(os, "getuid") and (folder.is_symlink() or folder.stat().st_uid != os.getuid()):
        raise SkytellsError(f"The folder {folder} belongs to somebody else. Set TMPDIR to one of yours.")
    return folder


class SessionCosts(Observer):
    """What this process has spent so far; what others created, or earlier sessions did, is not counted."""

    def __init__(self) -> None:
        self._under_way: set[tuple[str, str]] = set()
        self._spent: dict[str, Decimal] = {}

    async def created(self, account: Account, ticket: object, prediction: Prediction) -> None:
        self._under_way.add((account.origin, prediction.id))

    async def ended(self, account: Account, prediction: Prediction) -> Prediction:
        """Count its cost, the first time that it is seen to have ended."""
        key = (account.origin, prediction.id)
        if key in self._under_way:
            self._under_way.remove(key)
            if prediction.cost is not None:
                self._spent[account.origin] = self.spent(account.origin) + prediction.cost
        return prediction

    def spent(self, origin: str) -> Decimal:
        return self._spent.get(origin, Decimal(0))


session_costs = SessionCosts()
"""It hears of every prediction of this process."""


class CancelSummary:
    """What an interrupt stopped: counted while it is being canceled, then said in one sentence."""

    def __init__(self) -> None:
        self._reset()

    def canceled(self, prediction: Prediction) -> None:
        self._canceled[prediction.id] = prediction.cost

    def ended(self, prediction: Prediction) -> None:
        """Count one that had ended before it could be canceled: it is paid for."""
        self._ended[prediction.id] = prediction.cost

    def goes_on(self, identifier: str, why: str) -> None:
        """Count one that could not be canceled, as far as is known here."""
        self._running[identifier] = why

    def sentence(self, *, sandbox: bool = False) -> str | None:
        """Return what was counted since the last time, as text; None when that is nothing."""
        parts: list[str] = []
        if self._canceled:
            parts.append(f"{_count(self._canceled)} canceled at the API ({', '.join(self._canceled)}).")
        if self._ended:
            parts.append(f"{_count(self._ended, ('', ''))} finished before that ({', '.join(self._ended)}).")
        costs = [*self._canceled.values(), *self._ended.values()]
        known = [cost for cost in costs if cost is not None]
        if known:
            said = (
                "" if len(known) == len(costs) else f", as far as the API said ({len(known)} of {len(costs)})"
            )
            parts.append(f"Cost: {format_cost(sum(known, Decimal(0)), money_unit(sandbox))}{said}.")
        elif costs:
            parts.append("Cost: unknown.")
        if self._running:
            verb = "goes" if len(self._running) == 1 else "go"
            parts.append(
                f"{_count(self._running)} perhaps not canceled, and {verb} on ({', '.join(self._running)}): "
                f"{next(iter(self._running.values()))}"
            )
        self._reset()
        return f"Stopped: {' '.join(parts)}" if parts else None

    def _reset(self) -> None:
        self._canceled: dict[str, Decimal | None] = {}
        self._ended: dict[str, Decimal | None] = {}
        self._running: dict[str, str] = {}


def _count(counted: Mapping[str, object], verbs: tuple[str, str] = (" was", " were")) -> str:
    return f"1 prediction{verbs[0]}" if len(counted) == 1 else f"{len(counted)} predictions{verbs[1]}"
