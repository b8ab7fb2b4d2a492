"""Texts: a short answer in the form that was asked for, and a word on who is talking."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any

from ._params import dice, key_of, load, number, prompt_of

_SIGNED = "(This is the sandbox's answer, not a model's.)"


def write_text(input: Mapping[str, Any]) -> str:
    """Return a short answer to a `prompt`, or to the last message of `messages`; the same for the same input.

    `seed` changes the wording; `max_tokens` shortens the answer, to which the signature is added.
    """
    asked = _question(input)[:4000]
    chance = dice(key_of({"prompt": asked, "seed": input.get("seed")}, 0, "text"))
    flat = " ".join(asked.split())
    said = f"You asked: “{_shorten(flat, 120)}” " if flat else ""
    reply, closing = _reply(flat, chance), chance.choice(load("phrases")["closings"])
    gap = "\n\n" if "\n" in reply else " "
    text = f"{said.rstrip()}{gap}{reply}{gap}{closing}".strip()
    tokens = number(input, "max_tokens")
    if tokens is not None and len(text) > 4 * max(1.0, tokens):  # some four letters are a token
        text = _shorten(text, max(2, int(4 * tokens)))
    return f"{text} {_SIGNED}"


def _reply(asked: str, chance: random.Random) -> str:
    words = re.findall(r"[^\W\d_][\w'’-]*", asked)
    small = load("phrases")["small"]["words"].split()
    topic = " ".join([word for word in words if word.lower() not in small][:3]).lower() or "this"
    sum_ = re.fullmatch(r"\D*?(-?\d{1,9})\s*([-+*x×])\s*(-?\d{1,9})\s*=?\s*\??", asked)
    if sum_:
        left, right = int(sum_[1]), int(sum_[3])
        result = {"+": left + right, "-": left - right}.get(sum_[2], left * right)
        return f"{left} {sum_[2]} {right} is {result}."
    kind = next(
        kind
        for kind in load("phrases")["kinds"]
        if not kind["pattern"] or re.search(rf"\b(?:{kind['pattern']})\b", asked.lower())
    )
    if "items" in kind:
        named = [load("phrases")["numbers"].get(word.lower(), 0) for word in words]
        digits = [int(found) for found in re.findall(r"\b\d{1,2}\b", asked)]
        count = min(len(kind["items"]), next((n for n in (*digits, *named) if n), 3))
        lines = [f"{n}. {item}" for n, item in enumerate(chance.sample(kind["items"], count), start=1)]
        return "\n".join([kind["lead"].format(topic=topic, n=count), *lines])
    body = asked.partition(":")[2].strip() or asked
    sentence = _shorten(re.split(r"(?<=[.!?])\s", body)[0], 200)
    text: str = chance.choice(kind["texts"])
    return text.format(topic=topic, Topic=topic[:1].upper() + topic[1:], sentence=sentence)


def _question(input: Mapping[str, Any]) -> str:
    messages = input.get("messages")
    for message in reversed(messages) if isinstance(messages, list) else ():
        if isinstance(message, Mapping) and message.get("role", "user") == "user":
            content = message.get("content")
            parts = content if isinstance(content, list) else [{"text": content}]
            texts = [part.get("text") for part in parts if isinstance(part, Mapping)]
            return " ".join(text for text in texts if isinstance(text, str))
    return prompt_of(input)


def _shorten(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0] + "…"
