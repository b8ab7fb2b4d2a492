"""Checks an input against its model's own schema, and says in words what is wrong with it.

The wording is invented: no source shows how the real API reports a breach of a schema (skytells-api.md,
section 9.1). Only the keywords that the catalogue uses are known here. The jsonschema package knows them all,
but where JupyterLab is installed importing it takes the better part of a second, for which the first
prediction would have to wait; the tests hold this module against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

#: Where a file may come from: the API takes links; data URIs are what notebooks send for small files.
FILE_SCHEMES = frozenset({"http", "https", "data"})

#: Keywords that say nothing about what is valid.
SILENT = frozenset({"title", "description", "default", "x-order", "definitions"})


def problems(schema: Mapping[str, Any], value: Any) -> list[str]:
    """Say what breaks the schema; an empty list means nothing does.

    Keys that the schema does not name are let through, as the API does nothing known about them.

    Examples
    --------
    >>> schema = {"required": ["prompt"], "properties": {"width": {"minimum": 256}}}
    >>> problems(schema, {"width": 99})
    ['prompt: this field is required', 'width: 99 is less than the minimum of 256']
    """
    return list(_check(schema, value, "", schema))


def _check(schema: Mapping[str, Any], value: Any, path: str, root: Mapping[str, Any]) -> Iterator[str]:
    if value is None and schema.get("nullable") is True:
        return
    if "$ref" in schema:
        yield from _check(_find(schema["$ref"], root), value, path, root)
    for part in schema.get("allOf", ()):
        yield from _check(part, value, path, root)
    if not _is_of(schema.get("type"), value):
        yield f"{path or 'input'}: {_short(value)} is not of type {schema['type']}"
        return
    for keyword, limit in schema.items():
        rule = RULES.get(keyword)
        wrong = rule(limit, value) if rule is not None else None
        if wrong is not None:
            yield f"{path}: {wrong}"
    if isinstance(value, dict):
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{_join(path, name)}: this field is required"
        for name, each in schema.get("properties", {}).items():
            if name in value:
                yield from _check(each, value[name], _join(path, name), root)
    elif isinstance(value, list) and "items" in schema:
        for index, each in enumerate(value):
            yield from _check(schema["items"], each, f"{path}[{index}]", root)


def _is_of(type: str | None, value: Any) -> bool:
    match type:
        case None:
            return True
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
        case "integer":
            return _is_number(value) and (isinstance(value, int) or value.is_integer())
        case _:  # number
            return _is_number(value)


def _enum(allowed: list[Any], value: Any) -> str | None:
    if any(each == value and isinstance(each, bool) is isinstance(value, bool) for each in allowed):
        return None
    return f"{_short(value)} is not one of {', '.join(map(_short, allowed))}"


def _minimum(limit: float, value: Any) -> str | None:
    return (
        f"{_short(value)} is less than the minimum of {limit}"
        if _is_number(value) and value < limit
        else None
    )


def _maximum(limit: float, value: Any) -> str | None:
    if _is_number(value) and value > limit:
        return f"{_short(value)} is greater than the maximum of {limit}"
    return None


def _min_length(limit: int, value: Any) -> str | None:
    return (
        f"at least {limit} characters are needed" if isinstance(value, str) and len(value) < limit else None
    )


def _max_length(limit: int, value: Any) -> str | None:
    if isinstance(value, str) and len(value) > limit:
        return f"{len(value)} characters are more than the maximum of {limit}"
    return None


def _max_items(limit: int, value: Any) -> str | None:
    if isinstance(value, list) and len(value) > limit:
        return f"{len(value)} items are more than the maximum of {limit}"
    return None


def _format(name: str, value: Any) -> str | None:
    if name == "uri" and isinstance(value, str) and not is_file_uri(value):
        return f"{_short(value)} is not a link (http, https or data)"
    return None


#: Each keyword that limits a value, with the rule that says what is wrong with it.
RULES: dict[str, Callable[[Any, Any], str | None]] = {
    "enum": _enum,
    "minimum": _minimum,
    "maximum": _maximum,
    "minLength": _min_length,
    "maxLength": _max_length,
    "maxItems": _max_items,
    "format": _format,
}
#: Keywords that lead to other schemas, or are looked at where the value is.
STRUCTURE = frozenset({"type", "nullable", "properties", "required", "items", "allOf", "$ref"})


def is_file_uri(text: str) -> bool:
    """Say whether a text can be where a file comes from.

    Examples
    --------
    >>> is_file_uri("https://example.org/fox.png"), is_file_uri("fox.png")
    (True, False)
    """
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in FILE_SCHEMES and bool(parts.netloc or parts.scheme == "data")


def _find(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = root
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    schema: Mapping[str, Any] = found
    return schema


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _short(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits
        text = "a very long number"
    return text if len(text) <= 80 else f"{text[:77]}…"
