"""Lessons in the browser, *Run All* twice in one kernel: every cell goes through, every picture is drawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .lab import Lab, Notebook

Open = Callable[..., Notebook]
LESSONS = Path(__file__).parents[2] / "notebooks"

_PICTURES = """(outputs) => Promise.all([...outputs.querySelectorAll('.jp-OutputArea img')].filter(
    (img) => img.src !== 'data:,').map(
    async (img) => { await img.decode(); return img.naturalWidth }))"""


def cleared(lesson: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((LESSONS / f"{lesson}.ipynb").read_text("utf-8"))
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return document


@pytest.mark.parametrize(("lesson", "fewest"), [("02_looking", 14), ("05_cost_analysis", 1)])
def test_a_lesson_goes_through_twice(notebook: Open, lab: Lab, lesson: str, fewest: int):
    opened = notebook(cleared(lesson), fresh=True)
    seen = []
    for _ in range(2):
        if seen:
            opened.run_all()
        assert opened.errors() == []
        widths = opened.here.locator(".jp-Notebook").evaluate(_PICTURES)
        assert len(widths) >= fewest
        assert all(widths), "each is a picture, and not a torn one"
        seen.append(len(widths))
        opened.shot(f"lesson {lesson} {len(seen)}")
    assert seen[0] == seen[1]
    assert lab.complaints == []
