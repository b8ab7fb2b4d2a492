"""What is sent to the routes of text models: messages and inputs as people have them, as JSON.

Refused is only what cannot be sent, or surely is a mistake that costs money; whether a prompt is good is
the server's to say. Fields that nobody here knows are passed through (skytells-api-text.md sections 2 to 4).
"""

from __future__ import annotations

import enum
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias, Union, cast, get_args, get_origin

from .. import _lazy
from .._options import options
from ..checks import check_seconds, check_whole, closest, expected
from ..exceptions import InvalidInputError, warn_user
from ..filetypes import is_path_like, path_of
from ..models import AnsweringRoute, ChatCompletion, Embeddings, Prediction, Response
from ..pictures import is_picture
from ..schema import is_frame, to_plain
from ._requests import Request, encode, refuse_key

TextRoute: TypeAlias = Literal["chat", "responses", "embeddings"]
Value: TypeAlias = ChatCompletion | Response | Embeddings

_PATHS: Final[Mapping[TextRoute, str]] = {
    "chat": "/chat/completions",
    "responses": "/responses",
    "embeddings": "/embeddings",
}
_VALUES: Final[Mapping[TextRoute, type[Value]]] = {
    "chat": ChatCompletion,
    "responses": Response,
    "embeddings": Embeddings,
}
_AT_LEAST_ONE: Final = (
    *("max_tokens", "max_completion_tokens", "max_output_tokens", "max_tool_calls", "n", "dimensions"),
)
_OF_ROUTE: Final[Mapping[str, Mapping[str, str]]] = {
    "chat": {"max_output_tokens": "max_tokens"},
    "responses": {"max_tokens": "max_output_tokens", "max_completion_tokens": "max_output_tokens"},
}
"""What a route calls a parameter that another one calls otherwise: an unknown limit would be none."""
_OF_TOOLS: Final = ("tools", "tool_choice")
_PARAMS: Final = (
    *("max_tokens", "max_completion_tokens", "max_output_tokens", "max_tool_calls", "temperature", "top_p"),
    *("top_k", "min_p", "n", "stop", "seed", "presence_penalty", "frequency_penalty", "repetition_penalty"),
    *("logit_bias", "logprobs", "top_logprobs", "tools", "tool_choice", "parallel_tool_calls"),
    *("response_format", "stream_options", "user", "store", "metadata", "modalities", "reasoning"),
    *("reasoning_effort", "instructions", "previous_response_id", "text", "verbosity", "truncation"),
    *("service_tier", "dimensions", "encoding_format", "prompt_cache_key", "prompt_cache_retention"),
    *("safety_identifier", "include", "background", "messages", "input", "prompt", "system"),
)
"""What the routes, and those that they are made after, take; others are passed on, but one may be a slip."""
_MESSAGES: Final = 'a text, or a list of messages such as {"role": "user", "content": "…"}'


@dataclass(frozen=True, slots=True)
class TextRequest:
    """A call of a text model that is fit to be sent.

    ``input`` is the body without the model. ``plainer`` is the same request without what an API may not know:
    no source says that it takes ``stream_options``.
    """

    route: TextRoute
    model: str
    input: dict[str, Any]
    request: Request
    plainer: Request | None = None

    @property
    def subject(self) -> str:
        """What was asked for, for a sentence."""
        return f"a call of {self.model!r}"

    def parse(self, raw: Mapping[str, Any], origin: str) -> Value:
        return _VALUES[self.route].from_api(raw, requested_model=self.model, input=self.input, origin=origin)

    def restored(self, kept: Prediction) -> Value:
        """Return the answer of which an archive has kept a prediction."""
        return replace(
            self.parse(kept.raw, str(kept.origin)),
            id=kept.id,
            created_at=kept.created_at,
            seconds=kept.metrics.total_time,
            cost=kept.cost,
            reused=True,
        )


