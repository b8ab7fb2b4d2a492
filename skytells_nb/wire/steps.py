"""The few things a conversation with the API asks its driver to do.

Every operation of the toolkit is written once, as a generator: it yields a step, and is sent what
came of it. A driver carries the steps out, blocking or under asyncio. Nothing here does I/O, so an
operation can be tested by feeding it answers, with no clock and no socket.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

if TYPE_CHECKING:
    from ..models import Prediction

__all__ = [
    "Answer",
    "Detach",
    "Do",
    "Fetch",
    "Fetched",
    "Flow",
    "NoAnswer",
    "Reply",
    "Request",
    "Send",
    "SendAll",
    "Sleep",
    "Step",
    "Watch",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to the API's own origin, without its key, which the driver adds.

    ``path`` and ``query`` are quoted already. ``timeout`` in seconds replaces the client's.
    """

    method: str
    path: str
    query: str = ""
    body: bytes | None = None
    timeout: float | None = None

    @property
    def target(self) -> str:
        """Path and query, as they go on the wire after the base URL."""
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered: a status, headers with lower-case names, the whole body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """An exchange that brought no answer.

    ``sent`` is the question that money asks: may the API have received the request? False only
    where it certainly has not (refused, unresolved, never written).
    """

    reason: Literal["refused", "timeout", "dropped"]
    sent: bool
    words: str = ""


Reply: TypeAlias = Answer | NoAnswer


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Send:
    """Exchange one request; the flow is sent a `Reply`.

    One that ``survives`` goes on when its flow is interrupted while it is on the wire; one that was not
    yet written by then is withdrawn. Yielding the same object again, from whatever flow, gives the reply
    of that one exchange: nothing is sent twice, and for what was withdrawn the reply is a `NoAnswer`
    that was not sent.
    """

    request: Request
    survives: bool = False


@dataclass(frozen=True, slots=True)
class SendAll:
    """Exchange several requests, a few at a time; the flow is sent the replies in order."""

    requests: tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class Sleep:
    """Let this many seconds pass, in slices that an interrupt can end."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Watch:
    """Wait until a prediction ends; the flow is sent it, or as last seen when the deadline passed.

    ``deadline`` is in the conversation's own monotonic time.
    """

    prediction: Prediction
    deadline: float
    on_progress: Callable[[Prediction], object] | None = None


@dataclass(frozen=True, slots=True)
class Fetch:
    """Stream one URL into a file, with no key, a size cap, and every redirect checked.

    ``origin`` is the base URL of the API that named the URL: private addresses are refused unless
    that origin is on one itself. The flow is sent a `Fetched`.
    """

    url: str
    path: Path
    limit: int = 512 * 2**20
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of a `Fetch`: a size in bytes, or ``problem`` in words.

    ``final`` says that trying again is of no use; ``expired`` that the file is gone for good.
    """

    size: int = 0
    media_type: str | None = None
    problem: str | None = None
    final: bool = False
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Do:
    """Call a function that blocks; under asyncio in a thread. The flow is sent its result."""

    function: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Detach:
    """Carry another flow out in the background for at most ``seconds``, and go on at once."""

    flow: Generator[Any, Any, object]
    seconds: float = 2.0


Step: TypeAlias = Send | SendAll | Sleep | Watch | Fetch | Do | Detach
Flow: TypeAlias = Generator[Step, Any, T]
