"""A stream's bytes as events, its pieces, and the answer that they make together: pure.

Events are parsed by https://html.spec.whatwg.org/#event-stream-interpretation, and not by `httpx_sse`, the
field's library, because that does not bear what these routes send: it drops a last event that no empty line
follows, keeps a byte order mark in the first line, hands an event that ends in a lone CR over only with the
next bytes, and goes through five more layers of asynchronous generators for each chunk.

The joined answer has the shape of one that came whole, so that the same reader reads both
(skytells-api-text.md sections 2.4 and 3.3).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from ..models import Piece, Response, ToolCall, parse_content, parse_text, parse_tool_calls


class EventParser:
    """Turns chunks of bytes, cut anywhere, into events: pairs of a name and its data."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []  # of a line whose end has not come
        self._name = ""
        self._data: list[bytes] = []
        self._is_first = True
        self._after_cr = False
        self._is_fresh = True  # whether an event begins with the next byte

    def feed(self, chunk: bytes) -> list[tuple[str, str]]:
        one_line = self._is_fresh and chunk.find(b"\n") == len(chunk) - 2 and chunk[:6] == b"data: "
        if one_line and chunk[-1:] == b"\n" and b"\r" not in chunk:
            return [("", chunk[6:-2].decode("utf-8", "replace"))]  # one event and no more: in half the time
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")  # the second half of a line end
        if b"\n" not in chunk and b"\r" not in chunk:
            self._rest.append(chunk)  # not joined each time: a long line may come byte by byte
            self._is_fresh = False
            return []
        if self._rest:
            chunk = b"".join((*self._rest, chunk))
            self._rest = []
        lines = chunk.splitlines()
        self._after_cr = chunk.endswith(b"\r")
        if not self._after_cr and not chunk.endswith(b"\n"):
            self._rest.append(lines.pop())
        events = self._parsed(lines)
        self._is_fresh = not (self._rest or self._name or self._data or self._after_cr)
        return events

    def close(self) -> list[tuple[str, str]]:
        """Return the event that was left at the end: some servers forget its last line end."""
        return self._parsed([b"".join(self._rest), b""])

    def _parsed(self, lines: list[bytes]) -> list[tuple[str, str]]:
        events: list[tuple[str, str]] = []
        if self._is_first and lines:
            self._is_first = False
            lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif not line:
                if self._data:
                    events.append((self._name, b"\n".join(self._data).decode("utf-8", "replace")))
                self._name, self._data = "", []
            elif line.startswith(b"event:"):
                self._name = line[6:].removeprefix(b" ").decode("utf-8", "replace")
            elif line == b"data":
                self._data.append(b"")
        return events