def as_text_input(route: AnsweringRoute, input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the input of a model that answers, as its route takes it: prompt and system become messages.

    Examples
    --------
    >>> from skytells_nb.api import as_text_input
    >>> as_text_input("chat", {"prompt": "Why?", "max_tokens": 9})
    {'messages': [{'role': 'user', 'content': 'Why?'}], 'max_tokens': 9}
    >>> as_text_input("responses", {"prompt": "Why?", "max_tokens": 9})
    {'input': 'Why?', 'max_output_tokens': 9}
    """
    params = dict(input)
    check_text_names(params)
    params = {_OF_ROUTE[route].get(name, name): value for name, value in params.items()}
    if "input" in params:
        params["messages"] = params.pop("input")
    by_role = {"system": params.pop("system", None), "user": params.pop("prompt", None)}
    asked = [{"role": role, "content": words} for role, words in by_role.items() if words is not None]
    last = asked[-1]["content"] if by_role["user"] is not None else "messages" in params or ""
    if isinstance(last, str) and not last.strip():
        raise InvalidInputError("The prompt is empty: say what to ask.")
    if route == "responses" and "messages" not in params and [each["role"] for each in asked] == ["user"]:
        return {"input": asked[0]["content"], **params}
    earlier = _listed(params.pop("messages"), "messages") if "messages" in params else []
    at = 1 if "system" in input and asked else 0
    return {"messages" if route == "chat" else "input": [*asked[:at], *earlier, *asked[at:]], **params}


def check_text_input(route: AnsweringRoute, model: str, input: Mapping[str, Any]) -> None:
    (chat if route == "chat" else responses)(model, **input)


def chat(
    model: object,
    messages: object,
    *,
    stream: object = False,
    timeout: object = None,
    origin: str | None = None,
    **params: Any,
) -> TextRequest:
    """Build ``POST /chat/completions``; a ``system`` text becomes the first message, as in a batch."""
    found = [*_system(params), *_listed(messages, "messages")]
    body = {"messages": [_message(each, f"messages[{n}]", "chat", origin) for n, each in enumerate(found)]}
    return _request("chat", model, body, stream, timeout, params)


def responses(
    model: object,
    input: object,
    *,
    stream: object = False,
    timeout: object = None,
    origin: str | None = None,
    **params: Any,
) -> TextRequest:
    """Build ``POST /responses``; see `chat`."""
    given: object = input
    system = _system(params)
    if system or not (isinstance(given, str) and given.strip()):
        given = [
            item
            for number, each in enumerate([*system, *_listed(given, "input")])
            for item in _items(each, f"input[{number}]", origin)
        ]
    return _request("responses", model, {"input": given}, stream, timeout, params)


def embeddings(
    model: object,
    input: object,
    *,
    stream: object = False,
    timeout: object = None,
    origin: str | None = None,  # noqa: ARG001 - as the others are called
    **params: Any,
) -> TextRequest:
    """Build ``POST /embeddings``; texts, or token ids."""
    # Bytes would be taken for tokens, and a frame for the names of its columns.
    whole = isinstance(input, str | bytes | bytearray | memoryview | Mapping) or is_frame(input)
    whole = whole or not hasattr(input, "__iter__")
    given = to_plain(input if whole else list(cast("Any", input)))
    good = isinstance(given, str) or (
        isinstance(given, list)
        and bool(given)
        and (
            all(isinstance(each, str) for each in given)
            or all(_is_token(each) for each in given)
            or all(isinstance(each, list) and each and all(map(_is_token, each)) for each in given)
        )
    )
    if not good or (isinstance(given, str) and not given.strip()):
        raise expected("input", "a text, a list of texts, or token ids", input)
    blank = [n for n, each in enumerate(given) if isinstance(each, str) and not each.strip()]
    if isinstance(given, list) and blank:
        raise InvalidInputError(f"input[{blank[0]}] is an empty text: leave it out.")
    return _request("embeddings", model, {"input": given}, stream, timeout, params)


def _request(
    route: TextRoute,
    model: object,
    body: dict[str, Any],
    stream: object,
    timeout: object,
    params: dict[str, Any],
) -> TextRequest:
    if not isinstance(model, str) or not model.strip():
        raise expected("model", 'the name of a model, such as "gpt-5"', model)
    refuse_key(model, "model")
    if not isinstance(stream, bool):
        raise expected("stream", "True or False", stream)
    model = model.strip()
    seconds = None if timeout is None else check_seconds("timeout", timeout, none="the client's own")
    params = {
        _OF_ROUTE.get(route, {}).get(name, name): value if name in _OF_TOOLS else to_plain(value)
        for name, value in params.items()
    }
    check_text_names(params, "warn")
    for name in _AT_LEAST_ONE:
        if params.get(name) is not None:
            params[name] = check_whole(name, params[name], 1)
    if (tools := params.get("tools")) is not None:
        if not isinstance(tools, list | tuple):
            raise expected("tools", "a list of functions, or of dicts", tools)
        params["tools"] = [as_tool(each, f"tools[{number}]") for number, each in enumerate(tools)]
    if callable(params.get("tool_choice")):
        name = as_tool(params["tool_choice"])["function"]["name"]
        params["tool_choice"] = {"type": "function", "function": {"name": name}}
    body = {**body, **params}
    whole = {"model": model, **body, **({"stream": True} if stream else {})}
    request = Request("POST", _PATHS[route], body=_encoded(whole), timeout=seconds, streamed=True)
    if stream and route == "chat" and "stream_options" not in body:
        counted = {**whole, "stream_options": {"include_usage": True}}  # else nobody says what it costs
        return TextRequest(route, model, body, replace(request, body=encode(counted)), request)
    return TextRequest(route, model, body, request)


def check_text_names(params: Mapping[str, Any], usual: Literal["refuse", "warn"] = "refuse") -> None:
    """Say of a name that is like a known one what was meant, as ``sky.options.unknown_inputs`` wants it.

    Others are passed on, because the routes' sources do not list all that their models take.
    """
    policy = options.unknown_inputs or usual
    slips = [(name, _parameter_meant(name)) for name in params if name not in _PARAMS]
    said = " ".join(
        f"This model has no input {name!r}. Did you mean {near!r}?" for name, near in slips if near
    )
    if said and policy == "refuse":
        raise InvalidInputError(said)
    if said and policy == "warn":
        warn_user(f"{said} It is sent as it is.")


@lru_cache(maxsize=256)
def _parameter_meant(name: str) -> str | None:
    """Return which parameter a name is like; the inputs of a batch all ask for the same ones."""
    return closest(name, _PARAMS, cutoff=0.75)


def _encoded(body: Mapping[str, Any]) -> bytes:
    """Encode a body; where that fails, say of which of its parameters."""
    for name, value in body.items():
        try:
            encode({name: value})
        except UnicodeEncodeError as error:
            raise InvalidInputError(
                f"This cannot be sent: it holds half of a character ({error}). Repair the text."
            ) from None
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidInputError(
                f"{name} cannot be sent as JSON ({error}). Use texts, finite numbers, booleans, lists and "
                "dicts."
            ) from None
    return encode(body)


def _is_token(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


# Messages


def _listed(messages: object, name: str) -> Sequence[object]:
    """Return messages as a list: a text, or one message, is a list of one."""
    if isinstance(messages, str) and messages.strip():
        return [{"role": "user", "content": messages}]
    if isinstance(messages, Mapping | ChatCompletion | Response):
        return [messages]
    if isinstance(messages, list | tuple) and messages:
        return messages
    raise expected(name, _MESSAGES, messages)


def _system(params: dict[str, Any]) -> list[dict[str, Any]]:
    """Take the system's words out of the parameters: the API has no such field, and would not heed them."""
    words = params.pop("system", None)
    return [{"role": "system", "content": words}] if words else []


def _made_part(route: TextRoute, kind: str, value: str) -> dict[str, Any]:
    if kind == "text":
        return {"type": "text" if route == "chat" else "input_text", "text": value}
    if route == "chat":
        return {"type": "image_url", "image_url": {"url": value}}
    return {"type": "input_image", "image_url": value}


def _items(item: object, where: str, origin: str | None) -> list[Any]:
    """Return what one entry of ``input`` is to the responses route: a response is its words and its calls."""
    if isinstance(item, Response):
        calls = [
            {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
            for call in item.tool_calls
        ]
        words = {"role": "assistant", "content": item.text}
        return [words, *calls] if item.text or not calls else calls
    if isinstance(item, Mapping):
        if "role" not in item and "content" not in item:
            return [dict(item)]
        if item.get("role") == "tool" and isinstance(item.get("content"), str) and "tool_call_id" in item:
            output = {"call_id": item["tool_call_id"], "output": item["content"]}
            return [{"type": "function_call_output", **output}]
    return [_message(item, where, "responses", origin)]


def _message(message: object, where: str, route: TextRoute, origin: str | None) -> dict[str, Any]:
    if isinstance(message, ChatCompletion):
        return message.message
    if isinstance(message, Response):
        return {"role": "assistant", "content": message.text}
    if not isinstance(message, Mapping):
        raise expected(where, 'a message such as {"role": "user", "content": "…"}', message)
    role = message.get("role")
    if not isinstance(role, str) or not role.strip():
        raise InvalidInputError(f"{where} has no role. Say who speaks: system, user, assistant or tool.")
    content = message.get("content")
    is_said = any(name in message for name in ("tool_calls", "function_call", "refusal"))
    is_blank = isinstance(content, str | list) and not (
        content.strip() if isinstance(content, str) else content
    )
    if (content is None and not is_said) or (role == "user" and is_blank):
        raise InvalidInputError(f"{where} has no content. Say what the {role} says.")
    if content is None or isinstance(content, str):
        return {name: to_plain(value) for name, value in message.items()}
    listed = content if isinstance(content, list | tuple) else [content]
    parts = [_part(each, f"{where}.content[{n}]", route, origin) for n, each in enumerate(listed)]
    return {**{name: to_plain(value) for name, value in message.items()}, "content": parts}


def _part(value: object, where: str, route: TextRoute, origin: str | None) -> dict[str, Any]:
    """Turn one part of a message into what the route takes: a text, a picture, or a dict as it is."""
    if isinstance(value, str):
        if is_path_like(value) and path_of(value).is_file():
            value = path_of(value)
        else:
            return _made_part(route, "text", value)
    if isinstance(value, Mapping):
        return _with_picture(value, where, route, origin)
    is_file = isinstance(value, bytes | bytearray | memoryview) or callable(getattr(value, "read", None))
    if is_file or isinstance(value, Prediction) or is_picture(value) or hasattr(value, "__fspath__"):
        found = _picture(value, where, origin)
        kind = "picture" if found.startswith(("data:", "http://", "https://")) else "text"
        return _made_part(route, kind, found)
    raise expected(where, "a text, a picture (a path, a Pillow image, a prediction), or a dict", value)


def _with_picture(
    value: Mapping[str, Any], where: str, route: TextRoute, origin: str | None
) -> dict[str, Any]:
    """Return a part as it was written, its picture as an address, which the chat route takes in an object."""
    found = dict(value)
    picture = found.get("image_url")
    if isinstance(picture, Mapping):
        if "url" in picture:
            found["image_url"] = {**picture, "url": _address(picture["url"], where, origin)}
    elif picture is not None:
        address = _address(picture, where, origin)
        found["image_url"] = {"url": address} if route == "chat" else address
    return found


def _address(value: object, where: str, origin: str | None) -> object:
    if isinstance(value, str) and is_path_like(value):
        value = path_of(value)
    return value if isinstance(value, str) else _picture(value, where, origin)


def _picture(value: object, where: str, origin: str | None) -> str:
    """Return a picture's URL, or itself as a data URI; a prediction of text is its text."""
    found = _lazy.prepare_input({"picture": value}, None, origin=origin)["picture"]
    is_text = isinstance(value, Prediction) and isinstance(found, str) and not found.startswith("data:")
    if not isinstance(found, str) or not (is_text or found.startswith("data:image/")):
        raise InvalidInputError(
            f"{where} is no picture. Pass a picture's path, a Pillow image, or a prediction."
        )
    return found


_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SIMPLE: Final[Mapping[object, str]] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_SECTION: Final = re.compile(r"\s*(Args|Arguments|Parameters|Params)\s*:?\s*$")
_SPHINX: Final = re.compile(r"\s*:param(?:\s+[\w\[\], .|]+)?\s+(\w+)\s*:\s*(.*)")
_ENTRY: Final = re.compile(r"(\s*)\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")


def as_tool(tool: Callable[..., object] | Mapping[str, Any], where: str = "tools") -> dict[str, Any]:
    """Return a tool as the API takes it: of a function by its signature and docstring; a dict as it is.

    The docstring's first paragraph describes it, and its section on parameters (NumPy, Google or Sphinx
    style) describes them. `InvalidInputError`, which calls it ``where``, is raised where a parameter is one
    that no JSON can fill.
    """
    if isinstance(tool, Mapping):
        return dict(tool)
    if not callable(tool):
        raise expected(where, "a function, or a dict", tool)
    name = getattr(tool, "__name__", "")
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"{where} has no name that an API takes ({name!r}). Pass a function made with `def`."
        )
    try:
        signature, hints = inspect.signature(tool), _hints(tool)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{where}: the signature of {name} cannot be read ({error}). Pass a dict with its schema."
        ) from None
    about, described = _described(inspect.getdoc(tool) or "")
    properties, required = {}, []
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise InvalidInputError(
                f"{where}: {name} takes {parameter.name!r} by position alone, and a model names what it "
                "passes. Let it have a name."
            )
        schema = _schema(hints.get(parameter.name, Any))
        if parameter.name in described:
            schema["description"] = described[parameter.name]
        if parameter.default is parameter.empty:
            required.append(parameter.name)
        elif parameter.default is None or isinstance(parameter.default, str | int | float | bool):
            schema["default"] = parameter.default
        properties[parameter.name] = schema
    function: dict[str, Any] = {"name": name}
    if about:
        function["description"] = about
    function["parameters"] = {"type": "object", "properties": properties, "required": required}
    return {"type": "function", "function": function}


