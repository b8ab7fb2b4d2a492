"""What a person sees of predictions: in light, in dark, and in a notebook that they were sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .lab import Lab, Notebook

Open = Callable[..., Notebook]

START = """
import skytells_nb as sky
sandbox = sky.Sandbox(seconds=0.05, seed=5).start()
client = sandbox.client(archive="kept")
def make(prompt, model="truefusion-pro", **more):
    return client.predictions.create(model, {"prompt": prompt, **more})
"""
PROMPTS = ["a red fox in snow", "a lighthouse at dusk", "a city at night", "a forest in the morning"]

_PICTURES = """(area) => Promise.all([...area.querySelectorAll('img')].map(async (img) => {
    await img.decode();
    const canvas = document.createElement('canvas');
    canvas.width = img.naturalWidth; canvas.height = img.naturalHeight;
    const pen = canvas.getContext('2d');
    pen.drawImage(img, 0, 0);
    const at = (x, y) => [...pen.getImageData(x * canvas.width, y * canvas.height, 1, 1).data].join();
    return {alt: img.alt, natural: img.naturalWidth, wide: img.getBoundingClientRect().width,
            colours: new Set([at(.5, .1), at(.5, .5), at(.2, .8), at(.8, .3)]).size, behind:
            getComputedStyle(document.querySelector('.jp-Notebook')).backgroundColor, middle: at(.5, .5)};
}))"""


def pictures(opened: Notebook, output: int) -> list[dict[str, Any]]:
    area = opened.outputs.nth(output)
    area.locator("img").first.wait_for()
    return area.evaluate(_PICTURES)


@pytest.mark.parametrize(("theme", "trusted"), [("light", True), ("dark", False)])
def test_a_gallery_shows_its_pictures_with_their_words(notebook: Open, lab: Lab, theme: str, trusted: bool):
    opened = notebook(
        [START, f"sky.gallery([make(p) for p in {PROMPTS!r}], columns=2)"], theme=theme, trusted=trusted
    )
    seen = pictures(opened, 1)
    assert [picture["alt"].split(" (")[0].split(",")[0] for picture in seen] == PROMPTS
    for picture in seen:
        assert picture["natural"] >= 200
        assert picture["wide"] >= 200, "it is drawn, not only there"
        assert picture["colours"] >= 3, "it is a picture and no blank"
        assert picture["middle"] not in picture["behind"]
    text = opened.outputs.nth(1).inner_text()
    assert all(prompt in text for prompt in PROMPTS)
    opened.shot(f"gallery {theme}{'' if trusted else ' untrusted'}")
    assert lab.complaints == []


@pytest.mark.parametrize("trusted", [True, False])
def test_a_comparison_has_its_words_on_both_axes(notebook: Open, trusted: bool):
    opened = notebook(
        [
            START,
            "sandbox.faults.next('failed', on='create', after=1)",
            f"sky.compare(models=['truefusion', 'truefusion-edge'], prompts={PROMPTS[:2]!r}, limit=1)",
        ],
        theme="dark",
        trusted=trusted,
    )
    assert len(pictures(opened, 2)) == 3
    cells = opened.outputs.nth(2).locator("table")
    for word in ("truefusion-edge", *PROMPTS[:2], "Failed"):
        assert word in cells.inner_text()
    opened.shot(f"comparison dark{'' if trusted else ' untrusted'}", cells)


def test_a_clip_and_a_song_can_be_played_where_they_stand(notebook: Open):
    opened = notebook(
        [
            START,
            "make('waves at sunset', 'truefusion-video-pro', duration_seconds=3)",
            "make('a slow song', 'beatfusion-2.0', lyrics='la la la')",
        ],
        trusted=False,
    )
    players = "document.querySelectorAll('.jp-NotebookPanel:not(.lm-mod-hidden) :is(video, audio)')"
    opened.page.wait_for_function(f"() => [...{players}].filter(e => e.duration > 1).length == 2")
    opened.shot("clip and song")


HOSTILE = [
    '"><script>window.hacked = 1</script>',
    "<img src=x onerror='window.hacked = 1'>",
    "<svg onload=window.hacked=1>",
    "javascript:window.hacked=1",
    "' onmouseover='window.hacked = 1",
    "</figcaption></figure><iframe srcdoc='<script>parent.hacked=1</script>'>",
    "\u202eevil\u202c {{constructor.constructor('window.hacked=1')()}}",
]


def test_no_script_of_a_hostile_prompt_ever_runs(notebook: Open, lab: Lab):
    opened = notebook(
        [
            START,
            f"hostile = {HOSTILE!r}\nsky.gallery([make(words) for words in hostile])",
            "sky.compare(models='truefusion-edge', prompts=hostile, client=client)",
            "sky.show({'id': 'x', 'status': 'failed', 'error': hostile[0], 'model': hostile[1], 'input': "
            "{'prompt': hostile[2]}, 'output': [hostile[3]]})",
        ]
    )
    assert len(pictures(opened, 1)) == len(HOSTILE)
    opened.outputs.nth(3).get_by_text("Failed", exact=True).wait_for()
    for area in (1, 2, 3):
        opened.outputs.nth(area).evaluate(
            "(area) => area.querySelectorAll('*').forEach(e => e.dispatchEvent(new MouseEvent('mouseover')))"
        )
    assert opened.page.evaluate("() => window.hacked") is None
    assert "<script>" in opened.outputs.nth(1).inner_text(), "it is shown as what it is: words"
    assert lab.complaints == []
