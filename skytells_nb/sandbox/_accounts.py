"""API keys, the accounts that they open, how many requests each may send; and classes of such accounts.

One account answers to every key, or, in a class, each learner's key to its own. An account has predictions
that nobody else sees, a quota of requests a minute, and a budget. The account named ``""`` is the owner's:
everybody's in an open sandbox, the teacher's in a class. A class's keys are generated, and none is derived
from a seed.

Source: skytells-api.md, sections 2, 11 and 14 (2); skytells-api-text.md, section 10, for the forms of a key.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import math
import os
import re
import secrets
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from email.utils import formatdate
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from . import _errors as errors
from ._jobs import SECOND
from ._options import learner_names, parse_budget

if TYPE_CHECKING:
    from ._faults import ActiveFault
    from ._messages import HttpRequest, Route
    from ._options import Options
    from ._server import Server
    from ._state import State

#: Keys that begin so are always refused, on every route or on create alone, to rehearse an error without
#: any code.
ERROR_KEYS: Final[tuple[tuple[str, str, Callable[[], errors.Refusal]], ...]] = (
    ("sk-unauthorized", "any", errors.unauthorized),
    ("sk-suspended", "any", errors.suspended),
    ("sk-forbidden", "any", errors.forbidden),
    ("sk-rate-limited", "any", lambda: errors.rate_limited(retry_after="1")),
    ("sk-no-credit", "create", errors.no_credit),
)


def parse_key(headers: Mapping[str, str]) -> str | None:
    """Return the key in ``x-api-key`` or ``Authorization: Bearer`` (contradiction 31)."""
    key = headers.get("x-api-key", "").strip()
    if key:
        return key
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


@lru_cache(maxsize=1024)
def fingerprint(key: str) -> str:
    """Return eight hex digits for a key, so that logs can tell keys apart and never hold one."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]


WINDOW: Final = 60


class Window:
    """A rolling minute of requests, or of tokens.

    Tokens are counted when they have been written, so one answer may take a window far beyond its limit.
    """

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._seen: deque[tuple[int, int]] = deque()
        self._used = 0

    def wait(self, now: int) -> float:
        """Return in how many seconds more is allowed; 0 for now."""
        while self._seen and self._seen[0][0] <= now - WINDOW * SECOND:
            self._used -= self._seen.popleft()[1]
        over = 0 if self.limit is None else self._used - self.limit
        for moment, amount in self._seen if self.limit is not None and over >= 0 else ():
            over -= amount
            if over < 0:
                return (moment + WINDOW * SECOND - now) / SECOND
        return 0

    def count(self, now: int, amount: int = 1) -> None:
        if self.limit is not None:
            self._seen.append((now, amount))
            self._used += amount

    @property
    def remaining(self) -> int | None:
        """How much more this minute allows; None for no limit."""
        return None if self.limit is None else max(self.limit - self._used, 0)

    def resets_at(self, now: int) -> int:
        """Return the Unix second at which the oldest request leaves the window."""
        return math.ceil((self._seen[0][0] if self._seen else now) / SECOND) + WINDOW


class RateWindows(NamedTuple):
    """What is counted together: requests, and the tokens that a text model reads and writes."""

    requests: Window
    tokens_in: Window
    tokens_out: Window


def rate_headers(
    form: str, bucket: RateWindows, concurrency: int | None, running: int, now: int
) -> dict[str, str]:
    """Write the rate headers of one of the two documented forms; ``-`` stands for what is not limited."""
    window = bucket.requests
    values: dict[str, int | None]
    if form == "old":
        free = None if concurrency is None else max(concurrency - running, 0)
        values = {
            "x-ratelimit-limit-rpm": window.limit,
            "x-ratelimit-remaining-rpm": window.remaining,
            "x-ratelimit-limit-concurrent": concurrency,
            "x-ratelimit-remaining-concurrent": free,
            "x-ratelimit-reset": window.resets_at(now),
        }
    else:
        values = {"x-skytells-ratelimit-window": WINDOW}
        for name, each in bucket._asdict().items():
            name = name.replace("_", "-")
            values[f"x-skytells-ratelimit-limit-{name}"] = each.limit
            values[f"x-skytells-ratelimit-remaining-{name}"] = each.remaining
    return {name: "-" if value is None else str(value) for name, value in values.items()}


