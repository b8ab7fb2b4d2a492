"""What the sandbox's models hand back: pictures, clips, songs and texts, drawn from prompt and seed.

Nothing here knows of HTTP or of predictions. `draw` turns a model's kind and its input into bytes, offline
and in a fraction of a second; the same input always gives the same picture. Pillow, numpy and PyAV are
imported only when something is drawn, so importing this package costs next to nothing.

What it can paint is data: drawings, places, lights, words and models are the TOML files in ``data``.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from ._params import dice, key_of, load, number, prompt_of

__all__ = ["draw", "file_type", "write_text"]

_FIXED = {
    "image": ("image/png", "png"),
    "music": ("audio/wav", "wav"),
    "audio": ("audio/wav", "wav"),
    "text": ("text/plain", "txt"),
}


def file_type(kind: str) -> tuple[str, str]:
    """Return the MIME type and the extension of what `draw` would make, without drawing it.

    A video is MP4 where PyAV is installed and an animated WebP elsewhere. ValueError if the kind is none that
    `draw` knows.
    """
    if kind == "video":
        return ("video/mp4", "mp4") if find_spec("av") else ("image/webp", "webp")
    if kind not in _FIXED:
        raise ValueError(f"the sandbox draws image, video, music, audio and text, not {kind!r}")
    return _FIXED[kind]


def draw(
    kind: str, input: Mapping[str, Any], *, index: int = 0, model: str = "", picture: bytes | None = None
) -> tuple[bytes, str]:
    """Draw one output of a prediction, and return the file's content and its MIME type.

    Drawing never fails because of what was asked: odd or missing values fall back to a default.

    `kind` is ``"image"``, ``"video"``, ``"music"``, ``"audio"`` or ``"text"``; ValueError for any other. Of
    the `input` are read `prompt`, `seed`, the sizes (`width`, `height`, `aspect_ratio`, `resolution`), the
    lengths (`duration_seconds`, `seconds`, `duration`), `sample_rate`, `bpm` and `key`. `index` is which of
    the prediction's outputs this is; each is another variation. The pictures of each `model` look
    differently, as ``data/models.toml`` says. With an input `picture` an upscaler enlarges it, other models
    edit it by the prompt's words, and a clip begins with it; bytes that are no picture count as none.
    """
    mime, _ = file_type(kind)
    if kind == "image":
        from ._picture import draw_picture

        return draw_picture(input, index=index, model=model, picture=picture), mime
    if kind == "video":
        from ._picture import draw_clip

        return draw_clip(input, mp4=mime == "video/mp4", index=index, picture=picture), mime
    if kind == "text":
        return write_text(input).encode(errors="replace"), mime
    from ._sound import play_song, speak

    return (play_song if kind == "music" else speak)(input, index=index), mime


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
