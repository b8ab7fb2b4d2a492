"""A form where no kernel runs: what is set and the last result, as plain HTML in the saved notebook.

A widget is gone with its kernel. So a form puts a second output under itself, of plain HTML, and writes
what it has made into that. While the form is alive its style sheet hides this output; later nothing does.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from html import escape
from typing import Any, Final
from uuid import uuid4

from ..models import Model
from ._codegen import literal

__all__ = ["StaticOutput", "summary_html"]

_EXPLANATION: Final = (
    '<div style="opacity:0.65;font-size:12px;padding:2px 0 6px">The last result of this form. '
    "Run the cell to use the form again.</div>"
)
_LONGEST: Final = 300
_log: Final = logging.getLogger(__name__)


class StaticOutput:
    """One output of plain HTML, which may stand in several cells and changes in all of them.

    Attributes
    ----------
    style : str
        A style sheet that hides it, to stand in the widget that makes it superfluous.
    """

    def __init__(self) -> None:
        self._id = f"sky-static-{uuid4().hex[:12]}"
        self._html = ""
        self._shown = False
        self.style = f"<style>.{self._id} {{display:none}}</style>"

    @property
    def bundle(self) -> dict[str, str]:
        """What stands in the cell."""
        return {"text/html": f'<div class="{self._id}">{self._html}</div>', "text/plain": ""}

    def display(self) -> None:
        """Show it below what the cell has shown so far."""
        from IPython.display import display

        self._shown = True
        display(self.bundle, raw=True, display_id=self._id)  # type: ignore[no-untyped-call]

    def update(self, html: str) -> None:
        """Change it wherever it stands; a front end that is gone is no trouble."""
        self._html = _EXPLANATION + html
        if not self._shown:
            return
        from IPython.display import update_display

        try:
            update_display(self.bundle, raw=True, display_id=self._id)  # type: ignore[no-untyped-call]
        except Exception:  # noqa: BLE001 - the result is shown, and archived; this is a copy for later
            _log.warning("The last result could not be written into the notebook.", exc_info=True)


def summary_html(model: Model, value: Mapping[str, Any], price: str, newest: str) -> str:
    """Format a form for a viewer without widgets; with inline styles only, which every viewer leaves."""
    cell = 'style="text-align:left;padding:2px 12px 2px 0;vertical-align:top"'
    rows = "".join(
        f"<tr><th {cell}>{escape(str(name))}</th><td {cell} dir='auto'>{escape(_short(item))}</td></tr>"
        for name, item in value.items()
    )
    table = f'<table style="font-size:13px;border-collapse:collapse">{rows}</table>' if rows else ""
    cost = f" · {escape(price)}" if price else ""
    return (
        f'<div style="line-height:1.5"><div><b>{escape(model.name or model.id)}</b>'
        f'<span style="opacity:0.65"> · a prompt form; run this cell to use it{cost}</span></div>'
        f"{table}{newest}</div>"
    )


def _short(value: Any) -> str:
    text = value if type(value) is str else literal(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
