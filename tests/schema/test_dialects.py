"""However a schema is written, form, card, estimate and check say the same of it."""

from __future__ import annotations

from typing import Any

import pytest

from skytells_nb.display import input_rows
from skytells_nb.forms._fields import fields_from_schema
from skytells_nb.models import Model
from skytells_nb.pricing import estimate
from skytells_nb.schema import check, parse

LENGTHS = {"type": "integer", "enum": [4, 6, 8]}
CONSTANTS = [{"const": 4, "title": "short"}, {"const": 6, "title": "middle"}, {"const": 8, "title": "long"}]


def under(part: Any, **more: Any) -> dict[str, Any]:
    """A schema whose ``duration`` is this part."""
    properties = {"prompt": {"type": "string"}, "duration": part}
    return {"type": "object", "required": ["prompt"], "properties": properties, **more}


def beside(**more: Any) -> dict[str, Any]:
    """A schema of a prompt, with the ``duration`` somewhere beside its properties."""
    return {"type": "object", "required": ["prompt"], "properties": {"prompt": {"type": "string"}}, **more}


def when(mode: str, *lengths: int) -> dict[str, Any]:
    return {
        "if": {"properties": {"mode": {"const": mode}}, "required": ["mode"]},
        "then": {"properties": {"duration": {"type": "integer", "enum": list(lengths)}}},
    }


DIALECTS = {
    "direct": under(LENGTHS),
    "$ref": under({"$ref": "#/$defs/Length"}, **{"$defs": {"Length": LENGTHS}}),
    "$ref to definitions": under({"$ref": "#/definitions/Length"}, definitions={"Length": LENGTHS}),
    "$ref to components": under(
        {"$ref": "#/components/schemas/Length"}, components={"schemas": {"Length": LENGTHS}}
    ),
    "$ref with ~1": under({"$ref": "#/$defs/video~1length"}, **{"$defs": {"video/length": LENGTHS}}),
    "$ref with %": under({"$ref": "#/%24defs/a%20b"}, **{"$defs": {"a b": LENGTHS}}),
    "$ref to an anchor": under({"$ref": "#len"}, **{"$defs": {"L": {"$anchor": "len", **LENGTHS}}}),
    "$ref after $ref": under({"$ref": "#/$defs/A"}, **{"$defs": {"A": {"$ref": "#/$defs/B"}, "B": LENGTHS}}),
    "allOf": under({"allOf": [{"$ref": "#/$defs/Length"}], "title": "L"}, **{"$defs": {"Length": LENGTHS}}),
    "allOf that narrows": under({"allOf": [{"type": "integer", "enum": [2, 4, 6, 8, 10]}, LENGTHS]}),
    "anyOf with null": under({"anyOf": [LENGTHS, {"type": "null"}]}),
    "anyOf of $ref with null": under(
        {"anyOf": [{"$ref": "#/$defs/Length"}, {"type": "null"}], "default": None},
        **{"$defs": {"Length": LENGTHS}},
    ),
    "oneOf of constants": under({"oneOf": CONSTANTS}),
    "anyOf of constants and null": under({"anyOf": [*CONSTANTS, {"type": "null"}], "type": "integer"}),
    "oneOf of lists of one": under({"oneOf": [{"enum": [4]}, {"enum": [6]}, {"enum": [8]}]}),
    "anyOf of two lists": under({"anyOf": [{"enum": [4, 6]}, {"type": "integer", "enum": [8]}]}),
    "a list of types": under({"type": ["integer", "null"], "enum": [4, 6, 8, None]}),
    "nullable": under({**LENGTHS, "nullable": True}),
    "nullable $ref": under({"$ref": "#/$defs/L", "nullable": True}, **{"$defs": {"L": LENGTHS}}),
    "enumNames": under({**LENGTHS, "enumNames": ["short", "middle", "long"]}),
    "upper case": under({"type": "INTEGER", "enum": [4, 6, 8]}),
    "without a type": under({"enum": [4, 6, 8]}),
    "allOf at the root": beside(allOf=[{"properties": {"duration": LENGTHS}}]),
    "$ref at the root": {
        "$ref": "#/$defs/Input",
        "$defs": {"Input": under({"$ref": "#/$defs/L"}), "L": LENGTHS},
    },
    "oneOf at the root": beside(oneOf=[{"properties": {"duration": LENGTHS}}, {"properties": {"seed": {}}}]),
    "anyOf at the root": beside(
        anyOf=[
            {"properties": {"duration": {"enum": [4, 6]}}, "required": ["duration"]},
            {"properties": {"duration": {"enum": [8]}}, "required": ["duration"]},
        ]
    ),
    "if and then": beside(**when("a", 4, 6, 8)),
    "several ifs": beside(allOf=[when("a", 4, 6), when("b", 6, 8)]),
    "dependencies of draft 7": beside(dependencies={"prompt": {"properties": {"duration": LENGTHS}}}),
    "dependentSchemas": beside(dependentSchemas={"prompt": {"properties": {"duration": LENGTHS}}}),
    "beside a tuple and a property without a name": {
        "required": ["prompt"],
        "properties": {
            "": {"type": "string"},
            "prompt": {"type": "string"},
            "duration": LENGTHS,
            "area": {"type": "array", "items": [{"type": "integer"}, {"type": "integer"}]},
        },
    },
}


