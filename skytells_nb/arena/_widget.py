"""The arena as a widget: two outputs side by side, four buttons with keys, and the ranking on demand.

What a side shows says nothing of where it comes from: no caption, no link, no file name, and an alternative
text of the prompt alone. The ranking is closed at first, since who knows the leader does not judge blindly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
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

_BUTTONS: Final[tuple[tuple[Preference, str, str], ...]] = (
    ("left", "← Left", "The left one is better (arrow left)"),
    ("both", "↑ Both good", "Both are good (arrow up)"),
    ("neither", "↓ Neither", "Neither is good (arrow down)"),
    ("right", "Right →", "The right one is better (arrow right)"),
)
_LONGEST_PROMPT: Final = 600
_MOST_DRAWINGS: Final = 100  # some 50 kB each

_KEYS: Final = {"ArrowLeft": "left", "ArrowRight": "right", "ArrowUp": "both", "ArrowDown": "neither"}


@cache
def _style_sheet() -> str:
    style = files(__package__).joinpath("_arena.css").read_text("utf-8")
    keys = {key: f".sky-votes button.sky-{choice}" for key, choice in _KEYS.items()}
    return f"<style>{style}</style>{display.key_script('.sky-arena', keys, '.sky-votes button')}"


class ArenaWidget(w.VBox):  # type: ignore[misc]  # ipywidgets has no types
    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._shown: object = None
        self._count = 0
        self._drawings: dict[str, str] = {}
        wide = w.Layout(width="100%")
        self._head = w.HTML(layout=wide)
        self._sides = (w.HTML(_dom_classes=("sky-side",)), w.HTML(_dom_classes=("sky-side",)))
        both = w.Box(self._sides, layout=w.Layout(width="100%", display="grid"), _dom_classes=("sky-sides",))
        natural = w.Layout(width="auto", flex="0 0 auto")
        buttons = []
        for choice, words, tooltip in _BUTTONS:
            classes = (f"sky-{choice}",)
            button = w.Button(description=words, tooltip=tooltip, layout=natural, _dom_classes=classes)
            button.on_click(lambda _, choice=choice: self._vote(choice))
            buttons.append(button)
        self._buttons = w.HBox(buttons, layout=wide, _dom_classes=("sky-votes",))
        self._voter = w.Text(
            arena.voter,
            description="Voter",
            continuous_update=False,
            layout=w.Layout(width="260px"),
            style={"description_width": "initial"},
        )
        self._voter.observe(lambda change: self._rename(change["new"]), "value")
        self._open = w.ToggleButton(description="Ranking", layout=natural, _dom_classes=("sky-show",))
        self._open.observe(lambda _: self._show_ranking(), "value")
        foot = w.HBox([self._voter, self._open], layout=wide, _dom_classes=("sky-foot",))
        self._note = w.HTML(layout=wide)
        self._ranking = w.HTML(layout=wide)
        style = w.HTML(_style_sheet())
        super().__init__(
            [style, self._head, both, self._buttons, foot, self._note, self._ranking],
            _dom_classes=("sky-arena",),
        )
        arena.observe(self.render)
        self.render()

    def render(self) -> None:
        """Show the pair that is next, and the ranking where it is open."""
        pair = self._arena.pair
        if pair != self._shown or self._count == 0:
            self._shown, self._count = pair, self._count + 1
            for side, made in zip(self._sides, pair or (None, None), strict=True):
                side.value = "" if made is None else self._drawing(made)
        self._head.value = self._head_html()
        self._buttons.layout.display = "none" if pair is None else "flex"
        if self._voter.value != self._arena.voter:
            self._voter.value = self._arena.voter
        self._show_ranking()

    def _drawing(self, made: Prediction) -> str:
        """Draw a side, or take it as it was drawn: each output stands in several pairs."""
        if made.id not in self._drawings:
            if len(self._drawings) >= _MOST_DRAWINGS:
                self._drawings.clear()
            self._drawings[made.id] = _blind_html(made)
        return self._drawings[made.id]

    def mimebundle(self) -> dict[str, Any]:
        """Return the widget, and for a notebook without its kernel what is known so far."""
        bundle: dict[str, Any] = dict(self._repr_mimebundle_() or {})
        text = f"{self._arena!r} Run the cell to vote."
        bundle["text/html"] = f"<div>{escape(self._arena.verdict)} Run the cell to vote.</div>"
        return {**bundle, "text/plain": text}

    def _vote(self, choice: Preference) -> None:
        self._note.value = ""
        try:
            self._arena.vote(choice)
        except SkytellsError as error:
            self._say(error.message)
            self._count += 1  # the buttons take the next press
            self._head.value = self._head_html()

    def _rename(self, name: str) -> None:
        self._note.value = ""
        try:
            if name != self._arena.voter:
                self._arena.voter = name
        except SkytellsError as error:
            self._say(error.message)

    def _say(self, words: str) -> None:
        self._note.value = f'<div role="alert">{escape(words)}</div>'

    def _head_html(self) -> str:
        done, total = self._arena.progress
        facts = f"{done:,} of {format_count(total, 'pair')} voted on by {self._arena.voter}"
        quiet = f'<span class="sky-quiet-words" data-shown="{self._count}">{escape(facts)}</span>'
        pair = self._arena.pair
        if pair is None:
            return f'<div class="sky-head"><b>That was every pair.</b>{quiet}</div>'
        prompt = display.text_html(clip(one_line(pair.left.prompt or ""), _LONGEST_PROMPT))
        keys = '<span class="sky-quiet-words">click here once, then use the arrow keys</span>'
        return (
            f'<div class="sky-head"><b>Which is better?</b>{quiet}{keys}'
            f'<div class="sky-asked" dir="auto">{prompt}</div></div>'
        )

    def _show_ranking(self) -> None:
        self._ranking.value = _ranking_html(self._arena) if self._open.value else ""


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
