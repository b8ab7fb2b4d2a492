"""The last result of a form for those who open the saved notebook where no kernel runs.

A widget is gone with its kernel. So a form puts a second output under itself, of plain HTML, and writes
what it has made into that. While the form is alive its style sheet hides this output; later nothing does.
"""

from __future__ import annotations

import logging
from html import escape
from typing import Final
from uuid import uuid4

__all__ = ["Keepsake"]

_TOLD: Final = (
    '<div style="opacity:0.65;font-size:12px;padding:2px 0 6px">The last result of this form. '
    "Run the cell to use the form again.</div>"
)
_log: Final = logging.getLogger(__name__)


class Keepsake:
    """One output of plain HTML, which may stand in several cells and changes in all of them.

    Attributes
    ----------
    style : str
        A style sheet that hides it, to stand in the widget that makes it superfluous.

    Examples
    --------
    >>> from skytells_nb.forms.keepsake import Keepsake
    >>> keepsake = Keepsake()
    >>> keepsake.update("<img …>")
    >>> "<img …>" in keepsake.bundle["text/html"]
    True
    """

    def __init__(self) -> None:
        self._id = f"sky-kept-{uuid4().hex[:12]}"
        self._html = ""
        self._shown = False

    @property
    def style(self) -> str:
        """A style sheet that hides it."""
        return f"<style>.{self._id} {{display:none}}</style>"

    @property
    def bundle(self) -> dict[str, str]:
        """What stands in the cell."""
        return {"text/html": f'<div class="{escape(self._id)}">{self._html}</div>', "text/plain": ""}

    def display(self) -> None:
        """Show it below what the cell has shown so far."""
        from IPython.display import display

        self._shown = True
        display(self.bundle, raw=True, display_id=self._id)  # type: ignore[no-untyped-call]

    def update(self, html: str) -> None:
        """Change it wherever it stands; a front end that is gone is no trouble."""
        self._html = _TOLD + html
        if not self._shown:
            return
        from IPython.display import update_display

        try:
            update_display(self.bundle, raw=True, display_id=self._id)  # type: ignore[no-untyped-call]
        except Exception:  # noqa: BLE001 - the result is shown, and archived; this is a copy for later
            _log.warning("The last result could not be written into the notebook.", exc_info=True)
