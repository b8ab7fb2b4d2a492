"""Models as HTML: a card for one, with the table of its inputs, and a table for several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ..formatting import format_count
from ..models import Model
from ..plaintext import clip, one_line
from ..pricing import list_price, list_price_rules
from ._html import ROOT
from ._html import text_html as text
from ._text import input_rows

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
    """Draw one model: its names, type, price and description, and what it takes."""
    name = one_line(model.name or model.id)
    facts = [model.type, list_price(model), model.status, model.vendor and f"by {model.vendor}"]
    words = [f'<span style="{_CODE}">{text(one_line(model.id))}</span>']
    words += [f"<bdi>{text(clip(one_line(fact), 80))}</bdi>" for fact in facts if fact]
    parts = [
        f'<div style="font-size:16px;font-weight:600"><bdi>{text(clip(name, 120))}</bdi></div>',
        f'<div style="{_QUIET}">{" · ".join(words)}</div>',
    ]
    if model.description:
        shown = text(clip(one_line(model.description), 600))
        parts.append(f'<div dir="auto" style="font-size:13px;margin-top:8px;max-width:640px">{shown}</div>')
    if model.capabilities:
        shown = text(clip(one_line(", ".join(model.capabilities)), 300))
        parts.append(f'<div style="{_QUIET};margin-top:4px">{shown}</div>')
    rules = list_price_rules(model)
    if rules:
        items = "".join(f"<div><bdi>{text(rule)}</bdi></div>" for rule in rules[:20])
        parts.append(f'<div style="font-size:12px;margin-top:8px">{items}</div>')
    parts.append(_inputs(model))
    return f"<div {ROOT}>{''.join(parts)}</div>"


def _inputs(model: Model) -> str:
    rows = [
        (
            f'<span style="{_CODE};font-weight:600">{text(row.name)}</span>',
            text(
                f"{row.kind}, required"
                if row.required and row.kind
                else row.kind or "required" * row.required
            ),
            f'<span style="{_CODE}">{text(row.default)}</span>' if row.default else "",
            text(row.limits),
            text(clip(row.description, 300)),
        )
        for row in input_rows(model)
    ]
    if not rows:
        return ""
    kept = [at for at in range(5) if at == 0 or any(row[at] for row in rows)]
    heads = ("input", "type", "default", "allowed", "")
    styles = (_NAME, _NAME, _WORD, _FEW_WORDS, _SENTENCE)
    table = _table(heads, styles, rows, kept)
    return f'<div style="margin-top:12px">{table}</div>'


def models_table(models: Sequence[Model]) -> str:
    """Draw several models: slug, type, price and capabilities, one row each."""
    rows = [
        [
            f'<span style="font-weight:600"><bdi>{text(clip(one_line(m.id), 60))}</bdi></span>',
            text(one_line(m.type or "")),
            f"<bdi>{text(list_price(m))}</bdi>",
            f'<span style="opacity:0.75">{text(clip(one_line(", ".join(m.capabilities)), 120))}</span>',
            text(one_line(m.status or "")) if m.status != "operational" else "",
        ]
        for m in models
    ]
    kept = [at for at in range(5) if at < 3 or any(row[at] for row in rows)]
    heads = ("model", "type", "price", "capabilities", "status")
    styles = (_WORD, _NAME, _FEW_WORDS, _SENTENCE, _NAME)
    head = f'<div style="{_QUIET};margin-bottom:6px">{format_count(len(models), "model")}</div>'
    table = _table(heads, styles, rows, kept) if rows else ""
    return f"<div {ROOT}>{head}{table}</div>"


def _table(
    heads: Sequence[str], styles: Sequence[str], rows: Iterable[Sequence[str]], kept: Sequence[int]
) -> str:
    top = "".join(f'<th scope="col" style="{_HEAD}">{heads[at]}</th>' for at in kept)
    lines = ("".join(f'<td style="{styles[at]}">{row[at]}</td>' for at in kept) for row in rows)
    body = "".join(f'<tr style="{_ROW}">{line}</tr>' for line in lines)
    return (
        f'<div style="overflow-x:auto"><table style="{_TABLE}"><thead><tr style="{_ROW}">{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
