"""Delivers webhooks from a thread of its own, so that a slow receiver holds up nobody but itself."""

from __future__ import annotations

import threading
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from skytells_nb.sandbox.core import Core
from skytells_nb.sandbox.notices import Notice

#: Seconds a receiver may take. Ours: section 7 documents no timeout.
PATIENCE = 5.0
#: Seconds between two looks at a clock that is not the system's.
LOOK_AGAIN = 0.02


class Courier:
    """Delivers what the core says is due; its thread starts with the first webhook.

    Parameters
    ----------
    core : Core
        Knows what is due.
    origin : str
        For the absolute URLs in what is delivered.
    steady : bool
        Whether the core's clock is the system's; another one may jump, so it is looked at more often.
    """

    def __init__(self, core: Core, origin: str, *, steady: bool) -> None:
        self._core = core
        self._origin = origin
        self._steady = steady
        self._news = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._opener = build_opener(_NoRedirect, ProxyHandler({}))

    def wake(self) -> None:
        """Say that something may be due."""
        self._news.set()
        if self._thread is None:
            with self._lock:
                if self._thread is None and not self._stopped:
                    self._thread = threading.Thread(
                        target=self._run, name="skytells-sandbox-webhooks", daemon=True
                    )
                    self._thread.start()

    def stop(self) -> None:
        """Stop delivering; a delivery under way is finished first."""
        with self._lock:
            self._stopped = True
        self._news.set()
        if self._thread is not None:
            self._thread.join(PATIENCE + 1)

    def _run(self) -> None:
        while not self._stopped:
            self._news.clear()
            notice = self._core.due_notice(self._origin)
            if notice is not None:
                outcome = self._post(notice)
                if not self._stopped:
                    self._core.delivered(notice, *outcome)
                continue
            wait = self._core.next_notice()
            self._news.wait(wait if self._steady or wait is None else LOOK_AGAIN)

    def _post(self, notice: Notice) -> tuple[int | None, str | None]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "skytells-sandbox",
            "X-Skytells-Signature": notice.signature,
        }
        request = Request(notice.url, notice.body, headers, method="POST")  # noqa: S310 - http or https, checked
        try:
            with self._opener.open(request, timeout=PATIENCE) as response:
                return response.status, None
        except HTTPError as error:
            with error:
                return error.code, str(error.reason)
        except (OSError, HTTPException, ValueError) as error:
            return None, str(error) or type(error).__name__


class _NoRedirect(HTTPRedirectHandler):
    """A signed body goes to the address that was registered and to no other."""

    def redirect_request(self, *_: object) -> None:
        """Follow nothing."""
