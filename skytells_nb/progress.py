"""A bar for many: how many are done, running and failed, what was spent, how long it will take.

A widget in a notebook, one rewritten line in a terminal, nothing elsewhere. It appears only when the
work takes over a second, and a bar that cannot be drawn never breaks the work it tells of.
"""

from __future__ import annotations

import html
import logging
import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Protocol, Self, TextIO

from .formatting import format_cost, format_seconds, money_unit

__all__ = ["Bar", "Tally", "bar"]

_REDRAW: Final = 0.1
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tally:
    """How far the work is; ``sentence`` says it in words.

    Attributes
    ----------
    label : str
        What is being done.
    total : int or None
        How many there will be; None when that is not known.
    running, done, failed : int
        How many are under way, have ended, and have ended badly. ``done`` counts the failed too.
    spent : Decimal or None
        What it has cost; None is unknown, which is not zero.
    sandbox : bool
        Whether ``spent`` is a sandbox's credits, which are no money.
    elapsed : float
        Seconds since the work began.
    over : bool
        Whether the work has ended.

    Examples
    --------
    >>> from skytells_nb.progress import Tally
    >>> Tally("portraits", total=8, running=4, done=2, elapsed=3.0).sentence
    'portraits: 2 of 8 · 4 running · about 9 s left'
    """

    label: str
    total: int | None = None
    running: int = 0
    done: int = 0
    failed: int = 0
    spent: Decimal | None = None
    sandbox: bool = False
    elapsed: float = 0.0
    over: bool = False

    @property
    def left(self) -> float | None:
        """Seconds still to go by the throughput so far; None while that cannot be told."""
        if self.total is None or self.over or not 0 < self.done < self.total:
            return None
        return self.elapsed * (self.total - self.done) / self.done

    @property
    def sentence(self) -> str:
        """Everything worth saying, as one line of plain text."""
        parts = [f"{self.done}" if self.total is None else f"{self.done} of {self.total}"]
        if self.running:
            parts.append(f"{self.running} running")
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.spent is not None:
            parts.append(f"{format_cost(self.spent, money_unit(self.sandbox))} spent")
        if self.over:
            parts.append(f"took {format_seconds(self.elapsed, whole=True)}")
        elif self.left is not None:
            parts.append(f"about {format_seconds(self.left, whole=True)} left")
        return f"{self.label}: {' · '.join(parts)}"


class Face(Protocol):
    """Where a tally is shown."""

    def draw(self, tally: Tally) -> None:
        """Show it, in the place of what was shown before."""


class TerminalLine:
    """One line of a terminal, written again and again, and left standing at the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._width = 0

    def draw(self, tally: Tally) -> None:
        """Write the line over the one before."""
        room = max(shutil.get_terminal_size().columns - 1, 20)
        line = tally.sentence
        line = line if len(line) <= room else line[: room - 1] + "…"
        self._stream.write("\r" + line.ljust(self._width) + ("\n" if tally.over else ""))
        self._stream.flush()
        self._width = len(line)


class NotebookBar:
    """A bar of ipywidgets below the cell: displayed once, then only its values change."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._text: Any = None

    def draw(self, tally: Tally) -> None:
        """Display the bar, or change its values."""
        if self._bar is None:
            self._display()
        self._bar.max = max(tally.total or 0, 1)
        self._bar.value = tally.done if tally.total is not None else int(tally.over)
        self._bar.bar_style = "warning" if tally.failed else ("success" if tally.over else "info")
        self._text.value = html.escape(tally.sentence)

    def _display(self) -> None:
        import ipywidgets
        from IPython.display import display

        self._bar = ipywidgets.IntProgress(value=0, min=0, max=1, layout={"width": "12em"})
        self._text = ipywidgets.HTML()
        row = ipywidgets.HBox([self._bar, self._text])
        view = {"version_major": 2, "version_minor": 0, "model_id": row.model_id}
        # without a kernel there is no bar to show, and the words "HBox(…)" would help nobody
        shown = {"application/vnd.jupyter.widget-view+json": view, "text/plain": ""}
        display(shown, raw=True)  # type: ignore[no-untyped-call]