def _hints(tool: Callable[..., object]) -> dict[str, Any]:
    target = tool if inspect.isroutine(tool) or inspect.isclass(tool) else getattr(tool, "__call__", tool)  # noqa: B004 - its hints are wanted, not whether it is callable
    try:
        return typing.get_type_hints(target, include_extras=True)
    except Exception:  # noqa: BLE001 - a hint may be any expression; without it any value is allowed
        return {}


def _schema(hint: Any) -> dict[str, Any]:
    """Return the JSON schema of a type; of one that is not known an empty one, which allows anything."""
    if hint in _SIMPLE if isinstance(hint, type) else False:
        return {"type": _SIMPLE[hint]}
    if hint is None or hint is type(None):
        return {"type": "null"}
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _of_values([each.value for each in hint])
    origin, inner = get_origin(hint), get_args(hint)
    if origin is typing.Annotated:
        words = next((each for each in inner[1:] if isinstance(each, str)), None)
        return _schema(inner[0]) | ({} if words is None else {"description": words})
    if origin is Literal:
        return _of_values(list(inner))
    if origin in (Union, types.UnionType):
        variants = [_schema(each) for each in inner]
        if all(list(each) == ["type"] for each in variants):
            return {"type": [each["type"] for each in variants]}
        return {"anyOf": variants}
    if typing.is_typeddict(hint):
        fields = typing.get_type_hints(hint)
        properties = {name: _schema(each) for name, each in fields.items()}
        return {"type": "object", "properties": properties, "required": sorted(hint.__required_keys__)}
    kind = origin or hint
    if isinstance(kind, type) and issubclass(kind, dict | Mapping):
        values = _schema(inner[1]) if len(inner) == 2 else {}
        return {"type": "object"} | ({"additionalProperties": values} if values else {})
    if isinstance(kind, type) and issubclass(kind, list | tuple | set | frozenset | typing.Sequence):
        item = _schema(inner[0]) if inner else {}
        return {"type": "array"} | ({"items": item} if item else {})
    return {}


