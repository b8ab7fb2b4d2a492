"""The sandbox on a real socket: a free port on loopback, started and stopped like a context.

And where others find it: each running sandbox has a file that only its user can read, and that goes when it
stops. One that was killed leaves it behind, and whoever reads it finds nobody there.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import errno
import json
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final, NamedTuple, Self, TypeVar
from urllib.parse import urlsplit

from ._accounts import write_private
from ._core import Core
from ._errors import StateInUseError
from ._inprocess import Sandbox
from ._options import WILDCARDS, is_loopback
from ._rendering import Media, RenderCache, RenderPool, pool_size, standard_media

BACKLOG: Final = 2048
#: Seconds an idle connection is kept open.
KEEP_ALIVE: Final = 75
#: Seconds that connections have which are being accepted when the server stops.
ACCEPTING: Final = 0.01
#: Seconds to wait for the socket at the start, and for what is under way at the end.
PATIENCE: Final = 10.0


class Server(Sandbox):
    """A running stand-in for the Skytells API; `media` draws the files.

    The options are those of `skytells_nb.sandbox.Options`; with none of them it speaks as the published
    Python SDK expects. Start it with ``with`` or `start`; it can be started again after `stop`, on the same
    port, and then still knows its predictions, as an API after an outage.
    """

    def __init__(self, *, media: Media | None = None, **options: Any) -> None:
        super().__init__(media=media, **options)
        self._port = self._pid = 0
        self._thread: _ServerThread | None = None

    def start(self) -> Self:
        """Listen, and return the server itself; RuntimeError if it runs already.

        OSError if the address or port cannot be had, StateError if the state file cannot be used.
        """
        if self._thread is not None:
            raise RuntimeError(f"this sandbox runs already, at {self.url}")
        core = self._make_core()
        try:
            listener = listen(self.options.host, self.options.port, core.state.port)
            host, self._port = listener.getsockname()[:2]
            wildcard = host in WILDCARDS
            self._origin = _origin("127.0.0.1" if wildcard else host, self._port)
            core.state.remember("port", str(self._port))
            self._core = core
            thread = _ServerThread(core, "" if wildcard else self._origin, listener)
            thread.start()
        except BaseException:
            core.state.close()
            raise
        self._thread, self._pid = thread, os.getpid()
        atexit.register(self.stop)
        return self

    def stop(self) -> None:
        """Stop listening and let go of everything; what was logged and billed can still be read."""
        thread, self._thread = self._thread, None
        if thread is None or self._pid != os.getpid():
            return  # after a fork it is the parent's
        atexit.unregister(self.stop)
        thread.stop()
        self.core.state.close()

    def __repr__(self) -> str:
        where = f"at {self.url}" if self._thread is not None else "stopped"
        return f"<Skytells sandbox {where}>"

    @property
    def addresses(self) -> list[str]:
        """The base URLs under which it can be reached, the likeliest for another machine first."""
        _ = self.core  # says what to do when it was never started
        return addresses(self.options.host, self._port)


class _ServerThread:
    """uvicorn on an event loop of its own, in a daemon thread, with what draws and what sends webhooks."""

    def __init__(self, core: Core, origin: str, listener: socket.socket) -> None:
        self._core, self._origin, self._listener = core, origin, listener
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._halt: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=self._run, name="skytells-sandbox", daemon=True)

    def start(self) -> None:
        """Serve; returns when the first request can come."""
        self._thread.start()
        if not self._ready.wait(PATIENCE) or self._failure is not None:
            self._listener.close()
            raise RuntimeError("the sandbox's server did not start") from self._failure

    def stop(self) -> None:
        """Deliver and serve no more, and wait until thread and sockets are gone."""
        self._core.on_webhook = lambda: None
        self._halt()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        try:
            with (
                _painter(self._core) as (media, threads),
                asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner,
            ):
                runner.run(self._serve(media, threads))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that called start
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self, media: Media, threads: ThreadPoolExecutor) -> None:
        # imported here, so that importing the sandbox costs nothing
        import uvicorn

        from ._app import App, BreakableProtocol, own_names
        from ._webhooks import WebhookSender

        loop, core = asyncio.get_running_loop(), self._core
        at_once = max(pool_size() - 1, 1) if core.has_class else None
        files = RenderCache(media, core.note_size, partial(loop.run_in_executor, threads), at_once)
        host = core.options.host
        names = [*core.options.names, *([] if is_loopback(host) else own_names(host))]
        app = App(core, files, self._origin, names)
        sender = WebhookSender(core, self._origin, steady=core.options.clock is time.time)
        core.on_webhook = sender.wake
        config = uvicorn.Config(
            app,
            http=BreakableProtocol,
            loop="asyncio",
            ws="none",
            interface="asgi3",
            lifespan="off",
            backlog=BACKLOG,
            log_config=None,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=2,
        )
        ready, listener = self._ready, self._listener

        class Quiet(uvicorn.Server):
            """Waits to be stopped instead of looking ten times a second whether it should."""

            async def main_loop(self) -> None:
                ready.set()
                async with sender:
                    await app.stopping.wait()
                    threads.shutdown(wait=False, cancel_futures=True)
                # asyncio forgets a connection that is being accepted when its server closes, and does not
                # close it either: the client would wait for ever. So no more are accepted first.
                with contextlib.suppress(NotImplementedError):
                    loop.remove_reader(listener)
                await asyncio.sleep(ACCEPTING)

        def halt() -> None:
            # the loop may be gone already when the interpreter ends
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(app.stopping.set)

        self._halt = halt
        await Quiet(config).serve(sockets=[listener])


@contextlib.contextmanager
def _painter(core: Core) -> Iterator[tuple[Media, ThreadPoolExecutor]]:
    """Return who draws and on how many threads: for a class, processes of their own, a thread to each.

    It is left when the loop has ended, so that no client waits for what is being drawn by then.
    """
    many = core.has_class and core.media is standard_media()
    pool = RenderPool(core.media)
    threads = ThreadPoolExecutor(pool_size() if many else 2, thread_name_prefix="skytells-sandbox-draw")
    try:
        yield pool if many else core.media, threads
    finally:
        threads.shutdown(cancel_futures=True)
        pool.close()


def listen(host: str, port: int, last: int = 0) -> socket.socket:
    """Bind a socket: to the port asked for, else to the one used last time, else to a free one.

    OSError says why that cannot be, and what to do.
    """
    if port == 0 and last:
        with contextlib.suppress(OSError):
            return _bind(host, last)
    try:
        return _bind(host, port)
    except OSError as error:
        raise OSError(_explained(error, host, port)) from error


def addresses(host: str, port: int) -> list[str]:
    """Return the base URLs under which a socket bound to a host is reached, the likeliest first."""
    if host not in WILDCARDS:
        return [f"{_origin(host, port)}/v1"]
    found = []
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # TEST-NET-1: a datagram socket only looks up the route
        found.append(str(probe.getsockname()[0]))
    with contextlib.suppress(OSError):
        infos = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET, socket.SOCK_STREAM)
        found += [str(info[4][0]) for info in infos]
    others = [each for each in dict.fromkeys(found) if not is_loopback(each)]
    return [f"{_origin(each, port)}/v1" for each in (*others, "127.0.0.1")]


def _origin(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where a socket says it is TCP; left on, answers are 40 ms late
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except BaseException:
        listener.close()
        raise
    return listener


def _explained(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host or 'this machine'} is in use by another program. Stop that one, or choose "
            "another port; port 0 takes a free one."
        )
    if error.errno == errno.EACCES:
        return f"port {port} may not be opened by this user. Choose one above 1023; port 0 takes a free one."
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"this machine has no address {host!r}. 127.0.0.1 is always there; 0.0.0.0 means all it has."
    return f"{host}:{port} cannot be listened on ({error.strerror or error})."


#: Seconds in which a sandbox of another process has to answer.
ANSWERING: Final = 3.0


class RunningSandbox(NamedTuple):
    """A sandbox of some process: base URL, key, when it started (Unix time, 0 for unknown), and process."""

    url: str
    api_key: str
    started: float = 0
    pid: int = 0

    def answers(self) -> bool:
        """Return whether it is still there, and lets this key in."""
        parts = urlsplit(self.url)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWERING)
        with contextlib.closing(connection), contextlib.suppress(OSError, HTTPException):
            connection.request("GET", "/__sandbox__/class", headers={"x-api-key": self.api_key})
            return connection.getresponse().status == 200
        return False


def folder() -> Path:
    """Where the files are: the user's runtime folder, or else the folder of programs' state."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and Path(runtime).is_dir():
        return Path(runtime) / "skytells-nb"
    if sys.platform == "win32":
        state = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "skytells-nb"


