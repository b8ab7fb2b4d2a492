"""Prompts, model names, ids, errors and paths that try to be something else than text."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skytells_nb.display import gallery, mimebundle
from skytells_nb.display._html import link_html
from skytells_nb.models import Model, ModelList, Prediction, PredictionList
from skytells_nb.plaintext import clean, clip

from .pictures import encoded, photograph
from .reading import strictly

HOSTILE = [
    "<script>alert(1)</script>",
    "</div></figure></div><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' onmouseover='alert(1)",
    '"><svg onload=alert(1)>',
    "--><!--<script>alert(1)//",
    "]]><script>alert(1)</script>",
    "<style>*{display:none}</style>",
    '";background:url(javascript:alert(1));x:"',
    "expression(alert(1))",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#x3C;script&#x3E;",
    "\x00<script\x00>alert(1)</script>",
    "safe\u202etxt.exe\u202c",
    "\u2066\u2067\u2068\u2069\u200e\u200f\u061c",
    "\x1b]0;pwned\x07\x1b[2J\x1b[31mred",
    "lone \ud800 surrogate",
    "line\u2028separator\u2029paragraph\x85next\x0bvertical",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)} `alert(1)`",
    "$x$ and $$y$$ and \\(z\\) and \\[w\\] and \\begin{align}a\\end{align}",
    "Z̸̧̢" * 200,
    "ثعلب أحمر في الثلج",
    "🦊" * 500,
    "a" * 50_000,
    "\n" * 3_000,
    "%s %(x)s {0} {x}",
]


def everywhere(words: str, content: bytes) -> list[Prediction]:
    """A prediction that says the same in every place, in several states."""
    said = words or "x"
    raw = {"id": said, "model": {"name": said, "type": "image"}, "input": {"prompt": said}}
    return [
        Prediction.from_api(
            {**raw, "status": "succeeded", "output": [f"data:image/png;base64,{content.decode()}"]}
        ),
        Prediction.from_api({**raw, "status": "failed", "error": said}),
        Prediction.from_api({**raw, "status": "succeeded", "output": [said]}),
        Prediction.from_api(
            {**raw, "status": "succeeded", "output": [f"https://a.example/{said}"], "data_removed": True}
        ),
        Prediction.from_api(
            {**raw, "status": "succeeded", "output": [said], "model": {"name": said, "type": "text"}}
        ),
    ]


@pytest.fixture(scope="module")
def pixel() -> bytes:
    import base64

    return base64.b64encode(encoded(photograph(size=(16, 16))))


@pytest.mark.parametrize("words", HOSTILE)
def test_no_string_leaves_its_place(words, pixel):
    for prediction in everywhere(words, pixel):
        strictly(mimebundle(prediction)["text/html"])
    listed = PredictionList(everywhere(words, pixel))
    page = strictly(mimebundle(listed)["text/html"])
    assert len(page.all("figure")) == 5
    assert len(page.all("img")) == 1


@pytest.mark.parametrize("words", HOSTILE)
def test_no_caption_leaves_its_place(words, pixel):
    prediction = everywhere("fox", pixel)[0]
    strictly(gallery([prediction], captions=[words]).html)
    strictly(gallery([prediction, prediction], captions=lambda p: words).html)


@pytest.mark.parametrize("words", HOSTILE)
def test_no_model_leaves_its_place(words):
    raw = {
        "namespace": words,
        "name": words,
        "type": words,
        "description": words,
        "status": words,
        "vendor": {"name": words},
        "capabilities": [words],
        "pricing": {
            "amount": 1,
            "currency": words,
            "unit": words,
            "criterias": [
                {"field": words, "operator": "==", "value": words, "billable_price": 2, "unit": words}
            ],
        },
        "input_schema": {
            "required": [words],
            "properties": {words: {"type": words, "description": words, "default": words, "enum": [words]}},
        },
    }
    model = Model.from_api(raw)
    strictly(mimebundle(model)["text/html"])
    strictly(mimebundle(ModelList([model, model]))["text/html"])


@pytest.mark.parametrize("words", HOSTILE)
def test_a_terminal_gets_nothing_that_moves_its_cursor(words, pixel):
    for prediction in everywhere(words, pixel):
        text = mimebundle(prediction)["text/plain"]
        assert not any(ord(letter) < 32 and letter != "\n" for letter in text)
        assert not any(letter in text for letter in "\x7f\x9b\u202e\u2066\u2028")
        text.encode("utf-8")


@given(st.text(max_size=200))
@settings(max_examples=40)
def test_nor_does_any_other(words):
    prediction = Prediction(id="p1", status="failed", model=words, input={"prompt": words}, error=words)
    strictly(mimebundle(prediction)["text/html"])
    strictly(mimebundle([prediction, prediction])["text/html"])


def test_a_path_with_quotes_and_tags_is_only_text(tmp_path, make):
    path = tmp_path / "a\"'<b>&.png"
    path.write_bytes(encoded(photograph(size=(64, 64))))
    page = strictly(mimebundle(dataclasses.replace(make(), files=(path,)))["text/html"])
    assert "a\"'<b>&.png" in page.text


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        " javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example/x",
        "https://",
        "https://a b.example/",
        "https://[::1",
        "https://a.example/\u202egnp.exe",
        "https:\\\\evil.example",
        'https://a.example/"onclick="alert(1)',
        "https://a.example/" + "a" * 3_000,
    ],
)
def test_what_is_no_web_address_is_never_a_link_html(address):
    assert "<a" not in link_html(address)


def test_a_web_address_is_a_link_that_tells_nobody_where_it_was_followed_from():
    page = strictly(link_html("https://a.example/?x=1&y='2'"))
    (anchor,) = page.all("a")
    assert anchor["href"] == "https://a.example/?x=1&y='2'"
    assert anchor["rel"] == "noopener noreferrer"


def test_mathematics_is_not_made_of_dollars(make):
    html = mimebundle(make("from $5 to $10"))["text/html"]
    assert html.startswith('<div class="mathjax_ignore tex2jax_ignore"')


def test_scripts_written_from_right_to_left_and_emoji_are_left_as_they_are():
    for words in ("ثعلب أحمر", "שועל אדום", "👨‍👩‍👧‍👦 🏳️‍🌈 🦊", "赤い狐", "naïve café"):
        assert clean(words) == words


def test_a_cut_does_not_split_an_emoji_made_of_several():
    family = "👨‍👩‍👧‍👦"
    assert clip("fox " + family * 3, 8) == "fox…"
