"""What the sandbox's text models say: honest, about what was asked, the same each time; and their vectors.

Nothing here knows of HTTP. Tokens are counted by one plain rule: four characters, at least one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

from .models import Model, count_tokens
from .rendering import Media

#: What `max_tokens` is when nobody says so (text 2.1).
USUAL_TOKENS: Final = 8192
#: Tokens that a picture in a prompt counts for. Ours.
PICTURE_TOKENS: Final = 85
_WORDS: Final[dict[str, Any]] = json.loads(files(__package__).joinpath("language.json").read_text("utf-8"))
_COMMON: Final = frozenset(_WORDS["common"].split())
_NUMBERS: Final = {word: number for number, word in enumerate(_WORDS["numbers"].split(), 1)}
_THINGS: Final = re.compile(
    rf"\b(\d{{1,2}}|{'|'.join(_NUMBERS)})\s+(?:[\w-]+\s+){{0,3}}?({'|'.join(_WORDS['things'].split())})\b",
    re.IGNORECASE,
)
_LOOKS: Final[list[str]] = _WORDS["looks"]


@dataclass(slots=True)
class Turn:
    """One message of a conversation, whichever route it came by."""

    role: str
    text: str = ""
    pictures: int = 0
    calls: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Output:
    """What a model writes: a text, or the call of a tool."""

    text: str = ""
    tool: str = ""
    arguments: str = ""


@dataclass(slots=True)
class TextRequest:
    """A request to a text model, whichever route it came by."""

    model: Model
    body: dict[str, Any]
    turns: list[Turn]
    stream: bool
    quirks: frozenset[str]
    tools: list[dict[str, Any]] = field(default_factory=list)
    choice: Any = "auto"
    most: int = USUAL_TOKENS
    schema: Mapping[str, Any] | None = None
    as_json: bool = False


@dataclass(slots=True)
class Completion:
    """What a model answered: one output for each choice, why each ended, and what is billed."""

    outputs: Sequence[Output]
    finish: Sequence[str]
    tokens_in: int
    tokens_out: int
    reasoning: int
    model: str
    id: str
    created: int


def count_prompt(turns: Iterable[Turn], tools: Sequence[Any] = ()) -> int:
    """Count the tokens of a conversation and of the tools it may use, at least one."""
    texts = [f"{turn.text}{json.dumps(turn.calls) if turn.calls else ''}" for turn in turns]
    pictures = sum(turn.pictures for turn in turns)
    tokens = sum(count_tokens(text) for text in (*texts, json.dumps(list(tools)) if tools else ""))
    return max(tokens + PICTURE_TOKENS * pictures, 1)


def reply(
    media: Media,
    turns: Sequence[Turn],
    *,
    schema: Mapping[str, Any] | None = None,
    as_json: bool = False,
    variant: int = 0,
) -> str:
    """Answer a conversation."""
    asked = [turn for turn in turns if turn.role == "user"]
    last = asked[-1].text if asked else ""
    if schema is not None:
        return json.dumps(example_of(schema, topic_of(last)), ensure_ascii=False)
    things = _things(last)
    if as_json or (things and "json" in last.lower()):
        found = {things[1]: list(things[0])} if things else {"about": topic_of(last)}
        return json.dumps({**found, "note": "written by the sandbox, not by a model"}, ensure_ascii=False)
    parts = []
    results = [turn.text for turn in turns if turn.role in ("tool", "function")]
    if results:
        parts.append(f"The tool said: {_short(results[-1], 400)}")
    pictures = sum(turn.pictures for turn in asked)
    if pictures:
        parts.append(f"I was given {pictures} picture{'s'[: pictures > 1]}, and the sandbox sees none.")
    earlier = [_short(turn.text, 160) for turn in asked[:-1] if turn.text.strip()]
    if earlier:
        parts.append("Earlier you said: " + "; ".join(f"“{text}”" for text in earlier[-8:]) + ".")
    if things:
        parts.append("\n".join(f"{number}. {text}" for number, text in enumerate(things[0], 1)))
        parts.append("(This is the sandbox's answer, not a model's.)")
    else:
        parts.append(media.write_text({"prompt": last, "seed": variant}))
    return "\n\n".join(parts) if things else " ".join(parts)


def choose_tool(
    turns: Sequence[Turn], tools: Sequence[Mapping[str, Any]], choice: Any
) -> Mapping[str, Any] | None:
    """Return the tool that is called: the first, until its result is there; None for none."""
    if not tools or choice == "none":
        return None
    named = next((tool for tool in tools if tool["name"] == choice), None)
    if named is not None:
        return named
    after = [turn.role for turn in turns]
    answered = "tool" in after or "function" in after
    return None if answered and choice != "required" else tools[0]


def example_of(schema: Mapping[str, Any], topic: str, depth: int = 0) -> Any:
    """Return a value that fits a JSON schema, with words of the topic where texts are wanted."""
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for variants in ("anyOf", "oneOf", "allOf"):
        if schema.get(variants):
            return example_of(schema[variants][0], topic, depth + 1)
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind is None:
        kind = "object" if "properties" in schema else "integer" if "minimum" in schema else "string"
    if depth > 20:
        return None
    match kind:
        case "object":
            each = schema.get("properties", {})
            return {name: example_of(value, topic, depth + 1) for name, value in each.items()}
        case "array":
            number = max(int(schema.get("minItems", 3)), 1)
            item = schema.get("items", {})
            texts = item.get("type", "string") == "string" and not item.get("enum")
            if texts:
                return [f"{topic} {_LOOKS[index % len(_LOOKS)]}" for index in range(number)]
            return [example_of(item, topic, depth + 1) for _ in range(number)]
        case "integer":
            return math.ceil(schema.get("minimum", 1))
        case "number":
            return schema.get("minimum", 1.0)
        case "boolean":
            return True
        case "null":
            return None
    return topic


def embed(text: str, size: int) -> list[float]:
    """Return a vector of length one for a text; texts that share words, or parts of words, lie closer."""
    vector = [0.0] * size
    words = re.findall(r"\w+", text.lower()) or [text]
    for word in words:
        weight = 0.15 if word in _COMMON else 1.0
        marked = f"<{word}>"
        features = [(word, weight), *((marked[at : at + 3], weight / 4) for at in range(len(marked) - 2))]
        for feature, value in features:
            digest = hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            for number in struct.unpack("<4I", digest):
                vector[(number >> 1) % size] += value if number & 1 else -value
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]


def as_base64(vector: Sequence[float]) -> str:
    """Write a vector as the API does where base64 is asked for: float32, little endian."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def pieces(text: str) -> list[str]:
    """Cut a text into the pieces that a stream sends: words, each with the space before it."""
    return re.findall(r"\s*\S+\s*$|\s*\S+", text) or ([text] if text else [])


def topic_of(text: str) -> str:
    """Return the words that a question is about, or a word for none."""
    about = re.search(r"\b(?:about|of|on|for)\s+([^.?!,;:\n]{2,60})", text, re.IGNORECASE)
    words = re.findall(r"[\w'-]+", about[1] if about else text)
    words_of_it = [word for word in words if word.lower() not in _COMMON and not word.isdigit()][:5]
    return " ".join(words_of_it) or "something"


def _things(text: str) -> tuple[list[str], str] | None:
    """Write the list that a text asks for (``five prompts about owls``): the things, and what they are."""
    found = _THINGS.search(text)
    if found is None:
        return None
    word = found[1].lower()
    number = min(int(word) if word.isdigit() else _NUMBERS[word], 20)
    name = found[2].lower()
    topic = topic_of(text[found.end() :]) if found.end() < len(text) else "something"
    listed = [f"{topic} {_LOOKS[index % len(_LOOKS)]}" for index in range(number)]
    return listed, name if name.endswith("s") else name + "s"


def _short(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"
