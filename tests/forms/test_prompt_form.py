"""A form as Python sees it: its value, price, code and work, and what it says when that goes wrong."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import ipywidgets
import pytest
from PIL import Image

import skytells_nb as sky
from skytells_nb.exceptions import InvalidInputError, NotFoundError
from skytells_nb.forms import Playground, PromptForm
from skytells_nb.forms.look import Look
from skytells_nb.forms.playground import found
from skytells_nb.forms.results import Results, draw

from .conftest import until

PNG = io.BytesIO()
Image.new("RGB", (300, 200), "teal").save(PNG, "PNG")
FormOf = Callable[..., PromptForm]


def said(form: PromptForm) -> str:
    return form._standing.told


def control(form: PromptForm, name: str) -> Any:
    return form.fieldset._controls[name]


def note(form: PromptForm, name: str) -> str:
    return str(form.fieldset._notes[name].value)


class TestValue:
    def test_what_is_not_set_is_left_out(self, client: sky.Client):
        form = PromptForm("truefusion-pro", client=client)
        assert "seed" not in form.value
        assert "prompt" not in form.value
        assert form.value["width"] == 1024

    def test_it_can_be_set_and_given_back(self, client: sky.Client):
        form = PromptForm("truefusion-pro", client=client)
        form.value = {"prompt": "a fox", "width": 777, "seed": 2**40, "unheard_of": [1]}
        assert form.value["width"] == 777
        assert control(form, "width").slider.value == 777
        assert form.value["unheard_of"] == [1]
        before = form.value
        form.value = before
        assert form.value == before
        form.value = {}
        assert form.value == PromptForm("truefusion-pro", client=client).value

    def test_a_value_that_no_control_can_show_is_kept_and_complained_of(self, form_of: FormOf):
        form = form_of({"properties": {"n": {"type": "integer"}, "c": {"enum": ["a", "b"]}}})
        form.value = {"n": "seven", "c": "z"}
        assert form.value == {"n": "seven", "c": "z"}
        assert set(form.errors) == {"n", "c"}
        control(form, "n").box.value = "7"
        assert form.value == {"n": 7, "c": "z"}

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
        assert form.estimate.price == "$0.01"
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

    def test_one_that_is_too_large_is_refused_with_its_size(self, form_of: FormOf):
        form = form_of(FILES)
        control(form, "image").upload.value = [self.upload(b"x" * 8_000_000)]
        assert "image" not in form.value
        assert "8.0 MB; at most 7 MB" in form.errors["image"]

    def test_lists_of_files_grow_and_shrink(self, form_of: FormOf):
        form = form_of(FILES)
        form.value = {"frames": ["https://a.example/1.png", "https://a.example/2.png"]}
        assert len(form.value["frames"]) == 2
        frames = control(form, "frames")
        frames._remove(frames._rows[0])
        assert form.value["frames"] == ["https://a.example/2.png"]

    def test_a_picture_in_memory_can_be_an_input(self, client: sky.Client):
        form = PromptForm("truefusion-ultra", client=client)
        form.value = {"prompt": "the same at night", "image": Image.new("RGB", (64, 64), "navy")}
        assert form.errors == {}
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


class TestGenerating:
    def test_it_returns_at_once_and_the_result_comes(self, sandbox: sky.Sandbox, client: sky.Client):
        form = PromptForm("truefusion", client=client)
        statuses: list[str] = []
        form.observe(lambda change: statuses.append(change["new"]), "status")
        form.value = {"prompt": "a lighthouse at dusk", "number_of_images": 2}
        assert form.estimate.price == "$0.06"
        form.submit()
        assert form.predictions == []
        prediction = form.wait(20)
        assert prediction is not None
        assert (prediction.status, len(prediction.output or [])) == ("succeeded", 2)
        assert statuses[0] == "sending"
        assert statuses[-1] == "succeeded"
        assert 'alt="a lighthouse at dusk' in form._results.newest
        assert sandbox.billed == 1

    def test_the_code_does_the_same(self, client: sky.Client, monkeypatch: pytest.MonkeyPatch):
        form = PromptForm("truefusion-edge", client=client)
        form.value = {"prompt": "a red fox", "seed": 7}
        monkeypatch.setattr(sky, "connect", lambda: client, raising=False)
        scope: dict[str, Any] = {}
        code, last = form.code.rsplit("client.predictions", 1)
        exec(f"{code}made = client.predictions{last}", scope)
        assert (scope["made"].status, scope["made"].input["seed"]) == ("succeeded", 7)

    def test_what_is_missing_is_marked_and_nothing_is_sent(self, sandbox: sky.Sandbox, client: sky.Client):
        form = PromptForm("truefusion", client=client)
        with pytest.raises(InvalidInputError, match="prompt: This is needed"):
            form.submit()
        assert "This is needed." in note(form, "prompt")
        form._generate()
        until(lambda: "Not sent" in said(form), "the form says why")
        form.wait(20)
        until(lambda: form.status == "idle", "it rests again")
        assert sandbox.billed == 0

    def test_a_second_press_is_ignored_or_queued(self, sandbox: sky.Sandbox, client: sky.Client):
        for on_busy, made in (("ignore", 1), ("queue", 3)):
            form = PromptForm("truefusion-edge", client=client, on_busy=on_busy)
            form.value = {"prompt": "a fox"}
            for _ in range(3):
                form.submit()
            form.wait(20)
            assert len(form.predictions) == made
        with pytest.raises(InvalidInputError, match="on_busy"):
            PromptForm("truefusion-edge", client=client, on_busy="wait")  # type: ignore[arg-type]

    def test_inputs_of_a_result_can_be_used_again(self, client: sky.Client):
        form = PromptForm("truefusion-edge", client=client)
        form.value = first = {**form.value, "prompt": "a fox", "width": 128}
        form.submit()
        form.wait(20)
        form.value = {"prompt": "a hen"}
        card = form._results.widget.children[0]
        card.children[1].click()
        assert form.value == first

    def test_earlier_results_become_small(self, client: sky.Client):
        form = PromptForm("truefusion", client=client)
        for prompt in ("a fox in snow", "a hen in straw"):
            form.value = {"prompt": prompt}
            form.submit()
            form.wait(20)
        newest, earlier = form._results.widget.children
        assert "a hen" in newest.children[0].value
        assert "a fox" in earlier.children[0].value
        assert len(earlier.children[0].value) < 40_000
        assert [p.prompt for p in form.predictions] == ["a hen in straw", "a fox in snow"]

    def test_two_forms_on_one_client_do_not_disturb_each_other(self, client: sky.Client):
        forms = [PromptForm("truefusion-edge", client=client) for _ in range(2)]
        for n, form in enumerate(forms):
            form.value = {"prompt": f"fox {n}"}
            form.submit()
        assert [form.wait(20).prompt for form in forms] == ["fox 0", "fox 1"]  # type: ignore[union-attr]

    def test_an_async_client_will_do(self, client: sky.Client):
        form = PromptForm("truefusion-edge", client=client.as_async())
        form.value = {"prompt": "a fox"}
        form.submit()
        assert form.wait(20) is not None
        with pytest.raises(InvalidInputError, match="client must be"):
            PromptForm("truefusion-edge", client="sk-123")  # type: ignore[arg-type]

    def test_many_threads_may_press_at_once(self, sandbox: sky.Sandbox, client: sky.Client):
        form = PromptForm("truefusion-edge", client=client)
        form.value = {"prompt": "a fox"}
        threads = [threading.Thread(target=form._generate) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        form.wait(20)
        assert sandbox.billed == len(form.predictions) == 1


class TestCanceling:
    def test_it_cancels_remotely(self, client: sky.Client):
        with sky.Sandbox(seconds=60) as slow, slow.client() as waiting:
            form = PromptForm("truefusion", client=waiting)
            form.value = {"prompt": "a fox"}
            form.submit()
            until(lambda: form.status in ("queued", "processing"), "the API has answered")
            form.cancel()
            prediction = form.wait(20)
            assert prediction is not None
            assert (form.status, prediction.status) == ("canceled", "canceled")
            assert waiting.predictions.get(prediction.id).status == "canceled"
            form.cancel()

    def test_it_forgets_what_waits(self):
        with sky.Sandbox(seconds=60) as slow, slow.client() as waiting:
            form = PromptForm("truefusion", client=waiting, on_busy="queue")
            form.value = {"prompt": "a fox"}
            form.submit()
            form.submit()
            until(lambda: form.status in ("queued", "processing"), "the API has answered")
            form.cancel()
            form.wait(20)
            assert len(form.predictions) == 1

    def test_before_the_api_has_answered_it_gives_up_and_lets_the_rest_be_canceled(self):
        with sky.Sandbox(seconds=60) as slow, slow.client() as waiting:
            form = PromptForm("truefusion", client=waiting)
            form.value = {"prompt": "a fox"}
            slow.faults.next("slow", on="create", seconds=1.0)
            form.submit()
            until(lambda: not slow.faults.waiting, "the API has the request, and has not answered")
            form.cancel()
            form.wait(20)
            assert form.status == "canceled"
            assert "Canceled before the API had answered" in said(form)
            listed = waiting.predictions
            until(lambda: [p.status for p in listed.list()] == ["canceled"], "it is canceled remotely")


class TestTroubles:
    @pytest.mark.parametrize(
        ("fault", "title"),
        [
            ("unauthorized", "The key was refused"),
            ("no_credit", "No credit left"),
            ("content_policy", "The content was refused"),
            ("server_error", "The API failed"),
            ("failed", "The prediction failed"),
        ],
    )
    def test_they_are_said_in_words_and_the_form_goes_on(
        self, sandbox: sky.Sandbox, client: sky.Client, fault: str, title: str
    ):
        form = PromptForm("truefusion-edge", client=client)
        form.value = {"prompt": "a fox"}
        sandbox.faults.next(fault, on="create")
        form.submit()
        form.wait(20)
        assert f"<b>{title}</b>" in said(form)
        assert form.errors[""].startswith(title)
        assert form.status == "failed"
        form.submit()
        assert form.wait(20).status == "succeeded"  # type: ignore[union-attr]
        assert said(form) == ""
        assert form.errors == {}

    def test_a_rate_limit_counts_down_and_lets_go(self, sandbox: sky.Sandbox, client: sky.Client):
        form = PromptForm("truefusion-edge", client=client)
        form.value = {"prompt": "a fox"}
        sandbox.faults.next("rate_limit", on="create", retry_after=1)
        form.submit()
        form.wait(20)
        assert "Too many requests" in said(form)
        until(lambda: form._actions._go.description.startswith("Generate in"), "the countdown runs")
        assert form._actions._go.disabled
        until(lambda: "takes requests again" in said(form), "the API takes requests again")
        until(lambda: not form._actions._go.disabled, "Generate can be pressed")

    def test_a_field_that_the_server_refuses_is_marked(self, form_of: FormOf):
        schema = {"properties": {"prompt": {"type": "string"}, "width": {"type": "integer"}}}
        form = form_of(schema)
        form.value = {"prompt": "a fox", "width": 9_999_999}
        form.submit()
        form.wait(20)
        assert "The input was refused" in said(form)
        assert "sky-wrong" in note(form, "width")

    def test_a_model_that_vanished_is_said_and_no_model_of_that_name_is_raised(self, client: sky.Client):
        with pytest.raises(NotFoundError):
            PromptForm("truefusion-none", client=client)
        gone = sky.Model(id="truefusion-none", input_schema={"properties": {"prompt": {"type": "string"}}})
        form = PromptForm(gone, client=client)
        form.value = {"prompt": "a fox"}
        form.submit()
        form.wait(20)
        assert "The model is not there" in said(form)

    def test_a_sandbox_that_stops_half_way_is_said(self):
        stopping = sky.Sandbox(seconds=60).start()
        with stopping.client(max_retries=0) as client:
            form = PromptForm("truefusion", client=client)
            form.value = {"prompt": "a fox"}
            form.submit()
            until(lambda: form.status in ("queued", "processing"), "the API has answered")
            stopping.stop()
            form.cancel()
            until(lambda: "cannot be reached" in said(form), "the form says so")
            assert form.value["prompt"] == "a fox"
            client.close()
        form.submit()
        form.wait(20)
        assert said(form) != ""

    def test_nothing_runs_over_a_budget(self, sandbox: sky.Sandbox, client: sky.Client):
        form = PromptForm("truefusion-edge", client=client, budget="0.015")
        form.value = {"prompt": "a fox"}
        for _ in range(2):
            form.submit()
            form.wait(20)
        assert "Over the budget" in said(form)
        assert sandbox.billed == 1
        assert form._allowance.spent == Decimal("0.01")  # type: ignore[union-attr]
        with pytest.raises(InvalidInputError, match="budget cannot be"):
            PromptForm("truefusion-edge", client=client, budget="much")


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
    assert form.value["p150"] == 150
    form.value = {**form.value, "p150": 7}
    assert form.value["p150"] == 7
    lid = next(each for each in form.children if isinstance(each, ipywidgets.Accordion))
    lid.selected_index = 0
    assert form.value["p150"] == 7
    assert control(form, "p150").box.value == "7"


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


class TestPlayground:
    def test_switching_keeps_what_both_know(self, client: sky.Client):
        playground = Playground(client, model="truefusion-pro")
        form = playground.form
        assert form is not None
        form.value = {"prompt": "a fox", "seed": 7, "width": 2000, "num_outputs": 2, "negative_prompt": "fog"}
        playground.model = "truefusion-edge"
        other = playground.wait_for_form()
        expected = {"prompt": "a fox", "seed": 7, "width": 512, "height": 512, "num_outputs": 2}
        assert other.value == expected
        playground.model = "truefusion-pro"
        assert playground.wait_for_form() is form

    def test_results_of_all_models_stand_together(self, client: sky.Client):
        playground = Playground(client, model="truefusion-edge")
        for slug in ("truefusion-edge", "truefusion"):
            playground.model = slug
            form = playground.wait_for_form()
            form.value = {"prompt": "a fox"}
            form.submit()
            form.wait(20)
        assert [p.model for p in playground.predictions] == ["truefusion", "truefusion-edge"]

    def test_models_are_found_by_name_kind_and_vendor(self, client: sky.Client):
        models = client.models.list()
        assert {model.type for model in found(models, "VIDEO")} == {"video"}
        assert [model.id for model in found(models, "beat 2.0")] == ["beatfusion-2.0"]
        assert len(found(models, " ")) == len(models)
        playground = Playground(client)
        playground._search.value = "beatfusion"
        assert {slug for _, slug in playground._list.options} == {"beatfusion-1.0", "beatfusion-2.0"}
        playground._list.value = "beatfusion-2.0"
        assert playground.wait_for_form().model.id == "beatfusion-2.0"

    def test_a_model_that_vanished_leaves_the_picker_usable(self, sandbox: sky.Sandbox, client: sky.Client):
        playground = Playground(client, model="truefusion")
        sandbox.faults.next("server_error", on="model", status=500)
        playground.model = "lumo"
        until(lambda: playground.form is None, "the form is gone")
        assert "The API failed" in playground._holder.children[0].value
        playground.model = "truefusion"
        assert playground.form is not None
        with pytest.raises(InvalidInputError, match="no model 'luno'"):
            Playground(client, model="luno")


def test_fifty_results_take_less_than_three_megabytes_of_saved_state(tmp_path: Path):
    path = tmp_path / "noise.png"
    Image.effect_noise((1024, 1024), 90).convert("RGB").save(path)
    prediction = sky.Prediction(id="p", status="succeeded", input={"prompt": "x" * 500}, files=(path,))
    drawings = draw(prediction)
    results = Results(Look())
    for _ in range(50):
        results.add(prediction, drawings, lambda given: None)
    assert len(drawings.small) < 40_000
    assert (
        sum(len(json.dumps(card.children[0].get_state(), default=str)) for card in results.widget.children)
        < 3e6
    )


def test_what_will_be_sent_is_plain_json(client: sky.Client):
    form = PromptForm("truefusion-pro", client=client)
    form.value = {"prompt": "a fox"}
    assert json.loads(json.dumps(form.value)) == form.value
