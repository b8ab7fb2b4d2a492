"""The widgets around a form's fields: heading, buttons and price, progress and errors, results, code to copy.

Each view has one method, ``render``, that shows a `FormState` whatever it showed before. The layouts are made
once a form, because a widget's layout and style are models of their own that the front end has to be sent;
sharing them halves the time a form takes.

A result is drawn large while it is the newest, then as a small card: HTML in a widget, which needs no kernel
to be looked at, and small, because a front end saves every widget's state with the notebook. Both drawings
are made as soon as a prediction ends, while its outputs are there to be fetched. A widget is gone with its
kernel. So a form puts a second output under itself, of plain HTML, and writes what it has made into that.
While the form is alive its style sheet hides this output; later nothing does.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import ipywidgets as w

from .. import exceptions as errors
from .._options import options
from ..display import script_html, to_html
from ..exceptions import SkytellsError
from ..formatting import format_cost
from ..models import Model, Prediction, PredictionList
from ..pricing import Estimate
from ._codegen import literal

if TYPE_CHECKING:
    from ._controller import FormState

_log: Final = logging.getLogger(__name__)

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
    Ctrl+Enter on the way down. A box that tells what was typed only when it is left, such as that of a file,
    is made to tell it before. Nor can one be told which way its text runs; the browser finds out.
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

    ``panels`` write these two as HTML, by their names. ``queue`` says that *Generate* can be pressed while
    something runs, ``unavailable`` why the model cannot be run, where it cannot: it stands in their place.
    """

    def __init__(
        self,
        layouts: Layouts,
        generate: Callable[[], object],
        cancel: Callable[[], object],
        panels: Mapping[str, Callable[[], str]],
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
            for name in panels
        }
        self._panels = {name: (layouts.html(layout=layouts.wide), write) for name, write in panels.items()}
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
            toggle.observe(lambda _: self.render_panels(), "value")

    def render_panels(self) -> None:
        """Write the panels that are open anew, and close the others."""
        open = [self._panels[name] for name, toggle in self._toggles.items() if toggle.value]
        for pane, write in open:
            pane.value = write()
        self.panels.children = tuple(pane for pane, _ in open)

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
        self.cancel.layout.display = None if state.running else "none"


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
        self._row.layout.display = None if state.running else "none"
        if state.spent:
            spent = format_cost(state.spent, self._unit)
            self.spent.value = f'<div class="sky-muted">This session so far: {escape(spent)}</div>'
        note = f'<div class="sky-muted" role="status">{escape(state.note)}</div>' if state.note else ""
        self.message.value = note if state.error is None else state.error.html


def set_classes(widget: Any, classes: tuple[str, ...]) -> None:
    """Set all classes of a widget in one message; ``add_class`` and ``remove_class`` take one each."""
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


# --- what came of a press -------------------------------------------------------------------------------

_TITLES: Final[tuple[tuple[type[SkytellsError], str], ...]] = (
    (errors.AuthenticationError, "Key refused"),
    (errors.PermissionDeniedError, "Permission denied"),
    (errors.InsufficientCreditsError, "No credit left"),
    (errors.ContentPolicyError, "Content refused"),
    (errors.BudgetExceeded, "Over budget"),
    (errors.InvalidInputError, "Input refused"),
    (errors.NotFoundError, "Model not found"),
    (errors.RateLimitError, "Too many requests"),
    (errors.UncertainCreateError, "Outcome unknown"),
    (errors.NetworkError, "API unreachable"),
    (errors.WaitTimeoutError, "Still running"),
    (errors.PredictionError, "Prediction failed"),
    (errors.OutputExpiredError, "Output expired"),
    (errors.ServerError, "API error"),
)


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """What went wrong, in words."""

    title: str
    text: str
    detail: str = ""  # the server's own words, where they say more
    retry_after: float | None = None  # seconds until another try makes sense, after a rate limit
    field: str | None = None  # the input that the server refused, where it names one

    @property
    def html(self) -> str:
        detail = f'<div class="sky-muted">{escape(self.detail)}</div>' if self.detail else ""
        return (
            f'<div class="sky-error" role="alert" dir="auto"><b>{escape(self.title)}</b>'
            f"<div>{escape(self.text)}</div>{detail}</div>"
        )


NOT_SENT: Final = ErrorMessage("Not sent", "Fix the fields marked above.")


def describe(error: BaseException, names: Iterable[str] = ()) -> ErrorMessage:
    """Describe an error for a person; ``names`` are the inputs, of which the server may have refused one."""
    if not isinstance(error, SkytellsError):
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return ErrorMessage("Error", f"{text}. Whether anything was billed is not known.")
    title = next((title for kind, title in _TITLES if isinstance(error, kind)), "Error")
    ended = error.prediction if isinstance(error, errors.PredictionError) else None
    if ended is not None and ended.status == "canceled":
        title = "Canceled"
    detail, refused = error.detail.strip(), isinstance(error, errors.InvalidInputError)
    return ErrorMessage(
        title,
        error.message,
        detail if detail and detail.rstrip(".") not in error.message else "",
        error.retry_after if isinstance(error, errors.RateLimitError) else None,
        _refused_field(f"{detail} {error.message}", names) if refused else None,
    )


