"""A form as Python sees it: its value, price, code and work, and what it says when that goes wrong."""

from __future__ import annotations

import base64
import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets
import pytest
from PIL import Image

import skytells_nb as sky
from skytells_nb.api import HandlerTransport
from skytells_nb.exceptions import InvalidInputError
from skytells_nb.forms import Playground, PromptForm
from skytells_nb.forms._playground import find_models
from skytells_nb.forms._views import Layouts, Results, draw

from .conftest import control, note, until

PNG = io.BytesIO()
Image.new("RGB", (300, 200), "teal").save(PNG, "PNG")
FormOf = Callable[..., PromptForm]


class TestValue:
    def test_what_is_not_set_is_left_out(self, client: sky.Client):
        form = PromptForm("truefusion-pro", client=client)
        assert "seed" not in form.value
        assert "prompt" not in form.value
        assert form.value == {}
        assert control(form, "width").box.value == "1024"
        form.value = {"width": 1024}
        assert form.value == {"width": 1024}

    def test_it_can_be_set_and_given_back(self, client: sky.Client):
        form = PromptForm("truefusion-pro", client=client)
        form.value = {"prompt": "a fox", "width": 777, "seed": 2**40, "unheard_of": [1]}
        assert form.value["width"] == 777
        slider = control(form, "width").slider
        assert (slider.value, slider.step) == (784, 16), "where a browser would move it to"
        slider.notify_change({"name": "value", "old": 777, "new": 784, "type": "change", "owner": slider})
        assert form.value["width"] == 777, "and it says so"
        assert form.value["unheard_of"] == [1]
        before = form.value
        form.value = before
        assert form.value == before
        with pytest.raises(AttributeError, match=r"Write form\.value\['prompt'\] = "):
            form.prompt = "an owl"
        form.value = {}
        assert form.value == PromptForm("truefusion-pro", client=client).value

    def test_a_value_that_no_control_can_show_is_kept_and_complained_of(self, form_of: FormOf):
        form = form_of({"properties": {"n": {"type": "integer"}, "c": {"enum": ["a", "b"]}}})
        form.value = {"n": "seven", "c": "z"}
        assert form.value == {"n": "seven", "c": "z"}
        assert set(form.errors) == {"n", "c"}
        control(form, "n").box.value = "7"
        assert form.value == {"n": 7, "c": "z"}

    def test_a_single_input_can_be_set_and_is_shown_and_priced(self, client: sky.Client):
        form = PromptForm("truefusion", client=client)
        seen: list[dict[str, Any]] = []
        form.observe(lambda change: seen.append(change["new"]), "value")
        form.value["prompt"] = "a fox"
        form.value.update(number_of_images=2)
        assert control(form, "prompt").widget.value == "a fox"
        assert (form.estimate.price, control(form, "number_of_images").box.value) == ("0.06 credits", "2")
        until(lambda: "0.06 credits" in form._actions.price.value, "the form shows the price")
        assert seen[-1] == form.value
        held = form.value
        held["seed"] = 7
        held["width"] = 64
        assert form.value == held
        del held["width"]
        assert held.pop("seed") == 7
        assert (form.value == held, "seed" in form.value, control(form, "seed").box.value) == (
            True,
            False,
            "",
        )
        with pytest.raises(KeyError):
            form.value.pop("seed")
        assert type(pickle.loads(pickle.dumps(form.value))) is dict

    def test_what_is_sent_and_not_seen_is_said(self, form_of: FormOf):
        parts = {f"p{n}": {"type": "integer", "default": n} for n in range(60)}
        form = form_of({"required": ["kind"], "properties": {**parts, "kind": {"const": "fox"}}})
        assert form.value["kind"] == "fox"
        assert form.fieldset.unknown == []
        form.value = {**form.value, "p7": 1, "unheard_of": 2}
        assert form.fieldset.unknown == ["unheard_of"]
        few = form_of({"properties": parts}, fields=["p1"])
        assert few.fieldset.unknown == []
        few.value["p2"] = 9
        assert few.fieldset.unknown == ["p2"]

    @pytest.mark.parametrize("value", [float("inf"), float("nan"), "x", True, [1], {"b": 1}, b"z", object()])
    def test_nonsense_in_a_number_s_place_is_kept_and_complained_of(self, form_of: FormOf, value: Any):
        form = form_of({"properties": {"steps": {"type": "integer"}, "seed": {"type": "integer"}}})
        form.value = {"steps": value, "seed": 7}
        assert form.value["seed"] == 7
        kept = form.value["steps"]
        assert kept is value or kept == value
        assert "steps" in form.errors

    def test_null_is_not_taken_for_left_out_where_the_default_is_another(self, form_of: FormOf):
        form = form_of({"properties": {"steps": {"type": "integer", "nullable": True, "default": 5}}})
        form.value = {"steps": None}
        assert form.value == {"steps": None}
        assert form.errors == {}
        control(form, "steps").box.value = "6"
        assert form.value == {"steps": 6}

    def test_null_is_sent_only_where_it_is_needed(self, form_of: FormOf):
        part = {"type": "integer", "nullable": True}
        form = form_of({"required": ["a"], "properties": {"a": part, "b": part}})
        assert form.value == {"a": None}
        assert form.errors == {}

    def test_it_is_observed_with_every_keystroke(self, client: sky.Client):
        form = PromptForm("truefusion-edge", client=client)
        heard: list[Any] = []
        form.observe(lambda change: heard.append(change["new"].get("prompt")), "value")
        for typed in ("a", "a f", "a fo", ""):
            control(form, "prompt").widget.value = typed
        assert heard == ["a", "a f", "a fo", None]

    def test_nested_objects_and_lists_are_part_of_it(self, form_of: FormOf):
        form = form_of(
            {
                "properties": {
                    "camera": {"type": "object", "properties": {"lens": {"type": "integer"}}},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "moods": {"type": "array", "items": {"enum": ["calm", "wild"]}},
                    "any": {},
                    "bag": {"type": "array", "items": {"enum": list(range(9))}},
                    "tint": {"type": "string", "format": "color"},
                }
            }
        )
        assert form.value == {}
        given = {"camera": {"lens": 35}, "tags": ["a", "b"], "moods": ["wild"], "any": {"x": [1]}}
        form.value = {**given, "bag": [2, 3], "tint": "#ff8800"}
        assert form.value == {**given, "bag": [2, 3], "tint": "#ff8800"}
        control(form, "any").widget.value = '{"x": '
        assert "This is not JSON yet" in form.errors["any"]
        form.value = {}
        assert form.value == {}