class ChatJoiner:
    """Joins the chunks of the chat route, in order; several choices may come in turns."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}
        self._usual: Collection[str] | None = None  # fields of a chunk that tell nothing new

    @property
    def finished(self) -> bool:
        """Whether every choice that began has said why it ended."""
        return bool(self._choices) and all(each["finish_reason"] for each in self._choices.values())

    @staticmethod
    def pieces(event: dict[str, Any]) -> list[Piece]:
        """Return what a chunk says, a piece for each of its choices."""
        choices = event.get("choices")
        if not isinstance(choices, list):
            return [Piece("", event, type=parse_text(event.get("object")) or "")]
        found = []
        for place, choice in enumerate(choices):
            if not isinstance(choice, dict):
                continue
            if words := _words(choice):
                found.append(Piece(words, event, (), None, _index(choice, place)))
                continue
            delta = _delta(choice)
            text, finish = delta.get("content") or "", choice.get("finish_reason")
            if not isinstance(text, str):
                text = parse_content(text)
            calls, refusal = delta.get("tool_calls"), delta.get("refusal")
            if text or calls or finish or refusal:
                tools, why = parse_tool_calls(calls) if calls else (), parse_text(finish)
                words = parse_text(refusal) or ""
                found.append(Piece(text, event, tools, why, _index(choice, place), words))
        return found

    def add(self, event: Mapping[str, Any]) -> None:
        head, listed = self._head, event.get("choices")
        if event.keys() != self._usual:
            head.update({name: value for name, value in event.items() if value or name not in head})
            head["choices"] = []
            is_usual = event.get("id") and not _TELLING & event.keys()
            self._usual = event.keys() if is_usual else None
        for place, choice in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(choice, dict):
                self._add_choice(choice, _index(choice, place))

    def _add_choice(self, choice: dict[str, Any], index: int) -> None:
        whole = self._choices.get(index)
        if whole is None:
            whole = {"text": [], "refusal": [], "calls": {}, "finish_reason": None}
            whole |= {"said": None, "filters": {}, "more": {}, "message": {}, "places": {}}
            self._choices[index] = whole
        said, words = choice.get("content_filter_results"), _words(choice)
        if said and said != whole["said"]:
            whole["said"] = said
            for category, result in said.items() if isinstance(said, Mapping) else ():
                struck = whole["filters"].get(category)
                # Where a filter struck once, it did so for the whole.
                if not (isinstance(struck, Mapping) and struck.get("filtered") is True):
                    whole["filters"][category] = result
        if words is not None and choice.keys() <= _USUAL:
            whole["text"].append(words)
            return
        delta = _delta(choice)
        whole["text"].append(parse_content(delta.get("content")))
        whole["refusal"].append(parse_text(delta.get("refusal")) or "")
        for call in parse_tool_calls(delta.get("tool_calls")):
            _add_call(whole["calls"], whole["places"], call)
        whole["finish_reason"] = choice.get("finish_reason") or whole["finish_reason"]
        for name, value in choice.items():
            if name not in _READ and value is not None:
                known = whole["more"].get(name)
                whole["more"][name] = value if isinstance(value, str) else _joined(known, value)
        for name, value in delta.items():
            if name not in _SAID and value is not None:
                whole["message"][name] = _joined(whole["message"].get(name), value)

    def raw(self) -> dict[str, Any]:
        choices = []
        for index, whole in sorted(self._choices.items()):
            text, refusal = _whole_letters("".join(whole["text"])), "".join(whole["refusal"])
            message: dict[str, Any] = {**whole["message"], "role": "assistant", "content": text or None}
            if refusal:
                message["refusal"] = refusal
            if whole["calls"]:
                calls = [call for _, call in sorted(whole["calls"].items())]
                message["tool_calls"] = [_call(call) for call in calls]
            elif not text:
                message["content"] = ""
            choice = {"index": index, "message": message, "finish_reason": whole["finish_reason"]}
            if whole["filters"]:
                choice["content_filter_results"] = whole["filters"]
            choices.append({**whole["more"], **choice})
        return {**self._head, "object": "chat.completion", "choices": choices}


_TELLING: Final = frozenset({"usage", "prompt_filter_results"})
_READ: Final = frozenset({"index", "delta", "message", "text", "finish_reason", "content_filter_results"})
_USUAL: Final = frozenset({"index", "delta", "finish_reason", "content_filter_results"})
_SAID: Final = frozenset({"role", "content", "refusal", "tool_calls"})


def _words(choice: dict[str, Any]) -> str | None:
    """Return what a choice adds where that is nothing but words, as in nearly every chunk."""
    delta = choice.get("delta")
    if type(delta) is not dict or len(delta) != 1 or choice.get("finish_reason") is not None:
        return None
    words = delta.get("content")
    return words if type(words) is str else None


def _delta(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a choice of a chunk adds; a whole answer in a stream's place adds its message.

    Older servers have a ``text`` instead.
    """
    delta = choice.get("delta")
    if not isinstance(delta, Mapping):
        delta = choice.get("message")
    return delta if isinstance(delta, Mapping) else {"content": choice.get("text")}


def _index(choice: Mapping[str, Any], place: int) -> int:
    index = choice.get("index")
    return index if isinstance(index, int) else place


def _add_call(calls: dict[int, ToolCall], places: dict[int, int], call: ToolCall) -> None:
    """Add a piece to its tool call; some servers give all calls one index, or none, and a new id to each."""
    index = places.get(call.index, call.index)
    known = calls.get(index, call)
    if known.id and call.id and known.id != call.id:
        index = places[call.index] = max(calls) + 1
        known = call
    arguments = call.arguments if known is call else known.arguments + call.arguments
    calls[index] = ToolCall(known.id or call.id, known.name or call.name, arguments, index)


def _joined(known: Any, more: Any) -> Any:
    """Join two pieces of a field that nobody here knows: what can be added is added, else the last counts."""
    if isinstance(known, Mapping) and isinstance(more, Mapping):
        return {**known, **{name: _joined(known.get(name), value) for name, value in more.items()}}
    together = isinstance(known, str | list) and type(known) is type(more)
    return known + more if together else more