class Bar:
    """What `bar` gives: tell it how the work goes, and close it, best with ``with``.

    Safe to call from any thread, and cheap: it draws at most ten times a second.
    """

    def __init__(
        self, tally: Tally, face: Face | None, *, delay: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tally = tally
        self._face = face
        self._delay = delay
        self._clock = clock
        self._began = clock()
        self._drawn: float | None = None
        self._lock = threading.Lock()

    @property
    def tally(self) -> Tally:
        """How the work stands, as last told."""
        return self._tally

    def update(
        self,
        *,
        running: int | None = None,
        done: int | None = None,
        failed: int | None = None,
        spent: Decimal | None = None,
        sandbox: bool | None = None,
        total: int | None = None,
    ) -> None:
        """Tell how the work stands; what is left out stays as it was.

        Parameters
        ----------
        running, done, failed : int, optional
            How many are under way, have ended, and have ended badly; ``done`` counts the failed too.
        spent : Decimal, optional
            What it has cost so far.
        sandbox : bool, optional
            Whether that is a sandbox's credits, which are no money.
        total : int, optional
            How many there will be, once that is known.

        Examples
        --------
        >>> from skytells_nb.progress import bar
        >>> with bar(2, "portraits") as shown:
        ...     shown.update(running=1, done=1)
        """
        told = {
            "running": running,
            "done": done,
            "failed": failed,
            "spent": spent,
            "sandbox": sandbox,
            "total": total,
        }
        with self._lock:
            news: dict[str, Any] = {name: value for name, value in told.items() if value is not None}
            self._tally = replace(self._tally, elapsed=self._clock() - self._began, **news)
            self._draw()

    def close(self) -> None:
        """Draw the end, if anything was drawn at all. Closing again does nothing."""
        with self._lock:
            if self._tally.over:
                return
            self._tally = replace(self._tally, elapsed=self._clock() - self._began, running=0, over=True)
            if self._drawn is not None:
                self._draw()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _draw(self) -> None:
        now = self._tally.elapsed
        early = now < self._delay if self._drawn is None else now - self._drawn < _REDRAW
        if self._face is None or (early and not self._tally.over):
            return
        self._drawn = now
        try:
            self._face.draw(self._tally)
        except Exception:  # noqa: BLE001  the work matters, its bar does not
            self._face = None
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
    """Make a bar for ``total`` pieces of work, in whatever this process has to show one.

    That is a widget in a notebook, a line on stderr in a terminal, and nothing elsewhere, so a log
    file never fills with bars.

    Parameters
    ----------
    total : int or None
        How many there will be; None when that is not known.
    label : str
        What is being done.
    enabled : bool, optional
        False never shows it.
    delay : float
        Seconds of work before it appears.
    clock : callable
        Gives monotonic seconds.
    stream : text file, optional
        Where a terminal's line goes instead of ``sys.stderr``.

    Returns
    -------
    Bar
        A context manager with ``update`` and ``close``.

    Examples
    --------
    >>> from skytells_nb.progress import bar
    >>> with bar(3, "portraits", enabled=False) as shown:
    ...     shown.update(done=3)
    """
    face = None if enabled is False else _face(sys.stderr if stream is None else stream)
    return Bar(Tally(label, total=total), face, delay=delay, clock=clock)


def _face(stream: TextIO | None) -> Face | None:
    if _in_a_kernel():
        return NotebookBar()
    try:
        return TerminalLine(stream) if stream is not None and stream.isatty() else None
    except ValueError:  # closed
        return None


def _in_a_kernel() -> bool:
    """Whether this is a notebook's kernel; asks without importing IPython."""
    shell_module = sys.modules.get("IPython.core.getipython")
    shell = shell_module.get_ipython() if shell_module is not None else None
    return getattr(shell, "kernel", None) is not None