class TestTyping:
    @pytest.mark.parametrize(
        ("typed", "value"),
        [("12", 12), (" 1 000 ", 1000), ("9007199254740993", 9007199254740993), ("1e3", 1000), ("", None)],
    )
    def test_whole_numbers_of_any_size_are_read(self, form_of: FormOf, typed: str, value: int | None):
        form = form_of({"properties": {"seed": {"type": "integer"}}})
        control(form, "seed").box.value = typed
        assert form.value.get("seed") == value

    @pytest.mark.parametrize("typed", ["twelve", "1.5", "nan", "inf", "1e999", "--1"])
    def test_what_is_no_whole_number_is_said_under_the_field(self, form_of: FormOf, typed: str):
        form = form_of({"properties": {"seed": {"type": "integer"}}})
        control(form, "seed").box.value = typed
        assert "seed" not in form.value
        assert typed in form.errors["seed"]
        until(lambda: typed in note(form, "seed"), "the note tells of it")

    def test_the_slider_and_the_box_follow_each_other(self, client: sky.Client):
        form = PromptForm("truefusion", client=client)
        count = control(form, "number_of_images")
        count.slider.value = 4
        assert (count.box.value, form.value["number_of_images"]) == ("4", 4)
        count.box.value = "7"
        assert count.slider.value == 7
        count.box.value = "70"
        assert (count.slider.value, form.value["number_of_images"]) == (9, 70)
        assert form.errors["number_of_images"] == "At most 9, not 70."

    def test_the_dice_draw_a_seed_in_its_range(self, form_of: FormOf):
        form = form_of({"properties": {"seed": {"type": "integer", "minimum": 5, "maximum": 6}}})
        control(form, "seed").roll()
        assert form.value["seed"] in (5, 6)

    def test_a_secret_leaves_no_widget_state(self, form_of: FormOf):
        form = form_of({"properties": {"api_key": {"type": "string"}}})
        control(form, "api_key").widget.value = "hunter2"
        assert form.value["api_key"] == "hunter2"
        assert "hunter2" not in repr(form.value) + form.code
        assert "hunter2" not in str(ipywidgets.Widget.get_manager_state())

    def test_a_prompt_of_100_kilobytes_is_typed_priced_and_sent(self, client: sky.Client):
        form = PromptForm("truefusion-edge", client=client)
        control(form, "prompt").widget.value = "x" * 100_000
        assert form.estimate.price == "0.01 credits"
        form.submit()
        prediction = form.wait(20)
        assert prediction is not None
        assert len(str(prediction.prompt)) == 100_000


