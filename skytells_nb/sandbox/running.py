"""What exists only while a server runs: uvicorn on an event loop of its own, in a daemon thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from skytells_nb.sandbox.core import Core

if TYPE_CHECKING:
    from skytells_nb.sandbox.delivery import Courier
    from skytells_nb.sandbox.drawing import Media

BACKLOG = 2048
#: Seconds an idle connection is kept open.
KEEP_ALIVE = 75
#: Seconds that connections have which are being accepted when the server stops.
ACCEPTING = 0.01
#: Seconds to wait for the socket at the start, and for what is under way at the end.
PATIENCE = 10.0


class Running:
    """A server's thread, loop and courier, from start to stop.

    Parameters
    ----------
    core : Core
        Answers.
    origin : str
        Scheme, host and port under which it is reached.
    listener : socket.socket
        Bound already; closed when the server stops.
    wildcard : bool
        Whether it listens on every address, so that links have to name the host that a request named.
    """

    def __init__(self, core: Core, origin: str, listener: socket.socket, *, wildcard: bool) -> None:
        from skytells_nb.sandbox.delivery import Courier

        self._core = core
        self._origin = "" if wildcard else origin
        self._listener = listener
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._halt: Callable[[], object] = lambda: None
        self._courier: Courier = Courier(core, self._origin, steady=core.options.clock is time.time)
        self._thread = threading.Thread(target=self._run, name="skytells-sandbox", daemon=True)

    def start(self) -> None:
        """Serve; returns when the first request can come."""
        self._core.on_notice = self._courier.wake
        self._thread.start()
        if not self._ready.wait(PATIENCE) or self._failure is not None:
            self._listener.close()
            raise RuntimeError("the sandbox's server did not start") from self._failure
        if self._core.next_notice() is not None:
            self._courier.wake()

    def stop(self) -> None:
        """Deliver and serve no more, and wait until thread and sockets are gone."""
        self._core.on_notice = lambda: None
        self._courier.stop()
        self._halt()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        try:
            with (
                _painter(self._core) as (media, hands),
                asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner,
            ):
                runner.run(self._serve(media, hands))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that called start
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self, media: Media, hands: ThreadPoolExecutor) -> None:
        import uvicorn

        from skytells_nb.sandbox.app import App
        from skytells_nb.sandbox.assets import Darkroom
        from skytells_nb.sandbox.protocol import BreakableProtocol

        loop = asyncio.get_running_loop()
        app = App(self._core, Darkroom(self._core, media, hands), self._origin)
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
                await app.stopping.wait()
                hands.shutdown(wait=False, cancel_futures=True)
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
    """Find who draws and on how many threads: for a class, processes of their own, a thread to each.

    It is left when the loop has ended, so that no client waits for what is being drawn by then.
    """
    from skytells_nb.sandbox.drawing import standard_media
    from skytells_nb.sandbox.easel import Easels, easels_at_most

    many = core.has_class and core.media is standard_media()
    easels = Easels(core.media)
    hands = ThreadPoolExecutor(easels_at_most() if many else 2, thread_name_prefix="skytells-sandbox-draw")
    try:
        yield easels if many else core.media, hands
    finally:
        hands.shutdown(cancel_futures=True)
        easels.close()
