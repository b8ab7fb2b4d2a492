"""What is wrong with an input is said before it is paid for, in words, under the right field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from skytells_nb.forms.checks import check

COMPLAINTS: list[tuple[Any, Any, str]] = [
    ({"type": "integer"}, "many", "This takes a whole number, not many."),
    ({"type": "integer", "minimum": 1}, 0, "At least 1, not 0."),
    ({"type": "integer", "maximum": 2048}, 99_999, "At most 2,048, not 99,999."),
    ({"type": "number", "exclusiveMinimum": 0}, 0, "More than 0, not 0."),
    ({"type": "number", "minimum": 0, "exclusiveMinimum": True}, 0, "More than 0, not 0."),
    ({"type": "integer", "multipleOf": 8}, 9, "A multiple of 8, not 9."),
    ({"enum": ["a", "b"]}, "c", "One of a, b, not c."),
    ({"type": "string", "maxLength": 3}, "four", "At most 3 characters; this has 4."),
    ({"type": "string", "pattern": "^a"}, "b", "This does not have the form ^a."),
    ({"type": "array", "minItems": 2}, [1], "At least 2 of them; there are 1."),
    ({"type": "integer", "nullable": True}, "x", "This takes a whole number, not x."),
    ({"type": "object", "properties": {"x": {"type": "integer"}}}, {"x": "y"}, "['x']: This takes a whole"),
    ({"type": "object", "required": ["x"]}, {}, "x needed."),
]


@pytest.mark.parametrize(("part", "value", "words"), COMPLAINTS)
def test_each_complaint_is_a_sentence(part: Any, value: Any, words: str):
    assert check({"properties": {"thing": part}}, {"thing": value})["thing"].startswith(words)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ({"type": "integer", "nullable": True}, None),
        ({"type": ["integer", "null"]}, None),
        ({"enum": ["a"], "nullable": True}, None),
        ({"type": "string", "format": "uri"}, Path("fox.png")),
        ({"type": "integer"}, 2**60),
        ({"$ref": "#/nowhere"}, 1),
        ({"$ref": "#/properties/thing"}, 1),
        ({"type": "no such type"}, 1),
        ({"type": "string", "pattern": "("}, "x"),
        (True, 1),
    ],
)
def test_what_is_allowed_or_cannot_be_judged_passes(part: Any, value: Any):
    assert check({"properties": {"thing": part}}, {"thing": value}) == {}


def test_what_is_missing_is_needed_and_what_is_unknown_passes_unless_forbidden():
    schema: dict[str, Any] = {"required": ["prompt", 7], "properties": {"prompt": {"type": "string"}}}
    assert check(schema, {"other": 1}) == {"prompt": "This is needed."}
    schema["additionalProperties"] = False
    assert check(schema, {"prompt": "x", "other": 1}) == {"": "This model takes no input 'other'."}


def test_conditions_on_the_whole_stand_under_no_field():
    schema = {"properties": {"a": {}, "b": {}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}
    assert set(check(schema, {})) == {""}
    assert check(schema, {"b": 1}) == {}


@pytest.mark.parametrize("schema", [None, [], 7, {}, {"properties": None}, {"required": "prompt"}])
def test_no_schema_allows_anything(schema: Any):
    assert check(schema, {"x": 1}) == {}
