"""Lessons in the browser, *Run All* twice in one kernel: every cell goes through, every picture is drawn.

The learner's turn has its answer, and the second time nothing is made again, as in those lessons that
``tests/notebooks`` runs in a kernel alone.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lessons import CREATED, IN_THE_BROWSER, REUSE, answered, read

from .lab import Lab, Notebook

Open = Callable[..., Notebook]

_PICTURES = """(outputs) => Promise.all([...outputs.querySelectorAll('.jp-OutputArea img')].filter(
    (img) => img.src !== 'data:,').map(
    async (img) => { await img.decode(); return img.naturalWidth }))"""


@pytest.mark.parametrize(("lesson", "fewest"), IN_THE_BROWSER.items())
def test_a_lesson_goes_through_twice(notebook: Open, lab: Lab, lesson: str, fewest: int):
    document = answered(read(lesson))
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    opened = notebook(document, fresh=True)
    created = []
    for times in (1, 2):
        if times == 2:
            opened.evaluate(REUSE)
            opened.run_all()
        assert opened.errors() == []
        widths = opened.here.locator(".jp-Notebook").evaluate(_PICTURES)
        assert len(widths) >= fewest
        assert all(widths), "each is a picture, and not a torn one"
        created.append(opened.evaluate(CREATED))
        opened.shot(f"lesson {lesson} {times}")
    assert created[0] == created[1], "run again with reuse, a lesson creates nothing"
    assert lab.complaints == []
