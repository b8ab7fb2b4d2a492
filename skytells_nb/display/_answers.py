"""What a text model wrote, as Markdown that stays in its cell: no raw HTML, no script, no picture from afar.

The HTML is made here and not by the front end, so that it looks alike in a notebook that is not trusted, in a
widget and in an export. Only inline styles and inherited colours, as in `_html`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from html import escape
from typing import Any, Final
from uuid import uuid4

from ..aio import run
from ..api import AsyncTextStream, TextStream
from ..formatting import format_cost, format_count, money_unit
from ..models import ChatCompletion, Choice, Response, Usage, is_sandbox_id
from ..plaintext import clean, clip, encodable, one_line
from ._html import ROOT
from ._text import REUSED, seconds_text

Answer = ChatCompletion | Response

REFRESH: Final = 0.1
"""Seconds between two drawings of a growing text: each replaces the whole, and fifty a second flicker."""

_MUTED: Final = "opacity:0.65;font-size:11px;line-height:1.5;overflow-wrap:break-word"
_NOTE: Final = "font-size:12px;opacity:0.85;padding-top:2px"
_CURSOR: Final = '<span style="opacity:0.5">▍</span>'
_RULE: Final = '<hr style="opacity:0.4">'
_TEXT_RULE: Final = "\n---\n"
_STYLES: Final = {
    "p": "margin:0 0 8px",
    "pre": "overflow:auto;padding:6px 10px;border:1px dashed;border-radius:6px;margin:0 0 8px",
    "table": "border-collapse:collapse;margin:0 0 8px;font-size:13px",
    "th": "padding:2px 10px;text-align:left",
    "td": "padding:2px 10px;text-align:left",
    "blockquote": "margin:0 0 8px;padding-left:10px;border-left:3px solid;opacity:0.8",
    "ul": "margin:0 0 8px;padding-left:24px",
    "ol": "margin:0 0 8px;padding-left:24px",
    **{f"h{level}": f"margin:8px 0 4px;font-size:{20 - 2 * level}px" for level in range(1, 5)},
}


@cache
def _parser() -> Any:
    """Make the parser; imported here, because few cells show text."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    # An answer's pictures become links: else whoever opens the notebook fetches what the model names.
    return parser.disable("image")


def markdown_html(text: str) -> str:
    """Return Markdown as HTML that can stand in any page.

    HTML in it is shown as text, its pictures as links, and only links to web and mail addresses are links.
    """
    parser = _parser()
    tokens = parser.parse(clean(text))
    for token in tokens:
        if token.nesting >= 0 and token.tag in _STYLES:
            token.attrSet("style", _STYLES[token.tag])
        for inner in token.children or ():
            if inner.type == "link_open":
                inner.attrSet("rel", "noopener noreferrer")
    html: str = parser.renderer.render(tokens, parser.options, {})
    return html.replace("<pre>", f'<pre style="{_STYLES["pre"]}">')


def answer_html(answer: Answer, *, writing: bool = False) -> str:
    """Return an answer as HTML: what was written, what should be known of it, and what it took.

    While it is still ``writing`` nothing is said of its end.
    """
    body = _RULE.join(
        markdown_html(each.text)
        + "".join(
            f'<pre style="{_STYLES["pre"]}">{escape(clean(f"{call.name}({call.arguments})"))}</pre>'
            for call in each.tool_calls
        )
        for each in _choices(answer)
    )
    note = "" if writing else answer.note
    noted = f'<div style="{_NOTE}">⚠ {escape(one_line(note))}</div>' if note else ""
    facts = " · ".join(map(escape, answer_facts(answer)))
    cursor = _CURSOR if writing else ""
    return (
        f'<div {ROOT}><div dir="auto" style="max-width:760px">{body}{cursor}</div>{noted}'
        f'<div style="{_MUTED}">{facts}</div></div>'
    )


def answer_facts(answer: Answer) -> list[str]:
    """List model, seconds, tokens and cost, as far as they are known."""
    asked, answered = answer.requested_model, answer.model
    model = asked or answered or ""
    if asked and answered and asked != answered:
        model = f"{asked}, answered by {answered}"
    cost = "" if answer.cost is None else format_cost(answer.cost, money_unit(is_sandbox_id(answer.id)))
    reused = REUSED if answer.reused else ""
    facts = (model, seconds_text(answer.seconds), _tokens(answer.usage), cost, reused)
    return [clip(one_line(fact), 120) for fact in facts if fact]


