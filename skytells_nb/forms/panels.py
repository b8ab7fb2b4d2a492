"""The pieces of HTML around the fields: the heading, the price, and code that can be copied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from ..models import Model
from ..pricing import Estimate

__all__ = ["code_html", "extra_html", "heading", "price_html"]

# Inside a widget's HTML a handler is the only script there can be. Where the page may not write to the
# clipboard (plain HTTP, some front ends), the text is selected instead, ready for Ctrl-C.
_COPY: Final = (
    "const pre=this.parentElement.querySelector('pre');const done=()=>{this.textContent='Copied';"
    "setTimeout(()=>{this.textContent='Copy'},1500)};const select=()=>"
    "{getSelection().selectAllChildren(pre);this.textContent='Selected'};"
    "navigator.clipboard?navigator.clipboard.writeText(pre.textContent).then(done,select):select()"
)
_LONGEST: Final = 200_000


def heading(model: Model, sandbox: bool) -> str:
    """Write the name of the model, what kind it is, and whether any of this is real."""
    facts = [word for word in (model.type, model.vendor) if word]
    if model.status and model.status != "operational":
        facts.append(model.status)
    told = f'<span class="sky-muted">{escape(" · ".join(facts))}</span>' if facts else ""
    badge = '<span class="sky-badge" title="Nothing here costs money">sandbox</span>' if sandbox else ""
    about = " ".join((model.description or "").split())[:300]
    below = f'<div class="sky-muted sky-about">{escape(about)}</div>' if about else ""
    return f'<div class="sky-head"><b>{escape(model.name or model.id)}</b>{told}{badge}</div>{below}'


def price_html(estimate: Estimate | None, left: str = "") -> str:
    """Write the price, with the arithmetic in its tooltip and beside it."""
    if estimate is None:
        return '<span class="sky-muted">price unknown</span>'
    basis = " ".join(estimate.basis.split())
    budget = f' <span class="sky-muted">· {escape(left)} left</span>' if left else ""
    if not estimate.known:
        return f'<span class="sky-muted" title="{escape(basis)}">price not known beforehand</span>{budget}'
    shown = basis if len(basis) <= 46 else ""
    arithmetic = f' <span class="sky-muted">{escape(shown)}</span>' if shown and "×" in shown else ""
    return f'<span title="{escape(basis)}"><b>{escape(estimate.price)}</b>{arithmetic}</span>{budget}'


def extra_html(problems: Mapping[str, str], unknown: Sequence[str]) -> str:
    """Write what concerns no field that can be seen: problems, and keys that are sent all the same."""
    wrong = [f"{name}: {words}" if name else words for name, words in problems.items()]
    lines = [f'<span class="sky-wrong">{escape(words)}</span>' for words in wrong]
    if unknown:
        lines.append(f'<span class="sky-muted">Also sent: {escape(", ".join(unknown))}.</span>')
    return "<br>".join(lines)


def code_html(code: str, language: str) -> str:
    """Write code with a button that copies it, coloured where the page knows how."""
    shown = code if len(code) <= _LONGEST else code[:_LONGEST] + "\n…"
    body = _highlighted(shown, language) if len(shown) < 20_000 else escape(shown)
    return (
        '<div class="sky-code jp-RenderedHTMLCommon"><div class="highlight">'
        f'<pre>{body}</pre></div><button type="button" class="sky-copy" '
        f'onclick="{escape(_COPY)}">Copy</button></div>'
    )


def _highlighted(code: str, language: str) -> str:
    from pygments import highlight  # type: ignore[import-untyped]
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]

    lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True)))
