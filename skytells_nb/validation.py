"""Is an input what a model's schema takes? Asked before anything is sent, so before anything is billed.

The jsonschema library decides; it is loaded when the first input is checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["problems"]

_LONGEST: Final = 200


def problems(input: Mapping[str, Any], schema: Mapping[str, Any] | None) -> dict[str, str]:
    """Check an input against an input schema.

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
    {'prompt': 'is missing', 'width': '4096 is greater than the maximum of 2048'}
    """
    if not isinstance(schema, Mapping):
        return {}
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    found: dict[str, str] = {}
    try:
        understood = _understood(dict(schema))
        Draft202012Validator.check_schema(understood)
        errors = sorted(Draft202012Validator(understood).iter_errors(dict(input)), key=str)
    except (SchemaError, RecursionError, LookupError, TypeError, ValueError):
        return {}
    except Exception as strange:
        if type(strange).__module__.split(".")[0] in ("jsonschema", "referencing"):
            return {}  # a reference that leads nowhere
        raise
    for error in errors:
        place = str(error.absolute_path[0]) if error.absolute_path else ""
        message = error.message if len(error.message) <= _LONGEST else f"…{error.message[-_LONGEST:]}"
        if error.validator == "required":
            for name in (name for name in error.validator_value if name not in error.instance):
                found.setdefault(place or name, f"{name!r} is missing in it" if place else "is missing")
        else:
            found.setdefault(place, message)
    return dict(sorted(found.items()))


def _understood(schema: Any) -> Any:
    """Say OpenAPI's ``nullable`` in JSON Schema's own words, everywhere in a schema."""
    if isinstance(schema, list):
        return [_understood(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    read = {key: _understood(value) for key, value in schema.items() if key != "nullable"}
    if schema.get("nullable") is True:
        return {"anyOf": [read, {"type": "null"}]}
    return read