def _whole_letters(text: str) -> str:
    """Return a text in which two halves of a letter, which came in two pieces, are one."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


_LAST: Final = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
_SILENT: Final = frozenset(
    {"response.created", "response.in_progress", "response.queued", "response.output_item.added"}
    | {"response.content_part.added", "response.output_text.done", "response.content_part.done"}
    | {"response.output_item.done", "response.refusal.done", "response.function_call_arguments.done"}
)
"""Events that say nothing that a piece has not said."""


class ResponseJoiner:
    """Joins the events of the responses route, in order; `finished` once the last word has come."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._items: dict[int, dict[str, Any]] = {}
        self._texts: dict[tuple[int, int, str], list[str]] = {}
        self._arguments: dict[int, list[str]] = {}
        self.finished = False

    @staticmethod
    def pieces(event: dict[str, Any]) -> list[Piece]:
        """Return what an event says; one that nobody knows is passed through."""
        kind, delta = parse_text(event.get("type")) or "", parse_text(event.get("delta")) or ""
        if kind == "response.output_text.delta":
            return [Piece(delta, event, type=kind)]
        if kind == "response.refusal.delta":
            return [Piece("", event, refusal=delta, type=kind)]
        if kind == "response.function_call_arguments.delta":
            call = ToolCall(parse_text(event.get("item_id")), None, delta, _place(event, "output_index"))
            return [Piece("", event, (call,), type=kind)]
        if kind in _SILENT:
            return []
        whole = _whole(event)
        if whole is None:
            return [Piece("", event, type=kind)]
        answer = Response.from_api(whole)
        # A whole answer in a stream's place has had no deltas.
        text = answer.text if not kind else ""
        return [Piece(text, event, answer.tool_calls if not kind else (), answer.finish_reason, type=kind)]

    def add(self, event: Mapping[str, Any]) -> None:
        kind, place = event.get("type"), _place(event, "output_index")
        whole = event.get("response") if isinstance(event.get("response"), dict) else None
        final = _whole(event)
        if final is not None:
            self._head, self.finished = dict(final), True
            if final.get("output"):
                self._items, self._texts, self._arguments = {}, {}, {}
        elif whole is not None:
            self._head = dict(whole)
        elif kind in ("response.output_item.added", "response.output_item.done"):
            if isinstance(event.get("item"), dict):
                self._items[place] = dict(event["item"])
        elif kind in ("response.output_text.delta", "response.refusal.delta"):
            word = "refusal" if kind == "response.refusal.delta" else "text"
            key = (place, _place(event, "content_index"), word)
            self._texts.setdefault(key, []).append(parse_text(event.get("delta")) or "")
        elif kind == "response.output_text.done" and isinstance(event.get("text"), str):
            self._texts[place, _place(event, "content_index"), "text"] = [event["text"]]
        elif kind == "response.function_call_arguments.delta":
            self._arguments.setdefault(place, []).append(parse_text(event.get("delta")) or "")

    def raw(self) -> dict[str, Any]:
        if self._head.get("output") and self.finished:
            return self._head
        items = {place: dict(item) for place, item in self._items.items()}
        for place, index, word in sorted(self._texts):
            item = items.setdefault(place, {"type": "message", "role": "assistant"})
            if item.get("status") == "completed" and item.get("content"):
                continue
            content = item["content"] = list(item.get("content") or []) if index else []
            kind = "output_text" if word == "text" else "refusal"
            content.append({"type": kind, word: _whole_letters("".join(self._texts[place, index, word]))})
        for place, parts in self._arguments.items():
            item = items.setdefault(place, {"type": "function_call"})
            if not item.get("arguments"):
                item["arguments"] = "".join(parts)
        return {**self._head, "output": [item for _, item in sorted(items.items())]}


def _whole(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the answer that an event has whole: the last one's, or one that came in a stream's place."""
    found = event.get("response") if event.get("type") in _LAST else event
    is_whole = event.get("type") in _LAST or event.get("object") == "response"
    return found if is_whole and isinstance(found, dict) else None


def _place(event: Mapping[str, Any], name: str) -> int:
    place = event.get(name)
    return place if isinstance(place, int) else 0
