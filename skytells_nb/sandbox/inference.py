"""The routes of text models: chat completions, responses and embeddings, whole or as a stream of events.

A request is parsed into turns, answered by `language`, and written in the shape of its route; the pieces of
a stream are all known at once, each with the seconds that pass before it, so that no clock is needed here.

Source: skytells-api-text.md; "text" before a section number means that page.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from . import errors, language
from .accounts import Account
from .faults import ActiveFault
from .jobs import SECOND
from .language import USUAL_TOKENS, Completion, Output, TextRequest, Turn
from .messages import Ending, Request, Response, as_json, dump
from .models import CHARACTERS_A_TOKEN, Catalogue, Model, count_tokens, token_price
from .options import Options
from .predictions import parse_body, refuse_beyond_budget
from .rendering import Media
from .state import State
from .text_shapes import chat_events, chat_usage, completion_json, response_events, response_json

#: How many tokens a model reads. Ours.
CONTEXT: Final = 128_000
#: How many tokens a text that is embedded may have (text 4 has no number). Ours, after OpenAI.
TEXT_TOKENS: Final = 8192
#: Seconds between two pieces of a stream.
PACE: Final = 0.02
#: Responses with ``store: true`` that are kept of each account; older ones are no parents any more.
STORED: Final = 500
ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")


class Inference:
    """The handlers of the text routes; each raises a refusal or returns a response."""

    def __init__(self, state: State, options: Options, catalogue: Catalogue, media: Media) -> None:
        self.state, self.options, self.catalogue, self.media = state, options, catalogue, media
        self._stored: dict[str, OrderedDict[str, list[Turn]]] = {}
        self._number = 0

    def chat(self, request: Request, account: Account, active: Sequence[ActiveFault], now: int) -> Response:
        """Answer ``POST /v1/chat/completions`` (text 2)."""
        ask = self._ask(request, active)
        body = ask.body
        ask.turns = _chat_turns(body.get("messages"))
        _check_options(body, "max_tokens")
        if body.get("top_logprobs") is not None and not body.get("logprobs"):
            raise errors.invalid_parameter("top_logprobs needs logprobs.", "top_logprobs")
        if "stream-options-refused" in ask.quirks and "stream_options" in body:
            raise errors.invalid_parameter("Unknown parameter: stream_options.", "stream_options")
        form = body.get("response_format") or {}
        ask.as_json, ask.schema = _format(form, "response_format")
        count = _whole(body, "n", 1, 1, 16)
        answer = self._reply(ask, account, "chatcmpl-sandbox-", count, now)
        usage = chat_usage(answer)
        if not ask.stream or "json-for-stream" in ask.quirks:
            return self._late(as_json(completion_json(answer, ask, usage)), answer)
        options = body.get("stream_options") or {}
        last = "no-usage" not in ask.quirks and bool(
            isinstance(options, dict) and options.get("include_usage")
        )
        events = list(chat_events(answer, ask, usage if last else None))
        return self._streamed(ask, events, done="no-done" not in ask.quirks)

    def responses(
        self, request: Request, account: Account, active: Sequence[ActiveFault], now: int
    ) -> Response:
        """Answer ``POST /v1/responses`` (text 3)."""
        ask = self._ask(request, active)
        body = ask.body
        turns = _input_turns(body.get("input"))
        _check_options(body, "max_output_tokens")
        parent = body.get("previous_response_id")
        if parent is not None:
            kept = self._stored.get(account.name, {}).get(parent)
            if kept is None:
                raise errors.invalid_parameter(
                    f"There is no stored response {parent!r}.", "previous_response_id"
                )
            turns = [*kept, *turns]
        instructions = body.get("instructions")
        ask.turns = [*([Turn("system", str(instructions))] if instructions else []), *turns]
        text = body.get("text") or {}
        ask.as_json, ask.schema = _format(text.get("format") or {}, "text")
        answer = self._reply(ask, account, "resp_sandbox_", 1, now)
        if body.get("store") is True:
            shelf = self._stored.setdefault(account.name, OrderedDict())
            outputs = answer.outputs[0]
            shelf[answer.id] = [*turns, Turn("assistant", outputs.text or outputs.tool)]
            while len(shelf) > STORED:
                shelf.popitem(last=False)
        if not ask.stream or "json-for-stream" in ask.quirks:
            return self._late(as_json(response_json(answer, ask, "completed")), answer)
        return self._streamed(ask, list(response_events(answer, ask)), done=False)

    def embeddings(
        self, request: Request, account: Account, active: Sequence[ActiveFault], now: int
    ) -> Response:
        """Answer ``POST /v1/embeddings`` (text 4)."""
        ask = self._ask(request, active, embeddings=True)
        body = ask.body
        texts = _texts(body.get("input"))
        native = int(ask.model.input_schema["properties"]["dimensions"]["maximum"])
        size = _whole(body, "dimensions", native, 1, native)
        form = body.get("encoding_format", "float")
        if form not in ("float", "base64"):
            raise errors.invalid_parameter("encoding_format must be float or base64.", "encoding_format")
        for index, (_, tokens) in enumerate(texts):
            if tokens > TEXT_TOKENS:
                what = f"{tokens} tokens are more than {TEXT_TOKENS} for one text."
                raise errors.invalid_parameter(what, f"input[{index}]")
        tokens = sum(max(tokens, 1) for _, tokens in texts)
        self._charge(ask.model, account, "emb_sandbox_", tokens, 0, now)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        head = dump({"object": "list", "model": ask.model.slug, "usage": usage})

        def write() -> bytes:
            # one vector at a time, so that other threads get their turn: a thousand take a second
            written = []
            for index, (text, _) in enumerate(texts):
                vector = language.embed(text, size)
                embedding = language.as_base64(vector) if form == "base64" else vector
                written.append(dump({"object": "embedding", "index": index, "embedding": embedding}))
            return head[:-1] + b',"data":[' + b",".join(written) + b"]}"

        return Response(200, b"", {"content-type": "application/json"}, work=write)

    def _ask(
        self, request: Request, active: Sequence[ActiveFault], *, embeddings: bool = False
    ) -> TextRequest:
        """Parse what all three routes have in common."""
        body = parse_body(request.body)
        name = body.get("model")
        if not isinstance(name, str) or not name:
            raise errors.invalid_parameter("The model field is required.", "model")
        model = self.catalogue.get(name)
        if model is None:
            raise errors.model_not_found(name)
        if not model.inference_only or ("embed" in model.slug) is not embeddings:
            raise errors.invalid_parameter(f"The model '{name}' cannot be used on this route.", "model")
        stream = body.get("stream")
        if stream is not None and not isinstance(stream, bool):
            raise errors.invalid_parameter("stream must be true or false.", "stream")
        if dict(parse_qsl(request.query)).get("stream") == "true":
            stream = True
        struck = [str(details["quirk"]) for fault, details in active if fault == "text"]
        return TextRequest(model, body, [], bool(stream), frozenset([*self.options.quirks, *struck]))

    def _reply(self, ask: TextRequest, account: Account, prefix: str, count: int, now: int) -> Completion:
        """Answer, count tokens and bill them."""
        body, quirks = ask.body, ask.quirks
        ask.tools, ask.choice = _tools(body)
        ask.most = body.get("max_tokens") or body.get("max_output_tokens") or USUAL_TOKENS
        tokens_in = language.count_prompt(ask.turns, ask.tools)
        if tokens_in > CONTEXT:
            raise errors.Refusal(
                400,
                "context_length_exceeded",
                "The prompt is longer than the model can read.",
                f"{tokens_in} tokens are more than {CONTEXT}.",
            )
        if "filtered-451" in quirks:
            raise errors.content_policy()
        tool = language.choose_tool(ask.turns, ask.tools, ask.choice)
        outputs, finish, tokens_out = [], [], 0
        for variant in range(count):
            one, why = self._one(ask, tool, variant)
            outputs.append(one)
            finish.append(why)
            tokens_out += max(count_tokens(one.text + one.tool + one.arguments), 1)
        reasoning = ask.most if "length-empty" in quirks else 0
        tokens_out = max(reasoning, tokens_out)
        id = self._charge(ask.model, account, prefix, tokens_in, tokens_out, now)
        other = "gpt-5.4" if ask.model.slug != "gpt-5.4" else "gpt-5-nano"
        answering = other if "router" in ask.model.public["capabilities"] or "other-model" in quirks else ""
        return Completion(
            outputs,
            finish,
            tokens_in,
            tokens_out,
            reasoning,
            answering or ask.model.slug,
            id,
            now // SECOND,
        )

    def _one(self, ask: TextRequest, tool: Mapping[str, Any] | None, variant: int) -> tuple[Output, str]:
        if "length-empty" in ask.quirks:
            return Output(), "length"
        if tool is not None:
            user = next((turn.text for turn in reversed(ask.turns) if turn.role == "user"), "")
            value = language.example_of(tool.get("parameters") or {"type": "object"}, language.topic_of(user))
            arguments = json.dumps(value, ensure_ascii=False)
            return Output(tool=str(tool["name"]), arguments=arguments), "tool_calls"
        text = language.reply(self.media, ask.turns, schema=ask.schema, as_json=ask.as_json, variant=variant)
        stops = ask.body.get("stop") or []
        for stop in [stops] if isinstance(stops, str) else stops:
            text = text.partition(stop)[0] if stop else text
        if "filtered" in ask.quirks:
            return Output(text[: max(len(text) // 2, 1)]), "content_filter"
        most = ask.most * CHARACTERS_A_TOKEN
        return (Output(text[:most]), "length") if len(text) > most else (Output(text), "stop")

    def _charge(
        self, model: Model, account: Account, prefix: str, tokens_in: int, tokens_out: int, now: int
    ) -> str:
        """Bill a call by its tokens, and name it."""
        amount = token_price(model, tokens_in, tokens_out)
        refuse_beyond_budget(account, amount, self.state.spent[account.name])
        self._number += 1
        id = prefix + self.state.digest("text", now, self._number).hex()[:20]
        self.state.charge(id, account.name, amount)
        return id

    def _late(self, response: Response, answer: Completion) -> Response:
        """Hold a whole answer back as long as its stream would take."""
        count = sum(len(language.pieces(each.text)) for each in answer.outputs)
        response.after = self._pause(count) * count
        return response

    def _pause(self, count: int) -> float:
        if self.options.seconds is not None:
            return self.options.seconds / max(count, 1)
        return PACE / self.options.speed

    def _streamed(self, ask: TextRequest, events: list[tuple[str, Any]], *, done: bool) -> Response:
        """Write events as a stream, in the words and the mishaps of the quirks (text 9)."""
        quirks = ask.quirks
        pause = self._pause(len(events))
        middle = max(len(events) // 2, 1)
        written: list[tuple[float, bytes]] = []
        ending: Ending = "send"
        if "error-midway" in quirks:
            failure = errors.server_error(500)
            error = errors.body_of(failure, "E", "req_sandbox_stream")
            name = "error" if events[0][0] else ""
            events[middle:] = [(name, error | ({"type": "error"} if name else {}))]
            done = False
        if "unknown-event" in quirks:
            strange = {"type": "response.something.new", "object": "something.new", "choices": []}
            events.insert(middle, ("response.something.new" if events[0][0] else "", strange))
        for index, (name, data) in enumerate(events):
            text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
            block = (f"event: {name}\n" if name else "") + f"data: {text}\n\n"
            if "comments" in quirks:
                block = ": keep-alive\n\n" + block
            late = 2.0 if "slow" in quirks and index in (0, middle) else pause
            written.append((late, _spelled(block, quirks)))
        if done:
            written.append((0.0, _spelled("data: [DONE]\n\n", quirks)))
        if "cut" in quirks:
            late, whole = written[middle]
            written[middle:] = [(late, whole[: len(whole) // 2])]
            ending = "cut"
        if "stays-open" in quirks:
            ending = "hang"
        if "split" in quirks:
            written = _split(written)
        headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
        return Response(200, b"", headers, pieces=written, ending=ending)


def _spelled(block: str, quirks: frozenset[str]) -> bytes:
    if "no-space" in quirks:
        block = block.replace("data: ", "data:", 1)
    return (block.replace("\n", "\r\n") if "crlf" in quirks else block).encode("utf-8", "replace")


def _split(written: Sequence[tuple[float, bytes]]) -> list[tuple[float, bytes]]:
    """Cut the writes anywhere, also inside a character and a line end, into 1 to 7 bytes."""
    cut = []
    for late, block in written:
        at, number = 0, 0
        while at < len(block):
            size = 1 + (at * 7 + number * 5) % 7
            cut.append((0.0 if at else late, block[at : at + size]))
            at, number = at + size, number + 1
    return cut


def _chat_turns(messages: Any) -> list[Turn]:
    if not isinstance(messages, list) or not messages:
        raise errors.invalid_parameter("messages must be a list with at least one message.", "messages")
    turns = []
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            raise errors.invalid_parameter(f"{where} needs a role: {', '.join(ROLES)}.", where)
        calls = message.get("tool_calls") or []
        if not isinstance(calls, list):
            raise errors.invalid_parameter(f"{where}.tool_calls must be a list.", where)
        content = message.get("content")
        if content is None and message["role"] != "assistant" and not calls:
            raise errors.invalid_parameter(f"{where} needs content.", where)
        if message["role"] == "tool" and not isinstance(message.get("tool_call_id"), str):
            raise errors.invalid_parameter(f"{where} needs a tool_call_id.", where)
        turn = _turn(message["role"], content, where)
        turn.calls = calls
        turns.append(turn)
    return turns


def _turn(role: str, content: Any, where: str) -> Turn:
    """Parse the content of a message: a text, or parts of text and pictures as either route spells them."""
    if content is None or isinstance(content, str):
        return Turn(role, content or "")
    if not isinstance(content, list):
        raise errors.invalid_parameter(f"{where}.content must be a text or a list of parts.", where)
    turn = Turn(role)
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in ("text", "input_text", "output_text") and isinstance(part.get("text"), str):
            turn.text += part["text"]
        elif kind in ("image_url", "input_image"):
            url = part.get("image_url")
            url = url.get("url") if isinstance(url, dict) else url
            scheme = urlsplit(url).scheme if isinstance(url, str) else ""
            if scheme not in ("http", "https") and not str(url).startswith("data:image/"):
                raise errors.invalid_parameter(f"{where} has a picture that is none.", where)
            turn.pictures += 1
        else:
            raise errors.invalid_parameter(f"{where} has a part of unknown type {kind!r}.", where)
    return turn


def _input_turns(given: Any) -> list[Turn]:
    if isinstance(given, str) and given:
        return [Turn("user", given)]
    if not isinstance(given, list) or not given:
        raise errors.invalid_parameter("input must be a text or a list of items.", "input")
    turns = []
    for index, item in enumerate(given):
        where = f"input[{index}]"
        kind = item.get("type", "message") if isinstance(item, dict) else None
        if kind == "function_call":
            turns.append(Turn("assistant", calls=[item]))
        elif kind == "function_call_output":
            turns.append(Turn("tool", str(item.get("output", ""))))
        elif kind == "message" and item.get("role") in ROLES:
            turns.append(_turn(item["role"], item.get("content"), where))
        elif kind == "reasoning":
            continue
        else:
            raise errors.invalid_parameter(f"{where} is no message, call or result of a tool.", where)
    return turns


def _texts(given: Any) -> list[tuple[str, int]]:
    """Parse what shall be embedded, and count its tokens: texts, or ids of tokens."""

    def is_ids(value: Any) -> bool:
        return isinstance(value, list) and bool(value) and all(type(each) is int for each in value)

    if isinstance(given, str) or is_ids(given):
        given = [given]
    if not isinstance(given, list) or not given or len(given) > 2048:
        raise errors.invalid_parameter("input must be a text, or a list of 1 to 2048 texts.", "input")
    texts = []
    for index, each in enumerate(given):
        if is_ids(each):
            texts.append((" ".join(map(str, each)), len(each)))
        elif isinstance(each, str) and each:
            texts.append((each, count_tokens(each)))
        else:
            raise errors.invalid_parameter("input must hold texts that are not empty.", f"input[{index}]")
    return texts


def _tools(body: Mapping[str, Any]) -> tuple[list[dict[str, Any]], Any]:
    """Parse tools in the nested form of chat and in OpenAI's flat one, and which shall be called."""
    given = body.get("tools") or []
    if not isinstance(given, list):
        raise errors.invalid_parameter("tools must be a list.", "tools")
    tools = []
    for index, each in enumerate(given):
        tool = each.get("function", each) if isinstance(each, dict) else None
        if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
            raise errors.invalid_parameter("A tool needs a function with a name.", f"tools[{index}]")
        parameters = tool.get("parameters")
        if parameters is not None and not isinstance(parameters, dict):
            raise errors.invalid_parameter("A tool's parameters are a JSON schema.", f"tools[{index}]")
        tools.append({"name": tool["name"], "parameters": parameters})
    choice = body.get("tool_choice", "auto")
    if isinstance(choice, dict):
        choice = choice.get("function", choice).get("name")
        if choice not in [tool["name"] for tool in tools]:
            raise errors.invalid_parameter("tool_choice names a tool that is not given.", "tool_choice")
    elif choice not in (None, "none", "auto", "required"):
        raise errors.invalid_parameter("tool_choice must be none, auto, required or a tool.", "tool_choice")
    return tools, choice or "auto"


