"""The rater and the arena as widgets: what was made, and buttons with keys to say what one thinks of it.

What a side of an arena shows says nothing of where it comes from: no caption, no link, no file name, and an
alternative text of the prompt alone. The ranking is closed at first, since who knows the leader does not
judge blindly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as w

from .. import display
from .._options import options
from ..archive import Preference
from ..exceptions import SkytellsError
from ..formatting import format_cost, format_count, format_seconds
from ..models import Prediction
from ..plaintext import clip, one_line

if TYPE_CHECKING:
    from ._arena import Arena
    from ._rater import Rater

_BYTES: Final = 400_000
_PICTURE: Final = 768
_LONGEST_PROMPT: Final = 600
_MOST_DRAWINGS: Final = 100  # some 50 kB each

_RATING_KEYS: Final = {
    "x": "reject",
    "u": "undo",
    "ArrowLeft": "previous",
    "ArrowRight": "next",
    **{str(stars): f"stars-{stars}" for stars in range(1, 6)},
}
_VOTE_KEYS: Final = {"ArrowLeft": "left", "ArrowRight": "right", "ArrowUp": "both", "ArrowDown": "neither"}
_VOTES: Final[tuple[tuple[Preference, str, str], ...]] = (
    ("left", "← Left", "The left one is better (arrow left)"),
    ("both", "↑ Both good", "Both are good (arrow up)"),
    ("neither", "↓ Neither", "Neither is good (arrow down)"),
    ("right", "Right →", "The right one is better (arrow right)"),
)


class _Keyed(w.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A head, buttons that keys press, and what went wrong with the last press.

    The head has the number of what is shown, to which the script gives one press (`display.key_script`).
    """

    def __init__(self, name: str, keys: Mapping[str, str], once: str) -> None:
        self._count = 0
        self._rendering = False
        self._natural = w.Layout(width="auto", flex="0 0 auto")
        style = files(__package__).joinpath("_rating.css").read_text("utf-8")
        pressing = {key: f"button.sky-{button}" for key, button in keys.items()}
        script = display.key_script(f".{name}", pressing, once)
        self._style = w.HTML(f"<style>{style}</style>{script}")
        self._head, self._said = self._html(), self._html()
        super().__init__(_dom_classes=(name,))

    # Each has a layout of its own: what hides one of them must not hide what stands beside it.
    def _html(self, *classes: str) -> Any:
        return w.HTML(layout=w.Layout(width="100%"), _dom_classes=classes)

    def _row(self, children: Sequence[Any], *classes: str) -> Any:
        return w.HBox(children, layout=w.Layout(width="100%"), _dom_classes=classes)

    def _button(self, pressed: Callable[[], object], words: str, tooltip: str, *classes: str) -> Any:
        button = w.Button(description=words, tooltip=tooltip, layout=self._natural, _dom_classes=classes)
        button.on_click(lambda _: self._guarded(pressed))
        return button

    def _box(self, name: str, width: str, changed: Callable[[str], object], **traits: Any) -> Any:
        box = w.Text(
            description=name,
            continuous_update=False,
            layout=w.Layout(width=width),
            style={"description_width": "initial"},
            **traits,
        )

        def typed(change: Any) -> None:
            if not self._rendering:
                self._guarded(lambda: changed(change["new"]))

        box.observe(typed, "value")
        return box

    def _guarded(self, work: Callable[[], object]) -> None:
        self._said.value = ""
        try:
            work()
        except SkytellsError as error:
            self._said.value = f'<div role="alert">{escape(error.message)}</div>'
            self._count += 1  # the buttons take the next press
            self._refused()

    def _refused(self) -> None:
        """Show what stays as it is."""
        raise NotImplementedError

    def _show_head(self, title: str, facts: str, more: str) -> None:
        quiet = f'<span class="sky-quiet-words" data-shown="{self._count}">{escape(facts)}</span>'
        self._head.value = f'<div class="sky-head"><b>{title}</b>{quiet}{more}</div>'

    def _bundle(self, html: str, text: str) -> dict[str, Any]:
        """Return the widget, and what a notebook without its kernel says in its place."""
        return {**(self._repr_mimebundle_() or {}), "text/html": f"<div>{html}</div>", "text/plain": text}


