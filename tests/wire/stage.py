"""A driver for flows in virtual time: many at once, in one order, with an interrupt wherever one is wanted.

Nothing here sleeps and nothing opens a socket. The API is an object with ``handle(request, now)``, which
gives a reply and the seconds that it takes.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from skytells_nb.models import Prediction
from skytells_nb.observers import Account, Observer
from skytells_nb.wire.conversation import Conversation
from skytells_nb.wire.durations import Durations
from skytells_nb.wire.retry import Policy
from skytells_nb.wire.steps import (
    Detach,
    Do,
    Flow,
    NoAnswer,
    Reply,
    Request,
    Send,
    SendAll,
    Sleep,
    Watch,
)
from skytells_nb.wire.watch import Broken, Event

EPOCH = 1_770_000_000.0
"""Unix time at which the stage's monotonic clock stands at 0."""

ORIGIN = "https://api.skytells.ai/v1"


class OutOfTime(BaseException):
    """The background has used its time up."""


class Answering(Protocol):
    def handle(self, request: Request, now: float) -> tuple[Reply, float]: ...


@dataclass(eq=False)
class Part:
    """One flow on the stage: the steps that it asked for, and what came of it."""

    flow: Flow[Any]
    conversation: Conversation
    background: bool = False
    deadline: float = float("inf")
    steps: list[Any] = field(default_factory=list)
    detached: list[Part] = field(default_factory=list)
    done: bool = False
    value: Any = None
    error: BaseException | None = None
    ended: float = 0.0
    turn: int = 0
    interrupt: tuple[int, type[BaseException], bool] | None = None
    struck: float | None = None
    leave: Callable[[], object] = lambda: None

    @property
    def result(self) -> Any:
        assert self.done, "the flow has not ended"
        if self.error is not None:
            raise self.error
        return self.value

    @property
    def sends(self) -> list[Request]:
        return [step.request for step in self.steps if isinstance(step, Send)]


class Stage:
    """Plays flows against an API until nothing is left to do."""

    def __init__(self, api: Answering, *, latency: float = 0.05, seed: int = 0) -> None:
        self.api = api
        self.latency = latency
        self.time = 100.0
        self.local_skew = 0.0
        self.dice = random.Random(seed)
        self.log: list[tuple[float, Request]] = []
        self.drop_detached = False
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._wire: dict[Send, _Exchange] = {}
        self._lookouts: dict[int, _Lookout] = {}

    def conversation(
        self, *observers: Observer, policy: Policy | None = None, durations: Durations | None = None
    ) -> Conversation:
        return Conversation(
            Account(ORIGIN, "0123456789ab"),
            policy or Policy(),
            list(observers),
            durations=durations or Durations(),
            now=lambda: self.time,
            wall=lambda: datetime.fromtimestamp(EPOCH + self.time + self.local_skew, UTC),
            chance=self.dice.random,
        )

    def begin(self, conversation: Conversation, flow: Flow[Any], *, after: float = 0.0) -> Part:
        part = Part(flow, conversation)
        self.at(self.time + after, lambda: self._advance(part, None, None))
        return part

    def run(self, conversation: Conversation, flow: Flow[Any]) -> Any:
        part = self.begin(conversation, flow)
        while not part.done and self._events:
            self.step()
        return part.result

    def step(self) -> None:
        """Let the next thing happen."""
        self.time, _, action = heapq.heappop(self._events)
        action()

    def at(self, moment: float, action: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (max(moment, self.time), self._number, action))

    def play(self, until: float = float("inf"), limit: int = 2_000_000) -> None:
        """Let time pass until nothing happens any more, or until a moment."""
        for _ in range(limit):
            if not self._events or self._events[0][0] > until:
                break
            self.step()
        else:
            raise AssertionError("the play does not end")
        if until != float("inf"):
            self.time = max(self.time, until)

    def interrupt_at(self, part: Part, moment: float, kind: type[BaseException] = KeyboardInterrupt) -> None:
        def strike() -> None:
            if not part.done:
                self._advance(part, None, kind())

        self.at(moment, strike)

    def requests(self, method: str, path: str = "") -> list[Request]:
        return [r for _, r in self.log if r.method == method and r.path.startswith(path)]

    def lookout(self, conversation: Conversation) -> _Lookout:
        return self._lookouts.setdefault(id(conversation), _Lookout(self, conversation))

    def exchange(self, request: Request, deliver: Callable[[Reply], None]) -> None:
        def arrive() -> None:
            self.log.append((self.time, request))
            reply, seconds = self.api.handle(request, self.time)
            self.at(self.time + seconds + self.latency / 2, lambda: deliver(reply))

        self.at(self.time + self.latency / 2, arrive)

    def _advance(self, part: Part, value: Any, error: BaseException | None) -> None:
        part.turn += 1
        part.leave()
        part.leave = lambda: None
        try:
            step = part.flow.send(value) if error is None else part.flow.throw(error)
        except StopIteration as stop:
            part.done, part.value, part.ended = True, stop.value, self.time
            return
        except BaseException as raised:
            part.done, part.error, part.ended = True, raised, self.time
            return
        part.steps.append(step)
        interrupted = part.interrupt is not None and part.interrupt[0] == len(part.steps) - 1
        if not interrupted or part.interrupt[2]:
            self._perform(part, step, part.turn)
        if interrupted:
            kind, part.struck = part.interrupt[1], self.time
            self._advance(part, None, kind())

    def _perform(self, part: Part, step: Any, turn: int) -> None:
        def answer(value: Any) -> None:
            if part.turn == turn and not part.done:
                self._advance(part, value, None)

        def fail(error: BaseException) -> None:
            if part.turn == turn and not part.done:
                self._advance(part, None, error)

        if self.time >= part.deadline:
            self.at(self.time, lambda: fail(OutOfTime()))
            return
        if part.deadline != float("inf"):
            self.at(part.deadline, lambda: fail(OutOfTime()))
        match step:
            case Send(survives=True):
                self._survive(part, step, answer)
            case Send():
                self.exchange(step.request, answer)
            case SendAll(requests=requests):
                self._all(requests, answer)
            case Sleep(seconds=seconds):
                assert seconds >= 0
                self.at(self.time + seconds, lambda: answer(None))
            case Do(function=function):
                try:
                    value = function()
                except BaseException as error:
                    self.at(self.time, lambda error=error: fail(error))
                else:
                    self.at(self.time, lambda: answer(value))
            case Watch():
                part.leave = self.lookout(part.conversation).wait(step, answer, fail)
            case Detach(flow=flow, seconds=seconds):
                if not self.drop_detached:
                    rest = Part(flow, part.conversation, background=True, deadline=self.time + seconds)
                    part.detached.append(rest)
                    self.at(self.time, lambda: self._advance(rest, None, None))
                self.at(self.time, lambda: answer(None))
            case _:
                raise AssertionError(f"the stage does not know {step!r}")

    def _survive(self, part: Part, send: Send, answer: Callable[[Reply], None]) -> None:
        known = self._wire.get(send)
        if known is None and part.background:
            withdrawn = NoAnswer("refused", sent=False, words="withdrawn")
            self.at(self.time, lambda: answer(withdrawn))
            return
        if known is None:
            known = self._wire[send] = _Exchange()
            self.exchange(send.request, known.deliver)
        if known.reply is not None:
            reply = known.reply
            self.at(self.time, lambda: answer(reply))
        else:
            known.listeners.append(answer)

    def _all(self, requests: tuple[Request, ...], answer: Callable[[list[Reply]], None]) -> None:
        replies: list[Reply | None] = [None] * len(requests)

        def arrived(index: int, reply: Reply) -> None:
            replies[index] = reply
            if all(r is not None for r in replies):
                answer(replies)

        for index, request in enumerate(requests):
            self.exchange(request, lambda reply, index=index: arrived(index, reply))


