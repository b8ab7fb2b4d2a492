"""A progress bar for many: how many are done, running and failed, what was spent, how long it will take.

HTML in a notebook, one rewritten line in a terminal, nothing elsewhere, so that a log never fills with bars.
It appears only when the work takes over a second, and a bar that cannot be drawn never breaks the work.

In a notebook it is a display that is updated in place and no widget (nor tqdm's, which is one): what it last
said stays in the saved file, and a front end without widgets shows it, too.
"""

from __future__ import annotations

import html
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, Self, TextIO

from ..formatting import format_cost, format_seconds, money_unit
from ..plaintext import clip

_REDRAW: Final = 0.1  # seconds
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tally:
    """How far the work is: how many are under way, have ended (`done`), and have ended badly.

    `reused` came from the archive, at no cost; `not_sent` will never begin, because the work stopped before
    their turn, and are not done. A `total` or `spent` of None is unknown; `elapsed` are seconds.
    """

    label: str
    total: int | None = None
    running: int = 0
    done: int = 0
    failed: int = 0
    canceled: int = 0
    reused: int = 0
    not_sent: int = 0
    spent: Decimal | None = None
    sandbox: bool = False
    elapsed: float = 0.0
    over: bool = False

    @property
    def left(self) -> float | None:
        """Seconds still to go by the throughput so far; None while that cannot be said."""
        to_come = 0 if self.total is None else self.total - self.done - self.not_sent
        return None if self.over or not self.done or to_come <= 0 else self.elapsed * to_come / self.done

    @property
    def text(self) -> str:
        """Everything worth saying, on one line."""
        counts = (
            *(("running", self.running), ("failed", self.failed), ("canceled", self.canceled)),
            *(("from the archive", self.reused), ("not sent", self.not_sent)),
        )
        parts = [f"{self.done}" if self.total is None else f"{self.done} of {self.total}"]
        parts += [f"{count} {word}" for word, count in counts if count]
        if self.spent is not None:
            parts.append(f"{format_cost(self.spent, money_unit(self.sandbox))} spent")
        if self.over:
            parts.append(f"took {format_seconds(self.elapsed, whole=True)}")
        elif self.left is not None:
            parts.append(f"about {format_seconds(self.left, whole=True)} left")
        return f"{self.label}: {' · '.join(parts)}"


class TerminalLine:
    """One line of a terminal, rewritten, and left standing at the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._width = 0

    def draw(self, tally: Tally) -> None:
        columns = max(shutil.get_terminal_size().columns - 1, 20)
        line = clip(tally.text, columns)
        self._stream.write("\r" + line.ljust(self._width) + ("\n" if tally.over else ""))
        self._stream.flush()
        self._width = len(line)


class NotebookBar:
    """A bar below the cell: displayed once, then updated in place."""

    def __init__(self) -> None:
        self._display_id: str | None = None

    def draw(self, tally: Tally) -> None:
        from IPython.display import display

        value = tally.done if tally.total is not None else int(tally.over)
        gauge = f'<progress max="{max(tally.total or 0, 1)}" value="{value}"></progress>'
        bundle = {"text/html": f"<div>{gauge} {html.escape(tally.text)}</div>", "text/plain": tally.text}
        update = self._display_id is not None
        self._display_id = self._display_id or os.urandom(8).hex()
        display(bundle, raw=True, display_id=self._display_id, update=update)


class Bar:
    """What `bar` returns: update it as the work goes on, and close it, best with ``with``.

    Safe to use from any thread, and cheap: it draws at most ten times a second.
    """

    def __init__(
        self,
        tally: Tally,
        view: TerminalLine | NotebookBar | None,
        *,
        delay: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tally = tally
        self._view = view
        self._delay = delay
        self._clock = clock
        self._began = clock()
        self._drawn: float | None = None
        self._lock = threading.Lock()

    def update(self, **changes: Any) -> None:
        """Set fields of the tally, such as ``done=3``; None and what is left out stay as they are."""
        self._change({name: value for name, value in changes.items() if value is not None})

    def close(self) -> None:
        """Draw the end, if anything was drawn at all. Closing again does nothing."""
        self._change({"running": 0, "over": True})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _change(self, changes: dict[str, Any]) -> None:
        with self._lock:
            if self.tally.over:
                return
            now = self._clock() - self._began
            self.tally = replace(self.tally, elapsed=now, **changes)
            if self._view is None:
                return
            if self.tally.over:
                due = self._drawn is not None
            else:
                due = now >= self._delay if self._drawn is None else now - self._drawn >= _REDRAW
            if not due:
                return
            self._drawn = now
            try:
                self._view.draw(self.tally)
            except Exception:  # noqa: BLE001  the work matters, its bar does not
                self._view = None
                _log.debug("The progress bar could not be drawn; the work goes on.", exc_info=True)


def bar(
    total: int | None,
    label: str,
    *,
    enabled: bool | None = None,
    delay: float = 1.0,
    clock: Callable[[], float] = time.monotonic,
    stream: TextIO | None = None,
) -> Bar:
    """Return a bar for ``total`` pieces of work, drawn in whatever this process has for it.

    It appears after `delay` seconds, unless `enabled` is False; a terminal's line goes to `stream`.
    """
    view = None if enabled is False else _view(sys.stderr if stream is None else stream)
    return Bar(Tally(label, total=total), view, delay=delay, clock=clock)


def _view(stream: TextIO | None) -> TerminalLine | NotebookBar | None:
    if in_a_kernel():
        return NotebookBar()
    try:
        return TerminalLine(stream) if stream is not None and stream.isatty() else None
    except ValueError:  # closed
        return None


def in_a_kernel() -> bool:
    """Whether this is a notebook's kernel; it asks without importing IPython."""
    shell_module = sys.modules.get("IPython.core.getipython")
    shell = shell_module.get_ipython() if shell_module is not None else None
    return getattr(shell, "kernel", None) is not None
