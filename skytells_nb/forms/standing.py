"""How a form's work stands: the bar, the line beside it, and what went wrong."""

from __future__ import annotations

import sys
from html import escape
from typing import Any

import ipywidgets as w

from ..models import Prediction
from .look import Look
from .troubles import Trouble

__all__ = ["Standing", "clicks_wait", "ipykernel", "sentence"]


class Standing:
    """The widgets that tell how the work stands.

    Attributes
    ----------
    widget : ipywidgets.VBox
        Bar, line and trouble.
    """

    def __init__(self, look: Look, hint: str) -> None:
        self._hint = hint
        self._bar = w.IntProgress(value=0, min=0, max=100, layout=w.Layout(width="160px", flex="0 0 auto"))
        self._line = look.html()
        self._row = w.HBox(
            [self._bar, self._line], layout=w.Layout(display="none"), _dom_classes=("sky-status",)
        )
        self._trouble = look.html()
        self._shown = ""
        self.widget = w.VBox([self._row, self._trouble], layout=look.wide)

    def work(self, line: str, percent: float | None = None) -> None:
        """Show the bar with a line of plain text; without a percentage it moves to and fro."""
        hint = f' <span class="sky-muted sky-hint">{escape(self._hint)}</span>' if self._hint else ""
        self._line.value = f"<span>{escape(line)}</span>{hint}"
        waiting = percent is None
        self._bar.value = 100 if percent is None else max(0, min(100, round(percent)))
        classes = ("sky-waiting",) if waiting else ()
        if tuple(self._bar._dom_classes) != classes:  # noqa: SLF001 - what add_class sets
            self._bar._dom_classes = classes  # noqa: SLF001
        if self._row.layout.display == "none":
            self._row.layout.display = None

    def rest(self) -> None:
        """Take the bar away."""
        self._row.layout.display = "none"

    def say(self, words: str) -> None:
        """Say something that is no trouble; empty takes it back."""
        self._trouble.value = f'<div class="sky-muted" role="status">{escape(words)}</div>' if words else ""

    def complain(self, trouble: Trouble | None) -> None:
        """Show what went wrong, or take it back."""
        self._trouble.value = "" if trouble is None else trouble.html

    @property
    def told(self) -> str:
        """What is said under the bar, as HTML."""
        return str(self._trouble.value)


def sentence(prediction: Prediction | None, seconds: float, waiting: int = 0) -> str:
    """Tell how a prediction stands.

    Examples
    --------
    >>> from skytells_nb import Prediction
    >>> from skytells_nb.forms.standing import sentence
    >>> sentence(Prediction(id="p1", status="processing"), 3.2, waiting=1)
    'Processing · 3 s · 1 more waiting'
    """
    if prediction is None:
        stands = "Sending"
    else:
        progress = prediction.metrics.progress
        stands = prediction.status.capitalize() + ("" if progress is None else f" · {progress:.0f} %")
    more = f" · {waiting} more waiting" if waiting else ""
    return f"{stands} · {seconds:.0f} s{more}"


def clicks_wait(version: tuple[Any, ...] | None) -> str:
    """Tell whether a click has to wait for a blocking cell, by the version of ipykernel; empty where not.

    Examples
    --------
    >>> from skytells_nb.forms.standing import clicks_wait
    >>> clicks_wait((7, 0, 1)), clicks_wait((7, 4, 0))
    ('', 'While a cell runs, a click here waits for its end.')
    """
    if version is None:
        return ""
    told = "While a cell runs, a click here waits for its end."
    return told if version[0] < 7 or version[:2] >= (7, 4) else ""


def ipykernel() -> tuple[Any, ...] | None:
    """Give the version of the kernel that this runs in; None elsewhere."""
    return getattr(sys.modules.get("ipykernel"), "version_info", None)
