"""What the sandbox on a socket and the one in this process share: options, faults, and a look inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, Self

from . import class_gallery, class_vote, control
from .accounts import Learner
from .core import Core, Received
from .faults import Faults
from .messages import Request, Response, Route
from .options import Options
from .rendering import Media
from .state import State, StateFile
from .webhooks import Delivery

#: The routes that the real API does not have.
OWN_ROUTES: Final[Mapping[str, Callable[[Core, Route, Request, int], Response]]] = {
    "control": control.answer,
    "gallery": class_gallery.answer,
    "home": control.home,
    "vote": class_vote.answer,
}


class Sandbox:
    """A sandbox that can be looked into; `options` are those of `skytells_nb.sandbox.Options`.

    What shall go wrong is said to `faults`: ``sandbox.faults.next("rate_limit", times=2, retry_after=1)``.
    """

    def __init__(self, *, media: Media | None = None, **options: Any) -> None:
        self.options = Options.read(options)
        self.faults = Faults(self.options.clock)
        self._media = media
        self._core: Core | None = None
        self._origin = ""

    def start(self) -> Self:
        """Return the sandbox itself, ready to answer."""
        return self

    def stop(self) -> None:
        """Let go of everything; what was logged and billed can still be read."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def core(self) -> Core:
        """The API without a socket; for tests that ask it directly."""
        if self._core is None:
            raise RuntimeError(
                "this sandbox has not been started; use `with Server() as server:` or server.start()"
            )
        return self._core

    @property
    def url(self) -> str:
        """The base URL for clients; ends in ``/v1``."""
        _ = self.core  # says what to do when it was never started
        return f"{self._origin}/v1"

    @property
    def api_key(self) -> str:
        """The sandbox's own key, ``sk-sandbox-…``; in a class, the teacher's.

        Any other that starts with ``sk-`` is accepted too, unless there is a class or others can reach it.
        """
        return self.core.state.api_key

    @property
    def learners(self) -> list[Learner]:
        """The class, with everybody's key; empty when there is none."""
        return list(self.core.state.learners)

    @property
    def gallery_url(self) -> str | None:
        """The page with everybody's latest pictures, for who knows its address; None when it is off."""
        secret = self.core.state.gallery
        return f"{self._origin}/class/{secret}" if self.options.gallery and secret else None

    @property
    def vote_urls(self) -> tuple[str, str] | None:
        """Where a class votes, and where its teacher sees the ranking; None without a class."""
        state = self.core.state
        words = (state.gallery, class_vote.teachers_word(state))
        return (
            (f"{self._origin}/class/{words[0]}/vote", f"{self._origin}/class/{words[1]}/vote")
            if state.learners
            else None
        )

    @property
    def log(self) -> list[Received]:
        """Every request received, oldest first; keys are shown as fingerprints."""
        return self.core.received

    @property
    def billed(self) -> int:
        """How many predictions are billed: accepted, and neither failed nor cancelled."""
        return len(self.core.billed)

    @property
    def billed_amount(self) -> Decimal:
        """What they cost together, in credits."""
        return sum(self.core.billed.values(), Decimal(0))

    @property
    def predictions(self) -> list[dict[str, Any]]:
        """Every prediction as the API would show it now, newest first; a snapshot for tests."""
        return self.core.snapshot()

    @property
    def deliveries(self) -> list[Delivery]:
        """Every webhook delivery that was tried, oldest first."""
        return list(self.core.deliveries)

    def _make_core(self) -> Core:
        path = self.options.state
        if path is None and self._core is not None:
            return self._core
        state = None if path is None else State(StateFile(path), self.options.seed)
        try:
            return Core(self.options, state=state, faults=self.faults, media=self._media, handlers=OWN_ROUTES)
        except BaseException:
            if state is not None:
                state.close()
            raise
