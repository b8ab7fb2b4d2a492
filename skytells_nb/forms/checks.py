"""Whether an input is good, before it is paid for: a message for each field that is not.

The jsonschema library decides. It is imported when it is first needed, in a thread (`warm_up`), because
that takes longer than a form takes to appear. A part of a schema that cannot be used (a reference into
nowhere, a recursion without end) is passed over: the server has the last word anyway.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from .fields import Field
from .folding import fold

__all__ = ["NEEDED", "check", "warm_up"]

_NAMES: Final = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
NEEDED: Final = "This is needed."

_warming: threading.Thread | None = None


def warm_up() -> None:
    """Start importing jsonschema in the background, once."""
    global _warming
    if _warming is None:
        _warming = threading.Thread(target=_import, name="skytells-jsonschema", daemon=True)
        _warming.start()


def _import() -> Any:
    import jsonschema

    return jsonschema


def check(schema: object, value: Mapping[str, Any], fields: Iterable[Field] = ()) -> dict[str, str]:
    """Check an input against its schema.

    Parameters
    ----------
    schema : object
        The model's ``input_schema``; None allows anything.
    value : mapping
        What would be sent.
    fields : iterable of Field
        The form's fields, of which some are needed.

    Returns
    -------
    dict
        What is wrong, by the name of the field; under ``""`` what concerns the whole.

    Examples
    --------
    >>> from skytells_nb.forms.checks import check
    >>> schema = {"required": ["prompt"], "properties": {"steps": {"type": "integer", "maximum": 50}}}
    >>> check(schema, {"steps": 60})
    {'prompt': 'This is needed.', 'steps': 'At most 50, not 60.'}
    """
    needed = [field.name for field in fields if field.required and field.name]
    found: dict[str, str] = {}
    if not isinstance(schema, Mapping):
        return {name: NEEDED for name in needed if name not in value}
    root = fold(schema, schema)
    listed = root.get("required")
    needed += [name for name in (listed if isinstance(listed, list) else []) if isinstance(name, str)]
    found = {name: NEEDED for name in dict.fromkeys(needed) if name not in value}
    properties = root.get("properties")
    known: Mapping[str, Any] = properties if isinstance(properties, Mapping) else {}
    whole = {key: part for key, part in root.items() if key not in ("properties", "required", "type")}
    if whole.get("additionalProperties") is False:
        for name in value:
            if name not in known:
                found.setdefault("", f"This model takes no input {name!r}.")
    whole.pop("additionalProperties", None)
    plain = _plain(value)
    for name, part in known.items():
        if name in plain:
            message = _first(part, plain[name], schema)
            if message:
                found[name] = message
    message = _first(whole, plain, schema)
    if message:
        found.setdefault("", message)
    return found


def _first(part: object, value: Any, root: Mapping[str, Any]) -> str:
    """Give the first complaint about a value, in words; empty where there is none, or none can be had."""
    if not isinstance(part, Mapping) or not part:
        return ""
    jsonschema = _import()
    try:
        current = _current(root)
        validator = jsonschema.Draft202012Validator(current).evolve(schema=_current(part))
        error = next(iter(sorted(validator.iter_errors(value), key=lambda e: len(e.absolute_path))), None)
        return "" if error is None else _told(error)
    except Exception:  # noqa: BLE001 - a schema that cannot be used is no reason not to ask the server
        return ""


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


def _told(error: Any) -> str:
    """Say in a few words what is wrong."""
    if error.validator == "anyOf" and error.context and len(error.validator_value) == 2:
        inner = [each for each in error.context if each.validator_value != "null"]
        if inner:
            return _told(inner[0])
    value, limit = error.instance, error.validator_value
    where = "".join(f"[{step!r}]" if isinstance(step, str) else f"[{step}]" for step in error.absolute_path)
    told = _sentence(error.validator, limit, value) or _short(error.message) + "."
    return f"{where}: {told}" if where else told


def _sentence(keyword: str, limit: Any, value: Any) -> str:
    match keyword:
        case "required":
            missing = [name for name in limit if name not in value]
            return f"{', '.join(missing)} needed."
        case "type":
            kinds = [limit] if isinstance(limit, str) else limit
            named = " or ".join(_NAMES.get(kind, str(kind)) for kind in kinds)
            return f"This takes {named}, not {_short(value)}."
        case "enum":
            return f"One of {_short(', '.join(map(str, limit)))}, not {_short(value)}."
        case "const":
            return f"This must be {_short(limit)}."
        case "minimum":
            return f"At least {limit:,}, not {value:,}."
        case "maximum":
            return f"At most {limit:,}, not {value:,}."
        case "exclusiveMinimum":
            return f"More than {limit:,}, not {value:,}."
        case "exclusiveMaximum":
            return f"Less than {limit:,}, not {value:,}."
        case "multipleOf":
            return f"A multiple of {limit}, not {value}."
        case "minLength":
            return f"At least {limit:,} characters; this has {len(value):,}."
        case "maxLength":
            return f"At most {limit:,} characters; this has {len(value):,}."
        case "minItems":
            return f"At least {limit:,} of them; there are {len(value):,}."
        case "maxItems":
            return f"At most {limit:,} of them; there are {len(value):,}."
        case "pattern":
            return f"This does not have the form {_short(limit)}."
    return ""


def _short(value: object, length: int = 80) -> str:
    written = value if isinstance(value, str) else repr(value)
    written = " ".join(written.split())
    return written if len(written) <= length else written[: length - 1] + "…"


def _plain(value: Any) -> Any:
    """Replace what only becomes JSON on its way (a file, a picture, a prediction) by a link."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    return (
        "data:,"
        if isinstance(value, Path | bytes) or hasattr(value, "id") or hasattr(value, "size")
        else value
    )
