"""The routes of text models: chat completions, responses and embeddings, whole or as a stream of events.

A request is parsed into turns, answered by `language`, and written in the shape of its route; the pieces of
a stream are all known at once, each with the seconds that pass before it, so that no clock is needed here.

Source: skytells-api-text.md; "text" before a section number means that page.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import parse_qsl

from . import _errors as errors
from . import _language as language
from ._accounts import OWNER, Call, retry_after
from ._jobs import SECOND, Job
from ._language import Completion, Output, TextRequest, Turn
from ._messages import Ending, HttpResponse, as_json, dump
from ._models import (
    CHARACTERS_A_TOKEN,
    CatalogueEntry,
    count_tokens,
    find_model,
    schema_errors,
    spell,
    standard_catalogue,
    token_price,
)
from ._options import Options
from ._predictions import parse_body, refuse_beyond_budget
from ._state import State

#: How many tokens a model reads. Ours.
CONTEXT: Final = 128_000
#: How many tokens a text that is embedded may have (text 4 has no number). Ours, after OpenAI.
TEXT_TOKENS: Final = 8192
#: Seconds between two pieces of a stream.
PACE: Final = 0.02
#: Responses with ``store: true`` that are kept of each account; older ones are no parents any more.
STORED: Final = 500


@lru_cache(maxsize=1)
def _bodies() -> Mapping[str, Any]:
    read: dict[str, Any] = json.loads(files(__package__).joinpath("text_requests.json").read_text("utf-8"))
    return read


class Inference:
    """The handlers of the text routes; each raises a refusal or returns a response."""

    def __init__(self, state: State, options: Options) -> None:
        self.state, self.options = state, options
        self._stored: dict[str, OrderedDict[str, list[Turn]]] = {}
        self._number = 0

    def answer(self, call: Call) -> HttpResponse:
        """Answer a request to one of the three routes; each model's requests and tokens count apart."""
        ask, now = self._ask(call), call.now
        bucket = call.account.bucket(ask.model.slug)
        for window in bucket:
            if wait := window.wait(now):
                # two of the documented ids for one status (text 5)
                said, error_id = ("requests", "RATE_LIMIT_EXCEEDED")
                if window is not bucket.requests:
                    said, error_id = ("tokens", "INFERENCE_RATE_LIMITED")
                after = retry_after(wait, self.options.retry_after, now)
                raise errors.rate_limited(f"Too many {said} in this minute", after, error_id)
        bucket.requests.count(now)
        handlers = {"chat": self._chat, "responses": self._responses, "embeddings": self._embeddings}
        response = handlers[call.route.name](ask, call)
        response.bucket = bucket
        return response

    def _chat(self, ask: TextRequest, call: Call) -> HttpResponse:
        """Answer ``POST /v1/chat/completions`` (text 2)."""
        body, quirks = ask.body, ask.quirks
        ask.turns = [
            _turn(each["role"], each.get("content"), each.get("tool_calls") or [])
            for each in body["messages"]
        ]
        if body.get("top_logprobs") is not None and not body.get("logprobs"):
            raise errors.invalid_parameter("top_logprobs needs logprobs.", param="top_logprobs")
        if "stream-options-refused" in quirks and "stream_options" in body:
            raise errors.invalid_parameter("Unknown parameter: stream_options.", param="stream_options")
        ask.as_json, ask.schema = _format(body.get("response_format") or {})
        answer = self._reply(ask, call, "chatcmpl-sandbox-", int(body.get("n") or 1))
        usage = language.chat_usage(answer)
        last = "no-usage" not in quirks and (body.get("stream_options") or {}).get("include_usage")
        events = language.chat_events(answer, ask, usage if last else None)
        whole = language.completion_json(answer, ask, usage)
        return self._answer(ask, answer, whole, events, done="no-done" not in quirks)

    def _responses(self, ask: TextRequest, call: Call) -> HttpResponse:
        """Answer ``POST /v1/responses`` (text 3)."""
        body = ask.body
        turns = _input_turns(body["input"])
        parent = body.get("previous_response_id")
        shelf = self._stored.setdefault(call.account.name, OrderedDict())
        if parent is not None:
            if parent not in shelf:
                said = f"There is no stored response {parent!r}."
                raise errors.invalid_parameter(said, param="previous_response_id")
            turns = [*shelf[parent], *turns]
        instructions = body.get("instructions")
        ask.turns = [*([Turn("system", str(instructions))] if instructions else []), *turns]
        ask.as_json, ask.schema = _format((body.get("text") or {}).get("format") or {})
        answer = self._reply(ask, call, "resp_sandbox_")
        if body.get("store") is True:
            outputs = answer.outputs[0]
            shelf[answer.id] = [*turns, Turn("assistant", outputs.text or outputs.tool)]
            while len(shelf) > STORED:
                shelf.popitem(last=False)
        whole = language.response_json(answer, ask, "completed")
        return self._answer(ask, answer, whole, language.response_events(answer, ask), done=False)

    def _embeddings(self, ask: TextRequest, call: Call) -> HttpResponse:
        """Answer ``POST /v1/embeddings`` (text 4)."""
        body, given = ask.body, ask.body["input"]
        if isinstance(given, str) or not isinstance(given[0], str | list):
            given = [given]
        texts = [
            (each, count_tokens(each)) if isinstance(each, str) else (" ".join(map(str, each)), len(each))
            for each in given
        ]
        native = int(ask.model.input_schema["properties"]["dimensions"]["maximum"])
        size = int(body.get("dimensions") or native)
        if size > native:
            raise errors.invalid_parameter(f"{ask.model.slug} has {native} dimensions.", param="dimensions")
        for index, (_, tokens) in enumerate(texts):
            if tokens > TEXT_TOKENS:
                what = f"{tokens} tokens are more than {TEXT_TOKENS} for one text."
                raise errors.invalid_parameter(what, param=f"input[{index}]")
        tokens = sum(max(tokens, 1) for _, tokens in texts)
        self._charge(ask.model, call, "emb_sandbox_", tokens, 0)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        head = dump({"object": "list", "model": ask.model.slug, "usage": usage})

        def write() -> bytes:
            # one vector at a time, so that other threads get their turn: a thousand take a second
            written = []
            for index, (text, _) in enumerate(texts):
                vector = language.embed(text, size)
                embedding = language.as_base64(vector) if body.get("encoding_format") == "base64" else vector
                written.append(dump({"object": "embedding", "index": index, "embedding": embedding}))
            return head[:-1] + b',"data":[' + b",".join(written) + b"]}"

        return HttpResponse(200, b"", {"content-type": "application/json"}, work=write)

    def _ask(self, call: Call) -> TextRequest:
        """Parse what all three routes have in common, and check the body."""
        body, route = parse_body(call.request.body), call.route.name
        name = body.get("model")
        if not isinstance(name, str) or not name:
            raise errors.invalid_parameter("The model field is required.", param="model")
        model = find_model(name)
        if not model.inference_only or ("embed" in model.slug) is not (route == "embeddings"):
            said = f"The model '{name}' cannot be used on this route."
            raise errors.invalid_parameter(said, param="model")
        for path, words in schema_errors(_bodies()[route], body, _bodies()):
            place = path[:2] if len(path) > 1 and isinstance(path[1], int) else path[:1]
            raise errors.invalid_parameter(f"{spell(path)}: {words}.", param=spell(place))
        stream = bool(body.get("stream")) or dict(parse_qsl(call.request.query)).get("stream") == "true"
        struck = [str(details["quirk"]) for fault, details in call.faults if fault == "text"]
        return TextRequest(model, body, [], stream, frozenset([*self.options.quirks, *struck]))

    def _reply(self, ask: TextRequest, call: Call, prefix: str, count: int = 1) -> Completion:
        """Answer, count tokens and bill them."""
        body, quirks = ask.body, ask.quirks
        given = [each.get("function", each) for each in body.get("tools") or ()]
        ask.tools = [{"name": tool["name"], "parameters": tool.get("parameters")} for tool in given]
        ask.choice = body.get("tool_choice") or "auto"
        if isinstance(ask.choice, dict):
            ask.choice = ask.choice.get("function", ask.choice).get("name")
            if ask.choice not in [tool["name"] for tool in ask.tools]:
                said = "tool_choice names a tool that is not given."
                raise errors.invalid_parameter(said, param="tool_choice")
        ask.most = int(body.get("max_tokens") or body.get("max_output_tokens") or language.USUAL_TOKENS)
        tokens_in = language.count_prompt(ask.turns, ask.tools)
        if tokens_in > CONTEXT:
            said = "The prompt is longer than the model can read."
            details = f"{tokens_in} tokens are more than {CONTEXT}."
            raise errors.Refusal(400, "context_length_exceeded", said, details)
        if "filtered-451" in quirks:
            raise errors.content_policy()
        tool = language.choose_tool(ask)
        outputs, finish = zip(*(self._one(ask, tool, variant) for variant in range(count)), strict=True)
        written = sum(max(count_tokens(one.text + one.tool + one.arguments), 1) for one in outputs)
        reasoning = ask.most if "length-empty" in quirks else 0
        tokens_out = max(reasoning, written)
        id = self._charge(ask.model, call, prefix, tokens_in, tokens_out)
        if self.state.learners and call.account.name == OWNER and outputs[0].text:
            # to vote on beside the answers of others that were asked the same, on whichever route
            turns = [[turn.role, turn.text] for turn in ask.turns]
            asked = {"prompt": _question(ask), "said": turns}
            times, text = (call.now,) * 4, outputs[0].text
            self.state.keep_answer(Job(id, 0, ask.model.slug, "text", "text", asked, *times, text=text))
        model = ask.model.slug
        if "router" in ask.model.public["capabilities"] or "other-model" in quirks:
            model = "gpt-5.4" if model != "gpt-5.4" else "gpt-5-nano"
        return Completion(outputs, finish, tokens_in, tokens_out, reasoning, model, id, call.now // SECOND)

    def _one(self, ask: TextRequest, tool: Mapping[str, Any] | None, variant: int) -> tuple[Output, str]:
        if "length-empty" in ask.quirks:
            return Output(), "length"
        if tool is not None:
            topic = language.topic_of(_question(ask))
            value = language.example_of(tool.get("parameters") or {"type": "object"}, topic)
            arguments = json.dumps(value, ensure_ascii=False)
            return Output(tool=str(tool["name"]), arguments=arguments), "tool_calls"
        # Each model has words of its own, or there would be nothing to choose between two of them.
        texts = [slug for slug, each in standard_catalogue().items() if each.inference_only]
        variant += texts.index(ask.model.slug)
        text = language.reply(ask, variant)
        stops = ask.body.get("stop") or []
        for stop in [stops] if isinstance(stops, str) else stops:
            text = text.partition(stop)[0] if stop else text
        if "filtered" in ask.quirks:
            return Output(text[: max(len(text) // 2, 1)]), "content_filter"
        most = ask.most * CHARACTERS_A_TOKEN
        return (Output(text[:most]), "length") if len(text) > most else (Output(text), "stop")

    def _charge(self, model: CatalogueEntry, call: Call, prefix: str, tokens_in: int, tokens_out: int) -> str:
        """Bill a call by its tokens, and name it."""
        amount, account = token_price(model, tokens_in, tokens_out), call.account
        refuse_beyond_budget(account, amount, self.state.spent[account.name])
        account.bucket(model.slug).tokens_in.count(call.now, tokens_in)
        account.bucket(model.slug).tokens_out.count(call.now, tokens_out)
        self._number += 1
        id = prefix + self.state.digest("text", call.now, self._number).hex()[:20]
        self.state.charge(id, account.name, amount)
        return id

    def _answer(
        self,
        ask: TextRequest,
        answer: Completion,
        whole: Any,
        events: Iterable[tuple[str, Any]],
        *,
        done: bool,
    ) -> HttpResponse:
        """Answer with a stream, or whole: as late as its stream would end."""
        if ask.stream and "json-for-stream" not in ask.quirks:
            return self._streamed(ask, list(events), done=done)
        count = sum(len(language.pieces(each.text)) for each in answer.outputs)
        response = as_json(whole)
        response.after = self._pause(count) * count
        return response

    def _pause(self, count: int) -> float:
        if self.options.seconds is not None:
            return self.options.seconds / max(count, 1)
        return PACE / self.options.speed

    def _streamed(self, ask: TextRequest, events: list[tuple[str, Any]], *, done: bool) -> HttpResponse:
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
        return HttpResponse(200, b"", headers, pieces=written, ending=ending)


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


def _turn(role: str, content: Any, calls: Sequence[Any] = ()) -> Turn:
    """Parse a message: a text, or parts of text and pictures as either route spells them."""
    if not isinstance(content, list):
        return Turn(role, content or "", calls=list(calls))
    texts = [part["text"] for part in content if "text" in part["type"]]
    return Turn(role, "".join(texts), len(content) - len(texts), list(calls))


def _input_turns(given: str | list[dict[str, Any]]) -> list[Turn]:
    if isinstance(given, str):
        return [Turn("user", given)]
    turns = []
    for item in given:
        match item.get("type", "message"):
            case "message":
                turns.append(_turn(item["role"], item.get("content")))
            case "function_call":
                turns.append(Turn("assistant", calls=[item]))
            case "function_call_output":
                turns.append(Turn("tool", str(item.get("output", ""))))
    return turns


def _question(ask: TextRequest) -> str:
    """Return what the user said last."""
    return next((turn.text for turn in reversed(ask.turns) if turn.role == "user"), "")


def _format(form: Mapping[str, Any]) -> tuple[bool, Mapping[str, Any] | None]:
    """Return whether the answer is JSON, and the schema that it shall fit."""
    kind = form.get("type", "text")
    return kind != "text", form.get("json_schema", form)["schema"] if kind == "json_schema" else None
