"""Inputs against schemas, odd ones too."""

import pytest

from skytells_nb.validation import problems

SCHEMA = {
    "type": "object",
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string", "maxLength": 20},
        "width": {"type": "integer", "maximum": 2048},
        "seed": {"type": "integer", "nullable": True},
        "size": {"allOf": [{"$ref": "#/definitions/size"}]},
    },
    "definitions": {"size": {"enum": ["s", "l"]}},
}


def test_a_good_input_has_no_problem():
    assert problems({"prompt": "a fox", "width": 512, "seed": None, "size": "s", "unknown": 1}, SCHEMA) == {}


def test_every_problem_stands_under_its_field():
    found = problems({"width": 4096, "seed": "x", "size": "m"}, SCHEMA)
    assert sorted(found) == ["prompt", "seed", "size", "width"]
    assert found["prompt"] == "is missing"


def test_a_long_value_is_not_repeated_whole():
    assert len(problems({"prompt": "x" * 100_000}, SCHEMA)["prompt"]) < 250


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {},
        [],
        "schema",
        {"properties": {"a": {"$ref": "#/nowhere"}}},
        {"properties": {"a": {"type": "strange"}}},
        {"$ref": "#"},
        {"properties": {"a": {"$ref": "https://example.org/schema.json"}}},
    ],
)
def test_a_schema_that_cannot_be_understood_leaves_the_word_to_the_api(schema):
    assert problems({"a": 1}, schema) == {}