class RaterWidget(_Keyed):
    """A large picture, its facts, stars with keys, tags and a note."""

    def __init__(self, rater: Rater) -> None:
        super().__init__("sky-rating", _RATING_KEYS, "button.sky-rate")
        self._rater = rater
        self._shown: object = self  # nothing yet
        self._stars = [
            self._button(
                partial(rater.rate, n),
                "★",
                f"{format_count(n, 'star')} (key {n})",
                *("sky-rate", "sky-star", f"sky-stars-{n}"),
            )
            for n in range(1, 6)
        ]
        self._reject = self._button(
            partial(rater.rate, 0), "✕ Reject", "Reject it (key x)", "sky-rate", "sky-reject"
        )
        undo = self._button(rater.undo, "↶ Undo", "Take back what was said last (key u)", "sky-undo")
        back = self._button(rater.previous, "←", "The one before (arrow left)", "sky-previous")
        on = self._button(rater.next, "→", "The next one (arrow right)", "sky-next")
        self._tags = self._box(
            "Tags", "260px", lambda tags: rater.describe(tags=tags.split(",")), placeholder="cover, snow"
        )
        self._note = self._box(
            "Note", "420px", lambda note: rater.describe(note=note), placeholder="anything else"
        )
        self._words = self._row([self._tags, self._note], "sky-words")
        self._picture = self._html("sky-picture")
        keys = self._row([back, *self._stars, self._reject, undo, on], "sky-keys")
        self.children = [self._style, self._head, self._picture, keys, self._words, self._said]
        rater.observe(self.render)
        self.render()

    def render(self) -> None:
        """Show the current prediction, and what is kept of it."""
        current, rating = self._rater.current, self._rater.rating
        if current is not self._shown:
            self._shown = current
            with options(thumbnail_size=_PICTURE, cell_budget=min(_BYTES, options.cell_budget)):
                self._picture.value = "" if current is None else display.to_html(current)
        self._count += 1
        title = "That was the last one." if current is None else "How good is it?"
        help = "click here once, then: 1 to 5, x rejects, u undoes, arrows"
        self._show_head(title, self._progress, f'<span class="sky-quiet-words">{help}</span>')
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

    _refused = render

    @property
    def _progress(self) -> str:
        done, total = self._rater.progress
        return f"{done:,} of {format_count(total, 'prediction')} rated"

    def mimebundle(self) -> dict[str, Any]:
        """Return the widget, and for a notebook without its kernel how far it is."""
        words = f"{self._progress}. Run the cell to go on."
        return self._bundle(words, words)


