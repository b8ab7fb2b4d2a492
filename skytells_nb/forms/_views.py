"""The widgets around a form's fields: heading, buttons and price, progress and errors, code to copy.

Each view has one method, ``render``, that shows a `FormState` whatever it showed before. The layouts are made
once a form, because a widget's layout and style are models of their own that the front end has to be sent;
sharing them halves the time a form takes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from html import escape
from importlib.resources import files
from typing import Any, Final

import ipywidgets as w

from ..display import script_html
from ..formatting import format_cost
from ..models import Model
from ..pricing import Estimate
from ._codegen import literal
from ._controller import FormState

# Inside a widget's HTML a handler is the only script there can be. Where the page may not write to the
# clipboard (plain HTTP, some front ends), the text is selected instead, ready for Ctrl-C.
_COPY: Final = (
    "const pre=this.parentElement.querySelector('pre');const done=()=>{this.textContent='Copied';"
    "setTimeout(()=>{this.textContent='Copy'},1500)};const select=()=>"
    "{getSelection().selectAllChildren(pre);this.textContent='Selected'};"
    "navigator.clipboard?navigator.clipboard.writeText(pre.textContent).then(done,select):select()"
)
_LONGEST_CODE: Final = 200_000
_LONGEST_VALUE: Final = 300


@cache
def style_sheet() -> str:
    """Return the style sheet of every form, and the script, as HTML.

    A text area of ipywidgets has no key that submits, and stops keys on their way up; so the script catches
    Ctrl+Enter on the way down. Nor can it be told which way its text runs; the browser finds out.
    """
    style, script = (
        files(__package__).joinpath(f"_form.{kind}").read_text("utf-8") for kind in ("css", "js")
    )
    return f"<style>{style}</style>{script_html('.sky-form', script)}"


class Layouts:
    """The layouts and styles that the widgets of one form share."""

    wide = cached_property(lambda _: w.Layout(width="100%"))
    natural = cached_property(lambda _: w.Layout(width="auto"))
    growing = cached_property(lambda _: w.Layout(flex="1 1 auto", width="auto", min_width="60px"))
    beside_slider = cached_property(lambda _: w.Layout(width="92px", flex="0 0 92px", min_width="0"))
    narrow = cached_property(
        lambda _: w.Layout(width="200px", min_width="60px", max_width="100%", flex="0 1 auto")
    )
    button = cached_property(lambda _: w.Layout(width="auto", flex="0 0 auto"))
    html_style = cached_property(lambda _: w.HTML.style.klass())
    text_style = cached_property(lambda _: w.Text.style.klass())
    slider_style = cached_property(lambda _: w.IntSlider.style.klass())
    buttons_style = cached_property(lambda _: w.ToggleButtons.style.klass())
    checkbox_style = cached_property(lambda _: w.Checkbox.style.klass())

    def html(self, value: str = "", *, classes: tuple[str, ...] = (), layout: Any = None) -> Any:
        return w.HTML(value, layout=layout or self.natural, style=self.html_style, _dom_classes=classes)

    def make_button(
        self, pressed: Callable[[], object], classes: tuple[str, ...] = ("sky-quiet",), **traits: Any
    ) -> Any:
        button = w.Button(layout=self.button, _dom_classes=classes, **traits)
        button.on_click(lambda _: pressed())
        return button


class ActionBar:
    """The row under the fields: *Generate*, *Cancel*, the price; and the code and the request on demand.

    ``toggled`` is called when one of these two is opened or closed. ``queue`` says that *Generate* can be
    pressed while something runs, ``unavailable`` why the model cannot be run, where it cannot: it stands in
    their place.
    """

    PANELS: Final = ("Code", "Request")

    def __init__(
        self,
        layouts: Layouts,
        generate: Callable[[], object],
        cancel: Callable[[], object],
        toggled: Callable[[], object],
        *,
        queue: bool = False,
        unavailable: str = "",
    ) -> None:
        self._queue = queue
        self._unavailable = unavailable
        self.generate = layouts.make_button(
            generate,
            ("sky-generate",),
            description="Generate",
            button_style="primary",
            tooltip="Generate (Ctrl+Enter)",
        )
        self.cancel = w.Button(
            description="Cancel", layout=w.Layout(width="auto", display="none"), _dom_classes=("sky-quiet",)
        )
        self.price = layouts.html(classes=("sky-price",))
        self._toggles = {
            name: w.ToggleButton(description=name, layout=layouts.button, _dom_classes=("sky-quiet",))
            for name in self.PANELS
        }
        self._panels = {name: layouts.html(layout=layouts.wide) for name in self.PANELS}
        toggles = w.HBox([*self._toggles.values()], layout=layouts.natural, _dom_classes=("sky-panels",))
        buttons = [] if unavailable else [self.generate, self.cancel]
        self.row = w.HBox(
            [*buttons, self.price, *([] if unavailable else [toggles])],
            layout=layouts.wide,
            _dom_classes=("sky-actions",),
        )
        self.panels = w.VBox(layout=layouts.wide)
        self.cancel.on_click(lambda _: cancel())
        for toggle in self._toggles.values():
            toggle.observe(lambda _: toggled(), "value")

    @property
    def open(self) -> list[str]:
        """Which panels are open."""
        return [name for name, toggle in self._toggles.items() if toggle.value]

    def show_panels(self, panels: Mapping[str, str]) -> None:
        """Show panels, as HTML by their names, and close the others."""
        for name, html in panels.items():
            self._panels[name].value = html
        self.panels.children = tuple(self._panels[name] for name in panels)

    def render(self, state: FormState, left: str = "") -> None:
        """Show what can be pressed, and what it costs; ``left`` is what is left of a budget."""
        if self._unavailable:
            self.price.value = f'<div class="sky-unavailable">{escape(self._unavailable)}</div>'
            return
        self.price.value = price_html(state.estimate, left)
        words, disabled = "Generate", False
        if state.running:
            words, disabled = "Generate another" if self._queue else "Generating…", not self._queue
        elif state.retry_in is not None:
            words, disabled = f"Generate in {max(1, round(state.retry_in))} s", True
        self.generate.description, self.generate.disabled = words, disabled
        self.cancel.disabled = state.canceling
        _display(self.cancel, state.running)


class StatusBar:
    """Under the buttons: the progress of what runs, what went wrong, and what the session has cost."""

    def __init__(self, layouts: Layouts, unit: str, hint: str = "") -> None:
        self._unit = unit
        self._hint = f' <span class="sky-muted sky-hint">{escape(hint)}</span>' if hint else ""
        self._bar = w.IntProgress(value=0, min=0, max=100, layout=w.Layout(width="160px", flex="0 0 auto"))
        self._line = layouts.html()
        self._row = w.HBox(
            [self._bar, self._line], layout=w.Layout(display="none"), _dom_classes=("sky-status",)
        )
        self.message = layouts.html()
        self.spent = layouts.html()
        self.widget = w.VBox([self._row, self.message, self.spent], layout=layouts.wide)

    def render(self, state: FormState) -> None:
        """Show the progress of what runs, and the error or the note there is."""
        if state.running:
            found = state.prediction
            progress = None if found is None else found.metrics.progress
            facts = [
                "Canceling" if state.canceling else "",
                "Sending" if found is None else found.status.capitalize(),
                "" if progress is None else f"{progress:.0f} %",
                f"{state.seconds:.0f} s",
                f"{state.waiting} more waiting" if state.waiting else "",
            ]
            self._line.value = f"<span>{escape(' · '.join(filter(None, facts)))}</span>{self._hint}"
            self._bar.value = 100 if progress is None else max(0, min(100, round(progress)))
            set_classes(self._bar, ("sky-indeterminate",) if progress is None else ())
        _display(self._row, state.running)
        if state.spent:
            spent = format_cost(state.spent, self._unit)
            self.spent.value = f'<div class="sky-muted">This session so far: {escape(spent)}</div>'
        note = f'<div class="sky-muted" role="status">{escape(state.note)}</div>' if state.note else ""
        self.message.value = note if state.error is None else state.error.html


def _display(widget: Any, shown: bool) -> None:
    wanted = None if shown else "none"
    if widget.layout.display != wanted:
        widget.layout.display = wanted


def set_classes(widget: Any, classes: tuple[str, ...]) -> None:
    """Set all classes of a widget in one message; ``add_class`` and ``remove_class`` take one each."""
    if tuple(widget._dom_classes) != classes:  # noqa: SLF001 - ipywidgets has no public way
        widget._dom_classes = classes  # noqa: SLF001 - ipywidgets has no public way


def click_hint(version: tuple[Any, ...] | None) -> str:
    """Say that a click waits while a cell blocks, where it does; by the version of ipykernel.

    ipykernel 7.0 to 7.3 take widgets' messages on a subshell's thread, the others one after the other.
    """
    if version is None or (version[0] == 7 and version[:2] < (7, 4)):
        return ""
    return "While a cell runs, a click here waits for its end."


def ipykernel_version() -> tuple[Any, ...] | None:
    """Return the version of the kernel that this runs in; None elsewhere."""
    return getattr(sys.modules.get("ipykernel"), "version_info", None)


def label_html(label: str, required: bool, deprecated: bool = False) -> str:
    """Format a label, with a mark where the field is required."""
    mark = '<span class="sky-required" title="required">*</span>' if required else ""
    old = ' <span class="sky-muted">(deprecated)</span>' if deprecated else ""
    return f"<span>{escape(label)}{mark}{old}</span>"


def note_html(help: str, problem: str = "") -> str:
    """Format what stands under a field: what is wrong with it, and what it is for."""
    wrong = f'<div class="sky-problem" role="alert">{escape(problem)}</div>' if problem else ""
    return wrong + (f'<div class="sky-help" dir="auto">{escape(help)}</div>' if help else "")


def heading_html(model: Model, sandbox: bool) -> str:
    """Format the name of a model, what kind it is, and whether any of this is real."""
    facts = [fact for fact in (model.type, model.vendor) if fact]
    if model.status and model.status != "operational":
        facts.append(model.status)
    beside = f'<span class="sky-muted">{escape(" · ".join(facts))}</span>' if facts else ""
    badge = '<span class="sky-badge" title="Nothing here costs money">sandbox</span>' if sandbox else ""
    about = " ".join((model.description or "").split())[:300]
    below = f'<div class="sky-muted sky-about" dir="auto">{escape(about)}</div>' if about else ""
    return f'<div class="sky-head"><b>{escape(model.name or model.id)}</b>{beside}{badge}</div>{below}'


def price_html(estimate: Estimate | None, left: str = "") -> str:
    """Format a price, with the arithmetic in its tooltip and beside it."""
    if estimate is None:
        return '<span class="sky-muted">price unknown</span>'
    basis = " ".join(estimate.basis.split())
    budget = f' <span class="sky-muted">· {escape(left)} left</span>' if left else ""
    if not estimate.known:
        return f'<span class="sky-muted" title="{escape(basis)}">price not known beforehand</span>{budget}'
    short = len(basis) <= 46 and "×" in basis
    arithmetic = f' <span class="sky-muted">{escape(basis)}</span>' if short else ""
    return f'<span title="{escape(basis)}"><b>{escape(estimate.price)}</b>{arithmetic}</span>{budget}'


def unplaced_html(problems: Mapping[str, str], unknown: Sequence[str]) -> str:
    """Format problems that concern no field one can see, and keys that are sent without one."""
    lines = [
        f'<span class="sky-problem">{escape(f"{name}: {text}" if name else text)}</span>'
        for name, text in problems.items()
    ]
    if unknown:
        lines.append(f'<span class="sky-muted">Also sent: {escape(", ".join(unknown))}.</span>')
    return "<br>".join(lines)


def code_html(code: str, language: str) -> str:
    """Format code with a button that copies it, coloured where that takes no time."""
    shown = code if len(code) <= _LONGEST_CODE else code[:_LONGEST_CODE] + "\n…"
    body = escape(shown)
    if len(shown) < 20_000:
        from pygments import highlight
        from pygments.formatters import HtmlFormatter
        from pygments.lexers import get_lexer_by_name

        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
        body = highlight(shown, lexer, HtmlFormatter(nowrap=True))
    return (
        '<div class="sky-code jp-RenderedHTMLCommon"><div class="highlight">'
        f'<pre>{body}</pre></div><button type="button" class="sky-copy" '
        f'onclick="{escape(_COPY)}">Copy</button></div>'
    )


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
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
