"""One flat property of whatever a schema says in roundabout ways: references, alternatives, older dialects.

`modern` writes the keywords of older dialects (draft 4 to 7, OpenAPI, Gemini) as today's; `flatten` folds
``$ref``, ``allOf``, ``anyOf`` and ``oneOf`` into the property that holds them. What cannot be folded stays as
it is, and nothing here raises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

from ._values import is_same

MOST_STEPS: Final = 2_000
"""Parts that are looked at for one property. Real ones take a dozen; ``allOf`` of references to ``allOf`` of
references doubles with every line."""

_DEEPEST: Final = 60
_TYPES: Final = frozenset({"string", "integer", "number", "boolean", "array", "object", "null"})
_STRING_KEYS: Final = frozenset({"minLength", "maxLength", "pattern", "format", "contentMediaType"})
_NUMBER_KEYS: Final = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_COMBINATORS: Final = ("$ref", "allOf", "anyOf", "oneOf")
_VALUES: Final = frozenset({"const", "default", "enum", "example", "examples"})
_SCHEMAS_BY_NAME: Final = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "schemas"}
)
_LABELS: Final = ("enumNames", "x-enumNames", "x-enum-labels", "x-enum-varnames")
_OPEN: Final = "x-open"


class Steps:
    """How many parts may still be looked at."""

    def __init__(self, left: int = MOST_STEPS) -> None:
        self.left = left

    def take(self) -> bool:
        """Take one; False when there are none left."""
        self.left -= 1
        return self.left >= 0


def modern(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return one part with the keywords of older dialects written as those of 2020-12; not what is in it."""
    now = {key: value for key, value in part.items() if isinstance(key, str)}
    kind = now.get("type")
    if isinstance(kind, str):
        now["type"] = _type_name(kind)
    elif isinstance(kind, list):
        now["type"] = [_type_name(word) if isinstance(word, str) else word for word in kind]
    for edge, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(now.get(edge), bool):
            exclusive = now.pop(edge)
            if exclusive and limit in now:
                now[edge] = now.pop(limit)
    if isinstance(now.get("items"), list):
        now["prefixItems"] = now.pop("items")
        if "additionalItems" in now:
            now["items"] = now.pop("additionalItems")
    dependencies = now.pop("dependencies", None)
    if isinstance(dependencies, Mapping):
        names = {name: value for name, value in dependencies.items() if isinstance(value, list)}
        schemas = {name: value for name, value in dependencies.items() if isinstance(value, Mapping)}
        for key, found in (("dependentRequired", names), ("dependentSchemas", schemas)):
            if found:
                now[key] = {**found, **_mapping(now.get(key))}
    if "required" in now and isinstance(now["required"], list):
        own = _mapping(now.get("properties"))
        now["required"] = [
            name
            for name in now["required"]
            if isinstance(name, str) and _mapping(own.get(name)).get("readOnly") is not True
        ]  # what is only read is required of answers
    elif "required" in now:
        del now["required"]  # draft 3 has it beside each property, where `Property` reads it
    return _nullable(now) if now.pop("nullable", False) is True else now


def _type_name(word: str) -> str:
    return word.lower() if word.lower() in _TYPES else word


def _nullable(part: dict[str, Any]) -> dict[str, Any]:
    """Write OpenAPI's ``nullable: true`` as a type."""
    if any(key in part for key in (*_COMBINATORS, "const", "not", "if")) or "type" not in part:
        return {"anyOf": [{"type": "null"}, part]} if part else {}
    kinds = part["type"] if isinstance(part["type"], list) else [part["type"]]
    part["type"] = [*kinds, "null"] if "null" not in kinds else kinds
    if isinstance(part.get("enum"), list) and None not in part["enum"]:
        part["enum"] = [*part["enum"], None]
    return part


def modern_throughout(part: Any, depth: int = 0) -> Any:
    """Return a schema with every part of it written as `modern` does, for jsonschema to read."""
    if not isinstance(part, Mapping) or depth > _DEEPEST:
        return part
    now = modern(part)
    for key, value in now.items():
        if key in _VALUES:
            continue
        if key in _SCHEMAS_BY_NAME and isinstance(value, Mapping):
            now[key] = {name: modern_throughout(inner, depth + 1) for name, inner in value.items()}
        elif isinstance(value, Mapping):
            now[key] = modern_throughout(value, depth + 1)
        elif isinstance(value, list):
            now[key] = [modern_throughout(inner, depth + 1) for inner in value]
    return now


