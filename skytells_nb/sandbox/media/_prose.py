"""Texts: a few sentences that answer kindly, say what was asked, and say who is talking."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ._params import dice, key_of, prompt_of

_OPENINGS = (
    "Happy to help.",
    "Good question.",
    "A fine thing to ask.",
    "Let us look at it together.",
    "With pleasure.",
)
_BODIES = (
    "{topic} is best met one step at a time: say what you want to see, try the smallest thing that could "
    "work, and let the result tell you what to change.",
    "When people work on {topic}, three things help: a clear aim, a first try that costs little, and a note "
    "of what was learned on the way.",
    "The short answer on {topic} is that it depends on what you want from it. The longer answer begins with "
    "an example, and grows from there.",
    "{topic} has a quiet side and a bright one. Begin with the quiet side: name the parts, put them in "
    "order, and the bright one follows.",
)
_ENDINGS = (
    "Ask again with another seed and you will hear it put another way.",
    "A real model would go on from here; this one only keeps its seat warm.",
    "Connect to the real API and the same call brings you a real answer.",
)
_SMALL = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "can",
        "could",
        "do",
        "does",
        "for",
        "from",
        "give",
        "how",
        "i",
        "in",
        "into",
        "is",
        "it",
        "its",
        "make",
        "me",
        "my",
        "of",
        "on",
        "or",
        "please",
        "show",
        "so",
        "tell",
        "that",
        "the",
        "then",
        "this",
        "to",
        "us",
        "was",
        "we",
        "what",
        "when",
        "where",
        "which",
        "who",
        "why",
        "will",
        "with",
        "would",
        "write",
        "you",
        "your",
        "about",
        "explain",
        "describe",
        "short",
        "few",
        "one",
        "some",
    ]
)


def answer(input: Mapping[str, Any]) -> str:
    """Write a short answer to a prompt or to the last message of a conversation.

    Parameters
    ----------
    input
        `prompt`, or `messages` as a list of ``{"role", "content"}``; `seed` changes the wording.

    Returns
    -------
    str
        Three or four sentences, the same for the same input.

    Examples
    --------
    >>> answer({"prompt": "hello"}) == answer({"prompt": "hello"})
    True
    """
    asked = _question(input)[:4000]
    chance = dice(key_of({"prompt": asked, "seed": input.get("seed")}, 0, "text"))
    said = f"You asked: “{_shorten(asked)}” " if asked else ""
    topic = _topic(asked)
    body = chance.choice(_BODIES).format(topic=topic)
    body = body[0].upper() + body[1:]
    told = f"{said}{chance.choice(_OPENINGS)} {body} {chance.choice(_ENDINGS)}"
    return f"{told} (This is the sandbox's answer, not a model's.)"


def _question(input: Mapping[str, Any]) -> str:
    messages = input.get("messages")
    if isinstance(messages, list):
        for message in reversed(messages):
            if isinstance(message, Mapping) and message.get("role", "user") == "user":
                return _content(message.get("content"))
    return prompt_of(input)


def _content(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, Mapping)]
        return " ".join(text for text in texts if isinstance(text, str))
    return ""


def _shorten(text: str, most: int = 120) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1].rsplit(" ", 1)[0] + "…"


def _topic(text: str) -> str:
    words = [word for word in re.findall(r"[^\W\d_][\w'’-]*", text) if word.lower() not in _SMALL]
    return " ".join(words[:3]).lower() or "this"
