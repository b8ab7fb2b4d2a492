"""Whatever the schema and whatever the value: a form gives back what was set, and typing changes one key."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skytells_nb.forms import fields_from_schema
from skytells_nb.forms._fieldset import Fieldset
from skytells_nb.forms._views import Layouts
from skytells_nb.schema import Checker

NAMES = st.sampled_from(
    ["prompt", "image", "seed", "width", "tags", "camera", "frames", "api_key", "", "a b"]
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["\n\n", " edge ", "[1]", "a\u2028b"]
)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
BOUNDS = st.fixed_dictionaries(
    {}, optional={"minimum": NUMBERS, "maximum": NUMBERS, "multipleOf": NUMBERS, "default": VALUES}
)
STRINGS = st.fixed_dictionaries(
    {"type": st.just("string")},
    optional={
        "format": st.sampled_from(["uri", "color", "password", "binary"]),
        "maxLength": st.integers(1, 400),
        "default": VALUES,
        "examples": st.lists(TEXTS, max_size=3),
        "enum": st.lists(SCALARS, min_size=1, max_size=4),
    },
)
LEAVES = st.one_of(
    STRINGS,
    BOUNDS.map(lambda part: {"type": "integer", **part}),
    BOUNDS.map(lambda part: {"type": "number", **part}),
    st.fixed_dictionaries({"type": st.just("boolean")}, optional={"default": VALUES}),
    st.fixed_dictionaries({"enum": st.lists(SCALARS, min_size=1, max_size=8)}),
    st.fixed_dictionaries({"const": SCALARS}),
    st.fixed_dictionaries(
        {"type": st.lists(st.sampled_from(["string", "integer", "null", "ARRAY"]), min_size=1)}
    ),
    st.just({}),
)


def composed(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(lambda parts: {"type": "array", "prefixItems": parts}, several),
        st.builds(lambda parts: {"anyOf": [*parts, {"type": "null"}]}, several),
        st.builds(lambda parts: {"oneOf": parts, "default": None}, several),
        st.builds(lambda part: {"allOf": [part], "title": "T"}, inner),
        objects(inner),
    )


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(NAMES, inner, min_size=1, max_size=4)},
        optional={
            "required": st.lists(NAMES, max_size=2),
            "default": VALUES,
            "if": st.fixed_dictionaries({"properties": st.dictionaries(NAMES, inner, max_size=1)}),
            "then": st.fixed_dictionaries({"properties": st.dictionaries(NAMES, inner, max_size=1)}),
        },
    )


SCHEMAS = objects(st.recursive(LEAVES, composed, max_leaves=6))
INPUTS = st.dictionaries(NAMES | st.text(max_size=3), VALUES, max_size=5)
OFTEN = settings(max_examples=40, suppress_health_check=list(HealthCheck))


def fieldset_of(schema: Any) -> Fieldset:
    checker = Checker(schema)
    fields = fields_from_schema(schema).fields
    return Fieldset(
        fields,
        Layouts(),
        lambda: None,
        lambda field, value: field.source is None or checker.applies(field.source, value),
    )


@OFTEN
@given(SCHEMAS, INPUTS)
def test_what_is_set_is_given_back(schema: Any, input: dict[str, Any]):
    fieldset = fieldset_of(schema)
    untouched = fieldset.value
    fieldset.show(input)
    assert fieldset.value == {**untouched, **input}
    assert json.dumps(fieldset.value, sort_keys=True) == json.dumps({**untouched, **input}, sort_keys=True)
    fieldset.show({})
    assert fieldset.value == untouched


@OFTEN
@given(SCHEMAS, INPUTS, TEXTS)
def test_what_is_typed_replaces_one_key(schema: Any, input: dict[str, Any], typed: str):
    fieldset = fieldset_of(schema)
    fieldset.show(input)
    before = fieldset.value
    for name, control in fieldset._controls.items():
        if control.field.kind in ("text", "prose") and name in fieldset._shown:
            control.box.value = typed + "!"  # type: ignore[attr-defined]
            after = fieldset.value
            assert after[name] == typed + "!"
            kept = set(before) - {name}
            assert all(after[other] == before[other] for other in kept & set(after))
            conditional = {each.name for each in fieldset.fields if each.source and each.source.conditions}
            assert kept - set(after) <= conditional
            return


@OFTEN
@given(SCHEMAS)
def test_left_alone_only_what_is_needed_is_sent(schema: Any):
    fieldset = fieldset_of(schema)
    assert set(fieldset.value) <= {field.name for field in fieldset.fields if field.required}
