"""What the sandbox's text models say, and the JSON and the events in which they say it; and their vectors.

An answer is honest, about what was asked, and the same each time. Nothing here knows of HTTP. Tokens are
counted by one plain rule: four characters, at least one.

Source: skytells-api-text.md, sections 2, 3 and 7; "text" before a section number means that page.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import random
import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

from . import _errors as errors
from ._inputs import dice, key_of, number, prompt_of
from ._models import CHARACTERS_A_TOKEN, CatalogueEntry, count_tokens

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
SIGNED: Final = "(This is the sandbox's answer, not a model's.)"


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

    model: CatalogueEntry
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


def reply(ask: TextRequest, variant: int) -> str:
    asked = [turn for turn in ask.turns if turn.role == "user"]
    last = asked[-1].text if asked else ""
    if ask.schema is not None:
        return json.dumps(example_of(ask.schema, topic_of(last)), ensure_ascii=False)
    things = _things(last)
    if ask.as_json or (things and "json" in last.lower()):
        found = {things[1]: list(things[0])} if things else {"about": topic_of(last)}
        return json.dumps({**found, "note": "written by the sandbox, not by a model"}, ensure_ascii=False)
    parts = []
    results = [turn.text for turn in ask.turns if turn.role in ("tool", "function")]
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
        parts.append(SIGNED)
    else:
        parts.append(write_text({"prompt": last, "seed": variant}))
    return "\n\n".join(parts) if things else " ".join(parts)


def choose_tool(ask: TextRequest) -> Mapping[str, Any] | None:
    """Return the tool that is called: the first, until its result is there; None for none."""
    if not ask.tools or ask.choice == "none":
        return None
    answered = any(turn.role in ("tool", "function") for turn in ask.turns)
    usual = None if answered and ask.choice != "required" else ask.tools[0]
    return next((tool for tool in ask.tools if tool["name"] == ask.choice), usual)


def example_of(schema: Mapping[str, Any], topic: str) -> Any:
    """Return a value that fits a JSON schema, with words of the topic where texts are wanted."""
    try:
        return _example(schema, topic, 0)
    except (AttributeError, TypeError, ValueError) as error:  # ours: no source says what is answered
        raise errors.invalid_parameter(f"A JSON schema in the request is none: {error}.") from None


def _example(schema: Mapping[str, Any], topic: str, depth: int) -> Any:
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for variants in ("anyOf", "oneOf", "allOf"):
        if schema.get(variants):
            return _example(schema[variants][0], topic, depth + 1)
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind is None:
        kind = "object" if "properties" in schema else "integer" if "minimum" in schema else "string"
    if depth > 20:
        return None
    match kind:
        case "object":
            each = schema.get("properties", {})
            return {name: _example(value, topic, depth + 1) for name, value in each.items()}
        case "array":
            number = max(int(schema.get("minItems", 3)), 1)
            item = schema.get("items", {})
            texts = item.get("type", "string") == "string" and not item.get("enum")
            if texts:
                return [f"{topic} {_LOOKS[index % len(_LOOKS)]}" for index in range(number)]
            return [_example(item, topic, depth + 1) for _ in range(number)]
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
        # Feature hashing: a word, and each of its parts of three letters, adds to four places its hash names.
        for feature, value in features:
            digest = hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            for part in struct.unpack("<4I", digest):
                vector[(part >> 1) % size] += value if part & 1 else -value
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


def write_text(input: Mapping[str, Any]) -> str:
    """Return a short answer to a `prompt`, or to the last message of `messages`; the same for the same input.

    `seed` changes the wording; `max_tokens` shortens the answer, to which the signature is added.
    """
    asked = _asked(input)[:4000]
    chance = dice(key_of({"prompt": asked, "seed": input.get("seed")}, 0, "text"))
    flat = " ".join(asked.split())
    said = f"You asked: “{_whole_words(flat, 120)}” " if flat else ""
    words, closing = _answer_to(flat, chance), chance.choice(_WORDS["closings"])
    gap = "\n\n" if "\n" in words else " "
    text = f"{said.rstrip()}{gap}{words}{gap}{closing}".strip()
    tokens = number(input, "max_tokens")
    if tokens is not None and len(text) > CHARACTERS_A_TOKEN * max(1.0, tokens):
        text = _whole_words(text, max(2, int(CHARACTERS_A_TOKEN * tokens)))
    return f"{text} {SIGNED}"


def _asked(input: Mapping[str, Any]) -> str:
    messages = input.get("messages")
    for message in reversed(messages) if isinstance(messages, list) else ():
        if isinstance(message, Mapping) and message.get("role", "user") == "user":
            content = message.get("content")
            parts = content if isinstance(content, list) else [{"text": content}]
            texts = [part.get("text") for part in parts if isinstance(part, Mapping)]
            return " ".join(text for text in texts if isinstance(text, str))
    return prompt_of(input)


def _answer_to(asked: str, chance: random.Random) -> str:
    sum_ = re.fullmatch(r"\D*?(-?\d{1,9})\s*([-+*x×])\s*(-?\d{1,9})\s*=?\s*\??", asked)
    if sum_:
        left, right = int(sum_[1]), int(sum_[3])
        result = {"+": left + right, "-": left - right}.get(sum_[2], left * right)
        return f"{left} {sum_[2]} {right} is {result}."
    words = re.findall(r"[^\W\d_][\w'’-]*", asked)
    small = _WORDS["small"].split()
    topic = " ".join([word for word in words if word.lower() not in small][:3]).lower() or "this"
    kind = next(
        kind
        for kind in _WORDS["kinds"]
        if not kind["pattern"] or re.search(rf"\b(?:{kind['pattern']})\b", asked.lower())
    )
    if "items" in kind:
        named = [_NUMBERS.get(word.lower(), 0) for word in words]
        digits = [int(found) for found in re.findall(r"\b\d{1,2}\b", asked)]
        count = min(len(kind["items"]), next((n for n in (*digits, *named) if n), 3))
        lines = [f"{n}. {item}" for n, item in enumerate(chance.sample(kind["items"], count), start=1)]
        return "\n".join([kind["lead"].format(topic=topic, n=count), *lines])
    body = asked.partition(":")[2].strip() or asked
    sentence = _whole_words(re.split(r"(?<=[.!?])\s", body)[0], 200)
    text: str = chance.choice(kind["texts"])
    return text.format(topic=topic, Topic=topic[:1].upper() + topic[1:], sentence=sentence)


def _whole_words(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0] + "…"


#: What is the same in every answer: filters that found nothing, and the echoes of a response.
_SHAPES: Final[dict[str, dict[str, Any]]] = json.loads(
    files(__package__).joinpath("text_shapes.json").read_text("utf-8")
)


def chat_usage(answer: Completion) -> dict[str, Any]:
    """Write what a completion is billed for (text 2.2)."""
    return {
        "prompt_tokens": answer.tokens_in,
        "completion_tokens": answer.tokens_out,
        "total_tokens": answer.tokens_in + answer.tokens_out,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": answer.reasoning, **_SHAPES["written"]},
    }


def _filters(side: str, ask: TextRequest) -> dict[str, Any]:
    quirk, severity = ("filtered", "medium") if side == "completion" else ("filtered-prompt", "high")
    struck = {"violence": {"filtered": True, "severity": severity}} if quirk in ask.quirks else {}
    return {**_SHAPES[side], **struck}


def _call(answer: Completion, outputs: Output, index: int) -> dict[str, Any]:
    id = f"call_{answer.id[-12:]}{index}"
    return {"id": id, "type": "function", "function": {"name": outputs.tool, "arguments": outputs.arguments}}


def _chat_head(answer: Completion, kind: str) -> dict[str, Any]:
    head = {"id": answer.id, "object": kind, "created": answer.created, "model": answer.model}
    return {**head, "system_fingerprint": "fp_sandbox"}


def completion_json(answer: Completion, ask: TextRequest, usage: dict[str, Any]) -> dict[str, Any]:
    """Write the whole answer (text 2.2)."""
    choices = []
    for index, (outputs, finish) in enumerate(zip(answer.outputs, answer.finish, strict=True)):
        message: dict[str, Any] = {"role": "assistant", "content": outputs.text, "refusal": None}
        if outputs.tool:
            message |= {"content": None, "tool_calls": [_call(answer, outputs, index)]}
        elif "content-parts" in ask.quirks:
            message["content"] = [{"type": "text", "text": outputs.text}]
        choices.append(
            {
                "index": index,
                "finish_reason": finish,
                "logprobs": None,
                "message": message | {"annotations": []},
                "content_filter_results": _filters("completion", ask),
            }
        )
    body = {
        **_chat_head(answer, "chat.completion"),
        "choices": choices,
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": _filters("prompt", ask)}],
    }
    return body if "no-usage" in ask.quirks else {**body, "usage": usage}


def chat_events(
    answer: Completion, ask: TextRequest, usage: dict[str, Any] | None
) -> Iterator[tuple[str, Any]]:
    """Write the chunks of a stream (text 2.4); several choices come in turns."""
    head = _chat_head(answer, "chat.completion.chunk")
    every = {"usage": chat_usage(answer)} if "usage-everywhere" in ask.quirks else {}

    def chunk(index: int, delta: Any, finish: str | None = None, **more: Any) -> tuple[str, Any]:
        choice = {"index": index, "delta": delta, "finish_reason": finish, "logprobs": None, **more}
        return "", {**head, "choices": [choice], **every}

    filters = [{"prompt_index": 0, "content_filter_results": _filters("prompt", ask)}]
    yield "", {**head, "choices": [], "prompt_filter_results": filters, "obfuscation": "k3"}
    cut = [pieces(each.text) for each in answer.outputs]
    for index, outputs in enumerate(answer.outputs):
        content = None if outputs.tool else ""
        yield chunk(index, {"role": "assistant", "content": content, "refusal": None})
        if outputs.tool:
            call = _call(answer, outputs, index)
            call["function"]["arguments"] = ""
            yield chunk(index, {"tool_calls": [{"index": 0, **call}]})
            for at in range(0, len(outputs.arguments), 9):
                part = {"index": 0, "function": {"arguments": outputs.arguments[at : at + 9]}}
                yield chunk(index, {"tool_calls": [part]})
    for at in range(max(map(len, cut), default=0)):
        for index, texts in enumerate(cut):
            if at < len(texts):
                text: Any = texts[at]
                if "content-parts" in ask.quirks:
                    text = [{"text": text}]
                yield chunk(index, {"content": text}, content_filter_results=_SHAPES["safe"])
    for index, finish in enumerate(answer.finish):
        yield chunk(index, {}, finish, content_filter_results=_filters("completion", ask))
    if usage is not None:
        yield "", {**head, "choices": [], "usage": usage}


def response_json(answer: Completion, ask: TextRequest, status: str) -> dict[str, Any]:
    """Write the response object (text 3.2), whole, or as it is when it begins."""
    ended = status == "completed"
    echoes = {name: ask.body.get(name) for name in _SHAPES["echoes"] if ask.body.get(name) is not None}
    usage = {
        "input_tokens": answer.tokens_in,
        "output_tokens": answer.tokens_out,
        "total_tokens": answer.tokens_in + answer.tokens_out,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": answer.reasoning},
    }
    filters = []
    for side in ("prompt", "completion"):
        found = _filters(side, ask)
        blocked = any(each["filtered"] for each in found.values())
        about = {"blocked": blocked, "source_type": side, "content_filter_results": found}
        filters.append({**about, **_SHAPES["filter"]})
    return {
        "id": answer.id,
        "created_at": answer.created,
        "completed_at": answer.created if ended else None,
        "status": status,
        "model": answer.model,
        **_SHAPES["response"],
        **_SHAPES["echoes"],
        **echoes,
        "output": [_item(answer, "completed")] if ended else [],
        "usage": usage if ended and "no-usage" not in ask.quirks else None,
        "content_filters": filters if ended else None,
    }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _item(answer: Completion, status: str) -> dict[str, Any]:
    outputs, id = answer.outputs[0], answer.id[-12:]
    done = status == "completed"
    if outputs.tool:
        call = {"name": outputs.tool, "arguments": outputs.arguments if done else ""}
        return {"id": f"fc_{id}", "type": "function_call", "status": status, "call_id": f"call_{id}", **call}
    content = [_part(outputs.text)] if done else []
    return {"id": f"msg_{id}", "type": "message", "status": status, "role": "assistant", "content": content}


def response_events(answer: Completion, ask: TextRequest) -> Iterator[tuple[str, Any]]:
    """Write the events of a stream (text 3.3); those of a tool's arguments are OpenAI's, and here ours."""
    number = -1

    def event(kind: str, **data: Any) -> tuple[str, Any]:
        nonlocal number
        number += 1
        return kind, {"type": kind, "sequence_number": number, **data}

    outputs = answer.outputs[0]
    at: dict[str, Any] = {"item_id": _item(answer, "")["id"], "output_index": 0}
    yield event("response.created", response=response_json(answer, ask, "in_progress"))
    yield event("response.in_progress", response=response_json(answer, ask, "in_progress"))
    yield event("response.output_item.added", output_index=0, item=_item(answer, "in_progress"))
    if outputs.tool:
        for start in range(0, len(outputs.arguments), 9):
            delta = outputs.arguments[start : start + 9]
            yield event("response.function_call_arguments.delta", **at, delta=delta)
        yield event(
            "response.function_call_arguments.done", **at, name=outputs.tool, arguments=outputs.arguments
        )
    else:
        at["content_index"] = 0
        yield event("response.content_part.added", **at, part=_part(""))
        for text in pieces(outputs.text):
            yield event("response.output_text.delta", **at, delta=text, logprobs=[], obfuscation="x7")
        yield event("response.output_text.done", **at, text=outputs.text, logprobs=[])
        yield event("response.content_part.done", **at, part=_part(outputs.text))
    yield event("response.output_item.done", output_index=0, item=_item(answer, "completed"))
    yield event("response.completed", response=response_json(answer, ask, "completed"))
