"""What jsonschema finds, said as a person would say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["as_text", "sentence_of"]

_NAMES: Final = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def as_text(found: Mapping[str, str]) -> str:
    """Write what is wrong with several fields as one text.

    Examples
    --------
    >>> as_text({"": "One of a, b is needed.", "width": "At most 2,048, not 4,096."})
    'One of a, b is needed. width: At most 2,048, not 4,096.'
    """
    return " ".join(f"{name}: {words}" if name else words for name, words in found.items())


def sentence_of(error: Any) -> str:
    """Say in one sentence what is wrong; the error is one of jsonschema's."""
    if error.validator == "anyOf" and error.context and len(error.validator_value) == 2:
        inner = [each for each in error.context if each.validator_value != "null"]
        if inner:
            return sentence_of(inner[0])
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