@pytest.mark.parametrize("schema", DIALECTS.values(), ids=DIALECTS)
def test_every_dialect_says_the_same_to_everybody(schema: dict[str, Any]):
    model = Model.from_api(
        {
            "namespace": "m",
            "pricing": {"amount": 1, "unit": "second", "currency": "USD"},
            "input_schema": schema,
        }
    )
    field = {each.name: each for each in fields_from_schema(schema).fields}["duration"]
    assert field.kind == "choice"
    assert [value for _, value in field.choices] == [4, 6, 8]

    card = {row.name: row for row in input_rows(model)}
    assert card["duration"].limits == "4, 6, 8"
    assert card["prompt"].required

    expected = estimate(model, {"prompt": "waves"})
    assert (expected.low, expected.high) == (4, 8), expected

    assert check({"prompt": "waves", "duration": 8}, schema) == {}
    wrong = check({"prompt": "waves", "duration": 5, "mode": "a"}, {**schema, "additionalProperties": True})
    if schema is DIALECTS["oneOf at the root"]:  # whose other variant lets any duration pass
        assert wrong == {}
    else:
        assert "4, 6" in wrong.get("duration", "") or "8" in wrong["duration"]

    assert check({"duration": 4}, schema) == {"prompt": "This is needed."}


def test_titles_are_kept_beside_the_values():
    for part in (
        {"oneOf": CONSTANTS},
        {**LENGTHS, "enumNames": ["short", "middle", "long"]},
        {"enum": [4, None, 6, 8], "enumNames": ["short", "none", "middle", "long"]},
    ):
        choices = parse(under(part))["duration"].choices
        assert [tuple(each) for each in choices] == [("short", 4), ("middle", 6), ("long", 8)]


def test_what_narrows_is_combined():
    part = {"allOf": [{"minimum": 1, "maximum": 60}, {"minimum": 4, "maximum": 100}], "type": "integer"}
    assert parse(under(part))["duration"].bounds == (4, 60)
    part = {
        "anyOf": [
            {"type": "integer", "minimum": 2, "maximum": 6},
            {"type": "number", "minimum": 1, "maximum": 5},
        ]
    }
    assert parse(under(part))["duration"].bounds == (1, 6)


def test_two_conditions_do_not_hide_one_another():
    schema = beside(
        allOf=[
            {**when("a", 4), "then": {"required": ["width"]}},
            {**when("b", 4), "then": {"required": ["height"]}},
        ]
    )
    schema["properties"] |= {"mode": {"enum": ["a", "b"]}, "width": {"type": "integer"}, "height": {}}
    fox = {"prompt": "a fox"}
    assert check({**fox, "mode": "a"}, schema) == {"width": "This is needed."}
    assert check({**fox, "mode": "b"}, schema) == {"height": "This is needed."}
    assert check({**fox, "mode": "b", "height": 1}, schema) == {}


def test_a_variant_of_the_whole_says_what_one_of_them_needs():
    schema = {
        "properties": {"seed": {"type": "integer"}},
        "oneOf": [
            {"properties": {"prompt": {"type": "string"}}, "required": ["prompt"]},
            {"properties": {"image": {"type": "string", "format": "uri"}}, "required": ["image"]},
        ],
    }
    assert list(parse(schema)) == ["seed", "prompt", "image"]
    assert check({"seed": 1}, schema) == {"": "One of prompt, image is needed."}
    assert check({"prompt": "a fox", "seed": 1}, schema) == {}


def test_a_tuple_has_a_property_for_each_place():
    part = {"type": "array", "items": [{"type": "integer"}, {"type": "string"}], "additionalItems": False}
    field = parse({"properties": {"pair": part}})["pair"]
    assert [each.kind for each in field.positions] == ["integer", "string"]
    assert check({"pair": [1, "a"]}, {"properties": {"pair": part}}) == {}
    assert check({"pair": ["a", 1]}, {"properties": {"pair": part}}) == {
        "pair": "[0]: This takes a whole number, not a."
    }


def test_a_preset_or_an_object_has_two_variants():
    part = {
        "anyOf": [
            {"type": "string", "enum": ["square", "wide"]},
            {"type": "object", "properties": {"width": {"type": "integer"}, "height": {"type": "integer"}}},
        ]
    }
    preset, free = parse({"properties": {"size": part}})["size"].variants
    assert preset.enum == ["square", "wide"]
    assert [each.name for each in free.properties] == ["width", "height"]
