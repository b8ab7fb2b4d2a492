"""A schema comes from the API: whatever it is, reading and checking it ends, and neither raises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skytells_nb.schema import check, parse

DEEP = 10_000


def nested(wrap: Any, innermost: Any) -> Any:
    part = innermost
    for _ in range(DEEP):
        part = wrap(part)
    return part


def doubling(key: str) -> dict[str, Any]:
    """References whose number doubles with every line."""
    parts = {f"d{n}": {key: [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(60)}
    return {"$defs": parts, "properties": {"a": {"$ref": "#/$defs/d0"}, "b": {"type": "integer"}}}


ENDLESS = {
    "anyOf in anyOf": {"properties": {"a": nested(lambda p: {"anyOf": [p, {"type": "null"}]}, {})}},
    "allOf in allOf": {"properties": {"a": nested(lambda p: {"allOf": [p]}, {})}},
    "objects in objects": nested(lambda p: {"type": "object", "properties": {"a": p}}, {}),
    "lists in lists": {"properties": {"a": nested(lambda p: {"type": "array", "items": p}, {})}},
    "conditions": nested(lambda p: {"if": {}, "then": p, "properties": {"a": {}}}, {}),
    "doubling allOf": doubling("allOf"),
    "doubling anyOf": doubling("anyOf"),
    "doubling oneOf": doubling("oneOf"),
    "itself": {"$ref": "#"},
    "itself twice": {"allOf": [{"$ref": "#"}, {"$ref": "#"}], "properties": {"a": {}}},
    "each other": {
        "properties": {"a": {"$ref": "#/$defs/x"}},
        "$defs": {"x": {"$ref": "#/$defs/y"}, "y": {"$ref": "#/$defs/x"}},
    },
    "a tree": {
        "properties": {"a": {"$ref": "#/$defs/t"}},
        "$defs": {"t": {"type": "object", "properties": {"a": {"$ref": "#/$defs/t"}}}},
    },
}


@pytest.mark.parametrize("schema", ENDLESS.values(), ids=ENDLESS)
def test_what_has_no_end_is_read_and_checked_to_one(schema: Any):
    known = parse(schema)
    for field in known.values():
        assert isinstance(repr(field), str)
        assert isinstance(field.choices, tuple)
        assert isinstance(field.properties, tuple)
        assert field.item is None or field.item.kind
    value: Any = 1
    for _ in range(200):
        value = {"a": value}
    assert isinstance(check(value, schema), dict)


def test_what_cannot_be_used_hides_nothing_beside_it():
    for odd in (
        {"$ref": "#/nowhere"},
        {"$ref": "https://elsewhere.example/schema.json"},
        {"type": "no such type"},
        {"pattern": "("},
        {"$ref": "#/properties/odd"},
        {"not": {"$ref": "#/nowhere"}},
        doubling("allOf")["properties"]["a"],
    ):
        schema = {"required": ["b", "c"], "properties": {"odd": odd, "b": {"maximum": 3}, "c": {}}}
        assert check({"odd": "x", "b": 4}, schema) == {"b": "At most 3, not 4.", "c": "This is needed."}


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "^(a|aa){1,}$", "a*a*a*a*a*a*b", "^([a-z]+.?)+$"])
def test_a_pattern_that_would_run_for_ever_is_left_to_the_api(pattern: str):
    schema = {"properties": {"a": {"type": "string", "pattern": pattern}}}
    assert check({"a": "a" * 5_000 + "!"}, schema) == {}


@pytest.mark.parametrize(("pattern", "bad"), [("^#([0-9a-f]{3}){1,2}$", "#12"), ("^[a-z ]+$", "A" * 900)])
def test_but_an_ordinary_one_is_checked(pattern: str, bad: str):
    schema = {"properties": {"a": {"type": "string", "pattern": pattern}}}
    assert check({"a": bad}, schema) == {"a": f"This does not have the form {pattern}."}


def test_many_inputs_are_read():
    schema = {
        "properties": {f"p{n}": {"anyOf": [{"type": "integer"}, {"type": "null"}]} for n in range(5_000)}
    }
    known = parse(schema)
    assert len(known) == 5_000
    assert known["p4999"].kind == "integer"
    assert check({"p1": "x"}, schema) == {"p1": "This takes a whole number, not x."}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [
        *(
            "type",
            "enum",
            "const",
            "default",
            "minimum",
            "exclusiveMaximum",
            "multipleOf",
            "items",
            "required",
        ),
        *("properties", "allOf", "anyOf", "oneOf", "$ref", "if", "then", "else", "dependencies", "nullable"),
        *("additionalProperties", "patternProperties", "enumNames", "format", "x-order", "title", "pattern"),
    ]
)
WORDS = st.sampled_from(
    ["integer", "STRING", "null", "array", "object", "#", "#/properties/a", "#/$defs/x", "a"]
)
PARTS = st.recursive(
    JSON | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.just("a"), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=100)
@given(
    schema=st.dictionaries(KEYS, PARTS, max_size=5),
    properties=st.dictionaries(st.sampled_from(["a", "b", ""]), PARTS, max_size=3),
    input=st.dictionaries(st.sampled_from(["a", "b", "c", ""]), JSON, max_size=3),
)
def test_any_json_at_all_is_read_and_checked(
    schema: dict[str, Any], properties: dict[str, Any], input: dict[str, Any]
):
    whole = {**schema, "properties": properties}
    for field in parse(whole).values():
        assert field.kind
        assert isinstance(field.title, str)
        assert isinstance(field.choices, tuple)
        assert len(field.bounds) == 2
        assert field.media in ("", "image", "audio", "video", "file")
        assert all(inner.kind for inner in (*field.properties, *field.positions, *field.variants))
    assert all(isinstance(words, str) and words for words in check(input, whole).values())


@pytest.mark.parametrize("key", ["anyOf", "oneOf"])
@pytest.mark.parametrize("variants", [[False], [False, False]])
def test_a_whole_input_that_nothing_can_meet_is_told_in_words(key: str, variants: list[bool]):
    assert check({}, {"type": "object", key: variants})[""]


def test_a_variant_that_nothing_can_meet_does_not_hide_what_the_others_need():
    variants = [False, {"required": ["prompt"]}]
    assert check({}, {"type": "object", "anyOf": variants}) == {"": "prompt is needed."}