def _refused_field(text: str, names: Iterable[str]) -> str | None:
    """Find the one input that a complaint names; quoted names are surer than bare words."""
    known = [name for name in names if name]
    for pattern in (r"""["'`]{}["'`]""", r"\b{}\b"):
        found = [name for name in known if re.search(pattern.format(re.escape(name)), text)]
        if len(found) == 1:
            return found[0]
    return None


CARD_SIDE: Final = 256
CARD_BYTES: Final = 40_000
MOST_CARDS: Final = 50  # 2 MB in all of a notebook that is saved with its widgets

_BUDGET: Final = re.compile(r", to keep this cell under [^<]*")
"""How `show` explains what it leaves out; a card has other reasons, and another way out."""
_EXPLANATION: Final = (
    '<div style="opacity:0.65;font-size:12px;padding:2px 0 6px">The last result of this form. '
    "Run the cell to use the form again.</div>"
)
_WHOLE: Final = "; sky.show(…, full=True) shows one of form.predictions whole."


@dataclass(frozen=True, slots=True)
class Drawings:
    """A prediction drawn twice, as HTML: large while it is the newest, small afterwards."""

    large: str
    small: str


def draw(prediction: Prediction) -> Drawings:
    """Draw a prediction both ways: as `show` does, and small, for at most 40 kB of a saved notebook."""
    try:
        large = to_html(prediction)
        with options(thumbnail_size=CARD_SIDE, cell_budget=CARD_BYTES):
            small = _BUDGET.sub(_WHOLE, to_html(prediction))
    except Exception as error:  # noqa: BLE001 - it was paid for, and must not be lost because of its looks
        _log.warning("Prediction %s could not be drawn.", prediction.id, exc_info=True)
        words = f"{prediction.id} ({prediction.status}) could not be drawn: {error}. form.predictions has it."
        return Drawings(escape(words), escape(words))
    return Drawings(large, small)


class Results:
    """The pane of results, which several forms may share, with everything that was put there, newest first.

    ``static`` is the newest of them as plain HTML, for a notebook without its kernel.
    """

    def __init__(self, layouts: Layouts) -> None:
        self._layouts = layouts
        self._cards: list[tuple[Any, Any, Drawings]] = []
        self.predictions = PredictionList()
        self.static = StaticOutput()
        self.widget = w.Box(layout=layouts.wide, _dom_classes=("sky-results",))

    def add(self, prediction: Prediction, drawings: Drawings, again: Callable[[], object]) -> None:
        """Put a prediction on top; ``again`` is called when somebody wants to use its inputs again."""
        if self._cards:
            card, html, earlier = self._cards[0]
            html.value = earlier.small
            set_classes(card, ("sky-card",))
        button = self._layouts.make_button(
            again, ("sky-quiet", "sky-again"), description="Use these inputs again", icon="repeat"
        )
        html = self._layouts.html(drawings.large, layout=self._layouts.wide)
        card = w.VBox([html, button], layout=self._layouts.natural, _dom_classes=("sky-card", "sky-newest"))
        self._cards = [(card, html, drawings), *self._cards[: MOST_CARDS - 1]]
        self.predictions = PredictionList([prediction, *self.predictions])
        self.widget.children = [each for each, _, _ in self._cards]
        self.static.update(drawings.large)

    @property
    def newest(self) -> str:
        """The newest result as HTML; empty while there is none."""
        return self._cards[0][2].large if self._cards else ""


class Summarized:
    """A widget with a summary in HTML, for viewers without widgets, and with a copy of its results below it.

    A summary that is ``whole`` has the results in it.
    """

    _static: StaticOutput

    def _summary(self, *, whole: bool) -> str:
        raise NotImplementedError

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any] | None:
        return self._bundle(whole=True)

    def _ipython_display_(self) -> None:
        self._static.display(self._bundle(whole=False))

    def _bundle(self, *, whole: bool) -> dict[str, Any] | None:
        bundle: dict[str, Any] | None = super()._repr_mimebundle_()  # type: ignore[misc]  # ipywidgets' own
        return None if bundle is None else {**bundle, "text/html": self._summary(whole=whole)}


class StaticOutput:
    """One output of plain HTML, which may stand in several cells and changes in all of them.

    ``style`` hides it, and stands in the widget that makes it superfluous.
    """

    def __init__(self) -> None:
        self._id = f"sky-static-{uuid4().hex[:12]}"
        self._html = ""
        self._shown = False
        self.style = f"<style>.{self._id} {{display:none}}</style>"

    @property
    def bundle(self) -> dict[str, str]:
        return {"text/html": f'<div class="{self._id}">{self._html}</div>', "text/plain": ""}

    def display(self, widget: dict[str, Any] | None) -> None:
        """Show a widget, by its bundle, and this below it."""
        from IPython.display import display

        display(widget, raw=True)
        self._shown = True
        display(self.bundle, raw=True, display_id=self._id)

    def update(self, html: str, explanation: str = _EXPLANATION) -> None:
        """Change it wherever it stands; a front end that is gone is no trouble."""
        self._html = explanation + html
        if not self._shown:
            return
        from IPython.display import update_display

        try:
            update_display(self.bundle, raw=True, display_id=self._id)
        except Exception:  # noqa: BLE001 - the result is shown, and archived; this is a copy for later
            _log.warning("The last result could not be written into the notebook.", exc_info=True)


# --- HTML -----------------------------------------------------------------------------------------------


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
    if len(shown) < 20_000:  # 0.03 s at each change of an input; ten times as much takes 0.3 s
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