def retry_after(seconds: float, form: str, now: int) -> str:
    """Write a Retry-After header: whole seconds rounded up, a fraction, or an HTTP date."""
    if form == "fraction":
        return f"{max(seconds, 0.01):.2f}"
    whole = max(math.ceil(seconds), 1)
    return formatdate(now / SECOND + whole, usegmt=True) if form == "date" else str(whole)


OWNER: Final = ""


@dataclass(frozen=True, slots=True)
class Learner:
    """One member of a class as the state file keeps it; `budget` in credits, None for no limit."""

    name: str
    key: str = field(repr=False)
    budget: Decimal | None
    rate_limit: int


@dataclass(slots=True)
class UserAccount:
    """What belongs to one account besides its predictions."""

    name: str
    rate_limit: int | None = None
    token_limit: int | None = None
    budget: Decimal | None = None
    _buckets: dict[str, RateWindows] = field(default_factory=dict)

    def bucket(self, model: str = "") -> RateWindows:
        """Return where a text model's requests and tokens are counted; all others' together."""
        if model not in self._buckets:
            tokens = self.token_limit if model else None
            self._buckets[model] = RateWindows(Window(self.rate_limit), Window(tokens), Window(tokens))
        return self._buckets[model]


@dataclass(slots=True)
class Call:
    """A request while it is answered: where it goes, when it came, whose it is, which faults strike it."""

    request: HttpRequest
    route: Route
    now: int
    account: UserAccount
    faults: Sequence[ActiveFault] = ()

    @property
    def id(self) -> str:
        """What its path names: a prediction, or a model."""
        return self.route.argument


class Accounts:
    """The accounts there are, and the keys that open them.

    Where they are `closed` no other key opens anything; otherwise every ``sk-…`` key opens the owner's.
    """

    def __init__(self, state: State, options: Options) -> None:
        self.closed = options.exposed or bool(state.learners)
        # A limit that is given is each learner's; their teacher has none.
        owner = UserAccount(OWNER, None if state.learners else options.rate_limit, options.token_limit)
        self._by_name, self._by_key = {OWNER: owner}, {state.api_key: owner}
        for each in state.learners:
            account = UserAccount(each.name, each.rate_limit, options.token_limit, each.budget)
            self._by_name[each.name] = self._by_key[each.key] = account
        #: Whose limits are shown to somebody whose key opens nothing.
        self.anonymous = UserAccount(OWNER) if self.closed else owner

    def admit(self, key: str | None, route: str) -> UserAccount:
        """Return the account that a key opens, or raise the error that it stands for (`ERROR_KEYS`).

        401 for none.
        """
        account = self._by_key.get(key or "")
        if not self.closed:
            fits = key and re.fullmatch(r"sk(-|_live_|_test_|_proj_).+", key, re.DOTALL)
            account = self._by_name[OWNER] if fits else None
        if key is None or account is None:
            raise errors.unauthorized()
        for prefix, where, refusal in () if self.closed else ERROR_KEYS:
            if key.startswith(prefix) and where in ("any", route):
                raise refusal()
        return account

    def named(self, name: str) -> UserAccount:
        """Return an account by its name; the anonymous one when there is none."""
        return self._by_name.get(name, self.anonymous)


#: Requests a minute of each learner: four a second, so that twenty pictures at once fit in.
USUAL_RATE: Final = 240
#: Credits of each learner: some three hundred pictures.
USUAL_BUDGET: Final = Decimal(10)


