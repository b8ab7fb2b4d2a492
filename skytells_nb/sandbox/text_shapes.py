"""The JSON and the events in which text models answer: chat completions and responses.

Source: skytells-api-text.md, sections 2, 3 and 7.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Final

from . import language
from .language import Completion, Output, TextRequest

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
        "completion_tokens_details": {
            "reasoning_tokens": answer.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _filters(side: str, ask: TextRequest) -> dict[str, Any]:
    quirk, severity = ("filtered", "medium") if side == "completion" else ("filtered-prompt", "high")
    struck = {"violence": {"filtered": True, "severity": severity}} if quirk in ask.quirks else {}
    return {**_SHAPES[side], **struck}


def _call(answer: Completion, outputs: Output, index: int) -> dict[str, Any]:
    id = f"call_{answer.id[-12:]}{index}"
    return {"id": id, "type": "function", "function": {"name": outputs.tool, "arguments": outputs.arguments}}


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
        "id": answer.id,
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.model,
        "system_fingerprint": "fp_sandbox",
        "choices": choices,
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": _filters("prompt", ask)}],
    }
    return body if "no-usage" in ask.quirks else {**body, "usage": usage}


def chat_events(
    answer: Completion, ask: TextRequest, usage: dict[str, Any] | None
) -> Iterator[tuple[str, Any]]:
    """Write the chunks of a stream (text 2.4); several choices come in turns."""
    head = {
        "id": answer.id,
        "object": "chat.completion.chunk",
        "created": answer.created,
        "model": answer.model,
        "system_fingerprint": "fp_sandbox",
    }
    every = {"usage": chat_usage(answer)} if "usage-everywhere" in ask.quirks else {}

    def chunk(index: int, delta: Any, finish: str | None = None, **more: Any) -> tuple[str, Any]:
        choice = {"index": index, "delta": delta, "finish_reason": finish, "logprobs": None, **more}
        return "", {**head, "choices": [choice], **every}

    filters = [{"prompt_index": 0, "content_filter_results": _filters("prompt", ask)}]
    yield "", {**head, "choices": [], "prompt_filter_results": filters, "obfuscation": "k3"}
    cut = [language.pieces(each.text) for each in answer.outputs]
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
    for number in range(max(map(len, cut), default=0)):
        for index, texts in enumerate(cut):
            if number < len(texts):
                text: Any = texts[number]
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
    sides = ((side, _filters(side, ask)) for side in ("prompt", "completion"))
    return {
        "id": answer.id,
        "object": "response",
        "created_at": answer.created,
        "completed_at": answer.created if ended else None,
        "status": status,
        "background": False,
        "model": answer.model,
        "error": None,
        "incomplete_details": None,
        **_SHAPES["echoes"],
        **echoes,
        "output": [_item(answer, "completed")] if ended else [],
        "usage": usage if ended and "no-usage" not in ask.quirks else None,
        "content_filters": [
            {
                "blocked": any(each["filtered"] for each in found.values()),
                "source_type": side,
                "content_filter_raw": [],
                "content_filter_results": found,
                "content_filter_offsets": {"start_offset": 0, "end_offset": 0, "check_offset": 0},
            }
            for side, found in sides
        ]
        if ended
        else None,
    }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _item(answer: Completion, status: str) -> dict[str, Any]:
    outputs, id = answer.outputs[0], answer.id[-12:]
    done = status == "completed"
    if outputs.tool:
        arguments = outputs.arguments if done else ""
        call = {
            "type": "function_call",
            "call_id": f"call_{id}",
            "name": outputs.tool,
            "arguments": arguments,
        }
        return {"id": f"fc_{id}", "status": status, **call}
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
        for text in language.pieces(outputs.text):
            yield event("response.output_text.delta", **at, delta=text, logprobs=[], obfuscation="x7")
        yield event("response.output_text.done", **at, text=outputs.text, logprobs=[])
        yield event("response.content_part.done", **at, part=_part(outputs.text))
    yield event("response.output_item.done", output_index=0, item=_item(answer, "completed"))
    yield event("response.completed", response=response_json(answer, ask, "completed"))