URI = {"type": "string", "format": "uri"}
FILES = {"properties": {"image": URI, "frames": {"type": "array", "items": URI}}}


class TestFiles:
    def test_a_url_stays_and_a_path_becomes_a_file_with_a_thumbnail(self, form_of: FormOf, tmp_path: Path):
        form = form_of(FILES)
        image = control(form, "image")
        image.box.value = "https://pictures.example/fox.png"
        assert form.value["image"] == "https://pictures.example/fox.png"
        path = tmp_path / "fox.png"
        path.write_bytes(PNG.getvalue())
        image.box.value = str(path)
        assert form.value["image"] == path
        assert "data:image/webp" in image.preview.value
        image.box.value = "no/such/fox.png"
        assert "There is no file" in form.errors["image"]

    def test_an_upload_is_taken_out_of_the_widget(self, form_of: FormOf):
        form = form_of(FILES)
        image = control(form, "image")
        image.upload.value = [self.upload(PNG.getvalue())]
        assert image.upload.value == ()
        assert form.value["image"].startswith("data:image/png;base64,iVBOR")
        assert len(repr(form.value)) < 200
        assert 'alt="Image"' in image.preview.value
        assert form.errors == {}
        photo, exif = io.BytesIO(), Image.Exif()
        exif[0x0112] = 6
        Image.new("RGB", (30, 20)).save(photo, "JPEG", exif=exif)
        image.upload.value = [self.upload(photo.getvalue())]
        assert Image.open(io.BytesIO(form.value["image"].data)).size == (20, 30), "as a phone held it"

    def test_one_that_is_too_large_is_refused_with_its_size(self, form_of: FormOf):
        form = form_of(FILES)
        control(form, "image").upload.value = [self.upload(b"x" * 7_900_000)]
        assert "image" not in form.value
        assert "7.9 MB; at most 7.8 MB" in form.errors["image"]

    def test_an_upload_of_nothing_or_of_another_kind_is_refused(self, form_of: FormOf, tmp_path: Path):
        form = form_of(FILES)
        (tmp_path / "notes.txt").write_text("a fox")
        for data, said in ((b"", "is empty"), (b"<!doctype html>", "is a web page; this takes a picture")):
            control(form, "image").upload.value = [self.upload(data)]
            assert said in form.errors["image"]
        control(form, "image").box.value = str(tmp_path / "notes.txt")
        assert "notes.txt is text; this takes a picture" in form.errors["image"]
        assert "image" not in form.value

    def test_the_largest_upload_that_is_promised_can_be_sent(self, client: sky.Client):
        form = PromptForm("truefusion-ultra", client=client)
        form.value["prompt"] = "the same at night"
        control(form, "image").upload.value = [self.upload(PNG.getvalue().ljust(7_800_000, b"\0"))]
        assert form.errors == {}
        form.submit()
        assert form.wait(20).status == "succeeded"  # type: ignore[union-attr]

    def test_what_has_no_text_is_shown_by_what_it_is(self, client: sky.Client, form_of: FormOf):
        form = form_of(FILES)
        image = control(form, "image")
        form.value["image"] = Image.new("RGB", (300, 200), "teal")
        assert "A picture · 300 × 200" in image.preview.value
        assert "data:image/" in image.preview.value
        form.value["image"] = PNG.getvalue()
        assert "data:image/" in image.preview.value
        padded = PNG.getvalue().ljust(6_000, b"\0")
        form.value["image"] = f"data:image/png;base64,{base64.b64encode(padded).decode()}"
        assert "A data URI · 6 kB" in image.preview.value
        assert "<img" in image.preview.value
        earlier = client.predictions.create("truefusion-edge", {"prompt": "a fox"})
        form.value["image"] = earlier
        assert f"The output of {earlier.id}" in image.preview.value
        assert f'client.predictions.get("{earlier.id}")' in form.code

    def test_lists_of_files_grow_and_shrink(self, form_of: FormOf):
        form = form_of(FILES)
        form.value = {"frames": ["https://a.example/1.png", "https://a.example/2.png"]}
        assert len(form.value["frames"]) == 2
        frames = control(form, "frames")
        frames.remove(0)
        assert form.value["frames"] == ["https://a.example/2.png"]
        frames.add()
        assert form.value["frames"] == ["https://a.example/2.png"]
        frames.controls[1].upload.value = [self.upload(PNG.getvalue())]
        assert [each[:10] for each in form.value["frames"]] == ["https://a.", "data:image"]

    def test_a_picture_in_memory_can_be_an_input(self, client: sky.Client):
        form = PromptForm("truefusion-ultra", client=client)
        form.value = {"prompt": "the same at night", "image": Image.new("RGB", (64, 64), "navy")}
        assert form.errors == {}
        assert "save it as image.png." in form.code
        form.submit()
        prediction = form.wait(20)
        assert prediction is not None
        assert prediction.status == "succeeded"

    @staticmethod
    def upload(data: bytes) -> dict[str, Any]:
        return {
            "name": "fox.png",
            "type": "image/png",
            "size": len(data),
            "last_modified": __import__("datetime").datetime.now(),
            "content": memoryview(data),
        }


