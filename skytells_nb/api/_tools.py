"""Tools from plain Python functions: the schema of a call, from a signature and a docstring."""

from __future__ import annotations

import enum
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, Union, get_args, get_origin

from ..checks import expected
from ..exceptions import InvalidInputError

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SIMPLE: Final[Mapping[object, str]] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_SECTION: Final = re.compile(r"\s*(Args|Arguments|Parameters|Params)\s*:?\s*$")
_SPHINX: Final = re.compile(r"\s*:param(?:\s+[\w\[\], .|]+)?\s+(\w+)\s*:\s*(.*)")
_ENTRY: Final = re.compile(r"(\s*)\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")


def as_tool(tool: Callable[..., object] | Mapping[str, Any], where: str = "tools") -> dict[str, Any]:
    """Return a tool as the API takes it: of a function by its signature and docstring; a dict as it is.

    Parameters
    ----------
    tool : callable or mapping
        A function with type hints. Its docstring's first paragraph describes it, and its section on
        parameters (NumPy, Google or Sphinx style) describes them.
    where : str
        What it is called in an error.

    Raises
    ------
    InvalidInputError
        It is neither, or has a parameter that no JSON can fill.

    Examples
    --------
    >>> from skytells_nb.api import as_tool
    >>> def tide_at(port: str, day: int = 0):
    ...     '''Return when the tide is high.'''
    >>> as_tool(tide_at)["function"]["parameters"]["required"]
    ['port']
    """
    if isinstance(tool, Mapping):
        return dict(tool)
    if not callable(tool):
        raise expected(where, "a function, or a dict", tool)
    name = getattr(tool, "__name__", "")
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"{where} has no name that an API takes ({name!r}). Pass a function made with `def`.",
            charged=False,
        )
    try:
        signature, hints = inspect.signature(tool), _hints(tool)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{where}: the signature of {name} cannot be read ({error}). Pass a dict with its schema.",
            charged=False,
        ) from None
    about, described = _described(inspect.getdoc(tool) or "")
    properties, required = {}, []
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise InvalidInputError(
                f"{where}: {name} takes {parameter.name!r} by position alone, and a model names what it "
                "passes. Let it have a name.",
                charged=False,
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
