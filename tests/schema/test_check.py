"""What is wrong with an input is said before it is paid for, in words, under the right field."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from skytells_nb.schema import Checker, as_text, check

COMPLAINTS: list[tuple[Any, Any, str]] = [
    ({"type": "integer"}, "many", "This takes a whole number, not many."),
    ({"type": "integer", "minimum": 1}, 0, "At least 1, not 0."),
    ({"type": "integer", "maximum": 2048}, 99_999, "At most 2,048, not 99,999."),
    ({"type": "number", "exclusiveMinimum": 0}, 0, "More than 0, not 0."),
    ({"type": "number", "minimum": 0, "exclusiveMinimum": True}, 0, "More than 0, not 0."),
    ({"type": "integer", "multipleOf": 8}, 9, "A multiple of 8, not 9."),
    ({"type": "number", "multipleOf": 0.1}, 0.35, "A multiple of 0.1, not 0.35."),
    ({"enum": ["a", "b"]}, "c", "One of a, b, not c."),
    ({"type": "string", "maxLength": 3}, "four", "At most 3 characters; this has 4."),
    ({"type": "string", "pattern": "^a"}, "b", "This does not have the form ^a."),
    ({"type": "array", "minItems": 2}, [1], "At least 2 of them; there are 1."),
    ({"type": "integer", "nullable": True}, "x", "This takes a whole number, not x."),
    ({"type": "object", "properties": {"x": {"type": "integer"}}}, {"x": "y"}, "['x']: This takes a whole"),
    ({"type": "object", "required": ["x"]}, {}, "x needed."),
    ({"type": "string", "format": "date"}, "yesterday", "A date such as 2026-01-31, not yesterday."),
]


@pytest.mark.parametrize(("part", "value", "words"), COMPLAINTS)
def test_each_complaint_is_a_sentence(part: Any, value: Any, words: str):
    assert check({"thing": value}, {"properties": {"thing": part}})["thing"].startswith(words)


def test_of_what_a_one_of_names_one_is_given():
    """Other variants of a oneOf may both hold: a number that is an integer, too."""
    either = {"oneOf": [{"required": ["prompt"]}, {"required": ["image"]}]}
    schema = {"properties": {"prompt": {}, "image": {}, "source": {"type": "object", **either}}, **either}
    assert check({"prompt": "a fox"}, schema) == {}
    assert check({}, schema) == {"": "One of prompt, image is needed."}
    assert check({"prompt": "a fox", "image": "b"}, schema) == {"": "Only one of prompt, image can be given."}
    assert "source" in check({"prompt": "a", "source": {"prompt": "a", "image": "b"}}, schema)
    assert check({"x": 1}, {"properties": {"x": {"oneOf": [{"type": "number"}, {"type": "integer"}]}}}) == {}


def test_what_is_only_read_is_not_needed():
    assert check({}, {"properties": {"id": {"readOnly": True}}, "required": ["id"]}) == {}


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ({"type": "integer", "nullable": True}, None),
        ({"type": ["integer", "null"]}, None),
        ({"enum": ["a"], "nullable": True}, None),
        ({"type": "string", "format": "uri"}, Path("fox.png")),
        ({"type": "integer"}, 2**60),
        ({"type": "string", "format": "date-time"}, "2026-01-31T12:00:00.5Z"),
        ({"type": "string", "format": "color"}, "rebeccapurple"),
        ({"type": "number", "multipleOf": 0.1}, 0.3),
        ({"type": "number", "multipleOf": 0.05}, 0.15),
        ({"type": "number", "multipleOf": 0}, 1),
        ({"$ref": "#/nowhere"}, 1),
        ({"$ref": "#/properties/thing"}, 1),
        ({"type": "no such type"}, 1),
        ({"type": "string", "pattern": "("}, "x"),
        (True, 1),
    ],
)
def test_what_is_allowed_or_cannot_be_judged_passes(part: Any, value: Any):
    assert check({"thing": value}, {"properties": {"thing": part}}) == {}


def test_what_is_missing_is_needed_and_what_is_unknown_is_refused():
    schema: dict[str, Any] = {"required": ["prompt", 7], "properties": {"prompt": {"type": "string"}}}
    unknown = {"other": "This model has no input 'other'. It has prompt."}
    assert check({}, schema) == {"prompt": "This is needed."}
    assert check({"prompt": "x", "other": 1}, schema) == unknown
    assert check({"prompt": "x", "other": 1}, {**schema, "additionalProperties": True}) == {}


def test_conditions_on_the_whole_stand_under_no_field():
    schema = {"properties": {"a": {}, "b": {}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}
    assert set(check({}, schema)) == {""}
    assert check({"b": 1}, schema) == {}


def test_what_cannot_be_given_together_and_a_file_are_named_in_words(tmp_path: Path):
    schema = {"properties": {"a": {"type": "object"}, "b": {}}, "not": {"required": ["a", "b"]}}
    assert check({"t": "TRUE"}, {"properties": {"t": {"type": "boolean"}}}) == {
        "t": "This takes true or false, not 'TRUE'."
    }
    assert check({"a": tmp_path, "b": 1}, schema) == {
        "a": "This takes an object, not a file.",
        "": "a and b cannot be given together.",
    }


def test_of_objects_that_need_this_or_that_both_are_named():
    place = {"anyOf": [{"type": "object", "required": ["x"]}, {"type": "object", "required": ["w"]}]}
    assert check({"place": {}}, {"properties": {"place": place}}) == {"place": "One of x, w is needed."}


def test_a_condition_on_what_is_left_out_is_decided_by_the_default():
    mode = {"enum": ["text", "image"], "default": "text"}
    schema: dict[str, Any] = {"properties": {"mode": mode, "image": {}}}
    schema |= {"if": {"properties": {"mode": {"const": "image"}}}, "then": {"required": ["image"]}}
    assert check({}, schema) == {}, "without the default any mode would be an image's"
    assert check({"mode": "image"}, schema) == {"image": "This is needed."}
    del mode["default"]
    assert check({}, schema) == {"image": "This is needed."}


@pytest.mark.parametrize("schema", [None, [], 7, {}, {"properties": None}, {"required": "prompt"}])
def test_no_schema_allows_anything(schema: Any):
    assert check({"x": 1}, schema) == {}


def test_what_the_form_needs_besides_is_said_too():
    assert Checker({"required": ["prompt"]}, ["image"]).problems({}) == {
        "image": "This is needed.",
        "prompt": "This is needed.",
    }


def test_every_problem_stands_under_its_field_and_is_told_as_one_text():
    schema = {
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
    assert check({"prompt": "a fox", "width": 512, "seed": None, "size": "s"}, schema) == {}
    found = check({"width": 4096, "seed": "x", "size": "m"}, schema)
    assert as_text(found) == (
        "prompt: This is needed. width: At most 2,048, not 4,096. seed: This takes a whole number, not x. "
        "size: One of s, l, not m."
    )


@pytest.mark.parametrize("schema", [{"enum": ["a"]}, {"type": "integer"}, {"pattern": "^x"}, {"const": "a"}])
def test_a_long_value_is_not_repeated_whole(schema: dict[str, Any]):
    assert 0 < len(check({"prompt": "é" * 100_000}, {"properties": {"prompt": schema}})["prompt"]) < 250


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"$ref": "#/nowhere"}}},
        {"properties": {"a": {"type": "strange"}}},
        {"$ref": "#"},
    ],
)
def test_a_schema_that_cannot_be_understood_leaves_the_word_to_the_api(schema: Any):
    assert check({"a": 1}, schema) == {}


@pytest.mark.parametrize("place", ["part", "inside", "whole"])
def test_a_reference_out_of_the_schema_is_never_followed(place: str):
    """A schema comes from the API, and says nothing about which hosts are asked from here."""
    asked: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"type": "string"}')

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        link = {"$ref": f"http://127.0.0.1:{server.server_port}/schema.json"}
        schema: dict[str, Any] = {
            "part": {"properties": {"a": link}},
            "inside": {"properties": {"a": {"not": link}}},
            "whole": {"not": link},
        }[place]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # jsonschema's own warning would stop it before it asks
            assert check({"a": 1}, schema) == {}
        server.shutdown()
    assert asked == []


def test_no_grammars_are_built_for_a_format_that_is_not_checked():
    name = "rfc3987_syntax"
    assert importlib.util.find_spec(name), "it comes with JupyterLab"
    code = (
        "import sys\nsys.modules['rfc3987'] = None  # else preferred\n"
        "from skytells_nb.schema import check\n"
        "assert check({'a': 1}, {'properties': {'a': {'type': 'string'}}})\n"
        f"assert 'jsonschema' in sys.modules and not {{'lark', '{name}'}} & sys.modules.keys()\n"
        f"import {name}"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
