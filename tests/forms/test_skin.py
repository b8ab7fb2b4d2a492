"""The form as an anywidget: what its page is told, and what comes of what the page tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import skytells_nb as sky
from skytells_nb.forms import PromptForm

from .schemas import EXAMPLES

FormOf = Callable[..., PromptForm]

SCHEMA = {
    "type": "object",
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string"},
        "style": {"type": "string", "enum": ["ink", "oil"]},
        "layers": {
            "type": "array",
            "items": {"type": "string", "enum": ["a", "b", "c"]},
            "uniqueItems": True,
        },
        "seed": {"type": "integer", "maximum": 2**64},
        "guidance": {"type": "number", "minimum": 0, "maximum": 10},
        "upscale": {"type": "boolean", "default": False},
        "loras": {"type": "array", "items": {"type": "object", "properties": {"path": {"type": "string"}}}},
        "image": {"type": "string", "format": "uri"},
        "size": {
            "type": "object",
            "properties": {"width": {"type": "integer"}, "height": {"type": "integer"}},
        },
        "stop": {"type": "array", "items": {"type": "string"}},
    },
}


def tell(skin: Any, do: str, name: str = "", to: object = None) -> dict[str, Any]:
    """Send what the page would, and return what it is told then."""
    skin._handle_custom_msg({"do": do, "name": name, "to": to}, [])
    return dict(skin.view)


def test_what_is_typed_is_the_forms_value_with_its_types(form_of: FormOf):
    form = form_of(SCHEMA)
    skin = form.as_anywidget()
    typed = {"prompt": "a fox", "style": [1], "layers": [0, 2], "seed": str(2**63), "guidance": "2.5"}
    for name, to in {
        **typed,
        "upscale": True,
        "loras": '[{"path": "x"}]',
        "image": "https://x/a.png",
        "size.width": "512",
        "stop": "a\nb",
    }.items():
        tell(skin, "type", name, to)
    meant = {"prompt": "a fox", "style": "oil", "layers": ["a", "c"], "seed": 2**63, "guidance": 2.5}
    objects = {"loras": [{"path": "x"}], "size": {"width": 512}, "stop": ["a", "b"]}
    assert form.value == {**meant, **objects, "upscale": True, "image": "https://x/a.png"}
    shown = [skin.shown[name] for name in ("style", "seed", "size.width", "stop")]
    assert shown == [[1], str(2**63), "512", "a\nb"]
    for name in ("style", "seed", "loras", "size.width"):
        tell(skin, "type", name, [] if name == "style" else "")
        assert name.partition(".")[0] not in form.value
    form.value = {"prompt": "an owl"}
    tell(skin, "look")
    assert (skin.shown["prompt"], skin.shown["seed"], skin.shown["layers"]) == ("an owl", "", [])


def test_a_secret_is_sent_and_told_to_no_page(form_of: FormOf):
    form = form_of({"properties": {"api_key": {"type": "string"}}})
    skin = form.as_anywidget()
    tell(skin, "type", "api_key", "hunter2")
    assert form.value == {"api_key": "hunter2"}
    assert "hunter2" not in str(skin.get_state())


def test_what_cannot_be_read_is_said_and_the_value_stays(form_of: FormOf):
    form = form_of(SCHEMA)
    skin = form.as_anywidget()
    for name, to in (("seed", "nan"), ("loras", "[{"), ("loras", "[" * 100_000), ("style", [9])):
        assert "cannot be read" in tell(skin, "type", name, to)["problems"][name]
    assert form.value == {}
    view = tell(skin, "generate")
    assert (view["problems"]["prompt"], view["error"]) == ("This is needed.", "")
    form.value = {"prompt": "a fox", "size": {"width": "wide"}}
    assert "size.width" in tell(skin, "look")["problems"]


def test_it_generates_on_the_forms_controller(sandbox: sky.Sandbox, client: sky.Client):
    form = PromptForm("truefusion-edge", client=client)
    skin = form.as_anywidget()
    assert (skin.view["price"], skin.view["title"]) == ("0.01 credits", "TrueFusion Edge on the sandbox")
    tell(skin, "type", "prompt", "a red fox in snow")
    tell(skin, "generate")
    form.wait(20)
    view = tell(skin, "look")
    assert (view["running"], view["status"][:9], sandbox.billed) == (False, "succeeded", 1)
    assert "data:image/" in view["result"]


def test_every_kind_of_schema_can_be_drawn_and_keeps_its_value(form_of: FormOf):
    for name, example in EXAMPLES.items():
        form = form_of(example.schema)
        skin = form.as_anywidget()
        form.value = example.input
        for field in skin.fields:  # as if each control was left with what stands in it
            tell(skin, "look")
            if field["kind"] != "checkbox" and {field["name"]} <= skin.shown.keys() & example.input:
                tell(skin, "type", field["name"], skin.shown[field["name"]])
        assert form.value == example.input, name