@contextlib.contextmanager
def registered(url: str, api_key: str) -> Iterator[bool]:
    """Remember a sandbox while it runs; yields whether that was possible, for it does not depend on it."""
    path = folder() / f"sandbox-{os.getpid()}-{secrets.token_hex(4)}.json"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, url, api_key)
        written = True
    except OSError:
        written = False
    try:
        yield written
    finally:
        if written:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def find_running() -> list[RunningSandbox]:
    """Return the sandboxes that were started and not stopped, the last one first."""
    found = []
    with contextlib.suppress(OSError):
        found = [each for path in folder().glob("sandbox-*.json") if (each := _read(path)) is not None]
    return sorted(found, key=lambda each: each.started, reverse=True)


AnyServer = TypeVar("AnyServer", bound=Server)


def start_or_join(home: Path, make: Callable[..., AnyServer]) -> AnyServer | RunningSandbox:
    """Start the sandbox whose state is kept in a folder, or find it running in another process.

    Its key, port, predictions and bills are those of last time, so a batch that a dead kernel left goes on.
    The state file's own lock decides who serves; the operating system lets go of it when a process dies.
    `make` makes the server, given ``state=``.

    Raises
    ------
    OSError
        If the folder cannot be written, or the port cannot be had.
    StateError
        If the state file cannot be used, or its sandbox runs elsewhere and does not answer from here.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    note, until = home / "running", time.monotonic() + ANSWERING
    while True:
        try:
            server = make(state=home / "state.db").start()
        except StateInUseError:
            running = _read(note)
            if running is not None and running.answers():
                return running
            if time.monotonic() > until:
                raise
            continue  # it has only just started, or just ended; opening the file waits half a second
        _write(note, server.url, server.api_key)
        return server


def _write(path: Path, url: str, api_key: str) -> None:
    write_private(path, json.dumps(RunningSandbox(url, api_key, time.time(), os.getpid())._asdict()))


def _read(path: Path) -> RunningSandbox | None:
    with contextlib.suppress(OSError, ValueError, TypeError):
        return RunningSandbox(**json.loads(path.read_text("utf-8")))
    return None