class ArenaWidget(_Keyed):
    """Two outputs side by side, four buttons with keys, and the ranking on demand."""

    def __init__(self, arena: Arena) -> None:
        super().__init__("sky-arena", _VOTE_KEYS, ".sky-votes button")
        self._arena = arena
        self._shown: object = self  # nothing yet
        self._drawings: dict[str, str] = {}
        self._sides = (w.HTML(_dom_classes=("sky-side",)), w.HTML(_dom_classes=("sky-side",)))
        both = w.Box(self._sides, layout=w.Layout(width="100%", display="grid"), _dom_classes=("sky-sides",))
        buttons = [
            self._button(partial(arena.vote, choice), words, tooltip, f"sky-{choice}")
            for choice, words, tooltip in _VOTES
        ]
        self._buttons = self._row(buttons, "sky-votes")
        self._voter = self._box("Voter", "260px", self._rename, value=arena.voter)
        self._open = w.ToggleButton(description="Ranking", layout=self._natural, _dom_classes=("sky-show",))
        self._open.observe(lambda _: self._show_ranking(), "value")
        foot = self._row([self._voter, self._open], "sky-foot")
        self._ranking = self._html()
        self.children = [self._style, self._head, both, self._buttons, foot, self._said, self._ranking]
        arena.observe(self.render)
        self.render()

    def render(self) -> None:
        """Show the pair that is next, and the ranking where it is open."""
        pair = self._arena.pair
        if pair != self._shown:
            self._shown, self._count = pair, self._count + 1
            for side, made in zip(self._sides, pair or (None, None), strict=True):
                side.value = "" if made is None else self._drawing(made)
        self._refused()
        self._buttons.layout.display = "none" if pair is None else "flex"
        if self._voter.value != self._arena.voter:
            self._voter.value = self._arena.voter
        self._show_ranking()

    def _refused(self) -> None:
        done, total = self._arena.progress
        facts = f"{done:,} of {format_count(total, 'pair')} voted on by {self._arena.voter}"
        pair = self._arena.pair
        if pair is None:
            self._show_head("That was every pair.", facts, "")
            return
        prompt = display.text_html(clip(one_line(pair.left.prompt or ""), _LONGEST_PROMPT))
        keys = '<span class="sky-quiet-words">click here once, then use the arrow keys</span>'
        asked = f'<div class="sky-asked" dir="auto">{prompt}</div>'
        self._show_head("Which is better?", facts, keys + asked)

    def _drawing(self, made: Prediction) -> str:
        """Draw a side, or take it as it was drawn: each output stands in several pairs."""
        if made.id not in self._drawings:
            if len(self._drawings) >= _MOST_DRAWINGS:
                self._drawings.clear()
            self._drawings[made.id] = _blind_html(made)
        return self._drawings[made.id]

    def _rename(self, name: str) -> None:
        if name != self._arena.voter:
            self._arena.voter = name

    def _show_ranking(self) -> None:
        self._ranking.value = _ranking_html(self._arena) if self._open.value else ""

    def mimebundle(self) -> dict[str, Any]:
        """Return the widget, and for a notebook without its kernel what is known so far."""
        again = "Run the cell to vote."
        return self._bundle(f"{escape(self._arena.verdict)} {again}", f"{self._arena!r} {again}")


def _blind_html(prediction: Prediction) -> str:
    """Draw what was made, without a word of where it comes from."""
    nobody = Prediction(id="", status="succeeded", input={"prompt": prediction.prompt or ""})
    items = []
    for item in display.fetch(display.prediction_items(prediction)):
        content, path = item.content, item.path
        if isinstance(content, display.FileContent) and path is not None and path.is_file():
            content = display.FileContent(data=content.read())  # a path would name its model
        items.append(replace(item, content=content, subject=nobody))
    frame = display.Frame(options.thumbnail_size, alone=True)

    def html(drawn: Sequence[display.DisplayItem]) -> str:
        return "".join(display.media_html(item, frame) for item in drawn)

    drawing = display.draw(items, size=options.thumbnail_size, budget=options.cell_budget // 2, page=html)
    return html(drawing.items)


def _ranking_html(arena: Arena) -> str:
    unit = arena.unit
    heads = ("model", "score", "95 % interval", "won", "seconds", "cost each", "cost per win")
    rows = []
    for row in arena.standings():
        known = row["score"] is not None
        rows.append(
            (
                clip(one_line(row["model"]), 60),
                f"{row['score']:+.2f}" if known else "–",
                f"{row['low']:+.2f} to {row['high']:+.2f}" if known else "–",
                f"{row['wins']:g} of {row['games']}",
                format_seconds(row["mean_s"]),
                format_cost(row["cost_each"], unit, digits=3),
                format_cost(row["cost_per_win"], unit, digits=3) if row["wins"] else "–",
            )
        )
    lines = ("".join(f"<td>{display.text_html(cell)}</td>" for cell in row) for row in rows)
    table = "".join(f"<tr>{line}</tr>" for line in lines)
    top, verdict = "".join(f"<th>{head}</th>" for head in heads), display.text_html(arena.verdict)
    return f'<div>{verdict}</div><table class="sky-table"><tr>{top}</tr>{table}</table>'
