"""Text that a model wrote: Markdown that can do no harm, what it took, and a stream that grows in place."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

import skytells_nb as sky
from skytells_nb.display import answer_html, answer_text, follow, markdown_html, mimebundle, show
from skytells_nb.models import ChatCompletion, Filter, Piece
from tests.api.stage import VirtualLoop

from .reading import strictly

ANSWER = ChatCompletion.from_api(
    {
        "id": "chatcmpl-sandbox-1",
        "model": "gpt-5",
        "choices": [{"message": {"content": "**Blue**, since"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1041, "completion_tokens": 66},
    },
    requested_model="router",
)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![a](https://example.org/seen.png)",
        "[a](javascript:alert(1)) [b](data:text/html,x) [c](vbscript:x)",
        "<a href='javascript:x'>y</a>",
        "```html\n</code></pre><script>x</script>\n```",
        '[x](https://a.b "onmouseover=alert(1)")',
        "| <b onclick=x> |\n|-|\n| `</td><script>` |",
        "\x1b[2J\u202egnp.exe",
    ],
)
def test_hostile_markdown_is_harmless(text: str):
    page = strictly(markdown_html(text))
    assert not page.all("img")
    assert all(str(link["href"]).startswith("https://") for link in page.all("a"))
    assert "\x1b" not in page.html


def test_markdown_is_markdown():
    html = markdown_html("# Sea\n\n1. *one*\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nx < 1\n```")
    strictly(html)
    for part in ("<h1", "<ol", "<em>one</em>", "<th", "<td", '<code class="language-python">x &lt; 1'):
        assert part in html


def test_beneath_stand_model_tokens_and_cost():
    known = replace(ANSWER, cost=Decimal("0.0021"), seconds=2.14)
    html, text = answer_html(known), answer_text(known)
    for shown in (html, text):
        assert "router, answered by gpt-5" in shown
        assert "1,107 tokens (1,041 read, 66 written)" in shown
        assert "2.1 s" in shown
    assert "<strong>Blue</strong>" in html
    assert set(mimebundle(ANSWER)) == {"text/html", "text/plain"}


@pytest.mark.parametrize(
    ("content", "reason", "note"),
    [("", "length", "raise max_tokens"), ("Blue", "stop", "violence"), ("", "content_filter", "violence")],
)
def test_what_struck_is_said(content: str, reason: str | None, note: str):
    choice = {"message": {"content": content}, "finish_reason": reason}
    answer = replace(
        ChatCompletion.from_api({"id": "c", "choices": [choice]}),
        filters=(Filter("violence", "completion", filtered=True, severity="high"),),
    )
    assert note in answer_html(answer)
    assert note in answer_text(answer)
    assert note not in answer_html(answer, writing=True)


def test_a_stream_is_typed_in_a_terminal(capsys: pytest.CaptureFixture[str]):
    with sky.Sandbox(seconds=0) as sandbox, sandbox.client() as client:
        stream = client.chat.completions.create("gpt-5", "Why is the sea blue?", stream=True)
        show(stream)
        told = capsys.readouterr().out
        assert told.startswith(stream.completion.text)
        assert "gpt-5 · " in told
        show(stream.completion)
        assert capsys.readouterr().out == told


def test_of_several_answers_each_is_shown_whole(capsys: pytest.CaptureFixture[str]):
    with sky.Sandbox(transport="inprocess", seconds=0) as sandbox, sandbox.client() as client:
        stream = client.chat.completions.create("gpt-5", "Why is the sea blue?", stream=True, n=3)
        show(stream)
        told = capsys.readouterr().out
        show(stream.completion)
    texts = [choice.text for choice in stream.completion.choices]
    assert len(set(texts)) > 1, "else it is not seen that one of them is missing"
    assert told.startswith("\n---\n".join(texts))
    assert capsys.readouterr().out == told
    html = strictly(answer_html(stream.completion))
    assert len(html.all("hr")) == 2


# A stream that grows in place, in virtual time


@dataclass
class Typist:
    """A stream of pieces that come at given times."""

    pieces: list[tuple[float, str]]
    closed: bool = False
    text: str = field(default="", init=False)

    async def __anext__(self) -> Piece:
        if not self.pieces:
            raise StopAsyncIteration
        at, text = self.pieces.pop(0)
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(at - loop.time(), 0))
        self.text += text
        return Piece(text, {})

    async def close(self) -> None:
        self.closed = True

    @property
    def completion(self) -> str:
        return self.text


def drawings(
    *pieces: tuple[float, str], cancel_at: float = 1e9
) -> tuple[Typist, list[tuple[float, str, bool]]]:
    """Follow a stream; returns it, and when what was drawn and whether more was to come."""
    loop = VirtualLoop()
    loop.now = 0.0
    stream, drawn = Typist(list(pieces)), list[tuple[float, str, bool]]()

    async def main() -> None:
        task = asyncio.ensure_future(
            follow(stream, lambda text, writing: drawn.append((loop.time(), text, writing)))  # type: ignore[arg-type]
        )
        loop.call_at(cancel_at, task.cancel)
        await asyncio.wait((task,))

    with closing(loop):
        loop.run_until_complete(main())
    return stream, drawn


def test_fifty_pieces_a_second_are_drawn_ten_times_a_second():
    stream, drawn = drawings(*((n / 50, "x") for n in range(100)))
    assert stream.closed
    assert 18 <= len(drawn) <= 22
    assert drawn[0][0] == 0.0, "the first piece at once"
    assert drawn[-1][1:] == ("x" * 100, False)


def test_the_last_piece_before_a_pause_is_drawn_before_it():
    _, drawn = drawings((0.0, "a"), (0.01, "b"), (9.0, "c"))
    assert (0.1, "ab", True) in [(round(at, 3), *rest) for at, *rest in drawn]


def test_one_that_is_stopped_is_closed_and_shows_what_came():
    stream, drawn = drawings((0.0, "a"), (5.0, "b"), cancel_at=1.0)
    assert stream.closed
    assert drawn[-1] == (1.0, "a", False)