@pytest.mark.parametrize("schema", [{}, {"properties": {}}, {"properties": 7}, {"type": "string"}])
def test_without_a_schema_the_whole_input_is_json(form_of: FormOf, schema: Any):
    form = form_of(schema)
    box = control(form, "").widget
    box.value = "[1]"
    assert "{" in form.errors[""]
    box.value = '{"prompt": "a fox"}'
    assert (form.value, form.errors) == ({"prompt": "a fox"}, {})
    form.submit()
    assert form.wait(20).status == "succeeded"  # type: ignore[union-attr]


def test_two_hundred_fields_are_made_when_they_are_looked_at(form_of: FormOf):
    parts = {f"p{n}": {"type": "integer", "default": n, "minimum": 0, "maximum": 900} for n in range(200)}
    form = form_of({"properties": parts})
    assert form.value == {}
    form.value = {**form.value, "p150": 7}
    assert form.value["p150"] == 7
    lid = next(each for each in form.children if isinstance(each, ipywidgets.Accordion))
    lid.selected_index = 0
    assert form.value["p150"] == 7
    assert control(form, "p150").box.value == "7"


def test_a_problem_under_the_lid_lifts_it_when_it_is_in_the_way(client: sky.Client):
    form = PromptForm("truefusion-pro", client=client)
    lid = next(each for each in form.children if isinstance(each, ipywidgets.Accordion))
    form.value = {"prompt": "a fox", "num_inference_steps": 500}
    until(lambda: "At most 100" in note(form, "num_inference_steps"), "it is marked")
    assert lid.selected_index is None
    with pytest.raises(InvalidInputError):
        form.submit()
    until(lambda: lid.selected_index == 0, "Advanced is opened")


def test_a_viewer_without_widgets_sees_what_there_is(client: sky.Client):
    form = PromptForm("truefusion-edge", client=client)
    form.value = {"prompt": "a <b>fox</b>"}
    form.submit()
    form.wait(20)
    bundle = form._repr_mimebundle_()
    assert bundle is not None
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "a &lt;b&gt;fox" in bundle["text/html"]
    assert "<img" in bundle["text/html"]
    assert "<style" not in bundle["text/html"]
    assert repr(form) == "PromptForm('truefusion-edge', succeeded, PredictionList of 1: 1 succeeded)"


def generate_with(playground: Playground, *slugs: str) -> None:
    """Choose one model after the other, and generate with each."""
    for slug in slugs:
        playground.model = slug
        form = playground.wait_for_form()
        form.value = {"prompt": "a fox"}
        form.submit()
        form.wait(20)


