"""Forms where they are used: a click is over at once, and its work goes on whatever the cells do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .harness import Cell, Kernel

SETUP = """
import skytells_nb as sky
from skytells_nb.forms import PromptForm
sandbox = sky.Sandbox(seconds={seconds}).start()
client = sandbox.client()
"""
FORM = """
form = PromptForm("truefusion-edge", client=client)
form.value = {"prompt": "a fox"}
form
"""


@pytest.fixture(scope="module")
def used_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with Kernel(tmp_path_factory.mktemp("forms")) as running:
        yield running


@pytest.fixture
def kernel(used_kernel: Kernel) -> Kernel:
    """Give one kernel to all tests here, emptied for each: to start one takes longer than most of them."""
    used_kernel.empty()
    return used_kernel


def opened(kernel: Kernel, *, seconds: float = 60) -> None:
    assert kernel.run(SETUP.format(seconds=seconds)).ok
    assert kernel.run(FORM).ok


def button(kernel: Kernel, description: str) -> str:
    for comm in kernel.widgets_named("ButtonModel"):
        if kernel.widgets[comm].get("description") == description:
            return comm
    raise AssertionError(f"there is no button {description!r}")


def says(kernel: Kernel, words: str) -> bool:
    return any(words in str(kernel.widgets[comm].get("value")) for comm in kernel.widgets_named("HTMLModel"))


def wait_for(kernel: Kernel, words: str) -> None:
    kernel.until(lambda: says(kernel, words), f"the form says {words!r}")


def test_generate_returns_before_the_prediction_ends_and_cancel_works_while_the_kernel_is_idle(
    kernel: Kernel,
):
    opened(kernel)
    kernel.click(button(kernel, "Generate"))
    wait_for(kernel, "Processing")
    status = kernel.run("form.status, form.predictions")  # the kernel is free, though the prediction runs
    assert status.result == "('processing', PredictionList of 0)"
    kernel.click(button(kernel, "Cancel"))
    wait_for(kernel, "Canceled")
    assert kernel.run("form.wait(20).status, client.predictions.list()[0].status").result == (
        "('canceled', 'canceled')"
    )


def test_updates_arrive_while_another_cell_blocks(kernel: Kernel):
    opened(kernel, seconds=0.3)
    kernel.click(button(kernel, "Generate"))
    blocking = kernel.send(
        "import threading, time\n"
        "gate = threading.Event()\n"
        "form.observe(lambda change: gate.set(), 'predictions')\n"
        "gate.wait(30), time.sleep(0.5)"
    )
    kernel.until(lambda: blocking.began, "the cell blocks")
    wait_for(kernel, "<img ")
    came_first = not blocking.ended
    kernel.finish(blocking)
    assert came_first
    assert blocking.result == "(True, None)"


def test_a_click_while_a_cell_blocks_is_taken_when_it_ends_or_at_once(kernel: Kernel):
    opened(kernel, seconds=0.1)
    blocking, after = kernel.run_all("import time; time.sleep(1)", "form.wait(20).status")
    kernel.until(lambda: blocking.began, "the cell blocks")
    kernel.click(button(kernel, "Generate"))
    kernel.finish(blocking, after)
    wait_for(kernel, "<img ")


def subshell(kernel: Kernel) -> str | None:
    """Open a subshell, as JupyterLab does for widgets; None where the kernel has none."""
    client = kernel._client
    client.control_channel.send(client.session.msg("kernel_info_request", {}))
    if "kernel subshells" not in client.control_channel.get_msg(timeout=20)["content"].get(
        "supported_features", []
    ):
        return None
    client.control_channel.send(client.session.msg("create_subshell_request", {}))
    return str(client.control_channel.get_msg(timeout=20)["content"]["subshell_id"])


def test_a_click_on_a_subshell_s_thread_is_as_good(kernel: Kernel):
    """Where there are subshells, callbacks may come in a thread of their own, while a cell blocks."""
    opened(kernel, seconds=60)
    thread = subshell(kernel)
    blocking, after = kernel.run_all("import time; time.sleep(1)", "form.status")
    kernel.until(lambda: blocking.began, "the cell blocks")
    press = {"method": "custom", "content": {"event": "click"}}
    kernel.send_to_widget(button(kernel, "Generate"), press, subshell_id=thread)
    kernel.finish(blocking, after)
    wait_for(kernel, "Processing")
    kernel.send_to_widget(button(kernel, "Cancel"), press, subshell_id=thread)
    wait_for(kernel, "Canceled")
    assert kernel.run("form.wait(20).status").result == "'canceled'"


def test_typing_changes_the_price_and_the_code(kernel: Kernel):
    kernel.run(SETUP.format(seconds=0))
    kernel.run('form = PromptForm("truefusion", client=client)\nform')
    wait_for(kernel, "0.03 credits")
    boxes = [c for c in kernel.widgets_named("TextModel") if kernel.widgets[c].get("value") == "1"]
    state = {"method": "update", "state": {"value": "4"}, "buffer_paths": []}
    kernel.send_to_widget(boxes[0], state)
    wait_for(kernel, "0.12 credits")
    assert kernel.run("form.value['number_of_images']").result == "4"


def test_a_saved_notebook_has_the_summary_and_no_secret(kernel: Kernel):
    kernel.run(SETUP.format(seconds=0))
    cell = kernel.run('form = PromptForm("gpt-image-1", client=client)\nform')
    assert "GPT" in cell.displayed[0]["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in cell.displayed[0]
    secrets = kernel.widgets_named("PasswordModel")
    state = {"method": "update", "state": {"value": "hunter2"}, "buffer_paths": []}
    kernel.send_to_widget(secrets[0], state)
    read = kernel.run("form.value['openai_api_key'] == 'hunter2', form.value")
    assert read.result is not None
    assert read.result.startswith("(True")
    assert "hunter2" not in read.result
    assert kernel.widgets[secrets[0]]["value"] == ""


def test_the_last_result_is_written_into_the_cell_for_when_there_is_no_kernel(kernel: Kernel):
    assert kernel.run(SETUP.format(seconds=0.05)).ok
    cell = kernel.run(FORM)
    widget, kept = cell.displayed
    assert "application/vnd.jupyter.widget-view+json" in widget
    assert "application/vnd.jupyter.widget-view+json" not in kept
    assert "<img" not in kept["text/html"]
    name = kept["text/html"].split('"')[1]
    hiding = [kernel.widgets[comm]["value"] for comm in kernel.widgets_named("HTMLModel")]
    assert any(f".{name} {{display:none}}" in value for value in hiding)
    kernel.click(button(kernel, "Generate"))
    again = kernel.run("form.wait(20); form")
    assert "<img" in again.displayed[1]["text/html"]
    ours = cell.outputs[1]["transient"]["display_id"]
    updates = [content for kind, _, content in kernel.events if kind == "update_display_data"]
    assert [each["transient"]["display_id"] for each in updates] == [ours]
    assert updates[0]["data"] == again.displayed[1]


def test_a_form_shown_twice_is_one_form(kernel: Kernel):
    opened(kernel, seconds=0.05)
    again: Cell = kernel.run("form")
    assert sum("application/vnd.jupyter.widget-view+json" in each for each in again.displayed) == 1
    before = len(kernel.widgets)
    kernel.run("form")
    assert len(kernel.widgets) == before


def completions(kernel: Kernel, code: str, at: int | None = None) -> list[str]:
    client = kernel._client
    client.complete(code, len(code) if at is None else at)
    return list(client.get_shell_msg(timeout=60)["content"]["matches"])


def test_a_cell_that_is_a_prompt_is_completed(kernel: Kernel):
    assert kernel.run(SETUP.format(seconds=0)).ok
    assert kernel.run("%load_ext skytells_nb").ok
    assert completions(kernel, "%%skytells truefusion-e") == ["truefusion-edge"]
    assert completions(kernel, "%%skytells truefusion-edge --wi\na fox", 31) == ["--width"]
    assert completions(kernel, "%%skytells truefusion --aspect_ratio 16") == ["16:9"]


def test_an_error_shows_the_user_s_line_and_asyncio_run_points_to_await(kernel: Kernel):
    assert kernel.run(SETUP.format(seconds=0)).ok
    wrong = kernel.run("def ask():\n    return client.predictions.get('nowhere')\n\nask()")
    assert wrong.error is not None
    lines = "\n".join(wrong.error["traceback"]).split("\n")
    assert len(lines) <= 12
    assert sum("----> " in line for line in lines) == 2
    assert "skytells_nb" not in "".join(lines)
    nested = kernel.run("import asyncio\nasync def main(): ...\nmain = main()\nasyncio.run(main)")
    assert nested.error is not None
    assert "await main()" in "\n".join(nested.error["traceback"])
    assert kernel.run("main.close()").ok


def test_magics_say_in_one_line_what_is_wrong_and_stop_the_run(kernel: Kernel):
    kernel.run(SETUP.format(seconds=0))
    loaded = kernel.run("from skytells_nb._magics import load_ipython_extension as f; f(get_ipython())")
    assert loaded.ok
    made = kernel.run("%%skytells truefusion-edge -o picture\na red fox")
    assert made.ok
    assert "<img " in made.displayed[0]["text/html"]
    assert kernel.run("picture.prompt").result == "'a red fox'"
    wrong = kernel.run("%%skytells truefusion-edgy\na red fox")
    assert wrong.error is not None
    assert wrong.error["traceback"] == [
        "There is no model 'truefusion-edgy'. Did you mean 'truefusion-edge'? Nothing was sent."
    ]
    spent = kernel.run("%skytells_spend")
    assert "truefusion-edge" in spent.stdout
