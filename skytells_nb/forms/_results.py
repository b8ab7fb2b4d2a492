"""What came of a press: an error in words, or a prediction, drawn large while newest, then as a small card.

A card is HTML in a widget, so it needs no kernel to be looked at; and it is small, because a front end saves
every widget's state with the notebook. Both drawings are made as soon as a prediction ends, while its outputs
are there to be fetched.

A widget is gone with its kernel. So a form puts a second output under itself, of plain HTML, and writes what
it has made into that. While the form is alive its style sheet hides this output; later nothing does.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import ipywidgets as w

from .. import exceptions as errors
from .._options import options
from ..display import to_html
from ..exceptions import SkytellsError
from ..models import Prediction, PredictionList

if TYPE_CHECKING:
    from ._views import Layouts

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


_log: Final = logging.getLogger(__name__)

CARD_SIDE: Final = 256
CARD_BYTES: Final = 40_000
MOST_CARDS: Final = 50

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
            card._dom_classes = ("sky-card",)  # noqa: SLF001 - as in `_views.set_classes`
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