class TestPlayground:
    def test_switching_keeps_what_both_know(self, client: sky.Client):
        playground = Playground(client, model="truefusion-pro")
        form = playground.form
        assert form is not None
        form.value = {"prompt": "a fox", "seed": 7, "width": 2000, "num_outputs": 2, "negative_prompt": "fog"}
        playground.model = "truefusion-edge"
        other = playground.wait_for_form()
        expected = {"prompt": "a fox", "seed": 7, "num_outputs": 2}
        assert other.value == expected
        playground.model = "truefusion-pro"
        assert playground.wait_for_form() is form
        with pytest.raises(AttributeError, match=r"playground\.form\.value"):
            playground.prompt = "a fox"

    def test_results_of_all_models_stand_together(self, client: sky.Client):
        playground = Playground(client, model="truefusion-edge")
        generate_with(playground, "truefusion-edge", "truefusion")
        assert [p.model for p in playground.predictions] == ["truefusion", "truefusion-edge"]

    def test_models_are_found_by_name_kind_and_vendor(self, client: sky.Client):
        models = client.models.list()
        assert {model.type for model in find_models(models, "VIDEO")} == {"video"}
        assert [model.id for model in find_models(models, "beat 2.0")] == ["beatfusion-2.0"]
        assert len(find_models(models, " ")) == len(models)
        playground = Playground(client)
        playground._search.value = "beatfusion"
        assert {slug for _, slug in playground._list.options} == {"beatfusion-1.0", "beatfusion-2.0"}
        assert (playground.model, playground._list.value) == (models[0].id, None), "which is picked still"
        playground._search.value = ""
        assert (playground.model, playground._list.value) == (models[0].id,) * 2
        playground._search.value = "beatfusion"
        playground._list.value = "beatfusion-2.0"
        assert playground.wait_for_form().model.id == "beatfusion-2.0"

    def test_its_budget_is_one_for_all_models(self, sandbox: sky.Sandbox, client: sky.Client):
        playground = Playground(client, model="truefusion-edge", budget="0.035")
        generate_with(playground, "truefusion-edge", "truefusion")
        form = playground.form
        assert form is not None
        assert "Over budget" in form.errors[""]
        assert sandbox.billed == 1

    def test_a_model_that_vanished_leaves_the_picker_usable(self, sandbox: sky.Sandbox, client: sky.Client):
        playground = Playground(client, model="truefusion")
        sandbox.faults.next("server_error", on="model", status=500)
        playground.model = "lumo"
        until(lambda: "API error" in str(playground._holder.children[0].value), "the error is shown")
        assert playground.form is None
        playground.model = "truefusion"
        assert playground.form is not None
        playground.form.value["prompt"] = "a fox"
        sandbox.faults.next("server_error", on="model", status=500)
        playground.model = "mera"
        assert playground.form is None, "whose press would make, and bill, what was picked before"
        until(lambda: "API error" in str(playground._holder.children[0].value), "the error is shown")
        playground.model = "truefusion-edge"
        assert playground.wait_for_form().value["prompt"] == "a fox"
        with pytest.raises(InvalidInputError, match="no model 'luno'"):
            Playground(client, model="luno")

    def test_a_model_that_does_not_describe_its_inputs_has_a_form_as_well(self):
        bare = [{"namespace": name, "type": "image", "input_schema": None} for name in ("first", "second")]

        async def handle(_: str, target: str, *__: object) -> tuple[int, dict[str, str], bytes]:
            found = bare["second" in target] if "/models/" in target else bare
            return 200, {"content-type": "application/json"}, json.dumps(found).encode()

        with sky.Client("sk-test-0123456789", transport=HandlerTransport(handle)) as client:
            playground = Playground(client, model="first")
            playground.model = "second"
            assert playground.wait_for_form().model.id == "second"


def test_a_clip_can_be_played_while_it_is_the_newest_and_says_afterwards_how(client: sky.Client):
    drawings = draw(client.predictions.create("lumo", {"prompt": "waves at sunset"}))
    assert "<video" in drawings.large
    assert "Not embedded" not in drawings.large
    assert len(drawings.small) < 40_000
    assert "sky.show(…, full=True)" in drawings.small
    assert "cell_budget" not in drawings.small


def test_fifty_results_take_less_than_three_megabytes_of_saved_state(tmp_path: Path):
    path = tmp_path / "noise.png"
    Image.effect_noise((1024, 1024), 90).convert("RGB").save(path)
    prediction = sky.Prediction(id="p", status="succeeded", input={"prompt": "x" * 500}, files=(path,))
    drawings = draw(prediction)
    results = Results(Layouts())
    for _ in range(50):
        results.add(prediction, drawings, lambda: None)
    assert len(drawings.small) < 40_000
    assert (
        sum(len(json.dumps(card.children[0].get_state(), default=str)) for card in results.widget.children)
        < 3e6
    )


def test_what_will_be_sent_is_plain_json(client: sky.Client):
    form = PromptForm("truefusion-pro", client=client)
    form.value = {"prompt": "a fox"}
    assert json.loads(json.dumps(form.value)) == form.value