def _of_values(values: list[Any]) -> dict[str, Any]:
    kinds = {_SIMPLE.get(type(value)) for value in values}
    known = len(kinds) == 1 and None not in kinds
    return ({"type": kinds.pop()} if known else {}) | {"enum": values}


def _described(doc: str) -> tuple[str, dict[str, str]]:
    """Return a docstring's first paragraph, and what it says of each parameter."""
    about = " ".join(re.split(r"\n\s*\n", doc.strip(), maxsplit=1)[0].split()) if doc else ""
    found: dict[str, list[str]] = {}
    lines = doc.splitlines()
    name: str | None = None
    inside, numpy, indent = False, False, 0
    for number, line in enumerate(lines):
        sphinx = _SPHINX.match(line)
        if sphinx:
            found[sphinx[1]] = [sphinx[2]]
            continue
        if _SECTION.match(line):
            inside, name, indent = True, None, -1
            numpy = number + 1 < len(lines) and set(lines[number + 1].strip()) == {"-"}
            continue
        if not inside or set(line.strip()) == {"-"} or not line.strip():
            continue
        depth = len(line) - len(line.lstrip())
        indent = depth if indent < 0 else indent
        entry = _ENTRY.match(line) or (re.match(r"(\s*)(\w+)()$", line) if numpy else None)
        if depth < indent or (depth == indent and entry is None):
            inside, name = False, None
        elif depth == indent and entry is not None:
            name = entry[2]
            found[name] = [] if numpy else [entry[3]]
        elif name is not None:
            found[name].append(line.strip())
    if about.startswith((":param", "Args:", "Parameters")):
        about = ""
    return about, {name: " ".join(" ".join(parts).split()) for name, parts in found.items() if any(parts)}
