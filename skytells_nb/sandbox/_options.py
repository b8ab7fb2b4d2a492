"""Everything that can be set on a sandbox, checked once, so that a typo is not a silent default.

The sources contradict each other; the options of the dialect say which of the documented forms the sandbox
speaks. Its defaults are the forms that the published Python SDK understands.

Source: skytells-api.md, section 13.
"""

from __future__ import annotations

import ipaddress
import json
import math
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from typing import Any, Final, Literal, TypeGuard, get_args, get_origin, get_type_hints

#: The most learners of one class.
LARGEST: Final = 500
WILDCARDS: Final = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound to


#: What clients of text models must survive (skytells-api-text.md, sections 8 and 9).
QUIRKS: Final[dict[str, str]] = json.loads(files(__package__).joinpath("quirks.json").read_text("utf-8"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """The options of `skytells_nb.sandbox.Server`, those of the dialect last.

    The dialect says which documented form each answer takes.

    Attributes
    ----------
    host : str
        The address to listen on; loopback unless given. On any other only generated keys are accepted.
    port : int
        0 takes a free one (with `state`, the one used last time, if it is free).
    state : path or None
        A file that keeps predictions, ids, the key and what was billed from one process to the next.
    retention : float or None
        Seconds after its end at which a prediction's files are gone (section 12: five minutes); None keeps
        them.
    speed : float
        How many times faster than the catalogue says jobs run.
    seconds : float or None
        One fixed duration for every job; 0 means that the first answer is already the last.
    delay : float
        Seconds added to every answer, as a distant network would.
    rate_limit : int or None
        Requests a minute, of all keys together, and of each text model apart; beyond it 429. In a class: of
        each learner, 240 unless given.
    token_limit : int or None
        Tokens a minute that each text model reads, and as many that it writes, of each account; beyond it
        429.
    concurrency : int or None
        Jobs that may run at a time; beyond it a create is refused with 429. In a class: of each learner.
    seed : int or None
        Makes ids, the key and durations the same each time; the keys of a class are random all the same.
    webhook_secret : str or None
        Signs webhooks with this instead of the API key ("enterprise" mode, section 7).
    learners : int or sequence of str or None
        A class: how many learners, or their names. Each has a key, a quota, a budget and predictions of their
        own, and no other key is accepted.
    budget : Decimal or None
        Credits that each learner may spend, 10 unless given; beyond them 402.
    gallery : bool
        Whether a page shows everybody's latest pictures, under an address that nobody can guess.
    storage : int
        Bytes of inputs that each learner of a class may keep here, files in them included; beyond them 413.
    names : sequence of str
        Host names under which it may be reached besides addresses, ``localhost`` and this machine's own; any
        other is refused with 421, because a page in a browser could use it to read what is here.
    quirks : sequence of str
        What the text routes do otherwise than usual; `QUIRKS` says what each does.
    clock : callable
        Seconds since the epoch; `time.time` unless a test brings its own.
    listing : {"page", "array"}
        ``{data, pagination}``, or a bare array of predictions.
    filters : {"honoured", "ignored"}
        Whether listings obey ``model``, ``status``, ``from`` and ``to``; old versions of the API need not.
    canceled : {"cancelled", "canceled"}
        The spelling of that status. The published SDKs poll for ever on ``canceled``, hence the default.
    model : {"object", "display", "string"}
        ``{name, type}`` with the slug or with the display name as name, or the slug alone.
    first_status : {"pending", "queued", "starting"}
        The status of a job that has not begun.
    billing : {"metadata", "metrics"}
        Where ``billing.credits_used`` sits.
    cancel_answer : {"prediction", "success"}
        What cancel and delete answer: the prediction, or ``{"success": true}``.
    output : {"model", "array", "string"}
        As the model's catalogue entry says, always a list, or a string where there is one file.
    ids : {"sandbox", "uuid"}
        ``sandbox-`` and 32 hex digits, or plain UUIDs.
    paths : {"both", "new", "old"}
        Which spellings of create, get-model and delete exist; the others are 404 ``ENDPOINT_NOT_FOUND``.
    timestamps : {"zulu", "offset", "mixed"}
        ``…000000Z``, ``…+00:00``, or the first for created and updated and the second for started and
        completed.
    error_shape : {"A", "B", "C", "D", "E"}
        The error body (section 9.1).
    webhook_payload : {"bare", "envelope"}
        The prediction, or ``{type, created_at, data}`` around it.
    rate_headers : {"new", "old"}
        ``x-skytells-ratelimit-*`` or ``X-RateLimit-*`` (section 11).
    retry_after : {"seconds", "fraction", "date"}
        How ``Retry-After`` is written when a real limit is met.
    missing_prediction : {"502", "404"}
        The status of an answer about an unknown prediction.
    create_status : {"200", "202"}
        The status of a successful create.
    inputs : {"echoed", "empty"}
        Whether predictions show their input, or ``{}``, as the privacy pages say.
    """

    host: str = "127.0.0.1"
    port: int = 0
    state: str | os.PathLike[str] | None = None
    retention: float | None = 300.0
    speed: float = 1.0
    seconds: float | None = None
    delay: float = 0.0
    rate_limit: int | None = None
    token_limit: int | None = None
    concurrency: int | None = None
    seed: int | None = None
    webhook_secret: str | None = None
    learners: int | Sequence[str] | None = None
    budget: Decimal | float | str | None = None
    gallery: bool = False
    storage: int = 64 * 1024 * 1024
    names: Sequence[str] = ()
    quirks: Sequence[str] = ()
    clock: Callable[[], float] = time.time
    listing: Literal["page", "array"] = "page"
    filters: Literal["honoured", "ignored"] = "honoured"
    canceled: Literal["cancelled", "canceled"] = "cancelled"
    model: Literal["object", "display", "string"] = "object"
    first_status: Literal["pending", "queued", "starting"] = "pending"
    billing: Literal["metadata", "metrics"] = "metadata"
    cancel_answer: Literal["prediction", "success"] = "prediction"
    output: Literal["model", "array", "string"] = "model"
    ids: Literal["sandbox", "uuid"] = "sandbox"
    paths: Literal["both", "new", "old"] = "both"
    timestamps: Literal["zulu", "offset", "mixed"] = "zulu"
    error_shape: Literal["A", "B", "C", "D", "E"] = "A"
    webhook_payload: Literal["bare", "envelope"] = "bare"
    rate_headers: Literal["new", "old"] = "new"
    retry_after: Literal["seconds", "fraction", "date"] = "seconds"
    missing_prediction: Literal["502", "404"] = "502"
    create_status: Literal["200", "202"] = "200"
    inputs: Literal["echoed", "empty"] = "echoed"

    def __post_init__(self) -> None:
        for name, words in choices().items():
            value = getattr(self, name)
            if value not in words:
                raise ValueError(f"{name}={value!r}: choose one of {', '.join(map(repr, words))}")
        for name in ("retention", "seconds", "delay"):
            value = getattr(self, name)
            if value is not None and not is_amount(value):
                raise ValueError(f"{name}={value!r}: seconds, zero or more, are needed")
        if not is_number(self.speed) or not self.speed > 0:
            raise ValueError(f"speed={self.speed!r}: a number above zero is needed")
        if not _is_whole(self.port) or not 0 <= self.port <= 65535:
            raise ValueError(f"port={self.port!r}: ports are whole numbers and go from 0 to 65535")
        for name in ("rate_limit", "token_limit", "concurrency", "storage"):
            value = getattr(self, name)
            if value is not None and (not _is_whole(value) or value < 1):
                raise ValueError(f"{name}={value!r}: a whole number, at least 1, or None for no limit")
        if self.learners is not None:
            learner_names(self.learners)
        strange = [each for each in self.quirks if each not in QUIRKS]
        if isinstance(self.quirks, str) or strange:
            raise ValueError(f"quirks={self.quirks!r}: choose some of {', '.join(QUIRKS)}")
        if self.budget is not None:
            parse_budget(self.budget)
        if self.exposed and self.seed is not None:
            raise ValueError(
                f"seed={self.seed!r} and host={self.host!r}: anybody can work out the links to "
                "everybody's pictures when the seed is known. Leave one of the two out."
            )

    @property
    def exposed(self) -> bool:
        """Whether other machines can reach it."""
        return not is_loopback(self.host)

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Options:
        """Parse keywords; TypeError names the existing ones when one is unknown."""
        known = [each.name for each in fields(cls)]
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise TypeError(
                f"the sandbox has no option {', '.join(map(repr, unknown))}; "
                f"it has {', '.join(sorted(known))}"
            )
        return cls(**given)


def choices() -> dict[str, tuple[str, ...]]:
    """Every option of the dialect with the words it accepts, the default first."""
    hints = get_type_hints(Options)
    return {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a number, which a boolean is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_amount(value: object) -> bool:
    """Return whether a value is a finite number, zero or more."""
    return is_number(value) and value >= 0 and math.isfinite(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_TAKEN: Final = ("teacher",)


def learner_names(learners: int | Sequence[str]) -> list[str]:
    """Return the names of a class: those given, or numbered ones."""
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


def parse_budget(value: object) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"a budget is a number of credits, zero or more, not {value!r}")
    return amount
