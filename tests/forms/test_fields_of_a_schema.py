"""Every row of the table, the eight ways in which rivals fail, and schemas that nobody should write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from skytells_nb.exceptions import InvalidInputError
from skytells_nb.forms import Rule, fields_from_schema
from skytells_nb.forms._fields import RULES, UNSET, Field, select_fields

CATALOGUE = Path(__file__).parents[2] / "skytells_nb/sandbox/catalogue.json"


def fields(properties: Any, **more: Any) -> dict[str, Field]:
    schema = {"type": "object", "properties": properties, **more}
    return {field.name: field for field in fields_from_schema(schema).fields}


def field(part: Any, name: str = "thing", **more: Any) -> Field:
    return fields({name: part}, **more)[name]


ROWS: list[tuple[str, str, Any, str]] = [
    ("fixed", "thing", {"const": "gpt-5"}, "fixed"),
    ("recursive", "thing", {"$ref": "#/properties/thing"}, "json"),
    ("secret", "openai_api_key", {"type": "string"}, "secret"),
    ("secret", "thing", {"type": "string", "format": "password"}, "secret"),
    ("secret", "thing", {"type": "string", "x-cog-secret": True}, "secret"),
    ("media", "thing", {"type": "string", "format": "uri"}, "media"),
    ("media", "start_image", {"type": "string"}, "media"),
    ("media", "audio_url", {"type": "string"}, "media"),
    ("media", "thing", {"type": "string", "ui": {"field": "video"}}, "media"),
    ("rows", "thing", {"type": "array", "items": {"type": "string", "format": "uri"}}, "rows"),
    ("rows", "thing", {"type": "array", "items": {"type": "object", "properties": {"x": {}}}}, "rows"),
    ("rows", "image_urls", {"type": "array", "items": {"type": "string"}}, "rows"),
    ("pairs", "thing", {"type": "object", "additionalProperties": {"type": "string"}}, "pairs"),
    ("places", "thing", {"type": "array", "prefixItems": [{"type": "integer"}] * 2}, "places"),
    ("places", "thing", {"type": "array", "items": [{"type": "integer"}, {"type": "string"}]}, "places"),
    ("choices", "thing", {"type": "array", "items": {"enum": ["a", "b"]}}, "choices"),
    ("lines", "thing", {"type": "array", "items": {"type": "string"}}, "lines"),
    ("group", "thing", {"type": "object", "properties": {"x": {"type": "integer"}}}, "group"),
    ("choice", "thing", {"type": "string", "enum": ["a", "b"]}, "choice"),
    ("choice", "thing", {"type": "boolean"}, "choice"),
    ("checkbox", "thing", {"type": "boolean", "default": False}, "checkbox"),
    ("seed", "seed", {"type": "integer", "minimum": 0, "maximum": 10}, "seed"),
    ("slider", "thing", {"type": "integer", "minimum": 1, "maximum": 50}, "slider"),
    ("slider", "thing", {"type": "number", "minimum": 0, "maximum": 1}, "slider"),
    ("number", "thing", {"type": "integer", "minimum": 1}, "number"),
    ("number", "thing", {"type": "integer", "minimum": 0, "maximum": 4294967295}, "number"),
    ("colour", "thing", {"type": "string", "format": "color"}, "colour"),
    ("prose", "prompt", {"type": "string"}, "prose"),
    ("prose", "negative_prompt", {"type": "string"}, "prose"),
    ("prose", "thing", {"type": "string", "maxLength": 500}, "prose"),
    ("suggestions", "thing", {"type": "string", "examples": ["a", "b"]}, "suggestions"),
    ("text", "thing", {"type": "string", "maxLength": 20}, "text"),
    ("json", "thing", {"type": "object"}, "json"),
    ("rows", "thing", {"type": "array", "items": {"type": "object"}}, "rows"),
    ("variants", "thing", {"anyOf": [{"type": "string"}, {"type": "object"}]}, "variants"),
    ("variants", "thing", {"type": ["string", "integer", "null"]}, "variants"),
    ("variants", "thing", {"anyOf": [{"type": "integer"}, {"const": "auto"}]}, "variants"),
]


@pytest.mark.parametrize(("rule", "name", "part", "kind"), ROWS)
def test_each_row_of_the_table_makes_its_field(rule: str, name: str, part: Any, kind: str):
    assert field(part, name).kind == kind


def test_no_row_of_the_table_is_without_a_test():
    assert {rule.name for rule in RULES} == {row[0] for row in ROWS}


class TestWhereRivalsFail:
    def test_steps_without_a_default_are_not_set_and_not_the_dearest(self):
        steps = field({"type": "integer", "minimum": 1, "maximum": 50}, "steps")
        assert (steps.kind, steps.default) == ("slider", UNSET)

    def test_an_optional_seed_is_not_zero(self):
        assert field({"type": "integer"}, "seed").default is UNSET

    def test_null_as_a_default_stays_unset(self):
        found = field({"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None})
        assert (found.kind, found.nullable, found.default) == ("number", True, UNSET)

    def test_an_enum_without_a_default_chooses_nothing(self):
        assert field({"type": "string", "enum": ["a", "b"]}).default is UNSET

    def test_an_optional_link_can_be_left_empty(self):
        assert field({"type": "string", "format": "uri"}).default is UNSET

    @pytest.mark.parametrize("home", ["definitions", "$defs", "components/schemas"])
    def test_an_enum_behind_all_of_and_a_reference_is_found(self, home: str):
        ratio = {"type": "string", "enum": ["1:1", "16:9"], "title": "AspectRatio"}
        part = {"allOf": [{"$ref": f"#/{home}/Ratio"}], "default": "16:9", "title": "Ratio"}
        place: dict[str, Any] = {"Ratio": ratio}
        for step in reversed(home.split("/")):
            place = {step: place}
        found = field(part, "ratio", **place)
        assert (found.kind, found.default, found.label) == ("choice", "16:9", "Ratio")
        assert [value for _, value in found.choices] == ["1:1", "16:9"]

    def test_a_list_of_types_and_no_type_at_all_are_understood(self):
        assert field({"type": ["string", "null"], "maxLength": 9}).nullable
        assert field({"type": ["string", "null"], "maxLength": 9}).kind == "text"
        assert field({"minimum": 0, "maximum": 1}).kind == "slider"
        assert field({"default": True}).kind == "checkbox"
        assert field({"enum": ["a", "b"]}).kind == "choice"
        assert field({"title": "Anything"}).kind == "json"

    def test_the_order_is_the_schemas_own(self):
        parts = {
            "beta": {"type": "string", "x-order": 2},
            "zeta": {"type": "string", "x-order": 1},
            "alpha": {"type": "string"},
        }
        assert list(fields(parts)) == ["zeta", "beta", "alpha"]
        for key in ("x-fal-order-properties", "propertyOrdering", "ui:order"):
            bare = {name: {"type": "string"} for name in parts}
            assert list(fields(bare, **{key: ["zeta", "alpha", "beta"]})) == ["zeta", "alpha", "beta"]


def test_the_prompt_comes_first_then_media_then_what_matters_then_the_rest():
    parts = {
        "cfg": {"type": "number", "minimum": 0, "maximum": 1, "x-order": 0},
        "strength": {"type": "number", "minimum": 0, "maximum": 1},
        "old": {"type": "string", "deprecated": True, "enum": ["a", "b"]},
        "aspect_ratio": {"type": "string", "enum": ["1:1", "4:3"]},
        "image": {"type": "string", "format": "uri"},
        "size": {"type": "string", "enum": ["s", "l"]},
        "prompt": {"type": "string", "x-order": 9},
        "plan": {"const": "free"},
        "inner": {"type": "string", "ui": {"hidden": True}, "default": "x"},
    }
    found = fields(parts, required=["prompt"])
    places = [(name, each.place) for name, each in found.items()]
    assert places[:4] == [
        ("prompt", "prompt"),
        ("image", "media"),
        ("aspect_ratio", "main"),
        ("size", "main"),
    ]
    assert {name for name, place in places if place == "advanced"} == {"cfg", "strength", "old"}
    assert {name for name, place in places if place == "hidden"} == {"plan", "inner"}
    assert found["plan"].default == "free"


def test_what_the_price_depends_on_is_never_advanced():
    parts = {f"p{n}": {"type": "boolean", "default": False} for n in range(9)}
    schema = {"properties": parts}
    assert {
        each.name for each in fields_from_schema(schema, important=["p7"]).fields if each.place == "main"
    } == {"p7"}


def test_choices_keep_their_types():
    found = field({"enum": [1, "1", 2.5, True, None]})
    assert found.nullable
    assert [value for _, value in found.choices] == [1, "1", 2.5, True]
    assert len({label for label, _ in found.choices}) == 4


def test_titled_constants_are_choices_with_labels():
    part = {"oneOf": [{"const": 1, "title": "Small"}, {"const": 2, "title": "Large"}, {"type": "null"}]}
    assert field(part).choices == (("Small", 1), ("Large", 2))


def test_an_open_enum_suggests_and_does_not_bind():
    part = {"anyOf": [{"type": "string", "enum": ["ada", "bob"]}, {"type": "string"}]}
    assert field(part).kind == "suggestions"


@pytest.mark.parametrize(
    ("part", "step"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 50}, 1),
        ({"type": "integer", "minimum": 256, "maximum": 2048}, 16),
        ({"type": "integer", "minimum": 64, "maximum": 1024, "multipleOf": 64}, 64),
        ({"type": "number", "minimum": 1, "maximum": 20}, 0.1),
        ({"type": "number", "minimum": 0, "maximum": 1}, 0.01),
        ({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 11}, 1),
    ],
)
def test_sliders_have_a_few_hundred_stops_at_most(part: Any, step: float):
    found = field(part)
    assert (found.kind, found.step) == ("slider", step)


@pytest.mark.parametrize(
    ("part", "remark"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 50, "default": 200}, "200"),
        ({"type": "string", "enum": ["a", "b"], "default": "c"}, "c"),
        ({"type": "integer", "default": "many"}, "many"),
    ],
)
def test_a_default_that_its_own_schema_refuses_is_left_to_the_model(part: Any, remark: str):
    found = field(part)
    assert found.default is UNSET
    assert found.help == f"Default {remark} is not an allowed value; not sent."


def test_an_example_is_a_hint_and_no_value():
    found = field({"type": "string", "maxLength": 50, "examples": ["a red fox"]})
    assert (found.placeholder, found.default) == ("a red fox", UNSET)


@pytest.mark.parametrize("schema", [None, [], "schema", {}, {"properties": {}}, {"properties": None}])
def test_a_schema_that_says_nothing_gives_one_field_for_everything(schema: Any):
    found = fields_from_schema(schema)
    assert [(each.name, each.kind) for each in found.fields] == [("", "whole")]
    assert "JSON" in found.note


@pytest.mark.parametrize(
    "part",
    [
        *(None, 7, [], True, False, {"type": 7}, {"type": []}, {"enum": []}, {"enum": "abc"}),
        *({"$ref": "#/nowhere"}, {"$ref": "https://elsewhere.example/schema.json"}, {"anyOf": []}),
        *({"items": 3, "type": "array"}, {"type": "integer", "minimum": "low"}, {"title": ["a"]}),
        *({"type": "number", "minimum": 5, "maximum": 1}, {"properties": 3, "type": "object"}),
        {"type": "string", "examples": {"a": 1}},
    ],
)
def test_nonsense_becomes_some_field_and_never_an_exception(part: Any):
    assert field(part).kind


def test_a_schema_that_contains_itself_ends():
    node: dict[str, Any] = {"type": "object", "properties": {"name": {"type": "string"}}}
    node["properties"]["child"] = {"$ref": "#/properties/node"}
    group = field(node, "node")
    assert group.kind == "group"
    kinds = {}
    while group.fields:
        kinds = {each.name: each.kind for each in group.fields}
        group = next((each for each in group.fields if each.kind == "group"), Field(name="", kind=""))
    assert kinds["child"] == "json"


def test_an_object_that_holds_itself_ten_times_ends():
    node: dict[str, Any] = {"type": "object", "properties": {"name": {"type": "string"}}}
    node["properties"] |= {f"child_{n}": {"$ref": "#/properties/node"} for n in range(10)}
    value: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {}}]}
    value["anyOf"][1]["items"] = {"anyOf": [{"$ref": "#/properties/value"}, {"$ref": "#/properties/node"}]}
    found = fields({"node": node, "value": value, "last": {"type": "boolean", "default": True}})
    assert (found["node"].kind, found["last"].kind) == ("group", "checkbox")


def test_two_hundred_properties_are_read():
    found = fields({f"p{n}": {"type": "integer", "minimum": 0, "maximum": 9} for n in range(200)})
    assert len(found) == 200


def test_a_rule_of_ones_own_comes_first():
    mood = Rule(
        "mood", lambda p: p.name == "mood", lambda p: p.field("suggestions", choices=(("calm", "calm"),))
    )
    broken = Rule("broken", lambda p: 1 / 0 > 1, lambda p: p.field("text"))
    schema = {"properties": {"mood": {"type": "string"}, "other": {"type": "boolean", "default": True}}}
    found = {each.name: each.kind for each in fields_from_schema(schema, rules=[broken, mood]).fields}
    assert found == {"mood": "suggestions", "other": "checkbox"}


def test_fields_can_be_chosen_and_misspelt_ones_are_named():
    all_fields = list(fields({"a": {"type": "string"}, "beta": {"type": "string"}}).values())
    assert [(each.name, each.place) for each in select_fields(all_fields, ["beta"])] == [
        ("beta", "main"),
        ("a", "hidden"),
    ]
    with pytest.raises(InvalidInputError, match=r"'bta'\. Did you mean 'beta'"):
        select_fields(all_fields, ["bta"])


def test_every_model_of_the_sandbox_has_a_form_without_a_guess():
    for entry in json.loads(CATALOGUE.read_text("utf-8"))["models"]:
        schema = entry["model"]["input_schema"]
        for each in fields_from_schema(schema).fields:
            stated = schema["properties"][each.name]
            assert each.default in (UNSET, stated.get("default"), (stated.get("enum") or [UNSET])[0])
            assert each.kind != "json" or each.name == "messages"