class _Exchange:
    def __init__(self) -> None:
        self.reply: Reply | None = None
        self.listeners: list[Callable[[Reply], None]] = []

    def deliver(self, reply: Reply) -> None:
        self.reply = reply
        for listener in self.listeners:
            listener(reply)


class _Lookout:
    """What the drivers do with a watch: send what is due, feed it the replies, tell who waits."""

    def __init__(self, stage: Stage, conversation: Conversation) -> None:
        self.stage = stage
        self.conversation = conversation
        self.watch = conversation.watch()
        self.reads: list[float] = []
        self._waiting: dict[str, list[_Waiting]] = {}
        self._alarm = float("inf")

    def wait(
        self, step: Watch, answer: Callable[[Any], None], fail: Callable[[BaseException], None]
    ) -> Callable[[], object]:
        waiting = _Waiting(step, step.prediction, answer, fail)
        self._waiting.setdefault(step.prediction.id, []).append(waiting)
        number = self.conversation.numbers.get(step.prediction.id, 0)
        self.watch.add(step.prediction, self.stage.time, number=number)

        def expire() -> None:
            if self._leave(waiting):
                answer(waiting.last)

        self.stage.at(step.deadline, expire)
        self.pump()
        return lambda: self._leave(waiting)

    def pump(self) -> None:
        now = self.stage.time
        for request in self.watch.requests(now):
            self.reads.append(now)
            self.stage.exchange(request, lambda reply, request=request: self._fed(request, reply))
        due = self.watch.due(now)
        if due is not None and not (now < self._alarm <= due):
            self._alarm = max(due, now)
            self.stage.at(due, self._rung)

    def tell(self, prediction: Prediction) -> None:
        self._distribute(self.watch.tell(prediction, self.stage.time))

    def _rung(self) -> None:
        self._alarm = float("inf")
        self.pump()

    def _fed(self, request: Request, reply: Reply) -> None:
        self.conversation.heard(reply)
        wait = self.conversation.asked_wait(reply)
        self._distribute(self.watch.feed(request, reply, self.stage.time, wait=wait))
        self.pump()

    def _distribute(self, events: list[Event]) -> None:
        for event in events:
            identifier = event.id if isinstance(event, Broken) else event.prediction.id
            for waiting in list(self._waiting.get(identifier, ())):
                if isinstance(event, Broken):
                    self._leave(waiting)
                    waiting.fail(event.error)
                    continue
                waiting.last = event.prediction
                if waiting.step.on_progress is not None:
                    waiting.step.on_progress(event.prediction)
                if event.prediction.done and self._leave(waiting):
                    waiting.answer(event.prediction)

    def _leave(self, waiting: _Waiting) -> bool:
        others = self._waiting.get(waiting.step.prediction.id, [])
        if waiting not in others:
            return False
        others.remove(waiting)
        if not others:
            self._waiting.pop(waiting.step.prediction.id, None)
            self.watch.remove(waiting.step.prediction.id)
        return True


@dataclass(eq=False)
class _Waiting:
    step: Watch
    last: Prediction
    answer: Callable[[Any], None]
    fail: Callable[[BaseException], None]
