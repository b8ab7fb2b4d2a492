"""The notebooks as users meet them: on GitHub with their outputs, and with Run All in an empty folder.

That their outputs hold is nbval's to say, which runs them too (``notebooks`` is one of pytest's folders).
nbval sends one cell at a time, so it cannot see a cell that is lost while it waits behind another.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from kernel.harness import Kernel

from skytells_nb import exceptions

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


CREATED = "print(len(sky.connect().predictions.list(limit=None)))"
"""What the sandbox of a lesson counts."""


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    return [cell for cell in read(path)["cells"] if cell["cell_type"] == kind]


def test_there_are_notebooks():
    assert NOTEBOOKS[0].stem == "01_first_prediction"


def answered(path: Path) -> list[dict[str, Any]]:
    """Give the cells of code, with the hidden answer where the learner's own would stand."""
    prose = "\n".join("".join(cell["source"]) for cell in cells(path, "markdown"))
    (answer,) = re.findall(r"<summary>Solution</summary>\n\n```python\n(.*?)```", prose, re.DOTALL)
    code = cells(path, "code")
    (turn,) = (cell for cell in code if cell["source"] == ["# your turn"])
    turn["source"] = [answer]
    return code


@each
def test_run_all_runs_every_cell_and_the_answer_in_an_empty_folder_with_no_key(
    path: Path, tmp_path: Path, monkeypatch
):
    for variable in ("SKYTELLS_API_KEY", "SKYTELLS_BASE_URL", "SKYTELLS_ARCHIVE"):
        monkeypatch.delenv(variable, raising=False)
    code = answered(path)
    sources = ["".join(cell["source"]) for cell in code]
    with Kernel(tmp_path) as kernel:
        sent = kernel.run_all(*sources)
        kernel.finish(*sent)
        if "sandbox.faults" not in "".join(
            sources
        ):  # lesson 6 breaks a sandbox of its own, and keeps nothing
            created = kernel.run(CREATED).stdout
            again = kernel.run_all("sky.options.reuse = True", *sources)
            kernel.finish(*again)
            assert kernel.run(CREATED).stdout == created, "run again with reuse, a lesson creates nothing"
            sent, code = [*sent, *again[1:]], [*code, *code]
    for cell, ran in zip(code, sent, strict=True):
        expected = "raises-exception" not in cell["metadata"].get("tags", ())
        assert ran.ok is expected, f"{''.join(cell['source'])}\n\n{ran.error}"


@each
def test_it_is_committed_with_outputs_that_every_viewer_can_show(path: Path):
    assert path.stat().st_size < 1_500_000
    assert "widgets" not in read(path)["metadata"], "GitHub may refuse to draw it"
    code = [cell for cell in cells(path, "code") if not "".join(cell["source"]).startswith("# your turn")]
    assert all(cell["execution_count"] for cell in code)
    assert any("text/html" in output.get("data", {}) for cell in code for output in cell["outputs"])


@each
def test_it_says_nothing_of_the_machine_it_was_made_on(path: Path):
    text = path.read_text("utf-8")
    assert not re.search(r"/(root|home|work|tmp|Users|opt)/", text)


@each
def test_it_has_a_goal_an_exercise_with_a_hidden_answer_and_a_summary(path: Path):
    prose = "\n".join("".join(cell["source"]) for cell in cells(path, "markdown"))
    assert "**Goal.**" in prose
    assert "## Exercise" in prose
    assert "<details><summary>Solution</summary>" in prose
    assert "## Summary" in prose
    assert 'api_key="sk-…"' in prose, "the one line that switches to a real key"


def test_the_lesson_on_errors_names_all_of_them():
    (lesson,) = (path for path in NOTEBOOKS if path.stem == "06_when_things_go_wrong")
    (table,) = (
        "".join(cell["source"]) for cell in cells(lesson, "code") if "rows = [" in "".join(cell["source"])
    )
    named = set(re.findall(r'^    \("(\w+)"', table, re.MULTILINE))
    classes = {getattr(exceptions, name) for name in exceptions.__all__}
    assert {getattr(exceptions, name) for name in named} == classes - {
        exceptions.SkytellsError,
        exceptions.SkytellsWarning,
    }