def enrol(state: State, options: Options) -> None:
    """Give a key to the teacher and to every learner who has none yet.

    Who was enrolled before, by the state file, keeps key, spending and predictions; a budget or a rate limit
    that is given now holds for all of them.
    """
    if options.learners is None and not state.learners:
        if options.budget is not None or options.gallery:
            raise ValueError("budget and gallery belong to a class; say how large it is with learners=")
        if options.exposed and not state.has_own_key:
            state.remember("key", "sk-sandbox-" + secrets.token_hex(16))
        return
    if not state.has_own_key:
        state.remember("key", "sk-sandbox-teacher-" + secrets.token_hex(16))
    if not state.gallery:
        state.remember("wall", secrets.token_urlsafe(18))
    budget = None if options.budget is None else parse_budget(options.budget)
    rate = options.rate_limit
    learners = [
        replace(each, budget=each.budget if budget is None else budget, rate_limit=rate or each.rate_limit)
        for each in state.learners
    ]
    known = {each.name.lower() for each in learners}
    for name in learner_names(options.learners) if options.learners is not None else ():
        if name.lower() not in known:
            key = f"sk-sandbox-{name}-{secrets.token_hex(12)}"
            learners.append(
                Learner(name, key, USUAL_BUDGET if budget is None else budget, rate or USUAL_RATE)
            )
    if learners != state.learners:
        state.enrol(learners)


COLUMNS: Final = ("learner", "api_key", "base_url", "budget", "requests_per_minute")

PLAIN: Final = (
    "Traffic is plain HTTP: whoever shares the network can read keys, prompts and pictures. Use it on a "
    "network you trust, and no real key with it."
)
LOOPBACK: Final = "Only this computer can reach it. --host 0.0.0.0 opens it to the network."


def write_private(path: Path, text: str) -> None:
    """Write a file whole, so that at no moment anybody but the user can read it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # for its owner alone: 0600
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def write_keys(path: str | os.PathLike[str], learners: Sequence[Learner], url: str) -> None:
    """Write everybody's key as CSV, readable by the user alone; an earlier such file is replaced.

    ValueError says why it cannot be written, and what to do.
    """
    place = Path(path)
    file = io.StringIO()
    rows = csv.writer(file)
    rows.writerow(COLUMNS)
    for each in learners:
        rows.writerow((each.name, each.key, url, _credits(each), each.rate_limit))
    head = ",".join(COLUMNS).encode()
    try:
        if place.exists():
            with place.open("rb") as there:
                if there.read(len(head)) != head:
                    raise ValueError(
                        f"{place} is there already, and holds no keys of a class. Nothing was changed; "
                        "choose another file."
                    )
        write_private(place, file.getvalue())
    except OSError as error:
        raise ValueError(
            f"the keys cannot be written to {place} ({error.strerror or error}). Choose another file, or "
            "leave --keys out to see them here."
        ) from error


def class_instructions(server: Server, keys: str | None = None) -> str:
    """Write what a teacher has to know about a running class."""
    learners, urls = server.learners, server.addresses
    first = learners[0]
    facts = [("base URL", urls[0]), *(("or", url) for url in urls[1:]), ("teacher's key", server.api_key)]
    names, pages = ("gallery", "vote", "your ranking"), (server.gallery_url, *(server.vote_urls or ()))
    own, root = server.url.removesuffix("/v1"), urls[0].removesuffix("/v1")
    facts += [(name, url.replace(own, root, 1)) for name, url in zip(names, pages, strict=True) if url]
    facts.append(("each learner", f"{_credits(first)} credits, {first.rate_limit} requests a minute"))
    shown = f"Everybody's key is in {keys}, which only you can read."
    if keys is None:
        shown = _columns([("learner", "API key"), *((each.name, each.key) for each in learners)])
    text = files(__package__).joinpath("pages", "class.txt").read_text("utf-8")
    return text.rstrip().format(
        count=len(learners),
        facts=_columns(facts),
        warning=PLAIN if server.options.exposed else LOOPBACK,
        keys=shown,
        url=urls[0],
    )


def _columns(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in rows)


def _credits(learner: Learner) -> str:
    return "unlimited" if learner.budget is None else f"{learner.budget.normalize():f}"
