"""Schemas in the shapes of public hosts: a control for everything, and every value comes back as it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import skytells_nb as sky
from skytells_nb.forms import Field, PromptForm, fields_from_schema
from skytells_nb.forms._controls import Control
from skytells_nb.forms._fieldset import Group, Places, RowList, Variants
from skytells_nb.schema import check

from .schemas import EXAMPLES, URL, Example

FormOf = Callable[..., PromptForm]


def inside(field: Field) -> Iterator[Field]:
    """Give a field and all that lies in it."""
    yield field
    for each in (*field.fields, *([field.item] if field.item else [])):
        yield from inside(each)


def controls(form: PromptForm) -> Iterator[Control]:
    """Give every control that is shown, also those in others."""
    waiting = list(form.fieldset._controls.values())
    while waiting:
        control = waiting.pop()
        yield control
        if isinstance(control, Group):
            waiting += control.fieldset._controls.values()
        elif isinstance(control, Variants):
            waiting.append(control.control)
        elif isinstance(control, RowList | Places):
            waiting += control.controls


def test_there_are_thirty():
    assert len(EXAMPLES) == 30
    assert {name.partition(",")[0] for name in EXAMPLES} >= {
        *("image", "edit", "video", "speech", "music", "transcription", "chat", "training")
    }


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_there_is_a_control_for_everything(example: Example):
    fields = fields_from_schema(example.schema).fields
    kinds = {each.name: each.kind for field in fields for each in inside(field)}
    assert not {"json", "whole"} & set(kinds.values()), kinds


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_an_input_is_taken_shown_and_given_back(form_of: FormOf, example: Example):
    assert check(example.input, example.schema) == {}
    form = form_of(example.schema)
    form.value = example.input
    assert form.value == example.input
    assert form.errors == {}
    assert [control.remark for control in controls(form) if control.remark.startswith("Set to")] == []
    assert form.fieldset.unknown == []
    assert set(example.input) <= form.fieldset._shown | {
        field.name for field in form.fieldset.fields if field.place == "hidden"
    }


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_showing_an_input_changes_nothing_when_a_neighbour_is_typed_into(form_of: FormOf, example: Example):
    """What is typed replaces one key: the others are not read back out of their controls."""
    form = form_of(example.schema)
    form.value = {**example.input, "unheard_of": [1]}
    for name, control in list(form.fieldset._controls.items()):
        if control.field.kind in ("prose", "text"):
            control.box.value = "typed"
            assert form.value == {**example.input, "unheard_of": [1], name: "typed"}
            break


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_left_alone_nothing_is_sent(form_of: FormOf, example: Example):
    form = form_of(example.schema)
    needed = example.schema.get("required", [])
    assert set(form.value) <= set(needed)
    assert json.loads(json.dumps(form.value)) == form.value


def test_what_is_typed_into_rows_groups_and_variants_is_what_is_sent(form_of: FormOf):
    form = form_of(EXAMPLES["image, a preset or an object"].schema)
    loras: Any = form.fieldset._controls["loras"]
    loras.more.click()
    assert form.value["loras"] == [{}]
    assert "path" in form.errors["loras"]
    loras.controls[0].fieldset._controls["path"].box.value = "a.safetensors"
    size: Any = form.fieldset._controls["image_size"]
    assert [label for label, _ in size.chooser.options] == ["Custom", "Preset"]
    size.chooser.value = 0
    assert form.value["image_size"] == {}, "what was chosen is sent, else the preset would be taken"
    size.control.fieldset._controls["width"].box.value = "640"
    assert form.value == {"loras": [{"path": "a.safetensors"}], "image_size": {"width": 640}}
    size.chooser.value = 1
    assert form.value["image_size"] == "square_hd"
    size.control.widget.value = 1
    assert form.value["image_size"] == "portrait_4_3"
    loras.remove(0)
    assert form.value == {"loras": [], "image_size": "portrait_4_3"}


BY_FACTOR: dict[str, Any] = {
    "required": ["mode"],
    "properties": {"mode": {"const": "factor"}, "factor": {"enum": [2, 4, 8]}},
}
BY_SIZE: dict[str, Any] = {
    "properties": {
        "mode": {"enum": ["size"]},
        "width": {"type": "integer"},
        "height": {"type": "integer"},
    },
}


@pytest.mark.parametrize(
    "told",
    [None, {"oneOf": [BY_FACTOR, BY_SIZE]}, {"dependencies": {"mode": {"anyOf": [BY_FACTOR, BY_SIZE]}}}],
    ids=["if and then", "variants", "dependencies"],
)
def test_fields_appear_when_their_condition_holds_and_go_with_their_values(form_of: FormOf, told: Any):
    schema = EXAMPLES["upscale, conditions"].schema
    if told is not None:
        schema = {**{key: value for key, value in schema.items() if key != "allOf"}, **told}
    form = form_of(schema)
    assert {"factor"} == {"factor", "width", "height"} & form.fieldset._shown
    mode: Any = form.fieldset._controls["mode"]
    mode.widget.value = 1
    assert {"width", "height"} == {"factor", "width", "height"} & form.fieldset._shown
    width: Any = form.fieldset._controls["width"]
    width.box.value = "4096"
    mode.widget.value = 0
    assert form.value == {"mode": "factor"}
    form.value = {"image": "https://a.example/b.png", "mode": "factor", "width": 5}
    assert form.value["width"] == 5
    assert "width" in form.fieldset._shown


def test_a_word_in_place_of_a_number_is_chosen(form_of: FormOf):
    form = form_of({"properties": {"bpm": {"anyOf": [{"type": "integer"}, {"const": "auto"}]}}})
    bpm: Any = form.fieldset._controls["bpm"]
    assert [label for label, _ in bpm.chooser.options] == ["Number", "auto"]
    bpm.chooser.value = 1
    assert form.value == {"bpm": "auto"}
    bpm.chooser.value = 0
    bpm.control.box.value = "90"
    assert form.value == {"bpm": 90}


def test_pairs_are_named_and_filled_in(form_of: FormOf):
    form = form_of(EXAMPLES["three, a mesh"].schema)
    pairs: Any = form.fieldset._controls["metadata"]
    pairs.more.click()
    assert "metadata" not in form.value
    pairs.controls[0].box.value = "me"
    assert form.errors["metadata"] == "Each value needs a name."
    pairs._names[0].value = "by"
    assert form.value["metadata"] == {"by": "me"}
    pairs.more.click()
    pairs._names[1].value, pairs.controls[1].box.value = "by", "you"
    assert form.errors["metadata"] == "A name stands here twice."
    pairs._names[1].value = "for"
    assert (form.errors.get("metadata"), form.value["metadata"]) == (None, {"by": "me", "for": "you"})
    pairs.remove(1)
    pairs.remove(0)
    assert "metadata" not in form.value


def test_a_default_that_is_refused_stops_nothing_where_it_is_needed(form_of: FormOf):
    part = {"enum": ["a", "b"], "default": "z"}
    form = form_of({"required": ["mode"], "properties": {"mode": part}})
    assert (form.value, form.errors) == ({"mode": "z"}, {})


def test_an_array_is_a_picture_and_no_trouble_elsewhere(form_of: FormOf):
    form = form_of({"properties": {"image": URL, "n": {"type": "integer"}}})
    form.value = {"image": np.zeros((20, 30, 3), np.uint8), "n": np.zeros((2, 2)), "odd": np.zeros((2, 2))}
    image: Any = form.fieldset._controls["image"]
    assert "A picture · 30 × 20" in image.preview.value
    assert set(form.changed_values) == {"image", "n", "odd"}
    assert (set(form.errors), form.fieldset.unknown) == ({"n", "odd"}, ["odd"])
    form.value = {}
    assert form.value == {}


def test_a_tuple_is_sent_when_all_of_it_is_there(form_of: FormOf):
    form = form_of(EXAMPLES["edit, a tuple of draft 7"].schema)
    size: Any = form.fieldset._controls["size"]
    size.controls[0].box.value = "1024"
    assert "size" not in form.value
    assert form.errors["size"] == "All 2 are needed."
    size.controls[1].box.value = "768"
    assert form.value["size"] == [1024, 768]


@pytest.mark.parametrize("prompt", ["雪中的红狐", "שועל אדום בשלג", "ثعلب أحمر في الثلج"])
def test_prompts_in_other_scripts_are_kept_and_written_as_they_are(client: sky.Client, prompt: str):
    form = PromptForm("truefusion-edge", client=client)
    form.value = {"prompt": prompt}
    assert prompt in form.code
    form.submit()
    made = form.wait(20)
    assert made is not None
    assert made.prompt == prompt
    bundle = form._repr_mimebundle_()
    assert bundle is not None
    assert prompt in bundle["text/html"]
    assert 'dir="auto"' in bundle["text/html"].replace("'", '"')
