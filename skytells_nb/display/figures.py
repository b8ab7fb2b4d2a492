"""One figure: a picture, a player, a text or words, and under it the caption, the facts and the local path.

Only plain inline styles, inherited colours and opacity: that is what JupyterLab leaves of a page in a
notebook that is not trusted, and it looks right on a light theme and a dark one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .contents import Blob
from .drawn import Drawn, Notice, Passage, Picture, Player
from .escaping import clip, link, one_line, text
from .sources import Entry
from .wording import alt_text, bytes_told, facts_told, id_told, path_told

__all__ = ["Frame", "caption", "facts", "figure", "media"]

_CLIPPED: Final = "overflow:hidden;text-overflow:ellipsis;white-space:nowrap"
_MUTED: Final = "opacity:0.65;font-size:11px;line-height:1.5"
_CENTRED: Final = (
    "box-sizing:border-box;display:flex;flex-direction:column;justify-content:center;text-align:center;"
    "overflow-wrap:break-word;min-width:0;opacity:0.75"
)
# A fainter line than the words it surrounds, without naming a colour: it is an element of its own under them.
_STACKED: Final = "grid-row:1;grid-column:1"
_LINE: Final = f'<div style="{_STACKED};border:1px dashed;border-radius:6px;opacity:0.4"></div>'
_TALLEST: Final = 125  # per cent of the column's width
_BAR: Final = '<div style="border-left:3px solid;opacity:0.3"></div>'


@dataclass(frozen=True, slots=True)
class Frame:
    """How much room a figure has.

    Attributes
    ----------
    width : int
        Of its column, in CSS pixels, at least.
    alone : bool
        Whether it stands by itself, with room for the whole of its words.
    terse : bool
        Whether what its neighbours share with it is said once, under all of them.
    """

    width: int
    alone: bool = False
    terse: bool = False

    @property
    def letters(self) -> int:
        """How many letters of a caption fill the two lines it has, three times as many alone."""
        return 600 if self.alone else max(36, self.width // 8 * 2)


def figure(entry: Entry, drawn: Drawn, frame: Frame) -> str:
    """Write one figure with everything under it."""
    said = ("" if frame.terse else caption(entry, frame)) + facts(entry, drawn, frame)
    below = f'<figcaption style="margin-top:6px">{said}</figcaption>' if said else ""
    return f'<figure style="margin:0;min-width:0">{media(entry, drawn, frame)}{below}</figure>'


def media(entry: Entry, drawn: Drawn, frame: Frame) -> str:
    """Write what is seen of an entry, without the words under it."""
    prediction = entry.prediction
    prompt, model = (None, None) if prediction is None else (prediction.prompt, prediction.model)
    told = alt_text(prompt, model, name_of(entry) or "untitled output")
    if entry.places > 1:
        told = f"{told}, {entry.place} of {entry.places}"
    if isinstance(drawn, Picture):
        return _picture(drawn, told, frame)
    if isinstance(drawn, Player):
        return _player(drawn, told, frame)
    if isinstance(drawn, Passage):
        return _passage(drawn, frame)
    return _notice(drawn, frame)


def _picture(drawn: Picture, told: str, frame: Frame) -> str:
    width = "max-width:100%" if frame.alone else f"width:{_part(drawn)}%;max-width:{drawn.width}px"
    return (
        f'<img src="{drawn.source}" alt="{text(told)}" width="{drawn.width}" height="{drawn.height}" '
        f'style="display:block;{width};height:auto;border-radius:6px">'
    )


def _part(drawn: Picture) -> int:
    """Give the part of its column that a picture takes, in per cent: a tall one less, or a row is all gap."""
    return min(100, max(20, round(_TALLEST * drawn.width / max(1, drawn.height))))


def _player(drawn: Player, told: str, frame: Frame) -> str:
    if drawn.source is None:
        still = "" if drawn.poster is None else _picture(drawn.poster, told, frame)
        words = "Not embedded, to keep the notebook small."
        return still + _notice(
            Notice("A clip" if drawn.family == "video" else "A song", words), frame, slim=True
        )
    if drawn.family == "audio":
        named = f'title="{text(told)}" style="display:block;width:100%;min-width:0"'
        return f'<audio controls preload="metadata" src="{drawn.source}" {named}></audio>'
    poster = "" if drawn.poster is None else f' poster="{drawn.poster.source}"'
    sized = "" if drawn.width is None else f' width="{drawn.width}" height="{drawn.height}"'
    width = "max-width:100%" if frame.alone and drawn.width else "width:100%"
    limit = f";max-width:{drawn.width}px" if drawn.width and not frame.alone else ""
    return (
        f'<video controls preload="metadata" src="{drawn.source}"{poster}{sized} title="{text(told)}" '
        f'style="display:block;{width}{limit};height:auto;border-radius:6px"></video>'
    )


def _passage(drawn: Passage, frame: Frame) -> str:
    height = 640 if frame.alone else 260
    shown = text(drawn.text) or " "
    style = (
        "margin:0;padding:1px 0;font-family:inherit;font-size:13px;line-height:1.55;white-space:pre-wrap;"
        f"word-break:normal;overflow-wrap:break-word;max-height:{height}px;overflow:auto"
    )
    block = (
        f'<div style="display:grid;grid-template-columns:3px minmax(0,1fr);gap:12px">{_BAR}'
        f'<pre dir="auto" style="{style}">{shown}</pre></div>'
    )
    if drawn.length > len(drawn.text):
        note = f"Cut: {len(drawn.text):,} of {drawn.length:,} characters."
        return f'{block}<div style="{_MUTED};margin-top:4px">{note}</div>'
    return block


def _notice(drawn: Notice, frame: Frame, *, slim: bool = False) -> str:
    detail = clip(drawn.detail, 400 if frame.alone else 160)
    lines = [f'<div style="font-weight:600;font-size:13px">{text(drawn.title)}</div>']
    if detail:
        lines.append(
            f'<div dir="auto" style="font-size:12px;line-height:1.45;margin-top:4px">{text(detail)}</div>'
        )
    if drawn.address:
        short = clip(one_line(drawn.address), 90 if frame.alone else 48)
        lines.append(f'<div style="font-size:11px;margin-top:4px">{link(drawn.address, short)}</div>')
    least = 96 if frame.alone else min(160, frame.width * 2 // 3)
    room = "padding:8px 12px" if slim else f"padding:16px;min-height:{least}px"
    above = ";margin-top:6px" if slim else ""
    words = f'<div style="{_STACKED};{_CENTRED};{room}">{"".join(lines)}</div>'
    return f'<div style="display:grid;grid-template-columns:minmax(0,1fr){above}">{_LINE}{words}</div>'


def caption(entry: Entry, frame: Frame) -> str:
    """Write a caption: two lines of it in a grid, with the whole in its tooltip."""
    line = one_line(entry.words or "")
    if not line or (entry.prediction is None and _path_of(entry) is not None and line == name_of(entry)):
        return ""  # the name of a loose file stands below, with its place
    shown = clip(line, frame.letters)
    whole = f' title="{text(clip(line, 1_000))}"' if shown != line else ""
    clamp = "" if frame.alone else "max-height:36px;overflow:hidden;"
    style = f"{clamp}font-size:13px;line-height:18px;overflow-wrap:break-word"
    return f'<div dir="auto"{whole} style="{style}">{text(shown)}</div>'


def facts(entry: Entry, drawn: Drawn | None, frame: Frame) -> str:
    """Write the muted lines under a caption: model, seconds and cost; then the id and the local path.

    Without what was drawn, these are the facts that several outputs share.
    """
    prediction = None if frame.terse else entry.prediction
    said = [fact for fact in facts_told(prediction) if fact != entry.words] if prediction else []
    model = None if prediction is None else prediction.model
    first = [_bdi(fact) if frame.alone or fact == model else _word(fact) for fact in said]
    second = [_id(prediction.id, frame)] if prediction else []
    if drawn is not None:
        second += [f"{entry.place} of {entry.places}"] if entry.places > 1 else []
        size = _size_told(entry, drawn)
        file = [text(size)] if size and (entry.prediction is None or isinstance(drawn, Player)) else []
        path = _path_of(entry)
        if frame.alone:
            file = [_bdi(path_told(path)), *file] if path is not None else file
            return _muted([*first, *second]) + _muted(file)
        second += file
        second += [_bdi(path.name, path_told(path))] if path is not None else []
    if frame.alone:
        return _muted([*first, *second])
    return _muted(first) + _muted(second, _CLIPPED)


def _muted(told: Sequence[str], room: str = "overflow-wrap:break-word") -> str:
    return f'<div style="{_MUTED};{room}">{" · ".join(told)}</div>' if told else ""


def _word(fact: str) -> str:
    """Write a fact of few letters, such as a cost: a narrow column neither cuts nor breaks it."""
    return f'<bdi style="white-space:nowrap">{text(fact)}</bdi>'


def _bdi(words: str, whole: str | None = None) -> str:
    """Write words so that their direction of writing is theirs alone."""
    more = "" if whole is None else f' title="{text(one_line(whole))}"'
    return f"<bdi{more}>{text(one_line(words))}</bdi>"


def _size_told(entry: Entry, drawn: Drawn) -> str:
    if isinstance(drawn, Player):
        return drawn.facts
    if isinstance(drawn, Picture):
        try:
            size = bytes_told(entry.content.size()) if isinstance(entry.content, Blob) else ""
        except OSError:
            size = ""
        return " · ".join(fact for fact in (drawn.facts, size) if fact)
    return ""


def _id(identifier: str, frame: Frame) -> str:
    whole = clip(one_line(identifier), 200)
    shown = whole if frame.alone else id_told(whole)
    return _bdi(shown) if shown == whole else _bdi(shown, whole)


def _path_of(entry: Entry) -> Path | None:
    if isinstance(entry.content, Blob):
        return entry.content.path
    prediction = entry.prediction
    if prediction is not None and entry.place <= len(prediction.files):
        return prediction.files[entry.place - 1]
    return None


def name_of(entry: Entry) -> str:
    """Name an entry that has no prompt: its file's name, or the end of its address."""
    path = _path_of(entry)
    if path is not None:
        return clip(one_line(path.name), 120)
    if isinstance(entry.subject, str) and not entry.subject.startswith("data:"):
        return clip(one_line(entry.subject.partition("?")[0].rstrip("/").rpartition("/")[2]), 120)
    return ""
