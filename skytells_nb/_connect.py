"""Where predictions come from: the real API, or a sandbox that speaks its HTTP and says that it is one."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from .api import (
    DEFAULT_BASE_URL,
    AsyncClient,
    Client,
    Connection,
    HandlerTransport,
    has_key,
    hides_arguments,
    resolve_api_key,
)
from .archive import Archive
from .exceptions import AuthenticationError
from .sandbox import InProcess, RunningSandbox, Server, StateError, start_or_join


class Sandbox(Server):
    """A Skytells API on this machine: real HTTP, drawn pictures, documented errors, no money.

    A stand-in for lessons, rehearsals and tests. Its ids start with ``sandbox-``, every answer carries
    a header that says what it is, and what it bills are sandbox credits.

    Parameters
    ----------
    transport : {"http", "inprocess"}
        Serve real HTTP on this machine, or answer its own clients in this process, with no socket and no
        thread: for tests and doctests, and for places without sockets.
    **options
        Those of `skytells_nb.sandbox.Options`: ``retention`` and ``seconds`` (seconds), ``rate_limit``
        (requests a minute), ``state`` (a file that outlives the kernel), the dialect, …

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox(seconds=0.1) as sandbox, sandbox.client() as client:
    ...     prediction = client.predictions.create("truefusion", {"prompt": "a lighthouse at dusk"})
    ...     prediction.status, prediction.id.startswith("sandbox-"), sandbox.billed
    ('succeeded', True, 1)
    """

    def __init__(self, *, transport: Literal["http", "inprocess"] = "http", **options: Any) -> None:
        if transport not in ("http", "inprocess"):
            raise ValueError(f"transport must be 'http' or 'inprocess', not {transport!r}")
        super().__init__(**options)
        self._inside = InProcess(**options) if transport == "inprocess" else None
        if self._inside is not None:
            self.faults = self._inside.faults

    def start(self) -> Self:
        """Listen, or be there without a socket; returns the sandbox itself."""
        if self._inside is None:
            return super().start()
        self._core = self._inside.core
        self._origin = self._inside.url.removesuffix("/v1")
        return self

    def stop(self) -> None:
        """Stop; what was logged and billed can still be read."""
        if self._inside is None:
            super().stop()
        else:
            self._inside.stop()

    def client(self, **options: Any) -> Client:
        """Make a blocking client of this sandbox; options are those of `skytells_nb.Client`."""
        client = Client(self.api_key, base_url=self.url, **self._route(), **options)
        client.connection.note_sandbox()
        return client

    def async_client(self, **options: Any) -> AsyncClient:
        """Make an asyncio client of this sandbox; options are those of `skytells_nb.Client`."""
        return self.client(**options).as_async()

    def _route(self) -> dict[str, Any]:
        return {} if self._inside is None else {"transport": HandlerTransport(self._inside.handle)}


#: The folder beside an archive's outputs that keeps the key, predictions and bills of its sandbox.
_HOME: Final = ".sandbox"

_lock = threading.Lock()
#: This process's sandboxes, by the folder that keeps their state (None: in memory), the last one last.
_embedded: dict[Path | None, Sandbox | RunningSandbox] = {}


def _embedded_sandbox(archive: Archive | None) -> tuple[Sandbox | RunningSandbox, str]:
    """Return the sandbox that belongs to an archive, started when it is first needed, and what to know of it.

    Its state stands beside the archive, so that after a restart of the kernel everything is found again, and
    kernels in one folder share one. Without an archive it is whichever this process has already.
    """
    home = None if archive is None else Path(archive.path) / _HOME
    note = ""
    with _lock:
        # Whoever asks without an archive means the sandbox that is there, and expects its predictions in it.
        if home is None and _embedded:
            home = list(_embedded)[-1]
        found = _embedded.get(home)
        if found is None or (isinstance(found, RunningSandbox) and not found.answers()):
            try:
                found = Sandbox().start() if home is None else start_or_join(home, Sandbox)
            except (OSError, StateError) as error:
                found = _embedded.get(None) or Sandbox().start()
                home, note = None, f" It forgets everything when this process ends ({error})."
            _embedded.pop(home, None)
            _embedded[home] = found
    if isinstance(found, RunningSandbox):
        note = f" It is shared with process {found.pid}, which runs it."
    return found, note


@hides_arguments
def connect(api_key: str | None = None, **options: Any) -> Client:
    """Connect to the real API when there is a key, else to the embedded sandbox; says which.

    Parameters
    ----------
    api_key : str, optional
        The key; else ``SKYTELLS_API_KEY``, else Colab's secret of that name. With none of them the
        sandbox is started on this machine, once for each archive, and nothing costs money. It keeps its
        key and its predictions in the archive's folder, over a restart of the kernel.
    **options
        Those of `skytells_nb.Client`. ``archive`` is on unless it is False: outputs are kept in
        ``skytells_outputs``, or where ``sky.options.archive`` or ``SKYTELLS_ARCHIVE`` says.

    Returns
    -------
    Client
        ``client.as_async()`` is its asyncio face.

    Raises
    ------
    AuthenticationError
        What was given can be no key, or there is a ``base_url`` and no key for it. Nothing was sent.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> client = sky.connect()  # doctest: +ELLIPSIS
    Sandbox at http://127.0.0.1:.../v1: no key found, so nothing here is real and nothing costs money...
    >>> client.predictions.create("truefusion-edge", {"prompt": "a red fox in snow"}).status
    'succeeded'
    """
    blank = api_key is None or api_key == ""
    options = {**options, "archive": Archive.resolve(options.get("archive"))}
    if blank and not has_key():
        return _connect_to_the_sandbox(options)
    key = resolve_api_key(None if blank else api_key)
    client = Client.of(Connection(key, **options))
    if key.reveal().startswith("sk-sandbox-") and not is_skytells(client.base_url):
        client.connection.note_sandbox()
        _say(f"Sandbox at {client.base_url}: nothing here is real and nothing costs money.")
    elif client.base_url == DEFAULT_BASE_URL:
        _say(f"Skytells API at {client.base_url}: predictions are real, and billed to your key.")
    else:
        _say(f"API at {client.base_url}: predictions are billed to your key there.")
    return client


def is_skytells(base_url: str) -> bool:
    """Whether a base URL is Skytells' own, where nothing is a sandbox whatever the key looks like."""
    return f".{urlsplit(base_url).hostname}".endswith(".skytells.ai")


def _connect_to_the_sandbox(options: dict[str, Any]) -> Client:
    if options.get("base_url") is not None:
        raise AuthenticationError(
            "No API key for that base_url: none was given, and SKYTELLS_API_KEY is not set. Nothing was "
            "sent. Give its key too, or leave base_url out to work on the embedded sandbox.",
            charged=False,
        )
    sandbox, note = _embedded_sandbox(options["archive"])
    client = Client(sandbox.api_key, **{**options, "base_url": sandbox.url})
    client.connection.note_sandbox()
    _say(
        f"Sandbox at {client.base_url}: no key found, so nothing here is real and nothing costs money. "
        f"Set SKYTELLS_API_KEY for the real API.{note}"
    )
    return client


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - its one line is its promise
