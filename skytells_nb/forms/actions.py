"""The row under the fields: *Generate*, *Cancel*, the price, and the code and the request on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import ipywidgets as w

from .look import Look

__all__ = ["Actions"]

_PANELS: Final = ("Code", "Request")


class Actions:
    """The buttons of a form.

    Parameters
    ----------
    look : Look
        The form's look.
    generate, cancel, opened : callable
        Called when a button is pressed, and when a panel is opened or closed.

    Attributes
    ----------
    row : ipywidgets.HBox
        The buttons and the price.
    panels : ipywidgets.VBox
        What *Code* and *Request* show.
    """

    def __init__(
        self,
        look: Look,
        generate: Callable[[], object],
        cancel: Callable[[], object],
        opened: Callable[[], object],
    ) -> None:
        self._go = w.Button(
            description="Generate", button_style="primary", layout=look.button, _dom_classes=("sky-go",)
        )
        self._stop = w.Button(
            description="Cancel", layout=w.Layout(width="auto", display="none"), _dom_classes=("sky-quiet",)
        )
        self._price = look.html(classes=("sky-price",))
        self._toggles = {
            name: w.ToggleButton(description=name, layout=look.button, _dom_classes=("sky-quiet",))
            for name in _PANELS
        }
        self._shown = {name: look.html(layout=look.wide) for name in _PANELS}
        toggles = w.HBox([*self._toggles.values()], layout=look.natural, _dom_classes=("sky-panels",))
        self.row = w.HBox(
            [self._go, self._stop, self._price, toggles], layout=look.wide, _dom_classes=("sky-actions",)
        )
        self.panels = w.VBox(layout=look.wide)
        self._go.on_click(lambda _: generate())
        self._stop.on_click(lambda _: cancel())
        for toggle in self._toggles.values():
            toggle.observe(lambda _: opened(), "value")

    @property
    def open(self) -> list[str]:
        """Which panels are open."""
        return [name for name, toggle in self._toggles.items() if toggle.value]

    def show(self, panels: Mapping[str, str]) -> None:
        """Show panels, as HTML by their names, and close the others."""
        for name, html in panels.items():
            self._shown[name].value = html
        children = tuple(self._shown[name] for name in panels)
        if self.panels.children != children:
            self.panels.children = children

    def price(self, html: str) -> None:
        """Show the price."""
        if self._price.value != html:
            self._price.value = html

    def working(self, *, more: bool, stopping: bool) -> None:
        """Show that something runs; ``more`` lets another be started behind it."""
        self._go.disabled = not more
        self._go.description = "Generate another" if more else "Generating…"
        self._stop.disabled = stopping
        self._stop.layout.display = None

    def resting(self) -> None:
        """Show that nothing runs."""
        self._stop.layout.display = "none"
        self._go.description = "Generate"
        self._go.disabled = False

    def holding(self, seconds: float) -> None:
        """Hold *Generate* back, and say for how long."""
        told: Any = f"Generate in {max(1, round(seconds))} s"
        self._go.disabled = True
        self._go.description = told
