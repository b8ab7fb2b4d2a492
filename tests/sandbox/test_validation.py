"""The schema checker, held against the jsonschema package on every schema of the catalogue."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from skytells_nb.sandbox._models import is_file_uri, schema_errors, standard_catalogue

SCHEMAS = {entry.slug: entry.input_schema for entry in standard_catalogue().values()}
FORMATS = FormatChecker(formats=())
FORMATS.checks("uri")(lambda value: not isinstance(value, str) or is_file_uri(value))


def plain(node):
    """Write ``nullable`` as JSON Schema knows it."""
    if isinstance(node, list):
        return [plain(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {name: plain(value) for name, value in node.items() if name != "nullable"}
    return {"anyOf": [{"type": "null"}, kept]} if node.get("nullable") else kept


JUDGES = {
    slug: Draft202012Validator(plain(schema), format_checker=FORMATS) for slug, schema in SCHEMAS.items()
}

links = st.sampled_from(
    ["http://a.test/b.png", "data:image/png;base64,AA", "fox.png", "ftp://a/b", "http://[", ""]
)
values = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([1.0, 512.0, 10**400, "1:1", "16:9", "720p", "gpt-5", "x" * 3600, 44100, 24, 24.0])
    | links
    | st.lists(links | st.integers(), max_size=12)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
)


def inputs(schema):
    names = st.sampled_from([*schema["properties"], "unknown"])
    return st.dictionaries(names, values, max_size=6) | values


@pytest.mark.parametrize("slug", SCHEMAS)
def test_it_judges_as_jsonschema_does(slug):
    @settings(max_examples=30)
    @given(value=inputs(SCHEMAS[slug]))
    def agree(value):
        assert (not any(schema_errors(SCHEMAS[slug], value))) is JUDGES[slug].is_valid(value)

    agree()


def keywords(schema):
    yield from schema
    for each in [*schema.get("properties", {}).values(), *schema.get("definitions", {}).values()]:
        yield from keywords(each)
    if "items" in schema:
        yield from keywords(schema["items"])


def test_it_knows_every_keyword_that_the_catalogue_uses():
    used = {keyword for schema in SCHEMAS.values() for keyword in keywords(schema)}
    silent = {"title", "description", "default", "x-order", "definitions"}
    limits = {"enum", "minimum", "maximum", "minLength", "maxLength", "maxItems", "format"}
    structure = {"type", "nullable", "properties", "required", "items", "allOf", "$ref"}
    assert used <= silent | limits | structure


def test_a_value_of_any_length_is_quoted_short():
    ((_, said),) = schema_errors({"properties": {"a": {"type": "string"}}}, {"a": list(range(1000))})
    assert len(said) < 120
    ((_, said),) = schema_errors({"properties": {"a": {"maximum": 3}}}, {"a": 10**5000})
    assert said == "a very long number is greater than the maximum of 3"
