"""Items as HTML: a picture, a player, a text, a card or words, and under it caption, facts and local path.

Only plain inline styles, inherited colours and opacity: that is what JupyterLab leaves of a page in a
notebook that is not trusted, and it looks right on a light theme and a dark one. Every string is escaped; a
server's addresses become links only where they are web addresses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Final, assert_never
from urllib.parse import quote, urlsplit

from ..formatting import format_bytes, format_clock, format_count
from ..models import Model
from ..plaintext import clean, clip, one_line
from ..pricing import list_price, list_price_rules
from ._items import DisplayItem, FileContent, Message, Text
from ._text import alt_text, format_path, input_rows, prediction_facts, short_id

# MathJax would typeset a prompt with two dollar signs in it; both of its generations heed these names.
ROOT: Final = 'class="mathjax_ignore tex2jax_ignore" style="margin:2px 0 8px;line-height:1.4"'

_LONGEST_LINK: Final = 2_000
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
# Opened, these would run a server's scripts at the address of the notebook.
_DOCUMENTS: Final = frozenset({"image/svg+xml", "text/html", "application/xml"})
_LETTERS: Final = r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]"
_RIGHT_TO_LEFT: Final = re.compile(f"{_LETTERS}(?:.*{_LETTERS})?")
_LTR: Final = ' dir="ltr"'  # of a path: a name with Hebrew in it would have its ending in front
_HEIC: Final = "The package pillow-heif, once installed, shows it."


@dataclass(frozen=True, slots=True)
class Frame:
    """How much room a figure has."""

    width: int  # of its column, in CSS pixels, at least
    alone: bool = False  # by itself, with room for the whole of its words
    terse: bool = False  # what it shares with its neighbours stands once, under all of them

    @property
    def letters(self) -> int:
        """How many letters of a caption fill the two lines it has, three times as many alone."""
        return 600 if self.alone else max(36, self.width // 8 * 2)


# Strings


def text_html(value: str) -> str:
    """Escape a string for the text of an element or the value of a quoted attribute."""
    return escape(clean(value), quote=True)


def link_html(address: str, words: str | None = None) -> str:
    """Return an address as a link where it is a web address, else as mere text."""
    shown = text_html(one_line(words if words is not None else clip(address, 90)))
    if not _is_web_address(address):
        return shown
    return f'<a href="{text_html(address)}" target="_blank" rel="noopener noreferrer">{shown}</a>'


def _is_web_address(address: str) -> bool:
    if len(address) > _LONGEST_LINK or address != clean(address) or re.search(r'[\s\\"<>]', address):
        return False
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _linked(item: DisplayItem, inside: str) -> str:
    """Put a picture into a link to its whole file, which opens large; a file elsewhere has none.

    Jupyter's front ends resolve a relative address against the notebook, trusted or not, and a browser
    against the page; an absolute path could not be followed from either.
    """
    path, subject = item.path, item.subject
    if item.type is not None and item.type.media_type in _DOCUMENTS:
        return inside
    if isinstance(item.content, FileContent) and path is not None:
        shown = format_path(path)
        if Path(shown).is_absolute() or ".." in Path(shown).parts:
            return inside
        address = quote(Path(shown).as_posix())
        address = f"./{address}" if ":" in address.partition("/")[0] else address
    elif isinstance(subject, str) and _is_web_address(subject):
        address = text_html(subject)
    else:
        return inside
    return f'<a href="{address}" target="_blank" rel="noopener noreferrer">{inside}</a>'


# What is seen


def figure_html(item: DisplayItem, frame: Frame) -> str:
    words = ("" if frame.terse else caption_html(item, frame)) + facts_html(item, frame)
    below = f'<figcaption style="margin-top:6px">{words}</figcaption>' if words else ""
    return f'<figure style="margin:0;min-width:0">{media_html(item, frame)}{below}</figure>'


def media_html(item: DisplayItem, frame: Frame) -> str:
    """Return what is seen of an item, without the words under it."""
    if isinstance(item.content, Text):
        return _text_block(item.content, frame)
    if isinstance(item.content, Message):
        return _message(item.content, frame)
    prediction = item.prediction
    prompt, model = (None, None) if prediction is None else (prediction.prompt, prediction.model)
    alt = alt_text(prompt, model, item.name or "untitled output")
    if item.count > 1:
        alt = f"{alt}, {item.index} of {item.count}"
    kind, source = item.kind, item.source
    if source is not None:
        match kind:
            case "image":
                return _linked(item, _picture(item, source, alt, frame))
            case "audio":
                title = f'title="{text_html(alt)}" style="display:block;width:100%;min-width:0"'
                return f'<audio controls preload="metadata" src="{source}" {title}></audio>'
            case "video":
                return _video(item, source, alt, frame)
            case "file" | "":
                pass
            case _:
                assert_never(kind)
    still = "" if item.poster is None else _linked(item, _picture(item, item.poster, alt, frame))
    return still + _file_card(item, frame, slim=bool(still))


def _picture(item: DisplayItem, source: str, alt: str, frame: Frame) -> str:
    width, height = item.shown
    # A tall picture takes less of its column, or a row is all gap.
    part = min(100, max(20, round(_TALLEST * width / max(1, height))))
    style = "max-width:100%" if frame.alone else f"width:{part}%;max-width:{width}px"
    # HTML, and not image/png with an alt: JupyterLab 4.6.6 throws that alt away (measured).
    return (
        f'<img src="{source}" alt="{text_html(alt)}" width="{width}" height="{height}" '
        f'style="display:block;{style};height:auto;border-radius:6px">'
    )


def _video(item: DisplayItem, source: str, alt: str, frame: Frame) -> str:
    width, height = item.shown if item.thumbnail is not None else (0, 0)
    poster = "" if item.poster is None else f' poster="{item.poster}"'
    sized = f' width="{width}" height="{height}"' if width else ""
    style = "max-width:100%" if frame.alone and width else "width:100%"
    limit = f";max-width:{width}px" if width and not frame.alone else ""
    # `src` stands on the element: in a notebook that is not trusted JupyterLab
    # takes it off a <source>, and the player stays empty (measured, 4.6.6).
    return (
        f'<video controls preload="metadata" src="{source}"{poster}{sized} title="{text_html(alt)}" '
        f'style="display:block;{style}{limit};height:auto;border-radius:6px"></video>'
    )


def _file_card(item: DisplayItem, frame: Frame, *, slim: bool) -> str:
    """Return a card for what is not shown here: what it is, how large, and a link to it."""
    known = item.type
    if known is None:
        return _message(Message("Not shown"), frame)
    title = known.name[:1].upper() + known.name[1:]
    if item.kind in ("video", "audio") and not item.can_play:
        detail = "Browsers do not play this kind of file."
    elif item.kind in ("video", "audio") or known.media_type == "image/svg+xml":
        detail = "Not embedded, to keep the notebook small."
    elif known.media_type == "image/heic":
        detail = _HEIC
    else:
        detail = "It is kept as a file, and not drawn here."
    # A picture above is a link to the file already.
    name = "" if slim or not item.name else _linked(item, text_html(item.name))
    link = f'<div style="font-size:12px;margin-top:4px">{name}</div>' if name else ""
    return _boxed(title, [_detail(detail, frame), link], frame, slim=slim)


def _message(message: Message, frame: Frame) -> str:
    lines = [_detail(message.detail, frame)]
    if message.address:
        short = clip(one_line(message.address), 90 if frame.alone else 48)
        lines.append(f'<div style="font-size:11px;margin-top:4px">{link_html(message.address, short)}</div>')
    return _boxed(message.title, lines, frame)


def _detail(detail: str, frame: Frame) -> str:
    shown = text_html(clip(detail, 400 if frame.alone else 160))
    style = "font-size:12px;line-height:1.45;margin-top:4px"
    return f'<div dir="auto" style="{style}">{shown}</div>' if shown else ""


def _boxed(title: str, lines: Sequence[str], frame: Frame, *, slim: bool = False) -> str:
    head = f'<div style="font-weight:600;font-size:13px">{text_html(title)}</div>'
    least = 96 if frame.alone else min(160, frame.width * 2 // 3)
    padding = "padding:8px 12px" if slim else f"padding:16px;min-height:{least}px"
    above = ";margin-top:6px" if slim else ""
    words = f'<div style="{_STACKED};{_CENTRED};{padding}">{head}{"".join(lines)}</div>'
    return f'<div style="display:grid;grid-template-columns:minmax(0,1fr){above}">{_LINE}{words}</div>'


def _text_block(content: Text, frame: Frame) -> str:
    height = 640 if frame.alone else 260
    shown = text_html(content.text) or " "
    style = (
        "margin:0;padding:1px 0;font-family:inherit;font-size:13px;line-height:1.55;white-space:pre-wrap;"
        f"word-break:normal;overflow-wrap:break-word;max-height:{height}px;overflow:auto"
    )
    block = (
        f'<div style="display:grid;grid-template-columns:3px minmax(0,1fr);gap:12px">{_BAR}'
        f'<pre dir="auto" style="{style}">{shown}</pre></div>'
    )
    if content.length > len(content.text):
        note = f"Cut: {len(content.text):,} of {content.length:,} characters."
        return f'{block}<div style="{_MUTED};margin-top:4px">{note}</div>'
    return block


# The words under it


def caption_html(item: DisplayItem, frame: Frame) -> str:
    """Return a caption: two lines of it in a grid, with the whole in its tooltip."""
    line = one_line(item.caption or "")
    if not line or (item.prediction is None and item.path is not None and line == item.name):
        return ""  # the name of a loose file stands below, with its place
    shown = clip(line, frame.letters)
    whole = f' title="{text_html(clip(line, 1_000))}"' if shown != line else ""
    clamp = "" if frame.alone else "max-height:36px;overflow:hidden;"
    style = f"{clamp}font-size:13px;line-height:18px;overflow-wrap:break-word"
    return f'<div dir="auto"{whole} style="{style}">{text_html(shown)}</div>'


def facts_html(item: DisplayItem, frame: Frame, *, shared: bool = False) -> str:
    """Return the muted lines under a caption: model, seconds and cost; then the id and the local path.

    ``shared`` facts are those that several outputs of one prediction have in common.
    """
    prediction = None if frame.terse else item.prediction
    facts = [] if prediction is None else prediction_facts(prediction, first=shared or item.index == 1)
    facts = [fact for fact in facts if fact != item.caption]
    model = None if prediction is None else prediction.model
    # a narrow column neither cuts nor breaks a fact of few letters, such as a cost
    first = [
        _bdi(fact)
        if frame.alone or fact == model
        else f'<bdi style="white-space:nowrap">{text_html(fact)}</bdi>'
        for fact in facts
    ]
    second = []
    if prediction:
        id = clip(one_line(prediction.id), 200)
        short = id if frame.alone else short_id(id)
        second.append(_bdi(short, None if short == id else id))
    if not shared:
        second += [f"{item.index} of {item.count}"] if item.count > 1 else []
        size = _size_text(item)
        file = [text_html(size)] if size and (item.prediction is None or item.kind != "image") else []
        path = item.path
        if frame.alone:
            file = [_bdi(format_path(path), direction=_LTR), *file] if path is not None else file
            return _muted([*first, *second]) + _muted(file)
        second += file
        second += [_bdi(path.name, format_path(path), direction=_LTR)] if path is not None else []
    if frame.alone:
        return _muted([*first, *second])
    return _muted(first) + _muted(second, _CLIPPED)


def _muted(words: Sequence[str], room: str = "overflow-wrap:break-word") -> str:
    return f'<div style="{_MUTED};{room}">{" · ".join(words)}</div>' if words else ""


def _bdi(words: str, whole: str | None = None, *, direction: str = "") -> str:
    """Return words so that their direction of writing is theirs alone."""
    more = "" if whole is None else f' title="{text_html(one_line(whole))}"'
    shown = text_html(one_line(words))
    if direction:  # or the digits after a name in Hebrew would stand before it
        shown = _RIGHT_TO_LEFT.sub(r"<bdi>\g<0></bdi>", shown)
    return f"<bdi{direction}{more}>{shown}</bdi>"


def _size_text(item: DisplayItem) -> str:
    if not item.kind or not isinstance(item.content, FileContent):
        return ""
    length = "" if item.seconds is None else format_clock(item.seconds)
    if item.kind == "image" and item.width:
        length = f"{item.width} × {item.height}"
        if item.animated and not item.whole:
            length += ", an animation: its first frame"
    try:
        size = format_bytes(item.content.size())
    except OSError:
        size = ""
    return " · ".join(fact for fact in (length, size) if fact)


# Models: a card for one, with the table of its inputs, and a table for several


_TABLE: Final = (
    "border-collapse:collapse;margin:0;table-layout:auto;width:auto;max-width:100%;"
    "font-size:13px;line-height:1.45"
)
_ROW: Final = "background:transparent;border:0"
_CELL: Final = "text-align:left;vertical-align:top;padding:4px 20px 4px 0"
# In a narrow window a table is scrolled: and its sentences are no pillars of single words.
_NAME: Final = f"{_CELL};white-space:nowrap"
_WORD: Final = f"{_CELL};white-space:normal"
_FEW_WORDS: Final = f"{_CELL};white-space:normal;min-width:110px"
_SENTENCE: Final = f"{_CELL};white-space:normal;min-width:180px"
_HEAD: Final = f"{_NAME};opacity:0.65;font-weight:500;font-size:11px"
_QUIET: Final = "opacity:0.65;font-size:12px;line-height:1.5"
_CODE: Final = "font-family:monospace;font-size:12px"


def model_card(model: Model) -> str:
    name = one_line(model.name or model.id)
    facts = [model.type, list_price(model), model.status, model.vendor and f"by {model.vendor}"]
    words = [f'<span style="{_CODE}">{text_html(one_line(model.id))}</span>']
    words += [f"<bdi>{text_html(clip(one_line(fact), 80))}</bdi>" for fact in facts if fact]
    parts = [
        f'<div style="font-size:16px;font-weight:600"><bdi>{text_html(clip(name, 120))}</bdi></div>',
        f'<div style="{_QUIET}">{" · ".join(words)}</div>',
    ]
    if model.description:
        shown = text_html(clip(one_line(model.description), 600))
        parts.append(f'<div dir="auto" style="font-size:13px;margin-top:8px;max-width:640px">{shown}</div>')
    if model.capabilities:
        shown = text_html(clip(one_line(", ".join(model.capabilities)), 300))
        parts.append(f'<div style="{_QUIET};margin-top:4px">{shown}</div>')
    rules = list_price_rules(model)
    if rules:
        items = "".join(f"<div><bdi>{text_html(rule)}</bdi></div>" for rule in rules[:20])
        parts.append(f'<div style="font-size:12px;margin-top:8px">{items}</div>')
    parts.append(_inputs(model))
    return f"<div {ROOT}>{''.join(parts)}</div>"


def _inputs(model: Model) -> str:
    rows = [
        (
            f'<span style="{_CODE};font-weight:600">{text_html(row.name)}</span>',
            text_html(
                f"{row.kind}, required"
                if row.required and row.kind
                else row.kind or "required" * row.required
            ),
            f'<span style="{_CODE}">{text_html(row.default)}</span>' if row.default else "",
            text_html(row.limits),
            text_html(clip(row.description, 300)),
        )
        for row in input_rows(model)
    ]
    heads = ("input", "type", "default", "allowed", "")
    table = _table(heads, (_NAME, _NAME, _WORD, _FEW_WORDS, _SENTENCE), rows, least=1)
    return f'<div style="margin-top:12px">{table}</div>' if rows else ""


def models_table(models: Sequence[Model]) -> str:
    rows = [
        [
            f'<span style="font-weight:600"><bdi>{text_html(clip(one_line(m.id), 60))}</bdi></span>',
            text_html(one_line(m.type or "")),
            f"<bdi>{text_html(list_price(m))}</bdi>",
            f'<span style="opacity:0.75">{text_html(clip(one_line(", ".join(m.capabilities)), 120))}</span>',
            text_html(one_line(m.status or "")) if m.status != "operational" else "",
        ]
        for m in models
    ]
    heads = ("model", "type", "price", "capabilities", "status")
    styles = (_WORD, _NAME, _FEW_WORDS, _SENTENCE, _NAME)
    head = f'<div style="{_QUIET};margin-bottom:6px">{format_count(len(models), "model")}</div>'
    table = _table(heads, styles, rows, least=3) if rows else ""
    return f"<div {ROOT}>{head}{table}</div>"


def _table(heads: Sequence[str], styles: Sequence[str], rows: Sequence[Sequence[str]], *, least: int) -> str:
    """Return a table without those of its columns, after the first `least`, that are empty."""
    kept = [at for at in range(len(heads)) if at < least or any(row[at] for row in rows)]
    top = "".join(f'<th scope="col" style="{_HEAD}">{heads[at]}</th>' for at in kept)
    lines = ("".join(f'<td style="{styles[at]}">{row[at]}</td>' for at in kept) for row in rows)
    body = "".join(f'<tr style="{_ROW}">{line}</tr>' for line in lines)
    return (
        f'<div style="overflow-x:auto"><table style="{_TABLE}"><thead><tr style="{_ROW}">{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


# Scripts of widgets


def script_html(root: str, script: str) -> str:
    """Return HTML that runs a script once in the widget around it, which the script knows as ``root``.

    A picture that cannot be loaded is how a script runs there; the view may not stand in its widget yet when
    it does. Where scripts are stripped there is none.
    """
    waiting = (
        f"const wait=(tries)=>{{const root=this.closest('{root}');"
        "if(!root){if(tries)setTimeout(()=>wait(tries-1),100);return}"
        f"if(root.skyScript)return;root.skyScript=true;{script}}};wait(50)"
    )
    return f'<img alt="" style="display:none" src="data:," onerror="{escape(waiting)}">'


def key_script(root: str, keys: Mapping[str, str], once: str) -> str:
    """Return HTML that lets keys press buttons while anything in a widget but a text box has the focus.

    JupyterLab's own shortcuts are off there. What is shown takes one press of the buttons `once`: what is
    pressed before the next one stands (the number in ``data-shown``) is lost, not given to what nobody saw.
    `root`, the buttons of `keys` and `once` are CSS selectors.
    """
    listening = files(__package__).joinpath("_keys.js").read_text("utf-8")
    return script_html(root, f"const keys={json.dumps(keys)},once={json.dumps(once)};{listening}")