def flatten(
    part: object, root: Mapping[str, Any], steps: Steps | None = None, seen: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Fold one part of a schema into a flat one.

    It has ``nullable`` True where null is allowed, ``type`` without null (a word, a list of several, or
    missing where nothing says), ``x-recursive`` where a reference leads back to itself or there is no end to
    it, and ``x-open`` where ``enum`` only suggests. ``anyOf`` and ``if`` stay where they are needed. ``root``
    is the whole schema, for references into it, and ``seen`` are those on the way here, so that one that
    leads back to itself ends.
    """
    steps = Steps() if steps is None else steps
    if not isinstance(part, Mapping):
        return {} if part is True else {"x-odd": True}
    required = {"x-required": True} if part.get("required") is True else {}
    part = {**modern(part), **required}
    own = {key: value for key, value in part.items() if key not in _COMBINATORS}
    if not steps.take() or len(seen) > _DEEPEST:
        return {**own, "x-recursive": "too deep"}
    folded: dict[str, Any] = {}
    reference = part.get("$ref")
    if isinstance(reference, str):
        if reference in seen:
            return {**own, "x-recursive": reference}
        folded = flatten(_at(root, reference), root, steps, seen | {reference})
    inside = seen | {f"level {len(seen)}"}
    for piece in listed(part.get("allOf")):
        if isinstance(piece, Mapping) and "if" in piece:
            folded = _merged(folded, {"allOf": [piece]})  # two conditions must not hide one another
        else:
            folded = _merged(folded, flatten(piece, root, steps, inside))
    for key in ("anyOf", "oneOf"):
        if isinstance(part.get(key), list):
            folded = _merged(folded, _alternatives(part[key], root, steps, inside))
    return _tidy(_merged(folded, own, own=True))


def types_of(flat: Mapping[str, Any]) -> frozenset[str]:
    """Return the JSON types that a flat property may have, by its other keywords where it does not say."""
    stated = flat.get("type")
    found = (
        {stated} if isinstance(stated, str) else {word for word in listed(stated) if isinstance(word, str)}
    )
    if found == {"integer", "number"}:
        return frozenset({"number"})
    if found or flat.get("anyOf") or "x-recursive" in flat:
        return frozenset(found)
    if isinstance(flat.get("enum"), list):
        return frozenset()
    if isinstance(flat.get("properties"), Mapping):
        return frozenset({"object"})
    if "items" in flat or "prefixItems" in flat:
        return frozenset({"array"})
    if _NUMBER_KEYS & flat.keys():
        return frozenset({"number"})
    if _STRING_KEYS & flat.keys():
        return frozenset({"string"})
    default = flat.get("default")
    return frozenset() if default is None else frozenset({type_of(default)})


def type_of(value: object) -> str:
    """Return the JSON type of a value."""
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    found = (name for kind, name in names.items() if isinstance(value, kind))
    return "null" if value is None else next(found, "object")


def listed(value: object) -> list[Any]:
    """Return a list as it is, and an empty one for anything else."""
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _alternatives(
    given: Sequence[object], root: Mapping[str, Any], steps: Steps, seen: frozenset[str]
) -> dict[str, Any]:
    flat = [flatten(each, root, steps, seen) for each in given]
    rest = [each for each in flat if not _is_null(each)]
    null: dict[str, Any] = {"nullable": True} if len(rest) < len(flat) else {}
    if not rest:
        return null
    if len(rest) == 1:
        return {**rest[0], **null}
    constants = [_constant(each) for each in rest]
    if all(constants):
        values, titles = zip(*(found for found in constants if found), strict=True)
        return {"enum": list(values), "enumNames": list(titles), **null}
    types = frozenset[str]().union(*(types_of(each) for each in rest))
    enums = [
        [each["const"]] if "const" in each else each["enum"]
        for each in rest
        if "const" in each or isinstance(each.get("enum"), list)
    ]
    lists = {type(value) for each in enums for value in each}
    if enums and len(enums) == len(rest) and not any(each.get(_OPEN) for each in rest):
        kind = {"type": sorted(types)[0]} if len(types) == 1 else {}
        union = list[Any]()
        for value in (value for each in enums for value in each):
            if not any(is_same(value, other) for other in union):
                union.append(value)
        return {**kind, "enum": union, **null}
    if lists == {str} and types <= {"string"}:
        return {"type": "string", "examples": enums[0], _OPEN: True, **null}
    if types == {"string"} and not enums:
        return {**rest[-1], **rest[0], **null}
    if types and types <= {"integer", "number"} and lists <= {int, float}:
        return {"type": "number", **_widest(rest), **null}
    return {"anyOf": list(given), **null}


def _constant(flat: Mapping[str, Any]) -> tuple[Any, str] | None:
    """Return the only value of an alternative, and its title."""
    values = [flat["const"]] if "const" in flat else listed(flat.get("enum"))
    if len(values) != 1 or flat.get(_OPEN):
        return None
    title = flat.get("title")
    return values[0], title if isinstance(title, str) else str(values[0])


def _widest(flat: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the bounds that hold for every one of several kinds of number."""
    found: dict[str, Any] = {}
    for key, choose in (("minimum", min), ("maximum", max)):
        bounds = [each.get(key) for each in flat]
        numbers = [b for b in bounds if isinstance(b, int | float) and not isinstance(b, bool)]
        if len(numbers) == len(bounds):
            found[key] = choose(numbers)
    return found


def _tidy(flat: dict[str, Any]) -> dict[str, Any]:
    kinds = flat.get("type")
    if isinstance(kinds, list):
        real = [word for word in kinds if word != "null"]
        if len(real) < len(kinds):
            flat["nullable"] = True
        flat["type"] = real[0] if len(real) == 1 else real
        if not real:
            del flat["type"]
    values = flat.get("enum")
    if isinstance(values, list) and None in values:
        flat["nullable"] = True
        flat["enum"] = [value for value in values if value is not None]
        for key in _LABELS:
            if len(listed(flat.get(key))) == len(values):
                flat[key] = [name for name, value in zip(flat[key], values, strict=True) if value is not None]
    return flat


_NARROWING: Final[dict[str, Any]] = {
    "minimum": max,
    "maximum": min,
    "exclusiveMinimum": max,
    "exclusiveMaximum": min,
}


def _merged(base: Mapping[str, Any], more: Mapping[str, Any], *, own: bool = False) -> dict[str, Any]:
    """Merge two flat parts that hold at once. What narrows is combined, else what comes later counts."""
    merged = {**base, **more}
    for key in base.keys() & more.keys():
        one, other = base[key], more[key]
        if key in _NARROWING and _is_number(one) and _is_number(other):
            merged[key] = _NARROWING[key](one, other)
        elif key == "enum" and isinstance(one, list) and isinstance(other, list):
            merged[key] = [value for value in one if any(is_same(value, each) for each in other)] or other
        elif key == "properties" and isinstance(one, Mapping) and isinstance(other, Mapping):
            merged[key] = {**one, **other}
        elif key in ("required", "allOf", "anyOf") and isinstance(one, list) and isinstance(other, list):
            merged[key] = [*one, *other]
    if own and "enum" in more:
        merged.pop(_OPEN, None)
    return merged


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _is_null(flat: Mapping[str, Any]) -> bool:
    if "const" in flat:
        return flat["const"] is None
    return flat.get("type") == "null" or (
        flat.keys() <= {"nullable", "enum"} and flat.get("nullable") is True
    )


def _at(root: Mapping[str, Any], reference: str) -> object:
    """Return what a reference into the schema leads to; None for one that leads out of it, or nowhere."""
    if not reference.startswith("#"):
        return None
    pointer = unquote(reference[1:])
    if pointer and not pointer.startswith("/"):
        homes = (_mapping(root.get(home)).values() for home in ("$defs", "definitions"))
        parts = (part for home in homes for part in home if isinstance(part, Mapping))
        named = (p for p in parts if p.get("$anchor") == pointer or p.get("$id") == f"#{pointer}")
        return next(named, None)
    place: Any = root
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(place, Mapping):
            place = place.get(name)
        elif isinstance(place, list) and name.isdecimal() and int(name) < len(place):
            place = place[int(name)]
        else:
            return None
    return place
