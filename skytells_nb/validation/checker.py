"""Inputs against one schema: a message for each field that is not as it should be."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from .folding import fold
from .sentences import sentence_of

__all__ = ["NEEDED", "Checker", "problems", "warm_up"]

NEEDED: Final = "This is needed."

_BY_FIELD: Final = ("properties", "required", "type", "additionalProperties")

_warming: threading.Thread | None = None


def warm_up() -> None:
    """Start importing jsonschema in the background, once: that takes longer than a form takes to appear."""
    global _warming
    if _warming is None:
        _warming = threading.Thread(target=_import, name="skytells-jsonschema", daemon=True)
        _warming.start()


def _import() -> Any:
    import jsonschema

    return jsonschema


def problems(input: Mapping[str, Any], schema: object) -> dict[str, str]:
    """Check one input against an input schema; for many inputs, make one `Checker`.

    Parameters
    ----------
    input : mapping
        What would be sent.
    schema : mapping or None
        A model's ``input_schema``. None, or one that cannot be understood, finds no problem: the API has
        the last word then.

    Returns
    -------
    dict
        What is wrong, in words, by the name of the field; ``""`` holds what concerns none alone.

    Examples
    --------
    >>> schema = {"required": ["prompt"], "properties": {"width": {"type": "integer", "maximum": 2048}}}
    >>> problems({"width": 4096}, schema)
    {'prompt': 'This is needed.', 'width': 'At most 2,048, not 4,096.'}
    """
    return Checker(schema).problems(input)


class Checker:
    """Checks inputs against one schema, which is understood once.

    Parameters
    ----------
    schema : mapping or None
        A model's ``input_schema``; None, or what is none, allows anything.
    needed : iterable of str
        Fields that are needed besides those that the schema says are required.

    Attributes
    ----------
    takes : tuple of str
        Which inputs there are; empty where the schema does not say.

    Examples
    --------
    >>> checker = Checker({"required": ["prompt"], "properties": {"prompt": {"type": "string"}}})
    >>> checker.problems({"prompt": "a fox"}), checker.problems({"prompt": 5})
    ({}, {'prompt': 'This takes text, not 5.'})
    """

    def __init__(self, schema: object, needed: Iterable[str] = ()) -> None:
        self._schema: Mapping[str, Any] = schema if isinstance(schema, Mapping) else {}
        root = fold(self._schema, self._schema)
        properties, required = root.get("properties"), root.get("required")
        self._known: Mapping[str, Any] = properties if isinstance(properties, Mapping) else {}
        listed = required if isinstance(required, list) else []
        self._needed = dict.fromkeys([*needed, *(name for name in listed if isinstance(name, str))])
        self._closed = root.get("additionalProperties") is False
        self._whole = {key: part for key, part in root.items() if key not in _BY_FIELD}
        self._validators: dict[str | None, Any] = {}
        self._base: Any = None
        self.takes: tuple[str, ...] = tuple(name for name in self._known if isinstance(name, str))

    def problems(self, input: Mapping[str, Any]) -> dict[str, str]:
        """Say what is wrong with an input, by the name of the field; under ``""`` what concerns the whole."""
        found = {name: NEEDED for name in self._needed if name not in input}
        if self._closed:
            for name in input:
                if name not in self._known:
                    found.setdefault("", f"This model takes no input {name!r}.")
        plain = _plain(input)
        for name, part in self._known.items():
            if name in plain and (words := self._first(name, part, plain[name])):
                found[name] = words
        if words := self._first(None, self._whole, plain):
            found.setdefault("", words)
        return found

    def _first(self, name: str | None, part: object, value: Any) -> str:
        """Give the first complaint about a value; empty where there is none, or none can be had."""
        if not isinstance(part, Mapping) or not part:
            return ""
        try:
            validator = self._validators.get(name) or self._validators.setdefault(name, self._made(part))
            errors = sorted(validator.iter_errors(value), key=lambda error: len(error.absolute_path))
            return sentence_of(errors[0]) if errors else ""
        except Exception:  # noqa: BLE001 - a schema that cannot be used is no reason not to ask the server
            return ""

    def _made(self, part: Mapping[str, Any]) -> Any:
        if self._base is None:
            from referencing import Registry

            nothing_but_this: Registry[Any] = Registry()  # jsonschema's own would ask the network
            validators = _import().validators
            validator = validators.extend(validators.Draft202012Validator, {"multipleOf": _multiple_of})
            self._base = validator(_current(self._schema), registry=nothing_but_this)
        return self._base.evolve(schema=_current(part))


def _multiple_of(validator: Any, step: Any, value: Any, _: Any) -> Iterator[Exception]:
    """Tell multiples as they are written: jsonschema divides floats, and by those 0.3 is none of 0.1."""
    if validator.is_type(value, "number") and Decimal(str(value)) % Decimal(str(step)):
        yield _import().ValidationError(f"{value!r} is not a multiple of {step!r}")


def _current(part: Any, depth: int = 0) -> Any:
    """Write older dialects as today's: ``nullable``, and boolean exclusive bounds."""
    if depth > 60:
        return part
    if isinstance(part, list):
        return [_current(item, depth + 1) for item in part]
    if not isinstance(part, Mapping):
        return part
    now = {key: _current(item, depth + 1) for key, item in part.items()}
    for edge, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(now.get(edge), bool):
            exclusive = now.pop(edge)
            if exclusive and limit in now:
                now[edge] = now.pop(limit)
    if now.get("nullable") is True:
        rest = {key: item for key, item in now.items() if key != "nullable"}
        return {"anyOf": [{"type": "null"}, rest]} if rest else {}
    return now


def _plain(value: Any) -> Any:
    """Replace what only becomes JSON on its way (a file, a picture, a prediction) by a link."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    becomes_link = isinstance(value, Path | bytes) or hasattr(value, "id") or hasattr(value, "size")
    return "data:," if becomes_link else value
