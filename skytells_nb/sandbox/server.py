"""The sandbox on a real socket: a free port on loopback, started and stopped like a context."""

from __future__ import annotations

import atexit
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from skytells_nb.sandbox.accounts import Learner
from skytells_nb.sandbox.core import Core, Received
from skytells_nb.sandbox.drawing import Media
from skytells_nb.sandbox.faults import Faults
from skytells_nb.sandbox.journal import Journal
from skytells_nb.sandbox.listening import WILDCARDS, addresses, listen
from skytells_nb.sandbox.notices import Delivery
from skytells_nb.sandbox.options import Options
from skytells_nb.sandbox.running import Running
from skytells_nb.sandbox.state import State


class Server:
    """A running stand-in for the Skytells API.

    The options are those of `skytells_nb.sandbox.options.Options`; with none of them it speaks as the
    published Python SDK expects. Start it with ``with`` or `start`; it can be started again after `stop`,
    on the same port, and then still knows its predictions, as an API after an outage.

    Parameters
    ----------
    media : Media, optional
        Who draws the files; `skytells_nb.sandbox.media`, unless given.
    **options
        See `skytells_nb.sandbox.options.Options` and `skytells_nb.sandbox.dialect.Dialect`.

    Raises
    ------
    TypeError
        If an option does not exist; the message names those that do.
    ValueError
        If an option's value is not possible.

    Attributes
    ----------
    faults : Faults
        What shall go wrong: ``server.faults.next("rate_limit", times=2, retry_after=1)``.
    options : Options
        What it was started with.

    Examples
    --------
    >>> with Server(seconds=0) as server:
    ...     server.url.endswith("/v1"), server.billed
    (True, 0)
    """

    def __init__(self, *, media: Media | None = None, **options: Any) -> None:
        self.options = Options.read(options)
        self.faults = Faults(self.options.clock)
        self._media = media
        self._core: Core | None = None
        self._origin = ""
        self._port = 0
        self._running: Running | None = None

    def start(self) -> Self:
        """Listen; returns the server itself.

        Raises
        ------
        OSError
            If the address or port cannot be had.
        StateError
            If the state file cannot be used.
        RuntimeError
            If it runs already.
        """
        if self._running is not None:
            raise RuntimeError(f"this sandbox runs already, at {self.url}")
        core = self._make_core()
        try:
            listener = listen(self.options.host, self.options.port, core.state.port)
        except BaseException:
            core.state.close()
            raise
        host, port = listener.getsockname()[:2]
        name = "127.0.0.1" if host in WILDCARDS else f"[{host}]" if ":" in host else host
        self._origin = f"http://{name}:{port}"
        self._port = port
        core.state.use_port(port)
        self._core = core
        running = Running(core, self._origin, listener, wildcard=host in WILDCARDS)
        try:
            running.start()
        except BaseException:
            core.state.close()
            raise
        self._running = running
        atexit.register(self.stop)
        return self

    def stop(self) -> None:
        """Stop listening and let go of everything; what was logged and billed can still be read."""
        running, self._running = self._running, None
        if running is None:
            return
        atexit.unregister(self.stop)
        running.stop()
        self._known.state.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        where = f"at {self.url}" if self._running is not None else "stopped"
        return f"<Skytells sandbox {where}>"

    @property
    def url(self) -> str:
        """The base URL for clients; ends in ``/v1``."""
        self._known  # noqa: B018 - says what to do when it was never started
        return f"{self._origin}/v1"

    @property
    def api_key(self) -> str:
        """The sandbox's own key, ``sk-sandbox-…``; in a class, the teacher's.

        Any other that starts with ``sk-`` is accepted too, unless there is a class or others can reach it.
        """
        return self._known.state.api_key

    @property
    def learners(self) -> list[Learner]:
        """The class, with everybody's key; empty when there is none."""
        return list(self._known.state.learners)

    @property
    def wall_url(self) -> str | None:
        """The page with everybody's latest pictures, for who knows its address; None when it is off."""
        word = self._known.state.wall
        return f"{self._origin}/class/{word}" if self.options.wall and word else None

    @property
    def addresses(self) -> list[str]:
        """The base URLs under which it can be reached, the likeliest for another machine first."""
        self._known  # noqa: B018 - says what to do when it was never started
        return addresses(self.options.host, self._port)

    @property
    def log(self) -> list[Received]:
        """Every request received, oldest first; keys are shown as fingerprints."""
        return self._known.received

    @property
    def billed(self) -> int:
        """How many predictions are billed: accepted, and neither failed nor cancelled."""
        return len(self._known.billed)

    @property
    def billed_amount(self) -> Decimal:
        """What they cost together, in US dollars of play money."""
        return sum(self._known.billed.values(), Decimal(0))

    @property
    def predictions(self) -> list[dict[str, Any]]:
        """Every prediction as the API would show it now, newest first; a snapshot for tests."""
        return self._known.snapshot()

    @property
    def deliveries(self) -> list[Delivery]:
        """Every webhook delivery that was tried, oldest first."""
        return list(self._known.deliveries)

    @property
    def _known(self) -> Core:
        if self._core is None:
            raise RuntimeError(
                "this sandbox has not been started; use `with Server() as server:` or server.start()"
            )
        return self._core

    def _make_core(self) -> Core:
        path = self.options.state
        if path is not None:
            state: State | None = State(Journal(path), self.options.seed)
        elif self._core is not None:
            return self._core
        else:
            state = None
        try:
            return Core(self.options, state=state, faults=self.faults, media=self._media)
        except BaseException:
            if state is not None:
                state.close()
            raise
