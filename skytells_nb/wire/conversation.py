"""What one key's conversation with the API remembers: its policy, its clock, its claims, its listeners.

Shared by every face of a connection and safe to use from several threads. It does no I/O itself.
"""

from __future__ import annotations

import random
import time
from asyncio import CancelledError
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock

from .. import observers
from ..exceptions import warn_user as note
from ..models import Model, Prediction
from ..observers import Account, Observer
from . import durations as lengths
from . import retry
from .claims import Claims
from .durations import Durations
from .pace import Pace
from .requests import Call
from .retry import Policy
from .steps import Answer, Detach, Flow, NoAnswer, Reply, Request
from .stopping import Stopped
from .watch import Watch

__all__ = ["Conversation", "ServerClock", "note"]


class ServerClock:
    """The API's clock, as far as its ``Date`` headers tell it, against a monotonic one here."""

    def __init__(self) -> None:
        self._offset: float | None = None

    def learn(self, date: datetime, now: float) -> None:
        """Take a ``Date`` header of an answer that arrived at ``now``.

        A ``Date`` is cut to whole seconds and a little old on arrival, so each one bounds the clock from
        below, and the latest bound is the best.
        """
        bound = date.timestamp() - now
        self._offset = bound if self._offset is None or bound < self._offset - 2 else max(self._offset, bound)

    def at(self, moment: float) -> datetime | None:
        """Give the API's time at a monotonic moment, never later than it truly was; None until it told."""
        if self._offset is None:
            return None
        return datetime.fromtimestamp(self._offset + moment, UTC)


@dataclass(slots=True)
class Conversation:
    """The state that flows share.

    Attributes
    ----------
    account : Account
        The origin, and the key's fingerprint; ``sandbox`` turns true once the API has said so.
    policy : Policy
        When to try again.
    now, wall, chance
        A monotonic clock in seconds, the wall clock, and dice from 0 to 1.
    """

    account: Account
    policy: Policy = field(default_factory=Policy)
    observers: list[Observer] = field(default_factory=list)
    durations: Durations = field(default_factory=lambda: lengths.everywhere)
    now: Callable[[], float] = time.monotonic
    wall: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    chance: Callable[[], float] = random.random
    pace: Pace = field(default_factory=Pace)
    claims: Claims = field(default_factory=Claims)
    server_clock: ServerClock = field(default_factory=ServerClock)
    names: dict[str, str] = field(default_factory=dict)
    older: set[str] = field(default_factory=set)
    stopped: Stopped = field(default_factory=Stopped)
    numbers: dict[str, int] = field(default_factory=dict)
    born: dict[str, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock, repr=False)

    @property
    def origin(self) -> str:
        """The API's base URL."""
        return self.account.origin

    def spelled(self, call: Call) -> Request:
        """Give a call in the spelling that this API is known to understand."""
        return call.older if call.older is not None and call.endpoint in self.older else call.newest

    def heard(self, reply: Reply) -> None:
        """Learn from an answer's headers: the API's clock, its rate limit, whether it is a sandbox."""
        if isinstance(reply, NoAnswer):
            return
        moment = self.now()
        date = retry.answered_at(reply.headers)
        if date is not None:
            self.server_clock.learn(date, moment)
        self.pace.learn(reply.headers, moment, (date or self.wall()).timestamp())
        if "x-skytells-sandbox" in reply.headers and not self.account.sandbox:
            self.account = Account(self.account.origin, self.account.fingerprint, sandbox=True)

    def asked_wait(self, reply: Reply) -> float | None:
        """Seconds that an answer asks to wait."""
        return retry.retry_after(reply.headers, self.wall()) if isinstance(reply, Answer) else None

    def since(self, moment: float, wall: datetime) -> datetime:
        """Give the earliest API time at which something sent then, by both clocks here, can have been made.

        Without any ``Date`` of the API's: the local time less two minutes. Cut to whole seconds, as
        some of its timestamps are. Where this computer slept meanwhile, its monotonic clock stood
        still, so the wall clock counts too.
        """
        now, here = self.now(), self.wall()
        passed = timedelta(seconds=max(now - moment, (here - wall).total_seconds()))
        told = self.server_clock.at(now) or here - timedelta(minutes=2)
        return (told - passed).replace(microsecond=0)

    def created(self, prediction: Prediction, *, just_now: bool = True) -> None:
        """Count a prediction made here, so that a watch knows how deep in the listing it lies."""
        with self._lock:
            self.numbers[prediction.id] = len(self.numbers) + 1
            if just_now:
                self.born[prediction.id] = self.now()

    def age(self, prediction: Prediction, now: float) -> float | None:
        """Give the seconds since a prediction was made, by its create here or the API's clock, if known."""
        born = self.born.get(prediction.id)
        if born is not None:
            return now - born
        told = self.server_clock.at(now)
        if told is None or prediction.created_at is None:
            return None
        return max(0.0, (told - prediction.created_at).total_seconds())

    def saw_model(self, model: Model) -> None:
        """Remember a model's display name, by which the API may call it in a listing."""
        if model.name:
            self.names[model.id] = model.name

    def watch(self) -> Watch:
        """Make a watch for one driver, with what this conversation knows."""
        return Watch(self.origin, pace=self.pace, durations=self.durations, policy=self.policy, age=self.age)

    def listeners(self) -> list[Observer]:
        """Everyone who listens now: this connection's observers and the process-wide ones."""
        return [*self.observers, *observers.everywhere]

    def ended(self, prediction: Prediction) -> Flow[Prediction]:
        """Tell every observer that a prediction ended; one that fails becomes a warning.

        After an interrupt the rest of them are told in the background.
        """
        left = self.listeners()
        try:
            return (yield from self._tell_ended(left, prediction))
        except (KeyboardInterrupt, CancelledError):
            if left:
                yield Detach(self._tell_ended(left, prediction))
            raise

    def say_what_stopped(self) -> None:
        """Say once what an interrupt stopped and what it had cost, if anything."""
        sentence = self.stopped.sentence(sandbox=self.account.sandbox)
        if sentence is not None:
            note(sentence)

    def _tell_ended(self, left: list[Observer], prediction: Prediction) -> Flow[Prediction]:
        while left:
            observer = left.pop(0)
            try:
                told = yield from observer.ended(self.account, prediction)
            except Exception as error:  # noqa: BLE001 - an observer's failure must not lose the prediction
                note(f"{type(observer).__name__} failed on prediction {prediction.id}: {error}")
            else:
                prediction = told if isinstance(told, Prediction) else prediction
        return prediction
