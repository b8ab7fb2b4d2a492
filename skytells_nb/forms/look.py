"""What the widgets of one form have in common: layouts, styles, and small pieces of HTML.

A widget's layout and style are models of their own, which the front end has to be sent. Those that many
widgets share are made once a form; that halves the time it takes.
"""

from __future__ import annotations

from functools import cached_property
from html import escape
from typing import Any

import ipywidgets as w

__all__ = ["Look", "label_html", "note_html"]


class Look:
    """The layouts that the widgets of one form share."""

    @cached_property
    def wide(self) -> Any:
        """As wide as there is room."""
        return w.Layout(width="100%")

    @cached_property
    def natural(self) -> Any:
        """As wide as it needs."""
        return w.Layout(width="auto")

    @cached_property
    def growing(self) -> Any:
        """Takes the room that is left."""
        return w.Layout(flex="1 1 auto", width="auto", min_width="60px")

    @cached_property
    def typed(self) -> Any:
        """The box beside a slider."""
        return w.Layout(width="92px", flex="0 0 92px", min_width="0")

    @cached_property
    def narrow(self) -> Any:
        """A box for a number alone."""
        return w.Layout(width="200px", min_width="60px", max_width="100%", flex="0 1 auto")

    @cached_property
    def button(self) -> Any:
        """A button as wide as its words."""
        return w.Layout(width="auto", flex="0 0 auto")

    @cached_property
    def html_style(self) -> Any:
        """The style of words."""
        return w.HTML.style.klass()

    @cached_property
    def text_style(self) -> Any:
        """The style of boxes to type in."""
        return w.Text.style.klass()

    @cached_property
    def slider_style(self) -> Any:
        """The style of sliders."""
        return w.IntSlider.style.klass()

    @cached_property
    def buttons_style(self) -> Any:
        """The style of choices that are buttons."""
        return w.ToggleButtons.style.klass()

    @cached_property
    def checkbox_style(self) -> Any:
        """The style of checkboxes."""
        return w.Checkbox.style.klass()

    def html(self, value: str = "", *, classes: tuple[str, ...] = (), layout: Any = None) -> Any:
        """Make a piece of HTML."""
        return w.HTML(value, layout=layout or self.natural, style=self.html_style, _dom_classes=classes)


def label_html(label: str, required: bool, deprecated: bool = False) -> str:
    """Write a label, with a mark where the field is needed."""
    mark = '<span class="sky-needed" title="needed">*</span>' if required else ""
    old = ' <span class="sky-muted">(deprecated)</span>' if deprecated else ""
    return f"<span>{escape(label)}{mark}{old}</span>"


def note_html(help: str, problem: str = "") -> str:
    """Write what stands under a field: what is wrong with it, else what it is for."""
    wrong = f'<div class="sky-wrong" role="alert">{escape(problem)}</div>' if problem else ""
    told = f'<div class="sky-help">{escape(help)}</div>' if help else ""
    return wrong + told
