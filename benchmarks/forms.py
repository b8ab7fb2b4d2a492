"""How fast a form is, and how small: made, typed into, shown, and with fifty results.

Run by hand, on a quiet machine: ``python benchmarks/forms.py``. Everything happens in a real kernel, and
what is shown is shown in a real JupyterLab, so Chromium is needed too.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser.lab import Lab
from kernel.harness import Kernel

SETUP = """
import time
import skytells_nb as sky
from skytells_nb.forms import PromptForm

kinds = [
    {"type": "integer", "minimum": 1, "maximum": 50, "default": 20, "description": "Help."},
    {"type": "number", "minimum": 0, "maximum": 1, "description": "Help."},
    {"enum": ["1:1", "16:9", "9:16"], "default": "1:1", "description": "Help."},
    {"type": "boolean", "default": False, "description": "Help."},
    {"type": "string", "maxLength": 80, "description": "Help."},
]
properties = {f"field_{n}": kinds[n % 5] for n in range(19)}
schema = {"required": ["prompt"], "properties": {"prompt": {"type": "string"}, **properties}}
model = sky.Model(id="truefusion-edge", input_schema=schema)
sandbox = sky.Sandbox(seconds=0).start()
client = sandbox.client()

def build():
    began, work = time.perf_counter(), time.thread_time()
    PromptForm(model, client=client)
    return time.perf_counter() - began, time.thread_time() - work

build()
"""


def main() -> None:
    """Print each figure beside what was promised."""
    with tempfile.TemporaryDirectory() as folder, Kernel(Path(folder)) as kernel:
        assert kernel.run(SETUP).ok
        built = sorted(json.loads(str(kernel.run("list(build())").result)) for _ in range(9))
        _tell(
            "a form of 20 fields is made",
            f"{built[4][0] * 1000:.0f} ms ({built[4][1] * 1000:.0f} of them work)",
            "150 ms",
        )
        _tell("a keystroke changes the price", f"{_keystroke(kernel) * 1000:.0f} ms (median of 9)", "200 ms")
        _tell("50 results, as saved widget state", f"{_fifty(kernel) / 1e6:.2f} MB", "3 MB")
    with tempfile.TemporaryDirectory() as folder:
        _tell("… and is shown in JupyterLab", f"{_shown(Path(folder)):.2f} s, run and drawn", "1 s")


def _tell(what: str, figure: str, promise: str) -> None:
    print(f"{what:40} {figure:28} promised: {promise}")


def _keystroke(kernel: Kernel) -> float:
    kernel.run('form = PromptForm("truefusion", client=client)\nform')
    box = next(
        c
        for c in kernel.widgets_named("TextModel")
        if kernel.widgets[c].get("description", "")[:6] == "Number"
    )
    taken = []
    for count in (2, 3, 4, 5, 6, 7, 8, 9, 2):
        price = f"<b>${count * 0.03:.2f}</b>"
        began = time.perf_counter()
        kernel.send_to_widget(box, {"method": "update", "state": {"value": str(count)}, "buffer_paths": []})
        kernel.until(partial(_says, kernel, price), price)
        taken.append(time.perf_counter() - began)
    return sorted(taken)[4]


def _says(kernel: Kernel, words: str) -> bool:
    return any(words in str(kernel.widgets[comm].get("value")) for comm in kernel.widgets_named("HTMLModel"))


def _fifty(kernel: Kernel) -> int:
    kernel.run(
        'form = PromptForm("truefusion", client=client)\n'
        "for n in range(50):\n"
        "    form.value = {'prompt': f'a fox in a forest, number {n}'}\n"
        "    form.submit()\n"
        "    form.wait(60)"
    )
    state = kernel.run("import json, ipywidgets; len(json.dumps(ipywidgets.Widget.get_manager_state()))")
    own = [c for c in kernel.widgets_named("HTMLModel") if "<img" in str(kernel.widgets[c].get("value"))]
    cards = [len(json.dumps(kernel.widgets[comm])) for comm in own]
    print(f"  (largest card {sorted(cards)[-2] / 1000:.0f} kB, the newest {max(cards) / 1000:.0f} kB)")
    return int(str(state.result))


def _shown(folder: Path) -> float:
    lab = Lab(folder).start()
    try:
        opened = lab.open([SETUP])
        began = time.perf_counter()
        opened.run("PromptForm(model, client=client)")
        opened.here.get_by_role("button", name="Generate", exact=True).wait_for()
        return time.perf_counter() - began
    finally:
        lab.stop()


if __name__ == "__main__":
    main()
