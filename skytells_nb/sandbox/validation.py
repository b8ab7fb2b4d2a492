"""Checks an input against its model's own schema, and says in words what is wrong with it.

The wording is invented: no source shows how the real API reports a breach of a schema (skytells-api.md,
section 9.1). `jsonschema` is imported when the first input is checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

#: Where a file may come from: the API takes links; data URIs are what notebooks send for small files.
FILE_SCHEMES = frozenset({"http", "https", "data"})


class Checker:
    """Validators by model, built when first needed."""

    def __init__(self) -> None:
        self._validators: dict[str, Validator] = {}

    def problems(self, slug: str, schema: Mapping[str, Any], value: Any) -> list[str]:
        """Say what breaks the schema; an empty list means nothing does.

        Keys that the schema does not name are let through, as the API does nothing known about them.

        Examples
        --------
        >>> schema = {"required": ["prompt"], "properties": {"width": {"minimum": 256}}}
        >>> Checker().problems("m", schema, {"width": 99})
        ['prompt: this field is required', 'width: 99 is less than the minimum of 256']
        """
        validator = self._validators.get(slug)
        if validator is None:
            validator = self._validators[slug] = build(schema)
        found = sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.absolute_path)))
        return [line for error in found for line in _say(error)]


def warm() -> None:
    """Import `jsonschema`, which takes a moment, before the first request needs it."""
    import jsonschema  # noqa: F401


def build(schema: Mapping[str, Any]) -> Validator:
    """Make a validator that knows ``nullable`` and ``format: uri`` as the API's schemas mean them."""
    from jsonschema import Draft202012Validator, FormatChecker

    formats = FormatChecker(formats=())
    formats.checks("uri")(_is_file_uri)
    return Draft202012Validator(_with_null(schema), format_checker=formats)


def _with_null(node: Any) -> Any:
    """Write OpenAPI's ``nullable: true`` the way JSON Schema knows it."""
    if isinstance(node, list):
        return [_with_null(each) for each in node]
    if not isinstance(node, Mapping):
        return node
    plain = {name: _with_null(value) for name, value in node.items()}
    if plain.get("nullable") is True:
        return {"anyOf": [{"type": "null"}, {**plain, "nullable": False}]}
    return plain


def _is_file_uri(value: object) -> bool:
    if not isinstance(value, str):
        return True
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in FILE_SCHEMES and bool(parts.netloc or parts.scheme == "data")


def _say(error: ValidationError) -> Iterator[str]:
    where = _path(error)
    limit: Any = error.validator_value
    instance: Any = error.instance
    got = _short(instance)
    match error.validator:
        case "anyOf":
            inner = [each for each in error.context or [] if each.validator_value != "null"]
            for each in inner:
                yield from _say(each)
        case "required":
            missing = [name for name in limit if name not in instance]
            name = next((name for name in missing if repr(name) in error.message), missing[0])
            yield f"{where}{'.' if where else ''}{name}: this field is required"
        case "type":
            wanted = limit if isinstance(limit, str) else " or ".join(limit)
            yield f"{where or 'input'}: {got} is not of type {wanted}"
        case "enum":
            yield f"{where}: {got} is not one of {', '.join(map(_short, limit))}"
        case "minimum":
            yield f"{where}: {got} is less than the minimum of {limit}"
        case "maximum":
            yield f"{where}: {got} is greater than the maximum of {limit}"
        case "minLength":
            yield f"{where}: at least {limit} characters are needed"
        case "maxLength":
            yield f"{where}: {len(instance)} characters are more than the maximum of {limit}"
        case "maxItems":
            yield f"{where}: {len(instance)} items are more than the maximum of {limit}"
        case "format":
            yield f"{where}: {got} is not a link (http, https or data)"
        case _:
            yield f"{where or 'input'}: {error.message[:200]}"


def _path(error: ValidationError) -> str:
    path = ""
    for step in error.absolute_path:
        path += f"[{step}]" if isinstance(step, int) else f"{'.' if path else ''}{step}"
    return path


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
