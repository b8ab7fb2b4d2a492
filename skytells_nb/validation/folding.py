"""One plain property of whatever a schema says in roundabout ways: references, alternatives, type lists.

What schemas of generative models really hold is folded flat: ``$ref`` into ``definitions``, ``$defs`` or
``components``, enums behind ``allOf``, null among ``anyOf``, ``type`` as a list or missing. Nothing here
raises; what cannot be folded is left as it is, and becomes a JSON field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["fold", "types_of"]

_OPEN: Final = "x-open"
_STRING_KEYS: Final = frozenset({"minLength", "maxLength", "pattern", "format", "contentMediaType"})
_NUMBER_KEYS: Final = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})


def fold(part: object, root: Mapping[str, Any], seen: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Fold one property into a flat one.

    Parameters
    ----------
    part : object
        The property as the schema has it; also one that is no object.
    root : mapping
        The whole schema, for references into it.
    seen : frozenset of str
        References on the way here, so that one that leads back to itself ends.

    Returns
    -------
    dict
        With ``nullable`` True where null is allowed, ``type`` without null (a word, a list of several, or
        missing where nothing tells), and ``x-recursive`` where a reference leads back to itself.

    Examples
    --------
    >>> from skytells_nb.validation.folding import fold
    >>> root = {"definitions": {"Ratio": {"type": "string", "enum": ["1:1", "16:9"]}}}
    >>> fold({"allOf": [{"$ref": "#/definitions/Ratio"}], "default": "1:1"}, root)
    {'type': 'string', 'enum': ['1:1', '16:9'], 'default': '1:1'}
    """
    if not isinstance(part, Mapping):
        return {} if part is True else {"x-odd": True}
    own = {key: value for key, value in part.items() if key not in ("$ref", "allOf", "anyOf", "oneOf")}
    folded: dict[str, Any] = {}
    reference = part.get("$ref")
    if isinstance(reference, str):
        if reference in seen or len(seen) > 20:
            return {**own, "x-recursive": reference}
        folded = fold(_at(root, reference), root, seen | {reference})
    for piece in _list(part.get("allOf")):
        folded = _merged(folded, fold(piece, root, seen))
    for key in ("anyOf", "oneOf"):
        if isinstance(part.get(key), list):
            folded = _merged(folded, _alternatives(part[key], root, seen))
    return _normal(_merged(folded, own))


def types_of(folded: Mapping[str, Any]) -> frozenset[str]:
    """Give the JSON types a folded property may have; told from its other keywords where it does not say."""
    stated = folded.get("type")
    found = {stated} if isinstance(stated, str) else {word for word in _list(stated) if isinstance(word, str)}
    if found == {"integer", "number"}:
        return frozenset({"number"})
    if found or folded.get("anyOf") or "x-recursive" in folded:
        return frozenset(found)
    if isinstance(folded.get("enum"), list):
        return frozenset()
    if isinstance(folded.get("properties"), Mapping):
        return frozenset({"object"})
    if "items" in folded:
        return frozenset({"array"})
    if _NUMBER_KEYS & folded.keys():
        return frozenset({"number"})
    if _STRING_KEYS & folded.keys():
        return frozenset({"string"})
    return frozenset(_type_of_value(folded.get("default")))


def _alternatives(given: Sequence[object], root: Mapping[str, Any], seen: frozenset[str]) -> dict[str, Any]:
    folded = [fold(each, root, seen) for each in given]
    rest = [each for each in folded if not _is_null(each)]
    null: dict[str, Any] = {"nullable": True} if len(rest) < len(folded) else {}
    if not rest:
        return null
    if len(rest) == 1:
        return {**rest[0], **null}
    if all("const" in each for each in rest):
        labels = [each.get("title", each["const"]) for each in rest]
        return {"enum": [each["const"] for each in rest], "x-enum-labels": labels, **null}
    types = frozenset[str]().union(*(types_of(each) for each in rest))
    listed = [each["enum"] for each in rest if isinstance(each.get("enum"), list)]
    if listed and types <= {"string"}:
        if len(listed) == len(rest):
            return {"type": "string", "enum": [value for values in listed for value in values], **null}
        return {"type": "string", "examples": listed[0], _OPEN: True, **null}
    if types == {"string"} and all("enum" not in each for each in rest):
        return {**rest[-1], **rest[0], **null}
    if types and types <= {"integer", "number"}:
        return {"type": "number", **null}
    return {"anyOf": list(given), **null}


def _normal(folded: dict[str, Any]) -> dict[str, Any]:
    kinds = folded.get("type")
    if isinstance(kinds, list):
        real = [word for word in kinds if word != "null"]
        if len(real) < len(kinds):
            folded["nullable"] = True
        folded["type"] = real[0] if len(real) == 1 else real
        if not real:
            del folded["type"]
    listed = folded.get("enum")
    if isinstance(listed, list) and None in listed:
        folded["enum"] = [value for value in listed if value is not None]
        folded["nullable"] = True
    if "nullable" in folded and folded["nullable"] is not True:
        del folded["nullable"]
    return folded


def _merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**base, **more}
    if isinstance(base.get("properties"), Mapping) and isinstance(more.get("properties"), Mapping):
        merged["properties"] = {**base["properties"], **more["properties"]}
    if isinstance(base.get("required"), list) and isinstance(more.get("required"), list):
        merged["required"] = [*base["required"], *more["required"]]
    return merged


def _is_null(folded: Mapping[str, Any]) -> bool:
    return folded.get("type") == "null" or ("const" in folded and folded["const"] is None)


def _at(root: Mapping[str, Any], reference: str) -> object:
    if not reference.startswith("#"):
        return None
    place: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if name:
            place = place.get(name) if isinstance(place, Mapping) else None
    return place


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _type_of_value(value: object) -> tuple[str, ...]:
    for kind, word in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string")):
        if isinstance(value, kind):
            return (word,)
    return ("array",) if isinstance(value, list) else ("object",) if isinstance(value, Mapping) else ()
