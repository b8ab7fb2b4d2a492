"""A name that the model does not have is refused with the one that was meant."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from skytells_nb.exceptions import InvalidInputError, SkytellsWarning
from skytells_nb.models import Model
from skytells_nb.schema import as_text, check, closest_input, closest_model, is_count, parse, unknown_inputs

INPUTS = ["prompt", "width", "height", "seed", "number_of_images", "negative_prompt", "num_inference_steps"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("widht", "width"),
        ("sead", "seed"),
        ("promt", "prompt"),
        ("Prompt", "prompt"),
        ("numberOfImages", "number_of_images"),
        ("number-of-images", "number_of_images"),
        ("num_images", "number_of_images"),
        ("n", "number_of_images"),
        ("num_outputs", "number_of_images"),
        ("steps", "num_inference_steps"),
        ("negativ_prompt", "negative_prompt"),
        ("text", "prompt"),
        ("Unnamed: 0", None),
        ("webhook", None),
        ("note", None),
        ("", None),
        (7, None),
    ],
)
def test_the_nearest_name_is_found(name: Any, meant: str | None):
    assert closest_input(name, INPUTS) == meant


def test_counts_of_outputs_are_known_by_their_words():
    schema = parse({"properties": {"numberOfPictures": {"type": "integer"}, "num_frames": {}}})
    assert [is_count(field) for field in schema.values()] == [True, False]


def test_an_unknown_name_is_refused_with_what_was_meant():
    schema = {"properties": {"prompt": {"type": "string"}, "width": {"type": "integer"}}}
    assert check({"prompt": "x", "widht": 5}, schema) == {
        "widht": "This model has no input 'widht'. Did you mean 'width'?"
    }
    assert check({"Unnamed: 0": 1}, schema) == {
        "Unnamed: 0": "This model has no input 'Unnamed: 0'. It is the index of a CSV file: read that with "
        "index_col=0."
    }
    assert check({"cfg": 1, "zoom": 1}, schema) == {
        "cfg": "This model has no input 'cfg'. It has prompt, width.",
        "zoom": "This model has no input 'zoom'.",
    }


def test_a_misspelt_one_that_is_needed_is_said_once():
    schema = {"required": ["prompt"], "properties": {"prompt": {"type": "string"}, "seed": {}}}
    assert as_text(check({"promt": "a fox"}, schema)) == (
        "This model has no input 'promt'. Did you mean 'prompt'?"
    )


def test_a_misspelt_name_inside_an_object_is_refused_where_something_near_is_free():
    lora = {"properties": {"path": {"type": "string"}, "scale": {}}, "required": ["path"]}
    size = {"anyOf": [{"enum": ["wide"]}, {"properties": {"width": {"type": "integer"}}}]}
    schema = {"properties": {"loras": {"type": "array", "items": lora}, "size": size}}
    assert check({"loras": [{"path": "a"}, {"pth": "b"}], "size": {"widht": 5}}, schema) == {
        "loras": "[1] has no 'pth'. Did you mean 'path'?",
        "size": "This has no 'widht'. Did you mean 'width'?",
    }
    assert not check({"loras": [{"path": "a", "note": 1}]}, schema), "often described in part"
    lora["additionalProperties"] = {}
    assert not check({"loras": [{"path": "a", "scael": 1}]}, schema)


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {},
        {"type": "object"},
        {"properties": {"a": {}}, "additionalProperties": True},
        {"properties": {"a": {}}, "additionalProperties": {"type": "integer"}},
        {"properties": {"a": {}}, "patternProperties": {"^x": {}}},
    ],
)
def test_a_schema_that_takes_any_name_takes_this_one(schema: Any):
    assert check({"xyz": 1}, schema) == {}


def test_they_can_be_warned_of_or_sent():
    known, input = parse({"properties": {"width": {}}}), {"widht": 5}
    with pytest.warns(SkytellsWarning, match=r"Did you mean 'width'\? It is sent as it is"):
        assert unknown_inputs(known, input, policy="warn") == {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert unknown_inputs(known, input, policy="send") == {}
    assert set(unknown_inputs(known, input, policy="refuse")) == {"widht"}


MODELS = [
    Model(id="truefusion", name="TrueFusion"),
    Model(id="truefusion-pro", name="TrueFusion Pro"),
    Model(id="FLUX.2-pro", name="Flux 2 Pro"),
    Model(id="flux-pro", name="Flux 2 Pro"),
]


@pytest.mark.parametrize(
    ("name", "meant", "near"),
    [
        ("truefusion-pro", "truefusion-pro", "truefusion-pro"),
        ("TrueFusion Pro", "truefusion-pro", "truefusion-pro"),
        ("skytells/truefusion", "truefusion", "truefusion"),
        ("skytells/TrueFusion Pro", "truefusion-pro", "truefusion-pro"),
        ("flux.2-PRO ", None, None),
        ("truefusion-prro", None, "truefusion-pro"),
        ("TrueFusoin", None, "truefusion"),
        ("zebra", None, None),
    ],
)
def test_a_model_is_found_by_what_people_call_it(name: str, meant: str | None, near: str | None):
    if name.startswith("flux.2"):
        with pytest.raises(InvalidInputError, match="may be any of FLUX"):
            closest_model(name, MODELS)
        return
    found = closest_model(name, MODELS)
    assert [None if each is None else each.id for each in found] == [meant, near]