def _tokens(usage: Usage | None) -> str:
    if usage is None or usage.total_tokens is None:
        return ""
    parts = [
        f"{count:,} {word}"
        for count, word in (
            (usage.input_tokens, "read"),
            (usage.cached_tokens or None, "of them cached"),
            (usage.output_tokens, "written"),
            (usage.reasoning_tokens or None, "of them reasoning"),
        )
        if count is not None
    ]
    return f"{format_count(usage.total_tokens, 'token')} ({', '.join(parts)})"


def answer_text(answer: Answer) -> str:
    written = (_choice_text(each) for each in _choices(answer))
    parts = (_TEXT_RULE.join(written), answer.note or "", " · ".join(answer_facts(answer)))
    return "\n".join(part for part in parts if part)


def _choices(answer: Answer) -> Sequence[Answer | Choice]:
    """Return the answers in an answer: one, or as many as ``n`` asked for."""
    return (answer.choices if isinstance(answer, ChatCompletion) else ()) or (answer,)


def _choice_text(choice: Answer | Choice) -> str:
    calls = (f"{call.name}({call.arguments})" for call in choice.tool_calls)
    return "\n".join(clean(part) for part in (choice.text, *calls) if part)


def answer_bundle(answer: Answer, *, writing: bool = False) -> dict[str, str]:
    return {"text/html": answer_html(answer, writing=writing), "text/plain": answer_text(answer)}


async def follow(stream: AsyncTextStream[Any], draw: Callable[[Answer, bool], None]) -> Answer:
    """Read a stream to its end, drawing what has come ten times a second at most; return the whole answer.

    ``draw`` is called with what was written so far, and whether more is to come; last with the whole answer,
    or as much of it as came. The stream is closed when this ends, however it does.
    """
    now = asyncio.get_running_loop().time
    drawn = now() - REFRESH
    piece: asyncio.Task[Any] | None = None
    fresh = False
    try:
        while True:
            piece = piece or asyncio.ensure_future(anext(stream))
            left = max(drawn + REFRESH - now(), 0.0) if fresh else None
            await asyncio.wait((piece,), timeout=left)
            if piece.done():
                with suppress(StopAsyncIteration):
                    piece.result()
                    piece, fresh = None, True
                if piece is not None:
                    break
            if fresh and now() >= drawn + REFRESH:
                draw(stream.completion, True)
                drawn, fresh = now(), False
    finally:
        if piece is not None and not piece.done():
            piece.cancel()
        await stream.close()
        draw(stream.completion, False)
    answer: Answer = stream.completion
    return answer


def show_stream(stream: TextStream[Any] | AsyncTextStream[Any], publisher: Any) -> None:
    """Show a stream until it ends; ``publisher`` is a notebook's, None in a terminal."""
    if publisher is None:
        answer = run(_type_out(stream if isinstance(stream, AsyncTextStream) else stream.as_async()))
        others = _TEXT_RULE.join(map(_choice_text, _choices(answer)[1:]))
        parts = (others and f"---\n{others}", answer.note or "", " · ".join(answer_facts(answer)))
        sys.stdout.write(encodable("".join(f"\n{part}" for part in parts if part) + "\n", sys.stdout))
        return
    shown = {"display_id": uuid4().hex}
    publisher.publish({"text/html": "", "text/plain": ""}, transient=shown)

    def draw(answer: Answer, writing: bool) -> None:
        publisher.publish(answer_bundle(answer, writing=writing), transient=shown, update=True)

    run(follow(stream if isinstance(stream, AsyncTextStream) else stream.as_async(), draw))


async def _type_out(stream: AsyncTextStream[Any]) -> Answer:
    async with stream:
        async for piece in stream:
            if not piece.choice:  # the others come in between, and are written whole behind it
                sys.stdout.write(encodable(clean(piece.text), sys.stdout))
                sys.stdout.flush()
    answer: Answer = stream.completion
    return answer
