"""A form as a person uses it: typing, sliding, pressing, looking; on a light page and on a dark one."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest
from forms.schemas import EXAMPLES
from PIL import Image
from playwright.sync_api import Locator, expect

from .lab import Lab, Notebook

Open = Callable[..., Notebook]

SETUP = """
import skytells_nb as sky
from skytells_nb.forms import Playground, PromptForm
sandbox = sky.Sandbox({options}, seed=3).start()
client = sandbox.client(archive="out")
"""
FORM = 'form = PromptForm("{model}", client=client)\nform'


def button(opened: Notebook, name: str) -> Locator:
    return opened.here.get_by_role("button", name=name, exact=True)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_type_slide_generate_look_and_run_the_code(notebook: Open, lab: Lab, theme: str):
    opened = notebook([SETUP.format(options="seconds=0.8"), FORM.format(model="truefusion")], theme=theme)
    prompt = opened.here.get_by_label("Prompt", exact=True)
    prompt.wait_for()
    opened.shot(f"form {theme} 1 at first")

    prompt.press_sequentially("a lighthouse on a cliff at dusk, waves below")
    price = opened.here.locator(".sky-price b")
    expect(price).to_have_text("0.03 credits")
    handle = opened.here.locator(".sky-slider .noUi-handle")
    handle.focus()
    handle.press("ArrowRight")
    expect(price).to_have_text("0.06 credits")
    expect(opened.here.get_by_label("Number of images", exact=True)).to_have_value("2")
    assert opened.evaluate("form.value['number_of_images']") == "2"

    button(opened, "Generate").click()
    expect(opened.here.locator(".sky-status")).to_contain_text("Processing")
    opened.shot(f"form {theme} 2 running")
    picture = opened.here.locator(".sky-card img").first
    picture.wait_for()
    assert picture.evaluate("async (img) => { await img.decode(); return img.naturalWidth }") >= 200
    assert (picture.get_attribute("alt") or "").startswith("a lighthouse on a cliff at dusk")
    button(opened, "Generate").wait_for()
    opened.shot(f"form {theme} 3 result")

    button(opened, "Code").click()
    code = opened.here.locator(".sky-code pre")
    code.wait_for()
    opened.shot(f"form {theme} 4 code")
    outputs = opened.run(code.inner_text().replace("sky.connect()", "client"))
    assert "<img " in json.dumps(outputs)
    assert opened.evaluate("len(client.predictions.list())") == "2"
    assert lab.complaints == []


@pytest.mark.parametrize("alive", [True, False], ids=["alive", "opened again"])
def test_the_result_stays_where_the_form_has_gone_with_its_kernel(notebook: Open, alive: bool):
    cells = [SETUP.format(options="seconds=0.1"), FORM.format(model="truefusion-edge")]
    cells.append("form.value = {'prompt': 'a fox'}\nform.submit()\nform.wait(20);")
    opened = notebook(cells, trusted=alive)  # one that is not trusted is opened again, and not run
    kept = opened.here.locator("[class^=sky-static]").filter(has_text="Run the cell to use the form again.")
    if alive:
        opened.here.locator(".sky-card img").wait_for()
        expect(kept).to_be_hidden()
        return
    expect(kept).to_be_visible()
    assert (
        kept.locator("img").evaluate("async (img) => { await img.decode(); return img.naturalWidth }") >= 200
    )
    opened.shot("form 7 without its kernel")


def test_ctrl_enter_generates_from_wherever_one_types(notebook: Open, lab: Lab):
    opened = notebook([SETUP.format(options="seconds=0.1"), FORM.format(model="truefusion-edge")])
    prompt = opened.here.get_by_label("Prompt", exact=True)
    prompt.fill("a fox at dusk")
    prompt.press("Control+Enter")
    opened.here.locator(".sky-card img").wait_for()
    seed = opened.here.get_by_label("Seed", exact=True)
    seed.fill("7")
    seed.press("Control+Enter")
    expect(opened.here.locator(".sky-card img")).to_have_count(2)
    assert opened.evaluate("[p.input for p in form.predictions]") == (
        "[{'prompt': 'a fox at dusk', 'seed': 7}, {'prompt': 'a fox at dusk'}]"
    )
    assert prompt.input_value() == "a fox at dusk"
    assert lab.complaints == []


def test_items_are_added_filled_in_and_removed(notebook: Open):
    schema = EXAMPLES["image, a preset or an object"].schema
    opened = notebook(
        [
            SETUP.format(options="seconds=0"),
            f'model = sky.Model(id="truefusion-edge", input_schema={schema!r})',
            "form = PromptForm(model, client=client)\nform",
        ]
    )
    add = opened.here.locator("button.sky-add")
    add.click()
    add.click()
    paths = opened.here.get_by_label("Path", exact=True)
    expect(paths).to_have_count(2)
    paths.nth(1).fill("b.safetensors")
    paths.nth(0).fill("a.safetensors")
    opened.here.get_by_role("button", name="Custom", exact=True).click()
    opened.here.get_by_label("Width", exact=True).fill("640")
    opened.shot("form 9 rows and variants")
    assert opened.evaluate("form.value['loras'], form.value['image_size']") == (
        "([{'path': 'a.safetensors'}, {'path': 'b.safetensors'}], {'width': 640})"
    )
    opened.here.get_by_title("Remove Loras 1").click()
    expect(paths).to_have_count(1)
    assert opened.evaluate("form.value['loras']") == "[{'path': 'b.safetensors'}]"


@pytest.mark.parametrize(
    ("prompt", "direction"), [("שועל אדום", "rtl"), ("ثعلب أحمر", "rtl"), ("雪中的红狐", "ltr")]
)
def test_a_prompt_runs_in_the_direction_of_its_script(notebook: Open, prompt: str, direction: str):
    opened = notebook([SETUP.format(options="seconds=0.1"), FORM.format(model="truefusion-edge")])
    box = opened.here.get_by_label("Prompt", exact=True)
    box.fill(prompt)
    assert box.evaluate("box => getComputedStyle(box).direction") == direction
    opened.shot(f"form 10 {direction} {len(prompt)}")


def test_cancel_stops_a_slow_one_and_wrong_inputs_are_marked(notebook: Open):
    opened = notebook([SETUP.format(options="seconds=90"), FORM.format(model="truefusion-pro")])
    opened.here.get_by_text("Advanced (3)").click()
    steps = opened.here.get_by_label("Inference steps", exact=True)
    steps.fill("500")
    expect(opened.here.get_by_text("At most 100, not 500.")).to_be_visible()
    button(opened, "Generate").click()
    expect(opened.here.get_by_text("This is needed.")).to_be_visible()
    expect(opened.here.get_by_text("Not sent")).to_be_visible()
    opened.shot("form 5 wrong inputs")

    steps.fill("40")
    opened.here.get_by_label("Prompt", exact=True).fill("a slow fox")
    expect(opened.here.get_by_text("This is needed.")).to_have_count(0)
    button(opened, "Generate").click()
    expect(opened.here.locator(".sky-status")).to_contain_text("Processing")
    button(opened, "Cancel").click()
    opened.here.locator(".sky-card").get_by_text("Canceled").wait_for()
    expect(button(opened, "Cancel")).to_be_hidden()
    assert opened.evaluate("client.predictions.list()[0].status") == "'canceled'"


def test_no_label_is_cut_off_and_an_upload_arrives_with_its_thumbnail(notebook: Open):
    schema = {
        "required": ["prompt"],
        "properties": {
            "prompt": {"type": "string"},
            "a_setting_with_a_very_long_name_indeed": {"type": "integer", "minimum": 1, "maximum": 9},
            "ratio": {"enum": ["1:1", "16:9", "9:16", "4:3"], "default": "1:1"},
            "image": {"type": "string", "format": "uri", "description": "A picture to begin with."},
            "camera": {"type": "object", "properties": {"lens": {"type": "integer"}}},
        },
    }
    opened = notebook(
        [
            SETUP.format(options="seconds=0"),
            f'model = sky.Model(id="truefusion-edge", input_schema={schema!r})',
            "form = PromptForm(model, client=client)\nform",
        ]
    )
    button(opened, "Generate").wait_for()
    picture = io.BytesIO()
    Image.new("RGB", (300, 200), "teal").save(picture, "PNG")
    upload = {"name": "sea.png", "mimeType": "image/png", "buffer": picture.getvalue()}
    with opened.page.expect_file_chooser() as chosen:
        opened.here.get_by_role("button", name="Upload").click()
    chosen.value.set_files(upload)
    opened.here.get_by_alt_text("Image", exact=True).wait_for()
    assert "data:image/png;base64,…" in opened.evaluate("form.value['image']")
    opened.shot("form 6 many kinds")
    overflowing = opened.here.locator(
        ".sky-form .sky-label, .sky-form .widget-text, .sky-form button"
    ).evaluate_all(
        "found => found.filter(e => e.scrollWidth > e.clientWidth + 1 || e.getBoundingClientRect().right >"
        " e.closest('.sky-form').getBoundingClientRect().right + 1).map(e => e.outerHTML.slice(0, 200))"
    )
    assert overflowing == []


@pytest.mark.parametrize("width", [500, 1240])
def test_nothing_is_cut_off_however_wide_the_page_is(notebook: Open, lab: Lab, width: int):
    try:
        lab.page.set_viewport_size({"width": width, "height": 1400})
        opened = notebook([SETUP.format(options="seconds=0.1"), FORM.format(model="truefusion-pro")])
        opened.run("playground = Playground(client, model='truefusion-ultra')\nplayground")
        opened.here.locator(".sky-playground .sky-price b").wait_for()
        opened.here.locator(".sky-form").get_by_role("button", name="Code").first.click()
        opened.here.locator(".sky-copy").wait_for()
        kinds = [f".sky-form {kind}:visible" for kind in ("button", "input", "select")]
        found = opened.here.locator(", ".join(kinds))
        assert found.count() > 10
        cut_off = found.evaluate_all(
            "found => found.filter(e => { const inner = e.getBoundingClientRect(), form ="
            " e.closest('.sky-form').getBoundingClientRect(); return form.right > innerWidth || inner.left <"
            " form.left - 1 || inner.right > form.right + 1 }).map(e => e.outerHTML.slice(0, 200))"
        )
        opened.shot(f"form 8 {width} wide")
    finally:
        lab.page.set_viewport_size({"width": 1240, "height": 1400})
    assert cut_off == []


def test_the_playground_finds_models_and_keeps_the_prompt(notebook: Open, lab: Lab):
    opened = notebook(
        [SETUP.format(options="seconds=0.1"), "playground = Playground(client)\nplayground"], theme="dark"
    )
    opened.here.get_by_label("Prompt", exact=True).fill("waves at night")
    opened.here.get_by_placeholder("Search models").fill("beatfusion")
    models = opened.here.locator(".sky-picker select")
    expect(models.locator("option")).to_have_count(2)
    models.select_option(index=1)
    opened.here.locator(".sky-head b").get_by_text("BeatFusion 1.0").wait_for()
    expect(opened.here.get_by_label("Prompt", exact=True)).to_have_value("waves at night")
    button(opened, "Generate").click()
    opened.here.locator(".sky-card audio").wait_for()
    opened.shot("playground dark")
    assert lab.complaints == []