def _format(form: Any, name: str) -> tuple[bool, Mapping[str, Any] | None]:
    kind = form.get("type", "text") if isinstance(form, dict) else None
    if kind == "json_schema":
        schema = form.get("json_schema", form).get("schema")
        if not isinstance(schema, dict):
            raise errors.invalid_parameter("json_schema needs a schema.", name)
        return True, schema
    if kind not in ("text", "json_object"):
        raise errors.invalid_parameter(f"{name} must have type text, json_object or json_schema.", name)
    return kind == "json_object", None


_RANGES: Final = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}


def _check_options(body: Mapping[str, Any], most: str) -> None:
    for name, (low, high) in _RANGES.items():
        value = body.get(name)
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high
        ):
            raise errors.invalid_parameter(f"{name} must be between {low} and {high}.", name)
    _whole(body, most, 1, 1, 10**9)
    stop = body.get("stop")
    stops = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(stops, list) or not all(isinstance(each, str) for each in stops):
        raise errors.invalid_parameter("stop must be a text or a list of texts.", "stop")


def _whole(body: Mapping[str, Any], name: str, usual: int, least: int, most: int) -> int:
    value = body.get(name)
    if value is None:
        return usual
    if type(value) is not int or not least <= value <= most:
        raise errors.invalid_parameter(f"{name} must be a whole number from {least} to {most}.", name)
    return value
