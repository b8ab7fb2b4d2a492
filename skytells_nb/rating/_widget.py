"""The rater as a widget: a large picture, its facts, stars with keys, tags and a note."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as w

from .._options import options
from ..display import key_script, to_html
from ..exceptions import SkytellsError
from ..formatting import format_count

if TYPE_CHECKING:
    from ._rater import Rater

_BYTES: Final = 400_000
_PICTURE: Final = 768
_HELP: Final = "click here once, then: 1 to 5, x rejects, u undoes, arrows"
_KEYS: Final = {
    "x": "reject",
    "u": "undo",
    "ArrowLeft": "previous",
    "ArrowRight": "next",
    **{str(stars): f"stars-{stars}" for stars in range(1, 6)},
}


@cache
def _style_sheet() -> str:
    style = files(__package__).joinpath("_rating.css").read_text("utf-8")
    keys = {key: f"button.sky-{name}" for key, name in _KEYS.items()}
    return f"<style>{style}</style>{key_script('.sky-rating', keys, 'button.sky-rate')}"


class RaterWidget(w.VBox):  # type: ignore[misc]  # ipywidgets has no types
    def __init__(self, rater: Rater) -> None:
        self._rater = rater
        self._shown: object = self  # nothing yet
        self._count = 0
        self._rendering = False
        wide, natural = w.Layout(width="100%"), w.Layout(width="auto", flex="0 0 auto")

        def button(words: str, tooltip: str, *classes: str) -> Any:
            return w.Button(description=words, tooltip=tooltip, layout=natural, _dom_classes=classes)

        self._stars = [
            button("★", f"{format_count(n, 'star')} (key {n})", "sky-rate", "sky-star", f"sky-stars-{n}")
            for n in range(1, 6)
        ]
        self._reject = button("✕ Reject", "Reject it (key x)", "sky-rate", "sky-reject")
        undo = button("↶ Undo", "Take back what was said last (key u)", "sky-undo")
        back = button("←", "The one before (arrow left)", "sky-previous")
        on = button("→", "The next one (arrow right)", "sky-next")
        for n, star in enumerate(self._stars, start=1):
            star.on_click(lambda _, n=n: self._rate(n))
        self._reject.on_click(lambda _: self._rate(0))
        undo.on_click(lambda _: self._guarded(rater.undo))
        back.on_click(lambda _: self._guarded(rater.previous))
        on.on_click(lambda _: self._guarded(rater.next))
        keys = w.HBox([back, *self._stars, self._reject, undo, on], layout=wide, _dom_classes=("sky-keys",))

        def box(name: str, placeholder: str, width: str) -> Any:
            style = {"description_width": "initial"}
            layout = w.Layout(width=width)
            return w.Text(
                description=name, placeholder=placeholder, continuous_update=False, layout=layout, style=style
            )

        self._tags = box("Tags", "cover, snow", "260px")
        self._note = box("Note", "anything else", "420px")
        self._tags.observe(lambda change: self._describe(tags=change["new"].split(",")), "value")
        self._note.observe(lambda change: self._describe(note=change["new"]), "value")
        self._words = w.HBox([self._tags, self._note], layout=wide, _dom_classes=("sky-words",))
        self._head, self._said = w.HTML(layout=wide), w.HTML(layout=wide)
        self._picture = w.HTML(layout=wide, _dom_classes=("sky-picture",))
        super().__init__(
            [w.HTML(_style_sheet()), self._head, self._picture, keys, self._words, self._said],
            _dom_classes=("sky-rating",),
        )
        rater.observe(self.render)
        self.render()

    def render(self) -> None:
        """Show the current prediction, and what is kept of it."""
        current, rating = self._rater.current, self._rater.rating
        if current is not self._shown:
            self._shown = current
            with options(thumbnail_size=_PICTURE, cell_budget=min(_BYTES, options.cell_budget)):
                self._picture.value = "" if current is None else to_html(current)
        self._count += 1
        done, total = self._rater.progress
        facts = f"{done:,} of {format_count(total, 'prediction')} rated"
        title = "That was the last one." if current is None else "How good is it?"
        self._head.value = (
            f'<div class="sky-head"><b>{title}</b>'
            f'<span class="sky-quiet-words" data-shown="{self._count}">{facts}</span>'
            f'<span class="sky-quiet-words">{_HELP}</span></div>'
        )
        for n, star in enumerate(self._stars, start=1):
            lit = rating.stars is not None and n <= rating.stars
            star._dom_classes = (*star._dom_classes[:3], *(("sky-lit",) if lit else ()))  # noqa: SLF001 - as in forms
        rejected = ("sky-rejected",) if rating.stars == 0 else ()
        self._reject._dom_classes = ("sky-rate", "sky-reject", *rejected)  # noqa: SLF001 - as in forms
        self._words.layout.display = "none" if current is None else "flex"
        self._rendering = True
        try:
            self._tags.value, self._note.value = ", ".join(rating.tags), rating.note
        finally:
            self._rendering = False

    def mimebundle(self) -> dict[str, Any]:
        """Return the widget, and for a notebook without its kernel how far it is."""
        bundle: dict[str, Any] = dict(self._repr_mimebundle_() or {})
        done, total = self._rater.progress
        words = f"{done:,} of {format_count(total, 'prediction')} rated. Run the cell to go on."
        return {**bundle, "text/html": f"<div>{words}</div>", "text/plain": words}

    def _rate(self, stars: int) -> None:
        self._guarded(lambda: self._rater.rate(stars))

    def _describe(self, **words: Any) -> None:
        if not self._rendering:
            self._guarded(lambda: self._rater.describe(**words))

    def _guarded(self, work: Any) -> None:
        self._said.value = ""
        try:
            work()
        except SkytellsError as error:
            self._said.value = f'<div role="alert">{escape(error.message)}</div>'
            self.render()  # the buttons take the next press
